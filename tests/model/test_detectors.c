/* SPDX-License-Identifier: MIT */
/* Boxes from the outputs of other tools' detectors: models with constant outputs, in forms given by name or recognised
 * by shape, and the boxes that these numbers must give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/boxes_form.h"
#include "task/task.h"

#include <fovea/boxes.h>
#include <fovea/fovea.h>
#include <fovea/memory.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 320, SSD_BOXES = 3234 };

/* A model whose outputs are the same for any picture: constants plus a zero that is computed from the picture. */
struct made {
    fov_model *model;
    fov_graph *graph;
    fov_value  zero; /* [N, 1, 1] */
    fov_value  in;
};

static struct made begin(fov_context *context, int side)
{
    struct made made = {.model = fov_model_create(context)};
    made.graph = fov_model_graph(made.model);
    made.in = fov_input(made.graph, .name = "images", .shape = {4, {FOV_BATCH, 3, side, side}});
    fov_value mean = fov_reduce_mean(made.graph, made.in, .axes = {1, 2, 3}, .axis_count = 3);
    static const float nothing = 0;
    mean = fov_mul(made.graph, mean, fov_constant(made.graph, NULL, FOV_F32, (fov_shape){0}, &nothing));
    made.zero = fov_reshape(made.graph, mean, (fov_shape){3, {FOV_BATCH, 1, 1}});
    return made;
}

static fov_value give(struct made *made, const float *numbers, int64_t rows, int64_t columns)
{
    fov_value all = fov_constant(made->graph, NULL, FOV_F32, (fov_shape){3, {1, rows, columns}}, numbers);
    return fov_add(made->graph, made->zero, all);
}

static void end(struct made *made, const fov_value *outputs, int count)
{
    assert_int_equal(fov_model_set_inputs_outputs(made->model, &made->in, 1, outputs, count), FOV_OK);
}

/* Reads the outputs' form, which must be described as `wanted`, and answers one black picture of twice the input's
 * height and width. Frees the model. */
static fov_answer ask(struct made *made, const char *detector, const char *task, const char *wanted)
{
    static uint8_t pixels[2 * SIDE * 2 * SIDE * 3];
    fov_shape shape = fov_value_shape(made->graph, made->in);
    const fov_image picture = {
        .height = 2 * (int)shape.dim[2], .width = 2 * (int)shape.dim[3], .channels = 3, .pixels = pixels};
    char said[512];
    fov_answer answer;
    if (fov_model_read_boxes(made->model, detector, said, sizeof said) != FOV_OK || strstr(said, wanted) == NULL) {
        fail_msg("said \"%s\", %s", said, fov_error(fov_graph_context(made->graph)));
    }
    fov_session *session = fov_session_create(made->model, task);
    assert_non_null(session);
    assert_string_equal(fov_session_task(session), "detect");
    assert_int_equal(fov_session_answer(session, &picture, &answer), FOV_OK);
    fov_session_free(session);
    fov_model_free(made->model);
    return answer;
}

static void expect(const fov_answer_box *box, int index, double score, double x1, double y1, double x2, double y2)
{
    const double is[] = {box->score, box->x1, box->y1, box->x2, box->y2}, right[] = {score, x1, y1, x2, y2};
    assert_int_equal(box->index, index);
    for (int i = 0; i < 5; i++) {
        if (!(fabs(is[i] - right[i]) < 1e-4)) {
            fail_msg("number %d is %.9g, not %.9g", i, is[i], right[i]);
        }
    }
}

/* Corners in pixels, and scores after a softmax, whose first class is "nothing". */
static void corners_and_softmax(void **state)
{
    static const float boxes[] = {10, 20, 30, 60, 100, 100, 140, 120, 101, 100, 141, 120};
    static const float logits[] = {0, 2, 0, 1, 0, 3, 1, 0, 2};
    struct made made = begin(*state, 64 * 3);
    const fov_value outputs[] = {give(&made, boxes, 3, 4), fov_softmax(made.graph, give(&made, logits, 3, 3))};
    end(&made, outputs, 2);
    fov_answer answer = ask(&made, NULL, "detect:least=0.3", "detector raw");
    double e = exp(1), sum = e + 1 + e * e * e;
    assert_int_equal(answer.box_count, 2); /* the third is suppressed by the second */
    expect(&answer.boxes[0], 1, e * e * e / sum, 200, 200, 280, 240);
    expect(&answer.boxes[1], 0, e * e / (e * e + 2), 20, 40, 60, 120);
    fov_answer_free(&answer);
}

