/* SPDX-License-Identifier: MIT */
/* Slice: every step-th element along axes; and place, its gradient: writes these elements back into zeros. Two forms:
 * one axis by options (emitted by gradients of concat and split), or ONNX's starts, ends, axes and steps as inputs
 * whose values are known. Elements are only copied: any dtype, either storage order. */
#include "op/index.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

static const struct op_attribute slice_attributes[] = {
    {OP_ATTRIBUTE(struct slice_options, axis), .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension; from the end if < 0"},
    {OP_ATTRIBUTE(struct slice_options, begin), .kind = OP_INTEGER, .minimum = 0, .maximum = 1e15,
     .doc = "index of the first element"},
    {OP_ATTRIBUTE(struct slice_options, length), .kind = OP_INTEGER, .minimum = -1, .maximum = 1e15,
     .doc = "elements of the result; -1: all up to the end"},
    {OP_ATTRIBUTE(struct slice_options, step), .kind = OP_INTEGER, .standard = 1, .minimum = -1e15, .maximum = 1e15,
     .doc = "from one element to the next, not 0; backwards if < 0"},
    {0},
};

static const struct op_attribute place_attributes[] = {
    {OP_ATTRIBUTE(struct place_options, axis), .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension; from the end if < 0"},
    {OP_ATTRIBUTE(struct place_options, begin), .kind = OP_INTEGER, .minimum = 0, .maximum = 1e15,
     .doc = "where the first element goes"},
    {OP_ATTRIBUTE(struct place_options, step), .kind = OP_INTEGER, .standard = 1, .minimum = -1e15, .maximum = 1e15,
     .doc = "from one place to the next, not 0; backwards if < 0"},
    {OP_ATTRIBUTE(struct place_options, size), .kind = OP_INTEGER, .standard = 1, .minimum = 0, .maximum = 1e15,
     .doc = "elements of the result along the axis"},
    {0},
};

/* ---- the ranges that are read ------------------------------------------------------------------------------------ */

/** Along one dimension: elements begin, begin + step, ..., `length` of them. */
struct range {
    int64_t begin, length, step;
};
enum { STARTS, ENDS, AXES, STEPS, LISTS };

static void whole(const fov_shape *x, struct range range[FOV_MAX_RANK])
{
    for (int d = 0; d < x->rank; d++) {
        range[d] = (struct range){0, x->dim[d], 1};
    }
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* ONNX's rule for one axis: narrows *range, which is the whole axis before. */
static int cut(struct range *range, int axis, double start, double end, double step, struct error *error)
{
    double size = (double)range->length;
    if (end == OP_OPEN_BATCH && start == 0 && step == 1 && axis == 0) { /* as many as there are samples: also open */
        range->length = FOV_BATCH;
        return FOV_OK;
    }
    if (step == 0 || isnan(step)) {
        return error_set(error, FOV_E_USAGE, "the step along axis %d is 0", axis);
    }
    if (size < 0) {
        if (start == 0 && step == 1 && end >= 0x1p31 - 1) {
            return FOV_OK; /* all of the open axis, whatever its size will be */
        }
        return error_set(error, FOV_E_UNSUPPORTED, "axis %d is cut, and its size is open", axis);
    }
    start = clamp(start < 0 ? start + size : start, 0, step > 0 ? size : size - 1);
    end = clamp(end < 0 ? end + size : end, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
    double length = ceil((end - start) / step);
    length = length > 0 && size > 0 ? length : 0;
    *range = (struct range){length > 0 ? (int64_t)start : 0, (int64_t)length, (int64_t)clamp(step, -1e15, 1e15)};
    return FOV_OK;
}

/* Computes the ranges from the inputs starts, ends, axes and steps, which begin at port `first`. */
static int resolve(const struct index_source *source, int first, const fov_shape *x, struct range range[FOV_MAX_RANK],
                   struct error *error)
{
    struct index_values list[LISTS];
    bool seen[FOV_MAX_RANK] = {false};
    whole(x, range);
    for (int i = 0; i < LISTS; i++) {
        int status = index_values(source, first + i, &list[i]);
        if (status != FOV_OK) {
            return status;
        }
    }
    int count = list[STARTS].count;
    if (list[STARTS].at == NULL || list[ENDS].at == NULL || list[ENDS].count != count ||
        (list[AXES].at != NULL && list[AXES].count != count) ||
        (list[STEPS].at != NULL && list[STEPS].count != count)) {
        return error_set(error, FOV_E_SHAPE,
                         "%d starts, %d ends, %d axes and %d steps were given, as many of each must be", count,
                         list[ENDS].count, list[AXES].count, list[STEPS].count);
    }
    for (int i = 0; i < count; i++) {
        double axis = list[AXES].at != NULL ? list[AXES].at[i] : i;
        axis += axis < 0 ? x->rank : 0;
        if (!(axis >= 0 && axis < x->rank) || seen[(int)axis]) {
            return error_set(error, FOV_E_SHAPE, "axis %g is %s a tensor of rank %d", axis,
                             axis >= 0 && axis < x->rank ? "named twice for" : "outside", x->rank);
        }
        seen[(int)axis] = true;
        int status = cut(&range[(int)axis], (int)axis, list[STARTS].at[i], list[ENDS].at[i],
                         list[STEPS].at != NULL ? list[STEPS].at[i] : 1, error);
        if (status != FOV_OK) {
            return status;
        }
    }
    return FOV_OK;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static bool has(const struct op_tensor *in, int in_count, int port)
{
    return port < in_count && in[port].shape.rank >= 0;
}

/* E_SHAPE unless the `length` elements begin, begin + step, ... lie in 0 .. size - 1. */
static int check_range(const struct op_infer *infer, int64_t begin, int64_t length, int64_t step, int64_t size)
{
    if (step == 0) {
        return error_set(infer->error, FOV_E_USAGE, "step is 0");
    }
    double last = (double)begin + (double)(length - 1) * (double)step; /* no overflow whatever the numbers are */
    if (length < 0 || begin < 0 || (length > 0 && (begin >= size || last < 0 || last >= (double)size))) {
        return error_set(infer->error, FOV_E_SHAPE, "%lld elements from %lld in steps of %lld do not lie in 0 .. %lld",
                         (long long)length, (long long)begin, (long long)step, (long long)(size - 1));
    }
    return FOV_OK;
}

static int known_axis(const struct op_infer *infer, int64_t wanted, int *axis)
{
    int status = shape_axis(&infer->in[0].shape, wanted, axis, infer->error);
    if (status == FOV_OK && infer->in[0].shape.dim[*axis] < 0) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "axis %d is the open batch, its size must be known", *axis);
    }
    return status;
}

/* The length of a slice by options along an axis of this size. */
static int64_t length_of(const struct slice_options *options, int64_t size)
{
    if (options->length >= 0 || options->step == 0) {
        return options->length;
    }
    bool is_within = options->begin < size;
    return options->step < 0 ? options->begin / -options->step + 1
                             : is_within ? (size - options->begin - 1) / options->step + 1 : 0;
}

static int infer_slice(const struct op_infer *infer)
{
    const struct slice_options *options = infer->options;
    const fov_shape *x = &infer->in[0].shape;
    if (has(infer->in, infer->in_count, 1)) {
        struct range range[FOV_MAX_RANK];
        int status = resolve(&(struct index_source){.infer = infer}, 1, x, range, infer->error);
        for (int d = 0; status == FOV_OK && d < x->rank; d++) {
            infer->out[0].shape.dim[d] = range[d].length;
        }
        return status;
    }
    int axis, status = known_axis(infer, options->axis, &axis);
    if (status != FOV_OK) {
        return status;
    }
    int64_t length = length_of(options, x->dim[axis]);
    infer->out[0].shape.dim[axis] = length;
    return check_range(infer, options->begin, length, options->step, x->dim[axis]);
}

static int infer_place(const struct op_infer *infer)
{
    const struct place_options *options = infer->options;
    if (has(infer->in, infer->in_count, 1)) {
        const fov_shape *like = &infer->in[1].shape;
        struct range range[FOV_MAX_RANK];
        int status = resolve(&(struct index_source){.infer = infer}, 2, like, range, infer->error);
        fov_shape expected = *like;
        for (int d = 0; status == FOV_OK && d < like->rank; d++) {
            expected.dim[d] = range[d].length;
        }
        if (status == FOV_OK && !shape_fits(&expected, &infer->in[0].shape)) {
            char x[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
            return error_set(infer->error, FOV_E_SHAPE, "x is %s, the slice is %s", shape_text(&infer->in[0].shape, x),
                             shape_text(&expected, wanted));
        }
        infer->out[0].shape = *like;
        return status;
    }
    int axis, status = known_axis(infer, options->axis, &axis);
    if (status != FOV_OK) {
        return status;
    }
    int64_t length = infer->in[0].shape.dim[axis];
    infer->out[0].shape.dim[axis] = options->size;
    return check_range(infer, options->begin, length, options->step, options->size);
}

/* ---- gradients: each is the other's ------------------------------------------------------------------------------ */

static void slice_gradient(struct op_gradient *gradient)
{
    const struct slice_options *options = gradient->options;
    const fov_shape *x = &gradient->in_tensor[0].shape;
    if (has(gradient->in_tensor, gradient->in_count, 1)) {
        fov_value in[6] = {gradient->out_gradient[0]};
        memcpy(in + 1, gradient->in, (size_t)gradient->in_count * sizeof *in);
        gradient->in_gradient[0] = op_emit(gradient->emitter, "place", in, gradient->in_count + 1, NULL);
        return;
    }
    int64_t axis = options->axis < 0 ? options->axis + x->rank : options->axis;
    struct place_options place = {axis, options->begin, options->step, x->dim[axis]};
    gradient->in_gradient[0] = op_emit1(gradient->emitter, "place", gradient->out_gradient[0], &place);
}

static void place_gradient(struct op_gradient *gradient)
{
    const struct place_options *options = gradient->options;
    const fov_shape *x = &gradient->in_tensor[0].shape;
    if (has(gradient->in_tensor, gradient->in_count, 1)) {
        fov_value in[5] = {gradient->out_gradient[0]};
        memcpy(in + 1, gradient->in + 2, (size_t)(gradient->in_count - 2) * sizeof *in);
        gradient->in_gradient[0] = op_emit(gradient->emitter, "slice", in, gradient->in_count - 1, NULL);
        return;
    }
    int64_t axis = options->axis < 0 ? options->axis + x->rank : options->axis;
    gradient->in_gradient[0] = op_emit_slice(gradient->emitter, gradient->out_gradient[0], axis, options->begin,
                                             x->dim[axis], options->step);
}

/* ---- definitions ------------------------------------------------------------------------------------------------- */

static void ranges_of_slice(const struct index_source *source, const void *given, const fov_shape *x, bool by_inputs,
                            struct range range[FOV_MAX_RANK])
{
    const struct slice_options *options = given;
    if (by_inputs) {
        resolve(source, 1, x, range, NULL);
        return;
    }
    whole(x, range);
    int axis = index_axis(options->axis, x->rank);
    range[axis] = (struct range){options->begin, length_of(options, x->dim[axis]), options->step};
}

static void ranges_of_place(const struct index_source *source, const void *given, const fov_shape *x,
                            const fov_shape *y, bool by_inputs, struct range range[FOV_MAX_RANK])
{
    const struct place_options *options = given;
    if (by_inputs) {
        resolve(source, 2, y, range, NULL);
        return;
    }
    int axis = index_axis(options->axis, x->rank);
    whole(x, range);
    range[axis].begin = options->begin;
    range[axis].step = options->step;
}

/* The index in the whole tensor of a slice's element i. */
static size_t in_whole(const fov_shape *slice, size_t i, const fov_shape *all, const struct range *range)
{
    int64_t at[FOV_MAX_RANK];
    index_coordinates(slice, i, at);
    for (int d = 0; d < all->rank; d++) {
        at[d] = range[d].begin + at[d] * range[d].step;
    }
    return index_of(all, at);
}

static void slice_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    struct range range[FOV_MAX_RANK];
    bool by_inputs = textbook->in_count > 1 && textbook->in[1].shape.rank >= 0;
    ranges_of_slice(&(struct index_source){.textbook = textbook}, textbook->options, &x->shape, by_inputs, range);
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = x->data[in_whole(&y->shape, i, &x->shape, range)];
    }
}

static void place_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0]; /* y is zero */
    struct range range[FOV_MAX_RANK];
    bool by_inputs = textbook->in_count > 1 && textbook->in[1].shape.rank >= 0;
    ranges_of_place(&(struct index_source){.textbook = textbook}, textbook->options, &x->shape, &y->shape, by_inputs,
                    range);
    size_t count = op_count(&x->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[in_whole(&x->shape, i, &y->shape, range)] = x->data[i];
    }
}

