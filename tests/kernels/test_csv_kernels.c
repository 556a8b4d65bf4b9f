/*
 * The CSV kernels of every level that this processor has, against strcspn and strtoll, and the hash
 * of streams against xxhash's own of one piece.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/cpu.h"
#include "kernels/csv_kernels.h"
#include "kernels/kernels.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    PADDING = 64,
    FILE_SIZE_MAX = 3000,
    FILE_CAPACITY = PADDING + FILE_SIZE_MAX + PADDING
};

static const mdl_simd levels[] = {MDL_SIMD_SCALAR, MDL_SIMD_AVX2, MDL_SIMD_AVX512};

/* The table of level `index`, or of the highest one that the processor has. */
static const mdli_kernels *kernels_of(int index)
{
    mdl_simd best = mdli_cpu_best_level();
    return mdli_kernels_for(levels[index] < best ? levels[index] : best);
}

/* Text of n bytes with marks in front of n_plain others; bytes around it are marks too. */
static void make_text(test_random *random, char *memory, size_t size, uint64_t n_plain)
{
    static const char marks[] = ",\n\"";
    memset(memory, ',', FILE_CAPACITY);
    for (size_t i = 0; i < size; i++) {
        uint64_t choice = test_random_below(random, 3 + n_plain);
        /* Neither NUL, at which strcspn ends, nor a mark. */
        memory[PADDING + i] = choice < 3 ? marks[choice] : (char)(0x80 + choice % 128);
    }
}

START_TEST(scan_finds_marks)
{
    test_random random = test_random_start("scan_finds_marks");
    static char memory[FILE_CAPACITY];
    static uint16_t positions[FILE_SIZE_MAX + MDLI_CSV_SCAN_SLACK];
    static char kinds[FILE_SIZE_MAX + MDLI_CSV_SCAN_SLACK];
    for (int round = 0; round < 1000; round++) {
        size_t size = test_random_below(&random, round % 2 == 0 ? 200 : FILE_SIZE_MAX);
        make_text(&random, memory, size, test_random_any_size(&random) % 100);
        char *text = memory + PADDING;
        /* Some, most or no line feeds get a carriage return; the one before the text counts. */
        const uint64_t n_others = test_random_below(&random, 3);
        for (size_t i = 0; i < size; i++) {
            if (text[i] == '\n' && test_random_below(&random, 20) < 10 * n_others) {
                text[i - 1] = '\r';
            }
        }
        text[size] = '\n'; /* one behind the end does not count */
        mdli_csv_marks marks = {.positions = positions, .kinds = kinds};
        kernels_of(_i)->csv_scan(text, (int64_t)size, &marks);
        text[size] = '\0';
        int64_t n_expected = 0;
        bool has_lf = false;
        bool has_crlf = false;
        for (size_t at = strcspn(text, ",\n\""); at < size;
             at += 1 + strcspn(text + at + 1, ",\n\"")) {
            ASSERT_IN_LOOP(n_expected < marks.n, "byte %zu was not found", at);
            ASSERT_IN_LOOP(positions[n_expected] == at, "byte %zu was not found", at);
            ASSERT_IN_LOOP(kinds[n_expected] == text[at], "byte %zu is another", at);
            has_lf |= text[at] == '\n' && text[(int64_t)at - 1] != '\r';
            has_crlf |= text[at] == '\n' && text[(int64_t)at - 1] == '\r';
            n_expected++;
        }
        ck_assert_int_eq(marks.n, n_expected);
        ck_assert(marks.has_lf == has_lf);
        ck_assert(marks.has_crlf == has_crlf);
    }
}
END_TEST