/* The form "raw" is given by name: logits of each box that take a sigmoid each, boxes in fractions of the input. */
static void parts_and_sigmoids(void **state)
{
    static const float boxes[] = {0.25F, 0.5F, 0.5F, 1, 0, 0, 0.125F, 0.125F, 0.5F, 0, 1, 0.5F};
    static const float logits[] = {1, -9, -9, 2, -9, 0};
    struct made made = begin(*state, 100); /* not a multiple of 32 */
    const fov_value outputs[] = {give(&made, logits, 3, 2), give(&made, boxes, 3, 4)};
    end(&made, outputs, 2);
    fov_answer answer = ask(&made, "raw", "detect", "sigmoid of 2 classes");
    assert_int_equal(answer.box_count, 3);
    expect(&answer.boxes[0], 1, 1 / (1 + exp(-2)), 0, 0, 25, 25);
    expect(&answer.boxes[1], 0, 1 / (1 + exp(-1)), 50, 100, 100, 200);
    expect(&answer.boxes[2], 1, 0.5, 100, 0, 200, 100);
    fov_answer_free(&answer);
}

/* Boxes after the network's own suppression: overlapping ones are kept. */
static void kept_boxes(void **state)
{
    static const float boxes[] = {10, 10, 50, 50, 11, 10, 51, 50}, scores[] = {0.75F, 0.5F}, labels[] = {7, 7};
    struct made made = begin(*state, 64);
    fov_value outputs[] = {give(&made, boxes, 2, 4), give(&made, labels, 2, 1), give(&made, scores, 2, 1)};
    outputs[1] = fov_cast(made.graph, outputs[1], FOV_I64);
    end(&made, outputs, 3);
    fov_answer answer = ask(&made, NULL, "detect", "detector kept");
    assert_int_equal(answer.box_count, 2);
    expect(&answer.boxes[0], 7, 0.75, 20, 20, 100, 100);
    expect(&answer.boxes[1], 7, 0.5, 22, 20, 102, 100);
    fov_answer_free(&answer);
}

static void kept_rows(void **state)
{
    static const float rows[] = {10, 10, 50, 50, 0.5F, 3, 0, 0, 0, 0, 0, 0};
    struct made made = begin(*state, 64);
    fov_value output = give(&made, rows, 2, 6);
    end(&made, &output, 1);
    fov_answer answer = ask(&made, "kept", "detect", "detector kept");
    assert_int_equal(answer.box_count, 1);
    expect(&answer.boxes[0], 3, 0.5, 20, 20, 100, 100);
    fov_answer_free(&answer);
}

/* SSDLite's offsets: the default boxes of the last place have 0.95 of the picture's sides; those of the first place of
 * the first map a fifth. */
static void offsets_of_ssd(void **state)
{
    static float offsets[SSD_BOXES * 4], scores[SSD_BOXES * 3];
    for (size_t i = 0; i < SSD_BOXES; i++) {
        scores[3 * i] = 30; /* nothing */
    }
    scores[0] = 0;
    scores[2] = 2; /* box 0: class 1 */
    offsets[0] = 1, offsets[1] = -1;
    offsets[2] = 5 * logf(2), offsets[3] = 5 * logf(0.5F);
    scores[3 * (SSD_BOXES - 6)] = 0;
    scores[3 * (SSD_BOXES - 6) + 1] = 1;
    struct made made = begin(*state, SIDE);
    const fov_value outputs[] = {give(&made, offsets, SSD_BOXES, 4), give(&made, scores, SSD_BOXES, 3)};
    end(&made, outputs, 2);
    fov_answer answer = ask(&made, "ssd", "detect", "\"nothing\"");
    double e = exp(1);
    assert_int_equal(answer.box_count, 2);
    /* centre 8 + 0.1 x 64 and 8 - 6.4, sides 128 and 32; doubled for the picture and clipped at its edges */
    expect(&answer.boxes[0], 1, e * e / (e * e + 2), 0, 0, 2 * (14.4 + 64), 2 * (1.6 + 16));
    double side = 0.95 * SIDE;
    expect(&answer.boxes[1], 0, e / (e + 2), SIDE - side, SIDE - side, SIDE + side, SIDE + side);
    fov_answer_free(&answer);
}

