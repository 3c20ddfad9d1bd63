/* SPDX-License-Identifier: MIT */
/* Gradients of gradients: the penalty of WGAN-GP (Gulrajani et al. 2017, equation 3) on a small convolutional critic,
 * here the sum over samples of (|d critic / d x| - 1)^2, differentiated by every parameter. By definition it equals
 * central differences in double; the plan equals the definition. */
#include "graph/graph.h"
#include <fovea/operators.h>
#include <fovea/plan.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 3, PIXELS = 2 * 6 * 6 };

/* Smooth everywhere, so that central differences are accurate: tanh and softplus rather than relu. */
static fov_value build_critic(fov_graph *g, fov_value x)
{
    x = fov_tanh(g, fov_conv2d(g, x, .filters = 3, .kernel = 3, .pad = 1, .stride = 2, .name = "c1"));
    x = fov_softplus(g, fov_conv2d(g, x, .filters = 2, .kernel = 2, .name = "c2"));
    return fov_dense(g, fov_flatten(g, x), .units = 1, .name = "score");
}

/* (|g_n| - 1)^2 summed over the samples n, where g_n is the gradient of the scores by sample n. */
static fov_value build_penalty(fov_graph *g, fov_value x)
{
    const struct op_emitter *e    = fov_graph_emitter(g);
    fov_value                none = {0}, zero = op_emit_scalar(e, none, 0), one = op_emit_scalar(e, none, 1), slope, norm;
    fov_value rows = fov_constant(g, NULL, FOV_F32, (fov_shape)FOV_SHAPE(SAMPLES, 1), (float[SAMPLES]){0});
    fov_value                sum  = op_emit2(e, "sum_to", build_critic(g, x), zero, NULL);

    assert_int_equal(fov_gradient(g, sum, &x, 1, &slope), FOV_OK);
    slope = fov_flatten(g, fov_mul(g, slope, slope));
    norm  = fov_sqrt(g, op_emit2(e, "sum_to", slope, rows, NULL));
    norm  = fov_sub(g, norm, one);
    return op_emit2(e, "sum_to", fov_mul(g, norm, norm), zero, NULL);
}

static double evaluate(fov_graph *g, fov_value what, fov_value x, const double *pixels, fov_value other,
                       const double *values, double *out, size_t count)
{
    const double    **given = calloc(g->value_count, sizeof *given);
    struct evaluation result;
    double            first;

    given[x.id]     = pixels;
    given[other.id] = values;
    assert_int_equal(graph_evaluate(g, &what.id, 1, SAMPLES, true, 0, given, &result), FOV_OK);
    first = result.data[what.id][0];
    if (out)
        memcpy(out, result.data[what.id], count * sizeof *out);
    graph_evaluate_free(g, &result);
    free(given);
    return first;
}

static void check_parameter(fov_graph *g, fov_value penalty, fov_value x, const double *pixels, fov_value parameter,
                            fov_value gradient, fov_plan *plan)
{
    fov_shape    shape  = fov_value_shape(g, parameter);
    size_t       count  = shape_span(&shape, 0, shape.rank);
    float       *start  = calloc(count, sizeof *start);
    double      *values = calloc(count, sizeof *values), *slope = calloc(count, sizeof *slope);
    const float *fast   = fov_plan_data(plan, gradient);

    assert_int_equal(fov_parameter_get(g, parameter, start, count * sizeof *start), FOV_OK);
    for (size_t i = 0; i < count; i++)
        values[i] = start[i];
    evaluate(g, gradient, x, pixels, parameter, values, slope, count);
    for (size_t i = 0; i < count; i++) {
        const double step = 1e-5;
        double       above, below;

        values[i] += step;
        above = evaluate(g, penalty, x, pixels, parameter, values, NULL, 0);
        values[i] -= 2 * step;
        below = evaluate(g, penalty, x, pixels, parameter, values, NULL, 0);
        values[i] += step;
        if (!(fabs((above - below) / (2 * step) - slope[i]) <= 1e-7 * fmax(1.0, fabs(slope[i]))))
            fail_msg("%s[%zu]: %.10g by nodes, %.10g by differences", fov_value_name(g, parameter), i, slope[i],
                     (above - below) / (2 * step));
        if (!(fabs(fast[i] - slope[i]) <= 2e-5 * fmax(1.0, fabs(slope[i]))))
            fail_msg("%s[%zu]: %.9g in the plan, %.9g by definition", fov_value_name(g, parameter), i, (double)fast[i],
                     slope[i]);
    }
    free(start);
    free(values);
    free(slope);
}

static void gradient_penalty(void **state)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 5});
    fov_graph   *g       = fov_graph_create(context);
    fov_value    x       = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 2, 6, 6));
    fov_value    penalty, parameters[8], gradients[8], known[8];
    double       pixels[SAMPLES * PIXELS];
    int          count, found = 0;
    fov_plan    *plan;

    (void)state;
    penalty = build_penalty(g, x);
    count   = fov_parameter_count(g);
    for (int i = 0; i < count; i++)
        parameters[i] = fov_parameter_at(g, i);
    if (fov_gradient(g, penalty, parameters, count, gradients))
        fail_msg("%s", fov_error(context));
    for (int i = 0; i < count; i++) /* the slope does not depend on the score's bias, which has no gradient */
        if (gradients[i].id) {
            parameters[found] = parameters[i];
            known[found++]    = gradients[i];
        }
    assert_int_equal(found, 5);
    plan = fov_plan_create(g, known, found, &(fov_plan_options){.batch = SAMPLES});
    if (!plan)
        fail_msg("%s", fov_error(context));
    for (size_t i = 0; i < SAMPLES * PIXELS; i++) {
        float value = (float)random_normal((struct random_key){5, RANDOM_TEST, 1}, i);

        pixels[i]                             = value;
        ((float *)fov_plan_data(plan, x))[i] = value;
    }
    fov_plan_run(plan, 0);
    for (int i = 0; i < found; i++)
        check_parameter(g, penalty, x, pixels, parameters[i], known[i], plan);
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradient_penalty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
