/* SPDX-License-Identifier: MIT */
/* Chooses how the weight gradient of a convolution is divided and how x is read; outer.c runs it. */
#include "op/conv/outer.h"

#include <stdio.h>

enum {
    UNIT_PIXELS = 1024,       /* pixels of a unit: 256 to 1024 are best (guides/CPU.md, section 4) */
    FEW_PIXELS = 256,         /* where units share no lines of a copy: then both sides stay in the first-level cache */
    TOGETHER = 128,           /* channels, and filters, of a thread's job: the more, the less often each side is read */
    LEAST_JOBS = 16,
    LEAST_PARTS = 8,
    PLAIN_CHANNELS = 32,      /* beyond, rows of x alias in the first-level cache and packing pays */
    SMALL_WEIGHT = 1 << 15,   /* floats of a weight up to which each chunk of pixels has its own partial sum; */
    POINT_WEIGHT = 1 << 18,   /* the same for one tap, if there are enough pixels to make up for adding the sums: */
    PART_PIXELS = 512,        /* so many for each of LEAST_PARTS sums */
    MAX_PARTS = 16
};

/** For a 1x1 kernel that visits every pixel: treats all lines of all images as one tall image. */
static void join_images(struct outer_plan *plan)
{
    struct window *window = &plan->window;
    for (int axis = 0; axis < 3; axis++) {
        if (window->kernel[axis] != 1 || window->stride[axis] != 1 || window->begin[axis] + window->end[axis] != 0) {
            return;
        }
    }
    window->in[1] = window->out[1] = (int64_t)plan->batch * window->in[0] * window->in[1];
    window->in[0] = window->out[0] = 1;
    plan->batch = 1;
}

/** Chooses the strides of the copy, or of x itself. */
static void lay_out(struct outer_plan *plan, size_t tile_rows)
{
    const struct window *window = &plan->window;
    size_t out_width = (size_t)window->out[2], stride = (size_t)window->stride[2];
    plan->left = (size_t)window->begin[2];
    /* A kernel one pixel wide reads every stride-th pixel: copy only those. */
    plan->column_step = plan->form == OUTER_BLOCKS && window->kernel[2] == 1 && plan->left == 0 ? stride : 1;
    plan->width = (out_width - 1) * (stride / plan->column_step) +
                  (size_t)((window->kernel[2] - 1) * window->dilation[2]) + 1;
    size_t there = size_divide_up((size_t)window->in[2], plan->column_step);
    size_t room = plan->width > plan->left ? plan->width - plan->left : 0;
    plan->copied = there < room ? there : room;
    if (plan->left > plan->width) {
        plan->left = plan->width;
    }
    plan->pixel = plan->form == OUTER_BLOCKS ? tile_rows : plan->channels;
    if (plan->form == OUTER_IN_PLACE) {
        plan->width = (size_t)window->in[2];
    }
    if (plan->form == OUTER_IN_PLACE || plan->packed_first) { /* whole images */
        plan->lines = (size_t)window->in[1];
        plan->planes = (size_t)window->in[0];
    } else { /* what one unit needs */
        plan->lines = (plan->unit_lines - 1) * (size_t)window->stride[1] +
                      (size_t)((window->kernel[1] - 1) * window->dilation[1]) + 1;
        plan->planes = (size_t)window->kernel[0];
    }
    plan->line = plan->width * plan->pixel;
    plan->plane = plan->lines * plan->line;
    plan->block = plan->planes * plan->plane;
    plan->image = plan->form == OUTER_BLOCKS ? plan->groups * plan->blocks * plan->block : plan->block;
    plan->x_floats = plan->form == OUTER_IN_PLACE ? 0 : plan->image * (plan->packed_first ? plan->batch : 1);
    size_t pixels = plan->packed_first ? plan->batch * (size_t)window_out_pixels(window)
                                       : plan->unit_lines * out_width;
    plan->dy_floats = plan->groups * pixels * plan->padded_filters;
}

