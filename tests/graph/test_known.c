/* SPDX-License-Identifier: MIT */
/* Results whose shape depends on values: the values may be computed from constants of up to a million elements, never
 * from data that only a run has. */
#include "base/memory.h"
#include "graph/graph.h"
#include "graph/constant_fold.h"
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
static void a_failed_allocation_is_reported(void **state)
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
        if (!through) {
            assert_int_equal(fov_error_status(context), FOV_E_MEMORY);
            assert_true(strlen(fov_error(context)) > 10);
        }
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
 * are the same for all batch sizes, are known. */
static void not_from_the_open_batch(void **state)
{
    static const struct {
        const char *op;
        int64_t     by;
        bool        known;
    } cases[] = {{"div", 1, true},    {"div", 2, false},       {"div", 1024, false},       {"div", 1025, false},
                 {"div", 4096, false}, {"div", 1 << 20, false}, {"div", 1LL << 40, false},  {"mod", 7, false},
                 {"mod", 1001, false}, {"sub", 0, true},        {"sub", 1, false},          {"mul", -1, false},
                 {"min", 5, false},    {"max", 5, false},       {"greater", 5, false},      {"mul", 0, true},
                 {"min", 1, true},     {"max", 1, true},        {"greater", 0, true},       {"less", 1, true},
                 {"equal", 8, false},  {"equal", 1, false},     {"equal", 0, true},         {"equal", -1, true},
                 {"less", 1000, false}, {"bitwise_and", 6, false}, {"bit_shift", 3, false}, {"div", 1LL << 51, true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fov_context             *context = fov_context_create(NULL);
        fov_graph               *graph   = fov_graph_create(context);
        const struct op_emitter *emitter = fov_graph_emitter(graph);
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3));
        fov_value batch = fov_slice(graph, op_emit1(emitter, "shape", x, NULL), 0, 0, 1, 1);
        fov_value by = number_of(graph, cases[i].by);
        fov_value y = strcmp(cases[i].op, "bit_shift") != 0
                          ? op_emit2(emitter, cases[i].op, batch, by, NULL)
                          : fov_cast(graph,
                                     fov_node(graph, "bit_shift",
                                              ((fov_value[]){fov_cast(graph, batch, FOV_U64),
                                                             fov_cast(graph, by, FOV_U64)}),
                                              2, "direction", "RIGHT"),
                                     FOV_I64);
        const struct constant_folding folding = {.graph = graph};

        assert_string_equal(fov_error(context), "");
        assert_non_null(constant_fold_values(&folding, batch.id));
        if (!constant_fold_values(&folding, y.id) == cases[i].known)
            fail_msg("%s by %lld is %sknown", cases[i].op, (long long)cases[i].by, cases[i].known ? "not " : "");
        if (!cases[i].known) {
            op_emit1(emitter, "constant_of_shape", y, NULL);
            assert_non_null(strstr(fov_error(context), "not known before the data are"));
        }
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* What compares many numbers with the open batch size depends on it where one of them may equal it. */
static void each_of_many(void **state)
{
    (void)state;
    for (int one = 0; one < 2; one++) {
        fov_context             *context = fov_context_create(NULL);
        fov_graph               *graph   = fov_graph_create(context);
        const struct op_emitter *emitter = fov_graph_emitter(graph);
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3));
        fov_value batch = fov_slice(graph, op_emit1(emitter, "shape", x, NULL), 0, 0, 1, 1);
        int64_t   numbers[64];
        for (int i = 0; i < 64; i++)
            numbers[i] = one && i == 40 ? 17 : -i;
        fov_value many = fov_constant(graph, NULL, FOV_I64, (fov_shape){1, {64}}, numbers);
        fov_value y    = op_emit2(emitter, "equal", batch, many, NULL);

        assert_string_equal(fov_error(context), "");
        assert_true(!constant_fold_values(&(struct constant_folding){.graph = graph}, y.id) == (one != 0));
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* A choice by a comparison with the open batch size decides no shape; one that is the same for all batches does:
 * exporters write Where(shape == -1, 1, shape). */
static void choices_by_the_open_batch(void **state)
{
    static const struct {
        int64_t by;
        bool    decides;
    } cases[] = {{1, false}, {5, false}, {-1, true}, {0, true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fov_context             *context = fov_context_create(NULL);
        fov_graph               *graph   = fov_graph_create(context);
        const struct op_emitter *emitter = fov_graph_emitter(graph);
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 6));
        fov_value batch = fov_slice(graph, op_emit1(emitter, "shape", x, NULL), 0, 0, 1, 1);
        fov_value is = op_emit2(emitter, "equal", batch, number_of(graph, cases[i].by), NULL);
        fov_value size = op_emit3(emitter, "where", is, number_of(graph, 2), number_of(graph, 3), NULL);
        fov_value sizes[] = {batch, size};
        fov_value y = op_emit1(emitter, "constant_of_shape", fov_concat(graph, sizes, 2, 0), NULL);

        if (cases[i].decides) {
            assert_string_equal(fov_error(context), "");
            fov_shape shape = fov_value_shape(graph, y);
            assert_int_equal(shape.dim[0], FOV_BATCH);
            assert_int_equal(shape.dim[1], 3);
        } else {
            assert_int_equal(fov_error_status(context), FOV_E_UNSUPPORTED);
            assert_non_null(strstr(fov_error(context), "not known before the data are"));
        }
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* 2^50 and its neighbours are numbers like others, not the open batch size. */
static void a_large_number_is_no_batch(void **state)
{
    (void)state;
    for (int64_t off = -1; off <= 1; off++) {
        fov_context                  *context = fov_context_create(NULL);
        fov_graph                    *graph   = fov_graph_create(context);
        const struct op_emitter      *emitter = fov_graph_emitter(graph);
        fov_value                     large   = number_of(graph, (INT64_C(1) << 50) + off);
        fov_value                     mark    = number_of(graph, INT64_C(1) << 50);
        fov_value                     less    = op_emit2(emitter, "sub", large, mark, NULL);
        const struct constant_folding folding = {.graph = graph};

        assert_non_null(constant_fold_values(&folding, less.id));
        assert_true(constant_fold_values(&folding, less.id)[0] == (double)off);
        fov_value small = fov_cast(graph, large, FOV_I32);
        assert_true(constant_fold_values(&folding, small.id)[0] == (double)off);
        op_emit1(emitter, "constant_of_shape", large, NULL);
        assert_int_equal(fov_error_status(context), FOV_E_SHAPE);
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* A table cut to the number of samples has as many rows. */
static void a_table_is_cut_to_the_batch(void **state)
{
    fov_context             *context = fov_context_create(NULL);
    fov_graph               *graph   = fov_graph_create(context);
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, COLUMNS));
    fov_value batch = fov_slice(graph, op_emit1(emitter, "shape", x, NULL), 0, 0, 1, 1);
    fov_value in[] = {signs(graph, ROWS, COLUMNS), number_of(graph, 0), batch};
    fov_value cut = emitter->node(graph, "slice", in, 3, NULL, NULL);
    fov_value y = fov_add(graph, x, cut);

    (void)state;
    assert_string_equal(fov_error(context), "");
    fov_shape shape = fov_value_shape(graph, cut);
    assert_int_equal(shape.dim[0], FOV_BATCH);
    shape = fov_value_shape(graph, y);
    assert_int_equal(shape.dim[0], FOV_BATCH);
    fov_plan *plan = fov_plan_create(graph, &y, 1, &(fov_plan_options){.batch = 4});
    if (!plan)
        fail_msg("%s", fov_error(context));
    shape = fov_plan_shape(plan, y);
    assert_int_equal(shape.dim[0], 4);
    fov_plan_free(plan);
    assert_null(fov_plan_create(graph, &y, 1, &(fov_plan_options){.batch = ROWS + 1}));
    fov_graph_free(graph);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computed_from_constants),         cmocka_unit_test(not_computed),
        cmocka_unit_test(a_failed_allocation_is_reported), cmocka_unit_test(within_the_effort),
        cmocka_unit_test(not_from_the_open_batch),         cmocka_unit_test(each_of_many),
        cmocka_unit_test(choices_by_the_open_batch),       cmocka_unit_test(a_large_number_is_no_batch),
        cmocka_unit_test(a_table_is_cut_to_the_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
