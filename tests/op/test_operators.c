/* SPDX-License-Identifier: MIT */
/* Every case of every operator, found through the descriptors: the fast form against the textbook on each ISA level of
 * this machine (exact on small integers where the operator is a sum of products); per case, the gradient against
 * central differences in double, and the plan's gradient against the textbook's. Nothing is listed here: a new operator
 * is tested because it has a descriptor. */
#include "harness.h"
#include "support/near.h"

#include "tensor/convert.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 7 };

struct job {
    const struct op      *op;
    const struct op_case *test;
    const char           *isa;
    enum harness_values   values;
    enum harness_sums     sums;
};

/* ---- fast against textbook --------------------------------------------------------------------------------------- */

/* For sums of products, the definition of absolute values is sum |x w|: rounding errors are proportional to it. */
static struct evaluation evaluate_magnitudes(struct harness *h, const int *outputs, int count)
{
    struct harness    positive = *h;
    struct evaluation result;

    for (int i = 0; i < h->in_count; i++) {
        positive.data[i] = calloc(h->count[i] + 1, sizeof(double));
        for (size_t k = 0; k < h->count[i]; k++) /* axes and sizes keep their sign */
            positive.data[i][k] = h->known[i] ? h->data[i][k] : fabs(h->data[i][k]);
    }
    result = harness_evaluate(&positive, outputs, count);
    for (int i = 0; i < h->in_count; i++)
        free(positive.data[i]);
    return result;
}

static void compare(const struct job *job, const char *what, int output, fov_dtype dtype, const void *fast,
                    const double *expected, const double *magnitude, size_t count, double relative)
{
    double *got = calloc(count + 1, sizeof *got), scale = greatest_finite(expected, count);

    convert_to_double(dtype, fast, got, count);
    for (size_t i = 0; i < count; i++) {
        double allowed = dtype != FOV_F32                ? 0.0
                         : job->values == HARNESS_INTEGERS ? 0.0
                         : magnitude                       ? 8.0 * 0x1p-24 * magnitude[i] + FLT_MIN
                                                           : relative * (fabs(expected[i]) + 0.05 * scale) + 1e-30;

        if (!is_near(got[i], expected[i], allowed))
            fail_msg("%s/%s on %s, %s %d, element %zu of %zu: %.9g, expected %.9g (off by %.3g, allowed %.3g; seed %d)",
                     job->op->name, job->test->name, job->isa, what, output, i, count, got[i], expected[i],
                     fabs(got[i] - expected[i]), allowed, SEED);
    }
    free(got);
}

/* The plan's Winograd form; "" if no step transforms its sums. */
static void winograd_form(const fov_plan *plan, char *detail, size_t size)
{
    detail[0] = 0;
    for (int i = 0; i < fov_plan_step_count(plan); i++)
        if (strncmp(fov_plan_step_at(plan, i).detail, "Winograd", 8) == 0)
            snprintf(detail, size, "%s", fov_plan_step_at(plan, i).detail);
}

/* Winograd's sums are within 32 u times the greatest sum |x w| of the tensor, since a tile's numbers are mixed, and
 * exact on small integers with small tiles (F(2x2, 3x3)). */
