/* SPDX-License-Identifier: MIT */
/* Warps pixels through a map. Coordinates are computed in double and depend only on the map and the pixel, so the
 * result does not depend on threads. */
#include "image/warp.h"

#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 8 };

/* The coordinate within 0 .. length - 1 that the border rule maps `at` to; -1: outside of the picture. */
static int64_t place(int64_t at, int64_t length, enum image_border border)
{
    int64_t period = 2 * length - 2;

    if (at >= 0 && at < length) {
        return at;
    }
    if (border == IMAGE_BORDER_ZERO) {
        return -1;
    }
    if (border == IMAGE_BORDER_EDGE || period == 0) {
        return at < 0 ? 0 : length - 1;
    }
    at = (at % period + period) % period;
    return at < length ? at : period - at;
}

static const uint8_t *pixel_at(const struct image_warp *w, int64_t row, int64_t column)
{
    row    = place(row, w->height, w->border);
    column = place(column, w->width, w->border);
    return row < 0 || column < 0 ? NULL : w->in + (row * w->width + column) * w->channels;
}

/* ---- whole pixels ------------------------------------------------------------------------------------------------ */

static bool is_whole(double value)
{
    return value == floor(value) && fabs(value) < 0x1p31;
}

/* An axis that is only mirrored and shifted by whole pixels: x of the result is column first + step * x of the
 * picture. */
struct whole_axis {
    int64_t first, step;
};

static bool find_whole(double scale, double offset, struct whole_axis *axis)
{
    if ((scale != 1.0 && scale != -1.0) || !is_whole(offset)) {
        return false;
    }
    axis->step  = scale > 0 ? 1 : -1;
    axis->first = (int64_t)offset - (scale < 0); /* -(x + 0.5) + offset lies in pixel offset - 1 - x */
    return true;
}

static void copy_row(const struct image_warp *w, int64_t row, const struct whole_axis *x, uint8_t *restrict out)
{
    int64_t last = x->first + (w->out_width - 1) * x->step, channels = w->channels;

    if (x->step == 1 && x->first >= 0 && last < w->width && row >= 0 && row < w->height) {
        memcpy(out, w->in + (row * w->width + x->first) * channels, (size_t)(w->out_width * channels));
        return;
    }
    row = place(row, w->height, w->border);
    for (int64_t column = 0; column < w->out_width; column++, out += channels) {
        int64_t from = row < 0 ? -1 : place(x->first + column * x->step, w->width, w->border);

        for (int64_t c = 0; c < channels; c++) {
            out[c] = from < 0 ? w->outside : w->in[(row * w->width + from) * channels + c];
        }
    }
}

static bool copy_whole(const struct image_warp *w, uint8_t *out)
{
    const double     *m = w->map.at;
    struct whole_axis x, y;

    if (w->displacement != NULL || m[1] != 0 || m[3] != 0 || m[6] != 0 || m[7] != 0 || m[8] != 1 ||
        !find_whole(m[0], m[2], &x) || !find_whole(m[4], m[5], &y)) {
        return false;
    }
    for (int64_t row = 0; row < w->out_height; row++, out += (int64_t)w->out_width * w->channels) {
        copy_row(w, y.first + row * y.step, &x, out);
    }
    return true;
}

/* ---- between pixels ---------------------------------------------------------------------------------------------- */

/* Number of sampling points per axis and output pixel: the largest number of input pixels that an output pixel's side
 * covers, at the middle and the corners of the result. */
static int samples_a_side(const struct image_warp *w)
{
    static const double at[5][2] = {{0.5, 0.5}, {0, 0}, {0, 1}, {1, 0}, {1, 1}};
    double              most = 1.0;

    for (int i = 0; i < 5; i++) {
        double x = at[i][0] * (w->out_width - 1), y = at[i][1] * (w->out_height - 1), u[3], v[3];

        image_map_point(&w->map, x, y, &u[0], &v[0]);
        image_map_point(&w->map, x + 1, y, &u[1], &v[1]);
        image_map_point(&w->map, x, y + 1, &u[2], &v[2]);
        most = fmax(most, fmax(hypot(u[1] - u[0], v[1] - v[0]), hypot(u[2] - u[0], v[2] - v[0])));
    }
    return most < MOST_SAMPLES ? (int)(most + 0.5) : MOST_SAMPLES;
}

/* Adds the picture's value at (u, v), near or beyond its edge: a weighted mean of the four pixels around it. */
static void add_at_edge(const struct image_warp *w, double u, double v, double sum[4])
{
    double  left = floor(u - 0.5), top = floor(v - 0.5), across = u - 0.5 - left, down = v - 0.5 - top;

    if (!(fabs(u) < 0x1p31 && fabs(v) < 0x1p31)) { /* NaN, or beyond the horizon of a perspective map */
        for (int c = 0; c < w->channels; c++) {
            sum[c] += w->outside;
        }
        return;
    }
    for (int corner = 0; corner < 4; corner++) {
        double         weight = (corner & 1 ? across : 1 - across) * (corner & 2 ? down : 1 - down);
        const uint8_t *from   = pixel_at(w, (int64_t)top + (corner >> 1), (int64_t)left + (corner & 1));

        for (int c = 0; c < w->channels; c++) {
            sum[c] += weight * (from != NULL ? from[c] : w->outside);
        }
    }
}

