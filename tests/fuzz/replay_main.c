/*
 * Runs a fuzz target on the files that are named, or on all files of a folder that is: a corpus is
 * a test without a fuzzing engine. An empty corpus is a failure, so that a wrong path does not
 * pass.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether the file could be read. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return 0;
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc((size_t)size + 1);
    int is_read = data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    if (is_read) {
        printf("%s: %ld bytes\n", path, size);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, (size_t)size);
    }
    free(data);
    return is_read;
}

/* Replays the files of a folder; returns how many. */
static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    int n = 0;
    if (folder == NULL) {
        perror(path);
        return 0;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[4096];
        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            n += replay_file(name);
        }
    }
    closedir(folder);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        int is_folder = stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode);
        n += is_folder ? replay_folder(argv[i]) : replay_file(argv[i]);
    }
    if (n == 0) {
        fprintf(stderr, "%s: no input was replayed\n", argv[0]);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
