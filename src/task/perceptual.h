/* SPDX-License-Identifier: MIT */
/* What a picture looks like to a trained network: one of the network's feature maps represents the content, and how the
 * channels of other maps correlate (their Gram matrices) represents the style. Gatys, Ecker, Bethge, "Image style
 * transfer using convolutional neural networks", CVPR 2016. train/style.c optimises a picture by these, task/style.c
 * trains a network. */
#ifndef TASK_PERCEPTUAL_H
#define TASK_PERCEPTUAL_H

#include "model/model.h"

enum { PERCEPTUAL_MOST = 16 /* layers of style */, PERCEPTUAL_CHANNELS = 3 };

/** Which feature maps of a network represent content and style. */
struct perceptual_layers {
    int content, style[PERCEPTUAL_MOST]; /**< ids of values in the network's graph */
    int style_count;
};
/** The map size whose second activation is the content where none is named: DEEP, the last but one (VGG-19: relu4_2, as
 *  Gatys et al. 2016 optimise a picture); SHALLOW, the second (VGG-16: relu2_2, as Johnson et al. 2016 train). */
enum perceptual_depth { PERCEPTUAL_DEEP, PERCEPTUAL_SHALLOW };
/** Chooses the layers by name, "features.relu_2, features.relu_7". Where `style` is NULL, the first activation of each
 *  map size (VGG-19: relu1_1 to relu5_1); where `content` is NULL, that of `depth`. E_USAGE: the network has no layer
 *  of that name; E_SHAPE: a layer is no map, or the network does not read pictures [N, 3, H, W]. */
int perceptual_choose(const fov_model *network, const char *content, const char *style, enum perceptual_depth depth,
                      struct perceptual_layers *layers, struct error *error);

/** The chosen maps as values of the graph that perceptual_add has added them to. */
struct perceptual_maps {
    fov_value content, style[PERCEPTUAL_MOST];
};
/** Adds to `graph` the part of the network that computes the chosen maps, with its parameters as constants, applied to
 *  a picture [N, 3, H, W] of values 0..1, red first. The network must outlive the graph unchanged. `prefix` precedes
 *  the names of the added nodes. Failures are sticky on the graph. */
struct perceptual_maps perceptual_add(fov_graph *graph, const fov_model *network,
                                      const struct perceptual_layers *layers, fov_value picture, const char *prefix);
/** The Gram matrices of a map, [N, C, H, W] -> [N, C, C]: products of each two channels, summed over the pixels and
 *  divided by C H W. */
fov_value perceptual_gram(fov_graph *graph, fov_value map);
/** Total variation of a picture [N, 3, H, W]: the mean squared differences of vertical and horizontal neighbours. */
fov_value perceptual_variation(fov_graph *graph, fov_value picture);

/** Converts a picture to planes [3, *height, *width] of 0..1, scaled down so that its longer side is at most `size`
 *  pixels. E_INPUT: a side is too small for a network's maps; `what` names the picture. The caller frees the planes;
 *  NULL and an error. */
float *perceptual_planes(struct memory *memory, const fov_image *image, const char *what, int size, int *height,
                         int *width, struct error *error);

/** The chosen maps and the Gram matrices of one picture. */
struct perceptual_view {
    fov_graph *graph;
    fov_plan  *plan; /**< has run */
    fov_value  content, grams[PERCEPTUAL_MOST];
};
/** Computes them for planes [3, height, width] of 0..1. Close the view also after a failure. */
int  perceptual_look(struct perceptual_view *view, const fov_model *network, const struct perceptual_layers *layers,
                     const float *planes, int height, int width, struct error *error);
void perceptual_close(struct perceptual_view *view);
/** A weight for squared differences from a plan's result: `weight` over the result's mean square, so that it means the
 *  same for every network and layer. E_NUMERIC: the result is 0 or not finite. */
int perceptual_weight(fov_plan *plan, fov_value of, double weight, float *factor, struct error *error);

#endif
