/* SPDX-License-Identifier: MIT */
/* One sample's way from a decoded picture to what a network reads, with its target beside it: wanted channels, the
 * piece and size that preprocessing says, random changes, padding, normalised floats. Mask, boxes and a second picture
 * go through the same geometry. Made by one thread on its own, so that batches do not depend on threads. Who makes
 * batches of it: loader.h. Next: prepare.c. */
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

/** A sample as the network gets it: what its target is made of. Pixels are those of the network's input. */
struct prepared {
    const struct sample *sample; /**< as the dataset has it */
    size_t               index;
    int64_t              epoch;
    struct picture_size  size;  /**< of the network's input */
    const uint8_t       *mask;  /**< [height, width], 255 where there is nothing; NULL: none is asked for */
    const fov_box       *boxes; /**< those of which something is left */
    size_t               box_count;
    const uint8_t       *other; /**< [height, width, channels] of .other_size; NULL: none is asked for */
    struct picture_size  other_size;
    /** What the network's picture is made of: the sample alone, or parts of several, whose shares add up to 1. Classes
     *  and values of the picture are those of its parts, weighted by them. */
    struct prepared_part {
        double       share;
        int32_t      label;
        const float *numbers; /**< as in a sample */
    } part[MIXING_MOST_PARTS];
    int part_count;
};

/** Which targets go along. */
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
    int64_t             augment_epochs; /**< from epoch number so many on nothing is changed; 0: all are */
    uint64_t            seed;
    enum prepare_target target;
    struct picture_size other; /**< PREPARE_OTHER, PREPARE_DEGRADED: what the target is made to */
    /** PREPARE_DEGRADED: `clean` [height, width, channels] of .other into `worse` of the input's size without padding.
     *  What is random in it is drawn with `draw`. */
    void (*degrade)(const void *user, const uint8_t *clean, uint8_t *worse, struct transform_draw *draw);
    const void *user;
};

/** Options with all that follows from them; constant while samples are made. */
struct preparation {
    struct prepare_options options;
    struct memory         *memory;
    const struct kernel_table *kernel;
    struct pipeline *still; /* changes nothing, for targets that go through one where pictures stay; NULL: not needed */
    float mean[4], deviation[4];   /* of pixels in 0..1 by the order of the picture's channels; 1 for 0 */
    float border[4];               /* black, normalised */
    bool swaps;                    /* the network reads blue first */
    int inner_height, inner_width; /* without padding */
    size_t values;                 /* of one sample */
};

/** Where further samples come from, for lists that mix several. */
struct prepare_partners {
    size_t count; /**< samples there are */
    /** *sample stays until the next call. */
    int (*read)(void *user, size_t index, const struct sample **sample, struct error *error);
    void *user;
};

/** What one thread needs. Buffers are made once; only pictures of new sizes make them grow. */
struct preparer {
    struct prepare_partners partners; /**< the caller's; needed where the list mixes */
    struct resize_scratch resize;
    struct pipeline_room room;
    struct prepare_pixels {
        uint8_t *bytes;
        size_t capacity;
    } channels, scaled, piece, other_channels, moved, mask, inner_mask, flat, grey; /* they grow */
    uint8_t *resized;  /* [inner height, inner width, channels] of the largest preparation */
    float *plain;      /* one sample of it channels-last, when plain order is wanted; else NULL */
    size_t resized_bytes, plain_values;
    fov_box *boxes;
    struct pipeline_box *moving;
    float *numbers; /* [MIXING_MOST_PARTS][numbers of a sample] */
    size_t box_capacity, moving_capacity, number_capacity;
    fov_letterbox letterbox; /* of the sample at hand; .scale 0: it has none */
    bool is_blank;           /* ink was looked for on the sample at hand, and there is none */
};

/** E_SHAPE or E_INPUT where the sizes make no sense (padding leaves no room, say). The caller closes, after failures
 *  too. */
int  preparation_open(struct preparation *preparation, struct fov_context *context,
                      const struct prepare_options *options, struct error *error);
void preparation_close(struct preparation *preparation);

int  preparer_open(struct preparer *preparer, const struct preparation *preparation, struct error *error);
/** Room for samples of another preparation, too, of as many channels in the same order. */
int  preparer_widen(struct preparer *preparer, const struct preparation *preparation, struct error *error);
void preparer_close(struct preparer *preparer, const struct preparation *preparation);

/** The sample's pixels into `out`; `prepared` points into the preparer and the sample until the next call. */
int prepare_sample(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                   size_t index, int64_t epoch, float *out, struct prepared *prepared, struct error *error);
/** Makes the buffers that a picture of this size needs. */
int prepare_room(const struct preparation *preparation, struct preparer *preparer, const struct picture *picture,
                 struct error *error);

#endif
