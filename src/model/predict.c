/* SPDX-License-Identifier: MIT */
/* Prediction: pictures in, class probabilities or values out. The output's meaning comes from meaning.c. Plans for a
 * few batch sizes, which together cover any number of pictures, are kept between calls (batch_plans.h). */
#include "base/arithmetic.h"
#include "base/text.h"
#include "data/loader.h"
#include "model/batch_plans.h"
#include "model/model.h"
#include <math.h>
#include <string.h>

enum { LARGEST_BATCH = 64 };

int fov_model_scores(const fov_model *model)
{
    if (model == NULL) {
        return 0;
    }
    if (model->output.id == 0) {
        return 0;
    }
    struct model_scores scores = model_scores(model, model->output);
    bool is_row = scores.meaning != FOV_MEANING_MAP && scores.meaning != FOV_MEANING_BOXES;
    return !is_row                                ? 0
           : scores.meaning == FOV_MEANING_VALUES ? scores.count
                                                  : scores.classes;
}

/* E_UNSUPPORTED, saying what the output is, if it is not a row of numbers for each picture. */
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
    if (scores->meaning == FOV_MEANING_BOXES) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "output \"%s\" %s is a detector's, rows with a box each, not one score per class: "
                         "fov_session_answer has its boxes", name, shape_text(&shape, text));
    }
    if (scores->count == 0) {
        return error_set(error, FOV_E_UNSUPPORTED, "output \"%s\" %s is not a row of numbers for each picture", name,
                         shape_text(&shape, text));
    }
    return model_check_single_input(model, model->output, true, "prediction", error);
}

/* Whether the model has an input and an output that prediction can handle. */
static int check_model(const fov_model *model)
{
    struct error *error = &model->context->error;
    if (model->output.id == 0 || model->input.id == 0) {
        return error_set(error, FOV_E_USAGE,
                         "the model has no input and output yet: call fov_model_set_input_output");
    }
    fov_dtype dtype = fov_value_dtype(model->graph, model->input);
    if (dtype != FOV_F32) { /* prepared pictures are floats */
        return error_set(error, FOV_E_UNSUPPORTED, "the model's input is %s; prediction needs f32",
                         fov_dtype_name(dtype));
    }
    struct model_scores scores = model_scores(model, model->output);
    return check_output(model, &scores);
}

/* A prediction under way. */
struct prediction {
    fov_model          *model;
    struct batch_plans *plans;
    fov_plan           *plan; /* for the present batch */
    fov_value           input, made; /* input and result, in the shared graph */
    size_t              row;    /* numbers that the plan computes for a picture; a single score gives the caller two */
    int                 scores; /* numbers that the caller gets for a picture */
    int                 most;   /* largest batch */
    bool                exact;  /* do not split the pictures into powers of two: their results depend on each other, or
                                   the input fixes the batch */
};

/* Opens the cache of plans for the present weights. */
static int open_plans(fov_model *model)
{
    struct error *error = &model->context->error;
    struct shared_graph *share = model_share(model, error);
    if (share == NULL) {
        return (int)error->status;
    }
    if (model->predicting != NULL && batch_plans_share(model->predicting) != share) {
        batch_plans_close(model->predicting);
        model->predicting = NULL;
    }
    if (model->predicting == NULL) {
        model->predicting = batch_plans_open(share, error);
    }
    shared_graph_drop(share);
    return model->predicting != NULL ? FOV_OK : (int)error->status;
}

