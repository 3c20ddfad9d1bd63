/* SPDX-License-Identifier: MIT */
/* A .weights file: a version of three numbers, how many pictures were seen in training, then the float32 parameters of
 * each layer in order: biases; scales, means and variances where it has a batch norm; weights. */
#include "io/darknet.h"
#include <stdio.h>
#include <string.h>

/* The part of the file that has not been read yet. */
struct stream {
    const uint8_t *at;
    size_t left;
    const char *path;
};

static int take(const struct darknet *net, struct stream *stream, const char *layer, const char *parameter, int index,
                struct error *error)
{
    char name[64];
    size_t count, bytes;
    snprintf(name, sizeof name, "%s_%d.%s", layer, index, parameter);
    fov_value value = fov_find(net->graph, name);
    fov_shape shape = fov_value_shape(net->graph, value);
    if (value.id == 0 || !shape_count(&shape, &count) || !size_multiply(count, sizeof(float), &bytes)) {
        return error_set(error, FOV_E_INTERNAL, "%s: there is no parameter %s", stream->path, name);
    }
    if (bytes > stream->left) {
        return error_set(error, FOV_E_INPUT, "%s: the file ends in layer %d, at %s: %zu bytes are missing",
                         stream->path, index, name, bytes - stream->left);
    }
    float *numbers = memory_allocate_raw(net->memory, count, sizeof *numbers, "weights", error);
    if (numbers == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < count; i++) { /* little-endian */
        const uint8_t *byte = stream->at + 4 * i;
        uint32_t bits = (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
        memcpy(&numbers[i], &bits, sizeof bits);
    }
    int status = fov_parameter_set(net->graph, value, numbers, bytes);
    memory_free(net->memory, numbers);
    stream->at += bytes;
    stream->left -= bytes;
    return status;
}

static int take_layer(const struct darknet *net, struct stream *stream, int index, struct error *error)
{
    static const char *const of_norm[] = {"bias", "weight", "running_mean", "running_var"};
    const struct darknet_section *section = &net->sections[1 + index];
    bool conv = strcmp(section->name, "convolutional") == 0 || strcmp(section->name, "conv") == 0;
    bool dense = strcmp(section->name, "connected") == 0;
    int norm = 0, status = FOV_OK;
    if (dense) {
        status = take(net, stream, "dense", "bias", index, error);
        return status ? status : take(net, stream, "dense", "weight", index, error);
    }
    if (!conv) {
        return FOV_OK;
    }
    status = darknet_integer(net, section, "batch_normalize", 0, 0, 1, &norm, error);
    for (int i = 0; i < 4 && norm != 0 && status == FOV_OK; i++) {
        status = take(net, stream, "bn", of_norm[i], index, error);
    }
    status = status == FOV_OK && norm == 0 ? take(net, stream, "conv", "bias", index, error) : status;
    return status == FOV_OK ? take(net, stream, "conv", "weight", index, error) : status;
}

int darknet_read_weights(const struct darknet *net, const char *path, const uint8_t *bytes, size_t size,
                         struct error *error)
{
    if (size < 16) {
        return error_set(error, FOV_E_INPUT, "%s: %zu bytes are no weights of Darknet's", path, size);
    }
    uint32_t major = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8, minor = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8;
    size_t header =
        major * 10 + minor >= 2 && major < 1000 && minor < 1000 ? 20 : 16; /* pictures seen: 8 bytes from 0.2 on */
    struct stream stream = {.at = bytes + header, .left = size >= header ? size - header : 0, .path = path};
    int status = FOV_OK;
    for (int i = 0; i + 1 < net->section_count && status == FOV_OK; i++) {
        status = take_layer(net, &stream, i, error);
    }
    if (status == FOV_OK && stream.left > 0) {
        status =
            error_set(error, FOV_E_INPUT, "%s: %zu bytes are left behind the last layer: another network's weights",
                      path, stream.left);
    }
    return status;
}
