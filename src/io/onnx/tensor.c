/* SPDX-License-Identifier: MIT */
/* Reading TensorProtos: checks that type, dimensions and data agree, and copies the elements to plain memory. Nothing
 * is allocated for a tensor before the file is known to hold that many bytes. The two floating types of 16 bits are
 * converted to float32: they save space in files, but fovea computes with them in float32. */
#include "base/text.h"
#include "io/onnx/message.h"
#include "tensor/convert.h"
#include <string.h>

/** The typed field that may hold a tensor's elements: bits as in onnx_tensor.typed_fields. */
enum { IN_FLOATS = 1, IN_INT32 = 2, IN_INT64 = 4, IN_DOUBLES = 8, IN_UINT64 = 16, IN_STRINGS = 32, NOWHERE = 0 };

static const struct {
    int32_t     type;
    const char *name;
    fov_dtype   dtype; /**< the dtype that it is read as */
    int         field;
    size_t      stored; /**< bytes of an element in the file */
} type_list[] = {
    {ONNX_FLOAT, "FLOAT", FOV_F32, IN_FLOATS, 4},
    {ONNX_UINT8, "UINT8", FOV_U8, IN_INT32, 1},
    {ONNX_INT8, "INT8", FOV_I8, IN_INT32, 1},
    {ONNX_UINT16, "UINT16", FOV_U16, IN_INT32, 2},
    {ONNX_INT16, "INT16", FOV_I16, IN_INT32, 2},
    {ONNX_INT32, "INT32", FOV_I32, IN_INT32, 4},
    {ONNX_INT64, "INT64", FOV_I64, IN_INT64, 8},
    {ONNX_BOOL, "BOOL", FOV_BOOL, IN_INT32, 1},
    {ONNX_FLOAT16, "FLOAT16", FOV_F32, IN_INT32, 2},
    {ONNX_BFLOAT16, "BFLOAT16", FOV_F32, IN_INT32, 2},
    {ONNX_DOUBLE, "DOUBLE", FOV_F64, IN_DOUBLES, 8},
    {ONNX_UINT32, "UINT32", FOV_U32, IN_UINT64, 4},
    {ONNX_UINT64, "UINT64", FOV_U64, IN_UINT64, 8},
    {ONNX_STRING, "STRING", FOV_DTYPE_COUNT, IN_STRINGS, 0},
    {ONNX_COMPLEX64, "COMPLEX64", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_COMPLEX128, "COMPLEX128", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_FLOAT8E4M3FN, "FLOAT8E4M3FN", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_FLOAT8E4M3FNUZ, "FLOAT8E4M3FNUZ", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_FLOAT8E5M2, "FLOAT8E5M2", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_FLOAT8E5M2FNUZ, "FLOAT8E5M2FNUZ", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_UINT4, "UINT4", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_INT4, "INT4", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_FLOAT4E2M1, "FLOAT4E2M1", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_FLOAT8E8M0, "FLOAT8E8M0", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_UINT2, "UINT2", FOV_DTYPE_COUNT, NOWHERE, 0},
    {ONNX_INT2, "INT2", FOV_DTYPE_COUNT, NOWHERE, 0},
};

enum { TYPE_COUNT = sizeof type_list / sizeof type_list[0] };

fov_dtype onnx_type_dtype(int32_t type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (type_list[i].type == type) {
            return type_list[i].dtype;
        }
    }
    return FOV_DTYPE_COUNT;
}

int32_t onnx_type_of(fov_dtype dtype)
{
    if (dtype == FOV_F16) {
        return ONNX_FLOAT16;
    }
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (type_list[i].dtype == dtype && dtype != FOV_DTYPE_COUNT) {
            return type_list[i].type;
        }
    }
    return ONNX_UNDEFINED;
}

const char *onnx_type_name(int32_t type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (type_list[i].type == type) {
            return type_list[i].name;
        }
    }
    return "of an unknown type";
}

/** The index of a type in type_list; only for types that can be read. */
static size_t find_type(int32_t type)
{
    size_t i = 0;
    while (i + 1 < TYPE_COUNT && type_list[i].type != type) {
        i++;
    }
    return i;
}

bool onnx_type_is_half(int32_t type)
{
    return type == ONNX_FLOAT16 || type == ONNX_BFLOAT16;
}

