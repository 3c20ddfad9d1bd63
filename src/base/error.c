/* SPDX-License-Identifier: MIT */
/* Records the first failure as a status and one printable sentence. Nothing here prints: the owner of the struct
 * decides where it is shown. Untrusted text is escaped in text.c. */
#include "base/error.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

const char *fov_status_text(fov_status status)
{
    switch (status) {
    case FOV_OK:
        return "ok";
    case FOV_E_INTERNAL:
        return "internal fault";
    case FOV_E_USAGE:
        return "wrong usage";
    case FOV_E_SHAPE:
        return "shapes do not fit";
    case FOV_E_INPUT:
        return "bad input";
    case FOV_E_IO:
        return "input or output failed";
    case FOV_E_MEMORY:
        return "out of memory";
    case FOV_E_NUMERIC:
        return "not finite";
    case FOV_E_UNSUPPORTED:
        return "not supported";
    case FOV_E_INTERRUPTED:
        return "interrupted";
    }
    return "unknown status";
}

int error_set_list(struct error *error, fov_status status, const char *format, va_list list)
{
    if (error == NULL || error->status != FOV_OK) {
        return (int)status; /* the first error is the cause, later ones are its consequences */
    }
    char raw[ERROR_TEXT_SIZE];
    if (vsnprintf(raw, sizeof raw, format, list) < 0) {
        snprintf(raw, sizeof raw, "%s", fov_status_text(status));
    }
    text_clean(error->text, sizeof error->text, raw);
    error->status = status;
    return (int)status;
}

int error_set(struct error *error, fov_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    error_set_list(error, status, format, list);
    va_end(list);
    return (int)status;
}

void error_prefix(struct error *error, const char *format, ...)
{
    if (error == NULL || error->status == FOV_OK) {
        return;
    }
    /* At most half the space for the prefix, so that some of the sentence is always left. */
    char    raw[ERROR_TEXT_SIZE / 2], prefix[ERROR_TEXT_SIZE / 2];
    va_list list;
    va_start(list, format);
    int written = vsnprintf(raw, sizeof raw, format, list);
    va_end(list);
    if (written <= 0) {
        return;
    }
    text_clean(prefix, sizeof prefix, raw);

    char sentence[ERROR_TEXT_SIZE + ERROR_TEXT_SIZE / 2 + 2];
    snprintf(sentence, sizeof sentence, "%s: %s", prefix, error->text);
    text_clean(error->text, sizeof error->text, sentence);
}

void error_clear(struct error *error)
{
    if (error != NULL) {
        error->status = FOV_OK;
        error->text[0] = '\0';
    }
}
