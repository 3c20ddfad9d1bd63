/* SPDX-License-Identifier: MIT */
/* Any operator by its name, beside the typed functions of operators.h: all operators that `fovea ops` and
 * fov_operator_at list, with the names that these give to inputs, outputs and options.
 *
 *   const fov_value in[] = {picture, grid};
 *   fov_value y = fov_node(graph, "grid_sample", in, 2, "mode", "nearest", "align_corners", "yes");
 *
 * Here parameters are ordinary inputs: make a convolution's weight with fov_parameter and pass it. Custom operators
 * (extend.h) are used in the same way. */
#ifndef FOVEA_NODE_H
#define FOVEA_NODE_H

#include <fovea/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Adds a node and returns its first output, 0 after a failure. Pass value 0 for an optional input that is left out;
 *  optional inputs at the end may be omitted.
 *  options  pairs of name and value, ended by NULL; NULL: none. Values are texts: "0.5", "yes", "nearest", "2,2". Names
 *           may be spelled with '-' or '_'. Every operator accepts the option "name", the name of the node.
 *  fails    usage: no operator or no option of that name (the sentence has the nearest one); a value that the option
 *           cannot have; inputs missing or too many. shape: the inputs do not fit each other */
FOV_API fov_value fov_node_opt(fov_graph *graph, const char *operator_name, const fov_value *inputs, int input_count,
                               const char *const *options);
/** Output number `index`, from 0, of the node that produces `value`; value 0 where there is no such output. */
FOV_API fov_value fov_output(fov_graph *graph, fov_value value, int index);
/** How many outputs the node that produces `value` has; 0: no node produces it. */
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
