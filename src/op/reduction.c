/* SPDX-License-Identifier: MIT */
/* The CPU implementation of reductions of f32. The work is cut by shape alone: chunks of rows, each reduced into
 * its own accumulators in double, accumulators combined in order of chunks. So the result does not depend on threads.
 * The axes follow from the shapes: y's shape broadcasts to x's, and x is reduced where y repeats. */
#include "op/reduce.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK_FLOATS = 65536,
    MOST_CHUNKS = 64,
    MOST_ACCUMULATORS = 1 << 20,
    ROW_COST = 16 /* floats that could be read in the time of beginning a row */
};

void reduction_prepare(struct reduction *reduction, enum reduce_kind kind, const struct op_tensor *x,
                       const struct op_tensor *y)
{
    const struct op_tensor *tensors[] = {y};
    *reduction = (struct reduction){.kind = kind};
    op_walk_make(&reduction->walk, x, tensors, 1);
    int inner = reduction->walk.rank - 1;
    size_t stride = reduction->walk.stride[0][inner];
    reduction->in_count = op_count(&x->shape);
    reduction->out_count = op_count(&y->shape);
    reduction->columns = reduction->walk.size[inner];
    reduction->rows = op_walk_span(&reduction->walk, 0, inner);
    reduction->row_is_reduced = stride == 0;
    if (stride > 1) { /* y lies in another order than x: each element is a row of its own */
        reduction->rows *= reduction->columns;
        reduction->columns = 1;
        reduction->row_is_reduced = true;
    }
    reduction->repeat = 1;
    if (!reduction->row_is_reduced && inner > 0 && reduction->walk.stride[0][inner - 1] == 0) {
        reduction->repeat = reduction->walk.size[inner - 1];
    }
    reduction->unit_columns =
        reduction->row_is_reduced && reduction->columns > CHUNK_FLOATS ? (size_t)CHUNK_FLOATS : reduction->columns;
    reduction->units_per_row =
        reduction->columns > 0 ? op_chunks(reduction->columns, reduction->unit_columns) : 0;
    reduction->units = reduction->rows * reduction->units_per_row;

    reduction->row_is_whole =
        reduction->row_is_reduced && reduction->units_per_row == 1 && reduction->rows == reduction->out_count;
    if (reduction->row_is_whole) { /* nothing to combine */
        reduction->units_per_chunk = 1 + CHUNK_FLOATS / (reduction->columns + ROW_COST);
        reduction->chunks = op_chunks(reduction->units, reduction->units_per_chunk);
        return;
    }
    /* Enough chunks to keep threads busy, few enough to keep the accumulators small; from sizes only. */
    size_t chunks = op_chunks(reduction->rows * reduction->columns, CHUNK_FLOATS);
    size_t most = reduction->out_count > 0 ? MOST_ACCUMULATORS / reduction->out_count : 1;
    most = most > MOST_CHUNKS ? MOST_CHUNKS : most;
    chunks = chunks > most ? most : chunks;
    chunks = chunks > 0 ? chunks : 1;
    reduction->units_per_chunk = op_chunks(reduction->units, chunks);
    reduction->chunks = reduction->units > 0 ? op_chunks(reduction->units, reduction->units_per_chunk) : 1;
}

int reduction_compile(struct op_compile *compile, const struct reduction *reduction)
{
    size_t accumulators = reduction->row_is_whole ? 0 : reduction->chunks * reduction->out_count;
    if (!size_multiply(accumulators, sizeof(double), &compile->scratch)) {
        return error_set(compile->error, FOV_E_MEMORY, "the sums of %zu elements do not fit memory",
                         reduction->out_count);
    }
    compile->state = sizeof *reduction;
    return FOV_OK;
}

/* ---- the arithmetic of each kind ----------------------------------------------------------------------------- */

static double start_of(enum reduce_kind kind)
{
    if (kind == REDUCE_PRODUCT) {
        return 1;
    }
    if (kind == REDUCE_MAX || kind == REDUCE_LOG_SUM_EXP) {
        return (double)-INFINITY;
    }
    return kind == REDUCE_MIN ? (double)INFINITY : 0;
}

