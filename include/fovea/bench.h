/* SPDX-License-Identifier: MIT */
/* Measuring: what this machine can do at most, and one training step with its plan in hand. `fovea bench` is written
 * with it, and so can a program be that wants to know where its time goes. Times of inferences need nothing from here:
 * make a plan, run it, look at the clock; fov_plan_profile times each step (plan.h). */
#ifndef FOVEA_BENCH_H
#define FOVEA_BENCH_H

#include <fovea/plan.h>
#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the machine ------------------------------------------------------------------------------------------------ */

/** Operations per second (a multiply-add is two) that all threads of the context reach together, in the instruction set
 * in use: on numbers that never leave the registers or, where tiles multiply faster ("amx"), in a large product on them
 * whose data stay in the caches. The best of about `seconds` of trying. No network is faster but by doing less
 * (Winograd). */
FOV_API double fov_measure_flops(fov_context *context, double seconds);

/** Bytes per second that all threads together read, or read and write, whichever is more, going over `bytes` again and
 *  again: of a cache where they fit into one, else of memory. 0 and an error on the context where memory is short. */
FOV_API double fov_measure_bandwidth(fov_context *context, size_t bytes, double seconds);

/** Measures what fov_context_options.rates is about, with one thread, in about two seconds. */
FOV_API FOV_MUST_CHECK int fov_measure_rates(fov_context *context, fov_rates *rates);

/** The rates by which plans choose, and others for the plans made from now on (NULL: those of the instruction set).
 *  E_USAGE: a figure that is no positive number. */
FOV_API fov_rates          fov_context_rates(const fov_context *context);
FOV_API FOV_MUST_CHECK int fov_context_set_rates(fov_context *context, const fov_rates *rates);

/* ---- one training step ------------------------------------------------------------------------------------------ */

/** What fov_train does for each mini-batch: forward, loss, backward, update. It works on a copy of the model. */
typedef struct fov_training fov_training;

/** Takes batch, optimizer, lr, momentum, nesterov, weight_decay, label_smoothing, beta1, beta2, epsilon from `options`.
 * A model whose output is a map [N, classes, H, W] gets a label per pixel. E_SHAPE: the model's ends are no input of
 * floats [N, ...] and output [N, classes, ...]. */
FOV_API fov_training *fov_training_create(fov_model *model, const fov_train_options *options);
FOV_API void          fov_training_free(fov_training *training); /**< accepts NULL */
FOV_API fov_plan     *fov_training_plan(fov_training *training); /**< to look at, and for fov_plan_profile */

/** Where a step reads and writes. Pixels and labels stay as they were filled. */
typedef struct fov_training_data {
    float       *pixels; /**< channels-last: [batch, H, W, C] */
    int32_t     *labels; /**< 0 .. classes - 1, one per sample or, for maps, per pixel */
    size_t       pixel_count, label_count;
    int64_t      classes;
    const float *loss;   /**< of the last step */
} fov_training_data;
FOV_API fov_training_data fov_training_ends(fov_training *training);
/** Runs one step. `number`: of the step, from 1. E_INPUT, and nothing was computed: a label is no class. */
FOV_API int fov_training_run(fov_training *training, int64_t number);

#ifdef __cplusplus
}
#endif
#endif
