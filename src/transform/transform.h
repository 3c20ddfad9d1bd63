/* SPDX-License-Identifier: MIT */
/* What a transform is: a random change of a training sample that leaves its meaning. One file each; a line
 * `const struct transform transform_NAME = {` in src/transform/ registers it, and its options, `--augment`, the list
 * and the tests follow from its descriptor. Three kinds:
 *
 *   geometry   touches no pixel: it multiplies into one map (image/warp.h), through which picture, mask and boxes go
 *   colour     changes the pixels of the picture after that; masks and boxes do not see it
 *   policy     draws another transform and its strength (TrivialAugment...)
 *   mix        makes one sample of several (mosaic, mixup, cutmix): what stands before it in a list is done to each of
 *              them on its own, what stands behind it to the result
 *
 * What is drawn is a function of (seed, epoch, sample, place in the pipeline) alone: not of threads, order or what was
 * drawn before. Next: flip.c (the smallest geometry), brightness.c (the smallest colour), pipeline.h (several). */
#ifndef TRANSFORM_TRANSFORM_H
#define TRANSFORM_TRANSFORM_H

#include "base/attribute.h"
#include "base/error.h"
#include "base/random.h"
#include "image/warp.h"

enum {
    TRANSFORM_MOST_OPTIONS = 128, /**< bytes of an options struct */
    TRANSFORM_MOST_CHOICES = 4,   /**< of one policy at a time */
    TRANSFORM_MOST_PIECES = 4,    /**< samples that one mix puts together */
    MIX_WHOLE = 1 << 16           /**< weight of a piece that hides what lies under it */
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

/** A sample's geometry while transforms multiply into it. Points are in pixels of the picture as it would stand now. */
struct geometry {
    struct image_map  map;           /**< from points now to points of the picture as it was */
    double            height, width; /**< now */
    double           wanted_height, wanted_width; /**< of the result, to which the picture is resized at the end */
    enum image_border border;        /**< what lies outside of the picture */
    /** Elastic: points of the result move by `elastic_strength` pixels of noise, smoothed over `elastic_reach` pixels;
     *  0: they do not. */
    double                elastic_strength, elastic_reach;
    struct transform_draw elastic_draw;
};
/** The step that takes points after this transform to points before it. */
void geometry_then(struct geometry *geometry, const struct image_map *step);
/** A linear step [2][2] around the middle: rotations, shears, scales. */
void geometry_around_middle(struct geometry *geometry, const double linear[4]);

/** The picture that colour transforms change in place, 1 or 3 channels. */
struct colours {
    uint8_t *pixels; /**< [height, width, channels] */
    int      height, width, channels;
    uint8_t *room; /**< as many bytes, to work in */
};
/** Every value through a table of 256. */
void colours_by_table(const struct colours *colours, const uint8_t table[256]);
/** factor * pixel + (1 - factor) * other, rounded and held within 0 .. 255; factors above 1 lead away from `other`. */
uint8_t colours_blend(double factor, double pixel, double other);
/** Luma of Rec. 601, of grey pictures the value. */
double colours_luma(const uint8_t *pixel, int channels);
/** By a factor, 1 changing nothing (factors.c). */
void colours_brighten(const struct colours *colours, double factor); /**< 0: black */
void colours_contrast(const struct colours *colours, double factor); /**< 0: the mean of the picture's luma */
void colours_saturate(const struct colours *colours, double factor); /**< 0: grey */
void colours_sharpen(const struct colours *colours, double factor);  /**< 0: smoothed, as Pillow's SMOOTH */

/** How pictures of several samples, all of one size, become one picture: each piece is laid over those before it.
 *  Pixels, masks, boxes and the shares of a sample's classes all follow from it (mixing.c). */
struct mix {
    int     height, width; /**< in: of each picture; out: of the result, at most twice as large */
    uint8_t fill;          /**< where no piece lies; of masks 255 */
    struct mix_piece {
        int x, y;                     /**< pixel of the result where the picture's upper left corner comes to lie */
        int left, top, right, bottom; /**< the pixels of the result that show it */
        int weight;                   /**< of MIX_WHOLE, over what lies under it */
    } piece[TRANSFORM_MOST_PIECES]; /**< the sample's own, then its partners'; in: the whole picture where it was */
};

enum transform_kind { TRANSFORM_GEOMETRY, TRANSFORM_COLOUR, TRANSFORM_POLICY, TRANSFORM_MIX };

struct transform;
/** A transform and what it is told. */
struct transform_use {
    const struct transform *transform;
    _Alignas(16) unsigned char options[TRANSFORM_MOST_OPTIONS];
};
/** A transform with one option of its own value, the others at their defaults; for policies, which know their names. */
struct transform_use transform_with(const char *name, const char *option, double value);

struct transform {
    const char             *name;        /**< "flip" */
    const char             *torchvision; /**< its name in torchvision.transforms.v2; NULL: it has none */
    const char             *summary;     /**< one line */
    enum transform_kind     kind;
    const struct attribute *attributes; /**< ended by one without name; the first may be given without its name */
    size_t                  options_size;
    void (*geometry)(const void *options, struct transform_draw *draw, struct geometry *geometry);
    void (*colour)(const void *options, struct transform_draw *draw, const struct colours *colours);
    /** Fills in what is done in place of this, at most TRANSFORM_MOST_CHOICES; answers how many. No policies. */
    int (*choose)(const void *options, struct transform_draw *draw, struct transform_use *uses);
    /** Lays out the pieces; false: this sample stays as it is. */
    bool (*mix)(const void *options, struct transform_draw *draw, struct mix *mix);
    int  partners; /**< of .mix: samples beside the own one */
    bool blends;   /**< of .mix: a pixel may be of two samples at once, which masks cannot be */
};

extern const struct transform *const transform_table[]; /* generated, sorted by name */
extern const size_t                  transform_table_count;
const struct transform *transform_find(const char *name); /**< '-' and '_' are one; NULL: there is none */

#endif
