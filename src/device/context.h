/* SPDX-License-Identifier: MIT */
/* Internals of the context: threads, kernels, memory, seed, log and error. */
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

/** Header of an operator or task that a program has registered (fovea/extend.h): the first member of a block of the
 *  context's memory, freed with the context. */
struct context_extension {
    struct context_extension *next;
    const struct op          *op;   /**< NULL: not an operator */
    const void               *task; /**< NULL: not a task */
};

struct fov_context {
    struct memory             *memory;
    struct pool               *pool;
    const struct kernel_table *kernel;
    uint64_t                   seed;
    bool                       exact_conv, strict;
    char                      *external; /**< a further folder to look for external weights of models in; NULL: none */
    bool                       verifies; /**< FOVEA_VERIFY is set and not "0": graph/verify.c checks each plan */
    fov_rates                  rates;
    struct error               error;
    pthread_mutex_t            lock; /**< guards .error in context_put_error */
    struct context_extension  *extensions; /**< linked list, the last registered first */
    atomic_int                 depth;   /**< number of public calls in progress, nested ones included */
    bool                       is_unfit; /**< creation failed in part: its error stays until fov_error_clear */
    void (*log)(void *user, fov_log_level level, const char *message);
    void *log_user;
    char  machine[256];
};

/** A public call in progress. The outermost call_begin clears the error that an earlier call has left in the context,
 *  nested ones do not; each sets the library's floating-point mode until its call_end. With a NULL context only the
 *  mode is set. */
struct call {
    struct fov_context *context;
    struct arithmetic   mode;
};
struct call call_begin(struct fov_context *context);
void        call_end(const struct call *call);
/** For short public calls that make no others: only clears the error, as call_begin does. Accepts NULL. */
void call_fresh(struct fov_context *context);
/** Refuses a call: sets and returns FOV_E_USAGE with a sentence, "fov_model_load: path is NULL". Accepts a NULL
 *  context. */
int call_refuse(struct fov_context *context, const char *sentence);

/** Sets the context's error from any thread. */
void context_put_error(struct fov_context *context, const struct error *error);
/** Hands a line to the log callback, if there is one. */
void context_log(const struct fov_context *context, fov_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
