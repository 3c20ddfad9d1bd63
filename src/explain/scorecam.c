/* SPDX-License-Identifier: MIT */
/* Score-CAM: each feature map of a late layer, enlarged and stretched to 0..1, masks the picture; the score of the
 * masked picture gives, through a softmax over the maps, the map's weight. No gradient is taken. Wang et al.,
 * "Score-CAM: score-weighted visual explanations for convolutional neural networks", CVPR Workshops 2020, algorithm 1.
 * What is masked out becomes the baseline. */
#include "explain/explain.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct feature_map {
    size_t channel;
    double mean, score;
};

struct work {
    struct explain_job *job;
    struct feature_map *maps; /* those that are not flat */
    size_t count;
    float *features; /* [channels, area] of the layer */
    float *masks;    /* [EXPLAIN_BATCH, height, width] */
    size_t area;
    int height, width; /* of the layer */
};

static int stronger(const void *a, const void *b)
{
    const struct feature_map *one = a, *other = b;
    if (one->mean != other->mean) {
        return one->mean > other->mean ? -1 : 1;
    }
    return one->channel < other->channel ? -1 : 1;
}

/* Collects the maps that are not constant (a constant one says nothing about where); if a number is set, keeps that
 * many with the greatest means. */
static void gather(struct work *work, size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        const float *map = work->features + c * work->area;
        float least = map[0], most = map[0];
        double sum = 0.0;
        for (size_t i = 0; i < work->area; i++) {
            least = fminf(least, map[i]);
            most = fmaxf(most, map[i]);
            sum += (double)map[i];
        }
        if (most > least) {
            work->maps[work->count++] = (struct feature_map){.channel = c, .mean = sum / (double)work->area};
        }
    }
    int wanted = work->job->options->channels;
    if (wanted > 0 && (size_t)wanted < work->count) {
        qsort(work->maps, work->count, sizeof *work->maps, stronger);
        work->count = (size_t)wanted;
    }
}

static void make_mask(const struct work *work, size_t map, float *mask)
{
    const fov_explainer *e = work->job->explainer;
    size_t area = (size_t)e->picture.height * (size_t)e->picture.width;
    explain_enlarge(work->features + work->maps[map].channel * work->area, work->height, work->width, mask,
                    e->picture.height, e->picture.width);
    float least = mask[0], most = mask[0];
    for (size_t i = 0; i < area; i++) {
        least = fminf(least, mask[i]);
        most = fmaxf(most, mask[i]);
    }
    for (size_t i = 0; i < area; i++) {
        mask[i] = most > least ? (mask[i] - least) / (most - least) : 0.0F;
    }
}

static void mask_picture(const struct work *work, const float *mask, float *out)
{
    const fov_explainer *e = work->job->explainer;
    const float *base = work->job->baseline;
    for (int c = 0; c < e->picture.channels; c++) {
        const float *at = mask;
        for (int y = 0; y < e->picture.height; y++) {
            for (int x = 0; x < e->picture.width; x++, at++) {
                size_t i = explain_place(e, c, y, x);
                out[i] = base[i] + (e->input[i] - base[i]) * *at;
            }
        }
    }
}

static int score_maps(const struct work *work)
{
    struct explain_job *job = work->job;
    fov_explainer *e = job->explainer;
    size_t area = (size_t)e->picture.height * (size_t)e->picture.width;
    fov_plan *plan = explain_plan(e, false, (int)work->count);
    int status = plan != NULL ? FOV_OK : (int)job->error->status;
    size_t rows = plan != NULL ? (size_t)explain_rows(e, plan) : 1;
    rows = rows < EXPLAIN_BATCH ? rows : EXPLAIN_BATCH;
    for (size_t done = 0; done < work->count && status == FOV_OK; done += rows) {
        size_t take = work->count - done < rows ? work->count - done : rows;
        for (size_t row = 0; row < take; row++) {
            make_mask(work, done + row, work->masks + row * area);
            mask_picture(work, work->masks + row * area, explain_input(e, plan, (int)row));
        }
        status = explain_run(e, plan, (int)take, job->error);
        for (size_t row = 0; row < take; row++) {
            work->maps[done + row].score = explain_score(e, plan, (int)row);
        }
        job->result->runs += (int)take;
    }
    return status;
}

/* Adds up the maps, weighted by the softmax of their scores. The softmax would be the same if the baseline's score were
 * subtracted from each. */
static void add_up(const struct work *work, float *small)
{
    double highest = -HUGE_VAL, total = 0.0;
    for (size_t m = 0; m < work->count; m++) {
        highest = fmax(highest, work->maps[m].score);
    }
    for (size_t m = 0; m < work->count; m++) {
        total += exp(work->maps[m].score - highest);
    }
    for (size_t i = 0; i < work->area; i++) {
        double sum = 0.0;
        for (size_t m = 0; m < work->count; m++) {
            double weight = exp(work->maps[m].score - highest) / total;
            sum += weight * (double)work->features[work->maps[m].channel * work->area + i];
        }
        small[i] = (float)fmax(sum, 0.0);
    }
}

static int run(struct explain_job *job)
{
    fov_explainer *e = job->explainer;
    struct memory *memory = e->model->context->memory;
    fov_plan *plan = explain_plan(e, false, 1);
    int status = plan != NULL ? explain_baseline(job, &job->result->baseline) : (int)job->error->status;
    if (status != FOV_OK) {
        return status;
    }
    memcpy(explain_input(e, plan, 0), e->input, e->pixels * sizeof(float));
    status = explain_run(e, plan, 1, job->error);
    fov_shape shape = fov_plan_shape(plan, e->layer);
    size_t channels = (size_t)shape.dim[1], area = (size_t)(shape.dim[2] * shape.dim[3]);
    size_t pixels = (size_t)e->picture.height * (size_t)e->picture.width;
    struct work work = {.job = job, .area = area, .height = (int)shape.dim[2], .width = (int)shape.dim[3]};
    work.maps = memory_allocate(memory, channels, sizeof *work.maps, "Score-CAM", job->error);
    work.features = memory_allocate(memory, (channels + 1) * area, sizeof(float), "Score-CAM", job->error);
    work.masks = memory_allocate(memory, pixels, EXPLAIN_BATCH * sizeof(float), "Score-CAM", job->error);
    if (work.maps != NULL && work.features != NULL && work.masks != NULL && status == FOV_OK) {
        float *small = work.features + channels * area;
        memcpy(work.features, explain_row(plan, e->layer, 0), channels * area * sizeof(float));
        gather(&work, channels);
        status = work.count > 0 ? score_maps(&work) : FOV_OK;
        if (status == FOV_OK && work.count > 0) {
            add_up(&work, small);
            explain_enlarge(small, work.height, work.width, job->result->values, e->picture.height, e->picture.width);
        }
    }
    memory_free(memory, work.maps);
    memory_free(memory, work.features);
    memory_free(memory, work.masks);
    return (int)job->error->status;
}

const struct explain_method explain_scorecam = {
    .text = {.name = "scorecam",
             .title = "Score-CAM",
             .summary =
                 "the feature maps of a late layer, weighed by the score that the picture keeps under each of them",
             .source = "Wang et al., Score-CAM, CVPR Workshops 2020"},
    .needs_layer = true,
    .run = run,
};
