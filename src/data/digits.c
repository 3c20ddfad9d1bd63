/* SPDX-License-Identifier: MIT */
/* The dataset "digits[:COUNT[:SEED]]": handwriting drawn by fovea itself. Its SEED is separate from the context's seed,
 * so that every run is tested on the same pictures. Next: digits_draw.c. */
#include "data/digits.h"
#include "base/size.h"
#include "base/text.h"
#include "data/dataset.h"
#include <stdio.h>
#include <string.h>

enum {
    DIGITS_TRAIN = 60000,
    DIGITS_MAX = 1000000000,
    DIGITS_BLOCK = 64,            /* samples drawn at a time by one thread */
    DIGITS_IN_MEMORY = 512 << 20, /* bytes: above this, samples are drawn whenever they are asked for */
    DIGITS_SIZE = DIGITS_SIDE * DIGITS_SIDE
};

struct digits_state {
    uint64_t seed;
    fov_split split;
    uint8_t *pixels;
};

/* "COUNT" or "COUNT:SEED". The test split has a sixth of COUNT, as MNIST's has. */
static int digits_read_argument(const char *argument, struct digits_state *state, size_t *count, struct error *error)
{
    long long train = DIGITS_TRAIN, seed = 0;
    if (argument) {
        char number[24];
        const char *colon = strchr(argument, ':');
        size_t length = colon ? (size_t)(colon - argument) : strlen(argument);
        snprintf(number, sizeof number, "%.*s", (int)(length < 23 ? length : 23), argument);
        if (!text_to_integer(number, 1, DIGITS_MAX, &train)) {
            return (int)error_set(error, FOV_E_USAGE, "digits:%s: the number of samples must be 1 to %d", argument,
                                  DIGITS_MAX);
        }
        if (colon && !text_to_integer(colon + 1, 0, INT64_MAX, &seed)) {
            return (int)error_set(error, FOV_E_USAGE, "digits:%s: the seed must be a whole number from 0", argument);
        }
    }
    state->seed = (uint64_t)seed;
    *count = state->split == FOV_TRAIN ? (size_t)train : train < 6 ? 1 : (size_t)train / 6;
    return FOV_OK;
}

static int digits_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    const struct digits_state *state = dataset->state;
    int status = picture_reserve(picture, DIGITS_SIDE, DIGITS_SIDE, 1, error);
    if (status == FOV_OK) {
        digits_draw(state->seed, state->split, index, picture->buffer);
    }
    return status;
}

/* Draws one block of samples (or only their labels, where the pixels are not kept). */
static void digits_draw_block(void *context, size_t block, int worker)
{
    const struct fov_dataset *dataset = context;
    const struct digits_state *state = dataset->state;
    size_t end = (block + 1) * DIGITS_BLOCK;
    (void)worker;
    for (size_t i = block * DIGITS_BLOCK; i < end && i < dataset->count; i++) {
        dataset->labels[i] = digits_label(state->seed, state->split, i);
        if (state->pixels) {
            digits_draw(state->seed, state->split, i, state->pixels + i * DIGITS_SIZE);
        }
    }
}

static int digits_open(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    static const char *const names[DIGITS_CLASSES] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    struct memory *memory = dataset->context->memory;
    struct digits_state *state = memory_allocate(memory, 1, sizeof *state, "the digits generator", error);
    if (state == NULL) {
        return FOV_E_MEMORY;
    }
    dataset->state = state;
    state->split = split;
    int status = digits_read_argument(argument, state, &dataset->count, error);
    if (status) {
        return status;
    }
    dataset->channels = 1;
    dataset->height = dataset->width = DIGITS_SIDE;
    dataset->same_size = true;
    dataset->fit = FOV_FIT_INK;
    dataset->invert = FOV_INVERT_AUTO;
    dataset->where = memory_copy_text(memory, "drawn by fovea", error);
    dataset->labels = memory_allocate_raw(memory, dataset->count, sizeof *dataset->labels, "labels", error);
    if (dataset->where == NULL || dataset->labels == NULL) {
        return FOV_E_MEMORY;
    }
    if (dataset->count <= DIGITS_IN_MEMORY / DIGITS_SIZE) {
        state->pixels = memory_allocate_raw(memory, dataset->count, DIGITS_SIZE, "drawn digits", error);
        if (state->pixels == NULL) {
            return FOV_E_MEMORY;
        }
        dataset->pixels = state->pixels;
    }
    pool_run(dataset->context->pool, digits_draw_block, dataset, size_divide_up(dataset->count, DIGITS_BLOCK));
    return dataset_set_classes(dataset, names, DIGITS_CLASSES, error);
}

static void digits_close(struct fov_dataset *dataset)
{
    struct digits_state *state = dataset->state;
    if (state) {
        memory_free(dataset->context->memory, state->pixels);
        memory_free(dataset->context->memory, state);
    }
}

const struct data_source data_source_digits = {
    .name = "digits", .counts = true, .open = digits_open, .sample = digits_sample, .close = digits_close};
