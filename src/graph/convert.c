/* SPDX-License-Identifier: MIT */
/* Operators that occur in plans but never in a graph: changing the layout of a tensor, copying one, and storing the
 * result of a deferred step (defer.c). They have the form of operators, so that the rest of the plan need not treat
 * them specially. */
#include "base/size.h"
#include "graph/plan.h"

#include <stdio.h>
#include <string.h>

/* One sample is a matrix [C, pixels] in plain order and [pixels, C] in channels-last: a transposition. */
struct matrix {
    size_t samples, channels, pixels;
    size_t block, blocks; /* pixels that are one task, tasks per sample */
};

static struct matrix matrix_of(const fov_shape *shape)
{
    enum { TASK = 1 << 16 /* elements: some ten microseconds */ };
    struct matrix m = {(size_t)shape->dim[0], (size_t)shape->dim[1], shape_span(shape, 2, shape->rank), 0, 0};

    m.block  = TASK / (m.channels + 1) / 64 * 64 + 64;
    m.blocks = size_divide_up(m.pixels, m.block);
    return m;
}

static void transpose_floats(void *context, size_t task, int worker)
{
    const struct op_run *run    = context;
    struct matrix        m      = matrix_of(&run->in[0].shape);
    size_t               sample = task / m.blocks, first = task % m.blocks * m.block;
    size_t               pixels = m.pixels - first < m.block ? m.pixels - first : m.block;
    bool                 last   = run->out[0].layout == OP_CHANNELS_LAST;
    size_t               stride = op_pixel_stride(last ? &run->out[0] : &run->in[0]);
    size_t plain = sample * m.channels * m.pixels + first, by_pixel = (sample * m.pixels + first) * stride;
    const float         *in  = (const float *)run->in[0].data + (last ? plain : by_pixel);
    float               *out = (float *)run->out[0].data + (last ? by_pixel : plain);

    (void)worker;
    if (last)
        run->kernel->transpose(m.channels, pixels, in, m.pixels, out, stride);
    else
        run->kernel->transpose(pixels, m.channels, in, stride, out, m.pixels);
}

/* Copies from a tensor that is some channels of a wider one, pixel by pixel. */
static void gather_floats(void *context, size_t task, int worker)
{
    const struct op_run *run    = context;
    struct matrix        m      = matrix_of(&run->in[0].shape);
    size_t sample = task / m.blocks, first = task % m.blocks * m.block, stride = op_pixel_stride(&run->in[0]);
    size_t               end = first + m.block < m.pixels ? first + m.block : m.pixels;
    const float         *in  = (const float *)run->in[0].data + (sample * m.pixels + first) * stride;
    float               *out = (float *)run->out[0].data + (sample * m.pixels + first) * m.channels;

    (void)worker;
    for (; first < end; first++, in += stride, out += m.channels)
        memcpy(out, in, m.channels * sizeof *out);
}

/* ---- batch-innermost --------------------------------------------------------------------------------------------- */

/* A group of images is a matrix [images, elements] in the other two layouts and [elements, images] in this one: a
 * transposition, in `runs` runs of `length` elements that are contiguous in the other layout. */
struct group {
    size_t runs, length;
    size_t run, image; /* elements from run to run and from image to image, in the other layout */
    size_t here_run;   /* elements from run to run, batch-innermost */
};

static struct group group_of(const struct op_tensor *other, const struct matrix *m, size_t pixels, size_t lanes)
{
    size_t channels = m->channels, stride = other->layout == OP_PLAIN ? channels : op_pixel_stride(other);

    if (stride != channels) /* some channels of a wider tensor */
        return (struct group){pixels, channels, stride, m->pixels * stride, channels * lanes};
    return (struct group){1, pixels * channels, 0, m->pixels * channels, 0};
}

enum { IMAGES_TASK = 1 << 12 /* elements: few, so that there is a task for every thread */ };

/* Cuts the work into tasks of some pixels of one group of images each. */
static struct matrix groups_of(const struct op_run *run)
{
    struct matrix m = matrix_of(&run->in[0].shape);

    m.samples /= run->kernel->vector_floats;
    m.block  = IMAGES_TASK / (m.channels * run->kernel->vector_floats + 1) + 1;
    m.blocks = size_divide_up(m.pixels, m.block);
    return m;
}

