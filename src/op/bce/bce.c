/* SPDX-License-Identifier: MIT */
/* Binary cross-entropy of probabilities, element by element. Logarithms are clamped at -100, as in PyTorch, so that a
 * probability of exactly 0 or 1 costs much but not infinitely much. Where logits are available, use fov_bce_logits
 * (op/loss/), which is exact and needs no clamp. The mean is a separate reduction node. */
#include "op/common.h"
#include "op/onnx.h"

#include <fovea/operators.h>
#include <math.h>

static const double lowest = -100, smallest = 1e-12; /* limits of a logarithm, and of p (1 - p) in the gradient */

static const struct op_port in[] = {
    {.name = "probability", .shape = "[...]: 0 .. 1"}, {.name = "target", .shape = "as probability: 0 .. 1"}, {0}};
static const struct op_port out[] = {{.name = "loss", .shape = "as probability"}, {0}};

static int infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "probability");
    status = status != FOV_OK ? status : op_check_same_shape(infer, 1, "target", 0, "probability");
    return status != FOV_OK ? status : op_check_same_dtype(infer, 1, "target", 0, "probability");
}

/* By p: (p - t) / (p (1 - p)); by t: log(1 - p) - log p. Emitted as simple nodes, which have gradients themselves. */
static void gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_dtype dtype = gradient->in_tensor[0].dtype;
    fov_value p = gradient->in[0], t = gradient->in[1], dy = gradient->out_gradient[0];
    fov_value rest = op_emit2(emitter, "sub", op_emit_number(emitter, dtype, 1), p, NULL);
    if (gradient->wanted[0]) {
        fov_value variance = op_emit2(emitter, "max", op_emit2(emitter, "mul", p, rest, NULL),
                                      op_emit_number(emitter, dtype, smallest), NULL);
        fov_value slope = op_emit2(emitter, "div", op_emit2(emitter, "sub", p, t, NULL), variance, NULL);
        gradient->in_gradient[0] = op_emit2(emitter, "mul", dy, slope, NULL);
    }
    if (gradient->wanted[1]) {
        fov_value end = op_emit_number(emitter, dtype, lowest);
        fov_value is_true = op_emit2(emitter, "max", op_emit1(emitter, "log", p, NULL), end, NULL);
        fov_value is_false = op_emit2(emitter, "max", op_emit1(emitter, "log", rest, NULL), end, NULL);
        gradient->in_gradient[1] =
            op_emit2(emitter, "mul", dy, op_emit2(emitter, "sub", is_false, is_true, NULL), NULL);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const double *p = textbook->in[0].data, *t = textbook->in[1].data;
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        double is_true = log(p[i]), is_false = log1p(-p[i]);
        is_true = is_true < lowest ? lowest : is_true; /* not fmax: NaN stays */
        is_false = is_false < lowest ? lowest : is_false;
        textbook->out[0].data[i] = -(t[i] * is_true + (1 - t[i]) * is_false);
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

enum { PART = 1024 }; /* elements at a time: inputs, loss and three buffers fit the L1 cache */

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    float *scratch = op_worker_scratch(run, worker);
    float *is_true = scratch, *rest = scratch + PART, *is_false = scratch + (size_t)2 * PART;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    size_t end = begin + op_chunk_length(chunk, OP_CHUNK, op_count(&run->in[0].shape));
    for (size_t at = begin; at < end; at += PART) {
        size_t count = end - at < PART ? end - at : PART;
        const float *p = (const float *)run->in[0].data + at, *t = (const float *)run->in[1].data + at;
        float *loss = (float *)run->out[0].data + at, floor = (float)lowest;
        run->kernel->unary[UNARY_log](count, p, is_true, 0, 0);
        run->kernel->unary[UNARY_affine](count, p, rest, -1, 1);
        run->kernel->unary[UNARY_log](count, rest, is_false, 0, 0);
        for (size_t i = 0; i < count; i++) {
            /* log(1 - p) although rest = 1 - p was rounded: log(rest) times (-p) / (rest - 1) cancels the rounding
             * (Higham 2002, section 1.14.1) */
            float moved = rest[i] - 1, other = moved == 0 ? -p[i] : is_false[i] * (-p[i] / moved);
            other = other < floor ? floor : other;
            float own = is_true[i] < floor ? floor : is_true[i];
            loss[i] = -(t[i] * own + (1 - t[i]) * other);
        }
    }
}

