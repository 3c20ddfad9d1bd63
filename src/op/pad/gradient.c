/* SPDX-License-Identifier: MIT */
/* The gradient of pad: every element of dy goes back to the element of x that it came from; those of a constant frame
 * are dropped. In mode constant that cuts the frame off; in the other modes elements near the border add up several. */
#include "op/forward.h"
#include "op/pad/pad.h"

#include <string.h>

enum { DY, PADS, LIKE, AXES }; /* pads and axes are two ports apart, as in pad */

static int infer(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[LIKE].shape;
    return op_check_result(infer, DY, pad_infer, (const int[]){LIKE, PADS, -1, AXES}, 4);
}

static void gradient(struct op_gradient *gradient)
{
    struct pad_options options = *(const struct pad_options *)gradient->options;
    fov_value in[4] = {gradient->out_gradient[0], gradient->in[PADS]};
    options.value = 0;
    if (gradient->in_count > AXES) {
        in[PAD_AXES] = gradient->in[AXES];
    }
    if (gradient->wanted[DY]) {
        gradient->in_gradient[DY] = op_emit(gradient->emitter, "pad", in, 4, &options);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct pad_options *options = textbook->options;
    const struct op_textbook_tensor *dy = &textbook->in[DY], *dx = &textbook->out[0]; /* dx is zeroed by the caller */
    struct pad_range range[FOV_MAX_RANK];
    pad_resolve(&(struct index_source){.textbook = textbook}, options, PADS, &dx->shape, range, NULL);
    size_t count = op_count(&dy->shape);
    for (size_t i = 0; i < count; i++) {
        int64_t at[FOV_MAX_RANK];
        bool inside = true;
        index_coordinates(&dy->shape, i, at);
        for (int d = 0; d < dx->shape.rank; d++) {
            at[d] = pad_source(&range[d], options->mode, at[d]);
            inside = inside && at[d] >= 0;
        }
        if (inside) {
            dx->data[index_of(&dx->shape, at)] += dy->data[i];
        }
    }
}

/* ---- on the CPU -------------------------------------------------------------------------------------------------- */

struct gather_job {
    const struct op_run    *run;
    const struct pad_range *range;
    int                     order[FOV_MAX_RANK], first; /* dimensions in memory; those before `first` have no frame */
    size_t                  dy_size, dx_size;           /* elements behind `first` */
};

/* One index of the leading dimensions without a frame: adds its part of dy to dx, in order. */
static void gather_part(void *context, size_t part, int worker)
{
    (void)worker;
    const struct gather_job *job = context;
    const fov_shape *shape = &job->run->in[DY].shape;
    int mode = ((const struct pad_options *)job->run->options)->mode;
    const float *dy = (const float *)job->run->in[DY].data + part * job->dy_size;
    float *dx = (float *)job->run->out[0].data + part * job->dx_size;
    size_t stride[FOV_MAX_RANK];
    op_memory_strides(&job->run->out[0], stride);
    memset(dx, 0, job->dx_size * sizeof *dx);
    for (size_t i = 0; i < job->dy_size; i++) {
        size_t rest = i, to = 0;
        for (int k = shape->rank - 1; k >= job->first; k--) {
            int d = job->order[k];
            size_t size = (size_t)shape->dim[d];
            to += (size_t)pad_source(&job->range[d], mode, (int64_t)(rest % size)) * stride[d];
            rest /= size;
        }
        dx[to] += dy[i];
    }
}

static void run_constant(const struct op_run *run, const struct pad_range *range)
{
    const fov_shape *x = &run->out[0].shape;
    struct move move = {.element = sizeof(float)};
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    float zero = 0;
    move_fill(run, run->out[0].data, op_count(x), &zero, sizeof zero);
    move_strides(&run->in[DY], from);
    move_strides(&run->out[0], to);
    for (int d = 0; d < x->rank; d++) {
        int64_t before = range[d].before, behind = range[d].behind;
        int64_t length = x->dim[d] + (before < 0 ? before : 0) + (behind < 0 ? behind : 0);
        move.from_begin += (ptrdiff_t)(before > 0 ? before : 0) * from[d];
        move.to_begin += (ptrdiff_t)(before < 0 ? -before : 0) * to[d];
        move_loop(&move, (size_t)length, from[d], to[d]);
    }
    move_run(run, &move, run->in[DY].data, run->out[0].data);
}

static void run(const struct op_run *run)
{
    const struct pad_options *options = run->options;
    const fov_shape *x = &run->out[0].shape;
    struct pad_range range[FOV_MAX_RANK];
    pad_resolve(&(struct index_source){.run = run}, options, PADS, x, range, NULL);
    if (options->mode == PAD_CONSTANT) {
        run_constant(run, range);
        return;
    }
    struct gather_job job = {.run = run, .range = range, .dy_size = 1, .dx_size = 1};
    bool last = run->out[0].layout == OP_CHANNELS_LAST && x->rank >= 3;
    size_t parts = 1;
    for (int d = 0; d < x->rank; d++) {
        job.order[d] = !last || d == 0 ? d : d < x->rank - 1 ? d + 1 : 1;
    }
    while (job.first < x->rank && range[job.order[job.first]].before == 0 && range[job.order[job.first]].behind == 0) {
        parts *= (size_t)x->dim[job.order[job.first++]];
    }
    for (int k = job.first; k < x->rank; k++) {
        job.dy_size *= (size_t)run->in[DY].shape.dim[job.order[k]];
        job.dx_size *= (size_t)x->dim[job.order[k]];
    }
    pool_run(run->pool, gather_part, &job, parts);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[DY].dtype == FOV_F32;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = supports, .compile = compile};

static const struct pad_options frame = {{8, {0, 0, 1, -2, 0, 0, 2, 1}}, PAD_CONSTANT, 0},
                                mirror = {{8, {0, 0, 1, 2, 0, 0, 2, 1}}, PAD_REFLECT, 0};
static const struct op_case cases[] = {
    {.name = "constant", .in = {{4, {3, 2, 6, 3}}, {-1, {0}}, {4, {3, 2, 3, 4}}}, .in_count = 3, .options = &frame},
    {.name = "reflect", .in = {{4, {3, 2, 7, 7}}, {-1, {0}}, {4, {3, 2, 4, 4}}}, .in_count = 3, .options = &mirror},
    {0},
};

const struct op op_pad_gradient = {
    .name = "pad_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of pad: elements of the frame go back to where they came from.",
    .formula = "dx[j] = sum of dy[i] over all i that show x[j]",
    .in = (const struct op_port[]){
        {.name = "dy", .shape = "[before_i + size_i + behind_i]"},
        {.name = "pads", .shape = "[2 rank]: in place of the option", .optional = true, .plain = true, .values = true},
        {.name = "like", .shape = "[...]: the result's shape", .shape_only = true},
        {.name = "axes", .shape = "[k]", .optional = true, .plain = true, .values = true},
        {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as like"}, {0}},
    .attributes = pad_attributes,
    .options_size = sizeof(struct pad_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
