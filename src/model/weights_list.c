/* SPDX-License-Identifier: MIT */
/* A file of weights as a list: names, types and shapes, for whoever has no network for them. Reading them into a model
 * is weights.c. */
#include "base/arithmetic.h"
#include "device/context.h"
#include "io/safetensors.h"
#include "model/parameters_file.h"
#include <fovea/weights.h>

struct fov_weights {
    struct memory *memory;
    struct safetensors file;
};

static fov_weights *open(fov_context *context, const char *path)
{
    fov_weights *weights = memory_allocate(context->memory, 1, sizeof *weights, "a list of weights", &context->error);
    if (weights == NULL) {
        return NULL;
    }
    weights->memory = context->memory;
    if (weights_open(&weights->file, path, context->memory, &context->error) != FOV_OK) {
        memory_free(context->memory, weights);
        return NULL;
    }
    return weights;
}

fov_weights *fov_weights_open(fov_context *context, const char *path)
{
    if (context == NULL) {
        return NULL;
    }
    if (path == NULL) {
        call_refuse(context, "fov_weights_open: path is NULL");
        return NULL;
    }
    struct call call = call_begin(context);
    fov_weights *weights = open(context, path);
    call_end(&call);
    return weights;
}

void fov_weights_free(fov_weights *weights)
{
    if (weights != NULL) {
        safetensors_close(&weights->file);
        memory_free(weights->memory, weights);
    }
}

int64_t fov_weights_count(const fov_weights *weights)
{
    return weights != NULL ? (int64_t)weights->file.count : 0;
}

fov_weights_tensor fov_weights_tensor_at(const fov_weights *weights, int64_t index)
{
    if (index < 0 || index >= fov_weights_count(weights)) {
        return (fov_weights_tensor){0};
    }
    const struct safetensors_tensor *tensor = &weights->file.tensors[index];
    return (fov_weights_tensor){tensor->name, tensor->type, tensor->shape, (int64_t)tensor->bytes};
}

int64_t fov_weights_text_count(const fov_weights *weights)
{
    return weights != NULL ? (int64_t)weights->file.metadata_count : 0;
}

const char *fov_weights_text_key(const fov_weights *weights, int64_t index)
{
    bool is_one = index >= 0 && index < fov_weights_text_count(weights);
    return is_one ? weights->file.metadata[index].key : NULL;
}

const char *fov_weights_text_value(const fov_weights *weights, int64_t index)
{
    bool is_one = index >= 0 && index < fov_weights_text_count(weights);
    return is_one ? weights->file.metadata[index].value : NULL;
}
