/* SPDX-License-Identifier: MIT */
/* The helpers of common.h. The one idea here that takes a moment is the walk: tensors that broadcast against each other
 * become a small list of nested loops with strides, outermost first. Read op_walk_make with binary.c beside it. */
#include "op/common.h"

#include "tensor/convert.h"
#include <math.h>
#include <string.h>

/* ---- dtypes -------------------------------------------------------------------------------------------------- */

bool op_is_float(fov_dtype dtype)
{
    return dtype == FOV_F32 || dtype == FOV_F64 || dtype == FOV_F16;
}

bool op_is_integer(fov_dtype dtype)
{
    return dtype >= FOV_I64 && dtype <= FOV_U8;
}

bool op_is_signed(fov_dtype dtype)
{
    return dtype == FOV_I64 || dtype == FOV_I32 || dtype == FOV_I16 || dtype == FOV_I8;
}

bool op_all_f32(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    for (int i = 0; i < in_count; i++) {
        if (in[i].shape.rank >= 0 && in[i].dtype != FOV_F32) {
            return false;
        }
    }
    return true;
}

bool op_any_dtype(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in;
    (void)in_count;
    return true;
}

int op_check_float(const struct op_infer *infer, int index, const char *name)
{
    fov_dtype dtype = infer->in[index].dtype;
    if (!op_is_float(dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "%s is %s, it must be f32, f64 or f16", name,
                         fov_dtype_name(dtype));
    }
    return FOV_OK;
}

int op_check_same_dtype(const struct op_infer *infer, int index, const char *name, int other, const char *other_name)
{
    fov_dtype a = infer->in[index].dtype, b = infer->in[other].dtype;
    if (a != b) {
        return error_set(infer->error, FOV_E_USAGE, "%s is %s but %s is %s", name, fov_dtype_name(a), other_name,
                         fov_dtype_name(b));
    }
    return FOV_OK;
}

int op_check_layer(const struct op_infer *infer, bool integers)
{
    static const char *const names[] = {"x", "weight", "bias"};
    bool whole = integers && op_is_integer(infer->in[0].dtype);
    int status = FOV_OK;
    for (int i = 0; status == FOV_OK && i < infer->in_count; i++) {
        if (infer->in[i].shape.rank >= 0) {
            status = whole ? op_check_same_dtype(infer, i, names[i], 0, names[0]) : op_check_float(infer, i, names[i]);
        }
    }
    return status;
}

int op_check_same_shape(const struct op_infer *infer, int index, const char *name, int other, const char *other_name)
{
    if (!shape_fits(&infer->in[index].shape, &infer->in[other].shape)) {
        char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "%s is %s but %s is %s", name,
                         shape_text(&infer->in[index].shape, a), other_name,
                         shape_text(&infer->in[other].shape, b));
    }
    return FOV_OK;
}

size_t op_count(const fov_shape *shape)
{
    return shape_span(shape, 0, shape->rank);
}

double op_wrap(fov_dtype dtype, double value)
{
    if (!op_is_integer(dtype)) {
        return value;
    }
    if (!isfinite(value)) {
        return 0;
    }
    double range = ldexp(1, 8 * (int)fov_dtype_size(dtype));
    double least = op_is_signed(dtype) ? -range / 2 : 0, kept = trunc(value);
    if ((kept >= least && kept < least + range) || (range > 0x1p62 && kept == least + range)) {
        return kept; /* least + range: the greatest 64-bit number, rounded to double */
    }
    kept = fmod(kept - least, range);
    return (kept < 0 ? kept + range : kept) + least;
}

/* ---- walking ------------------------------------------------------------------------------------------------- */

/* The tensor's dimensions in memory order, outermost first. */
static void memory_order(const struct op_tensor *tensor, int order[FOV_MAX_RANK])
{
    int rank = tensor->shape.rank;
    for (int i = 0; i < rank; i++) {
        order[i] = i;
    }
    if (tensor->layout == OP_CHANNELS_LAST && rank >= 3) {
        for (int i = 1; i < rank - 1; i++) {
            order[i] = i + 1;
        }
        order[rank - 1] = 1;
    }
}

