/* SPDX-License-Identifier: MIT */
/* Operators and tasks of a program's own, which the library then treats as those it has: an operator by name in fov_node,
 * in gradients, plans, training, in saved models and those that are loaded; a task by name wherever a task is chosen.
 * Registered once per context, before they are used, and there until the context is freed. examples/own_operator.c is a
 * whole program. */
#ifndef FOVEA_EXTEND_H
#define FOVEA_EXTEND_H

#include <fovea/node.h>
#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- operators --------------------------------------------------------------------------------------------------- */

/** One use of an operator, as its functions see it. Arrays are there during the call. */
typedef struct fov_operator_call {
    const double    *options; /**< [options]: the values, in the order in which they were registered */
    const fov_shape *in, *out; /**< rank -1: an optional input that is not given. `out` is not there yet in `shapes` */
    int              in_count, out_count;
    bool             training; /**< in `define` and `compute`: a training plan runs */
    void            *user;
    const void      *pool; /**< internal */
} fov_operator_call;

/** A number that an operator can be told, by name; "name" is the node's and no option's. Equal limits: none; the
 *  default lies in them. */
typedef struct fov_operator_option {
    const char *name;
    double      standard, minimum, maximum;
    const char *doc;
} fov_operator_option;

/** A node whose gradient is asked for. */
typedef struct fov_operator_gradient {
    fov_graph       *graph;
    const double    *options;
    const fov_value *in, *out;    /**< the node's */
    const fov_value *out_gradient; /**< of the loss by each output; 0: nothing flows back there */
    const bool      *wanted;       /**< per input */
    fov_value       *in_gradient;  /**< to fill, of the inputs' shapes; 0: none */
    int              in_count, out_count;
    void            *user;
} fov_operator_gradient;

/** An operator over float32. Everything is copied, but for `user`. */
typedef struct fov_operator {
    const char *name;    /**< required: letters, digits and '_'; of no other operator */
    const char *summary; /**< one sentence; NULL: none */
    const char *domain;  /**< "custom": that of its nodes in ONNX files, whose type is the name */
    int         inputs, outputs;  /**< 1 to 16 each */
    int         optional_inputs;  /**< 0: the last so many may be left out */
    const fov_operator_option *options; /**< [option_count], up to 16 */
    int         option_count;
    /** Required: the outputs' shapes from the inputs'. A dimension of FOV_BATCH is not known yet and is passed on. FOV_OK, or
     *  FOV_E_SHAPE and a sentence in `why` (its room is why_size). */
    int (*shapes)(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size);
    /** Required: what the operator means, as plain loops in double, every tensor dense in plain order. Absent inputs are
     *  NULL. Tests hold `compute` to it, and where there is no `compute` it is what runs. */
    void (*define)(const fov_operator_call *call, const double *const *in, double *const *out);
    /** The same, fast, over float32; an output that nobody reads may be NULL. It may cut its work with
     *  fov_operator_parallel. Called in one thread for a plan, in several at once for plans that run at once. NULL: the
     *  definition runs. */
    void (*compute)(const fov_operator_call *call, const float *const *in, float *const *out);
    /** Adds nodes that compute the gradients which are wanted. NULL: none flows back, and who needs one is told so. */
    void (*gradient)(const fov_operator_gradient *gradient);
    void *user;
} fov_operator;

/** E_USAGE: a name that is taken or odd, counts out of range, a function missing, an option that nobody could give. */
FOV_API FOV_MUST_CHECK int fov_operator_register(fov_context *context, const fov_operator *definition);
/** From within `compute`: task(context, 0 .. chunks - 1) on the context's threads. Cut work by shape alone, so that
 *  results do not depend on the number of threads. */
FOV_API void fov_operator_parallel(const fov_operator_call *call, void (*task)(void *context, size_t chunk),
                                   void *context, size_t chunks);
/** The greatest difference between `compute` and `define` of a registered operator on inputs of these shapes, drawn from
 *  `seed` (standard normal), over the outputs' greatest magnitude; options as in fov_node_opt. For tests of one's own. */
FOV_API FOV_MUST_CHECK int fov_operator_check(fov_context *context, const char *name, const fov_shape *in, int in_count,
                                              const char *const *options, uint64_t seed, double *difference);

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

/** A number that a task counts: a mean over samples, the first of which decides which epoch is best. */
typedef struct fov_task_mean {
    const char *name; /**< "distance" */
    const char *doc;
    const char *heading; /**< of its column, at most 8 letters; NULL: it has none */
    bool        lower_is_better, is_share; /**< is_share: of 1, people read it in per cent */
} fov_task_mean;

/** What a model is for, when none of fov_task_at is it: targets made of samples, a loss, what is counted. Everything is
 *  copied, but for `user`. Functions are called in several threads at once. */
typedef struct fov_task {
    const char *name;    /**< required: letters, digits and '_'; of no other task */
    const char *summary; /**< one line; NULL: none */
    unsigned    targets; /**< kinds of data it can learn from: 1u << FOV_TARGET_CLASS, added up; 0: any */
    int         numbers; /**< of a sample's target; 0: as many as the model's output has */
    const fov_task_mean *counts; /**< [count_count], 1 to FOV_TASK_FIGURES */
    int         count_count;
    /** Required: writes a sample's target, from the sample as the dataset has it. FOV_OK, or a status that ends training:
     *  fov_train answers E_MEMORY, E_NUMERIC and E_INTERRUPTED as they are, anything else as E_USAGE. */
    int (*write)(void *user, const fov_sample *sample, float *target, int numbers);
    /** Required: adds the loss to the graph, one number, the mean over samples. output: the model's, [N, ...]; target
     *  [N, numbers]. */
    fov_value (*loss)(void *user, fov_graph *graph, fov_value output, fov_value target);
    /** Required: one sample's share of each count, written to values[count_count]. Answers the sample's loss, as `loss`
     *  has it. */
    double (*count)(void *user, const float *output, int output_numbers, const float *target, int numbers,
                    double *values);
    void *user;
} fov_task;

/** From here on the task goes by its name: fov_train, fov_evaluate, sessions (which answer the output's numbers), model
 *  files that say they were trained for it. E_USAGE: a name that is taken or odd, a function missing. */
FOV_API FOV_MUST_CHECK int fov_task_register(fov_context *context, const fov_task *definition);

#ifdef __cplusplus
}
#endif
#endif
