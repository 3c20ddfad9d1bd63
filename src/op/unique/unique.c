/* SPDX-License-Identifier: MIT */
/* Unique: the different values (or slices along an axis) of a tensor; for each, where it occurs first and how
 * often; and for each element, which of them it is. Their number decides the results' shapes, so x must be known
 * in advance. */
#include "op/index.h"

#include <math.h>

enum { Y, FIRST, INVERSE, COUNTS };
enum { MOST = 8192 /* values or slices */ };

struct unique_options {
    bool    has_axis;
    int64_t axis;
    bool    unsorted;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct unique_options, has_axis), .kind = OP_FLAG, .doc = "slices along axis; else single values"},
    {OP_ATTRIBUTE(struct unique_options, axis), .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "the axis of slices; from the end if < 0"},
    {OP_ATTRIBUTE(struct unique_options, unsorted), .kind = OP_FLAG, .doc = "in the order they are met, not by size"},
    {0},
};

/** x as [outer][count][inner]; the `count` slices are compared with each other. */
struct slices {
    const double *x;
    size_t        outer, count, inner;
};

static struct slices slices_of(const struct unique_options *options, const fov_shape *shape, const double *x)
{
    int axis = index_axis(options->axis, shape->rank);
    return options->has_axis ? (struct slices){x, shape_span(shape, 0, axis), (size_t)shape->dim[axis],
                                               shape_span(shape, axis + 1, shape->rank)}
                             : (struct slices){x, 1, op_count(shape), 1};
}

/** Compares two slices element by element: < 0, 0 or > 0. NaN is greater than all numbers, and equal to itself. */
static int compare(const struct slices *slices, size_t a, size_t b)
{
    for (size_t o = 0; o < slices->outer; o++) {
        for (size_t i = 0; i < slices->inner; i++) {
            double left = slices->x[(o * slices->count + a) * slices->inner + i];
            double right = slices->x[(o * slices->count + b) * slices->inner + i];
            if (left < right || (isnan(right) && !isnan(left))) {
                return -1;
            }
            if (left > right || (isnan(left) && !isnan(right))) {
                return 1;
            }
        }
    }
    return 0;
}

/** Whether slice a comes before slice b when sorted; equal slices keep their order. */
static bool comes_before(const struct slices *slices, size_t a, size_t b)
{
    int order = compare(slices, a, b);
    return order != 0 ? order < 0 : a < b;
}

/** Groups of equal slices: group g is all slices that equal slice first[g]. These arrays are small enough for the
 *  stack, as neither shape rules nor definitions can allocate memory. */
struct groups {
    size_t   count;
    uint16_t first[MOST], of[MOST]; /**< [count]; [slices]: the group of each */
};

/* Restores the heap below `at` (the slice that comes last is on top); the subtrees of `at` are heaps already. */
static void sink(const struct slices *slices, uint16_t *heap, size_t at, size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && comes_before(slices, heap[child], heap[child + 1]);
        if (!comes_before(slices, heap[at], heap[child])) {
            return;
        }
        uint16_t top = heap[at];
        heap[at] = heap[child];
        heap[child] = top;
    }
}

static void sort(const struct slices *slices, uint16_t *heap)
{
    for (size_t at = slices->count / 2; at-- > 0;) {
        sink(slices, heap, at, slices->count);
    }
    for (size_t count = slices->count; count-- > 1;) {
        uint16_t top = heap[0];
        heap[0] = heap[count];
        heap[count] = top;
        sink(slices, heap, 0, count);
    }
}

static void find_groups(struct groups *groups, const struct slices *slices, bool sorted)
{
    uint16_t order[MOST];
    for (size_t i = 0; i < slices->count; i++) {
        order[i] = (uint16_t)i;
    }
    sort(slices, order);
    groups->count = 0;
    for (size_t i = 0; i < slices->count; i++) {
        if (i == 0 || compare(slices, order[i - 1], order[i]) != 0) {
            groups->first[groups->count++] = order[i];
        }
        groups->of[order[i]] = (uint16_t)(groups->count - 1);
    }
    if (sorted) {
        return;
    }
    groups->count = 0; /* renumber the groups in the order in which their first slices occur */
    for (size_t i = 0; i < slices->count; i++) {
        size_t first = groups->first[groups->of[i]];
        order[i] = first == i ? (uint16_t)groups->count++ : order[first];
    }
    for (size_t i = slices->count; i-- > 0;) {
        groups->of[i] = order[i];
    }
    for (size_t i = slices->count; i-- > 0;) { /* from the end, so that the first slice of each group is written last */
        groups->first[groups->of[i]] = (uint16_t)i;
    }
}

static int infer(const struct op_infer *infer)
{
    const struct unique_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    struct index_values values;
    struct groups groups;
    int axis = 0, status = index_values_infer(infer, 0, &values);
    if (status == FOV_OK && options->has_axis) {
        status = shape_axis(x, options->axis, &axis, infer->error);
    }
    if (status != FOV_OK) {
        return status;
    }
    struct slices slices = slices_of(options, x, values.at);
    if (slices.count > MOST) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "x has %zu values or slices to tell apart, at most %d can be",
                         slices.count, MOST);
    }
    find_groups(&groups, &slices, !options->unsorted);
    if (options->has_axis) {
        infer->out[Y].shape.dim[axis] = (int64_t)groups.count;
    } else {
        infer->out[Y].shape = (fov_shape){1, {(int64_t)groups.count}};
    }
    for (int i = FIRST; i < infer->out_count; i++) {
        infer->out[i].dtype = FOV_I64;
        infer->out[i].shape = (fov_shape){1, {(int64_t)(i == INVERSE ? slices.count : groups.count)}};
    }
    return FOV_OK;
}