static int check_amount(const struct onnx_model *model, const struct onnx_tensor *tensor, const char *name,
                        size_t count, struct error *error)
{
    size_t at = find_type(tensor->type), bytes = count * type_list[at].stored; /* cannot overflow: see shape_bytes */
    if (tensor->raw != NULL && tensor->typed_fields != 0) {
        return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": both raw_data and typed data", model->file,
                         tensor->offset, name);
    }
    if (tensor->raw != NULL) {
        if (tensor->raw_size != bytes) {
            return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": raw_data: wrong size (got %zu bytes, "
                             "expected %zu)", model->file, tensor->offset, name, tensor->raw_size, bytes);
        }
        return 0;
    }
    if ((tensor->typed_fields & ~type_list[at].field) != 0) {
        return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": its data is of another type than %s",
                         model->file, tensor->offset, name, onnx_type_name(tensor->type));
    }
    size_t got = type_list[at].field == IN_FLOATS    ? tensor->floats.count
                 : type_list[at].field == IN_DOUBLES ? tensor->doubles.count
                                                     : tensor->integers.count;
    if (got != count) {
        return error_set(error, FOV_E_INPUT,
                         "%s: byte %zu: tensor \"%s\": wrong number of elements (got %zu, expected %zu)", model->file,
                         tensor->offset, name, got, count);
    }
    return 0;
}

int onnx_tensor_check(const struct onnx_model *model, const struct onnx_tensor *tensor, const char *what,
                      fov_dtype *dtype, fov_shape *shape, struct error *error)
{
    char name[ONNX_NAME_TEXT], text[SHAPE_TEXT_SIZE];
    text_escape(name, sizeof name, what);
    *dtype = onnx_type_dtype(tensor->type);
    if (*dtype == FOV_DTYPE_COUNT) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "%s: byte %zu: tensor \"%s\": data_type: cannot be read here (got %d, %s)", model->file,
                         tensor->offset, name, (int)tensor->type, onnx_type_name(tensor->type));
    }
    if (tensor->has_segment) {
        return error_set(error, FOV_E_UNSUPPORTED, "%s: byte %zu: tensor \"%s\": stored in segments", model->file,
                         tensor->offset, name);
    }
    if (tensor->dims.count > FOV_MAX_RANK) {
        return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": dims: too many (got %zu, limit %d)",
                         model->file, tensor->offset, name, tensor->dims.count, FOV_MAX_RANK);
    }
    *shape = (fov_shape){.rank = (int)tensor->dims.count};
    for (size_t i = 0; i < tensor->dims.count; i++) {
        shape->dim[i] = tensor->dims.at[i];
        if (shape->dim[i] < 0) {
            return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": dims: negative (got %lld)", model->file,
                             tensor->offset, name, (long long)shape->dim[i]);
        }
    }
    size_t count, bytes;
    if (!shape_count(shape, &count) || !shape_bytes(shape, *dtype, &bytes)) {
        return error_set(error, FOV_E_INPUT, "%s: byte %zu: tensor \"%s\": size overflow in shape %s", model->file,
                         tensor->offset, name, shape_text(shape, text));
    }
    return check_amount(model, tensor, name, count, error);
}

enum { HALVES = 1024 }; /* how many elements are widened at a time */

static float widen(int32_t type, uint16_t half)
{
    return type == ONNX_BFLOAT16 ? convert_bfloat16_to_float(half) : convert_half_to_float(half);
}

static int read_halves(const struct file_map *map, const struct onnx_tensor *tensor, size_t count, float *data,
                       struct error *error)
{
    uint16_t halves[HALVES];
    for (size_t i = 0; tensor->raw == NULL && i < count; i++) {
        data[i] = widen(tensor->type, (uint16_t)tensor->integers.at[i]);
    }
    for (size_t first = 0; tensor->raw != NULL && first < count; first += HALVES) {
        size_t length = count - first < HALVES ? count - first : HALVES;
        int    status = file_copy(map, tensor->raw + first * sizeof *halves, length * sizeof *halves, halves, error);
        if (status) {
            return status;
        }
        for (size_t i = 0; i < length; i++) {
            data[first + i] = widen(tensor->type, halves[i]);
        }
    }
    return 0;
}

int onnx_tensor_read(const struct onnx_model *model, const struct onnx_tensor *tensor, fov_dtype dtype, size_t count,
                     void *data, struct error *error)
{
    const struct file_map *map = tensor->outside != NULL ? &tensor->outside->map : model->map;
    size_t                 width = fov_dtype_size(dtype);
    if (count == 0) {
        return 0;
    }
    if (onnx_type_is_half(tensor->type)) {
        return read_halves(map, tensor, count, data, error);
    }
    if (tensor->raw != NULL) {
        int status = file_copy(map, tensor->raw, count * width, data, error);
        if (status) {
            return status;
        }
    } else if (dtype == FOV_F32) {
        memcpy(data, tensor->floats.at, count * width);
    } else if (dtype == FOV_F64) {
        memcpy(data, tensor->doubles.at, count * width);
    } else {
        /* Integers and booleans were decoded to int64: the low bytes are the element (little-endian). */
        for (size_t i = 0; i < count; i++) {
            memcpy((uint8_t *)data + i * width, &tensor->integers.at[i], width);
        }
    }
    if (dtype == FOV_BOOL) {
        for (size_t i = 0; i < count; i++) {
            ((uint8_t *)data)[i] = ((const uint8_t *)data)[i] != 0;
        }
    }
    return 0;
}
