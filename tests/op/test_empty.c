/* SPDX-License-Identifier: MIT */
/* Tensors without elements. Every case of every operator is repeated with each dimension of each input set to zero:
 * alone, and together with all others of that size (so that N, C or a spatial size becomes zero in all inputs that
 * share it). Either the shape rule refuses with a sentence, or the plans of every ISA level agree with the definition,
 * forwards and backwards. Whether the definition is ONNX's is tested elsewhere: test_onnx_corners and the conformance
 * data. */
#include "harness.h"
#include "support/near.h"

#include "tensor/convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 5 };

/* Which dimensions of a case are set to zero. */
struct hole {
    int  input, axis;
    bool everywhere; /* and so are all dimensions of the same size, in all inputs */
};

static struct op_case with_hole(const struct op_case *test, const struct hole *hole)
{
    struct op_case changed = *test;
    uint16_t       size    = test->in[hole->input].dim[hole->axis];

    changed.in[hole->input].dim[hole->axis] = 0;
    for (int i = 0; hole->everywhere && i < test->in_count; i++)
        for (int d = 0; d < test->in[i].rank; d++)
            if (test->in[i].dim[d] == size)
                changed.in[i].dim[d] = 0;
    return changed;
}

/* "x0 [3, 0, 4], x1 [2]" */
static const char *shapes_of(const struct op_case *test, char text[1024])
{
    size_t used = 0;

    text[0] = 0;
    for (int i = 0; i < test->in_count; i++) {
        fov_shape shape = case_shape(test, i);
        char      sizes[SHAPE_TEXT_SIZE];

        used += (size_t)snprintf(text + used, 1024 - used, "%s%s", i ? ", " : "", shape_text(&shape, sizes));
    }
    return text;
}

static void compare(const struct harness *h, const char *isa, const char *what, int output, fov_value value,
                    const fov_plan *plan, const struct evaluation *expected)
{
    fov_dtype    dtype = fov_value_dtype(h->graph, value);
    size_t       count = shape_span(&expected->shapes[value.id], 0, expected->shapes[value.id].rank);
    double      *got   = calloc(count + 1, sizeof *got);
    const double *wanted = expected->data[value.id];
    fov_shape     planned = fov_plan_shape(plan, value);
    char          shapes[1024], sizes[SHAPE_TEXT_SIZE];

    if (!shape_equal(&planned, &expected->shapes[value.id]))
        fail_msg("%s/%s of %s on %s, %s %d: %s in the plan, not the definition's shape", h->op->name, h->test->name,
                 shapes_of(h->test, shapes), isa, what, output, shape_text(&planned, sizes));
    if (count > 0)
        convert_to_double(dtype, fov_plan_data((fov_plan *)plan, value), got, count);
    size_t i = first_not_near(got, wanted, count, (struct near_bound){.relative = 4e-5, .absolute = 4e-5});
    if (i < count)
        fail_msg("%s/%s of %s on %s, %s %d, element %zu: %.9g, expected %.9g", h->op->name, h->test->name,
                 shapes_of(h->test, shapes), isa, what, output, i, got[i], wanted[i]);
    free(got);
}

/* Computes the values by definition and by a plan, and compares them. */
static void check(struct harness *h, const char *isa, const char *what, const fov_value *values, int count)
{
    int               ids[10];
    struct evaluation expected;
    fov_plan         *plan;
    char              shapes[1024];

    for (int i = 0; i < count; i++)
        ids[i] = values[i].id;
    expected = harness_evaluate(h, ids, count);
    plan = fov_plan_create(h->graph, values, count, &(fov_plan_options){.training = h->test->training});
    if (!plan)
        fail_msg("%s/%s of %s on %s, %s: %s", h->op->name, h->test->name, shapes_of(h->test, shapes), isa, what,
                 fov_error(h->context));
    harness_fill(h, plan);
    harness_run(plan);
    for (int i = 0; i < count; i++)
        compare(h, isa, what, i, values[i], plan, &expected);
    fov_plan_free(plan);
    graph_evaluate_free(h->graph, &expected);
}

static void check_gradients(struct harness *h, const char *isa)
{
    fov_value loss = harness_loss(h), targets[10], gradients[10];
    int       count = 0, found = 0;
    char      shapes[1024];

    for (int i = 0; i < h->in_count; i++)
        if (h->in[i].id && !h->known[i] && case_dtype(h->test, i) == FOV_F32)
            targets[count++] = h->in[i];
    if (!loss.id || !count)
        return;
    if (fov_gradient(h->graph, loss, targets, count, gradients))
        fail_msg("%s/%s of %s: %s", h->op->name, h->test->name, shapes_of(h->test, shapes), fov_error(h->context));
    for (int i = 0; i < count; i++)
        if (gradients[i].id)
            gradients[found++] = gradients[i];
    if (found)
        check(h, isa, "gradient", gradients, found);
}

/* Returns whether the shape rule accepts the case. */
static bool try_hole(const struct op *op, const struct op_case *test, const char *isa, bool gradients)
{
    struct harness h;
    bool           taken = harness_try(&h, op, test, isa, SEED);

    if (taken) {
        check(&h, isa, "output", h.out, h.out_count);
        if (gradients)
            check_gradients(&h, isa);
    } else {
        assert_true(strlen(fov_error(h.context)) > strlen(op->name) + 10);
    }
    harness_close(&h);
    return taken;
}

static void holes_of_case(const struct op *op, const struct op_case *test, const char **levels, int level_count)
{
    for (int i = 0; i < test->in_count; i++) {
        for (int d = 0; d < test->in[i].rank; d++) {
            for (int everywhere = 0; everywhere < 2; everywhere++) {
                struct hole    hole    = {i, d, everywhere};
                struct op_case changed = with_hole(test, &hole);
                bool           taken   = true;
                struct hole    alone   = {i, d, false};
                struct op_case other   = with_hole(test, &alone);

                if (everywhere && memcmp(changed.in, other.in, sizeof other.in) == 0)
                    continue;
                for (int l = 0; l < level_count && taken; l++)
                    taken = try_hole(op, &changed, levels[l],
                                     op->gradient && !test->no_gradient && l == level_count - 1);
            }
        }
    }
}

static void holes_of_operator(void **state)
{
    const struct op *op = *state;
    const char      *levels[8];
    int              level_count = harness_levels(levels);

    for (const struct op_case *test = op->cases; test && test->name; test++)
        holes_of_case(op, test, levels, level_count);
}

int main(int argc, char **argv)
{
    struct CMUnitTest *tests = calloc(op_table_count, sizeof *tests);
    size_t             count = 0;

    for (size_t o = 0; o < op_table_count; o++)
        if (op_table[o]->family != OP_GRADIENT && /* gradients are tested with the operators that they belong to */
            (argc < 2 || strcmp(argv[1], op_table[o]->name) == 0)) /* ./test_op_empty conv */
            tests[count++] = (struct CMUnitTest){.name          = op_table[o]->name,
                                                 .test_func     = holes_of_operator,
                                                 .initial_state = (void *)op_table[o]};
    int failed = _cmocka_run_group_tests("empty", tests, count, NULL, NULL);
    free(tests);
    return failed;
}
