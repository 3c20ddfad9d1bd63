/* SPDX-License-Identifier: MIT */
/* Fills in defaults, checks limits, and converts training options to text. */
#include "train/options.h"
#include "base/text.h"
#include "train/history.h"
#include "train/option_table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* E_USAGE if the value is outside the limits or NaN; the sentence names the option. */
static int check(const char *option, double value, double minimum, double maximum, struct error *error)
{
    if (value >= minimum && value <= maximum) {
        return FOV_OK;
    }
    return error_set(error, FOV_E_USAGE, "training option %s is %g (%g to %g)", option, value, minimum, maximum);
}

/* The smallest value that is accepted: 0 always means the default, -1 what the row's word means. */
static double least(const struct train_option *option)
{
    return option->word != NULL ? -1 : option->kind == FOV_OPTION_NUMBER ? 0 : option->minimum;
}

static int check_all(const struct train_settings *settings, struct error *error)
{
    const fov_train_options *o = &settings->given;
    for (const struct train_option *row = train_option_table; row->name != NULL; row++) {
        bool limited = row->kind == FOV_OPTION_INTEGER || row->kind == FOV_OPTION_NUMBER;
        if (limited &&
            check(row->name, train_option_number(row, o), least(row), row->maximum, error) != FOV_OK) {
            return FOV_E_USAGE;
        }
    }
    if (optimizer_get(&settings->optimizer, "nesterov", 0.0) != 0.0 &&
        optimizer_get(&settings->optimizer, "momentum", 1.0) <= 0.0) {
        return error_set(error, FOV_E_USAGE, "training option nesterov needs a momentum above 0");
    }
    if (o->lookahead_final > 0.0f && (o->lookahead == 0 || o->accumulate > 1 || o->epochs == BY_TIME)) {
        return error_set(error, FOV_E_USAGE,
                         "training option lookahead_final is for lookahead in runs by epochs, without accumulate");
    }
    if (o->plain_epochs > 0 && o->epochs == BY_TIME) {
        return error_set(
            error, FOV_E_USAGE,
            "training option plain_epochs counts back from the last epoch, which a run by time does not know");
    }
    if (o->resume && o->directory == NULL) {
        return error_set(error, FOV_E_USAGE, "training option resume needs the directory of the run to go on with");
    }
    return FOV_OK;
}

/* Writes a float with as few digits as identify it: 0.01, not 0.00999999978. Returns the double of that text. */
static double short_number(char out[NUMBER_TEXT_SIZE], double value)
{
    for (int digits = 6; digits <= 9; digits++) {
        double read;
        text_append(out, NUMBER_TEXT_SIZE, 0, "%.*g", digits, value);
        if (text_to_number(out, &read) && (float)read == (float)value) {
            return read;
        }
    }
    number_text(out, value); /* a number that is not finite */
    return value;
}

/* Resolves the optimiser's options: its own defaults, overridden by non-zero fields of fov_train_options, overridden by
 * options after its name. */
static int resolve_optimizer(struct train_settings *settings, struct error *error)
{
    const fov_train_options *o = &settings->given;
    int status = optimizer_find(&settings->optimizer, o->optimizer, error);
    for (const struct train_option *row = train_option_table; status == FOV_OK && row->name != NULL; row++) {
        char text[NUMBER_TEXT_SIZE]; /* so that 0.9F becomes the double 0.9, as if typed after the name */
        double value = row->owner == OF_OPTIMIZER ? short_number(text, train_option_number(row, o)) : 0.0;
        status = value != 0.0 ? optimizer_set(&settings->optimizer, row->name, value, error) : FOV_OK;
    }
    status = status == FOV_OK ? optimizer_set_all(&settings->optimizer, o->optimizer, error) : status;
    if (status == FOV_OK) {
        optimizer_text(&settings->optimizer, settings->optimizer_text);
    }
    return status;
}

