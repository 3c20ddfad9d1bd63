/* SPDX-License-Identifier: MIT */
/* The plain recurrent layer: the new state is an activation of the input and the old one. */
#include "op/onnx.h"
#include "op/recurrent/recurrent.h"

static const struct op_onnx onnx = {.type = "RNN", .since = 1, .import = recurrent_import, .export = recurrent_export};

static const struct recurrent_options forward = {.direction = FORWARD}, reverse = {.direction = REVERSE},
                                      both = {.direction = BIDIRECTIONAL,
                                              .activations = {2, {ACT_SOFTPLUS, ACT_LEAKY_RELU}},
                                              .alpha = {0, 0.1}},
                                      other = {.direction = FORWARD,
                                               .activations = {1, {ACT_THRESHOLDED_RELU}},
                                               .alpha = {0.2}},
                                      folded = {.direction = BIDIRECTIONAL,
                                                .activations = {2, {ACT_LEAKY_RELU, ACT_ELU}},
                                                .alpha = {-0.5, -0.75}};
#define ABSENT \
    {          \
        -1,    \
        {      \
            0  \
        }      \
    }
static const struct op_case cases[] = {
    {.name = "plain",
     .options = &forward,
     .in = {FOV_SHAPE(4, 3, 5), FOV_SHAPE(1, 6, 5), FOV_SHAPE(1, 6, 6), FOV_SHAPE(1, 12)},
     .in_count = 4},
    {.name = "reverse, lengths, state",
     .options = &reverse,
     .in = {FOV_SHAPE(5, 3, 4), FOV_SHAPE(1, 5, 4), FOV_SHAPE(1, 5, 5), FOV_SHAPE(1, 10), FOV_SHAPE(3),
            FOV_SHAPE(1, 3, 5)},
     .in_dtype = {[LENGTHS] = FOV_I32},
     .integers = 6,
     .in_count = 6},
    {.name = "both ways",
     .options = &both,
     .in = {FOV_SHAPE(3, 2, 4), FOV_SHAPE(2, 3, 4), FOV_SHAPE(2, 3, 3), FOV_SHAPE(2, 6), ABSENT, FOV_SHAPE(2, 2, 3)},
     .in_count = 6,
     .no_gradient = true},
    {.name = "other activation",
     .options = &other,
     .in = {FOV_SHAPE(3, 2, 4), FOV_SHAPE(1, 3, 4), FOV_SHAPE(1, 3, 3)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "above zero on both sides",
     .options = &folded,
     .in = {FOV_SHAPE(3, 2, 4), FOV_SHAPE(2, 3, 4), FOV_SHAPE(2, 3, 3), FOV_SHAPE(2, 6)},
     .in_count = 4},
    {.name = "several blocks",
     .options = &forward,
     .in = {FOV_SHAPE(3, 130, 2), FOV_SHAPE(1, 3, 2), FOV_SHAPE(1, 3, 3), FOV_SHAPE(1, 6)},
     .in_count = 4,
     .no_gradient = true},
    {0},
};

const struct op op_rnn = {
    .name = "rnn",
    .family = OP_RECURRENT,
    .summary = "Plain recurrent layer: steps through a sequence with a state.",
    .formula = "H = f(W x + R h + b)",
    .source = "Elman, Finding structure in time, Cognitive science 14 (2), 1990",
    .in = recurrent_in,
    .out = recurrent_out,
    .attributes = recurrent_rnn_attributes,
    .options_size = sizeof(struct recurrent_options),
    .infer = recurrent_infer,
    .gradient = recurrent_gradient,
    .cost = recurrent_cost,
    .textbook = recurrent_textbook,
    .cpu = &recurrent_cpu,
    .onnx = &onnx,
    .cases = cases,
};
