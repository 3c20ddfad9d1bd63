/* SPDX-License-Identifier: MIT */
/* Adds the nodes after the loss, in the order listed in updates.h. */
#include "train/updates.h"
#include "base/memory.h"
#include <fovea/operators.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 4096 + 64 }; /* a value's name and a few words; the graph refuses names that become too long */

/* Working state of updates_add. */
struct building {
    struct updates *updates;
    fov_graph *graph;
    const struct train_settings *settings;
    fov_value *targets, *gradients; /* [count]: parameters to train, and their gradients */
    int count;
    int end[TASK_MOST_TURNS]; /* end of each turn's targets, which are listed turn after turn */
};

static fov_value scalar(struct building *b, const char *name, double value)
{
    const float number = (float)value;
    name = fov_find(b->graph, name).id == 0 ? name : NULL; /* the name is taken if the graph has several updates */
    return fov_constant(b->graph, name, FOV_F32, (fov_shape){0}, &number);
}

static fov_value add_input(struct building *b, enum update_input which, const char *name)
{
    if (b->updates->input[which].id == 0) { /* not given by the caller */
        b->updates->input[which] = fov_input(b->graph, .name = name);
    }
    return b->updates->input[which];
}

/* Adds the frozen parameter "optimizer.PARAMETER.WORD" of a parameter's shape, initialised with a copy of its present
 * value (`begins_as_it`) or zeros. */
