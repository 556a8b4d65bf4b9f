/*
 * Tables of every type and encoding for tests of stores, and their text, by which they are compared.
 */
#ifndef TESTS_STORE_TABLES_H
#define TESTS_STORE_TABLES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "medallion/medallion.h"
#include "medallion/store.h"

#include "base/context_internal.h"
#include "column/column_internal.h"
#include "operators/table_edit.h"
#include "support/table_text.h"

/* The columns of make_store_table. */
static const mdl_field store_fields[] = {
    {"sorted", MDL_TYPE_INT32},  {"runs", MDL_TYPE_INT32},     {"time", MDL_TYPE_INT64},
    {"wide", MDL_TYPE_INT64},    {"rating", MDL_TYPE_DECIMAL}, {"real", MDL_TYPE_FLOAT64},
    {"flag", MDL_TYPE_BOOL},     {"at", MDL_TYPE_TIMESTAMP},   {"constant", MDL_TYPE_INT32},
    {"nothing", MDL_TYPE_INT64}, {"word", MDL_TYPE_STRING},    {"title", MDL_TYPE_STRING},
    {"note", MDL_TYPE_STRING},   {"empty", MDL_TYPE_STRING},
};

enum {
    N_STORE_FIELDS = sizeof store_fields / sizeof store_fields[0],
    STORE_BATCH_ROWS = 512
};

/* A number that follows from its place, spread over 64 bits. */
static inline uint64_t store_number(uint64_t seed, int64_t row, int column)
{
    uint64_t x = seed * 0x9E3779B97F4A7C15u + (uint64_t)row * 0xD6E8FEB86659FD93u +
                 (uint64_t)column * 0xC2B2AE3D27D4EB4Fu;
    x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
    return x ^ x >> 32;
}

/* One batch of rows. */
typedef struct store_batch {
    int32_t ints[N_STORE_FIELDS][STORE_BATCH_ROWS];
    int64_t longs[N_STORE_FIELDS][STORE_BATCH_ROWS];
    double reals[STORE_BATCH_ROWS];
    uint8_t flags[STORE_BATCH_ROWS];
    mdl_string strings[N_STORE_FIELDS][STORE_BATCH_ROWS];
    char texts[STORE_BATCH_ROWS][200];
    uint64_t validity[STORE_BATCH_ROWS / 64];
    uint64_t no_validity[STORE_BATCH_ROWS / 64];
    mdl_vector vectors[N_STORE_FIELDS];
} store_batch;

static inline void fill_store_row(store_batch *batch, int64_t i, uint64_t seed, int64_t row)
{
    static const char *const words[] = {"Drama", "Comedy", "Film-Noir", "", "Ümläut"};
    const uint64_t number = store_number(seed, row, 0);
    batch->ints[0][i] = (int32_t)(row * 3 + (int64_t)(seed % 7));
    batch->ints[1][i] = (int32_t)(row / 40);
    batch->longs[2][i] = 1500000000 + row / 20 * 86400 * 30 + (int64_t)(number % 3000);
    batch->longs[3][i] = (int64_t)store_number(seed, row, 3);
    batch->ints[4][i] = (int32_t)(number % 10 + 1) * 50;
    batch->reals[i] = (double)(int64_t)number / 1024.0;
    batch->flags[i] = (uint8_t)(number >> 7 & 1);
    batch->longs[7][i] = 1000000000 + row * 60;
    batch->ints[8][i] = 77;
    batch->longs[9][i] = 0;
    const char *word = words[number % 5];
    batch->strings[10][i] = (mdl_string){word, (int64_t)strlen(word)};
    char *text = batch->texts[i];
    const int size =
        snprintf(text, sizeof batch->texts[i],
                 "Title %llu of the year %lld, which goes on for a while so that a "
                 "frame has something to do (%lld) and compression is worth it",
                 (unsigned long long)(number % 100000), (long long)row / 7, (long long)row);
    batch->strings[11][i] = (mdl_string){text, (int64_t)(number % 23)};
    batch->strings[12][i] = (mdl_string){text, size};
    batch->strings[13][i] = (mdl_string){"", 0};
    const bool is_null = number % 11 == 0;
    batch->validity[i / 64] |= (uint64_t)!is_null << (i % 64);
}

