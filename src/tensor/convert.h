/* SPDX-License-Identifier: MIT */
/* Conversion of element types to and from double, for the textbook twins and for types without a fast path. */
#ifndef TENSOR_CONVERT_H
#define TENSOR_CONVERT_H

#include <fovea/types.h>

void convert_to_double(fov_dtype dtype, const void *from, double *to, size_t count);
/** Rounds to nearest for floats; truncates and saturates for integers; BOOL is "not zero". */
void convert_from_double(fov_dtype dtype, const double *from, void *to, size_t count);
/** From one type to another, by way of `numbers`, [count]; 64-bit integers become f32 in one rounding. */
void convert_between(fov_dtype from_dtype, const void *from, fov_dtype to_dtype, void *to, double *numbers,
                     size_t count);
float    convert_half_to_float(uint16_t half);
uint16_t convert_float_to_half(float value);
float    convert_bfloat16_to_float(uint16_t bits); /**< a bfloat16 is the upper half of a float */

#endif
