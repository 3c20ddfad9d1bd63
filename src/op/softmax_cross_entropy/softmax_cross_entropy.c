/* SPDX-License-Identifier: MIT */
/* Softmax and cross-entropy in one: the loss of classification. Together they are exact where apart they would take the
 * logarithm of a rounded zero, and their gradient is simply probability minus target.
 * The mean over samples is summed in double in the samples' order. Samples whose label is no class are left out. */
#include "op/common.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

/* `linear`, of the gradient only: leaves the target out: the derivative of the gradient by the probabilities. */
struct options {
    double label_smoothing;
    bool   linear;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct options, label_smoothing), .kind = OP_NUMBER, .maximum = 1,
     .doc = "share of the target spread over all classes"},
    {0},
};
static const struct op_attribute gradient_attributes[] = {
    {OP_ATTRIBUTE(struct options, label_smoothing), .kind = OP_NUMBER, .maximum = 1,
     .doc = "share of the target spread over all classes"},
    {OP_ATTRIBUTE(struct options, linear), .kind = OP_FLAG, .doc = "without the target"},
    {0},
};

/* logits [N, classes, ...] need labels [N, ...]. */
static int check_labels(const struct op_infer *infer, int scores, int labels)
{
    const fov_shape *x = &infer->in[scores].shape, *l = &infer->in[labels].shape;
    fov_dtype dtype = infer->in[labels].dtype;
    if (x->rank < 2) {
        char shape[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "logits are %s, they must be [N, classes] or [N, classes, ...]",
                         shape_text(x, shape));
    }
    if (dtype != FOV_I32 && dtype != FOV_I64) {
        return error_set(infer->error, FOV_E_USAGE, "labels are %s, they must be i32 or i64", fov_dtype_name(dtype));
    }
    fov_shape wanted = {.rank = x->rank - 1, .dim = {x->dim[0]}};
    for (int i = 2; i < x->rank; i++) {
        wanted.dim[i - 1] = x->dim[i];
    }
    if (!shape_fits(&wanted, l)) {
        char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE], c[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "logits are %s, so labels must be %s, but they are %s",
                         shape_text(x, a), shape_text(&wanted, b), shape_text(l, c));
    }
    return FOV_OK;
}

static int infer_loss(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "logits");
    status = status != FOV_OK ? status : check_labels(infer, 0, 1);
    infer->out[0].shape = (fov_shape){.rank = 0};
    return status; /* probabilities are like the logits, as preset */
}

static int infer_gradient(const struct op_infer *infer)
{
    int status = op_check_float(infer, 1, "probabilities");
    status = status != FOV_OK ? status : check_labels(infer, 1, 2);
    infer->out[0].shape = infer->in[1].shape;
    infer->out[0].dtype = infer->in[1].dtype;
    return status;
}

/* ---- gradients ------------------------------------------------------------------------------------------------- */

static void loss_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value dloss = gradient->out_gradient[0], dprobabilities = {0}, total = {0};
    fov_value probabilities = gradient->out_count > 1 ? gradient->out[1] : op_emit_output(emitter, gradient->out[0], 1);
    if (gradient->out_count > 1) {
        dprobabilities = gradient->out_gradient[1];
    }
    if (!gradient->wanted[0]) {
        return;
    }
    if (dloss.id != 0) {
        total = op_emit3(emitter, "softmax_cross_entropy_gradient", dloss, probabilities, gradient->in[1],
                         gradient->options);
    }
    if (dprobabilities.id != 0) {
        struct softmax_options softmax = {1};
        fov_value share = op_emit2(emitter, "softmax_gradient", probabilities, dprobabilities, &softmax);
        total = total.id != 0 ? op_emit2(emitter, "add", total, share, NULL) : share;
    }
    gradient->in_gradient[0] = total;
}

