/* SPDX-License-Identifier: MIT */
/* The gradient of broadcasting: sums over the dimensions that were repeated. The work is cut by shape alone: pieces of
 * rows, each piece summed into its own accumulators in double, accumulators combined in order of pieces. */
#include "op/common.h"

static const struct op_port in[] = {{.name = "x", .shape = "[...]"},
                                    {.name = "like", .shape = "[...]: broadcasts to x's shape; only its shape is read"},
                                    {0}};
static const struct op_port out[] = {{.name = "y", .shape = "as like"}, {0}};

static int infer(const struct op_infer *infer)
{
    fov_shape both;
    int status = shape_broadcast(&infer->in[0].shape, &infer->in[1].shape, &both, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    if (!shape_fits(&both, &infer->in[0].shape)) {
        char x[SHAPE_TEXT_SIZE], like[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "x is %s, it cannot be summed to the larger shape %s",
                         shape_text(&infer->in[0].shape, x), shape_text(&infer->in[1].shape, like));
    }
    infer->out[0].shape = infer->in[1].shape;
    return FOV_OK;
}

/* The sum's gradient reaches every element that was summed. */
static void gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] =
            op_emit2(gradient->emitter, "broadcast_to", gradient->out_gradient[0], gradient->in[0], NULL);
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&x->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[op_broadcast_index(&x->shape, i, &y->shape)] += x->data[i];
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

enum { PIECE_FLOATS = 65536, MOST_PIECES = 64, MOST_ACCUMULATORS = 1 << 20 };

/* x as rows of its memory. Either a row is summed to one number (the innermost dimension goes), or rows are added to
   each other (it stays), `repeat` neighbouring rows to the same place. */
struct state {
    struct op_walk walk; /* of y over x */
    bool           row_is_summed;
    size_t         rows, columns, repeat;
    size_t         units; /* what is dealt to pieces: rows, or column ranges of rows where a row is large */
    size_t         unit_columns, units_per_row, units_per_piece, pieces;
    size_t         out_count;
};

static void prepare_state(struct state *state, const struct op_tensor *x, const struct op_tensor *y)
{
    const struct op_tensor *tensors[] = {y};
    op_walk_make(&state->walk, x, tensors, 1);
    int inner = state->walk.rank - 1;
    size_t stride = state->walk.stride[0][inner];
    state->out_count = op_count(&y->shape);
    state->columns = state->walk.size[inner];
    state->rows = op_walk_span(&state->walk, 0, inner);
    state->row_is_summed = stride == 0;
    if (stride > 1) { /* y lies in another order than x: an element is a row */
        state->rows *= state->columns;
        state->columns = 1;
        state->row_is_summed = true;
    }
    state->repeat = 1;
    if (!state->row_is_summed && inner > 0 && state->walk.stride[0][inner - 1] == 0) {
        state->repeat = state->walk.size[inner - 1];
    }
    state->unit_columns =
        state->row_is_summed && state->columns > PIECE_FLOATS ? (size_t)PIECE_FLOATS : state->columns;
    state->units_per_row = state->columns > 0 ? op_chunks(state->columns, state->unit_columns) : 0;
    state->units = state->rows * state->units_per_row;

    /* As many pieces as keep threads busy, as few as keep the accumulators small; from sizes only. */
    size_t pieces = op_chunks(state->rows * state->columns, PIECE_FLOATS);
    size_t most = state->out_count > 0 ? MOST_ACCUMULATORS / state->out_count : 1;
    most = most > MOST_PIECES ? MOST_PIECES : most;
    pieces = pieces > most ? most : pieces;
    pieces = pieces > 0 ? pieces : 1;
    state->units_per_piece = op_chunks(state->units, pieces);
    state->pieces = state->units > 0 ? op_chunks(state->units, state->units_per_piece) : 1;
}

struct work {
    const struct state        *state;
    const struct kernel_table *kernel;
    const float               *x;
    double                    *sums; /* [pieces][out_count] */
    float                     *y;
};