static inline void point_store_vectors(store_batch *batch, int64_t n)
{
    for (int f = 0; f < N_STORE_FIELDS; f++) {
        mdl_vector *vector = &batch->vectors[f];
        *vector = (mdl_vector){.type = store_fields[f].type, .n_rows = n};
        switch (vector->type) {
        case MDL_TYPE_INT32:
        case MDL_TYPE_DECIMAL:
            vector->values = batch->ints[f];
            break;
        case MDL_TYPE_INT64:
        case MDL_TYPE_TIMESTAMP:
            vector->values = batch->longs[f];
            break;
        case MDL_TYPE_FLOAT64:
            vector->values = batch->reals;
            break;
        case MDL_TYPE_BOOL:
            vector->values = batch->flags;
            break;
        case MDL_TYPE_STRING:
            vector->values = batch->strings[f];
            break;
        }
        /* Every other column has NULLs, and one nothing else. */
        vector->validity = f == 9 ? batch->no_validity : f % 2 == 0 ? batch->validity : NULL;
    }
}

/* Ends a program that cannot go on; unlike Check's assertions outside of tests too. */
static inline void must(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

/* A table of rows [first, first + n) of an endless one that `seed` names. */
static inline mdl_table *make_store_table(mdl_context *context, uint64_t seed, int64_t first,
                                          int64_t n)
{
    mdl_table_builder *builder;
    mdl_table *table;
    store_batch *batch = calloc(1, sizeof *batch);
    must(batch != NULL);
    must(mdl_table_builder_create(context, store_fields, N_STORE_FIELDS, &builder, NULL) == MDL_OK);
    for (int64_t done = 0; done < n;) {
        const int64_t taken = n - done < STORE_BATCH_ROWS ? n - done : STORE_BATCH_ROWS;
        memset(batch->validity, 0, sizeof batch->validity);
        for (int64_t i = 0; i < taken; i++) {
            fill_store_row(batch, i, seed, first + done + i);
        }
        point_store_vectors(batch, taken);
        must(mdl_table_builder_append(builder, batch->vectors, taken, NULL) == MDL_OK);
        done += taken;
    }
    must(mdl_table_builder_finish(builder, &table, NULL) == MDL_OK);
    mdl_table_builder_free(builder);
    free(batch);
    return table;
}

/* A table of rows of another, blocks of which fall in slices: a row in three blocks is left out. */
static inline mdl_table *make_sliced_table(mdl_context *context, const mdl_table *from)
{
    const int64_t block_rows = mdli_context_block_rows(context);
    mdli_table_edit edits[3];
    mdl_table *table;
    int64_t n_edits = 0;
    for (int64_t row = block_rows / 2; n_edits < 3 && row < from->n_rows; row += block_rows) {
        edits[n_edits++] = (mdli_table_edit){.row = row, .new_row = -1, .drops_row = true};
    }
    must(mdli_table_apply_edits(context, from, NULL, edits, n_edits, &table, NULL) == MDL_OK);
    must(table->columns[3]->blocks[0]->encoding == MDL_ENCODING_SLICE); /* the first without NULL */
    return table;
}

static inline bool are_same_tables(mdl_context *context, const mdl_table *a, const mdl_table *b)
{
    char *first = table_text(context, a);
    char *second = table_text(context, b);
    bool is_same = strcmp(first, second) == 0 && mdl_table_n_columns(a) == mdl_table_n_columns(b);
    for (int32_t c = 0; is_same && c < mdl_table_n_columns(a); c++) {
        is_same =
            mdl_column_type(mdl_table_column(a, c)) == mdl_column_type(mdl_table_column(b, c));
    }
    free(first);
    free(second);
    return is_same;
}

#endif
