/* SPDX-License-Identifier: MIT */
/* The thread pool. A job is a number of chunks. Each thread has a share of them, a range of adjacent ones, and takes
 * the next one by an atomic ticket; when its own share is used up it steals from the others'. So neighbouring pixels
 * stay with one core from step to step, in its cache, yet a delayed thread holds up no job. The pool does not decide
 * how work is cut: callers do, by shape.
 *
 * Why not pthreadpool: its caller waits until every worker has reported for every job. If another program occupies a
 * core, a worker that is not running delays each of the thousands of small jobs of a training step until it is
 * scheduled. Measured on two cores beside two busy programs, jobs of 8 chunks of 100 us: pthreadpool 1270 us, its
 * yielding variant 730 us, this 460 us (one thread 810 us); alone, the same as pthreadpool. Here the caller only waits
 * for chunks that were begun, and runs all of them itself if no worker comes.
 *
 * Any number of threads may call: while the pool works for one, others run their jobs alone, which gives the same bits.
 * So programs whose threads each predict for themselves keep all cores busy without additional threads. */
#include "base/pool.h"
#include "base/arithmetic.h"
#include "base/cpu.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

/* A thread spins for 50 to 100 us before it sleeps: longer than the pause between two steps of a plan, too short to
 * matter otherwise. While a run is announced (pool_begin) a worker then polls for about a millisecond more, in case one
 * thread runs a step alone, but yields the processor between polls: waking up costs as much as a small step. With more
 * threads than processors nothing spins, since that would keep the others from working. */
enum { POOL_MOST_THREADS = 1024, POOL_LOOKS = 2000, POOL_YIELDS = 1500 };

struct pool_worker {
    /* Job number (high half) and next chunk of this thread's share (low half) in one word, so that no chunk of one job
     * is ever taken as one of another. On its own cache line: its owner writes it again and again. */
    _Alignas(64) _Atomic uint64_t ticket;
    _Alignas(64) atomic_bool asleep; /* the worker waits for one post of `wake` */
    struct pool *pool;
    pthread_t    thread;
    sem_t        wake;
    int          index;
};

struct pool {
    struct memory      *memory;
    struct pool_worker *workers; /* [count]; the first one is the caller and has no thread */
    int                 count, looks;

    /* The job. The caller writes these before it opens the job with new tickets. A late worker may read them while the
     * next job is being written; the ticket tells it so, hence it suffices that each is atomic. */
    _Atomic(pool_task *) task;
    _Atomic(void *)      context;
    _Atomic uint32_t     chunks;
    atomic_bool          stop;
    atomic_int           running; /* callers between pool_begin and pool_end */
    atomic_bool          taken;   /* a caller's job is running: other callers run theirs alone */

    _Alignas(64) _Atomic uint32_t job;  /* the job's number, which workers poll */
    _Alignas(64) _Atomic uint32_t done; /* chunks of this job that are finished */
    atomic_bool waiting;                /* the caller waits for one post of `finished` */
    sem_t       finished;
};

static void pool_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void pool_sleep(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR) {
    }
}

/* The first chunk of a thread's share. With fewer chunks than threads the first threads have one each. */
static uint32_t pool_share(uint32_t chunks, int threads, int index)
{
    uint32_t shares = chunks < (uint32_t)threads ? chunks : (uint32_t)threads;
    return (uint32_t)index >= shares ? chunks : (uint32_t)((uint64_t)chunks * (uint32_t)index / shares);
}

/* Takes chunks of one share until none is left. */
static void pool_take_share(struct pool *pool, int share, int worker)
{
    _Atomic uint64_t *place = &pool->workers[share].ticket;
    uint64_t          ticket = atomic_load_explicit(place, memory_order_acquire);
    for (;;) {
        pool_task *task = atomic_load_explicit(&pool->task, memory_order_acquire);
        void      *context = atomic_load_explicit(&pool->context, memory_order_acquire);
        uint32_t   chunks = atomic_load_explicit(&pool->chunks, memory_order_acquire), chunk = (uint32_t)ticket;
        if (chunk >= pool_share(chunks, pool->count, share + 1)) {
            return;
        }
        /* Succeeds only while `ticket` is still the current one: then the three reads above belong to its job, which
         * cannot end before this chunk is done. Had one of them been of the next job, the ticket would be closed. */
        if (!atomic_compare_exchange_weak_explicit(place, &ticket, ticket + 1, memory_order_acq_rel,
                                                   memory_order_acquire)) {
            continue;
        }
        task(context, chunk, worker);
        if (atomic_fetch_add(&pool->done, 1) + 1 == chunks && worker != 0 && atomic_exchange(&pool->waiting, false)) {
            sem_post(&pool->finished);
        }
        ticket = atomic_load_explicit(place, memory_order_acquire);
    }
}

