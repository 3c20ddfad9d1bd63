/* SPDX-License-Identifier: MIT */
/* Runs one stage of a case: its outputs (inference), their loss and its gradients, or two training steps as
 * train/step.c builds them; by a plan, or by definition in double. Every run has a context of its own. */
#include "random.h"

#include "graph/evaluate.h"
#include "tensor/convert.h"
#include "tensor/shape.h"
#include "train/optimizer.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TARGETS = 128, STEPS = 2 };

const char *const random_stage_names[RANDOM_STAGES] = {"inference", "gradients", "two training steps"};
const char *const random_optimiser_names[RANDOM_OPTIMISERS] = {
    "sgd", "momentum", "nesterov", "decay", "adam", "accumulate", "onnx_momentum", "onnx_adam", "onnx_adagrad"};

struct program {
    const struct random_case *drawn;
    enum random_stage stage;
    fov_context *context;
    fov_graph *graph;
    fov_value loss, rate, number, keep; /**< 0 where the stage has none */
    fov_value outputs[RANDOM_MOST_OUTPUTS + MOST_TARGETS + 1];
    char names[RANDOM_MOST_OUTPUTS + MOST_TARGETS + 1][128];
    int output_count, classes[RANDOM_MOST_OUTPUTS];
    fov_value labels[RANDOM_MOST_OUTPUTS];
};

static uint64_t hash(const char *text)
{
    uint64_t sum = 14695981039346656037U;
    for (; *text != '\0'; text++) {
        sum = (sum ^ (unsigned char)*text) * 1099511628211U;
    }
    return sum;
}

static void add_output(struct program *p, fov_value value, const char *kind, const char *name)
{
    snprintf(p->names[p->output_count], sizeof p->names[0], "%s%s", kind, name);
    p->outputs[p->output_count++] = value;
}

/* ---- building ----------------------------------------------------------------------------------------------------- */

/** Cross-entropy for about half of the outputs of shape [N, classes], else the mean square distance from a target.
 *  Labels are smoothed, so that the gradient of logits far apart is more than rounding. */
static fov_value loss_of(struct program *p, int i, fov_value output)
{
    fov_shape shape = fov_value_shape(p->graph, output);
    char name[32];
    if (shape.rank == 2 && shape.dim[0] == FOV_BATCH && shape.dim[1] > 1 &&
        (hash(fov_value_name(p->graph, output)) >> 20) % 2 == 0) {
        snprintf(name, sizeof name, "labels_%d", i);
        p->classes[i] = (int)shape.dim[1];
        p->labels[i] = fov_input(p->graph, .name = name, .dtype = FOV_I32, .shape = {1, {FOV_BATCH}});
        return fov_softmax_cross_entropy_opt(p->graph, output, p->labels[i],
                                             &(fov_cross_entropy_options){.label_smoothing = 0.1F});
    }
    snprintf(name, sizeof name, "target_%d", i);
    return fov_mse(p->graph, output, fov_input(p->graph, .name = name, .shape = shape));
}

/* Adaptive optimisers divide by the size of the gradient: with their usual epsilon they turn a gradient that is nothing
 * but rounding into full steps. With an epsilon as large as gradients are, such a gradient changes next to nothing.
 * (Example: a root mean square norm of single numbers: its results are one, its gradient is the rounding of 1 - 1.) */
#define EPSILON "0.1"

/** Adds an update of one parameter, as train/step.c's optimisers do. */
static void add_update(struct program *p, fov_value parameter, fov_value gradient)
{
    enum random_optimiser kind = p->drawn->settings.optimiser;
    const char *text = kind == RANDOM_ADAM       ? "adam:epsilon=" EPSILON
                       : kind == RANDOM_SGD      ? "sgd"
                       : kind == RANDOM_NESTEROV ? "sgd:momentum=0.9:nesterov=1"
                       : kind == RANDOM_DECAY    ? "sgd:momentum=0.9:weight_decay=0.01"
                                                 : "sgd:momentum=0.9";
    struct optimizer optimizer;
    struct error *error = &p->context->error; /* no optimiser: the program does not open */
    const struct optimizer_update update = {
        .graph = p->graph, .parameter = parameter, .gradient = gradient, .learning_rate = p->rate, .step = p->number};
    if (optimizer_find(&optimizer, text, error) == FOV_OK && optimizer_set_all(&optimizer, text, error) == FOV_OK) {
        optimizer_add(&optimizer, &update);
    }
}

