/* SPDX-License-Identifier: MIT */
/* Two operands that broadcast. The shapes become a walk (common.h): nested loops with a stride per operand, 0 where it
 * repeats. One kernel call does the two innermost loops; the outer loops are cut into chunks for the pool. So vectors,
 * scalars, biases over channels in either layout and gates [N, C, 1, 1] are the same code. */
#include "op/binary.h"

const struct op_port binary_in[] = {{.name = "a", .shape = "[...]"}, {.name = "b", .shape = "[...]"}, {0}};
const struct op_port binary_out[] = {{.name = "y", .shape = "[...]: a and b broadcast"}, {0}};

/* Modulo 1/2, a lies in 1/8 .. 3/16 and b in 3/8 .. 7/16: they differ by at least 3/16. */
static void fill_apart(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double grid = (double)random_below(key, 2 * i, 9) - 4 + (index == 0 ? 0 : 0.5);
        data[i] = (grid + 0.25) / 2 + random_uniform(key, 2 * i + 1) / 16;
    }
}

static void fill_positive(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = 0.1 + 1.9 * random_uniform(key, i);
    }
}

static void fill_whole(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = (double)random_below(key, i, 5) - 2;
    }
}

#define SHAPES(filling)                                                                                                \
    {.name = "equal vectors", .in = {{1, {37}}, {1, {37}}}, .in_count = 2, .fill = filling},                           \
    {.name = "scalars", .in = {{0, {0}}, {0, {0}}}, .in_count = 2, .fill = filling},                                   \
    {.name = "equal images", .in = {{4, {3, 2, 5, 3}}, {4, {3, 2, 5, 3}}}, .in_count = 2, .fill = filling},            \
    {.name = "image and scalar", .in = {{4, {2, 3, 4, 3}}, {0, {0}}}, .in_count = 2, .fill = filling},                 \
    {.name = "scalar and matrix", .in = {{0, {0}}, {2, {3, 7}}}, .in_count = 2, .fill = filling},                      \
    {.name = "bias over channels [C, 1, 1]", .in = {{4, {2, 5, 3, 4}}, {3, {5, 1, 1}}}, .in_count = 2,                 \
     .fill = filling},                                                                                                 \
    {.name = "bias over channels [1, C, 1, 1]", .in = {{4, {1, 7, 3, 3}}, {4, {1, 7, 1, 1}}}, .in_count = 2,           \
     .fill = filling},                                                                                                 \
    {.name = "bias first", .in = {{4, {1, 7, 1, 1}}, {4, {3, 7, 3, 2}}}, .in_count = 2, .fill = filling},              \
    {.name = "gate [N, C, 1, 1]", .in = {{4, {3, 4, 2, 5}}, {4, {3, 4, 1, 1}}}, .in_count = 2, .fill = filling},       \
    {.name = "last axis", .in = {{2, {5, 9}}, {1, {9}}}, .in_count = 2, .fill = filling},                              \
    {.name = "both ways", .in = {{2, {5, 1}}, {2, {1, 9}}}, .in_count = 2, .fill = filling},                           \
    {.name = "both ways, rank 4 and 3", .in = {{4, {2, 1, 4, 1}}, {3, {3, 1, 5}}}, .in_count = 2, .fill = filling},    \
    {.name = "several chunks", .in = {{2, {3, 12001}}, {2, {3, 12001}}}, .in_count = 2, .no_gradient = true,           \
     .fill = filling},                                                                                                 \
    {.name = "several chunks of rows", .in = {{4, {2, 70, 31, 17}}, {3, {70, 1, 1}}}, .in_count = 2,                   \
     .no_gradient = true, .fill = filling},                                                                            \
    {.name = "several chunks of a row", .in = {{2, {3, 20011}}, {1, {20011}}}, .in_count = 2, .no_gradient = true,     \
     .fill = filling},                                                                                                 \
    {.name = "middle axes", .in = {{5, {2, 3, 2, 3, 2}}, {5, {1, 3, 1, 3, 1}}}, .in_count = 2, .fill = filling}, {0}

const struct op_case binary_cases[]          = {SHAPES(NULL)};
const struct op_case binary_cases_apart[]    = {SHAPES(fill_apart)};
const struct op_case binary_cases_positive[] = {SHAPES(fill_positive)};

