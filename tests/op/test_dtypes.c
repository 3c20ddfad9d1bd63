/* SPDX-License-Identifier: MIT */
/* Element types. Operators that compute weighted sums, means or new weights refuse integers with a sentence, rather
 * than truncate their results; running statistics keep their own type; casts between integer types keep the lowest
 * bits, all 64 of them. */
#include "harness.h"

#include "tensor/convert.h"
#include <fovea/node.h>

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 3 };

/* ---- integers where results are fractions ------------------------------------------------------------------------ */

static const char *const of_floats[] = {
    "adaptive_avg_pool", "avg_pool", "batch_norm", "conv", "conv_transpose", "deform_conv", "dense", "dropout",
    "global_avg_pool", "group_norm", "gru", "instance_norm", "layer_norm", "log_softmax", "lp_pool", "lrn", "lstm",
    "mse", "nll_loss", "rms_norm", "rnn", "softmax", "softmax_cross_entropy",
    /* optimisers */
    "adadelta", "adagrad", "adam", "adamw", "lamb", "lars", "lion", "muon", "nadam", "radam", "rmsprop", "rprop", "sgd",
    "sgdw",
};

/* The case with one of its float inputs in another type is refused, and the error names that type. */
static void is_refused(const struct op *op, const struct op_case *test, int input, fov_dtype dtype)
{
    struct op_case changed = *test;
    struct harness h;

    changed.in_dtype[input] = (uint8_t)dtype;
    if (harness_try(&h, op, &changed, "reference", SEED))
        fail_msg("%s/%s takes input %d in %s", op->name, test->name, input, fov_dtype_name(dtype));
    if (!strstr(fov_error(h.context), fov_dtype_name(dtype)))
        fail_msg("%s/%s: \"%s\" does not name %s", op->name, test->name, fov_error(h.context), fov_dtype_name(dtype));
    harness_close(&h);
}

static void means_are_of_floats(void **state)
{
    static const fov_dtype whole[] = {FOV_U8, FOV_I64, FOV_BOOL};

    (void)state;
    for (size_t k = 0; k < sizeof of_floats / sizeof *of_floats; k++) {
        const struct op *op = op_find(of_floats[k]);

        assert_non_null(op);
        for (const struct op_case *test = op->cases; test->name; test++)
            for (int i = 0; i < test->in_count; i++)
                for (size_t d = 0; d < sizeof whole / sizeof *whole; d++)
                    if (test->in_dtype[i] == FOV_F32 && !op_port_at(op->in, i)->values &&
                        test->in[i].rank > 0) /* scalars, such as a rate or a step, may be of any type */
                        is_refused(op, test, i, whole[d]);
    }
}

/* ---- running statistics ------------------------------------------------------------------------------------------ */

/* An f64 image in a layer of f32 parameters: the running statistics are updated all the same. */
static void statistics_keep_their_type(void **state)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph   *graph   = fov_graph_create(context);
    fov_value    x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(4, 1, 1, 1), .dtype = FOV_F64);
    fov_value    y = fov_batch_norm_opt(graph, x, &(fov_batch_norm_options){.name = "norm"});
    const double values[] = {1.0, 2.0, 3.0, 6.0};
    float        mean;
    fov_plan    *plan;

    (void)state;
    assert_int_equal(fov_value_dtype(graph, y), FOV_F64);
    plan = fov_plan_create(graph, &y, 1, &(fov_plan_options){.training = true, .updates = true});
    if (!plan)
        fail_msg("%s", fov_error(context));
    memcpy(fov_plan_data(plan, x), values, sizeof values);
    assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
    assert_int_equal(fov_parameter_get(graph, fov_find(graph, "norm.running_mean"), &mean, sizeof mean), FOV_OK);
    if (mean != 0.3F)
        fail_msg("the running mean is %g", (double)mean);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

/* ---- casts ------------------------------------------------------------------------------------------------------- */

