/* SPDX-License-Identifier: MIT */
/* What a network sees of a picture: how pixels become its input, and that input as a picture again, for people. */
#include "data/loader.h"
#include "model/model.h"
#include <math.h>

int model_prepare_options(const fov_model *model, struct prepare_options *options, struct error *error)
{
    struct model_picture picture;
    if (!model_picture(model, &picture)) {
        fov_shape shape = fov_value_shape(model->graph, model->input);
        char text[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE,
                         "the model's input %s is no picture, [N, channels, height, width] or [N, height, width, "
                         "channels] with 1, 3 or 4 channels",
                         shape_text(&shape, text));
    }
    *options = (struct prepare_options){.size = {picture.channels, picture.height, picture.width},
                                        .preprocessing = model->preprocessing,
                                        .plain = !picture.channels_last};
    return FOV_OK;
}

/* Floats [height, width, channels] back to levels, red first. */
static void to_levels(const fov_preprocessing *p, const struct picture_size *size, const float *in, uint8_t *out)
{
    size_t area = (size_t)size->height * (size_t)size->width, channels = (size_t)size->channels;
    double unit = p->scale > 0 ? (double)p->scale : 1.0 / 255;
    for (size_t i = 0; i < area * channels; i++) {
        size_t c = i % channels, to = p->bgr && channels == 3 ? i - c + 2 - c : i;
        double deviation = p->deviation[c] > 0 ? (double)p->deviation[c] : 1.0;
        double level = ((double)in[i] * deviation + (double)p->mean[c]) / unit;
        out[to] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : lround(level));
    }
}

int fov_model_see(fov_model *model, const fov_image *image, fov_image *seen)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(model->context);
    if (image == NULL || seen == NULL) {
        return call_refuse(model->context, "fov_model_see: image or seen is NULL");
    }
    struct error *error = &model->context->error;
    struct memory *memory = model->context->memory;
    struct prepare_options options;
    *seen = (fov_image){.height = 0};
    int status = error->status != FOV_OK ? (int)error->status : model_prepare_options(model, &options, error);
    if (status != FOV_OK) {
        return status;
    }
    const struct picture_size *size = &options.size;
    size_t count = (size_t)size->height * (size_t)size->width * (size_t)size->channels;
    options.plain = false;
    float *floats = memory_allocate(memory, count, sizeof *floats, "the picture that is shown", error);
    uint8_t *pixels = memory_allocate(memory, count, 1, "the picture that is shown", error);
    status = floats != NULL && pixels != NULL ? loader_preprocess(model->context, image, &options, floats, error)
                                              : (int)error->status;
    if (status == FOV_OK) {
        to_levels(&options.preprocessing, size, floats, pixels);
        *seen = (fov_image){size->height, size->width, size->channels, pixels, memory};
    } else {
        memory_free(memory, pixels);
    }
    memory_free(memory, floats);
    return status;
}
