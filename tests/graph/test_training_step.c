/* SPDX-License-Identifier: MIT */
/* A whole training step of a network with every kind of layer that has a training form of its own: the same bits for
 * any number of threads on every instruction set, the same gradients as without fusion, and which steps were fused. */
#include "graph/graph.h"
#include <fovea/fovea.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 3, SIDE = 20, MOST = 64 };

struct network {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, labels, rate, loss, parameters[MOST], gradients[MOST];
    int          count;
};

/* Convolutions large enough for each form of the weight gradient: strided, depthwise, pointwise and with few channels;
 * a branch that is added; pooling; dense layers. */
static fov_value build(fov_graph *g, fov_value x)
{
    fov_value a =
        fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 40, .kernel = 3, .pad = 1, .no_bias = true)));
    fov_value b =
        fov_clip(g, fov_batch_norm(g, fov_conv2d(g, a, .filters = 40, .kernel = 3, .pad = 1, .no_bias = true)), 0, 6);
    fov_value c = fov_batch_norm(g, fov_conv2d(g, b, .filters = 40, .kernel = 3, .pad = 1, .groups = 40));

    c = fov_relu(g, fov_add(g, c, a));
    c = fov_max_pool2d(g, c, .kernel = 3, .stride = 2, .pad = 1);
    c = fov_leaky_relu(g, fov_batch_norm(g, fov_conv2d(g, c, .filters = 200, .kernel = 1)), 0.1F);
    c = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, c, .filters = 130, .kernel = 1))); /* large enough for AMX tiles */
    c = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, c, .filters = 24, .kernel = 3, .stride = 2, .pad = 1)));
    c = fov_relu(g, fov_dense(g, fov_flatten(g, c), .units = 50));
    return fov_dense(g, c, .units = 7);
}

static void network_open(struct network *n, const char *isa, int threads)
{
    memset(n, 0, sizeof *n);
    n->context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 3, .isa = isa});
    n->graph   = fov_graph_create(n->context);
    n->x       = fov_input(n->graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, SIDE, SIDE));
    n->labels  = fov_input(n->graph, .name = "labels", .shape = FOV_SHAPE(FOV_BATCH), .dtype = FOV_I32);
    n->rate    = fov_input(n->graph, .name = "rate");
    n->loss    = fov_softmax_cross_entropy(n->graph, build(n->graph, n->x), n->labels);
    for (int i = 0; i < fov_parameter_count(n->graph); i++)
        if (!fov_parameter_frozen(n->graph, fov_parameter_at(n->graph, i)))
            n->parameters[n->count++] = fov_parameter_at(n->graph, i);
    assert_int_equal(fov_gradient(n->graph, n->loss, n->parameters, n->count, n->gradients), FOV_OK);
    assert_string_equal(fov_error(n->context), "");
}

static void network_close(struct network *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

static void add_updates(struct network *n)
{
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } options = {.momentum = 0.9, .weight_decay = 1e-4};

    for (int i = 0; i < n->count; i++) {
        fov_value in[4] = {n->parameters[i], n->gradients[i], {0}, n->rate}, velocity, next;
        char      name[32];

        snprintf(name, sizeof name, "velocity %d", i);
        velocity = fov_parameter(n->graph, .name = name, .shape = fov_value_shape(n->graph, in[0]), .frozen = true);
        in[2]    = velocity;
        next     = op_emit(fov_graph_emitter(n->graph), "sgd", in, 4, &options);

        fov_assign(n->graph, n->parameters[i], next);
        fov_assign(n->graph, velocity, op_emit_output(fov_graph_emitter(n->graph), next, 1));
    }
}

static fov_plan *open_plan(struct network *n, const fov_value *outputs, int count, fov_plan_options options)
{
    fov_plan *plan;
    float    *x;

    options.batch    = BATCH;
    options.training = true;
    plan             = fov_plan_create(n->graph, outputs, count, &options);
    if (!plan)
        fail_msg("%s", fov_error(n->context));
    x = fov_plan_data(plan, n->x);
    for (size_t i = 0; i < (size_t)BATCH * 3 * SIDE * SIDE; i++)
        x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    for (int i = 0; i < BATCH; i++)
        ((int32_t *)fov_plan_data(plan, n->labels))[i] = i % 7;
    if (fov_plan_data(plan, n->rate))
        *(float *)fov_plan_data(plan, n->rate) = 0.01F;
    return plan;
}

static int steps_of(const fov_plan *plan, const char *operation)
{
    int count = 0;

    for (int i = 0; i < fov_plan_step_count(plan); i++)
        count += strcmp(fov_plan_step_at(plan, i).operation, operation) == 0;
    return count;
}

