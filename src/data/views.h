/* SPDX-License-Identifier: MIT */
/* Test-time augmentation: views of a prepared picture, mirrored and shifted by a pixel. The weighted sum of a network's
 * outputs for several views varies less than its output for one. Views are made from the network's input floats,
 * after everything that prepare.c does. */
#ifndef DATA_VIEWS_H
#define DATA_VIEWS_H

#include "data/prepare.h"

enum { VIEWS_MOST = 6 };

struct views {
    int count;
    struct view {
        bool  mirrored;    /**< left to right, after shifting */
        int   down, right; /**< shift in pixels; the uncovered edge is filled by reflection */
        float weight;      /**< the weights of all views add up to 1 */
    } view[VIEWS_MOST];
};

/** "mirror": the picture and its mirror image, half each. "shifts": half of that, and half of both moved by a pixel to
 *  the upper left and to the lower right (Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024, section 3.6). NULL, "" or
 *  "none": the picture alone. E_USAGE for anything else. */
int views_read(const char *text, struct views *views, struct error *error);
/** Makes a view of the picture `from` in `to`, both [height, width, channels]. */
void view_make(const struct view *view, const float *from, float *to, const struct picture_size *size);

#endif
