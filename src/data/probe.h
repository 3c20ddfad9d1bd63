/* SPDX-License-Identifier: MIT */
/* Reads a picture file's header without decoding its pixels: format, size, channels, and what makes it unusual. Meant
 * for scanning folders; decoding (image.h) checks everything again and does not rely on a probe. Next: probe.c, then
 * folder_scan.c. */
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
    bool alpha, cmyk;      /**< has transparency, which is dropped; is CMYK, which is converted */
    uint64_t size;         /**< bytes of the file */
    uint64_t begin;        /**< hash of the file's first bytes */
    fov_status status;     /**< FOV_OK, or why the file cannot be used */
    char why[160];         /**< the reason as text */
};

/** Probes a file; of PNG and JPEG it reads only the header. Never fails: errors are in .status and .why. */
void probe_file(struct probe *probe, const char *path, struct memory *memory);

/** The same for the bytes of a file, or only its first bytes. */
void probe_bytes(struct probe *probe, const uint8_t *bytes, size_t size, struct memory *memory);

/** The format that a file's suffix stands for, if fovea reads it: "PNG", "JPEG"; NULL: not a picture's suffix. */
const char *probe_name(const char *name);
/** The same for picture formats that fovea does not read: "TIFF"; NULL: not one of these suffixes. */
const char *probe_other_name(const char *name);

#endif
