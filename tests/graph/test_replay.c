/* SPDX-License-Identifier: MIT */
/* Where a number that is not finite came from: a replay of the run names the step, parameter or input, fused or not. */
#include "graph/plan.h"

#include <fovea/fovea.h>
#include <fovea/node.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 2 * 3 * 8 * 8 };

/* A convolution, a batch norm, exp, a global pooling and a dense layer. */
struct net {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, y;
};

static void make(struct net *net)
{
    fov_value y;

    net->context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 3});
    net->graph   = fov_graph_create(net->context);
    net->x       = fov_input(net->graph, .name = "x", .shape = {4, {2, 3, 8, 8}});
    y = fov_conv2d(net->graph, net->x, .filters = 4, .kernel = 3, .pad = 1, .name = "c");
    y = fov_batch_norm_opt(net->graph, y, &(fov_batch_norm_options){.name = "n"});
    y = op_emit1(fov_graph_emitter(net->graph), "exp", y, NULL);
    y = fov_global_avg_pool(net->graph, y);
    net->y = fov_dense(net->graph, fov_flatten(net->graph, y), .units = 5, .name = "d");
    assert_string_equal(fov_error(net->context), "");
}

static void drop(struct net *net)
{
    fov_graph_free(net->graph);
    fov_context_free(net->context);
}

static void set(struct net *net, const char *name, float value)
{
    fov_value parameter = fov_find(net->graph, name);
    fov_shape shape     = fov_value_shape(net->graph, parameter);
    size_t    bytes     = shape_span(&shape, 0, shape.rank) * sizeof(float);
    float    *data      = malloc(bytes);

    assert_int_equal(fov_parameter_get(net->graph, parameter, data, bytes), FOV_OK);
    data[0] = value;
    assert_int_equal(fov_parameter_set(net->graph, parameter, data, bytes), FOV_OK);
    free(data);
}

/* The sentence that a replay reports after a run whose input has this pixel. */
static void sentence(struct net *net, float pixel, bool no_fusion, char out[FINDING_TEXT_SIZE])
{
    fov_plan *plan = fov_plan_create(net->graph, &net->y, 1, &(fov_plan_options){.no_fusion = no_fusion});
    struct plan_finding finding;
    float    *x;

    if (!plan)
        fail_msg("%s", fov_error(net->context));
    x = fov_plan_data(plan, net->x);
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i % 7) - 3.0F;
    x[COUNT / 2] = pixel;
    fov_plan_run(plan, 0);
    assert_int_equal(plan_replay(plan, 0, plan->step_count, &finding), FOV_OK);
    plan_finding_text(&finding, out);
    fov_plan_free(plan);
}

static void names_what_was_first(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct net net;
        char       out[FINDING_TEXT_SIZE];

        make(&net);
        sentence(&net, 1.0F, plain, out);
        assert_string_equal(out, "");
        sentence(&net, NAN, plain, out);
        assert_string_equal(out, "; NaN first in \"x\" (input)");
        sentence(&net, INFINITY, plain, out);
        assert_non_null(strstr(out, "; infinite first in \"x\" (input)"));
        set(&net, "n.weight", 1e30F); /* exp of that is more than a float holds */
        sentence(&net, 1.0F, plain, out);
        assert_non_null(strstr(out, plain ? "; infinite first in \"exp_"
                                          : "; infinite first in \"c\" (conv + batch_norm + exp)"));
        set(&net, "n.weight", 1.0F);
        set(&net, "d.bias", NAN);
        sentence(&net, 1.0F, plain, out);
        assert_string_equal(out, "; NaN first in \"d.bias\" (parameter)");
        set(&net, "d.bias", 0.0F);
        set(&net, "c.weight", -INFINITY);
        sentence(&net, 1.0F, plain, out);
        assert_non_null(strstr(out, "; infinite first in \"c.weight\" (parameter), NaN first in \"c\" (conv"));
        set(&net, "c.weight", 0.0F);
        set(&net, "n.running_mean", NAN);
        sentence(&net, 1.0F, plain, out);
        assert_string_equal(out, "; NaN first in \"n.running_mean\" (parameter)");
        drop(&net);
    }
}

/* A training step has updated its running statistics with numbers that are not finite: that is a consequence, so the
 * replay does not name them. */
static void running_statistics_are_not_the_cause(void **state)
{
    struct plan_finding      finding;
    struct net               net;
    char                     out[FINDING_TEXT_SIZE];
    const struct op_emitter *emitter;
    const fov_plan_options   options = {.training = true, .updates = true};

    (void)state;
    net.context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
    net.graph   = fov_graph_create(net.context);
    net.x       = fov_input(net.graph, .name = "x", .shape = {4, {2, 3, 8, 8}});
    emitter     = fov_graph_emitter(net.graph);
    fov_value y = fov_batch_norm_opt(net.graph, net.x, &(fov_batch_norm_options){.name = "n"});
    net.y       = op_emit1(emitter, "reduce_sum", op_emit1(emitter, "exp", y, NULL), NULL);
    fov_plan *plan = fov_plan_create(net.graph, &net.y, 1, &options);
    if (!plan)
        fail_msg("%s", fov_error(net.context));
    float *x = fov_plan_data(plan, net.x);
    for (int i = 0; i < COUNT; i++)
        x[i] = i == 5 ? 3e38F : 1.0F; /* finite, and the variance is not */
    assert_int_equal(fov_plan_run(plan, 1), FOV_OK);
    assert_int_equal(plan_replay(plan, 1, plan->step_count, &finding), FOV_OK);
    plan_finding_text(&finding, out);
    if (!strstr(out, "first in \"n\" (batch_norm") || strstr(out, "parameter"))
        fail_msg("\"%s\"", out);
    fov_plan_free(plan);
    drop(&net);
}

