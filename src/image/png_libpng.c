/* SPDX-License-Identifier: MIT */
/* PNG through libpng, for static builds (FOVEA_STATIC): distributions have no static library of libspng. Results are
 * those of png.c. libpng reports errors by longjmp: state that must survive a jump is in struct reading. */
#include "image/image.h"

#ifdef FOVEA_HAVE_LIBPNG

#include "base/file.h"
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_CHUNK = 1 << 20, /* bytes of text, profiles and the like */
    MAX_CHUNKS = 64,
    TABLES = 64 << 10, /* inflate's window and tables, and libpng's own */
    ROW_BUFFERS = 6    /* of 8 bytes a pixel */
};

struct reading {
    const uint8_t *bytes;
    size_t size, at;
    bool is_short;
    char problem[128];
    png_structp png;
    png_infop info;
    uint8_t **rows;
    uint8_t *pixels;
};

static void on_error(png_structp png, png_const_charp sentence)
{
    struct reading *r = png_get_error_ptr(png);
    snprintf(r->problem, sizeof r->problem, "%s", sentence);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp sentence)
{
    (void)png;
    (void)sentence;
}

static void give(png_structp png, png_bytep out, size_t count)
{
    struct reading *r = png_get_io_ptr(png);
    if (count > r->size - r->at) {
        r->is_short = true;
        png_error(png, "the file ends early");
    }
    memcpy(out, r->bytes + r->at, count);
    r->at += count;
}

static int fail_with(const struct reading *r, struct error *error)
{
    return (int)error_set(error, FOV_E_INPUT, "%s: %s", r->is_short ? "truncated PNG" : "damaged or unsupported PNG",
                          r->problem);
}

/* Chooses how samples are returned: as stored, or as 8 bits of grey, RGB or RGBA. Returns the number of channels. */
static int choose_samples(png_structp png, png_infop info, bool stored)
{
    int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    bool is_grey = type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA;
    bool alpha = type == PNG_COLOR_TYPE_RGB_ALPHA;
    if (stored) {
        png_set_packing(png); /* one byte per sample below 8 bits; read_stored checks 16-bit samples */
        return 1;
    }
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_set_palette_to_rgb(png);
    }
    if (!is_grey && png_get_valid(png, info, PNG_INFO_tRNS) != 0) {
        png_set_tRNS_to_alpha(png);
        alpha = true;
    }
    if (is_grey && depth < 8) {
        png_set_expand_gray_1_2_4_to_8(png);
    }
    if (depth == 16) {
        png_set_strip_16(png);
    }
    if (type == PNG_COLOR_TYPE_GRAY_ALPHA) {
        png_set_strip_alpha(png);
    }
    return is_grey ? 1 : alpha ? 4 : 3;
}

/* Reads up to the pixels and checks the size against the limits. The caller has called setjmp for on_error. */
static int begin(struct reading *r, struct error *error)
{
    png_set_read_fn(r->png, r, give);
    png_set_user_limits(r->png, 1U << 30, 1U << 30); /* so that the checks below report the error */
    png_set_chunk_cache_max(r->png, MAX_CHUNKS);
    png_set_chunk_malloc_max(r->png, MAX_CHUNK);
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    png_read_info(r->png, r->info);
    png_uint_32 height = png_get_image_height(r->png, r->info), width = png_get_image_width(r->png, r->info);
    if (height > IMAGE_MAX_SIDE || width > IMAGE_MAX_SIDE) {
        return (int)error_set(error, FOV_E_INPUT, "picture beyond the limits (%d pixels a side)", IMAGE_MAX_SIDE);
    }
    return image_check_size(height, width, error);
}

/* Reads all rows into r->pixels, `row` bytes each, then the rest of the file. */
static int read_rows(struct reading *r, struct picture *picture, size_t row, struct error *error)
{
    size_t height = (size_t)picture->height;
    r->rows = memory_allocate_raw(picture->memory, height, sizeof *r->rows, "a PNG's rows", error);
    if (r->rows == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t y = 0; y < height; y++) {
        r->rows[y] = r->pixels + y * row;
    }
    if (setjmp(png_jmpbuf(r->png)) != 0) {
        return fail_with(r, error);
    }
    png_read_image(r->png, r->rows);
    png_read_end(r->png, r->info);
    return FOV_OK;
}

static int read_header(struct reading *r, struct error *error)
{
    if (setjmp(png_jmpbuf(r->png)) != 0) {
        return fail_with(r, error);
    }
    return begin(r, error);
}

static int update(struct reading *r, bool stored, int *channels, size_t *row, struct error *error)
{
    if (setjmp(png_jmpbuf(r->png)) != 0) {
        return fail_with(r, error);
    }
    *channels = choose_samples(r->png, r->info, stored);
    (void)png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    *row = png_get_rowbytes(r->png, r->info);
    return FOV_OK;
}

