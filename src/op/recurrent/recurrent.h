/* SPDX-License-Identifier: MIT */
/* Recurrent layers: LSTM, GRU and the plain RNN as ONNX defines them. One operator each (lstm.c, gru.c, rnn.c), one
 * gradient operator for all (back.c). They share options and shapes (recurrent.c), the cells' definition in double
 * (textbook.c), the ONNX spelling (onnx.c) and the fast form (run.c). Private to the folder. */
#ifndef OP_RECURRENT_RECURRENT_H
#define OP_RECURRENT_RECURRENT_H

#include "op/common.h"

enum recurrent_cell { CELL_LSTM, CELL_GRU, CELL_RNN };
enum recurrent_direction { FORWARD, REVERSE, BIDIRECTIONAL };

/** ONNX's activations, in the order of recurrent_activation_names. */
enum recurrent_activation {
    ACT_RELU,
    ACT_TANH,
    ACT_SIGMOID,
    ACT_AFFINE,
    ACT_LEAKY_RELU,
    ACT_THRESHOLDED_RELU,
    ACT_SCALED_TANH,
    ACT_HARD_SIGMOID,
    ACT_ELU,
    ACT_SOFTSIGN,
    ACT_SOFTPLUS,
    ACT_COUNT
};
extern const char *const recurrent_activation_names[]; /**< "Relu"...; NULL-terminated */

enum {
    RECURRENT_ACTIVATIONS = 6 /**< f, g and h of two directions */
};

struct recurrent_options {
    int cell; /**< of recurrent_back only: enum recurrent_cell */
    int direction;
    double clip; /**< limits the inputs of the gates' activations to -clip .. clip; 0: no limit */
    bool input_forget, linear_before_reset;
    struct op_list activations; /**< per direction f, g, h as far as the cell has them; empty: the cell's defaults */
    /** The constants of each activation. Not in the table of attributes: only the ONNX importer sets them. */
    double alpha[RECURRENT_ACTIVATIONS], beta[RECURRENT_ACTIVATIONS];
};
extern const struct op_attribute recurrent_lstm_attributes[], recurrent_gru_attributes[], recurrent_rnn_attributes[],
    recurrent_back_attributes[];
extern const struct op_port recurrent_in[], recurrent_lstm_in[], recurrent_out[], recurrent_lstm_out[];

/** Ports of all cells: GRU and RNN end before INITIAL_C. */
enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES, RECURRENT_INPUTS };
/** Outputs: LSTM has Y_C in front of SAVED, the other cells do not. */
enum { Y, Y_H, LSTM_Y_C, LSTM_SAVED, SAVED = 2 };

struct recurrent_function {
    enum recurrent_activation kind;
    double alpha, beta;
};

/** Sizes (those of the ONNX standard) and resolved options. */
struct recurrent {
    enum recurrent_cell cell;
    size_t steps, samples, features, directions, hidden;
    size_t gates; /**< of W, R and B: 4, 3 or 1, `hidden` rows each */
    /** How many parts of `hidden` numbers a step saves per sample for the gradient: the inputs of the gates'
     *  activations; for LSTM, the previous cell state; for GRU, the operand of the reset gate (linear_before_reset) or
     *  its product; and last, the previous state. */
    size_t saved;
    double clip;
    bool input_forget, linear_before_reset;
    struct recurrent_function function[2][3]; /**< of each direction: f, g, h */
};
/** Fills `r` from the shapes of the inputs X, W and R; an open dimension counts as 1. */
int recurrent_resolve(struct recurrent *r, enum recurrent_cell cell, const struct recurrent_options *options,
                      const fov_shape *x, const fov_shape *w, const fov_shape *rec, struct error *error);
/** Whether direction d runs from the last step to the first. */
bool recurrent_is_reverse(const struct recurrent_options *options, size_t direction);
/** The steps of a sample whose stated length is `given`: clamped to 0 .. r->steps; NaN is 0. */
size_t recurrent_length(const struct recurrent *r, double given);

extern const struct op op_lstm, op_gru, op_rnn;
enum recurrent_cell recurrent_cell_of(const struct op *op);
int recurrent_infer(const struct op_infer *infer);
void recurrent_cost(struct op_cost *cost);

/* textbook.c */
double recurrent_apply(const struct recurrent_function *function, double x);
/** The derivative of the function at x, whose result is y. */
double recurrent_slope(const struct recurrent_function *function, double x, double y);
void recurrent_textbook(const struct op_textbook *textbook);

/* back.c: backpropagation through time is one operator, recurrent_back; the matrix products after it are separate
 * nodes */
enum { BACK_R, BACK_SAVED, BACK_LENGTHS, BACK_PEEPHOLES, BACK_DY, BACK_DY_H, BACK_DY_C, BACK_INPUTS };
enum { BACK_DGATES, BACK_DH, BACK_DC, BACK_DP };
/** How many parts of `hidden` numbers a row of recurrent_back's first result has: one per gate, and for GRU one more,
 *  the gradient of the candidate's part that comes from R. */
size_t recurrent_back_gates(enum recurrent_cell cell);
int recurrent_back_resolve(struct recurrent *r, const struct recurrent_options *options, const fov_shape *rec,
                           const fov_shape *saved, struct error *error);
void recurrent_back_textbook(const struct op_textbook *textbook);
void recurrent_gradient(struct op_gradient *gradient);

/* onnx.c */
struct op_import;
struct op_export;
int recurrent_import(struct op_import *node);
int recurrent_export(struct op_export *node);

/* run.c */
extern const struct op_cpu recurrent_cpu;

static inline bool recurrent_has(const struct op_tensor *in, int in_count, int port)
{
    return port < in_count && in[port].shape.rank >= 0;
}

#endif
