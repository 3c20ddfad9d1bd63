/* SPDX-License-Identifier: MIT */
/* CIE L*a*b* of sRGB colours, white D65 (IEC 61966-2-1; CIE 15:2004, equations 8.3 to 8.11), which separates lightness
 * from colour. Gives the same results as scikit-image's rgb2lab and lab2rgb. */
#ifndef TASK_LAB_H
#define TASK_LAB_H

#include <stdint.h>

/** Converts bytes red, green, blue to lightness (0..100) and the two colour axes a* (green to red) and b* (blue to
 *  yellow), each about -110 to 110. */
void lab_from_rgb(const uint8_t rgb[3], double lab[3]);
/** The inverse of lab_from_rgb; colours outside sRGB are clipped per channel. */
void lab_to_rgb(const double lab[3], uint8_t rgb[3]);

#endif