/* NaN if either is NaN. */
static double larger(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

static double smaller(double a, double b)
{
    return a < b || isnan(a) ? a : b;
}

/* log(exp(a) + exp(b)) without overflow. */
static double log_add(double a, double b)
{
    double large = larger(a, b), small = large == a ? b : a;
    return isinf(large) ? large : large + log1p(exp(small - large));
}

/* The result of a reduction from the results of its two parts. */
static double combine(enum reduce_kind kind, double a, double b)
{
    switch (kind) {
    case REDUCE_PRODUCT:
        return a * b;
    case REDUCE_MAX:
        return larger(a, b);
    case REDUCE_MIN:
        return smaller(a, b);
    case REDUCE_LOG_SUM_EXP:
        return log_add(a, b);
    case REDUCE_SUM:
    case REDUCE_SUM_ABS:
    case REDUCE_SUM_SQUARES:
        return a + b;
    }
    return a;
}

static double reduce_row(enum reduce_kind kind, const struct kernel_table *kernel, size_t n, const float *x)
{
    double result = start_of(kind);
    switch (kind) {
    case REDUCE_SUM:
        return kernel->sum(n, x);
    case REDUCE_SUM_SQUARES:
        return kernel->sum_squares(n, x);
    case REDUCE_MAX:
        return (double)kernel->maximum(n, x);
    case REDUCE_SUM_ABS:
        for (size_t i = 0; i < n; i++) {
            result += fabs((double)x[i]);
        }
        break;
    case REDUCE_PRODUCT:
        for (size_t i = 0; i < n; i++) {
            result *= (double)x[i];
        }
        break;
    case REDUCE_MIN:
        for (size_t i = 0; i < n; i++) {
            result = smaller(result, (double)x[i]);
        }
        break;
    case REDUCE_LOG_SUM_EXP: { /* around the largest: one logarithm per row */
        double sum = 0, largest = (double)kernel->maximum(n, x);
        for (size_t i = 0; i < n && !isinf(largest); i++) {
            sum += exp((double)x[i] - largest);
        }
        result = isinf(largest) ? largest : largest + log(sum);
        break;
    }
    }
    return result;
}

/* A row of up to SHORT_ROW elements is one chain, as in the kernels; chains of several rows run side by side. */
enum { SHORT_ROW = 32, ROWS_TOGETHER = 8 };

static void sum_short_rows(size_t columns, const float *x, double results[ROWS_TOGETHER])
{
    double sum[ROWS_TOGETHER] = {0};
    for (size_t c = 0; c < columns; c++) {
        for (size_t r = 0; r < ROWS_TOGETHER; r++) {
            sum[r] += (double)x[r * columns + c];
        }
    }
    memcpy(results, sum, sizeof sum);
}

static void maximum_of_short_rows(size_t columns, const float *x, double results[ROWS_TOGETHER])
{
    float best[ROWS_TOGETHER];
    for (size_t r = 0; r < ROWS_TOGETHER; r++) {
        best[r] = -INFINITY;
    }
    for (size_t c = 0; c < columns; c++) {
        for (size_t r = 0; r < ROWS_TOGETHER; r++) {
            float value = x[r * columns + c];
            best[r] = best[r] >= value || best[r] != best[r] ? best[r] : value; /* a NaN stays */
        }
    }
    for (size_t r = 0; r < ROWS_TOGETHER; r++) {
        results[r] = (double)best[r];
    }
}

/* Reduces `rows` <= ROWS_TOGETHER adjacent rows, each to a number. */
static void reduce_rows(enum reduce_kind kind, const struct kernel_table *kernel, size_t rows, size_t columns,
                        const float *x, double results[ROWS_TOGETHER])
{
    bool all = rows == ROWS_TOGETHER && columns <= SHORT_ROW;
    if (all && kind == REDUCE_SUM) {
        sum_short_rows(columns, x, results);
    } else if (all && kind == REDUCE_MAX) {
        maximum_of_short_rows(columns, x, results);
    } else {
        for (size_t r = 0; r < rows; r++) {
            results[r] = reduce_row(kind, kernel, columns, x + r * columns);
        }
    }
}

/* Reduces a row elementwise into a row of accumulators. */
static void add_row(enum reduce_kind kind, size_t n, const float *x, double *sums)
{
    switch (kind) {
    case REDUCE_SUM: /* done by the kernel column_sum, many rows at once */
        break;
    case REDUCE_SUM_ABS:
        for (size_t i = 0; i < n; i++) {
            sums[i] += fabs((double)x[i]);
        }
        break;
    case REDUCE_SUM_SQUARES:
        for (size_t i = 0; i < n; i++) {
            sums[i] += (double)x[i] * (double)x[i];
        }
        break;
    case REDUCE_PRODUCT:
        for (size_t i = 0; i < n; i++) {
            sums[i] *= (double)x[i];
        }
        break;
    case REDUCE_MAX:
        for (size_t i = 0; i < n; i++) {
            sums[i] = larger(sums[i], (double)x[i]);
        }
        break;
    case REDUCE_MIN:
        for (size_t i = 0; i < n; i++) {
            sums[i] = smaller(sums[i], (double)x[i]);
        }
        break;
    case REDUCE_LOG_SUM_EXP:
        for (size_t i = 0; i < n; i++) {
            sums[i] = log_add(sums[i], (double)x[i]);
        }
        break;
    }
}

static double finish(const struct reduction *reduction, double sum)
{
    switch (reduction->finish) {
    case FINISH_MEAN: /* every result is the mean of the same number of elements */
        return sum / ((double)reduction->in_count / (double)reduction->out_count);
    case FINISH_ROOT:
        return sqrt(sum);
    case FINISH_LOG:
        return log(sum);
    case FINISH_NONE:
        break;
    }
    return sum;
}

/* ---- chunks -------------------------------------------------------------------------------------------------- */

struct work {
    const struct reduction    *reduction;
    const struct kernel_table *kernel;
    const float               *x;
    double                    *sums; /* [chunks][out_count] */
    float                     *y;
};

static void reduce_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct reduction *r = work->reduction;
    double *sums = work->sums + chunk * r->out_count;
    for (size_t i = 0; i < r->out_count; i++) {
        sums[i] = start_of(r->kind);
    }
    /* The row's index selects an element of y by all dimensions if each element is a row, else by all but the
     * innermost. */
    int depth = r->row_is_reduced && r->columns == 1 ? r->walk.rank : r->walk.rank - 1;
    size_t unit = op_chunk_begin(chunk, r->units_per_chunk);
    size_t end = r->units > 0 ? unit + op_chunk_length(chunk, r->units_per_chunk, r->units) : unit;
    while (unit < end) {
        size_t row = unit / r->units_per_row, range = unit % r->units_per_row;
        double *to = sums + op_walk_offset(&r->walk, 0, depth, row);
        const float *from = work->x + row * r->columns;
        if (r->row_is_reduced) {
            size_t length = op_chunk_length(range, r->unit_columns, r->columns);
            *to = combine(r->kind, *to, reduce_row(r->kind, work->kernel, length, from + range * r->unit_columns));
            unit++;
            continue;
        }
        size_t same = r->repeat - row % r->repeat; /* rows from here on that go to the same row of y */
        same = same < end - unit ? same : end - unit;
        if (r->kind == REDUCE_SUM) {
            work->kernel->column_sum(same, r->columns, from, r->columns, to);
        }
        for (size_t i = 0; i < same; i++) {
            add_row(r->kind, r->columns, from + i * r->columns, to);
        }
        unit += same;
    }
}