static int begin(struct prediction *p, fov_model *model, int count, int wanted)
{
    struct error *error = &model->context->error;
    if (error->status != FOV_OK) {
        return (int)error->status; /* an earlier failure that the caller has not handled */
    }
    if (count < 1) {
        return error_set(error, FOV_E_USAGE, "prediction for %d pictures", count);
    }
    if ((model->predicting == NULL && check_model(model) != FOV_OK) || open_plans(model) != FOV_OK) {
        return (int)error->status;
    }
    if (wanted != fov_model_scores(model)) {
        return error_set(error, FOV_E_USAGE, "room for %d scores a picture, the model has %d", wanted,
                         fov_model_scores(model));
    }
    int64_t batch = graph_value(model->graph, model->input.id)->shape.dim[0];
    bool is_fixed = batch != FOV_BATCH && batch > 0;
    *p = (struct prediction){.model = model,
                             .plans = model->predicting,
                             .input = shared_graph_value(model->share, model->input),
                             .made = model->prediction,
                             .row = (size_t)model_count_values(model, model->output),
                             .scores = wanted,
                             .most = is_fixed && count % batch == 0 ? (int)batch : LARGEST_BATCH,
                             .exact = is_fixed || (count > 1 && fov_model_batch_statistics(model) > 0)};
    return FOV_OK;
}

/* Whether input and result of the plan have a row for each of `batch` pictures. */
static int check_sizes(const struct prediction *p, int batch)
{
    struct error *error = &p->model->context->error;
    fov_shape     shape = fov_plan_shape(p->plan, p->input);
    size_t        scores;
    char          text[SHAPE_TEXT_SIZE];
    if (fov_plan_data(p->plan, p->input) == NULL) {
        return error_set(error, FOV_E_SHAPE, "the model's output does not depend on its input");
    }
    if (shape.rank < 1 || shape.dim[0] != batch) {
        return error_set(error, FOV_E_SHAPE, "the model's input %s is not for %d picture%s at a time",
                         shape_text(&shape, text), batch, batch == 1 ? "" : "s");
    }
    if (!size_multiply((size_t)batch * sizeof(float), p->row, &scores) ||
        fov_plan_bytes(p->plan, p->made) != scores) {
        shape = fov_plan_shape(p->plan, p->made);
        return error_set(error, FOV_E_SHAPE, "the model's output %s is not %zu scores for each of %d picture%s",
                         shape_text(&shape, text), p->row, batch, batch == 1 ? "" : "s");
    }
    return FOV_OK;
}

/* Chooses the plan for the next pictures when `left` remain; *take: its batch size. */
static int choose_plan(struct prediction *p, int left, int *take)
{
    struct error *error = &p->model->context->error;
    *take = p->exact ? (left < p->most ? left : p->most) : (int)batch_plans_next(left, p->most);
    p->plan = batch_plans_for(p->plans, &p->made, 1, *take, error);
    return p->plan != NULL ? check_sizes(p, *take) : (int)error->status;
}

/* E_NUMERIC: a result is NaN or infinite. `first`: index, among all `count` pictures, of the plan's first row. */
static int check_rows(const struct prediction *p, size_t rows, size_t first, size_t count)
{
    const float *made = fov_plan_data(p->plan, p->made);
    for (size_t i = 0; i < rows * p->row; i++) {
        if (!isfinite(made[i])) {
            char cause[FINDING_TEXT_SIZE], which[64] = "";
            if (count > 1) {
                text_append(which, sizeof which, 0, " of picture %zu (from 0, of %zu)", first + i / p->row, count);
            }
            return error_set(&p->model->context->error, FOV_E_NUMERIC, "the scores%s are not finite%s", which,
                             shared_graph_finding(batch_plans_share(p->plans), p->plan, cause));
        }
    }
    return FOV_OK;
}

/* E_INPUT: the output is stated to hold probabilities, but a number is outside 0 .. 1. */
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

/* Copies the rows of `count` pictures from the plan to the result; a single probability p becomes 1 - p and p. */
static int hand_out(const struct prediction *p, int count, float *result)
{
    const float *made = fov_plan_data(p->plan, p->made);
    int status = check_probabilities(p->model, made, (size_t)count * p->row);
    if (status != FOV_OK) {
        return status;
    }
    if (p->row == (size_t)p->scores) {
        memcpy(result, made, (size_t)count * p->row * sizeof *result);
        return FOV_OK;
    }
    for (int i = 0; i < count; i++) {
        result[2 * i] = 1 - made[i];
        result[2 * i + 1] = made[i];
    }
    return FOV_OK;
}

