/* SPDX-License-Identifier: MIT */
/* A dense layer, or its input gradient, whose weight changes from run to run: in training. Packing the whole weight first
 * would write and read it once more, and for a small batch nothing else costs anything. So each thread packs a block
 * that fits its cache, multiplies, and goes on: the weight comes from memory once. */
#include "op/dense/dense.h"

#include <stdio.h>

enum {
    FORWARD_DEPTH = 1024, /* of a block: a few lines of each unit's weights */
    BACKWARD_DEPTH = 64,  /* units, of which each gives a long piece of its row */
    BACKWARD_RUN = 512,   /* floats of a row together */
    MOST_ROWS = 256,      /* beyond, packing is nothing beside the products */
    MOST_CHUNKS = 64
};

struct streamed_plan {
    struct dense_size size;
    size_t depth, columns; /**< of the product: features and units, or the other way round */
    size_t block;          /**< of the depth */
    size_t chunks, panels, together; /**< panels: in all, and in one block */
    bool   transposed;
};

static struct streamed_plan make_plan(const struct op_compile *compile, bool transposed)
{
    const struct kernel_table *kernel = compile->kernel;
    struct streamed_plan plan = {.size = dense_size(&compile->in[0].shape, &compile->in[1].shape),
                                 .transposed = transposed};
    size_t panel = kernel->panel_columns;
    plan.depth = transposed ? plan.size.units : plan.size.features;
    plan.columns = transposed ? plan.size.features : plan.size.units;
    plan.block = transposed ? BACKWARD_DEPTH : FORWARD_DEPTH;
    plan.panels = op_chunks(plan.columns, panel);
    double work = (double)plan.size.rows * (double)plan.depth * (double)plan.columns / DENSE_CHUNK_WORK;
    size_t pieces = work < 1 ? 1 : work > MOST_CHUNKS ? MOST_CHUNKS : (size_t)work;
    /* Shorter pieces of a row where the weight is so small that long ones would leave threads without work. */
    size_t most = transposed && panel < BACKWARD_RUN ? BACKWARD_RUN / panel : 1, share = op_chunks(plan.panels, pieces);
    plan.together = share < most ? share : most;
    most = op_chunks(plan.panels, plan.together);
    plan.chunks = pieces < most ? pieces : most;
    return plan;
}

static int prepare_forward(const struct op_compile *compile, void *state)
{
    *(struct streamed_plan *)state = make_plan(compile, false);
    return 0;
}

static int prepare_transposed(const struct op_compile *compile, void *state)
{
    *(struct streamed_plan *)state = make_plan(compile, true);
    return 0;
}

struct streamed_job {
    const struct op_run        *run;
    const struct streamed_plan *plan;
};

/** Panels first .. end - 1 of the result, block by block of the depth. */
static void multiply(const struct streamed_job *job, size_t first, size_t end, float *packed)
{
    const struct streamed_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct kernel_table *kernel = run->kernel;
    bool has_bias = run->in_count > 2 && run->in[2].shape.rank >= 0;
    size_t column = first * kernel->panel_columns, last = end * kernel->panel_columns;
    size_t columns = (last < plan->columns ? last : plan->columns) - column;
    for (size_t begin = 0; begin < plan->depth; begin += plan->block) {
        size_t depth = plan->depth - begin < plan->block ? plan->depth - begin : plan->block;
        bool ends = begin + depth == plan->depth;
        struct kernel_weights weights = {.filters = columns,
                                         .channels = depth,
                                         .taps = 1,
                                         .filter_stride = plan->transposed ? 1 : plan->size.features,
                                         .channel_stride = plan->transposed ? plan->size.features : 1};
        struct kernel_product product = {
            .rows = plan->size.rows,
            .filters = columns,
            .taps = 1,
            .channels = depth,
            .x = (const float *)run->in[0].data + begin,
            .x_stride = plan->depth,
            .weights = packed,
            .bias = has_bias && ends ? (const float *)run->in[2].data + column : NULL,
            .out = (float *)run->out[0].data + column,
            .out_stride = plan->columns,
            .accumulate = begin > 0,
            .activation = ends ? run->activation : UNARY_identity,
            .alpha = run->alpha,
            .beta = run->beta,
        };
        kernel->pack_weights(&weights,
                             (const float *)run->in[1].data + column * weights.filter_stride +
                                 begin * weights.channel_stride,
                             packed);
        kernel->product(&product);
    }
}

/** chunk = a run of panels */
static void product_chunk(void *context, size_t chunk, int worker)
{
    const struct streamed_job *job = context;
    const struct streamed_plan *plan = job->plan;
    float *packed = (float *)(void *)((char *)job->run->worker_scratch + (size_t)worker * job->run->worker_scratch_bytes);
    size_t end = plan->panels * (chunk + 1) / plan->chunks;
    for (size_t first = plan->panels * chunk / plan->chunks; first < end; first += plan->together) {
        multiply(job, first, first + plan->together < end ? first + plan->together : end, packed);
    }
}

static void run_streamed(const struct op_run *run)
{
    struct streamed_job job = {run, run->state};
    if (job.plan->size.rows > 0) {
        pool_run(run->pool, product_chunk, &job, job.plan->chunks);
    }
}

bool dense_streams(const struct op_compile *compile)
{
    return !compile->in_constant[1] && dense_size(&compile->in[0].shape, &compile->in[1].shape).rows <= MOST_ROWS;
}

int dense_streamed_compile(struct op_compile *compile, bool transposed)
{
    struct streamed_plan plan = make_plan(compile, transposed);
    size_t depth = plan.depth < plan.block ? plan.depth : plan.block;
    compile->run = run_streamed;
    compile->prepare = transposed ? prepare_transposed : prepare_forward;
    compile->state = sizeof plan;
    compile->scratch_per_worker = plan.together * compile->kernel->panel_columns * depth * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "product %zu x %zu, weights packed in passing",
             compile->kernel->tile_rows, compile->kernel->panel_columns);
    return 0;
}