/* Rows of YOLOv5 and YOLOv8, found by their shape. */
static void rows_by_shape(void **state)
{
    enum { PLACES = 64 + 16 + 4 };
    static float v5[3 * PLACES * 7], v8[6 * PLACES];
    const float five[] = {32, 16, 8, 4, 0.5F, 0.25F, 0.75F};
    memcpy(v5 + 7 * 100, five, sizeof five);
    struct made made = begin(*state, 64);
    fov_value output = give(&made, v5, 3 * PLACES, 7);
    end(&made, &output, 1);
    fov_answer answer = ask(&made, NULL, "detect:least=0.1", "detector yolov5");
    assert_int_equal(answer.box_count, 1);
    expect(&answer.boxes[0], 1, 0.375, 56, 28, 72, 36);
    fov_answer_free(&answer);
    const float eight[] = {32, 16, 8, 4, 0.5F, 0.25F};
    for (size_t i = 0; i < 6; i++) {
        v8[i * PLACES + 50] = eight[i];
    }
    made = begin(*state, 64);
    output = give(&made, v8, 6, PLACES);
    end(&made, &output, 1);
    answer = ask(&made, NULL, "detect", "detector yolov8");
    assert_int_equal(answer.box_count, 1);
    expect(&answer.boxes[0], 0, 0.5, 56, 28, 72, 36);
    fov_answer_free(&answer);
}

/* Rows after suppression hold class numbers only: the number of classes comes from the names. */
static void names_of_kept_boxes(void **state)
{
    enum { NAMES = 120 };
    static const float rows[] = {10, 10, 50, 50, 0.5F, 110, 0, 0, 0, 0, 0, 0};
    static const char *names[NAMES];
    struct made made = begin(*state, 64);
    const fov_value outputs[] = {give(&made, rows, 2, 6), fov_add(made.graph, give(&made, rows, 2, 6), made.zero)};
    for (int i = 0; i < NAMES; i++) {
        names[i] = i == 110 ? "mole" : "other";
    }
    end(&made, outputs, 2);
    assert_int_equal(fov_model_read_boxes(made.model, "kept", NULL, 0), FOV_OK);
    if (fov_model_set_classes(made.model, names, NAMES) != FOV_OK) {
        fail_msg("%s", fov_error(*state));
    }
    fov_model *copy = model_copy(made.model);
    assert_non_null(copy);
    assert_int_equal(fov_model_classes(copy), NAMES);
    fov_model_free(copy);
    /* The form belongs to one output: another chosen output has none, and choosing the first one again restores it. */
    const char *name[2];
    for (int i = 0; i < 2; i++) {
        name[i] = fov_value_name(made.graph, fov_model_output_at(made.model, i));
    }
    struct boxes_rows of;
    assert_int_equal(fov_model_choose_output(made.model, name[1]), FOV_OK);
    assert_null(boxes_form_of(made.model, fov_model_output(made.model), 0, &of));
    assert_int_equal(fov_model_choose_output(made.model, name[0]), FOV_OK);
    fov_answer answer = ask(&made, NULL, "detect", "");
    assert_int_equal(answer.box_count, 1);
    expect(&answer.boxes[0], 110, 0.5, 20, 20, 100, 100);
    assert_string_equal(answer.boxes[0].name, "mole");
    fov_answer_free(&answer);
}

