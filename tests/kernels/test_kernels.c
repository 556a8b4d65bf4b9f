/*
 * Every entry of every table of kernels that this processor can run, against the scalar reference;
 * and the reference against bit-by-bit arithmetic.
 */
#include "kernels/kernels.h"

#include "base/calendar.h"
#include "base/cpu.h"
#include "support/random.h"
#include "support/run_suite.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define N MDLI_FRAME_ROWS

static const mdl_simd levels[] = {MDL_SIMD_SCALAR, MDL_SIMD_AVX2, MDL_SIMD_AVX512};

#define N_LEVELS ((int)(sizeof levels / sizeof levels[0]))

/* The table of level `index`, or NULL where the processor does not have it. */
static const mdli_kernels *table_of_level(int index)
{
    if (levels[index] > mdli_cpu_best_level()) {
        printf("level %d: not on this processor\n", (int)levels[index]);
        return NULL;
    }
    const mdli_kernels *kernels = mdli_kernels_for(levels[index]);
    printf("level %d: %s\n", (int)levels[index], kernels->name);
    return kernels;
}

static const mdli_kernels *reference(void)
{
    return mdli_kernels_for(MDL_SIMD_SCALAR);
}

/* A frame of random values below 2^width. */
static void fill_frame(test_random *random, int width, uint32_t *values)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;
    for (int i = 0; i < N; i++) {
        values[i] = (uint32_t)(test_random_next(random) & mask);
    }
}

static uint64_t any_int64(test_random *random)
{
    uint64_t value = test_random_any_size(random);
    return test_random_below(random, 2) == 0 ? value : ~value;
}

/* Memory for a packed frame, filled so that a kernel that leaves bytes out is seen. */
typedef struct packed_frame {
    uint8_t bytes[32 * MDLI_FRAME_BYTES_PER_BIT + 64];
} packed_frame;

static packed_frame packed_frame_start(void)
{
    packed_frame frame;
    memset(&frame, 0xa5, sizeof frame);
    return frame;
}

/* Bit `bit` of value i of a packed frame, straight from the definition of the layout. */
static uint32_t bit_of_frame(const packed_frame *frame, int width, int i, int bit)
{
    int lane = i % 8;
    int position = i / 8 * width + bit;
    uint32_t word;
    memcpy(&word, frame->bytes + (size_t)(position / 32 * 8 + lane) * 4, sizeof word);
    return word >> position % 32 & 1;
}

START_TEST(reference_has_the_documented_layout)
{
    test_random random = test_random_start("layout");
    for (int width = 0; width <= 32; width++) {
        uint32_t values[N];
        fill_frame(&random, width, values);
        packed_frame packed = packed_frame_start();
        reference()->pack(values, 0, width, packed.bytes);
        for (int i = 0; i < N; i++) {
            for (int bit = 0; bit < width; bit++) {
                ck_assert_uint_eq(bit_of_frame(&packed, width, i, bit), values[i] >> bit & 1);
            }
        }
        ck_assert_uint_eq(packed.bytes[width * MDLI_FRAME_BYTES_PER_BIT], 0xa5);
    }
}
END_TEST

START_TEST(pack_and_unpack)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("pack");
    for (int round = 0; round < 33 * 20; round++) {
        int width = round % 33;
        uint32_t base = (uint32_t)any_int64(&random);
        uint32_t values[N];
        fill_frame(&random, width, values);
        for (int i = 0; i < N; i++) {
            values[i] += base;
        }
        packed_frame expected = packed_frame_start();
        packed_frame packed = packed_frame_start();
        reference()->pack(values, base, width, expected.bytes);
        kernels->pack(values, base, width, packed.bytes);
        ck_assert_mem_eq(packed.bytes, expected.bytes, sizeof packed.bytes);

        uint32_t out[N + 8] = {0};
        kernels->unpack(packed.bytes, base, width, out);
        ck_assert_mem_eq(out, values, sizeof values);
        ck_assert_uint_eq(out[N], 0);
    }
}
END_TEST

