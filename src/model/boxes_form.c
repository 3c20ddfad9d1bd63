/* SPDX-License-Identifier: MIT */
/* YOLOX's rows as its public files have them, or decoded; YOLOv5's, decoded, three boxes for each place; YOLOv8's, across
 * and without "an object". All are made for maps of stride 8, 16 and 32. */
#include "model/boxes_form.h"
#include "op/yolox_loss/yolox.h"
#include <math.h>
#include <string.h>

static double probability(float x, bool logit)
{
    return logit ? 1 / (1 + exp(-(double)x)) : (double)x;
}

/* Number `k` of a row. */
static float number(const struct boxes_rows *of, const float *numbers, size_t row, int k)
{
    return numbers[of->across ? (size_t)k * of->rows + row : row * (size_t)of->numbers + (size_t)k];
}

/* The best of the classes from number `first` on, of equal ones the first. */
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
    return (double)best_class(of, numbers, row, 4, label);
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

/* [N, rows, numbers] with `each` rows for each place. */
static bool fits_lengthwise(const fov_shape *shape, struct boxes_rows *rows, size_t each, int before_classes)
{
    rows->rows = each * yolox_row_count(rows->height, rows->width);
    bool fits = shape->rank == 3 && shape->dim[1] == (int64_t)rows->rows && shape->dim[2] > before_classes &&
                shape->dim[2] <= before_classes + 100000;
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

/* Two maps, of stride 16 and 32, three rows each: the tiny forms of Darknet's detectors; of the others three. */
static bool fits_darknet(const fov_shape *shape, struct boxes_rows *rows)
{
    size_t places = yolox_row_count(rows->height, rows->width) - (size_t)(rows->height / 8) * (size_t)(rows->width / 8);
    rows->rows = 3 * places;
    bool fits =
        shape->rank == 3 && shape->dim[1] == (int64_t)rows->rows && shape->dim[2] > 5 && shape->dim[2] <= 100000;
    rows->numbers = fits ? (int)shape->dim[2] : 0;
    rows->classes = rows->numbers - 5;
    return fits || fits_yolov5(shape, rows);
}

const struct boxes_form boxes_forms[] = {
    {"yolox", "boxes in steps of their map, an object, classes", 4, 5, fits_yolox, score_with_object, box_of_steps},
    {"yolov5", "three boxes for each place, in pixels, an object, classes", 4, 5, fits_yolov5,
     score_with_object, box_of_pixels},
    {"yolov8", "across: boxes in pixels, classes", -1, 4, fits_yolov8, score_of_class, box_of_pixels},
    {"darknet", "three boxes for each place of two maps, in pixels, an object, classes", 4, 5, fits_darknet,
     score_with_object, box_of_pixels},
    {"yolox-decoded", "boxes in pixels, an object, classes", 4, 5, fits_yolox, score_with_object, box_of_pixels},
};
enum { FORMS = sizeof boxes_forms / sizeof *boxes_forms };
const char *const boxes_form_names[] = {"auto", "yolox", "yolov5", "yolov8", "darknet", "yolox-decoded", NULL};

const struct boxes_form *boxes_form_of(const fov_model *model, fov_value output, int which, struct boxes_rows *rows)
{
    struct model_picture picture;
    if (output.id == 0 || !model_picture(model, &picture) || picture.height % 32 != 0 || picture.width % 32 != 0) {
        return NULL;
    }
    fov_shape shape = fov_value_shape(model->graph, output);
    for (int i = 0; i < FORMS; i++) {
        *rows = (struct boxes_rows){.height = picture.height, .width = picture.width};
        if ((which == 0 || which == 1 + i) && boxes_forms[i].fits(&shape, rows)) {
            return &boxes_forms[i];
        }
    }
    return NULL;
}
