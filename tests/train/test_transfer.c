/* SPDX-License-Identifier: MIT */
/* Transfer learning: a new head for other classes, frozen parameters, batch norm that keeps its statistics where it is
 * frozen and follows the data where it is not. */
#include "helpers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 7 };

enum head { HEAD_DENSE, HEAD_CONVOLUTION, HEAD_SOFTMAX, HEAD_NONE };

/* Two convolutions with batch norm, and the given head. */
static fov_model *build(fov_context *context, enum head head)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value input = fov_input(g, .shape = {4, {FOV_BATCH, 1, 28, 28}}), x = input;
    x = fov_conv2d(g, x, .filters = 8, .kernel = 3, .stride = 2, .name = "body.c1");
    x = fov_relu(g, fov_batch_norm_opt(g, x, &(fov_batch_norm_options){.name = "body.bn1"}));
    x = fov_conv2d(g, x, .filters = 12, .kernel = 3, .stride = 2, .name = "tail.c2");
    x = fov_relu(g, fov_batch_norm_opt(g, x, &(fov_batch_norm_options){.name = "tail.bn2"}));
    if (head == HEAD_CONVOLUTION) {
        x = fov_relu(g, fov_conv2d(g, x, .filters = CLASSES, .kernel = 1, .name = "classifier"));
        x = fov_flatten(g, fov_global_avg_pool(g, x));
    } else if (head != HEAD_NONE) {
        x = fov_dense(g, fov_flatten(g, fov_global_avg_pool(g, x)), .units = CLASSES, .name = "classifier");
        x = head == HEAD_SOFTMAX ? fov_softmax(g, x) : x;
    } else {
        x = fov_flatten(g, input);
    }
    assert_fine(context, fov_model_set_input_output(model, input, x) == FOV_OK);
    return model;
}

static float *values(fov_model *model, const char *name, size_t *count)
{
    fov_graph *g = fov_model_graph(model);
    fov_value value = fov_find(g, name);
    if (value.id == 0) {
        fail_msg("no parameter \"%s\"", name);
    }
    fov_shape shape = fov_value_shape(g, value);
    *count = 1;
    for (int i = 0; i < shape.rank; i++) {
        *count *= (size_t)shape.dim[i];
    }
    float *data = malloc(*count * sizeof *data);
    assert_non_null(data);
    assert_fine(fov_graph_context(g), fov_parameter_get(g, value, data, *count * sizeof *data) == FOV_OK);
    return data;
}

static bool same(fov_model *a, fov_model *b, const char *name)
{
    size_t count[2];
    float *x = values(a, name, &count[0]), *y = values(b, name, &count[1]);
    bool equal = count[0] == count[1] && memcmp(x, y, count[0] * sizeof *x) == 0;
    free(x);
    free(y);
    return equal;
}

static void heads(void **state)
{
    (void)state;
    for (enum head head = HEAD_DENSE; head < HEAD_NONE; head++) {
        fov_context *context = test_context(1, 3);
        fov_model *old = build(context, head), *model = build(context, head);
        const char *names[CLASSES] = {"a", "b", "c", "d", "e", "f", "g"}, *weight_name = NULL;
        size_t count;
        assert_fine(context, fov_model_set_classes(model, names, CLASSES) == FOV_OK);
        assert_fine(context, fov_model_replace_head(model, 10, &weight_name) == FOV_OK);
        assert_string_equal(weight_name, "classifier.weight");
        assert_int_equal(fov_model_classes(model), 10);
        assert_string_equal(fov_model_class(model, 3), "3"); /* the old class names are dropped */
        float *weight = values(model, "classifier.weight", &count), largest = 0;
        assert_int_equal(count, 10 * 12);
        for (size_t i = 0; i < count; i++) {
            largest = fabsf(weight[i]) > largest ? fabsf(weight[i]) : largest;
        }
        /* Uniform in +- 1 / sqrt(12 inputs): all of the 120 draws lie within, at least one near the limit. */
        assert_true(largest <= 1 / sqrtf(12) && largest > 0.8F / sqrtf(12));
        free(weight);
        assert_true(same(old, model, "body.c1.weight") && same(old, model, "tail.bn2.running_var"));
        float picture[28 * 28] = {0}, scores[10], sum = 0;
        assert_fine(context, fov_predict(model, picture, 1, scores, 10) == FOV_OK);
        for (int i = 0; i < 10; i++) {
            sum += scores[i];
        }
        assert_true(fabsf(sum - 1) < 1e-5F);
        fov_model_free(old);
        fov_model_free(model);
        fov_context_free(context);
    }
}

