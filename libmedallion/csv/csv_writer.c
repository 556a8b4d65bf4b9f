/*
 * Tables to CSV: ranges of rows are made text by all threads, and written in order.
 */
#include "medallion/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/context_internal.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/float_text.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/tuning.h"
#include "column/column_internal.h"

enum {
    /* Rows of a range: their text stays in a level-2 cache until it is written. */
    RANGE_ROWS = 4 * MDLI_VECTOR_ROWS,
    RANGES_PER_WORKER = 2,
    TEMPORARY_NAMES_MAX = 100
};

/* Text in the making. */
typedef struct text_buffer {
    char *bytes;
    int64_t size_bytes;
    int64_t capacity_bytes;
} text_buffer;

/* What one range of rows needs. */
typedef struct row_range {
    text_buffer text;
    mdli_decode_buffer *decoded; /* of each column */
    mdl_vector *columns;
} row_range;

typedef struct csv_writer {
    mdl_context *context;
    const mdl_table *table;
    mdl_write_fn write;
    void *user_data;
    const char *path; /* for messages; NULL = not a file */
    int64_t n_written_rows;
    row_range *ranges;
    int64_t n_ranges;
} csv_writer;

/* ---- Text ---- */

/* Makes room for so many more bytes. */
static mdl_status reserve(mdl_context *context, text_buffer *text, int64_t size_bytes,
                          mdl_error *error)
{
    void *bytes = text->bytes;
    MDLI_TRY(mdli_grow_array(context, &bytes, &text->capacity_bytes, text->size_bytes,
                             text->size_bytes + size_bytes, 1, "csv text", error));
    text->bytes = bytes;
    return MDL_OK;
}

static bool needs_quotes(mdl_string text)
{
    for (int64_t i = 0; i < text.size_bytes; i++) {
        char byte = text.data[i];
        if (byte == ',' || byte == '"' || byte == '\n' || byte == '\r') {
            return true;
        }
    }
    /* Nothing at all would be NULL. */
    return text.size_bytes == 0;
}

static mdl_status append_text(mdl_context *context, text_buffer *to, mdl_string text,
                              mdl_error *error)
{
    /* At most each byte is a quote that is doubled, with quotes around, and a separator follows. */
    MDLI_TRY(reserve(context, to, 2 * text.size_bytes + 3, error));
    char *at = to->bytes + to->size_bytes;
    if (!needs_quotes(text)) {
        memcpy(at, text.data, (size_t)text.size_bytes);
        to->size_bytes += text.size_bytes;
        return MDL_OK;
    }
    *at++ = '"';
    for (int64_t i = 0; i < text.size_bytes; i++) {
        if (text.data[i] == '"') {
            *at++ = '"';
        }
        *at++ = text.data[i];
    }
    *at++ = '"';
    to->size_bytes = at - to->bytes;
    return MDL_OK;
}

/* Writes row `row` of a vector that is not of text; returns the size. */
static int64_t format_value(const mdl_vector *values, int64_t row, char *out)
{
    switch (values->type) {
    case MDL_TYPE_INT32:
        return mdli_format_int64(((const int32_t *)values->values)[row], out);
    case MDL_TYPE_INT64:
        return mdli_format_int64(((const int64_t *)values->values)[row], out);
    case MDL_TYPE_DECIMAL:
        return mdli_format_decimal(((const int32_t *)values->values)[row], out);
    case MDL_TYPE_FLOAT64:
        return mdli_format_double(((const double *)values->values)[row], out);
    case MDL_TYPE_TIMESTAMP:
        mdli_format_timestamp(((const int64_t *)values->values)[row], out);
        return MDLI_TIMESTAMP_TEXT_SIZE;
    case MDL_TYPE_BOOL: {
        bool is_true = ((const uint8_t *)values->values)[row] != 0;
        memcpy(out, is_true ? "true" : "false", 5);
        return is_true ? 4 : 5;
    }
    case MDL_TYPE_STRING:
        break;
    }
    return 0;
}

static mdl_status append_value(mdl_context *context, text_buffer *to, const mdl_vector *values,
                               int64_t row, mdl_error *error)
{
    if (mdl_vector_is_null(values, row)) {
        return reserve(context, to, 1, error);
    }
    if (values->type == MDL_TYPE_STRING) {
        return append_text(context, to, mdl_vector_string(values, row), error);
    }
    MDLI_TRY(reserve(context, to, MDL_VALUE_TEXT_MAX, error));
    to->size_bytes += format_value(values, row, to->bytes + to->size_bytes);
    return MDL_OK;
}

/* Puts a comma behind a value, or the line end behind the last one; there is room. */
static void append_separator(text_buffer *to, bool is_last)
{
    to->bytes[to->size_bytes++] = is_last ? '\n' : ',';
}

