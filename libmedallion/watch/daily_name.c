/*
 * Names of daily files.
 */
#include "watch/daily_name.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"

enum {
    DATE_BYTES = 8 /* DDMMYYYY */
};

const char *const mdli_watched_sources[MDL_WATCH_FILES_MAX] = {"movies", "ratings", "tags",
                                                               "links"};

/* The source of `<source>.csv`, or -1. */
static int32_t source_of(const char *name)
{
    for (int32_t i = 0; i < MDL_WATCH_FILES_MAX; i++) {
        size_t size = strlen(mdli_watched_sources[i]);
        if (strncmp(name, mdli_watched_sources[i], size) == 0 && strcmp(name + size, ".csv") == 0) {
            return i;
        }
    }
    return -1;
}

mdli_name_kind mdli_read_daily_name(const char *name, mdli_daily_name *out)
{
    size_t size = strlen(name);
    if (size < 4 || strcmp(name + size - 4, ".csv") != 0) {
        return MDLI_NAME_OTHER;
    }
    int32_t source = -1;
    if (strspn(name, "0123456789") == DATE_BYTES && name[DATE_BYTES] == '_') {
        source = source_of(name + DATE_BYTES + 1);
    }
    if (source < 0) {
        return MDLI_NAME_OTHER_CSV;
    }
    int32_t day;
    if (mdli_parse_file_date(name, DATE_BYTES, &day) != MDLI_PARSE_OK) {
        return MDLI_NAME_NO_DATE;
    }
    *out = (mdli_daily_name){day, source};
    return MDLI_NAME_DAILY;
}

static mdli_civil civil_of(int32_t day)
{
    return mdli_civil_from_timestamp((int64_t)day * MDLI_SECONDS_PER_DAY);
}

void mdli_format_daily_name(mdli_daily_name file, char out[MDLI_DAILY_NAME_MAX])
{
    mdli_civil date = civil_of(file.day);
    snprintf(out, MDLI_DAILY_NAME_MAX, "%02d%02d%04d_%s.csv", (int)date.day, (int)date.month,
             (int)date.year, mdli_watched_sources[file.source]);
}

void mdli_format_day(int32_t day, char out[11])
{
    char text[MDLI_TIMESTAMP_TEXT_SIZE];
    mdli_format_timestamp((int64_t)day * MDLI_SECONDS_PER_DAY, text);
    memcpy(out, text, 10);
    out[10] = '\0';
}
