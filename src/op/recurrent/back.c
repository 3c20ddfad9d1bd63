/* SPDX-License-Identifier: MIT */
/* The gradient of recurrent layers. Only the gradients of the gates and of the state must be computed step by step,
 * from the last step to the first: the operator recurrent_back does that. The gradients of x and of the weights follow
 * from them by plain matrix products over all steps at once, which are separate nodes. */
#include "op/recurrent/recurrent.h"

static const struct op_port in[] = {
    {.name = "recurrent_weight", .shape = "[directions, gates hidden, hidden]", .plain = true},
    {.name = "saved", .shape = "[directions, steps, N, parts]", .plain = true},
    {.name = "sequence_lens", .shape = "[N]", .optional = true, .plain = true},
    {.name = "peepholes", .shape = "[directions, 3 hidden]", .optional = true, .plain = true},
    {.name = "dy", .shape = "[steps, directions, N, hidden]", .optional = true, .plain = true},
    {.name = "dy_h", .shape = "[directions, N, hidden]", .optional = true, .plain = true},
    {.name = "dy_c", .shape = "as dy_h", .optional = true, .plain = true},
    {0}};
static const struct op_port out[] = {{.name = "dgates", .shape = "[directions, steps, N, gates hidden]", .plain = true},
                                     {.name = "dinitial_h", .shape = "[directions, N, hidden]", .plain = true},
                                     {.name = "dinitial_c", .shape = "as dinitial_h", .plain = true},
                                     {.name = "dpeepholes", .shape = "as peepholes", .optional = true, .plain = true},
                                     {0}};

size_t recurrent_back_gates(enum recurrent_cell cell)
{
    return cell == CELL_RNN ? 1 : 4;
}

int recurrent_back_resolve(struct recurrent *r, const struct recurrent_options *options, const fov_shape *rec,
                           const fov_shape *saved, struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    fov_shape x = {3, {saved->rank == 4 ? saved->dim[1] : 0, saved->rank == 4 ? saved->dim[2] : 0, 1}}, w = *rec;
    w.dim[2] = 1;
    int status = recurrent_resolve(r, (enum recurrent_cell)options->cell, options, &x, &w, rec, error);
    if (status == FOV_OK &&
        (saved->rank != 4 || saved->dim[0] != rec->dim[0] || saved->dim[3] != (int64_t)(r->saved * r->hidden))) {
        return error_set(error, FOV_E_SHAPE, "saved %s must have %zu numbers for each step and sample",
                         shape_text(saved, text), r->saved * r->hidden);
    }
    return status;
}

