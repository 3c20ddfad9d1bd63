/* SPDX-License-Identifier: MIT */
/* Fits a picture to the network's size and channels as the preprocessing says: crops, bars, ink, negatives. image/fit.c
 * finds and scales the ink of a drawing. */
#include "data/prepare_fit.h"
#include "image/fit.h"
#include <string.h>

enum { GREY = 114 /* level of the bars of a letterbox */ };

/* ---- buffers and channels ---------------------------------------------------------------------------------------- */

int prepare_grow(struct memory *memory, struct prepare_pixels *pixels, size_t need, struct error *error)
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

int prepare_convert(const struct preparation *preparation, struct prepare_pixels *buffer, struct picture *picture,
                    int channels, struct error *error)
{
    size_t area = (size_t)picture->height * (size_t)picture->width;
    if (picture->channels == channels) {
        return FOV_OK;
    }
    int status = prepare_grow(preparation->memory, buffer, area * (size_t)channels, error);
    if (status == FOV_OK) {
        image_convert(picture->pixels, picture->channels, buffer->bytes, channels, area);
        picture->pixels = buffer->bytes;
        picture->channels = channels;
    }
    return status;
}

/* ---- size -------------------------------------------------------------------------------------------------------- */

/* Offset of a centred piece: half of the difference, ties to even like Python's round, as in torchvision's
 * CenterCrop. */
static int middle_of(int size, int piece)
{
    int rest = size - piece, half = rest / 2;
    return rest % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* Resizes the shorter side to .shorter, then crops the middle; *picture becomes that piece. */
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
            status = prepare_grow(memory, &preparer->scaled, (size_t)new_height * (size_t)new_width * channels, error);
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
    int rows = p->crop > 0 ? p->crop : preparation->inner_height;
    int columns = p->crop > 0 ? p->crop : preparation->inner_width;
    rows = rows < height ? rows : height; // a picture smaller than the crop is kept whole
    columns = columns < width ? columns : width;
    size_t line = (size_t)columns * channels, top = (size_t)middle_of(height, rows);
    size_t left = (size_t)middle_of(width, columns) * channels;
    status = prepare_grow(memory, &preparer->piece, (size_t)rows * line, error);
    for (size_t y = 0; !status && y < (size_t)rows; y++) {
        memcpy(preparer->piece.bytes + y * line, picture->pixels + (top + y) * (size_t)width * channels + left, line);
    }
    *picture = (struct picture){.height = rows, .width = columns, .channels = picture->channels};
    picture->pixels = preparer->piece.bytes;
    return status;
}

/* Crops the largest piece with the input's aspect ratio out of the middle. */
static int crop_middle(const struct preparation *preparation, struct preparer *preparer, struct picture *picture,
                       struct error *error)
{
    int at[4]; /* top, left, height, width */
    fit_piece(picture->height, picture->width, preparation->inner_height, preparation->inner_width, at);
    size_t channels = (size_t)picture->channels, line = (size_t)at[3] * channels;
    int status = prepare_grow(preparation->memory, &preparer->piece, (size_t)at[2] * line, error);
    for (size_t y = 0; status == FOV_OK && y < (size_t)at[2]; y++) {
        size_t from = (((size_t)at[0] + y) * (size_t)picture->width + (size_t)at[1]) * channels;
        memcpy(preparer->piece.bytes + y * line, picture->pixels + from, line);
    }
    *picture = (struct picture){.height = at[2], .width = at[3], .channels = picture->channels};
    picture->pixels = preparer->piece.bytes;
    return status;
}

/* Makes *picture an uninitialised picture of the input's size and its own channels, in preparer->scaled. */
static int put_fitted(const struct preparation *preparation, struct preparer *preparer, struct picture *picture,
                      struct error *error)
{
    size_t inner = (size_t)preparation->inner_height * (size_t)preparation->inner_width;
    int status = prepare_grow(preparation->memory, &preparer->scaled, inner * (size_t)picture->channels, error);
    if (status == FOV_OK) {
        *picture = (struct picture){.height = preparation->inner_height,
                                    .width = preparation->inner_width,
                                    .channels = picture->channels,
                                    .pixels = preparer->scaled.bytes};
    }
    return status;
}

/* Resizes the whole picture, undistorted, and fills the rest of the network's size with `level`; *picture becomes the
 * result. */
static int letterbox(const struct preparation *preparation, struct preparer *preparer, struct picture *picture,
                     bool centred, int level, struct error *error)
{
    size_t channels = (size_t)picture->channels, line = (size_t)preparation->inner_width * channels;
    size_t size = (size_t)preparation->inner_height * line;
    fov_letterbox box = fov_letterbox_of(picture->width, picture->height, preparation->inner_width,
                                         preparation->inner_height, centred);
    size_t row = (size_t)box.width * channels;
    int status = prepare_grow(preparation->memory, &preparer->scaled, (size_t)box.height * row, error);
    status = status ? status : prepare_grow(preparation->memory, &preparer->piece, size, error);
    status = status ? status
                    : image_resize(picture->pixels, picture->height, picture->width, picture->channels,
                                   preparer->scaled.bytes, box.height, box.width, &preparer->resize, error);
    if (status) {
        return status;
    }
    memset(preparer->piece.bytes, level, size);
    for (size_t y = 0; y < (size_t)box.height; y++) {
        memcpy(preparer->piece.bytes + ((size_t)box.top + y) * line + (size_t)box.left * channels,
               preparer->scaled.bytes + y * row, row);
    }
    *picture = (struct picture){.height = preparation->inner_height,
                                .width = preparation->inner_width,
                                .channels = picture->channels};
    picture->pixels = preparer->piece.bytes;
    preparer->letterbox = box;
    return FOV_OK;
}

