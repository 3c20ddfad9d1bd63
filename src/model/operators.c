/* SPDX-License-Identifier: MIT */
/* The public view of the operator table, from which `fovea ops` and the documentation are written. */
#include "op/onnx.h"
#include "op/op.h"
#include <fovea/model.h>

static const char *family_name(enum op_family family)
{
    static const char *const names[] = {
        [OP_CONVOLUTION] = "convolution",
        [OP_POOLING] = "pooling",
        [OP_NORMALISATION] = "normalisation",
        [OP_RECURRENT] = "recurrent",
        [OP_ACTIVATION] = "activation",
        [OP_ELEMENTWISE] = "elementwise",
        [OP_REDUCTION] = "reduction",
        [OP_SHAPE] = "shape",
        [OP_LOSS] = "loss",
        [OP_OPTIMISER] = "optimiser",
        [OP_GRADIENT] = "gradient",
    };
    return names[family];
}

static const char *kind_name(enum op_attribute_kind kind)
{
    static const char *const names[] = {[OP_INTEGER] = "integer",
                                        [OP_NUMBER] = "number",
                                        [OP_FLAG] = "flag",
                                        [OP_LIST] = "list of integers",
                                        [OP_CHOICE] = "choice"};
    return names[kind];
}

static const char *default_word(const struct op_attribute *at)
{
    if (at->kind == OP_FLAG) {
        return at->standard != 0 ? "yes" : "no";
    }
    return at->kind == OP_CHOICE && at->choices != NULL ? at->choices[(size_t)at->standard] : NULL;
}

/* Describes at most `room` ports; returns how many. */
static int describe_ports(const struct op_port *ports, fov_port_info *info, int room)
{
    int count = op_port_count(ports) < room ? op_port_count(ports) : room;
    for (int i = 0; i < count; i++) {
        info[i] = (fov_port_info){ports[i].name, ports[i].shape, ports[i].optional, ports[i].variadic};
    }
    return count;
}

int fov_operator_count(void)
{
    return (int)op_table_count;
}

fov_operator_info fov_operator_at(int index)
{
    fov_operator_info info = {0};
    if (index < 0 || (size_t)index >= op_table_count) {
        return info;
    }
    const struct op *op = op_table[index];
    info.name = op->name;
    info.family = family_name(op->family);
    info.summary = op->summary;
    info.formula = op->formula;
    info.source = op->source;
    info.onnx = op->onnx != NULL ? op->onnx->type : NULL;
    info.since = op->onnx != NULL ? op->onnx->since : 0;
    info.rate = op->standard_rate;
    info.fast = op->cpu != NULL || op->view;
    info.in_count = describe_ports(op->in, info.in, (int)(sizeof info.in / sizeof info.in[0]));
    info.out_count = describe_ports(op->out, info.out, (int)(sizeof info.out / sizeof info.out[0]));
    /* Piecewise constant operators have a gradient, and it is zero. */
    info.gradient = op->gradient != NULL || op->zero_gradient;
    int room = (int)(sizeof info.option / sizeof info.option[0]);
    for (const struct op_attribute *at = op->attributes; at != NULL && at->name != NULL && info.option_count < room;
         at++) {
        info.option[info.option_count].name = at->name;
        info.option[info.option_count].kind = kind_name(at->kind);
        info.option[info.option_count].doc = at->doc;
        info.option[info.option_count].standard = at->standard;
        info.option[info.option_count].word = default_word(at);
        info.option_count++;
    }
    return info;
}
