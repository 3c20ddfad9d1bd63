/* SPDX-License-Identifier: MIT */
/* The weight gradient of a dense layer on the CPU: outer products over all rows, units in tiles and features in
 * panels, so that a panel's result is a piece of the plain weight. Each piece is summed by one thread over rows in
 * order. With few rows most of the time goes into writing the weight: then all of x is packed first, and whole rows of
 * the weight are written one after the other. A small weight is cut into parts (op/parts.h), and x is packed again for
 * each part. */
#include "op/dense/dense.h"
#include "op/parts.h"

#include <stdio.h>
#include <string.h>

enum { FEW_ROWS = 256 };

struct outer_plan {
    struct dense_size size;
    bool   lines;                  /**< few rows: chunks are blocks of units; else panels of features */
    size_t parts;                  /**< more than 1: chunks are parts of the units */
    size_t tile, panel;            /**< units and features of a piece */
    size_t blocks, panels, per_chunk; /**< blocks or panels */
    size_t panel_floats;           /**< of a packed panel of x; a narrow result follows it in a worker's memory */
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
    plan.parts = plan.size.rows <= FEW_ROWS ? op_row_parts(kernel, plan.size.units, plan.size.features) : 1;
    plan.lines = plan.size.rows <= FEW_ROWS && plan.parts == 1;
    double work = (double)plan.size.rows * (double)(plan.lines ? plan.size.features * plan.tile
                                                               : plan.size.units * plan.panel);
    double together = work > 0 ? DENSE_CHUNK_WORK / work : 1;
    plan.per_chunk = together < 1 ? 1 : together > 4096 ? 4096 : (size_t)together;
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
    float                   *dy, *x; /**< packed, in scratch; x: NULL where chunks are panels */
};

/** dy in blocks of tile_rows units: [block][row][tile] in scratch. */
static void pack_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    size_t first = op_chunk_begin(chunk, OP_CHUNK), rows = op_chunk_length(chunk, OP_CHUNK, plan->size.rows);
    job->run->kernel->pack_columns(rows, plan->size.units,
                                   (const float *)job->run->in[1].data + first * plan->size.units, plan->size.units,
                                   plan->tile, plan->tile, job->dy + first * plan->tile, plan->size.rows * plan->tile);
}

/** x in panels of features. */
static void pack_panel(const struct outer_job *job, size_t panel, float *packed)
{
    const struct outer_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t first = panel * plan->panel, features = op_chunk_length(panel, plan->panel, plan->size.features);
    size_t width = kernel_panel_width(kernel, features);
    kernel->pack_columns(plan->size.rows, features, (const float *)job->run->in[0].data + first, plan->size.features,
                         width, width, packed, 0);
}

static void pack_panel_chunk(void *context, size_t panel, int worker)
{
    (void)worker;
    const struct outer_job *job = context;
    pack_panel(job, panel, job->x + panel * job->plan->panel_floats);
}

/** One piece of the weight: a block of units by a panel of features. `narrow`: room for the result of a panel that is
 *  wider than the features left. */
