/*
 * The tables of kernels.
 */
#include "kernels/kernels.h"

#include "kernels/frame_kernels.h"
#include "kernels/lane_kernels.h"
#include "kernels/near_kernels.h"
#include "kernels/page_kernels.h"
#include "kernels/reduce_kernels.h"
#include "kernels/run_kernels.h"
#include "kernels/state_kernels.h"

static const mdli_kernels scalar_kernels = {
    .level = MDL_SIMD_SCALAR,
    .name = "scalar",
    .hash_update = mdli_hash_update_scalar,
    .csv_scan = mdli_csv_scan_scalar,
    .csv_deal = mdli_csv_deal_scalar,
    MDLI_CSV_NUMBER_KERNELS(scalar),
    MDLI_UNPACK_KERNELS(scalar),
    .lookup_near = mdli_lookup_near_scalar,
    .find_pages = mdli_find_pages_scalar,
    .subtract_entries = mdli_subtract_entries_scalar,
    MDLI_FRAME_KERNELS(scalar),
    MDLI_VALUE_KERNELS(scalar),
    MDLI_REDUCE_KERNELS(scalar),
    MDLI_RUN_KERNELS(scalar),
    .add_to_lanes = mdli_add_to_lanes_scalar,
    .count_into_states = mdli_count_into_states_scalar,
};

#if defined(__x86_64__)

static const mdli_kernels avx2_kernels = {
    .level = MDL_SIMD_AVX2,
    .name = "avx2",
    .hash_update = mdli_hash_update_avx2,
    .csv_scan = mdli_csv_scan_avx2,
    .csv_deal = mdli_csv_deal_avx2,
    MDLI_CSV_NUMBER_KERNELS(avx2),
    MDLI_UNPACK_KERNELS(avx2),
    .lookup_near = mdli_lookup_near_scalar,
    .find_pages = mdli_find_pages_avx2,
    .subtract_entries = mdli_subtract_entries_scalar,
    MDLI_FRAME_KERNELS(avx2),
    MDLI_VALUE_KERNELS(avx2),
    MDLI_REDUCE_KERNELS(avx2),
    MDLI_RUN_KERNELS(avx2),
    .add_to_lanes = mdli_add_to_lanes_avx2,
    .count_into_states = mdli_count_into_states_avx2,
};

/* Packed frames are 256 bits wide: there, AVX2 does as well. */
static const mdli_kernels avx512_kernels = {
    .level = MDL_SIMD_AVX512,
    .name = "avx512",
    .hash_update = mdli_hash_update_avx512,
    .csv_scan = mdli_csv_scan_avx512,
    .csv_deal = mdli_csv_deal_avx512,
    MDLI_CSV_NUMBER_KERNELS(avx512),
    MDLI_UNPACK_KERNELS(avx512),
    .lookup_near = mdli_lookup_near_avx512,
    .find_pages = mdli_find_pages_avx512,
    .subtract_entries = mdli_subtract_entries_avx512,
    MDLI_FRAME_KERNELS(avx2),
    MDLI_VALUE_KERNELS(avx512),
    MDLI_REDUCE_KERNELS(avx512),
    MDLI_RUN_KERNELS(avx512),
    .add_to_lanes = mdli_add_to_lanes_avx512,
    .count_into_states = mdli_count_into_states_avx512,
};

const mdli_kernels *mdli_kernels_for(mdl_simd max)
{
    if (max >= MDL_SIMD_AVX512) {
        return &avx512_kernels;
    }
    return max >= MDL_SIMD_AVX2 ? &avx2_kernels : &scalar_kernels;
}

#else

const mdli_kernels *mdli_kernels_for(mdl_simd max)
{
    (void)max;
    return &scalar_kernels;
}

#endif
