/* SPDX-License-Identifier: MIT */
/* What the plan's passes promise, each on a small network of its own: the steps that are left are those expected; the numbers are
 * those of the plan without fusion and of the definitions; the same bits for any number of threads; and what a pass
 * copied from parameters follows when they change. On every instruction set that this machine has. */
#include "graph/plan.h"
#include "op/common.h"
#include <fovea/operators.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef fov_value network(fov_graph *g, fov_value x);

struct expected {
    const char *name;
    fov_shape   x;
    network    *build;
    const char *steps; /**< operations in order, those that run, separated by '|' */
    bool        training;
};

static fov_value number(fov_graph *g, float value)
{
    return fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &value);
}

/* ---- networks ---------------------------------------------------------------------------------------------------------------- */

static fov_value conv_norm_relu(fov_graph *g, fov_value x)
{
    return fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 37, .kernel = 3, .pad = 1)));
}

static fov_value grouped_norm(fov_graph *g, fov_value x)
{
    return fov_batch_norm(g, fov_conv2d(g, x, .filters = 38, .kernel = 1, .groups = 2, .no_bias = true));
}

static fov_value depthwise_norm_clip(fov_graph *g, fov_value x)
{
    x = fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .stride = 2, .groups = 6);
    return fov_clip(g, fov_batch_norm(g, x), 0, 6);
}

static fov_value dense_norm_tanh(fov_graph *g, fov_value x)
{
    return fov_tanh(g, fov_batch_norm(g, fov_dense(g, fov_flatten(g, x), .units = 21)));
}

static fov_value transposed_norm(fov_graph *g, fov_value x)
{
    x = fov_conv_transpose2d(g, x, .filters = 19, .kernel = 4, .stride = 2, .pad = 1);
    return fov_leaky_relu(g, fov_batch_norm(g, x), 0.2F);
}

static fov_value transposed_depthwise_norm(fov_graph *g, fov_value x)
{
    x = fov_conv_transpose2d(g, x, .filters = 6, .kernel = 3, .stride = 2, .groups = 6);
    return fov_relu(g, fov_batch_norm(g, x));
}

static fov_value residual_block(fov_graph *g, fov_value x)
{
    fov_value y = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 18, .kernel = 3, .pad = 1, .no_bias = true)));
    fov_value z = fov_batch_norm(g, fov_conv2d(g, y, .filters = 18, .kernel = 3, .pad = 1, .no_bias = true));

    return fov_relu(g, fov_add(g, z, fov_batch_norm(g, fov_conv2d(g, x, .filters = 18, .kernel = 1, .no_bias = true))));
}

/* The residual dies in the sum: the result may lie where it lay. */
static fov_value residual_in_place(fov_graph *g, fov_value x)
{
    fov_value y = fov_relu(g, fov_conv2d(g, x, .filters = 33, .kernel = 1));
    fov_value z = fov_conv2d(g, fov_sigmoid(g, fov_avg_pool2d(g, y, .kernel = 1)), .filters = 33, .kernel = 3, .pad = 1);

    return fov_max_pool2d(g, fov_hard_swish(g, fov_add(g, y, z)), .kernel = 2);
}

static fov_value depthwise_residual(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .groups = 6);

    return fov_elu(g, fov_add(g, x, y), 1);
}

static fov_value dense_residual(fov_graph *g, fov_value x)
{
    fov_value y = fov_tanh(g, fov_dense(g, fov_flatten(g, x), .units = 40));

    return fov_relu(g, fov_add(g, fov_dense(g, y, .units = 40), y));
}

/* Both read by others as well: nothing may disappear. */
static fov_value read_twice(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 6, .kernel = 1), n = fov_batch_norm(g, y), s = fov_add(g, n, x);

    y = fov_mul(g, y, n);
    return fov_add(g, y, fov_mul(g, s, fov_relu(g, s)));
}

static fov_value by_parts_swish(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 20, .kernel = 3);

    return fov_mul(g, y, fov_sigmoid(g, y));
}

