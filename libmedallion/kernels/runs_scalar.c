/*
 * Facts of runs: the reference.
 */
#include "kernels/run_kernels.h"

void mdli_run_facts_int32_scalar(const int32_t *values, int64_t n, mdli_run_facts *facts)
{
    int64_t sum = 0;
    uint64_t squares = 0;
    int32_t min = values[0];
    int32_t max = values[0];
    for (int64_t i = 0; i < n; i++) {
        sum += values[i];
        squares += (uint64_t)((int64_t)values[i] * values[i]);
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    *facts = (mdli_run_facts){.sum = sum, .squares = squares, .min = min, .max = max};
}

void mdli_min_max_int64_scalar(const int64_t *values, int64_t n, int64_t *min, int64_t *max)
{
    int64_t least = values[0];
    int64_t greatest = values[0];
    for (int64_t i = 1; i < n; i++) {
        least = values[i] < least ? values[i] : least;
        greatest = values[i] > greatest ? values[i] : greatest;
    }
    *min = least;
    *max = greatest;
}

int64_t mdli_run_distinct_int32_scalar(const int32_t *values, int64_t n)
{
    int64_t n_changes = 0;
    bool falls = false;
    int32_t min = values[0];
    int32_t max = values[0];
    for (int64_t i = 1; i < n; i++) {
        n_changes += values[i] != values[i - 1];
        falls |= values[i] < values[i - 1];
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    if (!falls) {
        return n_changes + 1;
    }
    if ((uint32_t)max - (uint32_t)min >= MDLI_RUN_SPAN_MAX) {
        return -1;
    }
    uint64_t seen = 0;
    for (int64_t i = 0; i < n; i++) {
        seen |= (uint64_t)1 << ((uint32_t)values[i] - (uint32_t)min);
    }
    return __builtin_popcountll(seen);
}
