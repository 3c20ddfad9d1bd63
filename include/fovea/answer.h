/* SPDX-License-Identifier: MIT */
/* A model's answer to a picture, in the form that its task has: classes with their probabilities, values by name, a
 * class for each pixel, boxes around objects, another picture. One call gives all of them (session.h); a program that
 * shows an answer looks at which members are set and need not know the task. */
#ifndef FOVEA_ANSWER_H
#define FOVEA_ANSWER_H

#include <fovea/dataset.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One number of an answer. */
typedef struct fov_answer_item {
    int         index; /**< number of the model's class, label or value */
    const char *name;  /**< of that; "3" where it has no name */
    double      value;
    bool        yes;   /**< independent labels: the value is at or above the task's threshold */
} fov_answer_item;

/** A box around an object, in pixels of the original picture. */
typedef struct fov_answer_box {
    int         index; /**< number of the model's class */
    const char *name;
    double      score; /**< probability of an object times that of its class; NaN: no score, for true boxes to draw */
    double      x1, y1, x2, y2;
} fov_answer_box;

/** Arrays and pictures belong to the answer; members that the task does not fill are 0 or NULL. */
typedef struct fov_answer {
    const char      *task;    /**< "segment" */
    const char      *measure; /**< of items: "probability", "value", "share" (of the pixels), "boxes" (count) */
    bool             ranked;  /**< true: the item of the largest value is the answer; false: items are independent */
    bool             has_yes; /**< whether items have .yes */
    int              count;   /**< items, in the model's order */
    fov_answer_item *items;
    fov_image        mask;    /**< a class for each pixel of the picture, one channel */
    fov_image        picture; /**< the picture that the model makes of the given one */
    int64_t          box_count;
    fov_answer_box  *boxes; /**< best first; the items' values then are the number of boxes of each class */
    const char      *note;  /**< a note about the picture, as fov_model_note; NULL: none */
    void            *owner;   /**< internal */
} fov_answer;

FOV_API void fov_answer_free(fov_answer *answer); /**< accepts a zeroed one */

/** The colour in which a class is drawn, red, green and blue: one palette for masks everywhere. */
FOV_API void fov_class_colour(int index, uint8_t rgb[3]);
/** Draws an answer as an RGB picture: a mask in its classes' colours, over `picture` where that is not NULL; boxes over
 *  `picture`, which is required for them, with names and scores; or the answer's own picture. The caller frees `drawn`
 *  with fov_image_free. E_USAGE: an answer of numbers alone cannot be drawn. */
FOV_API FOV_MUST_CHECK int fov_answer_draw(fov_context *context, const fov_answer *answer, const fov_image *picture,
                                           fov_image *drawn);

#ifdef __cplusplus
}
#endif
#endif
