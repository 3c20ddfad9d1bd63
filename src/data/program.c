/* SPDX-License-Identifier: MIT */
/* Datasets that a program makes itself: from arrays in its memory, or from a function that fills one sample after the
 * other. What comes from there is checked like what comes from files. */
#include "data/dataset.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct program_state {
    fov_dataset_program program;
};

/* ---- one sample -------------------------------------------------------------------------------------------------- */

static int refuse(const struct fov_dataset *dataset, size_t index, struct error *error, const char *what)
{
    return error_set(error, FOV_E_INPUT, "sample %zu of %s: %s", index, dataset->name, what);
}

static bool has_channels(int channels)
{
    return channels == 1 || channels == 3 || channels == 4;
}

/* A picture that the program owns, copied. */
static int copy_picture(struct picture *to, const uint8_t *pixels, int height, int width, int channels,
                        struct error *error)
{
    int status = picture_reserve(to, height, width, channels, error);
    if (status == FOV_OK) {
        memcpy(to->buffer, pixels, (size_t)height * (size_t)width * (size_t)channels);
    }
    return status;
}

static int check_picture(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error)
{
    if (given->pixels == NULL || given->height < 1 || given->width < 1 || !has_channels(given->channels)) {
        return refuse(dataset, index, error, "a picture has pixels, a size above 0, and 1, 3 or 4 channels");
    }
    return image_check_size((uint64_t)given->height, (uint64_t)given->width, error);
}

static int copy_numbers(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct sample *sample,
                        struct error *error)
{
    bool is_set = dataset->target == FOV_TARGET_CLASSES;
    size_t count = (size_t)(is_set ? dataset->classes : dataset->values);
    if (given->numbers == NULL) {
        return refuse(dataset, index, error, "its numbers are missing");
    }
    int status = sample_reserve_numbers(sample, count, error);
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        float number = given->numbers[i];
        sample->numbers[i] = number;
        if (!isfinite(number) || (is_set && number != 0.0F && number != 1.0F)) {
            status = refuse(dataset, index, error, is_set ? "a class is 0 or 1" : "a value is not finite");
        }
    }
    return status;
}

static int copy_boxes(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct sample *sample,
                      struct error *error)
{
    if (given->box_count < 0 || given->box_count > INT32_MAX || (given->box_count > 0 && given->boxes == NULL)) {
        return refuse(dataset, index, error, "its boxes are missing");
    }
    int status = sample_reserve_boxes(sample, (size_t)given->box_count, error);
    for (int64_t i = 0; i < given->box_count && status == FOV_OK; i++) {
        const fov_box *box = &given->boxes[i];
        sample->boxes[i] = *box;
        if (box->label < 0 || box->label >= dataset->classes || !isfinite(box->x1) || !isfinite(box->y1) ||
            !isfinite(box->x2) || !isfinite(box->y2) || !(box->x2 > box->x1) || !(box->y2 > box->y1)) {
            status = refuse(dataset, index, error, "a box has a known class and an area");
        }
    }
    return status;
}

static int copy_mask(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct sample *sample,
                     struct error *error)
{
    if (given->mask == NULL) {
        return refuse(dataset, index, error, "its mask is missing");
    }
    int status = copy_picture(&sample->mask, given->mask, given->height, given->width, 1, error);
    size_t area = (size_t)given->height * (size_t)given->width;
    for (size_t i = 0; i < area && status == FOV_OK; i++) {
        if (sample->mask.buffer[i] != 255 && sample->mask.buffer[i] >= dataset->classes) {
            status = refuse(dataset, index, error, "its mask has a class beyond those there are");
        }
    }
    return status;
}

static int copy_target(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct sample *sample,
                       struct error *error)
{
    switch (dataset->target) {
    case FOV_TARGET_CLASS:
        sample->label = given->label;
        return given->label >= 0 && given->label < dataset->classes
                   ? FOV_OK
                   : refuse(dataset, index, error, "its class is beyond those there are");
    case FOV_TARGET_CLASSES:
    case FOV_TARGET_VALUES:
        return copy_numbers(dataset, index, given, sample, error);
    case FOV_TARGET_BOXES:
        return copy_boxes(dataset, index, given, sample, error);
    case FOV_TARGET_MASK:
        return copy_mask(dataset, index, given, sample, error);
    case FOV_TARGET_PICTURE:
        if (given->other == NULL || given->other_height < 1 || given->other_width < 1 ||
            !has_channels(given->other_channels)) {
            return refuse(dataset, index, error, "its second picture is missing");
        }
        return copy_picture(&sample->other, given->other, given->other_height, given->other_width,
                            given->other_channels, error);
    default:
        return FOV_OK;
    }
}

