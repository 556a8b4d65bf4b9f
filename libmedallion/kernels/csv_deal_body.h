/*
 * Dealing marks to the fields of records, written once: each csv_scan_<isa>.c includes this file, and
 * compilers vectorize its loop with the flags of the instruction set where the number of fields is a
 * constant. MDLI_CSV_DEAL(name) makes the name of a function.
 */
#include "kernels/csv_kernels.h"

enum {
    DEALT_RECORDS = MDLI_CSV_DEAL_SLACK /* at a time */
};

/* Deals out one field of some records. */
__attribute__((always_inline)) static inline void
deal_field(const uint16_t *restrict positions, int64_t n_fields, int64_t n, uint16_t n_returns,
           uint16_t *restrict ends, uint16_t *restrict next_begins)
{
    for (int64_t i = 0; i < n; i++) {
        const uint16_t position = positions[i * n_fields];
        ends[i] = (uint16_t)(position - n_returns);
        next_begins[i] = (uint16_t)(position + 1);
    }
}

/* Records are dealt so many at a time, be there a few less: there are hardly ever more than 64, so
 * that a loop for those left over would take longer than the others. */
__attribute__((always_inline)) static inline void deal(const mdli_csv_records *records,
                                                       int64_t n_fields, uint16_t *begins,
                                                       uint16_t *ends, int64_t stride)
{
    const int64_t last = n_fields - 1;
    begins[0] = (uint16_t)records->start;
    for (int64_t i = 0; i < records->n_records; i += DEALT_RECORDS) {
        const uint16_t *positions = records->positions + i * n_fields;
        for (int64_t f = 0; f < last; f++) {
            deal_field(positions + f, n_fields, DEALT_RECORDS, 0, ends + f * stride + i,
                       begins + (f + 1) * stride + i);
        }
        deal_field(positions + last, n_fields, DEALT_RECORDS, (uint16_t)records->n_returns,
                   ends + last * stride + i, begins + i + 1);
    }
}

/* As many fields as any, by no more than their marks. */
static void deal_any(const mdli_csv_records *records, uint16_t *begins, uint16_t *ends,
                     int64_t stride)
{
    const uint16_t *position = records->positions;
    int64_t begin = records->start;
    for (int64_t i = 0; i < records->n_records; i++) {
        for (int64_t f = 0; f < records->n_fields; f++) {
            begins[f * stride + i] = (uint16_t)begin;
            ends[f * stride + i] = *position;
            begin = *position++ + 1;
        }
        ends[(records->n_fields - 1) * stride + i] -= (uint16_t)records->n_returns;
    }
}

#define DEAL_CASE(n)                                                                               \
    case n:                                                                                        \
        deal(records, n, begins, ends, stride);                                                    \
        break;

void MDLI_CSV_DEAL(mdli_csv_deal)(const mdli_csv_records *records, uint16_t *begins, uint16_t *ends,
                                  int64_t stride)
{
    switch (records->n_fields) {
        DEAL_CASE(2)
        DEAL_CASE(3)
        DEAL_CASE(4)
        DEAL_CASE(5)
        DEAL_CASE(6)
        DEAL_CASE(7)
        DEAL_CASE(8)
    default:
        deal_any(records, begins, ends, stride);
    }
}
