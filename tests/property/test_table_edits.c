/*
 * Tables that are edited time and again hold what a plain array holds to which the same was done;
 * their blocks stay within the bounds that table_edit.c promises; and stores give every version
 * back, as long as it is kept.
 */
#include <stdio.h>
#include <string.h>

#include "support/fake_files.h"
#include "support/random.h"
#include "support/run_suite.h"

#include "column/block_internal.h"
#include "operators/rowset.h"
#include "operators/table_edit.h"
#include "store/store_internal.h"

enum {
    N_ROWS_MAX = 40000,
    N_FIELDS = 8,
    N_EDITS_MAX = 3000,
    N_WORDS_MAX = 4000,
    N_FIRST_WORDS = 5, /* that tables are made of at first */
    N_NEW_WORDS = 9    /* that come with edits */
};

/* A column of runs, some that become slices, and some that cannot. */
static const mdl_field fields[N_FIELDS] = {
    {"user", MDL_TYPE_INT32},   {"movie", MDL_TYPE_INT32}, {"rating", MDL_TYPE_DECIMAL},
    {"at", MDL_TYPE_TIMESTAMP}, {"flag", MDL_TYPE_BOOL},   {"real", MDL_TYPE_FLOAT64},
    {"maybe", MDL_TYPE_INT64},  {"word", MDL_TYPE_STRING},
};

typedef struct model_row {
    int32_t user;
    int32_t movie;
    int32_t rating;
    int64_t at;
    uint8_t flag;
    double real;
    int64_t maybe; /* 0 = NULL */
    int32_t word;  /* in `words` */
} model_row;

typedef struct model {
    int64_t n_rows;
    model_row *rows;
} model;

static char words[N_WORDS_MAX][32] = {"", "a", "short", "rather longer than that", "word"};
static int32_t n_words; /* in use so far */

static mdl_context *context;
static int n_context_threads;

static void start(int64_t block_rows, int n_threads)
{
    mdl_context_options options;
    n_words = N_FIRST_WORDS;
    for (int i = N_FIRST_WORDS; i < N_WORDS_MAX; i++) {
        snprintf(words[i], sizeof words[i], "%d%s", i, i % 3 == 0 ? " is longer than others" : "");
    }
    mdl_context_options_init(&options);
    options.block_rows = block_rows;
    options.n_threads = n_threads;
    n_context_threads = n_threads;
    ck_assert_int_eq(mdl_context_create(&options, &context, NULL), MDL_OK);
}

static void finish(void)
{
    /* Threads, once started, stay as long as the context. */
    ck_assert(n_context_threads > 1 || mdl_context_memory_in_use(context) == 0);
    mdl_context_free(context);
}

static model_row random_row(test_random *random, int64_t number)
{
    return (model_row){
        .user = (int32_t)(number / 150),
        .movie = (int32_t)(number % 150 * 7 + (int64_t)test_random_below(random, 7)),
        .rating = 50 * (int32_t)(1 + test_random_below(random, 10)),
        .at = 1500000000 + number / 30 * 100000 + (int64_t)test_random_below(random, 3000),
        .flag = (uint8_t)test_random_below(random, 2),
        .real = (double)test_random_below(random, 1000) / 8,
        .maybe = (int64_t)test_random_below(random, 5),
        .word = (int32_t)test_random_below(random, (uint64_t)n_words),
    };
}

/* ---- Tables of rows ---- */

