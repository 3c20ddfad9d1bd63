/* SPDX-License-Identifier: MIT */
/* PNG through libspng: reads every colour type and depth to 8 bits (16-bit samples lose their low byte). Checksums are
 * verified, sizes and chunks are limited before anything is allocated. Files are written through the atomic file
 * writer. */
#include "image/image.h"
#include "base/file.h"
#include <string.h>

bool png_is(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "\x89PNG", 4) == 0;
}

#ifdef FOVEA_HAVE_PNG

#include <spng.h>
#include <stdlib.h>

enum {
    PNG_MAX_CHUNK = 1 << 20, /* bytes of text, profiles and the like */
    PNG_MAX_CHUNKS = 4 << 20,
    PNG_TABLES = 64 << 10
};

static int png_fail(int code, struct error *error)
{
    fov_status status = code == SPNG_EMEM ? FOV_E_MEMORY : FOV_E_INPUT;
    bool short_file = code == SPNG_EOF || code == SPNG_IO_EOF || code == SPNG_EIDAT_TOO_SHORT;
    return (int)error_set(error, status, "%s: %s", short_file ? "truncated PNG" : "damaged or unsupported PNG",
                          spng_strerror(code));
}

/* Walks through the chunks to IEND: a file that ends before it is truncated, even if its pixels are complete. *kept:
 * upper bound of the bytes that libspng keeps of other chunks; compressed text may unpack to anything up to its
 * limit. */
static int png_check_end(const uint8_t *bytes, size_t size, size_t *kept, struct error *error)
{
    static const char unpacked[][5] = {"zTXt", "iTXt", "iCCP"};
    size_t at = 8;
    *kept = 0;
    while (at <= size && size - at >= 12) {
        const uint8_t *b = bytes + at;
        size_t length = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        if (memcmp(b + 4, "IEND", 4) == 0) {
            return FOV_OK;
        }
        if (length > size - at - 12) {
            break;
        }
        for (size_t i = 0; i < sizeof unpacked / sizeof *unpacked; i++) {
            *kept = memcmp(b + 4, unpacked[i], 4) == 0 ? PNG_MAX_CHUNKS : *kept;
        }
        if (memcmp(b + 4, "IDAT", 4) != 0) {
            *kept = *kept < PNG_MAX_CHUNKS - length && length < PNG_MAX_CHUNKS ? *kept + length : PNG_MAX_CHUNKS;
        }
        at += 12 + length;
    }
    return (int)error_set(error, FOV_E_INPUT, "truncated PNG: the file's %zu bytes end within the chunk at offset %zu",
                          size, at);
}

