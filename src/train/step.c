/* SPDX-License-Identifier: MIT */
/* Builds the training step: copy the graph, add the task's loss, gradient and updates, compile. */
#include "train/step.h"
#include "graph/copy.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- loss, gradient, update -------------------------------------------------------------------------------------- */

static void add_loss(struct training_step *step, const struct task_use *use)
{
    step->learning_rate = fov_input(step->graph, .name = "optimizer.learning_rate");
    step->number = fov_input(step->graph, .name = "optimizer.step");
    use->task->add_loss(use, step->graph, &step->ends);
}

static int add_updates(struct training_step *step, const struct train_settings *settings, struct error *error)
{
    fov_graph *graph = step->graph;
    struct memory *memory = step->context->memory;
    int count = 0, total = step->model_parameters;
    fov_value *targets = memory_allocate(memory, (size_t)total + 1, 2 * sizeof *targets, "gradients", error);
    if (targets == NULL) {
        return FOV_E_MEMORY;
    }
    fov_value *gradients = targets + total + 1;
    for (int i = 0; i < total; i++) {
        fov_value parameter = fov_parameter_at(graph, i);
        if (!fov_parameter_frozen(graph, parameter) && fov_value_dtype(graph, parameter) == FOV_F32) {
            targets[count++] = parameter;
        }
    }
    int status = count > 0 ? fov_gradient(graph, step->ends.loss, targets, count, gradients)
                           : (int)error_set(error, FOV_E_USAGE, "the model has no parameter to train");
    for (int i = 0; status == FOV_OK && i < count; i++) {
        const struct optimizer_update update = {.graph = graph,
                                                .parameter = targets[i],
                                                .gradient = gradients[i],
                                                .learning_rate = step->learning_rate,
                                                .step = step->number};
        if (gradients[i].id != 0) { /* 0: the loss does not depend on it */
            optimizer_add(&settings->optimizer, &update);
        }
    }
    memory_free(memory, targets);
    return status != FOV_OK ? status : graph->failed ? (int)error->status : FOV_OK;
}

/* ---- compiling --------------------------------------------------------------------------------------------------- */

static int compile(const struct training_step *step, struct step_plan *plan, int64_t batch, struct error *error)
{
    const fov_value outputs[] = {step->ends.loss, step->ends.scores.logits};
    /* Pixels come channels last: that is an NHWC input's plain order. */
    bool             is_nhwc = fov_model_layout(step->model, step->model->input) == FOV_LAYOUT_NHWC;
    fov_plan_options options = {.batch = batch, .training = true, .updates = true, .channels_last_inputs = !is_nhwc};
    plan->batch = batch;
    plan->plan = fov_plan_create(step->graph, outputs, 2, &options);
    if (plan->plan == NULL) {
        return (int)error->status;
    }
    plan->pixels = fov_plan_data(plan->plan, step->input);
    plan->targets = fov_plan_data(plan->plan, step->ends.targets);
    plan->rate = fov_plan_data(plan->plan, step->learning_rate);
    plan->count = fov_plan_data(plan->plan, step->number); /* NULL: sgd does not ask */
    plan->loss = fov_plan_data(plan->plan, step->ends.loss);
    plan->outputs = fov_plan_data(plan->plan, step->ends.scores.logits);
    plan->forward = plan_steps_to(plan->plan, step->ends.loss);
    if (plan->pixels == NULL || plan->targets == NULL || plan->rate == NULL || plan->loss == NULL ||
        plan->outputs == NULL) {
        return error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
    }
    return FOV_OK;
}

static int build(struct training_step *step, const struct task_use *use, const struct train_settings *settings,
                 int *copy, struct error *error)
{
    fov_model *model = step->model;
    step->graph = graph_copy(model->graph, copy);
    if (step->graph == NULL) {
        return (int)error->status;
    }
    step->input = (fov_value){copy[model->input.id]};
    step->ends.scores = model_scores(model, model->output);
    step->ends.scores.logits.id = copy[step->ends.scores.logits.id];
    step->model_parameters = fov_parameter_count(step->graph);
    add_loss(step, use);
    int status = step->graph->failed ? (int)error->status : add_updates(step, settings, error);
    if (status != FOV_OK) {
        return status;
    }
    int total = fov_parameter_count(step->graph);
    step->of_model = memory_allocate(step->context->memory, (size_t)total, sizeof *step->of_model, "parameters", error);
    if (step->of_model == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t v = 1; v < model->graph->value_count; v++) {
        if (graph_value(model->graph, (int)v)->kind == VALUE_PARAMETER) {
            step->of_model[graph_value(step->graph, copy[v])->number] = (int)v;
        }
    }
    return FOV_OK;
}

