/* SPDX-License-Identifier: MIT */
/* Matching a model's classes to a dataset's, by name. Training, evaluation and the command all use this one match: the
 * class folders of a dataset are sorted by name, a model's outputs are in the order that it was trained with, and
 * mixing up the two numberings turns a perfect model into a useless one.
 *
 * Names are equal when their bytes are. A name without an equal on the other side is compared once more ignoring the
 * case of ASCII letters and the difference of spaces, '_' and '-' ("Great Dane", "great_dane"); such a match counts
 * where it is unique on both sides, and .text mentions it. */
#ifndef FOVEA_CLASSES_H
#define FOVEA_CLASSES_H

#include <fovea/dataset.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fov_class_relation {
    FOV_CLASSES_SAME = 0,    /**< the same names in the same order */
    FOV_CLASSES_REORDERED,   /**< the same names in another order: matched by name */
    FOV_CLASSES_FEWER,       /**< the data has some of the model's names: matched by name */
    FOV_CLASSES_BY_POSITION, /**< the model has no names, or `by_position`: class i is class i on both sides */
    FOV_CLASSES_DIFFERENT    /**< the data has names that the model does not have (or more classes): no match */
} fov_class_relation;

typedef struct fov_class_match {
    fov_class_relation relation;
    int         model_classes, data_classes;
    int         matched;     /**< classes of the data that the model has by name */
    const int  *model_class; /**< [data_classes]: the model's number for each class of the data; -1: none */
    const char *text;        /**< a message about the match, without a full stop; "": nothing to mention */
    void       *owner;       /**< internal */
} fov_class_match;

/** `by_position`: names are ignored. FOV_OK for every relation, also FOV_CLASSES_DIFFERENT; the only failure is
 *  E_MEMORY. fov_train and fov_evaluate refuse different classes with E_SHAPE and `text`. */
FOV_API FOV_MUST_CHECK int fov_classes_match(fov_model *model, const fov_dataset *data, bool by_position,
                                             fov_class_match *match);
FOV_API void               fov_class_match_free(fov_class_match *match); /**< accepts a zeroed one */

#ifdef __cplusplus
}
#endif
#endif
