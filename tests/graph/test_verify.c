/* SPDX-License-Identifier: MIT */
/* The verifier of plans (graph/verify.c): it accepts the plans of the zoo's networks, all but the longest, and detects
 * each way in which this test breaks a finished plan on purpose. */
#include "graph/graph.h"
#include "graph/plan.h"
#include <fovea/fovea.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 4, SIDE = 24, MOST = 512 };

struct network {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, rate, result;
};

static fov_value inverted_residual(fov_graph *g, fov_value x, int channels)
{
    fov_value y = fov_clip(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 3 * channels, .kernel = 1)), 0, 6);

    y = fov_conv2d(g, y, .filters = 3 * channels, .kernel = 3, .pad = 1, .groups = 3 * channels, .no_bias = true);
    y = fov_clip(g, fov_batch_norm(g, y), 0, 6);
    y = fov_batch_norm(g, fov_conv2d(g, y, .filters = channels, .kernel = 1));
    return fov_add(g, y, x);
}

/* A stem, an inverted residual, depthwise convolutions added, a concatenation, a dense layer behind a view. */
static fov_value build(fov_graph *g, fov_value x)
{
    fov_value y = fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 16, .kernel = 3, .pad = 1))), parts[2];

    y = inverted_residual(g, inverted_residual(g, y, 16), 16);
    parts[0] = fov_relu(g, fov_conv2d(g, y, .filters = 8, .kernel = 3, .pad = 1));
    parts[1] = fov_relu(g, fov_conv2d(g, y, .filters = 8, .kernel = 1));
    y = fov_concat(g, parts, 2, 1);
    y = fov_add(g, fov_conv2d(g, y, .filters = 16, .kernel = 3, .pad = 1, .groups = 16),
                fov_conv2d(g, y, .filters = 16, .kernel = 5, .pad = 2, .groups = 16));
    y = fov_max_pool2d(g, y, .kernel = 2, .stride = 2);
    return fov_dense(g, fov_tanh(g, fov_dense(g, fov_flatten(g, y), .units = 10)), .units = 3);
}

static void add_updates(fov_graph *g, fov_value result, fov_value rate)
{
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } options = {.momentum = 0.9};
    fov_value loss = fov_reduce_mean_opt(g, fov_mul(g, result, result), NULL), learned[MOST], gradients[MOST];
    int       count = 0, all = fov_parameter_count(g);

    for (int i = 0; i < all && count < MOST; i++)
        if (!fov_parameter_frozen(g, fov_parameter_at(g, i)))
            learned[count++] = fov_parameter_at(g, i);
    assert_int_equal(fov_gradient(g, loss, learned, count, gradients), FOV_OK);
    for (int i = 0; i < count; i++) {
        if (gradients[i].id == 0) /* a parameter that the result does not depend on, as of a GAN's discriminator */
            continue;
        fov_value velocity = fov_graph_parameter(g, fov_value_name(g, learned[i]), "velocity",
                                                 fov_value_shape(g, learned[i]), FOV_INITIAL_ZEROS, 0, true);
        fov_value in[] = {learned[i], gradients[i], velocity, rate};
        fov_value next = op_emit(fov_graph_emitter(g), "sgd", in, 4, &options);

        fov_assign(g, learned[i], next);
        fov_assign(g, velocity, op_emit_output(fov_graph_emitter(g), next, 1));
    }
}

static void network_open(struct network *n, bool trains)
{
    n->context = fov_context_create(&(fov_context_options){.device = "cpu", .threads = 2, .exact_conv = true});
    n->graph   = fov_graph_create(n->context);
    n->x       = fov_input(n->graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, SIDE, SIDE));
    n->rate    = fov_input(n->graph, .name = "rate");
    n->result  = build(n->graph, n->x);
    if (trains)
        add_updates(n->graph, n->result, n->rate);
    assert_string_equal(fov_error(n->context), "");
}

