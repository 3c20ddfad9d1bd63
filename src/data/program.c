/* SPDX-License-Identifier: MIT */
/* Datasets that a calling program makes itself: from arrays in its memory, or from a function that fills in one sample
 * per call. program_check.c checks these samples like those from files, and against what the program has stated. */
#include "data/program.h"
#include <stdio.h>
#include <string.h>

struct program_state {
    fov_dataset_program program;
    size_t *first_box; /* [count] index in program.boxes of each sample's first box; NULL: no arrays of boxes */
};

static const struct program_state *state_of(const struct fov_dataset *dataset)
{
    return dataset->state;
}

/* ---- one sample: copied ------------------------------------------------------------------------------------------ */

static int copy_picture(struct picture *to, const uint8_t *pixels, int height, int width, int channels,
                        struct error *error)
{
    int status = picture_reserve(to, height, width, channels, error);
    if (status == FOV_OK) {
        memcpy(to->buffer, pixels, (size_t)height * (size_t)width * (size_t)channels);
    }
    return status;
}

/* Copies a target that has been checked. */
static int copy_target(const struct fov_dataset *dataset, const fov_sample *given, struct sample *sample,
                       struct error *error)
{
    size_t numbers = (size_t)(dataset->target == FOV_TARGET_CLASSES ? dataset->classes : dataset->values);
    int status = FOV_OK;
    switch (dataset->target) {
    case FOV_TARGET_CLASS:
        sample->label = given->label;
        return FOV_OK;
    case FOV_TARGET_CLASSES:
    case FOV_TARGET_VALUES:
        status = sample_reserve_numbers(sample, numbers, error);
        if (status == FOV_OK) {
            memcpy(sample->numbers, given->numbers, numbers * sizeof *sample->numbers);
        }
        return status;
    case FOV_TARGET_BOXES:
        status = sample_reserve_boxes(sample, (size_t)given->box_count, error);
        if (status == FOV_OK && given->box_count > 0) {
            memcpy(sample->boxes, given->boxes, (size_t)given->box_count * sizeof *sample->boxes);
        }
        return status;
    case FOV_TARGET_MASK:
        return copy_picture(&sample->mask, given->mask, given->height, given->width, 1, error);
    case FOV_TARGET_PICTURE:
        return copy_picture(&sample->other, given->other, given->other_height, given->other_width,
                            given->other_channels, error);
    default:
        return FOV_OK;
    }
}

/* ---- from a function --------------------------------------------------------------------------------------------- */

/* Compares the sample's class with the one already known: .labels may be left unrepeated (label 0), but the function
 * must not contradict it, nor its own earlier answer. */
static int take_known_label(const struct fov_dataset *dataset, size_t index, fov_sample *given, struct error *error)
{
    if (dataset->labels == NULL || given->label == dataset->labels[index]) {
        return FOV_OK;
    }
    bool is_stated = state_of(dataset)->program.labels != NULL;
    if (is_stated && given->label == 0) {
        given->label = dataset->labels[index];
        return FOV_OK;
    }
    return program_refuse(dataset, index, error,
                          is_stated
                              ? "its class is %d, but .labels has %d"
                              : "its class is %d now and was %d before: the same number must give the same sample",
                          given->label, dataset->labels[index]);
}

static int take(const struct fov_dataset *dataset, size_t index, fov_sample *given, bool with_target,
                struct picture *picture, struct sample *sample, struct error *error)
{
    int status = program_check_picture(dataset, &state_of(dataset)->program, index, given, error);
    status =
        status ? status : copy_picture(picture, given->pixels, given->height, given->width, given->channels, error);
    if (status != FOV_OK || !with_target) {
        return status;
    }
    status = take_known_label(dataset, index, given, error);
    status = status ? status : program_check_target(dataset, index, given, error);
    return status ? status : copy_target(dataset, given, sample, error);
}

