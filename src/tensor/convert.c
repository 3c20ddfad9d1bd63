/* SPDX-License-Identifier: MIT */
/* Conversion of elements to double and back: for the textbook twins and for types without a fast path, so written to be
 * read. Half precision is converted by its bits, since not every compiler has the type. 64-bit integers above 2^53 lose
 * their last bits in a double; code that needs them exact must not use these functions. */
#include "tensor/convert.h"
#include <math.h>
#include <string.h>

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
float convert_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1f, fraction = half & 0x3ff, bits;
    if (exponent == 0x1f) { /* infinity, or not a number with its payload */
        bits = sign | 0x7f800000 | fraction << 13;
    } else if (exponent > 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        /* Zero or denormal: fraction x 2^-24, exact in a float. */
        float value = (float)fraction * 0x1p-24F;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

float convert_bfloat16_to_float(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float    value;
    memcpy(&value, &word, sizeof value);
    return value;
}

uint16_t convert_float_to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff)); /* not a number, made quiet */
    }
    if (magnitude >= 0x477ff000) { /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00);
    }
    if (magnitude < 0x38800000) { /* below 2^-14: denormal, a whole number of 2^-24 */
        /* Shifting instead of multiplying, since this must not depend on whether denormals are flushed. */
        uint32_t exponent = magnitude >> 23, shift = 126 - exponent;
        if (exponent < 102) { /* below 2^-25: rounds to zero */
            return (uint16_t)sign;
        }
        uint32_t fraction = (magnitude & 0x7fffff) | 0x800000;
        uint32_t kept = fraction >> shift, rest = fraction & ((1U << shift) - 1), half = 1U << (shift - 1);
        return (uint16_t)(sign | (kept + (rest > half || (rest == half && (kept & 1)))));
    }
    /* Normal: the exponent's bias goes from 127 to 15; round to nearest, ties to even, by adding before cutting. A
     * carry runs into the exponent, which is right. */
    uint32_t rounded = magnitude - (112U << 23) + 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | rounded >> 13);
}

/* A float that rounds to the same half as `value` does: truncated, with its last bit set if bits were cut off ("round
 * to odd"). Rounding to nearest here would round twice, and sometimes give the wrong half. */
static float convert_round_to_odd(double value)
{
    float    nearest = (float)value;
    uint32_t bits;
    if ((double)nearest == value || isnan(value)) {
        return nearest;
    }
    memcpy(&bits, &nearest, sizeof bits);
    bits = (bits - (fabs((double)nearest) > fabs(value) ? 1U : 0U)) | 1U;
    memcpy(&nearest, &bits, sizeof nearest);
    return nearest;
}

/* One loop per type, since the type cannot be an argument of a function in C. */
#define FROM(TYPE)                                                                                                     \
    for (size_t i = 0; i < count; i++) {                                                                               \
        to[i] = (double)((const TYPE *)from)[i];                                                                       \
    }                                                                                                                  \
    break

void convert_to_double(fov_dtype dtype, const void *from, double *to, size_t count)
{
    switch (dtype) {
    case FOV_F32:
        FROM(float);
    case FOV_F64:
        FROM(double);
    case FOV_F16:
        for (size_t i = 0; i < count; i++) {
            to[i] = (double)convert_half_to_float(((const uint16_t *)from)[i]);
        }
        break;
    case FOV_I64:
        FROM(int64_t);
    case FOV_I32:
        FROM(int32_t);
    case FOV_I16:
        FROM(int16_t);
    case FOV_I8:
        FROM(int8_t);
    case FOV_U64:
        FROM(uint64_t);
    case FOV_U32:
        FROM(uint32_t);
    case FOV_U16:
        FROM(uint16_t);
    case FOV_U8:
        FROM(uint8_t);
    case FOV_BOOL:
        for (size_t i = 0; i < count; i++) {
            to[i] = ((const uint8_t *)from)[i] != 0 ? 1.0 : 0.0;
        }
        break;
    case FOV_DTYPE_COUNT:
        break;
    }
}

/* Whether `value`, truncated towards zero, lies in [low, high): a cast of a number that does not fit is undefined in C.
 * `high` is one above the largest integer, since 2^63 - 1 is no double. */
static bool convert_inside(double value, double low, double high)
{
    return value > low - 1 && value < high;
}

#define TO(TYPE, LOW, HIGH, LEAST, MOST)                                                                               \
    for (size_t i = 0; i < count; i++) {                                                                               \
        ((TYPE *)to)[i] = convert_inside(from[i], LOW, HIGH) ? (TYPE)from[i]                                           \
                          : isnan(from[i])                   ? 0                                                       \
                          : from[i] < 0                      ? LEAST                                                   \
                                                             : MOST;                                                   \
    }                                                                                                                  \
    break

void convert_from_double(fov_dtype dtype, const double *from, void *to, size_t count)
{
    switch (dtype) {
    case FOV_F32:
        for (size_t i = 0; i < count; i++) {
            ((float *)to)[i] = (float)from[i];
        }
        break;
    case FOV_F64:
        memmove(to, from, count * sizeof *from);
        break;
    case FOV_F16:
        for (size_t i = 0; i < count; i++) {
            ((uint16_t *)to)[i] = convert_float_to_half(convert_round_to_odd(from[i]));
        }
        break;
    case FOV_I64:
        TO(int64_t, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX);
    case FOV_I32:
        TO(int32_t, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX);
    case FOV_I16:
        TO(int16_t, -0x1p15, 0x1p15, INT16_MIN, INT16_MAX);
    case FOV_I8:
        TO(int8_t, -0x1p7, 0x1p7, INT8_MIN, INT8_MAX);
    case FOV_U64:
        TO(uint64_t, 0.0, 0x1p64, 0, UINT64_MAX);
    case FOV_U32:
        TO(uint32_t, 0.0, 0x1p32, 0, UINT32_MAX);
    case FOV_U16:
        TO(uint16_t, 0.0, 0x1p16, 0, UINT16_MAX);
    case FOV_U8:
        TO(uint8_t, 0.0, 0x1p8, 0, UINT8_MAX);
    case FOV_BOOL:
        for (size_t i = 0; i < count; i++) {
            ((uint8_t *)to)[i] = from[i] != 0;
        }
        break;
    case FOV_DTYPE_COUNT:
        break;
    }
}

void convert_between(fov_dtype from_dtype, const void *from, fov_dtype to_dtype, void *to, double *numbers,
                     size_t count)
{
    if (to_dtype == FOV_F32 && from_dtype == FOV_I64) {
        for (size_t i = 0; i < count; i++) {
            ((float *)to)[i] = (float)((const int64_t *)from)[i];
        }
    } else if (to_dtype == FOV_F32 && from_dtype == FOV_U64) {
        for (size_t i = 0; i < count; i++) {
            ((float *)to)[i] = (float)((const uint64_t *)from)[i];
        }
    } else {
        convert_to_double(from_dtype, from, numbers, count);
        convert_from_double(to_dtype, numbers, to, count);
    }
}
