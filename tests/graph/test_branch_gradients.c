/* SPDX-License-Identifier: MIT */
/* Where a value has two readers, its gradient is the sum of two. The convolution's input gradient that is computed last
 * fuses that sum and the derivative of the activation before the branches. Here for every form of the input gradient:
 * the gradients are those of a plan in which each node is a step of its own, on every instruction set. */
#include "graph/graph.h"
#include <fovea/fovea.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGE_CHANNELS = 3, MOST = 8 };

static fov_value relu(fov_graph *g, fov_value x)
{
    return fov_relu(g, x);
}

static fov_value leaky_relu(fov_graph *g, fov_value x)
{
    return fov_leaky_relu(g, x, 0.2F);
}

static fov_value sigmoid(fov_graph *g, fov_value x)
{
    return fov_sigmoid(g, x);
}

static fov_value softplus(fov_graph *g, fov_value x)
{
    return fov_softplus(g, x);
}

/* Sizes of the convolution whose input gradient is computed last: it belongs to the branch that was built first. */
static const struct {
    const char *name, *taken; /**< the step's operation with all that is fused into it */
    fov_value (*activation)(fov_graph *g, fov_value x);
    int  batch, side, channels, filters, kernel, stride, groups;
    bool shortcut; /**< the other branch is the image itself, as in a residual network; else a pointwise convolution */
} cases[] = {
    {"pointwise", "conv_input_gradient + add + activation_gradient", relu, 2, 9, 40, 70, 1, 1, 1, false},
    {"pointwise, shortcut", "conv_input_gradient + add + activation_gradient", relu, 3, 14, 32, 16, 1, 1, 1, true},
    {"strided pointwise", "conv_input_gradient + add + activation_gradient", relu, 2, 11, 24, 33, 1, 2, 1, true},
    {"strided", "conv_input_gradient + add + activation_gradient", leaky_relu, 2, 13, 20, 17, 3, 2, 1, true},
    {"3 x 3", "conv_input_gradient + add + activation_gradient", relu, 4, 16, 64, 64, 3, 1, 1, true},
    {"3 x 3, odd", "conv_input_gradient + add + activation_gradient", sigmoid, 2, 15, 37, 45, 3, 1, 1, false},
    {"5 x 5", "conv_input_gradient + add + activation_gradient", relu, 2, 12, 32, 48, 5, 1, 1, false},
    {"groups", "conv_input_gradient + add + activation_gradient", relu, 2, 8, 24, 36, 3, 1, 3, false},
    {"strided groups", "conv_input_gradient + add + activation_gradient", relu, 2, 9, 24, 36, 1, 2, 3, true},
    {"patches", "conv_input_gradient + add + activation_gradient", relu, 64, 12, 6, 16, 5, 1, 1, true},
    {"reads its argument", "conv_input_gradient + add + activation_gradient", softplus, 2, 9, 40, 33, 3, 1, 1, false},
    {"depthwise takes nothing", "conv_input_gradient", relu, 2, 9, 16, 16, 3, 1, 16, true},
};

struct network {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, gradients[MOST], parameters[MOST];
    int          count;
};

static fov_value mean_of_squares(fov_graph *g, fov_value x)
{
    return fov_reduce_mean(g, fov_mul(g, x, x), .axis_count = 0);
}

static void network_open(struct network *n, size_t c, const char *isa, int threads)
{
    fov_graph *g;
    fov_value  a, last, other, loss;

    memset(n, 0, sizeof *n);
    n->context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 5, .isa = isa});
    g = n->graph = fov_graph_create(n->context);
    n->x  = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, IMAGE_CHANNELS, cases[c].side, cases[c].side));
    a     = cases[c].activation(g, fov_conv2d(g, n->x, .filters = cases[c].channels, .kernel = 1));
    last  = fov_conv2d(g, a, .filters = cases[c].filters, .kernel = cases[c].kernel, .stride = cases[c].stride,
                       .pad = cases[c].kernel / 2, .groups = cases[c].groups);
    other = cases[c].shortcut ? a : fov_conv2d(g, a, .filters = 5, .kernel = 1);
    loss  = fov_add(g, mean_of_squares(g, last), mean_of_squares(g, other));
    for (int i = 0; i < fov_parameter_count(g); i++)
        n->parameters[n->count++] = fov_parameter_at(g, i);
    assert_int_equal(fov_gradient(g, loss, n->parameters, n->count, n->gradients), FOV_OK);
    assert_string_equal(fov_error(n->context), "");
}

