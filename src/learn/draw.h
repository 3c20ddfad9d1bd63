/* SPDX-License-Identifier: MIT */
/* Numbers for a check: a small generator with a state, so that a seed repeats a check to the last digit. */
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
/** A whole number, low and high among them. */
int draw_integer(struct draw *draw, int low, int high);
/** A number of few digits in [low, high], `digits` behind the point: people will work with it by hand. */
double draw_short(struct draw *draw, double low, double high, int digits);
double draw_normal(struct draw *draw);

#endif
