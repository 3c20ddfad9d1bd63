/* SPDX-License-Identifier: MIT */
/* Networks by name. A line `const struct zoo_network zoo_NAME = {` in a file of zoo/ registers one; one file per
 * family. */
#ifndef ZOO_ZOO_H
#define ZOO_ZOO_H

#include <fovea/graph.h>
#include <fovea/operators.h>

struct zoo_input {
    int channels, height, width, classes;
};

struct zoo_network {
    const char *name;            /**< "lenet5" */
    const char *summary;         /**< one line, with its source */
    struct zoo_input standard;   /**< what is built when nothing is asked for */
    float mean[4], deviation[4]; /**< preprocessing that goes with it, of 0..1 pixels; deviation 0 = 1 */
    int pad;                     /**< pixels put around the picture (lenet5: 28 -> 32) */
    /** Builds the network on x [N, channels, height + 2 pad, width + 2 pad]; returns its logits. */
    fov_value (*build)(fov_graph *graph, fov_value x, const struct zoo_input *input);
};

extern const struct zoo_network *const zoo_table[]; /* generated, sorted by name */
extern const size_t zoo_table_count;

const struct zoo_network *zoo_find(const char *name);

/** fov_conv2d for a layer that a ReLU follows: its weight is drawn from U(-b, b), b = sqrt(6 / fan in) (He et al.,
 *  "Delving deep into rectifiers", ICCV 2015, equation 10), as half the variance is lost there. The builders' own b =
 *  1 / sqrt(fan in) is 2.4 times smaller: course-cnn then ends its ten epochs on MNIST with a training loss 12 %
 *  higher. */
fov_value zoo_conv2d_for_relu_opt(fov_graph *graph, fov_value x, const fov_conv2d_options *options);
#define zoo_conv2d_for_relu(graph, x, ...) zoo_conv2d_for_relu_opt((graph), (x), &(fov_conv2d_options){__VA_ARGS__})

#endif
