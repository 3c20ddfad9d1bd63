/* SPDX-License-Identifier: MIT */
/* One NaN among an input's numbers: every case of every operator has NaN in its results exactly where its definition
 * has it, on each ISA level. So a NaN cannot vanish on its way to a loss, and does not spread to other results. There
 * is one exception: fast forms that multiply by zeros where the definition skips an element (padding, a term that is
 * switched off) may have more NaN, since zero times NaN is NaN. Cases are found through the descriptors, as in
 * test_operators.c. */
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

enum { SEED = 11 };

struct job {
    const struct op      *op;
    const struct op_case *test;
    const char           *isa;
};

/* Operators that sort or compare, which NaN makes undefined: the standard leaves their results open. */
static bool is_ordering(const struct op *op)
{
    static const char *const names[] = {"top_k", "unique", "non_max_suppression"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(op->name, names[i]) == 0)
            return true;
    return false;
}

/* Operators whose fast form may multiply NaN by zero: sums of products at borders, recurrent layers for a missing first
 * state and behind a sequence's end; gradients and optimisers where an option switches a term off. */
static bool meets_zeros(const struct op *op)
{
    static const char *const recurrent[] = {"rnn", "gru", "lstm"};

    for (size_t i = 0; i < sizeof recurrent / sizeof *recurrent; i++)
        if (strcmp(op->name, recurrent[i]) == 0)
            return true;
    return op->exact || op->family == OP_CONVOLUTION || op->family == OP_GRADIENT || op->family == OP_OPTIMISER;
}

static bool is_single(fov_dtype dtype)
{
    return dtype == FOV_F32;
}

/* Compares output i: returns the number of elements where only one side has NaN. *at: the first of them; *spread: added
 * is the number of those where only the plan has NaN. */
static size_t differences(struct harness *h, fov_plan *plan, const struct evaluation *expected, int i, size_t *at,
                          size_t *spread)
{
    int          id    = h->out[i].id;
    size_t       count = shape_span(&expected->shapes[id], 0, expected->shapes[id].rank), wrong = 0;
    const float *got   = fov_plan_data(plan, h->out[i]);

    for (size_t k = 0; is_single(fov_value_dtype(h->graph, h->out[i])) && k < count; k++)
        if (isnan(got[k]) != isnan(expected->data[id][k])) {
            *at = wrong == 0 ? k : *at;
            *spread += isnan(got[k]) != 0;
            wrong++;
        }
    return wrong;
}

/* Compares the numbers of output i if it is an activation's, an integer's or a boolean's, which hardly round: returns
 * the number of elements that differ, not counting NaN. */
static size_t unequal(struct harness *h, fov_plan *plan, const struct evaluation *expected, int i, size_t *at)
{
    int       id    = h->out[i].id;
    fov_dtype dtype = fov_value_dtype(h->graph, h->out[i]);
    size_t    count = shape_span(&expected->shapes[id], 0, expected->shapes[id].rank), wrong = 0;
    double   *got   = calloc(count + 1, sizeof *got);

    if (h->op->family == OP_ACTIVATION || (dtype != FOV_F32 && dtype != FOV_F64 && dtype != FOV_F16))
        convert_to_double(dtype, fov_plan_data(plan, h->out[i]), got, count);
    else
        count = 0;
    for (size_t k = 0; k < count; k++)
        if (!isnan(got[k]) && !isnan(expected->data[id][k]) &&
            !is_near(got[k], expected->data[id][k], 1e-4 * (1 + fabs(expected->data[id][k])))) {
            *at = wrong == 0 ? k : *at;
            wrong++;
        }
    free(got);
    return wrong;
}

/* Whether a NaN in the input must reach some result: false for operators that read only some elements. */
static bool must_arrive(const struct op *op, int input)
{
    static const char *const picking[] = {"hardmax",   "dropout", "cum_sum",   "resize",
                                          "roi_align", "place",   "grid_sample", "max_unpool"};
    bool looks_at_all = op->family == OP_ACTIVATION || op->family == OP_NORMALISATION || op->family == OP_REDUCTION ||
                        op->family == OP_POOLING;

    for (size_t i = 0; i < sizeof picking / sizeof *picking; i++)
        looks_at_all = looks_at_all && strcmp(op->name, picking[i]) != 0;
    return looks_at_all && input == 0;
}

