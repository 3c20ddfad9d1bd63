/* SPDX-License-Identifier: MIT */
/* Networks of the zoo: they accept their options and refuse others, stages have their strides, and the small networks
 * compute and learn. Counts: test_counts.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"
#include "zoo/zoo.h"
#include "support/temporary.h"
#include <cmocka.h>
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fov_context *context_create(void)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
    assert_non_null(context);
    return context;
}

static fov_model *network(fov_context *context, const char *name, const fov_network_options *options)
{
    fov_model *model = fov_model_network(context, name, options);
    if (model == NULL) {
        fail_msg("%s: %s", name, fov_error(context));
    }
    return model;
}

static fov_summary summary_of(fov_context *context, fov_model *model)
{
    fov_summary summary;
    if (fov_model_summary(model, NULL, &summary) != FOV_OK) {
        fail_msg("%s: %s", fov_model_name(model), fov_error(context));
    }
    return summary;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void options_change_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters;
    } expected[] = {
        {"resnet50:attention=cbam", 28089624}, /* resnet50_cbam */
        {"resnet50:attention=se", 28088024},   /* pytorchcv's seresnet50 */
        /* ECA's kernel is 3 for 64 channels and 5 for 128, 256 and 512: two blocks of each */
        {"resnet18:attention=eca", 11689512 + 2 * (3 + 5 + 5 + 5)},
        {"vgg16_bn:head=linear", 138365992 - 123642856 + 512 * 1000 + 1000},
        {"googlenet:auxiliary=no", 6624904},
        {"googlenet@paper:auxiliary=no", 6998552},
        {"inception_v3:auxiliary=no", 23834568},
        {"fcn_resnet50:auxiliary=no", 32957013},
        {"unet:width=32", 7763041 + 33},      /* the second class: 32 weights and a bias */
        {"unet:backbone=resnet18", 14328354}, /* segmentation_models.pytorch */
        {"unet:backbone=googlenet", 11737730}, /* no auxiliary heads, nor the last layer */
        {"unet:backbone=inception_v3", 29914050},
    };
    fov_context *context = context_create();
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        fov_model *model = network(context, expected[i].name, NULL);
        int64_t parameters = summary_of(context, model).parameters;
        if (parameters != expected[i].parameters) {
            fail_msg("%s: %lld parameters, not %lld", expected[i].name, (long long)parameters,
                     (long long)expected[i].parameters);
        }
        fov_model_free(model);
    }
    fov_context_free(context);
}

static void expect_refusal(fov_context *context, const char *name, const char *word)
{
    assert_null(fov_model_network(context, name, NULL));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    if (strstr(fov_error(context), word) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", name, fov_error(context), word);
    }
    fov_error_clear(context);
}

static void slips_are_refused(void **state)
{
    (void)state;
    fov_context *context = context_create();
    expect_refusal(context, "resnet51", "did you mean \"resnet50\"?");
    expect_refusal(context, "efficientnet_bo", "did you mean \"efficientnet_b0\"?");
    expect_refusal(context, "resnet18:atention=se", "it has attention, convolution, dropout");
    expect_refusal(context, "vgg16_bn:head=linear,dropout=0", "between options stands ':'");
    expect_refusal(context, "resnet18:attention=sw", "none, se, cbam, eca");
    expect_refusal(context, "resnet18:attention", "OPTION=VALUE");
    expect_refusal(context, "mlp:attention=se", "it has none");
    expect_refusal(context, "mobilenet_v2:width=0", "it lies in 0.1 .. 4");
    expect_refusal(context, "mobilenet_v2:width=wide", "number");
    expect_refusal(context, "unet:backbone=resnet", "did you mean");
    expect_refusal(context, "unet:backbone=mlp", "no stages");
    expect_refusal(context, "unet:backbone=unet", "no stages");
    expect_refusal(context, "yolox-s:backbone=ds_cnn", "no map of stride 8");
    expect_refusal(context, "yolox-s:backbone=ds_cnn:attention=eca", "no map of stride 8");
    assert_true(fov_network_has_option("stochastic-depth") && !fov_network_has_option("stochastic"));
    fov_context_free(context);
}