/* dlogits is linear in dloss, and linear plus a constant in the probabilities. */
static void gradient_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value flow = gradient->out_gradient[0], dloss = gradient->in[0];
    if (gradient->wanted[0]) {
        fov_value one = op_emit_scalar(emitter, 1);
        fov_value unit = op_emit3(emitter, "softmax_cross_entropy_gradient", one, gradient->in[1], gradient->in[2],
                                  gradient->options);
        fov_value product = op_emit2(emitter, "mul", flow, unit, NULL);
        gradient->in_gradient[0] = op_emit_sum_to(emitter, product, &gradient->out_tensor[0].shape, dloss,
                                                  &gradient->in_tensor[0].shape);
    }
    if (gradient->wanted[1]) {
        struct options options = *(const struct options *)gradient->options;
        options.linear = true;
        gradient->in_gradient[1] =
            op_emit3(emitter, "softmax_cross_entropy_gradient", dloss, flow, gradient->in[2], &options);
    }
}

/* ---- definitions ----------------------------------------------------------------------------------------------- */

static bool is_class(double label, size_t classes)
{
    return label >= 0 && label < (double)classes;
}

static void loss_textbook(const struct op_textbook *textbook)
{
    const struct options *options = textbook->options;
    const struct op_textbook_tensor *logits = &textbook->in[0];
    const double *labels = textbook->in[1].data;
    double *probabilities = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    size_t samples = (size_t)logits->shape.dim[0], classes = (size_t)logits->shape.dim[1];
    size_t pixels = shape_span(&logits->shape, 2, logits->shape.rank);
    double total = 0, count = 0;
    for (size_t n = 0; n < samples; n++) {
        for (size_t p = 0; p < pixels; p++) {
            const double *x = logits->data + n * classes * pixels + p; /* x[k * pixels]: class k */
            double largest = -INFINITY, sum = 0;
            for (size_t k = 0; k < classes; k++) {
                largest = fmax(largest, x[k * pixels]);
            }
            for (size_t k = 0; k < classes; k++) {
                sum += exp(x[k * pixels] - largest);
            }
            double label = labels[n * pixels + p];
            bool counts = is_class(label, classes);
            count += counts;
            for (size_t k = 0; k < classes; k++) {
                double log_probability = x[k * pixels] - largest - log(sum);
                double hit = (double)k == label;
                double target =
                    (1 - options->label_smoothing) * hit + options->label_smoothing / (double)classes;
                total -= counts ? target * log_probability : 0;
                if (probabilities != NULL) {
                    probabilities[(n * classes + k) * pixels + p] = exp(log_probability);
                }
            }
        }
    }
    textbook->out[0].data[0] = count > 0 ? total / count : 0;
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const struct options *options = textbook->options;
    const struct op_textbook_tensor *probabilities = &textbook->in[1];
    const double *labels = textbook->in[2].data;
    size_t samples = (size_t)probabilities->shape.dim[0], classes = (size_t)probabilities->shape.dim[1];
    size_t pixels = shape_span(&probabilities->shape, 2, probabilities->shape.rank);
    double count = 0;
    for (size_t i = 0; i < samples * pixels; i++) {
        count += is_class(labels[i], classes);
    }
    for (size_t n = 0; n < samples; n++) {
        for (size_t p = 0; p < pixels; p++) {
            double label = labels[n * pixels + p];
            for (size_t k = 0; k < classes; k++) {
                size_t i = (n * classes + k) * pixels + p;
                double hit = (double)k == label;
                double target =
                    (1 - options->label_smoothing) * hit + options->label_smoothing / (double)classes;
                double difference = probabilities->data[i] - (options->linear ? 0 : target);
                textbook->out[0].data[i] =
                    is_class(label, classes) ? textbook->in[0].data[0] / count * difference : 0;
            }
        }
    }
}

/* ---- on the CPU: rows of classes; pixels of images are rows in channels-last order, and so are their labels ---- */

