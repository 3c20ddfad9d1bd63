/* SPDX-License-Identifier: MIT */
/* Custom training loops: the library's optimisers as nodes of any graph, and files with all parameters of a graph,
 * optimiser state included. The usual loop is in train.h.
 *
 *   fov_update(graph, loss, .optimizer = "adamw", .lr = 1e-3f);
 *   fov_plan *step =
 *       fov_plan_create(graph, &loss, 1, &(fov_plan_options){.batch = 32, .training = true, .updates = true});
 *   for (i = 1; i <= steps; i++) {
 *       fill in the inputs;
 *       if (fov_plan_run(step, i)) break;   // a label that is no class
 *   }
 *
 * examples/own_loop.c is a whole program. */
#ifndef FOVEA_LOOP_H
#define FOVEA_LOOP_H

#include <fovea/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_update_options {
    const char *optimizer; /**< "sgd"; options follow the name: "adamw:beta2=0.99". As in fov_train_options */
    float       lr;        /**< the optimiser's own */
    float       weight_decay, momentum; /**< 0: not set */
    const char *lr_by_name, *weight_decay_by_name, *no_decay; /**< as in fov_train_options */
    float       clip_value, clip_norm;  /**< 0: gradients as they are */
    /** Update only parameters whose names begin with this: "generator."; NULL: all. Frozen ones are never updated. */
    const char *parameters;
    /** An f32 scalar of the graph to use as the learning rate, such as an input that the loop fills in; value 0: a
     *  frozen parameter is made for it, whose first value is .lr */
    fov_value rate;
} fov_update_options;
/** Adds the nodes that update parameters by the gradient of `loss` (a scalar) each time a plan with .updates runs:
 *  gradients, clipping, the optimiser. The optimiser's state is in frozen parameters "optimizer.PARAMETER.STATE", its
 *  step count in "optimizer.step". Returns the learning rate: .rate, or the frozen parameter "optimizer.learning_rate",
 *  which fov_parameter_set changes between runs. (With .parameters these two are "optimizer.generator.step" and so on,
 *  so that a graph may have several updates, each of different parameters; several losses over the same parameters must
 *  be added up first.) `options` NULL: all defaults.
 *  fails    usage: no such optimiser or option; nothing to train, or nothing that the loss depends on; a parameter that
 *           an update or fov_assign changes already; a pattern that matches nothing. shape: loss is no scalar; .rate is
 *           no f32 scalar */
FOV_API fov_value fov_update_opt(fov_graph *graph, fov_value loss, const fov_update_options *options);
/** The parameters and states that the update with these .parameters changes, for fov_plan_options.update where a plan
 *  runs one of several updates: writes up to `room` of them to `list` and returns how many there are. */
FOV_API int fov_update_list(const fov_graph *graph, const char *parameters, fov_value *list, int room);

/** The current place in a training run, for fov_schedule_rate. */
typedef struct fov_schedule_moment {
    float   lr;             /**< the rate that the schedule begins with or, for one-cycle and triangle, rises to */
    int64_t step;           /**< from 0, over all epochs */
    int64_t epochs;         /**< of the whole run */
    int64_t steps_per_epoch; /**< 0: 1, for loops that count only steps: schedules by epochs then go by steps */
    int64_t warmup;         /**< 0: number of steps in which the rate rises to the schedule's first rate */
} fov_schedule_moment;
/** The learning rate of a schedule at a step, as fov_train would use it. `schedule` as in fov_train_options: "cosine",
 *  "step:30:gamma=0.1". Write the result into fov_update's rate with fov_parameter_set. NaN and a sentence on the
 *  context: E_USAGE, no such schedule or option, a moment outside the run; E_UNSUPPORTED: the schedule needs validation
 *  figures, which a moment does not have (plateau). */
FOV_API float fov_schedule_rate(fov_context *context, const char *schedule, const fov_schedule_moment *moment);

/** Saves all parameters of a graph, optimiser state included, as safetensors: a loop that loads them continues, bit for
 *  bit, where it was saved. On failure an existing file is left as it was. Into a buffer: fov_parameters_save_memory
 *  (memory.h). The weights of a model alone: fov_model_save_weights. */
FOV_API FOV_MUST_CHECK int fov_parameters_save(fov_graph *graph, const char *path);
/** Sets every parameter from such a file. E_INPUT, and nothing is changed, where the file lacks a parameter, has
 *  further ones, or one of another shape or type; E_IO. */
FOV_API FOV_MUST_CHECK int fov_parameters_load(fov_graph *graph, const char *path);

#ifndef __cplusplus
#define fov_update(graph, loss, ...) fov_update_opt((graph), (loss), &(fov_update_options){__VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif
#endif