static void all_take_attention_and_other_convolutions(void **state)
{
    (void)state;
    static const char *const options[] = {"attention=se", "attention=cbam", "attention=eca", "convolution=separable",
                                          "convolution=dynamic"};
    fov_context *context = context_create();
    for (int i = 0; i < fov_network_count(); i++) {
        fov_network_info info = fov_network_at(i);
        for (size_t o = 0; info.backbone && o < sizeof options / sizeof *options; o++) {
            char name[128];
            /* The deepest networks have the same blocks as the shallower ones of their family. */
            if (strstr(info.name, "100") != NULL || strstr(info.name, "120") != NULL) {
                continue;
            }
            snprintf(name, sizeof name, "%s:%s", info.name, options[o]);
            fov_model_free(network(context, name, NULL));
        }
    }
    fov_context_free(context);
}

/* Nodes that drop activations at this rate, of the classifier NAME:dropout=RATE. */
static int drops(fov_context *context, const struct zoo_network *network, const char *rate)
{
    struct zoo_build b;
    char name[128];
    int count = 0;
    snprintf(name, sizeof name, "%s:dropout=%s", network->name, rate);
    assert_int_equal(zoo_parse(&b, name, &context->error), FOV_OK);
    b.input = network->standard;
    b.graph = fov_graph_create(context);
    fov_value x =
        fov_input(b.graph, .name = "x", .shape = {4, {FOV_BATCH, b.input.channels, b.input.height, b.input.width}});
    assert_int_not_equal(zoo_make(&b, x).id, 0);
    for (size_t i = 0; i < b.graph->node_count; i++) {
        const struct node *node = &b.graph->nodes[i];
        double dropped = 0;
        if (strcmp(node->op->name, "dropout") == 0) {
            assert_string_equal(node->op->attributes[0].name, "rate");
            memcpy(&dropped, (const char *)node->options + node->op->attributes[0].offset, sizeof dropped);
            count += (float)dropped == strtof(rate, NULL);
        }
    }
    fov_graph_free(b.graph);
    return count;
}

/* The option is one of every classifier with features, says the published rate, and reaches its head. */
static void classifiers_take_dropout(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double rate;
    } published[] = {{"alexnet", 0.5},      {"alexnet@paper", 0.5},   {"googlenet", 0.2},  {"googlenet@paper", 0.4},
                     {"inception_v3", 0.5}, {"efficientnet_b4", 0.4}, {"mobilenet_v1", 0}, {"mobilenet_v2", 0.2},
                     {"resnet18", 0},       {"squeezenet1_0", 0.5},   {"vgg16_bn", 0.5}};
    fov_context *context = context_create();
    size_t found = 0;
    for (int i = 0; i < fov_network_count(); i++) {
        fov_network_info info = fov_network_at(i);
        bool listed = false;
        for (int o = 0; o < info.option_count; o++) {
            bool is_dropout = strcmp(info.option[o].name, "dropout") == 0;
            listed = listed || is_dropout;
            for (size_t p = 0; is_dropout && p < sizeof published / sizeof *published; p++) {
                if (strcmp(info.name, published[p].name) == 0) {
                    assert_true(info.option[o].standard == published[p].rate);
                    found++;
                }
            }
        }
        assert_int_equal(listed, info.backbone && strcmp(info.task, "classify") == 0);
        if (listed && (drops(context, zoo_find(info.name), "0.123") == 0 || drops(context, zoo_find(info.name), "0"))) {
            fail_msg("%s: dropout does not reach its head", info.name);
        }
    }
    assert_int_equal(found, sizeof published / sizeof *published);
    fov_context_free(context);
}

/* The paper's abstract has 650,000: 290,400 + 186,624 + 64,896 + 64,896 + 43,264 + 4,096 + 4,096 + 1,000. */
static void neurons_are_counted(void **state)
{
    (void)state;
    fov_context *context = context_create();
    fov_model *alexnet = network(context, "alexnet@paper", NULL);
    assert_int_equal(summary_of(context, alexnet).neurons, 659272);
    fov_model_free(alexnet);
    fov_model *perceptron = network(context, "mlp", NULL);
    assert_int_equal(summary_of(context, perceptron).neurons, 512 + 10);
    fov_model_free(perceptron);
    fov_context_free(context);
}

/* ---- stages ------------------------------------------------------------------------------------------------------ */

/* size * stride is the picture's size, less some pixels if windows have no padding, as in Inception. */
static bool is_about(int64_t size, int64_t picture, int stride)
{
    return size * stride <= picture + stride && size * stride >= picture - 4 * stride;
}

