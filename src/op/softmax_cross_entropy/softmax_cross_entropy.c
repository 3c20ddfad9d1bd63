/* SPDX-License-Identifier: MIT */
/* Softmax and cross-entropy in one operator: the loss of classification. Computed together they stay exact where, one
 * after the other, they would take the logarithm of a probability rounded to zero; and the gradient is simply
 * probability minus target. The mean over samples is summed in double in the samples' order. Samples whose label is no
 * class are left out. */
#include "op/class_loss.h"
#include "op/forward.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

/* `linear`, for the gradient operator only: leaves out the target, which gives the gradient operator's derivative with
 * respect to the probabilities. */
struct options {
    double  label_smoothing;
    int64_t ignore_index;
    int     reduction;
    bool    linear;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct options, label_smoothing), .kind = OP_NUMBER, .maximum = 1,
     .doc = "share of the target spread over all classes"},
    {OP_ATTRIBUTE(struct options, ignore_index), .onnx = "ignore_index", .kind = OP_INTEGER, .standard = -1,
     .doc = "label of samples that do not count; others that are no class do not count either"},
    {OP_ATTRIBUTE(struct options, reduction), .onnx = "reduction", .kind = OP_CHOICE, .choices = class_reductions,
     .doc = "how the samples' losses are put together"},
    {0},
};
static const struct op_attribute gradient_attributes[] = {
    {OP_ATTRIBUTE(struct options, label_smoothing), .kind = OP_NUMBER, .maximum = 1,
     .doc = "share of the target spread over all classes"},
    {OP_ATTRIBUTE(struct options, ignore_index), .kind = OP_INTEGER, .standard = -1,
     .doc = "label of samples that do not count"},
    {OP_ATTRIBUTE(struct options, reduction), .kind = OP_CHOICE, .choices = class_reductions,
     .doc = "how the samples' losses were put together"},
    {OP_ATTRIBUTE(struct options, linear), .kind = OP_FLAG, .doc = "without the target"},
    {0},
};

static int infer_loss(const struct op_infer *infer)
{
    const struct options *options = infer->options;
    int status = op_check_float(infer, 0, "logits");
    status = status != FOV_OK ? status : class_loss_check(infer, 0, 1, 2);
    infer->out[0].shape = class_loss_shape(options->reduction, &infer->in[1].shape);
    return status; /* probabilities and their logarithms are like the logits, as preset */
}

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[1].shape;
    infer->out[0].dtype = infer->in[1].dtype;
    return op_check_result(infer, 0, infer_loss, (const int[]){1, 2, 3}, 3);
}

/* ---- gradients ------------------------------------------------------------------------------------------------- */

static void loss_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    struct softmax_options over_classes = {1};
    fov_value dloss = gradient->out_gradient[0], total = {0};
    if (!gradient->wanted[0]) {
        return;
    }
    if (dloss.id != 0) {
        fov_value in[4] = {dloss, op_emit_output(emitter, gradient->out[0], 1), gradient->in[1]};
        if (gradient->in_count > 2) {
            in[3] = gradient->in[2];
        }
        total = op_emit(emitter, "softmax_cross_entropy_gradient", in, gradient->in_count + 1, gradient->options);
    }
    static const char *const names[] = {NULL, "softmax_gradient", "log_softmax_gradient"};
    for (int i = 1; i < gradient->out_count; i++) {
        if (gradient->out_gradient[i].id != 0) {
            fov_value share = op_emit2(emitter, names[i], gradient->out[i], gradient->out_gradient[i], &over_classes);
            total = total.id != 0 ? op_emit2(emitter, "add", total, share, NULL) : share;
        }
    }
    gradient->in_gradient[0] = total;
}

