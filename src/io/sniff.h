/* SPDX-License-Identifier: MIT */
/* Guesses from its first bytes what a file of the wrong kind is instead: for helpful error messages. */
#ifndef IO_SNIFF_H
#define IO_SNIFF_H

#include <stddef.h>
#include <stdint.h>

enum sniff_kind {
    SNIFF_UNKNOWN,
    SNIFF_EMPTY,
    SNIFF_GZIP,
    SNIFF_ZIP,
    SNIFF_KERAS, /**< a zip archive with Keras' entries */
    SNIFF_PICKLE,
    SNIFF_SAFETENSORS,
    SNIFF_NPY,
    SNIFF_HDF5,
    SNIFF_PICTURE,
    SNIFF_TEXT,
    SNIFF_TFLITE
};

enum { SNIFF_BYTES = 64 /**< how many bytes of a file sniff_content looks at */ };
enum sniff_kind sniff_content(const uint8_t *bytes, size_t size);
/** A clause to append to an error message: "; it looks like gzip: decompress it first". "" for SNIFF_UNKNOWN. */
const char *sniff_hint(enum sniff_kind kind);

#endif
