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
};

extern const struct boxes_form boxes_forms[];
extern const char *const boxes_form_names[]; /**< "auto", then theirs, ended by NULL: the task's option */

/** The form by its place among the names; 0: the first that fits the output. NULL: none does. */
const struct boxes_form *boxes_form_of(const fov_model *model, fov_value output, int which, struct boxes_rows *rows);

#endif
