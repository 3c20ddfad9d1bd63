/* SPDX-License-Identifier: MIT */
/* BMP, decoded without a library because it is short: palettes of 1, 4 and 8 bits and pixels of 16, 24 and 32 bits,
 * uncompressed, with every header from OS/2's to version 5 (Microsoft, "Bitmap Storage"). Run-length encoding is
 * refused with an error that names it. */
#include "image/image.h"
#include <string.h>

enum { BMP_FILE_HEADER = 14, BMP_OS2_HEADER = 12, BMP_INFO_HEADER = 40, BMP_PALETTE = 256 };
enum { BMP_PLAIN = 0, BMP_BITFIELDS = 3, BMP_ALPHA_BITFIELDS = 6 };

struct bmp {
    uint32_t width, height;
    bool top_down;
    unsigned depth;   /**< bits per pixel */
    uint32_t form;    /**< "compression" */
    uint32_t mask[4]; /**< red, green, blue, alpha, of 16- and 32-bit pixels; 0: no alpha */
    size_t pixels;    /**< offset in the file */
    unsigned colours; /**< entries of the palette */
    bool grey;        /**< all of these are grey */
    uint8_t palette[BMP_PALETTE][3];
};

static uint32_t bmp_number(const uint8_t *bytes, int size)
{
    uint32_t value = 0;
    for (int i = 0; i < size; i++) {
        value |= (uint32_t)bytes[i] << 8 * i;
    }
    return value;
}

static int bmp_truncated(size_t size, struct error *error)
{
    return (int)error_set(error, FOV_E_INPUT, "truncated BMP: the file's %zu bytes end before the picture does", size);
}

/* Reads the palette, which follows the header at offset `at`; `entry`: bytes per colour. */
static int bmp_read_palette(struct bmp *bmp, const uint8_t *bytes, size_t size, size_t at, size_t entry, uint32_t used,
                            struct error *error)
{
    uint32_t most = 1U << bmp->depth;
    bmp->colours = used == 0 || used > most ? most : used;
    bmp->grey = true;
    if (at > size || size - at < bmp->colours * entry) {
        return bmp_truncated(size, error);
    }
    for (uint32_t i = 0; i < bmp->colours; i++) {
        const uint8_t *bgr = bytes + at + i * entry;
        memcpy(bmp->palette[i], (uint8_t[]){bgr[2], bgr[1], bgr[0]}, 3);
        bmp->grey = bmp->grey && bgr[0] == bgr[1] && bgr[1] == bgr[2];
    }
    return FOV_OK;
}

/* Whether a mask is 0 or one run of at most 16 ones. */
static bool bmp_mask_is_good(uint32_t mask)
{
    while (mask != 0 && (mask & 1) == 0) {
        mask >>= 1;
    }
    return mask <= 0xffff && (mask & (mask + 1)) == 0;
}

static int bmp_read_masks(struct bmp *bmp, const uint8_t *bytes, size_t size, size_t header, struct error *error)
{
    static const uint32_t usual[2][4] = {{0x7c00, 0x3e0, 0x1f, 0}, {0xff0000, 0xff00, 0xff, 0}};
    memcpy(bmp->mask, usual[bmp->depth == 32], sizeof bmp->mask);
    if (bmp->form == BMP_PLAIN) {
        return FOV_OK;
    }
    int masks = header >= 56 || bmp->form == BMP_ALPHA_BITFIELDS ? 4 : 3;
    if (size < BMP_FILE_HEADER + BMP_INFO_HEADER + 4 * (size_t)masks) {
        return bmp_truncated(size, error);
    }
    for (int i = 0; i < masks; i++) {
        bmp->mask[i] = bmp_number(bytes + BMP_FILE_HEADER + BMP_INFO_HEADER + 4 * i, 4);
        if (!bmp_mask_is_good(bmp->mask[i]) || (i < 3 && bmp->mask[i] == 0)) {
            return (int)error_set(error, FOV_E_INPUT, "damaged BMP: a colour's mask is %08x", bmp->mask[i]);
        }
    }
    return FOV_OK;
}

