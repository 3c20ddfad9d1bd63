/* SPDX-License-Identifier: MIT */
/* The same operators on channels-last data: every case with an image among its inputs is run once more by a plan whose
 * inputs are filled in N, H, W, C order, and must equal the textbook. (test_operators.c fills them in plain order, so
 * that operators which keep their input's layout never see channels-last data there.) */
#include "harness.h"
#include "support/near.h"

#include "tensor/convert.h"

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
};

/* [N][C][pixels] to [N][pixels][C]. */
static double *to_channels_last(const fov_shape *shape, const double *plain)
{
    size_t samples = (size_t)shape->dim[0], channels = (size_t)shape->dim[1];
    size_t pixels = shape_span(shape, 2, shape->rank), i = 0;
    double *moved = calloc(samples * channels * pixels + 1, sizeof *moved);
    for (size_t n = 0; n < samples; n++) {
        for (size_t c = 0; c < channels; c++) {
            for (size_t p = 0; p < pixels; p++) {
                moved[(n * pixels + p) * channels + c] = plain[i++];
            }
        }
    }
    return moved;
}

static void fill(const struct harness *h, fov_plan *plan)
{
    for (int i = 0; i < h->in_count; i++) {
        void *data = h->in[i].id ? fov_plan_data(plan, h->in[i]) : NULL;
        if (data == NULL) {
            continue;
        }
        fov_shape shape = case_shape(h->test, i);
        if (shape.rank == 4) { /* others stay plain: only images can come channels-last */
            double *moved = to_channels_last(&shape, h->data[i]);
            convert_from_double(case_dtype(h->test, i), moved, data, h->count[i]);
            free(moved);
        } else {
            convert_from_double(case_dtype(h->test, i), h->data[i], data, h->count[i]);
        }
    }
}

static void channels_last_equals_textbook(void **state)
{
    const struct job *job = *state;
    struct harness h;
    const char *levels[8];
    int ids[8], level_count = harness_levels(levels);

    harness_open(&h, job->op, job->test, levels[level_count - 1], HARNESS_REAL, SEED);
    for (int i = 0; i < h.out_count; i++) {
        ids[i] = h.out[i].id;
    }
    struct evaluation expected = harness_evaluate(&h, ids, h.out_count);
    fov_plan *plan = fov_plan_create(
        h.graph, h.out, h.out_count,
        &(fov_plan_options){.training = job->test->training, .channels_last = h.in, .channels_last_count = h.in_count});
    if (plan == NULL) {
        fail_msg("%s/%s: %s", job->op->name, job->test->name, fov_error(h.context));
    }
    fill(&h, plan);
    harness_run(plan);
    for (int i = 0; i < h.out_count; i++) {
        size_t count = shape_span(&expected.shapes[ids[i]], 0, expected.shapes[ids[i]].rank);
        const double *wanted = expected.data[ids[i]];
        double *got = calloc(count + 1, sizeof *got);
        convert_to_double(fov_value_dtype(h.graph, h.out[i]), fov_plan_data(plan, h.out[i]), got, count);
        size_t k = first_not_near(got, wanted, count, (struct near_bound){.relative = 1e-5, .share = 1e-6});
        if (k < count) {
            fail_msg("%s/%s, output %d, element %zu of %zu: %.9g, expected %.9g", job->op->name, job->test->name, i, k,
                     count, got[k], wanted[k]);
        }
        free(got);
    }
    fov_plan_free(plan);
    graph_evaluate_free(h.graph, &expected);
    harness_close(&h);
}

static bool has_image(const struct op_case *test)
{
    for (int i = 0; i < test->in_count; i++) {
        if (test->in[i].rank == 4) {
            return true;
        }
    }
    return false;
}

int main(void)
{
    enum { MOST = 2000 };
    static struct CMUnitTest tests[MOST];
    static struct job jobs[MOST];
    static char names[MOST][160];
    size_t count = 0;
    for (size_t i = 0; i < op_table_count; i++) {
        for (const struct op_case *test = op_table[i]->cases; test->name != NULL; test++) {
            if (has_image(test)) {
                if (count == MOST) {
                    fprintf(stderr, "more than %d cases: raise MOST\n", MOST);
                    return 1;
                }
                jobs[count] = (struct job){op_table[i], test};
                snprintf(names[count], sizeof names[count], "%s/%s", op_table[i]->name, test->name);
                tests[count] = (struct CMUnitTest){
                    .name = names[count], .test_func = channels_last_equals_textbook, .initial_state = &jobs[count]};
                count++;
            }
        }
    }
    return _cmocka_run_group_tests("layouts", tests, count, NULL, NULL);
}
