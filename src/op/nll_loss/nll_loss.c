/* SPDX-License-Identifier: MIT */
/* Negative log-likelihood: minus the score of the right class, where the scores are logarithms of probabilities. After
 * log_softmax it makes cross-entropy. It only picks numbers, so the definition is also the implementation. */
#include "op/class_loss.h"
#include "op/forward.h"
#include "op/onnx.h"

#include <fovea/operators.h>

struct nll_options {
    int64_t ignore_index;
    int     reduction;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct nll_options, ignore_index), .onnx = "ignore_index", .kind = OP_INTEGER, .standard = -1,
     .doc = "label of samples that do not count; others that are no class do not count either"},
    {OP_ATTRIBUTE(struct nll_options, reduction), .onnx = "reduction", .kind = OP_CHOICE, .choices = class_reductions,
     .doc = "how the samples' losses are put together"},
    {0},
};

enum { SCORES, LABELS, WEIGHT };
enum { DLOSS, G_SCORES, G_LABELS, G_WEIGHT }; /* of the gradient */

static int infer_loss(const struct op_infer *infer)
{
    const struct nll_options *options = infer->options;
    int status = op_check_float(infer, SCORES, "scores");
    status = status != 0 ? status : class_loss_check(infer, SCORES, LABELS, WEIGHT);
    infer->out[0].shape = class_loss_shape(options->reduction, &infer->in[LABELS].shape);
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    fov_value in[4] = {gradient->out_gradient[0], gradient->in[SCORES], gradient->in[LABELS]};
    if (gradient->in_count > WEIGHT) {
        in[G_WEIGHT] = gradient->in[WEIGHT];
    }
    if (gradient->wanted[SCORES]) {
        gradient->in_gradient[SCORES] =
            op_emit(gradient->emitter, "nll_loss_gradient", in, gradient->in_count + 1, gradient->options);
    }
}

/** For each sample: its weight (0: does not count) and where its label's score lies. */
struct sample {
    double weight;
    size_t at;
};

static struct sample sample_at(const struct nll_options *options, const struct op_textbook_tensor *labels,
                               const fov_shape *scores, const double *weight, size_t i)
{
    size_t classes = (size_t)scores->dim[1], pixels = shape_span(scores, 2, scores->rank);
    double label = labels->data[i];
    if (!class_counts(label, classes, options->ignore_index)) {
        return (struct sample){0, 0};
    }
    return (struct sample){weight != NULL ? weight[(size_t)label] : 1,
                           (i / pixels * classes + (size_t)label) * pixels + i % pixels};
}

static void textbook(const struct op_textbook *textbook)
{
    const struct nll_options *options = textbook->options;
    const double *weight = textbook->in_count > WEIGHT ? textbook->in[WEIGHT].data : NULL;
    double total = 0, weights = 0;
    for (size_t i = 0; i < op_count(&textbook->in[LABELS].shape); i++) {
        struct sample sample = sample_at(options, &textbook->in[LABELS], &textbook->in[SCORES].shape, weight, i);
        double loss = sample.weight != 0 ? -sample.weight * textbook->in[SCORES].data[sample.at] : 0;
        weights += sample.weight;
        total += loss;
        if (options->reduction == CLASS_NONE) {
            textbook->out[0].data[i] = loss;
        }
    }
    if (options->reduction != CLASS_NONE) {
        textbook->out[0].data[0] = options->reduction == CLASS_SUM ? total : total / weights;
    }
}

static const struct op_onnx onnx = {.type = "NegativeLogLikelihoodLoss", .since = 12};

static const struct nll_options none = {-1, CLASS_NONE}, mean = {-1, CLASS_MEAN}, sum_ignoring = {2, CLASS_SUM},
                                mean_ignoring = {1, CLASS_MEAN};
static const struct op_case cases[] = {
    {.name = "mean",
     .options = &mean,
     .in = {FOV_SHAPE(5, 4), FOV_SHAPE(5)},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 4},
    {.name = "weights",
     .options = &mean,
     .in = {FOV_SHAPE(5, 4), FOV_SHAPE(5), FOV_SHAPE(4)},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 3,
     .integers = 4,
     .positive = true,
     .no_gradient = true},
    {.name = "none, pixels",
     .options = &none,
     .in = {FOV_SHAPE(2, 3, 2, 4), FOV_SHAPE(2, 2, 4)},
     .in_dtype = {FOV_F32, FOV_I32},
     .in_count = 2,
     .integers = 3},
    {.name = "sum, ignoring",
     .options = &sum_ignoring,
     .in = {FOV_SHAPE(2, 3, 5), FOV_SHAPE(2, 5)},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .integers = 3},
    {.name = "mean, ignoring, some labels no class",
     .options = &mean_ignoring,
     .in = {FOV_SHAPE(9, 3), FOV_SHAPE(9)},
     .in_dtype = {FOV_F32, FOV_I64},
     .in_count = 2,
     .integers = 4},
    {0},
};