/* Turns a drawing into light ink on black, the same in all channels. A picture without ink is left as it is; so is one
 * that has the input's size and light ink: it is taken for one of the data's own. */
static int fit_ink(const struct preparation *preparation, struct preparer *preparer, struct picture *picture,
                   struct error *error)
{
    size_t area = (size_t)picture->height * (size_t)picture->width;
    size_t inner = (size_t)preparation->inner_height * (size_t)preparation->inner_width;
    struct picture grey = {.height = picture->height, .width = picture->width, .channels = picture->channels,
                           .pixels = picture->pixels};
    struct ink ink;
    int channels = picture->channels;
    int status = prepare_convert(preparation, &preparer->grey, &grey, 1, error);
    status = status == FOV_OK ? prepare_grow(preparation->memory, &preparer->piece, area + 2 * inner, error) : status;
    if (status != FOV_OK) {
        return status;
    }
    ink_find(grey.pixels, grey.height, grey.width, preparation->options.preprocessing.invert, &ink);
    preparer->is_blank = ink.deepest < INK_LEAST;
    bool is_fitted = !ink.is_dark && grey.height == preparation->inner_height && grey.width == preparation->inner_width;
    if (preparer->is_blank || is_fitted) {
        return FOV_OK;
    }
    uint8_t *fitted = preparer->piece.bytes + area + inner;
    status = ink_fit(grey.pixels, grey.height, grey.width, &ink, preparer->piece.bytes, fitted,
                     preparation->inner_height, preparation->inner_width, &preparer->resize, error);
    status = status == FOV_OK ? put_fitted(preparation, preparer, picture, error) : status;
    if (status == FOV_OK) {
        image_convert(fitted, 1, preparer->scaled.bytes, channels, inner);
    }
    return status;
}

/* Inverts the picture if .invert is YES, or AUTO and its content is darker than its edges. */
static int invert(const struct preparation *preparation, struct preparer *preparer, struct picture *picture,
                  struct error *error)
{
    size_t count = (size_t)picture->height * (size_t)picture->width * (size_t)picture->channels;
    fov_invert how = preparation->options.preprocessing.invert;
    if (how == FOV_INVERT_AUTO) {
        struct ink ink;
        struct picture grey = {.height = picture->height, .width = picture->width, .channels = picture->channels,
                               .pixels = picture->pixels};
        int status = prepare_convert(preparation, &preparer->grey, &grey, 1, error);
        if (status != FOV_OK) {
            return status;
        }
        ink_find(grey.pixels, grey.height, grey.width, how, &ink);
        how = ink.is_dark ? FOV_INVERT_YES : FOV_INVERT_NO;
    }
    if (how != FOV_INVERT_YES) {
        return FOV_OK;
    }
    int status = prepare_grow(preparation->memory, &preparer->flat, count, error);
    for (size_t i = 0; status == FOV_OK && i < count; i++) {
        preparer->flat.bytes[i] = (uint8_t)(255 - picture->pixels[i]);
    }
    picture->pixels = status == FOV_OK ? preparer->flat.bytes : picture->pixels;
    return status;
}

/* Removes the alpha channel where ink is to be told from its background: transparency counts as background. */
static int flatten(const struct preparation *preparation, struct preparer *preparer, struct picture *picture,
                   struct error *error)
{
    const fov_preprocessing *p = &preparation->options.preprocessing;
    size_t area = (size_t)picture->height * (size_t)picture->width;
    if (picture->channels != 4 || (p->fit != FOV_FIT_INK && p->invert != FOV_INVERT_AUTO)) {
        return FOV_OK;
    }
    int status = prepare_grow(preparation->memory, &preparer->flat, 3 * area, error);
    if (status == FOV_OK) {
        fit_flatten(picture->pixels, preparer->flat.bytes, area);
        picture->pixels = preparer->flat.bytes;
        picture->channels = 3;
    }
    return status;
}

int prepare_fit(const struct preparation *preparation, struct preparer *preparer, struct picture *picture, int channels,
                struct error *error)
{
    const fov_preprocessing *p = &preparation->options.preprocessing;
    preparer->letterbox.scale = 0;
    preparer->is_blank = false;
    int status = flatten(preparation, preparer, picture, error);
    status = status == FOV_OK ? prepare_convert(preparation, &preparer->channels, picture, channels, error) : status;
    if (status == FOV_OK && p->fit == FOV_FIT_INK) {
        return fit_ink(preparation, preparer, picture, error);
    }
    status = status == FOV_OK ? invert(preparation, preparer, picture, error) : status;
    if (status == FOV_OK && (p->shorter > 0 || p->crop > 0)) {
        return cut_middle(preparation, preparer, picture, error);
    }
    if (status == FOV_OK && p->fit == FOV_FIT_CROP) {
        return crop_middle(preparation, preparer, picture, error);
    }
    bool is_grey = p->letterbox != FOV_LETTERBOX_NONE;
    if (status == FOV_OK && (is_grey || p->fit == FOV_FIT_PAD)) {
        bool is_centred = p->letterbox != FOV_LETTERBOX_CORNER;
        return letterbox(preparation, preparer, picture, is_centred, is_grey ? GREY : 0, error);
    }
    return status;
}
