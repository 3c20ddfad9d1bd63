/* SPDX-License-Identifier: MIT */
/* The rate rises and falls linearly, once or several times over the run (Smith, "Cyclical learning rates", 2017). */
#include "train/schedule.h"
#include <math.h>

struct triangle_options {
    double peak, from, to;
    int64_t cycles;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct triangle_options, peak), .kind = ATTRIBUTE_NUMBER, .standard = 0.5, .minimum = 0, .maximum = 1,
     .doc = "share of a cycle on the way up"},
    {ATTRIBUTE(struct triangle_options, from), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0, .maximum = 1,
     .doc = "share of the rate at the beginning"},
    {ATTRIBUTE(struct triangle_options, to), .kind = ATTRIBUTE_NUMBER, .standard = 0, .minimum = 0, .maximum = 1,
     .doc = "share of the rate at the end"},
    {ATTRIBUTE(struct triangle_options, cycles), .kind = ATTRIBUTE_INTEGER, .standard = 1, .minimum = 1,
     .maximum = 1e6, .doc = "how often in the whole run"},
    {.name = NULL},
};

static double rate(const void *options, const struct schedule_moment *moment)
{
    const struct triangle_options *o = options;
    double done = moment->step / moment->steps, share;
    done = done < 1.0 ? done * (double)o->cycles : (double)o->cycles;
    done -= done < (double)o->cycles ? floor(done) : (double)o->cycles - 1.0;
    share = done < o->peak ? o->from + (1.0 - o->from) * done / o->peak
                           : o->to + (1.0 - o->to) * (o->peak < 1.0 ? (1.0 - done) / (1.0 - o->peak) : 1.0);
    return moment->lr * share;
}

const struct schedule schedule_triangle = {
    .name = "triangle",
    .summary = "a straight line up to the rate and one down",
    .attributes = attributes,
    .options_size = sizeof(struct triangle_options),
    .rate = rate,
};
