/* SPDX-License-Identifier: MIT */
/* A folder per class, as torchvision's ImageFolder and everybody else lays pictures out. Classes are the sorted names
 * of the folders; pictures are told by suffix, decoded when asked for. DIR/train and DIR/test (or val) are the splits;
 * where there are none, a tenth of each class, chosen once and for all, is the test split. */
#include "base/file.h"
#include "base/random.h"
#include "data/dataset.h"
#include <stdio.h>
#include <string.h>

enum { FOLDER_MAX_DEPTH = 8, FOLDER_MAX_CLASSES = 100000 };

struct folder_state {
    char **paths; /* [dataset->count], each a block of its own */
    size_t count, capacity, label_capacity;
};

static const char *const folder_test_names[] = {"test", "val", "valid", "validation"};
enum { FOLDER_TEST_NAMES = sizeof folder_test_names / sizeof *folder_test_names };

/* Whether a name ends as those of pictures do, in any case. */
static bool folder_is_picture(const char *name)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t k = 0;
        // ASCII letters only, whatever the locale says
        while (dot[k] && suffixes[i][k] == (dot[k] >= 'A' && dot[k] <= 'Z' ? dot[k] + 32 : dot[k])) {
            k++;
        }
        if (dot[k] == 0 && suffixes[i][k] == 0) {
            return true;
        }
    }
    return false;
}

/* The folders in a directory, sorted: a block of names that points into the block of file_list. */
static int folder_list_classes(const char *directory, struct memory *memory, char ***names, size_t *count,
                               struct error *error)
{
    char path[DATA_PATH_SIZE];
    size_t entries, kept = 0;
    int status = file_list(directory, memory, names, &entries, error);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < entries; i++) {
        if (file_join(path, sizeof path, directory, (*names)[i], NULL) == FOV_OK && file_is_directory(path)) {
            (*names)[kept++] = (*names)[i];
        }
    }
    *count = kept;
    return FOV_OK;
}

/* Adds the pictures in a directory and below it, in order of their names. `others` counts what is no picture. */
static int folder_collect(struct fov_dataset *dataset, const char *directory, int32_t label, int depth, size_t *others,
                          struct error *error)
{
    struct folder_state *state = dataset->state;
    struct memory *memory = dataset->context->memory;
    char **names, path[DATA_PATH_SIZE];
    size_t count;
    int status = file_list(directory, memory, &names, &count, error);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        status = file_join(path, sizeof path, directory, names[i], error);
        if (status) {
            break;
        }
        if (file_is_directory(path)) {
            if (depth >= FOLDER_MAX_DEPTH) {
                status =
                    (int)error_set(error, FOV_E_INPUT, "%s: folders are nested more than %d deep (a link that loops?)",
                                   path, FOLDER_MAX_DEPTH);
            } else {
                status = folder_collect(dataset, path, label, depth + 1, others, error);
            }
            continue;
        }
        if (!folder_is_picture(names[i])) {
            ++*others;
            continue;
        }
        void *paths = state->paths, *labels = dataset->labels;
        status = memory_grow(memory, &paths, &state->capacity, state->count, sizeof *state->paths, "paths", error);
        state->paths = paths;
        if (status == FOV_OK) {
            status = memory_grow(memory, &labels, &state->label_capacity, state->count, sizeof *dataset->labels,
                                 "labels", error);
            dataset->labels = labels;
        }
        char *copy = status ? NULL : memory_copy_text(memory, path, error);
        if (copy == NULL) {
            status = FOV_E_MEMORY;
            break;
        }
        state->paths[state->count] = copy;
        dataset->labels[state->count++] = label;
    }
    memory_free(memory, names);
    return status;
}

/* Keeps, of the samples from `begin` on, those of one split: a tenth (at least one) is for testing. The choice depends
 * on nothing but their number, so that both splits agree on it. */
