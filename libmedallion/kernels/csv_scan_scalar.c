/*
 * The scan for commas, line feeds and quotes in portable C: a table, and no branch per byte.
 */
#include "kernels/csv_kernels.h"

#include <string.h>

static const uint8_t is_mark[256] = {['\n'] = 1, ['"'] = 1, [','] = 1};

void mdli_csv_scan_scalar(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks)
{
    uint16_t *positions = marks->positions;
    int64_t n = 0;
    for (int64_t i = 0; i < size_bytes; i++) {
        positions[n] = (uint16_t)i;
        n += is_mark[(unsigned char)bytes[i]];
    }
    for (int64_t i = 0; i < n; i++) {
        marks->kinds[i] = bytes[positions[i]];
    }
    marks->n = n;
    marks->has_return = memchr(bytes, '\r', (size_t)size_bytes) != NULL;
}

void mdli_csv_deal_scalar(const uint16_t *positions, int64_t n_lists, int64_t n_each,
                          uint16_t *lists, int64_t stride)
{
    for (int64_t f = 0; f < n_lists; f++) {
        for (int64_t i = 0; i < n_each; i++) {
            lists[f * stride + i] = positions[i * n_lists + f];
        }
    }
}
