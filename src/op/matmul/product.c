/* SPDX-License-Identifier: MIT */
/* Stacks of matrix products on the CPU: each b is packed in panels (once, if it is constant), each a is transposed if
 * the options say so, then blocks of rows run on the pool. A stack of a by a single matrix b is computed as one tall
 * product. */
#include "op/matmul/matmul.h"

#include <stdio.h>

enum { BLOCK_TILES = 16, WORK_PER_CHUNK = 1 << 19 };

struct product_plan {
    struct matmul_size size;
    size_t rows, depth, columns, stack, a_stack, b_stack; /**< stack, a_stack, b_stack: matrices in y, a and b */
    size_t panels, packed;                                /**< per matrix b: panels, floats */
    size_t blocks, block;                                 /**< per matrix y: blocks; rows in a block */
    size_t segments;                                      /**< per block: runs of panels, several where rows are few */
    size_t workspace;                                     /**< floats of kernel workspace (kernel.h); 0: none */
};

static struct product_plan make_plan(const struct op_compile *compile)
{
    const struct kernel_table *kernel = compile->kernel;
    struct product_plan plan = {.stack = 0};
    matmul_size(compile->options, &compile->in[0].shape, &compile->in[1].shape, &plan.size, NULL);
    plan.rows = (size_t)plan.size.rows;
    plan.depth = (size_t)plan.size.depth;
    plan.columns = (size_t)plan.size.columns;
    plan.stack = op_count(&plan.size.batch);
    plan.a_stack = op_count(&plan.size.a_batch);
    plan.b_stack = op_count(&plan.size.b_batch);
    if (plan.b_stack == 1 && plan.a_stack == plan.stack && !plan.size.turn_a) { /* one tall matrix */
        plan.rows *= plan.stack;
        plan.stack = plan.a_stack = 1;
    }
    plan.workspace = kernel->product_workspace(plan.rows, plan.columns, plan.depth);
    plan.packed = kernel_padded_filters(kernel, plan.columns) * plan.depth;
    plan.panels = op_chunks(plan.columns, kernel->panel_columns);
    plan.block = BLOCK_TILES * kernel->tile_rows;
    plan.blocks = op_chunks(plan.rows, plan.block);
    double work = (double)(plan.rows < plan.block ? plan.rows : plan.block) * (double)plan.depth * (double)plan.columns;
    double chunks = plan.blocks * plan.stack > 8 ? 1 : work / WORK_PER_CHUNK;
    plan.segments = chunks < 1 ? 1 : chunks > (double)plan.panels ? plan.panels : (size_t)chunks;
    return plan;
}

static int prepare(const struct op_compile *compile, void *state)
{
    *(struct product_plan *)state = make_plan(compile);
    return FOV_OK;
}

struct job {
    const struct op_run       *run;
    const struct product_plan *plan;
};

static void pack_panel(void *context, size_t index, int worker)
{
    (void)worker;
    const struct job *job = context;
    const struct product_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t matrix = index / plan->panels, first = index % plan->panels * kernel->panel_columns;
    size_t rest = plan->columns - first;
    bool turned = plan->size.turn_b; /* b is stored as [columns, depth] */
    struct kernel_weights shape = {.filters = rest < kernel->panel_columns ? rest : kernel->panel_columns,
                                   .channels = plan->depth,
                                   .taps = 1,
                                   .filter_stride = turned ? plan->depth : 1,
                                   .channel_stride = turned ? 1 : plan->columns};
    kernel->pack_weights(&shape,
                         (const float *)job->run->in[1].data + matrix * plan->depth * plan->columns +
                             first * shape.filter_stride,
                         (float *)job->run->packed[1] + matrix * plan->packed + first * plan->depth);
}

static void pack(const struct op_run *run)
{
    struct job job = {run, run->state};
    if (job.plan->depth > 0) {
        pool_run(run->pool, pack_panel, &job, job.plan->b_stack * job.plan->panels);
    }
}

static void turn_matrix(void *context, size_t matrix, int worker)
{
    (void)worker;
    const struct job *job = context;
    size_t rows = job->plan->rows, depth = job->plan->depth;
    job->run->kernel->transpose(depth, rows, (const float *)job->run->in[0].data + matrix * rows * depth, rows,
                                (float *)job->run->scratch + matrix * rows * depth, depth);
}

static void product_chunk(void *context, size_t chunk, int worker)
{
    const struct job *job = context;
    const struct product_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct kernel_table *kernel = run->kernel;
    size_t segment = chunk % plan->segments, block = chunk / plan->segments % plan->blocks;
    size_t n = chunk / plan->segments / plan->blocks;
    size_t a = plan->a_stack == 1 ? 0 : op_broadcast_index(&plan->size.batch, n, &plan->size.a_batch);
    size_t b = plan->b_stack == 1 ? 0 : op_broadcast_index(&plan->size.batch, n, &plan->size.b_batch);
    size_t row = block * plan->block, first = plan->panels * segment / plan->segments * kernel->panel_columns;
    size_t last = plan->panels * (segment + 1) / plan->segments * kernel->panel_columns;
    const float *from = plan->size.turn_a ? run->scratch : run->in[0].data;
    struct kernel_product product = {
        .rows = op_chunk_length(block, plan->block, plan->rows),
        .filters = (last < plan->columns ? last : plan->columns) - first,
        .taps = 1,
        .channels = plan->depth,
        .x = from + (a * plan->rows + row) * plan->depth,
        .x_stride = plan->depth,
        .weights = (const float *)run->packed[1] + b * plan->packed + first * plan->depth,
        .out = (float *)run->out[0].data + (n * plan->rows + row) * plan->columns + first,
        .out_stride = plan->columns,
        .workspace = op_worker_scratch(run, worker), /* NULL where the kernel wants none */
    };
    kernel->product(&product);
}

static void run_product(const struct op_run *run)
{
    struct job job = {run, run->state};
    const struct product_plan *plan = job.plan;
    if (plan->size.turn_a) {
        pool_run(run->pool, turn_matrix, &job, plan->a_stack);
    }
    pool_run(run->pool, product_chunk, &job, plan->stack * plan->blocks * plan->segments);
}

int matmul_compile(struct op_compile *compile)
{
    struct product_plan plan = make_plan(compile);
    compile->run = run_product;
    compile->pack = pack;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->packed[1] = plan.packed * plan.b_stack * sizeof(float);
    compile->scratch = plan.size.turn_a ? plan.a_stack * plan.rows * plan.depth * sizeof(float) : 0;
    compile->scratch_per_worker = plan.workspace * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "product %zu x %zu%s, %zu matrices", compile->kernel->tile_rows,
             compile->kernel->panel_columns, plan.workspace > 0 ? " on tiles" : "", plan.stack);
    return FOV_OK;
}
