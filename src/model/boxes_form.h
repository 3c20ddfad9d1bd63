/* SPDX-License-Identifier: MIT */
/* How detectors write down what they found: each tool has numbers of its own for a row. A line in the table of
 * boxes_form.c is all that a further one needs. */
#ifndef MODEL_BOXES_FORM_H
#define MODEL_BOXES_FORM_H

#include "model/model.h"

/** An output of a model, of one picture: [rows, numbers], or, `across`, [numbers, rows]. */
struct boxes_rows {
    int height, width; /**< of the network's input */
    size_t rows;
    int numbers, classes;
    bool across;
    double unit[2]; /**< pixels for 1 of a box's numbers, along x and y */
    bool logits; /**< of YOLOX's form: scores are those of before the sigmoid */
};

struct boxes_form {
    const char *name; /**< "yolox" */
    const char *doc;
    int object;      /**< which number of a row says that there is an object; -1: none does */
    int first_class; /**< which number of a row is class 0's */
    /** Whether an output of that shape can be of this form: fills in .rows, .numbers, .classes, .across. */
    bool (*fits)(const fov_shape *shape, struct boxes_rows *rows);
    double (*score)(const struct boxes_rows *of, const float *numbers, size_t row, int *label);
    void (*box)(const struct boxes_rows *of, const float *numbers, size_t row, double box[4]);
    /** Looks at the rows of a picture first, and finds .unit; NULL: it is known. */
    void (*look)(struct boxes_rows *of, const float *numbers);
    bool is_steps, is_corners; /**< a box is in steps of its map; by corners; else its middle and size in pixels */
    bool is_kept;   /**< a suppression in the network has left them: there is no other */
    bool has_parts; /**< boxes and scores may be outputs of their own (detector.c) */
};

extern const struct boxes_form boxes_forms[];
extern const char *const boxes_form_names[]; /**< "auto", then theirs, ended by NULL: the task's option */

/** Boxes from the two outputs that a suppression would have read, corners [N, boxes, 4] and scores [N, classes, boxes]
 *  (detector.c). */
int model_read_suppressed(fov_model *model);
/** A form's place among the names; -1: there is none of that name. */
int boxes_form_named(const char *name);
/** The form by its place among the names; 0: what was said of the chosen output, else the first that fits. NULL: none
 *  does. */
const struct boxes_form *boxes_form_of(const fov_model *model, fov_value output, int which, struct boxes_rows *rows);

#endif
