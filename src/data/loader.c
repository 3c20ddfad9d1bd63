/* SPDX-License-Identifier: MIT */
/* The loader prepares the samples of a batch in parallel on a thread pool. All buffers are allocated once, one set per
 * thread; only larger pictures decoded from files can make them grow. */
#include "data/loader.h"
#include "base/size.h"
#include "data/cache.h"
#include "data/pictures.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    LOADER_CHUNK = 1 << 14, /* floats per unit of work: smaller units would cost more in scheduling */
    LOADER_TRIES = 100      /* give up after so many bad files in a row: the fault is then not in single files */
};

/* The buffers of one thread. */
struct loader_worker {
    struct loader *loader;
    struct sample sample, partner; /* decoded: the sample itself, and one that is mixed into it */
    struct sample shown; /* a partner that is in the cache */
    struct preparer preparer;
    struct error error;
    size_t failed; /* position in the batch of the sample that `error` is about; SIZE_MAX: none */
};

/* Samples that could not be read. */
struct bad_files {
    pthread_mutex_t lock;
    uint8_t *known; /* [samples] 1: already counted */
    size_t count, named; /* bad samples found, and of these already logged */
    struct error first; /* the error of the first one not yet logged */
};

/* A form of batches (loader.h): its preparation, and the `user` argument of write for its targets. */
struct form {
    struct preparation preparation;
    const void *user;
};

struct loader {
    struct fov_context *context;
    const struct fov_dataset *dataset;
    struct loader_options options;
    struct pool *pool;     /* the context's, or its own */
    struct cache *cache;   /* NULL: none */
    struct bad_files bad;  /* known NULL: a bad file stops the batch */
    struct form *forms;
    int form_count;
    int worker_count;
    struct loader_worker *workers;

    /* the batch being made */
    const uint32_t *indices;
    size_t count, per_chunk;
    int64_t epoch;
    const struct form *form;
    const struct loader_batch *to;
    bool has_targets;
};

static int read_partner(void *user, size_t index, const struct sample **sample, struct error *error);

/* Allocates every buffer that samples of the dataset's size will need, so that batches allocate nothing. */
static int warm(const struct loader *loader, struct loader_worker *worker, struct error *error)
{
    const struct fov_dataset *dataset = loader->dataset;
    if (dataset->pixels == NULL || dataset->count == 0) {
        return FOV_OK;
    }
    struct picture picture = {.memory = loader->context->memory};
    int status = dataset_sample(dataset, 0, &picture, error);
    for (int i = 0; status == FOV_OK && i < loader->form_count; i++) {
        status = prepare_reserve(&loader->forms[i].preparation, &worker->preparer, &picture, error);
    }
    return status;
}

static int open_workers(struct loader *loader, struct error *error)
{
    struct memory *memory = loader->context->memory;
    int status = FOV_OK;
    loader->worker_count = pool_threads(loader->pool);
    loader->workers =
        memory_allocate(memory, (size_t)loader->worker_count, sizeof *loader->workers, "the loader", error);
    for (int i = 0; loader->workers != NULL && status == FOV_OK && i < loader->worker_count; i++) {
        struct loader_worker *worker = &loader->workers[i];
        worker->loader = loader;
        sample_begin(&worker->sample, memory);
        sample_begin(&worker->partner, memory);
        status = preparer_open(&worker->preparer, &loader->forms[0].preparation, error);
        for (int f = 1; status == FOV_OK && f < loader->form_count; f++) {
            status = preparer_widen(&worker->preparer, &loader->forms[f].preparation, error);
        }
        worker->preparer.partners = (struct prepare_partners){loader->dataset->count, read_partner, worker};
        status = status == FOV_OK ? warm(loader, worker, error) : status;
    }
    return loader->workers != NULL ? status : FOV_E_MEMORY;
}

