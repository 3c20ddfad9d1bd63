/* SPDX-License-Identifier: MIT */
/* Darknet's files: the published sizes of two detectors' weights, layers computed by hand, and refused files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "device/context.h"
#include "io/darknet.h"
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char anchors_v3[] = "anchors = 10,14,  23,27,  37,58,  81,82,  135,169,  344,319\nclasses=80\nnum=6\n";

struct cfg {
    char text[16384];
    size_t length;
};

static void add(struct cfg *cfg, const char *text)
{
    cfg->length = text_append(cfg->text, sizeof cfg->text, cfg->length, "%s", text);
}

static void conv(struct cfg *cfg, int filters, int size, int stride, bool norm)
{
    cfg->length = text_append(cfg->text, sizeof cfg->text, cfg->length,
                              "[convolutional]\n%sfilters=%d\nsize=%d\nstride=%d\npad=1\nactivation=%s\n",
                              norm ? "batch_normalize=1\n" : "", filters, size, stride, norm ? "leaky" : "linear");
}

static void yolov3_tiny(struct cfg *cfg)
{
    cfg->length = 0;
    add(cfg, "[net]\n# Testing\nbatch=1\nwidth=416\nheight=416\nchannels=3\n\n");
    for (int i = 0; i < 6; i++) {
        conv(cfg, 16 << i, 3, 1, true);
        add(cfg, i < 5 ? "[maxpool]\nsize=2\nstride=2\n" : "[maxpool]\nsize=2\nstride=1\n");
    }
    conv(cfg, 1024, 3, 1, true);
    conv(cfg, 256, 1, 1, true);
    conv(cfg, 512, 3, 1, true);
    conv(cfg, 255, 1, 1, false);
    add(cfg, "[yolo]\nmask = 3,4,5\n");
    add(cfg, anchors_v3);
    add(cfg, "[route]\nlayers = -4\n");
    conv(cfg, 128, 1, 1, true);
    add(cfg, "[upsample]\nstride=2\n\n[route]\nlayers = -1, 8\n");
    conv(cfg, 256, 3, 1, true);
    conv(cfg, 255, 1, 1, false);
    add(cfg, "[yolo]\nmask = 0,1,2\n");
    add(cfg, anchors_v3);
}

static void yolov4_tiny(struct cfg *cfg)
{
    cfg->length = 0;
    add(cfg, "[net]\nwidth=416\nheight=416\nchannels=3\n");
    conv(cfg, 32, 3, 2, true);
    conv(cfg, 64, 3, 2, true);
    for (int i = 0; i < 3; i++) {
        conv(cfg, 64 << i, 3, 1, true);
        add(cfg, "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n");
        conv(cfg, 32 << i, 3, 1, true);
        conv(cfg, 32 << i, 3, 1, true);
        add(cfg, "[route]\nlayers = -1,-2\n");
        conv(cfg, 64 << i, 1, 1, true);
        add(cfg, "[route]\nlayers = -6,-1\n[maxpool]\nsize=2\nstride=2\n");
    }
    conv(cfg, 512, 3, 1, true);
    conv(cfg, 256, 1, 1, true);
    conv(cfg, 512, 3, 1, true);
    conv(cfg, 255, 1, 1, false);
    add(cfg, "[yolo]\nmask = 3,4,5\nscale_x_y = 1.05\n");
    add(cfg, anchors_v3);
    add(cfg, "[route]\nlayers = -4\n");
    conv(cfg, 128, 1, 1, true);
    add(cfg, "[upsample]\nstride=2\n[route]\nlayers = -1, 23\n");
    conv(cfg, 256, 3, 1, true);
    conv(cfg, 255, 1, 1, false);
    add(cfg, "[yolo]\nmask = 1,2,3\nscale_x_y = 1.05\n");
    add(cfg, anchors_v3);
}

static struct darknet net;

static int open_net(fov_context *context, fov_graph **graph, const struct cfg *cfg)
{
    *graph = fov_graph_create(context);
    assert_non_null(*graph);
    return darknet_open(&net, *graph, "test.cfg", cfg->text, cfg->length, &context->error);
}

static void weights_are_as_long_as_published(void **state)
{
    static struct cfg cfg;
    static void (*const make[])(struct cfg *) = {yolov3_tiny, yolov4_tiny};
    static const size_t bytes[] = {35434956, 24251276}; /* sizes of yolov3-tiny.weights and yolov4-tiny.weights */
    fov_context *context = *state;
    uint8_t *zeros = calloc(1, bytes[0] + 4);
    zeros[4] = 2; /* version 0.2 */
    for (int i = 0; i < 2; i++) {
        fov_graph *graph;
        make[i](&cfg);
        if (open_net(context, &graph, &cfg) != FOV_OK) {
            fail_msg("%s", context->error.text);
        }
        fov_shape shape = fov_value_shape(graph, net.output);
        assert_true(shape.rank == 3 && shape.dim[1] == 3 * (13 * 13 + 26 * 26) && shape.dim[2] == 85);
        assert_int_equal(darknet_read_weights(&net, "test.weights", zeros, bytes[i], &context->error), FOV_OK);
        assert_int_equal(darknet_read_weights(&net, "test.weights", zeros, bytes[i] - 4, &context->error), FOV_E_INPUT);
        assert_non_null(strstr(context->error.text, "4 bytes are missing"));
        fov_error_clear(context);
        assert_int_equal(darknet_read_weights(&net, "test.weights", zeros, bytes[i] + 4, &context->error), FOV_E_INPUT);
        assert_non_null(strstr(context->error.text, "4 bytes are left"));
        fov_error_clear(context);
        darknet_close(&net);
        fov_graph_free(graph);
    }
    free(zeros);
}

