/* SPDX-License-Identifier: MIT */
/* Computes the second moments of patches once, before the first step; one thread sums in the order of samples and
 * pixels. */
#include "train/whiten.h"
#include "base/text.h"
#include "train/eigen.h"
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 5000, MOST_NUMBERS = 1024 /* of a patch */, BATCH = 100 };
static const double LEAST_VARIANCE = 5e-4; /* added to each eigenvalue, which bounds the filters' scale */

/* A patch has the channels, height and width of the weight's filters. */
struct patch {
    int filters, channels, height, width, numbers; /* numbers: elements of a patch */
};

/* Finds the weight by name; it must belong to a convolution that reads the pictures. */
static int find(const fov_model *model, const char *name, int *weight, struct patch *patch, struct error *error)
{
    const fov_graph *graph = model->graph;
    char shown[128];
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        const struct value *value = node->in_count > 1 ? graph_value(graph, node->in[1]) : NULL;
        if (value == NULL || value->kind != VALUE_PARAMETER || strcmp(value->name, name) != 0 ||
            strcmp(node->op->name, "conv") != 0 || node->in[0] != model->input.id || value->shape.rank != 4) {
            continue;
        }
        const int64_t *dim = value->shape.dim;
        if (dim[1] * dim[2] * dim[3] > MOST_NUMBERS) {
            return error_set(error, FOV_E_UNSUPPORTED,
                             "training option whiten: patches of \"%s\" have more than %d numbers",
                             text_escape(shown, sizeof shown, name), MOST_NUMBERS);
        }
        *weight = node->in[1];
        *patch = (struct patch){(int)dim[0], (int)dim[1], (int)dim[2], (int)dim[3], (int)(dim[1] * dim[2] * dim[3])};
        return FOV_OK;
    }
    return error_set(error, FOV_E_USAGE,
                     "training option whiten: \"%s\" is not the weight of a 2-D convolution that reads the pictures",
                     text_escape(shown, sizeof shown, name));
}

/* Adds the products of all patches of a picture [height, width, channels] to the upper half of moments
 * [numbers][numbers]. */
static void add_picture(const struct patch *patch, const float *pixels, const struct picture_size *size,
                        double *moments, double *row)
{
    int n = patch->numbers;
    for (int y = 0; y + patch->height <= size->height; y++) {
        for (int x = 0; x + patch->width <= size->width; x++) {
            for (int i = 0; i < n; i++) { /* in the weight's order: channel, row, column */
                int c = i / (patch->height * patch->width), r = i / patch->width % patch->height, k = i % patch->width;
                row[i] =
                    (double)pixels[((size_t)(y + r) * (size_t)size->width + (size_t)(x + k)) * (size_t)size->channels +
                                   (size_t)c];
            }
            for (int i = 0; i < n; i++) {
                for (int k = i; k < n; k++) {
                    moments[i * n + k] += row[i] * row[k];
                }
            }
        }
    }
}

/* Fills moments [numbers][numbers] with the mean, over all patches, of the products of each two elements. */
static int find_moments(const struct task_use *use, const struct patch *patch, double *moments, struct error *error)
{
    struct fov_context *context = use->model->context;
    struct memory *memory = context->memory;
    const fov_dataset *data = use->data;
    size_t n = (size_t)patch->numbers, samples = data->count < MOST_SAMPLES ? data->count : MOST_SAMPLES, done = 0;
    struct loader_options load = {.prepare = use->prepare};
    load.prepare.target = PREPARE_PICTURE;
    load.prepare.preprocessing = use->model->preprocessing;
    load.on_bad_file = LOADER_REPLACES;
    const struct picture_size *size = &load.prepare.size;
    if (patch->height > size->height || patch->width > size->width || patch->channels != size->channels) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "training option whiten: filters of %d x %d x %d have no place in pictures of %d x %d x %d",
                         patch->channels, patch->height, patch->width, size->channels, size->height, size->width);
    }
    struct loader *loader = loader_create(context, data, &load, error);
    size_t values = loader != NULL ? loader_values(loader, 0) : 0;
    float *pixels =
        loader != NULL ? memory_allocate_raw(memory, values, BATCH * sizeof(float), "pictures", error) : NULL;
    double *row = memory_allocate(memory, n, sizeof *row, "a patch", error);
    int status = loader != NULL && pixels != NULL && row != NULL ? FOV_OK : (int)error->status;
    while (status == FOV_OK && done < samples) {
        uint32_t indices[BATCH];
        size_t count = samples - done < BATCH ? samples - done : BATCH;
        for (size_t i = 0; i < count; i++) {
            indices[i] = (uint32_t)((done + i) * data->count / samples);
        }
        status = loader_fill(loader, indices, count, &(struct loader_batch){.pixels = pixels}, error);
        for (size_t i = 0; i < count && status == FOV_OK; i++) {
            add_picture(patch, pixels + i * values, size, moments, row);
        }
        done += count;
    }
    double patches = (double)samples * (size->height - patch->height + 1) * (size->width - patch->width + 1);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i; k < n; k++) {
            moments[k * n + i] = moments[i * n + k] = moments[i * n + k] / patches;
        }
    }
    loader_free(loader);
    memory_free(memory, pixels);
    memory_free(memory, row);
    return status;
}

static void fill(const struct patch *patch, const double *moments, const double *vectors, float *weight)
{
    int n = patch->numbers;
    for (int filter = 0; filter < patch->filters && filter < 2 * n; filter++) {
        int which = filter % n;
        double scale = (filter < n ? 1 : -1) / sqrt(fmax(moments[which * n + which], 0) + LEAST_VARIANCE);
        for (int i = 0; i < n; i++) {
            weight[filter * n + i] = (float)(scale * vectors[which * n + i]);
        }
    }
}

int whiten(fov_model *model, const struct task_use *use, const char *name, bool frozen_only, struct error *error)
{
    struct memory *memory = model->context->memory;
    struct patch patch = {0};
    int id = 0, status = find(model, name, &id, &patch, error);
    if (status != FOV_OK) {
        return status;
    }
    fov_parameter_freeze(model->graph, (fov_value){id}, true);
    if (frozen_only) {
        return FOV_OK;
    }
    size_t n = (size_t)patch.numbers, bytes = (size_t)patch.filters * n * sizeof(float);
    double *moments = memory_allocate(memory, n * n, 2 * sizeof *moments, "moments of patches", error);
    float *weight = memory_allocate_raw(memory, bytes, 1, "filters", error);
    status = moments != NULL && weight != NULL ? find_moments(use, &patch, moments, error) : FOV_E_MEMORY;
    if (status == FOV_OK) {
        status = fov_parameter_get(model->graph, (fov_value){id}, weight, bytes);
    }
    if (status == FOV_OK) {
        eigen_symmetric(moments, patch.numbers, moments + n * n);
        fill(&patch, moments, moments + n * n, weight);
        status = fov_parameter_set(model->graph, (fov_value){id}, weight, bytes);
    }
    memory_free(memory, moments);
    memory_free(memory, weight);
    return status;
}
