/* SPDX-License-Identifier: MIT */
/* CIFAR-10's binary archive (Krizhevsky, "Learning multiple layers of features from tiny images", 2009): files of
 * records, each a label byte and 3 planes of 32 x 32 bytes. All samples are kept in memory, channels last.
 * CIFAR-100 has other records and is refused by name. */
#include "base/file.h"
#include "data/cifar.h"
#include "data/dataset.h"
#include <string.h>

enum { CIFAR_CLASSES = 10, CIFAR_TRAIN_FILES = 5 };

static const char *const cifar_train[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                          "data_batch_4.bin", "data_batch_5.bin"};
static const char *const cifar_test[] = {"test_batch.bin"};

static bool cifar_recognises(const char *directory)
{
    char path[DATA_PATH_SIZE];
    return (file_join(path, sizeof path, directory, cifar_train[0], NULL) == FOV_OK && file_exists(path)) ||
           (file_join(path, sizeof path, directory, cifar_test[0], NULL) == FOV_OK && file_exists(path));
}

int cifar_check(size_t size, struct error *error)
{
    if (size == 0) {
        return (int)error_set(error, FOV_E_INPUT, "the file is empty");
    }
    if (size % CIFAR_RECORD != 0) {
        return (int)error_set(error, FOV_E_INPUT, "size %zu is not a multiple of %d: truncated or wrong variant%s",
                              size, CIFAR_RECORD,
                              size % (CIFAR_RECORD + 1) == 0 ? " (it fits CIFAR-100's records)" : "");
    }
    return FOV_OK;
}

int cifar_unpack(const uint8_t *bytes, size_t size, uint8_t *pixels, int32_t *labels, struct error *error)
{
    size_t count = size / CIFAR_RECORD;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *record = bytes + i * CIFAR_RECORD, *plane = record + 1;
        uint8_t *out = pixels + i * CIFAR_PIXELS * 3;
        if (record[0] >= CIFAR_CLASSES) {
            return (int)error_set(error, FOV_E_INPUT, "label %d of sample %zu is beyond the %d classes", record[0], i,
                                  CIFAR_CLASSES);
        }
        labels[i] = record[0];
        for (size_t p = 0; p < CIFAR_PIXELS; p++) {
            out[3 * p] = plane[p];
            out[3 * p + 1] = plane[p + CIFAR_PIXELS];
            out[3 * p + 2] = plane[p + 2 * (size_t)CIFAR_PIXELS];
        }
    }
    return FOV_OK;
}

/* Adds one file's samples to the dataset. */
static int cifar_read(struct fov_dataset *dataset, const char *path, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    uint8_t *bytes;
    size_t size;
    int status = file_read(path, (size_t)1 << 30, memory, &bytes, &size, error);
    if (status) {
        return status;
    }
    status = cifar_check(size, error);
    if (status == FOV_OK) {
        size_t count = dataset->count + size / CIFAR_RECORD;
        uint8_t *pixels =
            memory_resize(memory, dataset->state, count, (size_t)3 * CIFAR_PIXELS, "CIFAR pictures", error);
        int32_t *labels = NULL;
        if (pixels) {
            dataset->state = pixels;
            labels = memory_resize(memory, dataset->labels, count, sizeof *labels, "labels", error);
        }
        if (labels) {
            dataset->labels = labels;
            status =
                cifar_unpack(bytes, size, pixels + dataset->count * CIFAR_PIXELS * 3, labels + dataset->count, error);
            dataset->count = count;
        } else {
            status = FOV_E_MEMORY;
        }
    }
    memory_free(memory, bytes);
    if (status) {
        error_prefix(error, "%s", path);
    }
    return status;
}

static int cifar_open(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    static const char *const folders[] = {"cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", NULL};
    static const char *const names[CIFAR_CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                     "dog",      "frog",       "horse", "ship", "truck"};
    char directory[DATA_PATH_SIZE], path[DATA_PATH_SIZE];
    int status = data_find(directory, sizeof directory, "cifar10", argument, folders, cifar_recognises,
                           "unpack cifar-10-binary.tar.gz into one of these", error);
    const char *const *files = split == FOV_TRAIN ? cifar_train : cifar_test;
    int file_count = split == FOV_TRAIN ? CIFAR_TRAIN_FILES : 1;
    for (int i = 0; status == FOV_OK && i < file_count; i++) {
        status = file_join(path, sizeof path, directory, files[i], error);
        if (status == FOV_OK && !file_exists(path)) {
            status = (int)error_set(error, FOV_E_INPUT, "%s: %s is missing", directory, files[i]);
        }
        if (status == FOV_OK) {
            status = cifar_read(dataset, path, error);
        }
    }
    if (status) {
        return status;
    }
    dataset->pixels = dataset->state;
    dataset->channels = 3;
    dataset->height = dataset->width = CIFAR_SIDE;
    dataset->same_size = true;
    dataset->where = memory_copy_text(dataset->context->memory, directory, error);
    return dataset->where ? dataset_set_classes(dataset, names, CIFAR_CLASSES, error) : FOV_E_MEMORY;
}

static void cifar_close(struct fov_dataset *dataset)
{
    memory_free(dataset->context->memory, dataset->state);
}

const struct data_source data_source_cifar10 = {
    .name = "cifar10", .recognises = cifar_recognises, .open = cifar_open, .close = cifar_close};