static void network_close(struct network *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

static fov_plan *network_plan(struct network *n, bool trains)
{
    fov_plan *plan = fov_plan_create(n->graph, &n->result, 1,
                                     &(fov_plan_options){.batch = BATCH, .training = trains, .updates = trains});

    if (!plan)
        fail_msg("%s", fov_error(n->context));
    return plan;
}

/* ---- looking for something to break ------------------------------------------------------------------------------ */

static int find_step(const fov_plan *plan, const char *operation, const char *detail)
{
    for (size_t s = 0; s < plan->step_count; s++)
        if (strncmp(plan->steps[s].operation, operation, strlen(operation)) == 0 &&
            strstr(plan->steps[s].compile.detail, detail))
            return (int)s;
    fail_msg("no step \"%s\" of form \"%s\"", operation, detail);
    return -1;
}

static struct plan_storage *storage_of(fov_plan *plan, int tensor)
{
    return &plan->storages[plan->tensors[tensor].storage];
}

/* The first step that reads a tensor. */
static int reader_of(const fov_plan *plan, int tensor)
{
    for (size_t s = 0; s < plan->step_count; s++)
        for (int i = 0; i < plan->steps[s].in_count; i++)
            if (plan->steps[s].in[i] == tensor)
                return (int)s;
    fail_msg("nobody reads tensor %d", tensor);
    return -1;
}

static int moved(int step, int from, int to)
{
    if (step == from)
        return to;
    if (from < to)
        return step > from && step <= to ? step - 1 : step;
    return step >= to && step < from ? step + 1 : step;
}

/* Moves a step to another place in the order, and renumbers all references to steps. */
static void move_step(fov_plan *plan, int from, int to)
{
    struct plan_step step = plan->steps[from];

    if (from < to)
        memmove(&plan->steps[from], &plan->steps[from + 1], (size_t)(to - from) * sizeof step);
    else
        memmove(&plan->steps[to + 1], &plan->steps[to], (size_t)(from - to) * sizeof step);
    plan->steps[to] = step;
    for (size_t s = 0; s < plan->step_count; s++) {
        struct plan_step *of = &plan->steps[s];

        for (int i = 0; i < of->in_count; i++)
            of->row_producer[i] = of->row_producer[i] < 0 ? -1 : moved(of->row_producer[i], from, to);
        of->producer = of->producer < 0 ? -1 : moved(of->producer, from, to);
        of->taker    = of->taker < 0 ? -1 : moved(of->taker, from, to);
        of->observer = of->observer < 0 ? -1 : moved(of->observer, from, to);
        of->shown_by = of->shown_by < 0 ? -1 : moved(of->shown_by, from, to);
    }
}

/* ---- ways to break a plan ---------------------------------------------------------------------------------------- */

/* A step between the forward and the backward pass writes over a result that is kept for the backward pass. */
static void lay_over_what_is_kept(fov_plan *plan)
{
    int kept = plan->steps[find_step(plan, "conv", "product")].out[0];
    int other = plan->steps[find_step(plan, "max_pool", "")].out[0];

    storage_of(plan, other)->offset = storage_of(plan, kept)->offset;
}

static void read_before_written(fov_plan *plan)
{
    int step = find_step(plan, "max_pool", "");

    move_step(plan, step, step - 1);
}

/* The normalisation's bias is updated as soon as its gradient is computed, although deferred rows still need it. */
static void renew_before_deferred_readers(fov_plan *plan)
{
    int gradient = find_step(plan, "batch_norm_gradient", "behind clip"), step;

    while (!plan->steps[gradient].deferred)
        gradient++;
    for (step = gradient + 1; strcmp(plan->steps[step].op->name, "sgd") != 0 ||
                              plan->steps[step].in[1] != plan->steps[gradient].out[2];)
        step++;
    move_step(plan, step, gradient + 1);
}

/* The depthwise step writes its sums before it reads the residual, so it must not overwrite it. */
static void lay_over_residual(fov_plan *plan)
{
    struct plan_step *step = &plan->steps[find_step(plan, "conv + add", "depthwise")];

    plan->tensors[step->out[0]].storage = plan->tensors[step->in[step->in_count - 1]].storage;
}

static void drop_a_step(fov_plan *plan)
{
    plan->steps[find_step(plan, "max_pool", "")].paired = true;
}

static void pack_once(fov_plan *plan)
{
    struct plan_step *step = &plan->steps[find_step(plan, "conv", "product")];

    step->packed[1]   = -1;
    step->constant[1] = true;
    for (size_t s = 0; s < plan->step_count; s++) /* space for the packed form */
        plan->steps[s].state_offset = plan->steps[s].fold_offset = plan->steps[s].packed_offset = s << 24;
    for (size_t s = 0; s < plan->step_count; s++) {
        plan->steps[s].fold_offset += plan->steps[s].compile.state;
        plan->steps[s].packed_offset = plan->steps[s].fold_offset + plan_fold_bytes(&plan->steps[s]);
    }
    plan->kept_bytes = plan->step_count << 24;
}

/* The packed form gets the storage of another step's workspace, which is written while the form is needed. */
static void lay_over_packed(fov_plan *plan)
{
    int               producer = find_step(plan, "conv", "within the step that reads it");
    struct plan_step *step = &plan->steps[producer];

    step->packed[1] = plan->steps[step->taker].scratch.workers; /* as in a training plan: a storage */
    step->constant[1] = false;
}

static void lead_a_view_astray(fov_plan *plan)
{
    struct plan_step *step = &plan->steps[find_step(plan, "flatten", "")];

    plan->tensors[step->out[0]].storage = plan->tensors[plan->steps[find_step(plan, "conv", "product")].out[0]].storage;
}

static void shift_a_part(fov_plan *plan)
{
    struct plan_step *step = &plan->steps[find_step(plan, "concat", "")];

    assert_true(step->skip);
    plan->tensors[step->in[0]].begin = plan->tensors[step->in[1]].begin; /* of equal size: they swap places */
    plan->tensors[step->in[1]].begin = 0;
}

/* A step that runs within another reads an input that the other one's result overwrites. */
static void free_early_what_a_producer_reads(fov_plan *plan)
{
    int producer = find_step(plan, "conv", "within the step that reads it");
    int taker = plan->steps[producer].taker;

    while (plan->steps[taker].taker >= 0)
        taker = plan->steps[taker].taker;
    storage_of(plan, plan->steps[taker].out[0])->offset = storage_of(plan, plan->steps[producer].in[0])->offset;
}

static void give_another_value(fov_plan *plan)
{
    int               reader = find_step(plan, "max_pool", "");
    struct plan_step *step   = &plan->steps[reader];

    step->in[0] = plan->steps[find_step(plan, "conv", "product")].out[0];
}

static void show_to_nobody(fov_plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++)
        if (plan->steps[s].observer >= 0) {
            plan->steps[s].observer = -1;
            return;
        }
    fail_msg("no step is seen by another");
}

