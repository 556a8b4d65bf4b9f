/*
 * Compression: bytes come back, a compressor that has seen other bytes makes the same frame as a
 * fresh one, and what does not fit or is no frame is told.
 */
#include <string.h>

#include "base/compression.h"
#include "base/memory.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    BYTES_MAX = 70000,
    CAPACITY = 80000,
    ROUNDS = 200
};

static mdl_context *context;
static int64_t context_bytes;
static uint8_t bytes[BYTES_MAX];
static uint8_t frame[CAPACITY];
static uint8_t other_frame[CAPACITY];
static uint8_t back[BYTES_MAX];

static void start(void)
{
    ck_assert_int_eq(mdl_context_create(NULL, &context, NULL), MDL_OK);
    context_bytes = mdl_context_memory_in_use(context);
    ck_assert_int_ge(CAPACITY, mdli_compressed_bytes_bound(BYTES_MAX));
}

static void finish(void)
{
    ck_assert_int_eq(mdl_context_memory_in_use(context), context_bytes);
    mdl_context_free(context);
}

/* Bytes that repeat more or less. */
static int64_t make_bytes(test_random *random)
{
    const int64_t n = (int64_t)test_random_below(random, BYTES_MAX);
    const uint64_t n_values = 1 + test_random_below(random, 256);
    for (int64_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)test_random_below(random, n_values);
    }
    return n;
}

START_TEST(used_and_fresh)
{
    start();
    mdli_compressor *compressor;
    test_random random = test_random_start("compression");
    ck_assert_int_eq(mdli_compressor_create(context, &compressor, NULL), MDL_OK);
    for (int round = 0; round < ROUNDS; round++) {
        const int64_t n = make_bytes(&random);
        const int level = 1 + (int)test_random_below(&random, 5);
        const bool is_short = round % 5 == 0;
        const int64_t capacity = is_short ? n / 8 : CAPACITY;
        int64_t n_used;
        int64_t n_fresh;
        ck_assert_int_eq(
            mdli_compressor_run(compressor, level, bytes, n, frame, capacity, &n_used, NULL),
            MDL_OK);
        ck_assert_int_eq(
            mdli_compress(context, level, bytes, n, other_frame, capacity, &n_fresh, NULL), MDL_OK);
        ck_assert_int_eq(n_used, n_fresh);
        ck_assert_int_eq(memcmp(frame, other_frame, (size_t)n_used), 0);
        ck_assert(is_short || n_used > 0);
        if (n_used > 0) {
            ck_assert_int_eq(mdli_decompress(context, frame, n_used, back, n, NULL), MDL_OK);
            ck_assert_int_eq(memcmp(back, bytes, (size_t)n), 0);
            ck_assert_int_eq(mdli_decompress(context, frame, n_used - 1, back, n, NULL),
                             MDL_E_CORRUPT);
        }
    }
    mdli_compressor_free(compressor);
    finish();
}
END_TEST

static Suite *compression_suite(void)
{
    Suite *suite = suite_create("compression");
    TCase *frames = tcase_create("frames");
    tcase_set_timeout(frames, 120);
    tcase_add_test(frames, used_and_fresh);
    suite_add_tcase(suite, frames);
    return suite;
}

int main(void)
{
    return run_suite(compression_suite());
}
