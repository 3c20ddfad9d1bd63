/* SPDX-License-Identifier: MIT */
/* The training of YOLOX, in double: decoding rows of a detector's head to boxes, objects as the detection task writes
 * them, the assignment of rows to objects (SimOTA), and the loss (Ge, Liu, Wang, Li, Sun, "YOLOX", 2021, section 2.1).
 * The numbers of samples, rows and objects are fixed, so nothing is allocated: all results are outputs of operators.
 * Next: assign.c, loss.c, run.c (one picture per thread). */
#ifndef OP_YOLOX_LOSS_YOLOX_H
#define OP_YOLOX_LOSS_YOLOX_H

#include "op/op.h"

/** Columns of a sample's objects, [1 + most, YOLOX_COLUMNS]. Line 0 holds the number of objects, and a 1 if the loss
 *  shall include absolute differences (L1); each further line is an object, in pixels of the input. */
enum {
    YOLOX_COUNT = 0, /**< in line 0: number of objects */
    YOLOX_L1 = 5,    /**< in line 0: 0 or 1 */
    YOLOX_CLASS = 0,
    YOLOX_BOX = 1,   /**< x1, y1, x2, y2 */
    YOLOX_MARKS = 5, /**< bit set: YOLOX_DIFFICULT, YOLOX_CROWD */
    YOLOX_COLUMNS = 6,
    YOLOX_DIFFICULT = 1,
    YOLOX_CROWD = 2 /**< a crowd; the loss ignores it */
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
    double *workspace; /**< [row_count, YOLOX_CACHED + classes] in which yolox_assign caches values of each row that it
                            would otherwise recompute for each object; NULL: no cache. The result is the same */
};
enum { YOLOX_CACHED = 7 /**< numbers for a row's place and box */ };

/** How many rows a head has for pictures of that size. */
size_t yolox_row_count(int64_t height, int64_t width);
/** The cell of a row: column and line in its map, and the map's stride in pixels. */
struct yolox_place {
    double x, y, stride;
};
struct yolox_place yolox_place_of(const struct yolox_options *options, size_t row);

/** A box by its centre and size, pixels. */
struct yolox_box {
    double x, y, width, height;
};
/** Decodes the first four numbers of a row. */
struct yolox_box yolox_decode(const struct yolox_options *options, size_t row, const double at[4]);
struct yolox_box yolox_box_of(const struct yolox_sample *sample, size_t row);
struct yolox_box yolox_object_box(const struct yolox_sample *sample, size_t object);
double yolox_sigmoid(double x);
double yolox_overlap(const struct yolox_box *a, const struct yolox_box *b); /**< IoU */

/** For each row: the object that it is assigned to (-1: none), and the IoU of their boxes. */
void yolox_assign(const struct yolox_sample *sample, double *object, double *overlap);
/** The loss of a sample, which the caller divides by the number of rows with an object. `slope` [row_count, 5 +
 *  classes] receives its derivatives; NULL: not wanted. Must be zeroed: the box and class columns of rows without an
 *  object are not written. */
double yolox_sample_loss(const struct yolox_sample *sample, const double *object, const double *overlap, double *slope);

/** A sample from its data in an operator's inputs 0 (rows) and 1 (objects), which have these shapes. */
struct yolox_sample yolox_sample_of(const void *options, const fov_shape *rows_shape, const fov_shape *objects_shape,
                                    const double *rows, const double *objects);
/** Sample `n` of the inputs of a textbook definition. */
struct yolox_sample yolox_sample_at(const struct op_textbook *textbook, size_t n);
/** Checks types and shapes of inputs 0 and 1. */
int yolox_check(const struct op_infer *infer);

/** The three operators on the CPU (run.c). */
extern const struct op_cpu yolox_assign_cpu, yolox_loss_cpu, yolox_loss_gradient_cpu;

#endif
