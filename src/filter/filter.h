/* SPDX-License-Identifier: MIT */
/* Descriptors of picture filters. Read next: kernels.c (filters that are one convolution), compose.c (those composed of
 * others), filter.c (look-up by name, and a convolution as a plan). */
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H

#include "device/context.h"
#include <fovea/filter.h>

/** A convolution kernel; weights [rows][columns]. */
struct filter_kernel {
    int   rows, columns;
    float weights[FOV_FILTER_MOST * FOV_FILTER_MOST];
};

/** One application of a filter: picture and result are floats [height, width, channels]. */
struct filter_job {
    fov_context *context;
    const float *picture;
    float       *result;
    int          height, width, channels;
    fov_border   border;
    double       size; /**< the size that follows the filter's name; 0: it takes none */
};

struct filter {
    const char *name, *summary;
    const char *size;            /**< describes the size that follows the name; NULL: it takes none */
    double minimum, maximum;     /**< range of the size */
    bool   odd;                  /**< the size is an odd whole number */
    const char *example;         /**< the name with a usual size, "box3"; NULL: the name alone */
    void (*kernel)(double size, struct filter_kernel *kernel); /**< makes the kernel; NULL: not a single convolution */
    int (*apply)(const struct filter_job *job);                /**< used if kernel is NULL */
};

/* kernels.c, compose.c: each array ends with an entry whose name is NULL */
extern const struct filter filter_kernels[], filter_compositions[];

/** Numbers in a job's picture: height x width x channels. */
size_t filter_values(const struct filter_job *job);
/** The coordinate within 0 .. length - 1 that the border rule maps `at` to; -1: the value there is zero. */
int64_t filter_place(int64_t at, int64_t length, fov_border border);
/** Applies another filter to the job's picture, into `result`. */
int filter_by_name(const struct filter_job *job, const char *name, float *result);

#endif