/* Calls the program's function for a sample and copies its picture, and its target if with_target. */
static int ask(const struct fov_dataset *dataset, size_t index, bool with_target, struct picture *picture,
               struct sample *sample, struct error *error)
{
    const fov_dataset_program *program = &state_of(dataset)->program;
    fov_sample given = {.pixels = NULL};
    int status = program->read(program->user, (int64_t)index, &given);
    if (status != FOV_OK) {
        return error_set(error, status > FOV_OK && status <= FOV_E_INTERRUPTED ? (fov_status)status : FOV_E_INPUT,
                         "sample %zu of %s: the program's function answered %d", index, dataset->name, status);
    }
    fov_sample checked = given;
    status = take(dataset, index, &checked, with_target, picture, sample, error);
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

/* ---- from arrays ------------------------------------------------------------------------------------------------- */

/* A view of sample `index` in the program's arrays. */
static fov_sample view(const struct fov_dataset *dataset, size_t index)
{
    const struct program_state *state = dataset->state;
    const fov_dataset_program *p = &state->program;
    size_t area = (size_t)p->height * (size_t)p->width;
    size_t other = (size_t)p->other_height * (size_t)p->other_width * (size_t)p->other_channels;
    fov_sample at = {.height = p->height, .width = p->width, .channels = p->channels};
    at.pixels = p->pixels + index * area * (size_t)p->channels;
    at.label = dataset->labels != NULL ? dataset->labels[index] : 0; /* the copy: .labels need not live on */
    if (p->numbers != NULL) {
        at.numbers = p->numbers + index * (size_t)(dataset->target == FOV_TARGET_VALUES ? p->values : p->classes);
    }
    at.mask = p->masks != NULL ? p->masks + index * area : NULL;
    if (state->first_box != NULL) {
        at.boxes = p->boxes != NULL ? p->boxes + state->first_box[index] : NULL;
        at.box_count = p->box_counts[index];
    }
    if (p->others != NULL) {
        at.other_height = p->other_height;
        at.other_width = p->other_width;
        at.other_channels = p->other_channels;
        at.other = p->others + index * other;
    }
    return at;
}

static int array_target(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error)
{
    fov_sample at = view(dataset, index);
    return copy_target(dataset, &at, sample, error);
}

static void program_close(struct fov_dataset *dataset)
{
    struct program_state *state = dataset->state;
    if (state != NULL && state->program.release != NULL) {
        state->program.release(state->program.user);
    }
    memory_free(dataset->context->memory, state != NULL ? state->first_box : NULL);
    memory_free(dataset->context->memory, state);
}

static const struct data_source source_function = {
    .name = "program", .is_program = true, .sample = program_sample, .read = program_read, .close = program_close};
/* Samples that lie in the program's memory: dataset->pixels. */
static const struct data_source source_arrays = {.name = "program", .target = array_target, .close = program_close};

/* ---- making one -------------------------------------------------------------------------------------------------- */

enum {
    OF_CLASSES = 1 << FOV_TARGET_CLASS | 1 << FOV_TARGET_CLASSES | 1 << FOV_TARGET_MASK | 1 << FOV_TARGET_BOXES,
    OF_NUMBERS = 1 << FOV_TARGET_CLASSES | 1 << FOV_TARGET_VALUES,
    MOST_CLASSES = 100000,
    MOST_MASK_CLASSES = 255
};

/* The stated target, else the one that the given arrays imply. */
static fov_target target_of(const fov_dataset_program *p)
{
    return p->target != FOV_TARGET_NONE                ? p->target
           : p->labels != NULL                         ? FOV_TARGET_CLASS
           : p->masks != NULL                          ? FOV_TARGET_MASK
           : p->boxes != NULL || p->box_counts != NULL ? FOV_TARGET_BOXES
           : p->others != NULL                         ? FOV_TARGET_PICTURE
           : p->numbers == NULL                        ? FOV_TARGET_NONE
           : p->values > 0                             ? FOV_TARGET_VALUES
                                                       : FOV_TARGET_CLASSES;
}

/* Refuses arrays and numbers that a dataset of this target would ignore. */
static int check_use(const fov_dataset_program *p, fov_target target, struct error *error)
{
    bool is_none = target == FOV_TARGET_NONE;
    const struct {
        const char *name;
        bool is_given;
        int targets; /* bit set of the targets that use it */
    } given[] = {
        {".labels", p->labels != NULL, 1 << FOV_TARGET_CLASS},
        {".numbers", p->numbers != NULL, OF_NUMBERS},
        {".masks", p->masks != NULL, 1 << FOV_TARGET_MASK},
        {".boxes", p->boxes != NULL, 1 << FOV_TARGET_BOXES},
        {".box_counts", p->box_counts != NULL, 1 << FOV_TARGET_BOXES},
        {".others", p->others != NULL, 1 << FOV_TARGET_PICTURE},
        {".class_names", p->class_names != NULL, OF_CLASSES},
        {".value_names", p->value_names != NULL, 1 << FOV_TARGET_VALUES},
        {".classes", is_none && p->classes != 0, OF_CLASSES},
        {".values", is_none && p->values != 0, 1 << FOV_TARGET_VALUES},
    };
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        if (given[i].is_given && (given[i].targets >> target & 1) == 0) {
            return error_set(error, FOV_E_USAGE,
                             "fov_dataset_create: %s is given, and .target is %s, which has no use for it",
                             given[i].name, is_none ? "not stated (FOV_TARGET_NONE)" : target_name(target));
        }
        bool is_array = i < 6 && !(i == 0 && p->read != NULL); /* .labels may go with a function */
        if (given[i].is_given && is_array && p->pixels == NULL) {
            return error_set(error, FOV_E_USAGE, "fov_dataset_create: %s goes with .pixels; a function gives it itself",
                             given[i].name);
        }
    }
    return FOV_OK;
}

