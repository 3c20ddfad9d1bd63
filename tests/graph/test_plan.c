/* SPDX-License-Identifier: MIT */
/* What plans promise: the same numbers as the definitions, with and without fusion; no overlap of tensors that live at
 * the same time; no allocation while running; the same bits for any number of threads; each update is applied once, and
 * every plan's next run sees it. */
#include "graph/copy.h"
#include "graph/plan.h"
#include <fovea/operators.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static fov_context *open_context(int threads)
{
    return fov_context_create(&(fov_context_options){.threads = threads, .seed = 3});
}

/* A small network with everything that the passes look for: convolutions with activations to fuse, a branch that is
 * added, a pooling, a concatenation, a view, a value that is read twice. */
static fov_value build_network(fov_graph *g, fov_value x)
{
    fov_value a = fov_relu(g, fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .name = "c1"));
    fov_value b = fov_conv2d(g, a, .filters = 6, .kernel = 1, .name = "c2");
    fov_value c = fov_add(g, fov_tanh(g, b), a);

    c = fov_max_pool2d(g, c, .kernel = 2);
    c = fov_concat(g, (fov_value[]){c, fov_sigmoid(g, c)}, 2, 1);
    c = fov_leaky_relu(g, fov_conv2d(g, c, .filters = 5, .kernel = 3, .stride = 2, .name = "c3"), 0.1F);
    return fov_dense(g, fov_flatten(g, c), .units = 4, .name = "fc");
}

struct network {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, labels, logits, loss, parameters[16], gradients[16];
    int          count;
};

static void network_open(struct network *n, int threads, bool with_gradient)
{
    *n         = (struct network){.context = open_context(threads)};
    n->graph   = fov_graph_create(n->context);
    n->x       = fov_input(n->graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, 10, 10));
    n->labels  = fov_input(n->graph, .name = "labels", .shape = FOV_SHAPE(FOV_BATCH), .dtype = FOV_I32);
    n->logits  = build_network(n->graph, n->x);
    n->loss    = fov_softmax_cross_entropy(n->graph, n->logits, n->labels);
    n->count   = fov_parameter_count(n->graph);
    for (int i = 0; i < n->count; i++)
        n->parameters[i] = fov_parameter_at(n->graph, i);
    if (with_gradient)
        assert_int_equal(fov_gradient(n->graph, n->loss, n->parameters, n->count, n->gradients), FOV_OK);
    assert_string_equal(fov_error(n->context), "");
}

