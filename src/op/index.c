/* SPDX-License-Identifier: MIT */
/* The helpers of index.h. The part worth reading is move_run: any rearrangement along strides is a few nested loops;
 * the loops are sorted so that writes run through memory in order, adjacent loops are merged where possible, and the
 * innermost one or two become a copy or a small matrix transposition. */
#include "op/index.h"

#include "tensor/convert.h"
#include <math.h>
#include <string.h>

/* ---- coordinates ------------------------------------------------------------------------------------------------- */

void index_coordinates(const fov_shape *shape, size_t index, int64_t at[FOV_MAX_RANK])
{
    for (int d = shape->rank - 1; d >= 0; d--) {
        size_t size = (size_t)shape->dim[d];
        at[d] = (int64_t)(index % size);
        index /= size;
    }
}

size_t index_of(const fov_shape *shape, const int64_t at[FOV_MAX_RANK])
{
    size_t index = 0;
    for (int d = 0; d < shape->rank; d++) {
        index = index * (size_t)shape->dim[d] + (size_t)at[d];
    }
    return index;
}

int index_axis(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool is_absent(const struct op_tensor *in, int in_count, int port)
{
    return port >= in_count || in[port].shape.rank < 0;
}

int index_check_known(const struct op_infer *infer, int axis, int named)
{
    const double *values = infer->in_constant != NULL ? infer->in_constant[1] : NULL;
    size_t count = values != NULL ? op_count(&infer->in[1].shape) : 0;
    for (size_t i = 0; i < count; i++) {
        int at = axis + (int)(i % (size_t)named);
        int64_t size = infer->in[0].shape.dim[at];
        bool open = size < 0 || values[i] == OP_OPEN_BATCH;
        if (!open && (values[i] < (double)-size || values[i] >= (double)size)) {
            return error_set(infer->error, FOV_E_INPUT,
                             "index %.0f (number %zu) is outside dimension %d, which has %lld elements", values[i], i,
                             at, (long long)size);
        }
    }
    return FOV_OK;
}

int index_check_elements(const struct op_infer *infer, int axis)
{
    const fov_shape *x = &infer->in[0].shape, *indices = &infer->in[1].shape;
    if (!op_is_integer(infer->in[1].dtype)) {
        return error_set(infer->error, FOV_E_USAGE, "indices are %s, they must be whole numbers",
                         fov_dtype_name(infer->in[1].dtype));
    }
    bool fits = indices->rank == x->rank;
    for (int d = 0; fits && d < x->rank; d++) {
        fits = d == axis || x->dim[d] < 0 || indices->dim[d] <= x->dim[d];
    }
    if (!fits) {
        char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "indices %s must lie inside x %s but for axis %d",
                         shape_text(indices, a), shape_text(x, b), axis);
    }
    return index_check_known(infer, axis, 1);
}

int index_values_infer(const struct op_infer *infer, int port, struct index_values *values)
{
    size_t count;
    values->at = NULL;
    values->count = 0;
    if (is_absent(infer->in, infer->in_count, port)) {
        return FOV_OK;
    }
    if (infer->in_constant[port] == NULL || !shape_count(&infer->in[port].shape, &count)) {
        return error_set(infer->error, FOV_E_UNSUPPORTED,
                         "input %d decides the result's shape, and its values are not known before the data are", port);
    }
    if (count > INT32_MAX) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "input %d has %zu values", port, count);
    }
    values->at = infer->in_constant[port];
    values->count = (int)count;
    return FOV_OK;
}

void index_values_textbook(const struct op_textbook *textbook, int port, struct index_values *values)
{
    bool absent = port >= textbook->in_count || textbook->in[port].shape.rank < 0;
    values->at = absent ? NULL : textbook->in[port].data;
    values->count = absent ? 0 : (int)op_count(&textbook->in[port].shape);
}

