/* SPDX-License-Identifier: MIT */
/* Writes zip and tar archives and PNG files byte by byte, so that a test can make single fields wrong. */
#ifndef TESTS_DATA_ARCHIVES_H
#define TESTS_DATA_ARCHIVES_H

#include "data/support.h"

/** A file of an archive. A field that is 0 gets its right value. */
struct archived {
    const char *name;
    const uint8_t *bytes; /**< content; NULL: a folder, or an empty file */
    size_t size;
    bool deflated;        /**< zip: compressed */
    uint32_t claims_size; /**< zip: a wrong uncompressed size to state */
    uint32_t claims_offset; /**< zip: a wrong offset to state in the directory */
    uint16_t method, flags;
    bool is_link;
    bool is_damaged; /**< one bit of its stored content is flipped */
    bool in_record;  /**< tar: its name stands in a pax record before it, as for names that are not ASCII */
};

/** Returns the bytes of a zip; free() them. `large`: with zip64 records. */
uint8_t *make_zip(const struct archived *files, size_t count, bool large, size_t *size);
void put_zip(const char *path, const struct archived *files, size_t count);
/** A plain tar (ustar), or gzipped where the path ends in "gz". */
void put_tar(const char *path, const struct archived *files, size_t count);
/** Returns the bytes of a grey PNG whose pixels [height, width] are all `value`; free() them. */
uint8_t *make_png(int height, int width, uint8_t value, size_t *size);
/** Write such a PNG, and a text, into the test's folder. */
void put_picture(void **state, const char *name, int height, int width, uint8_t value);
void put_text(void **state, const char *name, const char *text);
/** Returns the bytes of a PNG of `depth` bits (1, 2, 4, 8, 16) per pixel, grey or with a palette, at most 16 pixels
 *  wide; free() them. */
uint8_t *make_stored_png(int height, int width, int depth, bool indexed, const uint16_t *values, size_t *size);

#endif