static void network_close(struct network *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

static void fill(const struct network *n, fov_plan *plan, int batch)
{
    float   *x      = fov_plan_data(plan, n->x);
    int32_t *labels = fov_plan_data(plan, n->labels);

    for (size_t i = 0; x && i < (size_t)batch * 300; i++)
        x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    for (int i = 0; labels && i < batch; i++)
        labels[i] = i % 4;
}

static fov_plan *make_plan(struct network *n, const fov_value *outputs, int count, fov_plan_options options)
{
    fov_plan *plan = fov_plan_create(n->graph, outputs, count, &options);

    if (!plan)
        fail_msg("%s", fov_error(n->context));
    return plan;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static void check_against_definition(struct network *n, fov_plan *plan, int batch, const fov_value *outputs, int count)
{
    const double    **given  = calloc(n->graph->value_count, sizeof *given);
    double           *x      = calloc((size_t)batch * 300, sizeof *x), *labels = calloc((size_t)batch, sizeof *labels);
    int               ids[32];
    struct evaluation expected;

    fill(n, plan, batch);
    for (size_t i = 0; i < (size_t)batch * 300; i++)
        x[i] = ((float *)fov_plan_data(plan, n->x))[i];
    for (int i = 0; i < batch; i++)
        labels[i] = i % 4;
    given[n->x.id]      = x;
    given[n->labels.id] = labels;
    for (int i = 0; i < count; i++)
        ids[i] = outputs[i].id;
    assert_int_equal(graph_evaluate(n->graph, ids, count, batch, false, 0, given, &expected), FOV_OK);
    fov_plan_run(plan, 0);
    for (int i = 0; i < count; i++) {
        const float *got = fov_plan_data(plan, outputs[i]);
        size_t       elements = fov_plan_bytes(plan, outputs[i]) / sizeof(float);

        for (size_t k = 0; k < elements; k++)
            if (!(fabs(got[k] - expected.data[ids[i]][k]) <= 2e-5 * fmax(1.0, fabs(expected.data[ids[i]][k]))))
                fail_msg("output %d (%s) element %zu: %g, expected %g", i, fov_value_name(n->graph, outputs[i]), k,
                         (double)got[k], expected.data[ids[i]][k]);
    }
    graph_evaluate_free(n->graph, &expected);
    free(given);
    free(x);
    free(labels);
}

static void plan_equals_definition(void **state)
{
    struct network n;
    fov_value      outputs[20];

    (void)state;
    for (int fused = 0; fused < 2; fused++)
        for (int batch = 1; batch <= 5; batch += 2) {
            fov_plan *plan;

            network_open(&n, 2, true);
            outputs[0] = n.loss;
            outputs[1] = n.logits;
            memcpy(outputs + 2, n.gradients, sizeof *outputs * (size_t)n.count);
            plan = make_plan(&n, outputs, n.count + 2, (fov_plan_options){.batch = batch, .no_fusion = !fused});
            check_against_definition(&n, plan, batch, outputs, n.count + 2);
            fov_plan_free(plan);
            network_close(&n);
        }
}

static void activations_disappear_into_convolutions(void **state)
{
    struct network n;
    fov_plan      *plan;
    int            fused = 0, alone = 0;

    (void)state;
    network_open(&n, 1, false);
    plan = make_plan(&n, &n.logits, 1, (fov_plan_options){.batch = 2});
    for (int i = 0; i < fov_plan_step_count(plan); i++) {
        fov_plan_step step = fov_plan_step_at(plan, i);

        fused += strcmp(step.operation, "conv + relu") == 0 || strcmp(step.operation, "conv + tanh") == 0 ||
                 strcmp(step.operation, "conv + leaky_relu") == 0;
        alone += strcmp(step.operation, "relu") == 0 || strcmp(step.operation, "leaky_relu") == 0;
    }
    assert_int_equal(fused, 3);
    assert_int_equal(alone, 0);
    fov_plan_free(plan);
    network_close(&n);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void living_tensors_never_overlap(void **state)
{
    struct network n;
    fov_value      outputs[20];
    fov_plan      *plan;

    (void)state;
    network_open(&n, 2, true);
    outputs[0] = n.loss;
    memcpy(outputs + 1, n.gradients, sizeof *outputs * (size_t)n.count);
    plan = make_plan(&n, outputs, n.count + 1, (fov_plan_options){.batch = 4});
    for (size_t i = 0; i < plan->storage_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct plan_storage *a = &plan->storages[i], *b = &plan->storages[j];

            if (a->fixed || b->fixed || a->first < 0 || b->first < 0)
                continue;
            if (a->first <= b->last && b->first <= a->last)
                assert_true(a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
        }
    assert_true(fov_plan_memory_use(plan).activations < fov_plan_memory_use(plan).unshared);
    fov_plan_free(plan);
    network_close(&n);
}

static void running_allocates_nothing(void **state)
{
    struct network n;
    fov_plan      *plan;
    uint64_t       before;

    (void)state;
    network_open(&n, 3, true);
    for (int i = 0; i < n.count; i++)
        fov_assign(n.graph, n.parameters[i], fov_sub(n.graph, n.parameters[i], n.gradients[i]));
    plan   = make_plan(&n, &n.loss, 1, (fov_plan_options){.batch = 8, .training = true, .updates = true});
    before = fov_context_memory(n.context).requests;
    fill(&n, plan, 8);
    for (uint64_t step = 0; step < 5; step++)
        fov_plan_run(plan, step);
    assert_int_equal(fov_context_memory(n.context).requests, before);
    fov_plan_free(plan);
    network_close(&n);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        fov_context *context = open_context(1);
        fov_graph   *graph;
        fov_plan    *plan;
        size_t       before = fov_context_memory(context).bytes;
        bool         done;

        memory_fail_at(context->memory, fail_at, false);
        graph = fov_graph_create(context);
        plan  = NULL;
        if (graph) {
            fov_value x      = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, 10, 10));
            fov_value logits = build_network(graph, x);

            plan = fov_plan_create(graph, &logits, 1, &(fov_plan_options){.batch = 2});
        }
        done = plan != NULL;
        if (!done)
            assert_int_equal(fov_error_status(context), FOV_E_MEMORY);
        fov_plan_free(plan);
        fov_graph_free(graph);
        memory_fail_at(context->memory, 0, false);
        assert_int_equal(fov_context_memory(context).bytes, before);
        fov_context_free(context);
        if (done)
            return;
    }
}

static void a_limit_is_named(void **state)
{
    fov_context *context = fov_context_create(&(fov_context_options){.max_memory = 4 << 20});
    fov_graph   *graph   = fov_graph_create(context);
    fov_value    x       = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, 512, 512));
    fov_value    y       = fov_conv2d(graph, x, .filters = 64, .kernel = 3);

    (void)state;
    assert_null(fov_plan_create(graph, &y, 1, NULL));
    assert_int_equal(fov_error_status(context), FOV_E_MEMORY);
    assert_non_null(strstr(fov_error(context), "MiB"));
    fov_graph_free(graph);
    fov_context_free(context);
}

