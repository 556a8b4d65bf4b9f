/*
 * What a warehouse knows of its loads, as tables that a store keeps, and back.
 *
 * `_loads` has a row for each file, `_segments` one for each run of rows that came at once, and
 * `_layouts` the layouts of all segments one behind the other: a segment says which of its rows are
 * its own. Layouts are only read for an audit, or to add to them.
 */
#include "warehouse/load_log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "column/column_internal.h"
#include "column/table_rows.h"
#include "csv/csv_layout.h"
#include "csv/csv_rejects.h"
#include "operators/table_edit.h"

#define COUNT_OF(array) ((int32_t)(sizeof(array) / sizeof(array)[0]))

enum load_column {
    LOAD_PATH,
    LOAD_SOURCE,
    LOAD_SIZE_BYTES,
    LOAD_XXH3_128,
    LOAD_FIRST_ROW,
    LOAD_N_ROWS,
    LOAD_N_REJECTED,
    LOAD_ALREADY_LOADED,
    LOAD_SECONDS,
    LOAD_LOADED_AT,
    LOAD_ATTEMPT,
    N_LOAD_COLUMNS
};

static const mdl_field load_fields[N_LOAD_COLUMNS] = {
    [LOAD_PATH] = {"path", MDL_TYPE_STRING},
    [LOAD_SOURCE] = {"source", MDL_TYPE_STRING},
    [LOAD_SIZE_BYTES] = {"size_bytes", MDL_TYPE_INT64},
    [LOAD_XXH3_128] = {"xxh3_128", MDL_TYPE_STRING},
    [LOAD_FIRST_ROW] = {"first_row", MDL_TYPE_INT64},
    [LOAD_N_ROWS] = {"n_rows", MDL_TYPE_INT64},
    [LOAD_N_REJECTED] = {"n_rejected", MDL_TYPE_INT64},
    [LOAD_ALREADY_LOADED] = {"already_loaded", MDL_TYPE_BOOL},
    [LOAD_SECONDS] = {"seconds", MDL_TYPE_FLOAT64},
    [LOAD_LOADED_AT] = {"loaded_at", MDL_TYPE_TIMESTAMP},
    [LOAD_ATTEMPT] = {"attempt", MDL_TYPE_INT32},
};

enum segment_column {
    SEGMENT_SOURCE,
    SEGMENT_FIRST_ROW,
    SEGMENT_LOAD, /* its place in `_loads`; NULL = rows that a program appended */
    SEGMENT_N_REJECTED,
    SEGMENT_LAYOUT_ROW,    /* the first of its rows in `_layouts`; NULL = it has no layout */
    SEGMENT_N_LAYOUT_ROWS, /* likewise */
    N_SEGMENT_COLUMNS
};

static const mdl_field segment_fields[N_SEGMENT_COLUMNS] = {
    [SEGMENT_SOURCE] = {"source", MDL_TYPE_STRING},
    [SEGMENT_FIRST_ROW] = {"first_row", MDL_TYPE_INT64},
    [SEGMENT_LOAD] = {"load", MDL_TYPE_INT64},
    [SEGMENT_N_REJECTED] = {"n_rejected", MDL_TYPE_INT64},
    [SEGMENT_LAYOUT_ROW] = {"layout_row", MDL_TYPE_INT64},
    [SEGMENT_N_LAYOUT_ROWS] = {"n_layout_rows", MDL_TYPE_INT64},
};

static mdl_value integer_value(int64_t value)
{
    return (mdl_value){.as.integer = value};
}

static mdl_value text_value(const char *text)
{
    return (mdl_value){.as.text = {text, (int64_t)strlen(text)}};
}

/*
 * To tables.
 */

