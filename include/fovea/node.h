/* SPDX-License-Identifier: MIT */
/* Any operator by its name, beside the typed functions of operators.h: all that `fovea ops` and fov_operator_at list, with
 * their inputs, outputs and options as they are named there.
 *
 *   const fov_value in[] = {picture, grid};
 *   fov_value y = fov_node(graph, "grid_sample", in, 2, "mode", "nearest", "align_corners", "yes");
 *
 * Parameters are inputs like any others here: a convolution's weight is made with fov_parameter. Operators of one's own
 * are registered with extend.h and used in the same way. */
#ifndef FOVEA_NODE_H
#define FOVEA_NODE_H

#include <fovea/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Adds a node; answers its first output, 0 after a failure. An input that is left out has value 0; those at the end
 *  need not be given.
 *  options  pairs of name and value, ended by NULL; NULL: none. Values are texts: "0.5", "yes", "nearest", "2,2". '-' and
 *           '_' are one in names. "name" is what the node is called, whatever the operator.
 *  fails    usage: no operator of that name, or no option (the nearest is named); a value that the option cannot have;
 *           inputs missing or too many. shape: the inputs do not fit each other */
FOV_API fov_value fov_node_opt(fov_graph *graph, const char *operator_name, const fov_value *inputs, int input_count,
                               const char *const *options);
/** An output of the node that makes `value`, 0 is the first; value 0 where there is none. */
FOV_API fov_value fov_output(fov_graph *graph, fov_value value, int index);
/** How many outputs that node has; 0: no node makes the value. */
FOV_API int fov_output_count(const fov_graph *graph, fov_value value);

#ifndef __cplusplus
/** fov_node(graph, operator_name, inputs, input_count, NAME, VALUE, NAME, VALUE ...) */
#define fov_node(graph, operator_name, inputs, ...)                                                                    \
    fov_node_opt((graph), (operator_name), (inputs), FOV_NODE_FIRST(__VA_ARGS__, NULL),                                \
                 (const char *const[]){FOV_NODE_REST(__VA_ARGS__, NULL)})
#define FOV_NODE_FIRST(first, ...) (first)
#define FOV_NODE_REST(first, ...) __VA_ARGS__
#endif

#ifdef __cplusplus
}
#endif
#endif
