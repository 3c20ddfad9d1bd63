/* SPDX-License-Identifier: MIT */
/* Explaining a model's answer to one picture: saliency maps, the activations of each layer, and the sum behind a single
 * pixel of a layer with its actual numbers. For classifiers, for regressions, for segmentations, where a region of a
 * class is explained, and for detectors, box by box. */
#ifndef FOVEA_EXPLAIN_H
#define FOVEA_EXPLAIN_H

#include <fovea/answer.h>
#include <fovea/dataset.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model with one picture whose answer is explained. */
typedef struct fov_explainer fov_explainer;

/** `layer`: the value whose feature maps Grad-CAM and Score-CAM weight; NULL: the result of the last convolution that
 *  is not the output's own and has more than one pixel, after the normalisation, sum and activation that follow it; for
 *  a detector, of the last convolution that all scores of the box depend on, so that the layer depends on the box.
 *  Nodes are added to the model's graph, which its other uses ignore. Free the explainer before the context. NULL and a
 *  sentence: E_USAGE, an unknown layer (with the nearest name); E_SHAPE, the input or the layer is no picture. */
FOV_API fov_explainer *fov_explainer_create(fov_model *model, const char *layer);
FOV_API void           fov_explainer_free(fov_explainer *explainer); /**< accepts NULL */
/** The name of the layer in use; "": the network has none with more than one pixel. */
FOV_API const char *fov_explainer_layer(const fov_explainer *explainer);

/** Sets the picture, of any size, which goes through the model's preprocessing, and the answer to explain: a class, the
 *  number of a value, or of a detector's box (0: the best one); -1: the highest score (of a map: the class of most
 *  pixels other than 0, the background). Boxes are numbered as predictions give them; where no score reaches the
 *  threshold, the best box is explained nevertheless. */
FOV_API FOV_MUST_CHECK int fov_explainer_look(fov_explainer *explainer, const fov_image *picture, int answer);
/** The same for the answer at a pixel of the network's input (fov_explained.seen): the best box around that pixel, or
 *  the connected region of its class. E_USAGE: there is none, or the model's answer is for the whole picture. */
FOV_API FOV_MUST_CHECK int fov_explainer_look_at(fov_explainer *explainer, const fov_image *picture, int row,
                                                 int column);

/** The picture and the answer that an explainer explains. */
typedef struct fov_explained {
    int          channels, height, width; /**< of the network's input */
    const float *input;  /**< [channels, height, width], as the network gets it */
    fov_image    seen;   /**< the input as 8-bit pixels, without the normalisation */
    int          answer; /**< the class, or the number of the value */
    const char  *name;   /**< of the class */
    double       score;  /**< of the answer, before softmax or sigmoid; of a map its mean over the region; of a box its
                              class's, plus the object's where the detector has one */
    int          score_count;
    const float *scores; /**< [score_count]: all numbers of the output, before softmax or sigmoid */
    const uint8_t *region; /**< of a map: 1 in the explained region, else 0, [region_height, region_width]; else NULL */
    int          region_height, region_width;
    int          box_count;      /**< of a detector; else 0 */
    const fov_answer_box *boxes; /**< [box_count], best first, in pixels of the picture */
    int          box;            /**< index of the explained box */
    double       frame[4];       /**< x1, y1, x2, y2 of the explained box in pixels of `seen` */
} fov_explained;
/** Pointers belong to the explainer and are valid until its next picture. Zeroed before the first one. */
FOV_API fov_explained fov_explainer_state(const fov_explainer *explainer);

/* ---- saliency maps ----------------------------------------------------------------------------------------------- */

/** A method of explanation. */
typedef struct fov_explain_method {
    const char *name;    /**< "gradcam" */
    const char *title;   /**< "Grad-CAM" */
    const char *summary; /**< one sentence: what the numbers mean */
    const char *source;  /**< the paper */
} fov_explain_method;
FOV_API int                fov_explain_method_count(void);
FOV_API fov_explain_method fov_explain_method_at(int index); /**< all NULL beyond the last */

