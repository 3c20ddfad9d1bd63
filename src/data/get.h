/* SPDX-License-Identifier: MIT */
/* Fetching datasets, separate from the public function, so that tests can use their own mirrors and files. Next:
 * get.c. */
#ifndef DATA_GET_H
#define DATA_GET_H

#include "device/context.h"

enum { GET_MAX_MIRRORS = 8 };

/** A file to fetch; mirrors have it gzipped. Mirrors compress it differently, so the hash is that of the content. */
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

/** Called while a file is downloaded; returning nonzero stops. */
typedef int get_progress(void *user, const char *file, uint64_t done, uint64_t total);

/** Downloads into `directory` every file of the set that is not already there with the right SHA-256. E_IO: every
 *  mirror failed (the sentence says how); E_INTERRUPTED: progress stopped it. */
int get_fetch(struct fov_context *context, const struct get_set *set, const char *directory, get_progress *progress,
              void *user, struct error *error);

/** Whether the bytes, unpacked if they are gzipped, have the size and SHA-256 that the table states. */
bool get_is_right(const struct get_file *file, const uint8_t *bytes, size_t size, struct memory *memory);

#endif