START_TEST(pack_and_unpack_differences)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("differences");
    for (int round = 0; round < 33 * 20; round++) {
        int width = round % 33;
        uint32_t least = (uint32_t)any_int64(&random);
        uint32_t values[N];
        fill_frame(&random, width, values);
        for (int i = 1; i < N; i++) {
            values[i] += values[i - 1] + least;
        }
        packed_frame expected = packed_frame_start();
        packed_frame packed = packed_frame_start();
        reference()->pack_differences(values, least, width, expected.bytes);
        kernels->pack_differences(values, least, width, packed.bytes);
        ck_assert_mem_eq(packed.bytes, expected.bytes, sizeof packed.bytes);

        uint32_t out[N + 8] = {0};
        kernels->unpack_differences(packed.bytes, values[0], least, width, out);
        ck_assert_mem_eq(out, values, sizeof values);
        ck_assert_uint_eq(out[N], 0);
    }
}
END_TEST

START_TEST(parts_of_differences)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("parts_of_differences");
    for (int round = 0; round < 33 * 20; round++) {
        const uint32_t least = (uint32_t)any_int64(&random);
        uint32_t values[N];
        fill_frame(&random, round % 33, values);
        uint32_t steps[N + 8] = {0};
        kernels->differences(values, least, steps);
        ck_assert_uint_eq(steps[0], 0);
        for (int i = 1; i < N; i++) {
            ck_assert_uint_eq(steps[i], (uint32_t)(values[i] - values[i - 1] - least));
            steps[i] += least;
        }
        kernels->accumulate(values[0], steps);
        ck_assert_mem_eq(steps, values, sizeof values);
        ck_assert_uint_eq(steps[N], 0);
    }
}
END_TEST

static void check_range(const uint32_t *values, uint32_t least, uint32_t greatest)
{
    uint32_t expected_least = UINT32_MAX;
    uint32_t expected_greatest = 0;
    for (int i = 0; i < N; i++) {
        expected_least = values[i] < expected_least ? values[i] : expected_least;
        expected_greatest = values[i] > expected_greatest ? values[i] : expected_greatest;
    }
    ck_assert_uint_eq(least, expected_least);
    ck_assert_uint_eq(greatest, expected_greatest);
}

/* Ranges and sums that are found on the way are those of what is unpacked and added up. */
START_TEST(ranges)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("ranges");
    for (int round = 0; round < 33 * 40; round++) {
        const int width = round % 33;
        uint32_t values[N];
        fill_frame(&random, width, values);
        /* One value apart from the rest, which a kernel that leaves out its row does not see. */
        for (int i = 0; width > 1 && round % 2 == 0 && i < N; i++) {
            values[i] = values[i] / 4 + (UINT32_C(1) << (width - 2));
        }
        values[test_random_below(&random, N)] =
            round % 4 < 2 ? 0 : (uint32_t)((UINT64_C(1) << width) - 1);
        packed_frame packed = packed_frame_start();
        reference()->pack(values, 0, width, packed.bytes);
        uint32_t least;
        uint32_t greatest;
        kernels->packed_range(packed.bytes, width, &least, &greatest);
        check_range(values, least, greatest);
        uint32_t sum = 0;
        for (int i = 0; i < N; i++) {
            sum += values[i];
        }
        ck_assert_uint_eq(kernels->packed_sum(packed.bytes, width), sum);

        const uint32_t first = (uint32_t)any_int64(&random);
        kernels->accumulated_range(first, values, &least, &greatest);
        reference()->accumulate(first, values);
        check_range(values, least, greatest);
    }
}
END_TEST