/* ---- same bits --------------------------------------------------------------------------------------------------- */

static void threads_do_not_change_bits(void **state)
{
    float  first[64];
    size_t bytes = 0;

    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        struct network n;
        fov_plan      *plan;

        network_open(&n, threads, true);
        for (int i = 0; i < n.count; i++)
            fov_assign(n.graph, n.parameters[i], fov_sub(n.graph, n.parameters[i], n.gradients[i]));
        plan = make_plan(&n, &n.logits, 1, (fov_plan_options){.batch = 7, .training = true, .updates = true});
        fill(&n, plan, 7);
        for (uint64_t step = 0; step < 4; step++)
            fov_plan_run(plan, step);
        if (threads == 1)
            memcpy(first, fov_plan_data(plan, n.logits), bytes = fov_plan_bytes(plan, n.logits));
        assert_memory_equal(first, fov_plan_data(plan, n.logits), bytes);
        fov_plan_free(plan);
        network_close(&n);
    }
}

/* ---- updates ----------------------------------------------------------------------------------------------------- */

/* w' = w + 1: applied once per run, only by plans that update; a plan that has packed w before sees the new value. */
static void updates_are_seen(void **state)
{
    fov_context *context = open_context(1);
    fov_graph   *g       = fov_graph_create(context);
    fov_value    x       = fov_input(g, .shape = FOV_SHAPE(1, 2));
    fov_value    w = fov_parameter(g, .name = "w", .shape = FOV_SHAPE(1, 2), .initial = FOV_INITIAL_ONES);
    fov_value    y = op_emit2(fov_graph_emitter(g), "dense", x, w, NULL), next;
    fov_plan    *reader, *writer;

    (void)state;
    next = fov_add(g, w, fov_constant(g, NULL, FOV_F32, (fov_shape)FOV_SHAPE(1), (float[]){1.0F}));
    fov_assign(g, w, next);
    reader = fov_plan_create(g, &y, 1, NULL);
    writer = fov_plan_create(g, &y, 1, &(fov_plan_options){.updates = true});
    assert_string_equal(fov_error(context), "");
    for (int i = 0; i < 2; i++) {
        ((float *)fov_plan_data(reader, x))[i] = 1.0F;
        ((float *)fov_plan_data(writer, x))[i] = 1.0F;
    }
    fov_plan_run(reader, 0);
    assert_float_equal(*(float *)fov_plan_data(reader, y), 2.0F, 0.0F);
    fov_plan_run(writer, 0); /* reads the old weights, then renews them */
    assert_float_equal(*(float *)fov_plan_data(writer, y), 2.0F, 0.0F);
    fov_plan_run(reader, 0);
    assert_float_equal(*(float *)fov_plan_data(reader, y), 4.0F, 0.0F);
    fov_plan_run(writer, 1);
    assert_float_equal(*(float *)fov_plan_data(writer, y), 4.0F, 0.0F);
    fov_plan_free(reader);
    fov_plan_free(writer);
    fov_graph_free(g);
    fov_context_free(context);
}

