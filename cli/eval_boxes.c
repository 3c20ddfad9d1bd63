/* SPDX-License-Identifier: MIT */
/* Converts COCO's JSON of objects and of detections to arrays for the library (fovea/metrics.h). Every entry is
 * checked; an error names its place. */
#include "eval_boxes.h"
#include "output.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An array of the file, for reading and for error sentences. */
struct entries {
    const json_t *array;
    const char *name; /* "annotations" */
    char *problem;
    size_t problem_size;
};

static bool refuse(const struct entries *of, size_t place, const char *what)
{
    snprintf(of->problem, of->problem_size, "%s[%zu]: %s", of->name, place, what);
    return false;
}

/* Reads an integer; also 7.0, which jansson reads as a real number. */
static bool read_id(const struct entries *of, size_t place, const char *key, int64_t *id)
{
    const json_t *value = json_object_get(json_array_get(of->array, place), key);
    char what[96];
    double number = json_number_value(value);
    if (json_is_integer(value)) {
        *id = json_integer_value(value);
        return true;
    }
    if (json_is_real(value) && number > -9e15 && number < 9e15 && number == (double)(int64_t)number) {
        *id = (int64_t)number;
        return true;
    }
    snprintf(what, sizeof what, "\"%s\" is not a whole number", key);
    return refuse(of, place, what);
}

/* Reads a flag, 0 or 1, true or false; a missing one is false. */
static bool read_flag(const json_t *entry, const char *key)
{
    const json_t *value = json_object_get(entry, key);
    return json_is_true(value) || (json_is_number(value) && json_number_value(value) != 0);
}

/* "bbox": x, y, width, height. */
static bool read_box(const struct entries *of, size_t place, double box[4])
{
    const json_t *value = json_object_get(json_array_get(of->array, place), "bbox");
    bool is_box = json_is_array(value) && json_array_size(value) == 4;
    for (size_t i = 0; i < 4 && is_box; i++) {
        is_box = json_is_number(json_array_get(value, i));
        box[i] = json_number_value(json_array_get(value, i));
    }
    return is_box || refuse(of, place, "\"bbox\" is not [x, y, width, height]");
}

static int compare_ids(const void *first, const void *second)
{
    const int64_t *a = first, *b = second;
    return *a < *b ? -1 : *a > *b;
}

/* The ids of images or categories, sorted; NULL, after a sentence: an id is no integer. */
static int64_t *read_ids(const struct entries *of)
{
    size_t count = json_array_size(of->array);
    int64_t *ids = take_memory(count + 1, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        if (!read_id(of, i, "id", &ids[i])) {
            free(ids);
            return NULL;
        }
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    return ids;
}

static bool is_among(const int64_t *ids, size_t count, int64_t id)
{
    return bsearch(&id, ids, count, sizeof id, compare_ids) != NULL;
}

/* Reads the objects of the listed images; those of other images are left out. False, after a sentence: a bad entry. */
static bool read_objects(const struct entries *of, const int64_t *images, size_t image_count, fov_object *objects,
                         int64_t *count)
{
    for (size_t i = 0; i < json_array_size(of->array); i++) {
        const json_t *entry = json_array_get(of->array, i), *area = json_object_get(entry, "area");
        fov_object *is = &objects[*count];
        double box[4];
        if (!read_id(of, i, "image_id", &is->image) || !read_id(of, i, "category_id", &is->category) ||
            !read_box(of, i, box)) {
            return false;
        }
        is->x = box[0];
        is->y = box[1];
        is->width = box[2];
        is->height = box[3];
        is->area = json_is_number(area) ? json_number_value(area) : box[2] * box[3];
        is->crowd = read_flag(entry, "iscrowd");
        is->difficult = read_flag(entry, "difficult");
        *count += is_among(images, image_count, is->image);
    }
    return true;
}

static bool read_detections(const struct entries *of, const int64_t *images, size_t image_count,
                            fov_detection *detections)
{
    for (size_t i = 0; i < json_array_size(of->array); i++) {
        const json_t *score = json_object_get(json_array_get(of->array, i), "score");
        fov_detection *is = &detections[i];
        double box[4];
        if (!read_id(of, i, "image_id", &is->image) || !read_id(of, i, "category_id", &is->category) ||
            !read_box(of, i, box)) {
            return false;
        }
        if (!json_is_number(score)) {
            return refuse(of, i, "\"score\" is not a number");
        }
        if (!is_among(images, image_count, is->image)) {
            char what[96];
            snprintf(what, sizeof what, "image_id %" PRId64 " is none of the images", is->image);
            return refuse(of, i, what);
        }
        *is = (fov_detection){is->image, is->category, box[0], box[1], box[2], box[3], json_number_value(score)};
    }
    return true;
}

fov_metrics *eval_boxes(fov_context *context, const json_t *truth, const json_t *detections, char *problem,
                        size_t problem_size)
{
    struct entries images = {json_object_get(truth, "images"), "images", problem, problem_size};
    struct entries objects = {json_object_get(truth, "annotations"), "annotations", problem, problem_size};
    struct entries categories = {json_object_get(truth, "categories"), "categories", problem, problem_size};
    struct entries found = {detections, "detections", problem, problem_size};
    fov_metrics *metrics = NULL;
    if (!json_is_array(images.array) || !json_is_array(objects.array) || !json_is_array(categories.array)) {
        snprintf(problem, problem_size, "the truth has to hold arrays \"images\", \"annotations\" and \"categories\"");
        return NULL;
    }
    if (!json_is_array(detections)) {
        snprintf(problem, problem_size, "the detections are no array");
        return NULL;
    }
    size_t image_count = json_array_size(images.array), class_count = json_array_size(categories.array);
    int64_t object_count = 0, *image_ids = read_ids(&images), *ids = image_ids ? read_ids(&categories) : NULL;
    fov_object *there = take_memory(json_array_size(objects.array) + 1, sizeof *there);
    fov_detection *boxes = take_memory(json_array_size(found.array) + 1, sizeof *boxes);
    if (ids != NULL && read_objects(&objects, image_ids, image_count, there, &object_count) &&
        read_detections(&found, image_ids, image_count, boxes)) {
        metrics = fov_metrics_boxes(context, (int)class_count, ids, object_count, there,
                                    (int64_t)json_array_size(found.array), boxes);
    }
    free(boxes);
    free(there);
    free(ids);
    free(image_ids);
    return metrics;
}
