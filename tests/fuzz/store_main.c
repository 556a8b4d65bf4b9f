/*
 * Runs the fuzz target of stores on whole stores and on changes to them: a short search without a
 * fuzzing engine. With a folder as argument it writes the whole ones there, for an engine to start
 * from.
 */
#include "fuzz/store_seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/random.h"

enum {
    N_CHANGED = 120
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Changes a few bytes, most of them by little: counts, widths and codes next to the right ones. */
static void change(uint8_t *data, size_t size, test_random *random)
{
    const int n = 1 + (int)test_random_below(random, 3);
    for (int i = 0; i < n; i++) {
        uint8_t *byte = &data[test_random_below(random, size)];
        switch (test_random_below(random, 4)) {
        case 0:
            *byte = (uint8_t)test_random_next(random);
            break;
        case 1:
            *byte ^= (uint8_t)(1 << test_random_below(random, 8));
            break;
        case 2:
            *byte += 1;
            break;
        default:
            *byte -= 1;
            break;
        }
    }
}

static void write_seed(const char *folder, int which, const uint8_t *data, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/store_%d", folder, which);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    test_random random = test_random_start("fuzz_store");
    for (int which = 0; which < N_STORE_SEEDS; which++) {
        size_t size;
        uint8_t *seed = store_seed(which, &size);
        if (argc > 1) {
            write_seed(argv[1], which, seed, size);
            free(seed);
            continue;
        }
        LLVMFuzzerTestOneInput(seed, size);
        for (int i = 0; i < N_CHANGED; i++) {
            /* In memory of exactly this size, so that reading behind it is seen. */
            uint8_t *changed = malloc(size);
            memcpy(changed, seed, size);
            change(changed, size, &random);
            LLVMFuzzerTestOneInput(changed, size);
            free(changed);
        }
        free(seed);
    }
    return EXIT_SUCCESS;
}
