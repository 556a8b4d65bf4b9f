/* medallion describe: what a table is, and how it is held. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "session.h"
#include "table_cell.h"
#include "table_listing.h"
#include "table_view.h"

/* Writes the encodings of the column's blocks, as "delta", or "12 delta, 3 plain" when they differ.
 */
static void list_encodings(const mdl_column *column, char *text, size_t size)
{
    enum {
        N_ENCODINGS = MDL_ENCODING_SLICE + 1
    };
    int64_t n_blocks = mdl_column_n_blocks(column);
    int64_t counts[N_ENCODINGS] = {0};
    for (int64_t block = 0; block < n_blocks; block++) {
        mdl_encoding encoding;
        mdl_column_block_stats(column, block, &encoding);
        counts[encoding]++;
    }
    size_t used = 0;
    text[0] = '\0';
    for (int e = 0; e < N_ENCODINGS && used < size; e++) {
        if (counts[e] == n_blocks && n_blocks > 0) {
            snprintf(text, size, "%s", mdl_encoding_name((mdl_encoding)e));
            return;
        }
        if (counts[e] > 0) {
            used +=
                (size_t)snprintf(text + used, size - used, "%s%" PRId64 " %s", used > 0 ? ", " : "",
                                 counts[e], mdl_encoding_name((mdl_encoding)e));
        }
    }
}

/* The columns as declared; with `table` also how it holds them. */
static mdl_status add_columns(session *s, const mdl_model *model, const mdl_table *table,
                              mdl_table_builder *builder)
{
    mdl_status status = MDL_OK;
    for (int32_t i = 0; i < model->n_columns && status == MDL_OK; i++) {
        const mdl_model_column *declared = &model->columns[i];
        mdl_value row[LISTING_MAX_COLUMNS] = {listing_text(declared->name),
                                              listing_text(mdl_type_name(declared->type))};
        char encodings[160];
        int32_t n = 2;
        if (table != NULL) {
            const mdl_column *column = mdl_table_column(table, i);
            mdl_column_stats stats = mdl_column_get_stats(column);
            list_encodings(column, encodings, sizeof encodings);
            row[n++] = listing_integer(stats.n_nulls);
            row[n++] = listing_text(encodings);
            row[n++] = listing_integer(stats.size_bytes);
        }
        row[n++] = listing_text(declared->description);
        status = listing_add(builder, row, n, &s->error);
    }
    return status;
}

