/* SPDX-License-Identifier: MIT */
/* The loader: one sample's way from pixels to floats, and many samples side by side on the pool. All buffers are made
 * once, one set per thread; only pictures that are decoded from files may still make them grow. */
#include "data/loader.h"
#include "image/resize.h"
#include <string.h>

enum {
    LOADER_CHUNK = 1 << 14 /* values one thread should make before it asks for more work: waking up costs, too */
};

/* What one thread needs. */
struct loader_worker {
    struct picture picture; /* decoded */
    struct resize_scratch resize;
    struct pipeline_room room; /* of augmentation */
    struct loader_pixels {
        uint8_t *bytes;
        size_t capacity;
    } channels, scaled, piece; /* the picture with the wanted channels; of another size; its middle. They grow */
    uint8_t *resized; /* [inner height, inner width, channels] */
    float *plain;     /* one sample channels-last, when plain order is wanted; else NULL */
    struct error error;
    size_t failed; /* position in the batch of the sample with that error */
};

struct loader {
    struct fov_context *context;
    const struct fov_dataset *dataset; /* NULL: single pictures only */
    struct loader_options options;
    float mean[4], deviation[4];   /* of pixels in 0..1 by the order of the picture's channels; 1 for 0 */
    float border[4];               /* black, normalised */
    bool swaps;                    /* the network reads blue first */
    int inner_height, inner_width; /* without padding */
    size_t values;                 /* of one sample */
    int worker_count;
    struct loader_worker *workers;

    /* the batch being made */
    const uint32_t *indices;
    size_t count, per_chunk;
    int64_t epoch;
    float *pixels;
    int32_t *labels;
};

static int loader_check(const struct loader_options *options, struct error *error)
{
    const fov_preprocessing *p = &options->preprocessing;
    if (options->channels != 1 && options->channels != 3) {
        return (int)error_set(error, FOV_E_SHAPE, "pictures have 1 or 3 channels, the network's input has %d",
                              options->channels);
    }
    if (options->height < 1 || options->width < 1 || options->height > IMAGE_MAX_SIDE ||
        options->width > IMAGE_MAX_SIDE) {
        return (int)error_set(error, FOV_E_SHAPE, "an input of %d x %d pixels is out of range (1 to %d)",
                              options->height, options->width, IMAGE_MAX_SIDE);
    }
    // compared without a sum that could overflow
    if (p->pad < 0 || p->pad > (options->height - 1) / 2 || p->pad > (options->width - 1) / 2) {
        return (int)error_set(error, FOV_E_SHAPE, "preprocessing pads by %d: no room is left in %d x %d", p->pad,
                              options->height, options->width);
    }
    if (!(p->scale >= 0.0F && p->scale < 1e6F) || p->shorter < 0 || p->shorter > IMAGE_MAX_SIDE || p->crop < 0 ||
        p->crop > IMAGE_MAX_SIDE) {
        return (int)error_set(error, FOV_E_INPUT,
                              "preprocessing: scale %g, shorter side %d, crop %d make no sense (sides: 1 to %d)",
                              (double)p->scale, p->shorter, p->crop, IMAGE_MAX_SIDE);
    }
    for (int c = 0; c < options->channels; c++) {
        // negated, so that NaN is refused as well
        if (!(p->mean[c] > -1e6F && p->mean[c] < 1e6F) || !(p->deviation[c] >= 0.0F && p->deviation[c] < 1e6F)) {
            return (int)error_set(error, FOV_E_INPUT,
                                  "preprocessing of channel %d: mean %g, deviation %g make no sense", c,
                                  (double)p->mean[c], (double)p->deviation[c]);
        }
    }
    return FOV_OK;
}

/* The parts that do not need memory. */
static void loader_set(struct loader *loader, struct fov_context *context, const struct loader_options *options)
{
    const fov_preprocessing *p = &options->preprocessing;
    loader->context = context;
    loader->options = *options;
    loader->inner_height = options->height - 2 * p->pad;
    loader->inner_width = options->width - 2 * p->pad;
    loader->values = (size_t)options->height * (size_t)options->width * (size_t)options->channels;
    loader->swaps = p->bgr && options->channels == 3;
    for (int c = 0; c < options->channels; c++) {
        int own = loader->swaps ? 2 - c : c; /* where the network has this channel of the picture */
        double unit = p->scale > 0.0F ? 255.0 * (double)p->scale : 1.0, deviation = (double)p->deviation[own];
        loader->mean[c] = (float)((double)p->mean[own] / unit);
        loader->deviation[c] = (float)((deviation > 0 ? deviation : 1.0) / unit);
        loader->border[c] = (0.0F - loader->mean[c]) / loader->deviation[c];
    }
}