static void transpose_images(void *context, size_t task, int worker)
{
    const struct op_run    *run   = context;
    struct matrix           m     = groups_of(run);
    size_t                  lanes = run->kernel->vector_floats, first = task % m.blocks * m.block;
    size_t                  pixels = m.pixels - first < m.block ? m.pixels - first : m.block;
    bool                    here   = run->out[0].layout == OP_BATCH_INNERMOST;
    const struct op_tensor *other = here ? &run->in[0] : &run->out[0], *images = here ? &run->out[0] : &run->in[0];
    struct group            group = group_of(other, &m, pixels, lanes);
    size_t pixel_step = other->layout == OP_PLAIN ? m.channels : op_pixel_stride(other), number = task / m.blocks;
    float *there = (float *)other->data + number * lanes * group.image + first * pixel_step;
    float *lane  = (float *)images->data + (number * m.pixels + first) * m.channels * lanes;

    (void)worker;
    for (size_t i = 0; i < group.runs; i++, there += group.run, lane += group.here_run)
        if (here)
            run->kernel->transpose(lanes, group.length, there, group.image, lane, lanes);
        else
            run->kernel->transpose(group.length, lanes, lane, lanes, there, group.image);
}

/* Between batch-innermost and plain with several channels: tasks are whole channels of a group, which are contiguous
 * in each image, so that images are read and written in long runs. In between, in a worker's scratch, they are
 * [channel][pixel][image]. */
static struct matrix channels_of(const struct op_run *run)
{
    struct matrix m = matrix_of(&run->in[0].shape);

    m.samples /= run->kernel->vector_floats;
    m.block  = IMAGES_TASK / (m.pixels * run->kernel->vector_floats + 1) + 1;
    m.blocks = size_divide_up(m.channels, m.block);
    return m;
}

static void copy_lanes(const struct matrix *m, size_t channels, size_t lanes, float *by_pixel, float *by_channel,
                       bool to_pixels)
{
    for (size_t p = 0; p < m->pixels; p++)
        for (size_t c = 0; c < channels; c++) {
            float *pixel = by_pixel + (p * m->channels + c) * lanes,
                  *channel = by_channel + (c * m->pixels + p) * lanes;

            memcpy(to_pixels ? pixel : channel, to_pixels ? channel : pixel, lanes * sizeof *pixel);
        }
}

static void transpose_channels(void *context, size_t task, int worker)
{
    const struct op_run    *run   = context;
    struct matrix           m     = channels_of(run);
    size_t lanes = run->kernel->vector_floats, first = task % m.blocks * m.block, number = task / m.blocks;
    size_t                  channels = m.channels - first < m.block ? m.channels - first : m.block;
    bool                    here     = run->out[0].layout == OP_BATCH_INNERMOST;
    const struct op_tensor *plain = here ? &run->in[0] : &run->out[0], *images = here ? &run->out[0] : &run->in[0];
    size_t image = m.channels * m.pixels, length = channels * m.pixels;
    float *there   = (float *)plain->data + number * lanes * image + first * m.pixels;
    float *lane    = (float *)images->data + (number * image + first) * lanes;
    float *scratch = op_worker_scratch(run, worker);

    if (here) {
        run->kernel->transpose(lanes, length, there, image, scratch, lanes);
        copy_lanes(&m, channels, lanes, lane, scratch, true);
    } else {
        copy_lanes(&m, channels, lanes, lane, scratch, false);
        run->kernel->transpose(length, lanes, scratch, lanes, there, image);
    }
}

/* ---- other element types ----------------------------------------------------------------------------------------- */

static size_t place_of(const struct op_tensor *tensor, const struct matrix *m, size_t lanes, size_t sample,
                       size_t channel, size_t pixel)
{
    switch (tensor->layout) {
    case OP_PLAIN:         return (sample * m->channels + channel) * m->pixels + pixel;
    case OP_CHANNELS_LAST: return (sample * m->pixels + pixel) * m->channels + channel;
    case OP_BATCH_INNERMOST:
        return ((sample / lanes * m->pixels + pixel) * m->channels + channel) * lanes + sample % lanes;
    }
    return 0;
}