static void lay_over_sums(fov_plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++)
        if (plan->steps[s].shown_by >= 0 && plan->steps[s].shown_by + 1 < (int)s) {
            int between = plan->steps[s].shown_by + 1;

            while (between < (int)s &&
                   (plan->steps[between].skip || plan->steps[between].once || plan->steps[between].out_count < 1 ||
                    plan->steps[between].out[0] < 0 || storage_of(plan, plan->steps[between].out[0])->fixed ||
                    storage_of(plan, plan->steps[between].out[0])->first != between))
                between++;
            if (between >= (int)s)
                continue;
            /* both at the same address, where nothing else lies */
            plan->storages[plan->steps[s].scratch.shared].offset = plan->arena_bytes;
            storage_of(plan, plan->steps[between].out[0])->offset = plan->arena_bytes;
            plan->arena_bytes *= 2;
            return;
        }
    fail_msg("no sums are there while others run");
}

static void forget_an_update(fov_plan *plan)
{
    plan->steps[find_step(plan, "sgd", "")].paired = true;
}

static void lay_over_the_output(fov_plan *plan)
{
    int output = plan->tensor_of[plan->outputs[0]], last = (int)plan->step_count - 1;

    while (plan->steps[last].skip || plan->steps[last].out_count < 1 || plan->steps[last].out[0] < 0 ||
           storage_of(plan, plan->steps[last].out[0])->fixed)
        last--;
    storage_of(plan, output)->offset = storage_of(plan, plan->steps[last].out[0])->offset = plan->arena_bytes;
    plan->arena_bytes *= 2;
}

static void end_behind_the_arena(fov_plan *plan)
{
    storage_of(plan, plan->steps[find_step(plan, "max_pool", "")].out[0])->offset = plan->arena_bytes;
}

static const struct {
    const char *name, *sentence;
    bool        trains;
    void (*spoil)(fov_plan *plan);
} ways[] = {
    {"over what is kept", "which has been overwritten by step", true, lay_over_what_is_kept},
    {"read before written", "which nothing has been written into", true, read_before_written},
    {"renewed before deferred readers", "which has been renewed by step", true, renew_before_deferred_readers},
    {"over a residual", "writes over what it still reads", false, lay_over_residual},
    {"a step left out", "which nothing has been written into", false, drop_a_step},
    {"packed once", "reads a form packed once of", true, pack_once},
    {"over a packed form", "packed form", false, lay_over_packed},
    {"a view astray", "does not lie in what it is part of", true, lead_a_view_astray},
    {"a part shifted", "which does not lie in its place", false, shift_a_part},
    {"a producer's input freed", "on behalf of a neighbour", false, free_early_what_a_producer_reads},
    {"another value", "which its node does not read", true, give_another_value},
    {"shown to nobody", "which was not shown to it", true, show_to_nobody},
    {"over sums", "reads sums in its workspace", true, lay_over_sums},
    {"an update forgotten", "no step renews the parameter", true, forget_an_update},
    {"over the output", "the output", true, lay_over_the_output},
    {"behind the arena", "ends behind the arena", true, end_behind_the_arena},
};

