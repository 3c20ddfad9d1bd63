/* SPDX-License-Identifier: MIT */
/* A sheet of one picture under every filter, with the filters' names. */
#include "filter/filter.h"
#include "report/plot.h"

#include <string.h>

enum { ACROSS = 5, CELL = 180, GAP = 12, CAPTION = 22, LETTERS = 13 }; /* points; cells in a row */

struct sheet {
    const uint8_t *pixels; /* RGB of all filters, one picture after the other */
    int            height, width, count;
};

static double cell_height(const struct sheet *sheet)
{
    return (double)CELL * sheet->height / sheet->width + CAPTION + GAP;
}

static void draw(struct plot *plot, const void *what)
{
    const struct sheet *sheet = what;
    size_t              bytes = (size_t)sheet->height * (size_t)sheet->width * 3;

    for (int i = 0; i < sheet->count; i++) {
        double x = GAP + (i % ACROSS) * (double)(CELL + GAP), y = GAP + i / ACROSS * cell_height(sheet);

        plot_text(plot, x, y + CAPTION / 2.0, -1, LETTERS, PLOT_INK, false, false, fov_filter_example(i));
        plot_picture(plot, x, y + CAPTION, CELL, sheet->pixels + (size_t)i * bytes, sheet->height, sheet->width);
    }
}

/* Converts any number of channels to RGB: fewer than 3 are shown as grey, channels beyond 3 are dropped. */
static void spread_channels(const uint8_t *from, size_t pixels, int channels, uint8_t *rgb)
{
    for (size_t i = 0; i < pixels; i++) {
        for (int c = 0; c < 3; c++) {
            rgb[i * 3 + (size_t)c] = from[i * (size_t)channels + (size_t)(channels < 3 ? 0 : c)];
        }
    }
}

static int fill(fov_context *context, const uint8_t *pixels, int channels, fov_border border, struct sheet *sheet,
                uint8_t *rgb, float *floats, uint8_t *bytes)
{
    size_t count = (size_t)sheet->height * (size_t)sheet->width, values = count * (size_t)channels;
    int    status = FOV_OK;

    for (size_t i = 0; i < values; i++) {
        floats[i] = pixels[i];
    }
    for (int i = 0; i < sheet->count && status == FOV_OK; i++) {
        const char *name = fov_filter_example(i);

        status = fov_filter(context, name, floats, sheet->height, sheet->width, channels, border, floats + values);
        status = status != FOV_OK ? status : fov_filter_pixels(context, name, floats + values, values, bytes);
        spread_channels(bytes, count, channels, rgb + (size_t)i * count * 3);
    }
    return status;
}

int fov_filter_sheet(fov_context *context, const uint8_t *pixels, int height, int width, int channels,
                     fov_border border, const char *png)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    call_fresh(context);
    if (png == NULL) {
        return call_refuse(context, "fov_filter_sheet: png is NULL");
    }
    struct memory *memory = context->memory;
    struct error  *error  = &context->error;
    struct sheet   sheet  = {.height = height, .width = width, .count = fov_filter_count()};
    size_t         values;

    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    if (height < 1 || width < 1 || channels < 1 || pixels == NULL ||
        !size_multiply((size_t)height * (size_t)width, (size_t)channels, &values)) {
        return error_set(error, FOV_E_USAGE, "filter: a picture of %d x %d pixels and %d channels", height, width,
                         channels);
    }
    float   *floats = memory_allocate_raw(memory, values, 2 * sizeof *floats, "a filtered picture", error);
    uint8_t *bytes  = memory_allocate_raw(memory, values, 1, "a filtered picture", error);
    uint8_t *rgb    = memory_allocate_raw(memory, (size_t)height * (size_t)width * 3, (size_t)sheet.count,
                                          "a sheet of filters", error);
    int      status = (int)error->status;

    if (status == FOV_OK) {
        status = fill(context, pixels, channels, border, &sheet, rgb, floats, bytes);
    }
    if (status == FOV_OK) {
        sheet.pixels = rgb;
        status = plot_files(GAP + ACROSS * (double)(CELL + GAP),
                            GAP + (sheet.count + ACROSS - 1) / ACROSS * cell_height(&sheet), draw, &sheet, NULL, png,
                            error);
    }
    memory_free(memory, floats);
    memory_free(memory, bytes);
    memory_free(memory, rgb);
    return status;
}