struct work {
    const struct op_run *run;
    size_t               rows, classes, rows_per_chunk;
    const float         *scores; /* logits or probabilities */
    const void          *labels;
    fov_dtype            label_dtype;
    int32_t             *narrow;      /* [rows]: i64 labels as i32; those that do not fit become -1 */
    float               *first, *second; /* [rows]: losses and weights, or scales */
    float               *out;
};

/* Scratch: three rows of 4-byte values. */
static struct work work_of(const struct op_run *run, int scores, int labels, float *out)
{
    const fov_shape *shape = &run->in[scores].shape;
    struct work work = {.run = run,
                        .classes = (size_t)shape->dim[1],
                        .rows = (size_t)shape->dim[0] * shape_span(shape, 2, shape->rank),
                        .scores = run->in[scores].data,
                        .labels = run->in[labels].data,
                        .label_dtype = run->in[labels].dtype,
                        .out = out};
    work.first = run->scratch;
    work.second = work.first + work.rows;
    work.narrow = (int32_t *)(void *)(work.second + work.rows);
    work.rows_per_chunk = OP_CHUNK / (work.classes + 1) + 1;
    return work;
}

static const int32_t *labels_of(const struct work *work, size_t begin, size_t count)
{
    if (work->label_dtype == FOV_I32) {
        return (const int32_t *)work->labels + begin;
    }
    const int64_t *wide = (const int64_t *)work->labels + begin;
    for (size_t i = 0; i < count; i++) {
        work->narrow[begin + i] = wide[i] >= 0 && wide[i] <= INT32_MAX ? (int32_t)wide[i] : -1;
    }
    return work->narrow + begin;
}

static void loss_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct options *options = work->run->options;
    size_t row = op_chunk_begin(chunk, work->rows_per_chunk);
    size_t rows = op_chunk_length(chunk, work->rows_per_chunk, work->rows);
    work->run->kernel->cross_entropy(rows, work->classes, work->scores + row * work->classes, work->classes,
                                     labels_of(work, row, rows), NULL, (float)options->label_smoothing,
                                     work->first + row, work->second + row,
                                     work->out != NULL ? work->out + row * work->classes : NULL);
}

static void run_loss(const struct op_run *run)
{
    struct work work = work_of(run, 0, 1, run->out_count > 1 ? run->out[1].data : NULL);
    pool_run(run->pool, loss_chunk, &work, op_chunks(work.rows, work.rows_per_chunk));
    double count = run->kernel->sum(work.rows, work.second);
    double total = run->kernel->sum(work.rows, work.first);
    float *loss = run->out[0].data;
    if (loss != NULL) {
        *loss = (float)(count > 0 ? total / count : 0);
    }
}

static void gradient_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct options *options = work->run->options;
    size_t row = op_chunk_begin(chunk, work->rows_per_chunk);
    size_t rows = op_chunk_length(chunk, work->rows_per_chunk, work->rows);
    if (!options->linear) {
        const int32_t *labels =
            work->label_dtype == FOV_I32 ? (const int32_t *)work->labels + row : work->narrow + row;
        work->run->kernel->cross_entropy_gradient(rows, work->classes, work->scores + row * work->classes, labels, NULL,
                                                  (float)options->label_smoothing, work->first + row,
                                                  work->out + row * work->classes, work->classes);
        return;
    }
    for (size_t r = row; r < row + rows; r++) {
        work->run->kernel->scale_add(work->classes, work->first[r], work->scores + r * work->classes, 0,
                                     work->out + r * work->classes);
    }
}

static void run_gradient(const struct op_run *run)
{
    struct work work = work_of(run, 1, 2, run->out[0].data);
    const int32_t *labels = labels_of(&work, 0, work.rows);
    size_t count = 0;
    for (size_t r = 0; r < work.rows; r++) {
        bool counts = labels[r] >= 0 && (size_t)labels[r] < work.classes;
        work.first[r] = counts ? 1.0f : 0.0f;
        count += counts;
    }
    float scale = count > 0 ? *(const float *)run->in[0].data / (float)count : 0;
    for (size_t r = 0; r < work.rows; r++) {
        work.first[r] = work.first[r] > 0 ? scale : 0;
    }
    pool_run(run->pool, gradient_chunk, &work, op_chunks(work.rows, work.rows_per_chunk));
}

