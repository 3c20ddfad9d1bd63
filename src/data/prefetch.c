/* SPDX-License-Identifier: MIT */
/* A producer thread prepares the batches in order, with a loader that may have a pool of its own, and puts them into a
 * ring of PLACES buffers that the caller empties in the same order. */
#include "data/prefetch.h"
#include "base/arithmetic.h"
#include "base/clock.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { PLACES = 2, FORMS = UINT8_MAX + 1 };

/* A buffer of the ring: a finished batch, or the error that prevented it. */
struct place {
    struct loader_batch batch;
    struct error error;
    bool         full;
};

struct prefetch {
    struct fov_context *context;
    struct loader *loader;
    struct prefetch_options options;
    size_t target_bytes[FORMS]; /* of one sample in each form */
    double waited;

    /* written by the caller while the thread is idle */
    struct prefetch_epoch comes; /* the current epoch */
    size_t next; /* position in the order of the next sample to hand to the caller */

    /* used only if there is a producer thread; guarded by `lock` */
    bool has_thread, has_lock;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, ready; /* wakes the thread; tells the caller that a batch is finished */
    struct place place[PLACES];
    size_t made;               /* position in the order of the first sample that the thread has not begun with */
    unsigned filling, emptying; /* numbers of the batches that are filled and emptied next; modulo PLACES: the place */
    bool busy, stopping, dropping;
};

static size_t batch_at(const struct prefetch *p, size_t first)
{
    return p->comes.count - first < p->comes.batch ? p->comes.count - first : p->comes.batch;
}

static int form_at(const struct prefetch *p, size_t first)
{
    return p->comes.forms != NULL ? p->comes.forms[first / p->comes.batch] : 0;
}

