/* SPDX-License-Identifier: MIT */
/* The rate rises from a small value to the peak and falls to almost nothing (Smith & Topin, "Super-convergence", 2018),
 * with PyTorch's names and defaults. Momentum is not changed. */
#include "train/schedule.h"
#include <math.h>

struct one_cycle_options {
    double peak, rise, div, final_div;
    int anneal;
};

enum { COSINE, LINEAR };
static const char *const anneals[] = {[COSINE] = "cosine", [LINEAR] = "linear", NULL};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct one_cycle_options, peak), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0, .maximum = 1e6,
     .doc = "largest rate; 0: the one that was asked for"},
    {ATTRIBUTE(struct one_cycle_options, rise), .kind = ATTRIBUTE_NUMBER, .standard = 0.3, .minimum = 0, .maximum = 1,
     .doc = "share of the run on the way up"},
    {ATTRIBUTE(struct one_cycle_options, div), .kind = ATTRIBUTE_NUMBER, .standard = 25, .minimum = 1, .maximum = 1e9,
     .doc = "the rate begins with peak / div"},
    {ATTRIBUTE(struct one_cycle_options, final_div), .kind = ATTRIBUTE_NUMBER, .standard = 1e4, .minimum = 1,
     .maximum = 1e12, .doc = "and ends with peak / div / final_div"},
    {ATTRIBUTE(struct one_cycle_options, anneal), .kind = ATTRIBUTE_CHOICE, .choices = anneals,
     .doc = "the way up and down"},
    {.name = NULL},
};

/* Interpolates between `begin` and `end`; `done`: 0 to 1. */
static double between(const struct one_cycle_options *o, double begin, double end, double done)
{
    const double pi = 3.14159265358979323846;
    return o->anneal == LINEAR ? begin + (end - begin) * done
                               : end + (begin - end) / 2.0 * (1.0 + cos(pi * done));
}

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct one_cycle_options *o = options;
    double peak = o->peak > 0.0 ? o->peak : moment->lr, begin = peak / o->div, end = begin / o->final_div;
    double top = o->rise * moment->steps - 1.0, last = moment->steps - 1.0; /* step with the peak; last step */
    if (moment->step <= top) {
        return between(o, begin, peak, top > 0.0 ? moment->step / top : 1.0);
    }
    top = top > 0.0 ? top : 0.0;
    double done = last > top ? (moment->step - top) / (last - top) : 1.0;
    return between(o, peak, end, done < 1.0 ? done : 1.0);
}

const struct schedule schedule_one_cycle = {
    .name = "one-cycle",
    .summary = "up to the peak and down to almost nothing over the whole run",
    .attributes = attributes,
    .options_size = sizeof(struct one_cycle_options),
    .rate = rate,
};
