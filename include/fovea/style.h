/* SPDX-License-Identifier: MIT */
/* Style transfer: optimises the pixels of a picture by L-BFGS until their activations in a trained network match the
 * content of one picture and the style of another. Gatys, Ecker, Bethge, "Image style transfer using convolutional
 * neural networks", CVPR 2016. A network that does the same in one forward pass is trained as a task
 * (docs/tasks.md). */
#ifndef FOVEA_STYLE_H
#define FOVEA_STYLE_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The state of the optimisation. */
typedef struct fov_style_progress {
    int       step, steps; /**< step 0: before the first one */
    double    loss, content, style, variation; /**< the total, and its weighted terms */
    fov_image picture;     /**< the current picture; valid during the call */
} fov_style_progress;

typedef struct fov_style_options {
    int         steps;          /**< 300: iterations of L-BFGS */
    int         size;           /**< 512: longer side of the result, pixels; the content's where that is smaller */
    /** 1: weight of the mean squared difference from the content's feature maps, relative to their mean square */
    double      content_weight;
    /** 100: weight of the mean squared difference of Gram matrices (F F^T / (C H W)), relative to the mean square of
     *  the style's, averaged over layers */
    double      style_weight;
    double      variation_weight; /**< 0: of the mean squared difference of neighbouring pixels, down and across */
    const char *content_layer;  /**< NULL: the second activation at the last but one size of feature maps */
    const char *style_layers;   /**< NULL: the first activation at each size of feature maps; else names with commas */
    /** Called after each step; nonzero stops, and the current picture becomes the result. NULL: no callback. */
    int (*on_step)(const fov_style_progress *progress, void *user);
    void *user;
} fov_style_options;

/** Starts from the content picture and makes `result` (free it with fov_image_free), three channels. `network`: the one
 *  whose activations are compared, for pictures [N, 3, H, W] of any size; it must be trained, random weights give a
 *  texture at best. E_SHAPE: a network of another kind; E_USAGE: a layer that it does not have; E_NUMERIC: the loss is
 *  not finite. `options` may be NULL. */
FOV_API FOV_MUST_CHECK int fov_style_opt(fov_model *network, const fov_image *content, const fov_image *style,
                                         const fov_style_options *options, fov_image *result);

#ifdef __cplusplus
}
#endif
#endif
