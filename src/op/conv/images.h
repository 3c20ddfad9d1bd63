/* SPDX-License-Identifier: MIT */
/* Convolution with images as lanes: element i of every register belongs to image i of a group, so that 6 filters or
 * lines of 14 pixels waste nothing. A group's images are transposed on the way in and its results on the way out,
 * which costs a twentieth of the arithmetic; tensors that are stored images last are read and written where they lie.
 * What the forward form and the gradients share. Private to the folder; the arithmetic is in kernel/vector/images.h.
 * */
#ifndef OP_CONV_IMAGES_H
#define OP_CONV_IMAGES_H

#include "op/conv/pooled.h"

/** Work is groups of images x bands of lines; chunk = one of these. Made from shapes and the width of a register
 *  alone. */
struct images_plan {
    struct window window;
    bool   images_last;           /**< how tensors are stored; else channels last */
    bool   bare;                  /**< and x has no pads: nobody needs a copy of it */
    size_t lanes, batch, channels, filters;
    size_t groups, bands;         /**< bands: parts of a group's lines, of y or dx */
    size_t height, width;         /**< of the pooled image, pixels */
    size_t in_height, in_width;   /**< of x */
    size_t padded_width;          /**< of x with its pads */
    size_t pixels_of_y;           /**< pooled, per image */
    size_t lines; /**< most lines that a band needs: of x going forward, of dy (before pooling) for dx */
    size_t together;              /**< weight gradient: pooled lines at a time */
    size_t parts;                 /**< weight gradient: partial sums, combined in order */
    size_t count;                 /**< of the weight, floats */
    size_t x, y, index, integers, sums; /**< floats from the beginning of a worker's scratch */
    size_t worker_floats;
};

struct images_job {
    const struct op_run      *run;
    const struct images_plan *plan;
};

/** The images of a group that exist. */
static inline size_t images_in(const struct images_plan *plan, size_t group)
{
    size_t left = plan->batch - group * plan->lanes;
    return left < plan->lanes ? left : plan->lanes;
}
float *images_scratch(const struct op_run *run, int worker);
struct images_plan images_plan(const struct op_compile *compile, const struct pooled_geometry *geometry);
/** Lines first .. first + count - 1 of x, in padded coordinates, for a group: [lines][padded width][channels][lanes].
 *  Where they lie, or in `room`. */
const float *images_lines(const struct images_job *job, const float *x, size_t group, size_t first, size_t count,
                          float *room);

/** Where pooled lines from `first` on of a group's results are to be put in lanes: where they will lie, or `room`. */
float *images_results(const struct images_job *job, size_t group, size_t first, float *room);
/** Brings lines first .. end - 1 of them, and of index (NULL: none), to where they will lie; integers: as many
 *  floats. */
void images_store(const struct images_job *job, size_t group, size_t first, size_t end, const float *y,
                  const int32_t *index, int32_t *integers);
/** The same lines of dy in lanes, where they lie or in `room`, and to `winners` which pixel won. */
const float *images_load_gradient(const struct images_job *job, const struct op_tensor *dy,
                                  const struct op_tensor *index, size_t group, size_t first, size_t end, float *room,
                                  int32_t *winners, int32_t *integers);

/** The geometry of each of the three operators, as a plan compiles them. */
int images_forward_geometry(const struct op_compile *compile, struct pooled_geometry *geometry);
int images_weight_geometry(const struct op_compile *compile, struct pooled_geometry *geometry);
int images_input_geometry(const struct op_compile *compile, struct pooled_geometry *geometry);
/** Parts of a weight gradient, each `count` floats, added up in order to one of them: the same bits for any number of
 *  threads. */
void images_add_parts(const struct op_run *run, size_t parts, size_t count, float *sums, size_t to);
/** A weight from [taps][C][filters], `plane` floats from tap to tap, to [filters][C][taps]. */
void images_write_weight(const struct op_run *run, const struct images_plan *plan, const float *sums, size_t plane);

/* images_winograd.c: the same three with fewer multiplications, from so many channels and filters on. */
bool images_transform_pays(const struct op_compile *compile, const struct pooled_geometry *geometry);
int  images_winograd_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
int  images_winograd_weight_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
int  images_winograd_input_compile(struct op_compile *compile, const struct pooled_geometry *geometry);

#endif
