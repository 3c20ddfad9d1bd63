/* SPDX-License-Identifier: MIT */
/* Reads pictures from NumPy's arrays. Which dimension is that of channels follows from the shape; where two are
 * possible, floats are [C, H, W], as networks take them, and uint8 arrays [H, W, C], as decoders of pictures make
 * them. */
#include "data/arrays.h"
#include "image/image.h"
#include "io/npy.h"
#include "tensor/convert.h"
#include <math.h>
#include <string.h>

static const uint8_t array_magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

bool array_is(const struct file_map *map)
{
    return map->size >= sizeof array_magic && file_need(map, map->bytes, sizeof array_magic, NULL) == FOV_OK &&
           memcmp(map->bytes, array_magic, sizeof array_magic) == 0;
}

/* How the elements of one array make up pictures. */
struct array_form {
    int64_t count;
    int channels, height, width;
    bool channels_last;
    size_t each; /* elements of a picture */
};

static bool is_channels(int64_t dimension)
{
    return dimension == 1 || dimension == 3 || dimension == 4;
}

static int find_form(const char *path, const struct npy *npy, struct array_form *form, struct error *error)
{
    const int64_t *dim = npy->shape.dim;
    int rank = npy->shape.rank;
    bool is_pixels = npy->dtype == FOV_U8, is_floats = npy->dtype == FOV_F32 || npy->dtype == FOV_F64 ||
                                                       npy->dtype == FOV_F16;
    char shape[SHAPE_TEXT_SIZE];
    shape_text(&npy->shape, shape);
    if (!is_pixels && !is_floats) {
        return error_set(error, FOV_E_INPUT,
                         "%s: an array of %s; as a picture uint8 is read (pixels), or float16, float32 and float64 (a "
                         "network's input, prepared)",
                         path, fov_dtype_name(npy->dtype));
    }
    const int64_t *last = dim + rank - 3; /* the last three dimensions, where there are three */
    bool plain = rank >= 3 && is_channels(last[0]), by_pixel = rank >= 3 && is_channels(last[2]);
    if (rank < 2 || rank > 4 || (rank >= 3 && !plain && !by_pixel)) {
        return error_set(error, FOV_E_INPUT,
                         "%s: an array %s is no picture: those are [H, W], [C, H, W], [H, W, C], [N, C, H, W] or "
                         "[N, H, W, C] with C 1, 3 or 4",
                         path, shape);
    }
    form->channels_last = by_pixel && (!plain || is_pixels);
    int64_t channels = rank == 2 ? 1 : form->channels_last ? last[2] : last[0];
    int64_t height = rank == 2 ? dim[0] : last[form->channels_last ? 0 : 1];
    int64_t width = rank == 2 ? dim[1] : last[form->channels_last ? 1 : 2];
    form->count = rank == 4 ? dim[0] : 1;
    if (form->count < 1 || height < 1 || width < 1) {
        return error_set(error, FOV_E_INPUT, "%s: an array %s holds no pixels", path, shape);
    }
    if (image_check_size((uint64_t)height, (uint64_t)width, error) != FOV_OK) {
        error_prefix(error, "%s", path);
        return (int)error->status;
    }
    form->channels = (int)channels;
    form->height = (int)height;
    form->width = (int)width;
    form->each = (size_t)channels * (size_t)height * (size_t)width;
    return FOV_OK;
}

static int open_array(const struct file_map *map, const char *path, struct npy *npy, struct array_form *form,
                      struct error *error)
{
    enum { HEAD = NPY_MAX_HEADER + 64 }; /* npy_parse looks at no more */
    int status = file_need(map, map->bytes, map->size < HEAD ? map->size : HEAD, error);
    status = status == FOV_OK ? npy_parse(npy, path, map->bytes, map->size, error) : status;
    return status == FOV_OK ? find_form(path, npy, form, error) : status;
}

int array_count(const struct file_map *map, const char *path, int64_t *count, struct error *error)
{
    struct npy npy;
    struct array_form form;
    int status = open_array(map, path, &npy, &form, error);
    *count = status == FOV_OK ? form.count : 0;
    return status;
}

/* The elements of one picture, dense and in plain order; freed by the caller. NULL and an error. */
static void *take_elements(struct memory *memory, const struct file_map *map, const struct npy *npy,
                           const struct array_form *form, int64_t index, struct error *error)
{
    size_t size = fov_dtype_size(npy->dtype);
    struct npy one = *npy;
    if (!npy->fortran_order) { /* each picture is contiguous */
        one.data = npy->data + (size_t)index * form->each * size;
        one.shape = (fov_shape){.rank = 1, .dim = {(int64_t)form->each}};
        one.count = form->each;
        one.bytes = form->each * size;
    }
    uint8_t *elements = file_need(map, one.data, one.bytes, error) == FOV_OK
                            ? memory_allocate_raw(memory, one.count, size, "an array", error)
                            : NULL;
    if (elements != NULL) {
        npy_copy(&one, elements);
        if (npy->fortran_order) {
            memmove(elements, elements + (size_t)index * form->each * size, form->each * size);
        }
    }
    return elements;
}