START_TEST(above)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("above");
    for (int round = 0; round < 33 * 20; round++) {
        uint32_t values[N];
        fill_frame(&random, round % 33, values);
        const uint32_t bound =
            round % 2 == 0 ? values[test_random_below(&random, N)] : (uint32_t)any_int64(&random);
        uint64_t is_above[N / 64];
        int n_above = 0;
        const int n = kernels->above(values, bound, is_above);
        for (int i = 0; i < N; i++) {
            ck_assert_uint_eq(is_above[i / 64] >> i % 64 & 1, values[i] > bound);
            n_above += values[i] > bound;
        }
        ck_assert_int_eq(n, n_above);
    }
}
END_TEST

START_TEST(relocate)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("relocate");
    for (int n_entries = 1; n_entries <= MDLI_RELOCATE_MAX; n_entries++) {
        for (int shift = 0; shift <= 26; shift++) {
            uint32_t table[MDLI_RELOCATE_MAX];
            uint32_t values[N];
            uint32_t out[N + 8] = {0};
            fill_frame(&random, shift, values);
            for (int i = 0; i < MDLI_RELOCATE_MAX; i++) {
                table[i] = (uint32_t)test_random_next(&random);
            }
            for (int i = 0; i < N; i++) {
                values[i] |= (uint32_t)test_random_below(&random, (uint64_t)n_entries) << shift;
                out[i] = values[i];
            }
            kernels->relocate(table, n_entries, shift, out);
            for (int i = 0; i < N; i++) {
                ck_assert_uint_eq(out[i], (uint32_t)(values[i] + table[values[i] >> shift]));
            }
            ck_assert_uint_eq(out[N], 0);
        }
    }
}
END_TEST

START_TEST(subtract_entries)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("subtract_entries");
    for (int round = 0; round < 300; round++) {
        uint32_t table[MDLI_RELOCATE_MAX];
        uint32_t values[N];
        uint8_t codes[N];
        uint32_t out[N + 16] = {0};
        const uint64_t n_entries = 1 + test_random_below(&random, MDLI_RELOCATE_MAX);
        fill_frame(&random, 32, values);
        for (int i = 0; i < MDLI_RELOCATE_MAX; i++) {
            table[i] = (uint32_t)test_random_next(&random);
        }
        for (int i = 0; i < N; i++) {
            codes[i] = (uint8_t)test_random_below(&random, n_entries);
        }
        kernels->subtract_entries(values, codes, table, out);
        for (int i = 0; i < N; i++) {
            ck_assert_uint_eq(out[i], (uint32_t)(values[i] - table[codes[i]]));
        }
        ck_assert_uint_eq(out[N], 0);
    }
}
END_TEST

/* Finds pages row by row; as the kernel. */
static int find_pages_plainly(const uint32_t *values, uint32_t base, int page_bits, int n_max,
                              uint32_t *pages, uint8_t *codes)
{
    int n = 0;
    for (int i = 0; i < N; i++) {
        const uint32_t page = (values[i] - base) >> page_bits;
        int k = 0;
        while (k < n && pages[k] != page) {
            k++;
        }
        if (k == n_max) {
            return n_max + 1;
        }
        pages[k] = page;
        n += k == n;
        codes[i] = (uint8_t)k;
    }
    return n;
}

