/* SPDX-License-Identifier: MIT */
/* A dense layer, or its input gradient, on the CPU: one matrix product over packed weights, cut into blocks of rows and
 * runs of panels. */
#include "op/dense/dense.h"

#include <stdio.h>

enum { BLOCK_TILES = 32, MAX_SEGMENTS = 64, FEW_ROWS = 4, FEW_ROWS_COLUMNS = 256 };

struct product_plan {
    struct dense_size size;
    size_t depth, columns; /**< of the product: features and units; transposed: units and features */
    size_t panels, blocks, segments;
    size_t workspace; /**< floats of kernel workspace; by the whole shape, so that all blocks choose alike (kernel.h) */
    bool   transposed;
};

static struct product_plan make_plan(const struct op_compile *compile, bool transposed)
{
    const struct kernel_table *kernel = compile->kernel;
    struct product_plan plan = {.size = dense_size(&compile->in[0].shape, &compile->in[1].shape),
                                .transposed = transposed};
    plan.depth = transposed ? plan.size.units : plan.size.features;
    plan.columns = transposed ? plan.size.features : plan.size.units;
    plan.workspace = kernel->product_workspace(plan.size.rows, plan.columns, plan.depth);
    plan.panels = size_divide_up(plan.columns, kernel->panel_columns);
    size_t target = BLOCK_TILES * kernel->tile_rows;
    plan.blocks = plan.size.rows <= target ? (plan.size.rows > 0) : plan.size.rows / target;
    /* With few rows the panels are divided among threads, as long as each chunk is worth a thread. */
    double work = (double)plan.size.rows * (double)plan.depth * (double)plan.columns;
    double chunks = work / DENSE_CHUNK_WORK / (double)(plan.blocks == 0 ? 1 : plan.blocks);
    plan.segments = chunks < 1 ? 1 : chunks > MAX_SEGMENTS ? MAX_SEGMENTS : (size_t)chunks;
    /* The kernel for few rows computes several panels at once, for enough independent sums: do not separate these. */
    size_t together = plan.size.rows > FEW_ROWS ? 1 : FEW_ROWS_COLUMNS / kernel->panel_columns;
    size_t most = plan.panels > together ? plan.panels / together : 1;
    if (plan.segments > most) {
        plan.segments = most;
    }
    return plan;
}

static int prepare(const struct op_compile *compile, void *state)
{
    bool transposed = ((const struct product_plan *)state)->transposed;
    *(struct product_plan *)state = make_plan(compile, transposed);
    return 0;
}

static int prepare_forward(const struct op_compile *compile, void *state)
{
    *(struct product_plan *)state = (struct product_plan){.transposed = false};
    return prepare(compile, state);
}

static int prepare_transposed(const struct op_compile *compile, void *state)
{
    *(struct product_plan *)state = (struct product_plan){.transposed = true};
    return prepare(compile, state);
}

struct product_job {
    const struct op_run       *run;
    const struct product_plan *plan;
};

/** Packs one panel of the columns whose weights in[1] holds: all, or (not transposed) those of a part of the weight. */
static void pack_panel(void *context, size_t panel, int worker)
{
    (void)worker;
    const struct product_job *job = context;
    const struct product_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t begin = job->run->pack_first, end = job->run->pack_count ? begin + job->run->pack_count : plan->columns;
    size_t here = panel * kernel->panel_columns, first = begin + here, rest = end - first;
    struct kernel_weights shape = {.filters = rest < kernel->panel_columns ? rest : kernel->panel_columns,
                                   .channels = plan->depth,
                                   .taps = 1,
                                   .filter_stride = plan->transposed ? 1 : plan->size.features,
                                   .channel_stride = plan->transposed ? plan->size.features : 1};
    float *packed = (float *)job->run->packed[1] + first * plan->depth;
    kernel->pack_weights(&shape, (const float *)job->run->in[1].data + here * shape.filter_stride, packed);
    if (job->run->fold_factor != NULL) {
        size_t width = kernel_panel_width(kernel, rest);
        struct kernel_operand weights = {packed, width, 1}, factor = {job->run->fold_factor + first, 0, 1};
        kernel->binary[BINARY_mul](plan->depth, shape.filters, weights, factor, packed, width);
    }
}

static void pack(const struct op_run *run)
{
    enum { WORTH_THREADS = 1 << 15 }; /* floats */
    struct product_job job = {run, run->state};
    size_t columns = run->pack_count ? run->pack_count : job.plan->columns, width = run->kernel->panel_columns;
    bool   large = job.plan->depth * columns >= WORTH_THREADS;
    pool_run(large ? run->pool : NULL, pack_panel, &job, size_divide_up(columns, width));
}

static void product_chunk(void *context, size_t chunk, int worker)
{
    const struct product_job *job = context;
    const struct product_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct kernel_table *kernel = run->kernel;
    size_t segment = chunk % plan->segments, block = chunk / plan->segments;
    size_t tiles = size_divide_up(plan->size.rows, kernel->tile_rows);
    size_t begin = tiles * block / plan->blocks * kernel->tile_rows;
    size_t end = tiles * (block + 1) / plan->blocks * kernel->tile_rows;
    size_t first = plan->panels * segment / plan->segments * kernel->panel_columns;
    size_t last = plan->panels * (segment + 1) / plan->segments * kernel->panel_columns;
    const float *bias = op_bias(run, 2), *residual = run->residual != NULL ? run->residual->data : NULL;
    struct kernel_product product = {
        .rows = (end < plan->size.rows ? end : plan->size.rows) - begin,
        .filters = (last < plan->columns ? last : plan->columns) - first,
        .taps = 1,
        .channels = plan->depth,
        .x = (const float *)run->in[0].data + begin * plan->depth,
        .x_stride = plan->depth,
        .weights = (const float *)run->packed[1] + first * plan->depth,
        .bias = bias != NULL ? bias + first : NULL,
        .residual = residual != NULL ? residual + begin * plan->columns + first : NULL,
        .residual_stride = plan->columns,
        .out = (float *)run->out[0].data + begin * plan->columns + first,
        .out_stride = plan->columns,
        .workspace = op_worker_scratch(run, worker), /* NULL where the kernel wants none */
        .activation = run->activation,
        .alpha = run->alpha,
        .beta = run->beta,
    };
    kernel->product(&product);
}

static void run_product(const struct op_run *run)
{
    struct product_job job = {run, run->state};
    pool_run(run->pool, product_chunk, &job, job.plan->blocks * job.plan->segments);
}

int dense_product_compile(struct op_compile *compile, bool transposed)
{
    if (dense_streams(compile)) {
        return dense_streamed_compile(compile, transposed);
    }
    struct product_plan plan = make_plan(compile, transposed);
    compile->run = run_product;
    compile->pack = pack;
    compile->pack_rows = transposed ? 0 : compile->kernel->panel_columns;
    compile->prepare = transposed ? prepare_transposed : prepare_forward;
    compile->state = sizeof plan;
    compile->packed[1] = kernel_padded_filters(compile->kernel, plan.columns) * plan.depth * sizeof(float);
    compile->scratch_per_worker = plan.workspace * sizeof(float);
    compile->overwrites_residual = true; /* each of its elements is read just before the sum is stored there */
    snprintf(compile->detail, sizeof compile->detail, "product %zu x %zu%s", compile->kernel->tile_rows,
             compile->kernel->panel_columns, plan.workspace > 0 ? " on tiles" : "");
    return 0;
}
