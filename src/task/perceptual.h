/* SPDX-License-Identifier: MIT */
/* What a picture looks like to a trained network: one of the network's feature maps represents the content, and how the
 * channels of other maps correlate (their Gram matrices) represents the style. Gatys, Ecker, Bethge, "Image style
 * transfer using convolutional neural networks", CVPR 2016. train/style.c optimises a picture by these. */
#ifndef TASK_PERCEPTUAL_H
#define TASK_PERCEPTUAL_H

#include "model/model.h"

enum { PERCEPTUAL_MOST = 16 /* layers of style */ };

/** Which feature maps of a network represent content and style. */
struct perceptual_layers {
    int content, style[PERCEPTUAL_MOST]; /**< ids of values in the network's graph */
    int style_count;
};
/** Chooses the layers by name, "features.relu_2, features.relu_7". Where `style` is NULL, the first activation of each
 *  map size; where `content` is NULL, the second activation of the last map size but one (for VGG-19 these are relu1_1
 *  to relu5_1, and relu4_2, as in the paper). E_USAGE: the network has no layer of that name; E_SHAPE: a layer is no
 *  map, or the network does not read pictures [N, 3, H, W]. */
int perceptual_choose(const fov_model *network, const char *content, const char *style,
                      struct perceptual_layers *layers, struct error *error);

/** The chosen maps as values of the graph that perceptual_add has added them to. */
struct perceptual_maps {
    fov_value content, style[PERCEPTUAL_MOST];
};
/** Adds to `graph` the part of the network that computes the chosen maps, with fixed parameters, applied to a picture
 *  [N, 3, H, W] of values 0..1. `prefix` precedes the names of the added nodes. Failures are sticky on the graph. */
struct perceptual_maps perceptual_add(fov_graph *graph, const fov_model *network,
                                      const struct perceptual_layers *layers, fov_value picture, const char *prefix);
/** The Gram matrices of a map, [N, C, H, W] -> [N, C, C]: products of each two channels, summed over the pixels and
 *  divided by C H W. */
fov_value perceptual_gram(fov_graph *graph, fov_value map);

#endif