static fov_value add_beside(struct building *b, fov_value parameter, const char *word, bool begins_as_it)
{
    char name[NAME_SIZE];
    fov_shape shape = fov_value_shape(b->graph, parameter);
    snprintf(name, sizeof name, "optimizer.%s.%s", fov_value_name(b->graph, parameter), word);
    fov_value beside = fov_parameter(b->graph, .name = name, .shape = shape, .frozen = true);
    if (begins_as_it && !b->graph->failed) {
        const void *data = graph_data(b->graph, parameter.id);
        size_t bytes = graph_value(b->graph, parameter.id)->bytes;
        if (data == NULL || fov_parameter_set(b->graph, beside, data, bytes) != FOV_OK) {
            return (fov_value){0}; /* the error is on the context */
        }
    }
    return beside;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* Adds sum = keep * sum + weight * more, which accumulates over the batches of a group, in order. */
static fov_value add_sum(struct building *b, fov_value beside, const char *word, fov_value more)
{
    struct updates *u = b->updates;
    fov_value sum = add_beside(b, beside, word, false);
    const fov_value in[] = {sum, more, u->input[UPDATE_KEEP], u->input[UPDATE_WEIGHT]};
    fov_assign(b->graph, sum, op_emit(fov_graph_emitter(b->graph), "accumulate", in, 4, NULL));
    u->sums[u->sum_count++] = sum;
    return sum;
}

static int add_sums_of_statistics(struct building *b, int parameters, struct error *error)
{
    struct updates *u = b->updates;
    size_t elements = 0;
    for (int i = 0; i < parameters; i++) {
        fov_value parameter = fov_parameter_at(b->graph, i);
        const struct value *value = graph_value(b->graph, parameter.id);
        if (!value->follows || value->assigned == 0 || value->dtype != FOV_F32) {
            continue;
        }
        size_t count = value->bytes / sizeof(float);
        fov_value sum = add_sum(b, parameter, "sum", (fov_value){value->assigned});
        u->statistics[u->statistic_count++] = (struct update_statistic){parameter.id, sum.id, count};
        elements += count;
    }
    u->held = memory_allocate_raw(u->memory, elements, sizeof *u->held, "running statistics", error);
    return u->held != NULL ? FOV_OK : FOV_E_MEMORY;
}

/* Lists the running statistics of all turns, and allocates memory to hold them. */
static int list_statistics(struct building *b, int parameters, struct error *error)
{
    struct updates *u = b->updates;
    size_t elements = 0;
    u->statistics =
        memory_allocate(u->memory, (size_t)parameters, sizeof *u->statistics, "running statistics", error);
    for (int i = 0; u->statistics != NULL && i < parameters; i++) {
        int id = fov_parameter_at(b->graph, i).id;
        const struct value *value = graph_value(b->graph, id);
        if (value->follows && value->assigned != 0 && value->dtype == FOV_F32) {
            size_t count = value->bytes / sizeof(float);
            u->statistics[u->statistic_count++] = (struct update_statistic){id, 0, count};
            elements += count;
        }
    }
    u->held = memory_allocate_raw(u->memory, elements, sizeof *u->held, "running statistics", error);
    return u->statistics != NULL && u->held != NULL ? FOV_OK : FOV_E_MEMORY;
}

/* Adds accumulation: from here on the gradients are the sums over a group's batches. */
static int add_sums(struct building *b, int parameters, struct error *error)
{
    struct updates *u = b->updates;
    size_t most = (size_t)(b->count + parameters);
    u->sums = memory_allocate(u->memory, most, sizeof *u->sums, "sums over batches", error);
    u->statistics =
        memory_allocate(u->memory, (size_t)parameters, sizeof *u->statistics, "running statistics", error);
    if (u->sums == NULL || u->statistics == NULL) {
        return FOV_E_MEMORY;
    }
    add_input(b, UPDATE_KEEP, "optimizer.keep");
    add_input(b, UPDATE_WEIGHT, "optimizer.weight");
    for (int i = 0; i < b->count; i++) {
        b->gradients[i] = add_sum(b, b->targets[i], "gradient_sum", b->gradients[i]);
    }
    return add_sums_of_statistics(b, parameters, error);
}

/* Scales all gradients of a turn by one factor, so that their joint norm is at most `most` (Pascanu, Mikolov & Bengio,
 * "On the difficulty of training recurrent neural networks", 2013). Squares are summed tensor by tensor in order of the
 * parameters. */
static void add_norm_clip(struct building *b, int begin, int end, double most)
{
    fov_graph *graph = b->graph;
    fov_value sum = {0};
    for (int i = begin; i < end; i++) {
        fov_value squares = op_emit(fov_graph_emitter(graph), "reduce_sum_square", &b->gradients[i], 1, NULL);
        fov_value one = fov_reshape(graph, squares, (fov_shape){0});
        sum = sum.id == 0 ? one : fov_add(graph, sum, one);
    }
    fov_value norm = fov_add(graph, fov_sqrt(graph, sum), scalar(b, NULL, 1e-6));
    fov_value factor = fov_div(graph, scalar(b, NULL, most), norm);
    factor = fov_min(graph, factor, scalar(b, NULL, 1.0));
    for (int i = begin; i < end; i++) {
        b->gradients[i] = fov_mul(graph, b->gradients[i], factor);
    }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* The input that is 1 in these epochs and 0 in all others. */
static fov_value find_window(struct building *b, struct group_epochs epochs, struct error *error)
{
    struct updates *u = b->updates;
    char name[64];
    for (int i = 0; i < u->window_count; i++) {
        if (u->windows[i].epochs.first == epochs.first && u->windows[i].epochs.last == epochs.last) {
            return u->windows[i].input;
        }
    }
    if (u->window_count == UPDATE_WINDOWS) {
        error_set(error, FOV_E_USAGE, "training option lr_by_name: more than %d different spans of epochs",
                  UPDATE_WINDOWS);
        return (fov_value){0};
    }
    snprintf(name, sizeof name, "optimizer.epochs.%d", u->window_count + 1);
    struct update_window *window = &u->windows[u->window_count++];
    *window = (struct update_window){epochs, fov_input(b->graph, .name = name)};
    return window->input;
}

/* Adds the optimiser's node for target i, with the rate and decay of that parameter. Returns the new value. */
static fov_value add_step(struct building *b, int i, struct error *error)
{
    struct group group = groups_of(b->settings, b->graph, b->targets[i]);
    struct optimizer optimizer = b->settings->optimizer;
    struct optimizer_update update = {.graph = b->graph,
                                      .parameter = b->targets[i],
                                      .gradient = b->gradients[i],
                                      .learning_rate = b->updates->input[UPDATE_RATE],
                                      .step = b->updates->input[UPDATE_NUMBER]};
    char name[NAME_SIZE];
    if (group.rate != 1.0) {
        snprintf(name, sizeof name, "optimizer.%s.rate", fov_value_name(b->graph, b->targets[i]));
        update.learning_rate = fov_mul(b->graph, update.learning_rate, scalar(b, name, group.rate));
    }
    if (group.epochs.first > 0) {
        update.learning_rate = fov_mul(b->graph, update.learning_rate, find_window(b, group.epochs, error));
    }
    if (group.weight_decay >= 0.0 && optimizer_set(&optimizer, "weight_decay", group.weight_decay, error) != FOV_OK) {
        return (fov_value){0};
    }
    return optimizer_add(&optimizer, &update);
}

/* Adds Lookahead for a parameter: a slow copy, which follows the new value every few steps, and to
 * which the parameter is then set. Returns the parameter's new value. */
static fov_value add_lookahead(struct building *b, fov_value parameter, fov_value renewed, struct error *error)
{
    struct optimizer average = {.op = op_find("moving_average")};
    fov_value slow = add_beside(b, parameter, "slow", true);
    const fov_value in[] = {slow, renewed, b->updates->input[UPDATE_RETURN]};
    op_options_default(average.op, average.options);
    if (optimizer_set(&average, "returns", 1.0, error) != FOV_OK) {
        return renewed;
    }
    fov_value moved = op_emit(fov_graph_emitter(b->graph), average.op->name, in, 3, average.options);
    fov_value back = op_emit_output(fov_graph_emitter(b->graph), moved, 1);
    fov_assign(b->graph, slow, moved);
    fov_assign(b->graph, parameter, back);
    return back;
}

static void add_average(struct building *b, int parameter, fov_value now)
{
    struct updates *u = b->updates;
    fov_value average = add_beside(b, (fov_value){parameter}, "average", true);
    const fov_value in[] = {average, now, u->input[UPDATE_AVERAGE]};
    fov_assign(b->graph, average, op_emit(fov_graph_emitter(b->graph), "moving_average", in, 3, NULL));
    u->averages[u->average_count++] = (struct update_average){parameter, average.id};
}

static bool has_prefix(const char *name, const char *prefix)
{
    return prefix == NULL || strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Adds averages of running statistics, as of weights, so that both belong to the same network. With accumulation the
 * values set at the group's end are averaged. `prefix`: of the names of a turn's parameters; NULL: all. */
static void add_averages_of_statistics(struct building *b, const char *prefix, int parameters)
{
    for (int i = 0; i < parameters; i++) {
        fov_value parameter = fov_parameter_at(b->graph, i);
        const struct value *value = graph_value(b->graph, parameter.id);
        if (has_prefix(value->name, prefix) && value->follows && value->assigned != 0 && value->dtype == FOV_F32) {
            add_average(b, parameter.id, b->updates->sums != NULL ? parameter : (fov_value){value->assigned});
        }
    }
}

static void add_lookahead_of_statistics(struct building *b, int parameters, struct error *error)
{
    for (int i = 0; i < parameters; i++) {
        fov_value parameter = fov_parameter_at(b->graph, i);
        const struct value *value = graph_value(b->graph, parameter.id);
        if (value->follows && value->assigned != 0 && value->dtype == FOV_F32) {
            (void)add_lookahead(b, parameter, (fov_value){value->assigned}, error);
        }
    }
}

/* Adds the inputs and allocates the list that the update of the weights needs. */
static int open_weights(struct building *b, int parameters, struct error *error)
{
    const fov_train_options *o = &b->settings->given;
    struct updates *u = b->updates;
    if (o->ema > 0.0f) {
        u->averages = memory_allocate(u->memory, (size_t)parameters, sizeof *u->averages, "averages of weights", error);
        if (u->averages == NULL) {
            return FOV_E_MEMORY;
        }
        add_input(b, UPDATE_AVERAGE, "optimizer.average");
    }
    if (o->lookahead > 0) {
        add_input(b, UPDATE_RETURN, "optimizer.return");
    }
    return FOV_OK;
}

/* Adds the updates of the targets `begin` to `end`, which are those of a turn. */
static int add_weights(struct building *b, int begin, int end, struct error *error)
{
    const fov_train_options *o = &b->settings->given;
    for (int i = begin; i < end && error->status == FOV_OK; i++) {
        fov_value renewed = add_step(b, i, error);
        renewed = o->lookahead > 0 && renewed.id != 0 ? add_lookahead(b, b->targets[i], renewed, error) : renewed;
        if (o->ema > 0.0f && renewed.id != 0) {
            add_average(b, b->targets[i].id, renewed);
        }
    }
    return (int)error->status;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* With accumulation: lists what the update at a group's end assigns, which is everything but sums and statistics. */
static int list_others(struct building *b, struct error *error)
{
    struct updates *u = b->updates;
    int total = fov_parameter_count(b->graph);
    u->others = memory_allocate(u->memory, (size_t)total, sizeof *u->others, "what a step renews", error);
    for (int i = 0; u->others != NULL && i < total; i++) {
        fov_value parameter = fov_parameter_at(b->graph, i);
        const struct value *value = graph_value(b->graph, parameter.id);
        bool sums = false;
        for (int k = 0; k < u->sum_count; k++) {
            sums = sums || u->sums[k].id == parameter.id;
        }
        if (value->assigned != 0 && !value->follows && !sums) {
            u->others[u->other_count++] = parameter;
        }
    }
    u->done = fov_add(b->graph, u->input[UPDATE_RATE], u->input[UPDATE_RATE]);
    return u->others != NULL ? FOV_OK : FOV_E_MEMORY;
}

/* Appends a turn's targets and their gradients to those of earlier turns. */
static int find_gradients(struct building *b, const struct task_turn *turn, int parameters, struct error *error)
{
    int begin = b->count, used = b->count;
    for (int i = 0; i < parameters; i++) {
        fov_value parameter = fov_parameter_at(b->graph, i);
        bool is_its = has_prefix(fov_value_name(b->graph, parameter), turn->parameters);
        if (is_its && !fov_parameter_frozen(b->graph, parameter) && fov_value_dtype(b->graph, parameter) == FOV_F32) {
            b->targets[b->count++] = parameter;
        }
    }
    if (b->count == begin) {
        return error_set(error, FOV_E_USAGE, "the model has no parameter to train%s%s",
                         turn->parameters != NULL ? " in " : "", turn->parameters != NULL ? turn->parameters : "");
    }
    int status = fov_gradient(b->graph, turn->loss, b->targets + begin, b->count - begin, b->gradients + begin);
    for (int i = begin; status == FOV_OK && i < b->count; i++) {
        if (b->gradients[i].id != 0) { /* 0: the loss does not depend on it */
            b->targets[used] = b->targets[i];
            b->gradients[used++] = b->gradients[i];
        }
    }
    if (status == FOV_OK && used == begin) {
        return error_set(error, FOV_E_USAGE, "the loss depends on none of the %d parameters to train%s%s",
                         b->count - begin, turn->parameters != NULL ? " in " : "",
                         turn->parameters != NULL ? turn->parameters : "");
    }
    b->count = used;
    return status;
}

/* Lists what a turn's plan assigns: with accumulation its sums; else its parameters and the states added for them,
 * which are the graph's parameters from number `first` on. `prefix`: of the names of the turn's parameters. */
static int list_turn(struct building *b, int turn, int first, const char *prefix, struct error *error)
{
    const struct updates *u = b->updates;
    struct update_turn *t = &b->updates->turn[turn];
    int begin = turn > 0 ? b->end[turn - 1] : 0, end = b->end[turn];
    int added = u->sums == NULL ? fov_parameter_count(b->graph) - first : u->statistic_count;
    t->renewed =
        memory_allocate(u->memory, (size_t)(end - begin + added), sizeof *t->renewed, "what a step renews", error);
    if (t->renewed == NULL) {
        return FOV_E_MEMORY;
    }
    for (int i = begin; i < end; i++) {
        t->renewed[t->count++] = u->sums != NULL ? u->sums[i] : b->targets[i];
    }
    for (int i = 0; u->sums == NULL && i < added; i++) {
        t->renewed[t->count++] = fov_parameter_at(b->graph, first + i);
    }
    for (int i = 0; u->sums != NULL && i < u->statistic_count; i++) {
        if (has_prefix(graph_value(b->graph, u->statistics[i].parameter)->name, prefix)) {
            t->renewed[t->count++] = (fov_value){u->statistics[i].sum};
        }
    }
    return FOV_OK;
}

/* E_USAGE: a turn that is not taken in each step would leave a group with no gradient, or with a part of it. */
static int check_turns(const struct task_turn *turns, int turn_count, int64_t accumulate, struct error *error)
{
    for (int k = 0; k < turn_count; k++) {
        if (accumulate > 1 && turns[k].every > 1) {
            return error_set(error, FOV_E_USAGE,
                             "training option accumulate=%lld: the parameters \"%s...\" are trained in one of %d steps, "
                             "so that some groups of batches have no gradient of theirs; a larger batch has",
                             (long long)accumulate, turns[k].parameters, turns[k].every);
        }
    }
    return FOV_OK;
}

static int build(struct building *b, const struct task_turn *turns, int turn_count, int parameters,
                 struct error *error)
{
    const fov_train_options *o = &b->settings->given;
    int status = check_turns(turns, turn_count, o->accumulate, error);
    add_input(b, UPDATE_RATE, "optimizer.learning_rate");
    add_input(b, UPDATE_NUMBER, "optimizer.step");
    for (int k = 0; status == FOV_OK && k < turn_count; k++) {
        status = find_gradients(b, &turns[k], parameters, error);
        b->end[k] = b->count;
    }
    status = status == FOV_OK ? groups_check(b->settings, b->graph, b->targets, b->count, error) : status;
    if (status == FOV_OK && o->accumulate > 1) {
        status = add_sums(b, parameters, error);
    } else if (status == FOV_OK && turn_count > 1) {
        status = list_statistics(b, parameters, error);
    }
    for (int i = 0; status == FOV_OK && o->clip_value > 0.0f && i < b->count; i++) {
        b->gradients[i] = fov_clip(b->graph, b->gradients[i], -o->clip_value, o->clip_value);
    }
    status = status == FOV_OK ? open_weights(b, parameters, error) : status;
    for (int k = 0, begin = 0; status == FOV_OK && k < turn_count; begin = b->end[k++]) {
        int first = fov_parameter_count(b->graph);
        if (o->clip_norm > 0.0f && b->end[k] > begin) {
            add_norm_clip(b, begin, b->end[k], (double)o->clip_norm);
        }
        status = add_weights(b, begin, b->end[k], error);
        if (status == FOV_OK && o->ema > 0.0f) {
            add_averages_of_statistics(b, turns[k].parameters, parameters);
        }
        if (status == FOV_OK && o->lookahead_final > 0.0f && turn_count == 1) {
            add_lookahead_of_statistics(b, parameters, error);
        }
        if (status == FOV_OK && turn_count > 1) {
            status = list_turn(b, k, first, turns[k].parameters, error);
        }
    }
    return status == FOV_OK && b->updates->sums != NULL ? list_others(b, error) : status;
}

int updates_add(struct updates *updates, fov_graph *graph, const struct task_turn *turns, int turn_count,
                int parameters, const struct train_settings *settings, struct error *error)
{
    struct memory *memory = graph->context->memory;
    struct building b = {.updates = updates, .graph = graph, .settings = settings};
    updates->memory = memory;
    b.targets = memory_allocate(memory, (size_t)parameters + 1, 2 * sizeof *b.targets, "gradients", error);
    if (b.targets == NULL) {
        return FOV_E_MEMORY;
    }
    b.gradients = b.targets + parameters + 1;
    int status = build(&b, turns, turn_count, parameters, error);
    memory_free(memory, b.targets);
    return status != FOV_OK ? status : graph->failed ? (int)error->status : FOV_OK;
}

void updates_free(struct updates *updates)
{
    if (updates->memory != NULL) {
        for (int k = 0; k < TASK_MOST_TURNS; k++) {
            memory_free(updates->memory, updates->turn[k].renewed);
        }
        memory_free(updates->memory, updates->sums);
        memory_free(updates->memory, updates->others);
        memory_free(updates->memory, updates->averages);
        memory_free(updates->memory, updates->statistics);
        memory_free(updates->memory, updates->held);
    }
    *updates = (struct updates){0};
}

/* ---- while it runs ----------------------------------------------------------------------------------------------- */

struct update_places updates_places(const struct updates *updates, fov_plan *plan)
{
    struct update_places places = {{NULL}, {NULL}, {{0, 0}}};
    for (int i = 0; i < updates->window_count; i++) {
        places.window[i] = fov_plan_data(plan, updates->windows[i].input);
        places.epochs[i] = updates->windows[i].epochs;
    }
    for (int i = 0; i < UPDATE_INPUTS; i++) {
        places.input[i] = updates->input[i].id != 0 ? fov_plan_data(plan, updates->input[i]) : NULL;
    }
    return places;
}

void updates_set(const struct update_places *places, const struct update_moment *moment)
{
    for (int i = 0; i < UPDATE_INPUTS; i++) {
        if (places->input[i] != NULL) {
            *places->input[i] = (float)moment->input[i];
        }
    }
    for (int i = 0; i < UPDATE_WINDOWS; i++) {
        if (places->window[i] != NULL) {
            const struct group_epochs *epochs = &places->epochs[i];
            bool within = moment->epoch + 1 >= epochs->first && (epochs->last == 0 || moment->epoch < epochs->last);
            *places->window[i] = within ? 1.0f : 0.0f;
        }
    }
}

/* 1 - decay at the n-th update. The decay grows to its value as (n - 1) / (n + 9), since early averages would otherwise
 * be dominated by the initial weights. */
static double average_share(double decay, double number)
{
    double early = 10.0 / (number + 9.0);
    return early > 1.0 - decay ? early : 1.0 - decay;
}

/* How far the slow copy moves to the weights at the n-th update; 0: no Lookahead in this update. If the share falls
 * over the run (lookahead_final), the copy practically stays at the last update, and the weights are set to it. */
static double lookahead_share(const struct train_settings *settings, double number)
{
    const fov_train_options *o = &settings->given;
    double all = (double)o->epochs * (double)settings->steps, done = fmin(number / all, 1.0);
    if (o->lookahead == 0 || (fmod(number, o->lookahead) != 0.0 && !(o->lookahead_final > 0.0f && done == 1.0))) {
        return 0.0;
    }
    if (o->lookahead_final <= 0.0f) {
        return (double)o->lookahead_share;
    }
    return done < 1.0 ? 1.0 - (1.0 - (double)o->lookahead_final) * done * done * done : 1e-30;
}

struct update_moment updates_moment(const struct train_settings *settings, int64_t epoch, int64_t step, int64_t total,
                                    int64_t samples, double rate)
{
    const fov_train_options *o = &settings->given;
    int64_t group = o->accumulate > 1 ? o->accumulate : 1, first = step / group * group;
    int64_t end = first + group < settings->steps ? first + group : settings->steps;
    int64_t here =
        samples - step * settings->batch < settings->batch ? samples - step * settings->batch : settings->batch;
    int64_t all = (samples < end * settings->batch ? samples : end * settings->batch) - first * settings->batch;
    int64_t number = group == 1 ? total + 1 : epoch * ((settings->steps + group - 1) / group) + step / group + 1;
    struct update_moment moment = {.epoch = epoch, .step = total + 1, .applies = step + 1 == end};
    moment.input[UPDATE_RATE] = rate;
    moment.input[UPDATE_NUMBER] = (double)number;
    moment.input[UPDATE_KEEP] = step > first ? 1.0 : 0.0;
    moment.input[UPDATE_WEIGHT] = (double)here / (double)all;
    moment.input[UPDATE_AVERAGE] = average_share((double)o->ema, (double)number);
    moment.input[UPDATE_RETURN] = lookahead_share(settings, (double)number);
    return moment;
}

void updates_hold(const struct updates *updates, fov_graph *graph)
{
    float *to = updates->held;
    for (int k = 0; k < updates->statistic_count; k++) {
        const struct update_statistic *one = &updates->statistics[k];
        memcpy(to, graph_data(graph, one->parameter), one->count * sizeof *to);
        to += one->count;
    }
}

void updates_put_back(const struct updates *updates, fov_graph *graph, const char *prefix)
{
    const float *from = updates->held;
    for (int k = 0; k < updates->statistic_count; k++) {
        const struct update_statistic *one = &updates->statistics[k];
        if (updates->sums != NULL || !has_prefix(graph_value(graph, one->parameter)->name, prefix)) {
            memcpy(graph_data(graph, one->parameter), from, one->count * sizeof *from);
        }
        from += one->count;
    }
}

void updates_settle(const struct updates *updates, fov_graph *graph)
{
    for (int k = 0; k < updates->statistic_count; k++) {
        const struct update_statistic *one = &updates->statistics[k];
        memcpy(graph_data(graph, one->parameter), graph_data(graph, one->sum), one->count * sizeof(float));
    }
    graph->version += updates->statistic_count > 0; /* plans hold packed copies, to be packed again */
}

void updates_exchange(const struct updates *updates, fov_graph *graph)
{
    for (int k = 0; k < updates->average_count; k++) {
        float *weights = graph_data(graph, updates->averages[k].parameter);
        float *average = graph_data(graph, updates->averages[k].average);
        size_t count = graph_value(graph, updates->averages[k].parameter)->bytes / sizeof *weights;
        for (size_t i = 0; weights != NULL && average != NULL && i < count; i++) {
            float kept = weights[i];
            weights[i] = average[i];
            average[i] = kept;
        }
    }
    if (updates->average_count > 0) {
        graph->version++; /* plans hold packed weights, to be packed again */
    }
}