static void *allocate(size_t size)
{
    void *memory = calloc(1, size + 1);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

#define FILL(ctype, member)                                                                        \
    do {                                                                                           \
        ctype *values = allocate((size_t)n * sizeof *values);                                      \
        for (int64_t i = 0; i < n; i++) {                                                          \
            values[i] = rows[i].member;                                                            \
        }                                                                                          \
        vectors[f].values = values;                                                                \
    } while (0)

static mdl_table *table_of(const model_row *rows, int64_t n)
{
    mdl_table_builder *builder;
    mdl_table *table;
    mdl_vector vectors[N_FIELDS];
    uint64_t *validity = allocate((size_t)(n + 63) / 64 * 8);
    mdl_string *texts = allocate((size_t)n * sizeof *texts);
    for (int64_t i = 0; i < n; i++) {
        validity[i / 64] |= (uint64_t)(rows[i].maybe != 0) << i % 64;
        texts[i] = (mdl_string){words[rows[i].word], (int64_t)strlen(words[rows[i].word])};
    }
    for (int f = 0; f < N_FIELDS; f++) {
        vectors[f] = (mdl_vector){.type = fields[f].type, .n_rows = n};
        switch (f) {
        case 0:
            FILL(int32_t, user);
            break;
        case 1:
            FILL(int32_t, movie);
            break;
        case 2:
            FILL(int32_t, rating);
            break;
        case 3:
            FILL(int64_t, at);
            break;
        case 4:
            FILL(uint8_t, flag);
            break;
        case 5:
            FILL(double, real);
            break;
        case 6:
            FILL(int64_t, maybe);
            vectors[f].validity = validity;
            break;
        default:
            vectors[f].values = texts;
            break;
        }
    }
    ck_assert_int_eq(mdl_table_builder_create(context, fields, N_FIELDS, &builder, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_append(builder, vectors, n, NULL), MDL_OK);
    ck_assert_int_eq(mdl_table_builder_finish(builder, &table, NULL), MDL_OK);
    mdl_table_builder_free(builder);
    for (int f = 0; f < N_FIELDS; f++) {
        free((void *)vectors[f].values);
    }
    free(validity);
    return table;
}

/* Whether row `i` of vectors is a row of the model; each vector may be without text or NULLs. */
static bool is_row(const mdl_vector *vectors, int64_t i, const model_row *row)
{
    const mdl_string word = mdl_vector_string(&vectors[7], i);
    const bool is_null = mdl_vector_is_null(&vectors[6], i);
    return ((const int32_t *)vectors[0].values)[i] == row->user &&
           ((const int32_t *)vectors[1].values)[i] == row->movie &&
           ((const int32_t *)vectors[2].values)[i] == row->rating &&
           ((const int64_t *)vectors[3].values)[i] == row->at &&
           ((const uint8_t *)vectors[4].values)[i] == row->flag &&
           ((const double *)vectors[5].values)[i] == row->real && is_null == (row->maybe == 0) &&
           (is_null || ((const int64_t *)vectors[6].values)[i] == row->maybe) &&
           word.size_bytes == (int64_t)strlen(words[row->word]) &&
           memcmp(word.data, words[row->word], (size_t)word.size_bytes) == 0;
}

/* Reads the table in ranges of random lengths, which start anywhere. */
static void assert_same(const mdl_table *table, const model *m, test_random *random)
{
    mdli_decode_buffer buffers[N_FIELDS];
    mdl_vector vectors[N_FIELDS];
    ck_assert_int_eq(mdl_table_n_rows(table), m->n_rows);
    for (int f = 0; f < N_FIELDS; f++) {
        mdli_decode_buffer_init(&buffers[f], context);
    }
    for (int64_t row = 0; row < m->n_rows;) {
        int64_t n = 1 + (int64_t)test_random_below(random, 5000);
        n = n < m->n_rows - row ? n : m->n_rows - row;
        for (int f = 0; f < N_FIELDS; f++) {
            ck_assert_int_eq(
                mdli_column_read(table->columns[f], row, n, &buffers[f], &vectors[f], NULL),
                MDL_OK);
        }
        for (int64_t i = 0; i < n; i++) {
            if (!is_row(vectors, i, &m->rows[row + i])) {
                ck_abort_msg("row %d is another", (int)(row + i));
            }
        }
        row += n;
    }
    for (int f = 0; f < N_FIELDS; f++) {
        mdli_decode_buffer_free(&buffers[f]);
    }
}

/* ---- What blocks look like ---- */

static void assert_blocks_are_sound(const mdl_column *column)
{
    mdli_decode_buffer buffer;
    mdli_decode_buffer_init(&buffer, context);
    for (int64_t b = 0; b < column->n_blocks; b++) {
        const char *fault;
        ASSERT_IN_LOOP(mdli_block_check(column->blocks[b], &buffer, &fault, NULL) == MDL_OK,
                       "block %d", (int)b);
        ASSERT_IN_LOOP(fault == NULL, "block %d: %s", (int)b, fault);
    }
    mdli_decode_buffer_free(&buffer);
}

/* Slices are of a piece at least, and show at least half of their parents. */
static void assert_bounds(const mdl_column *column, int64_t piece_rows)
{
    for (int64_t b = 0; b < column->n_blocks; b++) {
        const mdli_block *parent = column->blocks[b]->parent;
        int64_t n_shown = 0;
        ASSERT_IN_LOOP(parent == NULL || column->blocks[b]->n_rows >= piece_rows, "block %d",
                       (int)b);
        for (int64_t other = 0; parent != NULL && other < column->n_blocks; other++) {
            n_shown += column->blocks[other]->parent == parent ? column->blocks[other]->n_rows : 0;
        }
        ASSERT_IN_LOOP(parent == NULL || n_shown >= parent->n_rows / 2, "block %d", (int)b);
    }
}

/* The bounds of a column are values of it, though a slice's may be its parent's. */
static void assert_exact_bounds(const mdl_column *column)
{
    mdli_decode_buffer buffer;
    int64_t least = INT64_MAX;
    int64_t greatest = INT64_MIN;
    mdli_decode_buffer_init(&buffer, context);
    for (int64_t b = 0; b < column->n_blocks; b++) {
        mdl_vector values;
        ck_assert_int_eq(mdli_block_decode(column->blocks[b], 0, column->blocks[b]->n_rows, &buffer,
                                           &values, NULL),
                         MDL_OK);
        for (int64_t i = 0; i < values.n_rows; i++) {
            const int64_t value = mdli_vector_integer(&values, i);
            least = value < least ? value : least;
            greatest = value > greatest ? value : greatest;
        }
    }
    mdli_decode_buffer_free(&buffer);
    ck_assert(column->n_rows == 0 ||
              (column->stats.min.as.integer == least && column->stats.max.as.integer == greatest));
}

static void assert_well_cut(const mdl_table *table, int64_t block_rows)
{
    const int64_t piece_rows = (block_rows + MDLI_BLOCK_PIECES - 1) / MDLI_BLOCK_PIECES;
    const mdl_column *first = table->columns[0];
    for (int f = 0; f < N_FIELDS; f++) {
        const mdl_column *column = table->columns[f];
        assert_blocks_are_sound(column);
        assert_bounds(column, piece_rows);
        if (mdli_type_is_integer(column->type) && column->stats.n_nulls == 0) {
            assert_exact_bounds(column);
        }
        ck_assert_int_eq(column->n_blocks, first->n_blocks);
        ck_assert_mem_eq(column->row_starts, first->row_starts,
                         (size_t)(column->n_blocks + 1) * sizeof(int64_t));
    }
    /* Two neighbours are a piece together, or nothing was ever edited near them. */
    ck_assert_int_le(first->n_blocks, 2 * (table->n_rows / piece_rows + 1));
}

static int64_t count_slices(const mdl_table *table)
{
    int64_t n = 0;
    for (int f = 0; f < N_FIELDS; f++) {
        for (int64_t b = 0; b < table->columns[f]->n_blocks; b++) {
            n += table->columns[f]->blocks[b]->encoding == MDL_ENCODING_SLICE;
        }
    }
    return n;
}

/* ---- Edits ---- */

typedef struct edit_list {
    int64_t n_edits;
    mdli_table_edit edits[N_EDITS_MAX];
    int64_t n_new;
    model_row rows[N_EDITS_MAX];
} edit_list;

/*
 * A few places, at each of which some rows come, go or are replaced, close to each other; or now
 * and then places all over the table.
 */
static void make_edits(test_random *random, int64_t n_rows, edit_list *list)
{
    const bool is_scattered = test_random_below(random, 6) == 0;
    const int64_t n_places = 1 + (int64_t)test_random_below(random, is_scattered ? 500 : 8);
    int64_t row = 0;
    list->n_edits = 0;
    list->n_new = 0;
    n_words += N_NEW_WORDS;
    for (int64_t p = 0; p < n_places && row < n_rows; p++) {
        const int64_t n_near = is_scattered ? 1 : 1 + (int64_t)test_random_below(random, 60);
        row += (int64_t)test_random_below(random, (uint64_t)(2 * n_rows / n_places + 1));
        for (int64_t i = 0; i < n_near && row <= n_rows; i++) {
            const uint64_t what = row == n_rows ? 0 : test_random_below(random, 3);
            mdli_table_edit *edit = &list->edits[list->n_edits++];
            *edit = (mdli_table_edit){.row = row, .new_row = -1, .drops_row = what > 0};
            if (what < 2) {
                list->rows[list->n_new] = random_row(random, row);
                edit->new_row = list->n_new++;
            }
            row += edit->drops_row ? 1 + (int64_t)test_random_below(random, 4)
                                   : (int64_t)test_random_below(random, 4);
        }
    }
}

/* Does to an array what edits do to a table. */
static void edit_model(model *m, const edit_list *list)
{
    model_row *rows = allocate((size_t)(m->n_rows + list->n_new) * sizeof *rows);
    int64_t n = 0;
    int64_t from = 0;
    for (int64_t e = 0; e < list->n_edits; e++) {
        const mdli_table_edit *edit = &list->edits[e];
        while (from < edit->row) {
            rows[n++] = m->rows[from++];
        }
        if (edit->new_row >= 0) {
            rows[n++] = list->rows[edit->new_row];
        }
        from += edit->drops_row;
    }
    while (from < m->n_rows) {
        rows[n++] = m->rows[from++];
    }
    free(m->rows);
    *m = (model){.n_rows = n, .rows = rows};
}

static mdl_table *edit_table(const mdl_table *base, const edit_list *list)
{
    mdl_error error = MDL_ERROR_INIT;
    mdl_table *changes = list->n_new > 0 ? table_of(list->rows, list->n_new) : NULL;
    mdl_table *out;
    mdl_status status =
        mdli_table_apply_edits(context, base, changes, list->edits, list->n_edits, &out, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    mdl_table_free(changes);
    return out;
}

static model random_model(test_random *random, int64_t n_rows)
{
    model m = {.n_rows = n_rows, .rows = allocate((size_t)n_rows * sizeof *m.rows)};
    for (int64_t i = 0; i < n_rows; i++) {
        m.rows[i] = random_row(random, i);
    }
    return m;
}

static const int64_t block_rows_of[] = {1, 7, 64, 1000, 16384, 65536};

enum {
    N_BLOCK_ROWS = sizeof block_rows_of / sizeof block_rows_of[0],
    N_ROUNDS = 25
};

START_TEST(edited_tables_are_edited_arrays)
{
    const int64_t block_rows = block_rows_of[_i];
    test_random random = test_random_start("edited_tables_are_edited_arrays");
    edit_list *list = allocate(sizeof *list);
    start(block_rows, 1 + _i % 2);
    model m = random_model(&random, block_rows < 1000 ? block_rows * 100 : N_ROWS_MAX);
    mdl_table *table = table_of(m.rows, m.n_rows);
    int64_t n_slices = 0;
    for (int round = 0; round < N_ROUNDS && m.n_rows > 0; round++) {
        make_edits(&random, m.n_rows, list);
        mdl_table *edited = edit_table(table, list);
        edit_model(&m, list);
        assert_same(edited, &m, &random);
        assert_well_cut(edited, block_rows);
        n_slices += count_slices(edited);
        mdl_table_free(table);
        table = edited;
    }
    ck_assert(n_slices > 0 || block_rows == 1);
    mdl_table_free(table);
    free(m.rows);
    free(list);
    finish();
}
END_TEST

/* Many days on which a few rows come at one place each: no day makes much of the table anew, and
 * the table does not fall to pieces. */
START_TEST(days_do_not_add_up)
{
    enum {
        N_DAYS = 120,
        BLOCK_ROWS = 16384,
        N_CAME = 40
    };
    test_random random = test_random_start("days_do_not_add_up");
    edit_list *list = allocate(sizeof *list);
    start(BLOCK_ROWS, 1);
    model m = random_model(&random, N_ROWS_MAX);
    mdl_table *table = table_of(m.rows, m.n_rows);
    int64_t n_kept = 0;
    int64_t n_all = 0;
    for (int day = 0; day < N_DAYS; day++) {
        const int64_t place = (int64_t)test_random_below(&random, (uint64_t)m.n_rows);
        list->n_edits = list->n_new = N_CAME;
        for (int i = 0; i < N_CAME; i++) {
            list->rows[i] = random_row(&random, place);
            list->edits[i] = (mdli_table_edit){.row = place, .new_row = i};
        }
        mdl_table *edited = edit_table(table, list);
        edit_model(&m, list);
        const mdl_column *column = edited->columns[1];
        for (int64_t b = 0; b < column->n_blocks; b++) {
            n_kept +=
                column->blocks[b]->encoding == MDL_ENCODING_SLICE ? column->blocks[b]->n_rows : 0;
        }
        n_all += m.n_rows;
        mdl_table_free(table);
        table = edited;
    }
    assert_same(table, &m, &random);
    assert_well_cut(table, BLOCK_ROWS);
    /* The stretch that a day falls in is encoded anew when it shows less than half of its parent, so
     * how much is kept depends on where the days fall: about half of all rows. */
    ck_assert_int_gt(n_kept, n_all / 4);
    mdl_table_free(table);
    free(m.rows);
    free(list);
    finish();
}
END_TEST

/* ---- Texts ---- */

static void assert_starts_with(const mdli_dictionary *dictionary, const mdli_dictionary *start)
{
    for (int64_t i = 0; i < start->n_entries; i++) {
        ASSERT_IN_LOOP(mdli_is_same_text(dictionary->entries[i], start->entries[i]), "entry %d",
                       (int)i);
    }
}

/* Rows with texts of their own, and rows with known ones, put in before `place`. */
static void put_in_words(test_random *random, edit_list *list, int64_t place, int32_t n)
{
    list->n_edits = list->n_new = n;
    for (int32_t i = 0; i < n; i++) {
        list->rows[i] = random_row(random, place);
        list->rows[i].word = i % 2 == 0 ? N_FIRST_WORDS + i / 2 : i / 2 % N_FIRST_WORDS;
        list->edits[i] = (mdli_table_edit){.row = place, .new_row = i};
    }
}

/* Texts that the base does not have are put behind its own, and its blocks keep their codes. */
START_TEST(new_texts_come_behind_known_ones)
{
    enum {
        BLOCK_ROWS = 1000,
        N_CAME = 40
    };
    test_random random = test_random_start("new_texts_come_behind_known_ones");
    edit_list *list = allocate(sizeof *list);
    start(BLOCK_ROWS, 1);
    model m = random_model(&random, N_ROWS_MAX / 2);
    mdl_table *table = table_of(m.rows, m.n_rows);
    const mdl_column *base = table->columns[N_FIELDS - 1];
    put_in_words(&random, list, 5 * BLOCK_ROWS + 10, N_CAME);
    mdl_table *edited = edit_table(table, list);
    const mdl_column *column = edited->columns[N_FIELDS - 1];
    edit_model(&m, list);
    assert_same(edited, &m, &random);
    ck_assert_ptr_nonnull(column->dictionary);
    ck_assert_int_eq(column->dictionary->n_entries, N_FIRST_WORDS + N_CAME / 2);
    assert_starts_with(column->dictionary, base->dictionary);
    for (int64_t b = 0; b < 5; b++) {
        const int64_t from_end = base->n_blocks - 1 - b;
        ck_assert(mdli_blocks_have_same_bytes(column->blocks[b], base->blocks[b]));
        ck_assert(mdli_blocks_have_same_bytes(column->blocks[column->n_blocks - 1 - b],
                                              base->blocks[from_end]));
    }
    /* What is all known takes the dictionary as it is. */
    mdl_table *again = edit_table(edited, list);
    edit_model(&m, list);
    assert_same(again, &m, &random);
    ck_assert_ptr_eq(again->columns[N_FIELDS - 1]->dictionary, column->dictionary);
    ck_assert_ptr_eq(again->columns[N_FIELDS - 1]->blocks[0], column->blocks[0]);
    mdl_table_free(again);
    mdl_table_free(edited);
    mdl_table_free(table);
    free(m.rows);
    free(list);
    finish();
}
END_TEST

/* A dictionary does not grow beyond what it saves. */
START_TEST(dictionaries_that_do_not_pay_are_left)
{
    test_random random = test_random_start("dictionaries_that_do_not_pay_are_left");
    edit_list *list = allocate(sizeof *list);
    start(64, 1);
    model m = random_model(&random, 300);
    mdl_table *table = table_of(m.rows, m.n_rows);
    ck_assert_ptr_nonnull(table->columns[N_FIELDS - 1]->dictionary);
    put_in_words(&random, list, 100, N_EDITS_MAX);
    mdl_table *edited = edit_table(table, list);
    edit_model(&m, list);
    assert_same(edited, &m, &random);
    ck_assert_ptr_null(edited->columns[N_FIELDS - 1]->dictionary);
    mdl_table_free(edited);
    mdl_table_free(table);
    free(m.rows);
    free(list);
    finish();
}
END_TEST

/* ---- Stores ---- */

static void assert_version(const mdli_file_system *files, int64_t version, const model *m,
                           test_random *random)
{
    mdl_store_options options;
    mdl_error error = MDL_ERROR_INIT;
    mdl_store *store;
    mdl_table *table;
    mdl_store_options_init(&options);
    options.read_only = true;
    options.version = version;
    mdl_status status = mdli_store_open_with(context, files, "/store", &options, &store, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    ck_assert_msg(mdl_store_check(store, &error) == MDL_OK, "%s", error.message);
    status = mdl_store_read_table(store, "t", NULL, 0, &table, &error);
    ck_assert_msg(status == MDL_OK, "%s", error.message);
    assert_same(table, m, random);
    mdl_table_free(table);
    mdl_store_close(store);
}

static model copy_model(const model *m)
{
    model copy = {.n_rows = m->n_rows, .rows = allocate((size_t)m->n_rows * sizeof *m->rows)};
    memcpy(copy.rows, m->rows, (size_t)m->n_rows * sizeof *m->rows);
    return copy;
}

/* Versions that edits made of each other, by one process or several. */
START_TEST(stores_give_versions_back)
{
    enum {
        N_VERSIONS = 8,
        N_KEPT = 2
    };
    static const int64_t sizes[] = {20, 300, 4096};
    test_random random = test_random_start("stores_give_versions_back");
    edit_list *list = allocate(sizeof *list);
    start(sizes[_i], 1 + _i % 2);
    fake_files *fake = fake_files_new();
    const mdli_file_system files = fake_file_system(fake);
    model versions[N_VERSIONS];
    model m = random_model(&random, sizes[_i] * 9);
    mdl_table *table = table_of(m.rows, m.n_rows);
    mdl_store *store;
    mdl_error error = MDL_ERROR_INIT;
    ck_assert_int_eq(mdli_store_open_with(context, &files, "/store", NULL, &store, NULL), MDL_OK);
    for (int v = 0; v < N_VERSIONS; v++) {
        /* The table as it was first stays beside the edited one until the third version. */
        const mdl_store_item items[] = {{"t", table}, {"first", v == 0 ? table : NULL}};
        mdl_status status = mdl_store_commit(store, items, v < 3 ? 2 : 1, NULL, 0, &error);
        ck_assert_msg(status == MDL_OK, "%s", error.message);
        versions[v] = copy_model(&m);
        if (test_random_below(&random, 2) == 0) {
            mdl_table_free(table);
            mdl_store_close(store);
            status = mdli_store_open_with(context, &files, "/store", NULL, &store, &error);
            ck_assert_msg(status == MDL_OK, "%s", error.message);
            status = mdl_store_read_table(store, "t", NULL, 0, &table, &error);
            ck_assert_msg(status == MDL_OK, "%s", error.message);
        }
        make_edits(&random, m.n_rows, list);
        mdl_table *edited = edit_table(table, list);
        edit_model(&m, list);
        mdl_table_free(table);
        table = edited;
    }
    for (int v = 0; v < N_VERSIONS; v++) {
        assert_version(&files, v + 1, &versions[v], &random);
    }
    ck_assert_msg(mdl_store_clone(store, "/clone", &error) == MDL_OK, "%s", error.message);
    ck_assert_msg(mdl_store_vacuum(store, N_KEPT, NULL, &error) == MDL_OK, "%s", error.message);
    for (int v = N_VERSIONS - N_KEPT; v < N_VERSIONS; v++) {
        assert_version(&files, v + 1, &versions[v], &random);
    }
    mdl_table_free(table);
    mdl_store_close(store);
    for (int v = 0; v < N_VERSIONS; v++) {
        free(versions[v].rows);
    }
    fake_files_free(fake);
    free(m.rows);
    free(list);
    finish();
}
END_TEST

static Suite *table_edits_suite(void)
{
    Suite *suite = suite_create("table edits");
    TCase *property = tcase_create("property");
    tcase_add_loop_test(property, edited_tables_are_edited_arrays, 0, N_BLOCK_ROWS);
    tcase_add_test(property, days_do_not_add_up);
    tcase_add_test(property, new_texts_come_behind_known_ones);
    tcase_add_test(property, dictionaries_that_do_not_pay_are_left);
    tcase_add_loop_test(property, stores_give_versions_back, 0, 3);
    tcase_set_timeout(property, 120);
    suite_add_tcase(suite, property);
    return suite;
}

int main(void)
{
    return run_suite(table_edits_suite());
}