static void no_head(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 3);
    fov_model *model = build(context, HEAD_NONE);
    assert_int_equal(fov_model_replace_head(model, 10, NULL), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(context), "the head cannot be replaced"));
    fov_error_clear(context);
    assert_int_equal(fov_model_scores(model), 28 * 28); /* unchanged: the output is a row of pixels, not classes */
    assert_int_equal(fov_model_classes(model), 0);
    fov_model_free(model);
    fov_context_free(context);
}

/* A model is saved, loaded, given ten classes, half frozen and trained: the frozen half keeps its bits. */
static void transfer(void **state)
{
    (void)state;
    char folder[256], path[512];
    test_folder(folder);
    fov_context *context = test_context(2, 5);
    fov_model *made = build(context, HEAD_DENSE);
    assert_fine(context, fov_model_save(made, test_path(path, folder, "made.onnx")) == FOV_OK);
    fov_model *model = fov_model_load(context, path);
    assert_fine(context, model != NULL);
    assert_fine(context, fov_model_replace_head(model, 10, NULL) == FOV_OK);
    assert_int_equal(fov_model_freeze(model, "nothing.*", true), 0);
    /* Weight and bias of c1 and bn1; running statistics are not counted, because they are not learned. */
    assert_int_equal(fov_model_freeze(model, "body.*", true), 4);
    fov_dataset *data = fov_dataset_open(context, "digits:600", FOV_TRAIN);
    assert_fine(context, data != NULL);
    assert_fine(context, fov_train(model, data, .epochs = 20, .batch = 20, .lr = 0.02F, .momentum = 0.9F) == FOV_OK);

    static const char *const kept[] = {"body.c1.weight", "body.c1.bias",          "body.bn1.weight",
                                       "body.bn1.bias",  "body.bn1.running_mean", "body.bn1.running_var"};
    static const char *const learned[] = {"tail.c2.weight", "tail.bn2.weight", "tail.bn2.bias", "tail.bn2.running_mean",
                                          "tail.bn2.running_var"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (!same(made, model, kept[i])) {
            fail_msg("%s is frozen and has changed", kept[i]);
        }
    }
    for (size_t i = 0; i < sizeof learned / sizeof learned[0]; i++) {
        if (same(made, model, learned[i])) {
            fail_msg("%s has not changed", learned[i]);
        }
    }
    fov_report report = {0};
    assert_fine(context, fov_evaluate(model, data, 50, &report) == FOV_OK);
    /* Chance is 0.1. Evaluation uses the running statistics, so this checks them, too. */
    assert_true(report.accuracy > 0.3);
    fov_report_free(&report);

    /* Unfrozen again, everything moves. */
    assert_int_equal(fov_model_freeze(model, "body.c*,body.bn1.*", false), 4);
    assert_fine(context, fov_train(model, data, .epochs = 1, .batch = 20, .lr = 0.1F) == FOV_OK);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        assert_false(same(made, model, kept[i]));
    }
    fov_dataset_free(data);
    fov_model_free(made);
    fov_model_free(model);
    fov_context_free(context);
    test_folder_remove(folder);
}

/* One training step moves the running mean a tenth of the way to the batch's mean, the running variance a tenth of the
 * way to the batch's unbiased variance. */