static int loader_make_worker(const struct loader *loader, struct loader_worker *worker, struct error *error)
{
    struct memory *memory = loader->context->memory;
    size_t inner = (size_t)loader->inner_height * (size_t)loader->inner_width * (size_t)loader->options.channels;
    worker->picture.memory = memory;
    worker->resize.memory = memory;
    worker->room.memory = memory;
    worker->resized = memory_allocate_raw(memory, inner, 1, "the loader's pixels", error);
    if (worker->resized == NULL) {
        return FOV_E_MEMORY;
    }
    if (loader->options.plain && loader->options.channels > 1) {
        worker->plain = memory_allocate_raw(memory, loader->values, sizeof(float), "the loader's pixels", error);
        if (worker->plain == NULL) {
            return FOV_E_MEMORY;
        }
    }
    return FOV_OK;
}

static void loader_free_worker(struct memory *memory, struct loader_worker *worker)
{
    picture_free(&worker->picture);
    resize_free(&worker->resize);
    pipeline_room_free(&worker->room);
    memory_free(memory, worker->channels.bytes);
    memory_free(memory, worker->scaled.bytes);
    memory_free(memory, worker->piece.bytes);
    memory_free(memory, worker->resized);
    memory_free(memory, worker->plain);
}

/* Makes every buffer that samples of the dataset's own size will need, so that batches find them there. */
static int loader_warm(struct loader *loader, struct loader_worker *worker, struct error *error);

struct loader *loader_create(struct fov_context *context, const fov_dataset *dataset,
                             const struct loader_options *options, struct error *error)
{
    if (loader_check(options, error)) {
        return NULL;
    }
    struct memory *memory = context->memory;
    struct loader *loader = memory_allocate(memory, 1, sizeof *loader, "the loader", error);
    if (loader == NULL) {
        return NULL;
    }
    loader_set(loader, context, options);
    loader->dataset = dataset;
    loader->worker_count = pool_threads(context->pool);
    loader->workers =
        memory_allocate(memory, (size_t)loader->worker_count, sizeof *loader->workers, "the loader", error);
    bool failed = loader->workers == NULL;
    for (int i = 0; !failed && i < loader->worker_count; i++) {
        failed =
            loader_make_worker(loader, &loader->workers[i], error) || loader_warm(loader, &loader->workers[i], error);
    }
    if (failed) {
        loader_free(loader);
        return NULL;
    }
    // few pictures per chunk where each costs a decode, many where it is a copy
    size_t per_chunk = LOADER_CHUNK / loader->values;
    loader->per_chunk = dataset && dataset->pixels && per_chunk > 1 ? per_chunk : 1;
    return loader;
}

void loader_free(struct loader *loader)
{
    if (loader == NULL) {
        return;
    }
    struct memory *memory = loader->context->memory;
    for (int i = 0; loader->workers && i < loader->worker_count; i++) {
        loader_free_worker(memory, &loader->workers[i]);
    }
    memory_free(memory, loader->workers);
    memory_free(memory, loader);
}

/* The sample through the pipeline, into worker->resized. */
static int loader_augment(const struct loader *loader, struct loader_worker *worker, const struct picture *picture,
                          const uint8_t *pixels, size_t index, struct error *error)
{
    const struct pipeline_key key = {loader->context->seed, (uint64_t)loader->epoch, index};
    const struct pipeline_job job = {.pixels = pixels,
                                     .height = picture->height,
                                     .width = picture->width,
                                     .channels = loader->options.channels,
                                     .out_height = loader->inner_height,
                                     .out_width = loader->inner_width,
                                     .out = worker->resized};
    return pipeline_apply(loader->options.augment, &key, &job, &worker->room, error);
}

static int loader_grow(struct memory *memory, struct loader_pixels *pixels, size_t need, struct error *error)
{
    if (need > pixels->capacity) {
        uint8_t *larger = memory_allocate_raw(memory, need, 1, "the loader's pixels", error);
        if (larger == NULL) {
            return FOV_E_MEMORY;
        }
        memory_free(memory, pixels->bytes);
        *pixels = (struct loader_pixels){larger, need};
    }
    return FOV_OK;
}