START_TEST(deal_finds_fields)
{
    enum {
        FIELDS_MAX = 100,
        RECORDS_MAX = 64,
        N_MAX = FIELDS_MAX * RECORDS_MAX,
        LISTS_MAX = FIELDS_MAX * (RECORDS_MAX + MDLI_CSV_DEAL_SLACK + 1)
    };
    static uint16_t positions[N_MAX + MDLI_CSV_SCAN_SLACK];
    static uint16_t begins[LISTS_MAX];
    static uint16_t ends[LISTS_MAX];
    test_random random = test_random_start("deal_finds_fields");
    for (int round = 0; round < 300; round++) {
        const mdli_csv_records records = {
            .positions = positions,
            .n_fields = 1 + (int64_t)test_random_below(&random, round % 2 == 0 ? 8 : FIELDS_MAX),
            .n_records = 1 + (int64_t)test_random_below(&random, RECORDS_MAX),
            .start = (int64_t)test_random_below(&random, 10),
            .n_returns = (int64_t)test_random_below(&random, 2),
        };
        const int64_t stride =
            records.n_records + MDLI_CSV_DEAL_SLACK + (int64_t)test_random_below(&random, 2);
        int64_t at = records.start;
        for (int64_t i = 0; i < N_MAX + MDLI_CSV_SCAN_SLACK; i++) {
            at += 1 + (int64_t)test_random_below(&random, 9);
            positions[i] = (uint16_t)at;
        }
        const int64_t n_entries = records.n_fields * stride;
        memset(begins, 0xff, sizeof begins);
        memset(ends, 0xff, sizeof ends);
        kernels_of(_i)->csv_deal(&records, begins, ends, stride);
        int64_t begin = records.start;
        for (int64_t i = 0; i < records.n_records * records.n_fields; i++) {
            const int64_t f = i % records.n_fields;
            const int64_t entry = f * stride + i / records.n_fields;
            const int64_t n_returns = f == records.n_fields - 1 ? records.n_returns : 0;
            ASSERT_IN_LOOP(begins[entry] == begin, "mark %lld", (long long)i);
            ASSERT_IN_LOOP(ends[entry] == positions[i] - n_returns, "mark %lld", (long long)i);
            begin = positions[i] + 1;
        }
        for (int64_t i = n_entries; i < LISTS_MAX; i++) {
            ASSERT_IN_LOOP(begins[i] == 0xffff && ends[i] == 0xffff, "entry %lld", (long long)i);
        }
    }
}
END_TEST

/* Whether the text is digits alone, as many as kernels take, without a leading zero. */
static bool is_number(const char *text)
{
    size_t size = strlen(text);
    return size >= 1 && size <= MDLI_CSV_DIGITS_MAX && strspn(text, "0123456789") == size &&
           (size == 1 || text[0] != '0');
}

/* Texts one behind another, a byte between them, as kernels get them. */
typedef struct text_list {
    char memory[PADDING + MDLI_CSV_NUMBERS_MAX * 20 + PADDING];
    char texts[MDLI_CSV_NUMBERS_MAX][20];
    uint16_t begins[MDLI_CSV_NUMBERS_MAX];
    uint16_t ends[MDLI_CSV_NUMBERS_MAX];
    int n;
} text_list;

/* Fills the list with texts of size_min to size_max of the first `n_bytes` of `bytes`. */
static void make_texts(test_random *random, text_list *list, const char *bytes, size_t n_bytes,
                       size_t size_min, size_t size_max)
{
    uint16_t at = 0;
    memset(list->memory, '9', sizeof list->memory);
    list->n = (int)test_random_below(random, MDLI_CSV_NUMBERS_MAX + 1);
    for (int i = 0; i < list->n; i++) {
        size_t size = size_min + test_random_below(random, size_max - size_min + 1);
        for (size_t k = 0; k < size; k++) {
            list->texts[i][k] = bytes[test_random_below(random, n_bytes)];
        }
        list->texts[i][size] = '\0';
        memcpy(list->memory + PADDING + at, list->texts[i], size);
        list->begins[i] = at;
        at = (uint16_t)(at + size);
        list->ends[i] = at++;
    }
}

START_TEST(numbers_are_read)
{
    test_random random = test_random_start("numbers_are_read");
    static const char bytes[] = "0123456789012345678901234567890123456789/:-+. \xb0\xff";
    const mdli_kernels *kernels = kernels_of(_i);
    for (int round = 0; round < 4000; round++) {
        static text_list list;
        int64_t numbers[MDLI_CSV_NUMBERS_MAX];
        int32_t short_numbers[MDLI_CSV_NUMBERS_MAX];
        make_texts(&random, &list, bytes, round % 2 == 0 ? 10 : sizeof bytes - 1, 0, 18);
        int64_t least = (int64_t)test_random_any_size(&random);
        int64_t greatest = (int64_t)test_random_any_size(&random);
        int32_t short_least = (int32_t)test_random_any_size(&random);
        int32_t short_greatest = (int32_t)test_random_any_size(&random);
        uint64_t good = kernels->csv_read_int64(list.memory + PADDING, list.begins, list.ends,
                                                list.n, least, greatest, numbers);
        uint64_t short_good =
            kernels->csv_read_int32(list.memory + PADDING, list.begins, list.ends, list.n,
                                    short_least, short_greatest, short_numbers);
        for (int i = 0; i < list.n; i++) {
            const char *text = list.texts[i];
            int64_t expected = is_number(text) ? strtoll(text, NULL, 10) : -1;
            bool is_good = is_number(text) && expected >= least && expected <= greatest;
            ASSERT_IN_LOOP((good >> i & 1) == is_good, "%s", text);
            ASSERT_IN_LOOP(!is_good || numbers[i] == expected, "%s", text);
            is_good = is_number(text) && expected >= short_least && expected <= short_greatest;
            ASSERT_IN_LOOP((short_good >> i & 1) == is_good, "%s", text);
            ASSERT_IN_LOOP(!is_good || short_numbers[i] == expected, "%s", text);
        }
        ck_assert(list.n == MDLI_CSV_NUMBERS_MAX || (good | short_good) >> list.n == 0);
    }
}
END_TEST