static void outer_piece(const struct outer_job *job, size_t block, size_t panel, const float *packed, float *narrow)
{
    const struct outer_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct kernel_table *kernel = run->kernel;
    size_t first = panel * plan->panel, features = op_chunk_length(panel, plan->panel, plan->size.features);
    size_t width = kernel_panel_width(kernel, features);
    size_t unit = block * plan->tile, units = op_chunk_length(block, plan->tile, plan->size.units);
    float *out = (float *)run->out[0].data + (unit - run->row_first) * plan->size.features + first;
    struct kernel_outer outer = {
        .runs = 1,
        .run = plan->size.rows,
        .channels = units,
        .width = width,
        .x = job->dy + block * plan->size.rows * plan->tile,
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

static float *worker_floats(const struct outer_job *job, int worker)
{
    return op_worker_scratch(job->run, worker);
}

/** chunk = some panels of features, all units */
static void panel_chunk(void *context, size_t chunk, int worker)
{
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    float *packed = worker_floats(job, worker);
    size_t first = op_chunk_begin(chunk, plan->per_chunk);
    size_t end = first + op_chunk_length(chunk, plan->per_chunk, plan->panels);
    for (size_t panel = first; panel < end; panel++) {
        pack_panel(job, panel, packed);
        for (size_t block = 0; block < plan->blocks; block++) {
            outer_piece(job, block, panel, packed, packed + plan->panel_floats);
        }
    }
}

/** Blocks of the units that this run is asked for. */
static size_t blocks_wanted(const struct outer_job *job)
{
    return job->run->row_count ? op_chunks(job->run->row_count, job->plan->tile) : job->plan->blocks;
}

/** chunk = some blocks of units, all features */
static void line_chunk(void *context, size_t chunk, int worker)
{
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    size_t begin = job->run->row_first / plan->tile;
    size_t first = op_chunk_begin(chunk, plan->per_chunk);
    size_t end = first + op_chunk_length(chunk, plan->per_chunk, blocks_wanted(job));
    for (size_t block = begin + first; block < begin + end; block++) {
        for (size_t panel = 0; panel < plan->panels; panel++) {
            outer_piece(job, block, panel, job->x + panel * plan->panel_floats, worker_floats(job, worker));
        }
    }
}

/** chunk = a part of the units, all features */
static void part_chunk(void *context, size_t part, int worker)
{
    struct outer_job job = *(const struct outer_job *)context;
    const struct outer_plan *plan = job.plan;
    const struct kernel_table *kernel = job.run->kernel;
    size_t first = op_row_part(kernel, plan->size.units, plan->parts, part);
    size_t end = op_row_part(kernel, plan->size.units, plan->parts, part + 1);
    job.x += part * plan->panels * plan->panel_floats;
    kernel->pack_columns(plan->size.rows, end - first, (const float *)job.run->in[1].data + first, plan->size.units,
                         plan->tile, plan->tile, job.dy + first * plan->size.rows, plan->size.rows * plan->tile);
    for (size_t panel = 0; panel < plan->panels; panel++) {
        pack_panel(&job, panel, job.x + panel * plan->panel_floats);
    }
    for (size_t block = first / plan->tile; block * plan->tile < end; block++) {
        for (size_t panel = 0; panel < plan->panels; panel++) {
            outer_piece(&job, block, panel, job.x + panel * plan->panel_floats, worker_floats(&job, worker));
        }
    }
}

static void run_outer(const struct op_run *run)
{
    struct outer_job job = {run, run->state, run->scratch, NULL};
    if (job.plan->parts > 1) {
        job.x = job.dy + job.plan->blocks * job.plan->tile * job.plan->size.rows;
        pool_run(run->pool, part_chunk, &job, job.plan->parts);
        return;
    }
    if (run->row_first == 0) { /* calls for later rows find dy packed */
        pool_run(run->pool, pack_chunk, &job, op_chunks(job.plan->size.rows, OP_CHUNK));
    }
    if (job.plan->lines) {
        job.x = job.dy + job.plan->blocks * job.plan->tile * job.plan->size.rows;
        if (run->row_first == 0) {
            pool_run(run->pool, pack_panel_chunk, &job, job.plan->panels);
        }
        pool_run(run->pool, line_chunk, &job, op_chunks(blocks_wanted(&job), job.plan->per_chunk));
    } else {
        pool_run(run->pool, panel_chunk, &job, op_chunks(job.plan->panels, job.plan->per_chunk));
    }
}

int dense_outer_compile(struct op_compile *compile)
{
    struct outer_plan plan = make_plan(compile);
    compile->run = run_outer;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->rows_together = plan.lines ? plan.tile : 0;
    size_t dy = plan.blocks * plan.tile * plan.size.rows, x = plan.panels * plan.panel_floats;
    bool by_panels = !plan.lines && plan.parts == 1;
    compile->scratch = (dy + (by_panels ? 0 : plan.parts * x)) * sizeof(float);
    compile->scratch_per_worker = ((by_panels ? plan.panel_floats : 0) + plan.tile * plan.panel) * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "outer products %zu x %zu, by %s", plan.tile, plan.panel,
             plan.parts > 1 ? "parts" : plan.lines ? "lines" : "panels");
    return 0;
}
