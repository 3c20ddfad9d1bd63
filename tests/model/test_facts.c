/* SPDX-License-Identifier: MIT */
/* What a program asks of models and of files of weights before it uses them: the size and layout of pictures, sizes that a
 * file leaves open, versions of ONNX's operators, other inputs from files, mean and deviation of data, a drawing as
 * text; the list of a file's tensors, the network that it fits, and Darknet's files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/temporary.h"
#include <fovea/array.h>
#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    fov_context *context;
    char folder[TEMPORARY_PATH], path[TEMPORARY_PATH + 32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 3});
    temporary_folder(fixture->folder);
    *state = fixture;
    return fixture->context == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fov_context_free(fixture->context);
    temporary_remove(fixture->folder);
    free(fixture);
    return 0;
}

static const char *in_folder(struct fixture *fixture, const char *name)
{
    snprintf(fixture->path, sizeof fixture->path, "%s/%s", fixture->folder, name);
    return fixture->path;
}

/* A convolution and a mean: no layer needs a size. */
static fov_model *make(fov_context *context, fov_shape shape, bool is_last)
{
    fov_model *model = fov_model_create(context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input_opt(g, &(fov_input_options){.name = "x", .shape = shape});
    fov_value h = is_last ? fov_transpose(g, x, (const int[]){0, 3, 1, 2}, 4) : x;
    h = fov_global_avg_pool(g, fov_conv2d(g, h, .filters = 4, .kernel = 3, .pad = 1, .name = "c"));
    fov_value y = fov_dense(g, fov_flatten(g, h), .units = 3, .name = "y");
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    return model;
}

static void size_and_layout(void **state)
{
    struct fixture *fixture = *state;
    int channels, height, width;
    for (int is_last = 0; is_last < 2; is_last++) {
        fov_shape shape = is_last ? (fov_shape)FOV_SHAPE(FOV_BATCH, 7, 9, 3) : (fov_shape)FOV_SHAPE(FOV_BATCH, 3, 7, 9);
        fov_model *model = make(fixture->context, shape, is_last);
        assert_true(fov_model_picture_size(model, &channels, &height, &width));
        assert_true(channels == 3 && height == 7 && width == 9);
        assert_int_equal(fov_model_layout(model, fov_model_input(model)), is_last ? FOV_LAYOUT_NHWC : FOV_LAYOUT_NCHW);
        assert_int_equal(fov_model_layout(model, fov_model_output(model)),
                         FOV_LAYOUT_NCHW); /* not of four dimensions */
        fov_model_free(model);
    }
    fov_model *row = fov_model_create(fixture->context);
    fov_graph *g = fov_model_graph(row);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 5));
    assert_int_equal(fov_model_set_input_output(row, x, fov_dense(g, x, .units = 2)), FOV_OK);
    assert_false(fov_model_picture_size(row, &channels, &height, &width));
    fov_model_free(row);
}

static void opsets(void **state)
{
    struct fixture *fixture = *state;
    fov_model *model = make(fixture->context, (fov_shape)FOV_SHAPE(FOV_BATCH, 3, 7, 9), false);
    float pixels[3 * 7 * 9], wanted[3], got[3];
    for (int i = 0; i < 3 * 7 * 9; i++) {
        pixels[i] = (float)(i % 13) / 13;
    }
    assert_int_equal(fov_predict(model, pixels, 1, wanted, 3), FOV_OK);
    for (int opset = 13; opset <= 22; opset++) {
        assert_int_equal(fov_model_save_opset(model, in_folder(fixture, "m.onnx"), opset), FOV_OK);
        fov_model *again = fov_model_load(fixture->context, fixture->path);
        assert_non_null(again);
        assert_int_equal(fov_predict(again, pixels, 1, got, 3), FOV_OK);
        assert_memory_equal(got, wanted, sizeof wanted);
        fov_model_free(again);
    }
    for (int i = 0; i < 2; i++) {
        int status = fov_model_save_opset(model, in_folder(fixture, "none.onnx"), i == 0 ? 12 : 23);
        assert_true(status != FOV_OK && *fov_error(fixture->context) != '\0');
        fov_error_clear(fixture->context);
        assert_null(fopen(fixture->path, "rb"));
    }
    fov_model_free(model);
}

