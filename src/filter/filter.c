/* SPDX-License-Identifier: MIT */
/* Filters by name, and the convolution of a picture as a plan: each channel becomes a sample of the batch with one
 * channel, so that one kernel serves all of them. The border is padded here, because filters have four kinds of border
 * that the convolution operator does not have. */
#include "filter/filter.h"
#include "base/text.h"

#include <fovea/operators.h>
#include <fovea/plan.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

static const struct filter *filter_at(size_t index)
{
    for (size_t i = 0; filter_kernels[i].name != NULL; i++, index--) {
        if (index == 0) {
            return &filter_kernels[i];
        }
    }
    for (size_t i = 0; filter_compositions[i].name != NULL; i++, index--) {
        if (index == 0) {
            return &filter_compositions[i];
        }
    }
    return NULL;
}

int fov_filter_count(void)
{
    int count = 0;

    while (filter_at((size_t)count) != NULL) {
        count++;
    }
    return count;
}

static const struct filter *filter_or_none(int index)
{
    static const struct filter none = {.name = "", .summary = ""};
    const struct filter       *found = index >= 0 ? filter_at((size_t)index) : NULL;

    return found != NULL ? found : &none;
}

const char *fov_filter_name(int index)
{
    return filter_or_none(index)->name;
}

const char *fov_filter_size(int index)
{
    const struct filter *filter = filter_or_none(index);

    return filter->size != NULL ? filter->size : "";
}

const char *fov_filter_summary(int index)
{
    return filter_or_none(index)->summary;
}

const char *fov_filter_example(int index)
{
    const struct filter *filter = filter_or_none(index);

    return filter->example != NULL ? filter->example : filter->name;
}

static const char *name_at(const void *list, size_t index)
{
    (void)list;
    return fov_filter_name((int)index);
}

/* Finds a filter by its name or, if it takes a size, by the name that precedes the size ("box3"). */
static const struct filter *find(const char *name, double *size, struct error *error)
{
    for (size_t i = 0; filter_at(i) != NULL; i++) {
        const struct filter *filter = filter_at(i);
        size_t               length = strlen(filter->name);

        if (filter->size == NULL ? strcmp(name, filter->name) != 0 : strncmp(name, filter->name, length) != 0) {
            continue;
        }
        *size = 0.0;
        if (filter->size != NULL &&
            (!text_to_number(name + length, size) || !(*size >= filter->minimum && *size <= filter->maximum) ||
             (filter->odd && fmod(*size, 2.0) != 1.0))) {
            error_set(error, FOV_E_USAGE, "filter \"%.60s\": behind %s stands %s", name, filter->name, filter->size);
            return NULL;
        }
        return filter;
    }
    const char *near = text_nearest(name, NULL, (size_t)fov_filter_count(), name_at);
    error_set(error, FOV_E_USAGE, "there is no filter \"%.60s\"%s%s%s", name,
              near != NULL ? ": did you mean " : "; fovea filter --list names them",
              near != NULL ? near : "", near != NULL ? "?" : "");
    return NULL;
}

/* ---- borders ----------------------------------------------------------------------------------------------------- */

int64_t filter_place(int64_t at, int64_t length, fov_border border)
{
    int64_t period = border == FOV_BORDER_MIRROR ? 2 * length - 2 : 2 * length;

    if (at >= 0 && at < length) {
        return at;
    }
    if (border == FOV_BORDER_ZERO) {
        return -1;
    }
    if (border == FOV_BORDER_EDGE || period == 0) {
        return at < 0 ? 0 : length - 1;
    }
    at = (at % period + period) % period;
    return at < length ? at : border == FOV_BORDER_MIRROR ? period - at : period - 1 - at;
}

void fov_filter_patch(const float *picture, int height, int width, int channels, int y, int x, int channel, int rows,
                      int columns, fov_border border, float *patch)
{
    if (picture == NULL || patch == NULL || height < 1 || width < 1 || channel < 0 || channel >= channels) {
        return;
    }
    for (int u = 0; u < rows; u++) {
        int64_t row = filter_place((int64_t)y + u - rows / 2, height, border);

        for (int v = 0; v < columns; v++) {
            int64_t column = filter_place((int64_t)x + v - columns / 2, width, border);

            *patch++ = row < 0 || column < 0 ? 0.0F : picture[(row * width + column) * channels + channel];
        }
    }
}

