/* SPDX-License-Identifier: MIT */
/* Results whose shape depends on values: the values may be computed from constants of up to a million elements, never
 * from data that only a run has. */
#include "base/memory.h"
#include "graph/graph.h"
#include "graph/known.h"
#include "op/op.h"

#include <fovea/fovea.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 60, COLUMNS = 50, COUNT = ROWS * COLUMNS };

/** 1 at every seventh place, else -1. */
static fov_value signs(fov_graph *graph, int64_t rows, int64_t columns)
{
    size_t    count = (size_t)(rows * columns);
    float    *numbers = calloc(count, sizeof *numbers);
    fov_value value;

    for (size_t i = 0; i < count; i++)
        numbers[i] = i % 7 == 0 ? 1.0F : -1.0F;
    value = fov_constant(graph, "signs", FOV_F32, (fov_shape){2, {rows, columns}}, numbers);
    free(numbers);
    return value;
}

/* The shape follows from a constant of 3,000 elements through two nodes; the plan computes the values again. */
static void computed_from_constants(void **state)
{
    fov_context             *context = fov_context_create(NULL);
    fov_graph               *graph   = fov_graph_create(context);
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value places =
        op_emit1(emitter, "non_zero", op_emit1(emitter, "relu", signs(graph, ROWS, COLUMNS), NULL), NULL);
    fov_shape shape  = fov_value_shape(graph, places);
    fov_plan *plan;

    (void)state;
    assert_string_equal(fov_error(context), "");
    assert_int_equal(shape.dim[0], 2);
    assert_int_equal(shape.dim[1], (COUNT + 6) / 7);
    plan = fov_plan_create(graph, &places, 1, NULL);
    if (!plan)
        fail_msg("%s", fov_error(context));
    fov_plan_run(plan, 0);
    const int64_t *at = fov_plan_data(plan, places);
    for (int64_t i = 0; i < shape.dim[1]; i++) {
        assert_int_equal(at[i], 7 * i / COLUMNS);
        assert_int_equal(at[shape.dim[1] + i], 7 * i % COLUMNS);
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

/* The values of an input are unknown; those of two million elements are too many to compute in advance. */
static void not_computed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fov_context             *context = fov_context_create(NULL);
        fov_graph               *graph   = fov_graph_create(context);
        const struct op_emitter *emitter = fov_graph_emitter(graph);
        fov_value x =
            i == 0 ? fov_input(graph, .name = "x", .shape = FOV_SHAPE(ROWS, COLUMNS)) : signs(graph, 2000, 1000);

        op_emit1(emitter, "non_zero", op_emit1(emitter, "relu", x, NULL), NULL);
        assert_non_null(strstr(fov_error(context), "its values are not known before the data are"));
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* A failed allocation while values are computed is reported as one sentence. */
static void within_the_limit(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        fov_context             *context = fov_context_create(NULL);
        fov_graph               *graph   = fov_graph_create(context);
        const struct op_emitter *emitter = fov_graph_emitter(graph);
        fov_value                x = op_emit1(emitter, "relu", signs(graph, ROWS, COLUMNS), NULL);

        memory_fail_at(context->memory, n, false);
        op_emit1(emitter, "non_zero", x, NULL);
        memory_fail_at(context->memory, 0, false);
        bool through = fov_error_status(context) == FOV_OK;
        if (!through)
            assert_int_equal(fov_error_status(context), FOV_E_MEMORY);
        fov_graph_free(graph);
        fov_context_free(context);
        if (through) {
            assert_true(n > 3);
            break;
        }
    }
}

/* An einsum over six letters of 30 values each takes 729 million products of 180 numbers: not computed in advance. Six
 * letters of 1000 values are refused. A graph of many nodes, each cheap enough, has a limit in total, too. */
static void within_the_effort(void **state)
{
    (void)state;
    for (int size = 30; size <= 1000; size += 970) {
        fov_context             *context = fov_context_create(NULL);
        fov_graph               *graph   = fov_graph_create(context);
        const struct op_emitter *emitter = fov_graph_emitter(graph);
        float                   *ones = calloc((size_t)size, sizeof *ones);
        fov_value                in[6], sum;
        struct {
            struct op_list result, operand[6];
        } options;

        memset(&options, 0, sizeof options);
        for (int i = 0; i < 6; i++) {
            in[i] = fov_constant(graph, NULL, FOV_F32, (fov_shape){1, {size}}, ones);
            options.operand[i].count = 1;
            options.operand[i].at[0] = 'a' + i;
        }
        sum = emitter->node(graph, "einsum", in, 6, &options, NULL);
        if (size == 30) {
            assert_int_not_equal(sum.id, 0);
            assert_null(graph_value(graph, sum.id)->known);
        } else {
            assert_int_equal(fov_error_status(context), FOV_E_UNSUPPORTED);
            assert_non_null(strstr(fov_error(context), "products"));
        }
        free(ones);
        fov_graph_free(graph);
        fov_context_free(context);
    }
    fov_context             *context = fov_context_create(NULL);
    fov_graph               *graph   = fov_graph_create(context);
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    float                   *ones = calloc(1024, sizeof *ones);
    fov_value                x = fov_constant(graph, NULL, FOV_F32, (fov_shape){2, {32, 32}}, ones);
    fov_value                first = fov_matmul(graph, x, x), last = first;

    for (int i = 0; i < 9000; i++) /* 32768 multiply-adds each */
        last = op_emit2(emitter, "matmul", x, x, NULL);
    assert_string_equal(fov_error(context), "");
    assert_non_null(graph_value(graph, first.id)->known);
    assert_null(graph_value(graph, last.id)->known);
    free(ones);
    fov_graph_free(graph);
    fov_context_free(context);
}

static fov_value number_of(fov_graph *graph, int64_t number)
{
    return fov_constant(graph, NULL, FOV_I64, (fov_shape){1, {1}}, &number);
}

/* A value computed from the open batch size is unknown, however small it is; copies of the batch size, and results that
 * are the same for two large batch sizes, are known. */
static void not_from_the_open_batch(void **state)
{
    static const struct {
        const char *op;
        int64_t     by;
        bool        known;
    } cases[] = {{"div", 1, true},    {"div", 2, false},       {"div", 1024, false},       {"div", 1025, false},
                 {"div", 4096, false}, {"div", 1 << 20, false}, {"div", 1LL << 40, false},  {"mod", 7, false},
                 {"mod", 1001, false}, {"sub", 0, true},        {"sub", 1, false},          {"mul", -1, false},
                 {"min", 5, true},     {"max", 5, true},        {"greater", 5, true},       {"mul", 0, true},
                 {"div", 1LL << 51, true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fov_context             *context = fov_context_create(NULL);
        fov_graph               *graph   = fov_graph_create(context);
        const struct op_emitter *emitter = fov_graph_emitter(graph);
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3));
        fov_value batch = fov_slice(graph, op_emit1(emitter, "shape", x, NULL), 0, 0, 1, 1);
        fov_value y = op_emit2(emitter, cases[i].op, batch, number_of(graph, cases[i].by), NULL);
        const struct known known = {.graph = graph};

        assert_string_equal(fov_error(context), "");
        assert_non_null(known_values(&known, batch.id));
        if (!known_values(&known, y.id) == cases[i].known)
            fail_msg("%s by %lld is %sknown", cases[i].op, (long long)cases[i].by, cases[i].known ? "not " : "");
        if (!cases[i].known) {
            op_emit1(emitter, "constant_of_shape", y, NULL);
            assert_non_null(strstr(fov_error(context), "not known before the data are"));
        }
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(computed_from_constants), cmocka_unit_test(not_computed),
                                       cmocka_unit_test(within_the_limit), cmocka_unit_test(within_the_effort),
                                       cmocka_unit_test(not_from_the_open_batch)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
