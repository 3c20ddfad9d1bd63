/* SPDX-License-Identifier: MIT */
/* What detectors are made of: YOLOX's convolutions and blocks, its backbone, necks and head. Names of parameters are
 * those of its authors' program, so that their weights load. Next: detect_blocks.c, detect_neck.c, yolox.c. */
#ifndef ZOO_DETECT_H
#define ZOO_DETECT_H

#include "zoo/blocks.h"

enum { DETECT_LEVELS = 3 /* maps of stride 8, 16, 32 */ };

enum detect_block {
    DETECT_PLAIN,        /**< 1 x 1, 3 x 3 */
    DETECT_DEPTHWISE,    /**< every 3 x 3 of the network is a depthwise and a pointwise convolution */
    DETECT_GHOST,        /**< Han et al., "GhostNet", CVPR 2020: half of the maps are cheap functions of the others */
    DETECT_SHUFFLE,      /**< ShuffleNet v2's unit */
    DETECT_DYNAMIC,      /**< 3 x 3 mixed of several by attention (zoo_common.convolution) */
    DETECT_CBAM_RESIDUAL /**< always with a shortcut, and CBAM before it */
};
enum detect_neck { DETECT_PAN, DETECT_FPN, DETECT_BIFPN };

struct detect_options {
    int block, neck;
    char backbone[ATTRIBUTE_NAME_SIZE]; /**< "" or csp-darknet: YOLOX's own */
};

/** What differs between the sizes of YOLOX. */
struct detect_plan {
    double depth, width;
    bool darknet; /**< YOLOv3's backbone and neck */
};

/** Batch norm of all convolutions of a detector. */
static const float detect_epsilon = 1e-3F, detect_momentum = 0.03F;

const struct detect_options *zoo_detect_options(const struct zoo_build *b);
enum zoo_activation detect_activation(const struct zoo_build *b);

/** SCOPE.conv, SCOPE.bn and an activation. */
fov_value detect_conv(struct zoo_build *b, fov_value x, const char *scope, int filters, int kernel, int stride);
/** A 3 x 3 one; with DETECT_DEPTHWISE a depthwise and a pointwise one: SCOPE.dconv and SCOPE.pconv. */
fov_value detect_wide(struct zoo_build *b, fov_value x, const char *scope, int filters, int stride);
/** A cross-stage partial layer (Wang et al. 2020): half of the channels go through `blocks` blocks. */
fov_value detect_csp(struct zoo_build *b, fov_value x, const char *scope, int filters, int blocks, bool shortcut);
/** Spatial pyramid pooling: the map concatenated with its maxima over windows of 5, 9 and 13 pixels. */
fov_value detect_pyramid(struct zoo_build *b, fov_value x, const char *scope, int filters);

/** Replaces the backbone's maps of stride 8, 16 and 32 by the neck's. */
void detect_neck(struct zoo_build *b, fov_value map[DETECT_LEVELS]);
/** YOLOv3's neck: replaces the maps of stride 8 and 16, from coarse to fine. */
void detect_neck_v3(struct zoo_build *b, fov_value map[DETECT_LEVELS]);

#endif
