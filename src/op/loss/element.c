/* SPDX-License-Identifier: MIT */
/* Elementwise losses: absolute error, Huber, binary cross-entropy of logits, Kullback-Leibler, focal. */
#include "op/given.h"
#include "op/loss/loss.h"

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static const fov_loss_options plain; /* all defaults */

bool loss_begin(struct loss *loss, fov_graph *graph, fov_value prediction, fov_value target, const char *kind,
                const char *name)
{
    if (!op_is_given(graph, kind, prediction) || !op_is_given(graph, kind, target)) {
        return false;
    }
    *loss = (struct loss){graph, name, kind, fov_value_dtype(graph, prediction), fov_value_shape(graph, prediction)};
    fov_shape other = fov_value_shape(graph, target);
    fov_dtype other_dtype = fov_value_dtype(graph, target);
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    const char *node = fov_graph_node_name(graph, name, kind);
    if (node == NULL) {
        return false;
    }
    if (!shape_fits(&loss->shape, &other)) {
        fov_graph_fail(graph, node, FOV_E_SHAPE, "%s: target is %s but prediction is %s", kind, shape_text(&other, b),
                       shape_text(&loss->shape, a));
        return false;
    }
    if (!op_is_float(loss->dtype) || other_dtype != loss->dtype) {
        fov_graph_fail(graph, node, FOV_E_USAGE,
                       "%s: prediction is %s and target is %s, both must be f32, f64 or f16, and the same", kind,
                       fov_dtype_name(loss->dtype), fov_dtype_name(other_dtype));
        return false;
    }
    return true;
}

fov_value loss_fail(const struct loss *loss, fov_status status, const char *sentence, double number)
{
    char text[SHAPE_TEXT_SIZE];
    const char *node = fov_graph_node_name(loss->graph, loss->name, loss->kind);
    return fov_graph_fail(loss->graph, node, status, "%s: %s (%g; prediction is %s)", loss->kind, sentence, number,
                          shape_text(&loss->shape, text));
}

fov_value loss_number(const struct loss *loss, double number)
{
    return op_emit_number(fov_graph_emitter(loss->graph), loss->dtype, number);
}

fov_value loss_two(const struct loss *loss, const char *op, fov_value a, fov_value b)
{
    return op_emit2(fov_graph_emitter(loss->graph), op, a, b, NULL);
}

fov_value loss_one(const struct loss *loss, const char *op, fov_value a)
{
    return op_emit1(fov_graph_emitter(loss->graph), op, a, NULL);
}

fov_value loss_rest(const struct loss *loss, fov_value value)
{
    return loss_two(loss, "sub", loss_number(loss, 1), value);
}

fov_value loss_scale(const struct loss *loss, fov_value value, double scale)
{
    return scale == 1 ? value : loss_two(loss, "mul", value, loss_number(loss, scale));
}

fov_value loss_sum_from(const struct loss *loss, fov_value value, int first)
{
    struct reduce_options options = {.axes = {.count = loss->shape.rank - first}};
    for (int i = 0; i < options.axes.count; i++) {
        options.axes.at[i] = first + i;
    }
    return options.axes.count > 0 ? op_build(loss->graph, "reduce_sum", &value, 1, &options, NULL) : value;
}

fov_value loss_reduce(const struct loss *loss, fov_value losses, fov_reduction reduction)
{
    static const char *const names[] = {"reduce_mean", "reduce_sum", "identity"};
    struct reduce_options all = {.keep_dims = false};
    if ((int)reduction < 0 || (int)reduction >= (int)(sizeof names / sizeof names[0])) {
        return loss_fail(loss, FOV_E_USAGE, "there is no such reduction", (double)reduction);
    }
    return op_build(loss->graph, names[reduction], &losses, 1, reduction == FOV_REDUCTION_NONE ? NULL : &all,
                    loss->name);
}

/* ---- of numbers -------------------------------------------------------------------------------------------------- */

fov_value fov_mae_opt(fov_graph *graph, fov_value prediction, fov_value target, const fov_loss_options *options)
{
    struct loss loss;
    options = options != NULL ? options : &plain;
    if (!loss_begin(&loss, graph, prediction, target, "mae", options->name)) {
        return (fov_value){0};
    }
    return loss_reduce(&loss, loss_one(&loss, "abs", loss_two(&loss, "sub", prediction, target)), options->reduction);
}

