/* SPDX-License-Identifier: MIT */
/* Detection: how the task interprets the rows of a model's output, and the boxes found in them. Read next: detect.c
 * (the task), detect_find.c (rows to boxes), detect_tally.c (figures). */
#ifndef TASK_DETECT_H
#define TASK_DETECT_H

#include "model/boxes_form.h"
#include "task/task.h"
#include <fovea/boxes.h>

struct detect_options {
    double least;   /**< lowest score of a box in an answer */
    double overlap; /**< IoU beyond which a better box suppresses another */
    int suppress;    /**< fov_suppression */
    bool agnostic;   /**< boxes of different classes suppress each other, too */
    int detector;    /**< index into boxes_form_names */
    int64_t objects; /**< most objects of one picture: fixes the memory that training needs */
};
const struct detect_options *detect_options_of(const struct task_use *use);

/** A detected box, in pixels of the network's input. */
struct detect_found {
    int label; /**< class of the model */
    size_t row; /**< row of the output that the box comes from */
    double score, box[4];
};

enum { DETECT_MOST_CANDIDATES = 1000, DETECT_MOST_FOUND = 300 };

struct detect_state {
    struct memory *memory;
    const struct boxes_form *form;
    struct boxes_rows of;
    struct detect_candidate {
        double score;
        size_t row;
        int label;
    } * candidates; /**< [rows] */
    double *boxes;  /**< [DETECT_MOST_CANDIDATES][4] */
    double *scores, *kept_scores;
    int32_t *labels;
    int64_t *kept;
};
struct detect_state *detect_state_create(const struct task_use *use, const struct boxes_form *form,
                                         const struct boxes_rows *of, struct error *error);
/** Whether there is a loss for rows of this form: for YOLOX's only. */
bool detect_is_learned(const struct detect_state *state);
void detect_state_free(struct detect_state *state); /**< accepts NULL */

/** Opens the detection task of a model without data, with the options that the model itself states, if any. Returns
 *  NULL with an error where that fails. The caller calls task_close on `use`. */
struct detect_state *detect_open(struct task_use *use, const fov_model *model, struct error *error);

/** Finds the boxes in the rows of one picture: those with a score of at least `least` that survive suppression, best
 *  first. `logits`: the scores in `rows` are logits, before the sigmoid. found [DETECT_MOST_FOUND]. Returns how many
 *  boxes there are; -1 and an error: E_NUMERIC where a score or such a box is not finite, E_MEMORY. */
int64_t detect_find(const struct task_use *use, struct detect_state *state, const float *rows, bool logits,
                    double least, struct detect_found *found, struct error *error);

/** Where one picture's numbers hold the scores of row `row`: writes at most two indices (objectness, then the class
 *  `label`) to `places` and returns how many there are. */
int detect_scores_of(const struct detect_state *state, size_t row, int label, size_t places[2]);

/** How a picture lies in the network's input: the scale of each axis, and the position of its upper left corner; x
 *  before y. */
struct detect_frame {
    double scale[2], corner[2];
};
struct detect_frame detect_frame_of(const struct task_use *use, int height, int width);
/** Converts a box from coordinates of the input to those of the picture. */
void detect_unmap(const struct detect_frame *frame, const double box[4], double picture[4]);
/** The same, clipped to a picture of that size. Returns false where no part of the box is inside. */
bool detect_unmap_inside(const struct detect_frame *frame, const double box[4], int height, int width,
                         double picture[4]);

/* detect_tally.c */
int detect_tally_open(struct task_tally *tally, struct error *error);
void detect_tally_close(struct task_tally *tally);
void detect_tally_reset(struct task_tally *tally);
size_t detect_tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count);
void detect_tally_figures(const struct task_tally *tally, double *values);
int detect_tally_report(struct task_tally *tally, fov_report *report, struct error *error);
enum { DETECT_FIGURES = 3 };

/* Columns of line 0 of a sample's targets that hold its detect_frame, besides the columns that the loss reads
 * (op/yolox_loss/yolox.h). */
enum { DETECT_SCALE = 1, DETECT_CORNER = 3 };

#endif
