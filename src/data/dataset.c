/* SPDX-License-Identifier: MIT */
/* The public face of datasets: which source a string means, and checks common to all sources. Decoding and files are
 * the sources' business (mnist.c, cifar.c, digits.c, folder.c). */
#include "data/dataset.h"
#include "base/file.h"
#include "base/text.h"
#include <string.h>

/* The source that `text` names, and what it is told; NULL and a sentence for anything unknown. */
static const struct data_source *dataset_find_source(const char *text, const char **argument, struct error *error)
{
    size_t length = strcspn(text, ":");
    for (size_t i = 0; i < data_source_count; i++) {
        const char *name = data_sources[i]->name;
        if (strlen(name) == length && strncmp(name, text, length) == 0) {
            *argument = text[length] == ':' ? text + length + 1 : NULL;
            if (*argument && **argument == 0) {
                error_set(error, FOV_E_USAGE, "dataset \"%s\": nothing follows the colon", text);
                return NULL;
            }
            return data_sources[i];
        }
    }
    if (file_is_directory(text)) {
        *argument = text;
        for (size_t i = 0; i < data_source_count; i++) {
            if (data_sources[i]->recognises && data_sources[i]->recognises(text)) {
                return data_sources[i];
            }
        }
    }
    return NULL;
}

static const char *dataset_source_name(const void *list, size_t index)
{
    const struct data_source *const *sources = list;
    return sources[index]->name;
}

static void dataset_refuse(const char *text, struct error *error)
{
    if (file_is_directory(text)) {
        error_set(
            error, FOV_E_INPUT,
            "%s: no data recognised: neither IDX nor CIFAR files, nor a folder per class with PNG or JPEG pictures",
            text);
        return;
    }
    if (file_exists(text)) {
        error_set(error, FOV_E_INPUT, "%s is a file; a dataset is a directory or a name (mnist, cifar10, digits)",
                  text);
        return;
    }
    const char *near = text_nearest(text, data_sources, data_source_count, dataset_source_name);
    if (near && !strchr(text, '/')) {
        error_set(error, FOV_E_INPUT, "no dataset \"%s\" and no such directory; did you mean \"%s\"?", text, near);
    } else {
        error_set(error, FOV_E_INPUT,
                  "no dataset \"%s\" and no such directory (datasets by name: mnist, cifar10, digits)", text);
    }
}

fov_dataset *fov_dataset_open(fov_context *context, const char *source, fov_split split)
{
    if (context == NULL) {
        return NULL;
    }
    if (source == NULL || *source == 0 || (split != FOV_TRAIN && split != FOV_TEST)) {
        error_set(&context->error, FOV_E_USAGE, "fov_dataset_open: %s",
                  source && *source ? "unknown split" : "no source given");
        return NULL;
    }
    struct error error = {.status = FOV_OK};
    const char *argument = NULL;
    const struct data_source *kind = dataset_find_source(source, &argument, &error);
    if (kind == NULL) {
        dataset_refuse(source, &error);
        error_set(&context->error, error.status, "%s", error.text);
        return NULL;
    }
    fov_dataset *dataset = memory_allocate(context->memory, 1, sizeof *dataset, "a dataset", &error);
    if (dataset) {
        dataset->context = context;
        dataset->source = kind;
        dataset->name = kind->name;
        dataset->current.memory = context->memory;
        if (kind->open(dataset, argument, split, &error)) {
            fov_dataset_free(dataset);
            dataset = NULL;
        }
    }
    if (dataset == NULL) {
        error_set(&context->error, error.status, "%s", error.text);
    }
    return dataset;
}

void fov_dataset_free(fov_dataset *dataset)
{
    if (dataset == NULL) {
        return;
    }
    struct memory *memory = dataset->context->memory;
    if (dataset->source->close) {
        dataset->source->close(dataset);
    }
    picture_free(&dataset->current);
    memory_free(memory, dataset->labels);
    memory_free(memory, dataset->class_names);
    memory_free(memory, dataset->where);
    memory_free(memory, dataset);
}

fov_dataset_info fov_dataset_describe(const fov_dataset *dataset)
{
    if (dataset == NULL) {
        return (fov_dataset_info){.name = "", .source = ""};
    }
    return (fov_dataset_info){.name = dataset->name,
                              .source = dataset->where,
                              .count = (int64_t)dataset->count,
                              .classes = dataset->classes,
                              .channels = dataset->channels,
                              .height = dataset->height,
                              .width = dataset->width,
                              .same_size = dataset->same_size};
}

const char *fov_dataset_class(const fov_dataset *dataset, int index)
{
    return dataset && index >= 0 && index < dataset->classes ? dataset->class_names[index] : "";
}

int fov_dataset_label(const fov_dataset *dataset, int64_t index)
{
    return dataset && index >= 0 && (uint64_t)index < dataset->count ? dataset->labels[index] : -1;
}

int fov_dataset_sample(fov_dataset *dataset, int64_t index, const uint8_t **pixels, int *height, int *width,
                       int *channels)
{
    if (dataset == NULL) {
        return FOV_E_USAGE;
    }
    struct fov_context *context = dataset->context;
    if (index < 0 || (uint64_t)index >= dataset->count) {
        return (int)error_set(&context->error, FOV_E_USAGE, "%s: sample %lld is out of range (%zu samples)",
                              dataset->name, (long long)index, dataset->count);
    }
    struct error error = {.status = FOV_OK};
    int status = dataset_sample(dataset, (size_t)index, &dataset->current, &error);
    if (status) {
        return (int)error_set(&context->error, error.status, "%s", error.text);
    }
    *pixels = dataset->current.pixels;
    *height = dataset->current.height;
    *width = dataset->current.width;
    *channels = dataset->current.channels;
    return FOV_OK;
}

int dataset_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    if (dataset->pixels == NULL) {
        return dataset->source->sample(dataset, index, picture, error);
    }
    size_t size = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    picture->height = dataset->height;
    picture->width = dataset->width;
    picture->channels = dataset->channels;
    picture->pixels = dataset->pixels + index * size;
    return FOV_OK;
}

int dataset_set_classes(struct fov_dataset *dataset, const char *const *names, size_t count, struct error *error)
{
    // one block: pointers, then the texts they point to
    size_t bytes = count * sizeof(char *);
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(names[i]) + 1;
    }
    char **list = memory_allocate(dataset->context->memory, bytes, 1, "class names", error);
    if (list == NULL) {
        return FOV_E_MEMORY;
    }
    char *text = (char *)(list + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        list[i] = memcpy(text, names[i], length);
        text += length;
    }
    dataset->class_names = list;
    dataset->classes = (int)count;
    return FOV_OK;
}
