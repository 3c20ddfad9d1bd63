/* SPDX-License-Identifier: MIT */
/* Implements outer_rows.h. */
#include "op/outer_rows.h"

#include <string.h>

enum {
    STEP_PIXELS = 32,     /* parts of the pixels begin at multiples of this */
    PIECE_SUMS = 1 << 17, /* floats of a job's sums: with the rows of two blocks they fit the second-level cache */
    PIECE_SIDE = 512,
    LEAST_SIDE = 24,      /* channels and filters: below, rows are prepared for too few products */
    LEAST_WEIGHT = 1 << 12,
    LEAST_PIXELS = 96,
    PART_STEPS = 8,       /* least size of a part of the pixels, in steps of STEP_PIXELS */
    LEAST_JOBS = 8,
    MAX_PARTS = 16
};

/** Channels or filters per part: a multiple of 32 (two tiles) if there is more than one part. */
static size_t part_of(size_t side, size_t parts)
{
    size_t part = size_round_up(size_divide_up(side, parts), 32);
    return size_smaller(part, side);
}

static size_t steps_of(const struct outer_rows_plan *plan)
{
    return size_divide_up(plan->pixels, STEP_PIXELS);
}

/** Estimated cost, roughly in nanoseconds: every piece prepares its rows of x and dy (and may compute all channels of
 * x), partly overlapped with the products; partial sums are written and read. */
static double cost_of(const struct outer_rows_plan *plan, bool made)
{
    double pieces = (double)(plan->groups * plan->taps * plan->filter_parts * plan->channel_parts);
    double row = 0.15 * (double)(plan->filter_part + plan->channel_part) + (made ? 0.3 * (double)plan->channels : 0);
    double weight = (double)(plan->groups * plan->taps) * (double)plan->filters * (double)plan->channels;
    return (double)plan->pixels * pieces * row + (plan->pixel_parts > 1 ? 0.6 * (double)plan->pixel_parts * weight : 0);
}

/** Keeps `tried` if it has more jobs than the best so far (counted up to LEAST_JOBS), or as many at a lower cost. */
static void keep_better(const struct outer_rows_plan *tried, bool made, struct outer_rows_plan *best, size_t *best_jobs)
{
    size_t pieces = tried->groups * tried->taps * tried->filter_parts * tried->channel_parts;
    size_t jobs = size_smaller(pieces * tried->pixel_parts, LEAST_JOBS);
    if (jobs > *best_jobs || (jobs == *best_jobs && cost_of(tried, made) < cost_of(best, made))) {
        *best = *tried;
        *best_jobs = jobs;
    }
}

/** Chooses how to cut the weight and the pixels (each part of the pixels has partial sums of its own): the cheapest way
 * that has enough jobs. */
static void cut(struct outer_rows_plan *plan, bool made)
{
    struct outer_rows_plan best = *plan, tried = *plan;
    size_t best_jobs = 0, most = size_smaller(steps_of(plan) / PART_STEPS, MAX_PARTS);
    for (size_t f = 1; f == 1 || part_of(plan->filters, f - 1) > 64; f++) {
        for (size_t c = 1; c == 1 || part_of(plan->channels, c - 1) > 64; c++) {
            tried.filter_part = part_of(plan->filters, f);
            tried.channel_part = part_of(plan->channels, c);
            tried.filter_parts = size_divide_up(plan->filters, tried.filter_part);
            tried.channel_parts = size_divide_up(plan->channels, tried.channel_part);
            bool fits = tried.filter_part <= PIECE_SIDE && tried.channel_part <= PIECE_SIDE &&
                        tried.filter_part * tried.channel_part <= PIECE_SUMS;
            for (tried.pixel_parts = 1; fits && (tried.pixel_parts == 1 || tried.pixel_parts <= most);
                 tried.pixel_parts *= 2) {
                keep_better(&tried, made, &best, &best_jobs);
            }
        }
    }
    *plan = best;
}

bool outer_rows_plan(struct outer_rows_plan *plan, const struct kernel_table *kernel, bool made)
{
    if (kernel->outer_rows_workspace(plan->channels, plan->filters) == 0 || plan->channels < LEAST_SIDE ||
        plan->filters < LEAST_SIDE || plan->channels * plan->filters < LEAST_WEIGHT || plan->pixels < LEAST_PIXELS) {
        return false;
    }
    cut(plan, made);
    size_t vector = kernel->vector_floats;
    plan->sum_stride = size_round_up(plan->channel_part, vector) + vector; /* + vector: see kernel_outer_rows */
    plan->sum_floats = size_round_up(plan->filter_part, vector) * plan->sum_stride;
    plan->workspace_floats = kernel->outer_rows_workspace(plan->channel_part, plan->filter_part);
    plan->made_floats = made ? KERNEL_OUTER_PIXELS * plan->groups * plan->channels : 0;
    plan->worker_floats = plan->sum_floats + plan->workspace_floats + plan->made_floats;
    bool straight = plan->taps == 1 && plan->pixel_parts == 1;
    plan->scratch_floats =
        straight ? 0 : plan->pixel_parts * plan->groups * plan->taps * plan->filters * plan->channels;
    return true;
}

