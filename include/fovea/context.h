/* SPDX-License-Identifier: MIT */
/* The context owns what everything else shares: threads, kernels, memory and its limit, the seed, the log, and the last
 * error. There is no state outside a context. Use a context from one thread at a time; only sessions (session.h) may be
 * used from several threads at once. Several contexts may exist side by side. */
#ifndef FOVEA_CONTEXT_H
#define FOVEA_CONTEXT_H

#include <fovea/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_context fov_context;

typedef enum fov_log_level { FOV_LOG_WARNING = 0, FOV_LOG_INFO, FOV_LOG_DEBUG } fov_log_level;

/** Where the context takes all its memory, from several threads at once. `allocate`: 16-byte aligned bytes, or NULL. */
typedef struct fov_allocator {
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *block);
    void *user;
} fov_allocator;

/** What one thread of a machine does per second. Plans use these rates to choose between algorithms for the same
 *  result, never to divide work among threads; so results do not depend on the number of threads. They may depend on
 *  the rates, since Winograd's sums round differently from direct ones. `fovea bench --tune` measures them. */
typedef struct fov_rates {
    double products;  /**< multiply-adds in a large matrix product, operands in cache */
    double transform; /**< bytes that Winograd's transforms write and read, data in the second-level cache */
    double memory;    /**< bytes streamed from or to memory */
    double wake;      /**< not a rate: seconds until another thread has taken a job */
} fov_rates;

/** A zero field means the default named beside it. */
typedef struct fov_context_options {
    const char *device;     /**< "cpu" */
    int         threads;    /**< as many as this process may use (affinity, cgroup quota) */
    uint64_t    seed;       /**< 0: the same seed always gives the same bits, for any number of threads */
    size_t      max_memory; /**< bytes; 80 % of what this process may use */
    const char *isa;        /**< instruction set: NULL means $FOVEA_ISA, else the widest that this machine has; or
                                 "reference", "sse2", "avx2", "avx512", "amx", "neon" */
    /** false: a plan may take Winograd's convolution, whose rounding differs; true: direct sums only (error within 8
     *  u sum |x w|, docs/numerics.md) */
    bool        exact_conv;
    /** false: weights that are NaN, infinite or many of them denormal are loaded with a warning; true: they are
     *  refused */
    bool        strict;
    /** a further folder below which a model's external weight files (ONNX external data) may be, links resolved. NULL:
     *  only the model's folder and, where the model's path is a link, the folder of the file that it points to */
    const char *external_data;
    const fov_rates *rates; /**< built-in rates, measured once for each instruction set */
    const fov_allocator *allocator; /**< malloc and free */
    void (*log)(void *user, fov_log_level level, const char *message); /**< nothing is logged */
    void *log_user;
} fov_context_options;

/** `options` NULL: all defaults. Returns NULL only when there is no memory for the context itself. Any other failure
 *  (an unknown isa, say) becomes the context's first error, which fov_error shows and with which later calls fail. */
FOV_API fov_context *fov_context_create(const fov_context_options *options);
/** Frees the context; everything made from it must have been freed before. NULL is accepted. */
FOV_API void fov_context_free(fov_context *context);

/** Why the last call that can fail has failed, as a sentence that belongs to the context; "" where it succeeded. Each
 *  such call first clears the previous error, so the caller need not. `context` NULL: a sentence that there was no
 *  memory to make one. */
FOV_API const char *fov_error(const fov_context *context);
FOV_API fov_status  fov_error_status(const fov_context *context);
FOV_API void        fov_error_clear(fov_context *context);

FOV_API int         fov_context_threads(const fov_context *context);
FOV_API uint64_t    fov_context_seed(const fov_context *context);
FOV_API const char *fov_context_isa(const fov_context *context); /**< the instruction-set level in use: "avx2" */

/** Memory counters: bytes held now, their peak, and the number of allocations so far (which a running plan leaves
 *  unchanged). */
typedef struct fov_memory_use {
    size_t   bytes, peak;
    uint64_t requests;
} fov_memory_use;
FOV_API fov_memory_use fov_context_memory(const fov_context *context);

FOV_API const char *fov_version(void); /**< "0.1.0" */
/** The processor, its instruction-set levels and usable threads in one line, for logs and reports. */
FOV_API const char *fov_machine(fov_context *context);

#ifdef __cplusplus
}
#endif
#endif
