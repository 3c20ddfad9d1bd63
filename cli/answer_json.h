/* SPDX-License-Identifier: MIT */
/* Answers as JSON, shared by `fovea predict --json` and `fovea serve`. */
#ifndef CLI_ANSWER_JSON_H
#define CLI_ANSWER_JSON_H

#include "cli.h"
#include "json.h"

/** The meaning of the numbers that a model outputs for a picture. */
struct answer_form {
    fov_model *model;
    bool values; /**< the output holds values, not class scores */
    bool alone;  /**< probabilities of classes are independent (sigmoid) */
    bool single; /**< a single output number, the probability of the second of two classes */
    int count;   /**< numbers per picture */
};

/** False: the output is not a row of numbers for each picture. */
bool answer_form_of(fov_model *model, struct answer_form *form);
/** Fills order[count]: the `top` most probable classes first, of equal ones the lower; values stay in their order. */
void answer_rank(const struct answer_form *form, const float *scores, int top, int *order);
/** Sets "top", the most probable classes; and "scores", every number of the output, where they are values, independent
 *  probabilities or a single probability. */
void answer_set_scores(json_t *object, const struct answer_form *form, const float *scores, const int *order, int top);
/** Sets "note" (fov_model_note), unless it is NULL. */
void answer_set_note(json_t *object, const char *note);
/** Boxes in pixels of the picture. */
json_t *json_from_boxes(const fov_answer_box *boxes, int64_t count);
/** Sets the members of any task's answer: "task", "note", "boxes" or "items" and "scores", "height", "width". */
void answer_set_items(json_t *object, const fov_answer *answer);

#endif
