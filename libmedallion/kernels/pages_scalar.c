/*
 * Pages of frames in portable C.
 *
 * The first row of each page speaks for it. It is found without branches, which would be taken at
 * random: all rows, from the last to the first, write their number to their page's slot, and the
 * first one stays. That two pages share a slot is rare, and then all is done again row by row.
 */
#include "kernels/page_kernels.h"

#include "base/tuning.h"
#include "kernels/kernels.h"

/* Places that pages are put in to tell them apart: a power of two, so large against the pages of a
 * frame that they seldom meet. */
#define N_SLOTS 1024

/* Looks for the page of each row among those before it. */
static int find_one_by_one(const uint32_t *row_pages, int n_max, uint32_t *pages, uint8_t *codes)
{
    int n = 0;
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        int k = 0;
        while (k < n && pages[k] != row_pages[i]) {
            k++;
        }
        if (k == n_max) {
            return n_max + 1;
        }
        if (k == n) {
            pages[n++] = row_pages[i];
        }
        codes[i] = (uint8_t)k;
    }
    return n;
}

int mdli_find_pages_scalar(const uint32_t *values, uint32_t base, int page_bits, int n_max,
                           uint32_t *pages, uint8_t *codes)
{
    uint32_t row_pages[MDLI_FRAME_ROWS];
    uint8_t slot_rows[N_SLOTS]; /* the first of a slot's pages; undefined where no row is */
    uint8_t first_rows[MDLI_FRAME_ROWS]; /* of the row's slot */
    uint8_t speakers[MDLI_FRAME_ROWS];
    uint8_t places[MDLI_FRAME_ROWS]; /* of the pages that rows speak for */
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        row_pages[i] = (values[i] - base) >> page_bits;
    }
    for (int i = MDLI_FRAME_ROWS - 1; i >= 0; i--) {
        slot_rows[row_pages[i] % N_SLOTS] = (uint8_t)i;
    }
    int n = 0;
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        first_rows[i] = slot_rows[row_pages[i] % N_SLOTS];
        speakers[n] = (uint8_t)i;
        n += first_rows[i] == i;
    }
    if (n > n_max) {
        return n_max + 1;
    }
    for (int k = 0; k < n; k++) {
        places[speakers[k]] = (uint8_t)k;
        pages[k] = row_pages[speakers[k]];
    }
    uint32_t is_shared = 0;
    for (int i = 0; i < MDLI_FRAME_ROWS; i++) {
        codes[i] = places[first_rows[i]];
        is_shared |= pages[codes[i]] ^ row_pages[i];
    }
    return is_shared == 0 ? n : find_one_by_one(row_pages, n_max, pages, codes);
}
