/* SPDX-License-Identifier: MIT */
/* The detectors' output forms: YOLOX's rows, raw as in its public files, or decoded; YOLOv5's, decoded, with three
 * boxes for each grid cell; YOLOv8's, transposed and without an objectness score. These three come from maps of stride
 * 8, 16 and 32. Further, corners with scores, for any number of boxes. */
#include "model/boxes_form.h"
#include "op/yolox_loss/yolox.h"
#include <math.h>
#include <string.h>

static double probability(float x, bool logit)
{
    return logit ? 1 / (1 + exp(-(double)x)) : (double)x;
}

/* Element `k` of a row. */
static float number(const struct boxes_rows *of, const float *numbers, size_t row, int k)
{
    return numbers[of->across ? (size_t)k * of->rows + row : row * (size_t)of->numbers + (size_t)k];
}

/* The highest class score of a row, whose class 0 is at element `first`; on a tie the lowest class. */
static float best_class(const struct boxes_rows *of, const float *numbers, size_t row, int first, int *label)
{
    float best = number(of, numbers, row, first);
    *label = 0;
    for (int c = 1; c < of->classes; c++) {
        float other = number(of, numbers, row, first + c);
        *label = other > best ? c : *label;
        best = other > best ? other : best;
    }
    return best;
}

static double score_with_object(const struct boxes_rows *of, const float *numbers, size_t row, int *label)
{
    float class = best_class(of, numbers, row, 5, label);
    return probability(number(of, numbers, row, 4), of->logits) * probability(class, of->logits);
}

static double score_of_class(const struct boxes_rows *of, const float *numbers, size_t row, int *label)
{
    return probability(best_class(of, numbers, row, 4, label), of->logits);
}

static void put_box(double x, double y, double width, double height, double box[4])
{
    box[0] = x - width / 2;
    box[1] = y - height / 2;
    box[2] = x + width / 2;
    box[3] = y + height / 2;
}

static void box_of_steps(const struct boxes_rows *of, const float *numbers, size_t row, double box[4])
{
    const struct yolox_options size = {of->height, of->width};
    double at[4];
    for (int k = 0; k < 4; k++) {
        at[k] = (double)number(of, numbers, row, k);
    }
    struct yolox_box is = yolox_decode(&size, row, at);
    put_box(is.x, is.y, is.width, is.height, box);
}

static void box_of_pixels(const struct boxes_rows *of, const float *numbers, size_t row, double box[4])
{
    put_box((double)number(of, numbers, row, 0), (double)number(of, numbers, row, 1),
            (double)number(of, numbers, row, 2), (double)number(of, numbers, row, 3), box);
}

/* A class below 0 is a row without a box; one that is none of the classes gives label -1. */
static double score_of_kept(const struct boxes_rows *of, const float *numbers, size_t row, int *label)
{
    float class = number(of, numbers, row, 5);
    *label = class < 0 ? 0 : class < (float)of->classes ? (int)class : -1;
    return class < 0 ? 0 : (double)number(of, numbers, row, 4);
}

static void box_of_corners(const struct boxes_rows *of, const float *numbers, size_t row, double box[4])
{
    for (int k = 0; k < 4; k++) {
        box[k] = (double)number(of, numbers, row, k) * of->unit[k % 2];
    }
}

/* Corners are in pixels, or, if no coordinate is far above 1, fractions of the input's size. */
static void find_unit(struct boxes_rows *of, const float *numbers)
{
    static const double far = 2;
    bool is_pixels = false;
    for (size_t row = 0; row < of->rows && !is_pixels; row++) {
        for (int k = 0; k < 4; k++) {
            is_pixels = is_pixels || fabs((double)number(of, numbers, row, k)) > far;
        }
    }
    of->unit[0] = is_pixels ? 1 : of->width;
    of->unit[1] = is_pixels ? 1 : of->height;
}

/* Whether the input has maps of stride 8, 16 and 32 without a remainder. */
static bool has_maps(const struct boxes_rows *rows)
{
    return rows->height % 32 == 0 && rows->width % 32 == 0;
}

