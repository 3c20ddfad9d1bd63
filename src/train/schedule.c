/* SPDX-License-Identifier: MIT */
/* The common part of schedules: finding them by name, reading their options, and the warm-up. */
#include "train/schedule.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

static const char *name_at(const void *list, size_t index)
{
    (void)list;
    return schedule_table[index]->name;
}

int schedule_find(struct schedule_use *use, const char *name, struct error *error)
{
    char asked[64], shown[128];
    size_t length = strcspn(name, ":");
    snprintf(asked, sizeof asked, "%.*s", (int)(length < sizeof asked ? length : sizeof asked - 1), name);
    for (size_t i = 0; i < schedule_table_count; i++) {
        if (strcmp(schedule_table[i]->name, asked) == 0) {
            use->schedule = schedule_table[i];
            attribute_defaults(use->schedule->attributes, use->options, use->schedule->options_size);
            return FOV_OK;
        }
    }
    const char *nearest = text_nearest(asked, NULL, schedule_table_count, name_at);
    text_escape(shown, sizeof shown, asked);
    return nearest != NULL
               ? error_set(error, FOV_E_USAGE, "there is no schedule \"%s\"; did you mean \"%s\"?", shown, nearest)
               : error_set(error, FOV_E_USAGE,
                           "there is no schedule \"%s\"; there are constant, cosine, step and others", shown);
}

void schedule_put(struct schedule_use *use, const char *option, double value)
{
    attribute_put(attribute_find(use->schedule->attributes, option), use->options, value);
}

int schedule_read(struct schedule_use *use, const char *text, struct error *error)
{
    const char *colon = strchr(text, ':');
    char owner[64];
    int status = FOV_OK;
    snprintf(owner, sizeof owner, "schedule %s", use->schedule->name);
    if (colon != NULL) {
        status = attribute_read(use->schedule->attributes, use->options, owner, colon + 1, error);
    }
    return status == FOV_OK && use->schedule->check != NULL ? use->schedule->check(use->options, error) : status;
}

void schedule_text(const struct schedule_use *use, char text[SCHEDULE_TEXT_SIZE])
{
    size_t used = text_append(text, SCHEDULE_TEXT_SIZE, 0, "%s", use->schedule->name);
    attribute_write(use->schedule->attributes, use->options, text, SCHEDULE_TEXT_SIZE, used);
}

double schedule_rate(const struct schedule_use *use, const struct schedule_plan *plan, int64_t epoch, int64_t step,
                     double time, const struct schedule_state *state)
{
    const double millionths = 1e6;
    const struct schedule_moment moment = {
        .lr = plan->lr,
        .step = time < 0.0 ? (double)step : (time < 1.0 ? time : 1.0) * millionths,
        .steps = time < 0.0 ? (double)plan->epochs * (double)plan->steps_per_epoch : millionths,
        .epoch = epoch,
        .epochs = (double)step / (double)plan->steps_per_epoch,
        .state = *state,
    };
    double rate = use->schedule->rate(use->options, &moment);
    /* Early steps from random weights are unstable, so they are kept small (Goyal et al. 2017, section 2.2). */
    return step < plan->warmup ? rate * (double)(step + 1) / (double)plan->warmup : rate;
}
