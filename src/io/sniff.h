/* SPDX-License-Identifier: MIT */
/* What a file that is not what it should be looks like instead, by its first bytes: for helpful error sentences. */
#ifndef IO_SNIFF_H
#define IO_SNIFF_H

#include <stddef.h>
#include <stdint.h>

enum sniff_kind {
    SNIFF_UNKNOWN,
    SNIFF_EMPTY,
    SNIFF_GZIP,
    SNIFF_ZIP,
    SNIFF_KERAS, /**< a zip archive, too */
    SNIFF_PICKLE,
    SNIFF_SAFETENSORS,
    SNIFF_NPY,
    SNIFF_HDF5,
    SNIFF_PICTURE,
    SNIFF_TEXT,
    SNIFF_TFLITE
};

enum { SNIFF_BYTES = 64 /**< of a file that are looked at */ };
enum sniff_kind sniff_content(const uint8_t *bytes, size_t size);
/** A clause to put after the error: "; it looks like gzip: decompress it first". "" for SNIFF_UNKNOWN. */
const char *sniff_hint(enum sniff_kind kind);

#endif
