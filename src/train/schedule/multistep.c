/* SPDX-License-Identifier: MIT */
/* The rate is multiplied by gamma at each of the listed epochs, as in training most ResNets (He et al. 2016, section
 * 4.2: at a half and at three quarters of the run). */
#include "train/schedule.h"

struct multistep_options {
    struct attribute_list at;
    double gamma;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct multistep_options, at), .kind = ATTRIBUTE_LIST, .minimum = 0, .maximum = 1e6,
     .doc = "finished epochs before each drop: 30,60,80"},
    {ATTRIBUTE(struct multistep_options, gamma), .kind = ATTRIBUTE_NUMBER, .standard = 0.1, .minimum = 0,
     .maximum = 1e3, .doc = "factor at each drop"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct multistep_options *o = options;
    double rate = moment->lr;
    for (int i = 0; i < o->at.count; i++) {
        rate *= (double)moment->epoch >= o->at.at[i] ? o->gamma : 1.0;
    }
    return rate;
}

static int check(const void *options, struct error *error)
{
    const struct multistep_options *o = options;
    return o->at.count > 0 ? FOV_OK
                           : error_set(error, FOV_E_USAGE,
                                       "schedule multistep needs the epochs of its drops: multistep:30,60");
}

const struct schedule schedule_multistep = {
    .name = "multistep",
    .summary = "times gamma at each epoch of a list",
    .attributes = attributes,
    .options_size = sizeof(struct multistep_options),
    .rate = rate,
    .check = check,
};
