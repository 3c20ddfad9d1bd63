/* SPDX-License-Identifier: MIT */
/* A canvas of pixels, printed as text with two rows of pixels per line. */
#include "picture.h"
#include "output.h"
#include <stdlib.h>
#include <string.h>

struct canvas canvas_create(int height, int width, uint8_t grey)
{
    struct canvas canvas = {height, width, take_memory((size_t)height * (size_t)width, 3)};
    memset(canvas.pixels, grey, (size_t)height * (size_t)width * 3);
    return canvas;
}

void canvas_free(struct canvas *canvas)
{
    free(canvas->pixels);
    canvas->pixels = NULL;
}

/* The integer factor by which a picture must be shrunk to fit into `side`. */
static int factor_of(int side, int height, int width)
{
    int larger = height > width ? height : width;
    return side > 0 && larger > side ? (larger + side - 1) / side : 1;
}

void canvas_fit(int side, int height, int width, int *fitted_height, int *fitted_width)
{
    int factor = factor_of(side, height, width);
    *fitted_height = (height + factor - 1) / factor;
    *fitted_width = (width + factor - 1) / factor;
}

/* Mean colour of a block of factor x factor pixels, cut off at the picture's edges; transparent pixels over black. */
static void block_mean(const uint8_t *pixels, int height, int width, int channels, int factor, int y, int x,
                       uint8_t rgb[3])
{
    int64_t sum[3] = {0, 0, 0}, count = 0;
    for (int i = y * factor; i < (y + 1) * factor && i < height; i++) {
        for (int j = x * factor; j < (x + 1) * factor && j < width; j++) {
            const uint8_t *p = pixels + ((size_t)i * (size_t)width + (size_t)j) * (size_t)channels;
            int alpha = channels == 4 ? p[3] : 255;
            for (int c = 0; c < 3; c++) {
                sum[c] += p[channels >= 3 ? c : 0] * alpha / 255;
            }
            count++;
        }
    }
    for (int c = 0; c < 3; c++) {
        rgb[c] = (uint8_t)(count > 0 ? sum[c] / count : 0);
    }
}

void canvas_place(struct canvas *canvas, int top, int left, int side, const uint8_t *pixels, int height, int width,
                  int channels)
{
    int factor = factor_of(side, height, width), fitted_height, fitted_width;
    canvas_fit(side, height, width, &fitted_height, &fitted_width);
    for (int y = 0; y < fitted_height && top + y < canvas->height; y++) {
        for (int x = 0; x < fitted_width && left + x < canvas->width; x++) {
            size_t at = (size_t)(top + y) * (size_t)canvas->width + (size_t)(left + x);
            block_mean(pixels, height, width, channels, factor, y, x, canvas->pixels + at * 3);
        }
    }
}

int canvas_lines(const struct canvas *canvas)
{
    return (canvas->height + 1) / 2;
}

/* The nearest entry of the 256-colour palette: 24 greys, or the 6 x 6 x 6 cube with levels 0, 95, 135 ... 255. */
static int palette_256(const uint8_t rgb[3])
{
    int r = rgb[0], g = rgb[1], b = rgb[2];
    if (abs(r - g) < 10 && abs(g - b) < 10 && abs(r - b) < 10) {
        int grey = (r + g + b) / 3;
        return grey < 4 ? 16 : grey > 246 ? 231 : 232 + (grey - 3) / 10 - (grey > 242);
    }
    int level[3];
    for (int c = 0; c < 3; c++) {
        level[c] = rgb[c] < 48 ? 0 : rgb[c] < 115 ? 1 : (rgb[c] - 35) / 40;
    }
    return 16 + 36 * level[0] + 6 * level[1] + level[2];
}

static void set_color(const struct cli *cli, FILE *out, int ground, const uint8_t rgb[3])
{
    if (cli->color == COLOR_TRUE) {
        fprintf(out, "\033[%d;2;%d;%d;%dm", ground, rgb[0], rgb[1], rgb[2]);
    } else {
        fprintf(out, "\033[%d;5;%dm", ground, palette_256(rgb));
    }
}

static void print_colored(const struct cli *cli, FILE *out, const uint8_t *upper, const uint8_t *lower, int width)
{
    for (int x = 0; x < width; x++) {
        bool same = x > 0 && memcmp(upper + 3 * x, upper + 3 * (x - 1), 3) == 0 &&
                    memcmp(lower + 3 * x, lower + 3 * (x - 1), 3) == 0;
        if (!same) { /* escape sequences only where the colour changes */
            set_color(cli, out, 38, upper + 3 * x);
            set_color(cli, out, 48, lower + 3 * x);
        }
        fputs("▀", out);
    }
    fputs("\033[0m", out);
}

static void print_ramp(FILE *out, const uint8_t *upper, const uint8_t *lower, int width)
{
    static const char ramp[] = " .:-=+*#%@";
    for (int x = 0; x < width; x++) {
        int sum = 0;
        for (int c = 0; c < 3; c++) {
            sum += upper[3 * x + c] + lower[3 * x + c];
        }
        fputc(ramp[sum * 9 / (6 * 255)], out);
    }
}

void canvas_print_line(const struct cli *cli, FILE *out, const struct canvas *canvas, int line)
{
    static const uint8_t black[3] = {0, 0, 0};
    size_t row = (size_t)canvas->width * 3;
    const uint8_t *upper = canvas->pixels + 2 * (size_t)line * row, *lower = upper + row;
    uint8_t *nothing = NULL;
    if (2 * line + 1 >= canvas->height) {
        nothing = take_memory((size_t)canvas->width, sizeof black);
        lower = nothing;
    }
    if (cli->color != COLOR_NONE && cli->unicode) {
        print_colored(cli, out, upper, lower, canvas->width);
    } else {
        print_ramp(out, upper, lower, canvas->width);
    }
    free(nothing);
}