/* Writes a file of weights, a header of 20 bytes and the numbers; returns its size in bytes. */
static size_t put_weights(uint8_t *bytes, const float *numbers, size_t count)
{
    memset(bytes, 0, 20);
    bytes[4] = 2;
    memcpy(bytes + 20, numbers, count * sizeof *numbers);
    return 20 + count * sizeof *numbers;
}

static void layers_by_hand(void **state)
{
    static struct cfg cfg;
    fov_context *context = *state;
    fov_graph *graph;
    uint8_t bytes[256];
    cfg.length = 0;
    add(&cfg, "[net]\nwidth=64\nheight=32\nchannels=1\n");
    conv(&cfg, 1, 1, 32, true); /* a map of 1 x 2 */
    add(&cfg, "[convolutional]\nfilters=6\nsize=1\nstride=1\nactivation=linear\n"
              "[yolo]\nmask=1\nanchors=1,2, 10,14\nclasses=1\nscale_x_y=2\n");
    assert_int_equal(open_net(context, &graph, &cfg), FOV_OK);
    /* 2 (x / 2 - 3) / 2 + 1: bias, scale, mean, variance, weight; then biases and weights of the second */
    const float numbers[] = {1, 2, 3, 4 - 1e-5F, 0.5F, 0.25F, 0, 0.5F, -0.5F, 1, -1, 0, 0, 0, 0, 0, 1};
    size_t size = put_weights(bytes, numbers, sizeof numbers / sizeof *numbers);
    assert_int_equal(darknet_read_weights(&net, "w", bytes, size, &context->error), FOV_OK);
    fov_plan *plan = fov_plan_create(graph, &net.output, 1, NULL);
    assert_non_null(plan);
    float *in = fov_plan_data(plan, net.input);
    in[0] = 8;  /* leaky(8 / 2 - 2) = 2 */
    in[32] = 2; /* leaky(-1) = -0.1 */
    fov_plan_run(plan, 0);
    const float *out = fov_plan_data(plan, net.output);
    for (int row = 0; row < 2; row++) {
        const float *at = out + 6 * row;
        double class = -1 + (row == 0 ? 2 : -0.1);
        assert_true(fabs((double)at[0] - (2 / (1 + exp(-0.25)) - 0.5 + row) * 32) < 1e-4);
        assert_true(fabs((double)at[1] - (2 * 0.5 - 0.5) * 32) < 1e-4);
        assert_true(fabs((double)at[2] - exp(0.5) * 10) < 1e-4 && fabs((double)at[3] - exp(-0.5) * 14) < 1e-4);
        assert_true(fabs((double)at[4] - 1 / (1 + exp(-1))) < 1e-6 &&
                    fabs((double)at[5] - 1 / (1 + exp(-class))) < 1e-6);
    }
    fov_plan_free(plan);
    darknet_close(&net);
    fov_graph_free(graph);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *text, *part;
    } slips[] = {
        {"", "its first section is [net]"},
        {"[net]\nwidth=8\nheight=8\n", "layers follow"},
        {"width=8\n", "line 1"},
        {"[net\n", "line 1"},
        {"[net]\nwidth=8\n[softmax]\n", "no height and width"},
        {"[net]\nwidth=8\nheight=eight\n[softmax]\n", "height is \"eight\""},
        {"[net]\nwidth=8\nheight=8\n[lstm]\n", "[lstm] is a layer that is not known"},
        {"[net]\nwidth=8\nheight=8\n[convolutional]\nactivation=elu2\n", "activation"},
        {"[net]\nwidth=8\nheight=8\n[route]\nlayers=-1\n", "layer -1 is none"},
        {"[net]\nwidth=8\nheight=8\n[route]\nlayers=0.5\n", "layer 0.5 is none"},
        {"[net]\nwidth=8\nheight=8\n[shortcut]\n", "from where"},
        {"[net]\nwidth=8\nheight=8\n[yolo]\nmask=0\nanchors=1,2\n", "a map of mask x"},
        {"[net]\nwidth=8\nheight=8\n[yolo]\nmask=2\nanchors=1,2\n", "beyond its anchors"},
        {"[net]\nwidth=8\nheight=8\n[convolutional]\nsize=9\nstride=1\n", "layer 0"},
        {"[net]\nwidth=8\nheight=8\n[convolutional]\nsize=3\npadding=2\ndilation=2\n", "a dilation and pads"},
        {"[net]\nwidth=8\nheight=8\n[conv]\nxnor=1\n", "line 4: [conv] has xnor = 1, which is not computed here"},
        {"[net]\nwidth=8\nheight=8\n[conv]\nshare_index=0\n", "share_index = 0"},
        {"[net]\nwidth=8\nheight=8\n[max]\nmaxpool_depth=1\nout_channels=2\n", "maxpool_depth = 1"},
        {"[net]\nwidth=8\nheight=8\n[conv]\n[shortcut]\nfrom=-1\nweights_type=per_feature\n", "weights_type = per_feature"},
        {"[net]\nwidth=8\nheight=8\n[upsample]\nscale=0.5\n", "scale = 0.5"},
        {"[net]\nwidth=8\nheight=16384\n[upsample]\nstride=64\n[upsample]\nstride=64\n[upsample]\nstride=64\n",
         "more than 2^20 pixels"},
    };
    fov_context *context = *state;
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        fov_graph *graph = fov_graph_create(context);
        int status = darknet_open(&net, graph, "t.cfg", slips[i].text, strlen(slips[i].text), &context->error);
        if (status == FOV_OK || strstr(context->error.text, slips[i].part) == NULL) {
            fail_msg("%s: %d, %s", slips[i].text, status, context->error.text);
        }
        fov_error_clear(context);
        darknet_close(&net);
        fov_graph_free(graph);
    }
}

