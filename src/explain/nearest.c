/* SPDX-License-Identifier: MIT */
/* The samples of a dataset that are most like the picture to the network: by the cosine between the means of the
 * layer's feature maps, from which a classifier with global pooling decides. Ties go to the earlier sample. */
#include "base/arithmetic.h"
#include "explain/explain.h"
#include "data/loader.h"
#include <math.h>
#include <string.h>

struct search {
    fov_explainer *e;
    fov_plan *plan;
    double *picture, *sample; /* [features] */
    size_t features;
    int64_t *index;
    double *similarity;
    int count, found;
};

/* The means of the feature maps of picture `row`; without a layer, its scores. */
static void read_features(const struct search *s, int row, double *features)
{
    const fov_explainer *e = s->e;
    const float *numbers = explain_row(s->plan, e->layer.id != 0 ? e->layer : e->scores.logits, row);
    if (e->layer.id == 0) {
        for (size_t i = 0; i < s->features; i++) {
            features[i] = (double)numbers[i];
        }
        return;
    }
    fov_shape shape = fov_plan_shape(s->plan, e->layer);
    size_t area = (size_t)(shape.dim[2] * shape.dim[3]);
    for (size_t c = 0; c < s->features; c++) {
        double sum = 0.0;
        for (size_t i = 0; i < area; i++) {
            sum += (double)numbers[c * area + i];
        }
        features[c] = sum / (double)area;
    }
}

static double cosine(const double *a, const double *b, size_t count)
{
    double product = 0.0, aa = 0.0, bb = 0.0;
    for (size_t i = 0; i < count; i++) {
        product += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0.0 && bb > 0.0 ? product / sqrt(aa * bb) : 0.0;
}

static void keep(struct search *s, int64_t index, double similarity)
{
    int at = s->found < s->count ? s->found++ : s->count - 1;
    if (at == s->count - 1 && s->found == s->count && s->index[at] >= 0 && similarity <= s->similarity[at]) {
        return;
    }
    for (; at > 0 && similarity > s->similarity[at - 1]; at--) {
        s->index[at] = s->index[at - 1];
        s->similarity[at] = s->similarity[at - 1];
    }
    s->index[at] = index;
    s->similarity[at] = similarity;
}

static int ask_samples(struct search *s, fov_dataset *data, int64_t limit, struct error *error)
{
    fov_explainer *e = s->e;
    struct prepare_options options;
    int64_t samples = fov_dataset_describe(data).count;
    samples = limit > 0 && limit < samples ? limit : samples;
    int rows = explain_rows(e, s->plan), status = model_prepare_options(e->model, &options, error);
    for (int64_t done = 0; done < samples && status == FOV_OK; done += rows) {
        int take = samples - done < rows ? (int)(samples - done) : rows;
        for (int row = 0; row < take && status == FOV_OK; row++) {
            fov_sample sample;
            status = fov_dataset_read(data, done + row, &sample);
            const fov_image image = {.height = sample.height, .width = sample.width, .channels = sample.channels,
                                     .pixels = (uint8_t *)sample.pixels};
            status = status == FOV_OK
                         ? loader_preprocess(e->model->context, &image, &options, explain_input(e, s->plan, row), NULL,
                                             error)
                         : status;
        }
        status = status == FOV_OK ? explain_run(e, s->plan, take, error) : status;
        for (int row = 0; row < take && status == FOV_OK; row++) {
            read_features(s, row, s->sample);
            keep(s, done + row, cosine(s->picture, s->sample, s->features));
        }
    }
    return status;
}

static int search(struct search *s, fov_dataset *data, int64_t limit, struct error *error)
{
    fov_explainer *e = s->e;
    struct memory *memory = e->model->context->memory;
    if (!e->has_picture || s->count < 1) {
        return error_set(error, FOV_E_USAGE, "nearest samples: no picture was looked at yet, or none are wanted");
    }
    s->plan = explain_plan(e, false, EXPLAIN_BATCH);
    if (s->plan == NULL) {
        return (int)error->status;
    }
    s->features = e->layer.id != 0 ? (size_t)fov_plan_shape(s->plan, e->layer).dim[1] : e->score_count;
    s->picture = memory_allocate(memory, s->features, 2 * sizeof(double), "nearest samples", error);
    if (s->picture == NULL) {
        return FOV_E_MEMORY;
    }
    s->sample = s->picture + s->features;
    for (int i = 0; i < s->count; i++) {
        s->index[i] = -1;
        s->similarity[i] = -HUGE_VAL;
    }
    memcpy(explain_input(e, s->plan, 0), e->input, e->pixels * sizeof(float));
    int status = explain_run(e, s->plan, 1, error);
    if (status == FOV_OK) {
        read_features(s, 0, s->picture);
        status = ask_samples(s, data, limit, error);
    }
    memory_free(memory, s->picture);
    return status;
}

int fov_explain_nearest(fov_explainer *e, fov_dataset *data, int64_t limit, int count, int64_t *index,
                        double *similarity, int *found)
{
    if (e == NULL || data == NULL || index == NULL || similarity == NULL || found == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL,
                           "fov_explain_nearest: e, data, index, similarity or found is NULL");
    }
    struct error *error = &e->model->context->error;
    struct call call = call_begin(e->model->context);
    struct search s = {.e = e, .index = index, .similarity = similarity, .count = count};
    int status = error->status == FOV_OK ? search(&s, data, limit, error) : (int)error->status;
    *found = status == FOV_OK ? s.found : 0;
    call_end(&call);
    return status;
}
