/* SPDX-License-Identifier: MIT */
/* The public functions on pictures (fovea/dataset.h): decode a file, save pixels as PNG or GIF. src/image has the
 * formats. */
#include "data/pictures.h"
#include "base/arithmetic.h"
#include "data/arrays.h"
#include "device/context.h"
#include "image/image.h"
#include <fovea/generate.h>
#include <fovea/memory.h>

int pictures_check(const fov_image *picture, struct error *error)
{
    bool has_channels = picture->channels == 1 || picture->channels == 3 || picture->channels == 4;
    if (picture->pixels == NULL) {
        return error_set(error, FOV_E_USAGE, "a picture has no pixels (NULL)");
    }
    if (!has_channels || picture->height < 1 || picture->width < 1) {
        return error_set(error, FOV_E_USAGE,
                         "a picture of height %d and width %d with %d channels: sizes are 1 and more, channels 1, 3 "
                         "or 4",
                         picture->height, picture->width, picture->channels);
    }
    return image_check_size((uint64_t)picture->height, (uint64_t)picture->width, error);
}

static void hand_out(const struct picture *picture, struct fov_context *context, fov_image *image)
{
    *image = (fov_image){.height = picture->height,
                         .width = picture->width,
                         .channels = picture->channels,
                         .pixels = picture->buffer,
                         .owner = context->memory};
}

/* Converts an array's pixels to as many channels as are wanted (0: as it has). */
static int convert_channels(fov_image *image, int channels, struct error *error)
{
    if (channels == 0 || channels == image->channels) {
        return FOV_OK;
    }
    size_t area = (size_t)image->height * (size_t)image->width;
    uint8_t *pixels = memory_allocate_raw(image->owner, area, (size_t)channels, "a picture", error);
    if (pixels == NULL) {
        return FOV_E_MEMORY;
    }
    image_convert(image->pixels, image->channels, pixels, channels, area);
    memory_free(image->owner, image->pixels);
    image->pixels = pixels;
    image->channels = channels;
    return FOV_OK;
}

/* What is wanted of a file of pictures. */
struct wish {
    int channels;  /* 0: as in the file */
    int64_t index; /* which picture of an array; -1: its only one */
    bool floats;   /* arrays of floats are read, too */
};

static int load_array(fov_context *context, const struct file_map *map, const char *path, const struct wish *wish,
                      fov_image *image, struct error *error)
{
    int64_t count = 0;
    int status = wish->index < 0 ? array_count(map, path, &count, error) : FOV_OK;
    if (status == FOV_OK && wish->index < 0 && count != 1) {
        return error_set(error, FOV_E_INPUT, "%s: holds %lld pictures, where one is read", path, (long long)count);
    }
    int64_t index = wish->index < 0 ? 0 : wish->index;
    status = status == FOV_OK ? array_load(context, map, path, index, wish->floats, image, error) : status;
    return status == FOV_OK ? convert_channels(image, wish->channels, error) : status;
}

/* Recognises an array by its first bytes; anything else is for the decoders of pictures. */
static int load_image(fov_context *context, const char *path, const struct wish *wish, fov_image *image,
                      struct error *error)
{
    struct picture picture = {.memory = context->memory};
    struct file_map map;
    int status = file_map_parts(&map, path, context->memory, error);
    if (status != FOV_OK) {
        return status;
    }
    if (array_is(&map)) {
        status = load_array(context, &map, path, wish, image, error);
    } else if (wish->index > 0) {
        status = error_set(error, FOV_E_USAGE, "%s: there is no picture %lld, from 0; it holds one", path,
                           (long long)wish->index);
    } else if (map.size > IMAGE_MAX_FILE) {
        status = image_read(&picture, path, (enum image_channels)wish->channels, error); /* refuses it */
    } else {
        status = file_need(&map, map.bytes, map.size, error);
        if (status == FOV_OK) {
            status = image_decode(&picture, map.bytes, map.size, (enum image_channels)wish->channels, error);
            if (status != FOV_OK) {
                error_prefix(error, "%s", path);
            }
        }
        if (status == FOV_OK) {
            hand_out(&picture, context, image);
        }
    }
    if (status != FOV_OK) {
        picture_free(&picture);
        fov_image_free(image);
    }
    file_unmap(&map);
    return status;
}

static int decode(fov_context *context, const void *bytes, size_t size, int channels, fov_image *image)
{
    struct error   error = {.status = FOV_OK};
    struct picture picture = {.memory = context->memory};
    *image = (fov_image){.height = 0};
    if (image_decode(&picture, bytes, size, (enum image_channels)channels, &error) != FOV_OK) {
        picture_free(&picture);
        return (int)error_set(&context->error, error.status, "a picture in memory: %s", error.text);
    }
    hand_out(&picture, context, image);
    return FOV_OK;
}

int fov_image_decode(fov_context *context, const void *bytes, size_t size, int channels, fov_image *image)
{
    call_fresh(context);
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (bytes == NULL || image == NULL || (channels != 0 && channels != 1 && channels != 3)) {
        return (int)error_set(&context->error, FOV_E_USAGE, "fov_image_decode: %s",
                              bytes && image ? "channels must be 0, 1 or 3" : "bytes and image must be given");
    }
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = decode(context, bytes, size, channels, image);
    arithmetic_leave(mode);
    return status;
}

