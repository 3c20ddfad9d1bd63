/* SPDX-License-Identifier: MIT */
/* Random shapes and options: 2,400 convolutions, transposed convolutions, poolings, products and broadcasts of 1 to 3
 * axes, fast form against textbook on small integers (exact where the operator is a sum of products or a choice), the
 * ISA levels in turn; for each tenth also the gradient of all inputs: by definition against central differences in
 * double along a random direction, and by a plan. The seed of a failing case is printed: run the test with it as
 * argument. */
#include "harness.h"
#include "support/near.h"

#include "tensor/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CASES = 2400, GRADIENT_EACH = 10 };

static uint64_t only; /* a seed given on the command line; 0: all */

/* The case's next random number, in 0 .. bound - 1. */
static int64_t pick(uint64_t seed, uint64_t *used, int64_t bound)
{
    return (int64_t)random_below((struct random_key){seed, RANDOM_TEST, 9}, (*used)++, (uint64_t)bound);
}

/* Sets a list option by its name, whatever the operator's struct looks like. */
static void set_list(const struct op *op, void *options, const char *name, const int64_t *values, int count)
{
    for (const struct op_attribute *at = op->attributes; at && at->name; at++)
        if (strcmp(at->name, name) == 0 && at->kind == OP_LIST) {
            struct op_list *list = (struct op_list *)(void *)((char *)options + at->offset);

            list->count = count;
            memcpy(list->at, values, sizeof *values * (size_t)count);
        }
}

static void set_integer(const struct op *op, void *options, const char *name, int64_t value)
{
    for (const struct op_attribute *at = op->attributes; at && at->name; at++)
        if (strcmp(at->name, name) == 0 && at->kind == OP_INTEGER)
            memcpy((char *)options + at->offset, &value, sizeof value);
}

/* The inputs of a case while they are drawn. */
struct drawn {
    fov_shape in[3];
    int       in_count;
};

/* Window operators: sizes drawn so that the window fits the padded image. */
static void draw_window(const struct op *op, uint64_t seed, uint64_t *used, struct drawn *drawn, void *options)
{
    bool    pool = op->family == OP_POOLING, transposed = strcmp(op->name, "conv_transpose") == 0;
    int     axes = 1 + (int)pick(seed, used, 3);
    int64_t groups = pool ? 1 : (int64_t[]){1, 1, 2, 3}[pick(seed, used, 4)],
            channels = groups * (1 + pick(seed, used, 7));
    int64_t filters = groups * (1 + pick(seed, used, 9)), kernel[3], stride[3], pad[6], dilation[3];

    if (!pool && pick(seed, used, 5) == 0)
        groups = filters = channels; /* depthwise */
    drawn->in[0] = (fov_shape){2 + axes, {1 + pick(seed, used, 3), channels}};
    drawn->in[1] = (fov_shape){2 + axes, {transposed ? channels : filters, (transposed ? filters : channels) / groups}};
    for (int a = 0; a < axes; a++) {
        int64_t span;

        kernel[a]   = 1 + pick(seed, used, axes == 3 ? 3 : 5);
        stride[a]   = 1 + pick(seed, used, 3);
        dilation[a] = pool ? 1 : 1 + pick(seed, used, 2);
        span        = dilation[a] * (kernel[a] - 1) + 1;
        pad[a]      = pick(seed, used, pool ? kernel[a] / 2 + 1 : span);
        pad[axes + a] = pick(seed, used, pool ? kernel[a] / 2 + 1 : span);
        if (transposed) /* its pads cut the result, of which a pixel must remain */
            pad[a] = pad[axes + a] = 0;
        drawn->in[0].dim[2 + a] = (span > pad[a] + pad[axes + a] ? span - pad[a] - pad[axes + a] : 1) +
                                  pick(seed, used, axes == 3 ? 4 : 11);
        drawn->in[1].dim[2 + a] = kernel[a];
    }
    set_list(op, options, "kernel", kernel, axes);
    set_list(op, options, "stride", stride, axes);
    set_list(op, options, "dilation", dilation, axes);
    set_list(op, options, "pad", pad, 2 * axes);
    set_integer(op, options, "groups", groups);
    drawn->in_count = pool ? 1 : 3;
    drawn->in[2]     = (fov_shape){1, {filters}};
    if (pick(seed, used, 3) == 0)
        drawn->in[2].rank = -1;
}

