/* SPDX-License-Identifier: MIT */
/* One training step of a network (forward, loss, gradient, SGD with momentum): its median time, the time of each step
 * of the plan, and the totals of each kind of operation. A tool for tuning; bench/peers compares with PyTorch.
 *
 *   training_step [NETWORK | MODEL.onnx] [BATCH] [THREADS] [LAYERS 0|1] [SECONDS]      lenet5 64 2 1 3
 *
 * A model whose output is an image is trained with the mean squared error, any other with cross entropy. */
#include "base/clock.h"
#include "base/text.h"
#include "graph/graph.h"
#include "model/model.h"
#include "zoo/zoo.h"
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 300, LEAST_RUNS = 3, PROFILES = 5, MOST_KINDS = 128, MOST_PARAMETERS = 2048 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

/* Adds the updates of SGD with momentum 0.9 for every parameter that is not frozen, as the trainer does. */
static void add_updates(fov_graph *g, fov_value loss, fov_value rate)
{
    const struct op_emitter *emitter = fov_graph_emitter(g);
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } options = {.momentum = 0.9};
    static fov_value parameters[MOST_PARAMETERS], gradients[MOST_PARAMETERS];
    int              count = 0, total = fov_parameter_count(g);

    for (int i = 0; i < total && count < MOST_PARAMETERS; i++)
        if (!fov_parameter_frozen(g, fov_parameter_at(g, i)))
            parameters[count++] = fov_parameter_at(g, i);
    if (fov_gradient(g, loss, parameters, count, gradients))
        return;
    for (int i = 0; i < count; i++) {
        char      name[64];
        fov_value velocity, in[4], next;

        if (!gradients[i].id)
            continue;
        snprintf(name, sizeof name, "velocity_%d", i);
        velocity = fov_parameter(g, .name = name, .shape = fov_value_shape(g, parameters[i]), .frozen = true);
        in[0] = parameters[i], in[1] = gradients[i], in[2] = velocity, in[3] = rate;
        next = op_emit(emitter, "sgd", in, 4, &options);
        fov_assign(g, parameters[i], next);
        fov_assign(g, velocity, op_emit_output(emitter, next, 1));
    }
}

/* Prints the totals of each kind of operation, the longest time first. */
static void print_kinds(const fov_plan *plan, const double *times)
{
    struct {
        const char *operation;
        double      seconds, multiply_adds;
        int         steps;
    } kinds[MOST_KINDS];
    int    count = 0;
    double total = 0;

    for (int s = 0; s < fov_plan_step_count(plan); s++) {
        fov_plan_step step = fov_plan_step_at(plan, s);
        int           k    = 0;

        while (k < count && strcmp(kinds[k].operation, step.operation) != 0)
            k++;
        if (k == MOST_KINDS)
            continue;
        if (k == count) {
            memset(&kinds[count], 0, sizeof kinds[count]);
            kinds[count++].operation = step.operation;
        }
        kinds[k].seconds += times[s];
        kinds[k].multiply_adds += (double)step.multiply_adds;
        kinds[k].steps++;
        total += times[s];
    }
    printf("%10s %6s %8s %6s  %s\n", "ms", "share", "GFLOP/s", "steps", "kind of operation");
    for (int done = 0; done < count; done++) {
        int best = 0;

        for (int k = 1; k < count; k++)
            if (kinds[k].seconds > kinds[best].seconds)
                best = k;
        printf("%10.2f %5.1f%% %8.1f %6d  %s\n", kinds[best].seconds * 1e3, 100 * kinds[best].seconds / total,
               2e-9 * kinds[best].multiply_adds / kinds[best].seconds, kinds[best].steps, kinds[best].operation);
        kinds[best].seconds = -1;
    }
}

