/* SPDX-License-Identifier: MIT */
/* Decoding of pictures in any format, recognised by content, and conversion between channels. The formats themselves:
 * jpeg.c, png.c, webp.c, gif.c, bmp.c. */
#include "image/image.h"
#include "base/file.h"
#include <string.h>

void picture_free(struct picture *picture)
{
    if (picture->memory) {
        memory_free(picture->memory, picture->buffer);
    }
    *picture = (struct picture){.memory = picture->memory};
}

int image_check_size(uint64_t height, uint64_t width, struct error *error)
{
    if (height < 1 || width < 1 || height > IMAGE_MAX_SIDE || width > IMAGE_MAX_SIDE ||
        height * width > IMAGE_MAX_PIXELS) {
        return (int)error_set(
            error, FOV_E_INPUT, "picture of %llu x %llu pixels: beyond the limits (1 to %d a side, %d million in all)",
            (unsigned long long)width, (unsigned long long)height, IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS / 1000000);
    }
    return FOV_OK;
}

int picture_reserve(struct picture *picture, int height, int width, int channels, struct error *error)
{
    int status = image_check_size((uint64_t)height, (uint64_t)width, error);
    if (status) {
        return status;
    }
    size_t size = (size_t)height * (size_t)width * (size_t)channels;
    if (size > picture->capacity) {
        uint8_t *buffer = memory_allocate_raw(picture->memory, size, 1, "a picture", error);
        if (buffer == NULL) {
            return FOV_E_MEMORY;
        }
        memory_free(picture->memory, picture->buffer);
        picture->buffer = buffer;
        picture->capacity = size;
    }
    picture->height = height;
    picture->width = width;
    picture->channels = channels;
    picture->pixels = picture->buffer;
    return FOV_OK;
}

/* Luma of Rec. 601 in 16-bit fixed point: 0.299 R + 0.587 G + 0.114 B, rounded as Pillow's convert("L") rounds. */
static uint8_t image_luma(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
}

void image_convert(const uint8_t *from, int from_channels, uint8_t *to, int to_channels, size_t pixels)
{
    if (from_channels == to_channels) {
        memmove(to, from, pixels * (size_t)to_channels);
        return;
    }
    for (size_t p = 0; p < pixels; p++) {
        const uint8_t *in = from + p * (size_t)from_channels;
        uint8_t *out = to + p * (size_t)to_channels;
        if (to_channels == 1) {
            out[0] = image_luma(in);
            continue;
        }
        bool grey = from_channels == 1;
        uint8_t rgb[3] = {in[0], in[grey ? 0 : 1], in[grey ? 0 : 2]};
        memcpy(out, rgb, 3);
        if (to_channels == 4) {
            out[3] = 255;
        }
    }
}

/* Turns a picture upright. Orientation 1 to 8 as in EXIF: the sides of the upright picture at which the file's first
 * row and column lie. */
static int image_turn(struct picture *picture, int orientation, struct error *error)
{
    if (orientation <= 1) {
        return FOV_OK;
    }
    bool swap = orientation >= 5;
    size_t height = (size_t)picture->height, width = (size_t)picture->width, channels = (size_t)picture->channels;
    struct picture upright = {.memory = picture->memory};
    int status = picture_reserve(&upright, swap ? picture->width : picture->height,
                                 swap ? picture->height : picture->width, picture->channels, error);
    if (status) {
        return status;
    }
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    for (size_t y = 0; y < (size_t)upright.height; y++) {
        for (size_t x = 0; x < (size_t)upright.width; x++) {
            // from upright coordinates back to the file's
            size_t u = swap ? y : x, v = swap ? x : y;
            u = flip_x ? width - 1 - u : u;
            v = flip_y ? height - 1 - v : v;
            memcpy(upright.buffer + (y * (size_t)upright.width + x) * channels,
                   picture->pixels + (v * width + u) * channels, channels);
        }
    }
    picture_free(picture);
    *picture = upright;
    return FOV_OK;
}

