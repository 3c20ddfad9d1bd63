/* SPDX-License-Identifier: MIT */
/* Using a model: pictures in, class probabilities or values out. What the output means is answered in meaning.c. The
 * plan is kept between calls and made anew only when another number of pictures is asked for. */
#include "base/arithmetic.h"
#include "base/text.h"
#include "data/loader.h"
#include "graph/plan.h"
#include "model/model.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { LARGEST_BATCH = 64 };

int fov_model_scores(const fov_model *model)
{
    if (model->output.id == 0) {
        return 0;
    }
    struct model_scores scores = model_scores(model, model->output);
    return scores.meaning == FOV_MEANING_MAP      ? 0
           : scores.meaning == FOV_MEANING_VALUES ? scores.count
                                                  : scores.classes;
}

/* A row of numbers per picture, or a sentence that says what the output is instead. */
static int check_output(const fov_model *model, const struct model_scores *scores)
{
    struct error *error = &model->context->error;
    fov_shape shape = fov_value_shape(model->graph, model->output);
    char text[SHAPE_TEXT_SIZE];
    const char *name = fov_value_name(model->graph, model->output);
    if (scores->meaning == FOV_MEANING_MAP) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "output \"%s\" %s is a map, scores for each pixel, not one score per class", name,
                         shape_text(&shape, text));
    }
    if (scores->count == 0) {
        return error_set(error, FOV_E_UNSUPPORTED, "output \"%s\" %s is not a row of numbers for each picture", name,
                         shape_text(&shape, text));
    }
    return model_check_single_input(model, model->output, true, "prediction");
}

/* What is read after a run, floats [N, scores]: the output, behind a softmax or sigmoid where it holds logits. */
static int add_prediction(fov_model *model)
{
    fov_graph *graph = model->graph;
    struct error *error = &model->context->error;
    fov_value x = model->output;
    if (x.id == 0 || model->input.id == 0) {
        return error_set(error, FOV_E_USAGE,
                         "the model has no input and output yet: call fov_model_set_input_output");
    }
    fov_dtype dtype = fov_value_dtype(graph, model->input);
    if (dtype != FOV_F32) { /* pictures are floats: nothing else may be filled with them */
        return error_set(error, FOV_E_UNSUPPORTED, "the model's input is %s; prediction needs f32",
                         fov_dtype_name(dtype));
    }
    struct model_scores scores = model_scores(model, x);
    if (check_output(model, &scores) != FOV_OK) {
        return (int)error->status;
    }
    if (fov_value_dtype(graph, x) != FOV_F32) {
        x = fov_cast(graph, x, FOV_F32);
    }
    if (scores.meaning == FOV_MEANING_LOGITS && scores.independent) {
        x = fov_sigmoid(graph, x);
    } else if (scores.meaning == FOV_MEANING_LOGITS) {
        x = fov_value_shape(graph, x).rank > 2 ? fov_flatten(graph, x) : x; /* [N, 1000, 1, 1] */
        x = fov_softmax(graph, x);
    }
    model->prediction = x;
    return x.id != 0 ? FOV_OK : (int)error->status;
}

/* A row of either for every picture. `row`: numbers that the plan makes of one. */
static int check_sizes(fov_model *model, int batch, int row)
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
    if (!size_multiply((size_t)batch * sizeof(float), (size_t)row, &scores) ||
        fov_plan_bytes(plan, model->prediction) != scores) {
        shape = fov_plan_shape(plan, model->prediction);
        return error_set(error, FOV_E_SHAPE, "the model's output %s is not %d scores for each of %d picture%s",
                         shape_text(&shape, text), row, batch, batch == 1 ? "" : "s");
    }
    return FOV_OK;
}

/* Numbers that the plan makes of a picture: of a single score, two are handed out. */
static int row_of(const fov_model *model)
{
    return model_count_values(model, model->output);
}

static int prepare(fov_model *model, int count, int wanted)
{
    struct error *error = &model->context->error;
    int batch = count < LARGEST_BATCH ? count : LARGEST_BATCH;
    if (error->status != FOV_OK) {
        return (int)error->status; /* an earlier failure that nobody has looked at */
    }
    if (count < 1) {
        return error_set(error, FOV_E_USAGE, "prediction for %d pictures", count);
    }
    if (model->prediction.id == 0 && add_prediction(model) != FOV_OK) {
        return (int)error->status;
    }
    if (wanted != fov_model_scores(model)) {
        return error_set(error, FOV_E_USAGE, "room for %d scores a picture, the model has %d", wanted,
                         fov_model_scores(model));
    }
    if (model->predict_plan != NULL && model->predict_batch == batch) {
        return FOV_OK;
    }
    fov_plan_free(model->predict_plan);
    fov_plan_options options = {.batch = batch};
    model->predict_plan = fov_plan_create(model->graph, &model->prediction, 1, &options);
    model->predict_batch = batch;
    if (model->predict_plan == NULL) {
        return (int)error->status;
    }
    int status = check_sizes(model, batch, row_of(model));
    if (status != FOV_OK) {
        fov_plan_free(model->predict_plan);
        model->predict_plan = NULL;
        return status;
    }
    return FOV_OK;
}