/* Sets limits and input, reads the header, and checks its size against the limits. */
static int png_begin(spng_ctx *png, const uint8_t *bytes, size_t size, struct spng_ihdr *header, struct error *error)
{
    int code = spng_set_image_limits(png, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
    code = code ? code : spng_set_chunk_limits(png, PNG_MAX_CHUNK, PNG_MAX_CHUNKS);
    code = code ? code : spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    code = code ? code : spng_set_png_buffer(png, bytes, size);
    code = code ? code : spng_get_ihdr(png, header);
    if (code == SPNG_EUSER_WIDTH || code == SPNG_EUSER_HEIGHT) {
        return (int)error_set(error, FOV_E_INPUT, "picture beyond the limits (%d pixels a side)", IMAGE_MAX_SIDE);
    }
    return code ? png_fail(code, error) : image_check_size(header->height, header->width, error);
}

/* Decodes the pixels; the caller frees the context. */
static int png_read_pixels(spng_ctx *png, struct picture *picture, const uint8_t *bytes, size_t size, int *orientation,
                           struct error *error)
{
    struct spng_ihdr header;
    int status = png_begin(png, bytes, size, &header, error);
    int code;
    if (status) {
        return status;
    }

    // transparency is either a channel of its own or, for palettes and RGB, a tRNS chunk
    struct spng_trns transparent;
    bool grey = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE || header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
    bool alpha = header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    if (header.color_type == SPNG_COLOR_TYPE_INDEXED || header.color_type == SPNG_COLOR_TYPE_TRUECOLOR) {
        code = spng_get_trns(png, &transparent);
        alpha = code == 0;
        if (code && code != SPNG_ECHUNKAVAIL) {
            return png_fail(code, error);
        }
    }
    bool direct = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && header.bit_depth <= 8;
    int format = direct ? SPNG_FMT_G8 : alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8;
    int channels = direct ? 1 : alpha ? 4 : 3;
    size_t need;
    code = spng_decoded_image_size(png, format, &need);
    if (code) {
        return png_fail(code, error);
    }
    status = picture_reserve(picture, (int)header.height, (int)header.width, channels, error);
    if (status) {
        return status;
    }
    size_t have = (size_t)header.height * header.width * (size_t)channels;
    if (need != have) {
        return (int)error_set(error, FOV_E_INTERNAL, "PNG decoder wants %zu bytes where %zu were expected", need, have);
    }
    code = spng_decode_image(png, picture->buffer, have, format, alpha ? SPNG_DECODE_TRNS : 0);
    code = code ? code : spng_decode_chunks(png); // reads to the end: a missing IEND is a truncated file
    if (code) {
        return png_fail(code, error);
    }
    if (grey && channels == 3) {
        // 16-bit grey and grey with alpha are decoded to three equal channels
        for (size_t p = 0; p < have / 3; p++) {
            picture->buffer[p] = picture->buffer[3 * p];
        }
        picture->channels = 1;
    }
    struct spng_exif exif;
    if (spng_get_exif(png, &exif) == 0) {
        *orientation = exif_orientation((const uint8_t *)exif.data, exif.length);
    }
    return FOV_OK;
}

/* Upper bound of the bytes that libspng and zlib allocate themselves: inflate's window and tables, chunks, and some
 * lines of 8 bytes a pixel. The width is read from IHDR, which comes first; png_begin checks it later. */
static size_t png_need(const uint8_t *bytes, size_t size, size_t kept)
{
    const uint8_t *b = bytes + 16;
    size_t width = size < 20 ? 0 : (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    width = width < IMAGE_MAX_SIDE ? width : IMAGE_MAX_SIDE;
    return PNG_TABLES + kept + 4 * 8 * width;
}

/* Unpacks samples of 1, 2, 4, 8 or 16 bits, rows beginning on a byte, to one byte each. */
static int png_spread(const uint8_t *packed, const struct spng_ihdr *header, uint8_t *out, struct error *error)
{
    size_t width = header->width, depth = header->bit_depth, row = (width * depth + 7) / 8;
    for (size_t y = 0; y < header->height; y++, packed += row) {
        for (size_t x = 0; x < width; x++) {
            size_t bit = x * depth;
            uint16_t wide;
            memcpy(&wide, packed + (depth == 16 ? 2 * x : 0), depth == 16 ? sizeof wide : 0);
            if (depth == 16 && wide > UINT8_MAX) {
                return (int)error_set(error, FOV_E_INPUT, "value %u at row %zu, column %zu is above 255", wide, y, x);
            }
            *out++ = depth == 16  ? (uint8_t)wide
                     : depth == 8 ? packed[x]
                                  : (uint8_t)(packed[bit / 8] >> (8 - depth - bit % 8) & ((1U << depth) - 1));
        }
    }
    return FOV_OK;
}

/* Reads palette indices or grey values; *done: false if the file has neither. */
static int png_read_stored(spng_ctx *png, struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed,
                           bool *done, struct error *error)
{
    struct spng_ihdr header;
    size_t need;
    int status = png_begin(png, bytes, size, &header, error);
    *is_indexed = status == FOV_OK && header.color_type == SPNG_COLOR_TYPE_INDEXED;
    *done = status == FOV_OK && (*is_indexed || header.color_type == SPNG_COLOR_TYPE_GRAYSCALE);
    if (status || !*done) {
        return status;
    }
    int code = spng_decoded_image_size(png, SPNG_FMT_PNG, &need);
    if (code) {
        return png_fail(code, error);
    }
    if (need != ((size_t)header.width * header.bit_depth + 7) / 8 * header.height) {
        return (int)error_set(error, FOV_E_INTERNAL, "PNG decoder wants %zu bytes for stored samples", need);
    }
    status = picture_reserve(picture, (int)header.height, (int)header.width, 1, error);
    uint8_t *packed = status ? NULL : memory_allocate_raw(picture->memory, need, 1, "a mask", error);
    if (packed == NULL) {
        return status ? status : FOV_E_MEMORY;
    }
    code = spng_decode_image(png, packed, need, SPNG_FMT_PNG, 0);
    code = code ? code : spng_decode_chunks(png);
    status = code ? png_fail(code, error) : png_spread(packed, &header, picture->buffer, error);
    memory_free(picture->memory, packed);
    return status;
}

/* Checks the file, counts the memory that decoding needs, and calls png_read_pixels, or png_read_stored if
 * `orientation` is NULL. */
static int png_with(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, bool *is_indexed,
                    bool *done, struct error *error)
{
    size_t kept;
    int status = png_check_end(bytes, size, &kept, error);
    if (status) {
        return status;
    }
    size_t need = png_need(bytes, size, kept);
    status = memory_hold(picture->memory, need, "decoding a PNG", error);
    if (status) {
        return status;
    }
    spng_ctx *png = spng_ctx_new(0);
    if (png == NULL) {
        status = (int)error_set(error, FOV_E_MEMORY, "no memory left to decode a PNG");
    } else {
        status = orientation ? png_read_pixels(png, picture, bytes, size, orientation, error)
                             : png_read_stored(png, picture, bytes, size, is_indexed, done, error);
    }
    spng_ctx_free(png);
    memory_release(picture->memory, need);
    return status;
}

int png_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    *orientation = 1;
    return png_with(picture, bytes, size, orientation, NULL, NULL, error);
}

int png_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed, bool *done,
                      struct error *error)
{
    return png_with(picture, bytes, size, NULL, is_indexed, done, error);
}