static fov_value by_parts_mish(fov_graph *g, fov_value x)
{
    return fov_mul(g, fov_tanh(g, fov_softplus(g, x)), x);
}

static fov_value by_parts_hard_swish(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 20, .kernel = 1), gate;

    gate = fov_div(g, fov_clip(g, fov_add(g, y, number(g, 3)), 0, 6), number(g, 6));
    y    = fov_mul(g, y, gate);
    y    = fov_conv2d(g, y, .filters = 5, .kernel = 1);
    y    = fov_div(g, fov_mul(g, fov_clip(g, fov_add(g, number(g, 3), y), 0, 6), y), number(g, 6));
    return fov_mul(g, y, fov_hard_sigmoid(g, y, 1.0F / 6, 0.5F));
}

static fov_value by_parts_gelu(fov_graph *g, fov_value x)
{
    fov_value y = fov_dense(g, fov_flatten(g, x), .units = 13), share;

    share = fov_add(g, op_emit1(fov_graph_emitter(g), "erf", fov_div(g, y, number(g, 1.4142135F)), NULL), number(g, 1));
    y     = fov_mul(g, fov_mul(g, y, share), number(g, 0.5F));
    y     = fov_dense(g, y, .units = 9);
    share = fov_add(g, y, fov_mul(g, fov_pow(g, y, number(g, 3)), number(g, 0.044715F)));
    share = fov_add(g, number(g, 1), fov_tanh(g, fov_mul(g, number(g, 0.7978846F), share)));
    return fov_mul(g, fov_mul(g, number(g, 0.5F), y), share);
}

/* Close to a spelling, but not it: other numbers, another x, a part that is read elsewhere. */
static fov_value not_quite(fov_graph *g, fov_value x)
{
    fov_value gate = fov_sigmoid(g, x), y = fov_mul(g, fov_mul(g, x, gate), gate);

    y = fov_add(g, y, fov_mul(g, x, fov_hard_sigmoid(g, x, 0.2F, 0.5F)));
    return fov_add(g, y, fov_mul(g, y, fov_sigmoid(g, x)));
}

/* The constant makes the result wider than x. */
static fov_value wider_than_x(fov_graph *g, fov_value x)
{
    float     six[3] = {6, 6, 6};
    fov_value wide   = fov_constant(g, NULL, FOV_F32, (fov_shape)FOV_SHAPE(3, 1, 1, 1, 1), six);

    return fov_div(g, fov_clip(g, fov_add(g, x, number(g, 3)), 0, 6), wide);
}

static const struct expected networks[] = {
    {"conv, norm, relu", FOV_SHAPE(2, 5, 9, 7), conv_norm_relu, "conv + batch_norm + relu", false},
    {"few channels", FOV_SHAPE(2, 3, 9, 7), conv_norm_relu, "conv + batch_norm + relu", false},
    {"grouped conv, norm", FOV_SHAPE(2, 6, 5, 7), grouped_norm, "conv + batch_norm", false},
    {"depthwise, norm, clip", FOV_SHAPE(3, 6, 9, 8), depthwise_norm_clip, "conv + batch_norm + clip", false},
    {"dense, norm, tanh", FOV_SHAPE(3, 2, 4, 5), dense_norm_tanh, "dense + batch_norm + tanh", false},
    {"transposed, norm", FOV_SHAPE(2, 7, 4, 5), transposed_norm, "conv_transpose + batch_norm + leaky_relu", false},
    {"transposed depthwise, norm", FOV_SHAPE(2, 6, 4, 5), transposed_depthwise_norm, "conv_transpose + batch_norm + relu",
     false},
    {"residual block", FOV_SHAPE(2, 18, 6, 7), residual_block,
     "conv + batch_norm + relu|conv + batch_norm|conv + batch_norm + add + relu", false},
    {"residual block, training", FOV_SHAPE(2, 18, 6, 7), residual_block,
     "conv|batch_norm + relu|conv|batch_norm|conv|batch_norm + add + relu", true},
    {"residual in place", FOV_SHAPE(1, 18, 6, 7), residual_in_place,
     "conv + relu|avg_pool|sigmoid|conv + add + hard_swish|max_pool", false},
    {"depthwise residual", FOV_SHAPE(2, 6, 9, 5), depthwise_residual, "conv + add + elu", false},
    {"dense residual", FOV_SHAPE(7, 3, 4, 5), dense_residual, "dense + tanh|dense + add + relu", false},
    {"read twice", FOV_SHAPE(2, 6, 4, 5), read_twice, "conv|batch_norm|add|mul|relu|mul|add", false},
    {"swish by its parts", FOV_SHAPE(2, 5, 6, 7), by_parts_swish, "conv + swish", false},
    {"mish by its parts", FOV_SHAPE(2, 5, 6, 7), by_parts_mish, "mish", false},
    {"hard_swish by its parts", FOV_SHAPE(2, 5, 6, 7), by_parts_hard_swish,
     "conv + hard_swish|conv + hard_swish|hard_swish", false},
    {"gelu by its parts", FOV_SHAPE(3, 5, 2, 2), by_parts_gelu, "dense + gelu|dense + gelu", false},
    {"not quite a spelling", FOV_SHAPE(2, 3, 4, 5), not_quite,
     "sigmoid|mul|mul|hard_sigmoid|mul|add|sigmoid|mul|add", false},
    {"wider than x", FOV_SHAPE(2, 3, 4, 5), wider_than_x, "add|clip|div", false},
};

