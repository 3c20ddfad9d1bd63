/* SPDX-License-Identifier: MIT */
/* Half cosines one after another, each longer by a factor than the one before (Loshchilov, Hutter, "SGDR", 2017). */
#include "train/schedule.h"
#include <math.h>

struct restarts_options {
    double period, multiply, lr_final;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct restarts_options, period), .kind = ATTRIBUTE_NUMBER, .standard = 10, .minimum = 0.01,
     .maximum = 1e6, .doc = "epochs of the first cosine"},
    {ATTRIBUTE(struct restarts_options, multiply), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 1,
     .maximum = 1e3, .doc = "how much longer each is than the one before"},
    {ATTRIBUTE(struct restarts_options, lr_final), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0,
     .maximum = 1e6, .doc = "rate at the end of each"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct restarts_options *o = options;
    const double pi = 3.14159265358979323846;
    double period = o->period, at = moment->epochs;
    if (o->multiply > 1.0) {
        for (; at >= period; period *= o->multiply) {
            at -= period;
        }
    } else {
        at = fmod(at, period);
    }
    return o->lr_final + 0.5 * (moment->lr - o->lr_final) * (1.0 + cos(pi * at / period));
}

const struct schedule schedule_cosine_restarts = {
    .name = "cosine-restarts",
    .summary = "half cosines one after another, each `multiply` times as long",
    .attributes = attributes,
    .options_size = sizeof(struct restarts_options),
    .rate = rate,
};
