/* SPDX-License-Identifier: MIT */
/* One sample at a time: pictures are cut and resized, or warped with their targets, then normalised. */
#include "data/prepare.h"
#include <string.h>

enum { DEGRADE_PLACE = 255 /* of its draws, behind those of every transform of a pipeline */ };

/* ---- options ----------------------------------------------------------------------------------------------------- */

static int check_options(const struct prepare_options *options, struct error *error)
{
    const fov_preprocessing *p = &options->preprocessing;
    if (options->size.channels != 1 && options->size.channels != 3) {
        return (int)error_set(error, FOV_E_SHAPE, "pictures have 1 or 3 channels, the network's input has %d",
                              options->size.channels);
    }
    if (options->size.height < 1 || options->size.width < 1 || options->size.height > IMAGE_MAX_SIDE ||
        options->size.width > IMAGE_MAX_SIDE) {
        return (int)error_set(error, FOV_E_SHAPE, "an input of %d x %d pixels is out of range (1 to %d)",
                              options->size.height, options->size.width, IMAGE_MAX_SIDE);
    }
    // compared without a sum that could overflow
    if (p->pad < 0 || p->pad > (options->size.height - 1) / 2 || p->pad > (options->size.width - 1) / 2) {
        return (int)error_set(error, FOV_E_SHAPE, "preprocessing pads by %d: no room is left in %d x %d", p->pad,
                              options->size.height, options->size.width);
    }
    if (!(p->scale >= 0.0F && p->scale < 1e6F) || p->shorter < 0 || p->shorter > IMAGE_MAX_SIDE || p->crop < 0 ||
        p->crop > IMAGE_MAX_SIDE) {
        return (int)error_set(error, FOV_E_INPUT,
                              "preprocessing: scale %g, shorter side %d, crop %d make no sense (sides: 1 to %d)",
                              (double)p->scale, p->shorter, p->crop, IMAGE_MAX_SIDE);
    }
    if (options->target != PREPARE_PICTURE && (p->shorter > 0 || p->crop > 0)) {
        return (int)error_set(error, FOV_E_UNSUPPORTED,
                              "preprocessing that cuts out the middle of a picture is for classes; here the target "
                              "goes with the whole picture");
    }
    for (int c = 0; c < options->size.channels; c++) {
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
static void set_constants(struct preparation *preparation)
{
    const struct prepare_options *o = &preparation->options;
    const fov_preprocessing *p = &o->preprocessing;
    preparation->inner_height = o->size.height - 2 * p->pad;
    preparation->inner_width = o->size.width - 2 * p->pad;
    preparation->values = (size_t)o->size.height * (size_t)o->size.width * (size_t)o->size.channels;
    preparation->swaps = p->bgr && o->size.channels == 3;
    for (int c = 0; c < o->size.channels; c++) {
        int own = preparation->swaps ? 2 - c : c; /* where the network has this channel of the picture */
        double unit = p->scale > 0.0F ? 255.0 * (double)p->scale : 1.0, deviation = (double)p->deviation[own];
        preparation->mean[c] = (float)((double)p->mean[own] / unit);
        preparation->deviation[c] = (float)((deviation > 0 ? deviation : 1.0) / unit);
        preparation->border[c] = (0.0F - preparation->mean[c]) / preparation->deviation[c];
    }
}

int preparation_open(struct preparation *preparation, struct fov_context *context,
                     const struct prepare_options *options, struct error *error)
{
    *preparation = (struct preparation){.options = *options, .memory = context->memory, .kernel = context->kernel};
    int status = check_options(options, error);
    if (status == FOV_OK) {
        set_constants(preparation);
    }
    if (status == FOV_OK && options->target != PREPARE_PICTURE && options->augment == NULL) {
        preparation->still = pipeline_create(context->memory, "none", error);
        status = preparation->still ? FOV_OK : (int)error->status;
    }
    return status;
}

void preparation_close(struct preparation *preparation)
{
    pipeline_free(preparation->still);
    preparation->still = NULL;
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

int preparer_open(struct preparer *preparer, const struct preparation *preparation, struct error *error)
{
    struct memory *memory = preparation->memory;
    const struct prepare_options *o = &preparation->options;
    size_t inner = (size_t)preparation->inner_height * (size_t)preparation->inner_width * (size_t)o->size.channels;
    *preparer = (struct preparer){.resize.memory = memory, .room.memory = memory};
    preparer->resized = memory_allocate_raw(memory, inner, 1, "the loader's pixels", error);
    if (preparer->resized == NULL) {
        return FOV_E_MEMORY;
    }
    if (o->plain && o->size.channels > 1) {
        preparer->plain =
            memory_allocate_raw(memory, preparation->values, sizeof(float), "the loader's pixels", error);
        if (preparer->plain == NULL) {
            return FOV_E_MEMORY;
        }
    }
    return FOV_OK;
}

void preparer_close(struct preparer *preparer, const struct preparation *preparation)
{
    struct memory *memory = preparation->memory;
    resize_free(&preparer->resize);
    pipeline_room_free(&preparer->room);
    memory_free(memory, preparer->channels.bytes);
    memory_free(memory, preparer->scaled.bytes);
    memory_free(memory, preparer->piece.bytes);
    memory_free(memory, preparer->other_channels.bytes);
    memory_free(memory, preparer->moved.bytes);
    memory_free(memory, preparer->mask.bytes);
    memory_free(memory, preparer->inner_mask.bytes);
    memory_free(memory, preparer->resized);
    memory_free(memory, preparer->plain);
    memory_free(memory, preparer->boxes);
    memory_free(memory, preparer->moving);
    *preparer = (struct preparer){.resized = NULL};
}

static int grow(struct memory *memory, struct prepare_pixels *pixels, size_t need, struct error *error)
{
    if (need > pixels->capacity) {
        uint8_t *larger = memory_allocate_raw(memory, need, 1, "the loader's pixels", error);
        if (larger == NULL) {
            return FOV_E_MEMORY;
        }
        memory_free(memory, pixels->bytes);
        *pixels = (struct prepare_pixels){larger, need};
    }
    return FOV_OK;
}

static size_t area_of(struct picture_size size)
{
    return (size_t)size.height * (size_t)size.width;
}

/* The picture with `channels` channels, in `buffer` where it has others. */
static int convert(const struct preparation *preparation, struct prepare_pixels *buffer, struct picture *picture,
                   int channels, struct error *error)
{
    size_t area = (size_t)picture->height * (size_t)picture->width;
    if (picture->channels == channels) {
        return FOV_OK;
    }
    int status = grow(preparation->memory, buffer, area * (size_t)channels, error);
    if (status == FOV_OK) {
        image_convert(picture->pixels, picture->channels, buffer->bytes, channels, area);
        picture->pixels = buffer->bytes;
        picture->channels = channels;
    }
    return status;
}

/* ---- size -------------------------------------------------------------------------------------------------------- */

/* Half of a difference, ties to even, as Python's round has it and torchvision's CenterCrop with it. */
static int middle_of(int size, int piece)
{
    int rest = size - piece, half = rest / 2;
    return rest % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* The shorter side to its size, then the middle: *picture's pixels are those of the piece afterwards. */
static int cut_middle(const struct preparation *preparation, struct preparer *preparer, struct picture *picture,
                      struct error *error)
{
    const fov_preprocessing *p = &preparation->options.preprocessing;
    struct memory *memory = preparation->memory;
    size_t channels = (size_t)picture->channels;
    int height = picture->height, width = picture->width, status = FOV_OK;
    if (p->shorter > 0 && p->shorter != (height < width ? height : width)) {
        /* Rounded down, as torchvision does. */
        int64_t longer = (int64_t)p->shorter * (height < width ? width : height) / (height < width ? height : width);
        int64_t new_height = height < width ? p->shorter : longer, new_width = height < width ? longer : p->shorter;
        status = image_check_size((uint64_t)new_height, (uint64_t)new_width, error);
        if (!status) {
            status = grow(memory, &preparer->scaled, (size_t)new_height * (size_t)new_width * channels, error);
        }
        if (!status) {
            status = image_resize(picture->pixels, height, width, picture->channels, preparer->scaled.bytes,
                                  (int)new_height, (int)new_width, &preparer->resize, error);
        }
        if (status) {
            return status;
        }
        picture->pixels = preparer->scaled.bytes;
        height = (int)new_height;
        width = (int)new_width;
    }
    int rows = p->crop > 0 ? p->crop : preparation->inner_height, columns = p->crop > 0 ? p->crop : preparation->inner_width;
    rows = rows < height ? rows : height; // of a small picture, all there is
    columns = columns < width ? columns : width;
    size_t line = (size_t)columns * channels, top = (size_t)middle_of(height, rows);
    size_t left = (size_t)middle_of(width, columns) * channels;
    status = grow(memory, &preparer->piece, (size_t)rows * line, error);
    for (size_t y = 0; !status && y < (size_t)rows; y++) {
        memcpy(preparer->piece.bytes + y * line, picture->pixels + (top + y) * (size_t)width * channels + left, line);
    }
    *picture = (struct picture){.height = rows, .width = columns, .channels = picture->channels};
    picture->pixels = preparer->piece.bytes;
    return status;
}

/* ---- targets that move with the picture -------------------------------------------------------------------------- */

static int room_for_boxes(const struct preparation *preparation, struct preparer *preparer, size_t count,
                          struct error *error)
{
    struct memory *memory = preparation->memory;
    if (count <= preparer->box_capacity) {
        return FOV_OK;
    }
    memory_free(memory, preparer->boxes);
    memory_free(memory, preparer->moving);
    preparer->box_capacity = 0;
    preparer->boxes = memory_allocate(memory, count, sizeof *preparer->boxes, "boxes", error);
    preparer->moving = memory_allocate(memory, count, sizeof *preparer->moving, "boxes", error);
    if (preparer->boxes == NULL || preparer->moving == NULL) {
        return FOV_E_MEMORY;
    }
    preparer->box_capacity = count;
    return FOV_OK;
}

static int begin_boxes(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                       struct pipeline_job *job, struct error *error)
{
    int status = room_for_boxes(preparation, preparer, sample->box_count, error);
    for (size_t i = 0; status == FOV_OK && i < sample->box_count; i++) {
        const fov_box *box = &sample->boxes[i];
        preparer->moving[i] = (struct pipeline_box){.at = {box->x1, box->y1, box->x2, box->y2}};
    }
    job->boxes = preparer->moving;
    job->box_count = (int)sample->box_count;
    return status;
}

/* What is left of them, in pixels of the network's input. */
static void end_boxes(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                      struct prepared *prepared)
{
    float pad = (float)preparation->options.preprocessing.pad;
    prepared->boxes = preparer->boxes;
    for (size_t i = 0; i < sample->box_count; i++) {
        const struct pipeline_box *moved = &preparer->moving[i];
        if (!moved->gone) {
            fov_box *box = &preparer->boxes[prepared->box_count++];
            *box = sample->boxes[i];
            box->x1 = moved->at[0] + pad;
            box->y1 = moved->at[1] + pad;
            box->x2 = moved->at[2] + pad;
            box->y2 = moved->at[3] + pad;
        }
    }
}

/* The mask with the border that padding puts around the picture: nothing is known there. */
static int pad_mask(const struct preparation *preparation, struct preparer *preparer, struct prepared *prepared,
                    struct error *error)
{
    const struct prepare_options *o = &preparation->options;
    size_t pad = (size_t)o->preprocessing.pad, width = (size_t)o->size.width, inner = (size_t)preparation->inner_width;
    if (pad == 0) {
        prepared->mask = preparer->inner_mask.bytes;
        return FOV_OK;
    }
    int status = grow(preparation->memory, &preparer->mask, area_of(o->size), error);
    if (status == FOV_OK) {
        memset(preparer->mask.bytes, 255, area_of(o->size));
        for (size_t y = 0; y < (size_t)preparation->inner_height; y++) {
            memcpy(preparer->mask.bytes + (y + pad) * width + pad, preparer->inner_mask.bytes + y * inner, inner);
        }
        prepared->mask = preparer->mask.bytes;
    }
    return status;
}

/* The picture through the pipeline, and its target through the same map. Afterwards preparer->resized holds the
 * network's picture without padding. */
static int transform(const struct preparation *preparation, struct preparer *preparer, const struct picture *picture,
                     const struct sample *sample, size_t index, int64_t epoch, struct prepared *prepared,
                     struct error *error)
{
    const struct prepare_options *o = &preparation->options;
    const struct pipeline_key key = {o->seed, (uint64_t)epoch, index};
    const struct pipeline *pipeline = o->augment != NULL ? o->augment : preparation->still;
    size_t inner = (size_t)preparation->inner_height * (size_t)preparation->inner_width;
    struct picture other = {.pixels = NULL};
    struct pipeline_job job = {.pixels = picture->pixels,
                               .height = picture->height,
                               .width = picture->width,
                               .channels = picture->channels,
                               .out_height = preparation->inner_height,
                               .out_width = preparation->inner_width,
                               .out = preparer->resized};
    int status = FOV_OK;
    if (o->target == PREPARE_MASK) {
        status = grow(preparation->memory, &preparer->inner_mask, inner, error);
        job.mask = sample->mask.pixels;
        job.out_mask = preparer->inner_mask.bytes;
    } else if (o->target == PREPARE_BOXES) {
        status = begin_boxes(preparation, preparer, sample, &job, error);
    } else if (o->target == PREPARE_OTHER || o->target == PREPARE_DEGRADED) {
        status = grow(preparation->memory, &preparer->moved, area_of(o->other) * (size_t)o->other.channels, error);
        prepared->other = preparer->moved.bytes;
        prepared->other_size = o->other;
    }
    if (status == FOV_OK && o->target == PREPARE_OTHER) {
        other = (struct picture){.height = sample->other.height,
                                 .width = sample->other.width,
                                 .channels = sample->other.channels,
                                 .pixels = sample->other.pixels};
        status = convert(preparation, &preparer->other_channels, &other, o->other.channels, error);
        job.other = (struct pipeline_other){other.pixels,     other.height,         other.width,   other.channels,
                                            o->other.height, o->other.width, preparer->moved.bytes};
    } else if (status == FOV_OK && o->target == PREPARE_DEGRADED) {
        job.out_height = o->other.height;
        job.out_width = o->other.width;
        job.out = preparer->moved.bytes;
    }
    status = status == FOV_OK ? pipeline_apply(pipeline, &key, &job, &preparer->room, error) : status;
    if (status == FOV_OK && o->target == PREPARE_MASK) {
        status = pad_mask(preparation, preparer, prepared, error);
    } else if (status == FOV_OK && o->target == PREPARE_BOXES) {
        end_boxes(preparation, preparer, sample, prepared);
    } else if (status == FOV_OK && o->target == PREPARE_DEGRADED) {
        struct transform_draw draw = {{o->seed, RANDOM_AUGMENT + (DEGRADE_PLACE << 8), (uint64_t)epoch},
                                      (uint64_t)index << 24};
        o->degrade(o->user, preparer->moved.bytes, preparer->resized, &draw);
    }
    return status;
}

/* Channels and size: afterwards *result holds [inner height, inner width, channels]. */
static int fit(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
               size_t index, int64_t epoch, const uint8_t **result, struct prepared *prepared, struct error *error)
{
    const struct prepare_options *o = &preparation->options;
    const fov_preprocessing *p = &o->preprocessing;
    const struct picture *given = &sample->picture;
    int channels = o->target == PREPARE_DEGRADED ? o->other.channels : o->size.channels;
    struct picture picture = {
        .height = given->height, .width = given->width, .channels = given->channels, .pixels = given->pixels};
    int status = convert(preparation, &preparer->channels, &picture, channels, error);
    if (!status && (p->shorter > 0 || p->crop > 0)) {
        status = cut_middle(preparation, preparer, &picture, error);
    }
    if (status == FOV_OK && (o->augment != NULL || o->target != PREPARE_PICTURE)) {
        *result = preparer->resized;
        return transform(preparation, preparer, &picture, sample, index, epoch, prepared, error);
    }
    bool fits = picture.height == preparation->inner_height && picture.width == preparation->inner_width;
    *result = fits ? picture.pixels : preparer->resized;
    return fits || status ? status
                          : image_resize(picture.pixels, picture.height, picture.width, channels, preparer->resized,
                                         preparation->inner_height, preparation->inner_width, &preparer->resize,
                                         error);
}

/* ---- floats ------------------------------------------------------------------------------------------------------ */

/* Black pixels, normalised. */
static void put_black(const struct preparation *preparation, float *out, size_t pixels)
{
    int channels = preparation->options.size.channels;
    for (size_t p = 0; p < pixels; p++) {
        for (int c = 0; c < channels; c++) {
            *out++ = preparation->border[c];
        }
    }
}

/* Pixels to floats, with the border around them, channels last. */
static void normalise(const struct preparation *preparation, const uint8_t *pixels, float *out)
{
    const struct prepare_options *o = &preparation->options;
    const float *mean = preparation->mean;
    size_t channels = (size_t)o->size.channels, inner = (size_t)preparation->inner_width;
    int pad = o->preprocessing.pad;
    if (pad == 0) {
        preparation->kernel->normalise_u8((size_t)o->size.height * inner, channels, pixels, mean, preparation->deviation,
                                              out);
        return;
    }
    // the border: rows above and below, and a strip that ends one row and begins the next
    size_t stride = (size_t)o->size.width * channels, side = (size_t)pad * channels;
    put_black(preparation, out, (size_t)pad * (size_t)o->size.width + (size_t)pad);
    for (int y = 1; y < preparation->inner_height; y++) {
        put_black(preparation, out + (size_t)(y + pad) * stride - side, 2 * (size_t)pad);
    }
    put_black(preparation, out + (size_t)(o->size.height - pad) * stride - side, (size_t)pad * (size_t)o->size.width + (size_t)pad);
    for (int y = 0; y < preparation->inner_height; y++) {
        preparation->kernel->normalise_u8(inner, channels, pixels + (size_t)y * inner * channels, mean,
                                              preparation->deviation,
                                              out + (size_t)(y + pad) * stride + (size_t)pad * channels);
    }
}

/* Red first to blue first, in place. */
static void swap_channels(float *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++, pixels += 3) {
        float red = pixels[0];
        pixels[0] = pixels[2];
        pixels[2] = red;
    }
}

int prepare_sample(const struct preparation *preparation, struct preparer *preparer, const struct sample *sample,
                   size_t index, int64_t epoch, float *out, struct prepared *prepared, struct error *error)
{
    const uint8_t *pixels;
    *prepared = (struct prepared){.sample = sample, .index = index, .size = preparation->options.size};
    int status = fit(preparation, preparer, sample, index, epoch, &pixels, prepared, error);
    if (status) {
        return status;
    }
    if (preparer->plain == NULL) { // one channel has one order
        normalise(preparation, pixels, out);
        if (preparation->swaps) {
            swap_channels(out, preparation->values / 3);
        }
        return FOV_OK;
    }
    size_t channels = (size_t)preparation->options.size.channels, area = preparation->values / channels;
    normalise(preparation, pixels, preparer->plain);
    if (preparation->swaps) {
        swap_channels(preparer->plain, area);
    }
    for (size_t c = 0; c < channels; c++) {
        for (size_t p = 0; p < area; p++) {
            out[c * area + p] = preparer->plain[p * channels + c];
        }
    }
    return FOV_OK;
}

int prepare_room(const struct preparation *preparation, struct preparer *preparer, const struct picture *picture,
                 struct error *error)
{
    const uint8_t *pixels;
    struct prepared prepared = {.sample = NULL};
    struct sample sample = {.picture = *picture};
    return preparation->options.target != PREPARE_PICTURE
               ? FOV_OK
               : fit(preparation, preparer, &sample, 0, 0, &pixels, &prepared, error);
}
