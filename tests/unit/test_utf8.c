/*
 * base/utf8.h against iconv, which knows the same well-formed sequences, and wcwidth.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* wcwidth */
#endif

#include <errno.h>
#include <iconv.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"
#include "support/random.h"
#include "support/run_suite.h"

#define N_RANDOM       300000
#define CODE_POINT_END 0x110000

static iconv_t open_iconv(void)
{
    iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
    ck_assert(converter != (iconv_t)-1);
    return converter;
}

/* Where iconv stops; it converts into `code_points`, which has room for `size` of them. */
static int64_t iconv_valid_prefix(iconv_t converter, const char *bytes, size_t size,
                                  uint32_t *code_points)
{
    char *in = (char *)(uintptr_t)bytes;
    char *out = (char *)code_points;
    size_t in_left = size;
    size_t out_left = size * sizeof *code_points;
    iconv(converter, NULL, NULL, NULL, NULL);
    iconv(converter, &in, &in_left, &out, &out_left);
    return in - bytes;
}

static void expect_as_iconv(iconv_t converter, const char *bytes, size_t size)
{
    uint32_t expected_code_points[256];
    int64_t expected = iconv_valid_prefix(converter, bytes, size, expected_code_points);
    int64_t actual = mdli_utf8_valid_prefix(bytes, (int64_t)size);
    ASSERT_IN_LOOP(actual == expected, "stops at %" PRId64 ", iconv at %" PRId64, actual, expected);

    int n = 0;
    int64_t at = 0;
    while (at < expected) {
        uint32_t code_point = 0;
        int character_size = mdli_utf8_decode(bytes + at, (int64_t)size - at, &code_point);
        ASSERT_IN_LOOP(character_size > 0 && code_point == expected_code_points[n], "U+%04X",
                       code_point);
        at += character_size;
        n++;
    }
    uint32_t untouched = 7;
    int bad_size = mdli_utf8_decode(bytes + at, (int64_t)size - at, &untouched);
    ASSERT_IN_LOOP(bad_size == 0 && untouched == 7, "reads what iconv does not");
}

/* Every two bytes, then those that lie on the borders of the ranges that third and fourth bytes
 * have. */
START_TEST(all_short_sequences)
{
    static const unsigned char borders[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0, 0xff};
    iconv_t converter = open_iconv();
    for (int first_two = 0; first_two < 1 << 16; first_two++) {
        for (size_t last_two = 0; last_two < sizeof borders * sizeof borders; last_two++) {
            char text[4] = {(char)(first_two >> 8), (char)first_two,
                            (char)borders[last_two / sizeof borders],
                            (char)borders[last_two % sizeof borders]};
            expect_as_iconv(converter, text, sizeof text);
            expect_as_iconv(converter, text, 1 + last_two % 3);
        }
    }
    iconv_close(converter);
}
END_TEST

static size_t encode(uint32_t code_point, char *out)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}

/* Surrogates, and two hundred code points past the end, are encoded too: they must be refused. */
START_TEST(all_code_points)
{
    iconv_t converter = open_iconv();
    for (uint32_t code_point = 0; code_point < CODE_POINT_END + 200; code_point++) {
        char text[4];
        expect_as_iconv(converter, text, encode(code_point, text));
    }
    iconv_close(converter);
}
END_TEST

/* Mostly ASCII with other characters, and bad bytes at any distance from the start. */
START_TEST(random_texts)
{
    test_random random = test_random_start("random_texts");
    iconv_t converter = open_iconv();
    for (int i = 0; i < N_RANDOM; i++) {
        char text[200];
        size_t size = 0;
        size_t wanted = test_random_below(&random, 100);
        uint64_t ascii_share = test_random_below(&random, 16);
        while (size < wanted) {
            uint32_t code_point = 'a';
            if (test_random_below(&random, 16) >= ascii_share) {
                code_point = (uint32_t)test_random_any_size(&random) % CODE_POINT_END;
            }
            size += encode(code_point, text + size);
        }
        if (size > 0 && i % 2 == 0) {
            text[test_random_below(&random, size)] = (char)test_random_next(&random);
        }
        expect_as_iconv(converter, text, size);
    }
    iconv_close(converter);
}
END_TEST

START_TEST(prefix_of_chosen_texts)
{
    ck_assert_int_eq(mdli_utf8_valid_prefix("", 0), 0);
    ck_assert_int_eq(mdli_utf8_valid_prefix("a\0b", 3), 3);
    ck_assert_int_eq(mdli_utf8_valid_prefix("Am\xc3\xa9lie", 7), 7);
    ck_assert_int_eq(mdli_utf8_valid_prefix("Am\xe9lie", 6), 2);
    ck_assert_int_eq(mdli_utf8_valid_prefix("0123456789abcdef\xff", 17), 16);
    ck_assert_int_eq(mdli_utf8_valid_prefix("0123456789abcde\xc3", 16), 15);
    ck_assert_int_eq(mdli_utf8_valid_prefix("\xed\xa0\x80", 3), 0);
    ck_assert_int_eq(mdli_utf8_valid_prefix("\xf4\x90\x80\x80", 4), 0);
    ck_assert_int_eq(mdli_utf8_valid_prefix("\xc0\xaf", 2), 0);
}
END_TEST

START_TEST(clipping)
{
    const char *text = "a\xc3\xa9\xe4\xb8\x83\xf0\x9f\x8e\xac";
    static const int64_t sizes[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (int64_t size_max = 0; size_max < 12; size_max++) {
        ck_assert_int_eq(mdli_utf8_clip_to_size(text, 10, size_max), sizes[size_max]);
    }
}
END_TEST

static Suite *utf8_suite(void)
{
    Suite *suite = suite_create("utf8");
    TCase *validity = tcase_create("validity");
    tcase_add_test(validity, all_short_sequences);
    tcase_add_test(validity, all_code_points);
    tcase_add_test(validity, random_texts);
    tcase_add_test(validity, prefix_of_chosen_texts);
    tcase_set_timeout(validity, 60);
    suite_add_tcase(suite, validity);
    TCase *clip = tcase_create("clipping");
    tcase_add_test(clip, clipping);
    suite_add_tcase(suite, clip);
    return suite;
}

int main(void)
{
    return run_suite(utf8_suite());
}