/* ---- running them ------------------------------------------------------------------------------------------------------------ */

struct opened {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, y;
};

/* Scales, shifts and statistics of a trained network are not ones and zeros. */
static void draw_parameters(fov_graph *g, uint64_t seed)
{
    for (int i = 0; i < fov_parameter_count(g); i++) {
        fov_value parameter = fov_parameter_at(g, i);
        fov_shape shape     = fov_value_shape(g, parameter);
        size_t    count     = shape_span(&shape, 0, shape.rank);
        float    *data      = calloc(count, sizeof *data);
        bool      vector    = shape.rank == 1;

        for (size_t k = 0; k < count; k++) {
            struct random_key key = {seed, RANDOM_TEST, (uint64_t)i};

            data[k] = (float)(vector ? 0.5 + random_uniform(key, k) : 0.3 * random_normal(key, k));
        }
        assert_int_equal(fov_parameter_set(g, parameter, data, count * sizeof *data), FOV_OK);
        free(data);
    }
}

static struct opened open_network(const struct expected *test, const char *isa, int threads)
{
    struct opened n = {.context = fov_context_create(&(fov_context_options){.isa = isa, .threads = threads})};

    n.graph = fov_graph_create(n.context);
    n.x     = fov_input(n.graph, .name = "x", .shape = test->x);
    n.y     = test->build(n.graph, n.x);
    draw_parameters(n.graph, 11);
    assert_string_equal(fov_error(n.context), "");
    return n;
}