/* Two operands that broadcast to each other. */
static void draw_pair(uint64_t seed, uint64_t *used, struct drawn *drawn)
{
    int rank = 1 + (int)pick(seed, used, 5), less = (int)pick(seed, used, rank);

    drawn->in[0].rank = rank;
    drawn->in[1].rank = rank - less;
    for (int a = 0; a < rank; a++) {
        int64_t size = 1 + pick(seed, used, 7), one = pick(seed, used, 4);

        drawn->in[0].dim[a] = one == 0 ? 1 : size;
        if (a >= less)
            drawn->in[1].dim[a - less] = one == 1 ? 1 : size;
    }
    drawn->in_count = 2;
}

static void draw_product(const struct op *op, uint64_t seed, uint64_t *used, struct drawn *drawn)
{
    int64_t rows = 1 + pick(seed, used, 40), inner = 1 + pick(seed, used, 70), columns = 1 + pick(seed, used, 50);

    if (strcmp(op->name, "dense") == 0) {
        drawn->in[0] = (fov_shape){2, {rows, inner}};
        drawn->in[1] = (fov_shape){2, {columns, inner}};
        drawn->in[2] = (fov_shape){1, {columns}};
        drawn->in_count = 3;
    } else {
        drawn->in[0] = (fov_shape){3, {1 + pick(seed, used, 3), rows, inner}};
        drawn->in[1] = (fov_shape){2, {inner, columns}};
        drawn->in_count = 2;
    }
}

static const struct op *draw(uint64_t seed, struct op_case *test, void *options)
{
    static const char *const names[] = {"conv", "conv", "conv", "conv_transpose", "max_pool", "avg_pool",
                                        "dense", "matmul", "add", "mul", "sub"};
    uint64_t         used  = 0;
    struct drawn     drawn = {0};
    const struct op *op     = op_find(names[pick(seed, &used, (int64_t)(sizeof names / sizeof *names))]);

    op_options_default(op, options);
    if (op->family == OP_POOLING || strncmp(op->name, "conv", 4) == 0)
        draw_window(op, seed, &used, &drawn, options);
    else if (op->family == OP_ELEMENTWISE)
        draw_pair(seed, &used, &drawn);
    else
        draw_product(op, seed, &used, &drawn);
    *test = (struct op_case){.name = "random", .options = options, .in_count = drawn.in_count};
    for (int i = 0; i < drawn.in_count; i++) {
        test->in[i].rank = (int8_t)drawn.in[i].rank;
        for (int d = 0; d < drawn.in[i].rank; d++)
            test->in[i].dim[d] = (uint16_t)drawn.in[i].dim[d];
    }
    return op;
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static void compare(struct harness *h, const char *what, fov_plan *plan, fov_value value, double share)
{
    struct evaluation expected = harness_evaluate(h, &value.id, 1);
    const double     *wanted   = expected.data[value.id];
    size_t            count    = fov_plan_bytes(plan, value) / sizeof(float);
    double           *got      = calloc(count + 1, sizeof *got);

    convert_to_double(FOV_F32, fov_plan_data(plan, value), got, count);
    size_t i = first_not_near(got, wanted, count, (struct near_bound){.share = share});
    if (i < count)
        fail_msg("seed %llu, %s on %s: %s [%zu] is %.9g, expected %.9g", (unsigned long long)h->seed, h->op->name,
                 fov_context_isa(h->context), what, i, got[i], wanted[i]);
    free(got);
    graph_evaluate_free(h->graph, &expected);
}

static double loss_at(struct harness *h, fov_value loss)
{
    struct evaluation result = harness_evaluate(h, &loss.id, 1);
    double            value  = result.data[loss.id][0];

    graph_evaluate_free(h->graph, &result);
    return value;
}

/* <gradient, d> against (f(x + e d) - f(x - e d)) / 2e, for a random direction d in one input. */
static void check_direction(struct harness *h, fov_value loss, int input, fov_value gradient)
{
    const double      step   = 1e-5;
    struct evaluation result = harness_evaluate(h, &gradient.id, 1);
    double           *here   = h->data[input], along = 0.0, size = 0.0, at[2] = {0};
    double           *moved  = calloc(h->count[input] + 1, sizeof *moved);

    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < h->count[input]; k++) {
            double d = random_normal((struct random_key){h->seed, RANDOM_TEST, 50 + (uint64_t)input}, k);

            moved[k] = here[k] + (side ? -step : step) * d;
            along += side ? 0.0 : d * result.data[gradient.id][k];
            size += side ? 0.0 : fabs(d * result.data[gradient.id][k]);
        }
        h->data[input] = moved;
        at[side]       = loss_at(h, loss);
        h->data[input] = here;
    }
    free(moved);
    graph_evaluate_free(h->graph, &result);
    if (!(fabs((at[0] - at[1]) / (2 * step) - along) <= 1e-7 * fmax(1.0, size)))
        fail_msg("seed %llu, %s: along a direction of input %d the slope is %.10g by nodes, %.10g by differences",
                 (unsigned long long)h->seed, h->op->name, input, along, (at[0] - at[1]) / (2 * step));
}