/* What the program says of a sample; `take` copies what is wanted of it. */
static int ask(const struct fov_dataset *dataset, size_t index, bool with_target, struct picture *picture,
               struct sample *sample, struct error *error)
{
    const fov_dataset_program *program = &((const struct program_state *)dataset->state)->program;
    fov_sample given = {.pixels = NULL};
    int status = program->read(program->user, (int64_t)index, &given);
    if (status != FOV_OK) {
        return error_set(error, status > FOV_OK && status <= FOV_E_UNSUPPORTED ? (fov_status)status : FOV_E_INPUT,
                         "sample %zu of %s: the program's function answered %d", index, dataset->name, status);
    }
    status = check_picture(dataset, index, &given, error);
    status = status ? status : copy_picture(picture, given.pixels, given.height, given.width, given.channels, error);
    if (status == FOV_OK && with_target) {
        status = copy_target(dataset, index, &given, sample, error);
    }
    if (program->done != NULL) {
        program->done(program->user, &given);
    }
    return status;
}

static int program_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    return ask(dataset, index, false, picture, NULL, error);
}

static int program_read(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error)
{
    return ask(dataset, index, true, &sample->picture, sample, error);
}

static void program_close(struct fov_dataset *dataset)
{
    struct program_state *state = dataset->state;
    if (state != NULL && state->program.release != NULL) {
        state->program.release(state->program.user);
    }
    memory_free(dataset->context->memory, state);
}

static const struct data_source source_function = {
    .name = "program", .sample = program_sample, .read = program_read, .close = program_close};
/* Samples that lie in the program's memory: dataset->pixels. */
static const struct data_source source_arrays = {.name = "program", .close = program_close};

/* ---- making one -------------------------------------------------------------------------------------------------- */

static int check_program(const fov_dataset_program *program, struct error *error)
{
    bool names_classes = program->target == FOV_TARGET_CLASS || program->target == FOV_TARGET_CLASSES ||
                         program->target == FOV_TARGET_MASK || program->target == FOV_TARGET_BOXES;
    if (program->count < 1 || program->count > UINT32_MAX) {
        return error_set(error, FOV_E_USAGE, "fov_dataset_create: a dataset has 1 to %u samples, not %lld", UINT32_MAX,
                         (long long)program->count);
    }
    if ((unsigned)program->target > FOV_TARGET_PICTURE) {
        return error_set(error, FOV_E_USAGE, "fov_dataset_create: there is no target %d", (int)program->target);
    }
    if ((program->read != NULL) == (program->pixels != NULL)) {
        return error_set(error, FOV_E_USAGE, "fov_dataset_create: give either a function or pixels");
    }
    if (names_classes &&
        (program->classes < 1 || program->classes > (program->target == FOV_TARGET_MASK ? 255 : 100000))) {
        return error_set(error, FOV_E_USAGE, "fov_dataset_create: %d classes are out of range", program->classes);
    }
    if (program->target == FOV_TARGET_VALUES && (program->values < 1 || program->values > 100000)) {
        return error_set(error, FOV_E_USAGE, "fov_dataset_create: %d values are out of range", program->values);
    }
    if (program->pixels != NULL &&
        (program->target > FOV_TARGET_CLASS || program->height < 1 || program->width < 1 ||
         !has_channels(program->channels) || (program->target == FOV_TARGET_CLASS && program->labels == NULL))) {
        return error_set(error, FOV_E_USAGE,
                         "fov_dataset_create: arrays are of pictures of one size with a class each, or without");
    }
    return FOV_OK;
}