const struct op_case comparison_cases[] = {
    {.name = "equal vectors", .in = {{1, {37}}, {1, {37}}}, .in_count = 2, .fill = fill_whole},
    {.name = "scalars", .in = {{0, {0}}, {0, {0}}}, .in_count = 2, .fill = fill_whole},
    {.name = "image and scalar", .in = {{4, {2, 3, 4, 3}}, {0, {0}}}, .in_count = 2, .fill = fill_whole},
    {.name = "channels", .in = {{4, {2, 5, 3, 4}}, {3, {5, 1, 1}}}, .in_count = 2, .fill = fill_whole},
    {.name = "both ways", .in = {{2, {5, 1}}, {2, {1, 9}}}, .in_count = 2, .fill = fill_whole},
    {.name = "integers", .in = {{2, {5, 9}}, {1, {9}}}, .in_dtype = {FOV_I64, FOV_I64}, .in_count = 2, .integers = 3},
    {0},
};
const struct op_case logic_cases[] = {
    {.name = "equal vectors", .in = {{1, {37}}, {1, {37}}}, .in_dtype = {FOV_BOOL, FOV_BOOL}, .in_count = 2},
    {.name = "scalars", .in = {{0, {0}}, {0, {0}}}, .in_dtype = {FOV_BOOL, FOV_BOOL}, .in_count = 2},
    {.name = "both ways", .in = {{4, {2, 1, 4, 1}}, {3, {3, 1, 5}}}, .in_dtype = {FOV_BOOL, FOV_BOOL}, .in_count = 2},
    {0},
};

int binary_infer(const struct op_infer *infer)
{
    int status = op_check_same_dtype(infer, 1, "b", 0, "a");
    if (status == FOV_OK && infer->in[0].dtype == FOV_BOOL) {
        status = error_set(infer->error, FOV_E_USAGE, "a and b are bool, they must be numbers");
    }
    if (status != FOV_OK) {
        return status;
    }
    infer->out[0].dtype = infer->in[0].dtype;
    return shape_broadcast(&infer->in[0].shape, &infer->in[1].shape, &infer->out[0].shape, infer->error);
}

static int infer_bool(const struct op_infer *infer)
{
    int status = op_check_same_dtype(infer, 1, "b", 0, "a");
    infer->out[0].dtype = FOV_BOOL;
    return status != FOV_OK ? status
                            : shape_broadcast(&infer->in[0].shape, &infer->in[1].shape, &infer->out[0].shape,
                                              infer->error);
}

int binary_infer_equality(const struct op_infer *infer)
{
    return infer_bool(infer);
}

int binary_infer_comparison(const struct op_infer *infer)
{
    if (infer->in[0].dtype == FOV_BOOL) {
        return error_set(infer->error, FOV_E_USAGE, "a is bool, it must be a number: true is not greater than false");
    }
    return infer_bool(infer);
}

int binary_infer_logic(const struct op_infer *infer)
{
    if (infer->in[0].dtype != FOV_BOOL) {
        return error_set(infer->error, FOV_E_USAGE, "a is %s, it must be bool", fov_dtype_name(infer->in[0].dtype));
    }
    return infer_bool(infer);
}

void binary_textbook(const struct op_textbook *textbook, double (*function)(double a, double b))
{
    const struct op_textbook_tensor *a = &textbook->in[0], *b = &textbook->in[1], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        double value = function(a->data[op_broadcast_index(&y->shape, i, &a->shape)],
                                b->data[op_broadcast_index(&y->shape, i, &b->shape)]);
        y->data[i] = op_wrap(y->dtype, value);
    }
}

void binary_give(struct op_gradient *gradient, int i, fov_value full)
{
    gradient->in_gradient[i] = op_emit_sum_to(gradient->emitter, full, &gradient->out_tensor[0].shape, gradient->in[i],
                                              &gradient->in_tensor[i].shape);
}

bool binary_per_channel(const struct op_tensor *in, int in_count, float *value)
{
    const fov_shape *x = &in[0].shape, *b = &in[1].shape;
    int64_t channels = 1;
    bool fits = in_count == 2 && in[0].dtype == FOV_F32 && in[1].dtype == FOV_F32 && x->rank >= 2 && b->rank <= x->rank;
    for (int d = 0; fits && d < b->rank; d++) {
        bool channel = d + x->rank - b->rank == 1;
        channels = channel ? b->dim[d] : channels;
        fits = b->dim[d] == 1 || (channel && b->dim[d] == x->dim[1]);
    }
    for (int64_t c = 0; fits && in[1].data != NULL && c < x->dim[1]; c++) {
        value[c] = ((const float *)in[1].data)[channels == 1 ? 0 : c];
    }
    return fits;
}

