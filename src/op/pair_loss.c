/* SPDX-License-Identifier: MIT */
/* What element by element losses share: see pair_loss.h. */
#include "op/pair_loss.h"

#include <stdio.h>

const char *const pair_reductions[] = {"mean", "none", "sum", NULL};

const struct op_port pair_in[] = {{.name = "prediction", .shape = "[...]", .plain = true},
                                  {.name = "target", .shape = "as prediction", .plain = true},
                                  {0}};
const struct op_port pair_out[] = {{.name = "loss", .shape = "[] or as prediction", .plain = true}, {0}};
const struct op_port pair_gradient_in[] = {{.name = "dloss", .shape = "[] or as prediction", .plain = true},
                                           {.name = "prediction", .shape = "[...]", .plain = true},
                                           {.name = "target", .shape = "as prediction", .plain = true},
                                           {0}};
const struct op_port pair_gradient_out[] = {
    {.name = "dprediction", .shape = "as prediction", .plain = true},
    {.name = "dtarget", .shape = "as prediction", .optional = true, .plain = true},
    {0}};

int pair_infer(const struct op_infer *infer)
{
    const struct pair_options *options = infer->options;
    int status = op_check_float(infer, 0, "prediction");
    status = status != FOV_OK ? status : op_check_same_shape(infer, 1, "target", 0, "prediction");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, 1, "target", 0, "prediction");
    if (options->reduction != PAIR_NONE) {
        infer->out[0].shape = (fov_shape){.rank = 0};
    }
    return status;
}

int pair_infer_gradient(const struct op_infer *infer)
{
    int status = op_check_float(infer, 1, "prediction");
    status = status != FOV_OK ? status : op_check_same_shape(infer, 2, "target", 1, "prediction");
    for (int i = 0; i < infer->out_count; i++) {
        infer->out[i].shape = infer->in[1].shape;
        infer->out[i].dtype = infer->in[1].dtype;
    }
    return status;
}

void pair_gradient(struct op_gradient *gradient)
{
    char name[64];
    snprintf(name, sizeof name, "%s_gradient", gradient->op->name);
    fov_value by_prediction = op_emit3(gradient->emitter, name, gradient->out_gradient[0], gradient->in[0],
                                       gradient->in[1], gradient->options);
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = by_prediction;
    }
    if (gradient->wanted[1]) {
        gradient->in_gradient[1] = op_emit_output(gradient->emitter, by_prediction, 1);
    }
}

void pair_textbook(const struct op_textbook *textbook, const struct pair_formulas *formulas)
{
    const struct pair_options *options = textbook->options;
    size_t count = op_count(&textbook->in[0].shape);
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        double loss = formulas->value(options, textbook->in[0].data[i], textbook->in[1].data[i]);
        total += loss;
        if (options->reduction == PAIR_NONE) {
            textbook->out[0].data[i] = loss;
        }
    }
    if (options->reduction != PAIR_NONE) {
        textbook->out[0].data[0] = options->reduction == PAIR_SUM || count == 0 ? total : total / (double)count;
    }
}

void pair_textbook_gradient(const struct op_textbook *textbook, const struct pair_formulas *formulas)
{
    const struct pair_options *options = textbook->options;
    size_t count = op_count(&textbook->in[1].shape);
    double divisor = options->reduction == PAIR_MEAN ? (double)count : 1;
    for (size_t i = 0; i < count; i++) {
        double flow = textbook->in[0].data[options->reduction == PAIR_NONE ? i : 0] / divisor;
        double prediction = textbook->in[1].data[i], target = textbook->in[2].data[i];
        textbook->out[0].data[i] = flow * formulas->by_prediction(options, prediction, target);
        if (textbook->out_count > 1 && textbook->out[1].data != NULL) {
            textbook->out[1].data[i] = flow * formulas->by_target(options, prediction, target);
        }
    }
}

fov_value pair_build(fov_graph *graph, const char *op, fov_value prediction, fov_value target, double parameter,
                     double balance)
{
    struct pair_options options = {.parameter = parameter, .balance = balance, .reduction = PAIR_MEAN};
    fov_value in[2] = {prediction, target};
    return op_build(graph, op, in, 2, &options, NULL);
}