/** Adds the gradient to a sum, which the first step begins anew, as train/updates.c does. */
static void add_to_sum(struct program *p, fov_value parameter, fov_value gradient)
{
    fov_value sum = fov_graph_parameter(p->graph, fov_value_name(p->graph, parameter), "sum",
                                        fov_value_shape(p->graph, parameter), FOV_INITIAL_ZEROS, 0, true);
    const fov_value in[] = {sum, gradient, p->keep, p->rate};
    fov_assign(p->graph, sum, op_emit(fov_graph_emitter(p->graph), "accumulate", in, 4, NULL));
}

/** ONNX's optimisers update several parameters in one node; it reads all values, then all gradients, then states. */
static void add_joint_update(struct program *p, const fov_value *parameters, const fov_value *gradients, int count)
{
    enum random_optimiser kind = p->drawn->settings.optimiser;
    int states = kind == RANDOM_ONNX_ADAM ? 2 : 1, in_count = 2 + (2 + states) * count;
    fov_value in[OP_MAX_PORTS] = {p->rate, p->number}, state[2][OP_MAX_PORTS];
    for (int i = 0; i < count; i++) {
        const char *name = fov_value_name(p->graph, parameters[i]);
        fov_shape shape = fov_value_shape(p->graph, parameters[i]);
        in[2 + i] = parameters[i];
        in[2 + count + i] = gradients[i];
        for (int s = 0; s < states; s++) {
            state[s][i] = in[2 + (2 + s) * count + i] =
                fov_graph_parameter(p->graph, name, s == 0 ? "state" : "square", shape, FOV_INITIAL_ZEROS, 0, true);
        }
    }
    const char *const options[] = {kind == RANDOM_ONNX_MOMENTUM ? NULL : "epsilon", EPSILON, NULL};
    fov_value first = fov_node_opt(p->graph, random_optimiser_names[kind], in, in_count, options);
    for (int i = 0; first.id != 0 && i < count; i++) {
        fov_assign(p->graph, parameters[i], fov_output(p->graph, first, i));
        for (int s = 0; s < states; s++) {
            fov_assign(p->graph, state[s][i], fov_output(p->graph, first, (1 + s) * count + i));
        }
    }
}

static void add_updates(struct program *p, const fov_value *parameters, const fov_value *gradients, int count)
{
    enum random_optimiser kind = p->drawn->settings.optimiser;
    bool joint = kind >= RANDOM_ONNX_MOMENTUM;
    int most = (OP_MAX_PORTS - 2) / (kind == RANDOM_ONNX_ADAM ? 4 : 3);
    p->rate = fov_input(p->graph, .name = "rate");
    p->number = fov_input(p->graph, .name = "number", .dtype = joint ? FOV_I64 : FOV_F32);
    p->keep = kind == RANDOM_ACCUMULATE ? fov_input(p->graph, .name = "keep") : (fov_value){0};
    for (int i = 0; i < count; i += joint ? most : 1) {
        if (joint) {
            add_joint_update(p, parameters + i, gradients + i, count - i < most ? count - i : most);
        } else if (kind == RANDOM_ACCUMULATE) {
            add_to_sum(p, parameters[i], gradients[i]);
        } else {
            add_update(p, parameters[i], gradients[i]);
        }
    }
}

/** Finds the values whose gradients are asked for: float parameters that are not frozen, then float inputs. */
static int find_targets(const struct program *p, fov_value *targets, int *parameters)
{
    int count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t v = 1; v < p->graph->value_count && count < MOST_TARGETS; v++) {
            const struct value *value = graph_value(p->graph, (int)v);
            bool wanted = pass == 0 ? value->kind == VALUE_PARAMETER && !value->frozen : value->kind == VALUE_INPUT;
            if (wanted && value->dtype == FOV_F32) {
                targets[count++] = (fov_value){(int)v};
            }
        }
        *parameters = pass == 0 ? count : *parameters;
    }
    return count;
}