/* dlogits is linear in dloss, and affine in the probabilities. */
static void gradient_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    struct options options = *(const struct options *)gradient->options;
    fov_value flow = gradient->out_gradient[0], dloss = gradient->in[0];
    fov_value in[4] = {dloss, gradient->in[1], gradient->in[2]};
    if (gradient->in_count > 3) {
        in[3] = gradient->in[3];
    }
    if (gradient->wanted[0]) {
        in[0] = op_emit2(emitter, "broadcast_to", op_emit_scalar(emitter, dloss, 1), dloss, NULL);
        fov_value unit = op_emit(emitter, "softmax_cross_entropy_gradient", in, gradient->in_count, &options);
        fov_value product = op_emit2(emitter, "mul", flow, unit, NULL);
        fov_shape sum = gradient->in_tensor[0].shape;
        if (options.reduction == CLASS_NONE) { /* dloss is [N, ...]: reshape it to [N, 1, ...] first */
            sum = gradient->out_tensor[0].shape;
            sum.dim[1] = 1;
            dloss = op_emit_reshape(emitter, dloss, &sum);
        }
        product = op_emit_sum_to(emitter, product, &gradient->out_tensor[0].shape, dloss, &sum);
        gradient->in_gradient[0] = options.reduction == CLASS_NONE
                                       ? op_emit_reshape(emitter, product, &gradient->in_tensor[0].shape)
                                       : product;
    }
    if (gradient->wanted[1]) {
        options.linear = true;
        in[0] = gradient->in[0];
        in[1] = flow;
        gradient->in_gradient[1] =
            op_emit(emitter, "softmax_cross_entropy_gradient", in, gradient->in_count, &options);
    }
}

/* ---- definitions ----------------------------------------------------------------------------------------------- */

/** Share of class k in the target of a sample, times the class's weight. */
static double target(const struct options *options, double label, size_t k, size_t classes, const double *weight)
{
    double hit = (double)k == label;
    return ((1 - options->label_smoothing) * hit + options->label_smoothing / (double)classes) *
           (weight != NULL ? weight[k] : 1);
}

