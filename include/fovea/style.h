/* SPDX-License-Identifier: MIT */
/* A picture in the manner of another one: pixels are moved, by L-BFGS, until a trained network finds the content of the
 * one and the style of the other in them. Gatys, Ecker, Bethge, "Image style transfer using convolutional neural
 * networks", CVPR 2016. A network that does the same at once is trained as a task (docs/tasks.md). */
#ifndef FOVEA_STYLE_H
#define FOVEA_STYLE_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where the search stands. */
typedef struct fov_style_progress {
    int       step, steps; /**< step 0: before the first one */
    double    loss, content, style, variation; /**< the sum, and its parts with their weights */
    fov_image picture;     /**< as it is now; belongs to the search */
} fov_style_progress;

typedef struct fov_style_options {
    int         steps;          /**< 300: of L-BFGS, a gradient each */
    int         size;           /**< 512: longer side of the result; the content's where that is smaller. Pixels */
    /** 1: of the mean squared difference of the content's maps, as a share of their mean square */
    double      content_weight;
    /** 100: of the mean squared difference of Gram matrices (F F^T over C H W), as a share of the style's mean square;
     *  the mean over layers */
    double      style_weight;
    double      variation_weight; /**< 0: of the mean squared difference of neighbouring pixels, down and across */
    const char *content_layer;  /**< NULL: the second activation of the last size of maps but one */
    const char *style_layers;   /**< NULL: the first activation of each size of maps; else names, comma between them */
    /** Return nonzero to stop; what there is then is the result. NULL: nobody looks. */
    int (*on_step)(const fov_style_progress *progress, void *user);
    void *user;
} fov_style_options;

/** Begins with the content and makes `result` (fov_image_free), three channels. `network`: whose activations are looked
 *  at, for pictures [N, 3, H, W] of any size; its weights are what counts, random ones give a texture at best.
 *  E_SHAPE: no such network; E_USAGE: a layer that it does not have; E_NUMERIC: a loss that is not finite. `options` may
 *  be NULL. */
FOV_API FOV_MUST_CHECK int fov_style_opt(fov_model *network, const fov_image *content, const fov_image *style,
                                         const fov_style_options *options, fov_image *result);

#ifdef __cplusplus
}
#endif
#endif