static void statistics(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    fov_graph *g = fov_graph_create(context);
    fov_value x = fov_input(g, .shape = {2, {FOV_BATCH, 2}});
    fov_value y = fov_batch_norm_opt(g, x, &(fov_batch_norm_options){.name = "bn"});
    fov_plan *plan = fov_plan_create(g, &y, 1, &(fov_plan_options){.batch = 3, .training = true, .updates = true});
    assert_fine(context, plan != NULL);
    memcpy(fov_plan_data(plan, x), (float[]){1, 10, 2, 20, 6, 30}, 6 * sizeof(float));
    fov_plan_run(plan, 1);
    float mean[2], variance[2];
    assert_fine(context, fov_parameter_get(g, fov_find(g, "bn.running_mean"), mean, sizeof mean) == FOV_OK);
    assert_fine(context, fov_parameter_get(g, fov_find(g, "bn.running_var"), variance, sizeof variance) == FOV_OK);
    /* means 3 and 20; variances (4 + 1 + 9) / 2 = 7 and 100; they begin at 0 and 1 */
    assert_true(fabsf(mean[0] - 0.3F) < 1e-6F && fabsf(mean[1] - 2.0F) < 1e-6F);
    assert_true(fabsf(variance[0] - 1.6F) < 1e-5F && fabsf(variance[1] - 10.9F) < 1e-4F);
    fov_plan_free(plan);

    /* The statistics stay without updates, and outside training. */
    for (int form = 0; form < 2; form++) {
        plan = fov_plan_create(g, &y, 1, &(fov_plan_options){.batch = 3, .training = form == 0, .updates = form == 1});
        assert_fine(context, plan != NULL);
        memcpy(fov_plan_data(plan, x), (float[]){5, 5, 5, 5, 5, 6}, 6 * sizeof(float));
        fov_plan_run(plan, 2);
        float now[2];
        assert_fine(context, fov_parameter_get(g, fov_find(g, "bn.running_mean"), now, sizeof now) == FOV_OK);
        assert_memory_equal(now, mean, sizeof now);
        fov_plan_free(plan);
    }
    fov_graph_free(g);
    fov_context_free(context);
}

/* A detector with the rows of three maps concatenated, reshaped with explicit lengths, as exporters write it. */
static fov_model *build_detector(fov_context *context, int classes)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value input = fov_input(g, .shape = {4, {FOV_BATCH, 3, 64, 64}}), rows[3], x = input;
    x = fov_relu(g, fov_conv2d(g, x, .filters = 8, .kernel = 3, .stride = 8, .pad = 1, .name = "body"));
    for (int map = 0; map < 3; map++) {
        char name[3][16];
        snprintf(name[0], sizeof name[0], "box.%d", map);
        snprintf(name[1], sizeof name[1], "object.%d", map);
        snprintf(name[2], sizeof name[2], "class.%d", map);
        fov_value part[3] = {fov_conv2d(g, x, .filters = 4, .kernel = 1, .name = name[0]),
                             fov_sigmoid(g, fov_conv2d(g, x, .filters = 1, .kernel = 1, .name = name[1])),
                             fov_sigmoid(g, fov_conv2d(g, x, .filters = classes, .kernel = 1, .name = name[2]))};
        fov_shape shape = {3, {0, 5 + classes, 64 >> 2 * map}};
        rows[map] = fov_reshape(g, fov_concat(g, part, 3, 1), shape);
        x = fov_max_pool2d(g, x, .kernel = 2);
    }
    x = fov_transpose(g, fov_concat(g, rows, 3, 2), (const int[]){0, 2, 1}, 3);
    assert_fine(context, fov_model_set_input_output(model, input, x) == FOV_OK);
    assert_fine(context, fov_model_set_meaning(model, x, FOV_MEANING_BOXES) == FOV_OK);
    return model;
}

/* Each map's class layer is replaced; the box layers (4 filters) and object layers (1 filter) stay, also where the
 * number of classes is 4 or 1 and they could be mistaken for class layers. */
static void detectors(void **state)
{
    static const int before[] = {79, 4, 1}; /* with 79 classes a row has 84 numbers, and there are 84 rows */
    (void)state;
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        fov_context *context = test_context(1, 3);
        fov_model *old = build_detector(context, before[i]), *model = build_detector(context, before[i]);
        const char *weight = NULL;
        size_t count;
        assert_fine(context, fov_model_replace_head(model, 3, &weight) == FOV_OK);
        assert_string_equal(weight, "class.0.weight");
        assert_int_equal(fov_model_classes(model), 3);
        for (int map = 0; map < 3; map++) {
            char name[32];
            snprintf(name, sizeof name, "box.%d.weight", map);
            assert_true(same(old, model, name));
            snprintf(name, sizeof name, "object.%d.bias", map);
            assert_true(same(old, model, name));
            snprintf(name, sizeof name, "class.%d.bias", map);
            float *bias = values(model, name, &count);
            assert_int_equal(count, 3);
            assert_true(fabsf(bias[2] + 4.59512F) < 1e-4F); /* 1 % */
            free(bias);
        }
        fov_shape rows = fov_value_shape(fov_model_graph(model), fov_model_output(model));
        assert_true(rows.rank == 3 && rows.dim[1] == 84 && rows.dim[2] == 8);
        fov_model_free(old);
        fov_model_free(model);
        fov_model *named =
            fov_model_network(context, "yolox-nano", &(fov_network_options){.classes = 80, .height = 64, .width = 64});
        assert_fine(context, named != NULL && fov_model_replace_head(named, 3, &weight) == FOV_OK);
        assert_string_equal(weight, "head.cls_preds.0.weight");
        assert_int_equal(fov_model_classes(named), 3);
        fov_model_free(named);
        fov_context_free(context);
    }
}