static void stages_have_their_strides(void **state)
{
    (void)state;
    fov_context *context = context_create();
    for (size_t i = 0; i < zoo_table_count; i++) {
        const struct zoo_network *n = zoo_table[i];
        struct zoo_build b;
        if (n->features == NULL || strcmp(n->name, "ds_cnn") == 0) { /* ds_cnn reads sounds */
            continue;
        }
        assert_int_equal(zoo_parse(&b, n->name, &context->error), FOV_OK);
        b.input = n->standard;
        b.graph = fov_graph_create(context);
        fov_value x = fov_input(b.graph, .name = "x", .shape = {4, {FOV_BATCH, 3, b.input.height, b.input.width}});
        fov_value last = n->features(&b, x);
        assert_int_not_equal(last.id, 0);
        int found = 0;
        for (int s = 0; s < ZOO_STAGES; s++) {
            fov_shape shape = fov_value_shape(b.graph, b.stage[s]);
            if (b.stage[s].id == 0) {
                continue;
            }
            found++;
            if (shape.rank != 4 || !is_about(shape.dim[2], b.input.height, 2 << s)) {
                fail_msg("%s: its stage of stride %d is %lld pixels high, of %d", n->name, 2 << s,
                         (long long)shape.dim[2], b.input.height);
            }
        }
        /* Detectors need stages of strides 8, 16 and 32; SqueezeNet ends at 16. */
        bool large = b.input.height >= 200 && strncmp(n->name, "squeezenet", 10) != 0;
        if (large ? b.stage[2].id == 0 || b.stage[3].id == 0 || b.stage[4].id == 0 : found == 0) {
            fail_msg("%s: stages are missing", n->name);
        }
        fov_graph_free(b.graph);
    }
    fov_context_free(context);
}

static void dilation_keeps_maps_large(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet50", "mobilenet_v3_large"};
    fov_context *context = context_create();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct zoo_build b;
        assert_int_equal(zoo_parse(&b, names[i], &context->error), FOV_OK);
        b.input = b.network->standard;
        b.output_stride = 16;
        b.graph = fov_graph_create(context);
        fov_value x = fov_input(b.graph, .name = "x", .shape = {4, {FOV_BATCH, 3, 224, 224}});
        fov_value last = b.network->features(&b, x);
        assert_int_equal(fov_value_shape(b.graph, last).dim[2], 14);
        fov_graph_free(b.graph);
    }
    fov_context_free(context);
}

/* ---- computing --------------------------------------------------------------------------------------------------- */

enum { SAMPLES = 4, CLASSES = 5, STEPS = 3 };

/* Random numbers in -1 .. 1, like normalised pixels. */
static void fill(float *data, size_t count)
{
    uint32_t random = 12345;
    for (size_t i = 0; i < count; i++) {
        random = random * 1664525 + 1013904223;
        data[i] = (float)(random >> 8) / 8388608.0F - 1;
    }
}

/* Three steps of gradient descent on one batch: the loss falls. */
static void train(fov_context *context, fov_model *model, double rate)
{
    fov_graph *g = fov_model_graph(model);
    fov_value labels = fov_input(g, .name = "labels", .dtype = FOV_I32, .shape = {1, {FOV_BATCH}});
    fov_value loss = fov_softmax_cross_entropy(g, fov_model_output(model), labels);
    int count = fov_parameter_count(g), used = 0;
    fov_value targets[2048], gradients[2048];
    assert_true(count < 2048);
    for (int i = 0; i < count; i++) {
        fov_value parameter = fov_parameter_at(g, i);
        if (!fov_parameter_frozen(g, parameter)) {
            targets[used++] = parameter;
        }
    }
    assert_int_equal(fov_gradient(g, loss, targets, used, gradients), FOV_OK);
    fov_value step = fov_constant(g, "rate", FOV_F32, (fov_shape){0}, &(float){(float)rate});
    for (int i = 0; i < used; i++) {
        if (gradients[i].id != 0) { /* 0: an auxiliary head's */
            fov_assign(g, targets[i], fov_sub(g, targets[i], fov_mul(g, gradients[i], step)));
        }
    }
    fov_plan *plan =
        fov_plan_create(g, &loss, 1, &(fov_plan_options){.batch = SAMPLES, .training = true, .updates = true});
    if (plan == NULL) {
        fail_msg("%s: %s", fov_model_name(model), fov_error(context));
    }
    fill(fov_plan_data(plan, fov_model_input(model)), fov_plan_bytes(plan, fov_model_input(model)) / sizeof(float));
    memcpy(fov_plan_data(plan, labels), (const int32_t[SAMPLES]){0, 1, 2, 3}, SAMPLES * sizeof(int32_t));
    float losses[STEPS];
    for (int i = 0; i < STEPS; i++) {
        fov_plan_run(plan, 1); /* always step 1, so that dropout drops the same elements */
        losses[i] = *(const float *)fov_plan_data(plan, loss);
    }
    if (!(losses[STEPS - 1] < losses[0])) {
        fail_msg("%s: the loss goes from %g to %g", fov_model_name(model), (double)losses[0],
                 (double)losses[STEPS - 1]);
    }
    fov_plan_free(plan);
}