static int folder_keep_split(struct fov_dataset *dataset, size_t begin, int32_t label, fov_split split,
                             struct error *error)
{
    struct folder_state *state = dataset->state;
    struct memory *memory = dataset->context->memory;
    size_t count = state->count - begin, test = count < 10 ? 1 : count / 10, kept = begin;
    if (count < 2) {
        return (int)error_set(error, FOV_E_INPUT, "class \"%s\" has one picture: too few to hold one back for testing",
                              dataset->class_names[label]);
    }
    uint32_t *order = memory_allocate_raw(memory, count, sizeof *order, "a split", error);
    bool *tested = memory_allocate(memory, count, sizeof *tested, "a split", error);
    if (order == NULL || tested == NULL) {
        memory_free(memory, order);
        memory_free(memory, tested);
        return FOV_E_MEMORY;
    }
    random_permutation((struct random_key){.use = RANDOM_SPLIT, .position = (uint64_t)label}, order, count);
    for (size_t i = 0; i < test; i++) {
        tested[order[i]] = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (tested[i] == (split == FOV_TEST)) {
            state->paths[kept++] = state->paths[begin + i];
        } else {
            memory_free(memory, state->paths[begin + i]);
        }
    }
    state->count = kept;
    memory_free(memory, order);
    memory_free(memory, tested);
    return FOV_OK;
}

/* Every class folder of a split's directory. */
static int folder_read_classes(struct fov_dataset *dataset, const char *directory, bool cut, fov_split split,
                               struct error *error)
{
    struct folder_state *state = dataset->state;
    char path[DATA_PATH_SIZE];
    for (int32_t label = 0; label < dataset->classes; label++) {
        size_t begin = state->count, others = 0;
        int status = file_join(path, sizeof path, directory, dataset->class_names[label], error);
        if (status == FOV_OK) {
            status = folder_collect(dataset, path, label, 0, &others, error);
        }
        if (status == FOV_OK && state->count == begin) {
            status = others ? (int)error_set(error, FOV_E_INPUT,
                                             "%s: class \"%s\" holds no picture (but %zu other file%s)",
                                             directory, dataset->class_names[label], others, others == 1 ? "" : "s")
                            : (int)error_set(error, FOV_E_INPUT, "%s: class \"%s\" is empty", directory,
                                             dataset->class_names[label]);
        }
        if (status == FOV_OK && others > 0) {
            context_log(dataset->context, FOV_LOG_WARNING, "%s: %zu file(s) skipped: not .png, .jpg or .jpeg", path,
                        others);
        }
        if (status == FOV_OK && cut) {
            status = folder_keep_split(dataset, begin, label, split, error);
        }
        if (status) {
            return status;
        }
    }
    dataset->count = state->count;
    return FOV_OK;
}

/* Class folders of both splits must be the same, or a label would mean two things. */
static int folder_compare(const char *directory, char **names, size_t count, const char *other, char **other_names,
                          size_t other_count, struct error *error)
{
    size_t i = 0, j = 0;
    while (i < count || j < other_count) {
        int order = i == count ? 1 : j == other_count ? -1 : strcmp(names[i], other_names[j]);
        if (order != 0) {
            return (int)error_set(error, FOV_E_INPUT, "class \"%s\" is in %s but not in %s",
                                  order < 0 ? names[i] : other_names[j], order < 0 ? directory : other,
                                  order < 0 ? other : directory);
        }
        i++;
        j++;
    }
    return FOV_OK;
}

/* Paths of the two splits below `root`; an empty path where there is none. */
static int folder_find_splits(const char *root, char train[DATA_PATH_SIZE], char test[DATA_PATH_SIZE],
                              struct error *error)
{
    int status = file_join(train, DATA_PATH_SIZE, root, "train", error);
    if (status == FOV_OK && !file_is_directory(train)) {
        train[0] = 0;
    }
    for (int i = 0; status == FOV_OK && i < FOLDER_TEST_NAMES; i++) {
        status = file_join(test, DATA_PATH_SIZE, root, folder_test_names[i], error);
        if (status == FOV_OK && file_is_directory(test)) {
            return FOV_OK;
        }
    }
    test[0] = 0;
    return status;
}

