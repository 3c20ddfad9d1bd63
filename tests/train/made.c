/* SPDX-License-Identifier: MIT */
/* The synthetic dataset of the tests of tasks, and networks for it: see made.h. */
#include "train/made.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const quarters[] = {"first", "second", "third", "fourth"}, *const lights[] = {"dark", "lit"},
                         *const names_of_values[] = {"brightness", "left"};

/* A linear congruential generator, so that each sample is the same on any machine. */
static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

static int first_of(const struct fov_dataset *dataset)
{
    return dataset->count == MADE_TRAIN ? 0 : 100000;
}

static int lit_quarters(const struct fov_dataset *dataset, size_t index)
{
    uint32_t state = (uint32_t)(first_of(dataset) + (int)index) * 2654435761U;
    draw(&state);
    return (int)(draw(&state) % 16);
}

static int quarter_of(int y, int x)
{
    return 2 * (y >= MADE_SIDE / 2) + (x >= MADE_SIDE / 2);
}

static int make_picture(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    uint32_t state = (uint32_t)(first_of(dataset) + (int)index) * 40503U + 7U;
    int lit = lit_quarters(dataset, index), status = picture_reserve(picture, MADE_SIDE, MADE_SIDE, 1, error);
    for (int p = 0; status == FOV_OK && p < MADE_SIDE * MADE_SIDE; p++) {
        bool is_lit = lit >> quarter_of(p / MADE_SIDE, p % MADE_SIDE) & 1;
        picture->buffer[p] = (uint8_t)((is_lit ? 140 : 0) + (int)(draw(&state) % 100));
    }
    return status;
}

static void make_values(struct sample *sample)
{
    double all = 0.0, left = 0.0;
    for (int p = 0; p < MADE_SIDE * MADE_SIDE; p++) {
        all += sample->picture.pixels[p];
        left += p % MADE_SIDE < MADE_SIDE / 2 ? sample->picture.pixels[p] : 0;
    }
    sample->numbers[0] = (float)(5000.0 + 20.0 * all / (MADE_SIDE * MADE_SIDE));
    sample->numbers[1] = (float)(left / (MADE_SIDE * MADE_SIDE / 2) / 1000.0);
}

static int make_target(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error)
{
    int lit = lit_quarters(dataset, index), status = FOV_OK;
    if (dataset->target == FOV_TARGET_CLASSES) {
        status = sample_reserve_numbers(sample, 4, error);
        for (int q = 0; status == FOV_OK && q < 4; q++) {
            sample->numbers[q] = (float)(lit >> q & 1);
        }
    } else if (dataset->target == FOV_TARGET_VALUES) {
        status = sample_reserve_numbers(sample, 2, error);
        if (status == FOV_OK) {
            make_values(sample);
        }
    } else if (dataset->target == FOV_TARGET_MASK) {
        status = picture_reserve(&sample->mask, MADE_SIDE, MADE_SIDE, 1, error);
        for (int p = 0; status == FOV_OK && p < MADE_SIDE * MADE_SIDE; p++) {
            int y = p / MADE_SIDE, x = p % MADE_SIDE;
            sample->mask.buffer[p] = y == 0 ? 255 : (uint8_t)(lit >> quarter_of(y, x) & 1);
        }
    } else if (dataset->target == FOV_TARGET_PICTURE) {
        status = picture_reserve(&sample->other, MADE_SIDE, MADE_SIDE, 1, error);
        for (int p = 0; status == FOV_OK && p < MADE_SIDE * MADE_SIDE; p++) {
            sample->other.buffer[p] = (uint8_t)(255 - sample->picture.pixels[p]);
        }
    }
    return status;
}

static int open_made(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    dataset->count = split == FOV_TRAIN ? MADE_TRAIN : MADE_TEST;
    dataset->where = NULL;
    dataset->height = dataset->width = MADE_SIDE;
    dataset->channels = 1;
    dataset->same_size = true;
    for (int t = 0; t <= FOV_TARGET_PICTURE; t++) {
        dataset->target = strcmp(argument, target_name((fov_target)t)) == 0 ? (fov_target)t : dataset->target;
    }
    if (dataset->target == FOV_TARGET_VALUES) {
        return dataset_set_values(dataset, names_of_values, 2, error);
    }
    if (dataset->target == FOV_TARGET_CLASSES) {
        return dataset_set_classes(dataset, quarters, 4, error);
    }
    if (dataset->target == FOV_TARGET_CLASS) {
        dataset->labels =
            memory_allocate(dataset->context->memory, dataset->count, sizeof *dataset->labels, "labels", error);
        for (size_t i = 0; dataset->labels != NULL && i < dataset->count; i++) {
            dataset->labels[i] = lit_quarters(dataset, i) & 1;
        }
    }
    bool knows_classes = dataset->target == FOV_TARGET_CLASS || dataset->target == FOV_TARGET_MASK;
    return error->status != FOV_OK ? (int)error->status
           : knows_classes         ? dataset_set_classes(dataset, lights, 2, error)
                                   : FOV_OK;
}

static const struct data_source source_made = {
    .name = "made", .open = open_made, .sample = make_picture, .target = make_target};

