/* SPDX-License-Identifier: MIT */
/* Makes a model of Darknet's two files (.cfg and .weights), which io/darknet.h reads. */
#include "base/arithmetic.h"
#include "base/file.h"
#include "io/darknet.h"
#include "model/boxes_form.h"
#include <string.h>

static int build(fov_model *model, const char *cfg, const char *weights)
{
    struct error *error = &model->context->error;
    struct file_map text = {.size = 0}, numbers = {.size = 0};
    if (cfg == NULL) {
        return error_set(error, FOV_E_USAGE, "fov_model_load_darknet: no .cfg is named");
    }
    struct darknet *net = memory_allocate(model->context->memory, 1, sizeof *net, "a network", error);
    int status = net != NULL ? file_map(&text, cfg, model->context->memory, error) : FOV_E_MEMORY;
    if (status == FOV_OK) {
        status = darknet_open(net, model->graph, cfg, (const char *)text.bytes, text.size, error);
    }
    if (status == FOV_OK && weights != NULL) {
        status = file_map(&numbers, weights, model->context->memory, error);
        status = status == FOV_OK ? darknet_read_weights(net, weights, numbers.bytes, numbers.size, error) : status;
    }
    status = status == FOV_OK ? graph_rename(model->graph, net->output.id, "output") : status;
    if (status == FOV_OK) {
        status = fov_model_set_inputs_outputs(model, &net->input, 1, &net->output, 1);
    }
    if (status == FOV_OK && net->box_count > 0) {
        model_state_boxes_form(model, boxes_form_named("darknet"));
        status = model_find_meanings(model);
    }
    if (net != NULL) {
        darknet_close(net);
    }
    file_unmap(&numbers);
    file_unmap(&text);
    memory_free(model->context->memory, net);
    return status;
}

fov_model *fov_model_load_darknet(fov_context *context, const char *cfg, const char *weights)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    fov_model *model = fov_model_create(context);
    if (model != NULL && build(model, cfg, weights) != FOV_OK) {
        fov_model_free(model);
        model = NULL;
    }
    arithmetic_leave(mode);
    return model;
}
