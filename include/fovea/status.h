/* SPDX-License-Identifier: MIT */
/* The status codes that calls return. The sentence with the reason of a failure is on the context: fov_error(). */
#ifndef FOVEA_STATUS_H
#define FOVEA_STATUS_H

#if defined(_WIN32)
#define FOV_API
#else
#define FOV_API __attribute__((visibility("default")))
#endif

#if defined(__GNUC__)
#define FOV_MUST_CHECK __attribute__((warn_unused_result))
#else
#define FOV_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** A failing call returns one of these and leaves a sentence on its context. */
typedef enum fov_status {
    FOV_OK            = 0,
    FOV_E_INTERNAL    = 1, /**< a fault of fovea itself: please report it */
    FOV_E_USAGE       = 2, /**< the call's arguments make no sense: unknown name, option out of range */
    FOV_E_SHAPE       = 3, /**< shapes do not fit each other */
    FOV_E_INPUT       = 4, /**< the content of a file or dataset is invalid */
    FOV_E_IO          = 5, /**< the system refused to read or write */
    FOV_E_MEMORY      = 6, /**< out of memory, or over the limit that was set */
    FOV_E_NUMERIC     = 7, /**< a computed number (loss, weight, score) is not finite */
    FOV_E_UNSUPPORTED = 8, /**< well formed, but this build cannot do it */
    FOV_E_INTERRUPTED = 9  /**< stopped on request, after leaving a clean state */
} fov_status;

/** A status in two or three words, for logs: "bad input". Never NULL. */
FOV_API const char *fov_status_text(fov_status status);

#ifdef __cplusplus
}
#endif
#endif