static void small_networks_compute_and_learn(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        /* Pixels; 0: its own. At 64 the maps before the last pooling are 2 x 2: with one pixel, batch norm over four
         * samples makes so much of a rounding that the loss falls at one instruction set and rises at another. */
        int side;
        double rate;
    } small[] = {
        {"lenet@1989", 0, 0.01},
        {"lenet5@1998", 0, 0.0005},
        {"lenet@course", 0, 0.01},
        {"nin_cifar", 0, 0.01},
        {"resnet20:attention=cbam", 0, 0.01},
        {"resnet20:convolution=dynamic", 0, 0.01},
        {"resnet20:convolution=separable", 0, 0.01},
        {"resnet8", 0, 0.01},
        {"ds_cnn", 0, 0.01},
        {"airbench94", 0, 0.01},
        {"squeezenet1_1", 32, 0.01},
        {"mobilenet_v1:width=0.25", 64, 0.01},
        {"mobilenet_v2:width=0.25", 64, 0.01},
        {"mobilenet_v3_small", 32, 0.01},
        {"mnasnet0_5", 64, 0.01},
        {"shufflenet_v2_x0_5", 64, 0.01},
        {"efficientnet_b0", 64, 0.01},
        {"densenet121", 64, 0.01},
        {"googlenet:attention=eca", 64, 0.01},
        {"resnet18:attention=se", 32, 0.01},
    };
    fov_context *context = context_create();
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        bool own = small[i].side == 0;
        int classes = strncmp(small[i].name, "lenet5@", 7) == 0 ? 10 : CLASSES;
        fov_network_options options = {
            .height = own ? 0 : small[i].side, .width = own ? 0 : small[i].side, .classes = classes};
        fov_model *model = network(context, small[i].name, &options);
        assert_int_equal(fov_model_meaning(model, fov_model_output(model)), FOV_MEANING_LOGITS);
        fov_shape shape = fov_value_shape(fov_model_graph(model), fov_model_input(model));
        size_t count = (size_t)(shape.dim[1] * shape.dim[2] * shape.dim[3]);
        float *picture = test_malloc(count * sizeof *picture), scores[10];
        fill(picture, count);
        assert_int_equal(fov_predict(model, picture, 1, scores, classes), FOV_OK);
        float sum = 0;
        for (int c = 0; c < classes; c++) {
            sum += scores[c];
        }
        assert_true(fabsf(sum - 1) < 1e-5F);
        test_free(picture);
        train(context, model, small[i].rate);
        fov_model_free(model);
    }
    fov_context_free(context);
}