size_t filter_values(const struct filter_job *job)
{
    return (size_t)job->height * (size_t)job->width * (size_t)job->channels;
}

/* ---- a convolution ----------------------------------------------------------------------------------------------- */

/* Fills the plan's input: the picture with its border, [channels, 1, height + rows - 1, width + columns - 1]. */
static void fill_input(const struct filter_job *job, int rows, int columns, float *input)
{
    for (int c = 0; c < job->channels; c++) {
        for (int64_t y = -(rows / 2); y < job->height + rows / 2; y++) {
            int64_t row = filter_place(y, job->height, job->border);

            for (int64_t x = -(columns / 2); x < job->width + columns / 2; x++) {
                int64_t column = filter_place(x, job->width, job->border);

                *input++ = row < 0 || column < 0 ? 0.0F
                                                 : job->picture[(row * job->width + column) * job->channels + c];
            }
        }
    }
}

static void take_result(const struct filter_job *job, const float *output)
{
    for (int c = 0; c < job->channels; c++) {
        for (int64_t i = 0; i < (int64_t)job->height * job->width; i++) {
            job->result[i * job->channels + c] = *output++;
        }
    }
}

static int convolve(const struct filter_job *job, const float *weights, int rows, int columns)
{
    fov_context *context = job->context;
    fov_graph   *graph   = fov_graph_create(context);
    fov_plan    *plan    = NULL;
    size_t       bytes   = (size_t)rows * (size_t)columns * sizeof *weights;

    if (graph == NULL) {
        return (int)context->error.status;
    }
    fov_value input = fov_input(graph, .name = "picture",
                                .shape = FOV_SHAPE(job->channels, 1, (int64_t)job->height + rows - 1,
                                                   (int64_t)job->width + columns - 1));
    fov_value output = fov_conv2d(graph, input, .filters = 1, .kernel_size = {rows, columns}, .no_bias = true,
                                  .name = "filter");
    if (output.id != 0 && fov_parameter_set(graph, fov_parameter_at(graph, 0), weights, bytes) == FOV_OK) {
        plan = fov_plan_create(graph, &output, 1, NULL);
    }
    if (plan != NULL) {
        fill_input(job, rows, columns, fov_plan_data(plan, input));
        fov_plan_run(plan, 0);
        take_result(job, fov_plan_data(plan, output));
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    return (int)context->error.status;
}

static int apply(const struct filter_job *job, const struct filter *filter, double size)
{
    struct filter_job     sized  = *job;
    struct filter_kernel *kernel;
    int                   status;

    sized.size = size;
    if (filter->apply != NULL) {
        return filter->apply(&sized);
    }
    kernel = memory_allocate(job->context->memory, 1, sizeof *kernel, "a filter's kernel", &job->context->error);
    if (kernel == NULL) {
        return FOV_E_MEMORY;
    }
    filter->kernel(size, kernel);
    status = convolve(job, kernel->weights, kernel->rows, kernel->columns);
    memory_free(job->context->memory, kernel);
    return status;
}

int filter_by_name(const struct filter_job *job, const char *name, float *result)
{
    struct filter_job    other = *job;
    double               size;
    const struct filter *filter = find(name, &size, &job->context->error);

    other.result = result;
    return filter != NULL ? apply(&other, filter, size) : (int)job->context->error.status;
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

static int check(const struct filter_job *job)
{
    struct error *error = &job->context->error;

    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (job->height < 1 || job->width < 1 || job->channels < 1 || job->picture == NULL || job->result == NULL) {
        return error_set(error, FOV_E_USAGE, "filter: a picture of %d x %d pixels and %d channels%s", job->height,
                         job->width, job->channels,
                         job->picture == NULL || job->result == NULL ? ", and no room for it" : "");
    }
    if ((unsigned)job->border > FOV_BORDER_ZERO) {
        return error_set(error, FOV_E_USAGE, "filter: there is no border %d", (int)job->border);
    }
    if ((int64_t)job->height * job->width > INT32_MAX / job->channels) {
        return error_set(error, FOV_E_USAGE, "filter: a picture of %d x %d pixels is too large", job->height,
                         job->width);
    }
    return FOV_OK;
}

int fov_filter(fov_context *context, const char *name, const float *picture, int height, int width, int channels,
               fov_border border, float *result)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (name == NULL || picture == NULL || result == NULL) {
        return call_refuse(context, "fov_filter: name, picture or result is NULL");
    }
    const struct filter_job job = {.context = context, .picture = picture, .result = result, .height = height,
                                   .width = width, .channels = channels, .border = border};
    int status = check(&job);

    return status != FOV_OK ? status : filter_by_name(&job, name, result);
}

int fov_filter_convolve(fov_context *context, const float *weights, int rows, int columns, const float *picture,
                        int height, int width, int channels, fov_border border, float *result)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (picture == NULL || result == NULL) {
        return call_refuse(context, "fov_filter_convolve: picture or result is NULL");
    }
    const struct filter_job job = {.context = context, .picture = picture, .result = result, .height = height,
                                   .width = width, .channels = channels, .border = border};
    int status = check(&job);

    if (status == FOV_OK && (rows < 1 || columns < 1 || rows > FOV_FILTER_MOST || columns > FOV_FILTER_MOST ||
                             rows % 2 == 0 || columns % 2 == 0 || weights == NULL)) {
        status = error_set(&context->error, FOV_E_USAGE, "filter: a kernel of %d x %d; both are odd, 1 to %d", rows,
                           columns, FOV_FILTER_MOST);
    }
    return status != FOV_OK ? status : convolve(&job, weights, rows, columns);
}