static int steps_with(const fov_plan *plan, const char *operation, const char *detail)
{
    int count = 0;

    for (int i = 0; i < fov_plan_step_count(plan); i++)
        count += strcmp(fov_plan_step_at(plan, i).operation, operation) == 0 &&
                 strstr(fov_plan_step_at(plan, i).detail, detail) != NULL;
    return count;
}

static const char *const levels[] = {"sse2", "avx2", "avx512", "amx", "neon"};

static bool has(const char *isa)
{
    fov_context *context = fov_context_create(&(fov_context_options){.isa = isa});
    bool         there   = context && !*fov_error(context);

    fov_context_free(context);
    return there;
}

static void threads_do_not_change_bits(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        float *first[MOST] = {0};

        for (int threads = 1; has(levels[l]) && threads <= 4; threads++) {
            struct network n;
            fov_plan      *plan;

            network_open(&n, levels[l], threads);
            add_updates(&n);
            plan = open_plan(&n, &n.loss, 1, (fov_plan_options){.updates = true});
            for (uint64_t step = 0; step < 2; step++)
                fov_plan_run(plan, step);
            if (strcmp(levels[l], "amx") == 0) {
                assert_true(steps_with(plan, "conv", "on tiles") > 0);
                assert_true(steps_with(plan, "conv_input_gradient", "on tiles") > 0);
                assert_true(steps_with(plan, "conv_weight_gradient", "on tiles") > 0);
            }
            for (int i = 0; i < n.count; i++) {
                fov_shape shape = fov_value_shape(n.graph, n.parameters[i]);
                size_t    bytes = shape_span(&shape, 0, shape.rank) * sizeof(float);
                float    *data  = malloc(bytes);

                assert_int_equal(fov_parameter_get(n.graph, n.parameters[i], data, bytes), FOV_OK);
                if (!first[i]) {
                    first[i] = data;
                    continue;
                }
                if (memcmp(first[i], data, bytes) != 0)
                    fail_msg("%s: %s differs with %d threads", levels[l], fov_value_name(n.graph, n.parameters[i]),
                             threads);
                free(data);
            }
            fov_plan_free(plan);
            network_close(&n);
        }
        for (int i = 0; i < MOST; i++)
            free(first[i]);
    }
}

/* Gradients of the plan with fusion against those of the plan in which every node is a step of its own. */
static void fusion_keeps_gradients(void **state)
{
    struct network n;
    fov_plan      *fused, *plain;

    (void)state;
    network_open(&n, NULL, 2);
    fused = open_plan(&n, n.gradients, n.count, (fov_plan_options){0});
    plain = open_plan(&n, n.gradients, n.count, (fov_plan_options){.no_fusion = true});
    /* An activation's gradient is fused into that of the normalisation directly before it, or into a convolution's
     * input gradient. Of the two others, behind the sum and behind the dense layer, one remains a step of its own. */
    assert_int_equal(steps_of(fused, "activation_gradient"), 1);
    assert_int_equal(steps_of(plain, "activation_gradient"), 7);
    assert_int_equal(steps_with(fused, "batch_norm_gradient", "behind relu"), 3);
    assert_int_equal(steps_with(fused, "batch_norm_gradient", "behind clip"), 1);
    assert_int_equal(steps_with(fused, "batch_norm_gradient", "behind leaky_relu"), 1);
    assert_int_equal(steps_of(fused, "batch_norm + clip"), 1);
    fov_plan_run(fused, 1);
    fov_plan_run(plain, 1);
    for (int i = 0; i < n.count; i++) {
        const float *a = fov_plan_data(fused, n.gradients[i]), *b = fov_plan_data(plain, n.gradients[i]);
        size_t       count = fov_plan_bytes(fused, n.gradients[i]) / sizeof *a;
        float        most  = 0;

        for (size_t k = 0; k < count; k++)
            most = fmaxf(most, fabsf(b[k]));
        for (size_t k = 0; k < count; k++)
            if (!(fabsf(a[k] - b[k]) <= 2e-3F * most + 1e-6F))
                fail_msg("gradient of %s, element %zu: %g, without fusion %g", fov_value_name(n.graph, n.parameters[i]),
                         k, (double)a[k], (double)b[k]);
    }
    fov_plan_free(fused);
    fov_plan_free(plain);
    network_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(fusion_keeps_gradients),
    };

    return cmocka_run_group_tests_name("training step", tests, NULL, NULL);
}
