/* SPDX-License-Identifier: MIT */
/* Lines along one axis: in plain order for textbook twins, in plain or channels-last order for runs. Chunks depend on
 * shapes alone. */
#include "op/lines.h"

int lines_axis(const void *options, int rank)
{
    int64_t axis = ((const struct softmax_options *)options)->axis;
    return (int)(axis < 0 ? axis + rank : axis);
}

int lines_infer(const struct op_infer *infer)
{
    int axis;
    int status = op_check_float(infer, 0, "input 0");
    if (status == FOV_OK) {
        status = shape_axis(&infer->in[0].shape, ((const struct softmax_options *)infer->options)->axis, &axis,
                            infer->error);
    }
    for (int i = 1; status == FOV_OK && i < infer->in_count; i++) {
        status = op_check_same_shape(infer, i, "an input", 0, "y");
        status = status != FOV_OK ? status : op_check_same_dtype(infer, i, "an input", 0, "y");
    }
    return status != FOV_OK ? status : op_infer_same(infer);
}

struct lines lines_of(const struct op_textbook *textbook)
{
    const fov_shape *shape = &textbook->in[0].shape;
    int axis = lines_axis(textbook->options, shape->rank);
    size_t inner = shape_span(shape, axis + 1, shape->rank);
    return (struct lines){shape_span(shape, 0, axis) * inner, (size_t)shape->dim[axis], inner};
}

size_t lines_place(struct lines lines, size_t line, size_t k)
{
    return (line / lines.inner * lines.length + k) * lines.inner + line % lines.inner;
}

/* ---- on the CPU ---------------------------------------------------------------------------------------------- */

enum { BLOCK = 64 }; /* columns transposed into rows at once: four cache lines at each step along the axis */

struct work {
    const struct op_run *run;
    lines_function      *function;
    size_t               outer, size, inner;
    size_t               chunk;  /* rows, or columns of a block */
    size_t               blocks; /* of columns, per outer index */
    const float         *a, *b;  /* b: NULL where the function takes one operand */
    float               *out;
};

static void run_rows(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t offset = op_chunk_begin(chunk, work->chunk) * work->size;
    work->function(work->run->kernel, op_chunk_length(chunk, work->chunk, work->outer), work->size, work->a + offset,
                   work->b != NULL ? work->b + offset : NULL, work->out + offset);
}

static void run_columns(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    const struct kernel_table *kernel = work->run->kernel;
    float *a = op_worker_scratch(work->run, worker);
    float *b = work->b != NULL ? a + work->size * BLOCK : NULL;
    size_t block = chunk % work->blocks, columns = op_chunk_length(block, BLOCK, work->inner);
    size_t offset = chunk / work->blocks * work->size * work->inner + op_chunk_begin(block, BLOCK);
    kernel->transpose(work->size, columns, work->a + offset, work->inner, a, work->size);
    if (b != NULL) {
        kernel->transpose(work->size, columns, work->b + offset, work->inner, b, work->size);
    }
    float *result = b != NULL ? b : a;
    work->function(kernel, columns, work->size, a, b, result);
    kernel->transpose(columns, work->size, result, work->size, work->out + offset, work->inner);
}

void lines_run(const struct op_run *run, lines_function *function)
{
    const struct op_tensor *x = &run->in[0];
    int axis = lines_axis(run->options, x->shape.rank);
    struct work work = {.run = run,
                        .function = function,
                        .size = (size_t)x->shape.dim[axis],
                        .a = x->data,
                        .b = run->in_count > 1 ? run->in[1].data : NULL,
                        .out = run->out[0].data};
    op_axis_split(x, axis, &work.outer, &work.inner);
    if (work.outer * work.size * work.inner == 0) {
        return;
    }
    if (work.inner == 1) {
        work.chunk = OP_CHUNK / (work.size + 1) + 1;
        pool_run(run->pool, run_rows, &work, op_chunks(work.outer, work.chunk));
    } else {
        work.blocks = op_chunks(work.inner, BLOCK);
        pool_run(run->pool, run_columns, &work, work.outer * work.blocks);
    }
}

int lines_compile(struct op_compile *compile, op_function *run)
{
    size_t outer, inner;
    int axis = lines_axis(compile->options, compile->in[0].shape.rank);
    op_axis_split(&compile->in[0], axis, &outer, &inner);
    compile->run = run;
    if (inner > 1 && !size_multiply((size_t)compile->in[0].shape.dim[axis], 2 * BLOCK * sizeof(float),
                                    &compile->scratch_per_worker)) {
        return error_set(compile->error, FOV_E_MEMORY, "an axis of %lld elements does not fit memory",
                         (long long)compile->in[0].shape.dim[axis]);
    }
    return FOV_OK;
}

enum op_layout_rule lines_layout_for(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    int rank = in[0].shape.rank, axis = lines_axis(options, rank);
    if (rank < 3 || axis == 0) {
        return OP_FOLLOWS;
    }
    return axis == 1 ? OP_WANTS_CHANNELS_LAST : OP_WANTS_PLAIN;
}
