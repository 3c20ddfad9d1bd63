/* SPDX-License-Identifier: MIT */
/* The pen over cairo. */
#include "report/plot.h"
#include "base/file.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

const struct plot_color PLOT_INK = {0.13, 0.15, 0.18}, PLOT_FAINT = {0.42, 0.45, 0.50}, PLOT_GRID = {0.90, 0.91, 0.93},
                        PLOT_PAPER = {1.0, 1.0, 1.0}, PLOT_BLUE = {0.00, 0.45, 0.70}, PLOT_ORANGE = {0.84, 0.37, 0.00};

struct plot_color plot_mix(struct plot_color a, struct plot_color b, double share)
{
    return (struct plot_color){a.red + (b.red - a.red) * share, a.green + (b.green - a.green) * share,
                               a.blue + (b.blue - a.blue) * share};
}

double plot_tick(double low, double high, int count)
{
    double rough = (high - low) / count;
    if (!(rough > 0.0)) {
        return 1.0;
    }
    double power = pow(10.0, floor(log10(rough))), left = rough / power;
    return power * (left <= 1.0 ? 1.0 : left <= 2.0 ? 2.0 : left <= 5.0 ? 5.0 : 10.0);
}

#ifdef FOVEA_HAVE_CAIRO
#include <cairo-svg.h>
#include <cairo.h>

enum { PNG_SCALE = 2 }; /* dots per point: sharp on today's screens */

struct plot {
    cairo_t *cairo;
};

static void use(struct plot *plot, struct plot_color color)
{
    cairo_set_source_rgb(plot->cairo, color.red, color.green, color.blue);
}

void plot_line(struct plot *plot, double x0, double y0, double x1, double y1, struct plot_color color, double width)
{
    use(plot, color);
    cairo_set_line_width(plot->cairo, width);
    cairo_move_to(plot->cairo, x0, y0);
    cairo_line_to(plot->cairo, x1, y1);
    cairo_stroke(plot->cairo);
}

void plot_curve(struct plot *plot, const double *x, const double *y, int count, struct plot_color color, double width,
                bool dashed, bool dots)
{
    const double dash[] = {5.0, 4.0};
    bool open = false;
    use(plot, color);
    cairo_set_line_width(plot->cairo, width);
    cairo_set_line_join(plot->cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(plot->cairo, CAIRO_LINE_CAP_ROUND);
    cairo_set_dash(plot->cairo, dash, dashed ? 2 : 0, 0.0);
    for (int i = 0; i < count; i++) {
        if (!isfinite(y[i])) {
            open = false;
            continue;
        }
        if (open) {
            cairo_line_to(plot->cairo, x[i], y[i]);
        } else {
            cairo_move_to(plot->cairo, x[i], y[i]);
        }
        open = true;
    }
    cairo_stroke(plot->cairo);
    cairo_set_dash(plot->cairo, dash, 0, 0.0);
    for (int i = 0; dots && i < count; i++) {
        if (isfinite(y[i])) {
            cairo_arc(plot->cairo, x[i], y[i], 2.6, 0.0, 6.2832);
            cairo_fill(plot->cairo);
        }
    }
}

void plot_box(struct plot *plot, double x, double y, double width, double height, struct plot_color color)
{
    use(plot, color);
    cairo_rectangle(plot->cairo, x, y, width, height);
    cairo_fill(plot->cairo);
}

void plot_picture(struct plot *plot, double x, double y, double width, const uint8_t *pixels, int rows, int columns)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns, rows);
    unsigned char *to = cairo_image_surface_get_data(surface); /* NULL: no memory, and what is drawn fails with it */
    int stride = cairo_image_surface_get_stride(surface);
    for (int r = 0; to != NULL && r < rows; r++) {
        for (int c = 0; c < columns; c++, pixels += 3) {
            uint32_t color = (uint32_t)pixels[0] << 16 | (uint32_t)pixels[1] << 8 | pixels[2];
            memcpy(to + (ptrdiff_t)r * stride + (ptrdiff_t)c * 4, &color, sizeof color);
        }
    }
    cairo_surface_mark_dirty(surface);
    cairo_save(plot->cairo);
    cairo_translate(plot->cairo, x, y);
    cairo_scale(plot->cairo, width / columns, width / columns);
    cairo_set_source_surface(plot->cairo, surface, 0.0, 0.0);
    cairo_paint(plot->cairo);
    cairo_restore(plot->cairo);
    cairo_surface_destroy(surface);
}