/* A point and the four pixels around it, all within the picture. */
struct around {
    const uint8_t *upper, *lower;
    double         across, down;
};

/* Finds the four pixels around (u, v); false at the edge. Coordinates are not negative here, so a cast rounds down. */
static inline bool find_around(const struct image_warp *w, double u, double v, struct around *around)
{
    double x = u - 0.5, y = v - 0.5;
    int    column, row;

    if (!(x >= 0 && y >= 0 && x < w->width - 1 && y < w->height - 1)) { /* NaN: no */
        return false;
    }
    column         = (int)x;
    row            = (int)y;
    around->across = x - column;
    around->down   = y - row;
    around->upper  = w->in + ((int64_t)row * w->width + column) * w->channels;
    around->lower  = around->upper + (int64_t)w->width * w->channels;
    return true;
}

static inline double blend(const struct around *at, int channel, int channels)
{
    const uint8_t *upper = at->upper + channel, *lower = at->lower + channel;
    double         above = upper[0] + at->across * (upper[channels] - upper[0]);

    return above + at->down * (lower[0] + at->across * (lower[channels] - lower[0]) - above);
}

static void add_bilinear(const struct image_warp *w, double u, double v, double sum[4])
{
    struct around at;

    if (!find_around(w, u, v, &at)) {
        add_at_edge(w, u, v, sum);
        return;
    }
    for (int c = 0; c < w->channels; c++) {
        sum[c] += blend(&at, c, w->channels);
    }
}

static void take_nearest(const struct image_warp *w, double u, double v, uint8_t *out)
{
    bool           there = fabs(u) < 0x1p31 && fabs(v) < 0x1p31;
    const uint8_t *from  = there ? pixel_at(w, (int64_t)floor(v), (int64_t)floor(u)) : NULL;

    for (int c = 0; c < w->channels; c++) {
        out[c] = from != NULL ? from[c] : w->outside;
    }
}

/* Coordinate of a result pixel on one axis after adding the displacement, before the map. */
static inline double moved(const struct image_warp *w, int row, int column, int axis)
{
    double at = axis == 0 ? column : row;

    return w->displacement != NULL
               ? at + (double)w->displacement[2 * ((int64_t)row * w->out_width + column) + axis]
               : at;
}

static void warp_pixel(const struct image_warp *w, int row, int column, int side, uint8_t *out)
{
    double x = moved(w, row, column, 0), y = moved(w, row, column, 1), u, v, sum[4] = {0};

    if (w->nearest) {
        image_map_point(&w->map, x + 0.5, y + 0.5, &u, &v);
        take_nearest(w, u, v, out);
        return;
    }
    for (int i = 0; i < side * side; i++) {
        image_map_point(&w->map, x + (i % side + 0.5) / side, y + (i / side + 0.5) / side, &u, &v);
        add_bilinear(w, u, v, sum);
    }
    for (int c = 0; c < w->channels; c++) {
        out[c] = (uint8_t)(sum[c] / (side * side) + 0.5);
    }
}

/* The fast path for the most frequent case: no perspective, hence no division, and one sampling point per pixel. Gives
 * the same numbers as warp_pixel. */
static inline void warp_row(const struct image_warp *w, int row, int channels, uint8_t *restrict out)
{
    const double *m = w->map.at;

    for (int column = 0; column < w->out_width; column++, out += channels) {
        double        x = moved(w, row, column, 0) + 0.5, y = moved(w, row, column, 1) + 0.5;
        double        u = m[0] * x + m[1] * y + m[2], v = m[3] * x + m[4] * y + m[5];
        struct around at;

        if (find_around(w, u, v, &at)) {
            for (int c = 0; c < channels; c++) {
                out[c] = (uint8_t)(blend(&at, c, channels) + 0.5);
            }
        } else {
            double sum[4] = {0};

            add_at_edge(w, u, v, sum);
            for (int c = 0; c < channels; c++) {
                out[c] = (uint8_t)(sum[c] + 0.5);
            }
        }
    }
}

static void warp_rows(const struct image_warp *w, uint8_t *out)
{
    for (int row = 0; row < w->out_height; row++, out += (int64_t)w->out_width * w->channels) {
        if (w->channels == 1) {
            warp_row(w, row, 1, out);
        } else {
            warp_row(w, row, w->channels, out);
        }
    }
}

void image_warp(const struct image_warp *w, uint8_t *out)
{
    const double *m = w->map.at;
    int           side;

    if (copy_whole(w, out)) {
        return;
    }
    side = samples_a_side(w);
    if (side == 1 && !w->nearest && m[6] == 0 && m[7] == 0 && m[8] == 1) {
        warp_rows(w, out);
        return;
    }
    for (int row = 0; row < w->out_height; row++) {
        for (int column = 0; column < w->out_width; column++, out += w->channels) {
            warp_pixel(w, row, column, side, out);
        }
    }
}