static void loss_textbook(const struct op_textbook *textbook)
{
    const struct options *options = textbook->options;
    const struct op_textbook_tensor *logits = &textbook->in[0];
    const double *labels = textbook->in[1].data, *weight = textbook->in_count > 2 ? textbook->in[2].data : NULL;
    double *probabilities = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    double *logarithms = textbook->out_count > 2 ? textbook->out[2].data : NULL;
    size_t samples = (size_t)logits->shape.dim[0], classes = (size_t)logits->shape.dim[1];
    size_t pixels = shape_span(&logits->shape, 2, logits->shape.rank);
    double total = 0, weights = 0;
    for (size_t i = 0; i < samples * pixels; i++) {
        size_t first = i / pixels * classes * pixels + i % pixels;
        const double *x = logits->data + first; /* x[k * pixels]: class k */
        double largest = -INFINITY, sum = 0, loss = 0, label = labels[i];
        for (size_t k = 0; k < classes; k++) {
            largest = fmax(largest, x[k * pixels]);
        }
        for (size_t k = 0; k < classes; k++) {
            sum += exp(x[k * pixels] - largest);
        }
        bool counts = class_counts(label, classes, options->ignore_index);
        for (size_t k = 0; k < classes; k++) {
            double log_probability = x[k * pixels] - largest - log(sum);
            loss -= counts ? target(options, label, k, classes, weight) * log_probability : 0;
            if (probabilities != NULL) {
                probabilities[first + k * pixels] = exp(log_probability);
            }
            if (logarithms != NULL) {
                logarithms[first + k * pixels] = log_probability;
            }
        }
        weights += !counts ? 0 : weight != NULL ? weight[(size_t)label] : 1;
        total += loss;
        if (options->reduction == CLASS_NONE) {
            textbook->out[0].data[i] = loss;
        }
    }
    if (options->reduction != CLASS_NONE) {
        textbook->out[0].data[0] = options->reduction == CLASS_SUM ? total : total / weights;
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    const struct options *options = textbook->options;
    const struct op_textbook_tensor *probabilities = &textbook->in[1];
    const double *labels = textbook->in[2].data, *weight = textbook->in_count > 3 ? textbook->in[3].data : NULL;
    size_t samples = (size_t)probabilities->shape.dim[0], classes = (size_t)probabilities->shape.dim[1];
    size_t pixels = shape_span(&probabilities->shape, 2, probabilities->shape.rank);
    double weights = 0;
    for (size_t i = 0; i < samples * pixels; i++) {
        bool counts = class_counts(labels[i], classes, options->ignore_index);
        weights += !counts ? 0 : weight != NULL ? weight[(size_t)labels[i]] : 1;
    }
    for (size_t i = 0; i < samples * pixels; i++) {
        double label = labels[i], all = 0;
        double scale = textbook->in[0].data[options->reduction == CLASS_NONE ? i : 0] /
                       (options->reduction == CLASS_MEAN ? weights : 1);
        for (size_t k = 0; k < classes; k++) {
            all += target(options, label, k, classes, weight);
        }
        for (size_t k = 0; k < classes && class_counts(label, classes, options->ignore_index); k++) {
            size_t at = (i / pixels * classes + k) * pixels + i % pixels;
            textbook->out[0].data[at] =
                scale * (probabilities->data[at] * all -
                         (options->linear ? 0 : target(options, label, k, classes, weight)));
        }
    }
}

/* ---- on the CPU: rows of classes; pixels of images are rows in channels-last order, and so are their labels ---- */

struct work {
    const struct op_run *run;
    size_t               rows, classes, rows_per_chunk;
    const float         *scores; /* logits or probabilities */
    const void          *labels;
    const float         *weight; /* per class, or NULL */
    fov_dtype            label_dtype;
    int32_t             *narrow;         /* [rows]: labels as i32; labels that do not count become -1 */
    float               *first, *second; /* [rows]: loss: losses and weights; gradient: see run_gradient */
    float               *out;
};

/* Scratch: three rows of 4-byte values. */
static struct work work_of(const struct op_run *run, int scores, int labels, int weight, float *out)
{
    const fov_shape *shape = &run->in[scores].shape;
    struct work work = {.run = run,
                        .classes = (size_t)shape->dim[1],
                        .rows = (size_t)shape->dim[0] * shape_span(shape, 2, shape->rank),
                        .scores = run->in[scores].data,
                        .labels = run->in[labels].data,
                        .label_dtype = run->in[labels].dtype,
                        .out = out};
    work.weight = weight < run->in_count && run->in[weight].shape.rank >= 0 ? run->in[weight].data : NULL;
    work.first = run->scratch;
    work.second = work.first + work.rows;
    work.narrow = (int32_t *)(void *)(work.second + work.rows);
    work.rows_per_chunk = OP_CHUNK / (work.classes + 1) + 1;
    return work;
}

/** Converts labels to i32; -1 for labels that do not count. (Labels beyond the classes are left to the kernels.) */
static const int32_t *labels_of(const struct work *work, size_t begin, size_t count)
{
    const struct options *options = work->run->options;
    for (size_t i = begin; i < begin + count; i++) {
        int64_t label =
            work->label_dtype == FOV_I32 ? ((const int32_t *)work->labels)[i] : ((const int64_t *)work->labels)[i];
        work->narrow[i] = label >= 0 && label <= INT32_MAX && label != options->ignore_index ? (int32_t)label : -1;
    }
    return work->narrow + begin;
}

static void loss_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct op_run *run = work->run;
    const struct options *options = run->options;
    size_t row = op_chunk_begin(chunk, work->rows_per_chunk);
    size_t rows = op_chunk_length(chunk, work->rows_per_chunk, work->rows), first = row * work->classes;
    run->kernel->cross_entropy(rows, work->classes, work->scores + first, work->classes, labels_of(work, row, rows),
                               work->weight, (float)options->label_smoothing, work->first + row, work->second + row,
                               work->out != NULL ? work->out + first : NULL);
    if (run->out_count > 2 && run->out[2].data != NULL) {
        run->kernel->log_softmax(rows, work->classes, work->scores + first, work->classes,
                                 (float *)run->out[2].data + first, work->classes);
    }
}

