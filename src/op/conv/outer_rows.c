/* SPDX-License-Identifier: MIT */
/* The weight gradient of a convolution on bfloat16 tiles: outer products of unpacked rows of x and dy, tap by tap.
 * op/outer_rows.h does the work; this file tells it where the rows of x lie. Read outer.h for the same sum on other
 * instruction sets. */
#include "op/conv/outer.h"
#include "op/outer_rows.h"

#include <stdio.h>

struct rows_plan {
    struct outer_rows_plan outer;
    struct window window;
    size_t channels; /**< of all groups together */
    bool   in_order; /**< one tap that meets every pixel: row p is pixel p */
};

static bool make_plan(struct rows_plan *plan, const struct op_compile *compile, const struct conv_geometry *geometry)
{
    *plan = (struct rows_plan){.window = geometry->window,
                               .channels = (size_t)geometry->channels,
                               .in_order = conv_is_pointwise(&geometry->window),
                               .outer = {.pixels = (size_t)(geometry->batch * geometry->out_pixels),
                                         .groups = (size_t)geometry->groups,
                                         .channels = (size_t)geometry->group_channels,
                                         .filters = (size_t)geometry->group_filters,
                                         .taps = (size_t)geometry->taps}};
    return outer_rows_plan(&plan->outer, compile->kernel, op_comes_as_rows(compile, 0));
}

static void find_in_order(const struct op_run *run, size_t first, size_t count, size_t tap, float *workspace,
                          const float **rows)
{
    const struct rows_plan *plan = run->state;
    const float *x = op_rows(run, 0, first, count, workspace);
    (void)tap;
    for (size_t i = 0; i < count; i++) {
        rows[i] = x + i * plan->channels;
    }
}

static void find_in_window(const struct op_run *run, size_t first, size_t count, size_t tap, float *workspace,
                           const float **rows)
{
    const struct rows_plan *plan = run->state;
    const struct window *window = &plan->window;
    int64_t kx = (int64_t)tap % window->kernel[2], ky = (int64_t)tap / window->kernel[2] % window->kernel[1];
    int64_t kz = (int64_t)tap / window->kernel[2] / window->kernel[1];
    size_t image_pixels = (size_t)window_in_pixels(window);
    (void)workspace;
    for (size_t i = 0; i < count;) {
        /* Pixels up to the end of the line. */
        size_t line = (first + i) / (size_t)window->out[2];
        int64_t x = (int64_t)((first + i) % (size_t)window->out[2]), y = (int64_t)(line % (size_t)window->out[1]);
        size_t plane = line / (size_t)window->out[1], image = plane / (size_t)window->out[0];
        int64_t z = window_meets(window, 0, (int64_t)(plane % (size_t)window->out[0]), kz);
        const float *from = (const float *)run->in[0].data + image * image_pixels * plan->channels;
        y = window_meets(window, 1, y, ky);
        for (; x < window->out[2] && i < count; x++, i++) {
            int64_t pixel = window_pixel(window->in, z, y, window_meets(window, 2, x, kx));
            rows[i] = pixel < 0 ? NULL : from + (size_t)pixel * plan->channels;
        }
    }
}

static void run_rows(const struct op_run *run)
{
    const struct rows_plan *plan = run->state;
    outer_rows_run(run, &plan->outer, plan->in_order ? find_in_order : find_in_window);
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_weight_geometry(&geometry, compile);
    if (status == 0) {
        make_plan(state, compile, &geometry);
    }
    return status;
}

bool conv_outer_rows_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    struct rows_plan plan;
    if (!make_plan(&plan, compile, geometry)) {
        return false;
    }
    compile->run = run_rows;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->scratch = plan.outer.scratch_floats * sizeof(float);
    compile->scratch_per_worker = plan.outer.worker_floats * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "outer products of rows on tiles, pieces of %zu x %zu, %zu parts",
             plan.outer.filter_part, plan.outer.channel_part, plan.outer.pixel_parts);
    return true;
}