/* Without names, labels of any common data set are read; a label without a name among names is refused, not dropped; a
 * label below 0 is no box. */
static void labels_of_kept_boxes(void **state)
{
    static const float rows[] = {10, 10, 50, 50, 0.5F, 1202, 10, 10, 50, 50, 0.75F, -1};
    static const char *names[] = {"one", "two", "three"};
    struct made made = begin(*state, 64);
    fov_value output = give(&made, rows, 2, 6);
    end(&made, &output, 1);
    fov_answer answer = ask(&made, "kept", "detect", "detector kept");
    assert_int_equal(answer.box_count, 1);
    expect(&answer.boxes[0], 1202, 0.5, 20, 20, 100, 100);
    assert_string_equal(answer.boxes[0].name, "1202");
    fov_answer_free(&answer);

    made = begin(*state, 64);
    output = give(&made, rows, 2, 6);
    end(&made, &output, 1);
    static unsigned char pixels[3 * 128 * 128];
    const fov_image picture = {.height = 128, .width = 128, .channels = 3, .pixels = pixels};
    assert_int_equal(fov_model_read_boxes(made.model, "kept", NULL, 0), FOV_OK);
    assert_int_equal(fov_model_set_classes(made.model, names, 3), FOV_OK);
    fov_session *session = fov_session_create(made.model, "detect");
    assert_non_null(session);
    assert_int_equal(fov_session_answer(session, &picture, &answer), FOV_E_INPUT);
    if (strstr(fov_session_error(session), "the box in row 0 has class 1202, and there are 3 classes") == NULL) {
        fail_msg("%s", fov_session_error(session));
    }
    fov_session_free(session);
    fov_model_free(made.model);
}

/* A tally stops at a NaN score and at an infinite box. */
static void boxes_that_are_not_finite(void **state)
{
    enum { PLACES = 64 + 16 + 4, NUMBERS = 7 };
    fov_context *context = *state;
    static float rows[PLACES * NUMBERS];
    const float wide[] = {0, 0, 1000, 0, 1, 1, 0};
    memcpy(rows, wide, sizeof wide);
    struct made made = begin(context, 64);
    fov_value output = give(&made, rows, PLACES, NUMBERS);
    end(&made, &output, 1);
    struct error error = {.status = FOV_OK};
    struct task_use use = {.model = made.model};
    assert_int_equal(task_choose(&use, "detect:detector=yolox-decoded", FOV_TARGET_BOXES, &error), FOV_OK);
    assert_int_equal(task_fit(&use, &error), FOV_OK);
    struct task_tally tally = {.use = &use, .scores = use.scores, .memory = context->memory};
    assert_int_equal(use.task->tally_open(&tally, &error), FOV_OK);
    use.task->tally_reset(&tally);
    void *targets = calloc(2, task_target_bytes(&use));
    assert_int_equal(use.task->tally_add(&tally, rows, targets, 1), 1);
    rows[NUMBERS + 6] = NAN; /* a row's last score, where a comparison with the best score so far would pass over it */
    assert_int_equal(use.task->tally_add(&tally, rows, targets, 1), 0);
    rows[NUMBERS + 6] = 0;
    rows[2] = INFINITY;
    assert_int_equal(use.task->tally_add(&tally, rows, targets, 1), 0);
    assert_int_equal(fov_error_status(context), FOV_OK);
    free(targets);
    use.task->tally_close(&tally);
    task_close(&use);
    fov_model_free(made.model);
}

/* A session that finds boxes leaves the context's error alone, because several threads may use sessions at once. */
static void the_context_is_left_alone(void **state)
{
    static const float rows[] = {10, 10, 50, 50, 0.5F, 3};
    static uint8_t pixels[64 * 64 * 3];
    const fov_image picture = {.height = 64, .width = 64, .channels = 3, .pixels = pixels};
    struct made made = begin(*state, 64);
    fov_value output = give(&made, rows, 1, 6);
    end(&made, &output, 1);
    fov_session *session = fov_session_create(made.model, "detect:detector=raw");
    fov_answer answer;
    assert_non_null(session);
    assert_null(fov_model_load(*state, "/nowhere.onnx"));
    assert_int_equal(fov_session_answer(session, &picture, &answer), FOV_OK);
    assert_non_null(strstr(fov_error(*state), "/nowhere.onnx"));
    fov_error_clear(*state);
    fov_answer_free(&answer);
    fov_session_free(session);
    fov_model_free(made.model);
}