void op_memory_strides(const struct op_tensor *tensor, size_t stride[FOV_MAX_RANK])
{
    int order[FOV_MAX_RANK];
    memory_order(tensor, order);
    size_t step = 1;
    for (int i = tensor->shape.rank - 1; i >= 0; i--) {
        stride[order[i]] = step;
        step *= (size_t)tensor->shape.dim[order[i]];
    }
}

void op_walk_make(struct op_walk *walk, const struct op_tensor *frame, const struct op_tensor *const *tensors,
                  int count)
{
    int order[FOV_MAX_RANK], rank = frame->shape.rank;
    memory_order(frame, order);
    *walk = (struct op_walk){.tensors = count};

    size_t own[OP_WALK_TENSORS][FOV_MAX_RANK];
    for (int t = 0; t < count; t++) {
        op_memory_strides(tensors[t], own[t]);
    }
    for (int i = 0; i < rank; i++) {
        int dim = order[i];
        size_t size = (size_t)frame->shape.dim[dim];
        if (size == 1) {
            continue;
        }
        size_t stride[OP_WALK_TENSORS] = {0};
        for (int t = 0; t < count; t++) {
            int own_dim = dim - (rank - tensors[t]->shape.rank); /* shapes are aligned at their last dimension */
            if (own_dim >= 0 && tensors[t]->shape.dim[own_dim] != 1) {
                stride[t] = own[t][own_dim];
            }
        }
        /* Merges this dimension into the last one if, for every tensor, the outer stride is the inner stride times the
         * inner size. */
        int last = walk->rank - 1;
        bool merges = last >= 0;
        for (int t = 0; merges && t < count; t++) {
            merges = walk->stride[t][last] == stride[t] * size;
        }
        int at = merges ? last : walk->rank++;
        walk->size[at] = merges ? walk->size[at] * size : size;
        for (int t = 0; t < count; t++) {
            walk->stride[t][at] = stride[t];
        }
    }
    if (walk->rank == 0) {
        walk->rank = 1;
        walk->size[0] = 1;
    }
}

size_t op_walk_span(const struct op_walk *walk, int from, int to)
{
    size_t span = 1;
    for (int i = from; i < to; i++) {
        span *= walk->size[i];
    }
    return span;
}

size_t op_walk_offset(const struct op_walk *walk, int which, int depth, size_t index)
{
    size_t offset = 0;
    for (int i = depth - 1; i >= 0; i--) {
        offset += index % walk->size[i] * walk->stride[which][i];
        index /= walk->size[i];
    }
    return offset;
}

void op_axis_split(const struct op_tensor *tensor, int axis, size_t *outer, size_t *inner)
{
    int order[FOV_MAX_RANK];
    memory_order(tensor, order);
    *outer = *inner = 1;
    bool behind = false;
    for (int i = 0; i < tensor->shape.rank; i++) {
        if (order[i] == axis) {
            behind = true;
        } else if (behind) {
            *inner *= (size_t)tensor->shape.dim[order[i]];
        } else {
            *outer *= (size_t)tensor->shape.dim[order[i]];
        }
    }
}

bool op_is_vector(const fov_shape *shape)
{
    int large = 0;
    for (int i = 0; i < shape->rank; i++) {
        large += shape->dim[i] != 1;
    }
    return large <= 1;
}

/* Channels-last reorders dimensions counted from the first, broadcasting aligns them at the last. The two agree where
 * ranks are equal, and do not matter where a tensor is a scalar or a vector such as [C, 1, 1]. */
enum op_layout_rule op_layout_for_broadcast(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    int rank = 0;
    for (int i = 0; i < in_count; i++) {
        rank = in[i].shape.rank > rank ? in[i].shape.rank : rank;
    }
    for (int i = 0; i < in_count; i++) {
        if (in[i].shape.rank >= 0 && in[i].shape.rank != rank && !op_is_vector(&in[i].shape)) {
            return OP_WANTS_PLAIN;
        }
    }
    /* Following the first input costs no conversion, but a vector has no layout to follow. */
    if (in[0].shape.rank == rank && (rank < 3 || !op_is_vector(&in[0].shape))) {
        return OP_FOLLOWS;
    }
    return rank >= 3 ? OP_WANTS_CHANNELS_LAST : OP_WANTS_PLAIN;
}

