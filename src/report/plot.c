/* SPDX-License-Identifier: MIT */
/* The pen draws with cairo, which is loaded at run time by the first drawing (base/library.h). */
#include "report/plot.h"
#include "base/file.h"
#include "base/library.h"
#include "base/utf8.h"
#include <float.h>
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
    /* A mark must differ from the one before: a range of a few units in the last place has fewer marks. */
    rough = fmax(rough, 4.0 * DBL_EPSILON * fmax(fabs(low), fabs(high)));
    double power = pow(10.0, floor(log10(rough))), left = rough / power;
    return power * (left <= 1.0 ? 1.0 : left <= 2.0 ? 2.0 : left <= 5.0 ? 5.0 : 10.0);
}

#ifdef FOVEA_HAVE_CAIRO
#include <cairo-svg.h>
#include <cairo.h>

enum { PNG_SCALE = 2 }; /* pixels per point: sharp on today's screens */

/* The functions of cairo in use, filled when the library is loaded. */
struct cairo {
    void (*arc)(cairo_t *, double, double, double, double, double);
    cairo_t *(*create)(cairo_surface_t *);
    void (*destroy)(cairo_t *);
    void (*fill)(cairo_t *);
    cairo_scaled_font_t *(*get_scaled_font)(cairo_t *);
    void (*glyph_free)(cairo_glyph_t *);
    cairo_surface_t *(*image_surface_create)(cairo_format_t, int, int);
    unsigned char *(*image_surface_get_data)(cairo_surface_t *);
    int (*image_surface_get_stride)(cairo_surface_t *);
    void (*line_to)(cairo_t *, double, double);
    void (*move_to)(cairo_t *, double, double);
    void (*paint)(cairo_t *);
    void (*rectangle)(cairo_t *, double, double, double, double);
    void (*restore)(cairo_t *);
    void (*rotate)(cairo_t *, double);
    void (*save)(cairo_t *);
    void (*scale)(cairo_t *, double, double);
    cairo_status_t (*scaled_font_text_to_glyphs)(cairo_scaled_font_t *, double, double, const char *, int,
                                                 cairo_glyph_t **, int *, cairo_text_cluster_t **, int *,
                                                 cairo_text_cluster_flags_t *);
    void (*select_font_face)(cairo_t *, const char *, cairo_font_slant_t, cairo_font_weight_t);
    void (*set_dash)(cairo_t *, const double *, int, double);
    void (*set_font_size)(cairo_t *, double);
    void (*set_line_cap)(cairo_t *, cairo_line_cap_t);
    void (*set_line_join)(cairo_t *, cairo_line_join_t);
    void (*set_line_width)(cairo_t *, double);
    void (*set_source_rgb)(cairo_t *, double, double, double);
    void (*set_source_surface)(cairo_t *, cairo_surface_t *, double, double);
    void (*show_text)(cairo_t *, const char *);
    cairo_status_t (*status)(cairo_t *);
    const char *(*status_to_string)(cairo_status_t);
    void (*stroke)(cairo_t *);
    void (*surface_destroy)(cairo_surface_t *);
    void (*surface_finish)(cairo_surface_t *);
    void (*surface_mark_dirty)(cairo_surface_t *);
    cairo_status_t (*surface_status)(cairo_surface_t *);
    cairo_status_t (*surface_write_to_png_stream)(cairo_surface_t *, cairo_write_func_t, void *);
    cairo_surface_t *(*svg_surface_create_for_stream)(cairo_write_func_t, void *, double, double);
    void (*text_extents)(cairo_t *, const char *, cairo_text_extents_t *);
    void (*translate)(cairo_t *, double, double);
};

