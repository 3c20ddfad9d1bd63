/* SPDX-License-Identifier: MIT */
/* Wrong arguments from programs, apart from NULL (test_null.c): value 0, element types and sizes that do not exist, the
 * same input twice, indices out of range. Each is refused with a sentence that names the mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static fov_context *make_context(void)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    assert_non_null(context);
    return context;
}

static void expect(const char *sentence, const char *says)
{
    if (strstr(sentence, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", sentence, says);
    }
}

/* Makes mistake number `slip` in a graph; returns the value it gave; *says: a part of the expected sentence. */
static fov_value slip_in(fov_graph *graph, int slip, const char **says)
{
    static const fov_value none = {0};
    static const float one = 1;
    fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, 3, 8, 8));
    *says = "value 0";
    switch (slip) {
    case 0: return fov_conv2d(graph, none, .filters = 4, .kernel = 3, .name = "c1");
    case 1: return fov_conv1d(graph, none, .filters = 4, .kernel = 3);
    case 2: return fov_conv_transpose2d(graph, none, .filters = 4, .kernel = 3);
    case 3: return fov_dense(graph, none, .units = 4);
    case 4: return fov_max_pool2d(graph, none, .kernel = 2);
    case 5: return fov_batch_norm_opt(graph, none, NULL);
    case 6: return fov_layer_norm_opt(graph, none, NULL);
    case 7: return fov_group_norm(graph, none, .groups = 1);
    case 8: return fov_instance_norm_opt(graph, none, NULL);
    case 9: return fov_resize2d(graph, none, .height = 4, .width = 4);
    case 10: return fov_adaptive_avg_pool2d(graph, none, 2, 2);
    case 11: return fov_mae(graph, x, none);
    case 12: *says = "is missing"; return fov_relu(graph, none);
    case 13: *says = "is missing"; return fov_add(graph, none, x);
    case 14: *says = "no element type 99"; return fov_input(graph, .name = "y", .dtype = (fov_dtype)99);
    case 15: *says = "no element type -1"; return fov_parameter(graph, .name = "p", .dtype = (fov_dtype)-1);
    case 16: *says = "no element type 12"; return fov_constant(graph, "k", FOV_DTYPE_COUNT, (fov_shape){0}, &one);
    case 17: *says = "is open"; return fov_parameter(graph, .name = "p", .shape = FOV_SHAPE(FOV_BATCH, 3));
    case 18: *says = "not fit"; return fov_parameter(graph, .name = "p", .shape = FOV_SHAPE(1LL << 31, 1LL << 31));
    case 19: *says = "`inputs` is NULL"; return fov_node_opt(graph, "relu", NULL, 1, NULL);
    case 20: *says = "operator_name is NULL"; return fov_node_opt(graph, NULL, &x, 1, NULL);
    case 21: *says = "-1 inputs"; return fov_node_opt(graph, "relu", &x, -1, NULL);
    case 22: *says = "kernel is 0 x 0"; return fov_conv2d(graph, x, .filters = 4);
    case 23: *says = "filters is -2"; return fov_conv2d(graph, x, .filters = -2, .kernel = 3);
    default: return none;
    }
}

static void graphs_refuse_slips(void **state)
{
    (void)state;
    for (int slip = 0; slip < 24; slip++) {
        fov_context *context = make_context();
        fov_graph *graph = fov_graph_create(context);
        const char *says;
        assert_int_equal(slip_in(graph, slip, &says).id, 0);
        expect(fov_error(context), says);
        assert_null(fov_plan_create(graph, &(fov_value){1}, 1, NULL)); /* the graph stays failed */
        fov_graph_free(graph);
        fov_context_free(context);
    }
}

