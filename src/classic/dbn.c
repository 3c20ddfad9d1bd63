/* SPDX-License-Identifier: MIT */
/* Deep belief networks (Hinton, Osindero, Teh, "A fast learning algorithm for deep belief nets", 2006): RBMs are
 * trained each on the hidden units of the one below, then become the layers of a classifier, which is fine-tuned by
 * gradient. */
#include "classic/rbm.h"

#include <stdio.h>

static int check_stack(fov_rbm *const *rbms, int layers, struct error *error)
{
    if (layers < 1) {
        return error_set(error, FOV_E_USAGE, "deep belief network: %d layers", layers);
    }
    for (int i = 0; i < layers; i++) {
        if (rbms[i] == NULL) {
            return error_set(error, FOV_E_USAGE, "deep belief network: the RBM of layer %d is NULL", i + 1);
        }
    }
    for (int i = 1; i < layers; i++) {
        if (rbms[i]->visible != rbms[i - 1]->hidden) {
            return error_set(error, FOV_E_SHAPE, "deep belief network: layer %d has %d hidden units, layer %d takes %d",
                             i, rbms[i - 1]->hidden, i + 1, rbms[i]->visible);
        }
    }
    return FOV_OK;
}

static int pretrain(fov_rbm *const *rbms, int layers, const float *data, int64_t count, const fov_rbm_options *options)
{
    fov_context *context = rbms[0]->context;
    float *below = NULL;
    struct error *error = &context->error;
    check_stack(rbms, layers, error);
    for (int i = 0; i < layers && error->status == FOV_OK; i++) {
        const float *seen = below != NULL ? below : data;
        if (fov_rbm_train(rbms[i], seen, count, options) != FOV_OK || i + 1 == layers) {
            break;
        }
        float *above = memory_allocate_raw(context->memory, (size_t)count * (size_t)rbms[i]->hidden, sizeof *above,
                                           "what a layer makes of the data", error);
        if (above != NULL && fov_rbm_hidden(rbms[i], seen, count, above) != FOV_OK) {
            memory_free(context->memory, above);
            above = NULL;
        }
        memory_free(context->memory, below);
        below = above;
    }
    memory_free(context->memory, below);
    return (int)error->status;
}

int fov_dbn_pretrain(fov_rbm *const *rbms, int layers, const float *data, int64_t count, const fov_rbm_options *options)
{
    if (rbms == NULL || data == NULL || layers < 1 || rbms[0] == NULL) {
        return FOV_E_USAGE;
    }
    struct call call = call_begin(rbms[0]->context);
    int status = pretrain(rbms, layers, data, count, options);
    call_end(&call);
    return status;
}

static int set_layer(fov_graph *g, const fov_rbm *r, int number)
{
    char name[32];
    snprintf(name, sizeof name, "layer_%d.weight", number);
    size_t visible = (size_t)r->visible, hidden = (size_t)r->hidden;
    int status = fov_parameter_set(g, fov_find(g, name), r->weight, visible * hidden * sizeof *r->weight);
    snprintf(name, sizeof name, "layer_%d.bias", number);
    return status != FOV_OK ? status
                            : fov_parameter_set(g, fov_find(g, name), r->hidden_bias, hidden * sizeof *r->hidden_bias);
}

static int build(fov_model *model, fov_rbm *const *rbms, int layers, const int size[3], int classes)
{
    fov_graph *g = fov_model_graph(model);
    fov_value input = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, size[0], size[1], size[2]}});
    fov_value x = fov_flatten(g, input);
    for (int i = 0; i < layers; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer_%d", i + 1);
        x = fov_sigmoid(g, fov_dense(g, x, .units = rbms[i]->hidden, .name = name));
    }
    x = fov_dense(g, x, .units = classes, .name = "output");
    int status = fov_model_set_input_output(model, input, x);
    for (int i = 0; i < layers && status == FOV_OK; i++) {
        status = set_layer(g, rbms[i], i + 1);
    }
    return status;
}

fov_model *fov_dbn_model(fov_context *context, fov_rbm *const *rbms, int layers, int channels, int height, int width,
                         int classes)
{
    if (context == NULL) {
        return NULL;
    }
    call_fresh(context);
    if (rbms == NULL) {
        call_refuse(context, "fov_dbn_model: rbms is NULL");
        return NULL;
    }
    struct error *error = &context->error;
    const int size[3] = {channels, height, width};
    if (error->status != FOV_OK || check_stack(rbms, layers, error) != FOV_OK) {
        return NULL;
    }
    if (channels < 1 || height < 1 || width < 1 || (int64_t)channels * height * width != rbms[0]->visible) {
        error_set(error, FOV_E_SHAPE, "deep belief network: pictures of %d x %d x %d for %d visible units", channels,
                  height, width, rbms[0]->visible);
        return NULL;
    }
    fov_model *model = fov_model_create(context);
    if (model != NULL && build(model, rbms, layers, size, classes) != FOV_OK) {
        fov_model_free(model);
        return NULL;
    }
    if (model != NULL) {
        fov_model_set_name(model, "dbn");
        fov_model_set_preprocessing(model, &(fov_preprocessing){.scale = 0}); /* pixels in 0..1 */
    }
    return model;
}