static mdl_status print_columns(session *s, const mdl_model *model, const mdl_table *table)
{
    static const mdl_field plain_fields[] = {
        {"column", MDL_TYPE_STRING}, {"type", MDL_TYPE_STRING}, {"description", MDL_TYPE_STRING}};
    static const mdl_field data_fields[] = {
        {"column", MDL_TYPE_STRING},   {"type", MDL_TYPE_STRING}, {"nulls", MDL_TYPE_INT64},
        {"encoding", MDL_TYPE_STRING}, {"bytes", MDL_TYPE_INT64}, {"description", MDL_TYPE_STRING}};
    mdl_table_builder *builder = NULL;
    mdl_status status =
        mdl_table_builder_create(s->context, table != NULL ? data_fields : plain_fields,
                                 table != NULL ? 6 : 3, &builder, &s->error);
    if (status == MDL_OK) {
        status = add_columns(s, model, table, builder);
    }
    if (status == MDL_OK) {
        status = view_listing(s, builder);
    }
    mdl_table_builder_free(builder);
    return status;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static int describe_sum(const mdl_test *test, char *text, size_t size)
{
    const char *to_columns = test->to_columns != NULL ? test->to_columns : test->columns;
    return to_columns[0] == '\0'
               ? snprintf(text, size, "sum(%s) = rows of %s", test->columns, test->to)
               : snprintf(text, size, "sum(%s) = sum(%s) of %s", test->columns, to_columns,
                          test->to);
}

static int describe_range(const mdl_test *test, char *text, size_t size)
{
    if (test->least == NULL || test->greatest == NULL) {
        return snprintf(text, size, "%s %s %s", test->columns, test->least != NULL ? ">=" : "<=",
                        test->least != NULL ? test->least : test->greatest);
    }
    return snprintf(text, size, "%s between %s and %s", test->columns, test->least, test->greatest);
}

/* The rule in the manner of SQL: "rating between 0.5 and 5.0". */
static void describe_rule(const mdl_test *test, char *text, size_t size)
{
    const char *columns = test->columns;
    int n = 0;
    switch (test->kind) {
    case MDL_TEST_NOT_NULL:
        n = snprintf(text, size, "%s is not null", columns);
        break;
    case MDL_TEST_UNIQUE:
        n = snprintf(text, size, "no repeats of %s", columns);
        break;
    case MDL_TEST_ACCEPTED_VALUES:
        n = snprintf(text, size, "%s in (%s)", columns, test->values);
        break;
    case MDL_TEST_ACCEPTED_RANGE:
        n = describe_range(test, text, size);
        break;
    case MDL_TEST_RELATIONSHIPS:
        n = snprintf(text, size, "%s in %s(%s)", columns, test->to,
                     test->to_columns != NULL ? test->to_columns : columns);
        break;
    case MDL_TEST_ROW_COUNT_EQUAL:
        n = snprintf(text, size, "as many rows as %s", test->to);
        break;
    case MDL_TEST_SUM_EQUAL:
        n = describe_sum(test, text, size);
        break;
    case MDL_TEST_EXPRESSION:
        n = snprintf(text, size, "%s", test->expression);
        break;
    case MDL_TEST_CALLBACK:
        n = snprintf(text, size, "%s", "a function");
        break;
    }
    if (test->where != NULL && n >= 0 && (size_t)n < size) {
        snprintf(text + n, size - (size_t)n, ", where %s", test->where);
    }
}

static mdl_status print_tests(session *s, const mdl_model *model)
{
    static const mdl_field fields[] = {{"test", MDL_TYPE_STRING},
                                       {"severity", MDL_TYPE_STRING},
                                       {"rule", MDL_TYPE_STRING},
                                       {"description", MDL_TYPE_STRING}};
    mdl_table_builder *builder = NULL;
    int32_t n_tests = mdl_warehouse_n_tests(s->warehouse, model->name);
    if (n_tests == 0) {
        return MDL_OK;
    }
    mdl_status status = mdl_table_builder_create(s->context, fields, 4, &builder, &s->error);
    for (int32_t i = 0; i < n_tests && status == MDL_OK; i++) {
        const mdl_test *test = mdl_warehouse_get_test(s->warehouse, model->name, i);
        char name[256], rule[512];
        mdl_test_name(test, model->name, name, sizeof name);
        describe_rule(test, rule, sizeof rule);
        const char *severity = test->severity == MDL_SEVERITY_ERROR ? "error" : "warn";
        const mdl_value row[] = {listing_text(name), listing_text(severity), listing_text(rule),
                                 listing_text(test->description != NULL ? test->description : "")};
        status = listing_add(builder, row, 4, &s->error);
    }
    if (status == MDL_OK) {
        put_text(&s->output, "\n");
        status = view_listing(s, builder);
    }
    mdl_table_builder_free(builder);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* What only a snapshot has. */
static void print_snapshot(session *s, const mdl_snapshot *snapshot)
{
    put_format(&s->output, "history of: %s\ncheck: %s\nhard deletes: %s\n", snapshot->table,
               snapshot->check != NULL ? snapshot->check : "all columns but the key",
               mdl_hard_deletes_name(snapshot->hard_deletes));
}

static void print_declaration(session *s, const mdl_model *model, const mdl_table *table)
{
    text_output *output = &s->output;
    put_format(output, "%s (%s, %s)\n", model->name, mdl_layer_name(model->layer),
               mdl_materialization_name(model->materialization));
    put_format(output, "%s\n", model->description);
    for (int32_t i = 0; i < model->n_refs; i++) {
        put_format(output, "%s%s", i == 0 ? "built from: " : ", ", model->refs[i]);
    }
    put_text(output, model->n_refs > 0 ? "\n" : "");
    if (model->key != NULL) {
        put_format(output, "key: %s\n", model->key);
    }
    if (model->tags != NULL) {
        put_format(output, "tags: %s\n", model->tags);
    }
    const mdl_snapshot *snapshot = mdl_warehouse_find_snapshot(s->warehouse, model->name);
    if (snapshot != NULL) {
        print_snapshot(s, snapshot);
    }
    if (table != NULL) {
        char rows[32], bytes[32];
        put_format(output, "rows: %s, bytes: %s\n", grouped_digits(mdl_table_n_rows(table), rows),
                   grouped_digits(mdl_table_size_bytes(table), bytes));
    }
}

static mdl_status describe(session *s)
{
    const cli_settings *settings = s->settings;
    const char *name = settings->arguments[0];
    int n_paths = settings->n_arguments - 1;
    const mdl_model *model = NULL;
    const mdl_table *table = NULL;
    mdl_status status = session_find_model(s, name, &model);
    if (status == MDL_OK && (n_paths > 0 || s->store != NULL)) {
        status = session_get_table(s, name, settings->arguments + 1, n_paths, &table);
    }
    if (status == MDL_OK) {
        run_lines_stop_progress(&s->lines);
        print_declaration(s, model, table);
        status = print_columns(s, model, table);
    }
    return status == MDL_OK ? print_tests(s, model) : status;
}

static exit_code run_describe(const cli_settings *settings)
{
    session s;
    mdl_status status = session_open(&s, "describe", settings, false, STORE_READ);
    if (status == MDL_OK) {
        status = describe(&s);
    }
    return session_close(&s, status);
}

static const option_group *const describe_groups[] = {&version_options, &load_options,
                                                      &display_options};

const cli_command describe_command = {
    .name = "describe",
    .arguments = "TABLE [DATA... | --store DIR]",
    .summary = "columns and tests of a table; with data also how it is held",
    .details = "Prints what TABLE is, what it is built from, its columns with types and "
               "descriptions, and its tests. With DATA (folders or files, as for build), from "
               "which it builds TABLE, or with a store, also rows, and the encoding and the bytes "
               "of each column. Columns that a table shares with another are counted in both.",
    .min_arguments = 1,
    .max_arguments = -1,
    .data = DATA_OR_STORE_OR_NO,
    .groups = describe_groups,
    .n_groups = 3,
    .run = run_describe,
};