/* ---- Rows ---- */

static mdl_status write_out(const csv_writer *writer, const text_buffer *text, mdl_error *error)
{
    int failure = writer->write(writer->user_data, text->bytes, text->size_bytes);
    if (failure == 0) {
        return MDL_OK;
    }
    if (writer->path != NULL) {
        return mdli_error_system(error, failure, "write", writer->path);
    }
    mdl_status status = failure == ENOSPC ? MDL_E_NO_SPACE : MDL_E_IO;
    char reason[128];
    status = mdl_error_set(error, status, "cannot write csv text: %s",
                           strerror_r(failure, reason, sizeof reason));
    if (error != NULL) {
        error->system_errno = failure;
    }
    return status;
}

static mdl_status write_header(const csv_writer *writer, mdl_error *error)
{
    text_buffer text = {.bytes = NULL};
    int32_t n_columns = mdl_table_n_columns(writer->table);
    mdl_status status = reserve(writer->context, &text, 1, error);
    for (int32_t i = 0; i < n_columns && status == MDL_OK; i++) {
        const char *name = mdl_table_column_name(writer->table, i);
        mdl_string name_text = {name, (int64_t)strlen(name)};
        status = append_text(writer->context, &text, name_text, error);
        if (status == MDL_OK) {
            append_separator(&text, i == n_columns - 1);
        }
    }
    if (status == MDL_OK) {
        status = write_out(writer, &text, error);
    }
    mdli_free(writer->context, text.bytes);
    return status;
}

/* Makes a range of the rows that are not written yet text. */
static mdl_status format_range(void *data, int64_t job, int worker, mdl_error *error)
{
    (void)worker;
    csv_writer *writer = data;
    row_range *range = &writer->ranges[job];
    int32_t n_columns = mdl_table_n_columns(writer->table);
    int64_t first_row = writer->n_written_rows + job * RANGE_ROWS;
    int64_t n_left = mdl_table_n_rows(writer->table) - first_row;
    int64_t n_rows = n_left < RANGE_ROWS ? n_left : RANGE_ROWS;
    range->text.size_bytes = 0;
    for (int32_t i = 0; i < n_columns; i++) {
        MDLI_TRY(mdli_column_read(mdl_table_column(writer->table, i), first_row, n_rows,
                                  &range->decoded[i], &range->columns[i], error));
    }
    for (int64_t row = 0; row < n_rows; row++) {
        for (int32_t i = 0; i < n_columns; i++) {
            MDLI_TRY(append_value(writer->context, &range->text, &range->columns[i], row, error));
            append_separator(&range->text, i == n_columns - 1);
        }
    }
    return MDL_OK;
}

static mdl_status write_rows(csv_writer *writer, mdl_error *error)
{
    int64_t n_rows = mdl_table_n_rows(writer->table);
    while (writer->n_written_rows < n_rows) {
        int64_t n_left = n_rows - writer->n_written_rows;
        int64_t n_jobs = (n_left - 1) / RANGE_ROWS + 1;
        n_jobs = n_jobs < writer->n_ranges ? n_jobs : writer->n_ranges;
        MDLI_TRY(mdli_parallel_for(writer->context, n_jobs, format_range, writer, error));
        for (int64_t i = 0; i < n_jobs; i++) {
            MDLI_TRY(write_out(writer, &writer->ranges[i].text, error));
        }
        writer->n_written_rows += n_left < n_jobs * RANGE_ROWS ? n_left : n_jobs * RANGE_ROWS;
        mdl_progress progress = {.task = writer->path != NULL ? writer->path : "csv",
                                 .done = writer->n_written_rows,
                                 .total = n_rows,
                                 .unit = "rows"};
        MDLI_TRY(mdli_progress(writer->context, &progress, error));
    }
    return MDL_OK;
}

static mdl_status create_range(mdl_context *context, row_range *range, int32_t n_columns,
                               mdl_error *error)
{
    void *memory;
    MDLI_TRY(
        mdli_allocate_array(context, n_columns, sizeof(mdl_vector), "csv text", &memory, error));
    range->columns = memory;
    MDLI_TRY(mdli_allocate_array(context, n_columns, sizeof(mdli_decode_buffer), "csv text",
                                 &memory, error));
    range->decoded = memory;
    for (int32_t i = 0; i < n_columns; i++) {
        mdli_decode_buffer_init(&range->decoded[i], context);
    }
    return MDL_OK;
}

