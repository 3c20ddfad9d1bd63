/* SPDX-License-Identifier: MIT */
/* L-BFGS: minimises a function of many variables with a quasi-Newton direction, which estimates the curvature from the
 * last gradients, and a line search in each iteration. The function is given by value and gradient; graphs and batches
 * are not known here. It does not suit losses that change from batch to batch. Read next: lbfgs.c. */
#ifndef TRAIN_LBFGS_H
#define TRAIN_LBFGS_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>

/** Computes value and gradient [count] at `x` [count]. A status other than FOV_OK ends the iteration and is
 *  returned. */
typedef int (*lbfgs_function)(void *user, const double *x, double *value, double *gradient);

/** A zero field means the default, which is PyTorch's except for the history. */
struct lbfgs_options {
    int    history;            /**< 10: pairs of steps and gradient changes to remember */
    double rate;               /**< 1: length of the first trial step along a direction */
    double tolerance_gradient; /**< 1e-7: a gradient without a larger element counts as zero */
    double tolerance_change;   /**< 1e-9: a smaller change of value or of x counts as none */
    bool   no_line_search;     /**< every step is `rate` times the direction; the value may then rise */
};

enum lbfgs_state {
    LBFGS_GOES_ON, /**< not converged */
    LBFGS_FLAT,    /**< converged: the gradient is zero */
    LBFGS_STANDS   /**< converged: value or x no longer changes */
};

struct lbfgs;

/** For vectors of `count` numbers; allocates about (2 history + 7) x count doubles. NULL and E_MEMORY, or E_USAGE for
 *  options out of range. */
struct lbfgs *lbfgs_create(struct memory *memory, size_t count, const struct lbfgs_options *options,
                           struct error *error);
void          lbfgs_free(struct lbfgs *lbfgs); /**< accepts NULL */

/** One iteration, which moves `x`. The first one also evaluates the function at x itself; later ones expect x as the
 *  last iteration left it. *state: whether the search has converged; an iteration that finds so at once evaluates
 *  nothing. */
int lbfgs_iterate(struct lbfgs *lbfgs, lbfgs_function function, void *user, double *x, enum lbfgs_state *state);

double lbfgs_value(const struct lbfgs *lbfgs);       /**< value of the function at x */
int    lbfgs_evaluations(const struct lbfgs *lbfgs); /**< evaluations of the function so far */

#endif