/* Takes chunks until none is left: of its own share first, then of the others'. */
static void pool_take(struct pool *pool, int worker)
{
    for (int i = 0; i < pool->count; i++) {
        pool_take_share(pool, (worker + i) % pool->count, worker);
    }
}

/* Returns when there is a job other than number `seen`. */
static void pool_await_job(struct pool_worker *self, uint32_t seen)
{
    struct pool *pool = self->pool;
    int          looks = pool->looks, yields = pool->looks > 0 ? POOL_YIELDS : 0;
    while (atomic_load_explicit(&pool->job, memory_order_acquire) == seen) {
        if (looks > 0) {
            looks--;
            pool_pause();
            continue;
        }
        if (yields > 0 && atomic_load_explicit(&pool->running, memory_order_relaxed) > 0) {
            yields--;
            sched_yield();
            continue;
        }
        /* Announce the sleep, then check once more: the caller opens the job first and looks for sleepers second, so
         * one of the two sees the other. The thread that clears `asleep` decides: if it is the caller, it posts. */
        atomic_store(&self->asleep, true);
        if (atomic_load(&pool->job) == seen || !atomic_exchange(&self->asleep, false)) {
            pool_sleep(&self->wake);
        }
    }
}

static void *pool_work(void *argument)
{
    struct pool_worker *self = argument;
    uint32_t            seen = 0;
    arithmetic_enter(DENORMALS_FLUSHED);
    for (;;) {
        pool_await_job(self, seen);
        seen = atomic_load_explicit(&self->pool->job, memory_order_acquire);
        if (atomic_load(&self->pool->stop)) {
            return NULL;
        }
        pool_take(self->pool, self->index);
    }
}

/* Makes sure that no chunk of the previous job can be taken any more. A worker that still holds that job's last ticket
 * ("none left") would otherwise compare it with the next job's number of chunks and take one too many. */
static void pool_close_job(struct pool *pool)
{
    for (int i = 0; i < pool->count; i++) {
        uint64_t ticket = atomic_load_explicit(&pool->workers[i].ticket, memory_order_relaxed);
        atomic_store(&pool->workers[i].ticket, ticket | UINT32_MAX);
    }
}

/* Opens the next job and wakes sleepers among the first `helpers` workers. */
static void pool_open_job(struct pool *pool, uint32_t chunks, size_t helpers)
{
    uint32_t job = atomic_load_explicit(&pool->job, memory_order_relaxed) + 1;
    for (int i = 0; i < pool->count; i++) {
        atomic_store(&pool->workers[i].ticket, ((uint64_t)job << 32) | pool_share(chunks, pool->count, i));
    }
    atomic_store(&pool->job, job);
    for (int i = 1; i < pool->count && helpers > 0; i++, helpers--) {
        if (atomic_exchange(&pool->workers[i].asleep, false)) {
            sem_post(&pool->workers[i].wake);
        }
    }
}

/* ---- making and ending ------------------------------------------------------------------------------------------ */

/* Starts workers until there are `threads` threads or the system refuses one. They block all signals: Ctrl-C is for the
 * program's own threads. */