static void add_training(struct program *p)
{
    fov_value targets[MOST_TARGETS], gradients[MOST_TARGETS], learned[MOST_TARGETS], slopes[MOST_TARGETS];
    int parameters = 0, learning = 0, count = find_targets(p, targets, &parameters), outputs = p->output_count;
    for (int i = 0; i < outputs; i++) {
        fov_value loss = loss_of(p, i, p->outputs[i]);
        p->loss = i == 0 ? loss : fov_add(p->graph, p->loss, loss);
    }
    add_output(p, p->loss, "loss", "");
    count = p->stage == RANDOM_STEPS ? parameters : count;
    if (count == 0 || p->graph->failed || fov_gradient(p->graph, p->loss, targets, count, gradients) != FOV_OK) {
        return;
    }
    for (int i = 0; i < count; i++) {
        if (gradients[i].id == 0) {
            continue;
        }
        if (p->stage == RANDOM_GRADIENTS) {
            add_output(p, gradients[i], "gradient of ", fov_value_name(p->graph, targets[i]));
        } else {
            learned[learning] = targets[i];
            slopes[learning++] = gradients[i];
        }
    }
    if (learning > 0) {
        add_updates(p, learned, slopes, learning);
    }
}

static bool program_open(struct program *p, const struct random_case *drawn, enum random_stage stage,
                         const struct random_way *way)
{
    static const fov_rates dear_products = {.products = 1.0, .transform = 1e30, .memory = 1e30, .wake = 1e-30};
    const struct random_settings *settings = &drawn->settings;
    *p = (struct program){.drawn = drawn, .stage = stage};
    p->context = fov_context_create(&(fov_context_options){.isa = way != NULL ? settings->isa : "reference",
                                                           .threads = way != NULL ? way->threads : 1,
                                                           .seed = drawn->seed,
                                                           .max_memory = (size_t)1 << 32,
                                                           .rates = settings->winograd ? &dear_products : NULL});
    p->graph = fov_graph_create(p->context);
    int *id = calloc(drawn->graph->value_count, sizeof *id);
    bool copied = p->graph != NULL && random_copy(drawn, p->graph, &random_no_change, id);
    for (int i = 0; copied && i < drawn->output_count; i++) {
        add_output(p, (fov_value){id[drawn->outputs[i].id]}, "", fov_value_name(drawn->graph, drawn->outputs[i]));
    }
    free(id);
    if (copied && stage != RANDOM_INFERENCE) {
        add_training(p);
    }
    return copied && !p->graph->failed && *fov_error(p->context) == '\0';
}

