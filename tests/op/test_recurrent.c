/* SPDX-License-Identifier: MIT */
/* Elements behind a sequence's end are ignored: NaN there changes no bit of a recurrent layer's results and gradients
 * in a plan, and the definition agrees with the plan. */
#include "graph/graph.h"
#include "op/recurrent/recurrent.h"
#include <fovea/operators.h>
#include <fovea/plan.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 5, SAMPLES = 4, FEATURES = 3, HIDDEN = 2, MOST = 12 };

static const int32_t lengths[SAMPLES] = {5, 2, 0, 3};

struct network {
    fov_graph *graph;
    fov_value  x, state, found[MOST]; /* results, then gradients */
    int        count;
};

static fov_value parameter(fov_graph *g, const char *name, fov_shape shape)
{
    return fov_parameter(g, .name = name, .shape = shape, .initial = FOV_INITIAL_NORMAL, .scale = 0.5F);
}

/* All results of one layer, and the gradients of a loss that weights each of their elements differently. */
static struct network build(fov_context *context, const struct op *op, int direction)
{
    static const int64_t     gates[]    = {[CELL_LSTM] = 4, [CELL_GRU] = 3, [CELL_RNN] = 1};
    struct recurrent_options options    = {.direction = direction};
    int64_t                  directions = direction == BIDIRECTIONAL ? 2 : 1;
    int64_t                  rows       = gates[recurrent_cell_of(op)] * HIDDEN;
    struct network           n          = {.graph = fov_graph_create(context)};
    const struct op_emitter *e          = fov_graph_emitter(n.graph);
    fov_value                in[RECURRENT_INPUTS], gradients[RECURRENT_INPUTS];
    fov_value                none = {0}, loss = op_emit_scalar(e, none, 0);
    int                      inputs = op == &op_lstm ? RECURRENT_INPUTS : INITIAL_C, outputs = op == &op_lstm ? 3 : 2;

    n.x           = fov_input(n.graph, .name = "x", .shape = FOV_SHAPE(STEPS, SAMPLES, FEATURES));
    n.state       = fov_input(n.graph, .name = "state", .shape = FOV_SHAPE(directions, SAMPLES, HIDDEN));
    in[X]         = n.x;
    in[W]         = parameter(n.graph, "w", (fov_shape)FOV_SHAPE(directions, rows, FEATURES));
    in[R]         = parameter(n.graph, "r", (fov_shape)FOV_SHAPE(directions, rows, HIDDEN));
    in[B]         = parameter(n.graph, "b", (fov_shape)FOV_SHAPE(directions, 2 * rows));
    in[LENGTHS]   = fov_constant(n.graph, "lengths", FOV_I32, (fov_shape)FOV_SHAPE(SAMPLES), lengths);
    in[INITIAL_H] = n.state;
    in[INITIAL_C] = n.state;
    in[PEEPHOLES] = parameter(n.graph, "p", (fov_shape)FOV_SHAPE(directions, 3 * HIDDEN));
    n.found[0]    = op_emit(e, op->name, in, inputs, &options);
    for (int i = 0; i < outputs; i++) {
        fov_value weighed;

        n.found[i] = op_emit_output(e, n.found[0], i);
        weighed    = fov_mul(n.graph, n.found[i], fov_exp(n.graph, n.found[i]));
        loss       = fov_add(n.graph, loss, op_emit2(e, "sum_to", weighed, op_emit_scalar(e, weighed, 0), NULL));
    }
    n.count = outputs;
    if (fov_gradient(n.graph, loss, in, inputs, gradients))
        fail_msg("%s: %s", op->name, fov_error(context));
    for (int i = 0; i < inputs; i++)
        if (i != LENGTHS) {
            assert_int_not_equal(gradients[i].id, 0);
            n.found[n.count++] = gradients[i];
        }
    return n;
}

