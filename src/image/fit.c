/* SPDX-License-Identifier: MIT */
/* How MNIST was made (LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition",
 * III.A): each digit was scaled into 20 x 20 pixels with its proportions kept, and its centre of mass put into the
 * middle of 28 x 28. Here the digit must be found first: the ink is the pixels that differ from the background, and the
 * background level is taken from the picture's edges. */
#include "image/fit.h"
#include "image/image.h"
#include <math.h>
#include <string.h>

enum { LEVELS = 256, BOX = 20, FIELD = 28 };

/* ---- finding ----------------------------------------------------------------------------------------------------- */

/* Histogram of the grey levels of the outermost pixels; returns their number. */
static size_t count_edges(const uint8_t *grey, int height, int width, size_t count[LEVELS])
{
    size_t w = (size_t)width, h = (size_t)height, total = 0;
    memset(count, 0, LEVELS * sizeof *count);
    for (size_t y = 0; y < h; y++) {
        bool is_edge = y == 0 || y == h - 1;
        for (size_t x = 0; x < w; x += is_edge || w == 1 ? 1 : w - 1) {
            count[grey[y * w + x]]++;
            total++;
        }
    }
    return total;
}

static int median(const size_t count[LEVELS], size_t total)
{
    size_t below = 0;
    int level = 0;
    while (level < LEVELS - 1 && 2 * (below + count[level]) < total) {
        below += count[level++];
    }
    return level;
}

/* Whether the sum of squared differences to the background is larger on the dark side than on the light one. Squares,
 * because the grain of paper is small and on both sides. */
static bool is_dark_on_light(const uint8_t *grey, size_t area, int ground)
{
    double darker = 0, lighter = 0;
    for (size_t i = 0; i < area; i++) {
        double difference = grey[i] - ground;
        *(difference < 0 ? &darker : &lighter) += difference * difference;
    }
    return darker > lighter;
}

static int strength(const struct ink *ink, uint8_t grey)
{
    int s = ink->is_dark ? ink->ground - grey : grey - ink->ground;
    return s > ink->noise ? s : 0;
}

/* The 90th percentile of the outermost pixels' distance from the background level, on the side of the ink. */
static int noise_of(const struct ink *ink, const size_t count[LEVELS], size_t total)
{
    size_t inside = 0;
    int distance = 0;
    for (int level = 0; level < LEVELS; level++) {
        bool is_inside = ink->is_dark ? level >= ink->ground : level <= ink->ground;
        inside += is_inside ? count[level] : 0;
    }
    while (10 * inside < 9 * total) { /* all pixels are inside at level 0 or 255 at the latest */
        distance++;
        inside += count[ink->is_dark ? ink->ground - distance : ink->ground + distance];
    }
    return distance;
}

/* Whether one of a pixel's eight neighbours is ink, too; an isolated pixel is taken for dirt. */
static bool has_neighbour(const uint8_t *grey, int height, int width, const struct ink *ink, int y, int x, int least)
{
    for (int i = y > 0 ? y - 1 : 0; i <= y + 1 && i < height; i++) {
        for (int j = x > 0 ? x - 1 : 0; j <= x + 1 && j < width; j++) {
            if ((i != y || j != x) && strength(ink, grey[(size_t)i * (size_t)width + (size_t)j]) >= least) {
                return true;
            }
        }
    }
    return false;
}

/* Finds the bounding box of the pixels that are at least a sixth as strong as the strongest. */
static void find_box(const uint8_t *grey, int height, int width, struct ink *ink)
{
    int top = height, left = width, bottom = -1, right = -1, least = ink->deepest / 6;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            bool is_ink = strength(ink, grey[(size_t)y * (size_t)width + (size_t)x]) >= least &&
                          has_neighbour(grey, height, width, ink, y, x, least);
            if (is_ink) {
                top = y < top ? y : top;
                bottom = y;
                left = x < left ? x : left;
                right = x > right ? x : right;
            }
        }
    }
    if (bottom < 0) { /* only isolated pixels: takes the whole picture */
        top = left = 0;
        bottom = height - 1;
        right = width - 1;
    }
    ink->top = top;
    ink->left = left;
    ink->height = bottom - top + 1;
    ink->width = right - left + 1;
}

void ink_find(const uint8_t *grey, int height, int width, fov_invert forced, struct ink *ink)
{
    size_t count[LEVELS], area = (size_t)height * (size_t)width;
    size_t edges = count_edges(grey, height, width, count);
    *ink = (struct ink){.ground = median(count, edges)};
    ink->is_dark = forced == FOV_INVERT_YES ||
                   (forced != FOV_INVERT_NO && is_dark_on_light(grey, area, ink->ground));
    for (size_t i = 0; i < area; i++) {
        int s = strength(ink, grey[i]);
        ink->deepest = s > ink->deepest ? s : ink->deepest;
    }
    int noise = noise_of(ink, count, edges), most = ink->deepest / 6; /* limited, as ink may touch the edges */
    ink->noise = noise < most ? noise : most;
    find_box(grey, height, width, ink);
}

int ink_side(int height, int width)
{
    int smaller = height < width ? height : width, side = (smaller * BOX + FIELD / 2) / FIELD;
    return side > 1 ? side : 1;
}