size_t op_broadcast_index(const fov_shape *shape, size_t index, const fov_shape *from)
{
    size_t result = 0, step = 1;
    for (int i = 1; i <= from->rank; i++) {
        size_t size = (size_t)shape->dim[shape->rank - i], own = (size_t)from->dim[from->rank - i];
        result += own == 1 ? 0 : index % size * step;
        index /= size;
        step *= own;
    }
    return result;
}

/* ---- work ---------------------------------------------------------------------------------------------------- */

enum { COPY_CHUNK = OP_CHUNK * 4 };

struct copy_work {
    char       *to;
    const char *from;
    size_t      bytes;
};

static void copy_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct copy_work *work = context;
    size_t begin = op_chunk_begin(chunk, COPY_CHUNK);
    memcpy(work->to + begin, work->from + begin, op_chunk_length(chunk, COPY_CHUNK, work->bytes));
}

void op_copy(const struct op_run *run, void *to, const void *from, size_t bytes)
{
    if (to == from || to == NULL || bytes == 0) {
        return;
    }
    struct copy_work work = {to, from, bytes};
    pool_run(run->pool, copy_chunk, &work, op_chunks(bytes, COPY_CHUNK));
}

int op_compile_identity(struct op_compile *compile)
{
    compile->identity = true;
    return FOV_OK;
}

double op_scalar(const struct op_tensor *tensor)
{
    double value;
    convert_to_double(tensor->dtype, tensor->data, &value, 1);
    return value;
}

/* ---- nodes that gradients emit ------------------------------------------------------------------------------- */

fov_value op_emit_reshape(const struct op_emitter *emitter, fov_value value, const fov_shape *shape)
{
    struct reshape_options options = {.shape = {.count = shape->rank}, .scalar = shape->rank == 0};
    for (int i = 0; i < shape->rank; i++) {
        options.shape.at[i] = shape->dim[i];
        options.allow_zero = options.allow_zero || shape->dim[i] == 0;
    }
    return op_emit1(emitter, "reshape", value, &options);
}

fov_value op_emit_slice(const struct op_emitter *emitter, fov_value value, int64_t axis, int64_t begin, int64_t length,
                        int64_t step)
{
    struct slice_options options = {axis, begin, length, step};
    return op_emit1(emitter, "slice", value, &options);
}

fov_value op_emit_number(const struct op_emitter *emitter, fov_dtype dtype, double number)
{
    fov_shape scalar = {.rank = 0};
    unsigned char bytes[sizeof(double)];
    convert_from_double(dtype, &number, bytes, 1);
    return emitter->constant(emitter->graph, dtype, scalar, bytes);
}

fov_value op_emit_affine(const struct op_emitter *emitter, fov_value value, double scale, double shift)
{
    if (scale != 1) {
        value = op_emit2(emitter, "mul", value, op_emit_scalar(emitter, value, scale), NULL);
    }
    return shift != 0 ? op_emit2(emitter, "add", value, op_emit_scalar(emitter, value, shift), NULL) : value;
}

fov_value op_emit_sum_to(const struct op_emitter *emitter, fov_value value, const fov_shape *shape, fov_value like,
                         const fov_shape *like_shape)
{
    return shape_equal(shape, like_shape) ? value : op_emit2(emitter, "sum_to", value, like, NULL);
}

/* ---- public builders ----------------------------------------------------------------------------------------- */

fov_value op_build(fov_graph *graph, const char *op, const fov_value *in, int count, const void *options,
                   const char *name)
{
    if (graph == NULL) {
        return (fov_value){0};
    }
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    return emitter->node(emitter->graph, op, in, count, options, name);
}
