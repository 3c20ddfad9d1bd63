/* SPDX-License-Identifier: MIT */
/* A dense layer, or its input gradient, in training, where the weight changes from run to run. Packing the whole weight
 * first would write and read it once more, and with a small batch this memory traffic dominates the cost. So each
 * thread packs a block that fits its cache, multiplies, and goes on to the next: the weight is read from memory once. A
 * small weight is split by units (op/parts.h): each core takes the same units in both directions, and the input
 * gradient then adds up the cores' partial sums. */
#include "op/dense/dense.h"
#include "op/parts.h"

#include <stdio.h>

enum {
    FORWARD_DEPTH = 1024, /* features per block: some cache lines of each unit's row */
    BACKWARD_DEPTH = 64,  /* units per block, a long piece of each unit's row */
    BACKWARD_RUN = 512,   /* floats of a row packed together */
    MOST_ROWS = 256,      /* with more rows, packing is negligible beside the products */
    MOST_CHUNKS = 64,
    TOTAL_ROWS = 16
};

struct streamed_plan {
    struct dense_size size;
    size_t depth, columns; /**< of the product: features and units; transposed: units and features */
    size_t block;          /**< depth of one block */
    size_t chunks, panels, together; /**< panels: in all; together: panels in one block */
    size_t parts; /**< of the units, one per chunk; 1: not split, a chunk is a run of panels */
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
    size_t parts = op_row_parts(kernel, plan.size.units, plan.size.features);
    plan.parts = 2 * work >= 1 ? parts : 1;
    if (plan.parts > 1) {
        plan.together = 1;
        plan.chunks = parts;
        return plan;
    }
    size_t chunks = work < 1 ? 1 : work > MOST_CHUNKS ? MOST_CHUNKS : (size_t)work;
    /* Shorter pieces of a row where the weight is so small that long ones would leave threads without work. */
    size_t most = transposed && panel < BACKWARD_RUN ? BACKWARD_RUN / panel : 1, share = op_chunks(plan.panels, chunks);
    plan.together = share < most ? share : most;
    most = op_chunks(plan.panels, plan.together);
    plan.chunks = chunks < most ? chunks : most;
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

/** Columns column .. column + columns - 1 of the product over depth begin .. end - 1; `out` has rows of all columns. */
struct piece {
    size_t column, columns, begin, end;
    float *out;
};

static void multiply(const struct streamed_job *job, const struct piece *piece, float *packed)
{
    const struct streamed_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct kernel_table *kernel = run->kernel;
    bool has_bias = run->in_count > 2 && run->in[2].shape.rank >= 0;
    size_t column = piece->column, columns = piece->columns;
    for (size_t begin = piece->begin; begin < piece->end; begin += plan->block) {
        size_t depth = size_smaller(piece->end - begin, plan->block);
        bool ends = begin + depth == plan->depth && piece->begin == 0; /* partial sums: see total_chunk */
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
            .residual = run->residual != NULL && ends ? (const float *)run->residual->data + column : NULL,
            .residual_stride = plan->columns,
            .out = piece->out + column,
            .out_stride = plan->columns,
            .accumulate = begin > piece->begin,
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

static float *worker_floats(const struct op_run *run, int worker)
{
    return op_worker_scratch(run, worker);
}

/** Columns first .. end - 1, plan->together panels at a time. */
static void multiply_columns(const struct streamed_job *job, size_t first, size_t end, int worker)
{
    size_t together = job->plan->together * job->run->kernel->panel_columns;
    for (; first < end; first += together) {
        struct piece piece = {first, size_smaller(together, end - first), 0, job->plan->depth, job->run->out[0].data};
        multiply(job, &piece, worker_floats(job->run, worker));
    }
}

/** chunk = a run of panels */
static void product_chunk(void *context, size_t chunk, int worker)
{
    const struct streamed_job *job = context;
    const struct streamed_plan *plan = job->plan;
    size_t panel = job->run->kernel->panel_columns;
    multiply_columns(job, plan->panels * chunk / plan->chunks * panel,
                     size_smaller(plan->panels * (chunk + 1) / plan->chunks * panel, plan->columns), worker);
}

/** chunk = a part of the units, which are the columns of the forward product */
static void forward_part(void *context, size_t part, int worker)
{
    const struct streamed_job *job = context;
    const struct streamed_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    multiply_columns(job, op_row_part(kernel, plan->columns, plan->parts, part),
                     op_row_part(kernel, plan->columns, plan->parts, part + 1), worker);
}

/** chunk = a part of the units: its partial sums for all features, in the result for part 0, else in scratch */
static void backward_part(void *context, size_t part, int worker)
{
    const struct streamed_job *job = context;
    const struct streamed_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t whole = plan->size.rows * plan->columns;
    for (size_t first = 0; first < plan->columns; first += kernel->panel_columns) {
        struct piece piece = {
            .column = first,
            .columns = size_smaller(kernel->panel_columns, plan->columns - first),
            .begin = op_row_part(kernel, plan->depth, plan->parts, part),
            .end = op_row_part(kernel, plan->depth, plan->parts, part + 1),
            .out = part == 0 ? job->run->out[0].data : (float *)job->run->scratch + (part - 1) * whole,
        };
        multiply(job, &piece, worker_floats(job->run, worker));
    }
}

/** chunk = some rows: adds up partial sums in the order of the parts, then the residual, then applies the activation */
static void total_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct streamed_job *job = context;
    const struct streamed_plan *plan = job->plan;
    const struct op_run *run = job->run;
    size_t whole = plan->size.rows * plan->columns, at = op_chunk_begin(chunk, TOTAL_ROWS) * plan->columns;
    size_t count = op_chunk_length(chunk, TOTAL_ROWS, plan->size.rows) * plan->columns;
    float *out = (float *)run->out[0].data + at;
    for (size_t part = 1; part < plan->parts; part++) {
        run->kernel->scale_add(count, 1, (const float *)run->scratch + (part - 1) * whole + at, 1, out);
    }
    if (run->residual != NULL) {
        run->kernel->scale_add(count, 1, (const float *)run->residual->data + at, 1, out);
    }
    if (run->activation != UNARY_identity) {
        run->kernel->unary[run->activation](count, out, out, run->alpha, run->beta);
    }
}

static void run_streamed(const struct op_run *run)
{
    struct streamed_job job = {run, run->state};
    const struct streamed_plan *plan = job.plan;
    bool adds = plan->parts > 1 && plan->transposed;
    pool_run(run->pool, adds ? backward_part : plan->parts > 1 ? forward_part : product_chunk, &job, plan->chunks);
    if (adds) {
        pool_run(run->pool, total_chunk, &job, op_chunks(plan->size.rows, TOTAL_ROWS));
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
    if (plan.parts > 1 && transposed) {
        compile->scratch = (plan.parts - 1) * plan.size.rows * plan.columns * sizeof(float);
    }
    compile->scratch_per_worker = plan.together * compile->kernel->panel_columns * depth * sizeof(float);
    /* Sums over several blocks accumulate in the result, and the residual is only read with the last block. */
    compile->overwrites_residual = !transposed && plan.depth <= plan.block;
    snprintf(compile->detail, sizeof compile->detail, "product %zu x %zu, weights packed in passing",
             compile->kernel->tile_rows, compile->kernel->panel_columns);
    return 0;
}
