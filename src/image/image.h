/* SPDX-License-Identifier: MIT */
/* Internal interface of pictures: decodes the bytes of a file to 8-bit pixels [height, width, channels], within fixed
 * limits whatever the file states. Formats are recognised by content. Resizing is resize.h; public functions:
 * <fovea/dataset.h>. Next: image.c, then a file per format (jpeg.c, png.c, webp.c, gif.c, bmp.c) and exif.c. */
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
    IMAGE_MAX_SCANS = 100,       /**< scans of a progressive JPEG: more would only cost time */
    IMAGE_MAX_FILE = 256 << 20   /**< bytes */
};

/** The channels that decoding should give. Transparency is dropped, not blended, as torchvision's convert("RGB")
 *  does. */
enum image_channels {
    IMAGE_AS_STORED = 0, /**< 1, 3, or 4 where the file has transparency */
    IMAGE_GREY = 1,      /**< luma of Rec. 601, rounded as Pillow's convert("L") does */
    IMAGE_RGB = 3,
    IMAGE_OPAQUE = -1 /**< 1 or 3, as in the file, without transparency */
};

/** A picture and the buffer that may hold its pixels. Zero it, set memory, decode into it any number of times (the
 *  buffer only grows), call picture_free. `pixels` may also point elsewhere: into a dataset in memory, say. */
struct picture {
    int height, width, channels;
    const uint8_t *pixels; /**< [height, width, channels] */
    struct memory *memory;
    uint8_t *buffer;
    size_t capacity; /**< bytes of buffer */
};
void picture_free(struct picture *picture);
/** Makes the buffer hold height x width x channels bytes (its content may be lost) and sets pixels to it. E_INPUT
 *  beyond the limits. */
int picture_reserve(struct picture *picture, int height, int width, int channels, struct error *error);

int image_decode(struct picture *picture, const uint8_t *bytes, size_t size, enum image_channels channels,
                 struct error *error);
/** The same from a file; errors start with its path. */
int image_read(struct picture *picture, const char *path, enum image_channels channels, struct error *error);

/** Decodes a picture of numbers, such as a mask: [height, width, 1] of the values that the file stores, palette indices
 *  or grey values up to 255, at any bit depth. *is_indexed: it has a palette. E_INPUT for colours and for larger
 *  values. */
int image_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed,
                        struct error *error);

/** Converts pixels between 1, 3 and 4 channels (4 to 3 drops transparency; 1 or 3 to 4 makes it opaque). May work in
 *  place if to_channels <= from_channels. */
void image_convert(const uint8_t *from, int from_channels, uint8_t *to, int to_channels, size_t pixels);

/** The two functions of a format: whether bytes begin like it, and decoding. The result's `channels` are the file's (1,
 *  3 or 4), `orientation` is EXIF's (1 to 8; 1 if it states none); image.c converts and turns. Memory that a library
 *  allocates itself counts against the limit of the picture's memory. */
typedef bool image_is(const uint8_t *bytes, size_t size);
typedef int image_decoder(struct picture *picture, const uint8_t *bytes, size_t size, int *orientation,
                          struct error *error);
image_is jpeg_is, png_is, webp_is, gif_is, bmp_is;
image_decoder jpeg_decode, png_decode, webp_decode, gif_decode, bmp_decode;

/** image_decode_stored for a PNG; *done is false, and nothing is read, if it is neither grey nor has a palette. */
int png_decode_stored(struct picture *picture, const uint8_t *bytes, size_t size, bool *is_indexed, bool *done,
                      struct error *error);

/** Encodes [height, width, channels], channels 1, 3 or 4, as PNG in memory, which the caller frees with free(). */
int image_encode_png(const uint8_t *pixels, int height, int width, int channels, uint8_t **bytes, size_t *size,
                     struct error *error);
/** Writes [height, width, channels], channels 1, 3 or 4, through the atomic file writer. E_UNSUPPORTED in a build
 *  without PNG; errors start with the path. */
int image_save_png(const char *path, int height, int width, int channels, const uint8_t *pixels, struct error *error);

/** Frames of one size, [height, width, channels], channels 1 or 3. */
struct gif_film {
    const uint8_t *const *frames; /**< [count] */
    int count, height, width, channels;
    int milliseconds; /**< duration of each frame */
    int zoom;         /**< each pixel of a frame becomes zoom x zoom pixels of the file */
};
/** Writes the frames as an endlessly looping GIF, through the atomic file writer. E_UNSUPPORTED in a build without
 *  GIF. */
int image_save_gif(const char *path, const struct gif_film *film, struct memory *memory, struct error *error);

/** Checks a picture's size against the limits: E_INPUT with a sentence. */
int image_check_size(uint64_t height, uint64_t width, struct error *error);
/** The orientation (1 to 8) in a block of EXIF, with or without "Exif\0\0" in front; 1 when there is none or it is
 *  damaged. */
int exif_orientation(const uint8_t *bytes, size_t size);

#endif
