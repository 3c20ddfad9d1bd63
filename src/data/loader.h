/* SPDX-License-Identifier: MIT */
/* From samples to what a network reads: pictures are converted to the wanted channels, resized, padded, normalised and
 * put side by side as floats. Each sample is prepared by one thread on its own, so batches do not depend on threads.
 * Order of samples is data_order. Next: loader.c. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include "data/dataset.h"
#include "transform/pipeline.h"
#include <fovea/model.h>

struct loader;

struct loader_options {
    int channels, height, width; /**< of the network's input, padding included; channels 1 or 3 */
    fov_preprocessing preprocessing;
    bool plain; /**< [n, channels, height, width] instead of [n, height, width, channels] */
    const struct pipeline *augment; /**< random changes of each sample, keyed by the context's seed; NULL: none */
    const int *label; /**< [the data's classes]: the label to write for each; NULL: as it is. Not copied */
};

/** NULL and an error when the sizes make no sense (padding leaves no room, say) or memory is short. */
struct loader *loader_create(struct fov_context *context, const fov_dataset *dataset,
                             const struct loader_options *options, struct error *error);
void loader_free(struct loader *loader); /**< accepts NULL */
/** The epoch by which what `augment` draws is keyed; 0 at first. */
void loader_set_epoch(struct loader *loader, int64_t epoch);
/** Prepares samples indices[0 .. count) on the context's pool: pixels [count, ...], labels [count] (NULL: not wanted).
 *  Allocates nothing when the dataset is in memory. The error is that of the first bad sample in the batch. */
int loader_fill(struct loader *loader, const uint32_t *indices, size_t count, float *pixels, int32_t *labels,
                struct error *error);

/** One picture of any size and 1, 3 or 4 channels, the same way: out has channels x height x width floats. */
int loader_preprocess(struct fov_context *context, const fov_image *image, const struct loader_options *options,
                      float *out, struct error *error);

/** The order in which epoch `epoch` visits `count` samples: a pure function of its arguments. */
void data_order(uint64_t seed, int epoch, uint32_t *order, size_t count);

#endif
