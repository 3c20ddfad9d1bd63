/* SPDX-License-Identifier: MIT */
/* What a picture looks like to a trained network: some of its maps are the content, how the channels of others go
 * together (their Gram matrices) is the style. Gatys, Ecker, Bethge, "Image style transfer using convolutional neural
 * networks", CVPR 2016. Who changes a picture by this: train/style.c; who trains a network by it: image.c. */
#ifndef TASK_PERCEPTUAL_H
#define TASK_PERCEPTUAL_H

#include "model/model.h"

enum { PERCEPTUAL_MOST = 16 /* layers of style */ };

/** Which maps of a network are looked at. */
struct perceptual_layers {
    int content, style[PERCEPTUAL_MOST]; /**< values of its graph */
    int style_count;
};
/** By name, "features.relu_2, features.relu_7"; NULL: style is the first activation of each size of maps, content the
 *  second one of the last size but one (of VGG-19 relu1_1 to relu5_1, and relu4_2: those of the paper). E_USAGE: a name
 *  that the network does not have; E_SHAPE: what is no map; a network that does not read pictures [N, 3, H, W]. */
int perceptual_choose(const fov_model *network, const char *content, const char *style,
                      struct perceptual_layers *layers, struct error *error);

/** The maps, in the graph of a picture. */
struct perceptual_maps {
    fov_value content, style[PERCEPTUAL_MOST];
};
/** Adds the network as far as it is needed, its parameters fixed, behind a picture [N, 3, H, W] of 0..1. `prefix`: of
 *  names in `graph`. Failures are sticky on the graph. */
struct perceptual_maps perceptual_add(fov_graph *graph, const fov_model *network,
                                      const struct perceptual_layers *layers, fov_value picture, const char *prefix);
/** [N, C, H, W] -> [N, C, C]: products of channels, summed over pixels, over C H W. */
fov_value perceptual_gram(fov_graph *graph, fov_value map);

#endif
