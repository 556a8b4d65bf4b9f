/*
 * Random files for sources: from few ids and times, so that keys repeat, rows are late, and ratings
 * come before their movies and users.
 */
#ifndef TESTS_RANDOM_FILES_H
#define TESTS_RANDOM_FILES_H

#include <stdio.h>
#include <string.h>

#include "support/random.h"

#define RANDOM_FILE_BYTES 16384

static inline void random_movie(char *line, test_random *random)
{
    static const char *const genres[] = {"Drama|Comedy", "Drama", "", "Comedy|War|Drama", "War"};
    int id = (int)test_random_below(random, 30) + 1;
    int year = (int)test_random_below(random, 60) + 1975;
    sprintf(line, "%d,\"Movie %d, %d (%d)\",%s\n", id, id, (int)test_random_below(random, 3), year,
            genres[test_random_below(random, 5)]);
}

static inline void random_rating(char *line, test_random *random)
{
    sprintf(line, "%d,%d,%d.%d,%d\n", (int)test_random_below(random, 8) + 1,
            (int)test_random_below(random, 30) + 1, (int)test_random_below(random, 5),
            (int)test_random_below(random, 2) * 5, (int)test_random_below(random, 4) * 50000);
}

static inline void random_tag(char *line, test_random *random)
{
    static const char *const tags[] = {"", "fun", "\"\"", "slow"};
    sprintf(line, "%d,%d,%s,%d\n", (int)test_random_below(random, 10) + 1,
            (int)test_random_below(random, 30) + 1, tags[test_random_below(random, 4)],
            (int)test_random_below(random, 4) * 50000);
}

static inline void random_link(char *line, test_random *random)
{
    sprintf(line, "%d,%d,\n", (int)test_random_below(random, 30) + 1,
            (int)test_random_below(random, 100));
}

static const struct random_source {
    const char *name;
    const char *header;
    void (*add)(char *line, test_random *random);
    uint64_t rows_max;
} random_sources[] = {
    {"movies", "movieId,title,genres\n", random_movie, 12},
    {"ratings", "userId,movieId,rating,timestamp\n", random_rating, 100},
    {"tags", "userId,movieId,tag,timestamp\n", random_tag, 40},
    {"links", "movieId,imdbId,tmdbId\n", random_link, 12},
};

/* Writes a file of random rows to `text`; gives the name of its source. */
static inline const char *random_file(char text[RANDOM_FILE_BYTES], test_random *random)
{
    size_t s = test_random_below(random, 3) == 0 ? 1 : test_random_below(random, 4);
    strcpy(text, random_sources[s].header);
    uint64_t n_rows = test_random_below(random, random_sources[s].rows_max);
    for (uint64_t i = 0; i < n_rows; i++) {
        random_sources[s].add(text + strlen(text), random);
    }
    return random_sources[s].name;
}

#endif
