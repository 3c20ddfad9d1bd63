/* SPDX-License-Identifier: MIT */
/* Detectors: names and layout of YOLOX's own ONNX files, its published GFLOPs, and counts of parameters with other
 * backbones, blocks and necks (counted by hand from the layers of both parts, so that no change goes unnoticed). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    double      gflops; /* as published: batch norm counts four operations per number */
} published[] = {{"yolox-nano", 1.08}, {"yolox-tiny", 6.45}, {"yolox-s", 26.8},
                 {"yolox-m", 73.8},    {"yolox-l", 155.6},   {"yolox-x", 281.9}};

static void gflops_are_those_published(void **state)
{
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        fov_model  *model = fov_model_network(*state, published[i].name, NULL);
        fov_summary summary;
        assert_non_null(model);
        assert_int_equal(fov_model_summary(model, NULL, &summary), FOV_OK);
        double count = 2.0 * (double)summary.multiply_adds;
        for (int l = 0; l < summary.layer_count; l++) {
            const fov_layer *layer = &summary.layers[l];
            if (strcmp(layer->type, "batch_norm") == 0) {
                count += 4.0 * (double)(layer->shape.dim[1] * layer->shape.dim[2] * layer->shape.dim[3]);
            }
        }
        double unit = published[i].gflops < 10 ? 0.01 : 0.1;
        assert_true(fabs(count / 1e9 - published[i].gflops) <= unit / 2 + 1e-9);
        fov_model_free(model);
    }
}

static const struct {
    const char *name;
    int64_t     parameters, multiply_adds;
} mixed[] = {
    {"yolox-s:backbone=resnet18", 15932095, 22707865600},
    {"yolox-s:backbone=resnet50", 28902591, 42054092800},
    {"yolox-s:backbone=vgg16", 19552191, 133391616000},
    {"yolox-s:backbone=shufflenet_v2_x1_0", 6132579, 9110614400},
    {"yolox-s:backbone=efficientnet_b0", 8911611, 10985420800},
    {"yolox-s:backbone=mobilenet_v2", 7122815, 10282598400},
    {"yolox-s:backbone=squeezenet1_1:block=ghost", 7003903, 10393203392},
    {"yolox-s:backbone=csp-darknet:block=shuffle", 6784495, 10370918400},
    {"yolox-s:block=dynamic", 15248143, 13351124640},
    {"yolox-s:backbone=resnet18:block=cbam-residual", 15945907, 22708871200},
    {"yolox-s:backbone=efficientnet_b0:block=depthwise", 5891643, 5372876800},
    {"yolox-s:block=depthwise:neck=bifpn", 2370065, 3475200000},
    {"yolox-s:neck=fpn", 6718271, 11914086400},
    {"yolox-s:attention=eca", 8968305, 13342777824},
};

static void backbones_blocks_and_necks(void **state)
{
    for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++) {
        fov_model  *model = fov_model_network(*state, mixed[i].name, NULL);
        fov_summary summary;
        if (model == NULL || fov_model_summary(model, NULL, &summary) != FOV_OK) {
            fail_msg("%s: %s", mixed[i].name, fov_error(*state));
        }
        if (summary.parameters != mixed[i].parameters || summary.multiply_adds != mixed[i].multiply_adds) {
            fail_msg("%s: %lld parameters and %lld multiply-adds", mixed[i].name, (long long)summary.parameters,
                     (long long)summary.multiply_adds);
        }
        fov_model_free(model);
    }
}

/* A model file as backbone: its stages are found where the zoo marks those of the same network, and the detector takes
 * its preprocessing. */
