/* SPDX-License-Identifier: MIT */
/* Using a model: pictures in, class probabilities out. The plan is kept between calls and made anew only when another
 * number of pictures is asked for. */
#include "data/loader.h"
#include "model/model.h"
#include <fovea/operators.h>
#include <string.h>

enum { LARGEST_BATCH = 64 };

/* Softmax of the output, unless the network ends in one; one row per sample. */
static int add_probabilities(fov_model *model)
{
    fov_graph *graph = model->graph;
    fov_value x = model->output;
    if (x.id == 0 || model->input.id == 0) {
        return error_set(&model->context->error, FOV_E_USAGE,
                         "the model has no input and output yet: call fov_model_set_ends");
    }
    if (model_logits(model).id == x.id) {
        if (fov_value_shape(graph, x).rank > 2) {
            x = fov_flatten(graph, x); /* [N, 1000, 1, 1] */
        }
        x = fov_softmax(graph, x);
    }
    model->probabilities = x;
    return x.id != 0 ? FOV_OK : (int)model->context->error.status;
}

/* Pictures and scores are floats. A file may say otherwise, and then nothing may be copied. */
static int check_types(const fov_model *model)
{
    fov_dtype in = fov_value_dtype(model->graph, model->input), out = fov_value_dtype(model->graph, model->output);
    if (in != FOV_F32 || out != FOV_F32) {
        return error_set(&model->context->error, FOV_E_UNSUPPORTED, "the model's %s is %s; prediction needs f32",
                         in != FOV_F32 ? "input" : "output", fov_dtype_name(in != FOV_F32 ? in : out));
    }
    return FOV_OK;
}

/* A row of either for every picture. */
static int check_sizes(fov_model *model, int batch, int classes)
{
    struct error *error = &model->context->error;
    fov_plan     *plan = model->predict_plan;
    fov_shape     shape = fov_plan_shape(plan, model->input);
    size_t        scores;
    char          text[SHAPE_TEXT_SIZE];
    if (fov_plan_data(plan, model->input) == NULL) {
        return error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
    }
    if (shape.rank < 1 || shape.dim[0] != batch) {
        return error_set(error, FOV_E_SHAPE, "the model's input %s is not for %d picture%s at a time",
                         shape_text(&shape, text), batch, batch == 1 ? "" : "s");
    }
    if (!size_multiply((size_t)batch * sizeof(float), (size_t)classes, &scores) ||
        fov_plan_bytes(plan, model->probabilities) != scores) {
        shape = fov_plan_shape(plan, model->probabilities);
        return error_set(error, FOV_E_SHAPE, "the model's output %s is not %d scores for each of %d picture%s",
                         shape_text(&shape, text), classes, batch, batch == 1 ? "" : "s");
    }
    return FOV_OK;
}

static int prepare(fov_model *model, int count, int classes)
{
    struct error *error = &model->context->error;
    int batch = count < LARGEST_BATCH ? count : LARGEST_BATCH;
    if (error->status != FOV_OK) {
        return (int)error->status; /* an earlier failure that nobody has looked at */
    }
    if (count < 1) {
        return error_set(error, FOV_E_USAGE, "prediction for %d pictures", count);
    }
    if (classes != fov_model_classes(model)) {
        return error_set(error, FOV_E_USAGE, "room for %d scores a picture, the model has %d classes", classes,
                         fov_model_classes(model));
    }
    if (model->probabilities.id == 0 && model->input.id != 0 && check_types(model) != FOV_OK) {
        return (int)error->status;
    }
    if (model->probabilities.id == 0 && add_probabilities(model) != FOV_OK) {
        return (int)error->status;
    }
    if (model->predict_plan != NULL && model->predict_batch == batch) {
        return FOV_OK;
    }
    fov_plan_free(model->predict_plan);
    fov_plan_options options = {.batch = batch};
    model->predict_plan = fov_plan_create(model->graph, &model->probabilities, 1, &options);
    model->predict_batch = batch;
    if (model->predict_plan == NULL) {
        return (int)error->status;
    }
    int status = check_sizes(model, batch, classes);
    if (status != FOV_OK) {
        fov_plan_free(model->predict_plan);
        model->predict_plan = NULL;
        return status;
    }
    return FOV_OK;
}

int fov_predict(fov_model *model, const float *images, int count, float *scores, int classes)
{
    int status = prepare(model, count, classes);
    if (status != FOV_OK) {
        return status;
    }
    fov_plan *plan = model->predict_plan;
    float *in = fov_plan_data(plan, model->input);
    const float *out = fov_plan_data(plan, model->probabilities);
    size_t batch = (size_t)model->predict_batch, row = (size_t)classes;
    size_t pixels = fov_plan_bytes(plan, model->input) / batch / sizeof(float);
    for (size_t done = 0; done < (size_t)count; done += batch) {
        size_t take = (size_t)count - done < batch ? (size_t)count - done : batch;
        memcpy(in, images + done * pixels, take * pixels * sizeof(float));
        fov_plan_run(plan, 0);
        memcpy(scores + done * row, out, take * row * sizeof(float));
    }
    return FOV_OK;
}

int fov_predict_image(fov_model *model, const fov_image *image, float *scores, int classes)
{
    struct error *error = &model->context->error;
    int status = prepare(model, 1, classes);
    if (status != FOV_OK) {
        return status;
    }
    fov_shape shape = fov_plan_shape(model->predict_plan, model->input);
    if (shape.rank != 4 || shape.dim[1] > 4 || shape.dim[2] > 1 << 20 || shape.dim[3] > 1 << 20) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE, "the model's input %s is no picture", shape_text(&shape, text));
    }
    struct loader_options options = {(int)shape.dim[1], (int)shape.dim[2], (int)shape.dim[3], model->preprocessing,
                                     true};
    status =
        loader_preprocess(model->context, image, &options, fov_plan_data(model->predict_plan, model->input), error);
    if (status != FOV_OK) {
        return status;
    }
    fov_plan_run(model->predict_plan, 0);
    memcpy(scores, fov_plan_data(model->predict_plan, model->probabilities), (size_t)classes * sizeof *scores);
    return FOV_OK;
}
