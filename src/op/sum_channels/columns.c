/* SPDX-License-Identifier: MIT */
/* Column sums of a matrix [rows][columns], in chunks of rows that depend on the shape alone: each chunk has a sum of
 * its own, in double, and the sums are added in order. */
#include "op/sum_channels/sum_channels.h"

#include <string.h>

enum { CHUNK_FLOATS = 1 << 13, MAX_CHUNKS = 64 }; /* a few microseconds each, so that all threads share small sums */

/** The columns are the last axis in memory: channels (channels-last) or features. In batch-innermost order there are
 *  `lanes` columns per channel, one for each image of a group. */
struct sum_plan {
    size_t rows, columns, lanes, chunk_rows, chunks;
};

static struct sum_plan make_plan(const struct op_compile *compile)
{
    const struct op_tensor *x = &compile->in[0], *y = &compile->out[0];
    struct sum_plan plan = {.lanes = x->layout == OP_BATCH_INNERMOST ? compile->kernel->vector_floats : 1};
    plan.columns = (size_t)y->shape.dim[0] * plan.lanes;
    plan.rows = plan.columns == 0 ? 0 : op_count(&x->shape) / plan.columns;
    plan.chunk_rows = plan.columns >= CHUNK_FLOATS ? 1 : CHUNK_FLOATS / (plan.columns + 1) + 1;
    if (plan.rows > plan.chunk_rows * MAX_CHUNKS) {
        plan.chunk_rows = size_divide_up(plan.rows, MAX_CHUNKS);
    }
    plan.chunks = size_divide_up(plan.rows, plan.chunk_rows);
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
    double *sums = run->scratch;
    float *y = run->out[0].data;
    size_t lanes = plan->chunks > 0 ? plan->lanes : 0; /* without rows the sums are 0 */
    for (size_t chunk = 1; chunk < plan->chunks; chunk++) {
        for (size_t i = 0; i < plan->columns; i++) {
            sums[i] += sums[chunk * plan->columns + i];
        }
    }
    for (size_t first = 0; first < plan->columns; first += plan->lanes) {
        double sum = 0;
        for (size_t lane = 0; lane < lanes; lane++) {
            sum += sums[first + lane];
        }
        y[first / plan->lanes] = (float)sum;
    }
}

static int prepare(const struct op_compile *compile, void *state)
{
    *(struct sum_plan *)state = make_plan(compile);
    return 0;
}

int sum_columns_compile(struct op_compile *compile)
{
    struct sum_plan plan = make_plan(compile);
    compile->run = run;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->scratch = plan.chunks * plan.columns * sizeof(double);
    return 0;
}
