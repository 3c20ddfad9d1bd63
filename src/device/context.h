/* SPDX-License-Identifier: MIT */
/* The context from inside: threads, kernels, memory, seed, log and the one error. */
#ifndef DEVICE_CONTEXT_H
#define DEVICE_CONTEXT_H

#include "base/arithmetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include <fovea/context.h>
#include <pthread.h>
#include <stdatomic.h>

struct op;

/** What a program has added (fovea/extend.h): the first member of a block of the context's memory, freed with it. */
struct context_extension {
    struct context_extension *next;
    const struct op          *op;   /**< NULL: it is no operator */
    const void               *task; /**< NULL: it is no task */
};

struct fov_context {
    struct memory             *memory;
    struct pool               *pool;
    const struct kernel_table *kernel;
    uint64_t                   seed;
    bool                       exact_conv, strict;
    char                      *external; /**< a folder where weights of models may lie, too; NULL: none */
    bool                       verifies; /**< FOVEA_VERIFY=1: each finished plan is walked by graph/verify.c */
    fov_rates                  rates;
    struct error               error;
    pthread_mutex_t            lock; /**< over .error, which several threads may put (context_put_error) */
    struct context_extension  *extensions; /**< the last one registered first */
    atomic_int                 depth;   /**< public calls that have begun and not ended */
    bool                       is_unfit; /**< it could not be made as asked for: its error stays */
    struct memory_source       source;
    void (*log)(void *user, fov_log_level level, const char *message);
    void *log_user;
    char  machine[256];
};

/** A public call under way. What an earlier call has left as the context's error is gone when it begins, and arithmetic is
 *  the library's until it ends; calls within it change neither. So the error is always that of the last call which
 *  failed. NULL context: only the arithmetic. */
struct call {
    struct fov_context *context;
    struct arithmetic   mode;
};
struct call call_begin(struct fov_context *context);
void        call_end(const struct call *call);
/** The same for short calls that make no others: only the error goes. Accepts NULL. */
void call_fresh(struct fov_context *context);
/** FOV_E_USAGE, with that sentence: "fov_model_load: path is NULL". Accepts NULL. */
int call_refuse(struct fov_context *context, const char *sentence);

/** A failure in any thread: its error becomes the context's. */
void context_put_error(struct fov_context *context, const struct error *error);
/** Hands a line to the log callback, if there is one. */
void context_log(const struct fov_context *context, fov_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
