/* SPDX-License-Identifier: MIT */
/* The options of suppression within a network, for model/suppress.c, which adds this operator to networks. */
#ifndef OP_SUPPRESSED_BOXES_H
#define OP_SUPPRESSED_BOXES_H

#include <stdint.h>

struct suppressed_options {
    double overlap; /**< IoU beyond which the better of two boxes of a class suppresses the other */
    double least;   /**< score that a box must exceed */
    int64_t most;   /**< rows per picture, at most */
};

#endif
