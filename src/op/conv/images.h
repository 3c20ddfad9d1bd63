/* SPDX-License-Identifier: MIT */
/* Convolution with images as lanes: element i of every register belongs to image i of a group, so that no lanes are
 * wasted on 6 filters or lines of 14 pixels. A group's images are transposed when read and its results when written,
 * which costs a twentieth of the arithmetic; batch-innermost tensors are read and written in place. This
 * header has what the forward form and the gradients share. Private to the folder; the arithmetic is in
 * kernel/vector/images.h. */
#ifndef OP_CONV_IMAGES_H
#define OP_CONV_IMAGES_H

#include "op/conv/pooled.h"

enum { IMAGES_ALIGN = 16 }; /**< floats: the alignment of everything in a worker's scratch */

/** The work is divided into groups of images x bands of lines; a chunk is one band of one group. Depends on the shapes
 *  and the width of a register alone. */
struct images_plan {
    struct window window;
    bool   batch_innermost;       /**< tensors are stored so; else channels-last */
    bool   bare;                  /**< batch_innermost, and x has no pads: x is read (and dx written) in place */
    size_t lanes, batch, channels, filters;
    size_t groups, bands;         /**< groups of `lanes` images; bands, parts of the lines of y or dx, per group */
    size_t height, width;         /**< of the pooled image, pixels */
    size_t in_height, in_width;   /**< of x, pixels */
    size_t padded_width;          /**< of x with its pads, pixels */
    size_t pixels_of_y;           /**< pooled pixels of an image */
    size_t lines; /**< most lines that a band reads: of x going forward, of dy (before pooling) for dx */
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

/** The number of images in a group; the last group may have fewer than there are lanes. */
static inline size_t images_in(const struct images_plan *plan, size_t group)
{
    size_t left = plan->batch - group * plan->lanes;
    return left < plan->lanes ? left : plan->lanes;
}
float *images_scratch(const struct op_run *run, int worker);
struct images_plan images_plan(const struct op_compile *compile, const struct pooled_geometry *geometry);
/** Reserves `floats` floats of each worker's scratch; returns where they begin. */
size_t images_reserve(struct images_plan *plan, size_t floats);
/** Lines first .. first + count - 1 of a group's x, counted with the pads: [lines][padded width][channels][lanes].
 *  Returns a pointer to x itself where that is possible, else copies them to `workspace`. */
const float *images_lines(const struct images_job *job, const float *x, size_t group, size_t first, size_t count,
                          float *workspace);

/** Where to write a group's pooled lines from `first` on, with images as lanes: output 0 itself if that is its layout,
 *  else `workspace`. */
float *images_results(const struct images_job *job, size_t group, size_t first, float *workspace);
/** Stores pooled lines first .. end - 1 from y, and their index (NULL: none), to the outputs, unless they are there
 *  already. `integers` is a workspace as large as y. */
void images_store(const struct images_job *job, size_t group, size_t first, size_t end, const float *y,
                  const int32_t *index, int32_t *integers);
/** Pooled lines first .. end - 1 of a group's dy with images as lanes: a pointer into dy, or `workspace`, to which they
 *  are copied. `winners` gets the index of the pixel that won. `integers` is a workspace as large as these lines. */
const float *images_load_gradient(const struct images_job *job, const struct op_tensor *dy,
                                  const struct op_tensor *index, size_t group, size_t first, size_t end,
                                  float *workspace, int32_t *winners, int32_t *integers);

/** The geometry for each of the three operators when it is compiled. */
int images_forward_geometry(const struct op_compile *compile, struct pooled_geometry *geometry);
int images_weight_geometry(const struct op_compile *compile, struct pooled_geometry *geometry);
int images_input_geometry(const struct op_compile *compile, struct pooled_geometry *geometry);
/** Adds the parts of a weight gradient, each `count` floats, to part `to`, in order: the same bits for any number of
 *  threads. */
void images_add_parts(const struct op_run *run, size_t parts, size_t count, float *sums, size_t to);
/** Writes output 0, a weight [filters][C][taps], from [taps][C][filters], `plane` floats from tap to tap. */
void images_write_weight(const struct op_run *run, const struct images_plan *plan, const float *sums, size_t plane);

/* images_winograd.c: the same three operators with fewer multiplications, for enough channels and filters. */
bool images_transform_pays(const struct op_compile *compile, const struct pooled_geometry *geometry);
int  images_winograd_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
int  images_winograd_weight_compile(struct op_compile *compile, const struct pooled_geometry *geometry);
int  images_winograd_input_compile(struct op_compile *compile, const struct pooled_geometry *geometry);

#endif
