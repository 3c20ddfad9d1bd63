/* SPDX-License-Identifier: MIT */
/* A graph is a program over tensors: inputs, parameters, operators. Calls only describe; nothing is computed until a
 * plan is made (plan.h). Operators are in operators.h.
 *
 * A graph's errors are sticky: after the first failing call all further builder calls return value 0 and do nothing,
 * and calls that need a complete graph, such as fov_plan_create, fail with that first error. So a network can be
 * written without a check after each call, and checked once at its end. */
#ifndef FOVEA_GRAPH_H
#define FOVEA_GRAPH_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_graph fov_graph;

/** The graph must be freed before its context. NULL and an error on the context when memory is short. */
FOV_API fov_graph *fov_graph_create(fov_context *context);
FOV_API void       fov_graph_free(fov_graph *graph); /**< accepts NULL */
FOV_API fov_context *fov_graph_context(const fov_graph *graph);

typedef struct fov_input_options {
    const char *name;  /**< "input" */
    fov_dtype   dtype; /**< float32 */
    fov_shape   shape; /**< a scalar; FOV_BATCH as the first dimension leaves the number of samples open.
                            In C: .shape = { 4, { FOV_BATCH, 1, 28, 28 } } or FOV_SHAPE(FOV_BATCH, 1, 28, 28) */
} fov_input_options;
/** A tensor that the caller fills before each run. */
FOV_API fov_value fov_input_opt(fov_graph *graph, const fov_input_options *options);

/** How a parameter's first values are drawn; each is a pure function of (seed, parameter, element). */
typedef enum fov_initial {
    FOV_INITIAL_ZEROS = 0,
    FOV_INITIAL_ONES,
    FOV_INITIAL_UNIFORM, /**< in [-scale, scale) */
    FOV_INITIAL_NORMAL,  /**< standard deviation `scale` */
    FOV_INITIAL_CONSTANT, /**< all of them `scale` */
    /** Of a convolution's weight [filters, C, ...]: filter i, below C, passes channel i on as it is; the others are
     *  uniform. (Zagoruyko & Komodakis, "DiracNets", 2017; torch.nn.init.dirac_.) */
    FOV_INITIAL_DIRAC
} fov_initial;

typedef struct fov_parameter_options {
    const char *name;    /**< required; unique in the graph; "c1.weight" as PyTorch would name it */
    fov_shape   shape;
    fov_initial initial; /**< zeros */
    float       scale;   /**< 0 */
    bool        frozen;  /**< false; true: not trained (running statistics, counters, frozen layers) */
    fov_dtype   dtype;   /**< float32 */
} fov_parameter_options;
/** A tensor that lives as long as the graph, is changed by plans that run with .updates, and is saved with the
 *  model. */
FOV_API fov_value fov_parameter_opt(fov_graph *graph, const fov_parameter_options *options);

/** A constant; `data` (dense, plain order) is copied. */
FOV_API fov_value fov_constant(fov_graph *graph, const char *name, fov_dtype dtype, fov_shape shape,
                               const void *data);

/** Adds the nodes that compute d(loss)/d(target) for each target, by reverse accumulation (Linnainmaa 1970; Rumelhart,
 *  Hinton, Williams 1986). loss must be a scalar. gradients[i] is 0 where the loss does not depend on targets[i]. The
 *  gradients are values of the same graph: they can be used, fused and differentiated again.
 *  fails: loss is no scalar; an operator on the path has no gradient (the sentence names it). */
FOV_API FOV_MUST_CHECK int fov_gradient(fov_graph *graph, fov_value loss, const fov_value *targets, int count,
                                        fov_value *gradients);

/** After each run of a plan with .updates, `parameter` holds the result that the run computed for `value`. The
 *  optimisers are built with it. A later assignment to the same parameter replaces the earlier one. fails: type or
 *  shape differs. */
FOV_API void fov_assign(fov_graph *graph, fov_value parameter, fov_value value);

/* Looking at a graph */
FOV_API fov_value   fov_find(const fov_graph *graph, const char *name); /**< 0: no value has that name */
FOV_API const char *fov_value_name(const fov_graph *graph, fov_value value);
FOV_API fov_shape   fov_value_shape(const fov_graph *graph, fov_value value);
FOV_API fov_dtype   fov_value_dtype(const fov_graph *graph, fov_value value);

FOV_API int       fov_parameter_count(const fov_graph *graph); /**< tensors, in order of creation */
FOV_API fov_value fov_parameter_at(const fov_graph *graph, int index);
FOV_API bool      fov_parameter_frozen(const fov_graph *graph, fov_value parameter);
FOV_API void      fov_parameter_freeze(fov_graph *graph, fov_value parameter, bool frozen);
/** Copies a parameter out of or into the graph (dense, plain order, e.g. [filters, C / groups, kh, kw]). `bytes` must
 *  be exactly the parameter's size (E_SHAPE). */
FOV_API FOV_MUST_CHECK int fov_parameter_get(fov_graph *graph, fov_value parameter, void *data, size_t bytes);
FOV_API FOV_MUST_CHECK int fov_parameter_set(fov_graph *graph, fov_value parameter, const void *data, size_t bytes);

/** Names of nodes and parameters made until the matching pop start with "name.". */
FOV_API void fov_scope_push(fov_graph *graph, const char *name);
FOV_API void fov_scope_pop(fov_graph *graph);

#ifndef __cplusplus
#define fov_input(graph, ...) fov_input_opt((graph), &(fov_input_options){__VA_ARGS__})
#define fov_parameter(graph, ...) fov_parameter_opt((graph), &(fov_parameter_options){__VA_ARGS__})
/** FOV_SHAPE(FOV_BATCH, 3, 224, 224) */
#define FOV_SHAPE(...)                                                                                                 \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
#endif

#ifdef __cplusplus
}
#endif
#endif