static void run_loss(const struct op_run *run)
{
    const struct options *options = run->options;
    struct work work = work_of(run, 0, 1, 2, run->out_count > 1 ? run->out[1].data : NULL);
    pool_run(run->pool, loss_chunk, &work, op_chunks(work.rows, work.rows_per_chunk));
    float *loss = run->out[0].data;
    if (loss != NULL && options->reduction == CLASS_NONE) {
        memcpy(loss, work.first, work.rows * sizeof *loss);
    } else if (loss != NULL) {
        double total = run->kernel->sum(work.rows, work.first);
        double weights = options->reduction == CLASS_SUM ? 1 : run->kernel->sum(work.rows, work.second);
        *loss = (float)(total / weights);
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
        work->run->kernel->cross_entropy_gradient(rows, work->classes, work->scores + row * work->classes,
                                                  work->narrow + row, work->weight, (float)options->label_smoothing,
                                                  work->first + row, work->out + row * work->classes, work->classes);
        return;
    }
    for (size_t r = row; r < row + rows; r++) {
        work->run->kernel->scale_add(work->classes, work->first[r] * work->second[r], work->scores + r * work->classes,
                                     0, work->out + r * work->classes);
    }
}

/* work.first: the factor of each sample's gradient, 0 if it does not count; work.second: the sum of its weighted
 * target. */
static void run_gradient(const struct op_run *run)
{
    const struct options *options = run->options;
    const float *dloss = run->in[0].data;
    struct work work = work_of(run, 1, 2, 3, run->out[0].data);
    const int32_t *labels = labels_of(&work, 0, work.rows);
    double weights = 0, spread = 0;
    for (size_t k = 0; k < work.classes; k++) {
        spread += options->label_smoothing / (double)work.classes * (work.weight != NULL ? (double)work.weight[k] : 1);
    }
    for (size_t r = 0; r < work.rows; r++) {
        bool counts = labels[r] >= 0 && (size_t)labels[r] < work.classes;
        double weight = !counts ? 0 : work.weight != NULL ? (double)work.weight[labels[r]] : 1;
        work.first[r] = counts ? 1.0f : 0.0f;
        work.second[r] = (float)((1 - options->label_smoothing) * weight + (counts ? spread : 0));
        weights += weight;
    }
    double divisor = options->reduction == CLASS_MEAN ? weights : 1;
    for (size_t r = 0; r < work.rows; r++) {
        double flow = (double)dloss[options->reduction == CLASS_NONE ? r : 0];
        work.first[r] = work.first[r] > 0 ? (float)(flow / divisor) : 0;
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
    struct options options;
    memset(&options, 0, sizeof options);
    options.ignore_index = node->integer(node->reader, "ignore_index", -1);
    while (class_reductions[options.reduction] != NULL && strcmp(class_reductions[options.reduction], reduction) != 0) {
        options.reduction++;
    }
    if (class_reductions[options.reduction] == NULL) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "reduction is \"%s\", which is not known", reduction);
    }
    fov_value loss = node->emitter->node(node->emitter->graph, "softmax_cross_entropy", node->in, node->in_count,
                                         &options, node->node_name);
    node->result(node->reader, 0, loss);
    if (node->out_count > 1) {
        node->result(node->reader, 1, op_emit_output(node->emitter, loss, 2));
    }
    return FOV_OK;
}

/** Per sample: minus the score of its class, times the class's weight; 0 where the sample does not count. */
static const char *export_picked(struct op_export *node, const char *scores, bool weighted)
{
    const struct options *options = node->options;
    const char *loss = op_export_step(node, "NegativeLogLikelihoodLoss", scores, node->in_name(node->writer, 1),
                                      OP_EXPORT_FRESH);
    if (weighted) {
        node->input(node->writer, 2);
    }
    node->attribute_text(node->writer, "reduction", "none");
    node->attribute_integer(node->writer, "ignore_index", options->ignore_index);
    return loss;
}

