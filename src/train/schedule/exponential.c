/* SPDX-License-Identifier: MIT */
/* The rate is multiplied by gamma after every epoch. */
#include "train/schedule.h"

struct exponential_options {
    double gamma;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct exponential_options, gamma), .kind = ATTRIBUTE_NUMBER, .standard = 0.95, .minimum = 0,
     .maximum = 1e3, .doc = "factor after each epoch"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct exponential_options *o = options;
    double rate = moment->lr;
    for (int64_t epoch = moment->epoch; epoch > 0 && rate != 0.0; epoch--) {
        rate *= o->gamma;
    }
    return rate;
}

const struct schedule schedule_exponential = {
    .name = "exponential",
    .summary = "times gamma after each epoch",
    .attributes = attributes,
    .options_size = sizeof(struct exponential_options),
    .rate = rate,
};
