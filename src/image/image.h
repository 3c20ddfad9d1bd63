/* SPDX-License-Identifier: MIT */
/* Pictures from inside: decoding the bytes of a file to 8-bit pixels [height, width, channels], with limits that hold
 * whatever the bytes say. Formats are told by content. Resizing is resize.h; the public face is <fovea/dataset.h>.
 * Next: image.c, then a file per format (jpeg.c, png.c, webp.c, gif.c, bmp.c) and exif.c. */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMAGE_MAX_SIDE = 16384,      /**< pixels */
    IMAGE_MAX_PIXELS = 64000000, /**< height times width */
    IMAGE_MAX_SCANS = 100,       /**< of a progressive JPEG: more only cost time */
    IMAGE_MAX_FILE = 256 << 20   /**< bytes */
};

/** What decoding should give. Transparency is dropped, not blended, as torchvision's convert("RGB") does. */
enum image_channels {
    IMAGE_AS_STORED = 0, /**< 1, 3, or 4 where the file has transparency */
    IMAGE_GREY = 1,      /**< luma of Rec. 601, rounded as Pillow's convert("L") does */
    IMAGE_RGB = 3,
    IMAGE_OPAQUE = -1 /**< 1 or 3, as in the file */
};

/** A picture and the buffer it may live in. Zero it, set memory, decode into it again and again (the buffer only
 *  grows), picture_free it. `pixels` may also point elsewhere: into a dataset kept in memory. */
struct picture {
    int height, width, channels;
    const uint8_t *pixels; /**< [height, width, channels] */
    struct memory *memory;
    uint8_t *buffer;
    size_t capacity; /**< bytes of buffer */
};
void picture_free(struct picture *picture);
/** Makes the buffer hold height x width x channels (not keeping its content) and points pixels at it. E_INPUT beyond
 *  the limits. */
int picture_reserve(struct picture *picture, int height, int width, int channels, struct error *error);

int image_decode(struct picture *picture, const uint8_t *bytes, size_t size, enum image_channels channels,
                 struct error *error);
/** The same from a file; errors start with its path. */
int image_read(struct picture *picture, const char *path, enum image_channels channels, struct error *error);

/** A picture of numbers, as masks are: [height, width, 1] of what the file stores, a palette's index or a grey value up to
 *  255, whatever its bits. *is_indexed: it has a palette. E_INPUT for colours and for larger values. */
int image_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed,
                        struct error *error);

/** Pixels to another number of channels: 1, 3 and 4 (4 to 3 drops transparency; 1 or 3 to 4 makes it opaque). In place
 *  where `to` is not larger. */
void image_convert(const uint8_t *from, int from_channels, uint8_t *to, int to_channels, size_t pixels);

/** A format: whether these bytes begin like one, and their pixels. `channels` of the result is what the file has (1, 3
 *  or 4), `orientation` what EXIF states (1 to 8, 1 where it states none); image.c converts and turns. Memory that a
 *  library takes for itself is held against the limit of the picture's memory. */
typedef bool image_is(const uint8_t *bytes, size_t size);
typedef int image_decoder(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation,
                          struct error *error);
image_is jpeg_is, png_is, webp_is, gif_is, bmp_is;
image_decoder jpeg_decode, png_decode, webp_decode, gif_decode, bmp_decode;

/** Of a PNG; *done: false where it has colours without a palette, of which nothing is read. */
int png_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed, bool *done,
                      struct error *error);

/** A PNG of [height, width, channels], channels 1, 3 or 4, as bytes, which the caller frees with free(). */
int image_encode_png(const uint8_t *pixels, int height, int width, int channels, uint8_t **bytes, size_t *size,
                     struct error *error);
/** Writes [height, width, channels], channels 1, 3 or 4, through the atomic file writer. E_UNSUPPORTED in a build without
 *  PNG; errors start with the path. */
int image_save_png(const char *path, int height, int width, int channels, const uint8_t *pixels, struct error *error);

/** Frames of one size, [height, width, channels], channels 1 or 3. */
struct gif_film {
    const uint8_t *const *frames; /**< [count] */
    int count, height, width, channels;
    int milliseconds; /**< that each is shown */
    int zoom;         /**< pixels of the file a side for each of the frame's */
};
/** Writes them as a GIF that begins again at its end, through the atomic file writer. E_UNSUPPORTED in a build without
 *  GIF. */
int image_save_gif(const char *path, const struct gif_film *film, struct memory *memory, struct error *error);

/** Checks a picture's size against the limits: E_INPUT with a sentence. */
int image_check_size(uint64_t height, uint64_t width, struct error *error);
/** The orientation (1 to 8) in a block of EXIF, with or without "Exif\0\0" in front; 1 when there is none or it is
 *  damaged. */
int exif_orientation(const uint8_t *bytes, size_t size);

#endif
