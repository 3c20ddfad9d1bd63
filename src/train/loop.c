/* SPDX-License-Identifier: MIT */
/* Updates for loops that programs write themselves: the same nodes that a training step has (updates.h), whose rate and
 * step number are parameters of the graph here, so that a run needs nothing but the program's own inputs. */
#include "train/options.h"
#include "train/updates.h"
#include <fovea/loop.h>
#include <fovea/operators.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 4096 + 64 };

/* "optimizer.PREFIXword", a frozen f32 scalar. */
static fov_value add_scalar(fov_graph *graph, const fov_update_options *options, const char *word, float value)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "optimizer.%s%s", options->parameters != NULL ? options->parameters : "", word);
    return fov_parameter(graph, .name = name, .initial = FOV_INITIAL_CONSTANT, .scale = value, .frozen = true);
}

/* The number of the update under way, from 1: one more than that of the last, which is remembered. */
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

static fov_value update(fov_graph *graph, fov_value loss, const fov_update_options *options)
{
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
