/* SPDX-License-Identifier: MIT */
/* fov_update, for training loops that programs write themselves: adds the same nodes as a training step (updates.h),
 * but with learning rate and step number as parameters of the graph, so that a run needs only the program's own
 * inputs. */
#include "train/options.h"
#include "train/schedule.h"
#include "train/updates.h"
#include <fovea/loop.h>
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 4096 + 64 };

static const int64_t most_steps = (int64_t)1 << 53; /* counted exactly in double */

/* Adds a frozen f32 scalar parameter named "optimizer.PREFIXword". */
static fov_value add_scalar(fov_graph *graph, const fov_update_options *options, const char *word, float value)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "optimizer.%s%s", options->parameters != NULL ? options->parameters : "", word);
    return fov_parameter(graph, .name = name, .initial = FOV_INITIAL_CONSTANT, .scale = value, .frozen = true);
}

/* Adds the number of the current update, from 1, which a parameter counts. */
static fov_value add_number(fov_graph *graph, const fov_update_options *options)
{
    static const float one = 1.0F;
    fov_value last = add_scalar(graph, options, "step", 0.0F);
    fov_value number = fov_add(graph, last, fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &one));
    fov_assign(graph, last, number);
    return number;
}

static bool is_scalar(const fov_graph *graph, fov_value value)
{
    return fov_value_name(graph, value)[0] != '\0' && fov_value_shape(graph, value).rank == 0 &&
           fov_value_dtype(graph, value) == FOV_F32;
}

/* Name of a parameter with that `prefix` (NULL: any) that already has an assigned value, so that a further update of it
 * is an error; NULL: none. The step number of an earlier update counts too, for its parameters may be frozen since. */
static const char *find_renewed(const fov_graph *graph, const char *prefix)
{
    char step[NAME_SIZE];
    snprintf(step, sizeof step, "optimizer.%sstep", prefix != NULL ? prefix : "");
    for (int i = 0; i < fov_parameter_count(graph); i++) {
        const struct value *value = graph_value(graph, fov_parameter_at(graph, i).id);
        bool is_its = !value->frozen && (prefix == NULL || strncmp(value->name, prefix, strlen(prefix)) == 0);
        if (is_its && value->assigned != 0) {
            return value->name;
        }
    }
    return fov_find(graph, step).id != 0 ? fov_value_name(graph, fov_find(graph, step)) : NULL;
}

static fov_value update(fov_graph *graph, fov_value loss, const fov_update_options *options)
{
    const char *renewed = find_renewed(graph, options->parameters);
    if (renewed != NULL) {
        return fov_graph_fail(graph, NULL, FOV_E_USAGE,
                              "fov_update: \"%.200s\" is renewed already, by an fov_update before this one or by "
                              "fov_assign: add two losses up and call it once; give two optimisers .parameters of their "
                              "own; another rate is set in what the first call answered (fov_parameter_set)",
                              renewed);
    }
    struct error *error = &graph->context->error;
    struct train_settings settings;
    const fov_train_options given = {.optimizer = options->optimizer,
                                     .lr = options->lr,
                                     .momentum = options->momentum,
                                     .weight_decay = options->weight_decay,
                                     .lr_by_name = options->lr_by_name,
                                     .weight_decay_by_name = options->weight_decay_by_name,
                                     .no_decay = options->no_decay,
                                     .clip_value = options->clip_value,
                                     .clip_norm = options->clip_norm};
    if (settings_resolve(&settings, &given, 1, error) != FOV_OK) {
        return fov_graph_fail(graph, NULL, error->status, "fov_update: %s", error->text);
    }
    if (options->rate.id != 0 && !is_scalar(graph, options->rate)) {
        return fov_graph_fail(graph, NULL, FOV_E_SHAPE, "fov_update: the rate must be one f32 number");
    }
    int parameters = fov_parameter_count(graph);
    const struct task_turn turn = {.loss = loss, .parameters = options->parameters};
    struct updates updates = {.sums = NULL};
    updates.input[UPDATE_RATE] =
        options->rate.id != 0 ? options->rate : add_scalar(graph, options, "learning_rate", settings.given.lr);
    updates.input[UPDATE_NUMBER] = add_number(graph, options);
    fov_value rate = updates.input[UPDATE_RATE];
    if (updates_add(&updates, graph, &turn, 1, parameters, &settings, error) != FOV_OK) {
        rate = fov_graph_fail(graph, NULL, error->status, "fov_update: %s", error->text);
    }
    updates_free(&updates);
    return rate;
}