/* Copies pictures [count, channels, height, width] to the input, in the input's layout. */
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

/* Runs the plan, whose input is filled, for the `count` pictures from index `first` of `all`. */
static int run(struct prediction *p, int count, int first, int all, float *result)
{
    model_fill_others(p->model, batch_plans_share(p->plans), p->plan);
    fov_plan_run(p->plan, 0);
    int status = check_rows(p, (size_t)count, (size_t)first, (size_t)all);
    return status == FOV_OK ? hand_out(p, count, result + (size_t)first * (size_t)p->scores) : status;
}

static int predict(fov_model *model, const float *images, int count, float *result, int scores)
{
    struct prediction p;
    int status = begin(&p, model, count, scores), take;
    for (int done = 0; status == FOV_OK && done < count; done += take) {
        status = choose_plan(&p, count - done, &take);
        if (status != FOV_OK) {
            return status;
        }
        size_t pixels = fov_plan_bytes(p.plan, p.input) / (size_t)take / sizeof(float);
        fill_input(model, images + (size_t)done * pixels, take, pixels, fov_plan_data(p.plan, p.input));
        status = run(&p, take, done, count, result);
    }
    return status;
}

int fov_predict(fov_model *model, const float *images, int count, float *result, int scores)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (images == NULL || result == NULL) {
        return call_refuse(model->context, "fov_predict: images or result is NULL");
    }
    struct call call = call_begin(model->context);
    int status = predict(model, images, count, result, scores);
    call_end(&call);
    return status;
}

/* `seen` [count]: receives what the network saw of each picture; may be NULL. */
static int predict_images(fov_model *model, const fov_image *images, int count, float *result, int scores,
                          fov_image *seen)
{
    struct error *error = &model->context->error;
    struct prepare_options options;
    struct prediction p;
    int status = begin(&p, model, count, scores), take;
    status = status == FOV_OK ? model_prepare_options(model, &options, error) : status;
    if (status == FOV_OK) {
        model_tell_assumed(model);
    }
    for (int done = 0; status == FOV_OK && done < count; done += take) {
        status = choose_plan(&p, count - done, &take);
        if (status != FOV_OK) {
            return status;
        }
        float *in = fov_plan_data(p.plan, p.input);
        size_t pixels = fov_plan_bytes(p.plan, p.input) / (size_t)take / sizeof(float);
        for (int i = 0; i < take && status == FOV_OK; i++) {
            float *here = in + (size_t)i * pixels;
            status = loader_preprocess(model->context, &images[done + i], &options, here, NULL, error);
            if (status == FOV_OK && seen != NULL) {
                status = model_show_input(model, &options, here, &seen[done + i]);
            }
        }
        status = status == FOV_OK ? run(&p, take, done, count, result) : status;
    }
    return status;
}

int fov_predict_images(fov_model *model, const fov_image *images, int count, float *result, int scores)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (images == NULL || result == NULL) {
        return call_refuse(model->context, "fov_predict_images: images or result is NULL");
    }
    struct call call = call_begin(model->context);
    int status = predict_images(model, images, count, result, scores, NULL);
    call_end(&call);
    return status;
}

int fov_predict_images_seen(fov_model *model, const fov_image *images, int count, float *result, int scores,
                            fov_image *seen)
{
    if (model == NULL) {
        return FOV_E_USAGE;
    }
    if (images == NULL || result == NULL || seen == NULL) {
        return call_refuse(model->context, "fov_predict_images_seen: images, result or seen is NULL");
    }
    struct call call = call_begin(model->context);
    for (int i = 0; i < count; i++) {
        seen[i] = (fov_image){.height = 0};
    }
    int status = predict_images(model, images, count, result, scores, seen);
    for (int i = 0; status != FOV_OK && i < count; i++) {
        fov_image_free(&seen[i]);
    }
    call_end(&call);
    return status;
}

int fov_predict_image(fov_model *model, const fov_image *image, float *result, int scores)
{
    return fov_predict_images(model, image, 1, result, scores);
}
