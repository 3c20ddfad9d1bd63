/* SPDX-License-Identifier: MIT */
/* The context from inside: threads, kernels, memory, seed, log and the one error. */
#ifndef DEVICE_CONTEXT_H
#define DEVICE_CONTEXT_H

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernel/kernel.h"
#include <fovea/context.h>
#include <pthread.h>

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
    struct memory_source       source;
    void (*log)(void *user, fov_log_level level, const char *message);
    void *log_user;
    char  machine[256];
};

/** A failure in any thread: its error becomes the context's. */
void context_put_error(struct fov_context *context, const struct error *error);
/** Hands a line to the log callback, if there is one. */
void context_log(const struct fov_context *context, fov_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