static void sizes_of_files(void **state)
{
    struct fixture *fixture = *state;
    int channels, height, width;
    fov_model *model = make(fixture->context, (fov_shape)FOV_SHAPE(FOV_BATCH, 3, 7, 9), false);
    assert_int_equal(fov_model_save(model, in_folder(fixture, "m.onnx")), FOV_OK);
    fov_model_free(model);
    model = fov_model_load_sized(fixture->context, fixture->path, 20, 30); /* it states a size and keeps it */
    assert_non_null(model);
    assert_true(fov_model_picture_size(model, &channels, &height, &width) && height == 7 && width == 9);
    fov_model_free(model);
}

static void other_inputs_from_files(void **state)
{
    struct fixture *fixture = *state;
    fov_model *model = fov_model_create(fixture->context);
    fov_graph *g = fov_model_graph(model);
    fov_value x = fov_input(g, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 1, 2, 2));
    fov_value k = fov_input(g, .name = "k", .shape = FOV_SHAPE(FOV_BATCH, 4));
    fov_value y = fov_add(g, fov_flatten(g, x), k);
    float pixels[4] = {1, 2, 3, 4}, got[4];
    double numbers[4] = {10, 20, 30, 40.5};
    assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
    assert_int_equal(fov_predict(model, pixels, 1, got, 4), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(fixture->context), "input \"k\" [N, 4], which is not declared"));
    assert_int_equal(fov_model_set_inputs_outputs(model, (const fov_value[]){x, k}, 2, &y, 1), FOV_OK);
    assert_int_equal(fov_predict(model, pixels, 1, got, 4), FOV_E_UNSUPPORTED); /* k has no data */
    assert_non_null(strstr(fov_error(fixture->context), "fov_model_fill_input"));
    fov_error_clear(fixture->context);
    assert_int_equal(fov_model_set_meaning(model, y, FOV_MEANING_VALUES), FOV_OK); /* no logits */
    fov_shape shape = FOV_SHAPE(1, 4);
    assert_int_equal(fov_array_save_npy(fixture->context, in_folder(fixture, "k.npy"), FOV_F64, &shape, numbers),
                     FOV_OK);
    assert_int_equal(fov_model_fill_input_file(model, "k", fixture->path), FOV_OK);
    assert_int_equal(fov_predict(model, pixels, 1, got, 4), FOV_OK);
    for (int i = 0; i < 4; i++) {
        assert_true(got[i] == pixels[i] + (float)numbers[i]);
    }
    assert_int_equal(fov_model_fill_input_file(model, "q", fixture->path), FOV_E_USAGE);
    shape = (fov_shape)FOV_SHAPE(3);
    assert_int_equal(fov_array_save_npy(fixture->context, in_folder(fixture, "k.npy"), FOV_F64, &shape, numbers),
                     FOV_OK);
    assert_int_equal(fov_model_fill_input_file(model, "k", fixture->path), FOV_E_SHAPE);
    fov_model_free(model);
}

static void statistics_of_data(void **state)
{
    struct fixture *fixture = *state;
    uint8_t pixels[4 * 4 * 3 * 2];
    double sum[3] = {0}, squares[3] = {0};
    for (int i = 0; i < (int)sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * (3 + i % 3) % 256);
        sum[i % 3] += pixels[i] / 255.0;
        squares[i % 3] += pixels[i] / 255.0 * (pixels[i] / 255.0);
    }
    const fov_dataset_program program = {.count = 2, .height = 4, .width = 4, .channels = 3, .pixels = pixels};
    fov_dataset *data = fov_dataset_create(fixture->context, &program);
    fov_model *model = make(fixture->context, (fov_shape)FOV_SHAPE(FOV_BATCH, 3, 4, 4), false);
    assert_non_null(data);
    assert_int_equal(fov_model_measure_pixels(model, data, true, true), FOV_OK);
    fov_preprocessing p = fov_model_preprocessing(model);
    for (int c = 0; c < 3; c++) {
        double mean = sum[c] / 32;
        assert_true(fabs((double)p.mean[c] - mean) < 1e-6);
        assert_true(fabs((double)p.deviation[c] - sqrt(squares[c] / 32 - mean * mean)) < 1e-6);
    }
    assert_true(fov_model_states_preprocessing(model));
    fov_model_free(model);
    fov_dataset_free(data);
}