static void winograd_near_textbook(void **state)
{
    const struct job *job = *state;
    struct harness    h;
    int               ids[8];
    struct evaluation expected, magnitude;
    fov_plan         *plan;
    char              form[96];

    harness_open_sums(&h, job->op, job->test, job->isa, job->values, SEED, job->sums);
    plan = fov_plan_create(h.graph, h.out, h.out_count, &(fov_plan_options){.training = job->test->training});
    if (!plan)
        fail_msg("%s/%s on %s: %s", job->op->name, job->test->name, job->isa, fov_error(h.context));
    winograd_form(plan, form, sizeof form);
    if ((job->sums == HARNESS_WINOGRAD && strncmp(job->test->name, "Winograd", 8) == 0 && !form[0]) ||
        (job->sums == HARNESS_WINOGRAD_SMALL && strcmp(job->test->name, "Winograd, blocks") == 0 &&
         strcmp(job->op->name, "conv_weight_gradient") != 0 && !strstr(form, "F(2x2, 3x3)")))
        fail_msg("%s/%s on %s is not the Winograd convolution it should be: %s", job->op->name, job->test->name,
                 job->isa, form);
    if (form[0]) { /* else the test "fast" covers it */
        ids[0]    = h.out[0].id;
        expected  = harness_evaluate(&h, ids, 1);
        magnitude = evaluate_magnitudes(&h, ids, 1);
        for (int repeat = 0; repeat < 2; repeat++) {
            bool         exact = strstr(form, "F(2x2, 3x3)") && job->values == HARNESS_INTEGERS;
            size_t       count = shape_span(&expected.shapes[ids[0]], 0, expected.shapes[ids[0]].rank);
            float       *got;
            double       most = greatest_finite(magnitude.data[ids[0]], count);
            double       allowed = exact ? 0.0 : 32.0 * 0x1p-24 * most;

            harness_fill(&h, plan);
            harness_run(plan);
            got = fov_plan_data(plan, h.out[0]);
            for (size_t i = 0; i < count; i++)
                if (!(fabs((double)got[i] - expected.data[ids[0]][i]) <= allowed))
                    fail_msg("%s/%s on %s, %s, element %zu of %zu: %.9g, expected %.9g (off by %.3g, allowed %.3g)",
                             job->op->name, job->test->name, job->isa, form, i, count, (double)got[i],
                             expected.data[ids[0]][i], fabs((double)got[i] - expected.data[ids[0]][i]), allowed);
        }
        graph_evaluate_free(h.graph, &expected);
        graph_evaluate_free(h.graph, &magnitude);
    }
    fov_plan_free(plan);
    harness_close(&h);
}

/* On AMX, cases with "on tiles" in their name must have a step on tiles. */
static void expect_tiles(const struct job *job, const fov_plan *plan)
{
    bool found = strcmp(job->isa, "amx") != 0 || strstr(job->test->name, "on tiles") == NULL;

    for (int i = 0; i < fov_plan_step_count(plan) && !found; i++)
        found = strstr(fov_plan_step_at(plan, i).detail, "on tiles") != NULL;
    if (!found)
        fail_msg("%s/%s: no step on tiles", job->op->name, job->test->name);
}

static void fast_equals_textbook(void **state)
{
    const struct job *job = *state;
    struct harness    h;
    int               ids[8];
    struct evaluation expected, magnitude = {0};
    fov_plan         *plan;

    harness_open(&h, job->op, job->test, job->isa, job->values, SEED);
    for (int i = 0; i < h.out_count; i++)
        ids[i] = h.out[i].id;
    expected = harness_evaluate(&h, ids, h.out_count);
    if (job->op->exact && job->values == HARNESS_REAL)
        magnitude = evaluate_magnitudes(&h, ids, h.out_count);
    plan = fov_plan_create(h.graph, h.out, h.out_count, &(fov_plan_options){.training = job->test->training});
    if (!plan)
        fail_msg("%s/%s on %s: %s", job->op->name, job->test->name, job->isa, fov_error(h.context));
    expect_tiles(job, plan);
    for (int repeat = 0; repeat < 2; repeat++) { /* the second run must not depend on the first */
        harness_fill(&h, plan);
        harness_run(plan);
        for (int i = 0; i < h.out_count; i++)
            compare(job, "output", i, fov_value_dtype(h.graph, h.out[i]), fov_plan_data(plan, h.out[i]),
                    expected.data[ids[i]], magnitude.data ? magnitude.data[ids[i]] : NULL,
                    shape_span(&expected.shapes[ids[i]], 0, expected.shapes[ids[i]].rank), 4e-6);
    }
    fov_plan_free(plan);
    graph_evaluate_free(h.graph, &expected);
    if (magnitude.data)
        graph_evaluate_free(h.graph, &magnitude);
    harness_close(&h);
}

/* Outputs that are not asked for: a plan for one output alone computes it as the definition does, in single precision
 * and, where the operator takes it, in double. */
