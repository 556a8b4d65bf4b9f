/*
 * The bytes that are read: a file or a caller's memory, and windows on them.
 */
#ifndef MDLI_CSV_CSV_SOURCE_H
#define MDLI_CSV_CSV_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/context.h"

/* Where bytes come from. Can be read by several threads at once. */
typedef struct mdli_csv_source {
    const char *path;  /* or the name that stands for it */
    const char *bytes; /* NULL = `descriptor` is read */
    int descriptor;
    int64_t size_bytes;
} mdli_csv_source;

mdl_status mdli_csv_source_open(mdli_csv_source *source, const char *path, mdl_error *error);

void mdli_csv_source_from_memory(mdli_csv_source *source, const char *name, const void *bytes,
                                 int64_t size_bytes);

void mdli_csv_source_close(mdli_csv_source *source);

/*
 * A piece of a source in memory. Bytes before and behind it may be read too, MDLI_PADDING_BYTES of
 * them, but are undefined. Zero-initialise; belongs to one thread at a time.
 */
typedef struct mdli_csv_window {
    char *memory;
    int64_t capacity_bytes;
    const char *bytes;
    int64_t offset_bytes; /* of bytes[0] in the source */
    int64_t size_bytes;
} mdli_csv_window;

/* Empties the window and puts it at `offset_bytes`, with room for `capacity_bytes`. */
mdl_status mdli_csv_window_place(mdli_csv_window *window, mdl_context *context,
                                 int64_t offset_bytes, int64_t capacity_bytes, mdl_error *error);

/* Whether the window has room for the source's bytes up to `end_bytes` without moving. */
bool mdli_csv_window_has_room(const mdli_csv_window *window, int64_t end_bytes);

/* Reads the bytes up to `end_bytes`, at most the source's end. Moves `bytes` where room has to be
 * made. */
mdl_status mdli_csv_window_load(mdli_csv_window *window, mdl_context *context,
                                const mdli_csv_source *source, int64_t end_bytes, mdl_error *error);

void mdli_csv_window_free(mdli_csv_window *window, mdl_context *context);

#endif