struct outer_plan conv_outer_plan(const struct kernel_table *kernel, const struct conv_geometry *geometry)
{
    struct outer_plan plan = {.window = geometry->window,
                              .batch = (size_t)geometry->batch,
                              .channels = (size_t)geometry->channels,
                              .filters = (size_t)geometry->filters,
                              .groups = (size_t)geometry->groups,
                              .group_channels = (size_t)geometry->group_channels,
                              .group_filters = (size_t)geometry->group_filters};
    join_images(&plan);
    const struct window *window = &plan.window;
    size_t kernel_width = (size_t)window->kernel[2];
    plan.padded_filters = kernel_padded_filters(kernel, plan.group_filters);
    plan.panels = size_divide_up(plan.group_filters, kernel->panel_columns);
    plan.part_floats = plan.groups * (size_t)geometry->taps * plan.group_channels * plan.padded_filters;
    size_t out_pixels = plan.batch * (size_t)window_out_pixels(window);
    bool pointwise = geometry->taps == 1 && plan.part_floats <= POINT_WEIGHT && out_pixels >= PART_PIXELS * LEAST_PARTS;
    plan.packed_first = plan.part_floats > SMALL_WEIGHT && !pointwise;
    plan.collapsed = !plan.packed_first && plan.groups == 1 && window->dilation[2] == 1 && kernel_width > 1 &&
                     plan.channels <= PLAIN_CHANNELS;
    bool pads_width = window->begin[2] + window->end[2] > 0;
    plan.form = !plan.collapsed ? OUTER_BLOCKS : pads_width ? OUTER_PADDED : OUTER_IN_PLACE;
    plan.taps = plan.collapsed ? (size_t)geometry->taps / kernel_width : (size_t)geometry->taps;
    plan.columns = plan.collapsed ? kernel_width * plan.group_channels : plan.group_channels;
    plan.blocks = size_divide_up(plan.columns, kernel->tile_rows);
    plan.blocks_together = size_divide_up(TOGETHER, kernel->tile_rows);
    plan.panels_together = size_divide_up(TOGETHER, kernel->panel_columns);
    while (plan.panels_together * plan.blocks_together > 1 &&
           size_divide_up(plan.blocks, plan.blocks_together) * size_divide_up(plan.panels, plan.panels_together) *
                   plan.groups <
               LEAST_JOBS) {
        size_t *larger = plan.panels_together > 1 ? &plan.panels_together : &plan.blocks_together;
        *larger = size_divide_up(*larger, 2);
    }

    size_t height = (size_t)window->out[1];
    bool few = geometry->taps == 1 || plan.packed_first;
    plan.unit_lines = size_divide_up(few ? FEW_PIXELS : UNIT_PIXELS, (size_t)window->out[2]);
    plan.unit_lines = plan.unit_lines > height ? height : plan.unit_lines;
    plan.line_units = size_divide_up(height, plan.unit_lines);
    plan.units = plan.batch * (size_t)window->out[0] * plan.line_units;
    plan.parts = plan.packed_first ? 1 : plan.units < MAX_PARTS ? plan.units : MAX_PARTS;
    if (pointwise && plan.part_floats > SMALL_WEIGHT && plan.parts > LEAST_PARTS) {
        plan.parts = plan.part_floats > POINT_WEIGHT / 4 ? LEAST_PARTS : plan.parts;
    }
    lay_out(&plan, kernel->tile_rows);
    plan.copy_floats = plan.dy_floats + plan.x_floats;
    return plan;
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_weight_geometry(&geometry, compile);
    if (status == 0) {
        *(struct outer_plan *)state = conv_outer_plan(compile->kernel, &geometry);
    }
    return status;
}

int conv_outer_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    struct outer_plan plan = conv_outer_plan(compile->kernel, geometry);
    size_t copies = plan.copy_floats * sizeof(float), sums = plan.parts * plan.part_floats * sizeof(float);
    compile->run = conv_outer_run;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->scratch = sums + (plan.packed_first ? copies : 0);
    compile->scratch_per_worker = plan.packed_first ? 0 : copies;
    if (op_comes_as_rows(compile, 0)) {
        compile->scratch_per_worker += (size_t)plan.window.in[2] * plan.channels * sizeof(float);
    }
    snprintf(compile->detail, sizeof compile->detail, "outer products, %s",
             plan.packed_first           ? "packed, split over the weight"
             : plan.form == OUTER_BLOCKS ? "packed blocks"
             : plan.form == OUTER_PADDED ? "padded rows"
                                         : "rows in place");
    return 0;
}
