/* SPDX-License-Identifier: MIT */
/* The loader: many samples side by side on the pool. All buffers are made once, one set per thread; only pictures that
 * are decoded from files may still make them grow. */
#include "data/loader.h"

enum {
    LOADER_CHUNK = 1 << 14 /* values one thread should make before it asks for more work: waking up costs, too */
};

/* What one thread needs. */
struct loader_worker {
    struct sample sample; /* decoded */
    struct preparer preparer;
    struct error error;
    size_t failed; /* position in the batch of the sample with that error */
};

struct loader {
    struct fov_context *context;
    const struct fov_dataset *dataset;
    struct loader_options options;
    struct preparation preparation;
    int worker_count;
    struct loader_worker *workers;

    /* the batch being made */
    const uint32_t *indices;
    size_t count, per_chunk;
    int64_t epoch;
    float *pixels;
    void *targets;
};

/* Makes every buffer that samples of the dataset's own size will need, so that batches find them there. */
static int warm(const struct loader *loader, struct loader_worker *worker, struct error *error)
{
    const struct fov_dataset *dataset = loader->dataset;
    if (dataset->pixels == NULL || dataset->count == 0) {
        return FOV_OK;
    }
    struct picture picture = {.memory = loader->context->memory};
    int status = dataset_sample(dataset, 0, &picture, error);
    return status ? status : prepare_room(&loader->preparation, &worker->preparer, &picture, error);
}

static int open_workers(struct loader *loader, struct error *error)
{
    struct memory *memory = loader->context->memory;
    int status = FOV_OK;
    loader->worker_count = pool_threads(loader->context->pool);
    loader->workers =
        memory_allocate(memory, (size_t)loader->worker_count, sizeof *loader->workers, "the loader", error);
    for (int i = 0; loader->workers != NULL && status == FOV_OK && i < loader->worker_count; i++) {
        struct loader_worker *worker = &loader->workers[i];
        sample_begin(&worker->sample, memory);
        status = preparer_open(&worker->preparer, &loader->preparation, error);
        status = status == FOV_OK ? warm(loader, worker, error) : status;
    }
    return loader->workers != NULL ? status : FOV_E_MEMORY;
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
    loader->options.prepare.seed = context->seed;
    if (preparation_open(&loader->preparation, context, &loader->options.prepare, error) != FOV_OK ||
        open_workers(loader, error) != FOV_OK) {
        loader_free(loader);
        return NULL;
    }
    // few pictures per chunk where each costs a decode, many where it is a copy
    size_t per_chunk = LOADER_CHUNK / loader->preparation.values;
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
        preparer_close(&loader->workers[i].preparer, &loader->preparation);
    }
    preparation_close(&loader->preparation);
    memory_free(memory, loader->workers);
    memory_free(memory, loader);
}

void loader_set_epoch(struct loader *loader, int64_t epoch)
{
    loader->epoch = epoch;
}

/* Sample number `place` of the batch. */
static int fill_one(struct loader *loader, struct loader_worker *worker, size_t place, struct error *error)
{
    const struct fov_dataset *dataset = loader->dataset;
    struct prepared prepared;
    uint32_t index = loader->indices[place];
    if (index >= dataset->count) {
        return (int)error_set(error, FOV_E_USAGE, "sample %u is out of range (%zu samples)", index, dataset->count);
    }
    int status = loader->targets != NULL ? dataset_read(dataset, index, &worker->sample, error)
                                         : dataset_sample(dataset, index, &worker->sample.picture, error);
    if (status == FOV_OK) {
        float *out = loader->pixels + place * loader->preparation.values;
        status = prepare_sample(&loader->preparation, &worker->preparer, &worker->sample, index, loader->epoch, out,
                                &prepared, error);
    }
    if (status == FOV_OK && loader->targets != NULL) {
        status = loader->options.write(loader->options.user, &prepared, place, loader->targets, error);
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

int loader_fill(struct loader *loader, const uint32_t *indices, size_t count, float *pixels, void *targets,
                struct error *error)
{
    loader->indices = indices;
    loader->count = count;
    loader->pixels = pixels;
    loader->targets = loader->options.write != NULL ? targets : NULL;
    for (int i = 0; i < loader->worker_count; i++) {
        loader->workers[i].failed = SIZE_MAX;
    }
    pool_run(loader->context->pool, fill_chunk, loader, (count + loader->per_chunk - 1) / loader->per_chunk);

    // the first bad sample of the batch, whoever met it
    const struct loader_worker *first = NULL;
    for (int i = 0; i < loader->worker_count; i++) {
        const struct loader_worker *worker = &loader->workers[i];
        if (worker->failed != SIZE_MAX && (first == NULL || worker->failed < first->failed)) {
            first = worker;
        }
    }
    return first ? (int)error_set(error, first->error.status, "%s", first->error.text) : FOV_OK;
}

int loader_preprocess(struct fov_context *context, const fov_image *image, const struct prepare_options *options,
                      float *out, struct error *error)
{
    struct preparation preparation;
    struct preparer preparer = {.resized = NULL};
    struct prepared prepared;
    int status = preparation_open(&preparation, context, options, error);
    if (status == FOV_OK &&
        (image->pixels == NULL || (image->channels != 1 && image->channels != 3 && image->channels != 4))) {
        status = (int)error_set(error, FOV_E_USAGE, "a picture must have pixels and 1, 3 or 4 channels");
    }
    if (status == FOV_OK) {
        status = image_check_size(image->height < 0 ? 0 : (uint64_t)image->height,
                                  image->width < 0 ? 0 : (uint64_t)image->width, error);
    }
    const struct sample sample = {.picture = {.height = image->height,
                                              .width = image->width,
                                              .channels = image->channels,
                                              .pixels = image->pixels}};
    status = status == FOV_OK ? preparer_open(&preparer, &preparation, error) : status;
    if (status == FOV_OK) {
        status = prepare_sample(&preparation, &preparer, &sample, 0, 0, out, &prepared, error);
    }
    preparer_close(&preparer, &preparation);
    preparation_close(&preparation);
    return status;
}
