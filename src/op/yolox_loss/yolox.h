/* SPDX-License-Identifier: MIT */
/* What YOLOX learns from, in double: rows of a detector's head as boxes, objects as its task writes them, which row is to
 * find which object (SimOTA), and the loss (Ge, Liu, Wang, Li, Sun, "YOLOX", 2021, section 2.1). The numbers of samples,
 * rows and objects are fixed, so everything lies in the operators' own results. Next: assign.c, loss.c, run.c (a picture
 * to a thread). */
#ifndef OP_YOLOX_LOSS_YOLOX_H
#define OP_YOLOX_LOSS_YOLOX_H

#include "op/op.h"

/** Columns of a sample's objects, [1 + most, YOLOX_COLUMNS]. Its first line says how many there are and, where the box
 *  loss shall have a share of absolute differences, 1; each further one is an object in pixels of the input. */
enum {
    YOLOX_COUNT = 0, /**< of line 0 */
    YOLOX_L1 = 5,    /**< of line 0: 0 or 1 */
    YOLOX_CLASS = 0,
    YOLOX_BOX = 1,   /**< x1, y1, x2, y2 */
    YOLOX_MARKS = 5, /**< YOLOX_DIFFICULT, YOLOX_CROWD */
    YOLOX_COLUMNS = 6,
    YOLOX_DIFFICULT = 1,
    YOLOX_CROWD = 2 /**< is not learned from */
};

struct yolox_options {
    int64_t height, width; /**< of the input, pixels: multiples of 32 */
};
extern const struct op_attribute yolox_attributes[];

/** One sample. */
struct yolox_sample {
    const struct yolox_options *options;
    size_t row_count, classes;
    size_t object_count;   /**< as line 0 says */
    const double *rows;    /**< [row_count, 5 + classes]: x, y, log width, log height, logits */
    const double *objects; /**< [object_count, YOLOX_COLUMNS], without line 0 */
    bool l1;
    double *room; /**< [row_count, YOLOX_ROOM + classes] for yolox_assign to keep what it would compute of a row for each
                       object anew; NULL: it computes. The result is the same */
};
enum { YOLOX_ROOM = 7 /**< place and box */ };

/** Rows of a head over pictures of that size. */
size_t yolox_row_count(int64_t height, int64_t width);
/** Where a row looks: column and line of its map, and the map's stride. */
struct yolox_place {
    double x, y, stride;
};
struct yolox_place yolox_place_of(const struct yolox_options *options, size_t row);

/** A box by its middle. */
struct yolox_box {
    double x, y, width, height;
};
/** From the first four numbers of a row. */
struct yolox_box yolox_decode(const struct yolox_options *options, size_t row, const double at[4]);
struct yolox_box yolox_box_of(const struct yolox_sample *sample, size_t row);
struct yolox_box yolox_object_box(const struct yolox_sample *sample, size_t object);
double yolox_overlap(const struct yolox_box *a, const struct yolox_box *b); /**< IoU */

/** Which object each row is to find (-1: none), and how far their boxes overlap now. */
void yolox_assign(const struct yolox_sample *sample, double *object, double *overlap);
/** The loss of a sample, to be divided by how many rows have an object. `slope` [row_count, 5 + classes] receives its
 *  derivatives, or is NULL. */
double yolox_sample_loss(const struct yolox_sample *sample, const double *object, const double *overlap, double *slope);

/** A sample from its part of an operator's inputs 0 (rows) and 1 (objects), of these shapes. */
struct yolox_sample yolox_sample_of(const void *options, const fov_shape *rows_shape, const fov_shape *objects_shape,
                                    const double *rows, const double *objects);
/** Sample `n` of a definition's inputs. */
struct yolox_sample yolox_sample_at(const struct op_textbook *textbook, size_t n);
/** Checks inputs 0 and 1. */
int yolox_check(const struct op_infer *infer);

/** The three operators on the CPU (run.c). */
extern const struct op_cpu yolox_assign_cpu, yolox_loss_cpu, yolox_loss_gradient_cpu;

#endif
