/* SPDX-License-Identifier: MIT */
/* The thread pool: pthreadpool below, chunks above. pthreadpool runs one item per thread; each item takes chunks from
 * an atomic counter until none is left, so a slow or descheduled thread never holds up more than its own chunk, and the
 * item's number is a worker index that no other running item has. Nothing here decides how work is cut: callers do. */
#include "base/pool.h"
#include "base/cpu.h"
#include <pthread.h>
#include <pthreadpool.h>
#include <stdatomic.h>

/* Debian's pthreadpool is compiled without ThreadSanitizer, so its hand-over of work is told to it here. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define POOL_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define POOL_TSAN 1
#endif
#ifdef POOL_TSAN
void        __tsan_acquire(void *address);
void        __tsan_release(void *address);
static void pool_acquire(void *address)
{
    __tsan_acquire(address);
}
static void pool_release(void *address)
{
    __tsan_release(address);
}
#else
static void pool_acquire(void *address)
{
    (void)address;
}
static void pool_release(void *address)
{
    (void)address;
}
#endif

enum { POOL_MOST_THREADS = 1024 };

struct pool {
    struct memory *memory;
    pthreadpool_t  threads;
    int            count;
    pool_task     *task;
    void          *context;
    size_t         chunks;
    char           started, finished; /* addresses for the sanitizer's arrows */
    /* On its own cache line: all workers write it while they read the fields above. */
    _Alignas(64) atomic_size_t next;
};

/* ---- how many threads does the system really give? -------------------------------------------------------------- */

struct pool_probe {
    pthread_mutex_t lock;
};

static void *pool_probe_wait(void *argument)
{
    struct pool_probe *probe = argument;
    pthread_mutex_lock(&probe->lock); /* lives until all others were tried */
    pthread_mutex_unlock(&probe->lock);
    return NULL;
}

/* pthreadpool does not look at what pthread_create answers and would wait for ever for a thread that was refused
 * (RLIMIT_NPROC, a cgroup's pids.max). So as many threads as it would start are started here first, all alive at once,
 * and it is told the number that worked. */
static int pool_probe_threads(int wanted)
{
    struct pool_probe probe;
    pthread_t         threads[POOL_MOST_THREADS];
    int               started = 0;
    if (pthread_mutex_init(&probe.lock, NULL) != 0) {
        return 1;
    }
    pthread_mutex_lock(&probe.lock);
    while (started < wanted - 1 && pthread_create(&threads[started], NULL, pool_probe_wait, &probe) == 0) {
        started++;
    }
    pthread_mutex_unlock(&probe.lock);
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_mutex_destroy(&probe.lock);
    return started + 1; /* the caller works too */
}

struct pool *pool_create(struct memory *memory, int threads, struct error *error)
{
    if (threads < 0 || threads > POOL_MOST_THREADS) {
        error_set(error, FOV_E_USAGE, "%d threads: must be 0 (as many as there are) to %d", threads, POOL_MOST_THREADS);
        return NULL;
    }
    struct pool *pool = memory_allocate(memory, 1, sizeof *pool, "thread pool", error);
    if (pool == NULL) {
        return NULL;
    }
    int count = threads > 0 ? threads : cpu_thread_count();
    count = pool_probe_threads(count < POOL_MOST_THREADS ? count : POOL_MOST_THREADS);
    pool->memory = memory;
    pool->count = 1;
    atomic_init(&pool->next, 0);
    if (count > 1) {
        pool->threads = pthreadpool_create((size_t)count);
        if (pool->threads == NULL) {
            error_set(error, FOV_E_MEMORY, "out of memory: a pool of %d threads", count);
            memory_free(memory, pool);
            return NULL;
        }
        pool->count = (int)pthreadpool_get_threads_count(pool->threads);
    }
    return pool;
}

void pool_destroy(struct pool *pool)
{
    if (pool != NULL) {
        if (pool->threads != NULL) {
            pthreadpool_destroy(pool->threads);
        }
        memory_free(pool->memory, pool);
    }
}

int pool_threads(const struct pool *pool)
{
    return pool != NULL ? pool->count : 1;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

/* One item: takes chunks until none is left. */
static void pool_item(void *argument, size_t item)
{
    struct pool *pool = argument;
    pool_acquire(&pool->started);
    size_t chunks = pool->chunks, chunk;
    while ((chunk = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < chunks) {
        pool->task(pool->context, chunk, (int)item);
    }
    pool_release(&pool->finished);
}

void pool_run(struct pool *pool, pool_task *task, void *context, size_t chunks)
{
    if (pool == NULL || pool->count == 1 || chunks <= 1) {
        /* Denormals count as zero here too: a result must not depend on the number of threads. */
        unsigned mode = cpu_flush_denormals();
        for (size_t chunk = 0; chunk < chunks; chunk++) {
            task(context, chunk, 0);
        }
        cpu_restore_mode(mode);
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->chunks = chunks;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    size_t items = chunks < (size_t)pool->count ? chunks : (size_t)pool->count;
    pool_release(&pool->started);
    pthreadpool_parallelize_1d(pool->threads, pool_item, pool, items, PTHREADPOOL_FLAG_DISABLE_DENORMALS);
    pool_acquire(&pool->finished);
}
