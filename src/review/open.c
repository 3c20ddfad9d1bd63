/* SPDX-License-Identifier: MIT */
/* The files of a run folder. */
#include "base/file.h"
#include "base/text.h"
#include "device/context.h"
#include "review/review.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST_FILE = 64 << 20, PATH_SIZE = 4096 };

static int read_history(struct review *review)
{
    char path[PATH_SIZE];
    uint8_t *csv = NULL;
    size_t size;
    struct error *error = &review->context->error;
    int status = file_join(path, sizeof path, review->directory, "history.csv", error);
    if (status == FOV_OK && !file_is_directory(review->directory)) {
        bool is_there = file_exists(review->directory);
        return error_set(error, FOV_E_IO, "cannot open \"%.400s\": %s", review->directory,
                         is_there ? "it is a file, where the folder of a run is wanted" : "there is no such folder");
    }
    if (status == FOV_OK && !file_exists(path)) {
        return error_set(error, FOV_E_INPUT, "%s is no folder of a training run: it has no history.csv",
                         review->directory);
    }
    status = status == FOV_OK ? file_read(path, LARGEST_FILE, review->memory, &csv, &size, error) : status;
    status = status == FOV_OK ? history_read(&review->history, (const char *)csv, path, error) : status;
    memory_free(review->memory, csv);
    return status;
}

/* Reads a JSON object. A missing file leaves *object NULL; a file that is no JSON object fails. */
static int read_json(struct review *review, const char *name, json_t **object)
{
    char path[PATH_SIZE];
    uint8_t *bytes = NULL;
    size_t size;
    json_error_t at;
    struct error *error = &review->context->error;
    int status = file_join(path, sizeof path, review->directory, name, error);
    if (status != FOV_OK || !file_exists(path)) {
        return status;
    }
    status = file_read(path, LARGEST_FILE, review->memory, &bytes, &size, error);
    if (status == FOV_OK) {
        *object = json_loadb((const char *)bytes, size, 0, &at);
        if (*object == NULL) { /* a seed of 2^63 and more is no JSON integer to the library, but a number */
            *object = json_loadb((const char *)bytes, size, JSON_DECODE_INT_AS_REAL, &at);
        }
        if (*object == NULL) {
            status = error_set(error, FOV_E_INPUT, "%s: line %d: %s", path, at.line, at.text);
        } else if (!json_is_object(*object)) {
            status = error_set(error, FOV_E_INPUT, "%s holds no JSON object", path);
        }
    }
    memory_free(review->memory, bytes);
    return status;
}

static int open_model(struct review *review)
{
    static const char *const names[] = {"best.onnx", "last.onnx"};
    char path[PATH_SIZE];
    for (int i = 0; i < 2; i++) {
        int status = file_join(path, sizeof path, review->directory, names[i], &review->context->error);
        if (status != FOV_OK) {
            return status;
        }
        if (file_exists(path)) {
            review->model = fov_model_load(review->context, path);
            return review->model != NULL ? FOV_OK : (int)review->context->error.status;
        }
    }
    return FOV_OK;
}

int review_open(struct review *review, fov_context *context, const char *directory)
{
    *review = (struct review){.context = context, .memory = context->memory, .directory = directory};
    review->history.memory = context->memory;
    int status = context->error.status == FOV_OK ? read_history(review) : (int)context->error.status;
    status = status == FOV_OK ? read_json(review, "config.json", &review->config) : status;
    status = status == FOV_OK ? read_json(review, "args.json", &review->words) : status;
    return status == FOV_OK ? open_model(review) : status;
}

void review_close(struct review *review)
{
    if (review->context == NULL) {
        return;
    }
    fov_report_free(&review->report);
    fov_dataset_free(review->data);
    fov_model_free(review->model);
    json_decref(review->config);
    json_decref(review->words);
    history_free(&review->history);
    memory_free(review->memory, review->worst);
    memory_free(review->memory, review->ranked);
    memory_free(review->memory, review->truths);
    *review = (struct review){.context = NULL};
}

const char *review_setting(const struct review *review, const char *name, char out[512])
{
    const json_t *value = json_object_get(review->config, name);
    char number[NUMBER_TEXT_SIZE];
    out[0] = '\0';
    if (json_is_string(value)) {
        snprintf(out, 512, "%s", json_string_value(value));
    } else if (json_is_integer(value)) { /* whole: a seed has more digits than a float */
        snprintf(out, 512, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_number(value)) {
        snprintf(out, 512, "%s", number_text(number, json_number_value(value)));
    } else if (json_is_boolean(value)) {
        snprintf(out, 512, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        size_t used = 0;
        for (size_t i = 0; i < json_array_size(value) && used < 512 - 64; i++) {
            used = text_append(out, 512, used, "%s%s", i > 0 ? ", " : "",
                               number_text(number, json_number_value(json_array_get(value, i))));
        }
    }
    return out;
}

const char *review_figure(const fov_task_figure *figure, char out[64])
{
    if (isnan(figure->value)) {
        snprintf(out, 64, "undefined");
    } else if (figure->is_share) {
        snprintf(out, 64, "%.2f %%", 100 * figure->value);
    } else {
        snprintf(out, 64, "%.4g", figure->value);
    }
    return out;
}
