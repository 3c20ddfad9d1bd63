/* SPDX-License-Identifier: MIT */
/* One training step of a network by name (forward, loss, gradient, SGD with momentum), its median time and where it goes,
 * step by step. A tool for tuning; the comparison with PyTorch is bench/epoch.sh.
 *
 *   training_step [NETWORK] [BATCH] [THREADS]      lenet5 64 2 */
#include "base/clock.h"
#include "graph/graph.h"
#include "zoo/zoo.h"
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 300 };

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

/* Adds momentum SGD for every parameter, as the trainer does. */
static void add_updates(fov_graph *g, fov_value loss, fov_value rate)
{
    const struct op_emitter *emitter = fov_graph_emitter(g);
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } options = {.momentum = 0.5};
    fov_value parameters[512], gradients[512];
    int       count = 0, total = fov_parameter_count(g);

    for (int i = 0; i < total && count < 512; i++)
        if (!fov_parameter_frozen(g, fov_parameter_at(g, i)))
            parameters[count++] = fov_parameter_at(g, i);
    if (fov_gradient(g, loss, parameters, count, gradients))
        return;
    for (int i = 0; i < count; i++) {
        char      name[64];
        fov_value velocity, in[4], next;

        snprintf(name, sizeof name, "velocity_%d", i);
        velocity = fov_parameter(g, .name = name, .shape = fov_value_shape(g, parameters[i]), .frozen = true);
        in[0] = parameters[i], in[1] = gradients[i], in[2] = velocity, in[3] = rate;
        next = op_emit(emitter, "sgd", in, 4, &options);
        fov_assign(g, parameters[i], next);
        fov_assign(g, velocity, op_emit_output(emitter, next, 1));
    }
}

static void print_profile(fov_plan *plan)
{
    int     count   = fov_plan_step_count(plan);
    double *seconds = calloc((size_t)count, sizeof *seconds), *all = calloc((size_t)count * RUNS, sizeof *all);

    for (int r = 0; r < RUNS; r++) {
        fov_plan_profile(plan, (uint64_t)r, seconds);
        for (int s = 0; s < count; s++)
            all[s * RUNS + r] = seconds[s];
    }
    printf("%10s %8s  %-28s %s\n", "us", "GFLOP/s", "operation", "detail");
    for (int s = 0; s < count; s++) {
        fov_plan_step step = fov_plan_step_at(plan, s);
        double        time = median(all + s * RUNS, RUNS);

        printf("%10.1f %8.1f  %-28s %s  (%s)\n", time * 1e6, 2e-9 * (double)step.multiply_adds / time, step.operation,
               step.detail, step.name);
    }
    free(seconds);
    free(all);
}

int main(int argc, char **argv)
{
    const char  *name    = argc > 1 ? argv[1] : "lenet5";
    int64_t      batch   = argc > 2 ? atoi(argv[2]) : 64;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = argc > 3 ? atoi(argv[3]) : 2});
    fov_graph   *g       = fov_graph_create(context);
    const struct zoo_network *network = zoo_find(name);
    fov_value    x, labels, rate, loss;
    fov_plan    *plan;
    double       times[RUNS];

    if (!network) {
        fprintf(stderr, "no network \"%s\"\n", name);
        return 2;
    }
    x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, network->standard.channels, network->standard.height + 2 * network->pad,
                                        network->standard.width + 2 * network->pad));
    labels = fov_input(g, .name = "labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH));
    rate   = fov_input(g, .name = "rate");
    loss   = fov_softmax_cross_entropy(g, network->build(g, x, &network->standard), labels);
    add_updates(g, loss, rate);
    plan = fov_plan_create(g, &loss, 1,
                           &(fov_plan_options){
                               .batch = batch, .training = true, .updates = true, .channels_last_inputs = true});
    if (!plan) {
        fprintf(stderr, "%s\n", fov_error(context));
        return 1;
    }
    for (size_t i = 0; i < fov_plan_bytes(plan, x) / 4; i++)
        ((float *)fov_plan_data(plan, x))[i] = random_uniform((struct random_key){1, RANDOM_TEST, 0}, i);
    for (int r = 0; r < RUNS; r++) {
        double start = clock_seconds();

        fov_plan_run(plan, (uint64_t)r);
        times[r] = clock_seconds() - start;
    }
    printf("%s, batch %lld, %s\n", name, (long long)batch, fov_machine(context));
    double middle = median(times, RUNS); /* sorts them */
    printf("training step: median %.3f ms, fastest %.3f ms; activations %.1f KiB\n", middle * 1e3, times[0] * 1e3,
           (double)fov_plan_memory_use(plan).activations / 1024.0);
    print_profile(plan);
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
    return 0;
}
