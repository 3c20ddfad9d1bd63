/* SPDX-License-Identifier: MIT */
/* Lists that make one sample from several ("mosaic, scale:0.5, mixup"). A mixing transform combines the sample and its
 * partners, which are drawn by key. Each of them has first gone through the list up to that transform with its own key,
 * so that a partner looks as it would as a sample of the same epoch. Next: mixing.c. */
#ifndef TRANSFORM_MIXING_H
#define TRANSFORM_MIXING_H

#include "transform/pipeline.h"

enum { MIXING_MOST_PARTS = 16 /* most samples that are mixed into one */ };

/** Whether a list has a mixing transform and so needs further samples. */
bool pipeline_mixes(const struct pipeline *pipeline);
/** The name of a transform in the list that blends pixels, which masks do not allow; NULL: there is none. */
const char *pipeline_blends(const struct pipeline *pipeline);

/** Reads partners. */
struct mixing_partners {
    uint64_t count; /**< number of samples to draw from */
    /** Fills in the inputs of `job` with the unchanged sample (pixels, mask, boxes, the second picture), valid until
     *  the next call, with as many channels as the first sample. `part`: 1 for the first partner that is read, and so
     *  on. */
    int (*read)(void *user, uint64_t sample, int part, struct pipeline_job *job, struct error *error);
    void *user;
};

/** The parts that a sample was made from; valid until the workspace is used again. */
struct mixed {
    int    part_count;
    double
        share[MIXING_MOST_PARTS]; /**< visible share of each part; they add up to 1. Part 0: the sample itself */
    struct pipeline_box *boxes;      /**< the remaining boxes of all parts; none of them is gone */
    int box_count;
};

/** Like pipeline_apply, for lists that mix; the resulting boxes are in `mixed`. The content of job->boxes is
 *  overwritten. */
int pipeline_mix(const struct pipeline *pipeline, const struct pipeline_key *key, const struct pipeline_job *job,
                 const struct mixing_partners *partners, struct pipeline_workspace *workspace, struct mixed *mixed,
                 struct error *error);

/** E_USAGE if a list would mix more than MIXING_MOST_PARTS samples into one. */
int mixing_check(const struct pipeline *pipeline, struct error *error);

#endif
