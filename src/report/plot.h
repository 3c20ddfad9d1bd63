/* SPDX-License-Identifier: MIT */
/* Drawing: one picture is described once, by a function over a pen, and comes out as SVG and PNG. Without cairo the
 * public calls answer FOV_E_UNSUPPORTED. Read next: train/plot_curves.c, filter/sheet.c. */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>

struct plot_color {
    double red, green, blue;
};
/* Two hues that people with any colour vision tell apart (Okabe, Ito 2008), and greys for all else. */
extern const struct plot_color PLOT_INK, PLOT_FAINT, PLOT_GRID, PLOT_PAPER, PLOT_BLUE, PLOT_ORANGE;

/** What a drawing function draws with; points, from the top left corner. */
struct plot;

void plot_line(struct plot *plot, double x0, double y0, double x1, double y1, struct plot_color color, double width);
/** A line through points; gaps where y is NaN, dots where `dots`. */
void plot_curve(struct plot *plot, const double *x, const double *y, int count, struct plot_color color, double width,
                bool dashed, bool dots);
void plot_box(struct plot *plot, double x, double y, double width, double height, struct plot_color color);
/** 8-bit RGB pixels [rows, columns, 3], `width` points wide. */
void plot_picture(struct plot *plot, double x, double y, double width, const uint8_t *pixels, int rows, int columns);
/** Text around (x, y): align -1 starts there, 0 is centred, 1 ends there; y is its middle. turned: upwards. */
void plot_text(struct plot *plot, double x, double y, int align, double size, struct plot_color color, bool bold,
               bool turned, const char *text);
double plot_text_width(struct plot *plot, double size, bool bold, const char *text);
struct plot_color plot_mix(struct plot_color a, struct plot_color b, double share); /**< share 0: a */

/** Draws into either file or both (NULL: not wanted); each is written atomically. */
int plot_files(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
               const char *svg, const char *png, struct error *error);

/** Adds an SVG to a text. */
int plot_memory(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
                struct text *svg, struct error *error);

/** Steps of 1, 2 or 5 times a power of ten for about `count` marks between low and high. */
double plot_tick(double low, double high, int count);

#endif