/* Where element (channel, pixel) lies in a picture of the array. */
static size_t place_in(const struct array_form *form, size_t channel, size_t pixel)
{
    size_t channels = (size_t)form->channels, area = form->each / channels;
    return form->channels_last ? pixel * channels + channel : channel * area + pixel;
}

static void take_pixels(const struct array_form *form, const uint8_t *elements, uint8_t *pixels)
{
    size_t channels = (size_t)form->channels, area = form->each / channels;
    for (size_t p = 0; p < area; p++) {
        for (size_t c = 0; c < channels; c++) {
            pixels[p * channels + c] = elements[place_in(form, c, p)];
        }
    }
}

/* Copies numbers to `values` [channels, height, width], and draws them to `pixels`. */
static void take_values(const struct array_form *form, const float *numbers, float *values, uint8_t *pixels)
{
    size_t channels = (size_t)form->channels, area = form->each / channels;
    float least = INFINITY, greatest = -INFINITY;
    for (size_t i = 0; i < form->each; i++) {
        least = isfinite(numbers[i]) && numbers[i] < least ? numbers[i] : least;
        greatest = isfinite(numbers[i]) && numbers[i] > greatest ? numbers[i] : greatest;
    }
    double spread = greatest > least ? (double)greatest - (double)least : 1;
    for (size_t p = 0; p < area; p++) {
        for (size_t c = 0; c < channels; c++) {
            float number = numbers[place_in(form, c, p)];
            double share = isfinite(number) ? ((double)number - (double)least) / spread : 0;
            values[c * area + p] = number;
            pixels[p * channels + c] = (uint8_t)lrint(255 * share);
        }
    }
}

static int load_values(struct memory *memory, const struct npy *npy, const struct array_form *form, void *elements,
                       fov_image *image, struct error *error)
{
    float *numbers = npy->dtype == FOV_F32 ? elements : NULL;
    double *doubles = NULL;
    image->values = memory_allocate_raw(memory, form->each, sizeof *image->values, "an array", error);
    if (numbers == NULL && image->values != NULL) {
        doubles = memory_allocate_raw(memory, form->each, sizeof *doubles, "an array", error);
        numbers = memory_allocate_raw(memory, form->each, sizeof *numbers, "an array", error);
        if (doubles != NULL && numbers != NULL) {
            convert_between(npy->dtype, elements, FOV_F32, numbers, doubles, form->each);
        }
    }
    bool is_fine = image->values != NULL && numbers != NULL && (numbers == elements || doubles != NULL);
    if (is_fine) {
        take_values(form, numbers, image->values, image->pixels);
    }
    memory_free(memory, doubles);
    if (numbers != elements) {
        memory_free(memory, numbers);
    }
    return is_fine ? FOV_OK : FOV_E_MEMORY;
}

int array_load(struct fov_context *context, const struct file_map *map, const char *path, int64_t index, bool floats,
               fov_image *image, struct error *error)
{
    struct memory *memory = context->memory;
    struct npy npy;
    struct array_form form;
    void *elements = NULL;
    *image = (fov_image){.height = 0};
    int status = open_array(map, path, &npy, &form, error);
    if (status == FOV_OK && (index < 0 || index >= form.count)) {
        status = error_set(error, FOV_E_USAGE, "%s: there is no picture %lld, from 0; it holds %lld", path,
                           (long long)index, (long long)form.count);
    }
    if (status == FOV_OK && npy.dtype != FOV_U8 && !floats) {
        status = error_set(error, FOV_E_INPUT,
                           "%s: an array of %s is a network's input, prepared; where a picture is wanted uint8 is read",
                           path, fov_dtype_name(npy.dtype));
    }
    if (status == FOV_OK) {
        *image = (fov_image){.height = form.height, .width = form.width, .channels = form.channels, .owner = memory};
        image->pixels = memory_allocate_raw(memory, form.each, 1, "a picture", error);
        elements = image->pixels != NULL ? take_elements(memory, map, &npy, &form, index, error) : NULL;
        status = elements != NULL ? FOV_OK : (int)error->status;
    }
    if (status == FOV_OK && npy.dtype == FOV_U8) {
        take_pixels(&form, elements, image->pixels);
    } else if (status == FOV_OK) {
        status = load_values(memory, &npy, &form, elements, image, error);
    }
    memory_free(memory, elements);
    return status;
}
