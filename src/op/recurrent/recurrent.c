/* SPDX-License-Identifier: MIT */
/* What the recurrent layers share besides arithmetic: options, ports, sizes, shape rule and cost. Next: textbook.c. */
#include "op/recurrent/recurrent.h"

const char *const recurrent_activation_names[] = {
    "Relu",       "Tanh",        "Sigmoid", "Affine",   "LeakyRelu", "ThresholdedRelu",
    "ScaledTanh", "HardSigmoid", "Elu",     "Softsign", "Softplus",  NULL};

static const char *const cells[] = {"lstm", "gru", "rnn", NULL};
static const char *const directions[] = {"forward", "reverse", "bidirectional", NULL};

#define CELL                                                                               \
    {                                                                                      \
        OP_ATTRIBUTE(struct recurrent_options, cell), .kind = OP_CHOICE, .choices = cells, \
                                                      .doc = "whose way back it is"        \
    }
#define COMMON                                                                                                         \
    {OP_ATTRIBUTE(struct recurrent_options, direction), .onnx = "direction", .kind = OP_CHOICE, .choices = directions, \
     .doc = "from the first step, from the last, or both"},                                                            \
        {OP_ATTRIBUTE(struct recurrent_options, clip),                                                                 \
         .onnx = "clip",                                                                                               \
         .kind = OP_NUMBER,                                                                                            \
         .minimum = 0,                                                                                                 \
         .maximum = 1e12,                                                                                              \
         .doc = "limit of what goes into the gates; 0: none"},                                                         \
    {                                                                                                                  \
        OP_ATTRIBUTE(struct recurrent_options, activations),                                                           \
            .kind = OP_LIST, .minimum = 0, .maximum = ACT_COUNT - 1,                                                   \
            .doc = "per direction the numbers of f, g, h in ONNX's list; none: sigmoid and tanh"                       \
    }
#define INPUT_FORGET                                                                                         \
    {                                                                                                        \
        OP_ATTRIBUTE(struct recurrent_options, input_forget), .onnx = "input_forget", .kind = OP_FLAG,       \
                                                              .doc = "the forget gate is 1 - the input gate" \
    }
#define LINEAR_BEFORE_RESET                                                       \
    {                                                                             \
        OP_ATTRIBUTE(struct recurrent_options, linear_before_reset),              \
            .onnx = "linear_before_reset", .kind = OP_FLAG,                       \
            .doc = "the reset gate multiplies the state's product, not the state" \
    }

const struct op_attribute recurrent_lstm_attributes[] = {COMMON, INPUT_FORGET, {0}};
const struct op_attribute recurrent_gru_attributes[] = {COMMON, LINEAR_BEFORE_RESET, {0}};
const struct op_attribute recurrent_rnn_attributes[] = {COMMON, {0}};
const struct op_attribute recurrent_back_attributes[] = {CELL, COMMON, INPUT_FORGET, LINEAR_BEFORE_RESET, {0}};

#define WEIGHTS                                                                                     \
    {.name = "x", .shape = "[steps, N, features]", .plain = true},                                  \
        {.name = "weight", .shape = "[directions, gates hidden, features]", .plain = true},         \
        {.name = "recurrent_weight", .shape = "[directions, gates hidden, hidden]", .plain = true}, \
        {.name = "bias",                                                                            \
         .shape = "[directions, 2 gates hidden]: of weight, then of recurrent_weight",              \
         .optional = true,                                                                          \
         .plain = true},                                                                            \
        {.name = "sequence_lens", .shape = "[N] whole numbers", .optional = true, .plain = true},   \
    {                                                                                               \
        .name = "initial_h", .shape = "[directions, N, hidden]", .optional = true, .plain = true    \
    }
const struct op_port recurrent_in[] = {WEIGHTS, {0}};
const struct op_port recurrent_lstm_in[] = {
    WEIGHTS,
    {.name = "initial_c", .shape = "as initial_h", .optional = true, .plain = true},
    {.name = "peepholes", .shape = "[directions, 3 hidden]: i, o, f", .optional = true, .plain = true},
    {0}};

