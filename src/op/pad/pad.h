/* SPDX-License-Identifier: MIT */
/* What pad and its gradient share: where the elements of the padded tensor come from. Private to the folder. */
#ifndef OP_PAD_PAD_H
#define OP_PAD_PAD_H

#include "op/index.h"

enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

struct pad_options {
    struct op_list pads; /**< before each dimension, then behind each */
    int            mode;
    double         value;
};

/** Along one dimension: x's size and the pads; negative ones cut off. */
struct pad_range {
    int64_t size, before, behind;
};

enum { PAD_PADS = 1, PAD_VALUE = 2, PAD_AXES = 3 };

/** Fills range[] from the options, or from the inputs pads (port `first`) and axes (port first + 2). */
int pad_resolve(const struct index_source *source, const struct pad_options *options, int first, const fov_shape *x,
                struct pad_range range[FOV_MAX_RANK], struct error *error);
/** Index in x of the result's element `at` along a dimension; -1: the element is the padding's value. */
int64_t pad_source(const struct pad_range *range, int mode, int64_t at);

int pad_infer(const struct op_infer *infer);

extern const struct op_attribute pad_attributes[];

#endif
