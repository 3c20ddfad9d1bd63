/* SPDX-License-Identifier: MIT */
/* Half a cosine from the rate down to lr_final over the whole run (Loshchilov, Hutter, "SGDR", 2017, equation 5). */
#include "train/schedule.h"
#include <math.h>

struct cosine_options {
    double lr_final;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct cosine_options, lr_final), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0, .maximum = 1e6,
     .doc = "rate at the end"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct cosine_options *o = options;
    const double pi = 3.14159265358979323846;
    double done = moment->step / moment->steps;
    return o->lr_final + 0.5 * (moment->lr - o->lr_final) * (1.0 + cos(pi * (done < 1.0 ? done : 1.0)));
}

const struct schedule schedule_cosine = {
    .name = "cosine",
    .summary = "half a cosine down to lr_final over the whole run",
    .attributes = attributes,
    .options_size = sizeof(struct cosine_options),
    .rate = rate,
};
