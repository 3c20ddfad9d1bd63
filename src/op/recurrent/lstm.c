/* SPDX-License-Identifier: MIT */
/* Long short-term memory: gates control what is added to a cell state, how much of it is kept and how much is shown, so
 * that gradients pass through many steps. */
#include "op/onnx.h"
#include "op/recurrent/recurrent.h"

static const struct op_onnx onnx = {.type = "LSTM", .since = 1, .import = recurrent_import, .export = recurrent_export};

static const struct recurrent_options forward = {.direction = FORWARD}, reverse = {.direction = REVERSE},
                                      both = {.direction = BIDIRECTIONAL},
                                      coupled = {.direction = FORWARD,
                                                 .input_forget = true,
                                                 .clip = 0.6,
                                                 .activations = {3, {ACT_HARD_SIGMOID, ACT_SCALED_TANH, ACT_SOFTSIGN}},
                                                 .alpha = {0.25, 1.5},
                                                 .beta = {0.5, 0.7}};
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
     .in = {FOV_SHAPE(4, 3, 5), FOV_SHAPE(1, 24, 5), FOV_SHAPE(1, 24, 6), FOV_SHAPE(1, 48)},
     .in_count = 4},
    {.name = "reverse, lengths, states",
     .options = &reverse,
     .in = {FOV_SHAPE(5, 3, 4), FOV_SHAPE(1, 20, 4), FOV_SHAPE(1, 20, 5), FOV_SHAPE(1, 40), FOV_SHAPE(3),
            FOV_SHAPE(1, 3, 5), FOV_SHAPE(1, 3, 5)},
     .in_dtype = {[LENGTHS] = FOV_I32},
     .integers = 6,
     .in_count = 7},
    {.name = "both ways, peepholes",
     .options = &both,
     .in = {FOV_SHAPE(3, 2, 4), FOV_SHAPE(2, 12, 4), FOV_SHAPE(2, 12, 3), FOV_SHAPE(2, 24), ABSENT, FOV_SHAPE(2, 2, 3),
            FOV_SHAPE(2, 2, 3), FOV_SHAPE(2, 9)},
     .in_count = 8},
    {.name = "coupled, clipped, other activations",
     .options = &coupled,
     .in = {FOV_SHAPE(3, 2, 4), FOV_SHAPE(1, 12, 4), FOV_SHAPE(1, 12, 3)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "several blocks",
     .options = &forward,
     .in = {FOV_SHAPE(3, 130, 2), FOV_SHAPE(1, 12, 2), FOV_SHAPE(1, 12, 3), FOV_SHAPE(1, 24)},
     .in_count = 4,
     .no_gradient = true},
    {0},
};

const struct op op_lstm = {
    .name = "lstm",
    .family = OP_RECURRENT,
    .summary = "Long short-term memory: steps through a sequence with a state and a gated cell.",
    .formula = "i, o, f = f(W x + R h + P c + b); C = f c + i g(W x + R h + b); H = o h(C)",
    .source = "Hochreiter & Schmidhuber, Long short-term memory, Neural computation 9 (8), 1997; Gers & Schmidhuber, "
              "Recurrent nets that time and count, IJCNN 2000 (peepholes)",
    .in = recurrent_lstm_in,
    .out = recurrent_lstm_out,
    .attributes = recurrent_lstm_attributes,
    .options_size = sizeof(struct recurrent_options),
    .infer = recurrent_infer,
    .gradient = recurrent_gradient,
    .cost = recurrent_cost,
    .textbook = recurrent_textbook,
    .cpu = &recurrent_cpu,
    .onnx = &onnx,
    .cases = cases,
};
