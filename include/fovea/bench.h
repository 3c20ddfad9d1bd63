/* SPDX-License-Identifier: MIT */
/* Benchmarking: the peak rates of this machine, and single training steps with access to their plan, for `fovea bench`
 * and for programs that want to know where their time goes. To time inference this header is not needed: time runs of a
 * plan; fov_plan_profile times each of its steps (plan.h). */
#ifndef FOVEA_BENCH_H
#define FOVEA_BENCH_H

#include <fovea/plan.h>
#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the machine ------------------------------------------------------------------------------------------------ */

/** Operations per second (a multiply-add is two) that all threads of the context reach together with the instruction
 * set in use: on numbers that stay in registers or, where matrix tiles are faster ("amx"), in a large matrix product
 * whose data stay in the caches. The best of the tries within about `seconds`. A network exceeds it only by computing
 * less (Winograd). */
FOV_API double fov_measure_flops(fov_context *context, double seconds);

/** Bytes per second that all threads together read, or read and write, whichever is more, in repeated passes over
 * `bytes` of memory: the bandwidth of a cache that holds them, else of main memory. 0 and an error on the context when
 * memory is short. */
FOV_API double fov_measure_bandwidth(fov_context *context, size_t bytes, double seconds);

/** Measures rates for fov_context_options.rates, with one thread, in about two seconds. */
FOV_API FOV_MUST_CHECK int fov_measure_rates(fov_context *context, fov_rates *rates);

/** The rates by which plans choose algorithms; and setting others for the plans made from now on (NULL: the built-in
 *  ones of the instruction set). E_USAGE: a rate that is no positive number. */
FOV_API fov_rates          fov_context_rates(const fov_context *context);
FOV_API FOV_MUST_CHECK int fov_context_set_rates(fov_context *context, const fov_rates *rates);

/* ---- one training step ------------------------------------------------------------------------------------------ */

/** The step that fov_train runs for each mini-batch: forward, loss, backward, update, on a copy of the model. */
typedef struct fov_training fov_training;

/** Uses batch, optimizer, lr, momentum, nesterov, weight_decay, label_smoothing, beta1, beta2, epsilon of `options`. A
 * model whose output is a map [N, classes, H, W] takes a label per pixel. NULL and E_SHAPE: the model does not have an
 * input of floats [N, ...] and an output [N, classes, ...]. */
FOV_API fov_training *fov_training_create(fov_model *model, const fov_train_options *options);
FOV_API void          fov_training_free(fov_training *training); /**< accepts NULL */
FOV_API fov_plan     *fov_training_plan(fov_training *training); /**< for inspection and fov_plan_profile */

/** The memory that a step reads and writes. Steps do not change pixels and labels, which the caller fills. */
typedef struct fov_training_data {
    float       *pixels; /**< channels-last: [batch, H, W, C] */
    int32_t     *labels; /**< 0 .. classes - 1, one per sample or, for maps, per pixel */
    size_t       pixel_count, label_count;
    int64_t      classes;
    const float *loss;   /**< of the last step */
} fov_training_data;
FOV_API fov_training_data fov_training_ends(fov_training *training);
/** Runs one step. `number`: the step's number, from 1. E_INPUT, and nothing is computed: a label is no class. */
FOV_API int fov_training_run(fov_training *training, int64_t number);

#ifdef __cplusplus
}
#endif
#endif