/* Refuses arrays without what their target needs, or without a size. */
static int check_arrays(const fov_dataset_program *p, fov_target target, struct error *error)
{
    const char *missing = target == FOV_TARGET_CLASS && p->labels == NULL         ? ".labels"
                          : (OF_NUMBERS >> target & 1) != 0 && p->numbers == NULL ? ".numbers"
                          : target == FOV_TARGET_MASK && p->masks == NULL         ? ".masks"
                          : target == FOV_TARGET_BOXES && p->box_counts == NULL   ? ".box_counts"
                          : target == FOV_TARGET_PICTURE && p->others == NULL     ? ".others"
                                                                                  : NULL;
    if (missing != NULL) {
        return error_set(error, FOV_E_USAGE, "fov_dataset_create: %s is missing: the target of arrays is %s", missing,
                         target_name(target));
    }
    if (p->height < 1 || p->width < 1 || !program_has_channels(p->channels)) {
        return error_set(
            error, FOV_E_USAGE,
            "fov_dataset_create: arrays are of pictures of one size: .height is %d, .width %d (1 and more), "
            ".channels %d (1, 3 or 4)",
            p->height, p->width, p->channels);
    }
    return FOV_OK;
}

static int check_program(const fov_dataset_program *program, fov_target target, struct error *error)
{
    const char *caller = "fov_dataset_create";
    if (program->count < 1 || program->count > UINT32_MAX) {
        return error_set(error, FOV_E_USAGE, "%s: a dataset has 1 to %u samples, not %lld", caller, UINT32_MAX,
                         (long long)program->count);
    }
    if ((unsigned)target > FOV_TARGET_PICTURE) {
        return error_set(error, FOV_E_USAGE, "%s: there is no target %d", caller, (int)target);
    }
    if ((program->read != NULL) == (program->pixels != NULL)) {
        return error_set(error, FOV_E_USAGE, "%s: give either a function (.read) or arrays (.pixels), not %s", caller,
                         program->read != NULL ? "both" : "neither");
    }
    int most = target == FOV_TARGET_MASK ? MOST_MASK_CLASSES : MOST_CLASSES;
    if ((OF_CLASSES >> target & 1) != 0 && (program->classes < 1 || program->classes > most)) {
        return error_set(error, FOV_E_USAGE, "%s: .classes is %d: 1 to %d for the target %s", caller, program->classes,
                         most, target_name(target));
    }
    if (target == FOV_TARGET_VALUES && (program->values < 1 || program->values > MOST_CLASSES)) {
        return error_set(error, FOV_E_USAGE, "%s: .values is %d: 1 to %d", caller, program->values, MOST_CLASSES);
    }
    if (program->height < 0 || program->width < 0 ||
        (program->channels != 0 && !program_has_channels(program->channels))) {
        return error_set(error, FOV_E_USAGE,
                         "%s: .height is %d, .width %d, .channels %d: sizes are above 0, channels 1, 3 or 4; 0: as the "
                         "first sample has it",
                         caller, program->height, program->width, program->channels);
    }
    int status = check_use(program, target, error);
    return status == FOV_OK && program->pixels != NULL ? check_arrays(program, target, error) : status;
}