void index_values_run(const struct op_run *run, int port, struct index_values *values)
{
    bool absent = is_absent(run->in, run->in_count, port);
    values->at = absent ? NULL : values->kept;
    values->count = 0;
    if (!absent) {
        size_t count = op_count(&run->in[port].shape);
        values->count = count < INDEX_VALUES ? (int)count : INDEX_VALUES;
        convert_to_double(run->in[port].dtype, run->in[port].data, values->kept, (size_t)values->count);
    }
}

int index_values(const struct index_source *source, int port, struct index_values *values)
{
    if (source->infer != NULL) {
        return index_values_infer(source->infer, port, values);
    }
    if (source->textbook != NULL) {
        index_values_textbook(source->textbook, port, values);
    } else {
        index_values_run(source->run, port, values);
    }
    return FOV_OK;
}

int64_t index_clamp(double value)
{
    const double limit = 0x1p60;
    return value >= limit ? (int64_t)limit : value > -limit ? (int64_t)value : -(int64_t)limit; /* NaN: -limit */
}

int64_t index_load(const struct op_tensor *tensor, size_t i)
{
    double value;
    switch (tensor->dtype) {
    case FOV_I64:
        return ((const int64_t *)tensor->data)[i];
    case FOV_I32:
        return ((const int32_t *)tensor->data)[i];
    default:
        convert_to_double(tensor->dtype, (const char *)tensor->data + i * fov_dtype_size(tensor->dtype), &value, 1);
        return index_clamp(value);
    }
}

int index_axes(const struct index_values *values, const struct op_list *list, int rank, bool chosen[FOV_MAX_RANK],
               int *count, struct error *error)
{
    memset(chosen, 0, FOV_MAX_RANK * sizeof *chosen);
    *count = values->at != NULL ? values->count : list->count;
    for (int i = 0; i < *count; i++) {
        int64_t axis = values->at != NULL ? index_clamp(values->at[i]) : list->at[i];
        int64_t from_front = axis < 0 ? axis + rank : axis;
        if (from_front < 0 || from_front >= rank || rank > FOV_MAX_RANK) {
            return error_set(error, FOV_E_SHAPE, "axis %lld is outside a tensor of rank %d", (long long)axis, rank);
        }
        if (chosen[from_front]) {
            return error_set(error, FOV_E_SHAPE, "axis %lld is named twice", (long long)axis);
        }
        chosen[from_front] = true;
    }
    return FOV_OK;
}

/* ---- moving ------------------------------------------------------------------------------------------------------ */

void move_loop(struct move *move, size_t size, ptrdiff_t from, ptrdiff_t to)
{
    move->size[move->rank] = size;
    move->from[move->rank] = from;
    move->to[move->rank] = to;
    move->rank++;
}

void move_strides(const struct op_tensor *tensor, ptrdiff_t stride[FOV_MAX_RANK])
{
    size_t own[FOV_MAX_RANK];
    op_memory_strides(tensor, own);
    for (int d = 0; d < tensor->shape.rank; d++) {
        stride[d] = (ptrdiff_t)own[d];
    }
}

static void swap_loops(struct move *move, int a, int b)
{
    struct move old = *move;
    move->size[a] = old.size[b];
    move->from[a] = old.from[b];
    move->to[a] = old.to[b];
    move->size[b] = old.size[a];
    move->from[b] = old.from[a];
    move->to[b] = old.to[a];
}

/* Sorts the loops by their step in `to`, largest outermost; removes loops of one step; merges two adjacent loops where
 * the outer one continues the inner one in both tensors. */