/* Prepares the `count` samples of the order from position `first` on. */
static int fill(struct prefetch *p, size_t first, size_t count, const struct loader_batch *to, struct error *error)
{
    loader_set_form(p->loader, form_at(p, first));
    return loader_fill(p->loader, p->comes.order + first, count, to, error);
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static bool has_work(const struct prefetch *p)
{
    return !p->dropping && p->made < p->comes.count && !p->place[p->filling % PLACES].full;
}

static void *work(void *user)
{
    struct prefetch *p = user;
    (void)arithmetic_enter(DENORMALS_KEPT); /* does not inherit the mode of the thread that started this one */
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        if (!has_work(p)) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        struct place *place = &p->place[p->filling % PLACES];
        size_t first = p->made, count = batch_at(p, first);
        p->made += count;
        p->busy = true;
        pthread_mutex_unlock(&p->lock);
        error_clear(&place->error);
        (void)fill(p, first, count, &place->batch, &place->error);
        pthread_mutex_lock(&p->lock);
        p->busy = false;
        place->full = true;
        p->filling++;
        pthread_cond_signal(&p->ready);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Starts the thread with all signals blocked: they are left to the program's own threads. If the system refuses a
 * thread, batches are prepared on request instead. */
static void start(struct prefetch *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->has_thread = pthread_create(&p->thread, NULL, work, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void stop(struct prefetch *p)
{
    if (p->has_thread) {
        pthread_mutex_lock(&p->lock);
        p->stopping = true;
        pthread_cond_signal(&p->wake);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
    }
    if (p->has_lock) {
        pthread_cond_destroy(&p->wake);
        pthread_cond_destroy(&p->ready);
        pthread_mutex_destroy(&p->lock);
    }
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int open_places(struct prefetch *p, struct error *error)
{
    struct memory *memory = p->context->memory;
    static const char what[] = "batches ahead of time";
    size_t values = 0, target_bytes = 0;
    for (int i = 0; i <= p->options.loader.form_count; i++) {
        size_t one = loader_values(p->loader, i);
        values = one > values ? one : values;
        target_bytes = p->target_bytes[i] > target_bytes ? p->target_bytes[i] : target_bytes;
    }
    if (!size_multiply(p->options.batch, values, &values)) {
        return error_set(error, FOV_E_MEMORY, "a batch of %zu samples does not fit memory", p->options.batch);
    }
    for (int i = 0; i < PLACES; i++) {
        struct loader_batch *batch = &p->place[i].batch;
        batch->pixels = memory_allocate_raw(memory, values, sizeof(float), what, error);
        batch->targets = memory_allocate_raw(memory, p->options.batch, target_bytes + 1, what, error);
        bool is_there = batch->pixels != NULL && batch->targets != NULL;
        for (int r = 0; is_there && r < p->options.loader.row_count; r++) {
            const struct loader_rows *rows = &p->options.loader.rows[r];
            size_t bytes = loader_row_bytes(rows, 1);
            batch->rows[r] = memory_allocate_raw(memory, rows->is_once ? 1 : p->options.batch, bytes, what, error);
            is_there = batch->rows[r] != NULL;
        }
        if (!is_there) {
            return FOV_E_MEMORY;
        }
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->ready, NULL);
    p->has_lock = true;
    start(p);
    return FOV_OK;
}

struct prefetch *prefetch_create(struct fov_context *context, const fov_dataset *dataset,
                                 const struct prefetch_options *options, struct error *error)
{
    struct prefetch *p = memory_allocate(context->memory, 1, sizeof *p, "the loader", error);
    if (p == NULL) {
        return NULL;
    }
    p->context = context;
    p->options = *options;
    for (int i = 0; i <= options->loader.form_count && i < FORMS; i++) {
        p->target_bytes[i] = i == 0 ? options->target_bytes : options->loader.forms[i - 1].target_bytes;
    }
    p->loader = loader_create(context, dataset, &options->loader, error);
    if (p->loader == NULL || (options->loader.threads > 0 && open_places(p, error) != FOV_OK)) {
        prefetch_free(p);
        return NULL;
    }
    return p;
}

void prefetch_free(struct prefetch *prefetch)
{
    if (prefetch == NULL) {
        return;
    }
    struct memory *memory = prefetch->context->memory;
    stop(prefetch);
    for (int i = 0; i < PLACES; i++) {
        struct loader_batch *batch = &prefetch->place[i].batch;
        memory_free(memory, batch->pixels);
        memory_free(memory, batch->targets);
        for (int r = 0; r < LOADER_MOST_ROWS; r++) {
            memory_free(memory, batch->rows[r]);
        }
    }
    loader_free(prefetch->loader);
    memory_free(memory, prefetch);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static void set_epoch(struct prefetch *p, const struct prefetch_epoch *epoch)
{
    loader_set_epoch(p->loader, epoch->epoch);
    p->comes = *epoch;
    p->next = p->made = epoch->first;
}

void prefetch_begin(struct prefetch *prefetch, const struct prefetch_epoch *epoch)
{
    if (!prefetch->has_thread) {
        set_epoch(prefetch, epoch);
        return;
    }
    pthread_mutex_lock(&prefetch->lock);
    prefetch->dropping = true;
    while (prefetch->busy) {
        pthread_cond_wait(&prefetch->ready, &prefetch->lock);
    }
    for (int i = 0; i < PLACES; i++) {
        prefetch->place[i].full = false;
    }
    prefetch->filling = prefetch->emptying = 0;
    set_epoch(prefetch, epoch);
    prefetch->dropping = false;
    pthread_cond_signal(&prefetch->wake);
    pthread_mutex_unlock(&prefetch->lock);
}

/* Waits until the next place is full, copies its batch and releases it. */
static int take(struct prefetch *p, size_t count, const struct loader_batch *to, struct error *error)
{
    struct place *place = &p->place[p->emptying % PLACES];
    pthread_mutex_lock(&p->lock);
    while (!place->full) {
        pthread_cond_wait(&p->ready, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    if (place->error.status == FOV_OK) {
        int form = form_at(p, p->next);
        memcpy(to->pixels, place->batch.pixels, count * loader_values(p->loader, form) * sizeof *to->pixels);
        if (to->targets != NULL) {
            memcpy(to->targets, place->batch.targets, count * p->target_bytes[form]);
        }
        for (int r = 0; r < p->options.loader.row_count; r++) {
            if (to->rows[r] != NULL) {
                memcpy(to->rows[r], place->batch.rows[r], loader_row_bytes(&p->options.loader.rows[r], count));
            }
        }
    } else {
        error_set(error, place->error.status, "%s", place->error.text);
    }
    int status = (int)place->error.status;
    pthread_mutex_lock(&p->lock);
    place->full = false;
    p->emptying++;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    return status;
}

int prefetch_next(struct prefetch *prefetch, size_t count, const struct loader_batch *to, struct error *error)
{
    double begin = clock_seconds();
    if (prefetch->next >= prefetch->comes.count || count != batch_at(prefetch, prefetch->next)) {
        return error_set(error, FOV_E_INTERNAL, "a batch of %zu samples was asked for, behind %zu of %zu", count,
                         prefetch->next, prefetch->comes.count);
    }
    int status =
        prefetch->has_thread ? take(prefetch, count, to, error) : fill(prefetch, prefetch->next, count, to, error);
    prefetch->next += count;
    prefetch->waited += clock_seconds() - begin;
    return status;
}

double prefetch_waited(const struct prefetch *prefetch)
{
    return prefetch->waited;
}

size_t prefetch_say_bad_files(struct prefetch *prefetch)
{
    return loader_say_bad_files(prefetch->loader);
}