/* Types other than f32 are rare, so they are moved element by element. */
static void move_sample(void *context, size_t sample, int worker)
{
    const struct op_run *run   = context;
    struct matrix        m     = matrix_of(&run->in[0].shape);
    size_t               size = fov_dtype_size(run->in[0].dtype), lanes = run->kernel->vector_floats;
    const char          *in   = run->in[0].data;
    char                *out  = run->out[0].data;

    (void)worker;
    for (size_t c = 0; c < m.channels; c++)
        for (size_t p = 0; p < m.pixels; p++)
            memcpy(out + place_of(&run->out[0], &m, lanes, sample, c, p) * size,
                   in + place_of(&run->in[0], &m, lanes, sample, c, p) * size, size);
}

static bool has_batch_innermost(const struct op_tensor *in, const struct op_tensor *out)
{
    return in->layout == OP_BATCH_INNERMOST || out->layout == OP_BATCH_INNERMOST;
}

static void convert(const struct op_run *run)
{
    bool          plain = run->in[0].layout == OP_PLAIN || run->out[0].layout == OP_PLAIN;
    struct matrix m     = matrix_of(&run->in[0].shape);
    pool_task    *task  = transpose_floats;

    if (run->in[0].dtype != FOV_F32) {
        pool_run(run->pool, move_sample, (void *)run, m.samples);
        return;
    }
    if (has_batch_innermost(run->in, run->out)) {
        bool by_channels = plain && m.channels > 1;

        m    = by_channels ? channels_of(run) : groups_of(run);
        task = by_channels ? transpose_channels : transpose_images;
    }
    pool_run(run->pool, task, (void *)run, m.samples * m.blocks);
}

static void copy(const struct op_run *run)
{
    if (run->in[0].pixel_stride) {
        struct matrix m = matrix_of(&run->in[0].shape);

        pool_run(run->pool, gather_floats, (void *)run, m.samples * m.blocks);
        return;
    }
    memcpy(run->out[0].data, run->in[0].data,
           shape_span(&run->in[0].shape, 0, run->in[0].shape.rank) * fov_dtype_size(run->in[0].dtype));
}

/* Tasks are runs of pixels, across the borders of samples. */
static void store_rows(void *context, size_t task, int worker)
{
    const struct op_run *run   = context;
    struct matrix        m     = matrix_of(&run->out[0].shape);
    size_t               first = task * m.block, rest = m.samples * m.pixels - first;
    float               *to    = (float *)run->out[0].data + first * m.channels;

    (void)worker;
    op_rows(run, 0, first, rest < m.block ? rest : m.block, to);
}

static void store(const struct op_run *run)
{
    struct matrix m = matrix_of(&run->out[0].shape);

    pool_run(run->pool, store_rows, (void *)run, size_divide_up(m.samples * m.pixels, m.block));
}

static int compile_convert(struct op_compile *compile)
{
    struct matrix m     = matrix_of(&compile->in[0].shape);
    size_t        lanes = compile->kernel->vector_floats;

    compile->run = convert;
    if (has_batch_innermost(compile->in, compile->out)) /* the largest task of channels_of */
        compile->scratch_per_worker = (IMAGES_TASK + m.pixels * lanes) * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "to %s", op_layout_name(compile->out[0].layout));
    return FOV_OK;
}

static int compile_copy(struct op_compile *compile)
{
    compile->run = copy;
    return FOV_OK;
}

static int compile_store(struct op_compile *compile)
{
    compile->run = store;
    snprintf(compile->detail, sizeof compile->detail, "rows, for those who do not make them");
    return FOV_OK;
}

static const struct op_port one_in[]  = {{.name = "x", .shape = "any"}, {0}};
static const struct op_port one_out[] = {{.name = "y", .shape = "that of x"}, {0}};

static bool any_type(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options, (void)in, (void)in_count;
    return true;
}

static const struct op_cpu convert_cpu = {.layout = OP_FOLLOWS, .supports = any_type, .compile = compile_convert};
static const struct op_cpu copy_cpu    = {.layout = OP_FOLLOWS, .supports = any_type, .compile = compile_copy};
static const struct op_cpu store_cpu   = {.layout = OP_FOLLOWS, .supports = any_type, .compile = compile_store};

/* Not in the operator table on purpose: no graph may contain them. */
const struct op
    plan_convert = {.name = "reorder", .family = OP_SHAPE, .in = one_in, .out = one_out, .cpu = &convert_cpu},
    plan_copy    = {.name = "copy", .family = OP_SHAPE, .in = one_in, .out = one_out, .cpu = &copy_cpu},
    plan_store   = {.name = "store", .family = OP_SHAPE, .in = one_in, .out = one_out, .cpu = &store_cpu};