START_TEST(find_pages)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("find_pages");
    for (int round = 0; round < 3000; round++) {
        uint32_t values[N];
        uint32_t places[MDLI_RELOCATE_MAX + 1];
        const int page_bits = (int)test_random_below(&random, 25);
        const uint32_t base = (uint32_t)test_random_next(&random);
        const uint64_t n_places = 1 + test_random_below(&random, MDLI_RELOCATE_MAX + 1);
        /* Often pages have low bits of their numbers in common. */
        const int common_bits = (int)test_random_below(&random, 33);
        for (uint64_t k = 0; k < n_places; k++) {
            places[k] = (uint32_t)(test_random_next(&random) << common_bits) >> page_bits;
        }
        for (int i = 0; i < N; i++) {
            const uint32_t place = places[test_random_below(&random, n_places)];
            const uint32_t offset = (uint32_t)test_random_below(&random, UINT64_C(1) << page_bits);
            values[i] = base + (place << page_bits) + offset;
        }
        const int n_max = 1 + (int)test_random_below(&random, MDLI_RELOCATE_MAX);
        uint32_t pages[MDLI_RELOCATE_MAX];
        uint32_t expected_pages[MDLI_RELOCATE_MAX + 1];
        uint8_t codes[N];
        uint8_t expected_codes[N];
        const int n = kernels->find_pages(values, base, page_bits, n_max, pages, codes);
        const int n_expected =
            find_pages_plainly(values, base, page_bits, n_max, expected_pages, expected_codes);
        ck_assert_int_eq(n, n_expected);
        ck_assert(n > n_max || memcmp(pages, expected_pages, (size_t)n * sizeof *pages) == 0);
        ck_assert(n > n_max || memcmp(codes, expected_codes, sizeof codes) == 0);
    }
}
END_TEST

START_TEST(lookup_near)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("lookup_near");
    for (int round = 0; round < 300; round++) {
        uint8_t table[MDLI_NEAR_VALUES];
        uint32_t values[N];
        uint32_t out[N + 1];
        const uint32_t least = (uint32_t)test_random_next(&random);
        for (int i = 0; i < MDLI_NEAR_VALUES; i++) {
            table[i] = (uint8_t)test_random_below(&random, 256);
        }
        for (int i = 0; i < N; i++) {
            values[i] = least + (uint32_t)test_random_below(&random, MDLI_NEAR_VALUES);
        }
        out[N] = 4711;
        kernels->lookup_near(table, values, least, out);
        for (int i = 0; i < N; i++) {
            ASSERT_IN_LOOP(out[i] == table[values[i] - least], "value %d", i);
        }
        ck_assert_uint_eq(out[N], 4711);
    }
}
END_TEST

START_TEST(widen_and_narrow)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("widen");
    for (int round = 0; round < 100; round++) {
        uint32_t values[N];
        fill_frame(&random, 32, values);
        uint64_t base = any_int64(&random);
        uint64_t wide[N];
        kernels->widen(values, base, wide);
        for (int i = 0; i < N; i++) {
            ck_assert_uint_eq(wide[i], base + values[i]);
        }
        uint32_t low[N];
        kernels->narrow(wide, low);
        for (int i = 0; i < N; i++) {
            ck_assert_uint_eq(low[i], (uint32_t)wide[i]);
        }
    }
}
END_TEST

START_TEST(lookup)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("lookup");
    for (int n_entries = 1; n_entries <= 256; n_entries++) {
        uint32_t table32[256 + 16];
        uint64_t table64[256 + 8];
        for (int i = 0; i < 256; i++) {
            table32[i] = (uint32_t)test_random_next(&random);
            table64[i] = test_random_next(&random);
        }
        uint32_t codes[N];
        for (int i = 0; i < N; i++) {
            codes[i] = (uint32_t)test_random_below(&random, (uint64_t)n_entries);
        }
        uint64_t out64[N];
        kernels->lookup_int64(table64, n_entries, codes, out64);
        uint32_t out32[N];
        memcpy(out32, codes, sizeof codes);
        kernels->lookup_int32(table32, n_entries, out32, out32);
        for (int i = 0; i < N; i++) {
            ck_assert_uint_eq(out32[i], table32[codes[i]]);
            ck_assert_uint_eq(out64[i], table64[codes[i]]);
        }
    }
}
END_TEST

static void check_frame_stats(const mdli_kernels *kernels, const int64_t *values)
{
    int32_t values32[N];
    for (int i = 0; i < N; i++) {
        values32[i] = (int32_t)values[i];
    }
    mdli_frame_stats expected;
    mdli_frame_stats stats;
    reference()->frame_stats_int64(values, &expected);
    kernels->frame_stats_int64(values, &stats);
    ck_assert_mem_eq(&stats, &expected, sizeof stats);
    reference()->frame_stats_int32(values32, &expected);
    kernels->frame_stats_int32(values32, &stats);
    ck_assert_mem_eq(&stats, &expected, sizeof stats);
}

