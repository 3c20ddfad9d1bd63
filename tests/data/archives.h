/* SPDX-License-Identifier: MIT */
/* Archives made by hand, right or wrong in every field that a test wants wrong. */
#ifndef TESTS_DATA_ARCHIVES_H
#define TESTS_DATA_ARCHIVES_H

#include "data/support.h"

/** A file of an archive. Zero fields are what they should be. */
struct archived {
    const char *name;
    const uint8_t *bytes; /**< NULL: a folder, or nothing */
    size_t size;
    bool deflated;        /**< zip: packed */
    uint32_t claims_size; /**< zip: another size than it has */
    uint32_t claims_offset;
    uint16_t method, flags;
    bool is_link;
    bool is_damaged; /**< one byte of its content is another */
    bool in_record;  /**< tar: its name stands in a record before it, as POSIX has it for names that are not ASCII */
};

/** Bytes of a zip, to be freed; `large`: with the record for large archives. */
uint8_t *make_zip(const struct archived *files, size_t count, bool large, size_t *size);
void put_zip(const char *path, const struct archived *files, size_t count);
/** A plain tar (ustar), or gzipped where the path ends in "gz". */
void put_tar(const char *path, const struct archived *files, size_t count);
/** Bytes of a PNG whose pixels [height, width] are all `value`; to be freed. */
uint8_t *make_png(int height, int width, uint8_t value, size_t *size);
/** Such a PNG, and a text, in the test's folder. */
void put_picture(void **state, const char *name, int height, int width, uint8_t value);
void put_text(void **state, const char *name, const char *text);
/** A PNG of `depth` bits (1, 2, 4, 8, 16) a pixel, grey or with a palette, at most 16 pixels wide; to be freed. */
uint8_t *make_stored_png(int height, int width, int depth, bool indexed, const uint16_t *values, size_t *size);

#endif