/* Sets the names of classes or values; "0", "1" ... where the program gives none. */
static int take_names(struct fov_dataset *dataset, const fov_dataset_program *program, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    bool is_values = dataset->target == FOV_TARGET_VALUES;
    const char *const *given = is_values ? program->value_names : program->class_names;
    size_t count = (size_t)(is_values ? program->values : program->classes);
    if (count == 0 || dataset->target == FOV_TARGET_NONE || dataset->target == FOV_TARGET_PICTURE) {
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

/* Sets the class of each sample: from .labels, or by reading every sample of the function once. */
static int take_labels(struct fov_dataset *dataset, const fov_dataset_program *program, struct error *error)
{
    if (dataset->target != FOV_TARGET_CLASS) {
        return FOV_OK;
    }
    int32_t *labels = memory_allocate_raw(dataset->context->memory, dataset->count, sizeof *labels, "labels", error);
    int status = labels != NULL ? FOV_OK : FOV_E_MEMORY;
    for (size_t i = 0; i < dataset->count && status == FOV_OK; i++) {
        if (program->labels == NULL) {
            status = program_read(dataset, i, &dataset->current, error);
            labels[i] = dataset->current.label;
        } else {
            const fov_sample given = {.label = program->labels[i]};
            status = program_check_target(dataset, i, &given, error);
            labels[i] = program->labels[i];
        }
    }
    dataset->labels = labels; /* set only now: from here on take_known_label holds the function to them */
    return status;
}

/* Sums up box_counts: where the boxes of each sample begin. */
static int take_box_counts(struct fov_dataset *dataset, struct error *error)
{
    struct program_state *state = dataset->state;
    const int32_t *counts = state->program.box_counts;
    size_t first = 0;
    if (dataset->pixels == NULL || counts == NULL) {
        return FOV_OK;
    }
    state->first_box = memory_allocate_raw(dataset->context->memory, dataset->count, sizeof *state->first_box,
                                           "where boxes begin", error);
    for (size_t i = 0; state->first_box != NULL && i < dataset->count; i++) {
        if (counts[i] < 0) {
            return program_refuse(dataset, i, error, "it has %d boxes", counts[i]);
        }
        state->first_box[i] = first;
        first += (size_t)counts[i];
    }
    return state->first_box != NULL ? FOV_OK : FOV_E_MEMORY;
}

/* Checks the targets of arrays once, now; take_labels has already checked classes. */
static int check_all(const struct fov_dataset *dataset, struct error *error)
{
    bool is_checked = dataset->pixels == NULL || dataset->target <= FOV_TARGET_CLASS;
    int status = FOV_OK;
    for (size_t i = 0; !is_checked && i < dataset->count && status == FOV_OK; i++) {
        fov_sample at = view(dataset, i);
        status = program_check_target(dataset, i, &at, error);
    }
    return status;
}

/* Sets the dataset's size: the stated one, else that of the first sample. */
static int take_size(struct fov_dataset *dataset, struct error *error)
{
    fov_dataset_program *program = &((struct program_state *)dataset->state)->program;
    const struct picture *first = &dataset->current.picture;
    bool is_stated = program->height > 0 && program->width > 0;
    int status =
        is_stated && program->channels > 0 ? FOV_OK : program_sample(dataset, 0, &dataset->current.picture, error);
    dataset->height = program->height > 0 ? program->height : first->height;
    dataset->width = program->width > 0 ? program->width : first->width;
    dataset->channels = program->channels > 0 ? program->channels : first->channels;
    dataset->same_size = is_stated;
    if (program->others != NULL && program->other_height == 0 && program->other_width == 0) {
        program->other_height = program->height;
        program->other_width = program->width;
    }
    program->other_channels = program->other_channels == 0 ? program->channels : program->other_channels;
    return status == FOV_OK ? image_check_size((uint64_t)dataset->height, (uint64_t)dataset->width, error) : status;
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
    state->program.release = NULL; // not to be called unless fov_dataset_create succeeds
    dataset->count = (size_t)program->count;
    dataset->target = target_of(program);
    dataset->pixels = program->pixels;
    dataset->part = "all";
    dataset->where = memory_copy_text(memory, program->name ? program->name : "a program", error);
    dataset->name = program->name ? dataset->where : "program";
    int status = dataset->where ? take_names(dataset, program, error) : FOV_E_MEMORY;
    status = status ? status : take_size(dataset, error);
    status = status ? status : take_labels(dataset, program, error);
    status = status ? status : take_box_counts(dataset, error);
    status = status ? status : check_all(dataset, error);
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
    } else if (check_program(program, target_of(program), &error) == FOV_OK) {
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
