/* SPDX-License-Identifier: MIT */
/* A sample of a dataset: one picture, and one target of the dataset's kind. A sample is filled by one thread and knows
 * nothing of networks; transforms (transform/pipeline.h), the loader and the task turn it into a network's input.
 * Next: dataset.h (fills samples), loader.h (reads them). */
#ifndef DATA_SAMPLE_H
#define DATA_SAMPLE_H

#include "image/image.h"
#include <fovea/dataset.h>

/** Begin with sample_begin, fill any number of times (buffers only grow), end with sample_free. Of the targets only the
 *  one that dataset->target names is filled. */
struct sample {
    struct memory *memory;
    struct picture picture;   /**< decoded, of any size and 1, 3 or 4 channels */
    int32_t        label;     /**< FOV_TARGET_CLASS: 0 .. classes - 1 */
    float         *numbers;   /**< FOV_TARGET_CLASSES: [classes] of 0 and 1; FOV_TARGET_VALUES: [values] */
    struct picture mask;      /**< FOV_TARGET_MASK: [height, width] of the picture, a class per pixel; 255: ignored */
    struct picture other;     /**< FOV_TARGET_PICTURE: what the picture should become */
    fov_box       *boxes;     /**< FOV_TARGET_BOXES: [box_count], in pixels of the picture */
    size_t         number_count, box_count;
    size_t         number_capacity, box_capacity;
};

/** A zeroed sample whose buffers come from `memory`. */
void sample_begin(struct sample *sample, struct memory *memory);
void sample_free(struct sample *sample);
/** Makes room for `count` numbers, which are set to 0, or for `count` boxes; the former content is lost. */
int sample_reserve_numbers(struct sample *sample, size_t count, struct error *error);
int sample_reserve_boxes(struct sample *sample, size_t count, struct error *error);

/** The public view of a sample: pointers into it. */
fov_sample sample_view(const struct sample *sample);

/** "class", "classes", "values", "mask", "boxes", "picture", "none". */
const char *target_name(fov_target target);

#endif
