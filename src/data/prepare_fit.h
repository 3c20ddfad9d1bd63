/* SPDX-License-Identifier: MIT */
/* The first step of preparing a sample (prepare.h): its channels, and the crop, bars or ink fit of its
 * preprocessing. */
#ifndef DATA_PREPARE_FIT_H
#define DATA_PREPARE_FIT_H

#include "data/prepare.h"

/** Makes a buffer hold at least `need` bytes; its content is lost when it grows. */
int prepare_grow(struct memory *memory, struct prepare_pixels *pixels, size_t need, struct error *error);
/** Converts *picture to `channels` channels, into `buffer` if it does not have as many already. */
int prepare_convert(const struct preparation *preparation, struct prepare_pixels *buffer, struct picture *picture,
                    int channels, struct error *error);
/** Applies the preprocessing's channels and fit to *picture. A result that does not have the input's size has yet to be
 *  resized to it. The new pixels lie in the preparer, or where they were if nothing changed. */
int prepare_fit(const struct preparation *preparation, struct preparer *preparer, struct picture *picture, int channels,
                struct error *error);

#endif