static void close_network(struct opened *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

/* Runs the network once; the caller frees the result. */
static float *run_once(struct opened *n, const fov_plan_options *options, size_t *count, char *steps, size_t room)
{
    fov_plan *plan = fov_plan_create(n->graph, &n->y, 1, options);
    float    *x, *y;

    assert_string_equal(fov_error(n->context), "");
    x = fov_plan_data(plan, n->x);
    for (size_t i = 0; i < fov_plan_bytes(plan, n->x) / sizeof *x; i++)
        x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    for (int i = 0; steps && i < fov_plan_step_count(plan); i++)
        if (!plan->steps[i].skip && plan->steps[i].node >= 0)
            snprintf(steps + strlen(steps), room - strlen(steps), "%s%s", *steps ? "|" : "",
                     fov_plan_step_at(plan, i).operation);
    fov_plan_run(plan, 0);
    *count = fov_plan_bytes(plan, n->y) / sizeof *y;
    y      = malloc(*count * sizeof *y);
    memcpy(y, fov_plan_data(plan, n->y), *count * sizeof *y);
    fov_plan_free(plan);
    return y;
}

static double *define(struct opened *n, bool training, size_t count)
{
    const double    **given = calloc(n->graph->value_count, sizeof *given);
    fov_shape         shape = fov_value_shape(n->graph, n->x);
    size_t            pixels = shape_span(&shape, 0, shape.rank);
    double           *x = calloc(pixels, sizeof *x), *y = calloc(count, sizeof *y);
    struct evaluation expected;

    for (size_t i = 0; i < pixels; i++)
        x[i] = (double)(float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    given[n->x.id] = x;
    assert_int_equal(graph_evaluate(n->graph, &n->y.id, 1, 1, training, 0, given, &expected), FOV_OK);
    memcpy(y, expected.data[n->y.id], count * sizeof *y);
    graph_evaluate_free(n->graph, &expected);
    free(given);
    free(x);
    return y;
}

static void check(const struct expected *test, const char *isa)
{
    fov_plan_options options = {.batch = 1, .training = test->training};
    char             steps[1024] = "";
    size_t           count, bits;
    struct opened    n = open_network(test, isa, 1);
    float           *fused = run_once(&n, &options, &count, steps, sizeof steps), *plain;
    double          *defined = define(&n, test->training, count);

    if (strcmp(steps, test->steps) != 0)
        fail_msg("%s: the steps are %s, expected %s", test->name, steps, test->steps);
    options.no_fusion = true;
    plain             = run_once(&n, &options, &bits, NULL, 0);
    options.no_fusion = false;
    close_network(&n);
    for (size_t i = 0; i < count; i++) {
        double bound = 3e-5 * fmax(1, fabs(defined[i]));

        if (!(fabs((double)fused[i] - defined[i]) <= bound) || !(fabs((double)plain[i] - defined[i]) <= bound))
            fail_msg("%s on %s, element %zu: fused %g, plain %g, defined %g", test->name, isa, i, (double)fused[i],
                     (double)plain[i], defined[i]);
    }
    for (int threads = 2; threads <= 4; threads++) {
        float *again;

        n     = open_network(test, isa, threads);
        again = run_once(&n, &options, &bits, NULL, 0);
        assert_memory_equal(again, fused, count * sizeof *fused);
        free(again);
        close_network(&n);
    }
    free(fused);
    free(plain);
    free(defined);
}

static void passes_change_steps_and_not_numbers(void **state)
{
    (void)state;
    for (int level = CPU_REFERENCE; level < CPU_LEVEL_COUNT; level++)
        for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
            if (kernel_table_for((enum cpu_level)level) && cpu_has((enum cpu_level)level))
                check(&networks[i], cpu_level_name((enum cpu_level)level));
}

/* What was folded into packed weights is folded anew when a parameter changes. */
static void folded_parameters_are_followed(void **state)
{
    struct opened n = open_network(&networks[0], NULL, 1);
    fov_plan     *plan = fov_plan_create(n.graph, &n.y, 1, NULL);
    double       *defined;
    float        *x = fov_plan_data(plan, n.x), *y = fov_plan_data(plan, n.y);
    size_t        count = fov_plan_bytes(plan, n.y) / sizeof *y;

    (void)state;
    for (uint64_t seed = 20; seed < 23; seed++) {
        uint64_t requests;

        draw_parameters(n.graph, seed);
        for (size_t i = 0; i < fov_plan_bytes(plan, n.x) / sizeof *x; i++)
            x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
        requests = fov_context_memory(n.context).requests;
        fov_plan_run(plan, 0);
        assert_int_equal(fov_context_memory(n.context).requests, requests);
        defined = define(&n, false, count);
        for (size_t i = 0; i < count; i++)
            assert_true(fabs((double)y[i] - defined[i]) <= 3e-5 * fmax(1, fabs(defined[i])));
        free(defined);
    }
    fov_plan_free(plan);
    close_network(&n);
}

/* The graph keeps its parameters: what is saved or trained further is what was read. */
static void folding_leaves_the_graph_alone(void **state)
{
    struct opened n = open_network(&networks[0], NULL, 1);
    fov_value     weight = fov_parameter_at(n.graph, 0);
    fov_shape     shape  = fov_value_shape(n.graph, weight);
    size_t        bytes  = shape_span(&shape, 0, shape.rank) * sizeof(float);
    float        *before = malloc(bytes), *after = malloc(bytes);
    fov_plan     *plan;

    (void)state;
    assert_int_equal(fov_parameter_get(n.graph, weight, before, bytes), FOV_OK);
    plan = fov_plan_create(n.graph, &n.y, 1, NULL);
    fov_plan_run(plan, 0);
    assert_int_equal(fov_parameter_get(n.graph, weight, after, bytes), FOV_OK);
    assert_memory_equal(before, after, bytes);
    fov_plan_free(plan);
    free(before);
    free(after);
    close_network(&n);
}

static void the_residual_is_written_over(void **state)
{
    struct opened n;
    fov_plan     *plan;
    bool          in_place = false;

    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        if (networks[i].build != residual_in_place)
            continue;
        n    = open_network(&networks[i], NULL, 1);
        plan = fov_plan_create(n.graph, &n.y, 1, NULL);
        for (int s = 0; s < fov_plan_step_count(plan); s++)
            in_place = in_place || (strstr(fov_plan_step_at(plan, s).operation, "+ add") && fov_plan_step_at(plan, s).in_place);
        fov_plan_free(plan);
        close_network(&n);
    }
    assert_true(in_place);
}

/* Gradients through fused sums and activations in training: the same as without. */
static void gradients_stay(void **state)
{
    float *reference = NULL;

    (void)state;
    for (int fused = 0; fused < 2; fused++) {
        struct opened    n = open_network(&(struct expected){"", FOV_SHAPE(3, 18, 6, 7), residual_block, "", true}, NULL, 2);
        fov_value        zero = number(n.graph, 0), loss, gradients[32], targets[32];
        int              count = fov_parameter_count(n.graph), wanted = 0;
        size_t           at = 0, total = 0;
        fov_plan        *plan;
        float           *x;

        loss = op_emit2(fov_graph_emitter(n.graph), "sum_to", fov_mul(n.graph, n.y, n.y), zero, NULL);
        for (int i = 0; i < count; i++)
            if (!fov_parameter_frozen(n.graph, fov_parameter_at(n.graph, i)))
                targets[wanted++] = fov_parameter_at(n.graph, i);
        assert_int_equal(fov_gradient(n.graph, loss, targets, wanted, gradients), FOV_OK);
        plan = fov_plan_create(n.graph, gradients, wanted, &(fov_plan_options){.training = true, .no_fusion = !fused});
        assert_string_equal(fov_error(n.context), "");
        x = fov_plan_data(plan, n.x);
        for (size_t i = 0; i < fov_plan_bytes(plan, n.x) / sizeof *x; i++)
            x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
        fov_plan_run(plan, 0);
        for (int i = 0; i < wanted; i++)
            total += fov_plan_bytes(plan, gradients[i]) / sizeof *x;
        if (!fused)
            reference = malloc(total * sizeof *reference);
        for (int i = 0; i < wanted; i++) {
            const float *gradient = fov_plan_data(plan, gradients[i]);
            size_t       elements = fov_plan_bytes(plan, gradients[i]) / sizeof *x;
            double       largest  = 0;

            for (size_t k = 0; k < elements; k++)
                largest = fmax(largest, fabs((double)gradient[k]));
            for (size_t k = 0; k < elements; k++, at++)
                if (!fused)
                    reference[at] = gradient[k];
                else
                    assert_true(fabs((double)gradient[k] - (double)reference[at]) <= 1e-4 * fmax(largest, 1));
        }
        fov_plan_free(plan);
        close_network(&n);
    }
    free(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_change_steps_and_not_numbers), cmocka_unit_test(folded_parameters_are_followed),
        cmocka_unit_test(folding_leaves_the_graph_alone),      cmocka_unit_test(the_residual_is_written_over),
        cmocka_unit_test(gradients_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