static void run(const struct op_run *run)
{
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, run_chunk, &copy, op_chunks(op_count(&run->in[0].shape), OP_CHUNK));
}

static int compile(struct op_compile *compile)
{
    compile->scratch_per_worker = 3 * PART * sizeof(float);
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .supports = op_all_f32, .compile = compile, .in_place = 1u << 0 | 1u << 1};

/* ---- in ONNX: the same steps as above, in its operators ---------------------------------------------------------- */

static int export_loss(struct op_export *node)
{
    fov_dtype dtype = node->in[0].dtype;
    const char *p = node->in_name(node->writer, 0), *t = node->in_name(node->writer, 1);
    const char *one = op_export_number(node, dtype, 1), *end = op_export_number(node, dtype, lowest);
    const char *zero = op_export_number(node, dtype, 0);
    const char *rest = op_export_step(node, "Sub", one, p, OP_EXPORT_FRESH);
    const char *moved = op_export_step(node, "Sub", rest, one, OP_EXPORT_FRESH);
    const char *minus_p = op_export_step(node, "Neg", p, NULL, OP_EXPORT_FRESH);
    const char *still = op_export_step(node, "Equal", moved, zero, OP_EXPORT_FRESH);
    const char *ratio = op_export_step(node, "Div", minus_p, moved, OP_EXPORT_FRESH);
    const char *logarithm = op_export_step(node, "Log", rest, NULL, OP_EXPORT_FRESH);
    const char *product = op_export_step(node, "Mul", logarithm, ratio, OP_EXPORT_FRESH);
    const char *other = node->temporary(node->writer);
    node->begin(node->writer, "Where", NULL);
    node->input_name(node->writer, still);
    node->input_name(node->writer, minus_p);
    node->input_name(node->writer, product);
    node->output_name(node->writer, other);
    const char *is_false = op_export_step(node, "Max", other, end, OP_EXPORT_FRESH);
    const char *own = op_export_step(node, "Log", p, NULL, OP_EXPORT_FRESH);
    const char *is_true = op_export_step(node, "Max", own, end, OP_EXPORT_FRESH);
    const char *left = op_export_step(node, "Mul", t, is_true, OP_EXPORT_FRESH);
    const char *untrue = op_export_step(node, "Sub", one, t, OP_EXPORT_FRESH);
    const char *right = op_export_step(node, "Mul", untrue, is_false, OP_EXPORT_FRESH);
    op_export_step(node, "Neg", op_export_step(node, "Add", left, right, OP_EXPORT_FRESH), NULL, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Log (binary cross-entropy)", .since = 13, .export = export_loss};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double uniform = random_uniform(key, i);
        data[i] = (double)(float)(index == 0 ? 0.05 + 0.9 * uniform : uniform);
    }
}

/* Probabilities as a sigmoid rounds them: exactly 0 and 1, and close to both. */
static void fill_ends(int index, double *data, size_t count, struct random_key key)
{
    static const double ends[] = {0, 1, 1e-30, 1e-9, 3e-5, 0.99999994039535522, 0.5, 0.9990234375};
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)(float)(index == 0 ? ends[i % 8] : i % 3 == 2 ? random_uniform(key, i) : (double)(i % 3));
    }
}

static const struct op_case cases[] = {
    {.name = "vector", .in = {{1, {37}}, {1, {37}}}, .in_count = 2, .fill = fill},
    {.name = "images", .in = {{4, {2, 3, 5, 3}}, {4, {2, 3, 5, 3}}}, .in_count = 2, .fill = fill},
    {.name = "ends", .in = {{1, {48}}, {1, {48}}}, .in_count = 2, .fill = fill_ends, .no_gradient = true},
    {.name = "several chunks", .in = {{1, {40001}}, {1, {40001}}}, .in_count = 2, .fill = fill, .no_gradient = true},
    {0},
};

const struct op op_bce = {
    .name = "bce",
    .family = OP_LOSS,
    .summary = "Binary cross-entropy of probabilities, element by element.",
    .formula = "loss = -(t log p + (1 - t) log(1 - p)), logarithms not below -100",
    .in = in,
    .out = out,
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
};
