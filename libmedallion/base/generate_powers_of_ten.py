#!/usr/bin/env python3
"""Writes the table of powers of ten that base/float_text.c needs, as a C header, to stdout.

Entry k is 10^k scaled by a power of two to exactly 128 bits and rounded up:
ceil(10^k * 2^(127 - floor(log2(10^k)))).

With --prove it checks instead that the table is accurate enough. float_text.c multiplies an entry
by integers cp < 2^55 and must tell whether the exact product, cp * 2^q / 10^k, is an integer.
Rounding up adds less than 2^-69 to the product. So it suffices that products that are not integers
stay further than 2^-66 away from one; the closest are found among the convergents of the continued
fraction of 2^q / 10^k.
"""

import sys
from fractions import Fraction

K_MIN, K_MAX = -292, 324
Q_MIN, Q_MAX = -1074, 971
CP_MAX = 2**55


def floor_log2(ratio):
    estimate = ratio.numerator.bit_length() - ratio.denominator.bit_length()
    return estimate if Fraction(2) ** estimate <= ratio else estimate - 1


def floor_log10(ratio):
    k = floor_log2(ratio) * 1233 // 4096
    while Fraction(10) ** k > ratio:
        k -= 1
    while Fraction(10) ** (k + 1) <= ratio:
        k += 1
    return k


def power_of_ten(k):
    exact = Fraction(10) ** k
    scaled = exact * Fraction(2) ** (127 - floor_log2(exact))
    return -(-scaled.numerator // scaled.denominator)


def closest_to_an_integer(ratio):
    """The smallest distance above zero of x * ratio from an integer, for 0 < x <= CP_MAX."""
    closest = Fraction(1)
    numerator, denominator = ratio.numerator, ratio.denominator
    p_before, x_before, p, x = 0, 1, 1, 0
    while denominator:
        digit, rest = divmod(numerator, denominator)
        numerator, denominator = denominator, rest
        p_before, x_before, p, x = p, x, digit * p + p_before, digit * x + x_before
        if x > CP_MAX:
            break
        # The last convergent of a short fraction is exact: the nearest miss is 1/denominator.
        distance = abs(x * ratio - p) or Fraction(1, ratio.denominator)
        closest = min(closest, distance)
    return closest


def prove():
    for q in range(Q_MIN, Q_MAX + 1):
        for spacing in (Fraction(2) ** q, Fraction(2) ** q * Fraction(3, 4)):
            k = floor_log10(spacing)
            assert K_MIN <= -k <= K_MAX
            assert closest_to_an_integer(Fraction(2) ** q / Fraction(10) ** k) > Fraction(1, 2**66)


def main():
    if sys.argv[1:] == ["--prove"]:
        prove()
        return
    print("/* Written by generate_powers_of_ten.py. */")
    print(f"#define POWER_OF_TEN_MIN ({K_MIN})")
    print(f"#define POWER_OF_TEN_MAX {K_MAX}")
    print()
    print("/* Entry k - POWER_OF_TEN_MIN is 10^k: the upper, then the lower 64 bits. */")
    print(f"static const uint64_t powers_of_ten[{K_MAX - K_MIN + 1}][2] = {{")
    for k in range(K_MIN, K_MAX + 1):
        value = power_of_ten(k)
        print(f"    {{0x{value >> 64:016x}, 0x{value & (2**64 - 1):016x}}},")
    print("};")


main()