/* Half of a difference, ties to even, as Python's round has it and torchvision's CenterCrop with it. */
static int loader_middle(int size, int piece)
{
    int rest = size - piece, half = rest / 2;
    return rest % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* The shorter side to its size, then the middle: *picture's pixels are those of the piece afterwards. */
static int loader_cut(const struct loader *loader, struct loader_worker *worker, struct picture *picture,
                      struct error *error)
{
    const fov_preprocessing *p = &loader->options.preprocessing;
    struct memory *memory = loader->context->memory;
    size_t channels = (size_t)picture->channels;
    int height = picture->height, width = picture->width, status = FOV_OK;
    if (p->shorter > 0 && p->shorter != (height < width ? height : width)) {
        /* Rounded down, as torchvision does. */
        int64_t longer = (int64_t)p->shorter * (height < width ? width : height) / (height < width ? height : width);
        int64_t new_height = height < width ? p->shorter : longer, new_width = height < width ? longer : p->shorter;
        status = image_check_size((uint64_t)new_height, (uint64_t)new_width, error);
        if (!status) {
            status = loader_grow(memory, &worker->scaled, (size_t)new_height * (size_t)new_width * channels, error);
        }
        if (!status) {
            status = image_resize(picture->pixels, height, width, picture->channels, worker->scaled.bytes,
                                  (int)new_height, (int)new_width, &worker->resize, error);
        }
        if (status) {
            return status;
        }
        picture->pixels = worker->scaled.bytes;
        height = (int)new_height;
        width = (int)new_width;
    }
    int rows = p->crop > 0 ? p->crop : loader->inner_height, columns = p->crop > 0 ? p->crop : loader->inner_width;
    rows = rows < height ? rows : height; // of a small picture, all there is
    columns = columns < width ? columns : width;
    size_t line = (size_t)columns * channels, top = (size_t)loader_middle(height, rows);
    size_t left = (size_t)loader_middle(width, columns) * channels;
    status = loader_grow(memory, &worker->piece, (size_t)rows * line, error);
    for (size_t y = 0; !status && y < (size_t)rows; y++) {
        memcpy(worker->piece.bytes + y * line, picture->pixels + (top + y) * (size_t)width * channels + left, line);
    }
    *picture = (struct picture){.height = rows, .width = columns, .channels = picture->channels};
    picture->pixels = worker->piece.bytes;
    return status;
}

/* Channels and size of sample `index`: afterwards *result holds [inner height, inner width, channels]. */
static int loader_fit(const struct loader *loader, struct loader_worker *worker, const struct picture *given,
                      size_t index, const uint8_t **result, struct error *error)
{
    const fov_preprocessing *p = &loader->options.preprocessing;
    struct picture picture = {
        .height = given->height, .width = given->width, .channels = given->channels, .pixels = given->pixels};
    size_t area = (size_t)picture.height * (size_t)picture.width;
    int channels = loader->options.channels, status = FOV_OK;
    if (picture.channels != channels) {
        status = loader_grow(loader->context->memory, &worker->channels, area * (size_t)channels, error);
        if (status) {
            return status;
        }
        image_convert(picture.pixels, picture.channels, worker->channels.bytes, channels, area);
        picture.pixels = worker->channels.bytes;
        picture.channels = channels;
    }
    if (p->shorter > 0 || p->crop > 0) {
        status = loader_cut(loader, worker, &picture, error);
    }
    if (!status && loader->options.augment != NULL) {
        *result = worker->resized;
        return loader_augment(loader, worker, &picture, picture.pixels, index, error);
    }
    bool fits = picture.height == loader->inner_height && picture.width == loader->inner_width;
    *result = fits ? picture.pixels : worker->resized;
    return fits || status ? status
                          : image_resize(picture.pixels, picture.height, picture.width, channels, worker->resized,
                                         loader->inner_height, loader->inner_width, &worker->resize, error);
}

/* Black pixels, normalised. */
static void loader_black(const struct loader *loader, float *out, size_t pixels)
{
    int channels = loader->options.channels;
    for (size_t p = 0; p < pixels; p++) {
        for (int c = 0; c < channels; c++) {
            *out++ = loader->border[c];
        }
    }
}

/* Pixels to floats, with the border around them, channels last. */
static void loader_normalise(const struct loader *loader, const uint8_t *pixels, float *out)
{
    const struct loader_options *o = &loader->options;
    const float *mean = loader->mean;
    size_t channels = (size_t)o->channels, inner = (size_t)loader->inner_width;
    int pad = o->preprocessing.pad;
    if (pad == 0) {
        loader->context->kernel->normalise_u8((size_t)o->height * inner, channels, pixels, mean, loader->deviation,
                                              out);
        return;
    }
    // the border: rows above and below, and a strip that ends one row and begins the next
    size_t stride = (size_t)o->width * channels, side = (size_t)pad * channels;
    loader_black(loader, out, (size_t)pad * (size_t)o->width + (size_t)pad);
    for (int y = 1; y < loader->inner_height; y++) {
        loader_black(loader, out + (size_t)(y + pad) * stride - side, 2 * (size_t)pad);
    }
    loader_black(loader, out + (size_t)(o->height - pad) * stride - side, (size_t)pad * (size_t)o->width + (size_t)pad);
    for (int y = 0; y < loader->inner_height; y++) {
        loader->context->kernel->normalise_u8(inner, channels, pixels + (size_t)y * inner * channels, mean,
                                              loader->deviation,
                                              out + (size_t)(y + pad) * stride + (size_t)pad * channels);
    }
}

/* Red first to blue first, in place. */
static void loader_swap(float *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++, pixels += 3) {
        float red = pixels[0];
        pixels[0] = pixels[2];
        pixels[2] = red;
    }
}

