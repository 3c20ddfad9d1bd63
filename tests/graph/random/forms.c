/* SPDX-License-Identifier: MIT */
/* The forms that a plan's steps may take, a line each. A search that never meets one of them proves nothing about it,
 * so --forms fails then. A new fusion or way to compute gets a line here, and makers whose graphs lead to it. */
#include "random.h"

#include "graph/plan.h"

#include <string.h>

static bool has_residual(const struct plan_step *step)
{
    return step->residual;
}

static bool has_saved_activation(const struct plan_step *step)
{
    return step->saved_activation;
}

static bool folds(const struct plan_step *step)
{
    return step->fold_count > 0;
}

static bool is_in_place(const struct plan_step *step)
{
    return step->in_place;
}

static bool is_residual_in_place(const struct plan_step *step)
{
    return step->residual && step->in_place;
}

static bool is_again(const struct plan_step *step)
{
    return step->again;
}

static bool is_once(const struct plan_step *step)
{
    return step->once;
}

static bool is_deferred(const struct plan_step *step)
{
    return step->deferred;
}

static bool is_shown(const struct plan_step *step)
{
    return step->observer >= 0;
}

static bool is_merged(const struct plan_step *step)
{
    return step->merged;
}

static bool is_view(const struct plan_step *step)
{
    return step->skip && step->op->view;
}

static bool is_identity(const struct plan_step *step)
{
    return step->skip && !step->op->view && step->compile.identity;
}

static bool is_strided(const struct plan_step *step)
{
    for (int i = 0; i < step->in_count + step->out_count; i++) {
        if (step->tensors[i].pixel_stride != 0) {
            return true;
        }
    }
    return false;
}

const struct random_form random_forms[] = {
    {"a residual added", NULL, NULL, has_residual},
    {"a residual in place", NULL, NULL, is_residual_in_place},
    {"a result in place", NULL, NULL, is_in_place},
    {"an activation's gradient taken along", NULL, NULL, has_saved_activation},
    {"a normalisation folded into weights", NULL, NULL, folds},
    {"a part of a wider tensor", NULL, NULL, is_strided},
    {"made a second time to save memory", NULL, NULL, is_again},
    {"computed once", NULL, NULL, is_once},
    {"made by its readers", NULL, NULL, is_deferred},
    {"shown while it is made", NULL, NULL, is_shown},
    {"done by the next step", NULL, NULL, is_merged},
    {"convolution and activation", "conv + relu", NULL, NULL},
    {"convolution and clip", "conv + clip", NULL, NULL},
    {"convolution, sum and activation", "conv + add + relu", NULL, NULL},
    {"convolution, norm and sum", "conv + batch_norm + add", NULL, NULL},
    {"transposed convolution and activation", "conv_transpose + ", NULL, NULL},
    {"transposed convolution with a norm", "conv_transpose + batch_norm", NULL, NULL},
    {"input gradient and sum", "conv_input_gradient + add", NULL, NULL},
    {"input gradient and activation's", "conv_input_gradient + activation_gradient", NULL, NULL},
    {"dense layer and activation", "dense + ", NULL, NULL},
    {"pooled convolution", "conv_max_pool", "images as lanes", NULL},
    {"pooled convolution, input gradient", "conv_max_pool_input_gradient", NULL, NULL},
    {"pooled convolution, weight gradient", "conv_max_pool_weight_gradient", NULL, NULL},
    {"images as lanes", NULL, "to images-last", NULL},
    {"product", "conv", "implicit product", NULL},
    {"product, pointwise", "conv", ", pointwise", NULL},
    {"product, padded rows", "conv", ", padded rows", NULL},
    {"product, rows", "conv", ", rows", NULL},
    {"product, phases", "conv", ", phases", NULL},
    {"product of lines made in it", NULL, "pointwise, of lines made in it", NULL},
    {"depthwise", NULL, "depthwise rows", NULL},
    {"depthwise of lines made in it", NULL, "depthwise rows of lines made in it", NULL},
    {"depthwise of channels made in it", NULL, "depthwise rows of channels made in it", NULL},
    {"depthwise, both gradients", NULL, "depthwise rows, both gradients", NULL},
    {"patches added", NULL, "patches added", NULL},
    {"planes", "conv", "planes", NULL},
    {"planes, input gradient", "conv_input_gradient", "planes", NULL},
    {"planes, weight gradient", "conv_weight_gradient", "planes", NULL},
    {"planes, transposed convolution", "conv_transpose", "planes", NULL},
    {"Winograd F(2x2, 3x3)", "conv", "Winograd F(2x2, 3x3)", NULL},
    {"Winograd F(4x4, 3x3)", "conv", "Winograd F(4x4, 3x3)", NULL},
    {"Winograd F(2x2, 5x5)", "conv", "Winograd F(2x2, 5x5)", NULL},
    {"Winograd F(1x4, 1x3)", "conv", "Winograd F(1x4, 1x3)", NULL},
    {"Winograd weight gradient", "conv_weight_gradient", "Winograd F(", NULL},
    {"outer products, split over the weight", NULL, "outer products, packed, split", NULL},
    {"outer products, packed blocks", NULL, "outer products, packed blocks", NULL},
    {"outer products, padded rows", NULL, "outer products, padded rows", NULL},
    {"outer products, rows in place", NULL, "outer products, rows in place", NULL},
    {"dense weight gradient by lines", NULL, "by lines", NULL},
    {"dense weight gradient by parts", NULL, "by parts", NULL},
    {"dense weights packed in passing", NULL, "weights packed in passing", NULL},
    {"matrices", NULL, "matrices", NULL},
    {"batch norm applied by its readers", NULL, "batch statistics, applied by its readers", NULL},
    {"batch norm's gradient behind relu", NULL, "batch statistics, behind relu", NULL},
    {"batch norm's gradient behind clip", NULL, "batch statistics, behind clip", NULL},
    {"batch norm, running statistics", NULL, "running statistics", NULL},
    {"stored twice from rows", NULL, "rows, for those who do not make them", NULL},
    {"a view", NULL, NULL, is_view},
    {"an identity", NULL, NULL, is_identity},
    {"a definition as a step", NULL, "definition in double", NULL},
    {"swish spelled out", "swish", NULL, NULL},
    {"sgd", "sgd", NULL, NULL},
    {"adam", "adam", NULL, NULL},
    {"sums of gradients", "accumulate", NULL, NULL},
    {"ONNX's momentum", "onnx_momentum", NULL, NULL},
    {"ONNX's adam", "onnx_adam", NULL, NULL},
    {"ONNX's adagrad", "onnx_adagrad", NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

static bool holds(const char *text, const char *wanted)
{
    return wanted == NULL || strstr(text, wanted) != NULL;
}

void random_count_forms(const fov_plan *plan, struct random_counts *counts)
{
    for (size_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];
        for (int f = 0; random_forms[f].name != NULL; f++) {
            counts->forms[f] += holds(step->operation, random_forms[f].operation) &&
                                holds(step->compile.detail, random_forms[f].detail) &&
                                (random_forms[f].is == NULL || random_forms[f].is(step));
        }
    }
}
