/* SPDX-License-Identifier: MIT */
/* Taps of a kernel that meet no pixel, because the picture is smaller than its border: the gradient of their weights is
 * exactly zero, not the rounding error of a transformed sum, which an optimiser that divides by the gradient's size
 * would turn into full steps. */
#include <fovea/fovea.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BATCH = 16 };

struct form {
    int channels, filters, kernel, pad, height, width;
    bool is_pooled;
};

/* Whether a tap meets one of `in` pixels at any of `out` positions of the kernel. */
static bool meets(int tap, int pad, int out, int in)
{
    return out - 1 + tap - pad >= 0 && tap - pad < in;
}

static void check(const struct form *form, const fov_rates *rates)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3, .rates = rates});
    fov_graph *g = fov_graph_create(context);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, form->channels, form->height, form->width));
    fov_value y = fov_conv2d(g, x, .filters = form->filters, .kernel = form->kernel, .pad = form->pad, .no_bias = true);
    fov_value weight = fov_parameter_at(g, 0), gradient;
    int taps = form->kernel * form->kernel, idle = 0, busy = 0;
    int height = form->height + 2 * form->pad - form->kernel + 1,
        width = form->width + 2 * form->pad - form->kernel + 1;

    if (form->is_pooled) {
        y = fov_max_pool2d(g, y, .kernel = 2, .stride = 2);
        height = height / 2 * 2;
        width = width / 2 * 2;
    }
    assert_int_equal(fov_gradient(g, fov_reduce_mean_opt(g, fov_mul(g, y, y), NULL), &weight, 1, &gradient), FOV_OK);
    fov_plan *plan = fov_plan_create(g, &gradient, 1, &(fov_plan_options){.batch = BATCH, .training = true});
    if (!plan)
        fail_msg("%s", fov_error(context));
    float *pixels = fov_plan_data(plan, x);
    for (size_t i = 0; i < fov_plan_bytes(plan, x) / sizeof *pixels; i++)
        pixels[i] = (float)sin(1.3 * (double)i);
    fov_plan_run(plan, 0);
    const float *found = fov_plan_data(plan, gradient);
    for (int i = 0; i < form->filters * form->channels * taps; i++) {
        int tap = i % taps;
        bool is_idle = !meets(tap / form->kernel, form->pad, height, form->height) ||
                       !meets(tap % form->kernel, form->pad, width, form->width);
        idle += is_idle;
        busy += !is_idle && found[i] != 0.0F;
        if (is_idle && found[i] != 0.0F)
            fail_msg("%d x %d, %d channels: tap %d meets no pixel, and its gradient is %g", form->kernel, form->kernel,
                     form->channels, tap, (double)found[i]);
    }
    assert_true(idle > 0);
    assert_true(busy > (form->filters * form->channels * taps - idle) / 2); /* or the zeros would say nothing */
    fov_plan_free(plan);
    fov_graph_free(g);
    fov_context_free(context);
}

static void idle_taps(void **state)
{
    static const struct form forms[] = {{5, 5, 5, 2, 2, 2, true},    {5, 5, 5, 2, 2, 2, false},
                                        {6, 16, 5, 2, 3, 3, true},   {48, 64, 5, 2, 2, 2, false},
                                        {48, 64, 3, 1, 1, 1, false}, {48, 64, 3, 1, 1, 4, false},
                                        {8, 8, 5, 2, 2, 3, true}};

    /* Products take all the time: transformed sums are chosen wherever there is such a form. */
    static const fov_rates dear_products = {.products = 1.0, .transform = 1e30, .memory = 1e30, .wake = 1e-30};

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        check(&forms[i], NULL);
        check(&forms[i], &dear_products);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(idle_taps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
