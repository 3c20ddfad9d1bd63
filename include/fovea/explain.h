/* SPDX-License-Identifier: MIT */
/* Why a model answers as it does for one picture: maps of what mattered, what each layer makes of it, and the sum
 * behind a single pixel of a layer with its true numbers. For classifiers, for single numbers, for maps of classes,
 * where a region stands for the class, and for detectors, box by box. */
#ifndef FOVEA_EXPLAIN_H
#define FOVEA_EXPLAIN_H

#include <fovea/answer.h>
#include <fovea/dataset.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model with one picture that is to be explained. */
typedef struct fov_explainer fov_explainer;

/** `layer`: the value whose feature maps Grad-CAM and Score-CAM weigh; NULL: behind the last convolution that is not
 *  the output's own and still has several pixels, with the normalisation, sum and activation that follow it; of a
 *  detector, behind the last convolution that all of the box's scores come from, so that it depends on the box. The
 *  model's graph gains nodes that nothing else sees. Free it before the context. NULL and a sentence: E_USAGE for an
 *  unknown layer, with the nearest name; E_SHAPE where input or layer are no pictures. */
FOV_API fov_explainer *fov_explainer_create(fov_model *model, const char *layer);
FOV_API void           fov_explainer_free(fov_explainer *explainer); /**< accepts NULL */
/** The layer that was chosen; "" where the network has none with more than one pixel. */
FOV_API const char *fov_explainer_layer(const fov_explainer *explainer);

/** The picture, of any size, through the model's preprocessing; and which answer is to be explained: a class, the
 *  number of a value, or of a detector's box (0: the best one); -1: the highest score (of a map: the class of most
 *  pixels other than 0, the background). Boxes are those that predictions answer; where no score is high enough, the
 *  best one is explained nevertheless. */
FOV_API FOV_MUST_CHECK int fov_explainer_look(fov_explainer *explainer, const fov_image *picture, int answer);
/** The same for what lies at a pixel of the network's input (fov_explained.seen): the best box around it, or the
 *  connected region of the class that it has. E_USAGE: there is none, or the model answers for the whole picture. */
FOV_API FOV_MUST_CHECK int fov_explainer_look_at(fov_explainer *explainer, const fov_image *picture, int row,
                                                 int column);

/** What the explainer looks at. */
typedef struct fov_explained {
    int          channels, height, width; /**< of the network's input */
    const float *input;  /**< [channels, height, width], as the network gets it */
    fov_image    seen;   /**< the same as 8-bit pixels: normalisation taken back */
    int          answer; /**< the class, or the number of the value */
    const char  *name;   /**< of the class */
    double       score;  /**< of the answer before softmax or sigmoid; of a map its mean over the region; of a box its
                              class's, plus that of an object where the detector has one */
    int          score_count;
    const float *scores; /**< [score_count]: all numbers of the output, before softmax or sigmoid */
    const uint8_t *region; /**< of a map: 1 where its places are explained, [region_height, region_width]; else NULL */
    int          region_height, region_width;
    int          box_count;      /**< of a detector; else 0 */
    const fov_answer_box *boxes; /**< [box_count], best first, in pixels of the picture */
    int          box;            /**< the one that is explained */
    double       frame[4];       /**< x1, y1, x2, y2 of it in pixels of `seen` */
} fov_explained;
/** Everything belongs to the explainer, until the next picture. Zeroed before the first one. */
FOV_API fov_explained fov_explainer_state(const fov_explainer *explainer);

/* ---- maps of what mattered --------------------------------------------------------------------------------------- */

/** A way to explain. */
typedef struct fov_explain_method {
    const char *name;    /**< "gradcam" */
    const char *title;   /**< "Grad-CAM" */
    const char *summary; /**< one sentence: what the numbers say */
    const char *source;  /**< the paper */
} fov_explain_method;
FOV_API int                fov_explain_method_count(void);
FOV_API fov_explain_method fov_explain_method_at(int index); /**< all NULL beyond the last */

/** What is put where something is taken away. */
typedef enum fov_baseline {
    FOV_BASELINE_BLACK = 0, /**< a black picture, preprocessed */
    FOV_BASELINE_ZERO       /**< zeros of the network's input: with usual preprocessing, the mean colour */
} fov_baseline;

typedef struct fov_explain_options {
    fov_baseline baseline; /**< of occlusion, integrated gradients and Score-CAM */
    int   window;   /**< occlusion: side of the square, pixels; 0: an eighth of the input's shorter side */
    int   stride;   /**< occlusion: pixels from square to square; 0: half of the window */
    int   steps;    /**< integrated gradients: equal parts of the way; 0: 32, doubled until the sum is right within
                         0.5 %, 1,024 at most */
    int   samples;  /**< SmoothGrad: noisy pictures; 0: 32 */
    float noise;    /**< SmoothGrad: standard deviation as a share of the input's range; 0: 0.15 */
    int   channels; /**< Score-CAM: so many feature maps, the strongest ones; 0: all */
} fov_explain_options;