/* With a = |p - t| and m = min(a, delta): m (a - m / 2). Below delta that is a^2 / 2, above it delta (a - delta / 2).
   The derivative by m is a - m, which is 0 at a = delta, so the kink of the minimum there does not affect the
   gradient. */
static fov_value huber(const struct loss *loss, fov_value prediction, fov_value target, double delta)
{
    fov_value error = loss_one(loss, "abs", loss_two(loss, "sub", prediction, target));
    fov_value inner = loss_two(loss, "min", error, loss_number(loss, delta));
    return loss_two(loss, "mul", inner, loss_two(loss, "sub", error, loss_scale(loss, inner, 0.5)));
}

static fov_value build_huber(fov_graph *graph, fov_value prediction, fov_value target,
                             const fov_huber_options *options)
{
    struct loss loss;
    if (!loss_begin(&loss, graph, prediction, target, "huber", options->name)) {
        return (fov_value){0};
    }
    if (!(options->delta > 0)) {
        return loss_fail(&loss, FOV_E_USAGE, "delta must be above 0", (double)options->delta);
    }
    return loss_reduce(&loss, huber(&loss, prediction, target, (double)options->delta), options->reduction);
}

fov_value fov_huber_opt(fov_graph *graph, fov_value prediction, fov_value target, const fov_huber_options *options)
{
    fov_huber_options given = options != NULL ? *options : (fov_huber_options){0};
    given.delta = given.delta != 0 ? given.delta : 1;
    return build_huber(graph, prediction, target, &given);
}

fov_value fov_huber(fov_graph *graph, fov_value prediction, fov_value target, float delta)
{
    return build_huber(graph, prediction, target, &(fov_huber_options){.delta = delta});
}

static fov_value build_smooth_l1(fov_graph *graph, fov_value prediction, fov_value target,
                                 const fov_smooth_l1_options *options)
{
    struct loss loss;
    double beta = (double)options->beta;
    if (!loss_begin(&loss, graph, prediction, target, "smooth_l1", options->name)) {
        return (fov_value){0};
    }
    if (!(beta > 0)) {
        return loss_fail(&loss, FOV_E_USAGE, "beta must be above 0", beta);
    }
    return loss_reduce(&loss, loss_scale(&loss, huber(&loss, prediction, target, beta), 1 / beta), options->reduction);
}

fov_value fov_smooth_l1_opt(fov_graph *graph, fov_value prediction, fov_value target,
                            const fov_smooth_l1_options *options)
{
    fov_smooth_l1_options given = options != NULL ? *options : (fov_smooth_l1_options){0};
    given.beta = given.beta != 0 ? given.beta : 1;
    return build_smooth_l1(graph, prediction, target, &given);
}

fov_value fov_smooth_l1(fov_graph *graph, fov_value prediction, fov_value target, float beta)
{
    return build_smooth_l1(graph, prediction, target, &(fov_smooth_l1_options){.beta = beta});
}

/* The smallest normal number of the loss's type, since a running plan turns smaller ones into 0. f16 is computed by its
 * definition, in double, which keeps them: unless `normal`, its smallest subnormal number. */
static fov_value smallest(const struct loss *loss, bool normal)
{
    double of_half = normal ? 0x1p-14 : 0x1p-24;
    return loss_number(loss, loss->dtype == FOV_F16 ? of_half : loss->dtype == FOV_F64 ? 0x1p-1022 : 0x1p-126);
}

/* ---- of probabilities -------------------------------------------------------------------------------------------- */

fov_value fov_bce_opt(fov_graph *graph, fov_value probability, fov_value target, const fov_loss_options *options)
{
    struct loss loss;
    options = options != NULL ? options : &plain;
    if (!loss_begin(&loss, graph, probability, target, "bce", options->name)) {
        return (fov_value){0};
    }
    return loss_reduce(&loss, loss_two(&loss, "bce", probability, target), options->reduction);
}

