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

/* Of each byte the places of its bits that are 1, the lowest first, in a byte each. */
#define PLACE(byte, i)                                                                             \
    ((uint64_t)((byte) >> (i)&1) * (i) << 8 * __builtin_popcount((byte) & ((1 << (i)) - 1)))
#define PLACES(byte)                                                                               \
    (PLACE(byte, 1) | PLACE(byte, 2) | PLACE(byte, 3) | PLACE(byte, 4) | PLACE(byte, 5) |          \
     PLACE(byte, 6) | PLACE(byte, 7))
#define PLACES_4(byte) PLACES(byte), PLACES((byte) + 1), PLACES((byte) + 2), PLACES((byte) + 3)
#define PLACES_16(byte)                                                                            \
    PLACES_4(byte), PLACES_4((byte) + 4), PLACES_4((byte) + 8), PLACES_4((byte) + 12)
#define PLACES_64(byte)                                                                            \
    PLACES_16(byte), PLACES_16((byte) + 16), PLACES_16((byte) + 32), PLACES_16((byte) + 48)
static const uint64_t bit_places[256] = {PLACES_64(0), PLACES_64(64), PLACES_64(128),
                                         PLACES_64(192)};

/* Adds the marks in the 64 bytes from `offset`: the places of eight at a time, however many there
 * are, are written without a branch. */
static inline void add_marks(const char *bytes, uint64_t bits, int64_t offset,
                             mdli_csv_marks *marks)
{
    int64_t n = marks->n;
    for (int i = 0; i < 64; i += 8) {
        const unsigned found = bits >> i & 0xFF;
        const __m128i places = _mm_loadl_epi64((const __m128i *)&bit_places[found]);
        const __m128i eight = _mm_loadl_epi64((const __m128i *)(bytes + offset + i));
        const __m128i offsets = _mm_set1_epi16((short)(offset + i));
        _mm_storeu_si128((__m128i *)(marks->positions + n),
                         _mm_add_epi16(_mm_cvtepu8_epi16(places), offsets));
        _mm_storel_epi64((__m128i *)(marks->kinds + n), _mm_shuffle_epi8(eight, places));
        n += __builtin_popcount(found);
    }
    marks->n = n;
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

#define MDLI_CSV_DEAL(name) name##_avx2
#include "kernels/csv_deal_body.h"
