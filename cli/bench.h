/* SPDX-License-Identifier: MIT */
/* The parts of `fovea bench`: bench_run.c measures, bench_layers.c times single steps, bench_report.c prints, and
 * bench_compare.c compares a run with a stored one. verb_bench.c calls them. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli.h"
#include "json.h"
#include "output.h"

/** What to measure. */
struct bench_case {
    const char *word; /**< as it was typed: "resnet50.onnx" */
    int64_t batch;
    bool training;
    int height, width; /**< 0: the model's own */
    double seconds;    /**< to repeat for */
    bool layers;
};

/** Statistics of repeated measurements of one time, seconds. */
struct bench_times {
    int64_t count;
    double least, low, median, high; /**< low and high: the quartiles */
};
/** Sorts `seconds` and computes their statistics. */
struct bench_times bench_sum_up(double *seconds, int64_t count);

/** One step of the plan, with its median time. */
struct bench_layer {
    fov_plan_step step; /**< its strings are copies that belong to the result */
    double seconds;
    double bound;      /**< lower bound of its time by the roofline model, seconds */
    bool by_bytes;     /**< the bound comes from memory traffic, not from arithmetic */
    double bandwidth;  /**< bytes per second that this machine reaches on as many bytes */
};

struct bench_result {
    struct bench_times times;
    fov_plan_memory memory;
    fov_shape input;
    int64_t multiply_adds; /**< of one run: all samples, direct sums */
    double load, plan, first; /**< seconds to load the file, to make the plan, and of its first run */
    size_t peak_resident;  /**< bytes, peak up to the first run's end: model and plan, without the measurement's own */
    double flops;          /**< peak operations per second of this machine */
    double load_average;   /**< before the measurement; negative: unknown */
    double others;         /**< processors that other programs kept busy during it; negative: unknown */
    bool disturbed;        /**< other programs took processors that this run needed */
    struct bench_layer *layers;
    int layer_count; /**< 0: not asked for */
};

/** Opens the model, runs and times it. 0 or an exit code after a sentence. Free the result in any case. */
int bench_run(struct cli *cli, const struct bench_case *bench, struct bench_result *result);
void bench_free(struct bench_result *result);

/** Times every step of a plan and measures the machine's bandwidths for the bounds; `result->flops` must be set. False:
 * the context has the error. */
bool bench_layers(struct cli *cli, fov_plan *plan, double seconds, struct bench_result *result);

/** All figures as one object. */
json_t *bench_to_json(struct cli *cli, const struct bench_case *bench, const struct bench_result *result);
void bench_print(struct cli *cli, const struct bench_case *bench, const struct bench_result *result);
void bench_print_layers(struct cli *cli, const struct bench_result *result);
/** "1.23 ms" */
const char *bench_show_time(char out[NUMBER_SIZE], double seconds);

/** Reads a stored run. NULL, after a sentence, with the exit code in *code. */
json_t *bench_read(struct cli *cli, const char *path, int *code);
/** 0 where both runs have the same model, training mode, batch and input size; else an exit code after a sentence. */
int bench_comparable(struct cli *cli, const char *path, const json_t *stored, const json_t *now);
/** Ratios of all figures, now / stored, as a table. */
void bench_print_comparison(struct cli *cli, const char *path, const json_t *stored, const json_t *now);
/** The same as an object; its "median" is the ratio of the medians. */
json_t *bench_comparison(const json_t *stored, const json_t *now);

#endif