static const char *export_class_sum(struct op_export *node, const char *value)
{
    int64_t one = 1;
    const char *sum =
        op_export_step(node, "ReduceSum", value, node->integers(node->writer, &one, 1, false), OP_EXPORT_FRESH);
    node->attribute_integer(node->writer, "keepdims", 0);
    return sum;
}

/* ONNX's loss has no smoothing. By definition the loss of a sample that counts is (1 - s) times the plain loss plus
   s / classes times the sum over all classes. The loss of a constant score of -1 tells whether a sample counts, and
   with which weight. */
static int export_smoothed(struct op_export *node)
{
    const struct options *options = node->options;
    const fov_shape *x = &node->in[0].shape;
    fov_dtype dtype = node->in[0].dtype;
    bool weighted = node->in_count > 2 && node->in[2].shape.rank >= 0;
    double share = options->label_smoothing / (double)x->dim[1];
    int64_t column[FOV_MAX_RANK] = {1, x->dim[1]};
    for (int i = 2; i < x->rank; i++) {
        column[i] = 1;
    }
    const char *logarithms = op_export_step(node, "LogSoftmax", node->in_name(node->writer, 0), NULL, OP_EXPORT_FRESH);
    node->attribute_integer(node->writer, "axis", 1);
    const char *shape = op_export_step(node, "Shape", logarithms, NULL, OP_EXPORT_FRESH);
    const char *minus = op_export_step(node, "Expand", op_export_number(node, dtype, -1), shape, OP_EXPORT_FRESH);
    const char *counts = export_picked(node, minus, false);
    const char *spread = logarithms;
    if (weighted) {
        const char *weight = op_export_reshape(node, node->in_name(node->writer, 2), column, x->rank, OP_EXPORT_FRESH);
        spread = op_export_step(node, "Mul", logarithms, weight, OP_EXPORT_FRESH);
    }
    const char *soft = op_export_step(node, "Mul", export_class_sum(node, spread), counts, OP_EXPORT_FRESH);
    soft = op_export_step(node, "Mul", soft, op_export_number(node, dtype, -share), OP_EXPORT_FRESH);
    const char *hard = op_export_step(node, "Mul", export_picked(node, logarithms, weighted),
                                      op_export_number(node, dtype, 1 - options->label_smoothing), OP_EXPORT_FRESH);
    const char *loss = op_export_step(node, "Add", hard, soft, options->reduction == CLASS_NONE ? 0 : OP_EXPORT_FRESH);
    if (options->reduction != CLASS_NONE) {
        const char *weights = weighted ? export_picked(node, minus, true) : counts;
        const char *total =
            op_export_step(node, "ReduceSum", loss, NULL, options->reduction == CLASS_SUM ? 0 : OP_EXPORT_FRESH);
        node->attribute_integer(node->writer, "keepdims", 0);
        if (options->reduction == CLASS_MEAN) {
            const char *divisor = op_export_step(node, "ReduceSum", weights, NULL, OP_EXPORT_FRESH);
            node->attribute_integer(node->writer, "keepdims", 0);
            op_export_step(node, "Div", total, divisor, 0);
        }
    }
    if (node->out_count > 2 && node->out[2].shape.rank >= 0) {
        op_export_step(node, "Identity", logarithms, NULL, 2);
    }
    return FOV_OK;
}

static int export_loss(struct op_export *node)
{
    const struct options *options = node->options;
    bool logarithms = node->out_count > 2 && node->out[2].shape.rank >= 0;
    if (node->out_count > 1 && node->out[1].shape.rank >= 0) { /* ONNX's loss does not output probabilities */
        node->begin(node->writer, "Softmax", NULL);
        node->input(node->writer, 0);
        node->attribute_integer(node->writer, "axis", 1);
        node->output(node->writer, 1);
    }
    if (options->label_smoothing != 0) {
        return export_smoothed(node);
    }
    node->begin(node->writer, "SoftmaxCrossEntropyLoss", NULL);
    for (int i = 0; i < node->in_count; i++) {
        node->input(node->writer, i);
    }
    node->attribute_text(node->writer, "reduction", class_reductions[options->reduction]);
    node->attribute_integer(node->writer, "ignore_index", options->ignore_index);
    node->output(node->writer, 0);
    if (logarithms) {
        node->output(node->writer, 2);
    }
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "SoftmaxCrossEntropyLoss", .since = 12, .import = import_loss, .export = export_loss};

