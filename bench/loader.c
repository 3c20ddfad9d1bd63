/* SPDX-License-Identifier: MIT */
/* How many pictures a second become batches: read, decoded, augmented, resized, normalised; no network is run.
 * bench/loader.py compares the figure with torchvision's.
 *
 *   loader DATA LIST SIDE BATCH THREADS EPOCHS      e.g. loader pictures/ "random-resized-crop, flip" 224 32 2 3
 *
 * Prints a line per epoch: pictures, seconds, pictures a second, the sum of the first and last float of each batch. */
#include "base/clock.h"
#include "data/prefetch.h"
#include "device/context.h"
#include "transform/pipeline.h"
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>

struct tool {
    fov_context *context;
    fov_dataset *data;
    struct pipeline *pipeline;
    struct prefetch *prefetch;
    uint32_t *order; /* [samples] */
    float *pixels;   /* [batch, side, side, 3] */
    size_t batch, values;
};

static void run_epoch(struct tool *tool, int epoch)
{
    size_t count = tool->data->count;
    double begun = clock_seconds(), sum = 0;
    data_order(tool->context->seed, epoch, tool->order, count);
    const struct prefetch_epoch comes = {.epoch = epoch, .order = tool->order, .count = count, .batch = tool->batch};
    prefetch_begin(tool->prefetch, &comes);
    for (size_t done = 0; done < count; done += tool->batch) {
        size_t take = count - done < tool->batch ? count - done : tool->batch;
        if (prefetch_next(tool->prefetch, take, &(struct loader_batch){.pixels = tool->pixels},
                          &tool->context->error) != FOV_OK) {
            return;
        }
        sum += (double)tool->pixels[0] + (double)tool->pixels[take * tool->values - 1];
    }
    double seconds = clock_seconds() - begun;
    printf("%zu pictures, %.3f s, %.1f a second, %.6f\n", count, seconds, (double)count / seconds, sum);
    fflush(stdout);
}

static void run(struct tool *tool, char **words)
{
    int side = atoi(words[3]);
    struct error *error = &tool->context->error;
    tool->batch = (size_t)atoi(words[4]);
    tool->values = (size_t)side * (size_t)side * 3;
    tool->data = fov_dataset_open(tool->context, words[1], FOV_TRAIN);
    tool->pipeline = tool->data != NULL ? pipeline_create(tool->context->memory, words[2], error) : NULL;
    if (tool->pipeline == NULL) {
        return;
    }
    const struct prefetch_options options = {
        .loader = {.threads = atoi(words[5]),
                   .prepare = {.size = {3, side, side},
                               .preprocessing = {.mean = {0.485F, 0.456F, 0.406F},
                                                 .deviation = {0.229F, 0.224F, 0.225F}},
                               .augment = tool->pipeline,
                               .seed = tool->context->seed}},
        .batch = tool->batch};
    tool->order = malloc(tool->data->count * sizeof *tool->order);
    tool->pixels = malloc(tool->batch * tool->values * sizeof *tool->pixels);
    tool->prefetch = prefetch_create(tool->context, tool->data, &options, error);
    for (int epoch = 0; epoch < atoi(words[6]) && tool->prefetch != NULL && error->status == FOV_OK; epoch++) {
        run_epoch(tool, epoch);
    }
}

int main(int count, char **words)
{
    if (count != 7 || atoi(words[3]) < 1 || atoi(words[4]) < 1 || atoi(words[5]) < 0 || atoi(words[6]) < 1) {
        fprintf(stderr, "usage: loader DATA LIST SIDE BATCH THREADS EPOCHS\n");
        return 2;
    }
    struct tool tool = {.context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 1})};
    if (tool.context == NULL) {
        return 5;
    }
    run(&tool, words);
    int code = fov_error_status(tool.context) == FOV_OK ? 0 : 1;
    if (code != 0) {
        fprintf(stderr, "loader: %s\n", fov_error(tool.context));
    }
    prefetch_free(tool.prefetch);
    pipeline_free(tool.pipeline);
    free(tool.order);
    free(tool.pixels);
    fov_dataset_free(tool.data);
    fov_context_free(tool.context);
    return code;
}