/* Creates the thread pool, the cache and the table of bad files that the options ask for. */
static int open_options(struct loader *loader, struct error *error)
{
    const struct loader_options *o = &loader->options;
    struct memory *memory = loader->context->memory;
    loader->pool = loader->context->pool;
    if (o->threads > 0) {
        loader->pool = o->threads > 1 ? pool_create(memory, o->threads, error) : NULL;
        if (o->threads > 1 && loader->pool == NULL) {
            return (int)error->status;
        }
    }
    if (o->cache_bytes > 0 && loader->dataset->pixels == NULL) {
        loader->cache = cache_create(memory, loader->dataset->count, o->cache_bytes, error);
        if (loader->cache == NULL) {
            return (int)error->status;
        }
    }
    if (o->on_bad_file == LOADER_REPLACES && loader->dataset->pixels == NULL && !loader->dataset->source->is_program) {
        loader->bad.known = memory_allocate(memory, loader->dataset->count + 1, 1, "a list of bad files", error);
        return loader->bad.known != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    return FOV_OK;
}

static int open_forms(struct loader *loader, struct error *error)
{
    const struct loader_options *o = &loader->options;
    size_t count = (size_t)o->form_count + 1;
    loader->forms = memory_allocate(loader->context->memory, count, sizeof *loader->forms, "the loader", error);
    int status = loader->forms != NULL ? FOV_OK : FOV_E_MEMORY;
    for (size_t i = 0; status == FOV_OK && i < count; i++) {
        struct prepare_options prepare = i == 0 ? o->prepare : o->forms[i - 1].prepare;
        prepare.seed = loader->context->seed;
        loader->forms[i].user = i == 0 ? o->user : o->forms[i - 1].user;
        loader->form_count++;
        status = preparation_open(&loader->forms[i].preparation, loader->context, &prepare, error);
    }
    loader->form = loader->forms;
    return status;
}

struct loader *loader_create(struct fov_context *context, const fov_dataset *dataset,
                             const struct loader_options *options, struct error *error)
{
    struct loader *loader = memory_allocate(context->memory, 1, sizeof *loader, "the loader", error);
    if (loader == NULL) {
        return NULL;
    }
    loader->context = context;
    loader->dataset = dataset;
    loader->options = *options;
    pthread_mutex_init(&loader->bad.lock, NULL); /* cannot fail on Linux: it only writes the mutex */
    if (open_forms(loader, error) != FOV_OK || open_options(loader, error) != FOV_OK ||
        open_workers(loader, error) != FOV_OK) {
        loader_free(loader);
        return NULL;
    }
    // one picture per chunk where each must be decoded, several where it only has to be copied
    size_t per_chunk = LOADER_CHUNK / loader->forms[0].preparation.values;
    loader->per_chunk = dataset->pixels && per_chunk > 1 ? per_chunk : 1;
    return loader;
}

void loader_free(struct loader *loader)
{
    if (loader == NULL) {
        return;
    }
    struct memory *memory = loader->context->memory;
    for (int i = 0; loader->workers && i < loader->worker_count; i++) {
        sample_free(&loader->workers[i].sample);
        sample_free(&loader->workers[i].partner);
        preparer_close(&loader->workers[i].preparer, &loader->forms[0].preparation);
    }
    for (int i = 0; i < loader->form_count; i++) {
        preparation_close(&loader->forms[i].preparation);
    }
    memory_free(memory, loader->forms);
    if (loader->pool != loader->context->pool) {
        pool_destroy(loader->pool);
    }
    cache_free(loader->cache);
    memory_free(memory, loader->bad.known);
    pthread_mutex_destroy(&loader->bad.lock);
    memory_free(memory, loader->workers);
    memory_free(memory, loader);
}

void loader_set_epoch(struct loader *loader, int64_t epoch)
{
    loader->epoch = epoch;
}

void loader_set_form(struct loader *loader, int form)
{
    loader->form = &loader->forms[form];
}

/* Takes a sample from the cache into `shown`, or reads it into `own` and offers it to the cache; *sample points to
 * whichever was filled. */
static int read_sample(struct loader *loader, size_t index, struct sample *own, struct sample *shown,
                       const struct sample **sample, struct error *error)
{
    const struct fov_dataset *dataset = loader->dataset;
    *sample = shown;
    if (loader->cache != NULL && cache_show(loader->cache, index, shown)) {
        return FOV_OK;
    }
    *sample = own;
    /* A cached sample needs its target even if this batch does not: a later batch may. */
    bool with_target = loader->has_targets || loader->cache != NULL;
    int status =
        with_target ? dataset_read(dataset, index, own, error) : dataset_sample(dataset, index, &own->picture, error);
    if (status == FOV_OK && loader->cache != NULL) {
        cache_keep(loader->cache, index, own);
    }
    return status;
}

static int fill_from(struct loader *loader, struct loader_worker *worker, size_t index, size_t place,
                     struct error *error)
{
    struct sample shown;
    const struct sample *sample;
    struct prepared prepared;
    const struct preparation *preparation = &loader->form->preparation;
    float *out = loader->to->pixels + place * preparation->values;
    int status = read_sample(loader, index, &worker->sample, &shown, &sample, error);
    status = status == FOV_OK ? prepare_sample(preparation, &worker->preparer, sample, index, loader->epoch, out,
                                               &prepared, error)
                              : status;
    if (status == FOV_OK && loader->has_targets) {
        status = loader->options.write(loader->form->user, &prepared, place, loader->to->targets, error);
    }
    for (int i = 0; status == FOV_OK && i < loader->options.row_count; i++) {
        const struct loader_rows *rows = &loader->options.rows[i];
        if (loader->to->rows[i] != NULL && (!rows->is_once || place == 0)) {
            memcpy((char *)loader->to->rows[i] + place * rows->bytes, rows->rows + index * rows->stride, rows->bytes);
        }
    }
    return status;
}

static void remember_bad(struct loader *loader, size_t index, const struct error *error)
{
    struct bad_files *bad = &loader->bad;
    pthread_mutex_lock(&bad->lock);
    if (bad->known[index] == 0) {
        bad->known[index] = 1;
        bad->first = bad->count++ == bad->named ? *error : bad->first;
    }
    pthread_mutex_unlock(&bad->lock);
}

/* Whether another sample may take the place of one that failed with this status. */
static bool replaces(const struct loader *loader, int status)
{
    return loader->bad.known != NULL && (status == FOV_E_INPUT || status == FOV_E_IO || status == FOV_E_UNSUPPORTED);
}

/* Fills sample number `place` of the batch; a sample that cannot be read is replaced by the dataset's next. */
static int fill_one(struct loader *loader, struct loader_worker *worker, size_t place, struct error *error)
{
    size_t count = loader->dataset->count, index = loader->indices[place];
    if (index >= count) {
        return (int)error_set(error, FOV_E_USAGE, "sample %zu is out of range (%zu samples)", index, count);
    }
    int status = fill_from(loader, worker, index, place, error);
    for (int tries = 0; tries < LOADER_TRIES && replaces(loader, status); tries++) {
        remember_bad(loader, index, error);
        error_clear(error);
        index = (index + 1) % count;
        status = fill_from(loader, worker, index, place, error);
    }
    return status;
}

/* Reads a sample to be mixed into another one; one that cannot be read is replaced by the dataset's next. */
static int read_partner(void *user, size_t index, const struct sample **sample, struct error *error)
{
    struct loader_worker *worker = user;
    struct loader *loader = worker->loader;
    int status = read_sample(loader, index, &worker->partner, &worker->shown, sample, error);
    for (int tries = 0; tries < LOADER_TRIES && replaces(loader, status); tries++) {
        remember_bad(loader, index, error);
        error_clear(error);
        index = (index + 1) % loader->dataset->count;
        status = read_sample(loader, index, &worker->partner, &worker->shown, sample, error);
    }
    return status;
}

static void fill_chunk(void *context, size_t chunk, int worker_index)
{
    struct loader *loader = context;
    struct loader_worker *worker = &loader->workers[worker_index];
    size_t begin = chunk * loader->per_chunk, end = begin + loader->per_chunk;
    for (size_t i = begin; i < end && i < loader->count; i++) {
        struct error error = {.status = FOV_OK};
        if (fill_one(loader, worker, i, &error) != FOV_OK && i < worker->failed) {
            worker->failed = i;
            worker->error = error;
        }
    }
}

size_t loader_row_bytes(const struct loader_rows *rows, size_t count)
{
    return rows->is_once ? rows->bytes : count * rows->bytes;
}

int loader_fill(struct loader *loader, const uint32_t *indices, size_t count, const struct loader_batch *to,
                struct error *error)
{
    loader->indices = indices;
    loader->count = count;
    loader->to = to;
    loader->has_targets = loader->options.write != NULL && to->targets != NULL;
    for (int i = 0; i < loader->worker_count; i++) {
        loader->workers[i].failed = SIZE_MAX;
    }
    pool_run(loader->pool, fill_chunk, loader, size_divide_up(count, loader->per_chunk));

    // the error of the batch's first bad sample, whichever thread met it
    const struct loader_worker *first = NULL;
    for (int i = 0; i < loader->worker_count; i++) {
        const struct loader_worker *worker = &loader->workers[i];
        if (worker->failed != SIZE_MAX && (first == NULL || worker->failed < first->failed)) {
            first = worker;
        }
    }
    return first ? (int)error_set(error, first->error.status, "%s", first->error.text) : FOV_OK;
}

size_t loader_say_bad_files(struct loader *loader)
{
    struct bad_files *bad = &loader->bad;
    pthread_mutex_lock(&bad->lock);
    if (bad->count > bad->named) {
        char more[64] = "";
        if (bad->count > bad->named + 1) {
            snprintf(more, sizeof more, " (and %zu more)", bad->count - bad->named - 1);
        }
        context_log(loader->context, FOV_LOG_WARNING, "%s: another sample takes its place%s", bad->first.text, more);
        bad->named = bad->count;
    }
    size_t count = bad->count;
    pthread_mutex_unlock(&bad->lock);
    return count;
}

size_t loader_cached(const struct loader *loader)
{
    return loader->cache != NULL ? cache_bytes(loader->cache) : 0;
}

size_t loader_values(const struct loader *loader, int form)
{
    return loader->forms[form].preparation.values;
}

/* Copies numbers that need no preprocessing to the network's input. */
static int take_values(const fov_image *image, const struct prepare_options *options, float *out, struct error *error)
{
    const struct picture_size *size = &options->size;
    if (image->channels != size->channels || image->height != size->height || image->width != size->width) {
        return error_set(error, FOV_E_SHAPE,
                         "numbers [%d, %d, %d] do not fit the input [%d, %d, %d] ([channels, height, width]): floats "
                         "are taken as they are, pictures of uint8 are resized",
                         image->channels, image->height, image->width, size->channels, size->height, size->width);
    }
    size_t channels = (size_t)size->channels, area = (size_t)size->height * (size_t)size->width;
    for (size_t i = 0; i < channels * area; i++) {
        out[i] = image->values[options->plain ? i : i % channels * area + i / channels];
    }
    return FOV_OK;
}

int loader_preprocess(struct fov_context *context, const fov_image *image, const struct prepare_options *options,
                      float *out, const char **note, struct error *error)
{
    struct preparation preparation;
    struct preparer preparer = {.resized = NULL};
    struct prepared prepared;
    if (note != NULL) {
        *note = NULL;
    }
    if (image->values != NULL) {
        return take_values(image, options, out, error);
    }
    int status = preparation_open(&preparation, context, options, error);
    status = status == FOV_OK ? pictures_check(image, error) : status;
    const struct sample sample = {.picture = {.height = image->height,
                                              .width = image->width,
                                              .channels = image->channels,
                                              .pixels = image->pixels}};
    status = status == FOV_OK ? preparer_open(&preparer, &preparation, error) : status;
    if (status == FOV_OK) {
        status = prepare_sample(&preparation, &preparer, &sample, 0, 0, out, &prepared, error);
    }
    if (note != NULL) {
        *note = preparer.is_blank ? "nothing is drawn on it: no ink was found" : NULL;
    }
    preparer_close(&preparer, &preparation);
    preparation_close(&preparation);
    return status;
}
