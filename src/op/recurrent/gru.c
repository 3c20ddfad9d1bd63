/* SPDX-License-Identifier: MIT */
/* Gated recurrent unit: one gate decides how much of the state is kept, another how much of it the new candidate
 * sees. */
#include "op/onnx.h"
#include "op/recurrent/recurrent.h"

static const struct op_onnx onnx = {.type = "GRU", .since = 1, .import = recurrent_import, .export = recurrent_export};

static const struct recurrent_options forward = {.direction = FORWARD},
                                      reverse = {.direction = REVERSE, .linear_before_reset = true},
                                      both = {.direction = BIDIRECTIONAL, .linear_before_reset = true},
                                      other = {.direction = FORWARD,
                                               .activations = {2, {ACT_ELU, ACT_AFFINE}},
                                               .alpha = {0.9, 0.3},
                                               .beta = {0, 0.1},
                                               .clip = 1.5};
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
     .in = {FOV_SHAPE(4, 3, 5), FOV_SHAPE(1, 18, 5), FOV_SHAPE(1, 18, 6), FOV_SHAPE(1, 36)},
     .in_count = 4},
    {.name = "reverse, lengths, state, linear before reset",
     .options = &reverse,
     .in = {FOV_SHAPE(5, 3, 4), FOV_SHAPE(1, 15, 4), FOV_SHAPE(1, 15, 5), FOV_SHAPE(1, 30), FOV_SHAPE(3),
            FOV_SHAPE(1, 3, 5)},
     .in_dtype = {[LENGTHS] = FOV_I32},
     .integers = 6,
     .in_count = 6},
    {.name = "both ways",
     .options = &both,
     .in = {FOV_SHAPE(3, 2, 4), FOV_SHAPE(2, 9, 4), FOV_SHAPE(2, 9, 3), FOV_SHAPE(2, 18), ABSENT, FOV_SHAPE(2, 2, 3)},
     .in_count = 6},
    {.name = "clipped, other activations",
     .options = &other,
     .in = {FOV_SHAPE(3, 2, 4), FOV_SHAPE(1, 9, 4), FOV_SHAPE(1, 9, 3)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "several blocks",
     .options = &forward,
     .in = {FOV_SHAPE(3, 130, 2), FOV_SHAPE(1, 9, 2), FOV_SHAPE(1, 9, 3), FOV_SHAPE(1, 18)},
     .in_count = 4,
     .no_gradient = true},
    {0},
};

const struct op op_gru = {
    .name = "gru",
    .family = OP_RECURRENT,
    .summary = "Gated recurrent unit: steps through a sequence with a state that two gates renew.",
    .formula = "z, r = f(W x + R h + b); n = g(W x + R (r h) + b), or g(W x + r (R h + b) + b); H = (1 - z) n + z h",
    .source = "Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014, equations 5 to 8",
    .in = recurrent_in,
    .out = recurrent_out,
    .attributes = recurrent_gru_attributes,
    .options_size = sizeof(struct recurrent_options),
    .infer = recurrent_infer,
    .gradient = recurrent_gradient,
    .cost = recurrent_cost,
    .textbook = recurrent_textbook,
    .cpu = &recurrent_cpu,
    .onnx = &onnx,
    .cases = cases,
};
