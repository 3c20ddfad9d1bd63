/* SPDX-License-Identifier: MIT */
/* The rate is multiplied by gamma every step_epochs epochs. Products instead of pow() give the same bits with every C
 * library. */
#include "train/schedule.h"

struct step_options {
    int64_t step_epochs;
    double gamma;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct step_options, step_epochs), .kind = ATTRIBUTE_INTEGER, .standard = 10, .minimum = 1,
     .maximum = 1e6, .doc = "epochs between two drops"},
    {ATTRIBUTE(struct step_options, gamma), .kind = ATTRIBUTE_NUMBER, .standard = (double)0.1f, .minimum = 0,
     .maximum = 1e3, .doc = "factor at each drop"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct step_options *o = options;
    double rate = moment->lr;
    for (int64_t drops = moment->epoch / o->step_epochs; drops > 0 && rate != 0.0; drops--) {
        rate *= o->gamma;
    }
    return rate;
}

const struct schedule schedule_step = {
    .name = "step",
    .summary = "times gamma every step_epochs epochs",
    .attributes = attributes,
    .options_size = sizeof(struct step_options),
    .rate = rate,
};