int step_create(struct training_step *step, fov_model *model, const struct task_use *use,
                const struct train_settings *settings, struct error *error)
{
    *step = (struct training_step){.context = model->context, .model = model};
    int *copy =
        memory_allocate(model->context->memory, model->graph->value_count, sizeof *copy, "a copy of the graph", error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    int status = build(step, use, settings, copy, error);
    memory_free(model->context->memory, copy);
    return status;
}

/* What saving the model between epochs will take: its weights where it does not hold them yet, and room to write. */
static size_t saving_bytes(const struct training_step *step)
{
    enum { WRITING = 2 << 20 };
    size_t bytes = WRITING;
    for (size_t v = 1; v < step->model->graph->value_count; v++) {
        const struct value *value = graph_value(step->model->graph, (int)v);
        if (value->kind == VALUE_PARAMETER && value->data == NULL) {
            bytes += value->bytes;
        }
    }
    return bytes;
}

/* The plan of the last batch. One sample may be too few where a whole batch is not: then whole batches must do. */
static int compile_rest(struct training_step *step, const struct train_settings *settings, int64_t rest,
                        struct error *error)
{
    int status = compile(step, &step->rest, rest, error);
    if (status != FOV_E_SHAPE || rest != 1 || settings->batch == 1) {
        return status;
    }
    fov_plan_free(step->rest.plan);
    step->rest = (struct step_plan){.plan = NULL};
    step->rest_left_out = true; // if the whole batch fails as well, its sentence is the one to read
    error_clear(error);
    return FOV_OK;
}

int step_compile(struct training_step *step, const struct train_settings *settings, int64_t count, struct error *error)
{
    /* Held meanwhile, so that a plan which fits the limit to the last byte leaves this over. */
    struct memory *memory = step->context->memory;
    void *saving = memory_allocate_raw(memory, saving_bytes(step), 1, "room to save the model", error);
    int status = saving == NULL ? FOV_E_MEMORY : FOV_OK;
    /* The larger one last: what is left of the memory then is all its own. */
    if (status == FOV_OK && count % settings->batch != 0 && !settings->given.drop_last) {
        status = compile_rest(step, settings, count % settings->batch, error);
    }
    if (status == FOV_OK && count >= settings->batch) {
        status = compile(step, &step->whole, settings->batch, error);
    }
    memory_free(memory, saving);
    return status;
}

void step_free(struct training_step *step)
{
    if (step->context == NULL) {
        return;
    }
    fov_plan_free(step->whole.plan);
    fov_plan_free(step->rest.plan);
    fov_graph_free(step->graph);
    memory_free(step->context->memory, step->of_model);
    *step = (struct training_step){0};
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

bool step_run(const struct step_plan *plan, double learning_rate, int64_t number)
{
    *plan->rate = (float)learning_rate;
    if (plan->count != NULL) {
        *plan->count = (float)number;
    }
    /* A loss that is no number would renew every weight by no number: looked at while there is something to keep. */
    plan_run_steps(plan->plan, (uint64_t)number, 0, plan->forward);
    if (!isfinite(*plan->loss)) {
        return false;
    }
    plan_run_steps(plan->plan, (uint64_t)number, plan->forward, plan->plan->step_count);
    return true;
}

void step_replay(const struct step_plan *plan, int64_t number, struct plan_finding *finding)
{
    (void)plan_replay(plan->plan, (uint64_t)number, plan->forward, finding); /* without memory nothing is found */
}

const char *step_bad_parameter(const struct training_step *step)
{
    for (size_t v = 1; v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        if (value->kind != VALUE_PARAMETER || value->dtype != FOV_F32 || value->data == NULL) {
            continue;
        }
        const float *data = value->data;
        for (size_t i = 0; i < value->bytes / sizeof *data; i++) {
            if (!isfinite(data[i])) {
                return value->name;
            }
        }
    }
    return NULL;
}

int step_publish(const struct training_step *step)
{
    for (size_t v = 1; v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        if (value->kind != VALUE_PARAMETER || step->of_model[value->number] == 0) {
            continue;
        }
        const void *data = graph_data(step->graph, (int)v);
        fov_value target = {step->of_model[value->number]};
        int status = data != NULL ? fov_parameter_set(step->model->graph, target, data, value->bytes) : FOV_E_MEMORY;
        if (status != FOV_OK) {
            return status;
        }
    }
    return FOV_OK;
}
