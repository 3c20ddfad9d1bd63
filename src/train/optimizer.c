/* SPDX-License-Identifier: MIT */
/* The table of optimisers, and how they make their nodes. */
#include "train/optimizer.h"
#include <string.h>

const struct optimizer *const optimizers[] = {&optimizer_sgd, &optimizer_adam};
const size_t optimizer_count = sizeof optimizers / sizeof optimizers[0];

const struct optimizer *optimizer_find(const char *name)
{
    for (size_t i = 0; i < optimizer_count; i++) {
        if (strcmp(optimizers[i]->name, name) == 0) {
            return optimizers[i];
        }
    }
    return NULL;
}

/* Options are set by name through the operator's attribute table: its struct stays in its folder. */
static bool set_number(const struct op *op, void *options, const struct optimizer_number *number)
{
    for (const struct op_attribute *at = op->attributes; at != NULL && at->name != NULL; at++) {
        if (strcmp(at->name, number->name) != 0) {
            continue;
        }
        char *place = (char *)options + at->offset;
        switch (at->kind) {
        case OP_NUMBER:
            memcpy(place, &number->value, sizeof number->value);
            return true;
        case OP_FLAG:
            *(bool *)place = number->value != 0.0;
            return true;
        case OP_INTEGER:
        case OP_LIST:
        case OP_CHOICE:
            return false;
        }
    }
    return false;
}

fov_value optimizer_node(fov_graph *graph, const char *name, const fov_value *in, int in_count,
                         const struct optimizer_number *numbers, int count)
{
    const struct op *op = op_find(name);
    _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
    if (op == NULL || op->options_size > sizeof options) {
        return fov_graph_fail(graph, NULL, FOV_E_INTERNAL, "there is no operator \"%s\"", name);
    }
    op_options_default(op, options);
    for (int i = 0; i < count; i++) {
        if (!set_number(op, options, &numbers[i])) {
            return fov_graph_fail(graph, NULL, FOV_E_INTERNAL, "operator \"%s\" has no option \"%s\"", name,
                                  numbers[i].name);
        }
    }
    return op_emit(fov_graph_emitter(graph), name, in, in_count, options);
}