/** The picture that replaces the removed parts of the input. */
typedef enum fov_baseline {
    FOV_BASELINE_BLACK = 0, /**< a black picture, preprocessed */
    FOV_BASELINE_ZERO       /**< zeros of the network's input: with usual preprocessing, the mean colour */
} fov_baseline;

typedef struct fov_explain_options {
    fov_baseline baseline; /**< of occlusion, integrated gradients and Score-CAM */
    int   window;   /**< occlusion: side of the square, pixels; 0: an eighth of the input's shorter side */
    int   stride;   /**< occlusion: pixels from square to square; 0: half of the window */
    int   steps;    /**< integrated gradients: equal parts of the path; 0: 32, doubled until the sum is right within
                         0.5 %, 1,024 at most */
    int   samples;  /**< SmoothGrad: noisy pictures; 0: 32 */
    float noise;    /**< SmoothGrad: standard deviation as a fraction of the input's range; 0: 0.15 */
    int   channels; /**< Score-CAM: number of feature maps to use, the strongest ones; 0: all */
} fov_explain_options;

typedef struct fov_explanation {
    const char *method;    /**< name */
    bool        per_number; /**< true: a value for each number of the input; false: one for each pixel */
    int         channels;   /**< 1 where there is one value per pixel; else the input's */
    int         height, width; /**< the input's */
    float      *values;    /**< [channels, height, width] */
    double      score;     /**< of the picture */
    double      baseline;  /**< the score of the baseline; NaN where the method has none */
    int         runs;      /**< number of pictures that the network computed for it */
    int         window, stride, steps; /**< as they were used, where the method has them; else 0 */
    void       *owner;     /**< internal */
} fov_explanation;
/** Computes an explanation; free it with fov_explanation_free. `options` may be NULL. E_USAGE: no picture yet, or no
 *  such method; E_UNSUPPORTED: the network has no layer for the method, or an operator on the path has no gradient;
 *  E_NUMERIC: a number is not finite. */
FOV_API FOV_MUST_CHECK int fov_explain(fov_explainer *explainer, const char *method,
                                       const fov_explain_options *options, fov_explanation *explanation);
FOV_API void               fov_explanation_free(fov_explanation *explanation); /**< accepts a zeroed one */
/** Draws the map over the picture that the network saw, RGB of that size: evidence for the answer in warm colours,
 *  against it in cold ones. `share`: opacity of the map, 0 to 1. The caller frees `drawn` (fov_image_free). */
FOV_API FOV_MUST_CHECK int fov_explanation_draw(const fov_explainer *explainer, const fov_explanation *explanation,
                                                float share, fov_image *drawn);

/* ---- inside ------------------------------------------------------------------------------------------------------ */

/** The result of a layer for the picture. */
typedef struct fov_activation {
    const char *name, *type; /**< "conv1", "conv"; belong to the model */
    int         channels, height, width; /**< height and width 1 where the layer is a row of numbers */
    float      *values;      /**< [channels, height, width] */
    void       *owner;       /**< internal */
} fov_activation;
/** `layer`: the name of any value that the model's output depends on, or of a layer (fov_model_summary), for its first
 *  result. */
FOV_API FOV_MUST_CHECK int fov_explain_layer(fov_explainer *explainer, const char *layer, fov_activation *activation);
FOV_API void               fov_activation_free(fov_activation *activation); /**< accepts a zeroed one */

/** The filters of a convolution. */
typedef struct fov_filters {
    int    filters, channels, height, width;
    float *values; /**< [filters, channels, height, width] */
    void  *owner;  /**< internal */
} fov_filters;
/** E_USAGE where the layer is no 2-D convolution. */
FOV_API FOV_MUST_CHECK int fov_explain_filters(fov_explainer *explainer, const char *layer, fov_filters *filters);
FOV_API void               fov_filters_free(fov_filters *filters); /**< accepts a zeroed one */

