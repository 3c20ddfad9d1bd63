/* SPDX-License-Identifier: MIT */
/* Networks by name: exact counts of parameters and multiply-adds, shapes and receptive fields, and errors for networks
 * that cannot be built. The comments work out the expected numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <math.h>
#include <string.h>

static fov_context *context_create(void)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 1});
    assert_non_null(context);
    return context;
}

static const fov_layer *layer(const fov_summary *summary, const char *name)
{
    for (int i = 0; i < summary->layer_count; i++) {
        if (strcmp(summary->layers[i].name, name) == 0) {
            return &summary->layers[i];
        }
    }
    fail_msg("no layer \"%s\"", name);
    return NULL;
}

static void counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters, multiply_adds;
    } expected[] = {
        /* 784 * 512 + 512 + 512 * 10 + 10; one product per weight */
        {"mlp", 407050, 784 * 512 + 512 * 10},
        /* 156 + 2,416 + 48,120 + 10,164 + 850 */
        {"lenet5", 61706, 28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10},
        /* 260 + 5,020 + 16,050 + 510 */
        {"course-cnn", 21840, 24 * 24 * 10 * 25 + 8 * 8 * 20 * 10 * 25 + 320 * 50 + 50 * 10},
        {"course-cnn-8490", 8490, 24 * 24 * 10 * 25 + 8 * 8 * 20 * 10 * 25 + 320 * 10},
        {"resnet20", 269722, 40551040},
        {"resnet110", 1727962, 252887680},
    };
    fov_context *context = context_create();
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        fov_model *model = fov_model_network(context, expected[i].name, NULL);
        fov_summary summary;
        if (model == NULL || fov_model_summary(model, NULL, &summary) != FOV_OK) {
            fail_msg("%s: %s", expected[i].name, fov_error(context));
        }
        assert_int_equal(summary.trainable, expected[i].parameters);
        assert_int_equal(summary.parameters, expected[i].parameters);
        assert_int_equal(summary.parameter_bytes, 4 * (summary.parameters + summary.buffers));
        assert_int_equal(summary.multiply_adds, expected[i].multiply_adds);
        assert_int_equal(fov_model_classes(model), 10);
        assert_string_equal(fov_model_name(model), expected[i].name);
        assert_string_equal(fov_model_class(model, 7), "7");
        fov_model_free(model);
    }
    fov_context_free(context);
}

/* Numbers of torchvision (ResNet, VGG) and of milesial's U-Net; multiply-adds of convolutions and dense layers. */
static void large_networks(void **state)
{
    (void)state;
    static const struct {
        const char *name, *layer;
        int64_t trainable, multiply_adds;
    } expected[] = {
        {"resnet18", "layer4.1.conv2", 11689512, 1814073344},
        {"resnet50", "layer3.0.downsample.0", 25557032, 4089184256},
        {"unet", "merge0.conv2", 31037698, 48171581440},
    };
    fov_context *context = context_create();
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        fov_model *model = fov_model_network(context, expected[i].name, NULL);
        fov_summary summary;
        if (model == NULL || fov_model_summary(model, NULL, &summary) != FOV_OK) {
            fail_msg("%s: %s", expected[i].name, fov_error(context));
        }
        assert_int_equal(summary.trainable, expected[i].trainable);
        assert_int_equal(summary.multiply_adds, expected[i].multiply_adds);
        assert_string_equal(layer(&summary, expected[i].layer)->type, "conv"); /* a scope's name may have dots */
        fov_model_free(model);
    }
    fov_context_free(context);
}