START_TEST(frame_stats)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("stats");
    for (int round = 0; round < 300; round++) {
        int64_t values[N];
        uint64_t n_distinct = 1 + test_random_any_size(&random) % 1000;
        for (int i = 0; i < N; i++) {
            values[i] = (int64_t)(round % 3 == 0 ? any_int64(&random)
                                                 : test_random_below(&random, n_distinct));
        }
        check_frame_stats(kernels, values);
    }
    /* One change, one fall, one least and one greatest value at each place. */
    for (int place = 0; place < N; place++) {
        int64_t values[N] = {0};
        values[place] = 1;
        check_frame_stats(kernels, values);
        values[place] = INT64_MIN;
        check_frame_stats(kernels, values);
        values[place] = INT32_MIN;
        check_frame_stats(kernels, values);
    }
}
END_TEST

START_TEST(reference_frame_stats)
{
    int64_t values[N] = {0};
    values[3] = INT64_MAX;
    values[4] = INT64_MIN;
    mdli_frame_stats stats;
    reference()->frame_stats_int64(values, &stats);
    ck_assert_int_eq(stats.min, INT64_MIN);
    ck_assert_int_eq(stats.max, INT64_MAX);
    ck_assert_int_eq(stats.difference_min, INT64_MIN);
    ck_assert_int_eq(stats.difference_max, INT64_MAX);
    ck_assert_int_eq(stats.n_changes, 3);
    ck_assert_int_eq(stats.n_falls, 1);
}
END_TEST

START_TEST(min_max)
{
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("min_max");
    for (int n = 1; n <= 300; n++) {
        int64_t values[300];
        for (int i = 0; i < n; i++) {
            values[i] = (int64_t)any_int64(&random);
        }
        int64_t min, max;
        kernels->min_max_int64(values, n, &min, &max);
        bool min_there = false, max_there = false;
        for (int i = 0; i < n; i++) {
            ck_assert(min <= values[i] && values[i] <= max);
            min_there |= values[i] == min;
            max_there |= values[i] == max;
        }
        ck_assert(min_there && max_there);
    }
}
END_TEST

/* Sums of every entry equal those of 128 bits, which no order of adding can round. */
START_TEST(run_facts)
{
    static int32_t values[2000];
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("run_facts");
    for (int round = 0; round < 1000; round++) {
        const int n = 1 + (int)test_random_below(&random, round % 2 == 0 ? 40 : 2000);
        __extension__ unsigned __int128 squares = 0;
        __extension__ __int128 sum = 0;
        int32_t min = INT32_MAX;
        int32_t max = INT32_MIN;
        for (int i = 0; i < n; i++) {
            values[i] = (int32_t)test_random_next(&random) >> test_random_below(&random, 32);
            sum += values[i];
            squares += (uint64_t)((int64_t)values[i] * values[i]);
            min = values[i] < min ? values[i] : min;
            max = values[i] > max ? values[i] : max;
        }
        mdli_run_facts facts;
        kernels->run_facts_int32(values, n, &facts);
        ck_assert(facts.sum == sum);
        ck_assert(facts.squares == (uint64_t)squares);
        ck_assert_int_eq(facts.min, min);
        ck_assert_int_eq(facts.max, max);
    }
}
END_TEST

