/* SPDX-License-Identifier: MIT */
/* Mean squared error: the loss of regression. Chunks of fixed size are squared and summed in double, and added in
 * order. In its gradient operator the target is optional: without one, the operator is its own derivative. */
#include "op/common.h"
#include "op/forward.h"
#include "op/onnx.h"

#include <fovea/operators.h>

static const struct op_port loss_in[] = {
    {.name = "prediction", .shape = "[...]"}, {.name = "target", .shape = "as prediction"}, {0}};
static const struct op_port loss_out[] = {{.name = "loss", .shape = "[]"}, {0}};
static const struct op_port gradient_in[] = {{.name = "dloss", .shape = "[]"},
                                             {.name = "prediction", .shape = "[...]"},
                                             {.name = "target", .shape = "as prediction; absent: 0", .optional = true},
                                             {0}};
static const struct op_port gradient_out[] = {{.name = "dprediction", .shape = "as prediction"}, {0}};

static int infer_loss(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "prediction");
    status = status != FOV_OK ? status : op_check_same_shape(infer, 1, "target", 0, "prediction");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, 1, "target", 0, "prediction");
    infer->out[0].shape = (fov_shape){.rank = 0};
    return status;
}

static int infer_gradient(const struct op_infer *infer)
{
    bool has_target = infer->in_count > 2 && infer->in[2].shape.rank >= 0;
    infer->out[0].shape = infer->in[1].shape;
    infer->out[0].dtype = infer->in[1].dtype;
    return op_check_result(infer, 0, infer_loss, (const int[]){1, has_target ? 2 : 1}, 2);
}

static void loss_gradient(struct op_gradient *gradient)
{
    fov_value share = op_emit3(gradient->emitter, "mse_gradient", gradient->out_gradient[0], gradient->in[0],
                               gradient->in[1], NULL);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = share;
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit1(gradient->emitter, "neg", share, NULL);
    }
}

/* 2 dloss / n (p - t): linear in dloss, in p and in t. */
static void gradient_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value flow = gradient->out_gradient[0], dloss = gradient->in[0], none = {0};
    fov_value target = gradient->in_count > 2 ? gradient->in[2] : none;
    if (gradient->wanted[0]) {
        fov_value one = op_emit_scalar(emitter, dloss, 1);
        fov_value unit = op_emit3(emitter, "mse_gradient", one, gradient->in[1], target, NULL);
        gradient->in_gradient[0] =
            op_emit_sum_to(emitter, op_emit2(emitter, "mul", flow, unit, NULL), &gradient->out_tensor[0].shape, dloss,
                           &gradient->in_tensor[0].shape);
    }
    if (gradient->wanted[1] || (gradient->in_count > 2 && gradient->wanted[2])) {
        fov_value share = op_emit3(emitter, "mse_gradient", dloss, flow, none, NULL);
        gradient->in_gradient[1] = gradient->wanted[1] ? share : none;
        if (gradient->in_count > 2 && gradient->wanted[2]) {
            gradient->in_gradient[2] = op_emit1(emitter, "neg", share, NULL);
        }
    }
}

/* ---- definitions ----------------------------------------------------------------------------------------------- */

static void loss_textbook(const struct op_textbook *textbook)
{
    const double *prediction = textbook->in[0].data, *target = textbook->in[1].data;
    size_t count = op_count(&textbook->in[0].shape);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double error = prediction[i] - target[i];
        sum += error * error;
    }
    textbook->out[0].data[0] = sum / (double)count;
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const double *prediction = textbook->in[1].data;
    const double *target = textbook->in_count > 2 ? textbook->in[2].data : NULL;
    size_t count = op_count(&textbook->in[1].shape);
    double factor = 2 * textbook->in[0].data[0] / (double)count;
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = factor * (prediction[i] - (target != NULL ? target[i] : 0));
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

struct work {
    const struct op_run *run;
    const float         *prediction, *target;
    size_t               count;
    float                factor, *out;
};

static void subtract(const struct work *work, size_t begin, size_t length, float *out)
{
    struct kernel_operand a = {work->prediction + begin, 0, 1}, b = {work->target + begin, 0, 1};
    work->run->kernel->binary[BINARY_sub](1, length, a, b, out, length);
}

static void loss_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    float *difference = op_worker_scratch(work->run, worker);
    size_t length = op_chunk_length(chunk, OP_CHUNK, work->count);
    subtract(work, op_chunk_begin(chunk, OP_CHUNK), length, difference);
    ((double *)work->run->scratch)[chunk] = work->run->kernel->sum_squares(length, difference);
}