static void layers(void **state)
{
    (void)state;
    fov_context *context = context_create();
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    fov_summary summary;
    assert_non_null(model);
    assert_int_equal(fov_model_summary(model, NULL, &summary), FOV_OK);
    assert_int_equal(summary.input.dim[2], 32);
    const fov_layer *c1 = layer(&summary, "c1"), *s2 = layer(&summary, "s2"), *c3 = layer(&summary, "c3"),
                    *s4 = layer(&summary, "s4"), *c5 = layer(&summary, "c5");
    assert_true(c1->shape.rank == 4 && c1->shape.dim[0] == FOV_BATCH && c1->shape.dim[1] == 6 &&
                c1->shape.dim[2] == 28);
    assert_int_equal(c1->parameters, 156);
    assert_int_equal(c1->bytes, 6 * 28 * 28 * 4);
    /* 5; + 1 pixel; neighbours of s2 lie 2 apart: + 4 * 2; + 1 * 2 */
    assert_int_equal(c1->receptive_field[0], 5);
    assert_int_equal(s2->receptive_field[0], 6);
    assert_int_equal(c3->receptive_field[0], 14);
    assert_int_equal(s4->receptive_field[1], 16);
    assert_int_equal(c5->receptive_field[0], 0); /* dense: all of the image */
    /* A picture of a size that the network cannot take: the sentence names the first layer that fails. */
    fov_shape larger = {3, {1, 64, 64}};
    assert_int_not_equal(fov_model_summary(model, &larger, &summary), FOV_OK);
    assert_non_null(strstr(fov_error(context), "c5"));
    fov_error_clear(context);
    fov_model_free(model);

    model = fov_model_network(context, "lenet5",
                              &(fov_network_options){.channels = 3, .height = 60, .width = 44, .classes = 100});
    assert_non_null(model);
    assert_int_equal(fov_model_summary(model, NULL, &summary), FOV_OK);
    assert_int_equal(layer(&summary, "s4")->shape.dim[2], 13); /* 64 -> 60 -> 30 -> 26 -> 13 */
    assert_int_equal(layer(&summary, "s4")->shape.dim[3], 9);  /* 48 -> 44 -> 22 -> 18 -> 9 */
    assert_int_equal(fov_model_classes(model), 100);
    assert_int_equal(fov_model_preprocessing(model).pad, 2);
    assert_true(fov_model_preprocessing(model).mean[2] == 0.1307f);
    fov_model_free(model);
    fov_context_free(context);
}

static void branches(void **state)
{
    (void)state;
    /* Two paths with different receptive fields: the sum has the wider one. Dilation widens it: 1 + 2 * 3 = 7. */
    fov_context *context = context_create();
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "x", .shape = {4, {FOV_BATCH, 2, 20, 20}});
    fov_value wide = fov_conv2d(g, x, .filters = 4, .kernel = 3, .dilation = 3, .pad = 3, .name = "wide");
    fov_value narrow = fov_conv2d(g, x, .filters = 4, .kernel = 1, .name = "narrow");
    fov_value sum = fov_add(g, wide, narrow);
    fov_value last = fov_conv2d(g, sum, .filters = 5, .kernel_size = {3, 1}, .stride = 2, .name = "last");
    fov_value out = fov_global_avg_pool(g, last);
    assert_int_equal(fov_model_set_input_output(model, x, out), FOV_OK);
    fov_summary summary;
    assert_int_equal(fov_model_summary(model, NULL, &summary), FOV_OK);
    assert_int_equal(layer(&summary, "wide")->receptive_field[0], 7);
    assert_int_equal(layer(&summary, "narrow")->receptive_field[0], 1);
    assert_int_equal(layer(&summary, "last")->receptive_field[0], 9);
    assert_int_equal(layer(&summary, "last")->receptive_field[1], 7);
    assert_int_equal(summary.layers[summary.layer_count - 1].receptive_field[0], 0);
    assert_int_equal(fov_model_classes(model), 5);
    fov_model_free(model);
    fov_context_free(context);
}

