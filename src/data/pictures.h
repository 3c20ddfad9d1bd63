/* SPDX-License-Identifier: MIT */
/* The check of a picture that a program gives to a public function (pictures.c). Pictures from files need none: their
 * decoders keep to the same limits. */
#ifndef DATA_PICTURES_H
#define DATA_PICTURES_H

#include "base/error.h"
#include <fovea/dataset.h>

/** E_USAGE: no pixels, a side below 1, channels other than 1, 3 or 4; E_INPUT beyond the limits of image.h. */
int pictures_check(const fov_image *picture, struct error *error);

#endif
