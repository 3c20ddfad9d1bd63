/* SPDX-License-Identifier: MIT */
/* Output formats ("forms") of detectors: each detector family has its own layout of the numbers that describe a box. To
 * add a format, add an entry to the table in boxes_form.c. */
#ifndef MODEL_BOXES_FORM_H
#define MODEL_BOXES_FORM_H

#include "model/model.h"

/** The layout of one picture's detections in a model's output: [rows, numbers], or [numbers, rows] if `across`. */
struct boxes_rows {
    int height, width; /**< of the network's input */
    size_t rows;
    int numbers, classes;
    bool across;
    double unit[2]; /**< scale from a box's coordinates to pixels, along x and y */
    bool logits; /**< the scores are logits: the sigmoid is still to be applied (YOLOX's form) */
};

struct boxes_form {
    const char *name; /**< "yolox" */
    const char *doc;
    int object;      /**< index in a row of the objectness score; -1: this form has none */
    int first_class; /**< index in a row of the score of class 0 */
    /** Whether an output of that shape can be of this form; fills in .rows, .numbers, .classes, .across. */
    bool (*fits)(const fov_shape *shape, struct boxes_rows *rows);
    /** The same where the form is stated, not guessed from the shape; NULL: as `fits`. */
    bool (*fits_stated)(const fov_shape *shape, struct boxes_rows *rows);
    /** Score of a row's best class, whose index goes to *label; -1: it is none of the classes. */
    double (*score)(const struct boxes_rows *of, const float *numbers, size_t row, int *label);
    void (*box)(const struct boxes_rows *of, const float *numbers, size_t row, double box[4]);
    /** Called before a picture's rows are read: finds .unit from their coordinates. NULL: the unit is known. */
    void (*look)(struct boxes_rows *of, const float *numbers);
    bool is_steps, is_corners; /**< is_steps: centre and size in cells of the box's map, to be decoded; is_corners: x1,
                                    y1, x2, y2; neither: centre and size in pixels */
    bool is_kept;   /**< the network itself has run non-maximum suppression: apply no further one */
    bool has_parts; /**< boxes and scores may be separate outputs (detector.c); never guessed from the shape */
};

extern const struct boxes_form boxes_forms[];
extern const char *const boxes_form_names[]; /**< "auto", the forms' names in order, NULL: for the task's option */

/** Joins the model's two outputs, which a NonMaxSuppression cut off by the importer would have read (corners
 *  [N, boxes, 4] and scores [N, classes, boxes]), into one output of the form "raw" (detector.c). */
int model_read_suppressed(fov_model *model);
struct suppressed_options;
/** The suppression at the chosen output (suppress.c); NULL: there is none. */
const struct suppressed_options *model_suppression(const fov_model *model);
/** The classes whose scores it reads; 0: there is none. */
int model_suppressed_classes(const fov_model *model);
/** Puts that suppression on the model's two outputs, which are what it would have read, so that the model is again the
 *  file that fovea wrote. */
int model_suppress_again(fov_model *model, const struct suppressed_options *options);
/** Index of a name in boxes_form_names; -1: unknown name. */
int boxes_form_named(const char *name);
/** The form at index `which` of boxes_form_names if `output` fits it; fills in *rows. `which` 0: the form stated for
 *  the chosen output, else the first form that fits its shape. NULL: none fits. */
const struct boxes_form *boxes_form_of(const fov_model *model, fov_value output, int which, struct boxes_rows *rows);
/** States the form of the chosen output: `which` as above; 0: its shape tells. The caller derives the meanings anew. */
void model_state_boxes_form(fov_model *model, int which);

#endif