/* When two outputs are joined into one, inputs keep their data, and the chosen input stays chosen. */
static void inputs_stay(void **state)
{
    static const float boxes[] = {10, 20, 30, 60, 0, 0, 5, 5}, logits[] = {0, 2, -9, -9}, shift[] = {1, 1, 1, 1};
    struct made made = begin(*state, 64);
    fov_value other = fov_input(made.graph, .name = "shift", .shape = FOV_SHAPE(FOV_BATCH, 2, 2));
    fov_value second = fov_input(made.graph, .name = "second", .shape = FOV_SHAPE(FOV_BATCH, 3, 64, 64));
    const fov_value outputs[] = {give(&made, boxes, 2, 4), fov_add(made.graph, give(&made, logits, 2, 2), other)};
    const fov_value inputs[] = {second, made.in, other};
    assert_int_equal(fov_model_set_inputs_outputs(made.model, inputs, 3, outputs, 2), FOV_OK);
    assert_int_equal(fov_model_choose_input(made.model, "images"), FOV_OK);
    assert_int_equal(fov_model_fill_input(made.model, "shift", shift, sizeof shift), FOV_OK);
    fov_answer answer = ask(&made, "raw", "detect", "detector raw");
    assert_int_equal(answer.box_count, 1);
    expect(&answer.boxes[0], 1, 1 / (1 + exp(-3)), 20, 40, 60, 120);
    fov_answer_free(&answer);
}

static void what_is_none(void **state)
{
    static const float numbers[8];
    struct made made = begin(*state, 64);
    fov_value output = give(&made, numbers, 2, 4);
    end(&made, &output, 1);
    char said[512] = "before";
    assert_int_equal(fov_model_read_boxes(made.model, NULL, said, sizeof said), FOV_OK);
    assert_string_equal(said, "");
    assert_int_equal(fov_model_read_boxes(made.model, "yolov9", said, sizeof said), FOV_E_USAGE);
    assert_non_null(strstr(fov_error(*state), "yolov8"));
    fov_error_clear(*state);
    assert_int_equal(fov_model_read_boxes(made.model, "yolov5", NULL, 0), FOV_E_SHAPE);
    fov_error_clear(*state);
    const fov_value two[] = {give(&made, numbers, 2, 4), give(&made, numbers, 2, 2)};
    end(&made, two, 2);
    assert_int_equal(fov_model_read_boxes(made.model, "ssd", NULL, 0), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(*state), "3,234"));
    fov_error_clear(*state);
    fov_model_free(made.model);
}

/* The boxes of a black picture of twice the input's sides. */
static fov_answer look(fov_model *model, const char *task)
{
    static uint8_t pixels[128 * 128 * 3];
    const fov_image picture = {.height = 128, .width = 128, .channels = 3, .pixels = pixels};
    fov_answer answer;
    fov_session *session = fov_session_create(model, task);
    assert_non_null(session);
    assert_int_equal(fov_session_answer(session, &picture, &answer), FOV_OK);
    fov_session_free(session);
    return answer;
}

static void expect_same(const fov_answer *a, const fov_answer *b)
{
    assert_true(a->box_count > 5);
    assert_int_equal(a->box_count, b->box_count);
    for (int64_t i = 0; i < a->box_count; i++) {
        const fov_answer_box *box = &a->boxes[i];
        expect(&b->boxes[i], box->index, box->score, box->x1, box->y1, box->x2, box->y2);
    }
}

/* Suppression added to the graph gives the boxes that the task finds; so does the saved file, which is read up to its
 * suppression. */