static int loader_prepare(const struct loader *loader, struct loader_worker *worker, const struct picture *picture,
                          size_t index, float *out, struct error *error)
{
    const uint8_t *pixels;
    int status = loader_fit(loader, worker, picture, index, &pixels, error);
    if (status) {
        return status;
    }
    if (worker->plain == NULL) { // one channel has one order
        loader_normalise(loader, pixels, out);
        if (loader->swaps) {
            loader_swap(out, loader->values / 3);
        }
        return FOV_OK;
    }
    size_t channels = (size_t)loader->options.channels, area = loader->values / channels;
    loader_normalise(loader, pixels, worker->plain);
    if (loader->swaps) {
        loader_swap(worker->plain, area);
    }
    for (size_t c = 0; c < channels; c++) {
        for (size_t p = 0; p < area; p++) {
            out[c * area + p] = worker->plain[p * channels + c];
        }
    }
    return FOV_OK;
}

static int loader_warm(struct loader *loader, struct loader_worker *worker, struct error *error)
{
    const struct fov_dataset *dataset = loader->dataset;
    if (dataset == NULL || dataset->pixels == NULL || dataset->count == 0) {
        return FOV_OK;
    }
    struct picture picture = {.memory = loader->context->memory};
    const uint8_t *pixels;
    int status = dataset_sample(dataset, 0, &picture, error);
    return status ? status : loader_fit(loader, worker, &picture, 0, &pixels, error);
}

static void loader_run_chunk(void *context, size_t chunk, int worker_index)
{
    struct loader *loader = context;
    struct loader_worker *worker = &loader->workers[worker_index];
    size_t begin = chunk * loader->per_chunk, end = begin + loader->per_chunk;
    for (size_t i = begin; i < end && i < loader->count; i++) {
        struct error error;
        uint32_t index = loader->indices[i];
        error.status = FOV_OK;
        int status;
        if (index >= loader->dataset->count) {
            status = (int)error_set(&error, FOV_E_USAGE, "sample %u is out of range (%zu samples)", index,
                                    loader->dataset->count);
        } else {
            status = dataset_sample(loader->dataset, index, &worker->picture, &error);
        }
        if (status == FOV_OK) {
            float *out = loader->pixels + i * loader->values;
            status = loader_prepare(loader, worker, &worker->picture, index, out, &error);
        }
        if (status == FOV_OK) {
            if (loader->labels) {
                int32_t label = loader->dataset->labels[index];
                loader->labels[i] = loader->options.label ? loader->options.label[label] : label;
            }
        } else if (i < worker->failed) {
            worker->failed = i;
            worker->error = error;
        }
    }
}

void loader_set_epoch(struct loader *loader, int64_t epoch)
{
    loader->epoch = epoch;
}

int loader_fill(struct loader *loader, const uint32_t *indices, size_t count, float *pixels, int32_t *labels,
                struct error *error)
{
    if (loader->dataset == NULL) {
        return (int)error_set(error, FOV_E_INTERNAL, "a loader without a dataset was asked for a batch");
    }
    loader->indices = indices;
    loader->count = count;
    loader->pixels = pixels;
    loader->labels = labels;
    for (int i = 0; i < loader->worker_count; i++) {
        loader->workers[i].failed = SIZE_MAX;
    }
    pool_run(loader->context->pool, loader_run_chunk, loader, (count + loader->per_chunk - 1) / loader->per_chunk);

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

int loader_preprocess(struct fov_context *context, const fov_image *image, const struct loader_options *options,
                      float *out, struct error *error)
{
    int status = loader_check(options, error);
    if (status) {
        return status;
    }
    if (image->pixels == NULL || (image->channels != 1 && image->channels != 3 && image->channels != 4)) {
        return (int)error_set(error, FOV_E_USAGE, "a picture must have pixels and 1, 3 or 4 channels");
    }
    status = image_check_size(image->height < 0 ? 0 : (uint64_t)image->height,
                              image->width < 0 ? 0 : (uint64_t)image->width, error);
    if (status) {
        return status;
    }
    struct loader loader = {.dataset = NULL};
    struct loader_worker worker = {.failed = SIZE_MAX};
    struct picture picture = {
        .height = image->height, .width = image->width, .channels = image->channels, .pixels = image->pixels};
    loader_set(&loader, context, options);
    status = loader_make_worker(&loader, &worker, error);
    if (status == FOV_OK) {
        status = loader_prepare(&loader, &worker, &picture, 0, out, error);
    }
    loader_free_worker(context->memory, &worker);
    return status;
}
