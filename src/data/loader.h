/* SPDX-License-Identifier: MIT */
/* Batches: many samples prepared in parallel on the context's thread pool, pixels as floats in the layout of the plan's
 * input, targets in the form that the task wants. Each sample is prepared by one thread (prepare.h), so that a batch
 * does not depend on the number of threads. data_order gives the order of samples. Next: loader.c. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include "data/dataset.h"
#include "data/prepare.h"

struct loader;

/** What to do about a sample that cannot be read. */
enum loader_bad {
    LOADER_STOPS,   /**< the batch fails */
    LOADER_REPLACES /**< the dataset's next sample takes its place; the bad one is counted and logged once */
};

/** What a network's input besides that of the pictures gets. */
struct loader_rows {
    const uint8_t *rows;
    size_t bytes;  /**< of a row */
    size_t stride; /**< bytes from a sample's row to the next sample's; 0: one row for all samples */
    bool is_once;  /**< a batch has one row in all, not one per sample; stride is 0 */
};

enum { LOADER_MOST_ROWS = 16 };

/** Where a batch goes. */
struct loader_batch {
    float *pixels;                /**< [count, ...] */
    void *targets;                /**< as .write makes them; NULL: not wanted */
    void *rows[LOADER_MOST_ROWS]; /**< of each of loader_options.rows; NULL: not wanted */
};

/** An alternative form of batches that loader_set_form can select: another picture size, with matching targets. */
struct loader_form {
    struct prepare_options prepare;
    const void *user; /**< passed to loader_options.write */
    size_t target_bytes; /**< size of one sample's target */
};

struct loader_options {
    int             threads;     /**< number of threads of its own; 0: uses the context's pool */
    enum loader_bad on_bad_file;
    size_t          cache_bytes; /**< most bytes of decoded samples to keep in memory (cache.h); 0: none */
    struct prepare_options prepare; /**< its seed is the context's */
    /** Writes a sample's target as number `place` of the batch; called on any thread. NULL: there are no targets. */
    int (*write)(const void *user, const struct prepared *prepared, size_t place, void *targets, struct error *error);
    const void *user; /**< passed to write; not copied */
    const struct loader_rows *rows; /**< [row_count] for further inputs of the network; not copied */
    int row_count;
    const struct loader_form *forms; /**< further forms, copied: form 1, 2...; form 0 is .prepare and .user */
    int                       form_count;
};

/** NULL and an error when the sizes make no sense (padding leaves no room, say) or memory is short. */
struct loader *loader_create(struct fov_context *context, const fov_dataset *dataset,
                             const struct loader_options *options, struct error *error);
void loader_free(struct loader *loader); /**< accepts NULL */
/** Sets the epoch, part of the key of all random numbers; initially 0. */
void loader_set_epoch(struct loader *loader, int64_t epoch);
/** Selects the form of the next batches; initially 0. */
void loader_set_form(struct loader *loader, int form);
/** Prepares samples indices[0 .. count). Allocates nothing when the dataset is in memory. The error is that of the first
 *  bad sample in the batch. */
int loader_fill(struct loader *loader, const uint32_t *indices, size_t count, const struct loader_batch *to,
                struct error *error);
/** Bytes that these rows take in a batch of `count` samples. */
size_t loader_row_bytes(const struct loader_rows *rows, size_t count);

/** Number of distinct samples that could not be read and were replaced so far. Logs the first one since the last call
 *  and how many more there are. Call it between batches. */
size_t loader_say_bad_files(struct loader *loader);
/** Bytes of decoded samples in the cache. */
size_t loader_cached(const struct loader *loader);
/** Floats of one sample in a form. */
size_t loader_values(const struct loader *loader, int form);

/** Prepares one picture of any size and 1, 3 or 4 channels as for a batch: `out` has room for channels x height x width
 *  floats. *note is a remark for the user, a constant text ("... no ink was found"), or NULL. `note` may be NULL. */
int loader_preprocess(struct fov_context *context, const fov_image *image, const struct prepare_options *options,
                      float *out, const char **note, struct error *error);

/** The order in which epoch `epoch` visits `count` samples: a pure function of its arguments. */
void data_order(uint64_t seed, int epoch, uint32_t *order, size_t count);

#endif