static void program_close(struct program *p)
{
    fov_graph_free(p->graph);
    fov_context_free(p->context);
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

/** Uniform in [-range, range); each random block gives four numbers. */
static void draw_elements(struct random_key key, double range, double *elements, size_t count)
{
    uint32_t block[4] = {0};
    for (size_t k = 0; k < count; k++) {
        if (k % 4 == 0) {
            random_block(key, k / 4, block);
        }
        elements[k] = range * ((double)block[k % 4] * 0x1p-31 - 1);
    }
}

/** An input's elements, a function of its name; the learning rate and the step's number are given as they are. */
static void draw_input(const struct program *p, fov_value input, uint64_t step, const struct random_way *way,
                       double *elements, size_t count)
{
    struct random_key key = {0, RANDOM_TEST, hash(fov_value_name(p->graph, input)) >> 24};
    int classes = 0;
    for (int i = 0; i < RANDOM_MOST_OUTPUTS; i++) {
        classes = p->labels[i].id == input.id ? p->classes[i] : classes;
    }
    if (input.id == p->rate.id || input.id == p->number.id || input.id == p->keep.id) {
        elements[0] = input.id == p->rate.id     ? (double)p->drawn->settings.rate
                      : input.id == p->number.id ? (double)step
                                                 : (double)(step > 1);
        return;
    }
    draw_elements(key, 1.75, elements, count);
    for (size_t k = 0; k < count; k++) {
        elements[k] = classes > 0 ? floor((elements[k] + 1.75) / 3.5 * classes) : (double)(float)elements[k];
    }
    if (way != NULL && way->noise > 0 && classes == 0) {
        double *noise = calloc(count + 1, sizeof *noise);
        key.seed = way->noise_seed;
        draw_elements(key, 2 * way->noise, noise, count);
        for (size_t k = 0; k < count; k++) {
            elements[k] *= 1 + noise[k];
        }
        free(noise);
    }
}

static void fill_inputs(const struct program *p, fov_plan *plan, uint64_t step, const struct random_way *way)
{
    for (size_t v = 1; v < p->graph->value_count; v++) {
        fov_value input = {(int)v};
        const struct value *value = graph_value(p->graph, (int)v);
        void *data = value->kind == VALUE_INPUT ? fov_plan_data(plan, input) : NULL;
        size_t count = data != NULL ? fov_plan_bytes(plan, input) / fov_dtype_size(value->dtype) : 0;
        if (count > 0) {
            double *elements = calloc(count, sizeof *elements);
            draw_input(p, input, step, way, elements, count);
            convert_from_double(value->dtype, elements, data, count);
            free(elements);
        }
    }
}

/** Changes the parameters a little, as rounding would. */
static void shake_parameters(const struct program *p, const struct random_way *way)
{
    for (int i = 0; way->noise > 0 && i < fov_parameter_count(p->graph); i++) {
        fov_value parameter = fov_parameter_at(p->graph, i);
        float *data = graph_data(p->graph, parameter.id);
        size_t count = graph_value(p->graph, parameter.id)->bytes / sizeof *data;
        double *noise = calloc(count + 1, sizeof *noise);
        draw_elements((struct random_key){way->noise_seed, RANDOM_TEST, (uint64_t)i + 1}, 2 * way->noise, noise, count);
        for (size_t k = 0; k < count; k++) {
            data[k] *= (float)(1 + noise[k]);
        }
        free(noise);
    }
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static struct random_tensor *add_tensor(struct random_result *result, const char *name, fov_shape shape)
{
    size_t count = shape_span(&shape, 0, shape.rank);
    result->tensors = realloc(result->tensors, (size_t)(result->count + 1) * sizeof *result->tensors);
    struct random_tensor *tensor = &result->tensors[result->count++];
    *tensor = (struct random_tensor){.shape = shape, .count = count, .values = calloc(count + 1, sizeof(double))};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    return tensor;
}

static void take(struct random_result *result, const char *name, fov_dtype dtype, fov_shape shape, const void *data)
{
    struct random_tensor *tensor = add_tensor(result, name, shape);
    tensor->bytes = tensor->count * fov_dtype_size(dtype);
    tensor->data = malloc(tensor->bytes + 1);
    memcpy(tensor->data, data, tensor->bytes);
    convert_to_double(dtype, data, tensor->values, tensor->count);
}

static void take_outputs(const struct program *p, fov_plan *plan, int first, struct random_result *result)
{
    for (int i = first; i < p->output_count; i++) {
        take(result, p->names[i], fov_value_dtype(p->graph, p->outputs[i]), fov_plan_shape(plan, p->outputs[i]),
             fov_plan_data(plan, p->outputs[i]));
    }
}

/** Takes the parameters as they are now. before[i]: elements of parameter i before the first step. */
static void take_parameters(const struct program *p, struct random_result *result, double *const *before)
{
    for (int i = 0; i < fov_parameter_count(p->graph); i++) {
        fov_value parameter = fov_parameter_at(p->graph, i);
        const struct value *value = graph_value(p->graph, parameter.id);
        take(result, value->name, value->dtype, value->shape, graph_data(p->graph, parameter.id));
        result->tensors[result->count - 1].before = before[i];
    }
}

static double **copy_parameters(const struct program *p)
{
    double **copies = calloc((size_t)fov_parameter_count(p->graph) + 1, sizeof *copies);
    for (int i = 0; i < fov_parameter_count(p->graph); i++) {
        const struct value *value = graph_value(p->graph, fov_parameter_at(p->graph, i).id);
        size_t count = value->bytes / fov_dtype_size(value->dtype);
        copies[i] = calloc(count + 1, sizeof(double));
        convert_to_double(value->dtype, graph_data(p->graph, fov_parameter_at(p->graph, i).id), copies[i], count);
    }
    return copies;
}

void random_result_free(struct random_result *result)
{
    for (int i = 0; i < result->count; i++) {
        free(result->tensors[i].data);
        free(result->tensors[i].values);
        free(result->tensors[i].before);
    }
    free(result->tensors);
    *result = (struct random_result){0};
}

static void fail(struct random_result *result, const struct program *p)
{
    result->outcome = fov_error_status(p->context) == FOV_E_MEMORY ? RANDOM_REFUSED : RANDOM_FAILED;
    snprintf(result->error, sizeof result->error, "%s", fov_error(p->context));
}

/* ---- by a plan ---------------------------------------------------------------------------------------------------- */

static fov_plan *make_plan(const struct program *p, const struct random_way *way)
{
    bool steps = p->stage == RANDOM_STEPS;
    const fov_value *outputs = steps ? &p->loss : p->outputs;
    fov_plan_options options = {.batch = p->drawn->settings.batch,
                                .training = p->stage != RANDOM_INFERENCE,
                                .updates = steps,
                                .no_fusion = way->no_fusion};
    return fov_plan_create(p->graph, outputs, steps ? 1 : p->output_count, &options);
}

/** A plan that must make do with a part of the arena it would take. Its tables of steps and tensors do not shrink with
 *  the arena, and exist twice during the search for such a plan; the limit allows for that. */
static fov_plan *make_limited_plan(const struct program *p, const struct random_way *way)
{
    size_t before = fov_context_memory(p->context).bytes;
    fov_plan *plan = make_plan(p, way);
    if (plan == NULL) {
        return NULL;
    }
    fov_plan_memory use = fov_plan_memory_use(plan);
    size_t all = fov_context_memory(p->context).bytes, structure = all - before - use.activations - use.packed;
    fov_plan_free(plan);
    memory_set_limit(p->context->memory,
                     all - use.activations + use.activations / 100 * (size_t)way->memory_percent + structure / 4);
    return make_plan(p, way);
}

static double work_of(const fov_plan *plan)
{
    const double each_element = 3e-8, each_product = 5e-9; /* seconds */
    double seconds = 0;
    for (int i = 0; i < fov_plan_step_count(plan); i++) {
        fov_plan_step step = fov_plan_step_at(plan, i);
        seconds += each_product * (double)step.multiply_adds + each_element * (double)step.bytes / sizeof(float);
    }
    return seconds;
}

static bool has_same_bits(const struct program *p, fov_plan *plan, const struct random_result *result)
{
    bool same = true;
    for (int i = 0; i < p->output_count; i++) {
        same =
            same && memcmp(fov_plan_data(plan, p->outputs[i]), result->tensors[i].data, result->tensors[i].bytes) == 0;
    }
    return same;
}

static void run_steps(const struct program *p, fov_plan *plan, const struct random_way *way,
                      struct random_result *result)
{
    double **before = copy_parameters(p);
    for (uint64_t step = 1; step <= STEPS; step++) {
        fill_inputs(p, plan, step, way);
        fov_plan_run(plan, step);
        take_outputs(p, plan, p->output_count - 1, result); /* the loss */
    }
    take_parameters(p, result, before);
    free(before);
}

void random_run(const struct random_case *drawn, enum random_stage stage, const struct random_way *way,
                struct random_result *result)
{
    struct program p;
    *result = (struct random_result){.outcome = RANDOM_RAN, .repeats = true};
    bool opened = program_open(&p, drawn, stage, way);
    if (opened) {
        shake_parameters(&p, way);
    }
    fov_plan *plan = !opened ? NULL : way->memory_percent != 0 ? make_limited_plan(&p, way) : make_plan(&p, way);
    if (plan == NULL) {
        fail(result, &p);
        program_close(&p);
        return;
    }
    result->recomputed = fov_plan_memory_use(plan).recomputed;
    result->work = work_of(plan);
    if (way->counts != NULL) {
        random_count_forms(plan, way->counts);
    }
    if (stage == RANDOM_STEPS) {
        run_steps(&p, plan, way, result);
        result->work *= STEPS;
    } else {
        fill_inputs(&p, plan, 1, way);
        fov_plan_run(plan, 1);
        take_outputs(&p, plan, 0, result);
    }
    if (stage == RANDOM_INFERENCE) {
        fill_inputs(&p, plan, 1, way);
        fov_plan_run(plan, 1);
        result->repeats = has_same_bits(&p, plan, result);
    }
    fov_plan_free(plan);
    program_close(&p);
}

/* ---- by definition ------------------------------------------------------------------------------------------------ */

/** Inputs and parameters in double, by value id. */
static double **give(const struct program *p, const fov_shape *shapes, uint64_t step)
{
    double **given = calloc(p->graph->value_count, sizeof *given);
    for (size_t v = 1; v < p->graph->value_count; v++) {
        const struct value *value = graph_value(p->graph, (int)v);
        size_t count = value->kind == VALUE_INPUT || value->kind == VALUE_PARAMETER
                           ? shape_span(&shapes[v], 0, shapes[v].rank)
                           : 0;
        if (value->kind == VALUE_INPUT) {
            given[v] = calloc(count + 1, sizeof(double));
            draw_input(p, (fov_value){(int)v}, step, NULL, given[v], count);
        } else if (value->kind == VALUE_PARAMETER) {
            given[v] = calloc(count + 1, sizeof(double));
            convert_to_double(value->dtype, graph_data(p->graph, (int)v), given[v], count);
        }
    }
    return given;
}

/** Shapes of inputs and parameters at the case's batch. */
static fov_shape *source_shapes(const struct program *p)
{
    fov_shape *shapes = calloc(p->graph->value_count, sizeof *shapes);
    for (size_t v = 1; v < p->graph->value_count; v++) {
        shapes[v] = graph_value(p->graph, (int)v)->shape;
        for (int i = 0; i < shapes[v].rank; i++) {
            shapes[v].dim[i] = shapes[v].dim[i] == FOV_BATCH ? p->drawn->settings.batch : shapes[v].dim[i];
        }
    }
    return shapes;
}

/** Copies the values that the evaluation assigned to parameters into `given`, for the next step. */
static void renew(const struct program *p, const struct evaluation *evaluation, double **given)
{
    for (size_t v = 1; v < p->graph->value_count; v++) {
        const struct value *value = graph_value(p->graph, (int)v);
        double *next =
            value->kind == VALUE_PARAMETER && value->assigned != 0 ? evaluation->data[value->assigned] : NULL;
        if (next != NULL) {
            memcpy(given[v], next, value->bytes / fov_dtype_size(value->dtype) * sizeof *next);
        }
    }
}

static void take_values(struct random_result *result, const char *name, const double *values, const fov_shape *shape)
{
    struct random_tensor *tensor = add_tensor(result, name, *shape);
    memcpy(tensor->values, values, tensor->count * sizeof *values);
}

struct result_noise {
    const struct program *program;
    double share;
    uint64_t seed, step;
};

/** Changes a node's result by random shares, as if float had rounded it. */
static void shake_result(void *context, int id, const fov_shape *shape, double *data)
{
    const struct result_noise *noise = context;
    size_t count = shape_span(shape, 0, shape->rank);
    if (graph_value(noise->program->graph, id)->dtype != FOV_F32) {
        return;
    }
    double *shares = calloc(count + 1, sizeof *shares);
    draw_elements((struct random_key){noise->seed, RANDOM_TEST, ((uint64_t)id << 8) + noise->step}, noise->share,
                  shares, count);
    for (size_t k = 0; k < count; k++) {
        data[k] *= 1 + shares[k];
    }
    free(shares);
}

/** Evaluates the outputs, and in training steps all assigned values. noise->share 0: nothing is shaken. */
static int evaluate(const struct program *p, struct result_noise *noise, double **given, struct evaluation *evaluation)
{
    const struct graph_visit shaking = {shake_result, noise};
    int *wanted = calloc(p->graph->value_count + RANDOM_MOST_OUTPUTS + MOST_TARGETS + 1, sizeof *wanted), count = 0;
    for (int i = 0; i < p->output_count; i++) {
        wanted[count++] = p->outputs[i].id;
    }
    for (size_t v = 1; p->stage == RANDOM_STEPS && v < p->graph->value_count; v++) {
        const struct value *value = graph_value(p->graph, (int)v);
        if (value->kind == VALUE_PARAMETER && value->assigned != 0 && !value->follows) {
            wanted[count++] = value->assigned;
        }
    }
    int status = graph_evaluate_visited(p->graph, wanted, count, p->drawn->settings.batch, p->stage != RANDOM_INFERENCE,
                                        noise->step, (const double *const *)given, noise->share > 0 ? &shaking : NULL,
                                        evaluation);
    free(wanted);
    return status;
}

void random_define(const struct random_case *drawn, enum random_stage stage, double noise, uint64_t noise_seed,
                   struct random_result *result)
{
    struct program p;
    struct result_noise shaken = {.program = &p, .share = noise, .seed = noise_seed};
    int status = FOV_OK;
    *result = (struct random_result){.outcome = RANDOM_RAN, .repeats = true};
    if (!program_open(&p, drawn, stage, NULL)) {
        fail(result, &p);
        program_close(&p);
        return;
    }
    fov_shape *shapes = source_shapes(&p);
    double **before = copy_parameters(&p), **given = give(&p, shapes, 1);
    for (uint64_t step = 1; status == FOV_OK && step <= (stage == RANDOM_STEPS ? STEPS : 1); step++) {
        struct evaluation evaluation;
        if (p.number.id != 0) {
            given[p.number.id][0] = (double)step;
        }
        if (p.keep.id != 0) {
            given[p.keep.id][0] = (double)(step > 1);
        }
        shaken.step = step;
        status = evaluate(&p, &shaken, given, &evaluation);
        for (int i = stage == RANDOM_STEPS ? p.output_count - 1 : 0; status == FOV_OK && i < p.output_count; i++) {
            int id = p.outputs[i].id;
            take_values(result, p.names[i], evaluation.data[id], &evaluation.shapes[id]);
        }
        if (status == FOV_OK) {
            renew(&p, &evaluation, given);
            graph_evaluate_free(p.graph, &evaluation);
        }
    }
    if (status != FOV_OK) {
        fail(result, &p);
    }
    for (int i = 0; i < fov_parameter_count(p.graph); i++) {
        int id = fov_parameter_at(p.graph, i).id;
        if (stage == RANDOM_STEPS && status == FOV_OK) {
            take_values(result, fov_value_name(p.graph, (fov_value){id}), given[id], &shapes[id]);
            result->tensors[result->count - 1].before = before[i];
        } else {
            free(before[i]);
        }
    }
    for (size_t v = 0; v < p.graph->value_count; v++) {
        free(given[v]);
    }
    free(before);
    free(given);
    free(shapes);
    program_close(&p);
}

void random_inputs(const struct random_case *drawn, struct random_result *result)
{
    struct program p;
    *result = (struct random_result){.outcome = RANDOM_RAN};
    if (!program_open(&p, drawn, RANDOM_INFERENCE, NULL)) {
        fail(result, &p);
        program_close(&p);
        return;
    }
    fov_shape *shapes = source_shapes(&p);
    double **given = give(&p, shapes, 1);
    for (size_t v = 1; v < p.graph->value_count; v++) {
        if (graph_value(p.graph, (int)v)->kind == VALUE_INPUT) {
            take_values(result, graph_value(p.graph, (int)v)->name, given[v], &shapes[v]);
        }
        free(given[v]);
    }
    free(given);
    free(shapes);
    program_close(&p);
}
