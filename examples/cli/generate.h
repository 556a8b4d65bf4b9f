/* MovieLens-shaped CSV files of any size, for demonstrations, tests and benchmarks.
 *
 * Scale 1 has the size of the public ml-32m set: 200,948 users, 87,585 movies, 32,000,204 ratings
 * and 2,000,072 tags. What scales how:
 *   - users, ratings, taggers, tags and tag texts: linearly;
 *   - movies, below scale 1: with scale^(3/8), at most one per 8 ratings. A small sample of users
 *     still meets most of the popular movies: ml-latest-small has 0.3 % of the users of ml-32m and
 *     11 % of its movies. What is left out is the unpopular end;
 *   - movies, above scale 1: linearly, so the median and mean of ratings per movie stay. The top
 *     movie has a smaller share of more users: 175,000 ratings at scale 4.
 * Ratings per user keep their distribution at every scale, but nobody rates more than 38 % of the
 * movies (the share of the most diligent user of ml-32m).
 *
 * The same scale and seed give the same bytes on every machine, for any number of threads: each
 * user and each movie has a random stream of its own, and everything behind the scale is integer
 * arithmetic. Not imitated: that a movie is rated only after its release. */
#ifndef MEDALLION_CLI_GENERATE_H
#define MEDALLION_CLI_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GENERATE_MIN_SCALE 0.0005
#define GENERATE_MAX_SCALE 100.0

typedef struct generate_options {
    const char *directory; /* created if missing; its parent must exist */
    double scale; /* GENERATE_MIN_SCALE … GENERATE_MAX_SCALE; counts in steps of 0.000001 */
    uint64_t seed;
    int n_threads; /* 0: one per core */
    /* NULL, or told how many ratings are written; false stops the run. Called from any of the
     * threads, never by two at a time. */
    bool (*progress)(void *context, int64_t n_done, int64_t n_total);
    void *progress_context;
} generate_options;

/* Writes movies.csv, ratings.csv, tags.csv and links.csv. They get these names only when all four
 * are complete; until then they end in ".partial", and a failure removes them. Returns 0, or -1
 * with one line in `message` that says what failed. */
int generate_movielens(const generate_options *options, char *message, size_t message_size);

#endif
