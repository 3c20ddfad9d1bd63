/* SPDX-License-Identifier: MIT */
/* Changes of brightness, contrast, saturation and sharpness by a factor: 1 changes nothing, 0 removes that property,
 * above 1 increases it. Shared by the transforms that draw a factor between bounds and by the policies that state
 * one. */
#include "transform/transform.h"
#include <string.h>

void colours_brighten(const struct colours *colours, double factor)
{
    uint8_t table[256];

    for (int i = 0; i < 256; i++) {
        table[i] = colours_blend(factor, i, 0);
    }
    colours_by_table(colours, table);
}

void colours_contrast(const struct colours *colours, double factor)
{
    int64_t pixels = (int64_t)colours->height * colours->width;
    double mean = 0;
    uint8_t table[256];

    for (int64_t i = 0; i < pixels; i++) {
        mean += colours_luma(colours->pixels + i * colours->channels, colours->channels) / (double)pixels;
    }
    for (int i = 0; i < 256; i++) {
        table[i] = colours_blend(factor, i, mean);
    }
    colours_by_table(colours, table);
}

void colours_saturate(const struct colours *colours, double factor)
{
    int64_t pixels = (int64_t)colours->height * colours->width;

    for (int64_t i = 0; colours->channels == 3 && i < pixels; i++) {
        uint8_t *pixel = colours->pixels + i * 3;
        double luma = colours_luma(pixel, 3);

        for (int c = 0; c < 3; c++) {
            pixel[c] = colours_blend(factor, pixel[c], luma);
        }
    }
}

void colours_sharpen(const struct colours *colours, double factor)
{
    int64_t row = (int64_t)colours->width * colours->channels, step = colours->channels;

    memcpy(colours->workspace, colours->pixels, (size_t)(colours->height * row));
    for (int64_t y = 1; y + 1 < colours->height; y++) {
        for (int64_t x = step; x + step < row; x++) {
            const uint8_t *at = colours->workspace + y * row + x;
            double sum = 4.0 * at[0];

            for (int i = 0; i < 9; i++) {
                sum += at[(i / 3 - 1) * row + (i % 3 - 1) * step];
            }
            colours->pixels[y * row + x] = colours_blend(factor, at[0], sum / 13);
        }
    }
}
