/* SPDX-License-Identifier: MIT */
/* The rate drops when the validation loss has not improved for some epochs; PyTorch's ReduceLROnPlateau. */
#include "train/schedule.h"
#include <math.h>

struct plateau_options {
    int64_t patience;
    double gamma, threshold;
    int64_t cooldown;
    double lr_final;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct plateau_options, patience), .kind = ATTRIBUTE_INTEGER, .standard = 10, .minimum = 0,
     .maximum = 1e6, .doc = "epochs without anything better that are borne"},
    {ATTRIBUTE(struct plateau_options, gamma), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .minimum = 0, .maximum = 1,
     .doc = "factor at each drop"},
    {ATTRIBUTE(struct plateau_options, threshold), .kind = ATTRIBUTE_NUMBER, .standard = 1e-4, .minimum = 0,
     .maximum = 1, .doc = "better: lower by this share of the best"},
    {ATTRIBUTE(struct plateau_options, cooldown), .kind = ATTRIBUTE_INTEGER, .standard = 0, .minimum = 0,
     .maximum = 1e6, .doc = "epochs after a drop in which nothing is counted"},
    {ATTRIBUTE(struct plateau_options, lr_final), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0,
     .maximum = 1e6, .doc = "the rate never falls below"},
    {.name = NULL},
};

enum { DROPS, BEST, BAD, COOLING, SEEN }; /* numbers of the state; BEST is valid if SEEN is 1 */

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct plateau_options *o = options;
    double rate = moment->lr;
    for (double drops = moment->state.number[DROPS]; drops > 0.0 && rate > o->lr_final; drops -= 1.0) {
        rate = fmax(rate * o->gamma, o->lr_final);
    }
    return rate;
}

static void observe(const void *options, double figure, struct schedule_state *state)
{
    const struct plateau_options *o = options;
    double *number = state->number;
    bool better = number[SEEN] == 0.0 || figure < number[BEST] - o->threshold * fabs(number[BEST]);
    number[SEEN] = 1.0;
    number[BEST] = better ? figure : number[BEST];
    number[BAD] = better ? 0.0 : number[BAD] + 1.0;
    if (number[COOLING] > 0.0) {
        number[COOLING] -= 1.0;
        number[BAD] = 0.0;
    }
    if (number[BAD] > (double)o->patience) {
        number[DROPS] += 1.0;
        number[COOLING] = (double)o->cooldown;
        number[BAD] = 0.0;
    }
}

const struct schedule schedule_plateau = {
    .name = "plateau",
    .summary = "times gamma when the validation loss stays where it is",
    .attributes = attributes,
    .options_size = sizeof(struct plateau_options),
    .rate = rate,
    .observe = observe,
};