static void sum_piece(void *context, size_t piece, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct state *state = work->state;
    double *sums = work->sums + piece * state->out_count;
    for (size_t i = 0; i < state->out_count; i++) {
        sums[i] = 0;
    }
    /* With an element as a row, all dimensions lead to the place in y; otherwise all but the innermost. */
    int depth = state->row_is_summed && state->columns == 1 ? state->walk.rank : state->walk.rank - 1;
    size_t unit = op_chunk_begin(piece, state->units_per_piece);
    size_t end = state->units > 0 ? unit + op_chunk_length(piece, state->units_per_piece, state->units) : unit;
    while (unit < end) {
        size_t row = unit / state->units_per_row, range = unit % state->units_per_row;
        double *to = sums + op_walk_offset(&state->walk, 0, depth, row);
        if (state->row_is_summed) {
            size_t length = op_chunk_length(range, state->unit_columns, state->columns);
            *to += work->kernel->sum(length, work->x + row * state->columns + range * state->unit_columns);
            unit++;
        } else {
            size_t same = state->repeat - row % state->repeat; /* rows that go to this place too */
            same = same < end - unit ? same : end - unit;
            work->kernel->column_sum(same, state->columns, work->x + row * state->columns, state->columns, to);
            unit += same;
        }
    }
}

static void combine_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    size_t end = begin + op_chunk_length(chunk, OP_CHUNK, work->state->out_count);
    for (size_t i = begin; i < end; i++) {
        double sum = 0;
        for (size_t piece = 0; piece < work->state->pieces; piece++) {
            sum += work->sums[piece * work->state->out_count + i];
        }
        work->y[i] = (float)sum;
    }
}

static void run(const struct op_run *run)
{
    const struct state *state = run->state;
    struct work work = {state, run->kernel, run->in[0].data, run->scratch, run->out[0].data};
    pool_run(run->pool, sum_piece, &work, state->pieces);
    pool_run(run->pool, combine_chunk, &work, op_chunks(state->out_count, OP_CHUNK));
}

static int prepare(const struct op_compile *compile, void *memory)
{
    prepare_state(memory, &compile->in[0], &compile->out[0]);
    return FOV_OK;
}

static int compile(struct op_compile *compile)
{
    struct state state;
    prepare_state(&state, &compile->in[0], &compile->out[0]);
    if (!size_multiply(state.pieces * state.out_count, sizeof(double), &compile->scratch)) {
        return error_set(compile->error, FOV_E_MEMORY, "the sums of %zu elements do not fit memory", state.out_count);
    }
    compile->state = sizeof(struct state);
    compile->prepare = prepare;
    compile->run = run;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *tensors, int count)
{
    (void)count;
    return op_all_f32(options, tensors, 1); /* of `like` only the shape is read */
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .layout_for = op_layout_for_broadcast, .supports = supports, .compile = compile};

static const struct op_case cases[] = {
    {.name = "to a scalar", .in = {{4, {2, 3, 4, 5}}, {0, {0}}}, .in_count = 2},
    {.name = "to a scalar, large", .in = {{2, {300, 701}}, {1, {1}}}, .in_count = 2, .no_gradient = true},
    {.name = "same shape", .in = {{2, {3, 5}}, {2, {3, 5}}}, .in_count = 2},
    {.name = "leading dimension dropped", .in = {{2, {3, 5}}, {1, {5}}}, .in_count = 2},
    {.name = "columns", .in = {{2, {7, 33}}, {2, {1, 33}}}, .in_count = 2},
    {.name = "rows", .in = {{2, {7, 33}}, {2, {7, 1}}}, .in_count = 2},
    {.name = "channels [C, 1, 1]", .in = {{4, {3, 5, 2, 4}}, {3, {5, 1, 1}}}, .in_count = 2},
    {.name = "channels [1, C, 1, 1]", .in = {{4, {1, 5, 3, 3}}, {4, {1, 5, 1, 1}}}, .in_count = 2},
    {.name = "pixels of each channel", .in = {{4, {3, 5, 2, 4}}, {4, {3, 5, 1, 1}}}, .in_count = 2},
    {.name = "channels of each pixel", .in = {{4, {2, 5, 3, 4}}, {4, {2, 1, 3, 4}}}, .in_count = 2},
    {.name = "channels, large", .in = {{4, {2, 33, 64, 65}}, {3, {33, 1, 1}}}, .in_count = 2, .no_gradient = true},
    {.name = "columns, large", .in = {{2, {700, 301}}, {1, {301}}}, .in_count = 2, .no_gradient = true},
    {.name = "middle axes", .in = {{5, {2, 3, 2, 3, 2}}, {5, {1, 3, 1, 3, 1}}}, .in_count = 2},
    {0},
};

const struct op op_sum_to = {
    .name = "sum_to",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Sums over the dimensions in which another tensor is 1 or missing.",
    .formula = "y[j] = sum of x[i] over all i that broadcasting like's shape maps to j",
    .in = in,
    .out = out,
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