/* The hundredths of a text of the form that kernels take, or -1: digits, a point and one or two more
 * digits in 8 bytes, without a needless zero. */
static int64_t decimal_of(const char *text)
{
    size_t size = strlen(text);
    size_t n_whole = strspn(text, "0123456789");
    if (n_whole == 0 || text[n_whole] != '.' || size > MDLI_CSV_DECIMAL_BYTES_MAX) {
        return -1;
    }
    size_t n_behind = strspn(text + n_whole + 1, "0123456789");
    if (n_behind < 1 || n_behind > 2 || n_whole + 1 + n_behind != size ||
        (n_whole > 1 && text[0] == '0') || (n_behind == 2 && text[size - 1] == '0')) {
        return -1;
    }
    int64_t behind = strtoll(text + n_whole + 1, NULL, 10);
    return strtoll(text, NULL, 10) * 100 + (n_behind == 1 ? behind * 10 : behind);
}

START_TEST(decimals_are_read)
{
    test_random random = test_random_start("decimals_are_read");
    static const char bytes[] = "012345678901234567890123456789......./:-+ \xb0\xff";
    int64_t n_good = 0;
    for (int round = 0; round < 4000; round++) {
        static text_list list;
        int32_t hundredths[MDLI_CSV_NUMBERS_MAX];
        /* Now and then all are as long as most ratings. */
        const bool are_short = test_random_below(&random, 4) == 0;
        make_texts(&random, &list, bytes, round % 2 == 0 ? 37 : sizeof bytes - 1, are_short ? 3 : 0,
                   are_short ? 3 : 10);
        /* Most ranges leave something, for most values are small. */
        int32_t least = (int32_t)test_random_below(&random, 1000) - 500;
        int32_t greatest = (int32_t)test_random_below(&random, 10000000);
        uint64_t good = kernels_of(_i)->csv_read_decimals(
            list.memory + PADDING, list.begins, list.ends, list.n, least, greatest, hundredths);
        for (int i = 0; i < list.n; i++) {
            int64_t expected = decimal_of(list.texts[i]);
            bool is_good = expected >= 0 && expected >= least && expected <= greatest;
            ASSERT_IN_LOOP((good >> i & 1) == is_good, "%s", list.texts[i]);
            ASSERT_IN_LOOP(!is_good || hundredths[i] == expected, "%s", list.texts[i]);
            n_good += is_good;
        }
        ck_assert(list.n == MDLI_CSV_NUMBERS_MAX || good >> list.n == 0);
    }
    ck_assert_int_gt(n_good, 1000);
}
END_TEST

START_TEST(hash_is_that_of_xxhash)
{
    enum {
        SIZE_MAX_BYTES = 5000
    };
    static uint8_t bytes[SIZE_MAX_BYTES];
    test_random random = test_random_start("hash_is_that_of_xxhash");
    for (int i = 0; i < SIZE_MAX_BYTES; i++) {
        bytes[i] = (uint8_t)test_random_below(&random, 256);
    }
    for (int round = 0; round < 1000; round++) {
        size_t size = test_random_below(&random, round % 2 == 0 ? 300 : SIZE_MAX_BYTES + 1);
        mdli_hash_state state;
        uint8_t hash[MDLI_HASH_BYTES];
        mdli_hash_reset(&state);
        for (size_t at = 0, n; at < size; at += n) {
            n = 1 + test_random_below(&random, size - at);
            kernels_of(_i)->hash_update(&state, bytes + at, (int64_t)n);
        }
        mdli_hash_digest(&state, hash);
        XXH128_canonical_t expected;
        XXH128_canonicalFromHash(&expected, XXH3_128bits(bytes, size));
        ASSERT_IN_LOOP(memcmp(hash, expected.digest, sizeof hash) == 0, "%zu bytes", size);
    }
}
END_TEST

static Suite *csv_kernels_suite(void)
{
    Suite *suite = suite_create("csv_kernels");
    TCase *kernels = tcase_create("kernels");
    int n_levels = sizeof levels / sizeof levels[0];
    tcase_add_loop_test(kernels, scan_finds_marks, 0, n_levels);
    tcase_add_loop_test(kernels, deal_finds_fields, 0, n_levels);
    tcase_add_loop_test(kernels, numbers_are_read, 0, n_levels);
    tcase_add_loop_test(kernels, decimals_are_read, 0, n_levels);
    tcase_add_loop_test(kernels, hash_is_that_of_xxhash, 0, n_levels);
    tcase_set_timeout(kernels, 60);
    suite_add_tcase(suite, kernels);
    return suite;
}

int main(void)
{
    return run_suite(csv_kernels_suite());
}
