/* SPDX-License-Identifier: MIT */
/* The base rate at every step. */
#include "train/schedule.h"

static double rate(const void *options, const struct schedule_moment *moment)
{
    (void)options;
    return moment->lr;
}

const struct schedule schedule_constant = {
    .name = "constant",
    .summary = "the same rate always",
    .rate = rate,
};
