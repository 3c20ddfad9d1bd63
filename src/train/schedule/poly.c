/* SPDX-License-Identifier: MIT */
/* The rate falls with a power of the remaining share of the run (Liu, Rabinovich & Berg, "ParseNet", 2015); power 1 is
 * a straight line. */
#include "train/schedule.h"
#include <math.h>

struct poly_options {
    double power, lr_final;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct poly_options, power), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 0, .maximum = 100,
     .doc = "of the share of the run that is left"},
    {ATTRIBUTE(struct poly_options, lr_final), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0, .maximum = 1e6,
     .doc = "rate at the end"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct poly_options *o = options;
    double left = 1.0 - moment->step / moment->steps;
    return o->lr_final + (moment->lr - o->lr_final) * pow(left > 0.0 ? left : 0.0, o->power);
}

const struct schedule schedule_poly = {
    .name = "poly",
    .summary = "a power of what is left of the run, down to lr_final",
    .attributes = attributes,
    .options_size = sizeof(struct poly_options),
    .rate = rate,
};
