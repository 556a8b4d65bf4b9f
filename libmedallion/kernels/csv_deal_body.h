/*
 * Dealing marks to the fields of records, written once: each csv_scan_<isa>.c includes this file, and
 * compilers vectorize its loop with the flags of the instruction set where the number of fields is a
 * constant. MDLI_CSV_DEAL(name) makes the name of a function.
 */
#include "kernels/csv_kernels.h"

__attribute__((always_inline)) static inline void deal(const mdli_csv_records *records,
                                                       int64_t n_fields, uint16_t *restrict begins,
                                                       uint16_t *restrict ends, int64_t stride)
{
    const uint16_t *restrict positions = records->positions;
    const int64_t last = n_fields - 1;
    begins[0] = (uint16_t)records->start;
    for (int64_t f = 0; f < n_fields; f++) {
        uint16_t *restrict field_ends = ends + f * stride;
        uint16_t *restrict next_begins = f < last ? begins + (f + 1) * stride : begins + 1;
        const uint16_t n_returns = f < last ? 0 : (uint16_t)records->n_returns;
        for (int64_t i = 0; i < records->n_records; i++) {
            const uint16_t position = positions[i * n_fields + f];
            field_ends[i] = (uint16_t)(position - n_returns);
            next_begins[i] = (uint16_t)(position + 1);
        }
    }
}

void MDLI_CSV_DEAL(mdli_csv_deal)(const mdli_csv_records *records, uint16_t *begins, uint16_t *ends,
                                  int64_t stride)
{
    switch (records->n_fields) {
    case 3:
        deal(records, 3, begins, ends, stride);
        break;
    case 4:
        deal(records, 4, begins, ends, stride);
        break;
    default:
        deal(records, records->n_fields, begins, ends, stride);
        break;
    }
}