static void each_way_to_break_a_plan_is_found(void **state)
{
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        struct network n;
        fov_plan      *plan;

        network_open(&n, ways[w].trains);
        plan = network_plan(&n, ways[w].trains);
        assert_int_equal(plan_verify(plan), FOV_OK);
        ways[w].spoil(plan);
        if (plan_verify(plan) != FOV_E_INTERNAL)
            fail_msg("%s: not found", ways[w].name);
        if (!strstr(fov_error(n.context), ways[w].sentence) || !strstr(fov_error(n.context), "the plan is wrong: "))
            fail_msg("%s: %s", ways[w].name, fov_error(n.context));
        fov_error_clear(n.context);
        fov_plan_free(plan);
        network_close(&n);
    }
}

/* A value is computed twice to save memory, and a reader of the second copy reads the first one. */
static void the_first_of_two_copies_is_not_there(void **state)
{
    struct network n;
    fov_plan      *plan;
    size_t         whole;
    int            found = 0;

    (void)state;
    network_open(&n, true);
    plan  = network_plan(&n, true);
    whole = fov_plan_memory_use(plan).activations + fov_plan_memory_use(plan).packed;
    fov_plan_free(plan);
    memory_set_limit(n.context->memory, fov_context_memory(n.context).bytes + (1 << 19) + whole * 9 / 10);
    plan = network_plan(&n, true);
    assert_true(fov_plan_memory_use(plan).recomputed > 0);
    memory_set_limit(n.context->memory, 0);
    assert_int_equal(plan_verify(plan), FOV_OK);
    for (size_t s = 0; s < plan->step_count; s++) {
        int second = plan->steps[s].again && plan->steps[s].out_count ? plan->steps[s].out[0] : -1, first = second;
        struct plan_step *reader;
        int               kept;

        while (--first >= 0 && second >= 0 && plan->tensors[first].value != plan->tensors[second].value)
            ;
        if (second < 0 || first < 0 || plan->steps[s].skip)
            continue;
        reader = &plan->steps[reader_of(plan, second)];
        for (int i = 0; i < reader->in_count; i++)
            if (reader->in[i] == second) {
                kept          = reader->in[i];
                reader->in[i] = first;
                if (plan_verify(plan) == FOV_E_INTERNAL &&
                    strstr(fov_error(n.context), "which has been overwritten by step"))
                    found++;
                fov_error_clear(n.context);
                reader->in[i] = kept;
            }
    }
    assert_true(found > 0);
    assert_int_equal(plan_verify(plan), FOV_OK);
    fov_plan_free(plan);
    network_close(&n);
}

/* Every network of the zoo of up to LONG nodes, in inference; in training, too, if it is short and does not need
 * hundreds of megabytes. Drafts of plans, which take no memory for weights. */
static void honest_plans_are_accepted(void **state)
{
    enum { LARGE = 30000000 /* parameters */, LONG = 250, LONG_TO_TRAIN = 150 /* nodes */ };

    (void)state;
    for (int k = 0; k < fov_network_count(); k++) {
        fov_context *context = fov_context_create(NULL);
        fov_model   *model = fov_model_network(context, fov_network_name(k), NULL);
        fov_graph   *g = fov_model_graph(model);
        fov_value    result = fov_model_output(model), rate;
        size_t       parameters = 0;
        bool         trained = g->node_count <= LONG_TO_TRAIN;

        for (int i = 0; i < fov_parameter_count(g); i++) {
            fov_shape shape = fov_value_shape(g, fov_parameter_at(g, i));

            parameters += shape_span(&shape, 0, shape.rank);
        }
        for (int trains = 0; g->node_count <= LONG && trains < (parameters > LARGE || !trained ? 1 : 2);
             trains++) {
            if (trains) {
                rate = fov_input(g, .name = "rate");
                add_updates(g, result, rate);
            }
            for (int fused = 0; fused < 2; fused++)
                for (int batch = 1; batch < 40; batch += 15) {
                    fov_plan *plan = plan_draft(
                        g, &result, 1,
                        &(fov_plan_options){
                            .batch = batch, .training = trains, .updates = trains, .no_fusion = !fused},
                        NULL, true);

                    if (batch == 1 && !plan && trains && strstr(fov_error(context), "has one value per channel")) {
                        fov_error_clear(context); /* one value per channel */
                        continue;
                    }
                    if (!plan || plan_verify(plan))
                        fail_msg("%s, batch %d: %s", fov_network_name(k), batch, fov_error(context));
                    fov_plan_free(plan);
                }
        }
        fov_model_free(model);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_break_a_plan_is_found),
        cmocka_unit_test(the_first_of_two_copies_is_not_there),
        cmocka_unit_test(honest_plans_are_accepted),
    };

    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
