/*
 * Making a parser, and encoding the rows that it holds.
 */
#include "csv/csv_parser.h"

#include <string.h>

#include "base/context_internal.h"
#include "base/error.h"

enum {
    /* How far behind a chunk its last record is followed on the premise: most records are far
     * shorter. */
    OVERHANG_BYTES_MIN = 64,
    OVERHANG_BYTES_MAX = 65536
};

static mdl_status create_column(mdli_csv_parser *parser, int32_t index, mdl_error *error)
{
    static const int64_t value_sizes[] = {
#define VALUE_SIZE(name, value, text, size) [value] = size,
        MDL_TYPE_LIST(VALUE_SIZE)
#undef VALUE_SIZE
    };
    mdli_csv_staged *column = &parser->columns[index];
    column->target = &parser->options.schema->targets[index];
    column->kernels = parser->kernels;
    column->value_bytes = value_sizes[column->target->type];
    MDLI_TRY(mdli_allocate_array(parser->context, parser->rows_capacity,
                                 (size_t)column->value_bytes, "csv rows", &column->values, error));
    if (!column->target->is_required) {
        void *nulls;
        MDLI_TRY(mdli_allocate_array(parser->context, parser->rows_capacity, 1, "csv rows", &nulls,
                                     error));
        column->nulls = nulls;
    }
    if (column->target->type == MDL_TYPE_STRING) {
        MDLI_TRY(mdli_growing_dictionary_create(parser->context, &column->dictionary, error));
    }
    return MDL_OK;
}

/* More rows than a chunk can have are never staged: a record has a byte and a line end or comma per
 * field. */
static int64_t rows_capacity(const mdl_context *context, const mdli_csv_parser_options *options)
{
    int64_t n_fields = options->schema->n_fields;
    int64_t record_bytes = n_fields < 2 ? 2 : n_fields;
    int64_t n_rows = options->chunk_bytes / record_bytes + 1;
    int64_t block_rows = mdli_context_block_rows(context);
    return n_rows < block_rows ? n_rows : block_rows;
}

static int64_t overhang_bytes(int64_t chunk_bytes)
{
    int64_t bytes = chunk_bytes / 16;
    if (bytes < OVERHANG_BYTES_MIN) {
        return OVERHANG_BYTES_MIN;
    }
    return bytes < OVERHANG_BYTES_MAX ? bytes : OVERHANG_BYTES_MAX;
}

static mdl_status allocate_buffers(mdli_csv_parser *parser, mdl_error *error)
{
    mdl_context *context = parser->context;
    const mdli_csv_schema *schema = parser->options.schema;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(context, (size_t)schema->n_targets * sizeof *parser->columns,
                                  "csv rows", &memory, error));
    parser->columns = memory;
    for (int32_t i = 0; i < schema->n_targets; i++) {
        MDLI_TRY(create_column(parser, i, error));
    }
    MDLI_TRY(mdli_allocate_array(context, (parser->rows_capacity + 63) / 64, sizeof(uint64_t),
                                 "csv rows", &memory, error));
    parser->validity = memory;
    MDLI_TRY(mdli_allocate_array(context, MDLI_CSV_BATCH_BYTES + MDLI_CSV_SCAN_SLACK,
                                 sizeof(uint16_t), "csv marks", &memory, error));
    parser->marks.positions = memory;
    MDLI_TRY(mdli_allocate_array(context, MDLI_CSV_BATCH_BYTES + MDLI_CSV_SCAN_SLACK, 1,
                                 "csv marks", &memory, error));
    parser->marks.kinds = memory;
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, MDLI_CSV_RUN_ROWS, "csv marks", &memory,
                                 error));
    parser->plain_kinds = memory;
    for (int64_t i = 0; i < schema->n_fields * MDLI_CSV_RUN_ROWS; i++) {
        parser->plain_kinds[i] = (i + 1) % schema->n_fields == 0 ? '\n' : ',';
    }
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, MDLI_CSV_LIST_ROWS * sizeof(uint16_t),
                                 "csv fields", &memory, error));
    parser->begins = memory;
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, MDLI_CSV_LIST_ROWS * sizeof(uint16_t),
                                 "csv fields", &memory, error));
    parser->ends = memory;
    MDLI_TRY(mdli_allocate_array(context, schema->n_fields, sizeof(mdli_csv_field), "csv fields",
                                 &memory, error));
    parser->fields = memory;
    return MDL_OK;
}