/* A segmentation network gets another number of classes. */
static void maps(void **state)
{
    fov_context *context = test_context(1, 3);
    const char *weight = NULL;
    (void)state;
    fov_model *model =
        fov_model_network(context, "unet:width=2", &(fov_network_options){.classes = 5, .height = 16, .width = 32});
    assert_fine(context, model != NULL && fov_model_replace_head(model, 2, &weight) == FOV_OK);
    assert_string_equal(weight, "output.weight");
    assert_int_equal(fov_model_classes(model), 2);
    fov_model_free(model);
    fov_context_free(context);
}

/* A classifier is given values, or several classes at once, to learn: an activation that stood behind its last layer (a
 * softmax, a ReLU before the pooling) is gone, so that answers lie on both sides of the mean. */
static void other_tasks(void **state)
{
    enum { PICTURES = 8, WANTED = 6, PIXELS = 28 * 28 };
    uint8_t *pixels = malloc((size_t)PICTURES * PIXELS);
    float numbers[PICTURES][WANTED];
    (void)state;
    assert_non_null(pixels);
    for (size_t i = 0; i < (size_t)PICTURES * PIXELS; i++) {
        pixels[i] = (uint8_t)(i * 2654435761U >> 13);
    }
    for (int i = 0; i < PICTURES * WANTED; i++) {
        numbers[i / WANTED][i % WANTED] = (float)((i / WANTED + i) % 2); /* mean 0.5 */
    }
    for (int at = 0; at < 2 * HEAD_NONE; at++) {
        bool is_values = at % 2 == 0;
        fov_context *context = test_context(1, 3);
        fov_model *model = build(context, (enum head)(at / 2));
        fov_dataset *data = fov_dataset_create(
            context, &(fov_dataset_program){.count = PICTURES,
                                            .channels = 1,
                                            .height = 28,
                                            .width = 28,
                                            .target = is_values ? FOV_TARGET_VALUES : FOV_TARGET_CLASSES,
                                            .classes = is_values ? 0 : WANTED,
                                            .values = is_values ? WANTED : 0,
                                            .pixels = pixels,
                                            .numbers = numbers[0]});
        assert_fine(context, data != NULL);
        assert_fine(context, fov_model_replace_head(model, WANTED, NULL) == FOV_OK);
        assert_fine(context, fov_task_finish(model, data, NULL) == FOV_OK);
        fov_meaning meaning = fov_model_meaning(model, fov_model_output(model));
        assert_int_equal(meaning, is_values ? FOV_MEANING_VALUES : FOV_MEANING_SIGMOID);
        int above = 0, below = 0;
        for (int i = 0; i < PICTURES; i++) {
            fov_image picture = {.pixels = pixels + (size_t)i * PIXELS, .height = 28, .width = 28, .channels = 1};
            float answer[WANTED];
            assert_fine(context, fov_predict_image(model, &picture, answer, WANTED) == FOV_OK);
            for (int v = 0; v < WANTED; v++) {
                above += answer[v] > 0.5F;
                below += answer[v] < 0.5F;
            }
        }
        assert_true(above > 0 && below > 0);
        assert_fine(context, fov_train(model, data, .epochs = 1, .batch = 4) == FOV_OK);
        fov_dataset_free(data);
        fov_model_free(model);
        fov_context_free(context);
    }
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),      cmocka_unit_test(no_head), cmocka_unit_test(transfer),
        cmocka_unit_test(detectors),  cmocka_unit_test(maps),    cmocka_unit_test(other_tasks),
        cmocka_unit_test(statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