static mdl_status append_load(mdl_table_builder *builder, const mdl_load_info *info,
                              mdl_error *error)
{
    char hash[2 * sizeof info->xxh3_128 + 1];
    for (size_t i = 0; i < sizeof info->xxh3_128; i++) {
        snprintf(hash + 2 * i, 3, "%02x", info->xxh3_128[i]);
    }
    const mdl_value row[N_LOAD_COLUMNS] = {
        [LOAD_PATH] = text_value(info->path),
        [LOAD_SOURCE] = text_value(info->source),
        [LOAD_SIZE_BYTES] = integer_value(info->size_bytes),
        [LOAD_XXH3_128] = text_value(hash),
        [LOAD_FIRST_ROW] = integer_value(info->first_row),
        [LOAD_N_ROWS] = integer_value(info->n_rows),
        [LOAD_N_REJECTED] = integer_value(info->n_rejected),
        [LOAD_ALREADY_LOADED] = integer_value(info->already_loaded),
        [LOAD_SECONDS] = {.as.real = info->seconds},
        [LOAD_LOADED_AT] = integer_value(info->loaded_at),
        [LOAD_ATTEMPT] = integer_value(info->attempt),
    };
    return mdli_append_row(builder, load_fields, N_LOAD_COLUMNS, row, error);
}

static mdl_status write_loads(const mdl_warehouse *warehouse, mdl_table **out, mdl_error *error)
{
    mdl_table_builder *builder = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(
        mdl_table_builder_create(warehouse->context, load_fields, N_LOAD_COLUMNS, &builder, error));
    for (int64_t i = 0; i < warehouse->n_loads; i++) {
        MDLI_TRY_GOTO_DONE(append_load(builder, &warehouse->loads[i], error));
    }
    MDLI_TRY_GOTO_DONE(mdl_table_builder_finish(builder, out, error));
done:
    mdl_table_builder_free(builder);
    return status;
}

/* Whether a segment has a layout that the store does not have. */
static bool has_new_layout(const mdli_segment *segment)
{
    return segment->layout != NULL && segment->layout_row < 0;
}

/* Rows of a table in the store; 0 where there is none. */
static int64_t n_stored_rows(const mdl_warehouse *warehouse, const char *name)
{
    int64_t n_rows = mdl_store_table_rows(warehouse->store, name);
    return n_rows > 0 ? n_rows : 0;
}

static int64_t n_stored_layout_rows(const mdl_warehouse *warehouse)
{
    return n_stored_rows(warehouse, MDLI_TABLE_LAYOUTS);
}

/* Appends the row of a segment. `*next_layout_row` is where the next new layout will stand. */
static mdl_status append_segment(mdl_table_builder *builder, const mdli_segment *segment,
                                 int64_t *next_layout_row, mdl_error *error)
{
    int64_t layout_row = segment->layout_row;
    int64_t n_layout_rows = segment->n_layout_rows;
    if (has_new_layout(segment)) {
        layout_row = *next_layout_row;
        n_layout_rows = mdl_table_n_rows(segment->layout);
        *next_layout_row += n_layout_rows;
    }
    bool has_layout = layout_row >= 0;
    const mdl_value row[N_SEGMENT_COLUMNS] = {
        [SEGMENT_SOURCE] = text_value(mdli_sources[segment->source].model.name),
        [SEGMENT_FIRST_ROW] = integer_value(segment->first_row),
        [SEGMENT_LOAD] = {.is_null = segment->load < 0, .as.integer = segment->load},
        [SEGMENT_N_REJECTED] = integer_value(segment->n_rejected),
        [SEGMENT_LAYOUT_ROW] = {.is_null = !has_layout, .as.integer = layout_row},
        [SEGMENT_N_LAYOUT_ROWS] = {.is_null = !has_layout, .as.integer = n_layout_rows},
    };
    return mdli_append_row(builder, segment_fields, N_SEGMENT_COLUMNS, row, error);
}