/* -log sigmoid(x) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x): both are exact for any x, and smooth at 0. */
static fov_value bce_logits(const struct loss *loss, fov_value logits, fov_value target, double positive_weight)
{
    fov_value miss = loss_one(loss, "softplus", loss_one(loss, "neg", logits));
    fov_value hit = loss_scale(loss, loss_two(loss, "mul", target, miss), positive_weight);
    fov_value alarm = loss_two(loss, "mul", loss_rest(loss, target), loss_one(loss, "softplus", logits));
    return loss_two(loss, "add", hit, alarm);
}

fov_value fov_bce_logits_opt(fov_graph *graph, fov_value logits, fov_value target,
                             const fov_bce_logits_options *options)
{
    struct loss loss;
    double weight = options != NULL && options->positive_weight != 0 ? (double)options->positive_weight : 1;
    if (!loss_begin(&loss, graph, logits, target, "bce_logits", options != NULL ? options->name : NULL)) {
        return (fov_value){0};
    }
    if (!(weight > 0)) {
        return loss_fail(&loss, FOV_E_USAGE, "positive_weight must be above 0", weight);
    }
    return loss_reduce(&loss, bce_logits(&loss, logits, target, weight),
                       options != NULL ? options->reduction : FOV_REDUCTION_MEAN);
}

fov_value fov_kl_divergence_opt(fov_graph *graph, fov_value log_probabilities, fov_value target,
                                const fov_kl_divergence_options *options)
{
    struct loss loss;
    fov_reduction reduction = options != NULL ? options->reduction : FOV_REDUCTION_MEAN;
    if (!loss_begin(&loss, graph, log_probabilities, target, "kl_divergence", options != NULL ? options->name : NULL)) {
        return (fov_value){0};
    }
    if (loss.shape.rank < 2) {
        return loss_fail(&loss, FOV_E_SHAPE, "it must be [N, classes, ...], of rank 2 or more", loss.shape.rank);
    }
    fov_value share = target, log_target;
    if (options != NULL && options->log_target) {
        share = loss_one(&loss, "exp", target);
        log_target = target;
    } else { /* clamps log's argument to the smallest number, so that t log t is 0 at t = 0 */
        log_target = loss_one(&loss, "log", loss_two(&loss, "max", target, smallest(&loss, false)));
    }
    fov_value each = loss_two(&loss, "mul", share, loss_two(&loss, "sub", log_target, log_probabilities));
    return loss_reduce(&loss, reduction == FOV_REDUCTION_NONE ? each : loss_sum_from(&loss, each, 1), reduction);
}

/* 1 - p_t is computed as t sigmoid(-x) + (1 - t) sigmoid(x), so that small probabilities keep all their digits. It may
   round to 0, where a power below 1 has no derivative, so it is clamped to the smallest normal number. */
fov_value fov_focal_opt(fov_graph *graph, fov_value logits, fov_value target, const fov_focal_options *options)
{
    struct loss loss;
    static const fov_focal_options standard;
    options = options != NULL ? options : &standard;
    double gamma = options->gamma != 0 ? (double)options->gamma : 2;
    double alpha = options->alpha != 0 ? (double)options->alpha : 0.25;
    if (!loss_begin(&loss, graph, logits, target, "focal", options->name)) {
        return (fov_value){0};
    }
    if (!(alpha <= 1) || gamma != gamma) {
        return loss_fail(&loss, FOV_E_USAGE, "alpha must be at most 1 and gamma a number", alpha);
    }
    fov_value each = bce_logits(&loss, logits, target, 1), rest = loss_rest(&loss, target);
    if (gamma > 0) {
        fov_value miss = loss_two(&loss, "mul", target, loss_one(&loss, "sigmoid", loss_one(&loss, "neg", logits)));
        fov_value alarm = loss_two(&loss, "mul", rest, loss_one(&loss, "sigmoid", logits));
        fov_value hard = loss_two(&loss, "max", loss_two(&loss, "add", miss, alarm), smallest(&loss, true));
        each = loss_two(&loss, "mul", each, loss_two(&loss, "pow", hard, loss_number(&loss, gamma)));
    }
    if (alpha >= 0) {
        fov_value weight =
            loss_two(&loss, "add", loss_scale(&loss, target, alpha), loss_scale(&loss, rest, 1 - alpha));
        each = loss_two(&loss, "mul", each, weight);
    }
    return loss_reduce(&loss, each, options->reduction);
}