/* Whether the shape is [N, rows, numbers] with `each` rows for each grid cell of the maps of stride 8, 16 and 32. */
static bool fits_lengthwise(const fov_shape *shape, struct boxes_rows *rows, size_t each, int before_classes)
{
    rows->rows = each * yolox_row_count(rows->height, rows->width);
    bool fits = has_maps(rows) && shape->rank == 3 && shape->dim[1] == (int64_t)rows->rows &&
                shape->dim[2] > before_classes && shape->dim[2] <= before_classes + 100000;
    rows->numbers = fits ? (int)shape->dim[2] : 0;
    rows->classes = rows->numbers - before_classes;
    rows->across = false;
    return fits;
}

static bool fits_yolox(const fov_shape *shape, struct boxes_rows *rows)
{
    return fits_lengthwise(shape, rows, 1, 5);
}

static bool fits_yolov5(const fov_shape *shape, struct boxes_rows *rows)
{
    return fits_lengthwise(shape, rows, 3, 5);
}

static bool fits_yolov8(const fov_shape *shape, struct boxes_rows *rows)
{
    fov_shape turned = {shape->rank, {shape->dim[0], shape->dim[2], shape->dim[1]}};
    bool fits = shape->rank == 3 && fits_lengthwise(&turned, rows, 1, 4);
    rows->across = fits;
    return fits;
}

/* Darknet's detectors have three rows for each grid cell: the tiny ones of two maps, of stride 16 and 32, the others of
 * three, like YOLOv5. */
static bool fits_darknet(const fov_shape *shape, struct boxes_rows *rows)
{
    size_t places = yolox_row_count(rows->height, rows->width) - (size_t)(rows->height / 8) * (size_t)(rows->width / 8);
    rows->rows = 3 * places;
    bool fits = has_maps(rows) && shape->rank == 3 && shape->dim[1] == (int64_t)rows->rows && shape->dim[2] > 5 &&
                shape->dim[2] <= 100000;
    rows->numbers = fits ? (int)shape->dim[2] : 0;
    rows->classes = rows->numbers - 5;
    return fits || fits_yolov5(shape, rows);
}

/* A network of Darknet's may have any number of maps, of any stride, with any number of boxes for each place. */
static bool fits_any_darknet(const fov_shape *shape, struct boxes_rows *rows)
{
    bool fits = shape->rank == 3 && shape->dim[1] > 0 && shape->dim[2] > 5 && shape->dim[2] <= 100000;
    rows->rows = fits ? (size_t)shape->dim[1] : 0;
    rows->numbers = fits ? (int)shape->dim[2] : 0;
    rows->classes = rows->numbers - 5;
    return fits;
}

static bool fits_corners(const fov_shape *shape, struct boxes_rows *rows)
{
    bool fits = shape->rank == 3 && shape->dim[1] > 0 && shape->dim[2] > 4 && shape->dim[2] <= 100000;
    rows->rows = fits ? (size_t)shape->dim[1] : 0;
    rows->numbers = fits ? (int)shape->dim[2] : 0;
    rows->classes = rows->numbers - 4;
    return fits;
}

static bool fits_kept(const fov_shape *shape, struct boxes_rows *rows)
{
    static const int unnamed = 2000; /* the rows do not tell; LVIS, with the most of the common data sets, has 1,203 */
    int classes = rows->classes > 0 ? rows->classes : unnamed;
    bool fits = fits_corners(shape, rows) && rows->numbers == 6;
    rows->classes = classes;
    return fits;
}

