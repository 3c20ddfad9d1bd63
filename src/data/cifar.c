/* SPDX-License-Identifier: MIT */
/* CIFAR-10's and CIFAR-100's binary archives (Krizhevsky, "Learning multiple layers of features from tiny images",
 * 2009): files of records, each its labels and 3 planes of 32 x 32 bytes. All samples are kept in memory, channels
 * last. The archives of Python pickles are recognised, to say which file to fetch instead. */
#include "data/cifar.h"
#include "base/file.h"
#include "data/cifar_names.h"
#include "data/dataset.h"
#include <string.h>

const struct cifar_variant cifar_10 = {1, 0, 10}, cifar_100 = {2, 1, 100}, cifar_100_coarse = {2, 0, 20};

/* An archive: its source's name, the folders it may be in, its files. */
struct cifar_archive {
    const char *name; /* of the source that reads it */
    const struct cifar_variant *variant;
    const char *const *names;
    const char *const *folders; /* folders that the files may be in, below a data directory */
    const char *train[6], *test[2];
    const char *advice;
};

static const char *const cifar_10_folders[] = {"cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", NULL};
static const char *const cifar_100_folders[] = {"cifar100", "cifar-100-binary", "cifar100/cifar-100-binary", NULL};

static const struct cifar_archive cifar_10_archive = {
    .name = "cifar10",
    .variant = &cifar_10,
    .names = cifar_10_names,
    .folders = cifar_10_folders,
    .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
    .test = {"test_batch.bin"},
    .advice = "unpack cifar-10-binary.tar.gz into one of these"};
static const struct cifar_archive cifar_100_archive = {.name = "cifar100",
                                                       .variant = &cifar_100,
                                                       .names = cifar_100_names,
                                                       .folders = cifar_100_folders,
                                                       .train = {"train.bin"},
                                                       .test = {"test.bin"},
                                                       .advice = "unpack cifar-100-binary.tar.gz into one of these"};
static const struct cifar_archive cifar_100_coarse_archive = {.name = "cifar100-coarse",
                                                              .variant = &cifar_100_coarse,
                                                              .names = cifar_100_coarse_names,
                                                              .folders = cifar_100_folders,
                                                              .train = {"train.bin"},
                                                              .test = {"test.bin"},
                                                              .advice =
                                                                  "unpack cifar-100-binary.tar.gz into one of these"};

/* ---- which directories ------------------------------------------------------------------------------------------- */

static bool cifar_has(const char *directory, const char *name)
{
    char path[DATA_PATH_SIZE];
    return file_join(path, sizeof path, directory, name, NULL) == FOV_OK && file_exists(path) &&
           !file_is_directory(path);
}

static bool cifar_10_here(const char *directory)
{
    return cifar_has(directory, cifar_10_archive.train[0]) || cifar_has(directory, cifar_10_archive.test[0]);
}

static bool cifar_100_here(const char *directory)
{
    return cifar_has(directory, "train.bin") || cifar_has(directory, "test.bin");
}

/* Whether the archives of pickles lie here or in their own folder: data_batch_1 (CIFAR-10); meta, train and test
   (CIFAR-100), all without a suffix. */
static bool cifar_10_pickled(const char *directory)
{
    return cifar_has(directory, "data_batch_1") || cifar_has(directory, "cifar-10-batches-py/data_batch_1");
}

static bool cifar_100_pickled(const char *directory)
{
    return (cifar_has(directory, "meta") && cifar_has(directory, "train") && cifar_has(directory, "test")) ||
           cifar_has(directory, "cifar-100-python/meta");
}

/* Whether the directory, or one of `folders` in it, has the files. */
static bool cifar_below(const char *directory, const char *const *folders, bool (*here)(const char *directory))
{
    char path[DATA_PATH_SIZE];
    for (int i = 0; folders[i]; i++) {
        if (file_join(path, sizeof path, directory, folders[i], NULL) == FOV_OK && here(path)) {
            return true;
        }
    }
    return here(directory);
}

static bool cifar_10_recognises(const char *directory)
{
    return cifar_below(directory, cifar_10_folders, cifar_10_here) || cifar_10_pickled(directory);
}

/* "train.bin" and "test.bin" are common names: a bare directory is CIFAR-100 only with the list of label names. */
static bool cifar_100_surely_here(const char *directory)
{
    return cifar_100_here(directory) && cifar_has(directory, "fine_label_names.txt");
}

static bool cifar_100_recognises(const char *directory)
{
    return cifar_below(directory, cifar_100_folders, cifar_100_surely_here) || cifar_100_pickled(directory);
}

