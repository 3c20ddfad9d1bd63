/* SPDX-License-Identifier: MIT */
/* Slice: every step-th element along one axis; and place, its gradient: the same elements put back among zeros. ONNX's
 * Slice over several axes becomes several of these. Elements only move: any dtype, either layout. */
#include "op/common.h"

#include "op/onnx.h"
#include <math.h>
#include <string.h>

static const struct op_attribute slice_attributes[] = {
    {OP_ATTRIBUTE(struct slice_options, axis), .kind = OP_INTEGER, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "dimension; from the end if < 0"},
    {OP_ATTRIBUTE(struct slice_options, begin), .kind = OP_INTEGER, .minimum = 0, .maximum = 1e15,
     .doc = "index of the first element"},
    {OP_ATTRIBUTE(struct slice_options, length), .kind = OP_INTEGER, .minimum = 0, .maximum = 1e15,
     .doc = "elements of the result"},
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

/* Elements begin, begin + step, ... `length` of them, must lie in 0 .. size - 1. */
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

static int infer_slice(const struct op_infer *infer)
{
    const struct slice_options *options = infer->options;
    int axis;
    int status = shape_axis(&infer->in[0].shape, options->axis, &axis, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    int64_t size = infer->in[0].shape.dim[axis];
    if (size < 0) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "axis %d is the open batch, its size must be known", axis);
    }
    infer->out[0].shape.dim[axis] = options->length;
    return check_range(infer, options->begin, options->length, options->step, size);
}

static int infer_place(const struct op_infer *infer)
{
    const struct place_options *options = infer->options;
    int axis;
    int status = shape_axis(&infer->in[0].shape, options->axis, &axis, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    int64_t length = infer->in[0].shape.dim[axis];
    if (length < 0) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "axis %d is the open batch, its size must be known", axis);
    }
    infer->out[0].shape.dim[axis] = options->size;
    return check_range(infer, options->begin, length, options->step, options->size);
}

/* Each is the other's gradient. */
static void slice_gradient(struct op_gradient *gradient)
{
    const struct slice_options *options = gradient->options;
    const fov_shape *x = &gradient->in_tensor[0].shape;
    int64_t axis = options->axis < 0 ? options->axis + x->rank : options->axis;
    struct place_options place = {axis, options->begin, options->step, x->dim[axis]};
    gradient->in_gradient[0] = op_emit1(gradient->emitter, "place", gradient->out_gradient[0], &place);
}

static void place_gradient(struct op_gradient *gradient)
{
    const struct place_options *options = gradient->options;
    const fov_shape *x = &gradient->in_tensor[0].shape;
    int64_t axis = options->axis < 0 ? options->axis + x->rank : options->axis;
    gradient->in_gradient[0] = op_emit_slice(gradient->emitter, gradient->out_gradient[0], axis, options->begin,
                                             x->dim[axis], options->step);
}

/* ---- definitions ----------------------------------------------------------------------------------------------- */

static void slice_textbook(const struct op_textbook *textbook)
{
    const struct slice_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    int rank = x->shape.rank, axis = (int)(options->axis < 0 ? options->axis + rank : options->axis);
    size_t outer = shape_span(&x->shape, 0, axis), inner = shape_span(&x->shape, axis + 1, rank);
    size_t size = (size_t)x->shape.dim[axis], length = (size_t)y->shape.dim[axis];
    for (size_t o = 0; o < outer; o++) {
        for (size_t a = 0; a < length; a++) {
            size_t from = (size_t)(options->begin + (int64_t)a * options->step);
            for (size_t i = 0; i < inner; i++) {
                y->data[(o * length + a) * inner + i] = x->data[(o * size + from) * inner + i];
            }
        }
    }
}