static void drawing_as_text(void **state)
{
    struct fixture *fixture = *state;
    fov_model *model = make(fixture->context, (fov_shape)FOV_SHAPE(FOV_BATCH, 3, 7, 9), false);
    fov_buffer svg;
    int status = fov_model_draw_memory(model, NULL, &svg);
    if (status != FOV_E_UNSUPPORTED) { /* built without cairo */
        assert_int_equal(status, FOV_OK);
        assert_true(svg.size > 200 && memcmp(svg.bytes, "<?xml", 5) == 0);
        char *text = calloc(1, svg.size + 1);
        memcpy(text, svg.bytes, svg.size);
        assert_non_null(strstr(text, "</svg>"));
        free(text);
    }
    fov_buffer_free(&svg);
    fov_model_free(model);
}

static void tensors_of_a_file(void **state)
{
    struct fixture *fixture = *state;
    fov_model *model = fov_model_network(fixture->context, "lenet5", &(fov_network_options){.classes = 7});
    assert_non_null(model);
    assert_int_equal(fov_model_save_weights(model, in_folder(fixture, "w.safetensors")), FOV_OK);
    fov_weights *weights = fov_weights_open(fixture->context, fixture->path);
    assert_non_null(weights);
    assert_int_equal(fov_weights_count(weights), 10); /* five layers, each a weight and a bias */
    int64_t numbers = 0;
    bool found = false;
    for (int64_t i = 0; i < fov_weights_count(weights); i++) {
        fov_weights_tensor tensor = fov_weights_tensor_at(weights, i);
        int64_t count = 1;
        for (int d = 0; d < tensor.shape.rank; d++) {
            count *= tensor.shape.dim[d];
        }
        assert_string_equal(tensor.type, "F32");
        assert_int_equal(tensor.bytes, 4 * count);
        numbers += count;
        if (strcmp(tensor.name, "c1.weight") == 0) {
            found = tensor.shape.rank == 4 && tensor.shape.dim[0] == 6 && tensor.shape.dim[2] == 5;
        }
    }
    fov_summary summary;
    assert_int_equal(fov_model_summary(model, NULL, &summary), FOV_OK);
    assert_true(found && numbers == summary.parameters);
    assert_null(fov_weights_tensor_at(weights, 10).name);
    assert_null(fov_weights_tensor_at(weights, -1).name);
    bool has_version = false;
    for (int64_t i = 0; i < fov_weights_text_count(weights); i++) {
        assert_non_null(fov_weights_text_value(weights, i));
        has_version |= strcmp(fov_weights_text_key(weights, i), "fovea.version") == 0;
    }
    assert_true(has_version || fov_weights_text_count(weights) == 0);
    assert_null(fov_weights_text_key(weights, fov_weights_text_count(weights)));
    assert_null(fov_weights_text_value(weights, -1));
    fov_weights_free(weights);
    assert_null(fov_weights_open(fixture->context, in_folder(fixture, "absent.safetensors")));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_IO);
    fov_model_free(model);
}