static void refusals(void **state)
{
    (void)state;
    fov_context *context = context_create();
    assert_null(fov_model_network(context, "lenet", NULL));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(context), "did you mean \"lenet5\"?"));
    fov_error_clear(context);
    assert_null(fov_model_network(context, "lenet5", &(fov_network_options){.height = 4, .width = 4}));
    assert_int_equal(fov_error_status(context), FOV_E_SHAPE);
    assert_non_null(strstr(fov_error(context), "c3"));
    fov_error_clear(context);
    assert_null(fov_model_network(context, "mlp", &(fov_network_options){.channels = 9}));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_error_clear(context);
    fov_model *model = fov_model_network(context, "mlp", NULL);
    static const char *const names[] = {"cat", "dog"};
    assert_int_equal(fov_model_set_classes(model, names, 2), FOV_E_SHAPE);
    fov_error_clear(context);
    float scores[10], picture[784] = {0};
    assert_int_equal(fov_predict(model, picture, 1, scores, 9), FOV_E_USAGE);
    fov_error_clear(context);
    assert_int_equal(fov_predict(model, picture, 0, scores, 10), FOV_E_USAGE);
    fov_error_clear(context);
    fov_model_free(model);
    for (int i = 0; i < fov_network_count(); i++) {
        assert_true(strlen(fov_network_name(i)) > 0 && strlen(fov_network_summary(i)) > 0);
    }
    assert_null(fov_network_name(fov_network_count()));
    fov_context_free(context);
}

static void predictions(void **state)
{
    (void)state;
    enum { COUNT = 70, PIXELS = 784 };
    static float pictures[COUNT][PIXELS], scores[COUNT][10], one[10];
    fov_context *context = context_create();
    fov_model *model = fov_model_network(context, "course-cnn", NULL);
    assert_non_null(model);
    for (int i = 0; i < COUNT; i++) {
        for (int p = 0; p < PIXELS; p++) {
            pictures[i][p] = sinf((float)(i * 31 + p));
        }
    }
    /* More than a batch, then one by one: the same answers, rows that sum to 1. */
    assert_int_equal(fov_predict(model, &pictures[0][0], COUNT, &scores[0][0], 10), FOV_OK);
    for (int i = 0; i < COUNT; i += 23) {
        float sum = 0.0f;
        assert_int_equal(fov_predict(model, pictures[i], 1, one, 10), FOV_OK);
        for (int c = 0; c < 10; c++) {
            sum += one[c];
            assert_true(fabsf(one[c] - scores[i][c]) < 1e-6f);
        }
        assert_true(fabsf(sum - 1.0f) < 1e-5f);
    }
    /* A prediction uses weights set since the last one: with all zeros every class has the same probability. */
    fov_graph *graph = fov_model_graph(model);
    static const float zeros[500];
    assert_int_equal(fov_parameter_set(graph, fov_find(graph, "fc.1.weight"), zeros, 500 * sizeof(float)), FOV_OK);
    assert_int_equal(fov_parameter_set(graph, fov_find(graph, "fc.1.bias"), zeros, 10 * sizeof(float)), FOV_OK);
    assert_int_equal(fov_predict(model, pictures[0], 1, one, 10), FOV_OK);
    for (int c = 0; c < 10; c++) {
        assert_true(fabsf(one[c] - 0.1f) < 1e-6f);
    }
    /* The kept plan allocates nothing more. */
    uint64_t requests = fov_context_memory(context).requests;
    assert_int_equal(fov_predict(model, pictures[1], 1, one, 10), FOV_OK);
    assert_int_equal(fov_context_memory(context).requests, requests);
    fov_model_free(model);
    fov_context_free(context);
}

static void operators(void **state)
{
    (void)state;
    bool conv = false, options = false;
    for (int i = 0; i < fov_operator_count(); i++) {
        fov_operator_info info = fov_operator_at(i);
        assert_non_null(info.name);
        assert_non_null(info.family);
        assert_non_null(info.summary);
        conv = conv || strcmp(info.name, "conv") == 0;
        options = options || info.option_count > 0;
    }
    assert_true(conv && options);
    assert_null(fov_operator_at(fov_operator_count()).name);
    assert_null(fov_operator_at(-1).name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts),   cmocka_unit_test(large_networks),
                                       cmocka_unit_test(layers),   cmocka_unit_test(branches),
                                       cmocka_unit_test(refusals), cmocka_unit_test(predictions),
                                       cmocka_unit_test(operators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