static void place_textbook(const struct op_textbook *textbook)
{
    const struct place_options *options = textbook->options;
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0]; /* y is zero */
    int rank = x->shape.rank, axis = (int)(options->axis < 0 ? options->axis + rank : options->axis);
    size_t outer = shape_span(&x->shape, 0, axis), inner = shape_span(&x->shape, axis + 1, rank);
    size_t size = (size_t)y->shape.dim[axis], length = (size_t)x->shape.dim[axis];
    for (size_t o = 0; o < outer; o++) {
        for (size_t a = 0; a < length; a++) {
            size_t to = (size_t)(options->begin + (int64_t)a * options->step);
            for (size_t i = 0; i < inner; i++) {
                y->data[(o * size + to) * inner + i] = x->data[(o * length + a) * inner + i];
            }
        }
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

/* Rows of the larger tensor and of the smaller one; `inner` bytes lie together. */
struct work {
    const char *from;
    char       *to;
    size_t      rows, rows_per_chunk, inner, size, length;
    int64_t     begin, step;
    bool        places;
};

static void copy_rows(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t row = op_chunk_begin(chunk, work->rows_per_chunk);
    size_t end = row + op_chunk_length(chunk, work->rows_per_chunk, work->rows);
    /* Neighbouring elements are copied at once. */
    size_t runs = work->step == 1 ? (work->length > 0) : work->length;
    size_t bytes = work->step == 1 ? work->length * work->inner : work->inner;
    for (; row < end; row++) {
        size_t large = row * work->size * work->inner, small = row * work->length * work->inner;
        if (work->places) {
            memset(work->to + large, 0, work->size * work->inner);
        }
        for (size_t i = 0; i < runs; i++) {
            size_t in_large = large + (size_t)(work->begin + (int64_t)i * work->step) * work->inner;
            size_t in_small = small + i * work->inner;
            memcpy(work->to + (work->places ? in_large : in_small), work->from + (work->places ? in_small : in_large),
                   bytes);
        }
    }
}

static void start(const struct op_run *run, int64_t axis, int64_t begin, int64_t step, bool places)
{
    const struct op_tensor *large = places ? &run->out[0] : &run->in[0];
    const struct op_tensor *small = places ? &run->in[0] : &run->out[0];
    int at = (int)(axis < 0 ? axis + large->shape.rank : axis);
    struct work work = {.from = run->in[0].data, .to = run->out[0].data, .begin = begin, .step = step, .places = places,
                        .size = (size_t)large->shape.dim[at], .length = (size_t)small->shape.dim[at]};
    op_axis_split(large, at, &work.rows, &work.inner);
    work.inner *= fov_dtype_size(large->dtype);
    work.rows_per_chunk = OP_CHUNK * sizeof(float) / (work.size * work.inner + 1) + 1;
    pool_run(run->pool, copy_rows, &work, op_chunks(work.rows, work.rows_per_chunk));
}

static void run_slice(const struct op_run *run)
{
    const struct slice_options *options = run->options;
    start(run, options->axis, options->begin, options->step, false);
}

static void run_place(const struct op_run *run)
{
    const struct place_options *options = run->options;
    start(run, options->axis, options->begin, options->step, true);
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

/* ---- ONNX: attributes before opset 10, then constant inputs; several axes in one node -------------------------- */

enum { STARTS, ENDS, AXES, STEPS };

/* One of the four lists; `count` 0 where it is absent. */
static int read_list(struct op_import *node, int which, double values[FOV_MAX_RANK], int *count)
{
    static const char *const names[] = {"starts", "ends", "axes", NULL};
    *count = 0;
    if (node->opset < 10) {
        struct op_list list = {0};
        if (names[which] != NULL && node->list(node->reader, names[which], &list)) {
            for (int i = 0; i < list.count && i < FOV_MAX_RANK; i++) {
                values[i] = (double)list.at[i];
            }
            *count = list.count;
        }
    } else if (which + 1 < node->in_count && node->in[which + 1].id != 0) {
        fov_shape shape;
        const double *constant = node->constant(node->reader, which + 1, &shape);
        if (constant == NULL || shape.rank > 1) {
            return node->fail(node->reader, FOV_E_UNSUPPORTED, "Slice's input %d is not a constant list", which + 1);
        }
        *count = shape.rank == 0 ? 1 : (int)(shape.dim[0] < 99 ? shape.dim[0] : 99);
        for (int i = 0; i < *count && i < FOV_MAX_RANK; i++) {
            values[i] = constant[i];
        }
    }
    if (*count > FOV_MAX_RANK) {
        return node->fail(node->reader, FOV_E_INPUT, "Slice lists %d axes, at most %d are possible", *count,
                          FOV_MAX_RANK);
    }
    return FOV_OK;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static int import_slice(struct op_import *node)
{
    double values[4][FOV_MAX_RANK];
    int count[4];
    for (int which = STARTS; which <= STEPS; which++) {
        int status = read_list(node, which, values[which], &count[which]);
        if (status != FOV_OK) {
            return status;
        }
    }
    if (count[STARTS] != count[ENDS] || (count[AXES] != 0 && count[AXES] != count[STARTS]) ||
        (count[STEPS] != 0 && count[STEPS] != count[STARTS])) {
        return node->fail(node->reader, FOV_E_INPUT, "Slice lists %d starts, %d ends, %d axes and %d steps",
                          count[STARTS], count[ENDS], count[AXES], count[STEPS]);
    }
    fov_shape shape = node->shape(node->reader, node->in[0]);
    fov_value value = node->in[0];
    for (int i = 0; i < count[STARTS]; i++) {
        double axis = count[AXES] != 0 ? values[AXES][i] : i;
        axis += axis < 0 ? shape.rank : 0;
        double start = values[STARTS][i], end = values[ENDS][i], step = count[STEPS] != 0 ? values[STEPS][i] : 1;
        if (!(axis >= 0 && axis < shape.rank) || step == 0) {
            return node->fail(node->reader, FOV_E_INPUT, "Slice has axis %g and step %g for a tensor of rank %d", axis,
                              step, shape.rank);
        }
        double size = (double)shape.dim[(int)axis];
        if (start == 0 && step == 1 && end >= (size < 0 ? 0x1p31 - 1 : size)) {
            continue; /* the whole axis */
        }
        if (size < 0) {
            return node->fail(node->reader, FOV_E_UNSUPPORTED, "Slice cuts axis %g, whose size is open", axis);
        }
        start = clamp(start < 0 ? start + size : start, 0, step > 0 ? size : size - 1);
        end = clamp(end < 0 ? end + size : end, step > 0 ? 0 : -1, step > 0 ? size : size - 1);
        double length = ceil((end - start) / step);
        length = length > 0 ? length : 0;
        step = clamp(step, -1e15, 1e15); /* "one element": any huge step means the same */
        struct slice_options options = {(int64_t)axis, length > 0 ? (int64_t)start : 0, (int64_t)length, (int64_t)step};
        value = op_emit1(node->emitter, "slice", value, &options);
    }
    node->result(node->reader, 0,
                 value.id == node->in[0].id ? op_emit1(node->emitter, "identity", value, NULL) : value);
    return FOV_OK;
}

static int export_slice(struct op_export *node)
{
    const struct slice_options *options = node->options;
    int64_t end = options->begin + options->length * options->step;
    end = end < 0 ? INT64_MIN : end; /* backwards to the first element: -1 would mean the last one */
    void *writer = node->writer;
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

/* ---- the descriptors ------------------------------------------------------------------------------------------- */

static const struct op_port slice_in[] = {{.name = "x", .shape = "[..., size, ...]"}, {0}};
static const struct op_port slice_out[] = {{.name = "y", .shape = "[..., length, ...]"}, {0}};
static const struct op_port place_in[] = {{.name = "x", .shape = "[..., length, ...]"}, {0}};
static const struct op_port place_out[] = {{.name = "y", .shape = "[..., size, ...]"}, {0}};

static const struct slice_options channels = {1, 1, 2, 1}, rows = {2, 0, 2, 2}, backwards = {-1, 4, 5, -1},
                                  samples = {0, 1, 1, 1};
static const struct op_case slice_cases[] = {
    {.name = "channels", .in = {{4, {3, 4, 2, 3}}}, .in_count = 1, .options = &channels},
    {.name = "every second row", .in = {{4, {1, 2, 4, 3}}}, .in_count = 1, .options = &rows},
    {.name = "backwards", .in = {{2, {3, 5}}}, .in_count = 1, .options = &backwards},
    {.name = "large", .in = {{4, {3, 4, 70, 61}}}, .in_count = 1, .options = &channels, .no_gradient = true},
    {.name = "a sample", .in = {{4, {3, 2, 2, 2}}}, .in_count = 1, .options = &samples},
    {0},
};

static const struct place_options among_channels = {1, 1, 1, 4}, among_rows = {2, 0, 2, 5},
                                  reversed = {-1, 4, -1, 6};
static const struct op_case place_cases[] = {
    {.name = "channels", .in = {{4, {3, 2, 2, 3}}}, .in_count = 1, .options = &among_channels},
    {.name = "every second row", .in = {{4, {1, 2, 2, 3}}}, .in_count = 1, .options = &among_rows},
    {.name = "backwards", .in = {{2, {3, 5}}}, .in_count = 1, .options = &reversed},
    {0},
};

const struct op op_slice = {
    .name = "slice",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Every step-th element along an axis.",
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
