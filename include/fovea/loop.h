/* SPDX-License-Identifier: MIT */
/* Training loops of one's own: the library's optimisers as nodes of any graph, and all parameters of a graph, with what
 * optimisers remember, in a file. For the loop that everybody needs there is train.h.
 *
 *   fov_update(graph, loss, .optimizer = "adamw", .lr = 1e-3f);
 *   fov_plan *step = fov_plan_create(graph, &loss, 1, &(fov_plan_options){.batch = 32, .training = true, .updates = true});
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
    const char *optimizer; /**< "sgd"; with options behind its name: "adamw:beta2=0.99". As in fov_train_options */
    float       lr;        /**< the optimiser's own */
    float       weight_decay, momentum; /**< 0: not set */
    const char *lr_by_name, *weight_decay_by_name, *no_decay; /**< as in fov_train_options */
    float       clip_value, clip_norm;  /**< 0: gradients as they are */
    /** Only parameters whose names begin so: "generator."; NULL: all. Frozen ones never. */
    const char *parameters;
    /** An f32 scalar of the graph to take as the learning rate, such as an input that the loop fills in; value 0: a parameter
     *  of the graph is made for it, that begins as .lr */
    fov_value rate;
} fov_update_options;
/** Adds what renews parameters from the gradient of `loss` (a scalar) each time a plan with .updates runs: gradients,
 *  clipping, the optimiser. What it remembers are frozen parameters "optimizer.PARAMETER.STATE"; it counts its steps in
 *  "optimizer.step". Answers the learning rate: .rate, or the frozen parameter "optimizer.learning_rate", which
 *  fov_parameter_set changes between runs. (With .parameters these two are "optimizer.generator.step" and so on, so that a
 *  graph may have several updates: of different parameters. Losses over the same ones are added up first.) `options` NULL:
 *  all defaults.
 *  fails    usage: no such optimiser or option; nothing to train, or nothing that the loss depends on; a parameter that is
 *           renewed already, by an update or fov_assign; a pattern that fits nothing. shape: loss is no scalar; .rate is
 *           no f32 scalar */
FOV_API fov_value fov_update_opt(fov_graph *graph, fov_value loss, const fov_update_options *options);
/** What the update with these .parameters renews, for fov_plan_options.update where a plan shall run one of several:
 *  writes up to `room` of them and answers how many there are. */
FOV_API int fov_update_list(const fov_graph *graph, const char *parameters, fov_value *list, int room);

/** Where a loop stands, for fov_schedule_rate. */
typedef struct fov_schedule_moment {
    float   lr;             /**< what the schedule begins with or, one-cycle and triangle, rises to */
    int64_t step;           /**< from 0, over all epochs */
    int64_t epochs;         /**< of the whole run */
    int64_t steps_per_epoch; /**< 0: 1, for loops that count steps alone: schedules that go by epochs go by steps then */
    int64_t warmup;         /**< 0: steps in which the rate rises to the schedule's first */
} fov_schedule_moment;
/** The learning rate that a schedule has for a step, as training has it: "cosine", "step:30:gamma=0.1"; as in
 *  fov_train_options. What it answers is put into fov_update's rate with fov_parameter_set. NaN and a sentence on the
 *  context: E_USAGE, no such schedule or option, a moment outside the run; E_UNSUPPORTED: the schedule looks at figures
 *  that a moment does not have (plateau). */
FOV_API float fov_schedule_rate(fov_context *context, const char *schedule, const fov_schedule_moment *moment);

/** All parameters of a graph, with what optimisers remember, as safetensors: a loop that loads them goes on, bit for
 *  bit, where it was saved. The old file survives any failure. In a buffer: fov_parameters_save_memory (memory.h). The
 *  weights of a model alone: fov_model_save_weights. */
FOV_API FOV_MUST_CHECK int fov_parameters_save(fov_graph *graph, const char *path);
/** Sets every parameter from such a file. E_INPUT, and nothing is changed, where a parameter is not in the file, the file
 *  has more, or another shape or type; E_IO. */
FOV_API FOV_MUST_CHECK int fov_parameters_load(fov_graph *graph, const char *path);

#ifndef __cplusplus
#define fov_update(graph, loss, ...) fov_update_opt((graph), (loss), &(fov_update_options){__VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif
#endif