const struct op op_nll_loss = {
    .name = "nll_loss",
    .family = OP_LOSS,
    .summary = "Minus the log-probability of the right class.",
    .formula = "loss_n = -weight[label_n] scores[n, label_n]; their sum, or that over the sum of weights",
    .in =
        (const struct op_port[]){
            {.name = "scores", .shape = "[N, classes, ...]: logarithms of probabilities", .plain = true},
            {.name = "labels", .shape = "[N, ...]: i32 or i64", .plain = true},
            {.name = "weight", .shape = "[classes]; no gradient flows to it", .optional = true, .plain = true},
            {0}},
    .out = (const struct op_port[]){{.name = "loss", .shape = "[] or [N, ...]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct nll_options),
    .infer = infer_loss,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};

/* ---- gradient ---------------------------------------------------------------------------------------------------- */

static int infer_gradient(const struct op_infer *infer)
{
    infer->out[0].shape = infer->in[G_SCORES].shape;
    return op_check_result(infer, DLOSS, infer_loss, (const int[]){G_SCORES, G_LABELS, G_WEIGHT}, 3);
}

/* Linear in dloss, which alone gets a gradient: nll_loss with the incoming gradient in place of the scores. */
static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[DLOSS]) {
        fov_value in[3] = {gradient->out_gradient[0], gradient->in[G_LABELS]};
        if (gradient->in_count > G_WEIGHT) {
            in[WEIGHT] = gradient->in[G_WEIGHT];
        }
        gradient->in_gradient[DLOSS] =
            op_emit(gradient->emitter, "nll_loss", in, gradient->in_count - 1, gradient->options);
    }
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    const struct nll_options *options = textbook->options;
    const fov_shape *scores = &textbook->out[0].shape;
    const double *weight = textbook->in_count > G_WEIGHT ? textbook->in[G_WEIGHT].data : NULL;
    size_t count = op_count(&textbook->in[G_LABELS].shape);
    double weights = 0;
    for (size_t i = 0; i < count; i++) {
        weights += sample_at(options, &textbook->in[G_LABELS], scores, weight, i).weight;
    }
    for (size_t i = 0; i < count; i++) {
        struct sample sample = sample_at(options, &textbook->in[G_LABELS], scores, weight, i);
        double flow = textbook->in[DLOSS].data[options->reduction == CLASS_NONE ? i : 0];
        if (sample.weight != 0) {
            textbook->out[0].data[sample.at] = -flow * sample.weight / (options->reduction == CLASS_MEAN ? weights : 1);
        }
    }
}

static const struct op_case gradient_cases[] = {
    {.name = "mean", .options = &mean, .in = {{0, {0}}, FOV_SHAPE(5, 4), FOV_SHAPE(5)},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I32}, .in_count = 3, .integers = 4},
    {.name = "none", .options = &none, .in = {FOV_SHAPE(2, 3), FOV_SHAPE(2, 4, 3), FOV_SHAPE(2, 3)},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I32}, .in_count = 3, .integers = 5},
    {0},
};

const struct op op_nll_loss_gradient = {
    .name = "nll_loss_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of the negative log-likelihood by the scores.",
    .formula = "dscores[n, label_n] = -dloss weight[label_n] (/ sum of weights), 0 elsewhere",
    .in = (const struct op_port[]){
        {.name = "dloss", .shape = "[] or [N, ...]", .plain = true},
        {.name = "scores", .shape = "[N, classes, ...]", .plain = true, .shape_only = true},
        {.name = "labels", .shape = "[N, ...]: i32 or i64", .plain = true},
        {.name = "weight", .shape = "[classes]", .optional = true, .plain = true},
        {0}},
    .out = (const struct op_port[]){{.name = "dscores", .shape = "as scores", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct nll_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = textbook_gradient,
    .cases = gradient_cases,
};

fov_value fov_nll_loss(fov_graph *graph, fov_value log_probabilities, fov_value labels)
{
    fov_value in[2] = {log_probabilities, labels};
    return op_build(graph, "nll_loss", in, 2, NULL, NULL);
}