static void files_are_stood_on(void **state)
{
    static const char *const names[] = {"resnet18", "mobilenet_v2", "squeezenet1_1", "mobilenet_v3_large", "convnext_tiny"};
    char folder[TEMPORARY_PATH], path[TEMPORARY_PATH + 32], word[TEMPORARY_PATH + 128];
    temporary_folder(folder);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fov_summary summary, of_file;
        snprintf(path, sizeof path, "%s/%s.onnx", folder, names[i]);
        fov_model *file = fov_model_network(*state, names[i], NULL);
        assert_true(file != NULL && fov_model_save(file, path) == FOV_OK);
        snprintf(word, sizeof word, "yolox-nano:backbone=%s", names[i]);
        fov_model *named = fov_model_network(*state, word, NULL);
        assert_true(named != NULL && fov_model_summary(named, NULL, &summary) == FOV_OK);
        snprintf(word, sizeof word, "yolox-nano:backbone=%s", path);
        fov_model *made = fov_model_network(*state, word, NULL);
        if (made == NULL || fov_model_summary(made, NULL, &of_file) != FOV_OK) {
            fail_msg("%s: %s", names[i], fov_error(*state));
        }
        assert_int_equal(of_file.parameters, summary.parameters);
        assert_int_equal(of_file.trainable, summary.trainable);
        assert_int_equal(of_file.multiply_adds, summary.multiply_adds);
        fov_preprocessing a = fov_model_preprocessing(made), b = fov_model_preprocessing(file);
        assert_true(a.mean[0] > 0 && a.mean[0] == b.mean[0] && a.deviation[2] == b.deviation[2] && !a.bgr);
        assert_true(a.letterbox == FOV_LETTERBOX_CORNER);
        fov_model_free(made);
        fov_model_free(named);
        fov_model_free(file);
    }
    temporary_remove(folder);
}

/* A detector resized to another input size equals one built for that size: no layer keeps the old size. */
static void detectors_take_other_sizes(void **state)
{
    static const char *const names[] = {"yolox-nano", "yolox-nano:neck=bifpn", "yolox-nano:neck=fpn", "yolox-darknet53",
                                        "yolox-nano:backbone=squeezenet1_1", "yolox-nano:backbone=shufflenet_v2_x1_0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fov_summary a, b;
        fov_model *resized = fov_model_network(*state, names[i], &(fov_network_options){.height = 128, .width = 128});
        fov_model *made = fov_model_network(*state, names[i], &(fov_network_options){.height = 96, .width = 160});
        assert_true(resized != NULL && made != NULL);
        if (fov_model_resize(resized, 96, 160) != FOV_OK || fov_model_summary(resized, NULL, &a) != FOV_OK ||
            fov_model_summary(made, NULL, &b) != FOV_OK) {
            fail_msg("%s: %s", names[i], fov_error(*state));
        }
        assert_int_equal(a.multiply_adds, b.multiply_adds);
        fov_shape of_resized = fov_value_shape(fov_model_graph(resized), fov_model_output(resized));
        fov_shape of_made = fov_value_shape(fov_model_graph(made), fov_model_output(made));
        assert_int_equal(of_resized.dim[1], of_made.dim[1]);
        assert_int_equal(of_made.dim[1], 12 * 20 + 6 * 10 + 3 * 5);
        fov_model_free(resized);
        fov_model_free(made);
    }
}

static void weights_of_files_are_kept(void **state)
{
    static const char weight[] = "features.3.squeeze.weight";
    char folder[TEMPORARY_PATH], path[TEMPORARY_PATH + 32], word[TEMPORARY_PATH + 128];
    float ours[16 * 64], theirs[16 * 64];
    temporary_folder(folder);
    snprintf(path, sizeof path, "%s/net.onnx", folder);
    fov_model *file = fov_model_network(*state, "squeezenet1_1", NULL);
    assert_true(file != NULL && fov_model_save(file, path) == FOV_OK);
    fov_graph *graph = fov_model_graph(file);
    assert_int_equal(fov_parameter_get(graph, fov_find(graph, weight), theirs, sizeof theirs), FOV_OK);
    fov_model_free(file);
    for (int i = 0; i < 2; i++) {
        snprintf(word, sizeof word, "%s:backbone=%s", i == 0 ? "yolox-nano" : "unet", path);
        fov_model *made = fov_model_network(*state, word, &(fov_network_options){.height = 96, .width = 64});
        assert_non_null(made);
        graph = fov_model_graph(made);
        snprintf(word, sizeof word, "%s%s", i == 0 ? "backbone.backbone." : "encoder.", weight);
        assert_int_equal(fov_parameter_get(graph, fov_find(graph, word), ours, sizeof ours), FOV_OK);
        assert_memory_equal(ours, theirs, sizeof ours);
        fov_model_free(made);
    }
    temporary_remove(folder);
}

