/* SPDX-License-Identifier: MIT */
/* Several transforms in turn, as `--augment` says them: "crop:4, flip, cutout:8". All geometry of a sample becomes one
 * map and one resampling to the size that is wanted; colours follow on the result. Next: pipeline.c. */
#ifndef TRANSFORM_PIPELINE_H
#define TRANSFORM_PIPELINE_H

#include "base/memory.h"
#include "image/resize.h"
#include "transform/transform.h"

struct pipeline;

/** Reads a list: NAME, NAME:VALUE (of the first option), NAME:OPTION=VALUE:OPTION=VALUE..., separated by commas; or a
 *  preset: mnist, cifar, imagenet, segment; or "none". NULL and an error (E_USAGE) that says what is not understood. */
struct pipeline *pipeline_create(struct memory *memory, const char *text, struct error *error);
void             pipeline_free(struct pipeline *pipeline); /**< accepts NULL */
/** The list with every option written out: what a run's files keep. Owned by the pipeline. */
const char *pipeline_text(const struct pipeline *pipeline);
/** The list behind a preset; NULL: there is none at that index, or of that name. */
const char *pipeline_preset(size_t index, const char **name);

/** Which draw: everything random follows from it. */
struct pipeline_key {
    uint64_t seed, epoch, sample;
};

/** A box, in pixels. */
struct pipeline_box {
    float at[4]; /**< x1, y1, x2, y2 */
    bool  gone;  /**< set where nothing of it is left */
    int   label; /**< the caller's own, as are the marks: they stay with the box */
    unsigned marks;
};

/** A second picture that goes through the same geometry; it may be of another size, as its result may. */
struct pipeline_other {
    const uint8_t *pixels; /**< [height, width, channels]; NULL: none */
    int            height, width, channels;
    int            out_height, out_width;
    uint8_t       *out; /**< [out_height, out_width, channels] */
};

/** A sample on its way through; the caller's memory. */
struct pipeline_job {
    const uint8_t *pixels; /**< [height, width, channels] */
    const uint8_t *mask;   /**< [height, width]; NULL: none */
    int            height, width, channels;
    int            out_height, out_width;
    uint8_t       *out;      /**< [out_height, out_width, channels] */
    uint8_t       *out_mask; /**< [out_height, out_width]; pixels from outside the picture are 255 */
    struct pipeline_box *boxes; /**< changed in place */
    int                  box_count;
    struct pipeline_other other;
};

/** Buffers kept between samples, of one thread; they only grow. Zero it, set memory, pipeline_room_free it. */
struct pipeline_room {
    struct memory        *memory;
    struct resize_scratch resize;
    uint8_t *bytes, *mixing; /**< to work in; pictures of several samples */
    float   *field;
    struct pipeline_box *boxes; /**< of several samples */
    size_t   byte_capacity, mixing_capacity, field_capacity, box_capacity;
};
void pipeline_room_free(struct pipeline_room *room);

/** Fails for memory, and where a second picture of another size should be bent (elastic) or the list needs further
 *  samples (mixing.h): E_UNSUPPORTED. */
int pipeline_apply(const struct pipeline *pipeline, const struct pipeline_key *key, const struct pipeline_job *job,
                   struct pipeline_room *room, struct error *error);

/* ---- parts of a list, for mixing.c ------------------------------------------------------------------------------- */

int pipeline_count(const struct pipeline *pipeline);
const struct transform_use *pipeline_use(const struct pipeline *pipeline, int place);
/** What is drawn at a place of the list for a sample. */
struct transform_draw pipeline_draw(const struct pipeline_key *key, int place);
/** Places first .. end - 1, none of which mixes, then the size that is wanted. */
int pipeline_apply_part(const struct pipeline *pipeline, int first, int end, const struct pipeline_key *key,
                        const struct pipeline_job *job, struct pipeline_room *room, struct error *error);

#endif
