/* SPDX-License-Identifier: MIT */
/* Softmax along any axis, and its gradients. In memory the axis lies as [outer][axis][inner]: rows for the kernel where
 * inner is 1 (logits; channels in channels-last order), otherwise blocks of columns are turned into rows and back.
 * The largest element is subtracted first, so exp cannot overflow. */
#include "op/common.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct softmax_options, axis), .onnx = "axis", .kind = OP_INTEGER, .standard = -1,
     .minimum = -FOV_MAX_RANK, .maximum = FOV_MAX_RANK - 1, .doc = "along which results sum to 1; from the end if < 0"},
    {0},
};

/* For shapes that infer has accepted. */
static int axis_of(const void *options, int rank)
{
    int64_t axis = ((const struct softmax_options *)options)->axis;
    return (int)(axis < 0 ? axis + rank : axis);
}

/* All inputs have the shape of the first. */
static int infer_softmax(const struct op_infer *infer)
{
    int axis;
    int status = op_check_float(infer, 0, "input 0");
    if (status == FOV_OK) {
        status = shape_axis(&infer->in[0].shape, ((const struct softmax_options *)infer->options)->axis, &axis,
                            infer->error);
    }
    for (int i = 1; status == FOV_OK && i < infer->in_count; i++) {
        status = op_check_same_shape(infer, i, "an input", 0, "y");
        status = status != FOV_OK ? status : op_check_same_dtype(infer, i, "an input", 0, "y");
    }
    return status != FOV_OK ? status : op_infer_same(infer);
}

/* ---- definitions ----------------------------------------------------------------------------------------------- */

/* Where the k-th element of line `line` lies: lines are counted over [outer][inner]. */
struct lines {
    size_t count, length, inner;
};

static struct lines lines_of(const struct op_textbook *textbook)
{
    const fov_shape *shape = &textbook->in[0].shape;
    int axis = axis_of(textbook->options, shape->rank);
    size_t inner = shape_span(shape, axis + 1, shape->rank);
    return (struct lines){shape_span(shape, 0, axis) * inner, (size_t)shape->dim[axis], inner};
}

static size_t place(struct lines lines, size_t line, size_t k)
{
    return (line / lines.inner * lines.length + k) * lines.inner + line % lines.inner;
}

static void softmax_textbook(const struct op_textbook *textbook)
{
    const double *x = textbook->in[0].data;
    double *y = textbook->out[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count; line++) {
        double largest = -INFINITY, sum = 0;
        for (size_t k = 0; k < lines.length; k++) {
            largest = fmax(largest, x[place(lines, line, k)]);
        }
        for (size_t k = 0; k < lines.length; k++) {
            sum += exp(x[place(lines, line, k)] - largest);
        }
        for (size_t k = 0; k < lines.length; k++) {
            y[place(lines, line, k)] = exp(x[place(lines, line, k)] - largest) / sum;
        }
    }
}

/* dy_k / dx_j = y_k ([j = k] - y_j), so dx_j = y_j (dy_j - sum of dy_k y_k). */
static void gradient_textbook(const struct op_textbook *textbook)
{
    const double *y = textbook->in[0].data, *dy = textbook->in[1].data;
    double *dx = textbook->out[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count; line++) {
        double sum = 0;
        for (size_t k = 0; k < lines.length; k++) {
            sum += dy[place(lines, line, k)] * y[place(lines, line, k)];
        }
        for (size_t k = 0; k < lines.length; k++) {
            size_t i = place(lines, line, k);
            dx[i] = y[i] * (dy[i] - sum);
        }
    }
}

/* The same expression differentiated by y: flow_j (dy_j - sum of dy_k y_k) - dy_j sum of flow_k y_k. */
static void second_textbook(const struct op_textbook *textbook)
{
    const double *y = textbook->in[0].data, *dy = textbook->in[1].data, *flow = textbook->in[2].data;
    double *out = textbook->out[0].data;
    struct lines lines = lines_of(textbook);
    for (size_t line = 0; line < lines.count; line++) {
        double sum = 0, flow_sum = 0;
        for (size_t k = 0; k < lines.length; k++) {
            size_t i = place(lines, line, k);
            sum += dy[i] * y[i];
            flow_sum += flow[i] * y[i];
        }
        for (size_t k = 0; k < lines.length; k++) {
            size_t i = place(lines, line, k);
            out[i] = flow[i] * (dy[i] - sum) - dy[i] * flow_sum;
        }
    }
}

/* ---- gradients ------------------------------------------------------------------------------------------------- */

static void softmax_gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] = op_emit2(gradient->emitter, "softmax_gradient", gradient->out[0],
                                        gradient->out_gradient[0], gradient->options);
}

