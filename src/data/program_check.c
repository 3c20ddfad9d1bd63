/* SPDX-License-Identifier: MIT */
/* Checks that a sample supplied by a program is valid and agrees with what the program has stated of its dataset. Every
 * refusal names the sample, what is wrong with it, and what it should be. */
#include "data/program.h"
#include <math.h>
#include <stdarg.h>

int program_refuse(const struct fov_dataset *dataset, size_t index, struct error *error, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    error_set_list(error, FOV_E_INPUT, format, list);
    va_end(list);
    error_prefix(error, "sample %zu of %s", index, dataset->name);
    return FOV_E_INPUT;
}

bool program_has_channels(int channels)
{
    return channels == 1 || channels == 3 || channels == 4;
}

/* `which`: "its picture". */
static int check_size(const struct fov_dataset *dataset, size_t index, const char *which, int height, int width,
                      int channels, struct error *error)
{
    if (height < 1 || width < 1 || !program_has_channels(channels)) {
        return program_refuse(dataset, index, error,
                              "%s is %d x %d (height x width) with %d channels: sizes are 1 and more, "
                              "channels 1, 3 or 4",
                              which, height, width, channels);
    }
    int status = image_check_size((uint64_t)height, (uint64_t)width, error);
    if (status != FOV_OK) {
        error_prefix(error, "sample %zu of %s", index, dataset->name);
    }
    return status;
}

int program_check_picture(const struct fov_dataset *dataset, const fov_dataset_program *stated, size_t index,
                          const fov_sample *given, struct error *error)
{
    if (given->pixels == NULL) {
        return program_refuse(dataset, index, error, "it has no pixels (NULL)");
    }
    int status = check_size(dataset, index, "its picture", given->height, given->width, given->channels, error);
    bool is_as_stated = (stated->height == 0 || stated->height == given->height) &&
                        (stated->width == 0 || stated->width == given->width) &&
                        (stated->channels == 0 || stated->channels == given->channels);
    if (status == FOV_OK && !is_as_stated) {
        status =
            program_refuse(dataset, index, error,
                           "its picture is %d x %d (height x width) with %d channel%s, but the dataset states %d x %d "
                           "with %d (0: any)",
                           given->height, given->width, given->channels, given->channels == 1 ? "" : "s",
                           stated->height, stated->width, stated->channels);
    }
    return status;
}

static int check_label(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    if (given->label < 0 || given->label >= dataset->classes) {
        return program_refuse(dataset, index, error, "its class is %d, and there are %d: 0 to %d", given->label,
                              dataset->classes, dataset->classes - 1);
    }
    return FOV_OK;
}

static int check_numbers(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    bool is_set = dataset->target == FOV_TARGET_CLASSES;
    size_t count = (size_t)(is_set ? dataset->classes : dataset->values);
    if (given->numbers == NULL) {
        return program_refuse(dataset, index, error, "its numbers are missing (NULL): %zu %s", count,
                              is_set ? "of 0 and 1, one for each class" : "values");
    }
    for (size_t i = 0; i < count; i++) {
        float number = given->numbers[i];
        if (!isfinite(number) || (is_set && number != 0.0F && number != 1.0F)) {
            return program_refuse(dataset, index, error,
                                  is_set ? "number %zu is %g: a class is 0 or 1" : "value %zu is %g", i,
                                  (double)number);
        }
    }
    return FOV_OK;
}

static int check_box(const struct fov_dataset *dataset, size_t index, const fov_sample *given, int64_t which,
                     struct error *error)
{
    const float rounding = 0.5F; /* pixels */
    const fov_box *box = &given->boxes[which];
    double x1 = (double)box->x1, y1 = (double)box->y1, x2 = (double)box->x2, y2 = (double)box->y2;
    if (box->label < 0 || box->label >= dataset->classes) {
        return program_refuse(dataset, index, error, "box %lld is of class %d, and there are %d: 0 to %d",
                              (long long)which, box->label, dataset->classes, dataset->classes - 1);
    }
    if (!isfinite(x1) || !isfinite(y1) || !isfinite(x2) || !isfinite(y2) || !(x2 > x1) || !(y2 > y1)) {
        return program_refuse(dataset, index, error, "box %lld has no area: x %g to %g, y %g to %g", (long long)which,
                              x1, x2, y1, y2);
    }
    if (box->x1 < -rounding || box->y1 < -rounding || box->x2 > (float)given->width + rounding ||
        box->y2 > (float)given->height + rounding) {
        return program_refuse(
            dataset, index, error,
            "box %lld, x %g to %g, y %g to %g, sticks out of its picture of %d x %d (height x width): cut it",
            (long long)which, x1, x2, y1, y2, given->height, given->width);
    }
    return FOV_OK;
}

static int check_boxes(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    if (given->box_count < 0 || given->box_count > INT32_MAX || (given->box_count > 0 && given->boxes == NULL)) {
        return program_refuse(dataset, index, error, "it has %lld boxes%s", (long long)given->box_count,
                              given->boxes == NULL ? ", and they are missing (NULL)" : "");
    }
    int status = FOV_OK;
    for (int64_t i = 0; i < given->box_count && status == FOV_OK; i++) {
        status = check_box(dataset, index, given, i, error);
    }
    return status;
}

static int check_mask(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    if (given->mask == NULL) {
        return program_refuse(dataset, index, error,
                              "its mask is missing (NULL): a class for each pixel, %d x %d bytes", given->height,
                              given->width);
    }
    size_t area = (size_t)given->height * (size_t)given->width, width = (size_t)given->width;
    for (size_t i = 0; i < area; i++) {
        if (given->mask[i] != 255 && given->mask[i] >= dataset->classes) {
            return program_refuse(
                dataset, index, error,
                "its mask has class %d in row %zu, column %zu, and there are %d: 0 to %d, or 255: none", given->mask[i],
                i / width, i % width, dataset->classes, dataset->classes - 1);
        }
    }
    return FOV_OK;
}

static int check_other(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    if (given->other == NULL) {
        return program_refuse(dataset, index, error,
                              "its second picture, what the first should become, is missing (NULL)");
    }
    return check_size(dataset, index, "its second picture", given->other_height, given->other_width,
                      given->other_channels, error);
}

/* Refuses a target where the dataset states none: it would be ignored. */
static int check_nothing(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    const char *what = given->label != 0                               ? "a class"
                       : given->numbers != NULL                        ? "numbers"
                       : given->mask != NULL                           ? "a mask"
                       : given->boxes != NULL || given->box_count != 0 ? "boxes"
                       : given->other != NULL                          ? "a second picture"
                                                                       : NULL;
    return what == NULL
               ? FOV_OK
               : program_refuse(dataset, index, error,
                                "it has %s, but the dataset's .target is FOV_TARGET_NONE: state what it is", what);
}

int program_check_target(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    switch (dataset->target) {
    case FOV_TARGET_CLASS:
        return check_label(dataset, index, given, error);
    case FOV_TARGET_CLASSES:
    case FOV_TARGET_VALUES:
        return check_numbers(dataset, index, given, error);
    case FOV_TARGET_BOXES:
        return check_boxes(dataset, index, given, error);
    case FOV_TARGET_MASK:
        return check_mask(dataset, index, given, error);
    case FOV_TARGET_PICTURE:
        return check_other(dataset, index, given, error);
    default:
        return check_nothing(dataset, index, given, error);
    }
}