static const struct library_function cairo_functions[] = {
    LIBRARY_FUNCTION(struct cairo, arc, cairo_arc),
    LIBRARY_FUNCTION(struct cairo, create, cairo_create),
    LIBRARY_FUNCTION(struct cairo, destroy, cairo_destroy),
    LIBRARY_FUNCTION(struct cairo, fill, cairo_fill),
    LIBRARY_FUNCTION(struct cairo, get_scaled_font, cairo_get_scaled_font),
    LIBRARY_FUNCTION(struct cairo, glyph_free, cairo_glyph_free),
    LIBRARY_FUNCTION(struct cairo, image_surface_create, cairo_image_surface_create),
    LIBRARY_FUNCTION(struct cairo, image_surface_get_data, cairo_image_surface_get_data),
    LIBRARY_FUNCTION(struct cairo, image_surface_get_stride, cairo_image_surface_get_stride),
    LIBRARY_FUNCTION(struct cairo, line_to, cairo_line_to),
    LIBRARY_FUNCTION(struct cairo, move_to, cairo_move_to),
    LIBRARY_FUNCTION(struct cairo, paint, cairo_paint),
    LIBRARY_FUNCTION(struct cairo, rectangle, cairo_rectangle),
    LIBRARY_FUNCTION(struct cairo, restore, cairo_restore),
    LIBRARY_FUNCTION(struct cairo, rotate, cairo_rotate),
    LIBRARY_FUNCTION(struct cairo, save, cairo_save),
    LIBRARY_FUNCTION(struct cairo, scale, cairo_scale),
    LIBRARY_FUNCTION(struct cairo, scaled_font_text_to_glyphs, cairo_scaled_font_text_to_glyphs),
    LIBRARY_FUNCTION(struct cairo, select_font_face, cairo_select_font_face),
    LIBRARY_FUNCTION(struct cairo, set_dash, cairo_set_dash),
    LIBRARY_FUNCTION(struct cairo, set_font_size, cairo_set_font_size),
    LIBRARY_FUNCTION(struct cairo, set_line_cap, cairo_set_line_cap),
    LIBRARY_FUNCTION(struct cairo, set_line_join, cairo_set_line_join),
    LIBRARY_FUNCTION(struct cairo, set_line_width, cairo_set_line_width),
    LIBRARY_FUNCTION(struct cairo, set_source_rgb, cairo_set_source_rgb),
    LIBRARY_FUNCTION(struct cairo, set_source_surface, cairo_set_source_surface),
    LIBRARY_FUNCTION(struct cairo, show_text, cairo_show_text),
    LIBRARY_FUNCTION(struct cairo, status, cairo_status),
    LIBRARY_FUNCTION(struct cairo, status_to_string, cairo_status_to_string),
    LIBRARY_FUNCTION(struct cairo, stroke, cairo_stroke),
    LIBRARY_FUNCTION(struct cairo, surface_destroy, cairo_surface_destroy),
    LIBRARY_FUNCTION(struct cairo, surface_finish, cairo_surface_finish),
    LIBRARY_FUNCTION(struct cairo, surface_mark_dirty, cairo_surface_mark_dirty),
    LIBRARY_FUNCTION(struct cairo, surface_status, cairo_surface_status),
    LIBRARY_FUNCTION(struct cairo, surface_write_to_png_stream, cairo_surface_write_to_png_stream),
    LIBRARY_FUNCTION(struct cairo, svg_surface_create_for_stream, cairo_svg_surface_create_for_stream),
    LIBRARY_FUNCTION(struct cairo, text_extents, cairo_text_extents),
    LIBRARY_FUNCTION(struct cairo, translate, cairo_translate),
    {NULL, 0},
};

struct plot {
    struct cairo cairo;
    cairo_t *pen;
};

static void use(struct plot *plot, struct plot_color color)
{
    plot->cairo.set_source_rgb(plot->pen, color.red, color.green, color.blue);
}

void plot_line(struct plot *plot, double x0, double y0, double x1, double y1, struct plot_color color, double width)
{
    use(plot, color);
    plot->cairo.set_line_width(plot->pen, width);
    plot->cairo.move_to(plot->pen, x0, y0);
    plot->cairo.line_to(plot->pen, x1, y1);
    plot->cairo.stroke(plot->pen);
}

