/* SPDX-License-Identifier: MIT */
/* L-BFGS: descent of a function of many numbers along directions bent by what the last gradients told of its curvature,
 * with a line search for each. It minimises one function, given by value and gradient, and knows neither graphs nor
 * batches; of a loss that changes from batch to batch it makes nothing good. Next: lbfgs.c. */
#ifndef TRAIN_LBFGS_H
#define TRAIN_LBFGS_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>

/** Value and gradient [count] at `x` [count]. Anything but FOV_OK ends the iteration and is passed on. */
typedef int (*lbfgs_function)(void *user, const double *x, double *value, double *gradient);

/** Zero fields are the defaults, PyTorch's but for the history. */
struct lbfgs_options {
    int    history;            /**< 10: pairs of steps and changes of the gradient that are remembered */
    double rate;               /**< 1: first step that is tried along a direction */
    double tolerance_gradient; /**< 1e-7: largest element of a gradient that counts as none */
    double tolerance_change;   /**< 1e-9: change of value or of x that counts as none */
    bool   no_line_search;     /**< every step is `rate` times the direction; then values may rise */
};

enum lbfgs_state {
    LBFGS_GOES_ON,
    LBFGS_FLAT,    /**< the gradient is none */
    LBFGS_STANDS   /**< value or x change no more */
};

struct lbfgs;

/** For vectors of `count` numbers; takes (2 history + 7) x count doubles. NULL and E_MEMORY, or E_USAGE for options
 *  that make no sense. */
struct lbfgs *lbfgs_create(struct memory *memory, size_t count, const struct lbfgs_options *options,
                           struct error *error);
void          lbfgs_free(struct lbfgs *lbfgs); /**< accepts NULL */

/** One iteration: moves `x`. At the first one the function is evaluated at x itself, too; afterwards x must be what the
 *  last iteration left. *state says whether there is anything left to do. */
int lbfgs_iterate(struct lbfgs *lbfgs, lbfgs_function function, void *user, double *x, enum lbfgs_state *state);

double lbfgs_value(const struct lbfgs *lbfgs);       /**< of the function at x */
int    lbfgs_evaluations(const struct lbfgs *lbfgs); /**< of the function so far */

#endif
