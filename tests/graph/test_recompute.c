/* SPDX-License-Identifier: MIT */
/* Recomputation under a memory limit: a training step keeps every limit that can be kept, and gives the same bits as
 * without a limit: losses, weights, the optimizer's state, running statistics. */
#include "graph/graph.h"
#include "graph/plan.h"
#include <fovea/fovea.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 8, SIDE = 44, STEPS = 3, MOST = 200 };

struct network {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, labels, rate, loss;
    fov_value    parameters[MOST];
    int          count;
};

/* relu(BN(conv(dropout(relu(BN(conv(x)))))) + x) */
static fov_value block(fov_graph *g, fov_value x, int filters)
{
    fov_value y = fov_conv2d(g, x, .filters = filters, .kernel = 3, .pad = 1, .no_bias = true);

    y = fov_dropout(g, fov_relu(g, fov_batch_norm(g, y)), 0.25F);
    y = fov_batch_norm(g, fov_conv2d(g, y, .filters = filters, .kernel = 3, .pad = 1, .no_bias = true));
    return fov_relu(g, fov_add(g, y, x));
}

static fov_value build(fov_graph *g, fov_value x)
{
    fov_value pair[2], y = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 12, .kernel = 3, .pad = 1)));

    for (int i = 0; i < 3; i++)
        y = block(g, y, 12);
    pair[0] = fov_sigmoid(g, fov_conv2d(g, y, .filters = 8, .kernel = 1));
    pair[1] = fov_conv2d(g, fov_leaky_relu(g, y, 0.1F), .filters = 8, .kernel = 3, .pad = 1, .groups = 2);
    y = fov_max_pool2d(g, fov_concat(g, pair, 2, 1), .kernel = 3, .stride = 2);
    for (int i = 0; i < 2; i++)
        y = block(g, y, 16);
    return fov_dense(g, fov_tanh(g, fov_flatten(g, y)), .units = 5);
}

static void add_updates(struct network *n)
{
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } options = {.momentum = 0.9};
    const struct op_emitter *e = fov_graph_emitter(n->graph);
    fov_value gradients[MOST], learned[MOST];
    int       count = 0, all = fov_parameter_count(n->graph);

    for (int i = 0; i < all; i++)
        if (!fov_parameter_frozen(n->graph, fov_parameter_at(n->graph, i)))
            learned[count++] = fov_parameter_at(n->graph, i);
    assert_int_equal(fov_gradient(n->graph, n->loss, learned, count, gradients), FOV_OK);
    for (int i = 0; i < count; i++) {
        fov_value velocity = fov_graph_parameter(n->graph, fov_value_name(n->graph, learned[i]), "velocity",
                                                 fov_value_shape(n->graph, learned[i]), FOV_INITIAL_ZEROS, 0, true);
        fov_value in[] = {learned[i], gradients[i], velocity, n->rate};
        fov_value next = op_emit(e, "sgd", in, 4, &options);

        fov_assign(n->graph, learned[i], next);
        fov_assign(n->graph, velocity, op_emit_output(e, next, 1));
    }
    n->count = fov_parameter_count(n->graph);
    assert_true(n->count < MOST);
    for (int i = 0; i < n->count; i++) {
        n->parameters[i] = fov_parameter_at(n->graph, i);
        assert_non_null(graph_data(n->graph, n->parameters[i].id)); /* not to be counted as the plan's */
    }
}

static void open_network(struct network *n)
{
    n->context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 5});
    n->graph   = fov_graph_create(n->context);
    n->x       = fov_input(n->graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, SIDE, SIDE));
    n->labels  = fov_input(n->graph, .name = "labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH));
    n->rate    = fov_input(n->graph, .name = "rate");
    n->loss    = fov_softmax_cross_entropy(n->graph, build(n->graph, n->x), n->labels);
    assert_string_equal(fov_error(n->context), "");
    add_updates(n);
    assert_string_equal(fov_error(n->context), "");
}

