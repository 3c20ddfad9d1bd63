/* SPDX-License-Identifier: MIT */
/* Small dense weights, which all steps divide among threads by the same ranges of rows (op/parts.h): training a layer
 * with a residual behind it gives the weights of the plan without fusion; any number of threads gives the same bits. */
#include "graph/graph.h"
#include <fovea/fovea.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 40, FEATURES = 96, UNITS = 7, WEIGHT = FEATURES * FEATURES };
static const char FUSED[] = "dense + add + relu"; /* the layer's step with all that is fused into it */

/* Trains relu(dense(x) + x) and a dense layer behind it for three steps; weight: the first layer's then. */
static void train(bool fused, int threads, float *weight)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 3});
    fov_graph   *g       = fov_graph_create(context);
    const struct op_emitter *e = fov_graph_emitter(g);
    fov_value    x      = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, FEATURES));
    fov_value    labels = fov_input(g, .name = "labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH));
    fov_value    rate   = fov_input(g, .name = "rate");
    fov_value    block  = fov_relu(g, fov_add(g, fov_dense(g, x, .units = FEATURES, .name = "d"), x));
    fov_value loss = fov_softmax_cross_entropy(g, fov_dense(g, block, .units = UNITS), labels), targets[8],
              gradients[8];
    int          count  = fov_parameter_count(g);
    fov_plan    *plan;
    static float begin[WEIGHT];
    float        moved  = 0;
    int          joined = 0;

    for (int i = 0; i < count; i++)
        targets[i] = fov_parameter_at(g, i);
    assert_int_equal(fov_gradient(g, loss, targets, count, gradients), FOV_OK);
    for (int i = 0; i < count; i++)
        fov_assign(g, targets[i],
                   op_emit(e, "sgd", (fov_value[]){targets[i], gradients[i], (fov_value){0}, rate}, 4, NULL));
    plan = fov_plan_create(g, &loss, 1,
                           &(fov_plan_options){.batch = BATCH, .training = true, .updates = true, .no_fusion = !fused});
    assert_string_equal(fov_error(context), "");
    for (int i = 0; i < BATCH * FEATURES; i++)
        ((float *)fov_plan_data(plan, x))[i] = (float)((i * 31) % 53 - 26) / 16.0F;
    for (int i = 0; i < BATCH; i++)
        ((int32_t *)fov_plan_data(plan, labels))[i] = i % UNITS;
    *(float *)fov_plan_data(plan, rate) = 0.05F;
    assert_int_equal(fov_parameter_get(g, fov_find(g, "d.weight"), begin, sizeof begin), FOV_OK);
    for (uint64_t step = 1; step <= 3; step++)
        fov_plan_run(plan, step);
    assert_int_equal(fov_parameter_get(g, fov_find(g, "d.weight"), weight, WEIGHT * sizeof *weight), FOV_OK);
    for (size_t i = 0; i < WEIGHT; i++)
        moved = fmaxf(moved, fabsf(weight[i] - begin[i]));
    assert_true(moved > 1e-3F); /* or there is nothing to compare */
    for (int i = 0; i < fov_plan_step_count(plan); i++)
        joined += strcmp(fov_plan_step_at(plan, i).operation, FUSED) == 0;
    assert_int_equal(joined, fused);
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
}

static void a_residual_behind_a_trained_layer(void **state)
{
    float *plain = malloc(WEIGHT * sizeof *plain), *fused = malloc(WEIGHT * sizeof *fused);

    (void)state;
    train(false, 1, plain);
    train(true, 1, fused);
    for (size_t i = 0; i < WEIGHT; i++)
        assert_true(fabsf(plain[i] - fused[i]) <= 1e-5F);
    free(plain);
    free(fused);
}

static void any_number_of_threads(void **state)
{
    float *one = malloc(WEIGHT * sizeof *one), *many = malloc(WEIGHT * sizeof *many);

    (void)state;
    train(true, 1, one);
    for (int threads = 2; threads <= 5; threads++) {
        train(true, threads, many);
        assert_memory_equal(one, many, WEIGHT * sizeof *one);
    }
    free(one);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_residual_behind_a_trained_layer),
        cmocka_unit_test(any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
