/* SPDX-License-Identifier: MIT */
/* A plan computes a large weight's gradient and applies its update part by part. That gives the same bits as the whole
 * gradient first, then the update (as when the gradient is an output), for both optimizers, in far less memory. */
#include "graph/graph.h"
#include "graph/plan.h"
#include <fovea/fovea.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 3, FEATURES = 2050, UNITS = 4501, WEIGHT = FEATURES * UNITS };

/* Trains a dense layer for two steps; weight: its weight after them. Returns the arena's bytes. */
static size_t train(bool adam, bool whole, int threads, float *weight)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = threads, .seed = 3});
    fov_graph   *g       = fov_graph_create(context);
    const struct op_emitter *e = fov_graph_emitter(g);
    fov_value    x      = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, FEATURES));
    fov_value    labels = fov_input(g, .name = "labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH));
    fov_value    rate   = fov_input(g, .name = "rate"), count = fov_input(g, .name = "count");
    fov_value    loss   = fov_softmax_cross_entropy(g, fov_dense(g, x, .units = UNITS, .name = "d"), labels);
    fov_value    w      = fov_find(g, "d.weight"), gradient, next;
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } momentum = {.momentum = 0.9, .weight_decay = 0.01};
    fov_value states[2];
    fov_plan *plan;
    size_t    bytes;

    for (int i = 0; i < 2; i++)
        states[i] =
            fov_graph_parameter(g, "d", i ? "second" : "first", fov_value_shape(g, w), FOV_INITIAL_ZEROS, 0, true);
    assert_int_equal(fov_gradient(g, loss, &w, 1, &gradient), FOV_OK);
    next = adam ? op_emit(e, "adam", (fov_value[]){w, gradient, states[0], states[1], rate, count}, 6, NULL)
                : op_emit(e, "sgd", (fov_value[]){w, gradient, states[0], rate}, 4, &momentum);
    fov_assign(g, w, next);
    for (int i = 0; i < (adam ? 2 : 1); i++)
        fov_assign(g, states[i], op_emit_output(e, next, i + 1));
    plan = fov_plan_create(g, (fov_value[]){loss, gradient}, whole ? 2 : 1,
                           &(fov_plan_options){.batch = BATCH, .training = true, .updates = true});
    assert_string_equal(fov_error(context), "");
    for (int i = 0; i < BATCH * FEATURES; i++)
        ((float *)fov_plan_data(plan, x))[i] = (float)((i * 31) % 53 - 26) / 16.0F;
    for (int i = 0; i < BATCH; i++)
        ((int32_t *)fov_plan_data(plan, labels))[i] = 17 * i;
    *(float *)fov_plan_data(plan, rate) = 0.01F;
    for (uint64_t step = 1; step <= 2; step++) {
        if (adam)
            *(float *)fov_plan_data(plan, count) = (float)step;
        fov_plan_run(plan, step);
    }
    assert_int_equal(fov_parameter_get(g, w, weight, WEIGHT * sizeof *weight), FOV_OK);
    bytes = fov_plan_memory_use(plan).activations;
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
    return bytes;
}

static void expect_same(bool adam)
{
    float *wanted = malloc(WEIGHT * sizeof *wanted), *got = malloc(WEIGHT * sizeof *got);
    size_t whole  = train(adam, true, 2, wanted);

    for (int threads = 1; threads <= 2; threads++) {
        size_t parts = train(adam, false, threads, got);

        assert_memory_equal(got, wanted, WEIGHT * sizeof *got);
        assert_true(whole > WEIGHT * sizeof(float) && parts < 20 << 20);
    }
    free(wanted);
    free(got);
}

static void sgd_takes_turns(void **state)
{
    (void)state;
    expect_same(false);
}

static void adam_takes_turns(void **state)
{
    (void)state;
    expect_same(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_takes_turns),
        cmocka_unit_test(adam_takes_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