/* The Jacobian is symmetric: by dy it is the same operator again. */
static void gradient_gradient(struct op_gradient *gradient)
{
    fov_value y = gradient->in[0], dy = gradient->in[1], flow = gradient->out_gradient[0];
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit3(gradient->emitter, "softmax_second_gradient", y, dy, flow, gradient->options);
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit2(gradient->emitter, "softmax_gradient", y, flow, gradient->options);
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

enum { BLOCK = 64 }; /* columns turned into rows at once: four cache lines of each row */

struct work {
    const struct op_run *run;
    size_t               outer, size, inner;
    size_t               chunk;  /* rows, or columns of a block */
    size_t               blocks; /* of columns, per outer index */
    bool                 is_gradient;
};

static void rows(const struct work *work, size_t count, const float *a, const float *b, float *out)
{
    const struct kernel_table *kernel = work->run->kernel;
    if (work->is_gradient) {
        kernel->softmax_gradient(count, work->size, a, work->size, b, work->size, out, work->size);
    } else {
        kernel->softmax(count, work->size, a, work->size, out, work->size);
    }
}

static void run_rows(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t offset = op_chunk_begin(chunk, work->chunk) * work->size;
    rows(work, op_chunk_length(chunk, work->chunk, work->outer), (const float *)work->run->in[0].data + offset,
         work->is_gradient ? (const float *)work->run->in[1].data + offset : NULL,
         (float *)work->run->out[0].data + offset);
}

static void run_columns(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    const struct kernel_table *kernel = work->run->kernel;
    float *a = (float *)(void *)((char *)work->run->worker_scratch + (size_t)worker * work->run->worker_scratch_bytes);
    float *b = a + work->size * BLOCK;
    size_t block = chunk % work->blocks, columns = op_chunk_length(block, BLOCK, work->inner);
    size_t offset = chunk / work->blocks * work->size * work->inner + op_chunk_begin(block, BLOCK);
    kernel->transpose(work->size, columns, (const float *)work->run->in[0].data + offset, work->inner, a, work->size);
    if (work->is_gradient) {
        kernel->transpose(work->size, columns, (const float *)work->run->in[1].data + offset, work->inner, b,
                          work->size);
    }
    float *result = work->is_gradient ? b : a;
    rows(work, columns, a, b, result);
    kernel->transpose(columns, work->size, result, work->size, (float *)work->run->out[0].data + offset, work->inner);
}

static void start(const struct op_run *run, bool is_gradient)
{
    const struct op_tensor *x = &run->in[0];
    int axis = axis_of(run->options, x->shape.rank);
    struct work work = {.run = run, .size = (size_t)x->shape.dim[axis], .is_gradient = is_gradient};
    op_axis_split(x, axis, &work.outer, &work.inner);
    if (work.inner == 1) {
        work.chunk = OP_CHUNK / (work.size + 1) + 1;
        pool_run(run->pool, run_rows, &work, op_chunks(work.outer, work.chunk));
    } else {
        work.blocks = op_chunks(work.inner, BLOCK);
        pool_run(run->pool, run_columns, &work, work.outer * work.blocks);
    }
}

static void run_softmax(const struct op_run *run)
{
    start(run, false);
}

static void run_gradient(const struct op_run *run)
{
    start(run, true);
}

static int compile(struct op_compile *compile, op_function *run)
{
    size_t outer, inner;
    int axis = axis_of(compile->options, compile->in[0].shape.rank);
    op_axis_split(&compile->in[0], axis, &outer, &inner);
    compile->run = run;
    if (inner > 1 && !size_multiply((size_t)compile->in[0].shape.dim[axis], 2 * BLOCK * sizeof(float),
                                    &compile->scratch_per_worker)) {
        return error_set(compile->error, FOV_E_MEMORY, "an axis of %lld elements does not fit memory",
                         (long long)compile->in[0].shape.dim[axis]);
    }
    return FOV_OK;
}

static int compile_softmax(struct op_compile *c)
{
    return compile(c, run_softmax);
}

static int compile_gradient(struct op_compile *c)
{
    return compile(c, run_gradient);
}

/* The order in which the axis is contiguous, where there is one. */
static enum op_layout_rule layout_for(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    int rank = in[0].shape.rank, axis = axis_of(options, rank);
    if (rank < 3 || axis == 0) {
        return OP_FOLLOWS;
    }
    return axis == 1 ? OP_WANTS_CHANNELS_LAST : OP_WANTS_PLAIN;
}

static const struct op_cpu softmax_cpu = {.layout = OP_WANTS_PLAIN, .layout_for = layout_for, .supports = op_all_f32,
                                          .compile = compile_softmax, .in_place = 1u << 0};
static const struct op_cpu gradient_cpu = {.layout = OP_WANTS_PLAIN, .layout_for = layout_for, .supports = op_all_f32,
                                           .compile = compile_gradient, .in_place = 1u << 1};

/* ---- ONNX: before opset 13 the axis began the second half of a matrix ------------------------------------------ */

static int import_softmax(struct op_import *node)
{
    bool matrix = node->opset < 13;
    fov_shape shape = node->shape(node->reader, node->in[0]);
    struct softmax_options options = {node->integer(node->reader, "axis", matrix ? 1 : -1)};
    int64_t axis = options.axis < 0 ? options.axis + shape.rank : options.axis;
    if (axis < 0 || axis >= shape.rank) {
        return node->fail(node->reader, FOV_E_INPUT, "Softmax has axis %lld for a tensor of rank %d",
                          (long long)options.axis, shape.rank);
    }
    fov_value x = node->in[0];
    bool folds = matrix && axis != shape.rank - 1;
    if (folds) {
        fov_shape flat = {2, {FOV_BATCH, 1}};
        for (int64_t i = axis; i < shape.rank; i++) {
            if (shape.dim[i] <= 0 || flat.dim[1] > INT64_MAX / shape.dim[i]) {
                return node->fail(node->reader, FOV_E_UNSUPPORTED, "Softmax over the open batch");
            }
            flat.dim[1] *= shape.dim[i];
        }
        x = op_emit_reshape(node->emitter, x, &flat);
        options.axis = 1;
    }
    fov_value y = node->emitter->node(node->emitter->graph, "softmax", &x, 1, &options, node->node_name);
    node->result(node->reader, 0, folds ? op_emit_reshape(node->emitter, y, &shape) : y);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Softmax", .since = 1, .import = import_softmax};

fov_value fov_softmax_opt(fov_graph *graph, fov_value x, const fov_softmax_options *options)
{
    struct softmax_options softmax = {options != NULL && options->axis != 0 ? options->axis : -1};
    return op_build(graph, "softmax", &x, 1, &softmax, options != NULL ? options->name : NULL);
}

/* ---- the descriptors ------------------------------------------------------------------------------------------- */

static const struct op_port softmax_in[] = {{.name = "x", .shape = "[..., classes, ...]"}, {0}};
static const struct op_port softmax_out[] = {{.name = "y", .shape = "as x"}, {0}};
static const struct op_port gradient_in[] = {
    {.name = "y", .shape = "[..., classes, ...]"}, {.name = "dy", .shape = "as y"}, {0}};
static const struct op_port gradient_out[] = {{.name = "dx", .shape = "as y"}, {0}};
static const struct op_port second_in[] = {{.name = "y", .shape = "[..., classes, ...]"},
                                           {.name = "dy", .shape = "as y"},
                                           {.name = "flow", .shape = "as y: gradient of dx"},
                                           {0}};
static const struct op_port second_out[] = {{.name = "gradient_y", .shape = "as y"}, {0}};

static const struct softmax_options over_channels = {1}, over_samples = {0}, over_rows = {2};

static const struct op_case softmax_cases[] = {
    {.name = "logits", .in = {{2, {3, 10}}}, .in_count = 1},
    {.name = "one class", .in = {{2, {3, 1}}}, .in_count = 1},
    {.name = "vector", .in = {{1, {37}}}, .in_count = 1},
    {.name = "channels of an image", .in = {{4, {2, 5, 3, 4}}}, .in_count = 1, .options = &over_channels},
    {.name = "rows of an image", .in = {{4, {1, 3, 5, 7}}}, .in_count = 1, .options = &over_rows},
    {.name = "over the batch", .in = {{2, {5, 70}}}, .in_count = 1, .options = &over_samples, .no_gradient = true},
    {.name = "several chunks", .in = {{2, {67, 701}}}, .in_count = 1, .no_gradient = true},
    {.name = "over the batch, small", .in = {{2, {3, 4}}}, .in_count = 1, .options = &over_samples},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "logits", .in = {{2, {3, 10}}, {2, {3, 10}}}, .in_count = 2},
    {.name = "channels of an image", .in = {{4, {2, 5, 3, 2}}, {4, {2, 5, 3, 2}}}, .in_count = 2,
     .options = &over_channels},
    {.name = "rows of an image", .in = {{4, {1, 2, 5, 3}}, {4, {1, 2, 5, 3}}}, .in_count = 2, .options = &over_rows},
    {.name = "several chunks", .in = {{2, {67, 701}}, {2, {67, 701}}}, .in_count = 2, .no_gradient = true},
    {0},
};
static const struct op_case second_cases[] = {
    {.name = "logits", .in = {{2, {3, 5}}, {2, {3, 5}}, {2, {3, 5}}}, .in_count = 3}, {0}};

const struct op op_softmax = {
    .name = "softmax",
    .family = OP_ACTIVATION,
    .summary = "Turns scores into probabilities that sum to 1 along an axis.",
    .formula = "y_k = exp(x_k) / sum over j of exp(x_j)",
    .source = "Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990",
    .in = softmax_in,
    .out = softmax_out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = infer_softmax,
    .gradient = softmax_gradient,
    .textbook = softmax_textbook,
    .cpu = &softmax_cpu,
    .onnx = &onnx,
    .cases = softmax_cases,
};

const struct op op_softmax_gradient = {
    .name = "softmax_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of softmax.",
    .formula = "dx_j = y_j (dy_j - sum over k of dy_k y_k)",
    .in = gradient_in,
    .out = gradient_out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = infer_softmax,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};

const struct op op_softmax_second_gradient = {
    .name = "softmax_second_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of softmax_gradient by y.",
    .formula = "out_j = flow_j (dy_j - sum over k of dy_k y_k) - dy_j sum over k of flow_k y_k",
    .in = second_in,
    .out = second_out,
    .attributes = attributes,
    .options_size = sizeof(struct softmax_options),
    .infer = infer_softmax,
    .textbook = second_textbook,
    .cases = second_cases,
};
