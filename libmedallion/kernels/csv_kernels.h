/*
 * Finding the bytes that structure a CSV file, and reading its numbers.
 */
#ifndef MDLI_KERNELS_CSV_KERNELS_H
#define MDLI_KERNELS_CSV_KERNELS_H

#include <stdint.h>

/* Most bytes that are scanned at once: positions have 16 bits. */
#define MDLI_CSV_SCAN_BYTES_MAX 65536

/* Positions that a scan may write behind the last one that it found. */
#define MDLI_CSV_SCAN_SLACK 64

/*
 * Finds the commas, line feeds and quotes in `size_bytes` bytes, at most MDLI_CSV_SCAN_BYTES_MAX;
 * the 64 bytes behind them are readable. Their positions, in order, go to `positions`, which has
 * room for size_bytes + MDLI_CSV_SCAN_SLACK. Returns how many there are.
 */
int64_t mdli_csv_scan_scalar(const char *bytes, int64_t size_bytes, uint16_t *positions);
int64_t mdli_csv_scan_avx2(const char *bytes, int64_t size_bytes, uint16_t *positions);
int64_t mdli_csv_scan_avx512(const char *bytes, int64_t size_bytes, uint16_t *positions);

/* Most numbers that are read at once: one bit each in a word. */
#define MDLI_CSV_NUMBERS_MAX 64

/* Most digits of a number that is read. */
#define MDLI_CSV_DIGITS_MAX 16

/*
 * Reads n <= MDLI_CSV_NUMBERS_MAX numbers. Number i stands in base[begins[i] ... ends[i]); the
 * MDLI_CSV_DIGITS_MAX bytes before its end are readable. Bit i of the result is 1 where that is 1
 * to MDLI_CSV_DIGITS_MAX digits, nothing else, without a leading zero, whose value is from `least`
 * to `greatest`; it is numbers[i] then, which is undefined elsewhere.
 */
uint64_t mdli_csv_read_numbers_scalar(const char *base, const uint16_t *begins,
                                      const uint16_t *ends, int n, int64_t least, int64_t greatest,
                                      int64_t *numbers);
uint64_t mdli_csv_read_numbers_avx2(const char *base, const uint16_t *begins, const uint16_t *ends,
                                    int n, int64_t least, int64_t greatest, int64_t *numbers);

#endif