static fov_plan *run_plan(struct network *n, size_t c, fov_plan_options options)
{
    fov_plan *plan;
    float    *x;

    options.batch    = cases[c].batch;
    options.training = true;
    plan             = fov_plan_create(n->graph, n->gradients, n->count, &options);
    if (!plan)
        fail_msg("%s: %s", cases[c].name, fov_error(n->context));
    x = fov_plan_data(plan, n->x);
    for (size_t i = 0; i < fov_plan_bytes(plan, n->x) / sizeof *x; i++)
        x[i] = (float)random_normal((struct random_key){7, RANDOM_TEST, 0}, i);
    fov_plan_run(plan, 1);
    return plan;
}

static void network_close(struct network *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

static int steps_of(const fov_plan *plan, const char *operation)
{
    int count = 0;

    for (int i = 0; i < fov_plan_step_count(plan); i++)
        count += strcmp(fov_plan_step_at(plan, i).operation, operation) == 0;
    return count;
}

static void compare(const struct network *n, size_t c, const char *isa, fov_plan *fused, fov_plan *plain)
{
    for (int i = 0; i < n->count; i++) {
        const float *a = fov_plan_data(fused, n->gradients[i]), *b = fov_plan_data(plain, n->gradients[i]);
        size_t       count = fov_plan_bytes(fused, n->gradients[i]) / sizeof *a;
        float        most  = 0;

        for (size_t k = 0; k < count; k++)
            most = fmaxf(most, fabsf(b[k]));
        assert_true(most > 0);
        for (size_t k = 0; k < count; k++)
            if (!(fabsf(a[k] - b[k]) <= 1e-4F * most))
                fail_msg("%s, %s: gradient of %s, element %zu: %g, without fusion %g", cases[c].name, isa,
                         fov_value_name(n->graph, n->parameters[i]), k, (double)a[k], (double)b[k]);
    }
}

static void gradients_are_those_of_single_nodes(void **state)
{
    static const char *const levels[] = {"reference", "sse2", "avx2", "avx512", "amx", "neon"};

    (void)state;
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        fov_context *context = fov_context_create(&(fov_context_options){.isa = levels[l]});
        bool         there   = context && !*fov_error(context);

        fov_context_free(context);
        for (size_t c = 0; there && c < sizeof cases / sizeof *cases; c++) {
            struct network n, one;
            fov_plan      *fused, *plain, *alone;

            network_open(&n, c, levels[l], 3);
            network_open(&one, c, levels[l], 1);
            fused = run_plan(&n, c, (fov_plan_options){0});
            plain = run_plan(&n, c, (fov_plan_options){.no_fusion = true});
            alone = run_plan(&one, c, (fov_plan_options){0});
            if (steps_of(fused, cases[c].taken) < 1)
                fail_msg("%s: no step %s", cases[c].name, cases[c].taken);
            compare(&n, c, levels[l], fused, plain);
            for (int i = 0; i < n.count; i++)
                assert_memory_equal(fov_plan_data(fused, n.gradients[i]), fov_plan_data(alone, one.gradients[i]),
                                    fov_plan_bytes(fused, n.gradients[i]));
            fov_plan_free(fused);
            fov_plan_free(plain);
            fov_plan_free(alone);
            network_close(&n);
            network_close(&one);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_are_those_of_single_nodes)};

    return cmocka_run_group_tests_name("branch gradients", tests, NULL, NULL);
}