static int compare_int32(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a;
    const int32_t y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The different values of an array, which is sorted for it. */
static int64_t count_distinct(int32_t *values, int n)
{
    int64_t n_distinct = 1;
    qsort(values, (size_t)n, sizeof *values, compare_int32);
    for (int i = 1; i < n; i++) {
        n_distinct += values[i] != values[i - 1];
    }
    return n_distinct;
}

/* Runs that rise, runs of values that are close together up to the limit, and one past it. */
START_TEST(run_distinct)
{
    static int32_t values[600];
    static int32_t sorted[600];
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("run_distinct");
    int n_told = 0;
    int n_not_told = 0;
    for (int round = 0; round < 6000; round++) {
        const int n = 1 + (int)test_random_below(&random, round % 2 == 0 ? 40 : 600);
        const uint64_t span =
            1 + test_random_below(&random, round % 3 == 0 ? UINT32_MAX : MDLI_RUN_SPAN_MAX + 1);
        const int32_t least = (int32_t)test_random_next(&random);
        const bool rises = test_random_below(&random, 4) == 0;
        for (int i = 0; i < n; i++) {
            /* Wraps around the end of the numbers, too. */
            values[i] = (int32_t)((uint32_t)least + test_random_below(&random, span));
        }
        memcpy(sorted, values, sizeof sorted);
        const int64_t n_distinct = count_distinct(sorted, n);
        if (rises) {
            memcpy(values, sorted, sizeof values);
        }
        const bool is_told = memcmp(values, sorted, (size_t)n * sizeof *values) == 0 ||
                             (int64_t)sorted[n - 1] - sorted[0] < MDLI_RUN_SPAN_MAX;
        ck_assert_int_eq(kernels->run_distinct_int32(values, n), is_told ? n_distinct : -1);
        n_told += is_told;
        n_not_told += !is_told;
    }
    ck_assert_int_gt(n_told, 100);
    ck_assert_int_gt(n_not_told, 100);
}
END_TEST

START_TEST(days)
{
    static int64_t seconds[300];
    static int32_t out[300];
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("days");
    const uint64_t range = (uint64_t)MDLI_TIMESTAMP_MAX - (uint64_t)MDLI_TIMESTAMP_MIN + 1;
    for (int n = 0; n <= 300; n++) {
        for (int i = 0; i < n; i++) {
            seconds[i] = MDLI_TIMESTAMP_MIN + (int64_t)test_random_below(&random, range);
            /* Also the first and the last second of a day. */
            int64_t second_of_day = ((seconds[i] % 86400) + 86400) % 86400;
            seconds[i] -= i % 3 == 1 ? second_of_day : 0;
            seconds[i] += i % 3 == 2 ? 86399 - second_of_day : 0;
        }
        kernels->days(seconds, n, out);
        for (int i = 0; i < n; i++) {
            int64_t start = (int64_t)out[i] * 86400;
            ck_assert(start <= seconds[i] && seconds[i] < start + 86400);
        }
    }
}
END_TEST

START_TEST(all_bits)
{
    enum {
        BITS = 5000
    };
    static uint32_t bits[BITS / 32 + 1];
    static int32_t keys[2000];
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("all_bits");
    for (int round = 0; round < 1000; round++) {
        const int n = (int)test_random_below(&random, 2001);
        const int32_t least = (int32_t)test_random_next(&random);
        bool expected = true;
        memset(bits, 0, sizeof bits);
        for (int i = 0; i < n; i++) {
            const uint32_t bit = (uint32_t)test_random_below(&random, BITS);
            bits[bit / 32] |= (uint32_t)1 << bit % 32;
            keys[i] = (int32_t)((uint32_t)least + bit);
        }
        if (n > 0 && round % 2 == 0) {
            /* One key that has no bit: in the range, behind it, or before it. */
            const int32_t strays[] = {(int32_t)test_random_below(&random, BITS), BITS, -1,
                                      INT32_MIN};
            const int32_t stray = strays[round / 2 % 4];
            keys[test_random_below(&random, (uint64_t)n)] =
                (int32_t)((uint32_t)least + (uint32_t)stray);
            expected = stray >= 0 && stray < BITS && (bits[stray / 32] >> stray % 32 & 1) != 0;
        }
        ck_assert_int_eq(kernels->all_bits_int32(bits, BITS, least, keys, n), expected);
    }
}
END_TEST

START_TEST(compared_numbers)
{
    static int32_t values[2][64];
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("compared_numbers");
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 64; i++) {
            const uint64_t kind = test_random_below(&random, 4);
            values[0][i] = (int32_t)test_random_next(&random);
            values[1][i] = kind == 0   ? values[0][i]
                           : kind == 1 ? (int32_t)(UINT32_C(1) + (uint32_t)values[0][i])
                                       : (int32_t)test_random_next(&random);
        }
        uint64_t is_less;
        const uint64_t is_equal = kernels->compare_int32(values[0], values[1], &is_less);
        for (int i = 0; i < 64; i++) {
            ck_assert_uint_eq(is_equal >> i & 1, values[0][i] == values[1][i]);
            ck_assert_uint_eq(is_less >> i & 1, values[0][i] < values[1][i]);
        }
    }
}
END_TEST