static int compile(struct op_compile *compile, int scores, op_function *run)
{
    const fov_shape *shape = &compile->in[scores].shape;
    size_t rows = (size_t)shape->dim[0] * shape_span(shape, 2, shape->rank);
    if (shape->dim[1] > INT32_MAX || !size_multiply(rows, 3 * sizeof(float), &compile->scratch)) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(compile->error, FOV_E_SHAPE, "logits %s are too many", shape_text(shape, text));
    }
    compile->run = run;
    return FOV_OK;
}

static int compile_loss(struct op_compile *c)
{
    return compile(c, 0, run_loss);
}

static int compile_gradient(struct op_compile *c)
{
    return compile(c, 1, run_gradient);
}

static bool supports_loss(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    return op_all_f32(options, in, 1);
}

static bool supports_gradient(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    return op_all_f32(options, in, 2);
}

static const struct op_cpu loss_cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = supports_loss, .compile = compile_loss};
static const struct op_cpu gradient_cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = supports_gradient, .compile = compile_gradient, .in_place = 1u << 1};

/* ---- ONNX ------------------------------------------------------------------------------------------------------ */

static int import_loss(struct op_import *node)
{
    const char *reduction = node->text(node->reader, "reduction", "mean");
    fov_shape logits = node->shape(node->reader, node->in[0]);
    int64_t ignored = node->integer(node->reader, "ignore_index", -1);
    if (strcmp(reduction, "mean") != 0) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "SoftmaxCrossEntropyLoss with reduction \"%s\", only mean",
                          reduction);
    }
    if (node->in_count > 2 && node->in[2].id != 0) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "SoftmaxCrossEntropyLoss with class weights");
    }
    if (node->out_count > 1) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "SoftmaxCrossEntropyLoss with logarithms of probabilities");
    }
    if (ignored >= 0 && (logits.rank < 2 || ignored < logits.dim[1])) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "SoftmaxCrossEntropyLoss that ignores class %lld",
                          (long long)ignored);
    }
    fov_value loss =
        node->emitter->node(node->emitter->graph, "softmax_cross_entropy", node->in, 2, NULL, node->node_name);
    node->result(node->reader, 0, loss);
    return FOV_OK;
}

static int export_loss(struct op_export *node)
{
    const struct options *options = node->options;
    if (options->label_smoothing != 0) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "ONNX has no label smoothing (%g here)",
                          options->label_smoothing);
    }
    if (node->out_count > 1 && node->out[1].shape.rank >= 0) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED,
                          "ONNX's loss gives logarithms of probabilities: take a softmax of the logits instead");
    }
    node->begin(node->writer, "SoftmaxCrossEntropyLoss", NULL);
    node->input(node->writer, 0);
    node->input(node->writer, 1);
    node->attribute_text(node->writer, "reduction", "mean");
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "SoftmaxCrossEntropyLoss", .since = 12, .import = import_loss, .export = export_loss};

fov_value fov_softmax_cross_entropy_opt(fov_graph *graph, fov_value logits, fov_value labels,
                                        const fov_cross_entropy_options *options)
{
    fov_value in[] = {logits, labels};
    struct options inside;
    memset(&inside, 0, sizeof inside);
    inside.label_smoothing = options != NULL ? (double)options->label_smoothing : 0;
    return op_build(graph, "softmax_cross_entropy", in, 2, &inside, options != NULL ? options->name : NULL);
}

/* ---- the descriptors ------------------------------------------------------------------------------------------- */

