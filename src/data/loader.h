/* SPDX-License-Identifier: MIT */
/* Batches: many samples prepared side by side on the context's pool, pixels as floats where the plan reads them,
 * targets in the form that a task wants. Each sample is prepared by one thread on its own (prepare.h), so batches do
 * not depend on threads. Order of samples is data_order. Next: loader.c. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include "data/dataset.h"
#include "data/prepare.h"

struct loader;

/** What becomes of a sample that cannot be read. */
enum loader_bad {
    LOADER_STOPS,   /**< the batch fails */
    LOADER_REPLACES /**< the dataset's next sample takes its place; it is named once and counted */
};

/** What batches are made to instead, where they are asked for so: of another size, with targets that go with it. */
struct loader_form {
    struct prepare_options prepare;
    const void *user; /**< of write */
    size_t target_bytes; /**< of one sample */
};

struct loader_options {
    int             threads;     /**< 0: the context's pool; else so many of its own */
    enum loader_bad on_bad_file;
    size_t          cache_bytes; /**< decoded samples that are kept in memory, at most; 0: none */
    struct prepare_options prepare; /**< its seed is the context's */
    /** Writes a sample's target as number `place` of the batch; called on any thread. NULL: there are no targets. */
    int (*write)(const void *user, const struct prepared *prepared, size_t place, void *targets, struct error *error);
    const void *user; /**< of write; not copied */
    const struct loader_form *forms; /**< further ones, copied: form 1, 2...; form 0 is .prepare and .user */
    int                       form_count;
};

/** NULL and an error when the sizes make no sense (padding leaves no room, say) or memory is short. */
struct loader *loader_create(struct fov_context *context, const fov_dataset *dataset,
                             const struct loader_options *options, struct error *error);
void loader_free(struct loader *loader); /**< accepts NULL */
/** The epoch by which everything random is keyed; 0 at first. */
void loader_set_epoch(struct loader *loader, int64_t epoch);
/** The form of the next batches; 0 at first. */
void loader_set_form(struct loader *loader, int form);
/** Prepares samples indices[0 .. count): pixels [count, ...], targets as .write makes them (NULL: not wanted).
 *  Allocates nothing when the dataset is in memory. The error is that of the first bad sample in the batch. */
int loader_fill(struct loader *loader, const uint32_t *indices, size_t count, float *pixels, void *targets,
                struct error *error);

/** How many samples could not be read and were replaced so far, each counted once. Names those that are new in the
 *  context's log; to be called between batches. */
size_t loader_say_bad_files(struct loader *loader);
/** Bytes of decoded samples that are kept now. */
size_t loader_cached(const struct loader *loader);
/** Floats of one sample in a form. */
size_t loader_values(const struct loader *loader, int form);

/** One picture of any size and 1, 3 or 4 channels, the same way: out has channels x height x width floats. *note: what
 *  there is to say of it to whoever reads the answer, a constant text; NULL: nothing. `note` NULL: nobody asks. */
int loader_preprocess(struct fov_context *context, const fov_image *image, const struct prepare_options *options,
                      float *out, const char **note, struct error *error);

/** The order in which epoch `epoch` visits `count` samples: a pure function of its arguments. */
void data_order(uint64_t seed, int epoch, uint32_t *order, size_t count);

#endif
