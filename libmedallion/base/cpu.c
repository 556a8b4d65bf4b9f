/*
 * Looking at the processor. The compiler's run-time support reads CPUID and, for registers that the
 * operating system must save, XGETBV.
 */
#include "base/cpu.h"

#include <stdbool.h>

mdl_simd mdli_cpu_best_level(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
                __builtin_cpu_supports("pclmul");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
    return avx512 ? MDL_SIMD_AVX512 : avx2 ? MDL_SIMD_AVX2 : MDL_SIMD_SCALAR;
#else
    return MDL_SIMD_SCALAR;
#endif
}
