/* SPDX-License-Identifier: MIT */
/* What a network sees of a picture: preparing pixels as its input, and turning that input back into a picture for
 * people. */
#include "data/loader.h"
#include "model/model.h"

void model_tell_assumed(fov_model *model)
{
    struct model_picture picture;
    if (!model->preprocessing_assumed || !model_picture(model, &picture)) {
        return;
    }
    pthread_mutex_lock(&model->lock);
    bool is_told = model->assumption_told;
    model->assumption_told = true;
    pthread_mutex_unlock(&model->lock);
    if (!is_told) {
        context_log(model->context, FOV_LOG_WARNING,
                    "the model states no preprocessing: pixels are resized to %d x %d and scaled to 0..1 (--preset, "
                    "--mean, --std and others, fov_model_set_preprocessing say otherwise)",
                    picture.height, picture.width);
    }
}

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

/* Converts the floats of an input back to 8-bit levels [height, width, channels], red first. */
static void to_levels(const struct prepare_options *options, const float *in, uint8_t *out)
{
    const fov_preprocessing *p = &options->preprocessing;
    size_t channels = (size_t)options->size.channels;
    size_t area = (size_t)options->size.height * (size_t)options->size.width;
    double unit = p->scale > 0 ? (double)p->scale : 1.0 / 255;
    for (size_t c = 0; c < channels; c++) {
        double deviation = p->deviation[c] > 0 ? (double)p->deviation[c] : 1.0, mean = (double)p->mean[c];
        const float *from = options->plain ? in + c * area : in + c;
        uint8_t *to = out + (p->bgr && channels == 3 ? 2 - c : c);
        size_t step = options->plain ? 1 : channels;
        for (size_t i = 0; i < area; i++) {
            double level = ((double)from[i * step] * deviation + mean) / unit + 0.5;
            to[i * channels] = (uint8_t)(level >= 0 ? (level > 255 ? 255 : level) : 0); /* NaN is black */
        }
    }
}

int model_show_input(const fov_model *model, const struct prepare_options *options, const float *in, fov_image *seen)
{
    struct memory *memory = model->context->memory;
    const struct picture_size *size = &options->size;
    size_t count = (size_t)size->height * (size_t)size->width * (size_t)size->channels;
    uint8_t *pixels = memory_allocate_raw(memory, count, 1, "the picture that is shown", &model->context->error);
    if (pixels == NULL) {
        return FOV_E_MEMORY;
    }
    to_levels(options, in, pixels);
    *seen = (fov_image){size->height, size->width, size->channels, pixels, memory, NULL};
    return FOV_OK;
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
    model_tell_assumed(model);
    size_t count = (size_t)options.size.height * (size_t)options.size.width * (size_t)options.size.channels;
    options.plain = false;
    float *floats = memory_allocate_raw(memory, count, sizeof *floats, "the picture that is shown", error);
    status = floats != NULL ? loader_preprocess(model->context, image, &options, floats, NULL, error) : (int)error->status;
    status = status == FOV_OK ? model_show_input(model, &options, floats, seen) : status;
    memory_free(memory, floats);
    return status;
}

const char *fov_model_note(fov_model *model, const fov_image *image)
{
    if (model == NULL || image == NULL || model->preprocessing.fit != FOV_FIT_INK) {
        return NULL;
    }
    struct error error = {.status = FOV_OK}; /* dropped: predicting the picture reports it */
    struct memory *memory = model->context->memory;
    struct prepare_options options;
    const char *note = NULL;
    if (model_prepare_options(model, &options, &error) == FOV_OK) {
        size_t count = (size_t)options.size.height * (size_t)options.size.width * (size_t)options.size.channels;
        float *floats = memory_allocate_raw(memory, count, sizeof *floats, "a picture that is looked at", &error);
        if (floats != NULL && loader_preprocess(model->context, image, &options, floats, &note, &error) != FOV_OK) {
            note = NULL;
        }
        memory_free(memory, floats);
    }
    return note;
}