static void plans_refuse_slips(void **state)
{
    (void)state;
    fov_context *context = make_context();
    fov_graph *graph = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 3));
    fov_value loss = fov_mse(graph, fov_dense(graph, x, .units = 3), x);
    (void)fov_update(graph, loss, .lr = 0.1F);
    const fov_value wrong[] = {{0}, {-1}, {999}, loss, x};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(fov_plan_create(graph, &loss, 1, &(fov_plan_options){.training = true, .updates = true,
                                                                         .update = &wrong[i], .update_count = 1}));
        expect(fov_error(context), "update 0 is no parameter that anything renews");
    }
    fov_plan *plan = fov_plan_create(graph, &loss, 1, NULL);
    assert_non_null(plan);
    const int indices[] = {-1, INT_MIN, INT_MAX, fov_plan_step_count(plan)};
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        assert_null(fov_plan_step_at(plan, indices[i]).name);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_null(fov_plan_data(plan, (fov_value){indices[i]}));
        assert_int_equal(fov_plan_bytes(plan, (fov_value){indices[i]}), 0);
        assert_string_equal(fov_value_name(graph, (fov_value){indices[i]}), "");
        assert_int_equal(fov_parameter_at(graph, indices[i]).id, 0);
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void sessions_refuse_slips(void **state)
{
    (void)state;
    static const float pixels[32 * 32];
    fov_context *context = make_context();
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    fov_session *session = fov_session_create(model, NULL);
    assert_non_null(session);
    const fov_tensor good = {.name = "input", .shape = {4, {1, 1, 32, 32}}, .data = pixels};
    fov_tensor in[2] = {good, good}, out = {.name = NULL};
    assert_int_equal(fov_session_run(session, in, 1, &out, 1), FOV_OK);
    out = (fov_tensor){.name = NULL};
    assert_int_equal(fov_session_run(session, in, 2, &out, 1), FOV_E_USAGE);
    expect(fov_session_error(session), "input \"input\" is given twice");
    for (int rank = -1; rank < 10; rank += 10) {
        in[0].shape.rank = rank;
        assert_int_equal(fov_session_run(session, in, 1, &out, 1), FOV_E_SHAPE);
        expect(fov_session_error(session), rank < 0 ? "rank -1 (0 to 8)" : "rank 9 (0 to 8)");
    }
    in[0] = good;
    assert_int_equal(fov_session_run(session, NULL, 1, &out, 1), FOV_E_USAGE);
    expect(fov_session_error(session), "`inputs` is NULL");
    assert_int_equal(fov_session_run(session, in, 1, NULL, 1), FOV_E_USAGE);
    expect(fov_session_error(session), "`results` is NULL");
    assert_int_equal(fov_session_read(session, NULL, &out), FOV_E_USAGE);
    expect(fov_session_error(session), "the picture is NULL");
    fov_session_free(session);
    assert_int_equal(fov_model_replace_head(model, 0, NULL), FOV_E_USAGE);
    expect(fov_error(context), "a head for 0 classes");
    fov_model_free(model);
    fov_context_free(context);
}

/* Pictures without pixels, without area, or with an impossible number of channels. */
static void refuse_pictures(fov_context *context, fov_model *model)
{
    static uint8_t pixels[4 * 8 * 8], mask[8 * 8];
    static const struct {
        int height, width, channels;
    } sizes[] = {{8, 8, 3}, {0, 8, 3}, {8, 0, 3}, {-8, 8, 3}, {8, -8, 1}, {8, 8, 0}, {8, 8, 2}, {8, 8, -3}, {8, 8, 7}};
    const fov_answer answer = {.mask = {.height = 8, .width = 8, .channels = 1, .pixels = mask}};
    const fov_image good = {.height = 8, .width = 8, .channels = 3, .pixels = pixels};
    fov_answer_box odd[] = {{.x1 = NAN, .y1 = 1, .x2 = 5, .y2 = 5, .score = NAN},
                            {.x1 = -1e300, .y1 = -INFINITY, .x2 = 1e300, .y2 = INFINITY, .score = 0.5}};
    fov_image drawn;
    assert_int_equal(
        fov_answer_draw(context, &(fov_answer){.boxes = odd, .box_count = 2}, &good, &drawn), FOV_OK);
    fov_image_free(&drawn);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const fov_image bad = {sizes[i].height, sizes[i].width, sizes[i].channels, i == 0 ? NULL : pixels, NULL, NULL};
        fov_image made;
        float result[10];
        assert_int_equal(fov_pictures_save_png(context, &bad, 1, 0, "/nowhere/sheet.png"), FOV_E_USAGE);
        expect(fov_error(context), i == 0 ? "number 1: a picture has no pixels" : "sizes are 1 and more");
        assert_int_equal(fov_pictures_save_gif(context, &bad, 1, 0, 0, "/nowhere/film.gif"), FOV_E_USAGE);
        assert_int_equal(fov_answer_draw(context, &answer, &bad, &made), FOV_E_USAGE);
        assert_int_equal(fov_answer_draw(context, &(fov_answer){.picture = bad}, NULL, &made), FOV_E_USAGE);
        assert_int_equal(fov_style_opt(model, &bad, &good, NULL, &made), FOV_E_USAGE);
        assert_int_equal(fov_style_opt(model, &good, &bad, NULL, &made), FOV_E_USAGE);
        assert_int_equal(fov_predict_image(model, &bad, result, 10), FOV_E_USAGE);
        assert_int_equal(fov_model_see(model, &bad, &made), FOV_E_USAGE);
    }
}

