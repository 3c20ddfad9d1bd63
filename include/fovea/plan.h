/* SPDX-License-Identifier: MIT */
/* A plan is a graph compiled for given input shapes: which nodes run, how they are fused, in which layout, and where
 * every tensor is in memory. A run walks an array of steps; it allocates nothing and cannot fail midway. The one thing
 * that can be wrong with its inputs, labels outside the classes, is checked before the first step. */
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
    const fov_value *update; /**< [update_count] parameters that alone are assigned (one of two networks); NULL: all */
    int     update_count;
    bool    no_fusion;   /**< false: nodes are fused; true: every node is its own step, for comparison */
    /** [channels_last_count] inputs of rank 4 that the caller fills in N, H, W, C order; all others are plain: N, C, H,
     *  W. */
    const fov_value *channels_last;
    int     channels_last_count;
} fov_plan_options;

/** Compiles the nodes that `outputs` (and, with .updates, the assignments) need. The graph must outlive the plan; nodes
 *  added to the graph later do not affect the plan. NULL on failure: a shape that is impossible at this batch, or not
 *  enough memory (the sentence gives need and limit; nothing stays allocated then). A training plan that needs more
 *  memory than is left of the context's limit recomputes activations instead of keeping them, as many as it must: the
 *  same bits in more time (fov_plan_memory.kept_whole, .recomputed). */
FOV_API fov_plan *fov_plan_create(fov_graph *graph, const fov_value *outputs, int count,
                                  const fov_plan_options *options);
FOV_API void      fov_plan_free(fov_plan *plan); /**< accepts NULL */

/** Memory of an input, which the caller fills (plain order unless it is in .channels_last), or of an output, valid after
 *  a run (always plain order). The pointer is valid until the plan is freed and 64-byte aligned. NULL: `value` is
 *  neither an input nor an output of the plan. */
FOV_API void *fov_plan_data(fov_plan *plan, fov_value value);
/** Size in bytes of that memory, and the value's shape with the plan's batch in place of FOV_BATCH. */
FOV_API size_t    fov_plan_bytes(const fov_plan *plan, fov_value value);
FOV_API fov_shape fov_plan_shape(const fov_plan *plan, fov_value value);

/** Runs every step. `step` is the key of the plan's random numbers (dropout): the same step gives the same bits. The
 *  run uses the parameters' current values, whoever changed them. FOV_OK; E_INPUT where an input holds labels of a loss
 *  (directly, cast or reshaped) and one of them is neither a class nor the ignored label: the sentence has its
 *  position, nothing is computed or updated, and f32 outputs become NaN. A plan without such inputs always returns
 *  FOV_OK. E_USAGE: `plan` is NULL. */
FOV_API int fov_plan_run(fov_plan *plan, uint64_t step);

/** The plan's memory, exact: what fov_plan_create allocated. */
typedef struct fov_plan_memory {
    size_t activations; /**< the arena: all intermediate tensors, inputs and outputs, sharing memory by lifetime */
    size_t unshared;    /**< what the same tensors would take if none shared memory */
    size_t packed;      /**< weights in kernel order, and tables */
    size_t scratch;     /**< workspace of the largest step */
    /** the graph's parameters in plain order that are in memory, not allocated by the plan. A weight that is used only
     *  in packed form may stay in its file */
    size_t parameters;
    size_t  kept_whole; /**< what .activations would be without recomputation */
    int     recomputed, computed; /**< number of steps that run a second time to save memory, and of all steps */
    int     convolutions_recomputed, convolutions; /**< the same counts of convolutions alone */
    int64_t multiply_adds_recomputed, multiply_adds; /**< of the steps that run a second time, and of all steps */
} fov_plan_memory;
FOV_API fov_plan_memory fov_plan_memory_use(const fov_plan *plan);

/** One step, for printing, as `fovea inspect --plan` does. Strings belong to the plan. */
typedef struct fov_plan_step {
    const char *name;      /**< node name: "c1" */
    const char *operation; /**< "conv + relu" */
    const char *detail;    /**< the algorithm that the operator chose: "implicit product 6x16, avx2"; may be "" */
    fov_shape   shape;     /**< of the first result */
    const char *layout;    /**< "plain", "channels-last", "images-last" */
    size_t      offset;    /**< of the first result in the arena, bytes */
    size_t      bytes;     /**< of all results */
    size_t      reads;     /**< bytes of all inputs, weights included, each counted once */
    bool        in_place;  /**< the result overwrites an input */
    bool        again;     /**< this is the second run of a step, in place of keeping its result in memory */
    int64_t     multiply_adds;
} fov_plan_step;
FOV_API int           fov_plan_step_count(const fov_plan *plan);
FOV_API fov_plan_step fov_plan_step_at(const fov_plan *plan, int index); /**< zeroed beyond the last */
/** As fov_plan_run, and times each step: seconds[fov_plan_step_count], all 0 where the run is refused. E_USAGE: `plan`
 *  or `seconds` is NULL. */
FOV_API int fov_plan_profile(fov_plan *plan, uint64_t step, double *seconds);

#ifdef __cplusplus
}
#endif
#endif
