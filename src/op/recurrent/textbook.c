/* SPDX-License-Identifier: MIT */
/* The recurrent cells by their definition, one sample and one direction at a time, in double; and backpropagation
 * through time. The notation is ONNX's. Next: run.c for the fast form. */
#include "op/recurrent/recurrent.h"

#include <math.h>

/* ---- activations ------------------------------------------------------------------------------------------------- */

double recurrent_apply(const struct recurrent_function *function, double x)
{
    double a = function->alpha, b = function->beta;
    switch (function->kind) {
    case ACT_RELU:
        return x > 0 ? x : 0;
    case ACT_TANH:
        return tanh(x);
    case ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case ACT_AFFINE:
        return a * x + b;
    case ACT_LEAKY_RELU:
        return x >= 0 ? x : a * x;
    case ACT_THRESHOLDED_RELU:
        return x > a ? x : 0;
    case ACT_SCALED_TANH:
        return a * tanh(b * x);
    case ACT_HARD_SIGMOID:
        return fmin(fmax(a * x + b, 0), 1);
    case ACT_ELU:
        return x > 0 ? x : a * expm1(x);
    case ACT_SOFTSIGN:
        return x / (1 + fabs(x));
    default:
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    }
}

double recurrent_slope(const struct recurrent_function *function, double x, double y)
{
    double a = function->alpha, b = function->beta, tanh_y = a != 0 ? y / a : 0;
    switch (function->kind) {
    case ACT_RELU:
        return x > 0;
    case ACT_TANH:
        return 1 - y * y;
    case ACT_SIGMOID:
        return y * (1 - y);
    case ACT_AFFINE:
        return a;
    case ACT_LEAKY_RELU:
        return x >= 0 ? 1 : a;
    case ACT_THRESHOLDED_RELU:
        return x > a;
    case ACT_SCALED_TANH:
        return a * b * (1 - tanh_y * tanh_y);
    case ACT_HARD_SIGMOID:
        return y > 0 && y < 1 ? a : 0;
    case ACT_ELU:
        return x > 0 ? 1 : y + a;
    case ACT_SOFTSIGN:
        return (1 - fabs(y)) * (1 - fabs(y));
    default:
        return -expm1(-y);
    }
}

/** A gate: the activation of the clipped x. */
static double gate(const struct recurrent *r, const struct recurrent_function *function, double x)
{
    return recurrent_apply(function, r->clip > 0 ? fmin(fmax(x, -r->clip), r->clip) : x);
}

/** The derivative of gate() at x, whose result is y. */
static double gate_slope(const struct recurrent *r, const struct recurrent_function *function, double x, double y)
{
    return r->clip > 0 && fabs(x) > r->clip ? 0 : recurrent_slope(function, x, y);
}

/* ---- one step of one sample and direction ------------------------------------------------------------------------ */

/** Pointers to the data of one direction and sample. NULL: absent, which counts as zeros. */
struct track {
    const struct recurrent *r;
    const struct recurrent_function *function; /**< f, g, h */
    const double *w, *rec, *wb, *rb, *peepholes;
    const double *x, *before; /**< of this step: the input, and the previous state */
    double *h, *c;            /**< the new state, and LSTM's cell state, which is updated in place */
    double *workspace;        /**< [hidden], of GRU */
    double *saved;            /**< values for the gradient, or NULL */
};

static double row_product(const double *row, const double *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; x != NULL && i < count; i++) {
        sum += row[i] * x[i];
    }
    return sum;
}

/** W x + Wb of gate k, unit j. */
static double from_input(const struct track *track, size_t k, size_t j)
{
    size_t row = k * track->r->hidden + j, features = track->r->features;
    return row_product(track->w + row * features, track->x, features) + (track->wb != NULL ? track->wb[row] : 0);
}

/** R h + Rb of gate k, unit j. */
static double from_state(const struct track *track, size_t k, size_t j, const double *h)
{
    size_t row = k * track->r->hidden + j, hidden = track->r->hidden;
    return row_product(track->rec + row * hidden, h, hidden) + (track->rb != NULL ? track->rb[row] : 0);
}

static double sum_of(const struct track *track, size_t k, size_t j)
{
    return from_input(track, k, j) + from_state(track, k, j, track->before);
}

static void save(const struct track *track, size_t part, size_t j, double value)
{
    if (track->saved != NULL) {
        track->saved[part * track->r->hidden + j] = value;
    }
}