/* Numbers that are not finite are no answer. `first` of `count` pictures is that of the plan's first row. */
static int check_rows(const fov_model *model, size_t rows, size_t first, size_t count)
{
    const float *made = fov_plan_data(model->predict_plan, model->prediction);
    size_t row = (size_t)row_of(model);
    for (size_t i = 0; i < rows * row; i++) {
        if (!isfinite(made[i])) {
            char cause[FINDING_TEXT_SIZE], which[64] = "";
            struct plan_finding finding = {.nan = {NULL, NULL}};
            if (count > 1) {
                text_append(which, sizeof which, 0, " of picture %zu (from 0, of %zu)", first + i / row, count);
            }
            (void)plan_replay(model->predict_plan, 0, model->predict_plan->step_count, &finding);
            return error_set(&model->context->error, FOV_E_NUMERIC, "the scores%s are not finite%s", which,
                             plan_finding_text(&finding, cause));
        }
    }
    return FOV_OK;
}

/* Probabilities that are none: what was said of the output is not true of it. */
static int check_probabilities(const fov_model *model, const float *made, size_t count)
{
    static const float rounding = 1e-3F; /* of half precision */
    fov_meaning meaning = fov_model_meaning(model, model->output);
    for (size_t i = 0; (meaning == FOV_MEANING_SOFTMAX || meaning == FOV_MEANING_SIGMOID) && i < count; i++) {
        if (made[i] < -rounding || made[i] > 1 + rounding) {
            return error_set(&model->context->error, FOV_E_INPUT,
                             "output \"%s\" is said to hold probabilities (%s), but one is %g",
                             fov_value_name(model->graph, model->output), fov_meaning_name(meaning), (double)made[i]);
        }
    }
    return FOV_OK;
}

/* The rows of `count` pictures out of the plan; of a single probability p, 1 - p and p. */
static int hand_out(const fov_model *model, int count, float *result, int scores)
{
    const float *made = fov_plan_data(model->predict_plan, model->prediction);
    size_t row = (size_t)row_of(model);
    int status = check_probabilities(model, made, (size_t)count * row);
    if (row == (size_t)scores) {
        memcpy(result, made, (size_t)count * row * sizeof *result);
        return status;
    }
    for (int i = 0; i < count; i++) {
        result[2 * i] = 1 - made[i];
        result[2 * i + 1] = made[i];
    }
    return status;
}

/* Pictures [count, channels, height, width] as the input has them. */
static void fill_input(const fov_model *model, const float *images, int count, size_t pixels, float *in)
{
    struct model_picture picture;
    if (!model_picture(model, &picture) || !picture.channels_last) {
        memcpy(in, images, (size_t)count * pixels * sizeof(float));
        return;
    }
    size_t channels = (size_t)picture.channels, area = pixels / channels;
    for (size_t i = 0; i < (size_t)count; i++, images += pixels, in += pixels) {
        for (size_t p = 0; p < pixels; p++) {
            in[p] = images[p % channels * area + p / channels];
        }
    }
}

static int predict(fov_model *model, const float *images, int count, float *result, int scores)
{
    int status = prepare(model, count, scores);
    if (status != FOV_OK) {
        return status;
    }
    fov_plan *plan = model->predict_plan;
    float *in = fov_plan_data(plan, model->input);
    int batch = model->predict_batch;
    size_t pixels = fov_plan_bytes(plan, model->input) / (size_t)batch / sizeof(float);
    for (int done = 0; done < count && status == FOV_OK; done += batch) {
        int take = count - done < batch ? count - done : batch;
        fill_input(model, images + (size_t)done * pixels, take, pixels, in);
        model_fill_others(model, plan);
        fov_plan_run(plan, 0);
        status = check_rows(model, (size_t)take, (size_t)done, (size_t)count);
        status = status == FOV_OK ? hand_out(model, take, result + (size_t)done * (size_t)scores, scores) : status;
    }
    return status;
}

int fov_predict(fov_model *model, const float *images, int count, float *result, int scores)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = predict(model, images, count, result, scores);
    arithmetic_leave(mode);
    return status;
}

static int predict_image(fov_model *model, const fov_image *image, float *result, int scores)
{
    struct error *error = &model->context->error;
    int status = prepare(model, 1, scores);
    if (status != FOV_OK) {
        return status;
    }
    struct model_picture picture;
    if (!model_picture(model, &picture)) {
        fov_shape shape = fov_plan_shape(model->predict_plan, model->input);
        char text[SHAPE_TEXT_SIZE];
        return error_set(error, FOV_E_SHAPE,
                         "the model's input %s is no picture, [N, channels, height, width] or [N, height, width, "
                         "channels] with 1, 3 or 4 channels",
                         shape_text(&shape, text));
    }
    struct prepare_options options = {.size = {picture.channels, picture.height, picture.width},
                                      .preprocessing = model->preprocessing,
                                      .plain = !picture.channels_last};
    status =
        loader_preprocess(model->context, image, &options, fov_plan_data(model->predict_plan, model->input), error);
    if (status != FOV_OK) {
        return status;
    }
    model_fill_others(model, model->predict_plan);
    fov_plan_run(model->predict_plan, 0);
    status = check_rows(model, 1, 0, 1);
    return status == FOV_OK ? hand_out(model, 1, result, scores) : status;
}

int fov_predict_image(fov_model *model, const fov_image *image, float *result, int scores)
{
    struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
    int status = predict_image(model, image, result, scores);
    arithmetic_leave(mode);
    return status;
}
