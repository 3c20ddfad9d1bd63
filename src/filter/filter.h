/* SPDX-License-Identifier: MIT */
/* What a picture filter is. Read next: kernels.c (those that are one convolution), compose.c (those made of others),
 * filter.c (the table, and a convolution as a plan). */
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H

#include "device/context.h"
#include <fovea/filter.h>

/** A kernel while it is made; weights [rows][columns]. */
struct filter_kernel {
    int   rows, columns;
    float weights[FOV_FILTER_MOST * FOV_FILTER_MOST];
};

/** A picture on its way through a filter: floats [height, width, channels]. */
struct filter_job {
    fov_context *context;
    const float *picture;
    float       *result;
    int          height, width, channels;
    fov_border   border;
    double       size; /**< what stood behind the name */
};

struct filter {
    const char *name, *summary;
    const char *size;            /**< NULL: nothing stands behind the name */
    double minimum, maximum;     /**< of the size */
    bool   odd;                  /**< the size is an odd whole number */
    const char *example;         /**< the name with a usual size behind it; NULL: the name */
    void (*kernel)(double size, struct filter_kernel *kernel); /**< NULL: not one convolution */
    int (*apply)(const struct filter_job *job);                /**< where it is not */
};

/* kernels.c, compose.c: each ended by one without name */
extern const struct filter filter_kernels[], filter_compositions[];

/** Numbers in a job's picture: height x width x channels. */
size_t filter_values(const struct filter_job *job);
/** Where a coordinate outside of 0 .. length - 1 is taken from; -1: from nowhere, it is zero. */
int64_t filter_place(int64_t at, int64_t length, fov_border border);
/** The same picture through another filter, into `result`. */
int filter_by_name(const struct filter_job *job, const char *name, float *result);

#endif
