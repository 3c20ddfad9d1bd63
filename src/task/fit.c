/* SPDX-License-Identifier: MIT */
/* Checks whether a model fits the data that several tasks share, each with its error message. */
#include "data/dataset.h"
#include "model/range.h"
#include "task/task.h"

static const char *name_of(const fov_model *model)
{
    return model->name[0] != '\0' ? model->name : "model";
}

int fit_pictures(struct task_use *use, struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    const fov_model *model = use->model;
    if (model->input.id == 0 || model->output.id == 0) {
        return error_set(error, FOV_E_USAGE, "the model has no input and output yet: call fov_model_set_input_output");
    }
    fov_shape in = fov_value_shape(model->graph, model->input);
    struct model_picture picture;
    if (!model_picture(model, &picture) || fov_value_dtype(model->graph, model->input) != FOV_F32) {
        return error_set(error, FOV_E_SHAPE,
                         "%s: input \"%s\" has shape %s; pictures need float32 [N, channels, height, width] or [N, "
                         "height, width, channels]",
                         name_of(model), fov_value_name(model->graph, model->input), shape_text(&in, text));
    }
    bool is_single = use->data == NULL && in.dim[0] == 1; /* batch 1 is enough for answers */
    if (in.dim[0] != FOV_BATCH && !is_single) {
        return error_set(error, FOV_E_SHAPE,
                         "%s: its input %s has a fixed number of samples; where pictures come in batches the first "
                         "dimension must be open (FOV_BATCH; a name such as \"N\" in a file)",
                         name_of(model), shape_text(&in, text));
    }
    use->prepare.size = (struct picture_size){picture.channels, picture.height, picture.width};
    use->scores = model_scores(model, model->output);
    if (fov_value_dtype(model->graph, use->scores.logits) != FOV_F32) {
        return error_set(error, FOV_E_UNSUPPORTED, "%s: output \"%s\" is %s; scores are f32", name_of(model),
                         fov_value_name(model->graph, model->output),
                         fov_dtype_name(fov_value_dtype(model->graph, use->scores.logits)));
    }
    return use->data != NULL ? fit_inputs(use, error)
                             : model_check_single_input(model, use->scores.logits, true, "an answer", error);
}

int fit_scores(struct task_use *use, struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    const fov_model *model = use->model;
    const struct model_scores *scores = &use->scores;
    fov_shape out = fov_value_shape(model->graph, model->output);
    const char *output = fov_value_name(model->graph, model->output);
    if (scores->meaning == FOV_MEANING_MAP) {
        return error_set(error, FOV_E_SHAPE,
                         "%s: output \"%s\" %s is a map, scores for each pixel; a classifier's is [N, classes]",
                         name_of(model), output, shape_text(&out, text));
    }
    if (scores->meaning == FOV_MEANING_VALUES || scores->count < 1) {
        return error_set(error, FOV_E_SHAPE,
                         "%s: output \"%s\" %s holds values, not scores of classes; where it does, say which: logits, "
                         "softmax or sigmoid (fov_model_set_meaning, --scores)",
                         name_of(model), output, shape_text(&out, text));
    }
    if (scores->is_probable && range_of(model->graph, scores->logits.id).low < 0) {
        return error_set(error, FOV_E_SHAPE,
                         "%s: output \"%s\" is said to hold probabilities (%s), but nothing at the network's end "
                         "keeps its numbers from being negative",
                         name_of(model), output, fov_meaning_name(scores->meaning));
    }
    return FOV_OK;
}

int fit_classes(struct task_use *use, int classes, struct error *error)
{
    if (use->data == NULL) {
        return FOV_OK; /* answers use the model's own classes */
    }
    int status = classes_match(use->model, use->data, classes, use->classes_by_position, &use->match, error);
    if (status == FOV_OK && use->match.relation == FOV_CLASSES_DIFFERENT) {
        status = error_set(error, FOV_E_SHAPE, "%s", use->match.text);
    }
    return status;
}

int fit_look(const fov_dataset *data, size_t index, struct sample *sample, bool *is_read, struct error *error)
{
    struct error bad = {.status = FOV_OK};
    int status = dataset_read(data, index, sample, &bad);
    *is_read = status == FOV_OK;
    return status == FOV_E_MEMORY ? error_set(error, FOV_E_MEMORY, "%s", bad.text) : FOV_OK;
}

void fit_balanced(const double *counts, int classes, float *weights)
{
    double all = 0.0, seen = 0.0;
    float  largest = 0;
    for (int c = 0; c < classes; c++) {
        all += counts[c];
        seen += counts[c] > 0.0;
    }
    for (int c = 0; c < classes; c++) {
        weights[c] = counts[c] > 0.0 ? (float)(all / (seen * counts[c])) : 0;
        largest = weights[c] > largest ? weights[c] : largest;
    }
    for (int c = 0; c < classes; c++) {
        weights[c] = counts[c] > 0.0 ? weights[c] : largest > 0 ? largest : 1;
    }
}

int write_picture(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                  struct error *error)
{
    const struct picture_size *size = &prepared->other_size;
    size_t channels = (size_t)size->channels, pixels = (size_t)size->height * (size_t)size->width;
    float *out = (float *)targets + place * channels * pixels;
    (void)use;
    (void)error;
    for (size_t c = 0; c < channels; c++) {
        for (size_t p = 0; p < pixels; p++) {
            *out++ = (float)prepared->other[p * channels + c] / 255;
        }
    }
    return FOV_OK;
}
