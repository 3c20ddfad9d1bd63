/* SPDX-License-Identifier: MIT */
/* What the tests of the data room share: a folder of their own, files made by hand, a context, expected sentences. */
#ifndef TESTS_DATA_SUPPORT_H
#define TESTS_DATA_SUPPORT_H

/* cmocka wants these before its own header, in this order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fovea/context.h>
#include <fovea/dataset.h>

/** cmocka set-up and tear-down: *state becomes the path of an empty folder, removed with all that is in it. */
int folder_make(void **state);
int folder_remove(void **state);
/** "FOLDER/name", with the folders in between made; overwritten after eight more calls. */
const char *path_in(void **state, const char *name);

void put_file(const char *path, const void *bytes, size_t size);
/** A file of this checkout or of $FOVEA_SHARED, whole; NULL when it is not there. free() it. */
uint8_t *get_file(const char *path, size_t *size);
/** $FOVEA_SHARED/name, or ../shared/name; skips the test by name when that is not there. */
const char *shared_path(const char *name);

/** Writes an IDX file of unsigned bytes: rank 1 (labels) or 3 (pictures). */
void put_idx(const char *path, int rank, const uint32_t *dim, const uint8_t *bytes, size_t size);
/** A little MNIST in the test's folder: `count` pictures of 28 x 28 in both splits, labels i % 10. */
void put_mnist(void **state, uint32_t count);

/** A context with this many threads; fails the test when it cannot be had. */
fov_context *make_context(int threads);
/** Opening must fail with `status` and a sentence that holds `part`. */
void refuse(const char *source, fov_split split, fov_status status, const char *part);

#endif