static void output_alone(const struct job *job, int output)
{
    struct harness    h;
    struct evaluation expected;
    fov_plan         *plan;

    if (!harness_try(&h, job->op, job->test, job->isa, SEED)) { /* some operators take single precision only */
        harness_close(&h);
        return;
    }
    expected = harness_evaluate(&h, &h.out[output].id, 1);
    plan     = fov_plan_create(h.graph, &h.out[output], 1, &(fov_plan_options){.training = job->test->training});
    if (!plan)
        fail_msg("%s/%s on %s: %s", job->op->name, job->test->name, job->isa, fov_error(h.context));
    harness_fill(&h, plan);
    harness_run(plan);
    compare(job, "alone, output", output, fov_value_dtype(h.graph, h.out[output]), fov_plan_data(plan, h.out[output]),
            expected.data[h.out[output].id], NULL,
            shape_span(&expected.shapes[h.out[output].id], 0, expected.shapes[h.out[output].id].rank), 4e-6);
    fov_plan_free(plan);
    graph_evaluate_free(h.graph, &expected);
    harness_close(&h);
}

static struct op_case in_double(const struct op_case *test)
{
    struct op_case changed = *test;

    for (int i = 0; i < test->in_count; i++)
        if (changed.in_dtype[i] == FOV_F32)
            changed.in_dtype[i] = FOV_F64;
    return changed;
}

