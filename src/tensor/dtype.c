/* SPDX-License-Identifier: MIT */
/* Names and sizes of the element types. Conversion of their values to double and back is in convert.c. */
#include <fovea/types.h>

static const struct {
    const char *name;
    size_t      size; /* bytes */
} dtypes[FOV_DTYPE_COUNT] = {
    [FOV_F32] = {"f32", 4}, [FOV_F64] = {"f64", 8}, [FOV_F16] = {"f16", 2}, [FOV_I64] = {"i64", 8},
    [FOV_I32] = {"i32", 4}, [FOV_I16] = {"i16", 2}, [FOV_I8] = {"i8", 1},   [FOV_U64] = {"u64", 8},
    [FOV_U32] = {"u32", 4}, [FOV_U16] = {"u16", 2}, [FOV_U8] = {"u8", 1},   [FOV_BOOL] = {"bool", 1},
};

const char *fov_dtype_name(fov_dtype dtype)
{
    return (unsigned)dtype < FOV_DTYPE_COUNT ? dtypes[dtype].name : "unknown";
}

size_t fov_dtype_size(fov_dtype dtype)
{
    return (unsigned)dtype < FOV_DTYPE_COUNT ? dtypes[dtype].size : 0;
}