static int bmp_read_header(struct bmp *bmp, const uint8_t *bytes, size_t size, struct error *error)
{
    if (size < BMP_FILE_HEADER + 4) {
        return bmp_truncated(size, error);
    }
    bmp->pixels = bmp_number(bytes + 10, 4);
    size_t header = bmp_number(bytes + BMP_FILE_HEADER, 4);
    bool old = header == BMP_OS2_HEADER;
    if (!old && (header < BMP_INFO_HEADER || header > 256)) {
        return (int)error_set(error, FOV_E_INPUT, "damaged or unsupported BMP: a header of %zu bytes", header);
    }
    if (size - BMP_FILE_HEADER < header) {
        return bmp_truncated(size, error);
    }
    const uint8_t *info = bytes + BMP_FILE_HEADER;
    uint32_t used = 0;
    if (old) {
        bmp->width = bmp_number(info + 4, 2);
        bmp->height = bmp_number(info + 6, 2);
        bmp->depth = bmp_number(info + 10, 2);
    } else {
        bmp->width = bmp_number(info + 4, 4);
        bmp->height = bmp_number(info + 8, 4);
        bmp->top_down = bmp->height > INT32_MAX;
        bmp->height = bmp->top_down ? 0U - bmp->height : bmp->height;
        bmp->depth = bmp_number(info + 14, 2);
        bmp->form = bmp_number(info + 16, 4);
        used = bmp_number(info + 32, 4);
    }
    int status = image_check_size(bmp->height, bmp->width, error);
    if (status) {
        return status;
    }
    bool indexed = bmp->depth == 1 || bmp->depth == 4 || bmp->depth == 8;
    bool masked = bmp->depth == 16 || bmp->depth == 32;
    if (!indexed && !masked && bmp->depth != 24) {
        return (int)error_set(error, FOV_E_INPUT, "damaged or unsupported BMP: pixels of %u bits", bmp->depth);
    }
    if (bmp->form != BMP_PLAIN && !(masked && (bmp->form == BMP_BITFIELDS || bmp->form == BMP_ALPHA_BITFIELDS))) {
        static const char *const forms[] = {
            "", "run lengths of 8 bits", "run lengths of 4 bits", "bit fields", "JPEG", "PNG"};
        return (int)error_set(error, FOV_E_UNSUPPORTED, "BMP with compression %u%s%s: only plain BMP is read",
                              bmp->form, bmp->form < 6 ? ", " : "", bmp->form < 6 ? forms[bmp->form] : "");
    }
    if (indexed) {
        return bmp_read_palette(bmp, bytes, size, BMP_FILE_HEADER + header, old ? 3 : 4, used, error);
    }
    return masked ? bmp_read_masks(bmp, bytes, size, header, error) : FOV_OK;
}

/* The value of the bits under a mask, scaled to 0 .. 255. */
static uint8_t bmp_scale(uint32_t pixel, uint32_t mask)
{
    uint32_t value = pixel & mask;
    while ((mask & 1) == 0) {
        mask >>= 1;
        value >>= 1;
    }
    return (uint8_t)(value * 255 / mask);
}

/* Converts one row to 1, 3 or 4 channels. False: a pixel's index is beyond the palette. */
static bool bmp_read_row(const struct bmp *bmp, const uint8_t *in, uint8_t *out, int channels)
{
    for (uint32_t x = 0; x < bmp->width; x++, out += channels) {
        if (bmp->depth <= 8) {
            unsigned per_byte = 8 / bmp->depth;
            unsigned index = in[x / per_byte] >> (8 - bmp->depth * (x % per_byte + 1)) & ((1U << bmp->depth) - 1);
            if (index >= bmp->colours) {
                return false;
            }
            memcpy(out, bmp->palette[index], (size_t)channels);
        } else if (bmp->depth == 24) {
            memcpy(out, (uint8_t[]){in[3 * x + 2], in[3 * x + 1], in[3 * x]}, 3);
        } else {
            uint32_t pixel = bmp_number(in + bmp->depth / 8 * x, (int)bmp->depth / 8);
            for (int c = 0; c < channels; c++) {
                out[c] = bmp_scale(pixel, bmp->mask[c]);
            }
        }
    }
    return true;
}

bool bmp_is(const uint8_t *bytes, size_t size)
{
    return size >= 2 && memcmp(bytes, "BM", 2) == 0;
}

int bmp_decode(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation, struct error *error)
{
    struct bmp bmp = {.width = 0};
    *orientation = 1;
    int status = bmp_read_header(&bmp, bytes, size, error);
    if (status) {
        return status;
    }
    size_t stride = ((size_t)bmp.width * bmp.depth + 31) / 32 * 4;
    if (bmp.pixels > size || size - bmp.pixels < stride * bmp.height) {
        return bmp_truncated(size, error);
    }
    int channels = bmp.grey ? 1 : bmp.mask[3] != 0 ? 4 : 3;
    status = picture_reserve(picture, (int)bmp.height, (int)bmp.width, channels, error);
    for (uint32_t y = 0; !status && y < bmp.height; y++) {
        uint32_t row = bmp.top_down ? y : bmp.height - 1 - y;
        uint8_t *out = picture->buffer + (size_t)row * bmp.width * (size_t)channels;
        if (!bmp_read_row(&bmp, bytes + bmp.pixels + stride * y, out, channels)) {
            status = (int)error_set(error, FOV_E_INPUT, "damaged BMP: row %u has a colour beyond the palette's %u", row,
                                    bmp.colours);
        }
    }
    return status;
}