fov_value fov_softmax_cross_entropy_opt(fov_graph *graph, fov_value logits, fov_value labels,
                                        const fov_cross_entropy_options *options)
{
    fov_value in[] = {logits, labels, options != NULL ? options->weights : (fov_value){0}};
    struct options inside;
    memset(&inside, 0, sizeof inside);
    inside.ignore_index = -1;
    inside.label_smoothing = options != NULL ? (double)options->label_smoothing : 0;
    return op_build(graph, "softmax_cross_entropy", in, in[2].id != 0 ? 3 : 2, &inside, options != NULL ? options->name : NULL);
}

/* ---- the descriptors ------------------------------------------------------------------------------------------- */

static const struct op_port loss_in[] = {
    {.name = "logits", .shape = "[N, classes, ...]"},
    {.name = "labels", .shape = "[N, ...]: i32 or i64", .plain = true},
    {.name = "weight", .shape = "[classes]; no gradient flows to it", .optional = true, .plain = true},
    {0}};
static const struct op_port loss_out[] = {{.name = "loss", .shape = "[] or [N, ...]", .plain = true},
                                          {.name = "probabilities", .shape = "[N, classes, ...]", .optional = true},
                                          {.name = "log_probabilities", .shape = "[N, classes, ...]", .optional = true},
                                          {0}};
static const struct op_port gradient_in[] = {{.name = "dloss", .shape = "[] or [N, ...]", .plain = true},
                                             {.name = "probabilities", .shape = "[N, classes, ...]"},
                                             {.name = "labels", .shape = "[N, ...]: i32 or i64", .plain = true},
                                             {.name = "weight", .shape = "[classes]", .optional = true, .plain = true},
                                             {0}};
static const struct op_port gradient_out[] = {{.name = "dlogits", .shape = "[N, classes, ...]"}, {0}};

static const struct options smooth = {.label_smoothing = 0.1, .ignore_index = -1},
                            linear = {.linear = true, .ignore_index = -1},
                            each = {.reduction = CLASS_NONE, .ignore_index = -1},
                            sum = {.reduction = CLASS_SUM, .ignore_index = 2},
                            ignoring = {.ignore_index = 1, .label_smoothing = 0.2};

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
    {.name = "a loss per pixel",
     .in = {{4, {2, 5, 3, 4}}, {3, {2, 3, 4}}},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 5,
     .options = &each},
    {.name = "sum, ignoring a class",
     .in = {{2, {9, 4}}, {1, {9}}},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .integers = 4,
     .options = &sum},
    {.name = "weights, smoothed, ignoring",
     .in = {{3, {3, 4, 5}}, {2, {3, 5}}, {1, {4}}},
     .in_dtype = {FOV_F32, FOV_I64, FOV_F32},
     .in_count = 3,
     .integers = 4,
     .positive = true,
     .options = &ignoring,
     .no_gradient = true},
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
    {.name = "per pixel", .in = {{3, {2, 3, 2}}, {4, {2, 5, 3, 2}}, {3, {2, 3, 2}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I32}, .in_count = 3, .integers = 5, .options = &each},
    {.name = "weights, smoothed, ignoring", .in = {{0, {0}}, {3, {3, 4, 5}}, {2, {3, 5}}, {1, {4}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I64, FOV_F32}, .in_count = 4, .integers = 4, .positive = true,
     .options = &ignoring, .no_gradient = true},
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
    .summary = "-log softmax(logits)[label], the loss of classification: its mean, sum, or one per sample.",
    .formula =
        "loss = mean over n of - sum over k of q_k log softmax(x_n)_k, q_k = w_k ((1 - s) [k = label] + s / classes)",
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