static void print_profile(fov_plan *plan, bool layers)
{
    int     count   = fov_plan_step_count(plan);
    double *seconds = calloc((size_t)count, sizeof *seconds), *all = calloc((size_t)count * PROFILES, sizeof *all);

    for (int r = 0; r < PROFILES; r++) {
        fov_plan_profile(plan, (uint64_t)r, seconds);
        for (int s = 0; s < count; s++)
            all[s * PROFILES + r] = seconds[s];
    }
    for (int s = 0; s < count; s++)
        seconds[s] = median(all + s * PROFILES, PROFILES);
    if (layers)
        printf("%10s %8s  %-30s %-26s %s\n", "us", "GFLOP/s", "operation", "shape", "detail");
    for (int s = 0; layers && s < count; s++) {
        fov_plan_step step = fov_plan_step_at(plan, s);
        char          text[64] = "";
        size_t        used = 0;

        for (int i = 0; i < step.shape.rank; i++)
            used = text_append(text, sizeof text, used, "%s%lld", i ? "x" : "", (long long)step.shape.dim[i]);
        printf("%10.1f %8.1f  %-30.30s %-26s %s  (%s)\n", seconds[s] * 1e6,
               2e-9 * (double)step.multiply_adds / seconds[s], step.operation, text, step.detail, step.name);
    }
    print_kinds(plan, seconds);
    free(seconds);
    free(all);
}

/* The graph of a zoo network or a model file, its input `x` and its scores before softmax `logits`. */
static fov_graph *open_network(fov_context *context, const char *name, fov_model **model, fov_value *x,
                               fov_value *logits)
{
    *model = zoo_find(name) ? fov_model_network(context, name, NULL) : fov_model_load(context, name);
    if (!*model)
        return NULL;
    *x      = fov_model_input(*model);
    *logits = model_scores(*model, (*model)->output).logits;
    return fov_model_graph(*model);
}

static fov_value add_loss(fov_graph *g, fov_value logits, fov_value *answer)
{
    fov_shape shape = fov_value_shape(g, logits);

    if (shape.rank > 2 && shape_span(&shape, 2, shape.rank) > 1) {
        *answer = fov_input(g, .name = "bench.answer", .shape = shape);
        return fov_mse(g, logits, *answer);
    }
    *answer = fov_input(g, .name = "bench.labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH));
    return fov_softmax_cross_entropy(g, shape.rank > 2 ? fov_flatten(g, logits) : logits, *answer);
}

static void measure(fov_context *context, const char *name, int64_t batch, fov_plan *plan, bool layers, double limit)
{
    double         times[MOST_RUNS], begun, spent = 0;
    int            runs   = 0;
    fov_plan_memory memory = fov_plan_memory_use(plan);

    fov_plan_run(plan, 0);
    for (; runs < MOST_RUNS && (runs < LEAST_RUNS || spent < limit); runs++) {
        begun = clock_seconds();
        fov_plan_run(plan, (uint64_t)runs);
        times[runs] = clock_seconds() - begun;
        spent += times[runs];
    }
    printf("%s, batch %lld, %s\n", name, (long long)batch, fov_machine(context));
    begun = median(times, runs); /* sorts them */
    printf("training step: median %.3f ms, fastest %.3f ms of %d; activations %.1f MiB, packed %.1f MiB\n", begun * 1e3,
           times[0] * 1e3, runs, (double)memory.activations / 1048576.0, (double)memory.packed / 1048576.0);
    print_profile(plan, layers);
}

int main(int argc, char **argv)
{
    const char  *name    = argc > 1 ? argv[1] : "lenet5";
    int64_t      batch   = argc > 2 ? atoi(argv[2]) : 64;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = argc > 3 ? atoi(argv[3]) : 2});
    fov_model   *model   = NULL;
    fov_value    x, logits, answer, rate, loss;
    fov_graph   *g    = open_network(context, name, &model, &x, &logits);
    fov_plan    *plan = NULL;

    if (g) {
        rate = fov_input(g, .name = "bench.rate");
        loss = add_loss(g, logits, &answer);
        add_updates(g, loss, rate);
        plan = fov_plan_create(g, &loss, 1,
                               &(fov_plan_options){.batch = batch, .training = true, .updates = true,
                                                   .channels_last = &x, .channels_last_count = 1});
    }
    if (plan) {
        for (size_t i = 0; i < fov_plan_bytes(plan, x) / 4; i++)
            ((float *)fov_plan_data(plan, x))[i] = random_uniform((struct random_key){1, RANDOM_TEST, 0}, i);
        measure(context, name, batch, plan, argc <= 4 || atoi(argv[4]), argc > 5 ? atof(argv[5]) : 3);
    } else {
        fprintf(stderr, "%s\n", fov_error(context));
    }
    fov_plan_free(plan);
    if (model)
        fov_model_free(model);
    else
        fov_graph_free(g);
    fov_context_free(context);
    return !plan;
}
