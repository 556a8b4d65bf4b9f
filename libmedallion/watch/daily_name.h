/*
 * Names of daily files: DDMMYYYY_movies.csv and the like.
 */
#ifndef MDLI_WATCH_DAILY_NAME_H
#define MDLI_WATCH_DAILY_NAME_H

#include <stdint.h>

#include "medallion/watch.h"

/* Files that a date has, in the order in which they load. */
extern const char *const mdli_watched_sources[MDL_WATCH_FILES_MAX];

/* Bytes of the longest name, "27012026_ratings.csv", with its NUL. */
#define MDLI_DAILY_NAME_MAX 32

typedef enum mdli_name_kind {
    MDLI_NAME_DAILY = 0,
    MDLI_NAME_NO_DATE = 1,   /* of the form of a daily name, but the date does not exist */
    MDLI_NAME_OTHER_CSV = 2, /* another .csv */
    MDLI_NAME_OTHER = 3
} mdli_name_kind;

/* Which file of which day. */
typedef struct mdli_daily_name {
    int32_t day; /* since 1970-01-01 */
    int32_t source;
} mdli_daily_name;

/* Reads a name; `out` is filled only for MDLI_NAME_DAILY. */
mdli_name_kind mdli_read_daily_name(const char *name, mdli_daily_name *out);

/* Writes the name, NUL-terminated. */
void mdli_format_daily_name(mdli_daily_name file, char out[MDLI_DAILY_NAME_MAX]);

/* Writes the date as YYYY-MM-DD, NUL-terminated. */
void mdli_format_day(int32_t day, char out[11]);

#endif