/* The same for the schedule. */
static int resolve_schedule(struct train_settings *settings, struct error *error)
{
    const fov_train_options *o = &settings->given;
    int status = schedule_find(&settings->schedule, o->schedule, error);
    for (const struct train_option *row = train_option_table; status == FOV_OK && row->name != NULL; row++) {
        double value = row->owner == OF_SCHEDULE ? train_option_number(row, o) : 0.0;
        if (value != 0.0) {
            schedule_put(&settings->schedule, row->name, value);
        }
    }
    status = status == FOV_OK ? schedule_read(&settings->schedule, o->schedule, error) : status;
    if (status == FOV_OK) {
        settings->schedule_by_fields = strchr(o->schedule, ':') == NULL;
        schedule_text(&settings->schedule, settings->schedule_text);
    }
    return status;
}

int settings_resolve(struct train_settings *settings, const fov_train_options *options, int64_t count,
                     struct error *error)
{
    *settings = (struct train_settings){0};
    fov_train_options *o = &settings->given;
    if (options != NULL) {
        *o = *options;
    }
    o->optimizer = o->optimizer != NULL ? o->optimizer : "sgd";
    o->schedule = o->schedule != NULL ? o->schedule : "constant";
    if (resolve_optimizer(settings, error) != FOV_OK || resolve_schedule(settings, error) != FOV_OK) {
        return FOV_E_USAGE;
    }
    if (o->minutes > 0.0f && o->epochs == 0) {
        o->epochs = BY_TIME;
    }
    o->lr = o->lr != 0.0f ? o->lr : (float)settings->optimizer.op->standard_rate;
    for (const struct train_option *row = train_option_table; row->name != NULL; row++) {
        if (row->standard != 0.0 && train_option_number(row, o) == 0.0) {
            train_option_put(row, o, row->standard, NULL);
        }
    }
    if (check_all(settings, error) != FOV_OK) {
        return FOV_E_USAGE;
    }
    settings->batch = o->batch < 0 || o->batch > count ? count : o->batch;
    settings->steps = o->drop_last ? count / settings->batch : (count + settings->batch - 1) / settings->batch;
    settings->rate = (struct schedule_plan){
        .lr = (double)o->lr, .warmup = o->warmup, .epochs = o->epochs, .steps_per_epoch = settings->steps};
    return FOV_OK;
}

void settings_drop_rest(struct train_settings *settings)
{
    settings->steps--;
    settings->rate.steps_per_epoch = settings->steps;
}

/* The resolved text of an option, with all options of the optimiser, schedule or task it names; "" if not given. */
static const char *resolved_text(const struct train_settings *settings, const struct train_option *row)
{
    const char *given = train_option_text(row, &settings->given);
    if (row->offset == offsetof(fov_train_options, optimizer)) {
        return settings->optimizer_text;
    }
    if (row->offset == offsetof(fov_train_options, schedule)) {
        return settings->schedule_text;
    }
    if (row->offset == offsetof(fov_train_options, task)) {
        return settings->task_text;
    }
    if (row->offset == offsetof(fov_train_options, augment)) {
        return settings->augment != NULL ? pipeline_text(settings->augment) : "none";
    }
    return given != NULL ? given : "";
}

int settings_list(const struct train_settings *settings, struct setting list[SETTINGS_MAX])
{
    int count = 0;
    for (const struct train_option *row = train_option_table; row->name != NULL; row++) {
        struct setting *s = &list[count];
        if (row->owner == OF_OPTIMIZER) { /* part of the optimiser's text already */
            continue;
        }
        *s = (struct setting){.key = row->name, .decides = row->decides, .quoted = row->kind == FOV_OPTION_TEXT};
        if (s->quoted) {
            s->value = resolved_text(settings, row);
            snprintf(s->absent, sizeof s->absent, "%s", row->absent != NULL ? row->absent : "");
        } else {
            double value = train_option_number(row, &settings->given);
            number_text(s->number, value);
            number_text(s->absent, row->standard);
            if (row->kind == FOV_OPTION_NUMBER) {
                short_number(s->number, value);
                short_number(s->absent, row->standard);
            }
            s->value = s->number;
        }
        if (row->offset == offsetof(fov_train_options, schedule) && settings->schedule_by_fields) {
            s->older = settings->schedule.schedule->name;
        }
        if (row->offset == offsetof(fov_train_options, task)) {
            s->older = settings->task_name;
        }
        count++;
    }
    return count;
}