static void close_network(struct network *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

static fov_plan *make_plan(struct network *n)
{
    return fov_plan_create(n->graph, &n->loss, 1,
                           &(fov_plan_options){.batch = BATCH, .training = true, .updates = true});
}

/* Runs some steps; appends every loss and every parameter to `out`; returns the floats written. */
static size_t run(struct network *n, fov_plan *plan, float *out)
{
    float  *x = fov_plan_data(plan, n->x);
    size_t  used = 0;

    for (int i = 0; i < BATCH * 3 * SIDE * SIDE; i++)
        x[i] = (float)((i * 7919) % 101 - 50) / 40.0F;
    for (int i = 0; i < BATCH; i++)
        ((int32_t *)fov_plan_data(plan, n->labels))[i] = i % 5;
    *(float *)fov_plan_data(plan, n->rate) = 0.05F;
    for (uint64_t step = 1; step <= STEPS; step++) {
        fov_plan_run(plan, step);
        out[used++] = *(const float *)fov_plan_data(plan, n->loss);
    }
    for (int i = 0; i < n->count; i++) {
        size_t bytes = graph_value(n->graph, n->parameters[i].id)->bytes;

        assert_int_equal(fov_parameter_get(n->graph, n->parameters[i], out + used, bytes), FOV_OK);
        used += bytes / sizeof *out;
    }
    return used;
}

enum { ROOM = 1 << 18 /* floats */ };

static void a_budget_changes_no_bits(void **state)
{
    static float    wanted[ROOM], got[ROOM];
    struct network  n;
    fov_plan       *plan;
    fov_plan_memory whole;
    size_t          count, least = SIZE_MAX;
    int             kept = 0, refused = 0;

    (void)state;
    open_network(&n);
    plan  = make_plan(&n);
    whole = fov_plan_memory_use(plan);
    count = run(&n, plan, wanted);
    assert_true(count < ROOM && wanted[STEPS - 1] != wanted[0]);
    assert_int_equal(whole.recomputed, 0);
    assert_int_equal(whole.kept_whole, whole.activations);
    fov_plan_free(plan);
    close_network(&n);
    for (int percent = 97; percent > 4; percent -= 6) {
        fov_plan_memory use;
        size_t          held, structure = 1 << 20, limit;

        open_network(&n);
        held  = fov_context_memory(n.context).bytes;
        limit = held + structure + whole.packed + whole.activations * (size_t)percent / 100;
        memory_set_limit(n.context->memory, limit);
        plan = make_plan(&n);
        assert_true(fov_context_memory(n.context).bytes <= limit);
        if (!plan) {
            assert_int_equal(fov_error_status(n.context), FOV_E_MEMORY);
            if (!strstr(fov_error(n.context), "even if all is recomputed that can be"))
                fail_msg("%d %%: %s", percent, fov_error(n.context));
            assert_int_equal(fov_context_memory(n.context).bytes, held);
            refused++;
            close_network(&n);
            continue;
        }
        assert_int_equal(refused, 0); /* what fits a limit fits a larger one */
        use = fov_plan_memory_use(plan);
        assert_int_equal(use.kept_whole, whole.activations);
        if (use.recomputed) {
            assert_true(use.activations < whole.activations);
            assert_int_equal(use.multiply_adds - use.multiply_adds_recomputed, whole.multiply_adds);
            assert_int_equal(use.computed, whole.computed);
            kept++;
        }
        least = use.activations < least ? use.activations : least;
        assert_int_equal(run(&n, plan, got), count);
        assert_memory_equal(got, wanted, count * sizeof *got);
        fov_plan_free(plan);
        close_network(&n);
    }
    assert_true(kept >= 4 && refused >= 1);
    assert_true(least < whole.activations * 2 / 3);
}

static void failed_allocations_are_survived(void **state)
{
    struct network n;
    fov_plan      *plan = NULL;
    size_t         held, limit;
    fov_plan_memory whole;

    (void)state;
    open_network(&n);
    plan  = make_plan(&n);
    whole = fov_plan_memory_use(plan);
    fov_plan_free(plan);
    held  = fov_context_memory(n.context).bytes;
    limit = held + (1 << 20) + whole.activations * 8 / 10;
    memory_set_limit(n.context->memory, limit);
    plan = NULL;
    for (uint64_t i = 1; !plan; i += 1 + i / 8) { /* there are too many to let each fail */
        memory_fail_at(n.context->memory, i, false);
        plan = make_plan(&n);
        memory_fail_at(n.context->memory, 0, false);
        if (plan)
            break;
        assert_int_equal(fov_error_status(n.context), FOV_E_MEMORY);
        assert_int_equal(fov_context_memory(n.context).bytes, held);
        fov_error_clear(n.context);
    }
    assert_true(fov_plan_memory_use(plan).recomputed > 0);
    fov_plan_free(plan);
    close_network(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_changes_no_bits),
        cmocka_unit_test(failed_allocations_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