/* Casts an input, or a constant, whose cast may be computed before the run. */
static void run_cast(fov_dtype from, const void *x, fov_dtype to, void *y, int64_t count, bool constant)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph   *graph   = fov_graph_create(context);
    fov_shape    shape   = FOV_SHAPE(count);
    fov_value    in      = constant ? fov_constant(graph, NULL, from, shape, x)
                                    : fov_input(graph, .name = "x", .shape = shape, .dtype = from);
    fov_value    out     = fov_cast(graph, in, to);
    fov_plan    *plan    = fov_plan_create(graph, &out, 1, NULL);

    assert_non_null(plan);
    if (!constant)
        memcpy(fov_plan_data(plan, in), x, (size_t)count * fov_dtype_size(from));
    assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
    memcpy(y, fov_plan_data(plan, out), (size_t)count * fov_dtype_size(to));
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void whole_numbers_keep_their_lowest_bits(void **state)
{
    const int64_t  x[]      = {INT64_C(1) << 50, -(INT64_C(1) << 41), (INT64_C(1) << 53) + 1, -1,
                               INT64_MAX,        INT64_MIN,           INT64_C(3) << 50,       200};
    const int32_t  as_i32[] = {0, 0, 1, -1, -1, 0, 0, 200};
    const int8_t   as_i8[]  = {0, 0, 1, -1, -1, 0, 0, -56};
    const uint64_t u[]      = {UINT64_MAX, UINT64_MAX - 5000, (UINT64_C(1) << 63) + 1, 7};
    const int64_t  signs[]  = {-1, -5001, INT64_MIN + 1, 7};

    (void)state;
    for (int constant = 0; constant < 2; constant++)
        for (int i = 0; i < 8; i++) {
            int32_t  i32;
            int8_t   i8;
            uint64_t u64;
            int64_t  i64;

            run_cast(FOV_I64, &x[i], FOV_I32, &i32, 1, constant);
            run_cast(FOV_I64, &x[i], FOV_I8, &i8, 1, constant);
            run_cast(FOV_I64, &x[i], FOV_U64, &u64, 1, constant);
            run_cast(FOV_U64, &u[i % 4], FOV_I64, &i64, 1, constant);
            if (i32 != as_i32[i] || i8 != as_i8[i] || u64 != (uint64_t)x[i] || i64 != signs[i % 4])
                fail_msg("%" PRId64 " is %" PRId32 ", %d, %" PRIu64 "; %" PRIu64 " is %" PRId64, x[i], i32, i8, u64,
                         u[i % 4], i64);
        }
}

/* By way of double, 2^60 + 2^36 + 1 would first lose its last bit, then round to the even neighbour below. */
static void whole_numbers_round_once(void **state)
{
    const int64_t  x[] = {(INT64_C(1) << 60) + (INT64_C(1) << 36) + 1, -(INT64_C(1) << 60) - (INT64_C(1) << 36) - 1,
                          (INT64_C(1) << 60) + (INT64_C(1) << 36), INT64_MAX, INT64_MIN, 3};
    const uint64_t u[] = {(UINT64_C(1) << 63) + (UINT64_C(1) << 39) + 1, (UINT64_C(1) << 63) + (UINT64_C(1) << 39),
                          UINT64_MAX, 3};
    const float    x_rounded[] = {0x1.000002p60F, -0x1.000002p60F, 0x1p60F, 0x1p63F, -0x1p63F, 3};
    const float    u_rounded[] = {0x1.000002p63F, 0x1p63F, 0x1p64F, 3};
    float          y[6];

    (void)state;
    for (int constant = 0; constant < 2; constant++) {
        run_cast(FOV_I64, x, FOV_F32, y, 6, constant);
        for (int i = 0; i < 6; i++)
            if (y[i] != x_rounded[i])
                fail_msg("%" PRId64 " is %a, not %a", x[i], (double)y[i], (double)x_rounded[i]);
        run_cast(FOV_U64, u, FOV_F32, y, 4, constant);
        for (int i = 0; i < 4; i++)
            if (y[i] != u_rounded[i])
                fail_msg("%" PRIu64 " is %a, not %a", u[i], (double)y[i], (double)u_rounded[i]);
    }
}