static void run_loss(const struct op_run *run)
{
    struct work work = {.run = run, .prediction = run->in[0].data, .target = run->in[1].data,
                        .count = op_count(&run->in[0].shape)};
    size_t chunks = op_chunks(work.count, OP_CHUNK);
    pool_run(run->pool, loss_chunk, &work, chunks);
    const double *sums = run->scratch;
    double sum = 0;
    for (size_t i = 0; i < chunks; i++) {
        sum += sums[i];
    }
    *(float *)run->out[0].data = (float)(sum / (double)work.count);
}

static int compile_loss(struct op_compile *compile)
{
    compile->scratch = op_chunks(op_count(&compile->in[0].shape), OP_CHUNK) * sizeof(double);
    compile->scratch_per_worker = OP_CHUNK * sizeof(float);
    compile->run = run_loss;
    return FOV_OK;
}

static void gradient_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct kernel_table *kernel = work->run->kernel;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), length = op_chunk_length(chunk, OP_CHUNK, work->count);
    float *out = work->out + begin;
    if (work->target != NULL) {
        subtract(work, begin, length, out);
        kernel->unary[UNARY_affine](length, out, out, work->factor, 0);
    } else {
        kernel->unary[UNARY_affine](length, work->prediction + begin, out, work->factor, 0);
    }
}

static void run_gradient(const struct op_run *run)
{
    struct work work = {.run = run, .prediction = run->in[1].data, .out = run->out[0].data,
                        .target = run->in_count > 2 && run->in[2].shape.rank >= 0 ? run->in[2].data : NULL,
                        .count = op_count(&run->in[1].shape)};
    work.factor = (float)(2 * (double)*(const float *)run->in[0].data / (double)work.count);
    pool_run(run->pool, gradient_chunk, &work, op_chunks(work.count, OP_CHUNK));
}

static int compile_gradient(struct op_compile *compile)
{
    compile->run = run_gradient;
    return FOV_OK;
}

/* The gradient's first input is a scalar without a storage order to follow, so it asks for one itself. */
static const struct op_cpu loss_cpu = {.layout = OP_FOLLOWS, .supports = op_all_f32, .compile = compile_loss};
static const struct op_cpu gradient_cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile_gradient, .in_place = 1u << 1};

fov_value fov_mse(fov_graph *graph, fov_value prediction, fov_value target)
{
    fov_value in[] = {prediction, target};
    return op_build(graph, "mse", in, 2, NULL, NULL);
}

static int export_loss(struct op_export *node)
{
    const char *error = op_export_step(node, "Sub", node->in_name(node->writer, 0), node->in_name(node->writer, 1),
                                       OP_EXPORT_FRESH);
    op_export_step(node, "ReduceMean", op_export_step(node, "Mul", error, error, OP_EXPORT_FRESH), NULL, 0);
    node->attribute_integer(node->writer, "keepdims", 0);
    return FOV_OK;
}

static const struct op_onnx loss_onnx = {.type = "ReduceMean((x - t)^2)", .since = 13, .export = export_loss};

static const struct op_case loss_cases[] = {
    {.name = "vector", .in = {{1, {37}}, {1, {37}}}, .in_count = 2},
    {.name = "scalars", .in = {{0, {0}}, {0, {0}}}, .in_count = 2},
    {.name = "images", .in = {{4, {3, 2, 5, 3}}, {4, {3, 2, 5, 3}}}, .in_count = 2},
    {.name = "several chunks", .in = {{2, {5, 7000}}, {2, {5, 7000}}}, .in_count = 2, .no_gradient = true},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "matrix", .in = {{0, {0}}, {2, {3, 7}}, {2, {3, 7}}}, .in_count = 3},
    {.name = "images", .in = {{0, {0}}, {4, {1, 3, 2, 5}}, {4, {1, 3, 2, 5}}}, .in_count = 3},
    {.name = "no target", .in = {{0, {0}}, {2, {3, 7}}, {-1, {0}}}, .in_count = 3},
    {0},
};

const struct op op_mse = {
    .name = "mse",
    .family = OP_LOSS,
    .summary = "Mean squared error.",
    .formula = "loss = mean of (prediction - target)^2",
    .in = loss_in,
    .out = loss_out,
    .infer = infer_loss,
    .gradient = loss_gradient,
    .textbook = loss_textbook,
    .cpu = &loss_cpu,
    .onnx = &loss_onnx,
    .cases = loss_cases,
};

const struct op op_mse_gradient = {
    .name = "mse_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of mse by the prediction.",
    .formula = "dp = 2 dloss / n (p - t)",
    .in = gradient_in,
    .out = gradient_out,
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};
