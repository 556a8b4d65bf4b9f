/*
 * The functions behind the frame entries of mdli_kernels, for kernels.c; everybody else
 * goes through the table.
 */
#ifndef MDLI_KERNELS_FRAME_KERNELS_H
#define MDLI_KERNELS_FRAME_KERNELS_H

#include <stdint.h>

#include "kernels/kernels.h"

#define MDLI_DECLARE_UNPACK_KERNELS(isa)                                                           \
    void mdli_unpack_##isa(const void *packed, uint32_t base, int width, uint32_t *out);           \
    void mdli_unpack_differences_##isa(const void *packed, uint32_t first, uint32_t least,         \
                                       int width, uint32_t *out);                                  \
    void mdli_accumulate_##isa(uint32_t first, uint32_t *values);                                  \
    void mdli_relocate_##isa(const uint32_t *table, int n_entries, int shift, uint32_t *values)

#define MDLI_DECLARE_FRAME_KERNELS(isa)                                                            \
    void mdli_pack_##isa(const uint32_t *values, uint32_t base, int width, void *packed);          \
    void mdli_pack_differences_##isa(const uint32_t *values, uint32_t least, int width,            \
                                     void *packed);                                                \
    void mdli_packed_range_##isa(const void *packed, int width, uint32_t *least,                   \
                                 uint32_t *greatest);                                              \
    void mdli_accumulated_range_##isa(uint32_t first, const uint32_t *steps, uint32_t *least,      \
                                      uint32_t *greatest);                                         \
    uint32_t mdli_packed_sum_##isa(const void *packed, int width);                                 \
    void mdli_lookup_int32_##isa(const uint32_t *table, int n_entries, const uint32_t *codes,      \
                                 uint32_t *out);                                                   \
    void mdli_lookup_int64_##isa(const uint64_t *table, int n_entries, const uint32_t *codes,      \
                                 uint64_t *out)

/* Of frames that are not packed. */
#define MDLI_DECLARE_VALUE_KERNELS(isa)                                                            \
    void mdli_differences_##isa(const uint32_t *values, uint32_t least, uint32_t *out);            \
    int mdli_above_##isa(const uint32_t *values, uint32_t bound,                                   \
                         uint64_t is_above[MDLI_FRAME_ROWS / 64]);                                 \
    void mdli_widen_##isa(const uint32_t *values, uint64_t base, uint64_t *out);                   \
    void mdli_narrow_##isa(const uint64_t *values, uint32_t *out);                                 \
    void mdli_frame_stats_int32_##isa(const int32_t *values, mdli_frame_stats *stats);             \
    void mdli_frame_stats_int64_##isa(const int64_t *values, mdli_frame_stats *stats)

#define MDLI_DECLARE_SUBTRACT_ENTRIES(isa)                                                         \
    void mdli_subtract_entries_##isa(const uint32_t *values, const uint8_t *codes,                 \
                                     const uint32_t *table, uint32_t *out)

MDLI_DECLARE_UNPACK_KERNELS(scalar);
MDLI_DECLARE_FRAME_KERNELS(scalar);
MDLI_DECLARE_VALUE_KERNELS(scalar);
MDLI_DECLARE_SUBTRACT_ENTRIES(scalar);
#if defined(__x86_64__)
MDLI_DECLARE_UNPACK_KERNELS(avx2);
MDLI_DECLARE_FRAME_KERNELS(avx2);
MDLI_DECLARE_VALUE_KERNELS(avx2);
MDLI_DECLARE_UNPACK_KERNELS(avx512);
MDLI_DECLARE_VALUE_KERNELS(avx512);
MDLI_DECLARE_SUBTRACT_ENTRIES(avx512);
#endif

/* The initializers of these entries, but for subtract_entries, in a table. */
#define MDLI_UNPACK_KERNELS(isa)                                                                   \
    .unpack = mdli_unpack_##isa, .unpack_differences = mdli_unpack_differences_##isa,              \
    .accumulate = mdli_accumulate_##isa, .relocate = mdli_relocate_##isa
#define MDLI_FRAME_KERNELS(isa)                                                                    \
    .pack = mdli_pack_##isa, .pack_differences = mdli_pack_differences_##isa,                      \
    .packed_sum = mdli_packed_sum_##isa, .packed_range = mdli_packed_range_##isa,                  \
    .accumulated_range = mdli_accumulated_range_##isa, .lookup_int32 = mdli_lookup_int32_##isa,    \
    .lookup_int64 = mdli_lookup_int64_##isa
#define MDLI_VALUE_KERNELS(isa)                                                                    \
    .differences = mdli_differences_##isa, .above = mdli_above_##isa, .widen = mdli_widen_##isa,   \
    .narrow = mdli_narrow_##isa, .frame_stats_int32 = mdli_frame_stats_int32_##isa,                \
    .frame_stats_int64 = mdli_frame_stats_int64_##isa

#endif