static int read_pixels(struct reading *r, struct picture *picture, int *orientation, struct error *error)
{
    int channels;
    size_t row;
    int status = update(r, false, &channels, &row, error);
    if (status == FOV_OK) {
        status = picture_reserve(picture, (int)png_get_image_height(r->png, r->info),
                                 (int)png_get_image_width(r->png, r->info), channels, error);
    }
    if (status == FOV_OK && row != (size_t)picture->width * (size_t)channels) {
        status = (int)error_set(error, FOV_E_INTERNAL, "PNG decoder wants %zu bytes a row", row);
    }
    if (status == FOV_OK) {
        r->pixels = picture->buffer;
        status = read_rows(r, picture, row, error);
    }
    png_uint_32 length = 0;
    png_bytep exif = NULL;
    if (status == FOV_OK && png_get_eXIf_1(r->png, r->info, &length, &exif) != 0) {
        *orientation = exif_orientation(exif, length);
    }
    return status;
}

/* Reads palette indices or grey values; *done: false if the file has neither. */
static int read_stored(struct reading *r, struct picture *picture, bool *is_indexed, bool *done, struct error *error)
{
    int type = png_get_color_type(r->png, r->info), depth = png_get_bit_depth(r->png, r->info), channels;
    size_t row;
    *is_indexed = type == PNG_COLOR_TYPE_PALETTE;
    *done = *is_indexed || type == PNG_COLOR_TYPE_GRAY;
    if (!*done) {
        return FOV_OK;
    }
    int status = update(r, true, &channels, &row, error);
    if (status == FOV_OK) {
        status = picture_reserve(picture, (int)png_get_image_height(r->png, r->info),
                                 (int)png_get_image_width(r->png, r->info), 1, error);
    }
    size_t width = (size_t)picture->width, height = (size_t)picture->height, bytes = depth == 16 ? 2 : 1;
    uint8_t *wide = NULL;
    if (status == FOV_OK) {
        wide = memory_allocate_raw(picture->memory, height, row, "a mask", error);
        r->pixels = wide;
        status = wide != NULL ? read_rows(r, picture, row, error) : FOV_E_MEMORY;
    }
    for (size_t i = 0; status == FOV_OK && i < height * width; i++) {
        const uint8_t *sample = wide + i / width * row + i % width * bytes;
        if (bytes == 2 && sample[0] != 0) {
            status = (int)error_set(error, FOV_E_INPUT, "value %d at row %zu, column %zu is above 255",
                                    sample[0] << 8 | sample[1], i / width, i % width);
        } else {
            picture->buffer[i] = sample[bytes - 1];
        }
    }
    memory_free(picture->memory, wide);
    return status;
}

static int read_png(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, bool *is_indexed,
                    bool *done, struct error *error)
{
    struct reading r = {.bytes = bytes, .size = size};
    size_t need = TABLES + (size_t)MAX_CHUNK + (size_t)ROW_BUFFERS * 8 * IMAGE_MAX_SIDE;
    int status = memory_hold(picture->memory, need, "decoding a PNG", error);
    if (status != FOV_OK) {
        return status;
    }
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png != NULL ? png_create_info_struct(r.png) : NULL;
    if (r.info == NULL) {
        status = (int)error_set(error, FOV_E_MEMORY, "no memory left to decode a PNG");
    }
    status = status == FOV_OK ? read_header(&r, error) : status;
    if (status == FOV_OK) {
        status = orientation != NULL ? read_pixels(&r, picture, orientation, error)
                                     : read_stored(&r, picture, is_indexed, done, error);
    }
    png_destroy_read_struct(r.png != NULL ? &r.png : NULL, &r.info, NULL);
    memory_free(picture->memory, r.rows);
    memory_release(picture->memory, need);
    return status;
}

int png_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    *orientation = 1;
    return read_png(picture, bytes, size, orientation, NULL, NULL, error);
}

int png_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed, bool *done,
                      struct error *error)
{
    *is_indexed = *done = false;
    return read_png(picture, bytes, size, NULL, is_indexed, done, error);
}

int image_encode_png(const uint8_t *pixels, int height, int width, int channels, uint8_t **bytes, size_t *size,
                     struct error *error)
{
    static const png_uint_32 formats[] = {0, PNG_FORMAT_GRAY, 0, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = formats[channels]};
    png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
    *bytes = malloc(room);
    *size = 0;
    if (*bytes == NULL) {
        return (int)error_set(error, FOV_E_MEMORY, "no memory left to encode a PNG");
    }
    if (png_image_write_to_memory(&image, *bytes, &room, 0, pixels, 0, NULL) == 0) {
        free(*bytes);
        *bytes = NULL;
        return (int)error_set(error, FOV_E_INTERNAL, "PNG encoder: %s", image.message);
    }
    *size = room;
    return FOV_OK;
}

int image_save_png(const char *path, int height, int width, int channels, const uint8_t *pixels, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    int status = image_encode_png(pixels, height, width, channels, &bytes, &size, error);
    if (status == FOV_OK) {
        status = file_write(path, bytes, size, NULL, error);
        free(bytes);
    }
    return status;
}

#else
extern int png_libpng_is_left_out; /* a translation unit must not be empty */
#endif
