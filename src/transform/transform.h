/* SPDX-License-Identifier: MIT */
/* Transforms: random changes of a training sample that keep its meaning. Each has a file of its own; a line
 * `const struct transform transform_NAME = {` in src/transform/ registers it; its options, `--augment`, the list of
 * transforms and the tests follow from that descriptor. Four kinds:
 *
 *   geometry   touches no pixel: it multiplies into one map (image/warp.h), through which picture, mask and boxes go
 *   colour     changes the pixels of the picture after that; masks and boxes do not see it
 *   policy     draws another transform and its strength (TrivialAugment...)
 *   mix        makes one sample of several (mosaic, mixup, cutmix): transforms before it in a list apply to each of
 *              these samples, transforms after it to the result
 *
 * Random numbers are a function of (seed, epoch, sample, place in the pipeline) alone, not of threads, order or earlier
 * draws. Next: flip.c (the smallest geometry), brightness.c (the smallest colour), pipeline.h (several). */
#ifndef TRANSFORM_TRANSFORM_H
#define TRANSFORM_TRANSFORM_H

#include "base/attribute.h"
#include "base/error.h"
#include "base/random.h"
#include "image/warp.h"

enum {
    TRANSFORM_MOST_OPTIONS = 128, /**< bytes of an options struct */
    TRANSFORM_MOST_CHOICES = 4,   /**< transforms that one policy chooses per sample */
    TRANSFORM_MOST_PIECES = 4,    /**< samples that one mix puts together */
    MIX_WHOLE = 1 << 16           /**< weight of an opaque piece, which hides the pieces below it */
};

/** Random numbers for one sample and one place in the pipeline. */
struct transform_draw {
    struct random_key key;
    uint64_t          next;
};
double  draw_uniform(struct transform_draw *draw, double low, double high); /**< in [low, high) */
double  draw_normal(struct transform_draw *draw);
int64_t draw_below(struct transform_draw *draw, int64_t bound); /**< in 0 .. bound - 1 */
bool    draw_chance(struct transform_draw *draw, double probability);
double  draw_beta(struct transform_draw *draw, double alpha); /**< of Beta(alpha, alpha) */

/** A sample's geometry while transforms multiply into it. Points are in pixels of the picture after the transforms so
 *  far, the "current" picture. */
struct geometry {
    struct image_map  map;           /**< from points of the current picture to points of the original one */
    double            height, width; /**< of the current picture */
    double           wanted_height, wanted_width; /**< of the result, to which the picture is resized at the end */
    enum image_border border;        /**< what lies outside of the picture */
    /** Elastic: points of the result are displaced by noise, smoothed by a Gaussian of deviation `elastic_reach`
     *  pixels, times `elastic_strength` pixels; 0: no displacement. */
    double                elastic_strength, elastic_reach;
    struct transform_draw elastic_draw;
};
/** Appends a step: the map that takes points after the transform to points before it. */
void geometry_then(struct geometry *geometry, const struct image_map *step);
/** Appends a linear step [2][2] around the middle: a rotation, shear or scaling. */
void geometry_around_middle(struct geometry *geometry, const double linear[4]);

/** The picture that colour transforms change in place, 1 or 3 channels. */
struct colours {
    uint8_t *pixels; /**< [height, width, channels] */
    int      height, width, channels;
    uint8_t *workspace; /**< as many bytes */
};
/** Replaces every value by its entry in a table of 256. */
void colours_by_table(const struct colours *colours, const uint8_t table[256]);
/** factor * pixel + (1 - factor) * other, rounded and clamped to 0 .. 255; factors above 1 lead away from `other`. */
uint8_t colours_blend(double factor, double pixel, double other);
/** Luma of Rec. 601; for grey pictures the value itself. */
double colours_luma(const uint8_t *pixel, int channels);
/** Changes by a factor; 1 changes nothing (factors.c). */
void colours_brighten(const struct colours *colours, double factor); /**< 0: black */
void colours_contrast(const struct colours *colours, double factor); /**< 0: the mean of the picture's luma */
void colours_saturate(const struct colours *colours, double factor); /**< 0: grey */
void colours_sharpen(const struct colours *colours, double factor);  /**< 0: smoothed, as Pillow's SMOOTH */

/** The layout in which pictures of several samples, all of one size, become one picture: each piece is laid over those
 *  before it. Pixels, masks, boxes and the shares of a sample's classes all follow from the layout (mixing.c). */
struct mix {
    int     height, width; /**< in: of each picture; out: of the result, at most twice as large */
    uint8_t fill;          /**< value where no piece lies; masks are 255 there */
    struct mix_piece {
        int x, y;                     /**< pixel of the result where the picture's upper left corner comes to lie */
        int left, top, right, bottom; /**< the rectangle of the result that shows it */
        int weight;                   /**< opacity over the pieces below it, as a fraction of MIX_WHOLE */
    } piece[TRANSFORM_MOST_PIECES]; /**< the sample's own, then its partners'; in: each covers the whole result */
};

enum transform_kind { TRANSFORM_GEOMETRY, TRANSFORM_COLOUR, TRANSFORM_POLICY, TRANSFORM_MIX };

struct transform;
/** A transform and its options. */
struct transform_use {
    const struct transform *transform;
    _Alignas(16) unsigned char options[TRANSFORM_MOST_OPTIONS];
};
/** A transform with one option set, the others at their defaults; for policies, which know the names. */
struct transform_use transform_with(const char *name, const char *option, double value);

struct transform {
    const char             *name;        /**< "flip" */
    const char             *torchvision; /**< its name in torchvision.transforms.v2; NULL: it has none */
    const char             *summary;     /**< one line */
    enum transform_kind     kind;
    const struct attribute *attributes; /**< ended by one without name; users may give the first without its name */
    size_t                  options_size;
    void (*geometry)(const void *options, struct transform_draw *draw, struct geometry *geometry);
    void (*colour)(const void *options, struct transform_draw *draw, const struct colours *colours);
    /** Writes the transforms to apply instead of the policy, at most TRANSFORM_MOST_CHOICES and none of them a policy;
     *  returns their number. */
    int (*choose)(const void *options, struct transform_draw *draw, struct transform_use *uses);
    /** Lays out the pieces; false: this sample stays as it is. */
    bool (*mix)(const void *options, struct transform_draw *draw, struct mix *mix);
    int  partners; /**< of .mix: number of further samples */
    bool blends;   /**< of .mix: a pixel may mix two samples, which masks do not allow */
};

extern const struct transform *const transform_table[]; /* generated, sorted by name */
extern const size_t                  transform_table_count;
const struct transform *transform_find(const char *name); /**< '_' also stands for '-'; NULL: there is none */

#endif