int image_encode_png(const uint8_t *pixels, int height, int width, int channels, uint8_t **bytes, size_t *size,
                     struct error *error)
{
    static const uint8_t colors[] = {0, SPNG_COLOR_TYPE_GRAYSCALE, 0, SPNG_COLOR_TYPE_TRUECOLOR,
                                     SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
    struct spng_ihdr header = {
        .width = (uint32_t)width, .height = (uint32_t)height, .bit_depth = 8, .color_type = colors[channels]};
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    if (png == NULL) {
        return (int)error_set(error, FOV_E_MEMORY, "no memory left to encode a PNG");
    }
    int code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    code = code ? code : spng_set_ihdr(png, &header);
    code = code ? code
                : spng_encode_image(png, pixels, (size_t)height * (size_t)width * (size_t)channels, SPNG_FMT_PNG,
                                    SPNG_ENCODE_FINALIZE);
    *bytes = code ? NULL : spng_get_png_buffer(png, size, &code);
    spng_ctx_free(png);
    if (*bytes == NULL) {
        return (int)error_set(error, code == SPNG_EMEM ? FOV_E_MEMORY : FOV_E_INTERNAL, "PNG encoder: %s",
                              spng_strerror(code));
    }
    return FOV_OK;
}

int image_save_png(const char *path, int height, int width, int channels, const uint8_t *pixels,
                   struct error *error)
{
    uint8_t *bytes;
    size_t size;
    int status = image_encode_png(pixels, height, width, channels, &bytes, &size, error);
    if (status == FOV_OK) {
        status = file_write(path, bytes, size, NULL, error);
        free(bytes); // libspng's own
    }
    return status;
}

#elif !defined FOVEA_HAVE_LIBPNG /* else: png_libpng.c */

int png_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    (void)picture;
    (void)bytes;
    (void)size;
    *orientation = 1;
    return (int)error_set(error, FOV_E_UNSUPPORTED, "this fovea was built without PNG (FOVEA_WITH_PNG)");
}

int image_encode_png(const uint8_t *pixels, int height, int width, int channels, uint8_t **bytes, size_t *size,
                     struct error *error)
{
    (void)height;
    (void)width;
    (void)channels;
    (void)pixels;
    (void)size;
    *bytes = NULL;
    return (int)error_set(error, FOV_E_UNSUPPORTED, "this fovea was built without PNG (FOVEA_WITH_PNG)");
}

int png_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed, bool *done,
                      struct error *error)
{
    int orientation;
    *is_indexed = *done = false;
    return png_decode(picture, bytes, size, &orientation, error);
}

int image_save_png(const char *path, int height, int width, int channels, const uint8_t *pixels,
                   struct error *error)
{
    (void)height;
    (void)width;
    (void)channels;
    (void)pixels;
    return (int)error_set(error, FOV_E_UNSUPPORTED, "%s: this fovea was built without PNG (FOVEA_WITH_PNG)", path);
}

#endif
