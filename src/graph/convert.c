/* SPDX-License-Identifier: MIT */
/* The two operations that are in plans and in no graph: changing the storage order of a tensor, and copying one. They
 * have the form of operators, so that the rest of the plan need not tell them apart. */
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
    m.blocks = (m.pixels + m.block - 1) / m.block;
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

/* From a part of something wider, pixel by pixel. */
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

/* Other element types: rare, so element by element. */
static void transpose_bytes(void *context, size_t sample, int worker)
{
    const struct op_run *run  = context;
    struct matrix        m    = matrix_of(&run->in[0].shape);
    size_t               size = fov_dtype_size(run->in[0].dtype), offset = sample * m.channels * m.pixels * size;
    const char          *in  = (const char *)run->in[0].data + offset;
    char                *out = (char *)run->out[0].data + offset;
    bool                 last = run->out[0].layout == OP_CHANNELS_LAST;
    size_t               rows = last ? m.channels : m.pixels, columns = last ? m.pixels : m.channels;

    (void)worker;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            memcpy(out + (c * rows + r) * size, in + (r * columns + c) * size, size);
}

static void convert(const struct op_run *run)
{
    struct matrix m = matrix_of(&run->in[0].shape);

    if (run->in[0].dtype == FOV_F32)
        pool_run(run->pool, transpose_floats, (void *)run, m.samples * m.blocks);
    else
        pool_run(run->pool, transpose_bytes, (void *)run, m.samples);
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

static int compile_convert(struct op_compile *compile)
{
    compile->run = convert;
    snprintf(compile->detail, sizeof compile->detail, "to %s",
             compile->out[0].layout == OP_PLAIN ? "plain" : "channels-last");
    return FOV_OK;
}

static int compile_copy(struct op_compile *compile)
{
    compile->run = copy;
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

/* The names stay out of the operator table on purpose: no graph holds them. */
const struct op
    plan_convert = {.name = "reorder", .family = OP_SHAPE, .in = one_in, .out = one_out, .cpu = &convert_cpu},
    plan_copy    = {.name = "copy", .family = OP_SHAPE, .in = one_in, .out = one_out, .cpu = &copy_cpu};