static int load_wish(fov_context *context, const char *path, const struct wish *wish, fov_image *image)
{
    struct call call = call_begin(context);
    struct error error = {.status = FOV_OK};
    int status = load_image(context, path, wish, image, &error);
    if (status != FOV_OK) {
        error_set(&context->error, error.status, "%s", error.text);
    }
    call_end(&call);
    return status;
}

int fov_image_load(fov_context *context, const char *path, int channels, fov_image *image)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (path == NULL || image == NULL) {
        return call_refuse(context, "fov_image_load: path or image is NULL");
    }
    *image = (fov_image){.height = 0};
    if (channels != 0 && channels != 1 && channels != 3) {
        return call_refuse(context, "fov_image_load: channels must be 0, 1 or 3");
    }
    return load_wish(context, path, &(struct wish){.channels = channels, .index = -1}, image);
}

int fov_image_load_input(fov_context *context, const char *path, int64_t index, fov_image *image)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (path == NULL || image == NULL) {
        return call_refuse(context, "fov_image_load_input: path or image is NULL");
    }
    *image = (fov_image){.height = 0};
    if (index < 0) {
        return call_refuse(context, "fov_image_load_input: pictures are counted from 0");
    }
    return load_wish(context, path, &(struct wish){.index = index, .floats = true}, image);
}

int64_t fov_image_count(fov_context *context, const char *path)
{
    if (context == NULL) {
        return 0;
    }
    if (path == NULL) {
        (void)call_refuse(context, "fov_image_count: path is NULL");
        return 0;
    }
    struct call call = call_begin(context);
    struct error error = {.status = FOV_OK};
    struct file_map map;
    int64_t count = 1;
    if (file_map_parts(&map, path, context->memory, NULL) == FOV_OK) {
        if (array_is(&map) && array_count(&map, path, &count, &error) != FOV_OK) {
            error_set(&context->error, error.status, "%s", error.text);
        }
        file_unmap(&map);
    }
    call_end(&call);
    return count;
}

void fov_image_free(fov_image *image)
{
    if (image && image->owner) {
        memory_free(image->owner, image->pixels);
        memory_free(image->owner, image->values);
        *image = (fov_image){.height = 0};
    }
}

int fov_image_save_png(fov_context *context, const char *path, int height, int width, int channels,
                       const uint8_t *pixels)
{
    call_fresh(context);
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    struct error error = {.status = FOV_OK};
    if (path == NULL || pixels == NULL || (channels != 1 && channels != 3 && channels != 4)) {
        error_set(&error, FOV_E_USAGE, "fov_image_save_png: %s",
                  path && pixels ? "channels must be 1, 3 or 4" : "path and pixels must be given");
    } else if (height < 1 || width < 1 || image_check_size((uint64_t)height, (uint64_t)width, NULL)) {
        error_set(&error, FOV_E_USAGE, "fov_image_save_png: %d x %d pixels are beyond the limits", width, height);
    } else {
        image_save_png(path, height, width, channels, pixels, &error);
    }
    return error.status ? (int)error_set(&context->error, error.status, "%s", error.text) : FOV_OK;
}

static int check_film(const fov_image *pictures, int count, int milliseconds, int zoom, struct error *error)
{
    const fov_image *first = &pictures[0];
    if (count < 1 || milliseconds < 0 || milliseconds > 60000 || zoom < 0 || zoom > 64) {
        return error_set(error, FOV_E_USAGE,
                         "a GIF of %d pictures, %d ms each (0 to 60,000), enlarged %d times (1 to 64)", count,
                         milliseconds, zoom);
    }
    for (int i = 0; i < count; i++) {
        const fov_image *p = &pictures[i];
        if (p->pixels == NULL || p->height != first->height || p->width != first->width ||
            p->channels != first->channels || (p->channels != 1 && p->channels != 3)) {
            return error_set(error, FOV_E_USAGE, "pictures of a GIF are of one size, grey or RGB; number %d is not",
                             i + 1);
        }
    }
    int64_t times = zoom > 0 ? zoom : 1, height = first->height * times, width = first->width * times;
    if (height < 1 || width < 1 || height > UINT16_MAX || width > UINT16_MAX) {
        return error_set(error, FOV_E_USAGE, "a GIF of %lld x %lld pixels (1 to %d a side)", (long long)width,
                         (long long)height, UINT16_MAX);
    }
    return FOV_OK;
}

int fov_pictures_save_gif(fov_context *context, const fov_image *pictures, int count, int milliseconds, int zoom,
                          const char *path)
{
    if (context == NULL || pictures == NULL || path == NULL) {
        return call_refuse(context, "fov_pictures_save_gif: context, pictures or path is NULL");
    }
    call_fresh(context);
    struct error *error = &context->error;
    int status = error->status == FOV_OK ? check_film(pictures, count, milliseconds, zoom, error) : (int)error->status;
    if (status != FOV_OK) {
        return status;
    }
    const uint8_t **frames = memory_allocate(context->memory, (size_t)count, sizeof *frames, "a GIF", error);
    if (frames == NULL) {
        return FOV_E_MEMORY;
    }
    for (int i = 0; i < count; i++) {
        frames[i] = pictures[i].pixels;
    }
    const struct gif_film film = {frames,
                                  count,
                                  pictures[0].height,
                                  pictures[0].width,
                                  pictures[0].channels,
                                  milliseconds > 0 ? milliseconds : 100,
                                  zoom > 0 ? zoom : 1};
    status = image_save_gif(path, &film, context->memory, error);
    memory_free(context->memory, frames);
    return status;
}