/* Also runs so long that narrow sums have to be widened in between, and keys without a mask. */
START_TEST(add_to_lanes)
{
    enum {
        MASKS = 500
    };
    static uint32_t masks[MASKS + 1];
    static int32_t keys[2000];
    static int32_t values[2000];
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("add_to_lanes");
    for (int round = 0; round < 500; round++) {
        const int n = (int)test_random_below(&random, 2001);
        const uint32_t span =
            (uint32_t)test_random_below(&random, (uint64_t)MDLI_MASK_LANES_SPAN_MAX + 1);
        const int32_t least = (int32_t)test_random_next(&random) / 2;
        const mdli_mask_table table = {masks, 1 + (uint32_t)test_random_below(&random, MASKS),
                                       (int32_t)test_random_next(&random) / 2};
        uint64_t expected[MDLI_MASK_LANES];
        uint64_t lanes[MDLI_MASK_LANES];
        for (uint32_t i = 0; i <= table.n; i++) {
            masks[i] = round % 3 == 0 ? UINT32_MAX : (uint32_t)test_random_next(&random);
        }
        for (int k = 0; k < MDLI_MASK_LANES; k++) {
            expected[k] = lanes[k] = test_random_next(&random) >> 8;
        }
        for (int i = 0; i < n; i++) {
            const uint32_t distance =
                round % 2 == 0 ? span : (uint32_t)test_random_below(&random, (uint64_t)span + 1);
            const int32_t place = (int32_t)test_random_below(&random, (uint64_t)table.n + 4) - 2;
            const bool is_in = place >= 0 && place < (int32_t)table.n;
            keys[i] = table.least + place;
            values[i] = least + (int32_t)distance;
            for (int k = 0; k < MDLI_MASK_LANES; k++) {
                expected[k] += (masks[is_in ? (uint32_t)place : table.n] >> k & 1) *
                               (((uint64_t)1 << 32) + distance);
            }
        }
        kernels->add_to_lanes(&table, keys, values, n, least, span, lanes);
        ck_assert_mem_eq(lanes, expected, sizeof lanes);
    }
}
END_TEST

