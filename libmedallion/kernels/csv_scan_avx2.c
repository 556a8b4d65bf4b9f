/*
 * The scan for commas, line feeds and quotes with AVX2: a bit per byte for 64 bytes, then a
 * position per bit.
 */
#include "kernels/csv_kernels.h"

#include <immintrin.h>

/* A bit for each of 32 bytes that is a mark. */
static inline uint64_t find_marks(const char *bytes)
{
    __m256i vector = _mm256_loadu_si256((const __m256i *)bytes);
    __m256i commas = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(','));
    __m256i line_feeds = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8('\n'));
    __m256i quotes = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8('"'));
    __m256i marks = _mm256_or_si256(_mm256_or_si256(commas, line_feeds), quotes);
    return (uint32_t)_mm256_movemask_epi8(marks);
}

/* Writes `offset` + the number of each bit that is set, in batches: writing a few too many costs
 * less than a branch for each. Returns how many are set. */
static inline int64_t write_positions(uint64_t marks, int64_t offset, uint16_t *positions)
{
    enum {
        BATCH = 8
    };
    int64_t n = __builtin_popcountll(marks);
    for (int64_t done = 0; done < n; done += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            /* Of no bits, ctz may be anything, and blsr leaves none. */
            positions[done + i] = (uint16_t)(offset + (int64_t)_tzcnt_u64(marks));
            marks = _blsr_u64(marks);
        }
    }
    return n;
}

int64_t mdli_csv_scan_avx2(const char *bytes, int64_t size_bytes, uint16_t *positions)
{
    int64_t n = 0;
    int64_t i = 0;
    for (; i + 64 <= size_bytes; i += 64) {
        uint64_t marks = find_marks(bytes + i) | find_marks(bytes + i + 32) << 32;
        n += write_positions(marks, i, positions + n);
    }
    if (i < size_bytes) {
        uint64_t marks = find_marks(bytes + i) | find_marks(bytes + i + 32) << 32;
        n += write_positions(_bzhi_u64(marks, (unsigned)(size_bytes - i)), i, positions + n);
    }
    return n;
}