/* Fills x [STEPS, SAMPLES, FEATURES] and the states; elements behind the end of a sequence are `behind`. */
static void draw(double *x, double *state, size_t states, double behind)
{
    for (size_t i = 0; i < STEPS * SAMPLES * FEATURES; i++) {
        size_t step = i / (SAMPLES * FEATURES), sample = i / FEATURES % SAMPLES;

        x[i] = step < (size_t)lengths[sample] ? (double)((float)sin(1.0 + 0.7 * (double)i)) : behind;
    }
    for (size_t i = 0; i < states; i++)
        state[i] = lengths[i / HIDDEN % SAMPLES] > 0 ? (double)((float)cos((double)i)) : behind;
}

static void fill(fov_plan *plan, fov_value value, const double *from)
{
    float *to    = fov_plan_data(plan, value);
    size_t count = fov_plan_bytes(plan, value) / sizeof *to;

    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

/* Runs the plan; *out: all its results one after the other, freed by the caller. Returns their number. */
static size_t run(fov_plan *plan, const struct network *n, const double *x, const double *state, float **out)
{
    size_t total = 0, at = 0;

    fill(plan, n->x, x);
    fill(plan, n->state, state);
    fov_plan_run(plan, 0);
    for (int i = 0; i < n->count; i++)
        total += fov_plan_bytes(plan, n->found[i]);
    *out = calloc(1, total);
    for (int i = 0; i < n->count; i++) {
        memcpy((char *)*out + at, fov_plan_data(plan, n->found[i]), fov_plan_bytes(plan, n->found[i]));
        at += fov_plan_bytes(plan, n->found[i]);
    }
    return total / sizeof **out;
}

static void compare(fov_context *context, const struct op *op, int direction)
{
    struct network    n = build(context, op, direction);
    double            x[STEPS * SAMPLES * FEATURES], state[2 * SAMPLES * HIDDEN];
    size_t            states = (direction == BIDIRECTIONAL ? 2 : 1) * SAMPLES * HIDDEN, count;
    float            *clean, *foul;
    const double    **given = calloc(n.graph->value_count, sizeof *given);
    struct evaluation result;
    fov_plan         *plan = fov_plan_create(n.graph, n.found, n.count, &(fov_plan_options){.training = true});

    if (!plan)
        fail_msg("%s: %s", op->name, fov_error(context));
    draw(x, state, states, 0);
    count = run(plan, &n, x, state, &clean);
    draw(x, state, states, NAN);
    assert_int_equal(run(plan, &n, x, state, &foul), count);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(foul[i]) || memcmp(&foul[i], &clean[i], sizeof *foul) != 0)
            fail_msg("%s, direction %d: number %zu is %g, not %g", op->name, direction, i, (double)foul[i],
                     (double)clean[i]);

    given[n.x.id]     = x;
    given[n.state.id] = state;
    for (int i = 0; i < n.count; i++) {
        const fov_shape shape = fov_plan_shape(plan, n.found[i]);

        assert_int_equal(graph_evaluate(n.graph, &n.found[i].id, 1, 1, true, 0, given, &result), FOV_OK);
        for (size_t k = 0; k < shape_span(&shape, 0, shape.rank); k++)
            if (!(fabs(result.data[n.found[i].id][k] - (double)((float *)fov_plan_data(plan, n.found[i]))[k]) < 1e-5))
                fail_msg("%s, direction %d: output %d is %g by definition", op->name, direction, i,
                         result.data[n.found[i].id][k]);
        graph_evaluate_free(n.graph, &result);
    }
    free(given);
    free(clean);
    free(foul);
    fov_plan_free(plan);
    fov_graph_free(n.graph);
}

static void behind_the_end(void **state)
{
    const struct op *const ops[]   = {&op_lstm, &op_gru, &op_rnn};
    fov_context           *context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 3});

    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (int direction = FORWARD; direction <= BIDIRECTIONAL; direction++)
            compare(context, ops[i], direction);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(behind_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
