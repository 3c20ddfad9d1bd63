/* SPDX-License-Identifier: MIT */
/* Defaults, limits and spelling of the training options. */
#include "train/options.h"
#include "base/text.h"
#include "train/history.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number within limits (NaN is in none); the sentence names the option as the user wrote it. */
static int check(const char *option, double value, double minimum, double maximum, struct error *error)
{
    if (value >= minimum && value <= maximum) {
        return FOV_OK;
    }
    return error_set(error, FOV_E_USAGE, "training option %s is %g (%g to %g)", option, value, minimum, maximum);
}

static int check_all(const fov_train_options *o, struct error *error)
{
    const struct {
        const char *name;
        double value, minimum, maximum;
    } limits[] = {
        {"epochs", o->epochs, 1, 1e6},
        {"batch", o->batch, -1, 1e8},
        {"lr", (double)o->lr, 0, 1e6},
        {"momentum", (double)o->momentum, 0, 0.9999999},
        {"weight_decay", (double)o->weight_decay, 0, 1e6},
        {"beta1", (double)o->beta1, 0, 0.9999999},
        {"beta2", (double)o->beta2, 0, 0.9999999},
        {"epsilon", (double)o->epsilon, 0, 1},
        {"step_epochs", o->step_epochs, 1, 1e6},
        {"gamma", (double)o->gamma, 0, 1e3},
        {"lr_final", (double)o->lr_final, 0, 1e6},
        {"warmup", o->warmup, 0, 1e9},
        {"label_smoothing", (double)o->label_smoothing, 0, 0.999},
        {"checkpoint_steps", o->checkpoint_steps, 0, 2e9},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (check(limits[i].name, limits[i].value, limits[i].minimum, limits[i].maximum, error) != FOV_OK) {
            return FOV_E_USAGE;
        }
    }
    if (o->nesterov && o->momentum <= 0.0f) {
        return error_set(error, FOV_E_USAGE, "training option nesterov needs a momentum above 0");
    }
    if (o->resume && o->directory == NULL) {
        return error_set(error, FOV_E_USAGE, "training option resume needs the directory of the run to go on with");
    }
    return FOV_OK;
}

static float or_else(float value, float standard)
{
    return value == 0.0f ? standard : value;
}

/* The optimiser's own defaults, over them the fields that are not zero, over those what stands behind its name. */
static int resolve_optimizer(struct train_settings *settings, struct error *error)
{
    const fov_train_options *o = &settings->given;
    const struct {
        const char *name;
        double value;
    } fields[] = {{"momentum", (double)o->momentum}, {"nesterov", o->nesterov},
                  {"weight_decay", (double)o->weight_decay}, {"beta1", (double)o->beta1},
                  {"beta2", (double)o->beta2}, {"epsilon", (double)o->epsilon}};
    int status = optimizer_find(&settings->optimizer, o->optimizer, error);
    for (size_t i = 0; status == FOV_OK && i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].value != 0.0) {
            status = optimizer_set(&settings->optimizer, fields[i].name, fields[i].value, error);
        }
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
    const struct {
        const char *name;
        double value;
    } fields[] = {
        {"step_epochs", o->step_epochs}, {"gamma", (double)o->gamma}, {"lr_final", (double)o->lr_final}};
    int status = schedule_find(&settings->schedule, o->schedule, error);
    for (size_t i = 0; status == FOV_OK && i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].value != 0.0) {
            schedule_put(&settings->schedule, fields[i].name, fields[i].value);
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
    o->epochs = o->epochs != 0 ? o->epochs : 10;
    o->batch = o->batch != 0 ? o->batch : 64;
    o->lr = or_else(o->lr, (float)settings->optimizer.op->standard_rate);
    o->step_epochs = o->step_epochs != 0 ? o->step_epochs : 10;
    o->gamma = or_else(o->gamma, 0.1f);
    if (check_all(o, error) != FOV_OK) {
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

static void add_number(struct setting list[SETTINGS_MAX], int *count, const char *key, double value, bool decides)
{
    char number[NUMBER_TEXT_SIZE];
    struct setting *s = &list[(*count)++];
    *s = (struct setting){.key = key, .decides = decides};
    snprintf(s->number, sizeof s->number, "%s", number_text(number, value));
    s->value = s->number;
}

static void add_word(struct setting list[SETTINGS_MAX], int *count, const char *key, const char *value)
{
    struct setting *s = &list[(*count)++];
    *s = (struct setting){.key = key, .value = value, .decides = true, .quoted = true};
}

int settings_list(const struct train_settings *settings, struct setting list[SETTINGS_MAX])
{
    const fov_train_options *o = &settings->given;
    int count = 0;
    add_word(list, &count, "task", settings->task_text);
    list[0].absent = "classify";
    add_number(list, &count, "epochs", o->epochs, false); /* may grow */
    add_number(list, &count, "batch", o->batch, true);
    add_word(list, &count, "optimizer", settings->optimizer_text);
    add_number(list, &count, "lr", (double)o->lr, true);
    add_word(list, &count, "schedule", settings->schedule_text);
    list[count - 1].older = settings->schedule_by_fields ? settings->schedule.schedule->name : NULL;
    add_number(list, &count, "step_epochs", o->step_epochs, true);
    add_number(list, &count, "gamma", (double)o->gamma, true);
    add_number(list, &count, "lr_final", (double)o->lr_final, true);
    add_number(list, &count, "warmup", o->warmup, true);
    add_number(list, &count, "label_smoothing", (double)o->label_smoothing, true);
    add_word(list, &count, "augment", settings->augment != NULL ? pipeline_text(settings->augment) : "none");
    list[count - 1].absent = "none";
    add_number(list, &count, "checkpoint_steps", o->checkpoint_steps, false);
    add_number(list, &count, "drop_last", o->drop_last, true);
    list[count - 1].absent = "0";
    add_number(list, &count, "classes_by_position", o->classes_by_position, true);
    list[count - 1].absent = "0";
    return count;
}