static mdl_status write_segments(const mdl_warehouse *warehouse, mdl_table **out, mdl_error *error)
{
    mdl_table_builder *builder = NULL;
    mdl_status status;
    int64_t next_layout_row = n_stored_layout_rows(warehouse);
    MDLI_TRY_GOTO_DONE(mdl_table_builder_create(warehouse->context, segment_fields,
                                                N_SEGMENT_COLUMNS, &builder, error));
    for (int64_t i = 0; i < warehouse->n_segments; i++) {
        MDLI_TRY_GOTO_DONE(
            append_segment(builder, &warehouse->segments[i], &next_layout_row, error));
    }
    MDLI_TRY_GOTO_DONE(mdl_table_builder_finish(builder, out, error));
done:
    mdl_table_builder_free(builder);
    return status;
}

/* The new layouts one behind the other, or NULL when there is none. */
static mdl_status join_new_layouts(const mdl_warehouse *warehouse, mdl_table **out,
                                   mdl_error *error)
{
    *out = NULL;
    for (int64_t i = 0; i < warehouse->n_segments; i++) {
        const mdl_table *layout = warehouse->segments[i].layout;
        if (!has_new_layout(&warehouse->segments[i])) {
            continue;
        }
        mdl_table *joined = NULL;
        mdl_status status = MDL_OK;
        if (*out == NULL) {
            joined = mdl_table_clone(layout);
        } else {
            status = mdli_table_append_rows(warehouse->context, *out, layout, &joined, error);
        }
        mdl_table_free(*out);
        *out = joined;
        MDLI_TRY(status);
    }
    return MDL_OK;
}

/* Makes sure that the layouts in the store, of which there should be some, are read. */
static mdl_status read_layouts(mdl_warehouse *warehouse, mdl_error *error)
{
    if (warehouse->layouts == NULL) {
        MDLI_TRY(mdli_read_log_table(warehouse, MDLI_TABLE_LAYOUTS, mdli_csv_layout_fields,
                                     MDLI_CSV_N_LAYOUT_COLUMNS, &warehouse->layouts, error));
    }
    return warehouse->layouts != NULL
               ? MDL_OK
               : mdl_error_set(error, MDL_E_CORRUPT,
                               "the store %s has no table " MDLI_TABLE_LAYOUTS,
                               mdl_store_path(warehouse->store));
}

static mdl_status write_layouts(mdl_warehouse *warehouse, mdl_table **out, mdl_error *error)
{
    mdl_table *added = NULL;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(join_new_layouts(warehouse, &added, error));
    if (added == NULL || n_stored_layout_rows(warehouse) == 0) {
        *out = added;
        added = NULL;
        goto done;
    }
    MDLI_TRY_GOTO_DONE(read_layouts(warehouse, error));
    MDLI_TRY_GOTO_DONE(
        mdli_table_append_rows(warehouse->context, warehouse->layouts, added, out, error));
done:
    mdl_table_free(added);
    return status;
}

mdl_status mdli_load_log_write(mdl_warehouse *warehouse, mdli_load_log *log, mdl_error *error)
{
    *log = (mdli_load_log){.loads = NULL};
    MDLI_TRY(write_loads(warehouse, &log->loads, error));
    MDLI_TRY(write_segments(warehouse, &log->segments, error));
    return write_layouts(warehouse, &log->layouts, error);
}

void mdli_load_log_free(mdli_load_log *log)
{
    mdl_table_free(log->loads);
    mdl_table_free(log->segments);
    mdl_table_free(log->layouts);
}

void mdli_load_log_committed(mdl_warehouse *warehouse, const mdli_load_log *log)
{
    if (log->layouts != NULL) {
        mdl_table_free(warehouse->layouts);
        warehouse->layouts = mdl_table_clone(log->layouts);
    }
    /* The new layouts stand at the end of the table, in the order of their segments. */
    int64_t end = n_stored_layout_rows(warehouse);
    for (int64_t i = warehouse->n_segments - 1; i >= 0; i--) {
        mdli_segment *segment = &warehouse->segments[i];
        if (has_new_layout(segment)) {
            segment->n_layout_rows = mdl_table_n_rows(segment->layout);
            end -= segment->n_layout_rows;
            segment->layout_row = end;
        }
    }
}