/* A share of an auxiliary head's loss is added in training; the share is saved with the model. */
static void auxiliary_heads_learn(void **state)
{
    (void)state;
    for (int helps = 0; helps < 2; helps++) {
        fov_context *context = context_create();
        fov_model   *model = fov_model_create(context);
        fov_graph   *g = fov_model_graph(model);
        fov_value    x = fov_input(g, .name = "input", .shape = {4, {FOV_BATCH, 1, 28, 28}});
        fov_value    middle = fov_relu(g, fov_dense(g, fov_flatten(g, x), .units = 8, .name = "middle"));
        fov_value    outputs[2] = {fov_dense(g, middle, .units = 10, .name = "output"),
                                   fov_dense(g, middle, .units = 10, .name = "aux")};
        assert_int_equal(fov_model_set_inputs_outputs(model, &x, 1, outputs, 2), FOV_OK);
        assert_int_equal(fov_model_set_auxiliary(model, outputs[1], helps ? 0.25F : 0), FOV_OK);
        assert_int_not_equal(fov_model_set_auxiliary(model, outputs[1], 2), FOV_OK);
        fov_error_clear(context);
        assert_int_not_equal(fov_model_set_auxiliary(model, x, 0.5F), FOV_OK);
        fov_error_clear(context);
        fov_value weight = fov_find(g, "aux.weight");
        float     before[80], after[80];
        assert_int_equal(fov_parameter_get(g, weight, before, sizeof before), FOV_OK);
        fov_dataset *data = fov_dataset_open(context, "digits:100", FOV_TRAIN);
        assert_non_null(data);
        assert_int_equal(fov_train(model, data, .epochs = 1, .batch = 50), FOV_OK);
        assert_int_equal(fov_parameter_get(g, weight, after, sizeof after), FOV_OK);
        assert_true((memcmp(before, after, sizeof before) != 0) == (helps == 1));

        char path[TEMPORARY_PATH];
        temporary_file(path, ".onnx");
        assert_int_equal(fov_model_save(model, path), FOV_OK);
        fov_model *loaded = fov_model_load(context, path);
        assert_non_null(loaded);
        assert_true(fov_model_auxiliary(loaded, fov_model_output_at(loaded, 1)) == (helps ? 0.25F : 0));
        assert_true(fov_model_auxiliary(loaded, fov_model_output_at(loaded, 0)) == 0);
        unlink(path);
        fov_model_free(loaded);
        fov_dataset_free(data);
        fov_model_free(model);
        fov_context_free(context);
    }
    fov_context *context = context_create();
    fov_model   *googlenet = network(context, "googlenet", NULL);
    assert_int_equal(fov_model_output_count(googlenet), 3);
    assert_true(fov_model_auxiliary(googlenet, fov_model_output_at(googlenet, 2)) == 0.3F);
    fov_model_free(googlenet);
    fov_context_free(context);
}

static void maps_are_as_large_as_the_picture(void **state)
{
    (void)state;
    static const char *const names[] = {"unet:width=4",
                                        "unet:backbone=squeezenet1_1",
                                        "unet:backbone=mobilenet_v2",
                                        "unet:backbone=resnet20",
                                        "fcn_resnet50:backbone=mobilenet_v3_small",
                                        "deeplabv3_resnet50:backbone=mobilenet_v3_small"};
    fov_context *context = context_create();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fov_model *model = network(context, names[i], &(fov_network_options){.height = 80, .width = 64});
        fov_value output = fov_model_output(model);
        fov_shape shape = fov_value_shape(fov_model_graph(model), output);
        assert_int_equal(fov_model_meaning(model, output), FOV_MEANING_MAP);
        assert_true(shape.dim[2] == 80 && shape.dim[3] == 64);
        fov_plan *plan = fov_plan_create(fov_model_graph(model), &output, 1, &(fov_plan_options){.batch = 1});
        if (plan == NULL) {
            fail_msg("%s: %s", names[i], fov_error(context));
        }
        fov_value input = fov_model_input(model);
        fill(fov_plan_data(plan, input), fov_plan_bytes(plan, input) / sizeof(float));
        fov_plan_run(plan, 1);
        const float *map = fov_plan_data(plan, output);
        for (size_t k = 0; k < fov_plan_bytes(plan, output) / sizeof(float); k++) {
            assert_true(isfinite(map[k]));
        }
        fov_plan_free(plan);
        fov_model_free(model);
    }
    fov_model *paper = network(context, "unet@paper", NULL);
    fov_shape shape = fov_value_shape(fov_model_graph(paper), fov_model_output(paper));
    assert_true(shape.dim[2] == 388 && shape.dim[3] == 388);
    fov_model_free(paper);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_change_what_they_say),
        cmocka_unit_test(slips_are_refused),
        cmocka_unit_test(all_take_attention_and_other_convolutions),
        cmocka_unit_test(classifiers_take_dropout),
        cmocka_unit_test(neurons_are_counted),
        cmocka_unit_test(stages_have_their_strides),
        cmocka_unit_test(dilation_keeps_maps_large),
        cmocka_unit_test(small_networks_compute_and_learn),
        cmocka_unit_test(auxiliary_heads_learn),
        cmocka_unit_test(maps_are_as_large_as_the_picture),
    };
    return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