/* A frozen norm reads its running statistics in a training step, too, and renews none. */
static void statistics_of_a_frozen_norm_are_the_cause(void **state)
{
    struct plan_finding    finding;
    struct net             net;
    char                   out[FINDING_TEXT_SIZE];
    const fov_plan_options options = {.training = true, .updates = true};

    (void)state;
    for (int folded = 0; folded < 2; folded++) {
        net.context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
        net.graph   = fov_graph_create(net.context);
        net.x       = fov_input(net.graph, .name = "x", .shape = {4, {2, 3, 8, 8}});
        fov_value y = folded ? fov_conv2d(net.graph, net.x, .filters = 4, .kernel = 3, .name = "c") : net.x;
        fov_value in[5] = {y};
        for (int i = 1; i < 5; i++) {
            static const char *const names[] = {"", "n.weight", "n.bias", "n.running_mean", "n.running_var"};
            in[i] = fov_parameter(net.graph, .name = names[i], .shape = {1, {folded ? 4 : 3}},
                                  .initial = i % 3 == 1 ? FOV_INITIAL_ONES : FOV_INITIAL_ZEROS, .frozen = i > 2);
        }
        y     = fov_node(net.graph, "batch_norm", in, 5, "statistics", "running");
        net.y = op_emit1(fov_graph_emitter(net.graph), "reduce_sum", y, NULL);
        set(&net, "n.running_var", INFINITY);
        set(&net, "n.running_mean", INFINITY);
        fov_plan *plan = fov_plan_create(net.graph, &net.y, 1, &options);
        if (!plan)
            fail_msg("%s", fov_error(net.context));
        float *x = fov_plan_data(plan, net.x);
        for (int i = 0; i < COUNT; i++)
            x[i] = 1.0F;
        assert_int_equal(fov_plan_run(plan, 1), FOV_OK);
        assert_int_equal(plan_replay(plan, 1, plan->step_count, &finding), FOV_OK);
        plan_finding_text(&finding, out);
        if (!strstr(out, "infinite first in \"n.running_") || !strstr(out, "(parameter)"))
            fail_msg("\"%s\"", out);
        fov_plan_free(plan);
        drop(&net);
    }
}

/* In a workspace that other plans share, a run first recomputes the results of run-once steps; also where the plan's
 * first step is a view, which is skipped. */
static void a_replay_begins_like_a_run(void **state)
{
    enum { NUMBERS = 64 };
    fov_context             *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
    fov_graph               *graph   = fov_graph_create(context);
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    struct plan_arena        arena   = {.memory = context->memory};
    struct plan_finding      finding;
    char                     out[FINDING_TEXT_SIZE];

    (void)state;
    fov_value x = fov_input(graph, .name = "x", .shape = {2, {1, NUMBERS}});
    fov_value view = fov_reshape(graph, x, (fov_shape){1, {NUMBERS}});
    fov_value p = fov_parameter(graph, .name = "p", .shape = {1, {NUMBERS}}, .initial = FOV_INITIAL_ONES);
    fov_value once = op_emit1(emitter, "exp", op_emit1(emitter, "exp", p, NULL), NULL);
    fov_value y = fov_add(graph, view, once);
    fov_plan *plan = plan_create_within(&arena, graph, &y, 1, &(fov_plan_options){.batch = 1});
    if (!plan || plan_arena_open(&arena, &context->error) || plan_bind(plan))
        fail_msg("%s", fov_error(context));
    assert_true(plan->steps[0].skip);
    memset(arena.bytes, 0xff, arena.size); /* as another plan may leave it */
    float *in = fov_plan_data(plan, x);
    for (int k = 0; k < NUMBERS; k++)
        in[k] = (float)k;
    assert_int_equal(plan_replay(plan, 0, plan->step_count, &finding), FOV_OK);
    assert_string_equal(plan_finding_text(&finding, out), "");
    const float *result = fov_plan_data(plan, y);
    for (int k = 0; k < NUMBERS; k++)
        assert_true(fabs((double)result[k] - k - exp(exp(1))) < 1e-4);
    fov_plan_free(plan);
    plan_arena_close(&arena);
    fov_graph_free(graph);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_what_was_first),
                                       cmocka_unit_test(running_statistics_are_not_the_cause),
                                       cmocka_unit_test(statistics_of_a_frozen_norm_are_the_cause),
                                       cmocka_unit_test(a_replay_begins_like_a_run)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