struct rows_job {
    const struct op_run          *run;
    const struct outer_rows_plan *plan;
    outer_rows_find              *find;
};

/** A job: a range of the weight and a part of the pixels. */
struct rows_piece {
    size_t group, tap, filter, filters, channel, channels, part;
};

static struct rows_piece piece_at(const struct outer_rows_plan *plan, size_t index)
{
    struct rows_piece piece;
    piece.channel = index % plan->channel_parts * plan->channel_part;
    index /= plan->channel_parts;
    piece.filter = index % plan->filter_parts * plan->filter_part;
    index /= plan->filter_parts;
    piece.tap = index % plan->taps;
    index /= plan->taps;
    piece.group = index % plan->groups;
    piece.part = index / plan->groups;
    piece.filters = size_smaller(plan->filter_part, plan->filters - piece.filter);
    piece.channels = size_smaller(plan->channel_part, plan->channels - piece.channel);
    return piece;
}

/** Sums over all pixels of the part, block by block. */
static void sum_piece(const struct rows_job *job, const struct rows_piece *piece, float *sums)
{
    const struct outer_rows_plan *plan = job->plan;
    const float *dy = job->run->in[1].data, *rows[KERNEL_OUTER_PIXELS];
    size_t dy_stride = plan->groups * plan->filters, first_channel = piece->group * plan->channels + piece->channel;
    struct kernel_outer_rows outer = {.channels = piece->channels, .filters = piece->filters, .x = rows,
                                      .dy_stride = dy_stride, .out = sums, .out_stride = plan->sum_stride,
                                      .workspace = sums + plan->sum_floats};
    size_t steps = steps_of(plan), first = steps * piece->part / plan->pixel_parts * STEP_PIXELS;
    size_t end = size_smaller(steps * (piece->part + 1) / plan->pixel_parts * STEP_PIXELS, plan->pixels);
    for (; first < end || outer.before > 0; outer.block++) {
        outer.pixels = size_smaller(KERNEL_OUTER_PIXELS, end - first);
        if (outer.pixels > 0) {
            outer.dy = dy + first * dy_stride + piece->group * plan->filters + piece->filter;
            job->find(job->run, first, outer.pixels, piece->tap, outer.workspace + plan->workspace_floats, rows);
        }
        for (size_t i = 0; i < outer.pixels; i++) {
            rows[i] = rows[i] ? rows[i] + first_channel : NULL;
        }
        job->run->kernel->outer_rows(&outer);
        first += outer.pixels;
        outer.before = outer.pixels;
    }
}

/** chunk = a job: a piece of the weight, summed over a part of the pixels */
static void piece_chunk(void *context, size_t chunk, int worker)
{
    const struct rows_job *job = context;
    const struct outer_rows_plan *plan = job->plan;
    struct rows_piece piece = piece_at(plan, chunk);
    float *sums = op_worker_scratch(job->run, worker);
    sum_piece(job, &piece, sums);
    float *to = plan->scratch_floats > 0 ? job->run->scratch : job->run->out[0].data;
    size_t plane = (piece.part * plan->groups + piece.group) * plan->taps + piece.tap;
    to += (plane * plan->filters + piece.filter) * plan->channels + piece.channel;
    for (size_t f = 0; f < piece.filters; f++) {
        memcpy(to + f * plan->channels, sums + f * plan->sum_stride, piece.channels * sizeof *to);
    }
}

/** chunk = a filter: adds up the parts of the pixels in order, then transposes [taps][channels] to plain order */
static void filter_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct rows_job *job = context;
    const struct outer_rows_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t group = chunk / plan->filters, plane = plan->filters * plan->channels;
    float *sum =
        (float *)job->run->scratch + (group * plan->taps * plan->filters + chunk % plan->filters) * plan->channels;
    for (size_t part = 1; part < plan->pixel_parts; part++) {
        const float *more = sum + part * plan->groups * plan->taps * plane;
        for (size_t tap = 0; tap < plan->taps; tap++) {
            kernel->scale_add(plan->channels, 1, more + tap * plane, 1, sum + tap * plane);
        }
    }
    kernel->transpose(plan->taps, plan->channels, sum, plane,
                      (float *)job->run->out[0].data + chunk * plan->channels * plan->taps, plan->taps);
}

void outer_rows_run(const struct op_run *run, const struct outer_rows_plan *plan, outer_rows_find *find)
{
    struct rows_job job = {run, plan, find};
    pool_run(run->pool, piece_chunk, &job,
             plan->pixel_parts * plan->groups * plan->taps * plan->filter_parts * plan->channel_parts);
    if (plan->scratch_floats > 0) {
        pool_run(run->pool, filter_chunk, &job, plan->groups * plan->filters);
    }
}