/* The gates are in the order of W: i, o, f, c; peepholes in the order of P: i, o, f. */
static void lstm_step(const struct track *track)
{
    const struct recurrent *r = track->r;
    const struct recurrent_function *f = &track->function[0], *g = &track->function[1], *of_c = &track->function[2];
    size_t hidden = r->hidden;
    const double *p = track->peepholes;
    for (size_t j = 0; j < hidden; j++) {
        double c = track->c[j];
        double i = sum_of(track, 0, j) + (p != NULL ? p[j] * c : 0);
        double forget = sum_of(track, 2, j) + (p != NULL ? p[2 * hidden + j] * c : 0);
        double candidate = sum_of(track, 3, j), in = gate(r, f, i);
        track->c[j] = (r->input_forget ? 1 - in : gate(r, f, forget)) * c + in * gate(r, g, candidate);
        double o = sum_of(track, 1, j) + (p != NULL ? p[hidden + j] * track->c[j] : 0);
        track->h[j] = gate(r, f, o) * recurrent_apply(of_c, track->c[j]);
        save(track, 0, j, i);
        save(track, 1, j, o);
        save(track, 2, j, forget);
        save(track, 3, j, candidate);
        save(track, 4, j, c);
        save(track, 5, j, track->before != NULL ? track->before[j] : 0);
    }
}

/* The gates are in the order of W: z, r, h. */
static void gru_step(const struct track *track)
{
    const struct recurrent *r = track->r;
    const struct recurrent_function *f = &track->function[0], *g = &track->function[1];
    for (size_t j = 0; j < r->hidden; j++) {
        double before = track->before != NULL ? track->before[j] : 0;
        track->workspace[j] = r->linear_before_reset ? before : gate(r, f, sum_of(track, 1, j)) * before;
    }
    for (size_t j = 0; j < r->hidden; j++) {
        double before = track->before != NULL ? track->before[j] : 0;
        double z = sum_of(track, 0, j), reset = sum_of(track, 1, j), part = from_state(track, 2, j, track->workspace);
        double n = from_input(track, 2, j) + (r->linear_before_reset ? gate(r, f, reset) : 1) * part;
        double update = gate(r, f, z);
        track->h[j] = (1 - update) * gate(r, g, n) + update * before;
        save(track, 0, j, z);
        save(track, 1, j, reset);
        save(track, 2, j, n);
        save(track, 3, j, r->linear_before_reset ? part : track->workspace[j]);
        save(track, 4, j, before);
    }
}