void plot_curve(struct plot *plot, const double *x, const double *y, int count, struct plot_color color, double width,
                bool dashed, bool dots)
{
    const double dash[] = {5.0, 4.0};
    bool open = false;
    use(plot, color);
    plot->cairo.set_line_width(plot->pen, width);
    plot->cairo.set_line_join(plot->pen, CAIRO_LINE_JOIN_ROUND);
    plot->cairo.set_line_cap(plot->pen, CAIRO_LINE_CAP_ROUND);
    plot->cairo.set_dash(plot->pen, dash, dashed ? 2 : 0, 0.0);
    for (int i = 0; i < count; i++) {
        if (!isfinite(y[i])) {
            open = false;
            continue;
        }
        if (open) {
            plot->cairo.line_to(plot->pen, x[i], y[i]);
        } else {
            plot->cairo.move_to(plot->pen, x[i], y[i]);
        }
        open = true;
    }
    plot->cairo.stroke(plot->pen);
    plot->cairo.set_dash(plot->pen, dash, 0, 0.0);
    for (int i = 0; dots && i < count; i++) {
        if (isfinite(y[i])) {
            plot->cairo.arc(plot->pen, x[i], y[i], 2.6, 0.0, 6.2832);
            plot->cairo.fill(plot->pen);
        }
    }
}

void plot_box(struct plot *plot, double x, double y, double width, double height, struct plot_color color)
{
    use(plot, color);
    plot->cairo.rectangle(plot->pen, x, y, width, height);
    plot->cairo.fill(plot->pen);
}

void plot_picture(struct plot *plot, double x, double y, double width, const uint8_t *pixels, int rows, int columns)
{
    cairo_surface_t *surface = plot->cairo.image_surface_create(CAIRO_FORMAT_RGB24, columns, rows);
    unsigned char *to =
        plot->cairo.image_surface_get_data(surface); /* NULL: out of memory; drawing the surface then fails */
    int stride = plot->cairo.image_surface_get_stride(surface);
    for (int r = 0; to != NULL && r < rows; r++) {
        for (int c = 0; c < columns; c++, pixels += 3) {
            uint32_t color = (uint32_t)pixels[0] << 16 | (uint32_t)pixels[1] << 8 | pixels[2];
            memcpy(to + (ptrdiff_t)r * stride + (ptrdiff_t)c * 4, &color, sizeof color);
        }
    }
    plot->cairo.surface_mark_dirty(surface);
    plot->cairo.save(plot->pen);
    plot->cairo.translate(plot->pen, x, y);
    plot->cairo.scale(plot->pen, width / columns, width / columns);
    plot->cairo.set_source_surface(plot->pen, surface, 0.0, 0.0);
    plot->cairo.paint(plot->pen);
    plot->cairo.restore(plot->pen);
    plot->cairo.surface_destroy(surface);
}