static const struct op_port loss_in[] = {{.name = "logits", .shape = "[N, classes, ...]"},
                                         {.name = "labels", .shape = "[N, ...]: i32 or i64", .plain = true},
                                         {0}};
static const struct op_port loss_out[] = {{.name = "loss", .shape = "[]"},
                                          {.name = "probabilities", .shape = "[N, classes, ...]", .optional = true},
                                          {0}};
static const struct op_port gradient_in[] = {{.name = "dloss", .shape = "[]"},
                                             {.name = "probabilities", .shape = "[N, classes, ...]"},
                                             {.name = "labels", .shape = "[N, ...]: i32 or i64", .plain = true},
                                             {0}};
static const struct op_port gradient_out[] = {{.name = "dlogits", .shape = "[N, classes, ...]"}, {0}};

static const struct options smooth = {.label_smoothing = 0.1}, linear = {.linear = true};

static const struct op_case loss_cases[] = {
    {.name = "10 classes",
     .in = {{2, {3, 10}}, {1, {3}}},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 10},
    {.name = "batch 1", .in = {{2, {1, 7}}, {1, {1}}}, .in_dtype = {FOV_F32, FOV_I32}, .in_count = 2, .integers = 7},
    {.name = "smoothed",
     .in = {{2, {5, 33}}, {1, {5}}},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 33,
     .options = &smooth},
    {.name = "64-bit labels",
     .in = {{2, {3, 4}}, {1, {3}}},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .integers = 4},
    {.name = "some labels no class",
     .in = {{2, {9, 4}}, {1, {9}}},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 6},
    {.name = "several chunks",
     .in = {{2, {67, 701}}, {1, {67}}},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .integers = 701,
     .options = &smooth,
     .no_gradient = true},
    {.name = "pixels",
     .in = {{4, {2, 5, 3, 4}}, {3, {2, 3, 4}}},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 5},
    {0},
};

static const struct op_case gradient_cases[] = {
    {.name = "10 classes",
     .in = {{0, {0}}, {2, {3, 10}}, {1, {3}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I32},
     .in_count = 3,
     .integers = 10},
    {.name = "smoothed, 64-bit labels",
     .in = {{0, {0}}, {2, {5, 7}}, {1, {5}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I64},
     .in_count = 3,
     .integers = 8,
     .options = &smooth},
    {.name = "pixels",
     .in = {{0, {0}}, {4, {2, 5, 3, 2}}, {3, {2, 3, 2}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I32},
     .in_count = 3,
     .integers = 5},
    {.name = "several chunks",
     .in = {{0, {0}}, {2, {67, 701}}, {1, {67}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I64},
     .in_count = 3,
     .integers = 701,
     .no_gradient = true},
    {.name = "linear part",
     .in = {{0, {0}}, {2, {3, 4}}, {1, {3}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I32},
     .in_count = 3,
     .integers = 5,
     .options = &linear},
    {0},
};

const struct op op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .family = OP_LOSS,
    .summary = "Mean of -log softmax(logits)[label]: the loss of classification.",
    .formula = "loss = mean over n of - sum over k of q_k log softmax(x_n)_k, q_k = (1 - s) [k = label] + s / classes",
    .source = "Szegedy et al., Rethinking the Inception architecture, CVPR 2016, section 7 (smoothing)",
    .in = loss_in,
    .out = loss_out,
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .infer = infer_loss,
    .gradient = loss_gradient,
    .textbook = loss_textbook,
    .cpu = &loss_cpu,
    .onnx = &onnx,
    .cases = loss_cases,
};

const struct op op_softmax_cross_entropy_gradient = {
    .name = "softmax_cross_entropy_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of softmax_cross_entropy by the logits.",
    .formula = "dx_nk = dloss / N (p_nk - q_nk)",
    .in = gradient_in,
    .out = gradient_out,
    .attributes = gradient_attributes,
    .options_size = sizeof(struct options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};
