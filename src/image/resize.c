/* SPDX-License-Identifier: MIT */
/* Bilinear resizing with antialiasing: each output pixel is a weighted mean under a triangle that is one output
 * pixel wide on either side (or one input pixel, when enlarging). The horizontal pass comes first, then the vertical
 * one, with rounding to 8 bits in between and weights in 22-bit fixed point, exactly as in Pillow, so that the
 * pixels agree. */
#include "image/resize.h"
#include <math.h>
#include <string.h>

enum { RESIZE_BITS = 22, RESIZE_HALF = 1 << (RESIZE_BITS - 1) };

void resize_free(struct resize_scratch *scratch)
{
    if (scratch->memory) {
        memory_free(scratch->memory, scratch->weights);
        memory_free(scratch->memory, scratch->first);
        memory_free(scratch->memory, scratch->rows);
    }
    *scratch = (struct resize_scratch){.memory = scratch->memory};
}

/* Makes *block hold `count` elements; what was in it is lost. */
static int resize_reserve(struct memory *memory, void **block, size_t *capacity, size_t count, size_t size,
                          struct error *error)
{
    if (count <= *capacity) {
        return FOV_OK;
    }
    void *larger = memory_allocate_raw(memory, count, size, "resizing", error);
    if (larger == NULL) {
        return FOV_E_MEMORY;
    }
    memory_free(memory, *block);
    *block = larger;
    *capacity = count;
    return FOV_OK;
}

/* Computes the weights of one axis: output i reads first[2 i + 1] inputs from first[2 i] on, with weights[i * taps
 * ...]. */
static int resize_plan(struct resize_scratch *scratch, int in, int out, size_t *taps, struct error *error)
{
    double scale = (double)in / out, spread = scale < 1.0 ? 1.0 : scale;
    *taps = (size_t)ceil(spread) * 2 + 1;
    void *weights = scratch->weights, *first = scratch->first;
    int status = resize_reserve(scratch->memory, &weights, &scratch->weight_capacity, (size_t)out * *taps,
                                sizeof *scratch->weights, error);
    if (status == FOV_OK) {
        status = resize_reserve(scratch->memory, &first, &scratch->first_capacity, (size_t)out * 2,
                                sizeof *scratch->first, error);
    }
    scratch->weights = weights;
    scratch->first = first;
    if (status) {
        return status;
    }
    for (int i = 0; i < out; i++) {
        double center = (i + 0.5) * scale, sum = 0.0;
        int low = (int)(center - spread + 0.5), high = (int)(center + spread + 0.5);
        low = low < 0 ? 0 : low;
        high = high > in ? in : high;
        // evaluates the triangle twice: for the sum of weights, then for the weights, divided by it
        for (int pass = 0; pass < 2; pass++) {
            for (int k = 0; k < high - low; k++) {
                double distance = (k + low - center + 0.5) * (1.0 / spread);
                double weight = fabs(distance) < 1.0 ? 1.0 - fabs(distance) : 0.0;
                if (pass == 0) {
                    sum += weight;
                } else {
                    scratch->weights[(size_t)i * *taps + (size_t)k] =
                        (int32_t)(0.5 + weight / sum * (1 << RESIZE_BITS));
                }
            }
        }
        scratch->first[2 * i] = low;
        scratch->first[2 * i + 1] = high - low;
    }
    return FOV_OK;
}

/* Rounds a sum to 8 bits. Weights are not negative and sum to 1 up to rounding, so only the upper end is clamped. */
static uint8_t resize_round(int32_t sum)
{
    sum >>= RESIZE_BITS;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

/* Resizes one row to `width` pixels. Three channels, the usual case, are summed side by side. */
static void resize_row(const uint8_t *in, uint8_t *out, int width, int channels, const struct resize_scratch *scratch,
                       size_t taps)
{
    for (int x = 0; x < width; x++, out += channels) {
        const int32_t *weight = scratch->weights + (size_t)x * taps;
        const uint8_t *from = in + (size_t)scratch->first[2 * x] * (size_t)channels;
        int count = scratch->first[2 * x + 1];
        if (channels == 3) {
            int32_t sum[3] = {RESIZE_HALF, RESIZE_HALF, RESIZE_HALF};
            for (int k = 0; k < count; k++, from += 3) {
                sum[0] += from[0] * weight[k];
                sum[1] += from[1] * weight[k];
                sum[2] += from[2] * weight[k];
            }
            out[0] = resize_round(sum[0]);
            out[1] = resize_round(sum[1]);
            out[2] = resize_round(sum[2]);
            continue;
        }
        for (int c = 0; c < channels; c++) {
            int32_t sum = RESIZE_HALF;
            for (int k = 0; k < count; k++) {
                sum += from[k * channels + c] * weight[k];
            }
            out[c] = resize_round(sum);
        }
    }
}

/* Computes one output row as a weighted mean of `count` rows that lie `size` bytes apart, in blocks of a fixed size,
 * which compilers vectorise. */
static void resize_column(const uint8_t *in, uint8_t *out, size_t size, const int32_t *weight, int count)
{
    enum { BLOCK = 32 };
    size_t x = 0;
    for (; x + BLOCK <= size; x += BLOCK) {
        int32_t sum[BLOCK];
        for (int i = 0; i < BLOCK; i++) {
            sum[i] = RESIZE_HALF;
        }
        for (int k = 0; k < count; k++) {
            const uint8_t *from = in + (size_t)k * size + x;
            for (int i = 0; i < BLOCK; i++) {
                sum[i] += from[i] * weight[k];
            }
        }
        for (int i = 0; i < BLOCK; i++) {
            out[x + (size_t)i] = resize_round(sum[i]);
        }
    }
    for (; x < size; x++) {
        int32_t sum = RESIZE_HALF;
        for (int k = 0; k < count; k++) {
            sum += in[(size_t)k * size + x] * weight[k];
        }
        out[x] = resize_round(sum);
    }
}

int image_resize(const uint8_t *in, int height, int width, int channels, uint8_t *out, int out_height, int out_width,
                 struct resize_scratch *scratch, struct error *error)
{
    size_t row = (size_t)width * (size_t)channels, out_row = (size_t)out_width * (size_t)channels, taps;
    if (width == out_width && height == out_height) {
        memcpy(out, in, (size_t)height * row);
        return FOV_OK;
    }
    if (width != out_width) {
        void *rows = scratch->rows;
        int status = resize_plan(scratch, width, out_width, &taps, error);
        if (status == FOV_OK && height != out_height) {
            status = resize_reserve(scratch->memory, &rows, &scratch->row_capacity, (size_t)height * out_row, 1, error);
        }
        scratch->rows = rows;
        if (status) {
            return status;
        }
        uint8_t *to = height != out_height ? scratch->rows : out;
        for (int y = 0; y < height; y++) {
            resize_row(in + (size_t)y * row, to + (size_t)y * out_row, out_width, channels, scratch, taps);
        }
        in = to;
    }
    if (height != out_height) {
        int status = resize_plan(scratch, height, out_height, &taps, error);
        if (status) {
            return status;
        }
        for (int y = 0; y < out_height; y++) {
            resize_column(in + (size_t)scratch->first[2 * y] * out_row, out + (size_t)y * out_row, out_row,
                          scratch->weights + (size_t)y * taps, scratch->first[2 * y + 1]);
        }
    }
    return FOV_OK;
}