/* Rows each of which is an element of y. */
static void row_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct reduction *r = work->reduction;
    int depth = r->columns == 1 ? r->walk.rank : r->walk.rank - 1;
    bool in_order = depth == 1 && r->walk.stride[0][0] == 1;
    size_t row = op_chunk_begin(chunk, r->units_per_chunk);
    size_t end = row + op_chunk_length(chunk, r->units_per_chunk, r->units);
    for (size_t rows; row < end; row += rows) {
        double results[ROWS_TOGETHER];
        rows = end - row < ROWS_TOGETHER ? end - row : ROWS_TOGETHER;
        reduce_rows(r->kind, work->kernel, rows, r->columns, work->x + row * r->columns, results);
        for (size_t i = 0; i < rows; i++) {
            size_t at = in_order ? row + i : op_walk_offset(&r->walk, 0, depth, row + i);
            work->y[at] = (float)finish(r, combine(r->kind, start_of(r->kind), results[i]));
        }
    }
}

static void combine_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct reduction *r = work->reduction;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    size_t end = begin + op_chunk_length(chunk, OP_CHUNK, r->out_count);
    for (size_t i = begin; i < end; i++) {
        double sum = work->sums[i];
        for (size_t part = 1; part < r->chunks; part++) {
            sum = combine(r->kind, sum, work->sums[part * r->out_count + i]);
        }
        work->y[i] = (float)finish(r, sum);
    }
}

/* Reduces every element by itself (reduction.nothing). */
static void alone_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    const struct reduction *r = work->reduction;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    size_t end = begin + op_chunk_length(chunk, OP_CHUNK, r->out_count);
    for (size_t i = begin; i < end; i++) {
        work->y[i] = (float)finish(r, reduce_row(r->kind, work->kernel, 1, work->x + i));
    }
}

void reduction_run(const struct op_run *run, const struct reduction *reduction)
{
    struct work work = {reduction, run->kernel, run->in[0].data, run->scratch, run->out[0].data};
    if (reduction->nothing) {
        pool_run(run->pool, alone_chunk, &work, op_chunks(reduction->out_count, OP_CHUNK));
        return;
    }
    if (reduction->row_is_whole) {
        pool_run(run->pool, row_chunk, &work, reduction->chunks);
        return;
    }
    pool_run(run->pool, reduce_chunk, &work, reduction->chunks);
    pool_run(run->pool, combine_chunk, &work, op_chunks(reduction->out_count, OP_CHUNK));
}
