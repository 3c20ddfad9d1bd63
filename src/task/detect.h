/* SPDX-License-Identifier: MIT */
/* Detection: what the task knows of a model's rows, and boxes found in them. Next: detect.c (the task), detect_find.c
 * (rows to boxes), detect_tally.c (what is counted). */
#ifndef TASK_DETECT_H
#define TASK_DETECT_H

#include "model/boxes_form.h"
#include "task/task.h"
#include <fovea/boxes.h>

struct detect_options {
    double least;   /**< score from which a box is answered */
    double overlap; /**< of suppression */
    int suppress;
    bool agnostic;
    int detector;    /**< by boxes_form_names */
    int64_t objects; /**< of a picture, at most: fixes the memory that training needs */
};
const struct detect_options *detect_options_of(const struct task_use *use);

/** A box that was found, in pixels of the network's input. */
struct detect_found {
    int label; /**< class of the model */
    size_t row; /**< of the output, which it was read from */
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
/** Is there a loss for rows of this form? */
bool detect_is_learned(const struct detect_state *state);
void detect_state_free(struct detect_state *state); /**< accepts NULL */

/** The task of a detector's model without data, with the options that the model states where it states some. NULL and
 *  an error; task_close ends it. */
struct detect_state *detect_open(struct task_use *use, const fov_model *model, struct error *error);

/** Boxes in the rows of one picture: those of at least that score that survive suppression, best first.
 *  `logits`: scores are those of before the sigmoid. found [DETECT_MOST_FOUND]. Answers how many; -1: memory. */
int64_t detect_find(const struct task_use *use, struct detect_state *state, const float *rows, bool logits,
                    double least, struct detect_found *found);

/** What scores row `row` in one picture's numbers: writes their places, at most two, the class's last; answers how many. */
int detect_scores_of(const struct detect_state *state, size_t row, int label, size_t places[2]);

/** How a picture lies in the network's input: scale of each axis, and where its upper left corner is. */
struct detect_frame {
    double scale[2], corner[2];
};
struct detect_frame detect_frame_of(const struct task_use *use, int height, int width);
/** A box of the input as one of the picture. */
void detect_unmap(const struct detect_frame *frame, const double box[4], double picture[4]);
/** The same, within a picture of that size. False: nothing of it is inside. */
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

/* Columns of a sample's targets, beside those that the loss reads (op/yolox_loss/yolox.h): line 0 has the frame. */
enum { DETECT_SCALE = 1, DETECT_CORNER = 3 };

#endif