mdl_status mdli_csv_parser_create(mdl_context *context, const mdli_csv_parser_options *options,
                                  mdli_csv_parser **out, mdl_error *error)
{
    void *memory;
    *out = NULL;
    MDLI_TRY(mdli_allocate_zeroed(context, sizeof(mdli_csv_parser), "csv parser", &memory, error));
    mdli_csv_parser *parser = memory;
    parser->context = context;
    parser->options = *options;
    parser->kernels = mdli_kernels_for(mdl_context_simd(context));
    parser->overhang_bytes = overhang_bytes(options->chunk_bytes);
    parser->rows_capacity = rows_capacity(context, options);
    mdli_arena_init(&parser->texts, context, "csv texts");
    mdl_status status = allocate_buffers(parser, error);
    if (status != MDL_OK) {
        mdli_csv_parser_free(parser);
        return status;
    }
    *out = parser;
    return MDL_OK;
}

void mdli_csv_parser_free(mdli_csv_parser *parser)
{
    if (parser == NULL) {
        return;
    }
    mdl_context *context = parser->context;
    if (parser->columns != NULL) {
        for (int32_t i = 0; i < parser->options.schema->n_targets; i++) {
            mdli_free(context, parser->columns[i].values);
            mdli_free(context, parser->columns[i].nulls);
            mdli_dictionary_release(parser->columns[i].dictionary);
        }
    }
    mdli_free(context, parser->columns);
    mdli_free(context, parser->validity);
    mdli_free(context, parser->marks.positions);
    mdli_free(context, parser->marks.kinds);
    mdli_free(context, parser->plain_kinds);
    mdli_free(context, parser->begins);
    mdli_free(context, parser->ends);
    mdli_free(context, parser->fields);
    mdli_arena_reset(&parser->texts);
    mdli_free(context, parser);
}

/* The staged NULLs of a column as a bitmap, or NULL when there is none. */
static const uint64_t *make_validity(mdli_csv_parser *parser, const mdli_csv_staged *column)
{
    if (column->nulls == NULL || memchr(column->nulls, 1, (size_t)parser->n_rows) == NULL) {
        return NULL;
    }
    memset(parser->validity, 0, (size_t)(parser->n_rows + 63) / 64 * sizeof(uint64_t));
    for (int64_t i = 0; i < parser->n_rows; i++) {
        parser->validity[i >> 6] |= (uint64_t)!column->nulls[i] << (i & 63);
    }
    return parser->validity;
}

mdl_status mdli_csv_encode_rows(mdli_csv_parser *parser, mdli_csv_chunk *chunk, mdl_error *error)
{
    if (parser->n_rows == 0) {
        return MDL_OK;
    }
    int32_t n_columns = parser->options.schema->n_targets;
    void *blocks = chunk->blocks;
    MDLI_TRY(mdli_grow_array(parser->context, &blocks, &chunk->blocks_capacity, chunk->n_blocks,
                             chunk->n_blocks + n_columns, sizeof *chunk->blocks, "csv chunk",
                             error));
    chunk->blocks = blocks;
    for (int32_t i = 0; i < n_columns; i++) {
        const mdli_csv_staged *column = &parser->columns[i];
        mdl_vector values = {.type = column->target->type,
                             .n_rows = parser->n_rows,
                             .values = column->values,
                             .validity = make_validity(parser, column)};
        mdli_block **block = &chunk->blocks[chunk->n_blocks];
        if (values.type == MDL_TYPE_STRING) {
            MDLI_TRY(mdli_block_encode_loose_text(parser->context, &values, column->dictionary,
                                                  block, error));
        } else {
            MDLI_TRY(mdli_block_encode(parser->context, &values, NULL, block, error));
        }
        chunk->n_blocks++;
    }
    chunk->n_rows += parser->n_rows;
    parser->n_rows = 0;
    mdli_arena_reset(&parser->texts);
    return MDL_OK;
}
