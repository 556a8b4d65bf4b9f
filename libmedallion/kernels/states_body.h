/*
 * Rows counted into states, written once: each states_<isa>.c includes this file and is compiled with
 * the flags of its instruction set. MDLI_STATES(name) makes the name of a function.
 *
 * States are many and rows scatter over them, so that most of the time is waiting for memory. Where
 * rows go is computed first, in loops that compilers vectorize. Then all these lines of the cache are
 * asked for, in a loop that does nothing else: as many are under way at once as the processor can
 * have, where rows that are counted as well leave it room for a few only. Last, rows are counted, and
 * bounds raised without a branch: one that is guessed wrong is found out when its line is there, and
 * what the processor has done until then is lost.
 */
#include <string.h>

#include "kernels/state_kernels.h"

enum {
    /* Rows whose states are fetched at once: a vector's, whose lines stay in a level-2 cache. */
    FETCHED_ROWS = MDLI_VECTOR_ROWS,
    LEVEL_2 = 2 /* the locality of a prefetch that goes there */
};

/* Where in the states, in words, are the numbers of rows. */
typedef struct state_places {
    uint32_t counters[FETCHED_ROWS];
    uint32_t bounds[FETCHED_ROWS];
    uint64_t distances[FETCHED_ROWS]; /* that bounds are raised to: both as they lie in a state */
} state_places;

static void find_counters(const mdli_state_form *form, const int32_t *groups, int32_t least_group,
                          const int32_t *values, int64_t n, state_places *places)
{
    const uint32_t n_words = (uint32_t)form->size_bytes / sizeof(uint32_t);
    const uint32_t n_values = (uint32_t)form->n_values;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t state = ((uint32_t)groups[i] - (uint32_t)least_group) * n_words;
        places->counters[i] = state;
        places->bounds[i] = state + n_values;
    }
    /* A value's place among those that there are is how many it reaches, the first aside. */
    for (uint32_t v = 1; v < n_values; v++) {
        const int32_t reached = (int32_t)form->values[v];
        for (int64_t i = 0; i < n; i++) {
            places->counters[i] += values[i] >= reached;
        }
    }
}

static void find_distances(const mdli_state_form *form, const int64_t *extremes, int64_t n,
                           state_places *places)
{
    for (int64_t i = 0; i < n; i++) {
        const uint64_t distance = (uint64_t)extremes[i] - (uint64_t)form->nearest;
        places->distances[i] = distance << 32 | (uint32_t)~distance;
    }
}

static void fetch(const uint32_t *states, const uint32_t *places, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        __builtin_prefetch(states + places[i], 1, LEVEL_2);
    }
}

static void count(uint32_t *states, const state_places *places, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        states[places->counters[i]]++;
    }
}

static void count_with_bounds(uint32_t *states, const state_places *places, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        states[places->counters[i]]++;
        raise_bounds(states + places->bounds[i], &places->distances[i]);
    }
}

void MDLI_STATES(mdli_count_into_states)(const mdli_state_form *form, uint32_t *states,
                                         const int32_t *groups, int32_t least_group,
                                         const int32_t *values, const int64_t *extremes, int64_t n)
{
    state_places places;
    for (int64_t i = 0; i < n; i += FETCHED_ROWS) {
        const int64_t n_fetched = n - i < FETCHED_ROWS ? n - i : FETCHED_ROWS;
        find_counters(form, groups + i, least_group, values != NULL ? values + i : NULL, n_fetched,
                      &places);
        fetch(states, places.counters, n_fetched);
        if (extremes == NULL) {
            count(states, &places, n_fetched);
        } else {
            find_distances(form, extremes + i, n_fetched, &places);
            count_with_bounds(states, &places, n_fetched);
        }
    }
}
