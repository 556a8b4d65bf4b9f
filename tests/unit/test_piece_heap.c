/*
 * The heap of large pieces: pieces never overlap, whoever takes and gives back in whatever order;
 * freed neighbours are joined; what was freed is taken again, and beyond a limit its pages are
 * given back.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/piece_heap.h"
#include "support/random.h"
#include "support/run_suite.h"

enum {
    PIECES = 64,
    ROUNDS = 2000,
    MIB = 1024 * 1024
};

static void fill(mdli_heap_piece *piece, unsigned char with)
{
    memset((char *)piece + MDLI_PIECE_HEADER_BYTES, with,
           piece->total_bytes - MDLI_PIECE_HEADER_BYTES);
}

static bool is_filled(const mdli_heap_piece *piece, unsigned char with)
{
    const unsigned char *bytes = (const unsigned char *)piece;
    bool is_same = true;
    for (size_t i = MDLI_PIECE_HEADER_BYTES; i < piece->total_bytes; i++) {
        is_same &= bytes[i] == with;
    }
    return is_same;
}

static bool is_piece(const mdli_heap_piece *piece, size_t total)
{
    return piece != NULL && (uintptr_t)piece % 64 == 0 && piece->total_bytes == total;
}

static bool is_whole(const mdli_piece_heap *heap)
{
    bool has_free = false;
    for (int b = 0; b < MDLI_PIECE_BINS; b++) {
        has_free |= heap->bins[b] != NULL;
    }
    return !has_free;
}

typedef struct random_user {
    mdli_piece_heap *heap;
    test_random random;
    unsigned char number;
} random_user;

/* Takes and gives back pieces at random; each is full of its user's and its own number meanwhile. */
static void *use_at_random(void *data)
{
    random_user *user = data;
    mdli_heap_piece *pieces[PIECES] = {NULL};
    for (int round = 0; round < ROUNDS; round++) {
        const int i = (int)test_random_below(&user->random, PIECES);
        const unsigned char mark = (unsigned char)(user->number * PIECES + i);
        if (pieces[i] == NULL) {
            const size_t power = test_random_below(&user->random, 10);
            const size_t total = (1 + test_random_below(&user->random, (size_t)16 << power)) * 64;
            pieces[i] = mdli_piece_heap_take(user->heap, total);
            ASSERT_IN_LOOP(is_piece(pieces[i], total), "%zu bytes", total);
            fill(pieces[i], mark);
        } else {
            ASSERT_IN_LOOP(is_filled(pieces[i], mark), "round %d", round);
            mdli_piece_heap_give_back(user->heap, pieces[i]);
            pieces[i] = NULL;
        }
    }
    for (int i = 0; i < PIECES; i++) {
        if (pieces[i] != NULL) {
            mdli_piece_heap_give_back(user->heap, pieces[i]);
        }
    }
    return NULL;
}

START_TEST(pieces_never_overlap)
{
    mdli_piece_heap heap;
    mdli_piece_heap_init(&heap);
    random_user users[3];
    pthread_t threads[3];
    test_random random = test_random_start("pieces_never_overlap");
    for (int i = 0; i < 3; i++) {
        users[i] = (random_user){&heap, {test_random_next(&random)}, (unsigned char)i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_at_random, &users[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert(is_whole(&heap));
    mdli_piece_heap_free(&heap);
}
END_TEST

START_TEST(freed_neighbours_are_joined)
{
    mdli_piece_heap heap;
    mdli_piece_heap_init(&heap);
    mdli_heap_piece *pieces[4];
    for (int i = 0; i < 4; i++) {
        pieces[i] = mdli_piece_heap_take(&heap, MIB);
        ck_assert_ptr_nonnull(pieces[i]);
    }
    /* The one in the middle last: it joins both sides. */
    mdli_piece_heap_give_back(&heap, pieces[0]);
    mdli_piece_heap_give_back(&heap, pieces[2]);
    mdli_piece_heap_give_back(&heap, pieces[1]);
    mdli_heap_piece *joined = mdli_piece_heap_take(&heap, 3 * MIB);
    ck_assert_ptr_eq(joined, pieces[0]);
    /* What is left of a larger one is free, up to the last 64 bytes. */
    mdli_piece_heap_give_back(&heap, joined);
    ck_assert_ptr_eq(mdli_piece_heap_take(&heap, 3 * MIB - 64), joined);
    ck_assert(!is_whole(&heap));
    mdli_piece_heap_give_back(&heap, joined);
    mdli_piece_heap_give_back(&heap, pieces[3]);
    ck_assert(is_whole(&heap));
    ck_assert_ptr_eq(mdli_piece_heap_take(&heap, 5 * MIB), pieces[0]);
    mdli_piece_heap_free(&heap);
}
END_TEST

/* A piece larger than a region has one of its own. */
START_TEST(very_large_pieces)
{
    mdli_piece_heap heap;
    mdli_piece_heap_init(&heap);
    const size_t total = (size_t)1 << 30;
    mdli_heap_piece *small = mdli_piece_heap_take(&heap, MIB);
    mdli_heap_piece *large = mdli_piece_heap_take(&heap, total);
    ck_assert_ptr_nonnull(large);
    ((char *)large)[total - 1] = 1;
    mdli_piece_heap_give_back(&heap, large);
    ck_assert_ptr_eq(mdli_piece_heap_take(&heap, total), large);
    ck_assert_ptr_null(mdli_piece_heap_take(&heap, (size_t)1 << 60));
    mdli_piece_heap_give_back(&heap, large);
    mdli_piece_heap_give_back(&heap, small);
    ck_assert(is_whole(&heap));
    mdli_piece_heap_free(&heap);
}
END_TEST

/* At the top and between pieces in use, pages beyond the limit go back, and read as zeros. */
START_TEST(pages_are_given_back)
{
    mdli_piece_heap heap;
    mdli_piece_heap_init(&heap);
    mdli_heap_piece *pieces[14];
    for (int i = 0; i < 14; i++) {
        pieces[i] = mdli_piece_heap_take(&heap, 15 * MIB);
        ck_assert_ptr_nonnull(pieces[i]);
        fill(pieces[i], 1);
    }
    ck_assert_uint_eq(heap.touched_bytes, 0);
    for (int i = 1; i < 14; i += 2) {
        mdli_piece_heap_give_back(&heap, pieces[i]);
    }
    ck_assert_uint_eq(heap.touched_bytes, 7 * 15 * MIB);
    for (int i = 2; i < 14; i += 2) {
        mdli_piece_heap_give_back(&heap, pieces[i]);
        ck_assert_uint_le(heap.touched_bytes, 128 * MIB);
    }
    ck_assert(is_whole(&heap));
    mdli_heap_piece *again = mdli_piece_heap_take(&heap, 13 * 15 * MIB);
    ck_assert_ptr_eq(again, pieces[1]);
    int64_t n_zeros = 0;
    for (size_t i = MDLI_PIECE_HEADER_BYTES; i < again->total_bytes; i++) {
        n_zeros += ((const char *)again)[i] == 0;
    }
    ck_assert_int_ge(n_zeros, 13 * 15 * MIB - 128 * MIB);
    mdli_piece_heap_free(&heap);
}
END_TEST

static Suite *piece_heap_suite(void)
{
    Suite *suite = suite_create("piece_heap");
    TCase *all = tcase_create("all");
    tcase_add_test(all, pieces_never_overlap);
    tcase_add_test(all, freed_neighbours_are_joined);
    tcase_add_test(all, very_large_pieces);
    tcase_add_test(all, pages_are_given_back);
    tcase_set_timeout(all, 120);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return run_suite(piece_heap_suite());
}