/*
 * From tables.
 */

static mdl_status fault_row(const char *table, int64_t row, const char *what, mdl_error *error)
{
    return mdl_error_set(error, MDL_E_CORRUPT, "row %lld of the store's table %s: %s",
                         (long long)row + 1, table, what);
}

/* The number of a source that a log names. */
static int32_t source_of(mdl_string name)
{
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        const char *source = mdli_sources[i].model.name;
        if (strlen(source) == (size_t)name.size_bytes &&
            memcmp(source, name.data, (size_t)name.size_bytes) == 0) {
            return i;
        }
    }
    return -1;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *place = c != '\0' ? strchr(digits, c) : NULL;
    return place != NULL ? (int)(place - digits) : -1;
}

static bool read_hash(mdl_string text, unsigned char hash[16])
{
    if (text.size_bytes != 32) {
        return false;
    }
    for (int i = 0; i < 16; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        hash[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

static mdl_status copy_path(mdl_context *context, mdl_string path, char **out, mdl_error *error)
{
    void *memory;
    MDLI_TRY(
        mdli_allocate_zeroed(context, (size_t)path.size_bytes + 1, "load log", &memory, error));
    *out = memory;
    if (path.size_bytes > 0) {
        memcpy(*out, path.data, (size_t)path.size_bytes);
    }
    return MDL_OK;
}

static mdl_status take_load(void *data, int64_t row, const mdl_value *values, mdl_error *error)
{
    mdl_warehouse *warehouse = data;
    int32_t source = source_of(values[LOAD_SOURCE].as.text);
    mdl_load_info info = {
        .size_bytes = values[LOAD_SIZE_BYTES].as.integer,
        .first_row = values[LOAD_FIRST_ROW].as.integer,
        .n_rows = values[LOAD_N_ROWS].as.integer,
        .n_rejected = values[LOAD_N_REJECTED].as.integer,
        .already_loaded = values[LOAD_ALREADY_LOADED].as.integer != 0,
        .seconds = values[LOAD_SECONDS].as.real,
        .loaded_at = values[LOAD_LOADED_AT].as.integer,
        .attempt = (int32_t)values[LOAD_ATTEMPT].as.integer,
    };
    if (source < 0 || !read_hash(values[LOAD_XXH3_128].as.text, info.xxh3_128)) {
        return fault_row(MDLI_TABLE_LOADS, row, "no such source, or no hash", error);
    }
    info.source = mdli_sources[source].model.name;
    char *path;
    MDLI_TRY(copy_path(warehouse->context, values[LOAD_PATH].as.text, &path, error));
    info.path = path;
    warehouse->loads[warehouse->n_loads++] = info;
    return MDL_OK;
}

static mdl_status take_segment(void *data, int64_t row, const mdl_value *values, mdl_error *error)
{
    mdl_warehouse *warehouse = data;
    bool has_load = !values[SEGMENT_LOAD].is_null;
    bool has_layout = !values[SEGMENT_LAYOUT_ROW].is_null;
    mdli_segment segment = {
        .source = source_of(values[SEGMENT_SOURCE].as.text),
        .first_row = values[SEGMENT_FIRST_ROW].as.integer,
        .load = has_load ? values[SEGMENT_LOAD].as.integer : -1,
        .n_rejected = values[SEGMENT_N_REJECTED].as.integer,
        .layout_row = has_layout ? values[SEGMENT_LAYOUT_ROW].as.integer : -1,
        .n_layout_rows = has_layout ? values[SEGMENT_N_LAYOUT_ROWS].as.integer : 0,
    };
    if (segment.source < 0 || segment.load < -1 || segment.load >= warehouse->n_loads ||
        segment.n_rejected < 0 || segment.layout_row < -1 || segment.n_layout_rows < 0) {
        return fault_row(MDLI_TABLE_SEGMENTS, row, "no such source or load, or a number below 0",
                         error);
    }
    warehouse->segments[warehouse->n_segments++] = segment;
    return MDL_OK;
}

static mdl_status read_loads(mdl_warehouse *warehouse, mdl_error *error)
{
    mdl_table *table;
    MDLI_TRY(mdli_read_log_table(warehouse, MDLI_TABLE_LOADS, load_fields, N_LOAD_COLUMNS, &table,
                                 error));
    if (table == NULL) {
        return MDL_OK;
    }
    void *loads = warehouse->loads;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_grow_array(warehouse->context, &loads, &warehouse->loads_capacity, 0,
                                       mdl_table_n_rows(table), sizeof *warehouse->loads,
                                       "load log", error));
    warehouse->loads = loads;
    MDLI_TRY_GOTO_DONE(mdli_for_each_row(warehouse->context, table, take_load, warehouse, error));
done:
    mdl_table_free(table);
    return status;
}

static mdl_status read_segments(mdl_warehouse *warehouse, mdl_error *error)
{
    mdl_table *table;
    MDLI_TRY(mdli_read_log_table(warehouse, MDLI_TABLE_SEGMENTS, segment_fields, N_SEGMENT_COLUMNS,
                                 &table, error));
    if (table == NULL) {
        return MDL_OK;
    }
    void *segments = warehouse->segments;
    mdl_status status;
    MDLI_TRY_GOTO_DONE(mdli_grow_array(warehouse->context, &segments, &warehouse->segments_capacity,
                                       0, mdl_table_n_rows(table), sizeof *warehouse->segments,
                                       "load log", error));
    warehouse->segments = segments;
    MDLI_TRY_GOTO_DONE(
        mdli_for_each_row(warehouse->context, table, take_segment, warehouse, error));
done:
    mdl_table_free(table);
    return status;
}

/* Whether the segments of each source start at its first row, rise, and do not pass its last. */
static mdl_status check_rows_of_segments(const mdl_warehouse *warehouse, mdl_error *error)
{
    int64_t last_start[MDLI_N_SOURCES];
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        last_start[i] = -1;
    }
    for (int64_t i = 0; i < warehouse->n_segments; i++) {
        const mdli_segment *segment = &warehouse->segments[i];
        int64_t *last = &last_start[segment->source];
        int64_t n_rows = n_stored_rows(warehouse, mdli_sources[segment->source].model.name);
        bool is_in_place = *last < 0 ? segment->first_row == 0 : segment->first_row >= *last;
        if (!is_in_place || segment->first_row > n_rows) {
            return fault_row(MDLI_TABLE_SEGMENTS, i, "it does not follow the one before", error);
        }
        *last = segment->first_row;
    }
    for (int32_t i = 0; i < MDLI_N_SOURCES; i++) {
        const char *source = mdli_sources[i].model.name;
        if (last_start[i] < 0 && n_stored_rows(warehouse, source) > 0) {
            return mdl_error_set(error, MDL_E_CORRUPT,
                                 "the store's table %s does not tell where the rows of %s are from",
                                 MDLI_TABLE_SEGMENTS, source);
        }
    }
    return MDL_OK;
}

/* The first load from `load` on that is not one of content that was there, or their number. */
static int64_t next_loaded(const mdl_warehouse *warehouse, int64_t load)
{
    while (load < warehouse->n_loads && warehouse->loads[load].already_loaded) {
        load++;
    }
    return load;
}

/* Whether a segment is that of a load. */
static bool is_of_load(const mdl_warehouse *warehouse, const mdli_segment *segment,
                       const mdl_load_info *load)
{
    const char *source = mdli_sources[segment->source].model.name;
    return load->source == source && load->first_row == segment->first_row &&
           load->n_rejected == segment->n_rejected && load->n_rows >= 0 &&
           load->n_rows <= n_stored_rows(warehouse, source) - load->first_row;
}

/* Whether each file that was loaded has a segment, in the order of the loads. */
static mdl_status check_loads_of_segments(const mdl_warehouse *warehouse, mdl_error *error)
{
    int64_t load = next_loaded(warehouse, 0);
    for (int64_t i = 0; i < warehouse->n_segments; i++) {
        const mdli_segment *segment = &warehouse->segments[i];
        if (segment->load >= 0) {
            if (segment->load != load || !is_of_load(warehouse, segment, &warehouse->loads[load])) {
                return fault_row(MDLI_TABLE_SEGMENTS, i, "it is not of the next load", error);
            }
            load = next_loaded(warehouse, load + 1);
        }
    }
    return load == warehouse->n_loads
               ? MDL_OK
               : fault_row(MDLI_TABLE_LOADS, load, "no segment has its rows", error);
}

/* Gives each segment the numbers of its rejected records, which stand in the rejects in the order
 * of the segments. */
static mdl_status split_rejected_records(mdl_warehouse *warehouse, const int64_t *records,
                                         int64_t n_records, mdl_error *error)
{
    for (int64_t i = 0; i < warehouse->n_segments; i++) {
        mdli_segment *segment = &warehouse->segments[i];
        if (segment->n_rejected > n_records) {
            return fault_row(MDLI_TABLE_SEGMENTS, i, "more records rejected than there are rejects",
                             error);
        }
        void *memory;
        MDLI_TRY(mdli_allocate_array(warehouse->context, segment->n_rejected, sizeof *records,
                                     "rejects", &memory, error));
        segment->rejected_records = memory;
        if (segment->n_rejected > 0) {
            memcpy(memory, records, (size_t)segment->n_rejected * sizeof *records);
        }
        records += segment->n_rejected;
        n_records -= segment->n_rejected;
    }
    return MDL_OK;
}

static mdl_status read_rejects(mdl_warehouse *warehouse, mdl_error *error)
{
    MDLI_TRY(mdli_read_log_table(warehouse, MDLI_TABLE_REJECTS, mdli_csv_reject_fields,
                                 MDLI_CSV_N_REJECT_COLUMNS, &warehouse->rejects, error));
    int64_t n_rejects = n_stored_rows(warehouse, MDLI_TABLE_REJECTS);
    int64_t *records = NULL;
    MDLI_TRY(mdli_read_rejected_records(warehouse->context, warehouse->rejects, &records, error));
    mdl_status status = split_rejected_records(warehouse, records, n_rejects, error);
    mdli_free(warehouse->context, records);
    return status;
}

mdl_status mdli_load_log_read(mdl_warehouse *warehouse, mdl_error *error)
{
    MDLI_TRY(read_loads(warehouse, error));
    MDLI_TRY(read_segments(warehouse, error));
    /* Who looks for the segment of a row or of a load relies on finding it. */
    MDLI_TRY(check_rows_of_segments(warehouse, error));
    MDLI_TRY(check_loads_of_segments(warehouse, error));
    return read_rejects(warehouse, error);
}

/* Some rows of a table. */
static mdl_status cut_rows(mdl_context *context, const mdl_table *table, int64_t first_row,
                           int64_t n_rows, mdl_table **out, mdl_error *error)
{
    mdl_query *query = mdl_query_create(context);
    mdl_status status =
        mdl_query_collect(query, mdl_scan_range(query, table, first_row, n_rows), out, error);
    mdl_query_free(query);
    return status;
}

mdl_status mdli_segment_layout(mdl_warehouse *warehouse, const mdli_segment *segment,
                               mdl_table **out, mdl_error *error)
{
    *out = mdl_table_clone(segment->layout);
    if (segment->layout != NULL || segment->layout_row < 0) {
        return MDL_OK;
    }
    MDLI_TRY(read_layouts(warehouse, error));
    return cut_rows(warehouse->context, warehouse->layouts, segment->layout_row,
                    segment->n_layout_rows, out, error);
}