/* The gradient of each result goes back to the first slice of its group. */
static void gradient(struct op_gradient *gradient)
{
    const struct unique_options *options = gradient->options;
    const struct op_emitter *emitter = gradient->emitter;
    int64_t axis = options->has_axis ? options->axis : 0; /* all the options that gather_gradient has */
    fov_shape line = {1, {(int64_t)op_count(&gradient->in_tensor[0].shape)}};
    fov_value x = gradient->in[0];
    if (gradient->wanted[0] && gradient->out_gradient[Y].id != 0) {
        fov_value like = options->has_axis ? x : op_emit_reshape(emitter, x, &line);
        fov_value dx = op_emit3(emitter, "gather_gradient", gradient->out_gradient[Y],
                                op_emit_output(emitter, gradient->out[0], FIRST), like, &axis);
        gradient->in_gradient[0] =
            options->has_axis ? dx : op_emit_reshape(emitter, dx, &gradient->in_tensor[0].shape);
    }
}

static double *output(const struct op_textbook *textbook, int index)
{
    return index < textbook->out_count ? textbook->out[index].data : NULL;
}

static void textbook(const struct op_textbook *textbook)
{
    const struct unique_options *options = textbook->options;
    struct slices slices = slices_of(options, &textbook->in[0].shape, textbook->in[0].data);
    struct groups groups;
    double *y = output(textbook, Y), *first = output(textbook, FIRST), *inverse = output(textbook, INVERSE);
    double *counts = output(textbook, COUNTS); /* zero */
    find_groups(&groups, &slices, !options->unsorted);
    for (size_t o = 0; y != NULL && o < slices.outer; o++) {
        for (size_t g = 0; g < groups.count; g++) {
            for (size_t i = 0; i < slices.inner; i++) {
                y[(o * groups.count + g) * slices.inner + i] =
                    slices.x[(o * slices.count + groups.first[g]) * slices.inner + i];
            }
        }
    }
    for (size_t g = 0; first != NULL && g < groups.count; g++) {
        first[g] = groups.first[g];
    }
    for (size_t i = 0; i < slices.count; i++) {
        if (inverse != NULL) {
            inverse[i] = groups.of[i];
        }
        if (counts != NULL) {
            counts[groups.of[i]]++;
        }
    }
}

static int import_unique(struct op_import *node)
{
    struct unique_options options = {.has_axis = node->has(node->reader, "axis"),
                                     .unsorted = node->integer(node->reader, "sorted", 1) == 0};
    options.axis = options.has_axis ? node->integer(node->reader, "axis", 0) : 0;
    fov_value y = node->emitter->node(node->emitter->graph, "unique", node->in, node->in_count, &options,
                                      node->node_name);
    for (int i = 0; i < node->out_count; i++) {
        node->result(node->reader, i, op_emit_output(node->emitter, y, i));
    }
    return FOV_OK;
}

static int export_unique(struct op_export *node)
{
    const struct unique_options *options = node->options;
    node->begin(node->writer, "Unique", NULL);
    node->input(node->writer, 0);
    if (options->has_axis) {
        node->attribute_integer(node->writer, "axis", options->axis);
    }
    node->attribute_integer(node->writer, "sorted", !options->unsorted);
    for (int i = 0; i < node->out_count; i++) {
        node->output(node->writer, i);
    }
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "Unique", .since = 11, .import = import_unique, .export = export_unique};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 3) - 1;
    }
}

static const struct unique_options sorted = {0}, met = {.unsorted = true}, rows = {.has_axis = true},
                                   columns = {.has_axis = true, .axis = -1, .unsorted = true};
static const struct op_case cases[] = {
    {.name = "values", .options = &sorted, .in = {{2, {3, 4}}}, .in_count = 1, .fill = fill},
    {.name = "as they are met", .options = &met, .in = {{1, {12}}}, .in_dtype = {FOV_I64}, .in_count = 1,
     .fill = fill},
    {.name = "rows", .options = &rows, .in = {{2, {9, 2}}}, .in_count = 1, .fill = fill},
    {.name = "columns, as they are met", .options = &columns, .in = {{3, {2, 1, 7}}}, .in_dtype = {FOV_I32},
     .in_count = 1, .fill = fill},
    {.name = "one", .options = &sorted, .in = {{1, {1}}}, .in_count = 1, .fill = fill},
    {0},
};

const struct op op_unique = {
    .name = "unique",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "What there is in a tensor, each once, and how often it is there.",
    .formula = "y = the different x; first[g] = least i with x[i] = y[g]; y[inverse[i]] = x[i]; counts[g] = how many",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]", .plain = true, .values = true}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[different], or as x with so many slices", .plain = true},
                                    {.name = "first", .shape = "[different]", .optional = true, .detached = true},
                                    {.name = "inverse", .shape = "[values or slices]", .optional = true,
                                     .detached = true},
                                    {.name = "counts", .shape = "[different]", .optional = true, .detached = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct unique_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