static void files_without_stages_are_refused(void **state)
{
    char folder[TEMPORARY_PATH], path[TEMPORARY_PATH + 32], word[TEMPORARY_PATH + 128];
    temporary_folder(folder);
    snprintf(path, sizeof path, "%s/net.onnx", folder);
    snprintf(word, sizeof word, "yolox-nano:backbone=%s", path);
    assert_null(fov_model_network(*state, word, NULL));
    assert_non_null(strstr(fov_error(*state), "cannot open"));
    fov_error_clear(*state);
    fov_model *file = fov_model_network(*state, "mlp", NULL);
    assert_true(file != NULL && fov_model_save(file, path) == FOV_OK);
    fov_model_free(file);
    assert_null(fov_model_network(*state, word, NULL));
    assert_non_null(strstr(fov_error(*state), "no map of stride"));
    fov_error_clear(*state);
    file = fov_model_network(*state, "squeezenet1_1", NULL);
    assert_true(file != NULL && fov_model_save(file, path) == FOV_OK);
    fov_model_free(file);
    assert_null(fov_model_network(*state, word, &(fov_network_options){.channels = 1}));
    assert_non_null(strstr(fov_error(*state), "3 channels, not 1"));
    fov_error_clear(*state);
    temporary_remove(folder);
}

static void ends_are_those_of_public_files(void **state)
{
    static const char *const parameters[] = {
        "backbone.backbone.stem.conv.conv.weight",      "backbone.backbone.dark2.0.dconv.conv.weight",
        "backbone.backbone.dark5.1.conv2.bn.bias",      "backbone.backbone.dark3.1.m.2.conv2.pconv.bn.weight",
        "backbone.lateral_conv0.conv.weight",           "backbone.C3_n4.conv3.bn.running_mean",
        "head.stems.0.conv.weight",                     "head.cls_convs.2.1.pconv.conv.weight",
        "head.obj_preds.1.bias",                        "head.reg_preds.0.weight",
    };
    fov_model *model = fov_model_network(*state, "yolox-nano", &(fov_network_options){.classes = 3});
    assert_non_null(model);
    fov_graph *graph = fov_model_graph(model);
    assert_string_equal(fov_value_name(graph, fov_model_input(model)), "images");
    assert_string_equal(fov_value_name(graph, fov_model_output(model)), "output");
    fov_shape shape = fov_value_shape(graph, fov_model_output(model));
    assert_true(shape.rank == 3 && shape.dim[1] == 52 * 52 + 26 * 26 + 13 * 13 && shape.dim[2] == 5 + 3);
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (fov_find(graph, parameters[i]).id == 0) {
            fail_msg("there is no parameter \"%s\"", parameters[i]);
        }
    }
    fov_preprocessing pixels = fov_model_preprocessing(model);
    assert_true(pixels.letterbox == FOV_LETTERBOX_CORNER && pixels.bgr && pixels.scale == 1);
    float bias;
    assert_int_equal(fov_parameter_get(graph, fov_find(graph, "head.obj_preds.1.bias"), &bias, sizeof bias), FOV_OK);
    assert_true(fabs((double)bias + log(99.0)) < 1e-6);
    fov_model_free(model);
}

static void sides_are_multiples_of_32(void **state)
{
    assert_null(fov_model_network(*state, "yolox-nano", &(fov_network_options){.height = 100, .width = 96}));
    assert_non_null(strstr(fov_error(*state), "multiples of 32"));
    fov_error_clear(*state);
}

static int open_context(void **state)
{
    *state = fov_context_create(&(fov_context_options){.threads = 1});
    return *state == NULL;
}

static int close_context(void **state)
{
    fov_context_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gflops_are_those_published),
        cmocka_unit_test(backbones_blocks_and_necks),
        cmocka_unit_test(files_are_stood_on),
        cmocka_unit_test(detectors_take_other_sizes),
        cmocka_unit_test(weights_of_files_are_kept),
        cmocka_unit_test(files_without_stages_are_refused),
        cmocka_unit_test(ends_are_those_of_public_files),
        cmocka_unit_test(sides_are_multiples_of_32),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
