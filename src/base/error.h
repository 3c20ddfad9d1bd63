/* SPDX-License-Identifier: MIT */
/* An error: a status and a sentence. Functions that can fail take one and fill it; its owner (a context, a graph, a
 * reader) shows it. There is no global error state. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <fovea/status.h>
#include <stdarg.h>

enum { ERROR_TEXT_SIZE = 1024 };

struct error {
    fov_status status;
    char       text[ERROR_TEXT_SIZE];
};

/** Records the first error and ignores later ones (they are consequences). `error` may be NULL.
 *  Control characters and invalid UTF-8 in the result are escaped: names in files are untrusted text.
 *  Returns `status`, so that `return error_set(...)` reads well. */
int error_set(struct error *error, fov_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int error_set_list(struct error *error, fov_status status, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));

/** Puts "context: " (a file's or node's name) in front of the sentence; does nothing if there is no error. */
void error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

void error_clear(struct error *error);

#endif