static void tidy(struct move *move)
{
    int rank = 0;
    for (int i = 0; i < move->rank; i++) {
        if (move->size[i] != 1) {
            swap_loops(move, rank++, i);
        }
    }
    move->rank = rank;
    for (int i = 1; i < rank; i++) { /* insertion: at most sixteen */
        for (int k = i; k > 0 && move->to[k] > move->to[k - 1]; k--) {
            swap_loops(move, k, k - 1);
        }
    }
    for (int i = rank - 2; i >= 0; i--) {
        ptrdiff_t size = (ptrdiff_t)move->size[i + 1];
        if (move->to[i] == move->to[i + 1] * size && move->from[i] == move->from[i + 1] * size) {
            move->size[i] *= move->size[i + 1];
            move->to[i] = move->to[i + 1];
            move->from[i] = move->from[i + 1];
            for (int k = i + 1; k < move->rank - 1; k++) {
                swap_loops(move, k, k + 1);
            }
            move->rank--;
        }
    }
    if (move->rank == 0) {
        move_loop(move, 1, 1, 1);
    }
}

struct move_job {
    const struct move         *move;
    const struct kernel_table *kernel;
    const char                *from;
    char                      *to;
    int                        inner;           /* loops done per row: the innermost 1, or 2 for a transposition */
    size_t                     rows, chunk_rows;
    size_t                     blocks, block;   /* a matrix is cut into blocks of `block` steps of its outer loop */
};

/* The innermost loop. With a constant size the compiler turns each memcpy into a load and a store. */
static void copy_line(size_t count, size_t element, const char *from, ptrdiff_t from_step, char *to, ptrdiff_t to_step)
{
    if (from_step == 1 && to_step == 1) {
        memcpy(to, from, count * element);
        return;
    }
    ptrdiff_t bytes = (ptrdiff_t)element;
    from_step *= bytes;
    to_step *= bytes;
    for (size_t i = 0; element == 4 && i < count; i++, from += from_step, to += to_step) {
        memcpy(to, from, 4);
    }
    for (size_t i = 0; element == 8 && i < count; i++, from += from_step, to += to_step) {
        memcpy(to, from, 8);
    }
    for (size_t i = 0; element < 4 && i < count; i++, from += from_step, to += to_step) {
        memcpy(to, from, element);
    }
}

static void move_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct move_job *job = context;
    const struct move *move = job->move;
    int outer = move->rank - job->inner, last = move->rank - 1;
    ptrdiff_t element = (ptrdiff_t)move->element;
    size_t row = op_chunk_begin(chunk, job->chunk_rows);
    size_t end = row + op_chunk_length(chunk, job->chunk_rows, job->rows);
    for (; row < end; row++) {
        size_t rest = row / job->blocks, block = row % job->blocks;
        ptrdiff_t from = move->from_begin, to = move->to_begin;
        for (int i = outer - 1; i >= 0; i--) {
            ptrdiff_t at = (ptrdiff_t)(rest % move->size[i]);
            rest /= move->size[i];
            from += at * move->from[i];
            to += at * move->to[i];
        }
        if (job->inner == 1) {
            copy_line(move->size[last], move->element, job->from + from * element, move->from[last],
                      job->to + to * element, move->to[last]);
            continue;
        }
        /* out[b][a] = in[a][b]: a is the innermost loop, contiguous in `to`; b the one around it, contiguous in
         * `from` */
        size_t begin = op_chunk_begin(block, job->block);
        size_t length = op_chunk_length(block, job->block, move->size[outer]);
        from += (ptrdiff_t)begin * move->from[outer];
        to += (ptrdiff_t)begin * move->to[outer];
        job->kernel->transpose(move->size[last], length, (const float *)(const void *)job->from + from,
                               (size_t)move->from[last], (float *)(void *)job->to + to, (size_t)move->to[outer]);
    }
}

/* If the innermost loop is contiguous in `to` and another one is contiguous in `from`, the two are a matrix
 * transposition: makes the other one the second innermost. */
static bool make_matrix(struct move *move)
{
    int last = move->rank - 1;
    if (move->element != 4 || last < 1 || move->to[last] != 1 || move->from[last] <= 1) {
        return false;
    }
    for (int i = 0; i < last; i++) {
        if (move->from[i] == 1 && move->to[i] > 0 && move->size[i] >= 4) {
            for (int k = i; k < last - 1; k++) {
                swap_loops(move, k, k + 1);
            }
            return true;
        }
    }
    return false;
}

