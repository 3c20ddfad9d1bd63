/* SPDX-License-Identifier: MIT */
/* Views of a prepared picture: mirrored, and moved by a pixel. What a network says of several, weighted and added up,
 * is steadier than what it says of one. Made of the floats that the network reads, after everything that prepare.c
 * does. */
#ifndef DATA_VIEWS_H
#define DATA_VIEWS_H

#include "data/prepare.h"

enum { VIEWS_MOST = 6 };

struct views {
    int count;
    struct view {
        bool  mirrored;    /**< left to right, after moving */
        int   down, right; /**< pixels; what comes in is the picture reflected at its edge */
        float weight;      /**< all of them add up to 1 */
    } view[VIEWS_MOST];
};

/** "mirror": the picture and its mirror image, half each. "shifts": half of that, and half of both moved by a pixel to
 *  the upper left and to the lower right (Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024, section 3.6). NULL, "" or
 *  "none": the picture alone. E_USAGE for anything else. */
int views_read(const char *text, struct views *views, struct error *error);
/** One view of a picture `from` into `to`, both [height, width, channels]. */
void view_make(const struct view *view, const float *from, float *to, const struct picture_size *size);

#endif