/* ---- building ---------------------------------------------------------------------------------------------------- */

static void the_first_error_is_kept(void **state)
{
    fov_context *context = open_context(1);
    fov_graph   *g       = fov_graph_create(context);
    fov_value    x       = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 6, 4, 4));
    fov_value    y       = fov_conv2d(g, x, .filters = 3, .kernel = 5, .name = "c3"); /* does not fit */

    (void)state;
    y = fov_dense(g, fov_flatten(g, fov_relu(g, y)), .units = 3); /* has no effect */
    assert_int_equal(y.id, 0);
    assert_int_equal(fov_error_status(context), FOV_E_SHAPE);
    assert_non_null(strstr(fov_error(context), "\"c3\""));
    assert_non_null(strstr(fov_error(context), "kernel 5 does not fit"));
    assert_null(fov_plan_create(g, &x, 1, NULL));
    fov_graph_free(g);
    fov_context_free(context);
}

/* The inserted network depends on a second input: the insertion fails, and every later call on the graph says so. */
static void a_failed_insertion_is_kept(void **state)
{
    fov_context *context = open_context(1);
    fov_graph   *from = fov_graph_create(context), *to = fov_graph_create(context);
    fov_value    a = fov_input(from, .name = "a", .shape = FOV_SHAPE(3));
    fov_value    sum = fov_add(from, a, fov_input(from, .name = "b", .shape = FOV_SHAPE(3)));
    fov_value    x = fov_input(to, .name = "x", .shape = FOV_SHAPE(3)), slope;
    int          id[8];

    (void)state;
    assert_int_equal(graph_insert(to, from, a, x, &sum.id, 1, "network.", GRAPH_FIXED, id), FOV_E_USAGE);
    fov_error_clear(context);
    assert_null(fov_plan_create(to, &x, 1, NULL));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "also depends on input \"b\""));
    assert_int_equal(fov_gradient(to, x, &x, 1, &slope), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "also depends on input \"b\""));
    fov_graph_free(from);
    fov_graph_free(to);
    fov_context_free(context);
}

/* d/dx (dy/dx)^2 for y = sum x^3, by hand: dy/dx = 3 x^2, the sum of its squares 9 x^4, the gradient of that 36 x^3. */
static void gradients_can_be_differentiated(void **state)
{
    fov_context             *context = open_context(1);
    fov_graph               *g       = fov_graph_create(context);
    const struct op_emitter *e       = fov_graph_emitter(g);
    fov_value x = fov_input(g, .shape = FOV_SHAPE(3)), y, first, second, zero = op_emit_scalar(e, x, 0);
    fov_plan *plan;

    (void)state;
    y = op_emit2(e, "sum_to", fov_mul(g, fov_mul(g, x, x), x), zero, NULL);
    assert_int_equal(fov_gradient(g, y, &x, 1, &first), FOV_OK);
    y = op_emit2(e, "sum_to", fov_mul(g, first, first), zero, NULL);
    assert_int_equal(fov_gradient(g, y, &x, 1, &second), FOV_OK);
    plan = fov_plan_create(g, &second, 1, NULL);
    assert_string_equal(fov_error(context), "");
    memcpy(fov_plan_data(plan, x), (float[]){1.0F, -2.0F, 0.5F}, 12);
    fov_plan_run(plan, 0);
    assert_float_equal(((float *)fov_plan_data(plan, second))[0], 36.0F, 1e-4F);
    assert_float_equal(((float *)fov_plan_data(plan, second))[1], -288.0F, 1e-3F);
    assert_float_equal(((float *)fov_plan_data(plan, second))[2], 4.5F, 1e-5F);
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_equals_definition),
        cmocka_unit_test(activations_disappear_into_convolutions),
        cmocka_unit_test(living_tensors_never_overlap),
        cmocka_unit_test(running_allocates_nothing),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(a_limit_is_named),
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(updates_are_seen),
        cmocka_unit_test(the_first_error_is_kept),
        cmocka_unit_test(a_failed_insertion_is_kept),
        cmocka_unit_test(gradients_can_be_differentiated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
