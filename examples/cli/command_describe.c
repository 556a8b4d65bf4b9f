/* medallion describe: what a table is, and how it is held. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "session.h"
#include "table_cell.h"
#include "table_listing.h"

/* Writes the encodings of the column's blocks, as "delta", or "12 delta, 3 plain" when they differ.
 */
static void list_encodings(const mdl_column *column, char *text, size_t size)
{
    enum {
        N_ENCODINGS = MDL_ENCODING_ZSTD + 1
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
    mdl_table *columns = NULL;
    mdl_status status =
        mdl_table_builder_create(s->context, table != NULL ? data_fields : plain_fields,
                                 table != NULL ? 6 : 3, &builder, &s->error);
    if (status == MDL_OK) {
        status = add_columns(s, model, table, builder);
    }
    if (status == MDL_OK) {
        status = mdl_table_builder_finish(builder, &columns, &s->error);
    }
    if (status == MDL_OK) {
        table_style style = session_table_style(s, 0);
        style.no_footer = true;
        status = print_table(s->context, columns, mdl_table_n_rows(columns), &style, &s->output,
                             &s->error);
    }
    mdl_table_free(columns);
    mdl_table_builder_free(builder);
    return status;
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
    if (table != NULL) {
        char rows[32], bytes[32];
        put_format(output, "rows: %s, bytes: %s\n", grouped_digits(mdl_table_n_rows(table), rows),
                   grouped_digits(mdl_table_size_bytes(table), bytes));
    }
}

static mdl_status describe(session *s)
{
    const char *name = s->settings->arguments[0];
    int n_paths = s->settings->n_arguments - 1;
    const mdl_model *model = NULL;
    const mdl_table *table = NULL;
    mdl_status status = session_find_model(s, name, &model);
    if (status == MDL_OK && n_paths > 0) {
        status = session_build_table(s, name, s->settings->arguments + 1, n_paths);
        table = mdl_warehouse_table(s->warehouse, name);
    }
    if (status == MDL_OK) {
        run_lines_stop_progress(&s->lines);
        print_declaration(s, model, table);
        status = print_columns(s, model, table);
    }
    return status;
}

static exit_code run_describe(const cli_settings *settings)
{
    session s;
    mdl_status status = session_open(&s, "describe", settings, false);
    if (status == MDL_OK) {
        status = describe(&s);
    }
    return session_close(&s, status);
}

static const option_group *const describe_groups[] = {&load_options, &display_options};

const cli_command describe_command = {
    .name = "describe",
    .arguments = "TABLE [DATA...]",
    .summary = "columns of a table; with data also how they are held",
    .details = "Prints what TABLE is, what it is built from, and its columns with types and "
               "descriptions. With DATA (folders or files, as for build) it also builds TABLE and "
               "prints rows, and the encoding and the bytes of each column. Columns that a table "
               "shares with another are counted in both.",
    .min_arguments = 1,
    .max_arguments = -1,
    .groups = describe_groups,
    .n_groups = 2,
    .run = run_describe,
};
