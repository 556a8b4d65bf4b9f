/*
 * The CSV kernels of every level that this processor has, against strcspn and strtoll.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
    for (int round = 0; round < 1000; round++) {
        size_t size = test_random_below(&random, round % 2 == 0 ? 200 : FILE_SIZE_MAX);
        make_text(&random, memory, size, test_random_any_size(&random) % 100);
        const char *text = memory + PADDING;
        int64_t n = kernels_of(_i)->csv_scan(text, (int64_t)size, positions);
        char end = memory[PADDING + size];
        memory[PADDING + size] = '\0';
        int64_t n_expected = 0;
        for (size_t at = strcspn(text, ",\n\""); at < size;
             at += 1 + strcspn(text + at + 1, ",\n\"")) {
            ck_assert_int_lt(n_expected, n);
            ck_assert_uint_eq(positions[n_expected], at);
            n_expected++;
        }
        memory[PADDING + size] = end;
        ck_assert_int_eq(n, n_expected);
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

START_TEST(numbers_are_read)
{
    test_random random = test_random_start("numbers_are_read");
    static const char bytes[] = "0123456789012345678901234567890123456789/:-+. \xb0\xff";
    for (int round = 0; round < 20000; round++) {
        static char memory[PADDING + MDLI_CSV_NUMBERS_MAX * 20 + PADDING];
        char texts[MDLI_CSV_NUMBERS_MAX][20];
        uint16_t begins[MDLI_CSV_NUMBERS_MAX];
        uint16_t ends[MDLI_CSV_NUMBERS_MAX];
        int64_t numbers[MDLI_CSV_NUMBERS_MAX];
        int n = (int)test_random_below(&random, MDLI_CSV_NUMBERS_MAX + 1);
        int64_t least = (int64_t)test_random_any_size(&random);
        int64_t greatest = (int64_t)test_random_any_size(&random);
        uint64_t n_bytes = round % 2 == 0 ? 10 : sizeof bytes - 1;
        uint16_t at = 0;
        memset(memory, '9', sizeof memory);
        for (int i = 0; i < n; i++) {
            size_t size = test_random_below(&random, 19);
            for (size_t k = 0; k < size; k++) {
                texts[i][k] = bytes[test_random_below(&random, n_bytes)];
            }
            texts[i][size] = '\0';
            memcpy(memory + PADDING + at, texts[i], size);
            begins[i] = at;
            at = (uint16_t)(at + size);
            ends[i] = at++;
        }
        uint64_t good = kernels_of(_i)->csv_read_numbers(memory + PADDING, begins, ends, n, least,
                                                         greatest, numbers);
        for (int i = 0; i < n; i++) {
            int64_t expected = is_number(texts[i]) ? strtoll(texts[i], NULL, 10) : -1;
            bool is_good = is_number(texts[i]) && expected >= least && expected <= greatest;
            ck_assert_msg((good >> i & 1) == is_good, "%s", texts[i]);
            ck_assert_msg(!is_good || numbers[i] == expected, "%s", texts[i]);
        }
        ck_assert(n == MDLI_CSV_NUMBERS_MAX || good >> n == 0);
    }
}
END_TEST

static Suite *csv_kernels_suite(void)
{
    Suite *suite = suite_create("csv_kernels");
    TCase *kernels = tcase_create("kernels");
    int n_levels = sizeof levels / sizeof levels[0];
    tcase_add_loop_test(kernels, scan_finds_marks, 0, n_levels);
    tcase_add_loop_test(kernels, numbers_are_read, 0, n_levels);
    tcase_set_timeout(kernels, 60);
    suite_add_tcase(suite, kernels);
    return suite;
}

int main(void)
{
    return run_suite(csv_kernels_suite());
}
