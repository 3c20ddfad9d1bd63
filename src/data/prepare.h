/* SPDX-License-Identifier: MIT */
/* Turns a decoded sample into the network's input and target: converts channels, crops and resizes as the preprocessing
 * says, applies augmentation, pads, and normalises to floats. Mask, boxes and a second picture go through the same
 * geometry. One thread prepares a sample alone, so that batches do not depend on the number of threads. loader.h makes
 * batches of these. Next: prepare.c. */
#ifndef DATA_PREPARE_H
#define DATA_PREPARE_H

#include "data/sample.h"
#include "device/context.h"
#include "transform/mixing.h"
#include <fovea/boxes.h>
#include <fovea/model.h>

/** A picture's size and channels. */
struct picture_size {
    int channels, height, width;
};

/** Everything that the target of a prepared sample is made from. Coordinates are pixels of the network's input. */
struct prepared {
    const struct sample *sample; /**< the unprepared sample */
    size_t               index;
    int64_t              epoch;
    struct picture_size  size;  /**< of the network's input */
    const uint8_t       *mask;  /**< [height, width], 255 where there is no picture; NULL unless PREPARE_MASK */
    const fov_box       *boxes; /**< the boxes that are still in the picture */
    size_t               box_count;
    const uint8_t       *other; /**< [height, width, channels] of .other_size; NULL unless the target is a picture */
    struct picture_size  other_size;
    /** The samples that the network's picture is mixed from (mixup, cutmix, mosaic): the sample alone, or several,
     *  whose shares add up to 1. Classes and values of the picture are those of its parts, weighted by share. */
    struct prepared_part {
        double       share;
        int32_t      label;
        const float *numbers; /**< as in a sample */
    } part[MIXING_MOST_PARTS];
    int part_count;
};

/** Which kind of target is transformed along with the picture. */
enum prepare_target {
    PREPARE_PICTURE,  /**< the picture alone: classes and values do not move with it */
    PREPARE_MASK,
    PREPARE_BOXES,
    PREPARE_OTHER,    /**< the second picture of each sample */
    PREPARE_DEGRADED  /**< the picture itself is the target; the network gets what .degrade makes of it */
};

struct prepare_options {
    struct picture_size size; /**< of the network's input, padding included; channels 1 or 3 */
    fov_preprocessing   preprocessing;
    bool                plain; /**< [channels, height, width] instead of [height, width, channels] */
    const struct pipeline *augment; /**< random changes, keyed by seed, epoch and sample; NULL: none */
    int64_t             augment_epochs; /**< augment only epochs below this number; 0: all epochs */
    uint64_t            seed;
    enum prepare_target target;
    struct picture_size other; /**< PREPARE_OTHER, PREPARE_DEGRADED: size and channels of the target picture */
    /** PREPARE_DEGRADED: makes `worse`, of the input's size without padding, from `clean` [height, width, channels] of
     *  .other. Random numbers come from `draw`. */
    void (*degrade)(const void *user, const uint8_t *clean, uint8_t *worse, struct transform_draw *draw);
    const void *user;
};

/** The options and everything derived from them; constant while samples are prepared, shared by all threads. */
struct preparation {
    struct prepare_options options;
    struct memory         *memory;
    const struct kernel_table *kernel;
    struct pipeline *still; /* identity pipeline, resizes targets with their picture where nothing augments; or NULL */
    float mean[4], deviation[4];   /* of pixels in 0..1, in the channel order of the picture; a deviation of 0 is 1 */
    float border[4];               /* black, normalised */
    bool swaps;                    /* the network reads blue first */
    int inner_height, inner_width; /* the input's size without padding */
    size_t values;                 /* floats of one sample */
};

/** Reads further samples for an augmentation that mixes several (mixup, cutmix, mosaic). */
struct prepare_partners {
    size_t count; /**< samples in the dataset */
    /** *sample stays valid until the next call. */
    int (*read)(void *user, size_t index, const struct sample **sample, struct error *error);
    void *user;
};

/** The scratch buffers of one thread. They are allocated once and grow only for larger pictures. */
struct preparer {
    struct prepare_partners partners; /**< set by the caller if the augmentation mixes samples */
    struct resize_scratch resize;
    struct pipeline_workspace workspace;
    struct prepare_pixels {
        uint8_t *bytes;
        size_t capacity;
    } channels, scaled, piece, other_channels, moved, mask, inner_mask, flat, grey; /* grow on demand */
    uint8_t *resized;  /* [inner height, inner width, channels] of the largest preparation */
    float *plain;      /* one sample as floats, channels-last, before it is transposed to plain order; else NULL */
    size_t resized_bytes, plain_values;
    fov_box *boxes;
    struct pipeline_box *moving;
    float *numbers; /* [MIXING_MOST_PARTS][numbers of a sample] */
    size_t box_capacity, moving_capacity, number_capacity;
    fov_letterbox letterbox; /* of the current sample; .scale 0: it has none */
    bool is_blank;           /* FOV_FIT_INK found no ink on the current sample */
};

/** E_SHAPE, E_INPUT or E_UNSUPPORTED where the options make no sense (padding leaves no room, say). The caller calls
 *  preparation_close, after failures too. */
int  preparation_open(struct preparation *preparation, struct fov_context *context,
                      const struct prepare_options *options, struct error *error);
void preparation_close(struct preparation *preparation);

int  preparer_open(struct preparer *preparer, const struct preparation *preparation, struct error *error);
/** Enlarges the buffers for samples of another preparation with the same number of channels and the same layout. */
int  preparer_widen(struct preparer *preparer, const struct preparation *preparation, struct error *error);
void preparer_close(struct preparer *preparer, const struct preparation *preparation);

/** Prepares a sample: its pixels into `out`, its target into `prepared`, whose pointers into the preparer and the
 *  sample are valid until the next call. */
int prepare_sample(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                   size_t index, int64_t epoch, float *out, struct prepared *prepared, struct error *error);
/** Allocates, ahead of time, the buffers that a picture of this size needs (PREPARE_PICTURE only). */
int prepare_reserve(const struct preparation *preparation, struct preparer *preparer, const struct picture *picture,
                    struct error *error);

#endif
