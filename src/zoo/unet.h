/* SPDX-License-Identifier: MIT */
/* What the two U-Nets share: options, and the U-Net whose encoder is another network's features. */
#ifndef ZOO_UNET_H
#define ZOO_UNET_H

#include "zoo/blocks.h"

struct unet_options {
    int64_t width;
    char backbone[ATTRIBUTE_NAME_SIZE]; /**< "": its own encoder */
};

/** A U-Net whose encoder is the named network's features. x [N, C, H, W] -> [N, classes, H, W] */
fov_value unet_on_backbone(struct zoo_build *b, fov_value x, const char *backbone);

#endif
