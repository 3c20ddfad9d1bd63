/* SPDX-License-Identifier: MIT */
/* What a model says of a picture, in the form of what it is for: classes with their probabilities, values by name, a
 * class for each pixel, boxes around objects, another picture. One call for all of them (session.h): who shows an
 * answer looks at what it holds and need not know the task. */
#ifndef FOVEA_ANSWER_H
#define FOVEA_ANSWER_H

#include <fovea/dataset.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One number of an answer. */
typedef struct fov_answer_item {
    int         index; /**< class, label or value of the model */
    const char *name;  /**< "3" where it has no name */
    double      value;
    bool        yes;   /**< independent labels: the value is at or above the task's threshold */
} fov_answer_item;

/** A box around an object, in pixels of the picture as it was. */
typedef struct fov_answer_box {
    int         index; /**< class of the model */
    const char *name;
    double      score; /**< probability of an object times that of its class; NaN: none, where truth is drawn */
    double      x1, y1, x2, y2;
} fov_answer_box;

/** Arrays and pictures belong to the answer; what a task does not give is 0 or NULL. */
typedef struct fov_answer {
    const char      *task;    /**< "segment" */
    const char      *measure; /**< what an item's value is: "probability", "value", "share" (of the picture's pixels), "boxes" */
    bool             ranked;  /**< the largest value is the answer; false: each item stands for itself */
    bool             has_yes; /**< items say yes or no */
    int              count;   /**< items, in the model's order */
    fov_answer_item *items;
    fov_image        mask;    /**< a class for each pixel of the picture, one channel */
    fov_image        picture; /**< what the picture becomes */
    int64_t          box_count;
    fov_answer_box  *boxes; /**< best first; items then count the boxes of each class */
    const char      *note;  /**< what there is to say of the picture, as fov_model_note; NULL: nothing */
    void            *owner;   /**< internal */
} fov_answer;

FOV_API void fov_answer_free(fov_answer *answer); /**< accepts a zeroed one */

/** The colour in which a class is drawn, red, green and blue: one palette for masks everywhere. */
FOV_API void fov_class_colour(int index, uint8_t rgb[3]);
/** An answer as a picture, RGB: a mask in its classes' colours, laid over `picture` where that is not NULL; boxes over
 *  `picture`, with names and scores; the picture that the answer holds. E_USAGE: an answer of numbers cannot be drawn. */
FOV_API FOV_MUST_CHECK int fov_answer_draw(fov_context *context, const fov_answer *answer, const fov_image *picture,
                                           fov_image *drawn);

#ifdef __cplusplus
}
#endif
#endif
