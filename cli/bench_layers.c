/* SPDX-License-Identifier: MIT */
/* Time per step: each step's median over several profiled runs, and its lower bound by the roofline model (Williams,
 * Waterman, Patterson 2009): a step must do its arithmetic, at most at the machine's peak, and move its inputs, weights
 * and
 * results once, at most at the bandwidth that the machine reaches on as many bytes. */
#include "bench.h"
#include "progress.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_PROFILES = 5, MOST_PROFILES = 1001, SIZE_COUNT = 8 };
static const double BANDWIDTH_SECONDS = 0.04;

/* ---- bandwidth by size ------------------------------------------------------------------------------------------ */

/* Bandwidths for sizes from first-level cache to memory, each four times the size before. */
struct bandwidths {
    double bytes[SIZE_COUNT], rate[SIZE_COUNT];
    int count;
};

static bool measure_bandwidths(fov_context *context, struct bandwidths *table)
{
    table->count = 0;
    for (double bytes = 16384; table->count < SIZE_COUNT; bytes *= 4) {
        double rate = fov_measure_bandwidth(context, (size_t)bytes, BANDWIDTH_SECONDS);
        if (rate == 0 && table->count > 0 && fov_error_status(context) == FOV_E_MEMORY) {
            fov_error_clear(context); /* over --max-memory: the largest size that fits represents all larger ones */
            return true;
        }
        if (rate == 0) {
            return false;
        }
        table->bytes[table->count] = bytes;
        table->rate[table->count++] = rate;
    }
    return true;
}

/* The bandwidth for a size, interpolated between the measured sizes, linearly in logarithms. */
static double bandwidth_for(const struct bandwidths *table, double bytes)
{
    int above = 0;
    while (above < table->count && table->bytes[above] < bytes) {
        above++;
    }
    if (above == 0 || above == table->count) {
        return table->rate[above == 0 ? 0 : table->count - 1];
    }
    double low = log(table->bytes[above - 1]), high = log(table->bytes[above]);
    double share = (log(bytes) - low) / (high - low);
    return exp((1 - share) * log(table->rate[above - 1]) + share * log(table->rate[above]));
}

/* ---- time per step ---------------------------------------------------------------------------------------------- */

/* Median time of each step over as many profiled runs as fit into `seconds`. */
static void time_steps(struct cli *cli, fov_plan *plan, double seconds, double *median)
{
    struct progress progress;
    size_t steps = (size_t)fov_plan_step_count(plan), runs = 0, capacity = 64;
    double *all = take_memory(capacity * steps, sizeof *all), *column;
    progress_begin(&progress, cli);
    double begun = progress_clock();
    while (runs < LEAST_PROFILES || (runs < MOST_PROFILES && progress_clock() - begun < seconds)) {
        if (runs == capacity) {
            double *more = take_memory(2 * capacity * steps, sizeof *more);
            memcpy(more, all, runs * steps * sizeof *more);
            free(all);
            all = more;
            capacity *= 2;
        }
        fov_plan_profile(plan, runs + 1, all + runs * steps);
        runs++;
        if (progress_due(&progress)) {
            progress_draw(&progress, "step by step", (progress_clock() - begun) / seconds, "");
        }
    }
    progress_clear(&progress);
    column = take_memory(runs, sizeof *column);
    for (size_t s = 0; s < steps; s++) {
        for (size_t r = 0; r < runs; r++) {
            column[r] = all[r * steps + s];
        }
        median[s] = bench_sum_up(column, (int64_t)runs).median;
    }
    free(column);
    free(all);
}

/* A copy of the step whose strings outlive the plan, all in one block of memory that begins with the name. */
static fov_plan_step keep_step(fov_plan_step step)
{
    const char **text[] = {&step.name, &step.operation, &step.detail, &step.layout};
    size_t size = 0;
    for (int i = 0; i < 4; i++) {
        size += strlen(*text[i]) + 1;
    }
    char *at = take_memory(size, 1);
    for (int i = 0; i < 4; i++) {
        size_t length = strlen(*text[i]) + 1;
        memcpy(at, *text[i], length);
        *text[i] = at;
        at += length;
    }
    return step;
}

bool bench_layers(struct cli *cli, fov_plan *plan, double seconds, struct bench_result *result)
{
    struct bandwidths bandwidths;
    int count = fov_plan_step_count(plan);
    double *median = take_memory((size_t)count, sizeof *median);
    time_steps(cli, plan, seconds, median);
    bool measured = measure_bandwidths(cli->context, &bandwidths);
    result->layers = measured ? take_memory((size_t)count, sizeof *result->layers) : NULL;
    result->layer_count = measured ? count : 0;
    for (int i = 0; i < result->layer_count; i++) {
        struct bench_layer *layer = &result->layers[i];
        layer->step = keep_step(fov_plan_step_at(plan, i));
        layer->seconds = median[i];
        double bytes = (double)layer->step.bytes + (double)layer->step.reads;
        layer->bandwidth = bandwidth_for(&bandwidths, bytes);
        double arithmetic = 2.0 * (double)layer->step.multiply_adds / result->flops, moving = bytes / layer->bandwidth;
        layer->by_bytes = moving > arithmetic;
        /* A step that reads nothing, such as a view or an identity, does no work. */
        layer->bound = layer->step.reads == 0 ? 0 : layer->by_bytes ? moving : arithmetic;
    }
    free(median);
    return measured;
}