typedef struct fov_explanation {
    const char *method;    /**< name */
    bool        per_number; /**< a number for each of the input's; false: one for each pixel */
    int         channels;   /**< 1 for maps over pixels; the input's for maps over its numbers */
    int         height, width; /**< the input's */
    float      *values;    /**< [channels, height, width] */
    double      score;     /**< of the picture */
    double      baseline;  /**< the score of the baseline; NaN where the method has none */
    int         runs;      /**< pictures that went through the network for it */
    int         window, stride, steps; /**< as they were, where the method has them; else 0 */
    void       *owner;     /**< internal */
} fov_explanation;
/** `options` may be NULL. E_USAGE: no picture yet, or no such method; E_UNSUPPORTED: the network has no layer for it,
 *  or an operator on the way has no gradient; E_NUMERIC: a number is not finite. */
FOV_API FOV_MUST_CHECK int fov_explain(fov_explainer *explainer, const char *method,
                                       const fov_explain_options *options, fov_explanation *explanation);
FOV_API void               fov_explanation_free(fov_explanation *explanation); /**< accepts a zeroed one */
/** A map over the picture that the network saw, RGB of its size: what speaks for the answer in warm, what against it in
 *  cold colours. `share`: of the map, 0 to 1. Freed by the caller. */
FOV_API FOV_MUST_CHECK int fov_explanation_draw(const fov_explainer *explainer, const fov_explanation *explanation,
                                                float share, fov_image *drawn);

/* ---- inside ------------------------------------------------------------------------------------------------------ */

/** What a layer makes of the picture. */
typedef struct fov_activation {
    const char *name, *type; /**< "conv1", "conv"; belong to the model */
    int         channels, height, width; /**< height and width 1 where the layer is a row of numbers */
    float      *values;      /**< [channels, height, width] */
    void       *owner;       /**< internal */
} fov_activation;
/** `layer`: the name of any value that the model's output depends on, or of a layer (fov_model_summary): its first
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
    int    first_channel;           /**< of the layer's input: where the filter's group begins */
    int    top, left;               /**< of the patch in the layer's input; below 0 in the padding */
    int    dilation[2];
    float *patch, *kernel;          /**< [channels, height, width]; padding is 0 */
    float  bias;
    double sum;                     /**< patch times kernel, plus bias, in double */
    float  result;                  /**< what the engine gave */
    int    field[4];                /**< the receptive field in the network's input: top, left, height, width, cut off
                                         at its edges */
    void  *owner;                   /**< internal */
} fov_pixel_sum;
/** E_USAGE: no 2-D convolution of that name, or a place outside of its result. */
FOV_API FOV_MUST_CHECK int fov_explain_sum(fov_explainer *explainer, const char *layer, int filter, int row,
                                           int column, fov_pixel_sum *sum);
FOV_API void               fov_pixel_sum_free(fov_pixel_sum *sum); /**< accepts a zeroed one */

/** A unit of a layer: of feature maps a channel at a place, or, `row` -1, the mean over the channel; of a row of
 *  numbers number `channel` (of the model's output a class, by its score before softmax or sigmoid). */
typedef struct fov_unit {
    int channel, row, column;
} fov_unit;

typedef struct fov_visualise_options {
    int   steps;  /**< 0: 128 */
    float rate;   /**< of a step, root mean square, as a share of the way from black to white; 0: 0.02 */
    int   jitter; /**< each step sees the picture moved by up to so many pixels and zoomed by up to 10 %; 0: a
                       28th of the shorter side, -1: not at all */
    float decay;  /**< share by which each step takes pixels back towards grey; 0: 0.002, below 0: none */
    float blur;   /**< standard deviation of the blur after every fourth step, pixels; 0: 0.35, below 0: none */
} fov_visualise_options;

/** Feature visualisation: the picture, of the network's input, that each unit answers to most, by gradient ascent
 *  (Erhan et al. 2009, Simonyan et al. 2013, Yosinski et al. 2015, Olah et al. 2017; docs/explain.md). No picture has
 *  to be looked at. Pictures follow from the context's seed and the unit, whatever the number of threads. Fills
 *  pictures [count], each to be freed with fov_image_free; answers [count], or NULL: what the unit answers to it.
 *  E_USAGE: no such layer or unit, or an option out of range; E_SHAPE: the layer has no units; E_UNSUPPORTED: no
 *  gradient reaches the input; E_NUMERIC. On failure nothing is left to free. */
FOV_API FOV_MUST_CHECK int fov_visualise(fov_explainer *explainer, const char *layer, const fov_unit *units, int count,
                                         const fov_visualise_options *options, fov_image *pictures, double *answers);

/** Which samples of a dataset the network sees most alike: by the cosine between the means of the layer's feature maps
 *  (without such a layer: between the scores). The first `limit` samples are asked (0: all). Fills index and
 *  similarity [count], the most alike first; answers how many there were in *found. */
FOV_API FOV_MUST_CHECK int fov_explain_nearest(fov_explainer *explainer, fov_dataset *data, int64_t limit, int count,
                                               int64_t *index, double *similarity, int *found);

typedef struct fov_explain_page_options {
    const char  *title;   /**< "What MODEL sees in PICTURE" */
    const char  *layer;   /**< whose sum is taken apart; NULL: the first convolution */
    int          place[3]; /**< filter, row and column of that sum; zeros: the strongest place */
    fov_dataset *data;    /**< nearest samples of it are shown; NULL: none */
    fov_explain_options how;
} fov_explain_page_options;
/** Everything above as one HTML file for people, which needs neither server nor script nor network. `options` may be
 *  NULL. */
FOV_API FOV_MUST_CHECK int fov_explain_page(fov_explainer *explainer, const char *html,
                                            const fov_explain_page_options *options);

#ifdef __cplusplus
}
#endif
#endif