/* States with and without bounds and room behind them; more rows than are fetched at once. */
START_TEST(count_into_states)
{
    enum {
        ROWS = 5000,
        GROUPS = 40,
        WORDS = 20
    };
    static int32_t groups[ROWS];
    static int32_t values[ROWS];
    static int64_t extremes[ROWS];
    static uint32_t states[GROUPS * WORDS];
    static uint32_t expected[GROUPS * WORDS];
    const mdli_kernels *kernels = table_of_level(_i);
    if (kernels == NULL) {
        return;
    }
    test_random random = test_random_start("count_into_states");
    for (int round = 0; round < 200; round++) {
        const int n = (int)test_random_below(&random, round % 2 == 0 ? 100 : ROWS + 1);
        const bool has_bounds = test_random_below(&random, 3) > 0;
        const int n_values = 1 + (int)test_random_below(&random, 14);
        const int n_words = n_values + 2 + (int)test_random_below(&random, WORDS - n_values - 1);
        const int32_t least_group = (int32_t)test_random_next(&random) / 2;
        int64_t listed[14];
        const mdli_state_form form = {
            .size_bytes = n_words * (int64_t)sizeof(uint32_t),
            .n_values = n_values,
            .values = listed,
            .nearest = (int64_t)test_random_next(&random) >> 2,
        };
        listed[0] = -(int64_t)test_random_below(&random, INT32_MAX);
        for (int v = 1; v < n_values; v++) {
            listed[v] = listed[v - 1] + 1 + (int64_t)test_random_below(&random, 1 << 27);
        }
        for (int i = 0; i < GROUPS * WORDS; i++) {
            expected[i] = states[i] = (uint32_t)test_random_next(&random) >> (i % 3 * 8);
        }
        for (int i = 0; i < n; i++) {
            const int group = (int)test_random_below(&random, GROUPS);
            const int place = (int)test_random_below(&random, (uint64_t)n_values);
            const uint32_t distance = (uint32_t)test_random_next(&random);
            uint32_t *state = expected + group * n_words;
            groups[i] = least_group + group;
            values[i] = (int32_t)listed[place];
            extremes[i] = form.nearest + distance;
            state[place]++;
            if (has_bounds) {
                uint32_t *bounds = state + n_values;
                bounds[0] = ~distance > bounds[0] ? ~distance : bounds[0];
                bounds[1] = distance > bounds[1] ? distance : bounds[1];
            }
        }
        kernels->count_into_states(&form, states, groups, least_group,
                                   n_values == 1 && round % 4 < 2 ? NULL : values,
                                   has_bounds ? extremes : NULL, n);
        ck_assert_mem_eq(states, expected, sizeof states);
    }
}
END_TEST

START_TEST(tables_tell_their_level)
{
    for (int i = 0; i < N_LEVELS && levels[i] <= mdli_cpu_best_level(); i++) {
        ck_assert_int_eq(mdli_kernels_for(levels[i])->level, levels[i]);
    }
}
END_TEST

static Suite *kernels_suite(void)
{
    Suite *suite = suite_create("kernels");
    TCase *all = tcase_create("all");
    tcase_add_test(all, tables_tell_their_level);
    tcase_add_test(all, reference_has_the_documented_layout);
    tcase_add_test(all, reference_frame_stats);
    tcase_add_loop_test(all, pack_and_unpack, 0, N_LEVELS);
    tcase_add_loop_test(all, pack_and_unpack_differences, 0, N_LEVELS);
    tcase_add_loop_test(all, parts_of_differences, 0, N_LEVELS);
    tcase_add_loop_test(all, above, 0, N_LEVELS);
    tcase_add_loop_test(all, ranges, 0, N_LEVELS);
    tcase_add_loop_test(all, relocate, 0, N_LEVELS);
    tcase_add_loop_test(all, subtract_entries, 0, N_LEVELS);
    tcase_add_loop_test(all, find_pages, 0, N_LEVELS);
    tcase_add_loop_test(all, lookup_near, 0, N_LEVELS);
    tcase_add_loop_test(all, widen_and_narrow, 0, N_LEVELS);
    tcase_add_loop_test(all, lookup, 0, N_LEVELS);
    tcase_add_loop_test(all, frame_stats, 0, N_LEVELS);
    tcase_add_loop_test(all, min_max, 0, N_LEVELS);
    tcase_add_loop_test(all, run_facts, 0, N_LEVELS);
    tcase_add_loop_test(all, run_distinct, 0, N_LEVELS);
    tcase_add_loop_test(all, days, 0, N_LEVELS);
    tcase_add_loop_test(all, all_bits, 0, N_LEVELS);
    tcase_add_loop_test(all, compared_numbers, 0, N_LEVELS);
    tcase_add_loop_test(all, add_to_lanes, 0, N_LEVELS);
    tcase_add_loop_test(all, count_into_states, 0, N_LEVELS);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return run_suite(kernels_suite());
}
