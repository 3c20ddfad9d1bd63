/* SPDX-License-Identifier: MIT */
/* Optimisers whose update is one formula per element, plus at most norms of the whole tensor. A rule computes the
 * update of one element; shape rule, chunks, textbook twin and CPU step are here. Both implementations run the same
 * formula, in double over tensors of float: such a step is bound by memory, not arithmetic. (SGD and Adam have kernels
 * of their own.)
 *
 * The inputs of every optimiser that training can choose: parameter, gradient, states (of the parameter's shape, zeros
 * at first), learning_rate, step. Next: lion/lion.c, the smallest one. */
#ifndef OP_OPTIMISER_H
#define OP_OPTIMISER_H

#include "op/common.h"

enum { OPTIMISER_MOST_STATES = 3, OPTIMISER_NUMBERS = 8 };

/** The numbers of one update that are the same for all elements of a tensor. */
struct optimiser_moment {
    const void *options;
    double      rate, step;                     /**< step: 1 at the first update */
    double      parameter_norm, gradient_norm; /**< Euclidean norms; only where the rule sets norms or trusts */
    double      number[OPTIMISER_NUMBERS];      /**< filled by the rule's `prepare`, read by `element` */
};

struct optimiser_rule {
    int  states;
    bool norms;   /**< the rule reads the moment's norms */
    /** The rule uses a trust ratio: `element` returns a direction, and the parameter becomes
     *  w - rate * |w| / |direction| * direction (a ratio in which a norm is 0 is replaced by 1). */
    bool trusts;
    void (*prepare)(struct optimiser_moment *moment); /**< NULL: no numbers to compute */
    /** Returns the amount to subtract from the parameter `w`; updates state[0 .. states - 1]. */
    double (*element)(const struct optimiser_moment *moment, double w, double g, double *state);
};

/** Functions for a descriptor whose .rule is an optimiser_rule. */
int  optimiser_infer(const struct op_infer *infer);
void optimiser_textbook(const struct op_textbook *textbook);
extern const struct op_cpu optimiser_cpu;
/** op_case.fill for optimisers of 0, 1, 2 and 3 states: positive states, as after some steps; rate 0.01, step 3. */
void optimiser_fill_0(int index, double *data, size_t count, struct random_key key);
void optimiser_fill_1(int index, double *data, size_t count, struct random_key key);
void optimiser_fill_2(int index, double *data, size_t count, struct random_key key);
void optimiser_fill_3(int index, double *data, size_t count, struct random_key key);

#endif
