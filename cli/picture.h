/* SPDX-License-Identifier: MIT */
/* Small pictures as characters: each cell shows two pixels, one above the other, as an upper half block in two colours;
 * without colours as one letter of a ramp from dark to light. */
#ifndef CLI_PICTURE_H
#define CLI_PICTURE_H

#include "cli.h"

/** The pixels to draw, RGB [height, width, 3]. */
struct canvas {
    int height, width;
    uint8_t *pixels;
};

struct canvas canvas_create(int height, int width, uint8_t grey);
void canvas_free(struct canvas *canvas);
/** Copies 8-bit pixels [height, width, channels] to (top, left), shrunk by an integer factor where a side is longer
 *  than `side` pixels (0: never). Pixels outside the canvas are cut off. */
void canvas_place(struct canvas *canvas, int top, int left, int side, const uint8_t *pixels, int height, int width,
                  int channels);
/** The size that canvas_place gives a picture of height x width. */
void canvas_fit(int side, int height, int width, int *fitted_height, int *fitted_width);

int canvas_lines(const struct canvas *canvas); /**< number of text lines of the canvas */
/** Prints one text line of `width` cells, without newline. */
void canvas_print_line(const struct cli *cli, FILE *out, const struct canvas *canvas, int line);

#endif