static void alone_equals_textbook(void **state)
{
    const struct job *job    = *state;
    struct op_case    wide   = in_double(job->test);
    struct job        doubly = *job;
    struct harness    h;
    int               outputs;

    doubly.test = &wide;
    harness_open(&h, job->op, job->test, job->isa, HARNESS_REAL, SEED);
    outputs = h.out_count;
    harness_close(&h);
    for (int i = 0; i < outputs; i++) {
        output_alone(job, i);
        output_alone(&doubly, i);
    }
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* An input that an output overwrites in memory: running statistics and optimisers' states, through which no gradient
 * flows, whatever the result owes to them. */
static bool is_state(const struct op *op, int input)
{
    bool is = false;

    for (int i = 0; i < op_port_count(op->out); i++)
        is = is || op->out[i].updates == 1 + input;
    return is;
}

/* Targets of a loss that are held constant: boxes and classes of objects. */
static bool is_target(const struct op *op, int input)
{
    return strcmp(op->name, "yolox_loss") == 0 && input > 0;
}

static bool is_differentiable(const struct harness *h, int input)
{
    return h->in[input].id && !h->known[input] && case_dtype(h->test, input) == FOV_F32 &&
           !is_state(h->op, input) && !is_target(h->op, input);
}

static double loss_at(struct harness *h, fov_value loss)
{
    struct evaluation result = harness_evaluate(h, &loss.id, 1);
    double            value  = result.data[loss.id][0];

    graph_evaluate_free(h->graph, &result);
    return value;
}

/* (f(x + e) - f(x - e)) / 2e for all elements up to 500, else 40 of them spread over the tensor. gradient NULL: zeros,
 * as where no node computes any. */
static void check_by_differences(struct harness *h, fov_value loss, int input, const double *gradient)
{
    const double step   = 1e-5;
    size_t       count  = h->count[input];
    size_t       stride = count <= 500 ? 1 : count / 40;

    for (size_t k = 0; k < count; k += stride) {
        double here = h->data[input][k], found = gradient ? gradient[k] : 0.0, above, below, difference, error;

        h->data[input][k] = here + step;
        above             = loss_at(h, loss);
        h->data[input][k] = here - step;
        below             = loss_at(h, loss);
        h->data[input][k] = here;
        difference        = (above - below) / (2.0 * step);
        error             = fabs(difference - found);
        if (!(error <= 1e-7 * fmax(1.0, fabs(found))))
            fail_msg("%s/%s: d loss / d input %d [%zu] is %.12g by nodes, %.12g by differences (off by %.3g)",
                     h->op->name, h->test->name, input, k, found, difference, error);
    }
}

static void gradient_equals_differences(void **state)
{
    const struct job *job = *state;
    struct harness    h;
    fov_value         loss, targets[10], gradients[10];
    int               inputs[10], ids[10], count = 0, found = 0;
    struct evaluation expected;
    fov_plan         *plan;

    harness_open(&h, job->op, job->test, job->isa, HARNESS_REAL, SEED);
    loss = harness_loss(&h);
    for (int i = 0; i < h.in_count; i++)
        if (is_differentiable(&h, i)) {
            inputs[count]    = i;
            targets[count++] = h.in[i];
        }
    if (!loss.id || !count) {
        harness_close(&h);
        return;
    }
    if (fov_gradient(h.graph, loss, targets, count, gradients))
        fail_msg("%s/%s: %s", job->op->name, job->test->name, fov_error(h.context));
    for (int i = 0; i < count; i++) {
        if (!gradients[i].id)
            check_by_differences(&h, loss, inputs[i], NULL);
        inputs[found]    = inputs[i];
        gradients[found] = gradients[i];
        ids[found]       = gradients[i].id;
        found += gradients[i].id != 0;
    }
    if (!found) {
        harness_close(&h);
        return;
    }
    expected = harness_evaluate(&h, ids, found);
    for (int i = 0; i < found; i++)
        check_by_differences(&h, loss, inputs[i], expected.data[ids[i]]);
    /* The same gradients, computed by a plan. */
    plan = fov_plan_create(h.graph, gradients, found, &(fov_plan_options){.training = job->test->training});
    if (!plan)
        fail_msg("%s/%s on %s: %s", job->op->name, job->test->name, job->isa, fov_error(h.context));
    harness_fill(&h, plan);
    harness_run(plan);
    for (int i = 0; i < found; i++)
        compare(job, "gradient of input", inputs[i], FOV_F32, fov_plan_data(plan, gradients[i]), expected.data[ids[i]],
                NULL, h.count[inputs[i]], 4e-5);
    fov_plan_free(plan);
    graph_evaluate_free(h.graph, &expected);
    harness_close(&h);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

struct list {
    struct CMUnitTest *tests;
    size_t             count, capacity;
};

static void add(struct list *list, const char *kind, void (*run)(void **), struct job job)
{
    char        name[256];
    struct job *kept = malloc(sizeof *kept);

    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 256;
        list->tests    = realloc(list->tests, list->capacity * sizeof *list->tests);
    }
    *kept = job;
    snprintf(name, sizeof name, "%s/%s %s %s%s%s", job.op->name, job.test->name, kind, job.isa,
             job.values == HARNESS_INTEGERS ? " integers" : "", job.sums == HARNESS_WINOGRAD_SMALL ? " small" : "");
    list->tests[list->count++] = (struct CMUnitTest){.name = strdup(name), .test_func = run, .initial_state = kept};
}

/* Whether a plan may transform the operator's sums. */
static bool has_winograd(const struct op *op)
{
    return strcmp(op->name, "conv") == 0 || strcmp(op->name, "conv_input_gradient") == 0 ||
           strcmp(op->name, "conv_weight_gradient") == 0 || strcmp(op->name, "conv_transpose") == 0;
}

int main(int argc, char **argv)
{
    struct list list = {0};
    const char *levels[8];
    int         level_count = harness_levels(levels), failed;

    for (size_t o = 0; o < op_table_count; o++)
        for (const struct op_case *test = op_table[o]->cases; test && test->name; test++) {
            const struct op *op = op_table[o];

            if (argc > 1 && strcmp(argv[1], op->name) != 0) /* ./test_op_operators conv */
                continue;
            for (int l = 0; l < level_count; l++) {
                add(&list, "fast", fast_equals_textbook, (struct job){op, test, levels[l], HARNESS_REAL, 0});
                if (op->exact)
                    add(&list, "fast", fast_equals_textbook, (struct job){op, test, levels[l], HARNESS_INTEGERS, 0});
                if (has_winograd(op))
                    for (int k = 0; k < 4; k++)
                        add(&list, "Winograd", winograd_near_textbook,
                            (struct job){op, test, levels[l], k % 2 ? HARNESS_INTEGERS : HARNESS_REAL,
                                         k / 2 ? HARNESS_WINOGRAD_SMALL : HARNESS_WINOGRAD});
            }
            if (op->out[0].variadic || op_port_count(op->out) > 1)
                add(&list, "alone", alone_equals_textbook, (struct job){op, test, levels[level_count - 1], 0, 0});
            if (op->gradient && !test->no_gradient)
                add(&list, "gradient", gradient_equals_differences,
                    (struct job){op, test, levels[level_count - 1], HARNESS_REAL, 0});
        }
    failed = _cmocka_run_group_tests("operators", list.tests, list.count, NULL, NULL);
    for (size_t i = 0; i < list.count; i++) {
        free((void *)list.tests[i].name);
        free(list.tests[i].initial_state);
    }
    free(list.tests);
    return failed;
}
