/* SPDX-License-Identifier: MIT */
/* Fetching datasets, apart from the public names, so that tests can bring their own mirrors and files. Next: get.c. */
#ifndef DATA_GET_H
#define DATA_GET_H

#include "device/context.h"

enum { GET_MAX_MIRRORS = 8 };

/** A file to fetch: mirrors have it gzipped. Packers differ, so what is pinned is the content. */
struct get_file {
    const char *name;   /**< without .gz */
    const char *sha256; /**< of the unpacked bytes */
    size_t size;        /**< of the unpacked bytes */
};
struct get_set {
    const char *name;
    const char *folder;         /**< below the data directory */
    const char *const *mirrors; /**< URLs that end in a slash, NULL at the end */
    const struct get_file *files;
    size_t file_count;
};
extern const struct get_set get_mnist;

/** Called while a file comes; nonzero stops. */
typedef int get_progress(void *user, const char *file, uint64_t done, uint64_t total);

/** Makes `directory` hold every file of the set, right to the last byte. E_IO: every mirror failed (says how);
 *  E_INTERRUPTED: progress said so. */
int get_fetch(struct fov_context *context, const struct get_set *set, const char *directory, get_progress *progress,
              void *user, struct error *error);

/** Whether unpacked content is what the table says. */
bool get_is_right(const struct get_file *file, const uint8_t *bytes, size_t size, struct memory *memory);

#endif
