/* SPDX-License-Identifier: MIT */
/* From one rate to another in equal ratios, step by step over the whole run; upwards it is the range test that --find-lr
 * makes (Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3). */
#include "train/schedule.h"
#include <math.h>

struct geometric_options {
    double lr_final;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct geometric_options, lr_final), .kind = ATTRIBUTE_NUMBER, .standard = 1e-6, .minimum = 1e-12,
     .maximum = 1e6, .doc = "rate at the end"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct geometric_options *o = options;
    double done = moment->step / moment->steps;
    return moment->lr * pow(o->lr_final / moment->lr, done < 1.0 ? done : 1.0);
}

const struct schedule schedule_geometric = {
    .name = "geometric",
    .summary = "in equal ratios to lr_final over the whole run",
    .attributes = attributes,
    .options_size = sizeof(struct geometric_options),
    .rate = rate,
};
