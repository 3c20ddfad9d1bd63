/* SPDX-License-Identifier: MIT */
/* Lists that make one sample of several ("mosaic, scale:0.5, mixup"). Such a transform takes the sample as everything
 * before it in the list has made it, and partners, drawn by key, each as the same part of the list has made that one:
 * so a partner is what it would be in its own place of the same epoch. Next: mixing.c. */
#ifndef TRANSFORM_MIXING_H
#define TRANSFORM_MIXING_H

#include "transform/pipeline.h"

enum { MIXING_MOST_PARTS = 16 /* samples in one */ };

/** Does a list need further samples? */
bool pipeline_mixes(const struct pipeline *pipeline);
/** The name of a transform in it that masks cannot take; NULL: there is none. */
const char *pipeline_blends(const struct pipeline *pipeline);

/** Where partners come from. */
struct mixing_partners {
    uint64_t count; /**< samples there are to draw from */
    /** Fills in what `job` has of the sample as it is (pixels, mask, boxes, the second picture); it stays until the
     *  next call. Channels are the own sample's. `part`: 1 for the first partner that is read, and so on. */
    int (*read)(void *user, uint64_t sample, int part, struct pipeline_job *job, struct error *error);
    void *user;
};

/** What a sample was made of; valid until the room is used again. */
struct mixed {
    int    part_count;
    double
        share[MIXING_MOST_PARTS]; /**< of what is seen, by number of the part; they add up to 1. Part 0: the own one */
    struct pipeline_box *boxes;      /**< of all parts; none of them is gone */
    int box_count;
};

/** As pipeline_apply, for lists that mix; boxes are in `mixed`. What job->boxes holds is used up. */
int pipeline_mix(const struct pipeline *pipeline, const struct pipeline_key *key, const struct pipeline_job *job,
                 const struct mixing_partners *partners, struct pipeline_room *room, struct mixed *mixed,
                 struct error *error);

/** E_USAGE where a list would put too many samples into one. */
int mixing_check(const struct pipeline *pipeline, struct error *error);

#endif