/* The error for bytes in no known format, with a guess what they are: the file may have been renamed. */
static int image_refuse(const uint8_t *bytes, size_t size, struct error *error)
{
    static const struct {
        const char *name, *start;
        size_t offset, length;
    } known[] = {{"TIFF", "II*\0", 0, 4},
                 {"TIFF", "MM\0*", 0, 4},
                 {"HEIF or AVIF", "ftyp", 4, 4},
                 {"gzip", "\x1f\x8b", 0, 2},
                 {"PDF", "%PDF", 0, 4},
                 {"HTML", "<!DO", 0, 4},
                 {"zip", "PK\x03\x04", 0, 4},
                 {"JPEG XL", "\0\0\0\x0cJXL ", 0, 8}};
    const char *guess = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known && guess == NULL; i++) {
        if (size >= known[i].offset + known[i].length &&
            memcmp(bytes + known[i].offset, known[i].start, known[i].length) == 0) {
            guess = known[i].name;
        }
    }
    if (size == 0) {
        return (int)error_set(error, FOV_E_INPUT, "no picture: the file is empty");
    }
    uint8_t start[4] = {0};
    memcpy(start, bytes, size < 4 ? size : 4);
    return (int)error_set(error, FOV_E_INPUT, "not a PNG, JPEG, WebP, GIF or BMP (starts with %02x %02x %02x %02x%s%s)",
                          start[0], start[1], start[2], start[3], guess ? ", looks like " : "", guess ? guess : "");
}

int image_decode(struct picture *picture, const uint8_t *bytes, size_t size, enum image_channels channels,
                 struct error *error)
{
    static const struct {
        image_is *is;
        image_decoder *decode;
    } formats[] = {{jpeg_is, jpeg_decode}, {png_is, png_decode}, {webp_is, webp_decode},
                   {gif_is, gif_decode},   {bmp_is, bmp_decode}};
    int orientation = 1, status = FOV_OK;
    size_t format = 0, count = sizeof formats / sizeof *formats;
    while (format < count && !formats[format].is(bytes, size)) {
        format++;
    }
    if (format < count) {
        status = formats[format].decode(picture, bytes, size, &orientation, error);
    } else {
        status = image_refuse(bytes, size, error);
    }
    if (status) {
        return status;
    }
    int wanted = (int)channels;
    if (channels == IMAGE_AS_STORED || (channels == IMAGE_OPAQUE && picture->channels < 4)) {
        wanted = picture->channels;
    } else if (channels == IMAGE_OPAQUE) {
        wanted = 3;
    }
    size_t pixels = (size_t)picture->height * (size_t)picture->width;
    if (wanted < picture->channels) {
        image_convert(picture->buffer, picture->channels, picture->buffer, wanted, pixels);
        picture->channels = wanted;
    } else if (wanted > picture->channels) {
        struct picture wide = {.memory = picture->memory};
        status = picture_reserve(&wide, picture->height, picture->width, wanted, error);
        if (status) {
            return status;
        }
        image_convert(picture->buffer, picture->channels, wide.buffer, wanted, pixels);
        picture_free(picture);
        *picture = wide;
    }
    return image_turn(picture, orientation, error);
}

int image_read(struct picture *picture, const char *path, enum image_channels channels, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    int status = file_read(path, IMAGE_MAX_FILE, picture->memory, &bytes, &size, error);
    if (status) {
        return status;
    }
    status = image_decode(picture, bytes, size, channels, error);
    memory_free(picture->memory, bytes);
    if (status) {
        error_prefix(error, "%s", path);
    }
    return status;
}

int image_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed,
                        struct error *error)
{
    bool done = false;
    *is_indexed = false;
    int status = png_is(bytes, size) ? png_decode_stored(picture, bytes, size, is_indexed, &done, error) : FOV_OK;
    if (status || done) {
        return status;
    }
    status = image_decode(picture, bytes, size, IMAGE_OPAQUE, error);
    size_t area = status ? 0 : (size_t)picture->height * (size_t)picture->width;
    for (size_t i = 0; i < area && picture->channels == 3; i++) { // grey, stored as colour
        const uint8_t *pixel = picture->buffer + 3 * i;
        if (pixel[0] != pixel[1] || pixel[1] != pixel[2]) {
            return (int)error_set(error, FOV_E_INPUT,
                                  "a picture in colours; as a mask it must have a palette or be grey");
        }
        picture->buffer[i] = pixel[0];
    }
    picture->channels = status ? picture->channels : 1;
    return status;
}
