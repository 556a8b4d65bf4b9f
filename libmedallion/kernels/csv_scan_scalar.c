/*
 * The scan for commas, line feeds and quotes in portable C: a table, and no branch per byte.
 */
#include "kernels/csv_kernels.h"

static const uint8_t is_mark[256] = {['\n'] = 1, ['"'] = 1, [','] = 1};

void mdli_csv_scan_scalar(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks)
{
    uint16_t *positions = marks->positions;
    int64_t n = 0;
    for (int64_t i = 0; i < size_bytes; i++) {
        positions[n] = (uint16_t)i;
        n += is_mark[(unsigned char)bytes[i]];
    }
    marks->n = n;
    marks->has_lf = false;
    marks->has_crlf = false;
    for (int64_t i = 0; i < n; i++) {
        const char *mark = bytes + positions[i];
        marks->kinds[i] = *mark;
        marks->has_lf |= *mark == '\n' && mark[-1] != '\r';
        marks->has_crlf |= *mark == '\n' && mark[-1] == '\r';
    }
}

#define MDLI_CSV_DEAL(name) name##_scalar
#include "kernels/csv_deal_body.h"