int fov_filter_kernel(fov_context *context, const char *name, float *weights, int *rows, int *columns)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (name == NULL || weights == NULL || rows == NULL || columns == NULL) {
        return call_refuse(context, "fov_filter_kernel: name, weights, rows or columns is NULL");
    }
    struct filter_kernel *kernel;
    double                size;
    const struct filter  *filter = context->error.status == FOV_OK ? find(name, &size, &context->error) : NULL;

    if (filter == NULL) {
        return (int)context->error.status;
    }
    if (filter->kernel == NULL) {
        return error_set(&context->error, FOV_E_UNSUPPORTED, "filter \"%s\" is no single convolution: it has no kernel",
                         name);
    }
    kernel = memory_allocate(context->memory, 1, sizeof *kernel, "a filter's kernel", &context->error);
    if (kernel == NULL) {
        return FOV_E_MEMORY;
    }
    filter->kernel(size, kernel);
    *rows    = kernel->rows;
    *columns = kernel->columns;
    memcpy(weights, kernel->weights, (size_t)kernel->rows * (size_t)kernel->columns * sizeof *weights);
    memory_free(context->memory, kernel);
    return FOV_OK;
}

/* Whether a kernel's weights sum to 0: its results then have both signs, and their absolute values are shown. */
static bool is_derivative(const struct filter *filter, double size, struct filter_kernel *kernel)
{
    double sum = 0.0, sizes = 0.0;

    if (filter->kernel == NULL) {
        return false;
    }
    filter->kernel(size, kernel);
    for (int i = 0; i < kernel->rows * kernel->columns; i++) {
        sum   += (double)kernel->weights[i];
        sizes += fabs((double)kernel->weights[i]);
    }
    return fabs(sum) < 0.01 * sizes;
}

int fov_filter_pixels(fov_context *context, const char *name, const float *result, size_t count, uint8_t *pixels)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (name == NULL || result == NULL || pixels == NULL) {
        return call_refuse(context, "fov_filter_pixels: name, result or pixels is NULL");
    }
    double                size = 0.0;
    const struct filter  *filter = context->error.status == FOV_OK ? find(name, &size, &context->error) : NULL;
    struct filter_kernel *kernel =
        filter == NULL ? NULL
                       : memory_allocate(context->memory, 1, sizeof *kernel, "a filter's kernel", &context->error);
    bool both_signs = kernel != NULL && is_derivative(filter, size, kernel);

    for (size_t i = 0; kernel != NULL && i < count; i++) {
        double value = both_signs ? fabs((double)result[i]) : (double)result[i];

        pixels[i] = (uint8_t)(value > 0.0 ? fmin(value + 0.5, 255.0) : 0.0); /* NaN becomes 0 */
    }
    memory_free(context->memory, kernel);
    return (int)context->error.status;
}