static void suppression_in_the_file(void **state)
{
    enum { ROWS = 64 + 16 + 4, NUMBERS = 5 + 3 };
    static const char task[] = "detect:least=0.05:overlap=0.3";
    float rows[ROWS * NUMBERS];
    uint32_t random = 1;
    for (size_t i = 0; i < ROWS * NUMBERS; i++) {
        random = random * 1664525U + 1013904223U;
        float share = (float)(random >> 8) * 0x1p-24F;
        rows[i] = i % NUMBERS < 4 ? 1.5F * share : share;
    }
    struct made made = begin(*state, 64);
    fov_value output = give(&made, rows, ROWS, NUMBERS);
    end(&made, &output, 1);
    fov_model *model = made.model;
    fov_answer right = look(model, task);
    const fov_suppress_options how = {.overlap = 0.3, .least = 0.05, .most = 60};
    assert_int_equal(fov_model_add_suppression(model, &how), FOV_OK);
    fov_shape shape = fov_value_shape(fov_model_graph(model), fov_model_output(model));
    assert_true(shape.rank == 3 && shape.dim[1] == 60 && shape.dim[2] == 6);
    fov_answer inside = look(model, task);
    right.box_count = right.box_count < 60 ? right.box_count : 60;
    expect_same(&right, &inside);
    assert_int_equal(fov_model_add_suppression(model, &how), FOV_E_UNSUPPORTED);
    fov_error_clear(*state);
    fov_buffer file;
    assert_int_equal(fov_model_save_memory(model, 0, &file), FOV_OK);
    fov_model *again = fov_model_load_memory(*state, file.bytes, file.size);
    if (again == NULL) {
        fail_msg("%s", fov_error(*state));
    }
    shape = fov_value_shape(fov_model_graph(again), fov_model_output(again)); /* what the file has, not what it cut */
    assert_true(shape.rank == 3 && shape.dim[1] == 60 && shape.dim[2] == 6);
    assert_string_equal(fov_value_name(fov_model_graph(again), fov_model_output(again)), "detections");
    assert_int_equal(fov_model_classes(again), 3);
    assert_int_equal(fov_model_add_suppression(again, &how), FOV_E_UNSUPPORTED);
    fov_error_clear(*state);
    fov_answer outside = look(again, task);
    outside.box_count = outside.box_count < 60 ? outside.box_count : 60;
    expect_same(&right, &outside);
    fov_answer_free(&outside);
    fov_answer_free(&inside);
    fov_answer_free(&right);
    fov_buffer_free(&file);
    fov_model_free(again);
    fov_model_free(model);
    model = fov_model_network(*state, "lenet5", NULL);
    assert_int_equal(fov_model_add_suppression(model, NULL), FOV_E_UNSUPPORTED);
    fov_error_clear(*state);
    fov_model_free(model);
}

/** The task's option lists the forms' names in the order of their table. */
static void names_of_forms(void **state)
{
    (void)state;
    int count = 0;
    while (boxes_form_names[1 + count] != NULL) {
        assert_string_equal(boxes_form_names[1 + count], boxes_forms[count].name);
        assert_int_equal(boxes_form_named(boxes_forms[count].name), 1 + count);
        count++;
    }
    assert_string_equal(boxes_forms[count - 1].name, "kept");
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
        cmocka_unit_test(corners_and_softmax), cmocka_unit_test(parts_and_sigmoids),
        cmocka_unit_test(kept_boxes),          cmocka_unit_test(kept_rows),
        cmocka_unit_test(offsets_of_ssd),      cmocka_unit_test(rows_by_shape),
        cmocka_unit_test(what_is_none),        cmocka_unit_test(suppression_in_the_file),
        cmocka_unit_test(names_of_forms),      cmocka_unit_test(names_of_kept_boxes),
        cmocka_unit_test(labels_of_kept_boxes),
        cmocka_unit_test(inputs_stay),         cmocka_unit_test(boxes_that_are_not_finite),
        cmocka_unit_test(the_context_is_left_alone),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