static void choose_font(struct plot *plot, double size, bool bold)
{
    cairo_select_font_face(plot->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(plot->cairo, size);
}

double plot_text_width(struct plot *plot, double size, bool bold, const char *text)
{
    cairo_text_extents_t extents;
    choose_font(plot, size, bold);
    cairo_text_extents(plot->cairo, text, &extents);
    return extents.x_advance;
}

void plot_text(struct plot *plot, double x, double y, int align, double size, struct plot_color color, bool bold,
               bool turned, const char *text)
{
    double back = plot_text_width(plot, size, bold, text) * (align + 1) / 2.0;
    use(plot, color);
    cairo_save(plot->cairo);
    cairo_translate(plot->cairo, x, y);
    cairo_rotate(plot->cairo, turned ? -1.5707963 : 0.0);
    cairo_move_to(plot->cairo, -back, size * 0.36); /* half the height of a digit */
    cairo_show_text(plot->cairo, text);
    cairo_restore(plot->cairo);
}

/* Cairo hands over the file piece by piece. */
struct sink {
    struct file_writer writer;
    struct error *error;
};

static cairo_status_t sink_write(void *closure, const unsigned char *bytes, unsigned int count)
{
    struct sink *sink = closure;
    return file_writer_write(&sink->writer, bytes, count, sink->error) == FOV_OK ? CAIRO_STATUS_SUCCESS
                                                                                 : CAIRO_STATUS_WRITE_ERROR;
}

static int draw_one(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
                    const char *path, bool vector, struct error *error)
{
    struct sink sink = {.error = error};
    if (file_writer_open(&sink.writer, path, NULL, error) != FOV_OK) {
        return (int)error->status;
    }
    cairo_surface_t *surface =
        vector ? cairo_svg_surface_create_for_stream(sink_write, &sink, width, height)
               : cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width * PNG_SCALE, (int)height * PNG_SCALE);
    struct plot plot = {cairo_create(surface)};
    if (!vector) {
        cairo_scale(plot.cairo, PNG_SCALE, PNG_SCALE);
    }
    plot_box(&plot, 0.0, 0.0, width, height, PLOT_PAPER);
    draw(&plot, what);
    cairo_status_t status = cairo_status(plot.cairo);
    cairo_destroy(plot.cairo);
    if (status == CAIRO_STATUS_SUCCESS && !vector) {
        status = cairo_surface_write_to_png_stream(surface, sink_write, &sink);
    }
    cairo_surface_finish(surface); /* writes the rest of an SVG */
    status = status == CAIRO_STATUS_SUCCESS ? cairo_surface_status(surface) : status;
    cairo_surface_destroy(surface);
    if (status == CAIRO_STATUS_SUCCESS && error->status == FOV_OK) {
        return file_writer_commit(&sink.writer, error);
    }
    file_writer_abandon(&sink.writer);
    return error_set(error, status == CAIRO_STATUS_NO_MEMORY ? FOV_E_MEMORY : FOV_E_IO, "%s: drawing failed: %s", path,
                     cairo_status_to_string(status)) != FOV_OK
               ? (int)error->status
               : FOV_E_IO;
}

int plot_files(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
               const char *svg, const char *png, struct error *error)
{
    if (error->status != FOV_OK) {
        return (int)error->status; /* an earlier failure that nobody has looked at */
    }
    int status = svg != NULL ? draw_one(width, height, draw, what, svg, true, error) : FOV_OK;
    return status == FOV_OK && png != NULL ? draw_one(width, height, draw, what, png, false, error) : status;
}

#else /* no cairo: nothing to draw with */

void plot_line(struct plot *plot, double x0, double y0, double x1, double y1, struct plot_color color, double width)
{
    (void)plot, (void)x0, (void)y0, (void)x1, (void)y1, (void)color, (void)width;
}

void plot_curve(struct plot *plot, const double *x, const double *y, int count, struct plot_color color, double width,
                bool dashed, bool dots)
{
    (void)plot, (void)x, (void)y, (void)count, (void)color, (void)width, (void)dashed, (void)dots;
}

void plot_box(struct plot *plot, double x, double y, double width, double height, struct plot_color color)
{
    (void)plot, (void)x, (void)y, (void)width, (void)height, (void)color;
}

void plot_picture(struct plot *plot, double x, double y, double width, const uint8_t *pixels, int rows, int columns)
{
    (void)plot, (void)x, (void)y, (void)width, (void)pixels, (void)rows, (void)columns;
}

void plot_text(struct plot *plot, double x, double y, int align, double size, struct plot_color color, bool bold,
               bool turned, const char *text)
{
    (void)plot, (void)x, (void)y, (void)align, (void)size, (void)color, (void)bold, (void)turned, (void)text;
}

double plot_text_width(struct plot *plot, double size, bool bold, const char *text)
{
    (void)plot, (void)size, (void)bold, (void)text;
    return 0.0;
}

int plot_files(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
               const char *svg, const char *png, struct error *error)
{
    (void)width, (void)height, (void)draw, (void)what, (void)svg, (void)png;
    return error_set(error, FOV_E_UNSUPPORTED, "this fovea was built without cairo and cannot draw");
}
#endif
