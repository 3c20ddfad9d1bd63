/* SPDX-License-Identifier: MIT */
/* Losses that compare a prediction with a target element by element: their value and its two slopes are functions of
 * one pair of numbers, all the rest (shapes, sums, gradients) is here. A loss is a folder with its three formulas and a
 * descriptor; its gradient is an operator of its own, "NAME_gradient". Next: mae/, bce/, focal/. */
#ifndef OP_PAIR_LOSS_H
#define OP_PAIR_LOSS_H

#include "op/common.h"

enum pair_reduction { PAIR_MEAN, PAIR_NONE, PAIR_SUM };
extern const char *const pair_reductions[];

/** All pair losses have these options; what the parameter means is the loss's affair. */
struct pair_options {
    double parameter, balance;
    int    reduction;
};

/** Value, slope by the prediction, slope by the target. */
struct pair_formulas {
    double (*value)(const struct pair_options *options, double prediction, double target);
    double (*by_prediction)(const struct pair_options *options, double prediction, double target);
    double (*by_target)(const struct pair_options *options, double prediction, double target);
};

int  pair_infer(const struct op_infer *infer);
int  pair_infer_gradient(const struct op_infer *infer);
void pair_gradient(struct op_gradient *gradient);
void pair_textbook(const struct op_textbook *textbook, const struct pair_formulas *formulas);
void pair_textbook_gradient(const struct op_textbook *textbook, const struct pair_formulas *formulas);

extern const struct op_port pair_in[], pair_out[], pair_gradient_in[], pair_gradient_out[];

fov_value pair_build(fov_graph *graph, const char *op, fov_value prediction, fov_value target, double parameter,
                     double balance);

/** The reduction's line of an attribute table. */
#define PAIR_REDUCTION                                                                                                 \
    {                                                                                                                  \
        OP_ATTRIBUTE(struct pair_options, reduction), .kind = OP_CHOICE, .choices = pair_reductions,                   \
        .doc = "how the elements' losses are put together"                                                             \
    }

#endif
