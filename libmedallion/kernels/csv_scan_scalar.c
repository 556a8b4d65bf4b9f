/*
 * The scan for commas, line feeds and quotes in portable C: a table, and no branch per byte.
 */
#include "kernels/csv_kernels.h"

static const uint8_t is_mark[256] = {['\n'] = 1, ['"'] = 1, [','] = 1};

int64_t mdli_csv_scan_scalar(const char *bytes, int64_t size_bytes, uint16_t *positions)
{
    int64_t n = 0;
    for (int64_t i = 0; i < size_bytes; i++) {
        positions[n] = (uint16_t)i;
        n += is_mark[(unsigned char)bytes[i]];
    }
    return n;
}
