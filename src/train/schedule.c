/* SPDX-License-Identifier: MIT */
/* The schedules: constant, step and cosine, each with an optional linear warm-up in front. */
#include "train/schedule.h"
#include <math.h>
#include <string.h>

static double rate_constant(const struct schedule_options *o, int64_t epoch, int64_t step)
{
    (void)epoch;
    (void)step;
    return o->lr;
}

/* Times gamma every step_epochs epochs. Products instead of pow(): the same bits from every C library. */
static double rate_step(const struct schedule_options *o, int64_t epoch, int64_t step)
{
    (void)step;
    double rate = o->lr;
    for (int64_t drops = epoch / o->step_epochs; drops > 0 && rate != 0.0; drops--) {
        rate *= o->gamma;
    }
    return rate;
}

/* Half a cosine from lr down to lr_final over the whole run (Loshchilov, Hutter, "SGDR", 2017, equation 5). */
static double rate_cosine(const struct schedule_options *o, int64_t epoch, int64_t step)
{
    (void)epoch;
    const double pi = 3.14159265358979323846;
    double done = (double)step / ((double)o->epochs * (double)o->steps_per_epoch);
    return o->lr_final + 0.5 * (o->lr - o->lr_final) * (1.0 + cos(pi * (done < 1.0 ? done : 1.0)));
}

const struct schedule schedules[] = {
    {"constant", rate_constant},
    {"step", rate_step},
    {"cosine", rate_cosine},
};
const size_t schedule_count = sizeof schedules / sizeof schedules[0];

const struct schedule *schedule_find(const char *name)
{
    for (size_t i = 0; i < schedule_count; i++) {
        if (strcmp(schedules[i].name, name) == 0) {
            return &schedules[i];
        }
    }
    return NULL;
}

double schedule_rate(const struct schedule *schedule, const struct schedule_options *options, int64_t epoch,
                     int64_t step)
{
    double rate = schedule->rate(options, epoch, step);
    /* The first steps from random weights are the wildest; they are kept short (Goyal et al. 2017, section 2.2). */
    return step < options->warmup ? rate * (double)(step + 1) / (double)options->warmup : rate;
}
