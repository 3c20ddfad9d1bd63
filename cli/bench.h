/* SPDX-License-Identifier: MIT */
/* The parts of `fovea bench`: bench_run.c measures, bench_layers.c looks at single steps, bench_report.c prints, and
 * bench_compare.c holds a run against a stored one. verb_bench.c puts them in order. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli.h"
#include "json.h"
#include "output.h"

/** What is to be measured. */
struct bench_case {
    const char *word; /**< as it was typed: "resnet50.onnx" */
    int64_t batch;
    bool training;
    int height, width; /**< 0: the model's own */
    double seconds;    /**< to repeat for */
    bool layers;
};

/** Times of one thing done over and over, seconds. */
struct bench_times {
    int64_t count;
    double least, low, median, high; /**< low and high: quartiles, between which half of the times lie */
};
/** Sorts `seconds` and sums it up. */
struct bench_times bench_sum_up(double *seconds, int64_t count);

/** One step of the plan, with its median time. */
struct bench_layer {
    fov_plan_step step; /**< its strings are copies that belong to the result */
    double seconds;
    double bound;      /**< seconds that it takes at least by the roofline */
    bool by_bytes;     /**< it is memory, not arithmetic, that bounds it */
    double bandwidth;  /**< bytes per second that this machine reaches on as many bytes */
};

struct bench_result {
    struct bench_times times;
    fov_plan_memory memory;
    fov_shape input;
    int64_t multiply_adds; /**< of one run: all samples, direct sums */
    double load, plan, first; /**< seconds: the file read, the plan made, its first run */
    size_t peak_resident;  /**< bytes, after the first run: with model and plan, without what measuring takes */
    double flops;          /**< operations per second of which this machine is capable */
    double load_average;   /**< before; negative: the system does not say */
    double others;         /**< processors that other programs kept busy meanwhile; negative: the system does not say */
    bool disturbed;        /**< these were so many that they took processors from us */
    struct bench_layer *layers;
    int layer_count; /**< 0: not asked for */
};

/** Opens, runs, times. What fails is said; answers the exit code. Free the result in any case. */
int bench_run(struct cli *cli, const struct bench_case *bench, struct bench_result *result);
void bench_free(struct bench_result *result);

/** Times every step of a plan and asks the machine for its bounds; `result->flops` must be known. False: the library
 * said why. */
bool bench_layers(struct cli *cli, fov_plan *plan, double seconds, struct bench_result *result);

/** All figures as one object. */
json_t *bench_to_json(struct cli *cli, const struct bench_case *bench, const struct bench_result *result);
void bench_print(struct cli *cli, const struct bench_case *bench, const struct bench_result *result);
void bench_print_layers(struct cli *cli, const struct bench_result *result);
/** "1.23 ms" */
const char *bench_show_time(char out[NUMBER_SIZE], double seconds);

/** Reads a stored run. NULL: said why, and *code is the exit code. */
json_t *bench_read(struct cli *cli, const char *path, int *code);
/** Are both of the same model, in training or not, and size? Else says so and answers an exit code. */
int bench_comparable(struct cli *cli, const char *path, const json_t *stored, const json_t *now);
/** Ratios of all figures, now / stored, as a table. */
void bench_print_comparison(struct cli *cli, const char *path, const json_t *stored, const json_t *now);
/** The same as an object; its "median" is the ratio of the medians. */
json_t *bench_comparison(const json_t *stored, const json_t *now);

#endif
