/* SPDX-License-Identifier: MIT */
/* A list of transforms applied in turn, as given to `--augment`: "crop:4, flip, cutout:8". All geometry of a sample
 * becomes one map and one resampling to the output size; colour transforms then work on the result. Next:
 * pipeline.c. */
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
/** The list with every option written out, as stored in a run's files. Owned by the pipeline. */
const char *pipeline_text(const struct pipeline *pipeline);
/** The list that preset number `index` stands for, and its *name; NULL: there is none at that index. */
const char *pipeline_preset(size_t index, const char **name);

/** The key of all random numbers of a sample. */
struct pipeline_key {
    uint64_t seed, epoch, sample;
};

/** A box, in pixels. */
struct pipeline_box {
    float at[4]; /**< x1, y1, x2, y2 */
    bool  gone;  /**< set when nothing of the box is left in the picture */
    int   label; /**< like the marks the caller's data, carried along with the box */
    unsigned marks;
};

/** A second picture that goes through the same geometry; it and its result may have other sizes than the first. */
struct pipeline_other {
    const uint8_t *pixels; /**< [height, width, channels]; NULL: none */
    int            height, width, channels;
    int            out_height, out_width;
    uint8_t       *out; /**< [out_height, out_width, channels] */
};

/** Inputs and outputs of one sample; all memory is the caller's. */
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

/** Workspace of one thread, kept between samples; buffers only grow. Zero the struct, set memory, free with
 *  pipeline_workspace_free. */
struct pipeline_workspace {
    struct memory        *memory;
    struct resize_scratch resize;
    uint8_t *bytes, *mixing; /**< scratch; pictures of the samples that are mixed */
    float   *field;          /**< elastic displacements and their scratch */
    struct pipeline_box *boxes; /**< boxes of the samples that are mixed */
    size_t   byte_capacity, mixing_capacity, field_capacity, box_capacity;
};
void pipeline_workspace_free(struct pipeline_workspace *workspace);

/** Applies the list to one sample. E_MEMORY; E_UNSUPPORTED if a second picture of another output size is to be bent
 *  (elastic), or if the list needs further samples (mixing.h). */
int pipeline_apply(const struct pipeline *pipeline, const struct pipeline_key *key, const struct pipeline_job *job,
                   struct pipeline_workspace *workspace, struct error *error);

/* ---- parts of a list, for mixing.c ------------------------------------------------------------------------------- */

int pipeline_count(const struct pipeline *pipeline);
const struct transform_use *pipeline_use(const struct pipeline *pipeline, int place);
/** The random numbers of a sample's transform at a place of the list. */
struct transform_draw pipeline_draw(const struct pipeline_key *key, int place);
/** Applies places first .. end - 1, none of which mixes, and resizes to the job's output size. */
int pipeline_apply_part(const struct pipeline *pipeline, int first, int end, const struct pipeline_key *key,
                        const struct pipeline_job *job, struct pipeline_workspace *workspace, struct error *error);

#endif
