/* SPDX-License-Identifier: MIT */
/* Gradients of floating types other than float32: an operator that accepts float64 or float16 has gradients of that
 * type, which can be planned. In float64 a plan computes the numbers of their definition; in float16, whose rounding
 * between nodes the definition does not have, numbers are not compared. Uses the operators' own cases. */
#include "harness.h"
#include "support/near.h"
#include "tensor/convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    LEAST_OPERATORS = 80, /* that take the type and have a gradient: fewer, and the test has skipped too much */
    MOST_ELEMENTS = 1500  /* of all inputs of a case whose numbers are compared */
};

static bool is_float(fov_dtype dtype)
{
    return dtype == FOV_F64 || dtype == FOV_F32 || dtype == FOV_F16;
}

/* The case with another type in place of float32, except for inputs whose values decide shapes. */
static struct op_case with_dtype(const struct op *op, const struct op_case *test, fov_dtype dtype)
{
    struct op_case other = *test;

    for (int i = 0; i < other.in_count; i++)
        if (case_dtype(test, i) == FOV_F32 && !op_port_at(op->in, i)->values)
            other.in_dtype[i] = (uint8_t)dtype;
    return other;
}

/* The sum of all results of that type. */
static fov_value sum_of(const struct harness *harness, fov_dtype dtype)
{
    const struct op_emitter *emitter = fov_graph_emitter(harness->graph);
    fov_value                sum = {0};

    for (int i = 0; i < harness->out_count; i++) {
        const struct op_port *port = op_port_at(harness->op->out, harness->port[i]);

        if (fov_value_dtype(harness->graph, harness->out[i]) != dtype || port->updates || port->optional ||
            port->detached)
            continue;
        fov_value zero = op_emit_scalar(emitter, harness->out[i], 0);
        fov_value part = op_emit2(emitter, "sum_to", harness->out[i], zero, NULL);
        sum = sum.id ? fov_add(harness->graph, sum, part) : part;
    }
    return sum;
}

static void complain(int *failures, const struct op *op, const struct op_case *test, fov_dtype dtype, const char *what)
{
    print_error("%s/%s, %s: %s\n", op->name, test->name, fov_dtype_name(dtype), what);
    ++*failures;
}

/* Runs the plan and compares it with the definition, which computes in double throughout. */
static void compare(struct harness *harness, fov_plan *plan, const fov_value *gradients, int count, fov_dtype dtype,
                    int *failures)
{
    int    ids[10];

    for (int i = 0; i < count; i++)
        ids[i] = gradients[i].id;
    struct evaluation expected = harness_evaluate(harness, ids, count);
    harness_fill(harness, plan);
    harness_run(plan);
    for (int i = 0; i < count; i++) {
        const fov_shape *shape  = &expected.shapes[ids[i]];
        size_t           size   = shape_span(shape, 0, shape->rank);
        double          *got    = calloc(size + 1, sizeof *got);
        const double    *wanted = expected.data[ids[i]];
        fov_dtype        own    = fov_value_dtype(harness->graph, gradients[i]);
        double           bound  = own == FOV_F64 ? 1e-12 : 1e-5;
        char             what[160];

        convert_to_double(own, fov_plan_data(plan, gradients[i]), got, size);
        size_t at = first_not_near(got, wanted, size, (struct near_bound){.relative = bound, .share = bound});
        if (at < size) {
            snprintf(what, sizeof what, "gradient %d, element %zu of %zu is %.9g, should be %.9g", i, at, size, got[at],
                     wanted[at]);
            complain(failures, harness->op, harness->test, dtype, what);
        }
        free(got);
    }
    graph_evaluate_free(harness->graph, &expected);
}

/* Definitions, by which plans compute these types, too, take seconds on large cases. */
static bool is_small(const struct harness *harness)
{
    size_t elements = 0;

    for (int i = 0; i < harness->in_count; i++)
        elements += harness->count[i];
    return elements <= MOST_ELEMENTS;
}

/* Returns whether the case has a gradient of this type that was checked. */
static bool check(const struct op *op, const struct op_case *test, fov_dtype dtype, int *failures)
{
    struct op_case other = with_dtype(op, test, dtype);
    struct harness harness;
    fov_value      loss = {0}, targets[10], gradients[10];
    int            count = 0, made = 0;
    bool           compared = false, checked = false;

    if (harness_try(&harness, op, &other, NULL, 1)) {
        loss = sum_of(&harness, dtype);
        for (int i = 0; i < harness.in_count; i++)
            if (harness.in[i].id && !harness.known[i] && is_float(case_dtype(&other, i)))
                targets[count++] = harness.in[i];
    }
    if (loss.id && count > 0 && fov_gradient(harness.graph, loss, targets, count, gradients) != FOV_OK) {
        if (!test->no_gradient) /* such cases may have none in float32 either */
            complain(failures, op, test, dtype, fov_error(harness.context));
    } else if (loss.id) {
        for (int i = 0; i < count; i++) {
            if (gradients[i].id && fov_value_dtype(harness.graph, gradients[i]) !=
                                       fov_value_dtype(harness.graph, targets[i]))
                complain(failures, op, test, dtype, "the gradient is of another type");
            if (gradients[i].id)
                gradients[made++] = gradients[i];
        }
        fov_plan *plan = made > 0 ? fov_plan_create(harness.graph, gradients, made,
                                                    &(fov_plan_options){.training = other.training})
                                  : NULL;
        if (made > 0 && !plan)
            complain(failures, op, test, dtype, fov_error(harness.context));
        compared = plan && is_small(&harness) && dtype == FOV_F64;
        checked = compared || (plan && dtype == FOV_F16);
        if (compared)
            compare(&harness, plan, gradients, made, dtype, failures);
        fov_plan_free(plan);
    }
    harness_close(&harness);
    return checked;
}

static void gradients_have_the_type_of_their_inputs(void **state)
{
    static const fov_dtype dtypes[] = {FOV_F64, FOV_F16};

    (void)state;
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        int checked = 0, failures = 0;

        for (size_t i = 0; i < op_table_count; i++) {
            const struct op *op  = op_table[i];
            bool             any = false;

            for (const struct op_case *test = op->cases; (op->gradient || op->zero_gradient) && test->name; test++)
                any = check(op, test, dtypes[d], &failures) || any;
            checked += any;
        }
        if (checked < LEAST_OPERATORS)
            fail_msg("only %d operators", checked);
        assert_int_equal(failures, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_have_the_type_of_their_inputs)};

    return cmocka_run_group_tests_name("gradient dtypes", tests, NULL, NULL);
}