static void pool_start(struct pool *pool, int threads)
{
    sigset_t all, before;
    sigfillset(&all);
    bool masked = pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
    while (pool->count < threads) {
        struct pool_worker *worker = &pool->workers[pool->count];
        worker->pool = pool;
        worker->index = pool->count;
        atomic_init(&worker->asleep, false);
        if (sem_init(&worker->wake, 0, 0) != 0) {
            break;
        }
        if (pthread_create(&worker->thread, NULL, pool_work, worker) != 0) {
            sem_destroy(&worker->wake);
            break;
        }
        pool->count++;
    }
    if (masked) {
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}

struct pool *pool_create(struct memory *memory, int threads, struct error *error)
{
    if (threads < 0 || threads > POOL_MOST_THREADS) {
        error_set(error, FOV_E_USAGE, "%d threads: must be 0 (as many as there are) to %d", threads, POOL_MOST_THREADS);
        return NULL;
    }
    int processors = cpu_thread_count();
    if (threads == 0) {
        threads = processors < POOL_MOST_THREADS ? processors : POOL_MOST_THREADS;
    }
    struct pool *pool = memory_allocate(memory, 1, sizeof *pool, "thread pool", error);
    if (pool == NULL) {
        return NULL;
    }
    pool->workers = memory_allocate(memory, (size_t)threads, sizeof *pool->workers, "threads of the pool", error);
    if (pool->workers == NULL || sem_init(&pool->finished, 0, 0) != 0) {
        error_set(error, FOV_E_MEMORY, "out of memory: a pool of %d threads", threads);
        memory_free(memory, pool->workers);
        memory_free(memory, pool);
        return NULL;
    }
    pool->memory = memory;
    pool->count = 1;
    pool->looks = threads <= processors ? POOL_LOOKS : 0;
    atomic_init(&pool->task, NULL);
    atomic_init(&pool->context, NULL);
    atomic_init(&pool->chunks, 0);
    atomic_init(&pool->stop, false);
    atomic_init(&pool->running, 0);
    atomic_init(&pool->taken, false);
    atomic_init(&pool->job, 0);
    atomic_init(&pool->done, 0);
    atomic_init(&pool->waiting, false);
    pool_start(pool, threads);
    return pool;
}

void pool_destroy(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    atomic_store(&pool->chunks, 0);
    atomic_store(&pool->stop, true);
    pool_open_job(pool, 0, (size_t)pool->count);
    for (int i = 1; i < pool->count; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        sem_destroy(&pool->workers[i].wake);
    }
    sem_destroy(&pool->finished);
    memory_free(pool->memory, pool->workers);
    memory_free(pool->memory, pool);
}

int pool_threads(const struct pool *pool)
{
    return pool != NULL ? pool->count : 1;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

/* Waits for chunks that workers have begun. A late post of the previous job may wake it early; then it waits again. */
static void pool_await_done(struct pool *pool, uint32_t chunks)
{
    for (int looks = pool->looks; atomic_load_explicit(&pool->done, memory_order_acquire) != chunks;) {
        if (looks-- > 0) {
            pool_pause();
            continue;
        }
        atomic_store(&pool->waiting, true);
        if (atomic_load(&pool->done) != chunks || !atomic_exchange(&pool->waiting, false)) {
            pool_sleep(&pool->finished);
        }
    }
}

void pool_begin(struct pool *pool)
{
    if (pool != NULL) {
        atomic_fetch_add_explicit(&pool->running, 1, memory_order_relaxed);
    }
}

void pool_end(struct pool *pool)
{
    if (pool != NULL) {
        atomic_fetch_sub_explicit(&pool->running, 1, memory_order_relaxed);
    }
}

void pool_run(struct pool *pool, pool_task *task, void *context, size_t chunks)
{
    /* The caller uses the workers' arithmetic mode: a result must not depend on the thread that computed it. */
    struct arithmetic mode = arithmetic_enter(DENORMALS_FLUSHED);
    if (pool == NULL || pool->count == 1 || chunks <= 1 || chunks > UINT32_MAX ||
        atomic_exchange_explicit(&pool->taken, true, memory_order_acquire)) {
        for (size_t chunk = 0; chunk < chunks; chunk++) {
            task(context, chunk, 0);
        }
    } else {
        pool_close_job(pool);
        atomic_store_explicit(&pool->task, task, memory_order_release);
        atomic_store_explicit(&pool->context, context, memory_order_release);
        atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
        atomic_store_explicit(&pool->chunks, (uint32_t)chunks, memory_order_release);
        pool_open_job(pool, (uint32_t)chunks, chunks - 1);
        pool_take(pool, 0);
        pool_await_done(pool, (uint32_t)chunks);
        atomic_store_explicit(&pool->taken, false, memory_order_release);
    }
    arithmetic_leave(mode);
}