const struct boxes_form boxes_forms[] = {
    {.name = "yolox",
     .doc = "boxes in steps of their map, an object, classes",
     .object = 4,
     .first_class = 5,
     .fits = fits_yolox,
     .score = score_with_object,
     .box = box_of_steps,
     .is_steps = true},
    {.name = "yolov5",
     .doc = "three boxes for each place, in pixels, an object, classes",
     .object = 4,
     .first_class = 5,
     .fits = fits_yolov5,
     .score = score_with_object,
     .box = box_of_pixels},
    {.name = "yolov8",
     .doc = "across: boxes in pixels, classes",
     .object = -1,
     .first_class = 4,
     .fits = fits_yolov8,
     .score = score_of_class,
     .box = box_of_pixels},
    {.name = "darknet",
     .doc = "boxes in pixels, an object, classes",
     .object = 4,
     .first_class = 5,
     .fits = fits_darknet,
     .fits_stated = fits_any_darknet,
     .score = score_with_object,
     .box = box_of_pixels},
    {.name = "yolox-decoded",
     .doc = "boxes in pixels, an object, classes",
     .object = 4,
     .first_class = 5,
     .fits = fits_yolox,
     .score = score_with_object,
     .box = box_of_pixels},
    {.name = "ssd",
     .doc = "offsets to default boxes [N, boxes, 4], and scores, the first of \"nothing\"",
     .object = -1,
     .first_class = 4,
     .fits = fits_corners,
     .score = score_of_class,
     .box = box_of_corners,
     .is_corners = true,
     .look = find_unit,
     .has_parts = true},
    {.name = "raw",
     .doc = "corners of boxes and scores of classes, [N, boxes, 4 + classes] or an output for each",
     .object = -1,
     .first_class = 4,
     .fits = fits_corners,
     .score = score_of_class,
     .box = box_of_corners,
     .is_corners = true,
     .look = find_unit,
     .has_parts = true},
    {.name = "kept",
     .doc = "corners, score and class of boxes that are left, [N, boxes, 6] or an output for each",
     .object = -1,
     .first_class = 4, /* the row's only score */
     .fits = fits_kept,
     .score = score_of_kept,
     .box = box_of_corners,
     .is_corners = true,
     .look = find_unit,
     .is_kept = true,
     .has_parts = true},
};
enum { FORMS = sizeof boxes_forms / sizeof *boxes_forms };
const char *const boxes_form_names[] = {"auto", "yolox", "yolov5", "yolov8", "darknet", "yolox-decoded", "ssd", "raw",
                                        "kept", NULL};

int boxes_form_named(const char *name)
{
    for (int i = 0; boxes_form_names[i] != NULL; i++) {
        if (strcmp(boxes_form_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static struct model_output *chosen_output(const fov_model *model)
{
    for (int i = 0; i < model->output_count; i++) {
        if (model->outputs[i].value.id == model->output.id) {
            return &model->outputs[i];
        }
    }
    return NULL;
}

void model_state_boxes_form(fov_model *model, int which)
{
    struct model_output *output = chosen_output(model);
    if (output != NULL) {
        output->boxes_form = which;
    }
}

const struct boxes_form *boxes_form_of(const fov_model *model, fov_value output, int which, struct boxes_rows *rows)
{
    struct model_picture picture;
    if (output.id == 0 || !model_picture(model, &picture)) {
        return NULL;
    }
    fov_shape shape = fov_value_shape(model->graph, output);
    const struct model_output *chosen = chosen_output(model);
    which = which == 0 && chosen != NULL && output.id == model->output.id ? chosen->boxes_form : which;
    for (int i = 0; i < FORMS; i++) {
        bool is_unnamed_kept = boxes_forms[i].is_kept && model->class_count == 0;
        *rows = (struct boxes_rows){.height = picture.height,
                                    .width = picture.width,
                                    .classes = is_unnamed_kept ? model_suppressed_classes(model) : model->class_count,
                                    .unit = {1, 1}};
        bool is_asked = which == 0 ? !boxes_forms[i].has_parts : which == 1 + i; /* they fit any shape: no guess */
        bool (*fits)(const fov_shape *, struct boxes_rows *) =
            which > 0 && boxes_forms[i].fits_stated != NULL ? boxes_forms[i].fits_stated : boxes_forms[i].fits;
        if (is_asked && fits(&shape, rows)) {
            return &boxes_forms[i];
        }
    }
    return NULL;
}
