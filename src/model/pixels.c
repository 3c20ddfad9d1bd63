/* SPDX-License-Identifier: MIT */
/* Measures mean and deviation of each channel over the training pictures as the model receives them: fitted to its
 * input, in its order of channels, scaled. One thread adds up picture after picture, so that the sums do not depend on
 * how many threads decode. data/prepare.c applies the result. */
#include "data/loader.h"
#include "model/model.h"
#include <math.h>

enum { MOST_DECODED = 10000 /* pictures that are not in memory already */, BATCH = 64, CHANNELS = 4 };

struct pixel_sums {
    double count, sum[CHANNELS], squares[CHANNELS];
};

/* Adds a picture [pixels][channels]. The picture is summed by itself first, so that adding its small values to a large
 * running sum loses less precision. */
static void add_picture(struct pixel_sums *sums, const float *picture, size_t values, size_t channels)
{
    double sum[CHANNELS] = {0}, squares[CHANNELS] = {0};
    for (size_t i = 0; i < values; i += channels) {
        for (size_t c = 0; c < channels; c++) {
            double value = (double)picture[i + c];
            sum[c] += value;
            squares[c] += value * value;
        }
    }
    for (size_t c = 0; c < channels; c++) {
        sums->sum[c] += sum[c];
        sums->squares[c] += squares[c];
    }
    sums->count += (double)(values / channels);
}

/* Adds all samples if they are in memory, else at most MOST_DECODED, evenly spaced. */
static int add_all(struct loader *loader, const fov_dataset *data, size_t channels, float *pictures,
                   struct pixel_sums *sums, struct error *error)
{
    size_t values = loader_values(loader, 0);
    size_t samples = data->pixels == NULL && data->count > MOST_DECODED ? MOST_DECODED : data->count;
    for (size_t done = 0, count; done < samples; done += count) {
        uint32_t indices[BATCH];
        count = samples - done < BATCH ? samples - done : BATCH;
        for (size_t i = 0; i < count; i++) {
            indices[i] = (uint32_t)((uint64_t)(done + i) * data->count / samples);
        }
        int status = loader_fill(loader, indices, count, &(struct loader_batch){.pixels = pictures}, error);
        for (size_t i = 0; i < count && status == FOV_OK; i++) {
            add_picture(sums, pictures + i * values, values, channels);
        }
        if (status != FOV_OK) {
            return status;
        }
    }
    return FOV_OK;
}

static int sum_pixels(fov_model *model, const fov_dataset *data, struct pixel_sums *sums)
{
    struct error *error = &model->context->error;
    struct loader_options load = {.on_bad_file = LOADER_REPLACES};
    int status = model_prepare_options(model, &load.prepare, error);
    if (status != FOV_OK) {
        return status;
    }
    fov_preprocessing *p = &load.prepare.preprocessing;
    for (int c = 0; c < CHANNELS; c++) {
        p->mean[c] = 0;
        p->deviation[c] = 1;
    }
    load.prepare.size.height -= 2 * p->pad; /* the border is no part of any picture */
    load.prepare.size.width -= 2 * p->pad;
    p->pad = 0;
    load.prepare.plain = false;
    struct loader *loader = loader_create(model->context, data, &load, error);
    float *pictures = loader == NULL ? NULL
                                     : memory_allocate_raw(model->context->memory, loader_values(loader, 0),
                                                           BATCH * sizeof *pictures, "pictures", error);
    status = pictures == NULL ? (int)error->status
                              : add_all(loader, data, (size_t)load.prepare.size.channels, pictures, sums, error);
    memory_free(model->context->memory, pictures);
    loader_free(loader);
    return status;
}

int fov_model_measure_pixels(fov_model *model, const fov_dataset *data, bool mean, bool deviation)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (data == NULL) {
        return call_refuse(model->context, "fov_model_measure_pixels: data is NULL");
    }
    struct error *error = &model->context->error;
    struct pixel_sums sums = {.count = 0};
    int status = error->status != FOV_OK ? (int)error->status : sum_pixels(model, data, &sums);
    if (status != FOV_OK) {
        return status;
    }
    fov_preprocessing p = model->preprocessing;
    struct model_picture picture;
    int channels = model_picture(model, &picture) ? picture.channels : 0;
    for (int c = 0; c < channels; c++) {
        double middle = sums.sum[c] / sums.count;
        double spread = sqrt(fmax(sums.squares[c] / sums.count - middle * middle, 0));
        spread = spread > 0 ? spread : 1; /* one colour: nothing to divide */
        p.mean[c] = mean ? (float)middle : p.mean[c];
        p.deviation[c] = deviation ? (float)spread : p.deviation[c];
    }
    fov_model_set_preprocessing(model, &p);
    return FOV_OK;
}
