/* SPDX-License-Identifier: MIT */
/* A small random generator with explicit state for the numbers of a check: the same seed repeats a check to the last
 * digit. */
#ifndef LEARN_DRAW_H
#define LEARN_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
    uint64_t state;
};

struct draw draw_from(uint64_t seed);
uint64_t draw_bits(struct draw *draw);
double draw_uniform(struct draw *draw, double low, double high); /**< in [low, high) */
/** A uniform whole number in [low, high], both ends included. */
int draw_integer(struct draw *draw, int low, int high);
/** A uniform number in [low, high] with at most `digits` decimals, so that people can work with it by hand. */
double draw_short(struct draw *draw, double low, double high, int digits);
double draw_normal(struct draw *draw);

#endif
