/* SPDX-License-Identifier: MIT */
/* Geometric progression from one rate to another over the steps of the whole run; upwards it is used by the range test
 * of --find-lr (Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3). */
#include "train/schedule.h"
#include <math.h>

struct geometric_options {
    double lr_final;
    int64_t steps;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct geometric_options, lr_final), .kind = ATTRIBUTE_NUMBER, .standard = 1e-6, .minimum = 1e-12,
     .maximum = 1e6, .doc = "rate at the end"},
    {ATTRIBUTE(struct geometric_options, steps), .kind = ATTRIBUTE_INTEGER, .standard = 0, .minimum = 0,
     .maximum = 1e12, .doc = "the last of which has it; 0: all"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct geometric_options *o = options;
    double done = o->steps > 1   ? moment->step / (double)(o->steps - 1)
                  : o->steps > 0 ? 1.0
                                 : moment->step / moment->steps;
    return moment->lr * pow(o->lr_final / moment->lr, done < 1.0 ? done : 1.0);
}

const struct schedule schedule_geometric = {
    .name = "geometric",
    .summary = "in equal ratios to lr_final over the whole run",
    .attributes = attributes,
    .options_size = sizeof(struct geometric_options),
    .rate = rate,
};