/* The network that weights fit is found, with as many classes as they have; converted weights are the same. */
static void network_of_weights(void **state)
{
    struct fixture *fixture = *state;
    char other[TEMPORARY_PATH + 32], hash[65], again[65];
    fov_model *model = fov_model_network(fixture->context, "resnet20", &(fov_network_options){.classes = 7});
    assert_non_null(model);
    assert_int_equal(fov_model_hash(model, hash), FOV_OK);
    assert_int_equal(fov_model_save_weights(model, in_folder(fixture, "w.safetensors")), FOV_OK);
    fov_model_free(model);
    snprintf(other, sizeof other, "%s/again.safetensors", fixture->folder);
    assert_int_equal(fov_weights_convert(fixture->context, fixture->path, other), FOV_OK);
    model = fov_model_from_weights(fixture->context, other, NULL);
    if (model == NULL) {
        fail_msg("%s", fov_error(fixture->context));
    }
    assert_string_equal(fov_model_name(model), "resnet20");
    assert_int_equal(fov_model_classes(model), 7);
    assert_int_equal(fov_model_hash(model, again), FOV_OK);
    assert_string_equal(again, hash);
    fov_model_free(model);
    model = fov_model_network_weights(fixture->context, "resnet20", other, NULL); /* named, and for 7 classes, too */
    assert_true(model != NULL && fov_model_classes(model) == 7);
    assert_int_equal(fov_model_hash(model, again), FOV_OK);
    assert_string_equal(again, hash);
    fov_model_free(model);
    assert_null(fov_model_network_weights(fixture->context, "resnet32", other, NULL));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_INPUT);
    fov_error_clear(fixture->context);
    assert_null(fov_model_network_weights(fixture->context, "resnet20", other, &(fov_network_options){.classes = 5}));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_SHAPE);
    fov_error_clear(fixture->context);
    assert_null(fov_model_network_weights(fixture->context, "resnet21", other, NULL));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_USAGE);
    fov_error_clear(fixture->context);
    assert_int_equal(fov_weights_convert(fixture->context, in_folder(fixture, "absent.pth"), other), FOV_E_IO);
    model = make(fixture->context, (fov_shape)FOV_SHAPE(FOV_BATCH, 3, 7, 9), false);
    assert_int_equal(fov_model_save_weights(model, in_folder(fixture, "own.safetensors")), FOV_OK);
    fov_model_free(model);
    assert_null(fov_model_from_weights(fixture->context, fixture->path, NULL)); /* no network by name has these */
    assert_int_equal(fov_error_status(fixture->context), FOV_E_INPUT);
}

static void darknet(void **state)
{
    static const char cfg[] =
        "[net]\nwidth=8\nheight=8\nchannels=3\n[convolutional]\nfilters=4\nsize=3\nstride=1\npad=1\n"
        "activation=linear\n[avgpool]\n[softmax]\n";
    struct fixture *fixture = *state;
    char weights[TEMPORARY_PATH + 32];
    float pixels[3 * 8 * 8] = {0}, got[4];
    const float biases[4] = {0, 0.5F, 1, 1.5F};
    FILE *file = fopen(in_folder(fixture, "n.cfg"), "wb");
    assert_true(file != NULL && fwrite(cfg, 1, sizeof cfg - 1, file) == sizeof cfg - 1 && fclose(file) == 0);
    snprintf(weights, sizeof weights, "%s/n.weights", fixture->folder);
    file = fopen(weights, "wb");
    const int32_t head[5] = {0, 2, 0, 0, 0}; /* major, minor, revision, and 64 bits of pictures seen */
    const float zeros[4 * 3 * 9] = {0};
    assert_true(file != NULL && fwrite(head, sizeof head, 1, file) == 1 &&
                fwrite(biases, sizeof biases, 1, file) == 1 && fwrite(zeros, sizeof zeros, 1, file) == 1 &&
                fclose(file) == 0);
    fov_model *model = fov_model_load_darknet(fixture->context, fixture->path, weights);
    if (model == NULL) {
        fail_msg("%s", fov_error(fixture->context));
    }
    assert_int_equal(fov_predict(model, pixels, 1, got, 4), FOV_OK);
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += exp((double)biases[i]);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(fabs((double)got[i] - exp((double)biases[i]) / sum) < 1e-6);
    }
    fov_model_free(model);
    model = fov_model_load_darknet(fixture->context, fixture->path, NULL); /* random weights */
    assert_non_null(model);
    fov_model_free(model);
    file = fopen(weights, "ab");
    assert_true(file != NULL && fwrite(zeros, 4, 1, file) == 1 && fclose(file) == 0);
    assert_null(fov_model_load_darknet(fixture->context, fixture->path, weights));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_INPUT);
    fov_error_clear(fixture->context);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(size_and_layout),    WITH_FOLDER(opsets),          WITH_FOLDER(sizes_of_files),
        WITH_FOLDER(other_inputs_from_files), WITH_FOLDER(statistics_of_data),
        WITH_FOLDER(drawing_as_text),    WITH_FOLDER(tensors_of_a_file), WITH_FOLDER(network_of_weights),
        WITH_FOLDER(darknet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
