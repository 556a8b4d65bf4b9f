/*
 * The scan for commas, line feeds and quotes with AVX2: a bit per byte for 64 bytes, then a
 * position per bit.
 */
#include "kernels/csv_kernels.h"

#include <immintrin.h>

/* What is found in 64 bytes: a bit for each that is a mark, a line feed, or behind a carriage
 * return. */
typedef struct found_bits {
    uint64_t marks;
    uint64_t line_feeds;
    uint64_t behind_returns;
} found_bits;

static inline uint64_t bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

static inline __m256i find(__m256i vector, char byte)
{
    return _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte));
}

static inline __m256i find_marks(__m256i vector)
{
    __m256i separators = _mm256_or_si256(find(vector, ','), find(vector, '"'));
    return _mm256_or_si256(separators, find(vector, '\n'));
}

static inline __m256i load_vector(const char *bytes)
{
    return _mm256_loadu_si256((const __m256i *)bytes);
}

static inline found_bits find_bits(const char *bytes)
{
    __m256i low = load_vector(bytes);
    __m256i high = load_vector(bytes + 32);
    return (found_bits){
        .marks = bits_of(find_marks(low), find_marks(high)),
        .line_feeds = bits_of(find(low, '\n'), find(high, '\n')),
        .behind_returns =
            bits_of(find(load_vector(bytes - 1), '\r'), find(load_vector(bytes + 31), '\r')),
    };
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
    uint64_t lf = 0;
    uint64_t crlf = 0;
    mdli_csv_marks found_marks = {.positions = marks->positions, .kinds = marks->kinds};
    for (int64_t i = 0; i < size_bytes; i += 64) {
        uint64_t inside =
            size_bytes - i < 64 ? _bzhi_u64(UINT64_MAX, (unsigned)(size_bytes - i)) : UINT64_MAX;
        found_bits found = find_bits(bytes + i);
        add_marks(bytes, found.marks & inside, i, &found_marks);
        lf |= found.line_feeds & inside & ~found.behind_returns;
        crlf |= found.line_feeds & inside & found.behind_returns;
    }
    found_marks.has_lf = lf != 0;
    found_marks.has_crlf = crlf != 0;
    *marks = found_marks;
}