/* Whether the pen's font has every character of the text. Glyph 0 stands for a character that the font lacks. */
static bool has_glyphs(struct plot *plot, const char *text)
{
    cairo_glyph_t *glyphs = NULL;
    int count = 0;
    bool all = plot->cairo.scaled_font_text_to_glyphs(plot->cairo.get_scaled_font(plot->pen), 0.0, 0.0, text, -1,
                                                      &glyphs, &count, NULL, NULL, NULL) == CAIRO_STATUS_SUCCESS;
    for (int i = 0; i < count && all; i++) {
        all = glyphs[i].index != 0;
    }
    plot->cairo.glyph_free(glyphs);
    return all;
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

/* Cairo takes all glyphs of a text from one font. Names of classes and files may be in any script, so where the default
 * font lacks a character, this tries fonts that include Chinese on common systems. Cairo replaces a family that is not
 * installed by the default font; where no font has all characters, the default font draws those that it has. */
static void choose_font(struct plot *plot, double size, bool bold, const char *text)
{
    static const char *const families[] = {
        "sans-serif",  "Noto Sans CJK SC", "Source Han Sans SC",  "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
        "PingFang SC", "Microsoft YaHei",  "Droid Sans Fallback", "Unifont",           "sans-serif"};
    enum { FAMILIES = sizeof families / sizeof families[0] };
    plot->cairo.set_font_size(plot->pen, size);
    for (int i = 0; i < FAMILIES; i++) {
        plot->cairo.select_font_face(plot->pen, families[i], CAIRO_FONT_SLANT_NORMAL,
                                     bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
        if (is_ascii(text) || has_glyphs(plot, text)) {
            return;
        }
    }
}

enum { MOST_LETTERS = 1024 /* bytes of a text with its terminator; longer ones are cut */ };

double plot_text_width(struct plot *plot, double size, bool bold, const char *text)
{
    cairo_text_extents_t extents;
    char shown[MOST_LETTERS]; /* a name from outside may be no UTF-8, of which cairo would draw nothing any more */
    text = utf8_cut(shown, sizeof shown, text);
    choose_font(plot, size, bold, text);
    plot->cairo.text_extents(plot->pen, text, &extents);
    return extents.x_advance;
}

void plot_text(struct plot *plot, double x, double y, int align, double size, struct plot_color color, bool bold,
               bool turned, const char *text)
{
    char shown[MOST_LETTERS];
    text = utf8_cut(shown, sizeof shown, text);
    double back = plot_text_width(plot, size, bold, text) * (align + 1) / 2.0;
    use(plot, color);
    plot->cairo.save(plot->pen);
    plot->cairo.translate(plot->pen, x, y);
    plot->cairo.rotate(plot->pen, turned ? -1.5707963 : 0.0);
    plot->cairo.move_to(plot->pen, -back, size * 0.36); /* half the height of a digit */
    plot->cairo.show_text(plot->pen, text);
    plot->cairo.restore(plot->pen);
}

/* The destination of a drawing, to which cairo writes the file in pieces. */
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

static int draw_one(const struct cairo *cairo, double width, double height,
                    void (*draw)(struct plot *plot, const void *what), const void *what, const char *path, bool vector,
                    const struct file_system *system, struct error *error)
{
    struct sink sink = {.error = error};
    if (file_writer_open(&sink.writer, path, system, error) != FOV_OK) {
        return (int)error->status;
    }
    cairo_surface_t *surface =
        vector ? cairo->svg_surface_create_for_stream(sink_write, &sink, width, height)
               : cairo->image_surface_create(CAIRO_FORMAT_RGB24, (int)width * PNG_SCALE, (int)height * PNG_SCALE);
    struct plot plot = {*cairo, cairo->create(surface)};
    if (!vector) {
        cairo->scale(plot.pen, PNG_SCALE, PNG_SCALE);
    }
    plot_box(&plot, 0.0, 0.0, width, height, PLOT_PAPER);
    draw(&plot, what);
    cairo_status_t status = cairo->status(plot.pen);
    cairo->destroy(plot.pen);
    if (status == CAIRO_STATUS_SUCCESS && !vector) {
        status = cairo->surface_write_to_png_stream(surface, sink_write, &sink);
    }
    cairo->surface_finish(surface); /* writes the rest of an SVG */
    status = status == CAIRO_STATUS_SUCCESS ? cairo->surface_status(surface) : status;
    cairo->surface_destroy(surface);
    if (status == CAIRO_STATUS_SUCCESS && error->status == FOV_OK) {
        return file_writer_commit(&sink.writer, error);
    }
    file_writer_abandon(&sink.writer);
    return error_set(error, status == CAIRO_STATUS_NO_MEMORY ? FOV_E_MEMORY : FOV_E_IO, "%s: drawing failed: %s", path,
                     cairo->status_to_string(status)) != FOV_OK
               ? (int)error->status
               : FOV_E_IO;
}

static int open_cairo(struct cairo *cairo, struct error *error)
{
    if (error->status != FOV_OK) {
        return (int)error->status; /* an earlier failure that the caller has not handled */
    }
    int status = library_open(FOVEA_CAIRO_FILE, "cairo", cairo_functions, cairo, error);
    if (status != FOV_OK) {
        error_prefix(error, "nothing can be drawn");
    }
    return status;
}

int plot_files(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
               const char *svg, const char *png, struct error *error)
{
    struct cairo cairo;
    int status = open_cairo(&cairo, error);
    if (status == FOV_OK && svg != NULL) {
        status = draw_one(&cairo, width, height, draw, what, svg, true, NULL, error);
    }
    return status == FOV_OK && png != NULL ? draw_one(&cairo, width, height, draw, what, png, false, NULL, error)
                                           : status;
}

int plot_memory(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
                struct text *svg, struct error *error)
{
    struct cairo cairo;
    const struct file_system system = {.buffer = svg};
    int status = open_cairo(&cairo, error);
    return status == FOV_OK ? draw_one(&cairo, width, height, draw, what, "a drawing", true, &system, error) : status;
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

int plot_memory(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
                struct text *svg, struct error *error)
{
    (void)svg;
    return plot_files(width, height, draw, what, NULL, NULL, error);
}
#endif