fov_value fov_update_opt(fov_graph *graph, fov_value loss, const fov_update_options *options)
{
    static const fov_update_options standard = {.optimizer = NULL};
    if (graph == NULL || graph->failed) {
        return (fov_value){0};
    }
    struct call call = call_begin(graph->context);
    fov_value rate = update(graph, loss, options != NULL ? options : &standard);
    call_end(&call);
    return rate;
}

static int find_rate(const char *schedule, const fov_schedule_moment *m, double *rate, struct error *error)
{
    struct schedule_use use;
    const struct schedule_state nothing = {{0}};
    int64_t per_epoch = m->steps_per_epoch != 0 ? m->steps_per_epoch : 1;
    bool is_run = m->epochs > 0 && per_epoch > 0 && m->epochs <= most_steps / per_epoch && m->warmup >= 0;
    if (!is_run || m->step < 0 || m->step >= m->epochs * per_epoch || !(m->lr > 0.0F) || !isfinite(m->lr)) {
        return error_set(error, FOV_E_USAGE,
                         "fov_schedule_rate: step %lld of %lld epochs of %lld steps, warm-up %lld, rate %g: steps are "
                         "counted from 0 to the last one of the run, rates are above 0",
                         (long long)m->step, (long long)m->epochs, (long long)per_epoch, (long long)m->warmup,
                         (double)m->lr);
    }
    if (schedule_find(&use, schedule, error) != FOV_OK || schedule_read(&use, schedule, error) != FOV_OK) {
        return (int)error->status;
    }
    if (use.schedule->observe != NULL) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "fov_schedule_rate: schedule %s looks at what validation has found, which is not told here",
                         use.schedule->name);
    }
    const struct schedule_plan plan = {
        .lr = (double)m->lr, .warmup = m->warmup, .epochs = m->epochs, .steps_per_epoch = per_epoch};
    *rate = schedule_rate(&use, &plan, m->step / per_epoch, m->step, -1.0, &nothing);
    return FOV_OK;
}

float fov_schedule_rate(fov_context *context, const char *schedule, const fov_schedule_moment *moment)
{
    double rate = (double)NAN;
    if (context == NULL) {
        return NAN;
    }
    if (schedule == NULL || moment == NULL) {
        call_refuse(context, "fov_schedule_rate: schedule or moment is NULL");
        return NAN;
    }
    call_fresh(context);
    return find_rate(schedule, moment, &rate, &context->error) == FOV_OK ? (float)rate : NAN;
}

int fov_update_list(const fov_graph *graph, const char *parameters, fov_value *list, int room)
{
    char prefix[NAME_SIZE];
    int count = 0;
    if (graph == NULL || (list == NULL && room > 0)) {
        return 0;
    }
    parameters = parameters != NULL ? parameters : "";
    size_t length = strlen(parameters);
    int own = snprintf(prefix, sizeof prefix, "optimizer.%s", parameters);
    for (size_t id = 1; id < graph->value_count; id++) {
        const struct value *value = graph_value(graph, (int)id);
        bool is_its = value->kind == VALUE_PARAMETER && value->assigned != 0 && !value->follows &&
                      (strncmp(value->name, parameters, length) == 0 || strncmp(value->name, prefix, (size_t)own) == 0);
        if (is_its && count < room) {
            list[count] = (fov_value){(int)id};
        }
        count += is_its;
    }
    return count;
}
