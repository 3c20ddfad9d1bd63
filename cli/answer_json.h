/* SPDX-License-Identifier: MIT */
/* Answers as JSON: what `fovea predict --json` prints and `fovea serve` sends, written once. */
#ifndef CLI_ANSWER_JSON_H
#define CLI_ANSWER_JSON_H

#include "cli.h"
#include "json.h"

/** How the numbers that a model makes of a picture are read. */
struct answer_form {
    fov_model *model;
    bool values; /**< the output holds numbers that are no scores of classes */
    bool alone;  /**< each class has a probability of its own */
    bool single; /**< one number tells two classes apart: the probability of the second */
    int count;   /**< numbers for a picture */
};

/** False: the output is not a row of numbers for each picture. */
bool answer_form_of(fov_model *model, struct answer_form *form);
/** order[count]: the `top` most probable classes first, ties to the lower one; of values all as they come. */
void answer_rank(const struct answer_form *form, const float *scores, int top, int *order);
/** The most probable classes ("top"); and, where these are no parts of a whole, every number of the output
 *  ("scores"). */
void answer_set_scores(json_t *object, const struct answer_form *form, const float *scores, const int *order, int top);
/** "note": what there is to say of the picture (fov_model_note), where there is something. */
void answer_set_note(json_t *object, const char *note);
/** Boxes in pixels of the picture. */
json_t *json_from_boxes(const fov_answer_box *boxes, int64_t count);
/** The answer of any task: "task", "note", "items", "scores", "height", "width". */
void answer_set_items(json_t *object, const fov_answer *answer);

#endif
