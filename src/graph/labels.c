/* SPDX-License-Identifier: MIT */
/* Checks labels. A classification loss reads its labels from an input that the caller fills, and a running step cannot
 * fail; so the labels are checked before the first step. Labels in a constant are checked when the plan is made. Which
 * inputs hold labels follows from the operators' ports and options. plan.c calls these functions. */
#include "graph/plan.h"
#include "tensor/convert.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 256 }; /* labels converted at a time */

/* The index of the input port of that name; -1: there is none. */
static int port_named(const struct op *op, const char *name)
{
    for (int i = 0; op->in && op->in[i].name; i++) {
        if (strcmp(op->in[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static bool has_option(const struct op *op, const char *name)
{
    const struct op_attribute *attribute = op->attributes;
    while (attribute != NULL && attribute->name != NULL && strcmp(attribute->name, name) != 0) {
        attribute++;
    }
    return attribute != NULL && attribute->name != NULL;
}

/* The value from which `id` comes by changes of shape and type only, which keep labels as they are. */
static int source_of(const fov_graph *graph, int id)
{
    const struct value *value = graph_value(graph, id);
    while (value->kind == VALUE_RESULT) {
        const struct node *node = &graph->nodes[value->node];
        bool is_handed_on = node->op->view || strcmp(node->op->name, "cast") == 0 ||
                            strcmp(node->op->name, "identity") == 0;
        if (!is_handed_on) {
            break;
        }
        id = node->in[0];
        value = graph_value(graph, id);
    }
    return id;
}

/* Fills *found if a node reads an input or a constant as labels. The port before the labels has the scores, in losses
 * and their gradients. */
static bool find_labels(const fov_graph *graph, const struct node *node, const char *reader, struct plan_labels *found)
{
    int port = port_named(node->op, "labels");
    if (port < 1 || port >= node->in_count || node->in[port] == 0 || node->in[port - 1] == 0 ||
        !has_option(node->op, "ignore_index")) {
        return false;
    }
    const fov_shape *scores = &graph_value(graph, node->in[port - 1])->shape;
    *found = (struct plan_labels){.value = source_of(graph, node->in[port]), .reader = reader};
    found->ignored = *(const int64_t *)op_option(node->op, node->options, "ignore_index");
    found->classes = scores->rank >= 2 ? scores->dim[1] : -1;
    enum value_kind kind = graph_value(graph, found->value)->kind;
    return found->classes >= 0 && (kind == VALUE_INPUT || kind == VALUE_CONSTANT);
}

static bool is_listed(const fov_plan *plan, const struct plan_labels *labels)
{
    for (size_t i = 0; i < plan->label_count; i++) {
        const struct plan_labels *other = &plan->labels[i];
        if (other->value == labels->value && other->classes == labels->classes && other->ignored == labels->ignored) {
            return true;
        }
    }
    return false;
}

/* The index of element `at` as text: "[3, 0, 7]". */
static const char *place_text(const fov_shape *shape, size_t at, char out[SHAPE_TEXT_SIZE])
{
    fov_shape place = {.rank = shape->rank};
    for (int i = shape->rank - 1; i >= 0; i--) {
        place.dim[i] = (int64_t)(at % (size_t)shape->dim[i]);
        at /= (size_t)shape->dim[i];
    }
    return shape_text(&place, out);
}

static int check(const fov_plan *plan, const struct plan_labels *labels, const fov_shape *shape, const void *data,
                 struct error *error)
{
    const struct value *value = graph_value(plan->graph, labels->value);
    size_t count = shape_span(shape, 0, shape->rank), size = fov_dtype_size(value->dtype);
    double numbers[CHUNK];
    for (size_t at = 0; at < count; at += CHUNK) {
        size_t some = count - at < CHUNK ? count - at : CHUNK;
        convert_to_double(value->dtype, (const unsigned char *)data + at * size, numbers, some);
        for (size_t i = 0; i < some; i++) {
            double label = trunc(numbers[i]);
            bool is_class = label >= 0 && label < (double)labels->classes;
            if (!is_class && label != (double)labels->ignored) {
                char place[SHAPE_TEXT_SIZE];
                return error_set(error, FOV_E_INPUT,
                                 "\"%s\" holds labels, and %s is %.17g: \"%s\" tells %lld classes apart, 0 to %lld, "
                                 "and leaves %lld out",
                                 value->name, place_text(shape, at + i, place), numbers[i], labels->reader,
                                 (long long)labels->classes, (long long)labels->classes - 1,
                                 (long long)labels->ignored);
            }
        }
    }
    return FOV_OK;
}

int plan_find_labels(fov_plan *plan)
{
    const fov_graph *graph = plan->graph;
    struct error *error = &graph->context->error;
    for (size_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];
        struct plan_labels found;
        if (step->node < 0 || !find_labels(graph, plan_node(plan, step->node), step->name, &found) ||
            is_listed(plan, &found)) {
            continue;
        }
        const struct value *value = graph_value(graph, found.value);
        int status = FOV_OK;
        if (value->kind == VALUE_CONSTANT) {
            status = check(plan, &found, &value->shape, value->data, error);
        } else if (plan->tensor_of[found.value] >= 0) {
            status = memory_grow(graph->context->memory, (void **)&plan->labels, &plan->label_capacity,
                                 plan->label_count, sizeof *plan->labels, "plan", error);
            if (status == FOV_OK) {
                plan->labels[plan->label_count++] = found;
            }
        }
        if (status != FOV_OK) {
            return status;
        }
    }
    return FOV_OK;
}

int plan_check_labels(fov_plan *plan, struct error *error)
{
    int status = FOV_OK;
    for (size_t i = 0; i < plan->label_count && status == FOV_OK; i++) {
        const struct plan_labels *labels = &plan->labels[i];
        const struct plan_tensor *tensor = &plan->tensors[plan->tensor_of[labels->value]];
        status = check(plan, labels, &tensor->shape, fov_plan_data(plan, (fov_value){labels->value}), error);
    }
    return status;
}
