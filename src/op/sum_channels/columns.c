/* SPDX-License-Identifier: MIT */
/* Column sums of a matrix [rows][columns], in chunks of rows that depend on the shape alone: each chunk has a sum of
 * its own, in double, and the sums are added in order. */
#include "op/sum_channels/sum_channels.h"

#include <string.h>

enum { CHUNK_FLOATS = 1 << 15, MAX_CHUNKS = 64 };

/** The columns are the last axis in memory: channels (channels-last) or features. */
struct sum_plan {
    size_t rows, columns, chunk_rows, chunks;
};

static struct sum_plan make_plan(const struct op_tensor *x, const struct op_tensor *y)
{
    struct sum_plan plan = {.columns = (size_t)y->shape.dim[0]};
    plan.rows = plan.columns == 0 ? 0 : op_count(&x->shape) / plan.columns;
    plan.chunk_rows = plan.columns >= CHUNK_FLOATS ? 1 : CHUNK_FLOATS / (plan.columns + 1) + 1;
    if (plan.rows > plan.chunk_rows * MAX_CHUNKS) {
        plan.chunk_rows = (plan.rows + MAX_CHUNKS - 1) / MAX_CHUNKS;
    }
    plan.chunks = (plan.rows + plan.chunk_rows - 1) / plan.chunk_rows;
    return plan;
}

static void sum_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const struct sum_plan *plan = run->state;
    double *sum = (double *)run->scratch + chunk * plan->columns;
    memset(sum, 0, plan->columns * sizeof *sum);
    size_t first = chunk * plan->chunk_rows, rows = plan->rows - first;
    run->kernel->column_sum(rows < plan->chunk_rows ? rows : plan->chunk_rows, plan->columns,
                            (const float *)run->in[0].data + first * plan->columns, plan->columns, sum);
}

static void run(const struct op_run *run)
{
    const struct sum_plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, sum_chunk, &copy, plan->chunks);
    const double *sums = run->scratch;
    float *y = run->out[0].data;
    for (size_t column = 0; column < plan->columns; column++) {
        double sum = 0;
        for (size_t chunk = 0; chunk < plan->chunks; chunk++) {
            sum += sums[chunk * plan->columns + column];
        }
        y[column] = (float)sum;
    }
}

static int prepare(const struct op_compile *compile, void *state)
{
    *(struct sum_plan *)state = make_plan(&compile->in[0], &compile->out[0]);
    return 0;
}

int sum_columns_compile(struct op_compile *compile)
{
    struct sum_plan plan = make_plan(&compile->in[0], &compile->out[0]);
    compile->run = run;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->scratch = plan.chunks * plan.columns * sizeof(double);
    return 0;
}