static size_t count_nan(struct harness *h, const struct evaluation *expected, int i)
{
    int    id    = h->out[i].id;
    size_t count = shape_span(&expected->shapes[id], 0, expected->shapes[id].rank), found = 0;

    for (size_t k = 0; k < count; k++)
        found += isnan(expected->data[id][k]) != 0;
    return found;
}

static void check_input(const struct job *job, struct harness *h, fov_plan *plan, int input)
{
    size_t            place = h->count[input] / 2;
    double            before = h->data[input][place];
    struct evaluation expected;
    size_t            floats = 0, arrived = 0;
    int               ids[8];

    h->data[input][place] = (double)NAN;
    for (int i = 0; i < h->out_count; i++)
        ids[i] = h->out[i].id;
    expected = harness_evaluate(h, ids, h->out_count);
    harness_fill(h, plan);
    harness_run(plan);
    for (int i = 0; i < h->out_count; i++) {
        size_t at = 0, spread = 0, wrong = differences(h, plan, &expected, i, &at, &spread);

        floats += is_single(fov_value_dtype(h->graph, h->out[i]));
        arrived += count_nan(h, &expected, i);
        if (wrong > (meets_zeros(job->op) ? spread : 0))
            fail_msg("%s/%s on %s: NaN at element %zu of input %d: output %d has it in %zu elements where the "
                     "definition has not, and lacks it in %zu where it has (first: element %zu)",
                     job->op->name, job->test->name, job->isa, place, input, i, spread, wrong - spread, at);
        wrong = meets_zeros(job->op) ? 0 : unequal(h, plan, &expected, i, &at);
        if (wrong > 0)
            fail_msg("%s/%s on %s: with NaN at element %zu of input %d, %zu elements of output %d are not as defined "
                     "(first: element %zu)",
                     job->op->name, job->test->name, job->isa, place, input, wrong, i, at);
    }
    if (floats > 0 && arrived == 0 && must_arrive(job->op, input))
        fail_msg("%s/%s: NaN at element %zu of input %d is in no result", job->op->name, job->test->name, place, input);
    h->data[input][place] = before;
    graph_evaluate_free(h->graph, &expected);
}

static void goes_where_it_must(void **state)
{
    const struct job *job = *state;
    struct harness    h;
    fov_plan         *plan;

    harness_open(&h, job->op, job->test, job->isa, HARNESS_REAL, SEED);
    plan = fov_plan_create(h.graph, h.out, h.out_count, &(fov_plan_options){.training = job->test->training});
    if (!plan)
        fail_msg("%s/%s on %s: %s", job->op->name, job->test->name, job->isa, fov_error(h.context));
    for (int i = 0; i < h.in_count; i++)
        if (h.in[i].id && !h.known[i] && is_single(case_dtype(job->test, i)) && h.count[i] > 0)
            check_input(job, &h, plan, i);
    fov_plan_free(plan);
    harness_close(&h);
}

int main(int argc, char **argv)
{
    const char        *levels[8];
    int                level_count = harness_levels(levels), failed;
    struct CMUnitTest *tests = NULL;
    struct job        *jobs  = NULL;
    size_t             count = 0, capacity = 0;

    for (size_t o = 0; o < op_table_count; o++)
        for (const struct op_case *test = op_table[o]->cases; test && test->name; test++)
            capacity += (size_t)level_count;
    tests = calloc(capacity + 1, sizeof *tests);
    jobs  = calloc(capacity + 1, sizeof *jobs);
    for (size_t o = 0; o < op_table_count; o++)
        for (const struct op_case *test = op_table[o]->cases; test && test->name; test++)
            for (int l = 0; l < level_count; l++) {
                char name[256];

                if ((argc > 1 && strcmp(argv[1], op_table[o]->name) != 0) || is_ordering(op_table[o]))
                    continue;
                snprintf(name, sizeof name, "%s/%s NaN %s", op_table[o]->name, test->name, levels[l]);
                jobs[count]  = (struct job){op_table[o], test, levels[l]};
                tests[count] = (struct CMUnitTest){
                    .name = strdup(name), .test_func = goes_where_it_must, .initial_state = &jobs[count]};
                count++;
            }
    failed = _cmocka_run_group_tests("not finite", tests, count, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        free((void *)tests[i].name);
    free(tests);
    free(jobs);
    return failed;
}
