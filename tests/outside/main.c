/* SPDX-License-Identifier: MIT */
/* What a user's first program does: makes a context, builds a small graph, runs it, and sees a sentence for a mistake.
 * Not a test of the results' quality; that an installed fovea can be found, compiled against, linked and run. */
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>

static int fail(const char *what, fov_context *context)
{
    fprintf(stderr, "%s: %s\n", what, fov_error(context));
    return 1;
}

int main(void)
{
    fov_context *context = fov_context_create(NULL);
    if (context == NULL || fov_error_status(context) != FOV_OK) {
        return fail("context", context);
    }
    fov_graph *graph = fov_graph_create(context);
    fov_value  x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(2, 3));
    fov_value  y = fov_relu(graph, x);
    fov_plan  *plan = fov_plan_create(graph, &y, 1, NULL);
    if (plan == NULL) {
        return fail("plan", context);
    }
    float *in = fov_plan_data(plan, x);
    for (int i = 0; i < 6; i++) {
        in[i] = (float)i - 2.5F;
    }
    fov_plan_run(plan, 0);
    const float *out = fov_plan_data(plan, y);
    for (int i = 0; i < 6; i++) {
        float expected = (float)i - 2.5F > 0 ? (float)i - 2.5F : 0;
        if (fabsf(out[i] - expected) > 0) {
            fprintf(stderr, "relu: element %d is %g, not %g\n", i, (double)out[i], (double)expected);
            return 1;
        }
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    printf("fovea %s from outside: 6 numbers through relu\n", fov_version());
    fov_context_free(context);
    return 0;
}