/* ---- fitting ----------------------------------------------------------------------------------------------------- */

/* The centre of mass of the ink, in pixels from the upper left corner of [height, width]. */
static void centre_of_mass(const uint8_t *pixels, int height, int width, double *y, double *x)
{
    double mass = 0, down = 0, across = 0;
    for (int i = 0; i < height; i++) {
        for (int j = 0; j < width; j++) {
            double m = pixels[(size_t)i * (size_t)width + (size_t)j];
            mass += m;
            down += m * (i + 0.5);
            across += m * (j + 0.5);
        }
    }
    *y = mass > 0 ? down / mass : height / 2.0;
    *x = mass > 0 ? across / mass : width / 2.0;
}

/* The offset of a piece in a field that puts its centre of mass into the middle, as far as that cuts nothing off. */
static int place(double centre, int piece, int field)
{
    int at = (int)lround(field / 2.0 - centre), last = field - piece;
    return at < 0 ? 0 : at > last ? last : at;
}

/* Scales the levels so that the strongest becomes 255. */
static void stretch_contrast(uint8_t *pixels, size_t count)
{
    int most = 0;
    for (size_t i = 0; i < count; i++) {
        most = pixels[i] > most ? pixels[i] : most;
    }
    for (size_t i = 0; i < count && most > 0 && most < LEVELS - 1; i++) {
        pixels[i] = (uint8_t)((pixels[i] * (LEVELS - 1) + most / 2) / most);
    }
}

/* A rectangle of the picture, and the size to which it is scaled. */
struct piece {
    int top, left, height, width;
    int new_height, new_width;
};

static int scaled(int length, int side, int longer, int most)
{
    int new_length = (int)lround((double)length * side / longer);
    return new_length < 1 ? 1 : new_length > most ? most : new_length;
}

/* The ink's box with a margin that becomes one pixel after scaling: strokes have soft edges. */
static struct piece choose_piece(const struct ink *ink, int height, int width, int out_height, int out_width)
{
    int side = ink_side(out_height, out_width), longer = ink->height > ink->width ? ink->height : ink->width;
    int margin = (longer + side - 1) / side, bottom = ink->top + ink->height + margin;
    int right = ink->left + ink->width + margin;
    struct piece p = {.top = ink->top > margin ? ink->top - margin : 0,
                      .left = ink->left > margin ? ink->left - margin : 0};
    p.height = (bottom < height ? bottom : height) - p.top;
    p.width = (right < width ? right : width) - p.left;
    p.new_height = scaled(p.height, side, longer, out_height);
    p.new_width = scaled(p.width, side, longer, out_width);
    return p;
}

int ink_fit(const uint8_t *grey, int height, int width, const struct ink *ink, uint8_t *workspace, uint8_t *out,
            int out_height, int out_width, struct resize_scratch *scratch, struct error *error)
{
    const struct piece p = choose_piece(ink, height, width, out_height, out_width);
    size_t rows = (size_t)p.height, columns = (size_t)p.width, count = (size_t)p.new_height * (size_t)p.new_width;
    for (size_t y = 0; y < rows; y++) {
        const uint8_t *row = grey + ((size_t)p.top + y) * (size_t)width + (size_t)p.left;
        for (size_t x = 0; x < columns; x++) {
            workspace[y * columns + x] = (uint8_t)strength(ink, row[x]);
        }
    }
    uint8_t *fitted = workspace + rows * columns;
    int status = image_resize(workspace, p.height, p.width, 1, fitted, p.new_height, p.new_width, scratch, error);
    if (status != FOV_OK) {
        return status;
    }
    stretch_contrast(fitted, count);
    double down, across;
    centre_of_mass(fitted, p.new_height, p.new_width, &down, &across);
    int y = place(down, p.new_height, out_height), x = place(across, p.new_width, out_width);
    memset(out, 0, (size_t)out_height * (size_t)out_width);
    for (int i = 0; i < p.new_height; i++) {
        memcpy(out + (size_t)(y + i) * (size_t)out_width + (size_t)x, fitted + (size_t)i * (size_t)p.new_width,
               (size_t)p.new_width);
    }
    return FOV_OK;
}

void fit_piece(int height, int width, int out_height, int out_width, int piece[4])
{
    int64_t rows = height, columns = width;
    if (rows * out_width > columns * out_height) {
        rows = columns * out_height / out_width;
    } else {
        columns = rows * out_width / out_height;
    }
    piece[2] = rows > 0 ? (int)rows : 1;
    piece[3] = columns > 0 ? (int)columns : 1;
    piece[0] = (height - piece[2]) / 2;
    piece[1] = (width - piece[3]) / 2;
}

void fit_flatten(const uint8_t *rgba, uint8_t *rgb, size_t count)
{
    double seen = 0, light = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = rgba + 4 * i;
        seen += p[3];
        light += (double)p[3] * (p[0] + p[1] + p[2]) / 3;
    }
    unsigned ground = light < seen * 128 ? 255 : 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = rgba + 4 * i;
        for (int c = 0; c < 3; c++) {
            rgb[3 * i + (size_t)c] = (uint8_t)((p[c] * p[3] + ground * (255u - p[3]) + 127u) / 255u);
        }
    }
}