static void rnn_step(const struct track *track)
{
    for (size_t j = 0; j < track->r->hidden; j++) {
        double sum = sum_of(track, 0, j);
        track->h[j] = gate(track->r, &track->function[0], sum);
        save(track, 0, j, sum);
        save(track, 1, j, track->before != NULL ? track->before[j] : 0);
    }
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static double *at(const struct op_textbook_tensor *tensors, int count, int port, size_t offset)
{
    bool there = port < count && tensors[port].shape.rank >= 0 && tensors[port].data != NULL;
    return there ? tensors[port].data + offset : NULL;
}

static void copy_state(double *to, const double *from, size_t hidden)
{
    for (size_t j = 0; j < hidden; j++) {
        to[j] = from != NULL ? from[j] : 0;
    }
}

static void run_sample(const struct op_textbook *textbook, const struct recurrent *r, size_t d, size_t n)
{
    const struct op_textbook_tensor *in = textbook->in, *out = textbook->out;
    size_t hidden = r->hidden, rows = r->gates * hidden, state = (d * r->samples + n) * hidden;
    bool is_lstm = r->cell == CELL_LSTM;
    const double *given = at(in, textbook->in_count, LENGTHS, n);
    const double *b = at(in, textbook->in_count, B, d * 2 * rows);
    struct track track = {.r = r,
                          .function = r->function[d],
                          .w = in[W].data + d * rows * r->features,
                          .rec = in[R].data + d * rows * hidden,
                          .wb = b,
                          .rb = b != NULL ? b + rows : NULL,
                          .peepholes = at(in, textbook->in_count, PEEPHOLES, d * 3 * hidden),
                          .before = at(in, textbook->in_count, INITIAL_H, state),
                          .workspace = out[Y_H].data + state};
    if (is_lstm) {
        track.c = out[LSTM_Y_C].data + state;
        copy_state(track.c, at(in, textbook->in_count, INITIAL_C, state), hidden);
    }
    size_t length = given != NULL ? recurrent_length(r, *given) : r->steps;
    for (size_t s = 0; s < length; s++) {
        size_t t = recurrent_is_reverse(textbook->options, d) ? length - 1 - s : s;
        size_t row = ((d * r->steps + t) * r->samples + n) * r->saved * hidden;
        track.x = in[X].data + (t * r->samples + n) * r->features;
        track.h = out[Y].data + ((t * r->directions + d) * r->samples + n) * hidden;
        track.saved = at(out, textbook->out_count, is_lstm ? LSTM_SAVED : SAVED, row);
        if (is_lstm) {
            lstm_step(&track);
        } else if (r->cell == CELL_GRU) {
            gru_step(&track);
        } else {
            rnn_step(&track);
        }
        track.before = track.h;
    }
    /* A sequence of length 0 gives zeros, not its initial state: as in ONNX Runtime. */
    copy_state(out[Y_H].data + state, length > 0 ? track.before : NULL, hidden);
    if (is_lstm && length == 0) {
        copy_state(track.c, NULL, hidden);
    }
}

void recurrent_textbook(const struct op_textbook *textbook)
{
    enum recurrent_cell cell = recurrent_cell_of(textbook->op);
    struct recurrent r;
    const struct op_textbook_tensor *in = textbook->in;
    if (recurrent_resolve(&r, cell, textbook->options, &in[X].shape, &in[W].shape, &in[R].shape, NULL) != FOV_OK) {
        return;
    }
    for (size_t d = 0; d < r.directions; d++) {
        for (size_t n = 0; n < r.samples; n++) {
            run_sample(textbook, &r, d, n);
        }
    }
}

/* ---- back through time ------------------------------------------------------------------------------------------- */

/** One step of backpropagation: from the gradients of the states after the step to those of the inputs of its gates'
 *  activations, and of the states before the step. */
struct back {
    const struct recurrent *r;
    const struct recurrent_function *function;
    const double *rec, *peepholes, *saved;
    double *dh, *dc;     /**< gradients of the states: on entry after the step, on return before it */
    double *dgates, *dp; /**< dp: gradient of the peepholes [i, o, f], added to; NULL: not wanted */
};

/** dh += R^T dgates over gates first .. last - 1 of R, whose gradients begin at part `from` of dgates (GRU's candidate:
 *  part 3). */
static void through_state(const struct back *back, size_t first, size_t last, size_t from)
{
    size_t hidden = back->r->hidden;
    for (size_t row = first * hidden; row < last * hidden; row++) {
        double dgate = back->dgates[(from - first) * hidden + row];
        for (size_t j = 0; j < hidden; j++) {
            back->dh[j] += back->rec[row * hidden + j] * dgate;
        }
    }
}

static void lstm_back(const struct back *back)
{
    const struct recurrent *r = back->r;
    const struct recurrent_function *f = &back->function[0], *g = &back->function[1], *of_c = &back->function[2];
    size_t hidden = r->hidden;
    const double *saved = back->saved, *p = back->peepholes;
    double *dgates = back->dgates;
    for (size_t j = 0; j < hidden; j++) {
        double raw_i = saved[j], raw_o = saved[hidden + j], raw_f = saved[2 * hidden + j];
        double raw_c = saved[3 * hidden + j], before = saved[4 * hidden + j];
        double i = gate(r, f, raw_i), o = gate(r, f, raw_o), candidate = gate(r, g, raw_c);
        double keep = r->input_forget ? 1 - i : gate(r, f, raw_f), c = keep * before + i * candidate;
        double shown = recurrent_apply(of_c, c), dh = back->dh[j];
        double d_o = dh * shown * gate_slope(r, f, raw_o, o);
        double dc = back->dc[j] + dh * o * recurrent_slope(of_c, c, shown) + (p != NULL ? d_o * p[hidden + j] : 0);
        double dkeep = dc * before, di = dc * candidate - (r->input_forget ? dkeep : 0);
        double df = r->input_forget ? 0 : dkeep * gate_slope(r, f, raw_f, keep);
        di *= gate_slope(r, f, raw_i, i);
        dgates[j] = di;
        dgates[hidden + j] = d_o;
        dgates[2 * hidden + j] = df;
        dgates[3 * hidden + j] = dc * i * gate_slope(r, g, raw_c, candidate);
        back->dc[j] = dc * keep + (p != NULL ? di * p[j] + df * p[2 * hidden + j] : 0);
        back->dh[j] = 0;
        if (back->dp != NULL) {
            back->dp[j] += di * before;
            back->dp[hidden + j] += d_o * c;
            back->dp[2 * hidden + j] += df * before;
        }
    }
    through_state(back, 0, 4, 0);
}

static void gru_back(const struct back *back)
{
    const struct recurrent *r = back->r;
    const struct recurrent_function *f = &back->function[0], *g = &back->function[1];
    size_t hidden = r->hidden;
    const double *saved = back->saved;
    double *dz = back->dgates, *dreset = dz + hidden, *dn = dz + 2 * hidden, *dpart = dz + 3 * hidden;
    for (size_t j = 0; j < hidden; j++) {
        double raw_z = saved[j], raw_r = saved[hidden + j], raw_n = saved[2 * hidden + j];
        double z = gate(r, f, raw_z), reset = gate(r, f, raw_r), n = gate(r, g, raw_n), dh = back->dh[j];
        dn[j] = dh * (1 - z) * gate_slope(r, g, raw_n, n);
        dz[j] = dh * (saved[4 * hidden + j] - n) * gate_slope(r, f, raw_z, z);
        dpart[j] = dn[j] * (r->linear_before_reset ? reset : 1);
        dreset[j] = r->linear_before_reset ? dn[j] * saved[3 * hidden + j] * gate_slope(r, f, raw_r, reset) : 0;
        back->dh[j] = dh * z;
    }
    for (size_t j = 0; !r->linear_before_reset && j < hidden; j++) {
        double raw_r = saved[hidden + j], reset = gate(r, f, raw_r), d = 0; /* d: gradient of reset * state */
        for (size_t k = 0; k < hidden; k++) {
            d += back->rec[(2 * hidden + k) * hidden + j] * dn[k];
        }
        dreset[j] = d * saved[4 * hidden + j] * gate_slope(r, f, raw_r, reset);
        back->dh[j] += d * reset;
    }
    through_state(back, 0, 2, 0);
    if (r->linear_before_reset) {
        through_state(back, 2, 3, 3);
    }
}

static void rnn_back(const struct back *back)
{
    const struct recurrent *r = back->r;
    const struct recurrent_function *f = &back->function[0];
    for (size_t j = 0; j < r->hidden; j++) {
        double raw = back->saved[j];
        back->dgates[j] = back->dh[j] * gate_slope(r, f, raw, gate(r, f, raw));
        back->dh[j] = 0;
    }
    through_state(back, 0, 1, 0);
}

static void add_state(double *to, const double *from, size_t hidden)
{
    for (size_t j = 0; from != NULL && j < hidden; j++) {
        to[j] += from[j];
    }
}

static void back_sample(const struct op_textbook *textbook, const struct recurrent *r, size_t d, size_t n)
{
    const struct op_textbook_tensor *in = textbook->in, *out = textbook->out;
    int in_count = textbook->in_count;
    size_t hidden = r->hidden, state = (d * r->samples + n) * hidden;
    const double *given = at(in, in_count, BACK_LENGTHS, n);
    struct back back = {.r = r,
                        .function = r->function[d],
                        .rec = in[BACK_R].data + d * r->gates * hidden * hidden,
                        .peepholes = at(in, in_count, BACK_PEEPHOLES, d * 3 * hidden),
                        .dh = out[BACK_DH].data + state,
                        .dc = out[BACK_DC].data + state,
                        .dp = at(out, textbook->out_count, BACK_DP, d * 3 * hidden)};
    size_t length = given != NULL ? recurrent_length(r, *given) : r->steps;
    if (length > 0) {
        add_state(back.dh, at(in, in_count, BACK_DY_H, state), hidden);
        add_state(back.dc, at(in, in_count, BACK_DY_C, state), hidden);
    }
    for (size_t s = length; s-- > 0;) {
        size_t t = recurrent_is_reverse(textbook->options, d) ? length - 1 - s : s;
        size_t row = (d * r->steps + t) * r->samples + n;
        back.saved = in[BACK_SAVED].data + row * r->saved * hidden;
        back.dgates = out[BACK_DGATES].data + row * recurrent_back_gates(r->cell) * hidden;
        add_state(back.dh, at(in, in_count, BACK_DY, ((t * r->directions + d) * r->samples + n) * hidden), hidden);
        if (r->cell == CELL_LSTM) {
            lstm_back(&back);
        } else if (r->cell == CELL_GRU) {
            gru_back(&back);
        } else {
            rnn_back(&back);
        }
    }
}

void recurrent_back_textbook(const struct op_textbook *textbook)
{
    struct recurrent r;
    if (recurrent_back_resolve(&r, textbook->options, &textbook->in[BACK_R].shape, &textbook->in[BACK_SAVED].shape,
                               NULL) != FOV_OK) {
        return;
    }
    for (size_t d = 0; d < r.directions; d++) {
        for (size_t n = 0; n < r.samples; n++) {
            back_sample(textbook, &r, d, n);
        }
    }
}
