/* SPDX-License-Identifier: MIT */
/* Custom operators and tasks, which the library then treats like built-in ones: an operator by name in fov_node, in
 * gradients, plans, training, saved and loaded models; a task by name wherever a task is chosen. Register each once per
 * context, before it is used; it stays until the context is freed. examples/own_operator.c is a whole program. */
#ifndef FOVEA_EXTEND_H
#define FOVEA_EXTEND_H

#include <fovea/node.h>
#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- operators --------------------------------------------------------------------------------------------------- */

/** The argument of an operator's functions. Its arrays are valid during the call. */
typedef struct fov_operator_call {
    const double    *options; /**< [option_count]: the values, in the order in which they were registered */
    const fov_shape *in, *out; /**< rank -1: an optional input that is not given. `out` is not yet set in `shapes` */
    int              in_count, out_count;
    bool             training; /**< in `define` and `compute`: whether a training plan runs */
    void            *user;
    const void      *pool; /**< internal */
} fov_operator_call;

/** A numeric option of an operator. Its name must not be "name", which is the node's. Equal limits mean no limits; else
 *  the default must lie within them. */
typedef struct fov_operator_option {
    const char *name;
    double      standard, minimum, maximum;
    const char *doc;
} fov_operator_option;

/** The argument of an operator's `gradient`: a node to differentiate. */
typedef struct fov_operator_gradient {
    fov_graph       *graph;
    const double    *options;
    const fov_value *in, *out;    /**< the node's inputs and outputs */
    const fov_value *out_gradient; /**< the loss's gradient by each output; 0: it does not depend on that one */
    const bool      *wanted;       /**< per input: whether its gradient is needed */
    fov_value       *in_gradient;  /**< to fill in: the gradient by each input, of the input's shape; 0: none */
    int              in_count, out_count;
    void            *user;
} fov_operator_gradient;

/** A custom operator over float32. Everything is copied except `user`. */
typedef struct fov_operator {
    const char *name;    /**< required: letters, digits and '_'; not the name of another operator */
    const char *summary; /**< one sentence; NULL: none */
    const char *domain;  /**< "custom": the domain of its nodes in ONNX files; their type is the operator's name */
    int         inputs, outputs;  /**< 1 to 16 each */
    int         optional_inputs;  /**< 0; else how many inputs, the last ones, may be left out */
    const fov_operator_option *options; /**< [option_count], up to 16 */
    int         option_count;
    /** Required: computes the outputs' shapes from the inputs'. A dimension of FOV_BATCH is not yet known and must be
     *  passed on. FOV_OK, or FOV_E_SHAPE and a sentence in `why` (of up to why_size bytes). */
    int (*shapes)(const fov_operator_call *call, fov_shape *out, char *why, size_t why_size);
    /** Required: the reference definition, as plain loops in double, every tensor dense in plain order. Absent inputs
     *  are NULL. Tests compare `compute` with it; without `compute` it is what runs. */
    void (*define)(const fov_operator_call *call, const double *const *in, double *const *out);
    /** The fast implementation over float32; an unused output may be NULL. It may divide its work with
     *  fov_operator_parallel. Called in one thread per plan, in several threads at once where several plans run. NULL:
     *  `define` runs. */
    void (*compute)(const fov_operator_call *call, const float *const *in, float *const *out);
    /** Adds the nodes that compute the wanted gradients. NULL: the operator has no gradient; fov_gradient through it
     *  fails. */
    void (*gradient)(const fov_operator_gradient *gradient);
    void *user;
} fov_operator;

/** E_USAGE: a name that is taken or invalid, counts out of range, a function missing, an option with a bad name or a
 *  default outside its limits. */
FOV_API FOV_MUST_CHECK int fov_operator_register(fov_context *context, const fov_operator *definition);
/** To be called within `compute`: runs task(context, 0 .. chunks - 1) on the context's threads. Divide the work by
 *  shape alone, so that results do not depend on the number of threads. */
FOV_API void fov_operator_parallel(const fov_operator_call *call, void (*task)(void *context, size_t chunk),
                                   void *context, size_t chunks);
/** Compares `compute` with `define` of a registered operator on inputs of these shapes, drawn from `seed` (standard
 *  normal); options as in fov_node_opt. *difference: the greatest difference, divided by the outputs' greatest
 *  magnitude. For the tests of a program. */
FOV_API FOV_MUST_CHECK int fov_operator_check(fov_context *context, const char *name, const fov_shape *in, int in_count,
                                              const char *const *options, uint64_t seed, double *difference);

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

/** A figure that a task measures: a mean over samples. A task's first figure decides which epoch is best. */
typedef struct fov_task_mean {
    const char *name; /**< "distance" */
    const char *doc;
    const char *heading; /**< column heading, at most 8 letters; NULL: it has no column */
    bool        lower_is_better, is_share; /**< is_share: a fraction 0 .. 1, to be shown in per cent */
} fov_task_mean;

/** A custom task, beside those of fov_task_at: targets made from samples, a loss, figures. Everything is copied except
 *  `user`. Functions are called in several threads at once. */
typedef struct fov_task {
    const char *name;    /**< required: letters, digits and '_'; not the name of another task */
    const char *summary; /**< one line; NULL: none */
    unsigned    targets; /**< kinds of data it can learn from: bits 1u << FOV_TARGET_CLASS, ...; 0: any */
    int         numbers; /**< how many numbers a sample's target has; 0: as many as the model's output */
    const fov_task_mean *counts; /**< [count_count], 1 to FOV_TASK_FIGURES: the figures */
    int         count_count;
    /** Required: writes the target of a sample of the dataset. FOV_OK, or a status that ends training: fov_train
     *  returns E_MEMORY, E_NUMERIC and E_INTERRUPTED unchanged, anything else as E_USAGE. */
    int (*write)(void *user, const fov_sample *sample, float *target, int numbers);
    /** Required: adds the loss to the graph, one number, the mean over samples. output: the model's, [N, ...]; target
     *  [N, numbers]. */
    fov_value (*loss)(void *user, fov_graph *graph, fov_value output, fov_value target);
    /** Required: writes one sample's value of each figure to values[count_count]. Returns the sample's loss, by the
     *  same formula as `loss`. */
    double (*count)(void *user, const float *output, int output_numbers, const float *target, int numbers,
                    double *values);
    void *user;
} fov_task;

/** Makes the task known by its name: for fov_train, fov_evaluate, sessions (whose answers are the output's numbers) and
 *  model files that were trained for it. E_USAGE: a name that is taken or invalid, a function missing. */
FOV_API FOV_MUST_CHECK int fov_task_register(fov_context *context, const fov_task *definition);

#ifdef __cplusplus
}
#endif
#endif
