/* SPDX-License-Identifier: MIT */
/* CIE L*a*b* of sRGB colours, white D65 (IEC 61966-2-1; CIE 15:2004, equations 8.3 to 8.11): lightness apart from
 * colour. Equal to scikit-image's rgb2lab and lab2rgb. */
#ifndef TASK_LAB_H
#define TASK_LAB_H

#include <stdint.h>

/** Bytes red, green, blue to lightness 0..100 and the two axes of colour, green to red and blue to yellow, about
 *  +-110. */
void lab_from_rgb(const uint8_t rgb[3], double lab[3]);
/** Back; what no byte can show is cut off. */
void lab_to_rgb(const double lab[3], uint8_t rgb[3]);

#endif