static void shifts_keep_all_bits(void **state)
{
    const uint64_t x[] = {UINT64_MAX, UINT64_MAX - 5000, (UINT64_C(1) << 63) + 1, 7}, by[] = {1, 0, 3, 64};

    (void)state;
    for (int right = 0; right < 2; right++) {
        fov_context    *context = fov_context_create(&(fov_context_options){.threads = 1});
        fov_graph      *graph   = fov_graph_create(context);
        fov_value       in[] = {fov_input(graph, .name = "x", .shape = FOV_SHAPE(4), .dtype = FOV_U64),
                                fov_input(graph, .name = "by", .shape = FOV_SHAPE(4), .dtype = FOV_U64)};
        fov_value       y    = fov_node(graph, "bit_shift", in, 2, "direction", right ? "RIGHT" : "LEFT");
        fov_plan       *plan = fov_plan_create(graph, &y, 1, NULL);
        const uint64_t *got;

        assert_non_null(plan);
        memcpy(fov_plan_data(plan, in[0]), x, sizeof x);
        memcpy(fov_plan_data(plan, in[1]), by, sizeof by);
        assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
        got = fov_plan_data(plan, y);
        for (int i = 0; i < 4; i++)
            assert_true(got[i] == (by[i] > 63 ? 0 : right ? x[i] >> by[i] : x[i] << by[i]));
        fov_plan_free(plan);
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* An open batch size stays open when it is cast between integer types on its way to a shape. */
static void an_open_batch_stays_open(void **state)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph   *graph   = fov_graph_create(context);
    fov_value    x       = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 6));
    fov_value    sizes   = fov_node(graph, "shape", &x, 1);
    fov_value    again   = fov_cast(graph, fov_cast(graph, sizes, FOV_I32), FOV_I64);
    fov_value    y       = fov_node(graph, "reshape", ((fov_value[]){x, again}), 2);
    fov_shape    shape;

    (void)state;
    if (y.id == 0)
        fail_msg("%s", fov_error(context));
    shape = fov_value_shape(graph, y);
    assert_int_equal(shape.rank, 2);
    assert_int_equal(shape.dim[0], FOV_BATCH);
    assert_int_equal(shape.dim[1], 6);
    fov_graph_free(graph);
    fov_context_free(context);
}

/* INT64_MAX as the end of a slice, taken from concatenated constants: it has more digits than a double. */
static void the_greatest_number_is_no_limit(void **state)
{
    fov_context  *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph    *graph   = fov_graph_create(context);
    const int64_t most = INT64_MAX, starts[] = {1, 2};
    fov_value     end  = fov_constant(graph, NULL, FOV_I64, (fov_shape)FOV_SHAPE(1), &most);
    fov_value     ends = fov_node(graph, "concat", ((fov_value[]){end, end}), 2, "axis", "0");
    fov_value     in[] = {fov_input(graph, .name = "x", .shape = FOV_SHAPE(4, 6)),
                          fov_constant(graph, NULL, FOV_I64, (fov_shape)FOV_SHAPE(2), starts), ends};
    fov_value     y    = fov_node(graph, "slice", in, 3);
    fov_shape     shape;

    (void)state;
    if (y.id == 0)
        fail_msg("%s", fov_error(context));
    shape = fov_value_shape(graph, y);
    assert_int_equal(shape.dim[0], 3);
    assert_int_equal(shape.dim[1], 4);
    fov_graph_free(graph);
    fov_context_free(context);
}

/* ---- slopes ------------------------------------------------------------------------------------------------------ */

