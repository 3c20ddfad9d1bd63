/* SPDX-License-Identifier: MIT */
/* The weight gradient of a dense layer on the CPU: outer products over all rows, units in tiles and features in panels, so
 * that a panel's result is a piece of the plain weight. Each piece is summed by one thread over rows in order. */
#include "op/dense/dense.h"

#include <stdio.h>
#include <string.h>

struct outer_plan {
    struct dense_size size;
    size_t tile, panel;            /**< units and features of a piece */
    size_t blocks, panels, panels_per_chunk;
    size_t panel_floats;           /**< of a worker's packed panel of x; a narrow result follows it */
};

static struct outer_plan make_plan(const struct op_compile *compile)
{
    const struct kernel_table *kernel = compile->kernel;
    struct outer_plan plan = {.size = dense_size(&compile->in[0].shape, &compile->out[0].shape),
                              .tile = kernel->tile_rows,
                              .panel = kernel->panel_columns};
    plan.blocks = op_chunks(plan.size.units, plan.tile);
    plan.panels = op_chunks(plan.size.features, plan.panel);
    plan.panel_floats = plan.size.rows * plan.panel;
    double work = (double)plan.size.rows * (double)plan.size.units * (double)plan.panel;
    double together = work > 0 ? DENSE_CHUNK_WORK / work : 1;
    plan.panels_per_chunk = together < 1 ? 1 : together > 4096 ? 4096 : (size_t)together;
    return plan;
}

static int prepare(const struct op_compile *compile, void *state)
{
    *(struct outer_plan *)state = make_plan(compile);
    return 0;
}

struct outer_job {
    const struct op_run     *run;
    const struct outer_plan *plan;
};

/** dy in blocks of tile_rows units: [block][row][tile] in scratch. */
static void pack_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    size_t first = op_chunk_begin(chunk, OP_CHUNK), rows = op_chunk_length(chunk, OP_CHUNK, plan->size.rows);
    job->run->kernel->pack_columns(rows, plan->size.units, (const float *)job->run->in[1].data + first * plan->size.units,
                                   plan->size.units, plan->tile, plan->tile,
                                   (float *)job->run->scratch + first * plan->tile, plan->size.rows * plan->tile);
}

static void outer_panel(const struct outer_job *job, size_t panel, float *packed)
{
    const struct outer_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct kernel_table *kernel = run->kernel;
    size_t first = panel * plan->panel, features = op_chunk_length(panel, plan->panel, plan->size.features);
    size_t width = kernel_panel_width(kernel, features);
    float *narrow = packed + plan->panel_floats; /* a panel wider than what is left of the weight's rows */
    kernel->pack_columns(plan->size.rows, features, (const float *)run->in[0].data + first, plan->size.features, width,
                         width, packed, 0);
    for (size_t block = 0; block < plan->blocks; block++) {
        size_t unit = block * plan->tile, units = op_chunk_length(block, plan->tile, plan->size.units);
        float *out = (float *)run->out[0].data + unit * plan->size.features + first;
        struct kernel_outer outer = {
            .runs = 1,
            .run = plan->size.rows,
            .channels = units,
            .width = width,
            .x = (const float *)run->scratch + block * plan->size.rows * plan->tile,
            .x_step = plan->tile,
            .dy = packed,
            .out = width == features ? out : narrow,
            .out_stride = width == features ? plan->size.features : width,
        };
        kernel->outer(&outer);
        for (size_t row = 0; width != features && row < units; row++) {
            memcpy(out + row * plan->size.features, narrow + row * width, features * sizeof *out);
        }
    }
}

static void outer_chunk(void *context, size_t chunk, int worker)
{
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    float *packed = (float *)(void *)((char *)job->run->worker_scratch + (size_t)worker * job->run->worker_scratch_bytes);
    size_t first = op_chunk_begin(chunk, plan->panels_per_chunk);
    size_t end = first + op_chunk_length(chunk, plan->panels_per_chunk, plan->panels);
    for (size_t panel = first; panel < end; panel++) {
        outer_panel(job, panel, packed);
    }
}

static void run_outer(const struct op_run *run)
{
    struct outer_job job = {run, run->state};
    if (job.plan->size.rows == 0) { /* an empty batch */
        memset(run->out[0].data, 0, job.plan->size.units * job.plan->size.features * sizeof(float));
        return;
    }
    pool_run(run->pool, pack_chunk, &job, op_chunks(job.plan->size.rows, OP_CHUNK));
    pool_run(run->pool, outer_chunk, &job, op_chunks(job.plan->panels, job.plan->panels_per_chunk));
}

int dense_outer_compile(struct op_compile *compile)
{
    struct outer_plan plan = make_plan(compile);
    compile->run = run_outer;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->scratch = plan.blocks * plan.tile * plan.size.rows * sizeof(float);
    compile->scratch_per_worker = (plan.panel_floats + plan.tile * plan.panel) * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "outer products %zu x %zu", plan.tile, plan.panel);
    return 0;
}