/* Refuses a folder that holds the pickles but not the binary files, rather than report that nothing was found. */
static int cifar_refuse_pickles(const struct cifar_archive *archive, const char *argument, struct error *error)
{
    bool ten = archive->variant == &cifar_10;
    bool (*here)(const char *directory) = ten ? cifar_10_here : cifar_100_here;
    if (argument == NULL || cifar_below(argument, archive->folders, here) ||
        !(ten ? cifar_10_pickled(argument) : cifar_100_pickled(argument))) {
        return FOV_OK;
    }
    return error_set(error, FOV_E_UNSUPPORTED,
                     "%s holds CIFAR-%s as Python pickles, which can run programs and are not read; fetch the binary "
                     "version, https://www.cs.toronto.edu/~kriz/cifar-%s-binary.tar.gz, and unpack it",
                     argument, ten ? "10" : "100", ten ? "10" : "100");
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

size_t cifar_record(const struct cifar_variant *variant)
{
    return (size_t)variant->label_bytes + 3 * (size_t)CIFAR_PIXELS;
}

int cifar_check(const struct cifar_variant *variant, size_t size, struct error *error)
{
    const struct cifar_variant *other = variant->label_bytes == 1 ? &cifar_100 : &cifar_10;
    if (size == 0) {
        return error_set(error, FOV_E_INPUT, "the file is empty");
    }
    if (size % cifar_record(variant) != 0) {
        return error_set(error, FOV_E_INPUT, "size %zu is not a multiple of %zu: truncated or wrong variant%s%s%s",
                         size, cifar_record(variant), size % cifar_record(other) == 0 ? " (it fits CIFAR-" : "",
                         size % cifar_record(other) == 0 ? (other == &cifar_10 ? "10" : "100") : "",
                         size % cifar_record(other) == 0 ? "'s records)" : "");
    }
    return FOV_OK;
}

int cifar_unpack(const struct cifar_variant *variant, const uint8_t *bytes, size_t size, uint8_t *pixels,
                 int32_t *labels, struct error *error)
{
    size_t record = cifar_record(variant), count = size / record;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *label = bytes + i * record + variant->label_at;
        /* CIFAR-100's coarse label is checked even if unused: it reveals records that are out of step soonest. */
        const uint8_t *group = variant->label_bytes == 2 ? bytes + i * record + cifar_100_coarse.label_at : NULL;
        const uint8_t *plane = bytes + i * record + variant->label_bytes;
        uint8_t *out = pixels + i * CIFAR_PIXELS * 3;
        if (*label >= variant->classes) {
            return error_set(error, FOV_E_INPUT, "label %d of sample %zu is beyond the %d classes", *label, i,
                             variant->classes);
        }
        if (group != NULL && *group >= cifar_100_coarse.classes) {
            return error_set(error, FOV_E_INPUT, "coarse label %d of sample %zu is beyond the %d groups", *group, i,
                             cifar_100_coarse.classes);
        }
        labels[i] = *label;
        for (size_t p = 0; p < CIFAR_PIXELS; p++) {
            out[3 * p] = plane[p];
            out[3 * p + 1] = plane[p + CIFAR_PIXELS];
            out[3 * p + 2] = plane[p + 2 * (size_t)CIFAR_PIXELS];
        }
    }
    return FOV_OK;
}

/* ---- the dataset ------------------------------------------------------------------------------------------------- */

/* Adds one file's samples to the dataset. */
static int cifar_read(struct fov_dataset *dataset, const struct cifar_variant *variant, const char *path,
                      struct error *error)
{
    struct memory *memory = dataset->context->memory;
    uint8_t *bytes;
    size_t size;
    int status = file_read(path, (size_t)1 << 30, memory, &bytes, &size, error);
    if (status) {
        return status;
    }
    status = cifar_check(variant, size, error);
    if (status == FOV_OK) {
        size_t count = dataset->count + size / cifar_record(variant);
        uint8_t *pixels =
            memory_resize(memory, dataset->state, count, (size_t)3 * CIFAR_PIXELS, "CIFAR pictures", error);
        int32_t *labels = NULL;
        if (pixels) {
            dataset->state = pixels;
            labels = memory_resize(memory, dataset->labels, count, sizeof *labels, "labels", error);
        }
        if (labels) {
            dataset->labels = labels;
            status = cifar_unpack(variant, bytes, size, pixels + dataset->count * CIFAR_PIXELS * 3,
                                  labels + dataset->count, error);
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

static int cifar_open(struct fov_dataset *dataset, const struct cifar_archive *archive, const char *argument,
                      fov_split split, struct error *error)
{
    char directory[DATA_PATH_SIZE], path[DATA_PATH_SIZE];
    int status = cifar_refuse_pickles(archive, argument, error);
    if (status == FOV_OK) {
        status = data_find(directory, sizeof directory, archive->name, argument, archive->folders,
                           archive->variant == &cifar_10 ? cifar_10_here : cifar_100_here, archive->advice, error);
    }
    const char *const *files = split == FOV_TRAIN ? archive->train : archive->test;
    for (int i = 0; status == FOV_OK && files[i]; i++) {
        status = file_join(path, sizeof path, directory, files[i], error);
        if (status == FOV_OK && !file_exists(path)) {
            status = error_set(error, FOV_E_INPUT, "%s: %s is missing", directory, files[i]);
        }
        if (status == FOV_OK) {
            status = cifar_read(dataset, archive->variant, path, error);
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
    return dataset->where ? dataset_set_classes(dataset, archive->names, (size_t)archive->variant->classes, error)
                          : FOV_E_MEMORY;
}

static int cifar_10_open(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    return cifar_open(dataset, &cifar_10_archive, argument, split, error);
}

static int cifar_100_open(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    return cifar_open(dataset, &cifar_100_archive, argument, split, error);
}

static int cifar_100_coarse_open(struct fov_dataset *dataset, const char *argument, fov_split split,
                                 struct error *error)
{
    return cifar_open(dataset, &cifar_100_coarse_archive, argument, split, error);
}

static void cifar_close(struct fov_dataset *dataset)
{
    memory_free(dataset->context->memory, dataset->state);
}

const struct data_source data_source_cifar10 = {
    .name = "cifar10", .turn = 1, .recognises = cifar_10_recognises, .open = cifar_10_open, .close = cifar_close};
const struct data_source data_source_cifar100 = {
    .name = "cifar100", .turn = 1, .recognises = cifar_100_recognises, .open = cifar_100_open, .close = cifar_close};
const struct data_source data_source_cifar100_coarse = {
    .name = "cifar100-coarse", .open = cifar_100_coarse_open, .close = cifar_close};
