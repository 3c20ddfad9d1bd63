/* SPDX-License-Identifier: MIT */
/* A plan is a graph compiled for given input shapes: which nodes run, fused how, in which layout, where every byte
 * lies. Running it walks an array of steps; it allocates nothing and cannot fail. What could be wrong with its inputs,
 * labels that are no classes, is looked at before the first step. */
#ifndef FOVEA_PLAN_H
#define FOVEA_PLAN_H

#include <fovea/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_plan fov_plan;

typedef struct fov_plan_options {
    int64_t batch;    /**< 1: what FOV_BATCH stands for in this plan */
    bool    training; /**< false: dropout and batch norm in their inference form */
    bool    updates;  /**< false: fov_assign is ignored; true: assigned parameters change at each run */
    const fov_value *update; /**< NULL: all assignments; else only those to these parameters (one of two networks) */
    int     update_count;
    bool    no_fusion;   /**< false: every node is its own step, for comparison */
    bool    channels_last_inputs; /**< false: inputs are filled in plain N, C, H, W order; true: N, H, W, C */
} fov_plan_options;

/** Compiles what is needed for `outputs` (and, with .updates, for every assignment). The graph must outlive the plan;
 *  nodes added to it later do not concern the plan. NULL on failure: a shape that does not work out at this batch, or
 *  not enough memory (the sentence gives need and limit; nothing was allocated then). A training plan that needs more
 *  than is left of the context's limit makes part of its activations twice rather than keep them, as much as it must:
 *  the same bits in more time (fov_plan_memory.kept_whole, .recomputed). */
FOV_API fov_plan *fov_plan_create(fov_graph *graph, const fov_value *outputs, int count,
                                  const fov_plan_options *options);
FOV_API void      fov_plan_free(fov_plan *plan); /**< accepts NULL */

/** Where to put an input (plain order unless .channels_last_inputs) and where an output is found after a run (always
 *  plain order). Valid until the plan is freed; 64-byte aligned. NULL when the value is neither. */
FOV_API void *fov_plan_data(fov_plan *plan, fov_value value);
/** Bytes behind fov_plan_data, and the concrete shape. */
FOV_API size_t    fov_plan_bytes(const fov_plan *plan, fov_value value);
FOV_API fov_shape fov_plan_shape(const fov_plan *plan, fov_value value);

/** Runs every step. `step` keys what is random in the plan (dropout): the same step gives the same bits. Parameters are
 *  seen as they are now, whoever changed them. FOV_OK; E_INPUT, and nothing was computed or renewed, where an input
 *  holds labels for a loss (as they are, cast or reshaped) and one of them is neither a class nor the label that does
 *  not count: the sentence has its place. Outputs in f32 are NaN then. A plan without such inputs always answers
 *  FOV_OK; E_USAGE: NULL. */
FOV_API int fov_plan_run(fov_plan *plan, uint64_t step);

/** The plan's memory, exact: what fov_plan_create allocated. */
typedef struct fov_plan_memory {
    size_t activations; /**< the arena: all intermediate tensors, inputs and outputs, overlaid by lifetime */
    size_t unshared;    /**< what the same tensors would take side by side */
    size_t packed;      /**< weights in kernel order, and tables */
    size_t scratch;     /**< workspace of the largest step */
    /** the graph's parameters in plain form, not allocated by the plan: those that are in memory. What is only
     *  packed may stay in its file */
    size_t parameters;
    size_t  kept_whole; /**< what .activations would be if nothing were recomputed; the same where nothing is */
    int     recomputed, computed; /**< steps that run a second time to save memory, of so many */
    int     convolutions_recomputed, convolutions; /**< those among them that are convolutions */
    int64_t multiply_adds_recomputed, multiply_adds; /**< of the steps that run a second time, of all */
} fov_plan_memory;
FOV_API fov_plan_memory fov_plan_memory_use(const fov_plan *plan);

/** One step, for printing: `fovea inspect --plan` is written with it. Strings belong to the plan. */
typedef struct fov_plan_step {
    const char *name;      /**< node name: "c1" */
    const char *operation; /**< "conv + relu" */
    const char *detail;    /**< what the operator chose: "implicit product 6x16, avx2" ; may be "" */
    fov_shape   shape;     /**< of the first result */
    const char *layout;    /**< "plain", "channels-last", "images-last" */
    size_t      offset;    /**< of the first result in the arena, bytes */
    size_t      bytes;     /**< of all results */
    size_t      reads;     /**< bytes of all inputs, weights among them: what comes in, once */
    bool        in_place;  /**< the result overwrites an input */
    bool        again;     /**< runs a second time to save memory */
    int64_t     multiply_adds;
} fov_plan_step;
FOV_API int           fov_plan_step_count(const fov_plan *plan);
FOV_API fov_plan_step fov_plan_step_at(const fov_plan *plan, int index); /**< zeroed beyond the last */
/** Runs once more, timing each step: seconds[fov_plan_step_count]. */
FOV_API void fov_plan_profile(fov_plan *plan, uint64_t step, double *seconds);

#ifdef __cplusplus
}
#endif
#endif
