/*
 * Finding the bytes that structure a CSV file, and reading its numbers.
 */
#ifndef MDLI_KERNELS_CSV_KERNELS_H
#define MDLI_KERNELS_CSV_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Most bytes that are scanned at once: positions have 16 bits. */
#define MDLI_CSV_SCAN_BYTES_MAX 65536

/* Marks that a scan may write, and dealing look at, behind the last one that was found. */
#define MDLI_CSV_SCAN_SLACK 256

/* The commas, line feeds and quotes of a piece of a file, in order. */
typedef struct mdli_csv_marks {
    int64_t n;
    uint16_t *positions;
    char *kinds;   /* the bytes that stand there */
    bool has_lf;   /* some line feed has no carriage return before it */
    bool has_crlf; /* some line feed has one */
} mdli_csv_marks;

/*
 * Finds the marks in `size_bytes` bytes, at most MDLI_CSV_SCAN_BYTES_MAX; the byte before them, at
 * which it is looked where the first is a line feed, and the 64 bytes behind them are readable. The
 * lists have room for size_bytes + MDLI_CSV_SCAN_SLACK.
 */
void mdli_csv_scan_scalar(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks);
void mdli_csv_scan_avx2(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks);
void mdli_csv_scan_avx512(const char *bytes, int64_t size_bytes, mdli_csv_marks *marks);

/* Entries behind the last one of a list that dealing may write. */
#define MDLI_CSV_DEAL_SLACK 32

/* Records without quotes, by their marks. */
typedef struct mdli_csv_records {
    const uint16_t *positions; /* where fields end: n_fields of each record, in order;
                                  MDLI_CSV_SCAN_SLACK more are readable */
    int64_t n_fields;
    int64_t n_records;
    int64_t start;     /* of the first record */
    int64_t n_returns; /* carriage returns before the line feed of each record: 0 or 1 */
} mdli_csv_records;

/*
 * Deals out where the fields of records are: field f of record i is from begins[f * stride + i] to
 * ends[f * stride + i]. The line feed belongs to no field, nor do carriage returns before it. A list
 * of the stride has room for n_records + MDLI_CSV_DEAL_SLACK entries.
 */
void mdli_csv_deal_scalar(const mdli_csv_records *records, uint16_t *begins, uint16_t *ends,
                          int64_t stride);
void mdli_csv_deal_avx2(const mdli_csv_records *records, uint16_t *begins, uint16_t *ends,
                        int64_t stride);
void mdli_csv_deal_avx512(const mdli_csv_records *records, uint16_t *begins, uint16_t *ends,
                          int64_t stride);

/* Most numbers that are read at once: one bit each in a word. */
#define MDLI_CSV_NUMBERS_MAX 64

/* Most digits of a number that is read. */
#define MDLI_CSV_DIGITS_MAX 16

/*
 * Read n <= MDLI_CSV_NUMBERS_MAX numbers. Number i stands in base[begins[i] ... ends[i]); the
 * MDLI_CSV_DIGITS_MAX bytes before its end are readable. Bit i of the result is 1 where that is 1
 * to MDLI_CSV_DIGITS_MAX digits, nothing else, without a leading zero, whose value is from `least`
 * to `greatest`; it is numbers[i] then, which is undefined elsewhere.
 */
#define MDLI_DECLARE_CSV_NUMBERS(isa)                                                              \
    uint64_t mdli_csv_read_int32_##isa(const char *base, const uint16_t *begins,                   \
                                       const uint16_t *ends, int n, int32_t least,                 \
                                       int32_t greatest, int32_t *numbers);                        \
    uint64_t mdli_csv_read_int64_##isa(const char *base, const uint16_t *begins,                   \
                                       const uint16_t *ends, int n, int64_t least,                 \
                                       int64_t greatest, int64_t *numbers);                        \
    uint64_t mdli_csv_read_decimals_##isa(const char *base, const uint16_t *begins,                \
                                          const uint16_t *ends, int n, int32_t least,              \
                                          int32_t greatest, int32_t *hundredths)

/* Most bytes of a decimal that is read. */
#define MDLI_CSV_DECIMAL_BYTES_MAX 8

/*
 * mdli_csv_read_decimals likewise reads digits, a point and one or two more digits, in hundredths:
 * at most MDLI_CSV_DECIMAL_BYTES_MAX bytes without a needless zero, which is one in front of another
 * digit or as the second one behind the point.
 */
MDLI_DECLARE_CSV_NUMBERS(scalar);
MDLI_DECLARE_CSV_NUMBERS(avx2);
MDLI_DECLARE_CSV_NUMBERS(avx512);

/* The initializers of these entries in a table. */
#define MDLI_CSV_NUMBER_KERNELS(isa)                                                               \
    .csv_read_int32 = mdli_csv_read_int32_##isa, .csv_read_int64 = mdli_csv_read_int64_##isa,      \
    .csv_read_decimals = mdli_csv_read_decimals_##isa

#endif