/* Names, or numbers for them. */
static int take_names(struct fov_dataset *dataset, const fov_dataset_program *program, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    bool is_values = program->target == FOV_TARGET_VALUES;
    const char *const *given = is_values ? program->value_names : program->class_names;
    size_t count = (size_t)(is_values ? program->values : program->classes);
    if (count == 0 || program->target == FOV_TARGET_NONE || program->target == FOV_TARGET_PICTURE) {
        return FOV_OK;
    }
    const char **names = memory_allocate(memory, count, sizeof *names, "names", error);
    char(*numbers)[24] = memory_allocate(memory, count, sizeof *numbers, "names", error);
    int status = names && numbers ? FOV_OK : FOV_E_MEMORY;
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%zu", i);
        names[i] = given != NULL && given[i] != NULL ? given[i] : numbers[i];
    }
    if (status == FOV_OK) {
        status = is_values ? dataset_set_values(dataset, names, count, error)
                           : dataset_set_classes(dataset, names, count, error);
    }
    memory_free(memory, numbers);
    memory_free(memory, names);
    return status;
}

/* Class of each sample: from the array, or asked for one by one. */
static int take_labels(struct fov_dataset *dataset, const fov_dataset_program *program, struct error *error)
{
    if (program->target != FOV_TARGET_CLASS) {
        return FOV_OK;
    }
    dataset->labels =
        memory_allocate_raw(dataset->context->memory, dataset->count, sizeof *dataset->labels, "labels", error);
    int status = dataset->labels ? FOV_OK : FOV_E_MEMORY;
    for (size_t i = 0; i < dataset->count && status == FOV_OK; i++) {
        if (program->labels == NULL) {
            status = program_read(dataset, i, &dataset->current, error);
            dataset->labels[i] = dataset->current.label;
        } else {
            dataset->labels[i] = program->labels[i];
        }
        if (status == FOV_OK && (dataset->labels[i] < 0 || dataset->labels[i] >= dataset->classes)) {
            status = refuse(dataset, i, error, "its class is beyond those there are");
        }
    }
    return status;
}

/* The size of all, or of the first. */
static int take_size(struct fov_dataset *dataset, const fov_dataset_program *program, struct error *error)
{
    dataset->height = program->height;
    dataset->width = program->width;
    dataset->channels = program->channels;
    dataset->same_size = program->pixels != NULL || (program->height > 0 && program->width > 0);
    if (program->height > 0 && program->width > 0 && has_channels(program->channels)) {
        return FOV_OK;
    }
    int status = program_sample(dataset, 0, &dataset->current.picture, error);
    dataset->height = program->height > 0 ? program->height : dataset->current.picture.height;
    dataset->width = program->width > 0 ? program->width : dataset->current.picture.width;
    dataset->channels = has_channels(program->channels) ? program->channels : dataset->current.picture.channels;
    return status;
}

static int fill(struct fov_dataset *dataset, const fov_dataset_program *program, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    struct program_state *state = memory_allocate(memory, 1, sizeof *state, "a program's dataset", error);
    if (state == NULL) {
        return FOV_E_MEMORY;
    }
    dataset->state = state;
    state->program = *program;
    state->program.release = NULL; // the program's own, until all is well
    dataset->count = (size_t)program->count;
    dataset->target = program->target;
    dataset->pixels = program->pixels;
    dataset->where = memory_copy_text(memory, program->name ? program->name : "a program", error);
    dataset->name = program->name ? dataset->where : "program";
    int status = dataset->where ? take_names(dataset, program, error) : FOV_E_MEMORY;
    status = status ? status : take_size(dataset, program, error);
    status = status ? status : take_labels(dataset, program, error);
    if (status == FOV_OK) {
        dataset->least[0] = dataset->most[0] = dataset->height;
        dataset->least[1] = dataset->most[1] = dataset->width;
        state->program.release = program->release;
    }
    return status;
}

fov_dataset *fov_dataset_create(fov_context *context, const fov_dataset_program *program)
{
    call_fresh(context);
    if (context == NULL) {
        return NULL;
    }
    struct error error = {.status = FOV_OK};
    fov_dataset *dataset = NULL;
    if (program == NULL) {
        error_set(&error, FOV_E_USAGE, "fov_dataset_create: nothing is given");
    } else if (check_program(program, &error) == FOV_OK) {
        dataset = memory_allocate(context->memory, 1, sizeof *dataset, "a dataset", &error);
    }
    if (dataset != NULL) {
        dataset->context = context;
        dataset->source = program->read != NULL ? &source_function : &source_arrays;
        sample_begin(&dataset->current, context->memory);
        if (fill(dataset, program, &error) != FOV_OK) {
            fov_dataset_free(dataset);
            dataset = NULL;
        }
    }
    if (dataset == NULL) {
        error_set(&context->error, error.status, "%s", error.text);
    }
    return dataset;
}
