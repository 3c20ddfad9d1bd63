/* SPDX-License-Identifier: MIT */
/* The tensors of a conformance case: read from their own small files, and compared element by element. */
#include "base/file.h"
#include "base/text.h"
#include "device/context.h"
#include "model/conformance.h"
#include "tensor/convert.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/** Checks a tensor and copies its elements to the case's arena; `from` may be freed afterwards. */
static int take_tensor(struct case_run *run, const struct onnx_model *model, const struct onnx_tensor *from,
                       const char *name, struct case_tensor *tensor)
{
    struct error *error = &run->context->error;
    *tensor = (struct case_tensor){.data = NULL};
    int status = onnx_tensor_check(model, from, name, &tensor->dtype, &tensor->shape, error);
    if (status || !shape_count(&tensor->shape, &tensor->count)) {
        return status ? status : error_set(error, FOV_E_INPUT, "%s: too large", model->file);
    }
    tensor->data = arena_take(&run->arena, tensor->count, fov_dtype_size(tensor->dtype));
    if (tensor->data == NULL) {
        return FOV_E_MEMORY;
    }
    tensor->rounding = from->type == ONNX_FLOAT16 ? 0x1p-10 : from->type == ONNX_BFLOAT16 ? 0x1p-7 : 0;
    return onnx_tensor_read(model, from, tensor->dtype, tensor->count, tensor->data, error);
}

int case_read_tensor(struct case_run *run, const char *path, struct case_tensor *tensor)
{
    struct file_map    map;
    struct onnx_model  model;
    struct onnx_tensor read;
    int                status = file_map(&map, path, run->context->memory, &run->context->error);
    if (status) {
        return status;
    }
    status = onnx_decode_tensor(&model, &read, path, map.bytes, map.size, &run->arena, &run->context->error);
    if (!status) {
        status = take_tensor(run, &model, &read, read.name, tensor);
    }
    file_unmap(&map);
    return status;
}

bool case_element(const struct case_tensor *tensor, double *number)
{
    if (tensor->data == NULL || tensor->count == 0) {
        return false;
    }
    convert_to_double(tensor->dtype, tensor->data, number, 1);
    return true;
}

bool case_first_element(struct case_run *run, const struct onnx_tensor *tensor, double *number)
{
    struct case_tensor taken;
    return take_tensor(run, run->model, tensor, tensor->name, &taken) == 0 && case_element(&taken, number);
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static bool is_real(fov_dtype dtype)
{
    return dtype == FOV_F32 || dtype == FOV_F64 || dtype == FOV_F16;
}

static bool agrees(const fov_conformance_options *options, fov_dtype dtype, double rounding, const void *got,
                   const void *expected)
{
    if (!is_real(dtype)) {
        return memcmp(got, expected, fov_dtype_size(dtype)) == 0;
    }
    double absolute = options->absolute > 0 ? options->absolute : 1e-7;
    double relative = options->relative > 0 ? options->relative : 1e-3, y, reference;
    relative = rounding > relative ? rounding : relative;
    convert_to_double(dtype, got, &y, 1);
    convert_to_double(dtype, expected, &reference, 1);
    if (isnan(y) || isnan(reference)) {
        return isnan(y) && isnan(reference);
    }
    if (isinf(y) || isinf(reference)) {
        return y == reference;
    }
    return fabs(y - reference) <= absolute + relative * fabs(reference);
}

static void show_element(char *out, size_t size, fov_dtype dtype, const void *element)
{
    int64_t  whole;
    uint64_t natural;
    double   number;
    if (dtype == FOV_I64) { /* a double may not hold it exactly */
        memcpy(&whole, element, sizeof whole);
        snprintf(out, size, "%" PRId64, whole);
    } else if (dtype == FOV_U64) {
        memcpy(&natural, element, sizeof natural);
        snprintf(out, size, "%" PRIu64, natural);
    } else {
        convert_to_double(dtype, element, &number, 1);
        snprintf(out, size, "%.9g", number);
    }
}

/** "[1, 0, 3]" for the element at `index`. */
static void show_place(char *out, size_t size, const fov_shape *shape, size_t index)
{
    size_t used = text_append(out, size, 0, "["), rest = shape_span(shape, 0, shape->rank);
    for (int axis = 0; axis < shape->rank; axis++) {
        rest /= (size_t)shape->dim[axis];
        used = text_append(out, size, used, "%s%zu", axis > 0 ? ", " : "", index / rest);
        index %= rest;
    }
    text_append(out, size, used, "]");
}

bool case_compare(struct case_run *run, int index, const char *name, const struct case_tensor *expected,
                  fov_dtype dtype, const fov_shape *shape, const void *data)
{
    char   label[ONNX_NAME_TEXT], got[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE], place[SHAPE_TEXT_SIZE];
    size_t width = fov_dtype_size(dtype), wrong = 0, first = 0;
    text_escape(label, sizeof label, name);
    if (dtype != expected->dtype) {
        text_add(&run->reason, "output %d \"%s\" is %s, expected %s", index, label, fov_dtype_name(dtype),
                 fov_dtype_name(expected->dtype));
        return false;
    }
    if (!shape_equal(shape, &expected->shape)) {
        text_add(&run->reason, "output %d \"%s\" has shape %s, expected %s", index, label, shape_text(shape, got),
                 shape_text(&expected->shape, wanted));
        return false;
    }
    for (size_t i = expected->count; i-- > 0;) {
        if (!agrees(run->options, dtype, expected->rounding, (const uint8_t *)data + i * width,
                    (const uint8_t *)expected->data + i * width)) {
            wrong++;
            first = i;
        }
    }
    if (wrong == 0) {
        return true;
    }
    show_element(got, sizeof got, dtype, (const uint8_t *)data + first * width);
    show_element(wanted, sizeof wanted, dtype, (const uint8_t *)expected->data + first * width);
    show_place(place, sizeof place, shape, first);
    text_add(&run->reason, "output %d \"%s\": element %s is %s, expected %s (%zu of %zu elements differ)", index, label,
             place, got, wanted, wrong, expected->count);
    return false;
}