/* Darknet's defaults for absent options, and options that change nothing or matter in training only. */
static void options_have_their_meaning(void **state)
{
    static const struct {
        const char *layers;
        float weights[2]; /* bias, weight */
        int64_t height, width;
        double first; /* the first number of the result, for a picture of ones */
    } cases[] = {
        {"[conv]\n", {1, 2}, 4, 6, 0.95257412682243336},
        {"[conv]\nactivation=linear\nstride_x=3\nxnor=0\ngrad_centr=1\nstopbackward=1\n", {1, 2}, 4, 2, 3},
        {"[conv]\nactivation=linear\nstride=2\nstride_x=1\nlearning_rate=5\n", {1, 2}, 2, 6, 3},
        {"[conv]\nactivation=linear\ndilation=4\n", {1, 2}, 4, 6, 3},
        {"[conv]\nactivation=linear\n[max]\nsize=2\nstride=2\nstride_y=1\n", {1, 2}, 4, 3, 3},
        {"[conv]\nactivation=linear\n[upsample]\nscale=1.0\n[shortcut]\nfrom=-1\nweights_type=none\n", {1, 2}, 8, 12, 6},
        {"[avgpool]\n[connected]\n", {1, 2}, 0, 0, 0.95257412682243336},
    };
    fov_context *context = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct cfg cfg;
        fov_graph *graph;
        uint8_t bytes[64];
        cfg.length = 0;
        add(&cfg, "[net]\nwidth=6\nheight=4\nchannels=1\nmomentum=0.9\n");
        add(&cfg, cases[i].layers);
        if (open_net(context, &graph, &cfg) != FOV_OK) {
            fail_msg("%s: %s", cases[i].layers, context->error.text);
        }
        size_t size = put_weights(bytes, cases[i].weights, 2);
        assert_int_equal(darknet_read_weights(&net, "w", bytes, size, &context->error), FOV_OK);
        fov_shape shape = fov_value_shape(graph, net.output);
        if (shape.rank == 4) {
            assert_true(shape.dim[2] == cases[i].height && shape.dim[3] == cases[i].width);
        }
        fov_plan *plan = fov_plan_create(graph, &net.output, 1, NULL);
        assert_non_null(plan);
        float *in = fov_plan_data(plan, net.input);
        for (int k = 0; k < 24; k++) {
            in[k] = 1;
        }
        assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
        double first = (double)*(const float *)fov_plan_data(plan, net.output);
        if (!(fabs(first - cases[i].first) < 1e-6)) {
            fail_msg("%s: %.9g in place of %.9g", cases[i].layers, first, cases[i].first);
        }
        fov_plan_free(plan);
        darknet_close(&net);
        fov_graph_free(graph);
    }
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
        cmocka_unit_test(weights_are_as_long_as_published),
        cmocka_unit_test(layers_by_hand),
        cmocka_unit_test(options_have_their_meaning),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