/* The classes of `directory`, compared with those of the other split where there is one. */
static int folder_set_classes(struct fov_dataset *dataset, const char *directory, const char *other,
                              struct error *error)
{
    struct memory *memory = dataset->context->memory;
    char **names = NULL, **other_names = NULL;
    size_t count = 0, other_count = 0;
    int status = folder_list_classes(directory, memory, &names, &count, error);
    if (status == FOV_OK && (count == 0 || count > FOLDER_MAX_CLASSES)) {
        status =
            (int)error_set(error, FOV_E_INPUT, "%s: %zu class folders; need 1 to %d, each with PNG or JPEG pictures",
                           directory, count, FOLDER_MAX_CLASSES);
    }
    if (status == FOV_OK && *other) {
        status = folder_list_classes(other, memory, &other_names, &other_count, error);
        if (status == FOV_OK) {
            status = folder_compare(directory, names, count, other, other_names, other_count, error);
        }
    }
    if (status == FOV_OK) {
        status = dataset_set_classes(dataset, (const char *const *)names, count, error);
    }
    memory_free(memory, names);
    memory_free(memory, other_names);
    return status;
}

static bool folder_recognises(const char *directory)
{
    // anything with a folder in it: what is wrong inside gets a better sentence than "not recognised"
    struct memory *memory = memory_create(NULL, 0);
    char **names;
    size_t count = 0;
    bool found = false;
    if (memory && folder_list_classes(directory, memory, &names, &count, NULL) == FOV_OK) {
        found = count > 0;
        memory_free(memory, names);
    }
    memory_destroy(memory);
    return found;
}

static int folder_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    const struct folder_state *state = dataset->state;
    return image_read(picture, state->paths[index], IMAGE_OPAQUE, error);
}

static int folder_open(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    char train[DATA_PATH_SIZE], test[DATA_PATH_SIZE];
    if (argument == NULL || !file_is_directory(argument)) {
        return (int)error_set(error, FOV_E_INPUT, "folder: %s is not a directory", argument ? argument : "(none)");
    }
    dataset->state = memory_allocate(memory, 1, sizeof(struct folder_state), "a folder of pictures", error);
    if (dataset->state == NULL) {
        return FOV_E_MEMORY;
    }
    int status = folder_find_splits(argument, train, test, error);
    if (status) {
        return status;
    }
    bool cut = !*train && !*test;
    const char *directory = cut ? argument : split == FOV_TRAIN ? train : test;
    const char *other = cut ? "" : split == FOV_TRAIN ? test : train;
    if (*directory == 0) {
        return (int)error_set(error, FOV_E_INPUT, "%s has no folder %s beside %s", argument,
                              split == FOV_TRAIN ? "\"train\"" : "\"test\" or \"val\"", other);
    }
    status = folder_set_classes(dataset, directory, other, error);
    if (status == FOV_OK) {
        status = folder_read_classes(dataset, directory, cut, split, error);
    }
    if (status == FOV_OK) {
        status = folder_sample(dataset, 0, &dataset->current, error);
    }
    if (status) {
        return status;
    }
    dataset->channels = dataset->current.channels;
    dataset->height = dataset->current.height;
    dataset->width = dataset->current.width;
    dataset->where = memory_copy_text(memory, directory, error);
    return dataset->where ? FOV_OK : FOV_E_MEMORY;
}

static void folder_close(struct fov_dataset *dataset)
{
    struct folder_state *state = dataset->state;
    if (state) {
        for (size_t i = 0; i < state->count; i++) {
            memory_free(dataset->context->memory, state->paths[i]);
        }
        memory_free(dataset->context->memory, state->paths);
        memory_free(dataset->context->memory, state);
    }
}

const struct data_source data_source_folder = {.name = "folder",
                                               .recognises = folder_recognises,
                                               .open = folder_open,
                                               .sample = folder_sample,
                                               .close = folder_close};
