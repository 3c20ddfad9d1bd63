/* SPDX-License-Identifier: MIT */
/* The first part of a sample's way (prepare.h): channels and the piece that preprocessing says. */
#ifndef DATA_PREPARE_FIT_H
#define DATA_PREPARE_FIT_H

#include "data/prepare.h"

/** Makes a buffer hold `need` bytes, not keeping what is in it. */
int prepare_grow(struct memory *memory, struct prepare_pixels *pixels, size_t need, struct error *error);
/** *picture's pixels with `channels` channels, in `buffer` where they have others. */
int prepare_convert(const struct preparation *preparation, struct prepare_pixels *buffer, struct picture *picture,
                    int channels, struct error *error);
/** *picture becomes what is made of it with `channels` channels: what is not of the input's size then is to be resized
 *  to it. Its pixels lie in the preparer, or where they were. */
int prepare_fit(const struct preparation *preparation, struct preparer *preparer, struct picture *picture, int channels,
                struct error *error);

#endif
