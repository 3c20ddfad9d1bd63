/* SPDX-License-Identifier: MIT */
/* XOR by a network 2-2-1: nine parameters, plain gradient descent with momentum on cross-entropy, from a hundred seeds. It
 * must be solved from at least 95 of them; seeds that end in a local minimum are printed. Small initial weights matter:
 * with a deviation of 0.03 both hidden units begin in the linear part of tanh. */
#include <fovea/fovea.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { STEPS = 4000, SEEDS = 100 };

static fov_value small_number(fov_graph *g, const char *name, fov_shape shape)
{
    return fov_parameter_opt(
        g, &(fov_parameter_options){.name = name, .shape = shape, .initial = FOV_INITIAL_NORMAL, .scale = 0.03f});
}

/* Adds v' = 0.9 v - gradient, p' = p + v' for all parameters (rate 1). */
static void add_updates(fov_graph *g, fov_value loss, const fov_value parameters[4])
{
    static const char *const names[] = {"v1", "v2", "v3", "v4"};
    const float momentum = 0.9f;
    fov_value gradient[4], factor = fov_constant(g, "momentum", FOV_F32, (fov_shape){0}, &momentum);
    assert_int_equal(fov_gradient(g, loss, parameters, 4, gradient), FOV_OK);
    for (int i = 0; i < 4; i++) {
        fov_value speed = fov_parameter(g, .name = names[i], .shape = fov_value_shape(g, parameters[i]));
        fov_value next = fov_sub(g, fov_mul(g, factor, speed), gradient[i]);
        fov_assign(g, speed, next);
        fov_assign(g, parameters[i], fov_add(g, parameters[i], next));
    }
}

static bool solves(uint64_t seed)
{
    static const float inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4] = {0, 1, 1, 0};
    fov_context *context = fov_context_create(&(fov_context_options){.seed = seed, .threads = 1});
    fov_graph *g = fov_graph_create(context);
    assert_non_null(g);
    fov_value x = fov_input(g, .name = "x", .shape = {2, {4, 2}}), t = fov_input(g, .name = "t", .shape = {2, {4, 1}});
    const fov_value p[] = {small_number(g, "w1", (fov_shape){2, {2, 2}}), small_number(g, "b1", (fov_shape){1, {2}}),
                           small_number(g, "w2", (fov_shape){2, {2, 1}}), small_number(g, "b2", (fov_shape){1, {1}})};
    fov_value hidden = fov_tanh(g, fov_add(g, fov_matmul(g, x, p[0]), p[1]));
    fov_value logit = fov_add(g, fov_matmul(g, hidden, p[2]), p[3]);
    add_updates(g, fov_bce_logits(g, logit, t), p);
    fov_plan *plan = fov_plan_create(g, &logit, 1, &(fov_plan_options){.training = true, .updates = true});
    assert_non_null(plan);
    memcpy(fov_plan_data(plan, x), inputs, sizeof inputs);
    memcpy(fov_plan_data(plan, t), targets, sizeof targets);
    for (int i = 0; i < STEPS; i++) {
        fov_plan_run(plan, (uint64_t)i);
    }
    const float *answer = fov_plan_data(plan, logit);
    bool right = true;
    for (int i = 0; i < 4; i++) {
        right = right && (answer[i] > 0) == (targets[i] > 0);
    }
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
    return right;
}

static void test_xor_is_solved_from_almost_every_seed(void **state)
{
    (void)state;
    int solved = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bool one = solves(seed);
        solved += one;
        if (!one) {
            print_message("seed %d stays in a local minimum\n", (int)seed);
        }
    }
    print_message("XOR from %d of %d seeds\n", solved, SEEDS);
    assert_true(solved >= 95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_xor_is_solved_from_almost_every_seed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