fov_value binary_build(fov_graph *graph, const char *op, fov_value a, fov_value b)
{
    fov_value in[] = {a, b};
    return op_build(graph, op, in, 2, NULL, NULL);
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

struct state {
    struct op_walk walk;          /* of a and b over y */
    int            depth;         /* dimensions of the walk around a kernel call */
    size_t         rows, columns; /* of a kernel call: the two innermost dimensions */
    size_t         row_stride[2], column_stride[2];
    size_t         rows_per_chunk, columns_per_chunk;
    size_t         row_chunks, column_chunks, outer; /* chunks: [outer][row_chunks][column_chunks] */
};

/* Both innermost strides are 0 or 1 in every layout that op_layout_for_broadcast picks. In any other, each element is
 * a row of its own. */
static void prepare_state(struct state *state, const struct op_tensor *in, const struct op_tensor *out)
{
    const struct op_tensor *operands[] = {&in[0], &in[1]};
    op_walk_make(&state->walk, &out[0], operands, 2);
    int inner = state->walk.rank - 1;
    bool even = state->walk.stride[0][inner] <= 1 && state->walk.stride[1][inner] <= 1;

    int row = even ? inner - 1 : inner;
    state->columns = even ? state->walk.size[inner] : 1;
    state->rows = row >= 0 ? state->walk.size[row] : 1;
    for (int i = 0; i < 2; i++) {
        state->column_stride[i] = even ? state->walk.stride[i][inner] : 0;
        state->row_stride[i] = row >= 0 ? state->walk.stride[i][row] : 0;
    }
    state->depth = row >= 0 ? row : 0;
    state->outer = op_walk_span(&state->walk, 0, state->depth);

    state->columns_per_chunk = state->columns < OP_CHUNK ? state->columns : OP_CHUNK;
    state->rows_per_chunk = state->columns_per_chunk > 0 ? OP_CHUNK / state->columns_per_chunk : 1;
    state->column_chunks = state->columns > 0 ? op_chunks(state->columns, state->columns_per_chunk) : 0;
    state->row_chunks = op_chunks(state->rows, state->rows_per_chunk);
}

struct work {
    const struct state *state;
    binary_kernel      *kernel;
    const float        *a, *b;
    float              *y;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct state *state = work->state;
    size_t column = op_chunk_begin(chunk % state->column_chunks, state->columns_per_chunk);
    size_t columns = op_chunk_length(chunk % state->column_chunks, state->columns_per_chunk, state->columns);
    chunk /= state->column_chunks;
    size_t row = op_chunk_begin(chunk % state->row_chunks, state->rows_per_chunk);
    size_t rows = op_chunk_length(chunk % state->row_chunks, state->rows_per_chunk, state->rows);
    size_t outer = chunk / state->row_chunks;

    struct kernel_operand operand[2];
    const float *data[] = {work->a, work->b};
    for (int i = 0; i < 2; i++) {
        size_t offset = op_walk_offset(&state->walk, i, state->depth, outer);
        operand[i] = (struct kernel_operand){
            data[i] + offset + row * state->row_stride[i] + column * state->column_stride[i], state->row_stride[i],
            state->column_stride[i]};
    }
    work->kernel(rows, columns, operand[0], operand[1],
                 work->y + (outer * state->rows + row) * state->columns + column, state->columns);
}

void binary_run(const struct op_run *run, enum binary function)
{
    const struct state *state = run->state;
    struct work work = {state, run->kernel->binary[function], run->in[0].data, run->in[1].data,
                        run->out[0].data};
    pool_run(run->pool, run_chunk, &work, state->outer * state->row_chunks * state->column_chunks);
}

static int prepare(const struct op_compile *compile, void *memory)
{
    prepare_state(memory, compile->in, compile->out);
    return FOV_OK;
}

int binary_compile(struct op_compile *compile, op_function *run)
{
    compile->state = sizeof(struct state);
    compile->prepare = prepare;
    compile->run = run;
    return FOV_OK;
}

/* ---- by lines -------------------------------------------------------------------------------------------------- */

/* Whether this operand has the shape and layout of the result. */
static bool is_image(const struct op_tensor *operand, const struct op_tensor *out)
{
    return shape_equal(&operand->shape, &out->shape) && operand->layout == OP_CHANNELS_LAST;
}

static bool is_gate(const struct op_tensor *operand, const struct op_tensor *out)
{
    const fov_shape *shape = &operand->shape;
    return shape->rank == out->shape.rank && shape->dim[0] == out->shape.dim[0] && shape->dim[1] == out->shape.dim[1] &&
           shape_span(shape, 2, shape->rank) == 1;
}

bool binary_by_lines(const struct op_compile *compile)
{
    const struct op_tensor *a = &compile->in[0], *b = &compile->in[1], *out = &compile->out[0];
    return out->layout == OP_CHANNELS_LAST && out->shape.rank >= 3 &&
           ((is_image(a, out) && is_gate(b, out)) || (is_gate(a, out) && is_image(b, out)));
}

void binary_make(const struct op_run *run, const struct op_lines *lines, float *to, enum binary function)
{
    const fov_shape *shape = &run->out[0].shape;
    size_t channels = (size_t)shape->dim[1], width = (size_t)shape->dim[shape->rank - 1];
    size_t height = shape_span(shape, 2, shape->rank - 1);
    for (size_t line = lines->first, end = line + lines->count; line < end;) { /* the lines of one sample at a time */
        size_t sample = line / height, left = height - line % height, count = left < end - line ? left : end - line;
        struct kernel_operand operand[2];
        for (int i = 0; i < 2; i++) {
            bool image = is_image(&run->in[i], &run->out[0]);
            size_t row = image ? line * width : sample;
            operand[i] = (struct kernel_operand){(const float *)run->in[i].data + row * channels + lines->channel,
                                                 image ? channels : 0, 1};
        }
        run->kernel->binary[function](count * width, lines->channels, operand[0], operand[1], to, lines->channels);
        to += count * width * lines->channels;
        line += count;
    }
}
