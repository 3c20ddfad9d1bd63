/* SPDX-License-Identifier: MIT */
/* How a model's classes and a dataset's relate. One answer, by name, that training, evaluation and the command all ask:
 * the folders of a dataset are sorted by name, the outputs of a model are in whatever order it was trained with, and
 * taking one number for the other turns a perfect model into a useless one.
 *
 * Names are equal when their bytes are. A name without an equal on the other side is looked for once more with ASCII
 * letters in either case and spaces, '_' and '-' alike ("Great Dane", "great_dane"); it counts where exactly one name
 * of each side is left for it, and is said. */
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
    FOV_CLASSES_BY_POSITION, /**< the model has no names, or positions were asked for: number i is number i */
    FOV_CLASSES_DIFFERENT    /**< the data has names that the model has not (or more classes): no match */
} fov_class_relation;

typedef struct fov_class_match {
    fov_class_relation relation;
    int         model_classes, data_classes;
    int         matched;     /**< classes of the data that the model has by name */
    const int  *model_class; /**< [data_classes]: the model's number of each class of the data; -1: it has none */
    const char *text;        /**< what to tell people, without a full stop; "" where there is nothing to tell */
    void       *owner;       /**< internal */
} fov_class_match;

/** `by_position`: names are not looked at. FOV_OK for every relation, FOV_CLASSES_DIFFERENT too; a failure is one of
 *  memory. fov_train and fov_evaluate refuse different classes with E_SHAPE and `text`. */
FOV_API FOV_MUST_CHECK int fov_classes_match(fov_model *model, const fov_dataset *data, bool by_position,
                                             fov_class_match *match);
FOV_API void               fov_class_match_free(fov_class_match *match); /**< accepts a zeroed one */

#ifdef __cplusplus
}
#endif
#endif
