/* SPDX-License-Identifier: MIT */
/* Drawings: a function draws with a pen (struct plot), and the same function produces both SVG and PNG. Without cairo,
 * plot_files and plot_memory return FOV_E_UNSUPPORTED. Read next: train/plot_curves.c, filter/sheet.c. */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>

struct plot_color {
    double red, green, blue;
};
/* Two hues that can be told apart with any colour vision (Okabe, Ito 2008), and greys for everything else. */
extern const struct plot_color PLOT_INK, PLOT_FAINT, PLOT_GRID, PLOT_PAPER, PLOT_BLUE, PLOT_ORANGE;

/** The pen of a drawing function. Coordinates are in points, from the top left corner. */
struct plot;

void plot_line(struct plot *plot, double x0, double y0, double x1, double y1, struct plot_color color, double width);
/** Draws a line through points, interrupted where y is not finite. `dots`: also a dot at each point. */
void plot_curve(struct plot *plot, const double *x, const double *y, int count, struct plot_color color, double width,
                bool dashed, bool dots);
void plot_box(struct plot *plot, double x, double y, double width, double height, struct plot_color color);
/** Draws 8-bit RGB pixels [rows, columns, 3], `width` points wide. */
void plot_picture(struct plot *plot, double x, double y, double width, const uint8_t *pixels, int rows, int columns);
/** Draws text at (x, y). `align`: -1 starts at x, 0 is centred at x, 1 ends at x; y is the vertical middle. `turned`:
 *  the text runs upwards. */
void plot_text(struct plot *plot, double x, double y, int align, double size, struct plot_color color, bool bold,
               bool turned, const char *text);
double plot_text_width(struct plot *plot, double size, bool bold, const char *text);
struct plot_color plot_mix(struct plot_color a, struct plot_color b, double share); /**< share 0: a */

/** Draws into an SVG file, a PNG file, or both (NULL: not wanted); each is written atomically. */
int plot_files(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
               const char *svg, const char *png, struct error *error);

/** Appends the drawing as SVG to a text. */
int plot_memory(double width, double height, void (*draw)(struct plot *plot, const void *what), const void *what,
                struct text *svg, struct error *error);

/** The step, 1, 2 or 5 times a power of ten, that gives about `count` marks between low and high. */
double plot_tick(double low, double high, int count);

#endif
