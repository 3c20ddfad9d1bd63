/* SPDX-License-Identifier: MIT */
/* MNIST and other data in its format (Fashion-MNIST, KMNIST): four IDX files in a directory, plain or .gz,
 * with or without the dot that some mirrors put before idx, each perhaps in a folder of its own name, as Kaggle's
 * archive has them. 10 classes; all samples are kept in memory. */
#include "base/file.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "image/fit.h"
#include <stdio.h>
#include <string.h>

enum { MNIST_CLASSES = 10, MNIST_LOOKED_AT = 32 };

/* Path of one of the four files in the first spelling that exists; false when none does. */
static bool mnist_path(char *out, size_t size, const char *directory, fov_split split, int rank)
{
    const char *part = split == FOV_TRAIN ? "train" : "t10k", *kind = rank == 3 ? "images" : "labels";
    for (int i = 0; i < 8; i++) {
        char name[160], file[64];
        bool own_folder = i >= 4, dot = i % 4 >= 2, packed = i % 2 == 1;
        snprintf(file, sizeof file, "%s-%s%cidx%d-ubyte%s", part, kind, dot ? '.' : '-', rank, packed ? ".gz" : "");
        snprintf(name, sizeof name, "%s%s%s", own_folder ? file : "", own_folder ? "/" : "", file);
        if (file_join(out, size, directory, name, NULL) == FOV_OK && file_exists(out) && !file_is_directory(out)) {
            return true;
        }
    }
    return false;
}

/* One of the four files is enough to recognise the directory: opening then names a missing one. */
static bool mnist_recognises(const char *directory)
{
    char path[DATA_PATH_SIZE];
    for (int split = FOV_TRAIN; split <= FOV_TEST; split++) {
        if (mnist_path(path, sizeof path, directory, (fov_split)split, 3) ||
            mnist_path(path, sizeof path, directory, (fov_split)split, 1)) {
            return true;
        }
    }
    return false;
}

static const char *const mnist_folders[] = {"mnist", "MNIST/raw", NULL};

/* A bare directory may be the parent of the one with the files. */
static bool mnist_recognises_below(const char *directory)
{
    char path[DATA_PATH_SIZE];
    if (mnist_recognises(directory)) {
        return true;
    }
    for (int i = 0; mnist_folders[i]; i++) {
        if (file_join(path, sizeof path, directory, mnist_folders[i], NULL) == FOV_OK && mnist_recognises(path)) {
            return true;
        }
    }
    return false;
}

/* Reads one of the four files in `directory`; `path` receives its path, for messages. */
static int mnist_read(struct idx *idx, char *path, const char *directory, fov_split split, int rank,
                      struct memory *memory, struct error *error)
{
    if (!mnist_path(path, DATA_PATH_SIZE, directory, split, rank)) {
        return error_set(error, FOV_E_INPUT, "%s: %s-%s-idx%d-ubyte is missing (plain or .gz)", directory,
                         split == FOV_TRAIN ? "train" : "t10k", rank == 3 ? "images" : "labels", rank);
    }
    return idx_read(idx, path, rank, memory, error);
}

/* Converts the labels to int32_t and checks that each is within the classes. */
static int mnist_take_labels(struct fov_dataset *dataset, const struct idx *labels, const char *path,
                             struct error *error)
{
    dataset->labels =
        memory_allocate_raw(dataset->context->memory, labels->size, sizeof *dataset->labels, "labels", error);
    if (dataset->labels == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < labels->size; i++) {
        if (labels->bytes[i] >= MNIST_CLASSES) {
            return error_set(error, FOV_E_INPUT, "%s: label %d of sample %zu is beyond the %d classes", path,
                             labels->bytes[i], i, MNIST_CLASSES);
        }
        dataset->labels[i] = labels->bytes[i];
    }
    return FOV_OK;
}

/* Whether the pictures are ink as in MNIST: digits and letters lie within 20 x 20 pixels; other data in the same
 * format (Fashion-MNIST) does not. Looks at the first MNIST_LOOKED_AT samples. */
static bool mnist_is_ink(const struct fov_dataset *dataset)
{
    size_t area = (size_t)dataset->height * (size_t)dataset->width;
    int side = ink_side(dataset->height, dataset->width);
    bool is_ink = dataset->count > 0;
    for (size_t i = 0; i < dataset->count && i < MNIST_LOOKED_AT; i++) {
        struct ink ink;
        ink_find(dataset->pixels + i * area, dataset->height, dataset->width, FOV_INVERT_NO, &ink);
        is_ink = is_ink && ink.height <= side && ink.width <= side;
    }
    return is_ink;
}

static int mnist_load(struct fov_dataset *dataset, const char *directory, fov_split split, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    char picture_path[DATA_PATH_SIZE], label_path[DATA_PATH_SIZE];
    struct idx pictures, labels;

    int status = mnist_read(&pictures, picture_path, directory, split, 3, memory, error);
    if (status) {
        return status;
    }
    dataset->state = pictures.bytes; // mnist_close frees it from here on
    dataset->pixels = pictures.bytes;
    status = mnist_read(&labels, label_path, directory, split, 1, memory, error);
    if (status) {
        return status;
    }
    if (labels.dim[0] != pictures.dim[0]) {
        status = error_set(error, FOV_E_INPUT, "%s: %u images, %u labels (%s and %s)", directory, pictures.dim[0],
                           labels.dim[0], strrchr(picture_path, '/') + 1, strrchr(label_path, '/') + 1);
    } else {
        status = mnist_take_labels(dataset, &labels, label_path, error);
    }
    memory_free(memory, labels.bytes);
    dataset->count = pictures.dim[0];
    dataset->channels = 1;
    dataset->height = (int)pictures.dim[1];
    dataset->width = (int)pictures.dim[2];
    dataset->same_size = true;
    if (status == FOV_OK && mnist_is_ink(dataset)) {
        dataset->fit = FOV_FIT_INK;
        dataset->invert = FOV_INVERT_AUTO;
    }
    return status;
}

static int mnist_open(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    static const char *const digits[MNIST_CLASSES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    char directory[DATA_PATH_SIZE];
    int status = data_find(directory, sizeof directory, "mnist", argument, mnist_folders, mnist_recognises,
                           "fetch it with: fovea data get mnist", error);
    if (status == FOV_OK) {
        status = mnist_load(dataset, directory, split, error);
    }
    if (status) {
        return status;
    }
    dataset->where = memory_copy_text(dataset->context->memory, directory, error);
    return dataset->where ? dataset_set_classes(dataset, digits, MNIST_CLASSES, error) : FOV_E_MEMORY;
}

static void mnist_close(struct fov_dataset *dataset)
{
    memory_free(dataset->context->memory, dataset->state);
}

const struct data_source data_source_mnist = {
    .name = "mnist", .recognises = mnist_recognises_below, .open = mnist_open, .close = mnist_close};
