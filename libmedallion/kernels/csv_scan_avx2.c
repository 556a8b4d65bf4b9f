/*
 * The scan for commas, line feeds and quotes with AVX2: a bit per byte for 64 bytes, then a
 * position per bit.
 */
#include "kernels/csv_kernels.h"

#include <immintrin.h>

/* What is found in 64 bytes: a bit for each that is a mark, and for each that is a return. */
typedef struct found_bits {
    uint64_t marks;
    uint64_t returns;
} found_bits;

static inline uint64_t bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

static inline __m256i find_marks(__m256i vector)
{
    __m256i commas = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(','));
    __m256i line_feeds = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8('\n'));
    __m256i quotes = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8('"'));
    return _mm256_or_si256(_mm256_or_si256(commas, line_feeds), quotes);
}

static inline found_bits find_bits(const char *bytes)
{
    const __m256i carriage_return = _mm256_set1_epi8('\r');
    __m256i low = _mm256_loadu_si256((const __m256i *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(bytes + 32));
    return (found_bits){
        bits_of(find_marks(low), find_marks(high)),
        bits_of(_mm256_cmpeq_epi8(low, carriage_return), _mm256_cmpeq_epi8(high, carriage_return))};
}

/* Adds the marks in the 64 bytes from `offset`, in batches: writing a few too many costs less than a
 * branch for each. */
static inline void add_marks(const char *bytes, uint64_t bits, int64_t offset,
                             mdli_csv_marks *marks)
{
    enum {
        BATCH = 8
    };
    int64_t n = __builtin_popcountll(bits);
    uint16_t *positions = marks->positions + marks->n;
    char *kinds = marks->kinds + marks->n;
    for (int64_t done = 0; done < n; done += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            /* Of no bits, ctz is 64, and blsr leaves none. */
            int64_t at = offset + (int64_t)_tzcnt_u64(bits);
            positions[done + i] = (uint16_t)at;
            kinds[done + i] = bytes[at];
            bits = _blsr_u64(bits);
        }
    }
    marks->n += n;
}

void mdli_csv_scan_avx2(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks)
{
    uint64_t returns = 0;
    int64_t i = 0;
    mdli_csv_marks found_marks = {.positions = marks->positions, .kinds = marks->kinds};
    for (; i + 64 <= size_bytes; i += 64) {
        found_bits found = find_bits(bytes + i);
        add_marks(bytes, found.marks, i, &found_marks);
        returns |= found.returns;
    }
    if (i < size_bytes) {
        unsigned n_left = (unsigned)(size_bytes - i);
        found_bits found = find_bits(bytes + i);
        add_marks(bytes, _bzhi_u64(found.marks, n_left), i, &found_marks);
        returns |= _bzhi_u64(found.returns, n_left);
    }
    found_marks.has_return = returns != 0;
    *marks = found_marks;
}