void move_run(const struct op_run *run, struct move *move, const void *from, void *to)
{
    size_t count = 1;
    for (int i = 0; i < move->rank; i++) {
        count *= move->size[i];
    }
    if (count == 0) {
        return;
    }
    tidy(move);
    struct move_job job = {.move = move, .kernel = run->kernel, .from = from, .to = to, .inner = 1, .blocks = 1};
    size_t line = move->size[move->rank - 1];
    if (make_matrix(move)) {
        enum { BLOCK = 64 };
        size_t across = move->size[move->rank - 2];
        job.inner = 2;
        job.block = BLOCK;
        job.blocks = op_chunks(across, BLOCK);
        line *= across < BLOCK ? across : BLOCK;
    } else if (move->rank == 1 && line > OP_CHUNK && move->from[0] == 1 && move->to[0] == 1) {
        op_copy(run, (char *)to + move->to_begin * (ptrdiff_t)move->element,
                (const char *)from + move->from_begin * (ptrdiff_t)move->element, line * move->element);
        return;
    }
    job.rows = job.blocks;
    for (int i = 0; i < move->rank - job.inner; i++) {
        job.rows *= move->size[i];
    }
    job.chunk_rows = OP_CHUNK / line + 1;
    pool_run(run->pool, move_chunk, &job, op_chunks(job.rows, job.chunk_rows));
}

struct fill_job {
    char       *to;
    const void *value;
    size_t      count, element;
};

static void fill_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct fill_job *job = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), length = op_chunk_length(chunk, OP_CHUNK, job->count);
    copy_line(length, job->element, job->value, 0, job->to + begin * job->element, 1);
}

void move_fill(const struct op_run *run, void *to, size_t count, const void *value, size_t element)
{
    struct fill_job job = {to, value, count, element};
    pool_run(run->pool, fill_chunk, &job, op_chunks(count, OP_CHUNK));
}

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

fov_value index_constant(const struct op_emitter *emitter, const int64_t *values, int count)
{
    return emitter->constant(emitter->graph, FOV_I64, (fov_shape){1, {count}}, values);
}

int index_import_list(struct op_import *node, const char *name, int port, fov_value *in, int *in_count)
{
    struct op_list list;
    if (!node->list(node->reader, name, &list)) {
        return FOV_OK;
    }
    while (*in_count <= port) {
        in[(*in_count)++] = (fov_value){0};
    }
    in[port] = index_constant(node->emitter, list.at, list.count);
    return FOV_OK;
}

int index_import_node(struct op_import *node, const char *op, const fov_value *in, int in_count, const void *options)
{
    node->result(node->reader, 0,
                 node->emitter->node(node->emitter->graph, op, in, in_count, options, node->node_name));
    return FOV_OK;
}

void index_export_turned(struct op_export *node, const int64_t *cut, const int64_t *perm, int rank,
                         const int64_t *joined, int joined_rank)
{
    const char *cut_name = node->integers(node->writer, cut, rank, false);
    const char *joined_name = node->integers(node->writer, joined, joined_rank, false);
    const char *pieces = op_export_step(node, "Reshape", node->in_name(node->writer, 0), cut_name, OP_EXPORT_FRESH);
    const char *turned = op_export_step(node, "Transpose", pieces, NULL, OP_EXPORT_FRESH);
    node->attribute_list(node->writer, "perm", perm, rank);
    op_export_step(node, "Reshape", turned, joined_name, 0);
}

/* In the order of fov_dtype. */
const char *const index_dtypes[] = {"f32", "f64", "f16", "i64", "i32", "i16", "i8",
                                    "u64", "u32", "u16", "u8",  "bool", NULL};