/** One number of a convolution's result, taken apart. */
typedef struct fov_pixel_sum {
    const char *layer;
    int    filter, row, column;
    int    channels, height, width; /**< of the patch and the kernel */
    int    first_channel;           /**< channel of the layer's input at which the filter's group begins */
    int    top, left;               /**< of the patch in the layer's input; negative in the padding */
    int    dilation[2];
    float *patch, *kernel;          /**< [channels, height, width]; padding is 0 */
    float  bias;
    double sum;                     /**< sum of patch times kernel, plus bias, in double */
    float  result;                  /**< the number that the plan computed */
    int    field[4];                /**< the receptive field in the network's input: top, left, height, width, cut off
                                         at its edges */
    void  *owner;                   /**< internal */
} fov_pixel_sum;
/** E_USAGE: no 2-D convolution of that name, or a place outside of its result. */
FOV_API FOV_MUST_CHECK int fov_explain_sum(fov_explainer *explainer, const char *layer, int filter, int row,
                                           int column, fov_pixel_sum *sum);
FOV_API void               fov_pixel_sum_free(fov_pixel_sum *sum); /**< accepts a zeroed one */

/** A unit of a layer. Of feature maps: a channel at a place or, `row` and `column` -1, the mean over the channel. Of a
 *  row of numbers: number `channel`, `row` and `column` -1 (of the model's output a class, by its score before softmax
 *  or sigmoid). */
typedef struct fov_unit {
    int channel, row, column;
} fov_unit;

typedef struct fov_visualise_options {
    int   steps;  /**< 0: 128 */
    float rate;   /**< size of a step, root mean square, as a fraction of the range from black to white; 0: 0.02 */
    int   jitter; /**< in each step the picture is shifted by up to this many pixels and zoomed by up to 10 %; 0: a
                       28th of the shorter side, -1: not at all */
    float decay;  /**< fraction by which each step moves pixels back towards grey; 0: 0.002, below 0: none */
    float blur;   /**< standard deviation of the blur after every fourth step, pixels; 0: 0.35, below 0: none */
} fov_visualise_options;

/** Feature visualisation: for each unit a picture of the input's size that maximises the unit, by gradient ascent
 *  (Erhan et al. 2009, Simonyan et al. 2013, Yosinski et al. 2015, Olah et al. 2017; docs/explain.md).
 *  fov_explainer_look need not have been called. Pictures depend on the context's seed and the unit, not on the number
 *  of threads. Fills pictures [count], each to be freed with fov_image_free, and answers [count] (or NULL), the unit's
 *  value for its picture. E_USAGE: no such layer or unit, or an option out of range; E_SHAPE: the layer has no units;
 *  E_UNSUPPORTED: no gradient reaches the input; E_NUMERIC. On failure nothing is left to free. */
FOV_API FOV_MUST_CHECK int fov_visualise(fov_explainer *explainer, const char *layer, const fov_unit *units, int count,
                                         const fov_visualise_options *options, fov_image *pictures, double *answers);

/** Finds the samples of a dataset that are most similar to the picture for the network: by the cosine between the means
 *  of the layer's feature maps (without such a layer: between the scores). Only the first `limit` samples are compared
 *  (0: all). Fills index and similarity [count], the most similar first, and *found, how many were filled. */
FOV_API FOV_MUST_CHECK int fov_explain_nearest(fov_explainer *explainer, fov_dataset *data, int64_t limit, int count,
                                               int64_t *index, double *similarity, int *found);

typedef struct fov_explain_page_options {
    const char  *title;   /**< "What MODEL sees in PICTURE" */
    const char  *layer;   /**< layer whose sum is shown; NULL: the first convolution */
    int          place[3]; /**< filter, row and column of that sum; zeros: the place of the strongest result */
    fov_dataset *data;    /**< dataset whose nearest samples are shown; NULL: none */
    fov_explain_options how;
} fov_explain_page_options;
/** Writes all of the above as one HTML page, which needs neither server nor script nor network. `options` may be
 *  NULL. */
FOV_API FOV_MUST_CHECK int fov_explain_page(fov_explainer *explainer, const char *html,
                                            const fov_explain_page_options *options);

#ifdef __cplusplus
}
#endif
#endif