/* Enumerators out of range and NaN options; an object that refused a call works in the next one. */
static void other_rooms_refuse_slips(void **state)
{
    (void)state;
    const double boxes[] = {0, 0, 2, 2, 1, 1, 3, 3}, scores[] = {1, 0.5}, nan = (double)NAN;
    const fov_suppress_options wrong[] = {
        {.kind = (fov_suppression)9}, {.overlap = nan}, {.kind = FOV_SUPPRESS_GAUSSIAN, .sigma = nan}, {.most = -1}};
    float picture[9] = {0}, result[9], data[8] = {0, 1, 1, 0, 0, 1, 0, 1}, hidden[6];
    int64_t kept[2];
    fov_context *context = make_context();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(fov_boxes_suppress(context, 2, boxes, scores, NULL, &wrong[i], kept, NULL), -1);
        assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    }
    assert_int_equal(fov_boxes_suppress(context, 2, boxes, scores, NULL, NULL, kept, NULL), 2);
    assert_int_equal(fov_filter(context, "sobel-x", picture, 3, 3, 1, (fov_border)9, result), FOV_E_USAGE);
    expect(fov_error(context), "no border 9");
    int rows, columns;
    float weights[9];
    assert_int_equal(fov_filter_kernel(context, "sobel-x", NULL, &rows, &columns), FOV_E_USAGE);
    assert_int_equal(fov_filter_kernel(context, "sobel-x", weights, NULL, &columns), FOV_E_USAGE);
    assert_int_equal(fov_filter_kernel(context, "sobel-x", weights, &rows, NULL), FOV_E_USAGE);
    expect(fov_error(context), "fov_filter_kernel: name, weights, rows or columns is NULL");
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    refuse_pictures(context, model);
    assert_int_equal(fov_model_set_layout(model, (fov_layout)7), FOV_E_USAGE);
    expect(fov_error(context), "no layout 7");
    fov_model_free(model);

    fov_rbm *rbm = fov_rbm_create(context, 4, 3, 1);
    const fov_rbm_options odd[] = {{.epochs = -1}, {.batch = -2}, {.steps = 99}, {.rate = NAN}, {.momentum = 1}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal(fov_rbm_train(rbm, data, 2, &odd[i]), FOV_E_USAGE);
    }
    data[5] = NAN;
    assert_int_equal(fov_rbm_train(rbm, data, 2, NULL), FOV_E_INPUT);
    expect(fov_error(context), "number 1 of sample 1 is nan");
    data[5] = 1;
    assert_int_equal(fov_rbm_hidden(rbm, data, 0, hidden), FOV_E_USAGE);
    assert_int_equal(fov_rbm_hidden(rbm, data, 2, hidden), FOV_OK);
    assert_int_equal(fov_rbm_train(rbm, data, 0, NULL), FOV_E_USAGE);
    assert_int_equal(fov_rbm_train(rbm, data, 2, &(fov_rbm_options){.epochs = 1}), FOV_OK);
    assert_int_equal(fov_dbn_pretrain(&rbm, 1, data, 0, NULL), FOV_E_USAGE);
    assert_int_equal(fov_dbn_pretrain(&rbm, 1, data, 2, &(fov_rbm_options){.epochs = 1}), FOV_OK);
    double number, weight[12], visible_bias[4], hidden_bias[3];
    assert_int_equal(fov_rbm_gradient(rbm, data, 0, weight, visible_bias, hidden_bias), FOV_E_USAGE);
    assert_int_equal(fov_rbm_log_partition(rbm, &number), FOV_OK);
    fov_rbm_free(rbm);

    fov_boltzmann *large = fov_boltzmann_create(context, 30), *small = fov_boltzmann_create(context, 3);
    double probabilities[8];
    uint8_t units[3] = {0};
    assert_int_equal(fov_boltzmann_enumerate(large, probabilities), FOV_E_USAGE);
    assert_int_equal(fov_boltzmann_enumerate(small, probabilities), FOV_OK);
    assert_string_equal(fov_error(context), "");
    fov_boltzmann_sample(small, units, -5, 1, 2, 1);
    fov_boltzmann_free(large);
    fov_boltzmann_free(small);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_refuse_slips),
        cmocka_unit_test(plans_refuse_slips),
        cmocka_unit_test(sessions_refuse_slips),
        cmocka_unit_test(other_rooms_refuse_slips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
