/* SPDX-License-Identifier: MIT */
/* Optimisers whose rule is one formula for each element, and norms of the whole tensor at most. A rule says how one
 * element moves; ports, chunks, the definition, and the fast form follow. Both forms run the same formula in double over
 * tensors of float: it is memory that such a step waits for. (SGD and Adam have kernels of their own.)
 *
 * The ports of every optimiser that training can choose: parameter, gradient, what is remembered (of the parameter's
 * shape, zeros at first), learning_rate, step. Next: lion/lion.c, the smallest one. */
#ifndef OP_OPTIMISER_H
#define OP_OPTIMISER_H

#include "op/common.h"

enum { OPTIMISER_MOST_STATES = 3, OPTIMISER_NUMBERS = 8 };

/** What is the same for all elements of a tensor in one step. */
struct optimiser_moment {
    const void *options;
    double      rate, step;                     /**< step: 1 at the first update */
    double      parameter_norm, gradient_norm; /**< root of the sum of squares; 0 where the rule does not ask */
    double      number[OPTIMISER_NUMBERS];      /**< what `prepare` worked out */
};

struct optimiser_rule {
    int  states;
    bool norms;   /**< the moment's norms are wanted */
    /** Steps are as long as the parameter: what `element` answers is a direction, and the parameter becomes
     *  w - rate * |w| / |direction| * direction (1 in place of a ratio with a norm of 0). */
    bool trusts;
    void (*prepare)(struct optimiser_moment *moment); /**< NULL: nothing to work out */
    /** What is taken from the parameter `w`; renews state[0 .. states - 1]. */
    double (*element)(const struct optimiser_moment *moment, double w, double g, double *state);
};

/** The parts of a descriptor whose .rule is an optimiser_rule. */
int  optimiser_infer(const struct op_infer *infer);
void optimiser_textbook(const struct op_textbook *textbook);
extern const struct op_cpu optimiser_cpu;
/** Test data, for so many states: moments as they are after some steps, a rate of 0.01, the third step. */
void optimiser_fill_0(int index, double *data, size_t count, struct random_key key);
void optimiser_fill_1(int index, double *data, size_t count, struct random_key key);
void optimiser_fill_2(int index, double *data, size_t count, struct random_key key);
void optimiser_fill_3(int index, double *data, size_t count, struct random_key key);

#endif
