/* SPDX-License-Identifier: MIT */
/* Tensors that become empty inside a network: a slice to no samples, no channels or no rows, followed by all that plans
 * fuse, place together, defer and recompute. Plans with and without fusion, in inference and training, give the results
 * and gradients of the definitions. For single operators see tests/op/test_empty.c. */
#include "graph/graph.h"
#include "support/near.h"
#include "tensor/shape.h"
#include <fovea/fovea.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 4, CHANNELS = 8, SIDE = 6, MOST = 32 };

typedef fov_value network(fov_graph *g, fov_value x);

static fov_value normalised(fov_graph *g, fov_value x, int filters, int kernel, int groups)
{
    fov_value y = fov_conv2d(g, x, .filters = filters, .kernel = kernel, .pad = kernel / 2, .groups = groups);
    return fov_relu(g, fov_batch_norm_opt(g, y, NULL));
}

/* No samples through an inverted residual, pools, a gate and a classifier. */
static fov_value no_samples(fov_graph *g, fov_value x)
{
    fov_value s = fov_slice(g, x, 0, 2, 0, 1), wide = normalised(g, s, 16, 1, 1);
    fov_value y = fov_conv2d(g, normalised(g, wide, 16, 3, 16), .filters = CHANNELS, .kernel = 1);
    y = fov_add(g, fov_batch_norm_opt(g, y, NULL), s);
    fov_value gate = fov_sigmoid(g, fov_conv2d(g, fov_global_avg_pool(g, y), .filters = CHANNELS, .kernel = 1));
    y = fov_max_pool2d(g, fov_mul(g, y, gate), .kernel = 2);
    y = fov_avg_pool2d(g, y, .kernel = 3, .pad = 1, .stride = 1);
    y = fov_dropout_opt(g, fov_relu(g, fov_dense(g, fov_flatten(g, y), .units = 9)), NULL);
    return fov_dense(g, y, .units = 5);
}

/* No channels: as a part of a concatenation, and alone through operators that need no channels. */
static fov_value no_channels(fov_graph *g, fov_value x)
{
    fov_value s = fov_slice(g, x, 1, 3, 0, 1), parts[4] = {normalised(g, x, 8, 3, 1), fov_relu(g, s), x, s};
    fov_value y = normalised(g, fov_concat(g, parts, 4, 1), 8, 3, 1);
    fov_value pooled = fov_max_pool2d(g, s, .kernel = 2), rest = fov_reduce_sum(g, pooled, .axis_count = 0);
    fov_value doubled = fov_resize2d(g, pooled, .scale = 2, .mode = FOV_RESIZE_LINEAR);
    parts[0] = y;
    parts[1] = fov_slice(g, doubled, 2, 0, SIDE, 1);
    return fov_add(g, fov_concat(g, parts, 2, 1), rest);
}

/* No rows: concatenated with others, and summed. */
static fov_value no_rows(fov_graph *g, fov_value x)
{
    fov_value s = fov_slice(g, x, 2, 6, 0, 1), parts[2] = {s, x};
    fov_value y = normalised(g, fov_concat(g, parts, 2, 2), 8, 3, 1);
    fov_value mean = fov_reduce_sum(g, s, .axes = {2, 3}, .axis_count = 2, .keep_dims = true);
    return fov_add(g, y, fov_add(g, fov_relu(g, mean), fov_softmax(g, mean)));
}

static void compare(fov_graph *g, fov_plan *plan, const fov_value *values, int count, const struct evaluation *expected)
{
    for (int i = 0; i < count; i++) {
        int    id       = values[i].id;
        size_t elements = shape_span(&expected->shapes[id], 0, expected->shapes[id].rank);
        fov_shape    planned = fov_plan_shape(plan, values[i]);
        const float *got = fov_plan_data(plan, values[i]);

        if (!shape_equal(&planned, &expected->shapes[id]))
            fail_msg("value %d of %d has another shape in the plan", i, count);
        for (size_t k = 0; k < elements; k++) {
            double wanted = expected->data[id][k];

            if (!is_near((double)got[k], wanted, 1e-4 * (1 + fabs(wanted))))
                fail_msg("value %d of %d, element %zu: %g, expected %g (%s)", i, count, k, (double)got[k], wanted,
                         fov_error(g->context));
        }
    }
}

/* Compares the result, and the gradients of its sum of squares by x and by every parameter. */
static void try_network(network *build, bool training)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 3});
    fov_graph   *g       = fov_graph_create(context);
    fov_value    x       = fov_input(g, .name = "x", .shape = FOV_SHAPE(BATCH, CHANNELS, SIDE, SIDE));
    fov_value    values[MOST] = {build(g, x)}, targets[MOST] = {x}, gradients[MOST];
    fov_value    loss = fov_reduce_sum(g, fov_mul(g, values[0], values[0]), .axis_count = 0);
    double       data[BATCH * CHANNELS * SIDE * SIDE];
    int          ids[MOST], count = 1, wanted = 1;
    struct evaluation expected;

    for (int i = 0; i < fov_parameter_count(g); i++)
        if (!strstr(fov_value_name(g, fov_parameter_at(g, i)), "running"))
            targets[wanted++] = fov_parameter_at(g, i);
    assert_int_equal(fov_gradient(g, loss, targets, wanted, gradients), FOV_OK);
    for (int i = 0; i < wanted; i++)
        if (gradients[i].id)
            values[count++] = gradients[i];
    assert_string_equal(fov_error(context), "");
    for (int i = 0; i < count; i++)
        ids[i] = values[i].id;
    for (int i = 0; i < BATCH * CHANNELS * SIDE * SIDE; i++)
        data[i] = (double)((i * 31) % 53 - 26) / 16;
    const double **given = calloc(g->value_count, sizeof *given);
    given[x.id] = data;
    assert_int_equal(graph_evaluate(g, ids, count, 1, training, 0, given, &expected), FOV_OK);
    free(given);
    for (int fused = 0; fused < 2; fused++) {
        fov_plan *plan =
            fov_plan_create(g, values, count, &(fov_plan_options){.training = training, .no_fusion = !fused});

        assert_string_equal(fov_error(context), "");
        for (int i = 0; i < BATCH * CHANNELS * SIDE * SIDE; i++)
            ((float *)fov_plan_data(plan, x))[i] = (float)data[i];
        fov_plan_run(plan, 0);
        fov_plan_run(plan, 0);
        compare(g, plan, values, count, &expected);
        fov_plan_free(plan);
    }
    graph_evaluate_free(g, &expected);
    fov_graph_free(g);
    fov_context_free(context);
}

static void test_no_samples(void **state)
{
    (void)state;
    try_network(no_samples, false);
    try_network(no_samples, true);
}

static void test_no_channels(void **state)
{
    (void)state;
    try_network(no_channels, false);
    try_network(no_channels, true);
}

static void test_no_rows(void **state)
{
    (void)state;
    try_network(no_rows, false);
    try_network(no_rows, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_samples),
        cmocka_unit_test(test_no_channels),
        cmocka_unit_test(test_no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