fov_dataset *made_data(fov_context *context, const char *target, fov_split split)
{
    const struct dataset_found found = {.kind = &source_made, .argument = target};
    fov_dataset *data = dataset_open(context, &found, split, NULL, &context->error);
    assert_fine(context, data != NULL);
    return data;
}

/* ---- networks ---------------------------------------------------------------------------------------------------- */

static fov_model *finish_model(fov_model *model, fov_value x, fov_value y)
{
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    return model;
}

fov_model *made_row(fov_context *context, int outputs)
{
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 1, MADE_SIDE, MADE_SIDE));
    fov_value y = fov_avg_pool2d(graph, x, .kernel = 8, .stride = 8);
    return finish_model(model, x, fov_dense(graph, fov_flatten(graph, y), .units = outputs));
}

fov_model *made_map(fov_context *context, int channels)
{
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 1, MADE_SIDE, MADE_SIDE));
    fov_value y = fov_relu(graph, fov_conv2d(graph, x, .filters = 6, .kernel = 3, .pad = 1));
    return finish_model(model, x, fov_conv2d(graph, y, .filters = channels, .kernel = 3, .pad = 1));
}

/* ---- what the task style needs ----------------------------------------------------------------------------------- */

static char style_folder[256], style_task[1024];

/* A network with a batch norm whose running statistics are not those of any batch; it reads blue first. */
static fov_model *make_looker(fov_context *context)
{
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 3, 32, 32)), y = x;
    y = fov_conv2d(graph, y, .filters = 4, .kernel = 3, .pad = 1, .name = "first");
    y = fov_relu(graph, fov_batch_norm(graph, y));
    y = fov_relu(graph, fov_conv2d(graph, y, .filters = 4, .kernel = 3, .pad = 1, .name = "second"));
    y = fov_avg_pool2d(graph, y, .kernel = 2, .stride = 2);
    y = fov_relu(graph, fov_conv2d(graph, y, .filters = 5, .kernel = 3, .pad = 1, .name = "third"));
    y = fov_dense(graph, fov_flatten(graph, fov_global_avg_pool(graph, y)), .units = 2);
    fov_model_set_preprocessing(model, &(fov_preprocessing){.scale = 1.0F / 255.0F, .mean = {0.4F, 0.5F, 0.6F},
                                                            .deviation = {0.2F, 0.25F, 0.3F}, .bgr = true});
    return finish_model(model, x, y);
}

uint8_t made_style_byte(int index)
{
    return (uint8_t)((index % 3 + 1) * (index / 3 % MADE_SIDE) * 11 + index / 3 / MADE_SIDE * 37);
}

int made_open(void **state)
{
    char path[512];
    uint8_t pixels[MADE_SIDE * MADE_SIDE * 3];
    (void)state;
    test_folder(style_folder);
    fov_context *context = test_context(1, 11);
    fov_model *looker = make_looker(context);
    for (int i = 0; i < MADE_SIDE * MADE_SIDE * 3; i++) {
        pixels[i] = made_style_byte(i);
    }
    assert_fine(context, fov_model_save(looker, test_path(path, style_folder, "looker.onnx")) == FOV_OK);
    assert_fine(context, fov_image_save_png(context, test_path(path, style_folder, "style.png"), MADE_SIDE, MADE_SIDE,
                                            3, pixels) == FOV_OK);
    snprintf(style_task, sizeof style_task, "style:picture=%s/style.png:network=%s/looker.onnx", style_folder,
             style_folder);
    fov_model_free(looker);
    fov_context_free(context);
    return 0;
}

int made_close(void **state)
{
    (void)state;
    test_folder_remove(style_folder);
    return 0;
}

fov_model *made_model(fov_context *context, const struct made_case *of, const fov_dataset *data)
{
    fov_model *model = of->network(context, of->outputs);
    assert_fine(context, fov_task_finish(model, data, of->task) == FOV_OK);
    return model;
}

const struct made_case made_cases[] = {
    {"classify:weights=balanced", "class", made_row, 2, "accuracy", 1.0, 8},
    {"multilabel", "classes", made_row, 4, "macro_f1", 1.0, 14},
    {"multilabel:loss=focal:threshold=0.4", "classes", made_row, 4, "map", 0.999, 8},
    {"regress", "values", made_row, 2, "r2", 0.97, 40},
    {"regress:loss=huber:delta=0.5", "values", made_row, 2, "r2", 0.97, 40},
    {"regress:loss=mae", "values", made_row, 2, "r2", 0.97, 40},
    {"segment", "mask", made_map, 2, "mean_iou", 0.9, 6},
    {"segment:loss=dice:weights=balanced", "mask", made_map, 1, "mean_dice", 0.9, 6},
    {"segment:loss=cross-entropy+dice:weights=balanced", "mask", made_map, 2, "pixel_accuracy", 0.93, 6},
    {"segment:loss=focal:weights=balanced", "mask", made_map, 1, "pixel_accuracy", 0.93, 6},
    {"image", "picture", made_map, 1, "psnr", 20, 10},
    {"image:from=noise:noise=0.2:loss=mae", "class", made_map, 1, "psnr", 14, 8},
    {"image:from=small:loss=huber", "none", made_map, 1, "psnr", 15, 8},
    {style_task, "none", made_map, 3, "perceptual", -2.5, 8},
    {.task = NULL},
};
