/* SPDX-License-Identifier: MIT */
/* The context: created first, freed last. It chooses the kernels once and owns the thread pool, memory and error. */
#include "device/context.h"
#include <fovea/version.h>

#include "base/arithmetic.h"
#include "base/cpu.h"
#include "base/text.h"
#include "device/rates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct memory *create_memory(const fov_context_options *options)
{
    size_t               limit = options->max_memory;
    struct memory_source source;

    if (!limit)
        limit = cpu_memory_size() / 5 * 4; /* leaves the rest to file caches and other processes */
    if (!options->allocator)
        return memory_create(NULL, limit);
    source = (struct memory_source){options->allocator->allocate, options->allocator->release,
                                    options->allocator->user};
    return memory_create(&source, limit);
}

/* The kernels of the level that the option or FOVEA_ISA names, else of the best level of this machine and this
 * build. */
static const struct kernel_table *choose_kernels(const char *wanted, struct error *error)
{
    const struct kernel_table *table;
    enum cpu_level             level;

    if (!wanted)
        wanted = getenv("FOVEA_ISA");
    if (!wanted || !*wanted)
        return kernel_table_best();
    if (!cpu_level_from_name(wanted, &level)) {
        error_set(error, FOV_E_USAGE, "isa \"%s\" is unknown (known: reference, sse2, avx2, avx512, amx, neon)",
                  wanted);
        return NULL;
    }
    table = kernel_table_for(level);
    if (!table || !cpu_has(level)) {
        error_set(error, FOV_E_UNSUPPORTED, "isa \"%s\" is not available: %s", wanted,
                  table ? "this processor does not have it" : "this build does not have it");
        return NULL;
    }
    return table;
}

static fov_context *create_context(const fov_context_options *options)
{
    static const fov_context_options standard = {0};
    struct fov_context              *context;
    struct memory                   *memory;
    struct error                     error = {0};

    if (!options)
        options = &standard;
    memory = create_memory(options);
    if (!memory)
        return NULL;
    context = memory_allocate(memory, 1, sizeof *context, "context", &error);
    if (!context) {
        memory_destroy(memory);
        return NULL;
    }
    context->memory   = memory;
    if (pthread_mutex_init(&context->lock, NULL) != 0) {
        memory_free(memory, context);
        memory_destroy(memory);
        return NULL;
    }
    context->seed     = options->seed;
    context->exact_conv = options->exact_conv;
    context->verifies   = getenv("FOVEA_VERIFY") != NULL && strcmp(getenv("FOVEA_VERIFY"), "0") != 0;
    context->strict   = options->strict;
    context->log      = options->log;
    context->log_user = options->log_user;
    if (options->external_data)
        context->external = memory_copy_text(memory, options->external_data, &context->error);
    if (options->threads < 0)
        error_set(&context->error, FOV_E_USAGE, "threads is %d (0 = all, or a number above)", options->threads);
    if (options->device && strcmp(options->device, "cpu") != 0 && strcmp(options->device, "auto") != 0)
        error_set(&context->error, FOV_E_UNSUPPORTED, "device \"%s\" is not available (this build has: cpu)",
                  options->device);
    context->kernel = choose_kernels(options->isa, &context->error);
    if (!context->kernel)
        context->kernel = kernel_table_for(CPU_REFERENCE); /* the error is kept: later calls fail with it */
    context->rates = options->rates ? *options->rates : *rates_default(context->kernel->level);
    if (!context->error.status)
        context->pool = pool_create(memory, options->threads, &context->error);
    context->is_unfit = context->error.status != FOV_OK;
    context_log(context, FOV_LOG_INFO, "%s", fov_machine(context));
    return context;
}

fov_context *fov_context_create(const fov_context_options *options)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    fov_context *made = create_context(options);

    arithmetic_leave(mode);
    return made;
}

void fov_context_free(fov_context *context)
{
    struct memory *memory;

    if (!context)
        return;
    memory = context->memory;
    pool_destroy(context->pool);
    pthread_mutex_destroy(&context->lock);
    for (struct context_extension *next, *at = context->extensions; at; at = next) {
        next = at->next;
        memory_free(memory, at);
    }
    memory_free(memory, context->external);
    memory_free(memory, context);
    memory_destroy(memory);
}

void call_fresh(struct fov_context *context)
{
    if (context && !atomic_load(&context->depth) && !context->is_unfit)
        error_clear(&context->error);
}

struct call call_begin(struct fov_context *context)
{
    call_fresh(context);
    if (context)
        atomic_fetch_add(&context->depth, 1);
    return (struct call){context, arithmetic_enter(DENORMALS_KEPT)};
}

void call_end(const struct call *call)
{
    if (call->context)
        atomic_fetch_sub(&call->context->depth, 1);
    arithmetic_leave(call->mode);
}

int call_refuse(struct fov_context *context, const char *sentence)
{
    call_fresh(context);
    return error_set(context ? &context->error : NULL, FOV_E_USAGE, "%s", sentence);
}

void context_put_error(struct fov_context *context, const struct error *error)
{
    pthread_mutex_lock(&context->lock);
    context->error = *error;
    pthread_mutex_unlock(&context->lock);
}

const char *fov_error(const fov_context *context)
{
    return context ? context->error.text : "out of memory: no context could be made";
}

fov_status fov_error_status(const fov_context *context)
{
    return context ? context->error.status : FOV_E_MEMORY;
}

void fov_error_clear(fov_context *context)
{
    if (!context)
        return;
    context->is_unfit = false;
    error_clear(&context->error);
}

int fov_context_threads(const fov_context *context)
{
    if (!context)
        return 0;
    return pool_threads(context->pool);
}

uint64_t fov_context_seed(const fov_context *context)
{
    if (!context)
        return 0;
    return context->seed;
}

const char *fov_context_isa(const fov_context *context)
{
    if (!context)
        return "";
    return context->kernel->name;
}

fov_memory_use fov_context_memory(const fov_context *context)
{
    if (!context)
        return (fov_memory_use){0};
    return (fov_memory_use){memory_in_use(context->memory), memory_peak(context->memory),
                            memory_requests(context->memory)};
}

const char *fov_version(void)
{
    return FOV_VERSION;
}

const char *fov_machine(fov_context *context)
{
    if (!context)
        return "";
    char   name[96];
    char   levels[64] = "";
    size_t used       = 0;

    cpu_name(name, sizeof name);
    for (int level = CPU_SSE2; level < CPU_LEVEL_COUNT; level++)
        if (cpu_has((enum cpu_level)level) && kernel_table_for((enum cpu_level)level))
            used = text_append(levels, sizeof levels, used, "%s%s", used ? " " : "",
                               cpu_level_name((enum cpu_level)level));
    snprintf(context->machine, sizeof context->machine, "%s; has %s; using %s; %d thread%s", name,
             used ? levels : "no vector level", context->kernel->name, pool_threads(context->pool),
             pool_threads(context->pool) == 1 ? "" : "s");
    return context->machine;
}

void context_log(const struct fov_context *context, fov_log_level level, const char *format, ...)
{
    char    line[1024];
    va_list list;

    if (!context->log)
        return;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    context->log(context->log_user, level, line);
}
