/* SPDX-License-Identifier: MIT */
/* Element types, shapes and value ids, which every other header uses. */
#ifndef FOVEA_TYPES_H
#define FOVEA_TYPES_H

#include <fovea/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Element types. Zero is float32, so that a zeroed options struct means float32. */
typedef enum fov_dtype {
    FOV_F32 = 0,
    FOV_F64,
    FOV_F16,
    FOV_I64,
    FOV_I32,
    FOV_I16,
    FOV_I8,
    FOV_U64,
    FOV_U32,
    FOV_U16,
    FOV_U8,
    FOV_BOOL, /**< one byte, 0 or 1 */
    FOV_DTYPE_COUNT
} fov_dtype;

enum {
    FOV_MAX_RANK = 8,
    FOV_BATCH    = -1 /**< a dimension that is known only when a plan is made: the number of samples, N */
};

/** Dimensions of a tensor, outermost first. Images are always N, C, H, W here, however they are stored. */
typedef struct fov_shape {
    int     rank; /**< 0 = a scalar */
    int64_t dim[FOV_MAX_RANK];
} fov_shape;

/** A tensor in a graph: an input, a parameter, a constant, or the result of an operator. id 0: no value, which is also
 *  what a failing call returns. */
typedef struct fov_value {
    int id;
} fov_value;

/** A tensor with a name. */
typedef struct fov_tensor {
    /** a value's name in the model's graph (fov_value_name); for results also the name of a layer
     *  (fov_model_summary) */
    const char *name;
    fov_dtype dtype;
    fov_shape shape;
    const void *data; /**< in plain order, the last dimension contiguous */
} fov_tensor;

FOV_API const char *fov_dtype_name(fov_dtype dtype); /**< "f32" */
FOV_API size_t      fov_dtype_size(fov_dtype dtype); /**< bytes per element */

#ifdef __cplusplus
}
#endif
#endif