static mdl_status create_ranges(csv_writer *writer, mdl_error *error)
{
    int64_t n_ranges = (mdl_table_n_rows(writer->table) + RANGE_ROWS - 1) / RANGE_ROWS;
    int64_t n_max = (int64_t)RANGES_PER_WORKER * mdli_n_workers(writer->context, n_ranges);
    n_ranges = n_ranges < n_max ? n_ranges : n_max;
    void *memory;
    MDLI_TRY(mdli_allocate_zeroed(writer->context, (size_t)n_ranges * sizeof *writer->ranges,
                                  "csv text", &memory, error));
    writer->ranges = memory;
    writer->n_ranges = n_ranges;
    for (int64_t i = 0; i < n_ranges; i++) {
        MDLI_TRY(create_range(writer->context, &writer->ranges[i],
                              mdl_table_n_columns(writer->table), error));
    }
    return MDL_OK;
}

static void free_ranges(csv_writer *writer)
{
    for (int64_t i = 0; i < writer->n_ranges; i++) {
        row_range *range = &writer->ranges[i];
        if (range->decoded != NULL) {
            for (int32_t c = 0; c < mdl_table_n_columns(writer->table); c++) {
                mdli_decode_buffer_free(&range->decoded[c]);
            }
        }
        mdli_free(writer->context, range->decoded);
        mdli_free(writer->context, range->columns);
        mdli_free(writer->context, range->text.bytes);
    }
    mdli_free(writer->context, writer->ranges);
}

static mdl_status write_table(csv_writer *writer, mdl_error *error)
{
    mdl_status status = create_ranges(writer, error);
    if (status == MDL_OK) {
        status = write_header(writer, error);
    }
    if (status == MDL_OK) {
        status = write_rows(writer, error);
    }
    free_ranges(writer);
    return status;
}

mdl_status mdl_csv_write(mdl_context *context, const mdl_table *table, mdl_write_fn write,
                         void *user_data, mdl_error *error)
{
    if (write == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv write needs a function that writes");
    }
    csv_writer writer = {
        .context = context, .table = table, .write = write, .user_data = user_data};
    return write_table(&writer, error);
}

/* ---- Files ---- */

/* Writes to the descriptor that `user_data` points to. */
static int write_to_descriptor(void *user_data, const char *bytes, int64_t size_bytes)
{
    int descriptor = *(const int *)user_data;
    while (size_bytes > 0) {
        ssize_t n = write(descriptor, bytes, (size_t)size_bytes);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n > 0) {
            bytes += n;
            size_bytes -= n;
        }
    }
    return 0;
}

/* Creates a file that was not there, named after `path`; `name` has room for that. */
static mdl_status create_temporary(const char *path, char *name, size_t name_size, int *descriptor,
                                   mdl_error *error)
{
    int failure = EEXIST;
    for (int i = 0; i < TEMPORARY_NAMES_MAX && failure == EEXIST; i++) {
        snprintf(name, name_size, "%s.%ld-%d.tmp", path, (long)getpid(), i);
        *descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*descriptor >= 0) {
            return MDL_OK;
        }
        failure = errno;
    }
    return mdli_error_system(error, failure, "create", name);
}

/* Makes the renaming last through a crash. File systems that cannot sync a folder do not need it.
 */
static void sync_folder_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        slash[slash == path] = '\0';
    }
    int descriptor = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

/* Syncs, closes and renames the finished file. */
static mdl_status finish_file(int descriptor, const char *name, const char *path, mdl_error *error)
{
    int failure = fsync(descriptor) != 0 ? errno : 0;
    if (close(descriptor) != 0 && failure == 0) {
        failure = errno;
    }
    if (failure != 0) {
        return mdli_error_system(error, failure, "write", path);
    }
    if (rename(name, path) != 0) {
        return mdli_error_system(error, errno, "write", path);
    }
    return MDL_OK;
}

mdl_status mdl_csv_write_file(mdl_context *context, const mdl_table *table, const char *path,
                              mdl_error *error)
{
    enum {
        SUFFIX_SIZE = 48
    };
    if (path == NULL) {
        return mdl_error_set(error, MDL_E_ARGUMENT, "a csv write needs a path");
    }
    size_t name_size = strlen(path) + SUFFIX_SIZE;
    void *memory;
    MDLI_TRY(mdli_allocate(context, name_size, "csv file name", &memory, error));
    char *name = memory;
    int descriptor;
    mdl_status status = create_temporary(path, name, name_size, &descriptor, error);
    if (status == MDL_OK) {
        csv_writer writer = {.context = context,
                             .table = table,
                             .write = write_to_descriptor,
                             .user_data = &descriptor,
                             .path = path};
        status = write_table(&writer, error);
        if (status == MDL_OK) {
            status = finish_file(descriptor, name, path, error);
        } else {
            close(descriptor);
        }
        if (status != MDL_OK) {
            unlink(name);
        } else {
            sync_folder_of(name);
        }
    }
    mdli_free(context, memory);
    return status;
}
