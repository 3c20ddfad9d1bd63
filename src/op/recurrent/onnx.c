/* SPDX-License-Identifier: MIT */
/* Recurrent layers in ONNX. ONNX lists activations by name, and constants only for those that have some; these become
 * plain lists. With layout 1 (samples first), inputs and outputs are transposed. */
#include "op/onnx.h"
#include "op/recurrent/recurrent.h"

#include <string.h>
#include <strings.h>

/** How many constants an activation has, and their defaults: those of the ONNX operator of that name. */
static const struct {
    int constants;
    double alpha, beta;
} constants[ACT_COUNT] = {
    [ACT_AFFINE] = {2, 1, 0},      [ACT_LEAKY_RELU] = {1, 0.01, 0},    [ACT_THRESHOLDED_RELU] = {1, 1, 0},
    [ACT_SCALED_TANH] = {2, 1, 1}, [ACT_HARD_SIGMOID] = {2, 0.2, 0.5}, [ACT_ELU] = {1, 1, 0},
};

static int find_activation(const char *name)
{
    int kind = 0;
    while (kind < ACT_COUNT && strcasecmp(recurrent_activation_names[kind], name) != 0) {
        kind++;
    }
    return kind;
}

static int read_activations(struct op_import *node, struct recurrent_options *options)
{
    const char *names[RECURRENT_ACTIVATIONS];
    float alpha[RECURRENT_ACTIVATIONS], beta[RECURRENT_ACTIVATIONS];
    int count = node->texts(node->reader, "activations", names, RECURRENT_ACTIVATIONS);
    int alphas = node->numbers(node->reader, "activation_alpha", alpha, RECURRENT_ACTIVATIONS), next_alpha = 0;
    int betas = node->numbers(node->reader, "activation_beta", beta, RECURRENT_ACTIVATIONS), next_beta = 0;
    options->activations.count = count;
    for (int i = 0; i < count; i++) {
        int kind = find_activation(names[i]);
        if (kind == ACT_COUNT) {
            return node->fail(node->reader, FOV_E_UNSUPPORTED, "activation \"%.40s\" is not known", names[i]);
        }
        options->activations.at[i] = kind;
        options->alpha[i] = constants[kind].alpha;
        options->beta[i] = constants[kind].beta;
        if (constants[kind].constants >= 1 && next_alpha < alphas) {
            options->alpha[i] = (double)alpha[next_alpha++];
        }
        if (constants[kind].constants >= 2 && next_beta < betas) {
            options->beta[i] = (double)beta[next_beta++];
        }
    }
    return FOV_OK;
}

static fov_value turned(struct op_import *node, fov_value value, struct op_list perm)
{
    return value.id != 0 ? op_emit1(node->emitter, "transpose", value, &perm) : value;
}

