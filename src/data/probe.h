/* SPDX-License-Identifier: MIT */
/* What a picture's file says of itself before anything is decoded: format, size, channels, and what makes it unusual.
 * For looking through folders; decoding (image.h) checks everything and believes nothing that stands here.
 * Next: probe.c, then folder_scan.c. */
#ifndef DATA_PROBE_H
#define DATA_PROBE_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stdint.h>

struct probe {
    const char *format;    /**< by content: "PNG", "JPEG", "WebP" ...; NULL: no picture that fovea knows */
    int height, width;     /**< pixels as they will be seen, upright; 0 where the header cannot be read */
    int channels;          /**< 1 or 3: what a dataset decodes it to */
    int orientation;       /**< 1 to 8, EXIF */
    bool alpha, cmyk;      /**< transparency, which is dropped; ink, which is converted */
    uint64_t size;         /**< bytes of the file */
    uint64_t begin;        /**< hash of the file's first bytes */
    fov_status status;     /**< why not, where it cannot be used */
    char why[160];
};

/** Reads no more of the file than the header takes. Never fails: what is wrong is in .status and .why. */
void probe_file(struct probe *probe, const char *path, struct memory *memory);

/** The same for a file's bytes, or the first of them. */
void probe_bytes(struct probe *probe, const uint8_t *bytes, size_t size, struct memory *memory);

/** The format that a file's name promises: "PNG", "JPEG"; NULL for a name that is no picture's. */
const char *probe_name(const char *name);
/** Of a picture in a format that is not read: "TIFF". NULL: none that is known. */
const char *probe_other_name(const char *name);

#endif