/* However large what comes back from the loss is; and a small vector's slope, which is x / y, stays finite. */
static void a_length_of_zero_has_no_slope(void **state)
{
    static const struct {
        fov_dtype dtype;
        double    x[2], dy, dx[2];
    } cases[] = {{FOV_F32, {0, 0}, 1e30, {0, 0}},
                 {FOV_F16, {0, 0}, 60000, {0, 0}},
                 {FOV_F16, {0x1p-20, 0}, 1024, {1024, 0}},
                 {FOV_F16, {3, -4}, 10, {6, -8}}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
        fov_graph   *graph   = fov_graph_create(context);
        fov_value    x  = fov_input(graph, .name = "x", .shape = FOV_SHAPE(1, 2), .dtype = cases[i].dtype);
        fov_value    by = fov_input(graph, .name = "by", .shape = FOV_SHAPE(1, 1), .dtype = cases[i].dtype);
        fov_value    length = fov_node(graph, "reduce_l2", &x, 1, "axes", "1", "keep_dims", "1");
        fov_value    loss   = fov_reduce_sum(graph, fov_mul(graph, length, by), .axis_count = 0), slope;

        if (fov_gradient(graph, loss, &x, 1, &slope) != FOV_OK)
            fail_msg("%s", fov_error(context));
        fov_plan *plan = fov_plan_create(graph, &slope, 1, NULL);
        double    dx[2];

        assert_non_null(plan);
        convert_from_double(cases[i].dtype, cases[i].x, fov_plan_data(plan, x), 2);
        convert_from_double(cases[i].dtype, &cases[i].dy, fov_plan_data(plan, by), 1);
        fov_plan_run(plan, 0);
        convert_to_double(cases[i].dtype, fov_plan_data(plan, slope), dx, 2);
        if (!(fabs(dx[0] - cases[i].dx[0]) <= 0.01 && fabs(dx[1] - cases[i].dx[1]) <= 0.01))
            fail_msg("case %zu: %g %g", i, dx[0], dx[1]);
        fov_plan_free(plan);
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

/* ---- small integers ---------------------------------------------------------------------------------------------- */

/* Blocks of two elements share a scale and a zero point; the last block has one element. */
static void a_vector_has_blocks(void **state)
{
    fov_context  *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph    *graph   = fov_graph_create(context);
    const uint8_t x[] = {10, 11, 12, 13, 14}, zero[] = {0, 12, 4};
    const float   scale[] = {1.0F, 0.5F, 0.25F}, expected[] = {10.0F, 11.0F, 0.0F, 0.5F, 2.5F};
    fov_value     in[3], y, again;
    fov_plan     *plan;

    (void)state;
    in[0] = fov_input(graph, .name = "x", .shape = FOV_SHAPE(5), .dtype = FOV_U8);
    in[1] = fov_constant(graph, NULL, FOV_F32, (fov_shape)FOV_SHAPE(3), scale);
    in[2] = fov_constant(graph, NULL, FOV_U8, (fov_shape)FOV_SHAPE(3), zero);
    y     = fov_node(graph, "dequantize_linear", in, 3, "axis", "0", "block_size", "2");
    in[0] = y;
    again = fov_node(graph, "quantize_linear", in, 3, "axis", "-1", "block_size", "2");
    plan  = fov_plan_create(graph, (fov_value[]){y, again}, 2, NULL);
    if (!plan)
        fail_msg("%s", fov_error(context));
    memcpy(fov_plan_data(plan, fov_find(graph, "x")), x, sizeof x);
    assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
    assert_memory_equal(fov_plan_data(plan, y), expected, sizeof expected);
    assert_memory_equal(fov_plan_data(plan, again), x, sizeof x);
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_of_floats),
        cmocka_unit_test(statistics_keep_their_type),
        cmocka_unit_test(whole_numbers_keep_their_lowest_bits),
        cmocka_unit_test(whole_numbers_round_once),
        cmocka_unit_test(shifts_keep_all_bits),
        cmocka_unit_test(a_length_of_zero_has_no_slope),
        cmocka_unit_test(an_open_batch_stays_open),
        cmocka_unit_test(the_greatest_number_is_no_limit),
        cmocka_unit_test(a_vector_has_blocks),
    };
    return cmocka_run_group_tests_name("dtypes", tests, NULL, NULL);
}