#define STATES                                                                           \
    {.name = "y", .shape = "[steps, directions, N, hidden]", .plain = true},             \
    {                                                                                    \
        .name = "y_h", .shape = "[directions, N, hidden]: the last state", .plain = true \
    }
#define KEPT                                                                                                        \
    {.name = "saved", .shape = "[directions, steps, N, parts]", .optional = true, .plain = true, .detached = true}, \
    {                                                                                                               \
        0                                                                                                           \
    }
const struct op_port recurrent_out[] = {STATES, KEPT};
const struct op_port recurrent_lstm_out[] = {STATES, {.name = "y_c", .shape = "as y_h", .plain = true}, KEPT};

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static const struct {
    size_t gates, saved, functions;
    enum recurrent_activation standard[3];
} facts[] = {
    [CELL_LSTM] = {4, 6, 3, {ACT_SIGMOID, ACT_TANH, ACT_TANH}},
    [CELL_GRU] = {3, 5, 2, {ACT_SIGMOID, ACT_TANH}},
    [CELL_RNN] = {1, 2, 1, {ACT_TANH}},
};

enum recurrent_cell recurrent_cell_of(const struct op *op)
{
    return op == &op_lstm ? CELL_LSTM : op == &op_gru ? CELL_GRU : CELL_RNN;
}

bool recurrent_is_reverse(const struct recurrent_options *options, size_t direction)
{
    return options->direction == REVERSE || direction == 1;
}

size_t recurrent_length(const struct recurrent *r, double given)
{
    return !(given > 0) ? 0 : given < (double)r->steps ? (size_t)given : r->steps;
}

static size_t size_of(int64_t dim)
{
    return dim < 0 ? 1 : (size_t)dim;
}