/* ---- on the CPU -------------------------------------------------------------------------------------------------- */

static void run_slice(const struct op_run *run)
{
    const fov_shape *y = &run->out[0].shape;
    struct move move = {.element = fov_dtype_size(run->in[0].dtype)};
    struct range range[FOV_MAX_RANK];
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    ranges_of_slice(&(struct index_source){.run = run}, run->options, &run->in[0].shape, has(run->in, run->in_count, 1),
                    range);
    move_strides(&run->in[0], from);
    move_strides(&run->out[0], to);
    for (int d = 0; d < y->rank; d++) {
        move.from_begin += (ptrdiff_t)range[d].begin * from[d];
        /* the step may be huge where there is only one element: do not multiply it */
        move_loop(&move, (size_t)y->dim[d], y->dim[d] > 1 ? (ptrdiff_t)range[d].step * from[d] : 0, to[d]);
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

/* Whether a slice is a range of consecutive channels and keeps all other dimensions whole. */
static bool slice_as_part(struct op_part *part)
{
    const fov_shape *x = &part->in[0].shape;
    struct op_infer infer = {
        .options = part->options, .in = part->in, .in_count = part->in_count, .in_constant = part->in_values};
    struct range range[FOV_MAX_RANK];
    ranges_of_slice(&(struct index_source){.infer = &infer}, part->options, x, has(part->in, part->in_count, 1), range);
    bool is_part = x->rank >= 2 && range[1].step == 1;
    for (int d = 0; d < x->rank; d++) {
        is_part = is_part && (d == 1 || (range[d].begin == 0 && range[d].step == 1 && range[d].length == x->dim[d]));
    }
    part->first = is_part ? range[1].begin : 0;
    return is_part;
}

static void run_place(const struct op_run *run)
{
    const fov_shape *x = &run->in[0].shape, *y = &run->out[0].shape;
    struct move move = {.element = fov_dtype_size(run->in[0].dtype)};
    struct range range[FOV_MAX_RANK];
    ptrdiff_t from[FOV_MAX_RANK], to[FOV_MAX_RANK];
    ranges_of_place(&(struct index_source){.run = run}, run->options, x, y, has(run->in, run->in_count, 1), range);
    uint64_t zero = 0;
    move_fill(run, run->out[0].data, op_count(y), &zero, move.element);
    move_strides(&run->in[0], from);
    move_strides(&run->out[0], to);
    for (int d = 0; d < x->rank; d++) {
        move.to_begin += (ptrdiff_t)range[d].begin * to[d];
        move_loop(&move, (size_t)x->dim[d], from[d], x->dim[d] > 1 ? (ptrdiff_t)range[d].step * to[d] : 0);
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

static int compile_slice(struct op_compile *compile)
{
    compile->run = run_slice;
    return FOV_OK;
}

static int compile_place(struct op_compile *compile)
{
    compile->run = run_place;
    return FOV_OK;
}

static const struct op_cpu slice_cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile_slice};
static const struct op_cpu place_cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile_place};

/* ---- ONNX: attributes before opset 10, then inputs --------------------------------------------------------------- */

static int import_slice(struct op_import *node)
{
    fov_value in[OP_MAX_PORTS] = {{0}};
    int count = node->in_count;
    memcpy(in, node->in, (size_t)count * sizeof *in);
    if (node->opset < 10) {
        count = 1;
        index_import_list(node, "starts", 1, in, &count);
        index_import_list(node, "ends", 2, in, &count);
        index_import_list(node, "axes", 3, in, &count);
    }
    if (count < 3 || in[1].id == 0 || in[2].id == 0) {
        return node->fail(node->reader, FOV_E_INPUT, "Slice has no starts or no ends");
    }
    return index_import_node(node, "slice", in, count, NULL);
}

static int export_slice(struct op_export *node)
{
    const struct slice_options *options = node->options;
    void *writer = node->writer;
    if (has(node->in, node->in_count, 1)) {
        node->begin(writer, "Slice", NULL);
        for (int i = 0; i < node->in_count; i++) {
            node->input(writer, i);
        }
        node->output(writer, 0);
        return FOV_OK;
    }
    int64_t end = options->length >= 0 ? options->begin + options->length * options->step
                  : options->step > 0  ? INT64_MAX
                                       : INT64_MIN;
    end = end < 0 ? INT64_MIN : end; /* backwards down to element 0: an end of -1 would mean the last element */
    /* Names are valid until the export ends. */
    const char *names[] = {
        node->integers(writer, &options->begin, 1, false), node->integers(writer, &end, 1, false),
        node->integers(writer, &options->axis, 1, false), node->integers(writer, &options->step, 1, false)};
    node->begin(writer, "Slice", NULL);
    node->input(writer, 0);
    for (int i = 0; i < 4; i++) {
        node->input_name(writer, names[i]);
    }
    node->output(writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Slice", .since = 1, .import = import_slice, .export = export_slice};

fov_value fov_slice(fov_graph *graph, fov_value x, int axis, int64_t begin, int64_t length, int64_t step)
{
    struct slice_options options = {axis, begin, length, step == 0 ? 1 : step};
    return op_build(graph, "slice", &x, 1, &options, NULL);
}

/* ---- the descriptors --------------------------------------------------------------------------------------------- */

#define LIST_PORT(NAME) {.name = NAME, .shape = "[k]", .optional = true, .plain = true, .values = true}
static const struct op_port slice_in[] = {{.name = "x", .shape = "[..., size, ...]"},
                                          LIST_PORT("starts"),
                                          LIST_PORT("ends"),
                                          LIST_PORT("axes"),
                                          LIST_PORT("steps"),
                                          {0}};
static const struct op_port slice_out[] = {{.name = "y", .shape = "[..., length, ...]"}, {0}};
static const struct op_port place_in[] = {
    {.name = "x", .shape = "[..., length, ...]"},
    {.name = "like", .shape = "[..., size, ...]: the result's shape", .optional = true, .shape_only = true},
    LIST_PORT("starts"),
    LIST_PORT("ends"),
    LIST_PORT("axes"),
    LIST_PORT("steps"),
    {0}};
static const struct op_port place_out[] = {{.name = "y", .shape = "[..., size, ...]"}, {0}};

/* Rows 5, 3, 1 of axis 2 and columns 1 .. of axis -1. */
static void fill_lists(int index, double *data, size_t count, struct random_key key)
{
    static const double lists[4][2] = {{-1, 1}, {-1000, 0x1p62}, {2, -1}, {-2, 1}};
    (void)key;
    for (size_t i = 0; index >= 1 && i < count; i++) {
        data[i] = lists[index - 1][i];
    }
}

static void fill_place_lists(int index, double *data, size_t count, struct random_key key)
{
    if (index >= 2) {
        fill_lists(index - 1, data, count, key);
    }
}

static const struct slice_options channels = {1, 1, 2, 1}, rows = {2, 0, 2, 2}, backwards = {-1, 4, 5, -1},
                                  samples = {0, 1, 1, 1}, to_the_end = {2, 1, -1, 2}, to_the_front = {2, 3, -1, -2};
static const struct op_case slice_cases[] = {
    {.name = "channels", .in = {{4, {3, 4, 2, 3}}}, .in_count = 1, .options = &channels},
    {.name = "every second row", .in = {{4, {1, 2, 4, 3}}}, .in_count = 1, .options = &rows},
    {.name = "backwards", .in = {{2, {3, 5}}}, .in_count = 1, .options = &backwards},
    {.name = "to the end", .in = {{4, {2, 2, 6, 3}}}, .in_count = 1, .options = &to_the_end},
    {.name = "to the front", .in = {{4, {2, 2, 6, 3}}}, .in_count = 1, .options = &to_the_front},
    {.name = "large", .in = {{4, {3, 4, 70, 61}}}, .in_count = 1, .options = &channels, .no_gradient = true},
    {.name = "a sample", .in = {{4, {3, 2, 2, 2}}}, .in_count = 1, .options = &samples},
    {.name = "starts, ends, axes, steps", .in = {{4, {3, 3, 6, 4}}, {1, {2}}, {1, {2}}, {1, {2}}, {1, {2}}},
     .in_dtype = {FOV_F32, FOV_I64, FOV_I64, FOV_I64, FOV_I64}, .in_count = 5, .fill = fill_lists},
    {.name = "starts and ends", .in = {{2, {5, 4}}, {1, {1}}, {1, {1}}}, .in_dtype = {FOV_I32, FOV_I64, FOV_I64},
     .integers = 9, .in_count = 3, .fill = fill_lists},
    {0},
};

static const struct place_options among_channels = {1, 1, 1, 4}, among_rows = {2, 0, 2, 5},
                                  reversed = {-1, 4, -1, 6};
static const struct op_case place_cases[] = {
    {.name = "channels", .in = {{4, {3, 2, 2, 3}}}, .in_count = 1, .options = &among_channels},
    {.name = "every second row", .in = {{4, {1, 2, 2, 3}}}, .in_count = 1, .options = &among_rows},
    {.name = "backwards", .in = {{2, {3, 5}}}, .in_count = 1, .options = &reversed},
    {.name = "starts, ends, axes, steps",
     .in = {{4, {3, 3, 3, 3}}, {4, {3, 3, 6, 4}}, {1, {2}}, {1, {2}}, {1, {2}}, {1, {2}}},
     .in_dtype = {FOV_F32, FOV_F32, FOV_I64, FOV_I64, FOV_I64, FOV_I64}, .in_count = 6, .fill = fill_place_lists},
    {0},
};

const struct op op_slice = {
    .name = "slice",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Every step-th element along axes.",
    .formula = "y[..., i, ...] = x[..., begin + i step, ...], i < length",
    .in = slice_in,
    .out = slice_out,
    .attributes = slice_attributes,
    .options_size = sizeof(struct slice_options),
    .infer = infer_slice,
    .gradient = slice_gradient,
    .textbook = slice_textbook,
    .cpu = &slice_cpu,
    .onnx = &onnx,
    .cases = slice_cases,
    .as_part = slice_as_part,
};

const struct op op_place = {
    .name = "place",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Zeros, with a tensor put in at the places that a slice would read.",
    .formula = "y[..., begin + i step, ...] = x[..., i, ...], 0 elsewhere",
    .in = place_in,
    .out = place_out,
    .attributes = place_attributes,
    .options_size = sizeof(struct place_options),
    .infer = infer_place,
    .gradient = place_gradient,
    .textbook = place_textbook,
    .cpu = &place_cpu,
    .cases = place_cases,
};