static int infer(const struct op_infer *infer)
{
    struct recurrent r;
    const fov_shape *saved = &infer->in[BACK_SAVED].shape, *rec = &infer->in[BACK_R].shape;
    int status = recurrent_back_resolve(&r, infer->options, rec, saved, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    int64_t directions = saved->dim[0], steps = saved->dim[1], samples = saved->dim[2], hidden = rec->dim[2];
    fov_shape state = {3, {directions, samples, hidden}};
    const fov_shape wanted[BACK_INPUTS] = {[BACK_LENGTHS] = {1, {samples}},
                                           [BACK_PEEPHOLES] = {2, {directions, 3 * hidden}},
                                           [BACK_DY] = {4, {steps, directions, samples, hidden}},
                                           [BACK_DY_H] = state,
                                           [BACK_DY_C] = state};
    for (int i = BACK_LENGTHS; i < infer->in_count; i++) {
        const fov_shape *given = &infer->in[i].shape;
        if (given->rank >= 0 && !shape_fits(given, &wanted[i])) {
            char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
            return error_set(infer->error, FOV_E_SHAPE, "%s %s must be %s", in[i].name, shape_text(given, text),
                             shape_text(&wanted[i], other));
        }
    }
    for (int i = 0; i < infer->out_count; i++) {
        infer->out[i].dtype = infer->in[BACK_SAVED].dtype;
        infer->out[i].shape = state;
    }
    infer->out[BACK_DGATES].shape = *saved;
    infer->out[BACK_DGATES].shape.dim[3] = (int64_t)(recurrent_back_gates(r.cell) * r.hidden);
    if (infer->out_count > BACK_DP) {
        infer->out[BACK_DP].shape = (fov_shape){2, {rec->dim[0], 3 * rec->dim[2]}};
    }
    return FOV_OK;
}

/* ---- the gradient of a layer as nodes ---------------------------------------------------------------------------- */

/** The values and sizes that the gradient's nodes are built from. */
struct nodes {
    const struct op_emitter *emitter;
    enum recurrent_cell cell;
    bool linear_before_reset;
    int64_t hidden, gates, directions;
    fov_value dgates, saved, lengths;
};

/** Parts first .. first + count - 1 of a tensor [directions, steps, N, parts hidden], as stacks of matrices
 *  [directions, steps N, count hidden]. */
static fov_value parts_of(const struct nodes *nodes, fov_value value, int64_t first, int64_t count)
{
    value = op_emit_slice(nodes->emitter, value, 3, first * nodes->hidden, count * nodes->hidden, 1);
    return op_emit_reshape(nodes->emitter, value, &(fov_shape){3, {nodes->directions, -1, count * nodes->hidden}});
}

/** a^T b of stacks of matrices; b may be a single matrix for the whole stack. */
static fov_value turned_product(const struct nodes *nodes, fov_value a, fov_value b)
{
    static const struct op_list turned = {3, {0, 2, 1}};
    return op_emit2(nodes->emitter, "matmul", op_emit1(nodes->emitter, "transpose", a, &turned), b, NULL);
}

static fov_value beside(const struct nodes *nodes, fov_value a, fov_value b, int64_t axis)
{
    return op_emit2(nodes->emitter, "concat", a, b, &axis);
}

static fov_value sum_over(const struct nodes *nodes, fov_value value, int64_t axis)
{
    struct reduce_options options = {.axes = {1, {axis}}};
    return op_emit1(nodes->emitter, "reduce_sum", value, &options);
}

/** The gradients of R h: those of all gates or, for GRU, of update, reset and the candidate's product (part 3). */
static fov_value through_state(const struct nodes *nodes)
{
    if (nodes->cell != CELL_GRU) {
        return parts_of(nodes, nodes->dgates, 0, nodes->gates);
    }
    return beside(nodes, parts_of(nodes, nodes->dgates, 0, 2), parts_of(nodes, nodes->dgates, 3, 1), 2);
}

static fov_value of_r(const struct nodes *nodes)
{
    static const int64_t state_part[] = {[CELL_LSTM] = 5, [CELL_GRU] = 4, [CELL_RNN] = 1};
    fov_value before = parts_of(nodes, nodes->saved, state_part[nodes->cell], 1);
    if (nodes->cell != CELL_GRU || nodes->linear_before_reset) {
        return turned_product(nodes, through_state(nodes), before);
    }
    fov_value gates = turned_product(nodes, parts_of(nodes, nodes->dgates, 0, 2), before);
    fov_value candidate =
        turned_product(nodes, parts_of(nodes, nodes->dgates, 3, 1), parts_of(nodes, nodes->saved, 3, 1));
    return beside(nodes, gates, candidate, 1);
}

static fov_value of_x(const struct nodes *nodes, const struct op_gradient *gradient)
{
    fov_value all =
        op_emit2(nodes->emitter, "matmul", parts_of(nodes, nodes->dgates, 0, nodes->gates), gradient->in[W], NULL);
    return op_emit_reshape(nodes->emitter, sum_over(nodes, all, 0), &gradient->in_tensor[X].shape);
}

/** x with zeros after the end of each sequence: x may hold anything there, and NaN times a gradient of zero would be
 *  NaN. */
static fov_value within_lengths(const struct nodes *nodes, fov_value x, fov_value lengths)
{
    static const struct {
        int64_t start, end;
    } first = {0, 1};
    static const int index = FOV_I64;
    const struct op_emitter *emitter = nodes->emitter;
    fov_value steps = op_emit_reshape(emitter, op_emit1(emitter, "shape", x, &first), &(fov_shape){.rank = 0});
    fov_value step = op_emit3(emitter, "range", op_emit_number(emitter, FOV_I64, 0), steps,
                              op_emit_number(emitter, FOV_I64, 1), NULL);
    step = op_emit_reshape(emitter, step, &(fov_shape){3, {-1, 1, 1}});
    lengths = op_emit_reshape(emitter, op_emit1(emitter, "cast", lengths, &index), &(fov_shape){3, {1, -1, 1}});
    fov_value within = op_emit2(emitter, "less", step, lengths, NULL);
    return op_emit3(emitter, "where", within, x, op_emit_scalar(emitter, x, 0), NULL);
}

static fov_value of_w(const struct nodes *nodes, const struct op_gradient *gradient)
{
    fov_shape rows = {2, {-1, gradient->in_tensor[W].shape.dim[2]}};
    fov_value x = gradient->in[X];
    if (nodes->lengths.id != 0) {
        x = within_lengths(nodes, x, nodes->lengths);
    }
    return turned_product(nodes, parts_of(nodes, nodes->dgates, 0, nodes->gates),
                          op_emit_reshape(nodes->emitter, x, &rows));
}

static fov_value of_b(const struct nodes *nodes)
{
    fov_value from_input = sum_over(nodes, parts_of(nodes, nodes->dgates, 0, nodes->gates), 1);
    return beside(nodes, from_input, sum_over(nodes, through_state(nodes), 1), 1);
}

static fov_value pick(const struct op_gradient *gradient, int port)
{
    return port < gradient->in_count ? gradient->in[port] : (fov_value){0};
}

void recurrent_gradient(struct op_gradient *gradient)
{
    enum recurrent_cell cell = recurrent_cell_of(gradient->op);
    const fov_shape *rec = &gradient->in_tensor[R].shape;
    struct recurrent_options options = *(const struct recurrent_options *)gradient->options;
    options.cell = (int)cell;
    bool is_lstm = cell == CELL_LSTM;
    fov_value given[BACK_INPUTS] = {
        [BACK_R] = gradient->in[R],
        [BACK_SAVED] = gradient->out[is_lstm ? LSTM_SAVED : SAVED],
        [BACK_LENGTHS] = pick(gradient, LENGTHS),
        [BACK_PEEPHOLES] = pick(gradient, PEEPHOLES),
        [BACK_DY] = gradient->out_gradient[Y],
        [BACK_DY_H] = gradient->out_gradient[Y_H],
        [BACK_DY_C] = is_lstm ? gradient->out_gradient[LSTM_Y_C] : (fov_value){0},
    };
    struct nodes nodes = {.emitter = gradient->emitter,
                          .cell = cell,
                          .linear_before_reset = options.linear_before_reset,
                          .hidden = rec->dim[2],
                          .gates = rec->dim[1] / rec->dim[2],
                          .directions = rec->dim[0],
                          .saved = given[BACK_SAVED],
                          .lengths = given[BACK_LENGTHS]};
    nodes.dgates = op_emit(gradient->emitter, "recurrent_back", given, BACK_INPUTS, &options);
    for (int i = 0; i < gradient->in_count; i++) {
        if (!gradient->wanted[i] || gradient->in[i].id == 0) {
            continue;
        }
        gradient->in_gradient[i] = i == X           ? of_x(&nodes, gradient)
                                   : i == W         ? of_w(&nodes, gradient)
                                   : i == R         ? of_r(&nodes)
                                   : i == B         ? of_b(&nodes)
                                   : i == INITIAL_H ? op_emit_output(gradient->emitter, nodes.dgates, BACK_DH)
                                   : i == INITIAL_C ? op_emit_output(gradient->emitter, nodes.dgates, BACK_DC)
                                   : i == PEEPHOLES ? op_emit_output(gradient->emitter, nodes.dgates, BACK_DP)
                                                    : (fov_value){0};
    }
}

/* ---- test cases: the input `saved` is drawn at random like all others -------------------------------------------- */

static const struct recurrent_options lstm = {.cell = CELL_LSTM},
                                      lstm_both = {.cell = CELL_LSTM,
                                                   .clip = 0.7,
                                                   .direction = BIDIRECTIONAL,
                                                   .input_forget = true},
                                      gru = {.cell = CELL_GRU, .direction = REVERSE},
                                      gru_linear = {.cell = CELL_GRU, .linear_before_reset = true},
                                      rnn = {.cell = CELL_RNN, .direction = BIDIRECTIONAL};
#define ABSENT \
    {          \
        -1,    \
        {      \
            0  \
        }      \
    }
static const struct op_case cases[] = {
    {.name = "lstm",
     .options = &lstm,
     .in = {FOV_SHAPE(1, 20, 5), FOV_SHAPE(1, 4, 3, 30), ABSENT, ABSENT, FOV_SHAPE(4, 1, 3, 5)},
     .in_count = 5,
     .no_gradient = true},
    {.name = "lstm, both ways, lengths, peepholes, limits",
     .options = &lstm_both,
     .in = {FOV_SHAPE(2, 16, 4), FOV_SHAPE(2, 3, 2, 24), FOV_SHAPE(2), FOV_SHAPE(2, 12), FOV_SHAPE(3, 2, 2, 4),
            FOV_SHAPE(2, 2, 4), FOV_SHAPE(2, 2, 4)},
     .in_dtype = {[BACK_LENGTHS] = FOV_I32},
     .integers = 4,
     .in_count = 7,
     .no_gradient = true},
    {.name = "gru",
     .options = &gru,
     .in = {FOV_SHAPE(1, 15, 5), FOV_SHAPE(1, 4, 3, 25), FOV_SHAPE(3), ABSENT, FOV_SHAPE(4, 1, 3, 5),
            FOV_SHAPE(1, 3, 5)},
     .in_dtype = {[BACK_LENGTHS] = FOV_I32},
     .integers = 5,
     .in_count = 6,
     .no_gradient = true},
    {.name = "gru, linear before reset",
     .options = &gru_linear,
     .in = {FOV_SHAPE(1, 60, 20), FOV_SHAPE(1, 5, 7, 100), ABSENT, ABSENT, ABSENT, FOV_SHAPE(1, 7, 20)},
     .in_count = 6,
     .no_gradient = true},
    {.name = "rnn, both ways",
     .options = &rnn,
     .in = {FOV_SHAPE(2, 5, 5), FOV_SHAPE(2, 4, 3, 10), ABSENT, ABSENT, FOV_SHAPE(4, 2, 3, 5)},
     .in_count = 5,
     .no_gradient = true},
    {0},
};

const struct op op_recurrent_back = {
    .name = "recurrent_back",
    .family = OP_GRADIENT,
    .summary = "Gradients of a recurrent layer's gates and states, from the last step to the first.",
    .formula = "dgates = d(what went into the gates' activations); dh = R^T dgates + dy of the step before",
    .source = "Werbos, Backpropagation through time: what it does and how to do it, Proc. IEEE 78 (10), 1990",
    .in = in,
    .out = out,
    .attributes = recurrent_back_attributes,
    .options_size = sizeof(struct recurrent_options),
    .infer = infer,
    .textbook = recurrent_back_textbook,
    .cases = cases,
};