int recurrent_resolve(struct recurrent *r, enum recurrent_cell cell, const struct recurrent_options *options,
                      const fov_shape *x, const fov_shape *w, const fov_shape *rec, struct error *error)
{
    char x_text[SHAPE_TEXT_SIZE], w_text[SHAPE_TEXT_SIZE], r_text[SHAPE_TEXT_SIZE];
    *r = (struct recurrent){.cell = cell, .gates = facts[cell].gates, .saved = facts[cell].saved};
    int64_t wanted = options->direction == BIDIRECTIONAL ? 2 : 1, gates = (int64_t)r->gates;
    if (x->rank != 3 || w->rank != 3 || rec->rank != 3 || w->dim[0] != wanted || rec->dim[0] != wanted ||
        rec->dim[2] < 1 || rec->dim[1] % gates != 0 || rec->dim[1] / gates != rec->dim[2] || w->dim[1] != rec->dim[1] ||
        w->dim[2] < 1 || (x->dim[2] >= 0 && w->dim[2] != x->dim[2])) {
        return error_set(error, FOV_E_SHAPE,
                         "x %s, W %s and R %s must be [steps, N, features], [%lld, %lld hidden, features] and [%lld, "
                         "%lld hidden, hidden]",
                         shape_text(x, x_text), shape_text(w, w_text), shape_text(rec, r_text), (long long)wanted,
                         (long long)gates, (long long)wanted, (long long)gates);
    }
    size_t functions = facts[cell].functions;
    if (options->activations.count != 0 && options->activations.count != (int)((size_t)wanted * functions)) {
        return error_set(error, FOV_E_USAGE, "%d activations, there are %zu for each of %lld directions",
                         options->activations.count, functions, (long long)wanted);
    }
    r->steps = size_of(x->dim[0]);
    r->samples = size_of(x->dim[1]);
    r->features = (size_t)w->dim[2];
    r->directions = (size_t)wanted;
    r->hidden = (size_t)rec->dim[2];
    r->clip = options->clip;
    r->input_forget = options->input_forget;
    r->linear_before_reset = options->linear_before_reset;
    for (size_t i = 0; i < (size_t)wanted * functions; i++) {
        bool own = options->activations.count == 0;
        r->function[i / functions][i % functions] = (struct recurrent_function){
            own ? facts[cell].standard[i % functions] : (enum recurrent_activation)options->activations.at[i],
            options->alpha[i], options->beta[i]};
    }
    return FOV_OK;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static int check_input(const struct op_infer *infer, int port, const char *name, fov_shape wanted)
{
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    if (!recurrent_has(infer->in, infer->in_count, port)) {
        return FOV_OK;
    }
    if (shape_fits(&wanted, &infer->in[port].shape)) {
        return port == LENGTHS ? FOV_OK : op_check_same_dtype(infer, port, name, X, "x");
    }
    return error_set(infer->error, FOV_E_SHAPE, "%s is %s, it must be %s", name,
                     shape_text(&infer->in[port].shape, text), shape_text(&wanted, other));
}

int recurrent_infer(const struct op_infer *infer)
{
    enum recurrent_cell cell = recurrent_cell_of(infer->op);
    struct recurrent r;
    const fov_shape *x = &infer->in[X].shape;
    int status = recurrent_resolve(&r, cell, infer->options, x, &infer->in[W].shape, &infer->in[R].shape, infer->error);
    if (status == FOV_OK) {
        status = op_check_float(infer, X, "x");
    }
    status = status != FOV_OK ? status : op_check_same_dtype(infer, W, "W", X, "x");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, R, "R", X, "x");
    if (status != FOV_OK) {
        return status;
    }
    int64_t d = (int64_t)r.directions, h = (int64_t)r.hidden, rows = (int64_t)r.gates * h, n = x->dim[1];
    const struct {
        const char *name;
        fov_shape shape;
    } others[RECURRENT_INPUTS] = {[B] = {"bias", {2, {d, 2 * rows}}},
                                  [LENGTHS] = {"sequence_lens", {1, {n}}},
                                  [INITIAL_H] = {"initial_h", {3, {d, n, h}}},
                                  [INITIAL_C] = {"initial_c", {3, {d, n, h}}},
                                  [PEEPHOLES] = {"peepholes", {2, {d, 3 * h}}}};
    for (int port = B; port < RECURRENT_INPUTS && status == FOV_OK; port++) {
        status = check_input(infer, port, others[port].name, others[port].shape);
    }
    if (status == FOV_OK && recurrent_has(infer->in, infer->in_count, LENGTHS) &&
        !op_is_integer(infer->in[LENGTHS].dtype)) {
        status = error_set(infer->error, FOV_E_USAGE, "sequence_lens are %s, they must be whole numbers",
                           fov_dtype_name(infer->in[LENGTHS].dtype));
    }
    for (int i = 0; i < infer->out_count; i++) {
        bool is_saved = i == (cell == CELL_LSTM ? LSTM_SAVED : SAVED);
        infer->out[i].dtype = infer->in[X].dtype;
        infer->out[i].shape = i == Y     ? (fov_shape){4, {x->dim[0], d, n, h}}
                              : is_saved ? (fov_shape){4, {d, x->dim[0], n, (int64_t)r.saved * h}}
                                         : (fov_shape){3, {d, n, h}};
    }
    return status;
}

void recurrent_cost(struct op_cost *cost)
{
    struct recurrent r;
    if (cost->in_count > R && cost->in[X].shape.rank == 3 && cost->in[R].shape.rank == 3) {
        const fov_shape *x = &cost->in[X].shape, *w = &cost->in[W].shape, *rec = &cost->in[R].shape;
        r = (struct recurrent){.steps = size_of(x->dim[0]), .samples = size_of(x->dim[1])};
        cost->multiply_adds = (int64_t)(r.steps * r.samples) * w->dim[0] * rec->dim[1] * (w->dim[2] + rec->dim[2]);
    }
    cost->global = true;
}
