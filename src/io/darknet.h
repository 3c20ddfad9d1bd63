/* SPDX-License-Identifier: MIT */
/* Darknet's files (Redmon, "Darknet: open source neural networks in C", 2013 on; AlexeyAB's later sections): a .cfg of
 * sections becomes a graph, a .weights file its parameters. Unknown sections and unknown values of the options that are
 * read are refused, never guessed; options that no builder reads are ignored. Next: darknet.c, darknet_layers.c,
 * darknet_weights.c. */
#ifndef IO_DARKNET_H
#define IO_DARKNET_H

#include "graph/graph.h"
#include <fovea/operators.h>

enum { DARKNET_MOST_LAYERS = 1000, DARKNET_MOST_OPTIONS = 8192 };

/** A section: "[convolutional]" and the options below it. */
struct darknet_section {
    const char *name;
    int line, first, count; /**< options [first, first + count) */
};

struct darknet {
    const char *path;
    fov_graph *graph;
    struct memory *memory;
    char *text;                       /**< the .cfg, cut into terminated strings that sections and options point at */
    struct darknet_section *sections; /**< the first is [net] */
    struct darknet_option {
        const char *key, *value;
    } * options;
    int section_count, option_count;
    int channels, height, width;
    fov_value input;
    fov_value layers[DARKNET_MOST_LAYERS]; /**< [i]: the result of section 1 + i */
    fov_value boxes[16];                   /**< decoded result of each [yolo], [N, rows, 5 + classes] */
    int box_count, classes;                /**< classes: of a detector; 0: the network is no detector */
    fov_value output;
};

/** Reads the sections and builds the graph; E_INPUT and E_UNSUPPORTED name the file's line. The caller calls
 *  darknet_close, after failures too. */
int darknet_open(struct darknet *net, fov_graph *graph, const char *path, const char *text, size_t length,
                 struct error *error);
void darknet_close(struct darknet *net);
/** Fills the parameters from a .weights file, which must hold exactly as many numbers as the network needs. */
int darknet_read_weights(const struct darknet *net, const char *path, const uint8_t *bytes, size_t size,
                         struct error *error);

/* ---- between the files ------------------------------------------------------------------------------------------- */

/** An option of a section as text; NULL: the section does not have it. */
const char *darknet_text(const struct darknet *net, const struct darknet_section *section, const char *key);
/** An option as a whole number; `standard` where it is absent, E_INPUT where it is not in low .. high. */
int darknet_integer(const struct darknet *net, const struct darknet_section *section, const char *key, int standard,
                    int low, int high, int *value, struct error *error);
int darknet_number(const struct darknet *net, const struct darknet_section *section, const char *key, double standard,
                   double *value, struct error *error);
/** An option as a list of at most `most` numbers separated by commas. Returns how many, or -1 and E_INPUT. */
int darknet_numbers(const struct darknet *net, const struct darknet_section *section, const char *key, double *numbers,
                    int most, struct error *error);
int darknet_refuse(const struct darknet *net, const struct darknet_section *section, const char *what,
                   struct error *error);
/** Builds layer `index` (section 1 + index) on `x`, the result of the layer before. */
int darknet_layer(struct darknet *net, int index, fov_value x, struct error *error);

#endif