int recurrent_import(struct op_import *node)
{
    const struct op *op = strcmp(node->type, "LSTM") == 0  ? &op_lstm
                          : strcmp(node->type, "GRU") == 0 ? &op_gru
                                                           : &op_rnn;
    enum recurrent_cell cell = recurrent_cell_of(op);
    static const char *const ways[] = {"forward", "reverse", "bidirectional"};
    static const struct op_list swap = {3, {1, 0, 2}}, steps_inside = {4, {2, 0, 1, 3}};
    struct recurrent_options options = {.clip = node->number(node->reader, "clip", 0)};
    enum { BEYOND_ALL = 1000000000 }; /* some exporters write the largest float for "no limit" */
    options.clip = options.clip > BEYOND_ALL ? 0 : options.clip;
    const char *way = node->text(node->reader, "direction", ways[FORWARD]);
    while (options.direction <= BIDIRECTIONAL && strcasecmp(way, ways[options.direction]) != 0) {
        options.direction++;
    }
    if (options.direction > BIDIRECTIONAL) {
        return node->fail(node->reader, FOV_E_INPUT, "direction is \"%.40s\"", way);
    }
    int64_t layout = node->integer(node->reader, "layout", 0), hidden = node->integer(node->reader, "hidden_size", 0);
    /* Before opset 7, this said whether Y is wanted; it is ignored. */
    node->integer(node->reader, "output_sequence", 0);
    if (cell == CELL_LSTM) {
        options.input_forget = node->integer(node->reader, "input_forget", 0) != 0;
    }
    if (cell == CELL_GRU) {
        options.linear_before_reset = node->integer(node->reader, "linear_before_reset", 0) != 0;
    }
    if (node->in_count <= R || node->in[X].id == 0 || node->in[W].id == 0 || node->in[R].id == 0) {
        return node->fail(node->reader, FOV_E_INPUT, "%s needs the inputs X, W and R", node->type);
    }
    if (node->in_count > RECURRENT_INPUTS) {
        return node->fail(node->reader, FOV_E_INPUT, "%s has %d inputs, it takes at most %d", node->type,
                          node->in_count, (int)RECURRENT_INPUTS);
    }
    fov_shape rec = node->shape(node->reader, node->in[R]);
    if (hidden != 0 && rec.rank == 3 && rec.dim[2] != hidden) {
        return node->fail(node->reader, FOV_E_INPUT, "hidden_size is %lld, R has %lld columns", (long long)hidden,
                          (long long)rec.dim[2]);
    }
    if (layout != 0 && layout != 1) {
        return node->fail(node->reader, FOV_E_INPUT, "layout is %lld, it is 0 or 1", (long long)layout);
    }
    int status = read_activations(node, &options);
    if (status != FOV_OK) {
        return status;
    }
    fov_value in[RECURRENT_INPUTS];
    for (int i = 0; i < node->in_count; i++) {
        bool turns = layout == 1 && (i == X || i == INITIAL_H || i == INITIAL_C);
        in[i] = turns ? turned(node, node->in[i], swap) : node->in[i];
    }
    fov_value first =
        node->emitter->node(node->emitter->graph, op->name, in, node->in_count, &options, node->node_name);
    for (int i = 0; i < node->out_count; i++) {
        fov_value value = i == 0 ? first : op_emit_output(node->emitter, first, i);
        node->result(node->reader, i, layout == 0 ? value : turned(node, value, i == Y ? steps_inside : swap));
    }
    return FOV_OK;
}

static void write_activations(struct op_export *node, const struct recurrent_options *options)
{
    const char *names[RECURRENT_ACTIVATIONS];
    float alpha[RECURRENT_ACTIVATIONS], beta[RECURRENT_ACTIVATIONS];
    int count = options->activations.count, alphas = 0, betas = 0;
    for (int i = 0; i < count; i++) {
        int64_t kind = options->activations.at[i];
        names[i] = recurrent_activation_names[kind];
        if (constants[kind].constants >= 1) {
            alpha[alphas++] = (float)options->alpha[i];
        }
        if (constants[kind].constants >= 2) {
            beta[betas++] = (float)options->beta[i];
        }
    }
    if (count > 0) {
        node->attribute_texts(node->writer, "activations", names, count);
    }
    if (alphas > 0) {
        node->attribute_numbers(node->writer, "activation_alpha", alpha, alphas);
    }
    if (betas > 0) {
        node->attribute_numbers(node->writer, "activation_beta", beta, betas);
    }
}

int recurrent_export(struct op_export *node)
{
    enum recurrent_cell cell = recurrent_cell_of(node->op);
    static const char *const ways[] = {"forward", "reverse", "bidirectional"};
    const struct recurrent_options *options = node->options;
    int outputs = cell == CELL_LSTM ? LSTM_SAVED : SAVED;
    if (node->out_count > outputs && node->out[outputs].shape.rank >= 0) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "what it keeps for its gradient has no place in ONNX");
    }
    node->begin(node->writer, node->op->onnx->type, NULL);
    for (int i = 0; i < node->in_count; i++) {
        bool there = node->in[i].shape.rank >= 0;
        node->input(node->writer, there ? i : -1);
    }
    node->attribute_text(node->writer, "direction", ways[options->direction]);
    node->attribute_integer(node->writer, "hidden_size", node->in[R].shape.dim[2]);
    if (options->clip > 0) {
        node->attribute_number(node->writer, "clip", options->clip);
    }
    if (options->input_forget) {
        node->attribute_integer(node->writer, "input_forget", 1);
    }
    if (options->linear_before_reset) {
        node->attribute_integer(node->writer, "linear_before_reset", 1);
    }
    write_activations(node, options);
    for (int i = 0; i < outputs && i < node->out_count; i++) {
        node->output(node->writer, i);
    }
    return FOV_OK;
}
