/* SPDX-License-Identifier: MIT */
/* The operations that AutoAugment and RandAugment choose from, each with a magnitude from 0 to 1 of its range (Cubuk et
 * al., "AutoAugment", 2019, table 6) and, where it can go two ways, a random direction. */
#ifndef TRANSFORM_MAGNITUDE_H
#define TRANSFORM_MAGNITUDE_H

#include "transform/transform.h"

enum magnitude_operation {
    MAGNITUDE_SHEAR_X,   /**< slope up to 0.3 */
    MAGNITUDE_SHEAR_Y,
    MAGNITUDE_TRANSLATE_X, /**< whole pixels, up to 150 / 331 of the width */
    MAGNITUDE_TRANSLATE_Y,
    MAGNITUDE_ROTATE,    /**< up to 30 degrees */
    MAGNITUDE_BRIGHTNESS, /**< factors 1 - 0.9 to 1 + 0.9 */
    MAGNITUDE_COLOR,
    MAGNITUDE_CONTRAST,
    MAGNITUDE_SHARPNESS,
    MAGNITUDE_POSTERIZE, /**< 8 bits down to 4 */
    MAGNITUDE_SOLARIZE,  /**< from 256, where nothing is inverted, down to 0 */
    MAGNITUDE_AUTOCONTRAST, /**< this and the next two have no magnitude */
    MAGNITUDE_EQUALIZE,
    MAGNITUDE_INVERT,
    MAGNITUDE_OPERATIONS
};

/** The transform, with its options, for an operation that a policy has chosen; its direction is drawn with `draw`. */
struct transform_use magnitude_use(enum magnitude_operation operation, double magnitude, struct transform_draw *draw);

#endif