static void check_gradient(const struct op *op, const struct op_case *test, const char *isa, uint64_t seed)
{
    struct harness h;
    fov_value      loss, gradients[8];
    fov_plan      *plan;

    harness_open(&h, op, test, isa, HARNESS_REAL, seed); /* real: no ties, so pooling is differentiable */
    loss = harness_loss(&h);
    for (int i = 0; i < h.in_count; i++) {
        if (!h.in[i].id)
            continue;
        if (fov_gradient(h.graph, loss, &h.in[i], 1, &gradients[i]) || !gradients[i].id)
            fail_msg("seed %llu, %s: no gradient (%s)", (unsigned long long)seed, op->name, fov_error(h.context));
        check_direction(&h, loss, i, gradients[i]);
        plan = fov_plan_create(h.graph, &gradients[i], 1, NULL);
        assert_non_null(plan);
        harness_fill(&h, plan);
        fov_plan_run(plan, 0);
        compare(&h, "gradient", plan, gradients[i], 1e-5);
        fov_plan_free(plan);
    }
    harness_close(&h);
}

static void random_cases(void **state)
{
    const char *levels[8];
    int         level_count = harness_levels(levels);
    void       *options     = calloc(1, OP_MAX_OPTIONS);

    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct op_case   test;
        const struct op *op;
        const char      *isa = levels[seed % (uint64_t)level_count];
        struct harness   h;
        fov_plan        *plan;

        if (only && seed != only)
            continue;
        memset(options, 0, OP_MAX_OPTIONS);
        op = draw(seed, &test, options);
        harness_open(&h, op, &test, isa, HARNESS_INTEGERS, seed);
        plan = fov_plan_create(h.graph, h.out, 1, NULL);
        if (!plan)
            fail_msg("seed %llu, %s: %s", (unsigned long long)seed, op->name, fov_error(h.context));
        harness_fill(&h, plan);
        fov_plan_run(plan, 0);
        compare(&h, "result", plan, h.out[0], strcmp(op->name, "avg_pool") == 0 ? 1e-6 : 0.0);
        fov_plan_free(plan);
        harness_close(&h);
        if (seed % GRADIENT_EACH == 0)
            check_gradient(op, &test, levels[seed / GRADIENT_EACH % (uint64_t)level_count], seed);
    }
    free(options);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_cases)};

    only = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
