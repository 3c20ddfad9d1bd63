/* SPDX-License-Identifier: MIT */
/* LeCun's networks as they were printed, with the trainable parameters counted in the papers. `lenet5@1998` (60,000):
 * LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proceedings of the IEEE 86
 * (1998), figure 2. `lenet@1989` (9,760): LeCun et al., "Backpropagation applied to handwritten zip code recognition",
 * Neural Computation 1 (1989), figure 3. Two things are today's: results are scores for a softmax, and in 1989's the
 * last layer is not squashed. */
#include "graph/graph.h"
#include "zoo/blocks.h"

/* Both papers' squashing function, 1.7159 tanh(2/3 a): +-1 lies where it bends most. */
static fov_value squash(fov_graph *g, fov_value x)
{
    fov_value scale = fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &(float){2.0F / 3});
    fov_value amplitude = fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &(float){1.7159F});
    return fov_mul(g, amplitude, fov_tanh(g, fov_mul(g, scale, x)));
}

/* Some maps of x, by number. */
static fov_value maps_of(fov_graph *g, fov_value x, const int64_t *maps, int count)
{
    fov_value which = fov_constant(g, NULL, FOV_I64, (fov_shape){1, {count}}, maps);
    return fov_gather(g, x, which, 1);
}

/* ---- 1998 -------------------------------------------------------------------------------------------------------- */

/* S2 and S4: each window's four values are added, times a coefficient, plus a bias, both one per map, and squashed. */
static fov_value subsample(fov_graph *g, fov_value x, const char *name)
{
    int64_t channels = fov_value_shape(g, x).dim[1];
    fov_shape per_map = {3, {channels, 1, 1}};
    x = fov_avg_pool2d(g, x, .kernel = 2);
    /* A factor of the mean, four times the paper's coefficient of the sum; initially 1. */
    fov_value weight = zoo_parameter(g, name, "weight", per_map, FOV_INITIAL_ONES, 0);
    fov_value bias = zoo_parameter(g, name, "bias", per_map, FOV_INITIAL_ZEROS, 0);
    return squash(g, fov_add(g, fov_mul(g, x, weight), bias));
}

/* Table I: which maps of S2 each map of C3 reads. With different inputs they learn different features. */
static fov_value c3(fov_graph *g, fov_value x)
{
    enum { MAPS = 16, MOST = 6 };
    static const struct {
        int count;
        int64_t maps[MOST];
    } table[MAPS] = {
        {3, {0, 1, 2}},    {3, {1, 2, 3}},    {3, {2, 3, 4}},    {3, {3, 4, 5}},
        {3, {0, 4, 5}},    {3, {0, 1, 5}},    {4, {0, 1, 2, 3}}, {4, {1, 2, 3, 4}},
        {4, {2, 3, 4, 5}}, {4, {0, 3, 4, 5}}, {4, {0, 1, 4, 5}}, {4, {0, 1, 2, 5}},
        {4, {0, 1, 3, 4}}, {4, {1, 2, 4, 5}}, {4, {0, 2, 3, 5}}, {6, {0, 1, 2, 3, 4, 5}},
    };
    static const char *const name[MAPS] = {"c3.0", "c3.1", "c3.2",  "c3.3",  "c3.4",  "c3.5",  "c3.6",  "c3.7",
                                           "c3.8", "c3.9", "c3.10", "c3.11", "c3.12", "c3.13", "c3.14", "c3.15"};
    fov_value map[MAPS];
    for (int i = 0; i < MAPS; i++) {
        fov_value read = table[i].count < MOST ? maps_of(g, x, table[i].maps, table[i].count) : x;
        map[i] = fov_conv2d(g, read, .filters = 1, .kernel = 5, .name = name[i]);
    }
    return fov_concat(g, map, MAPS, 1);
}

enum { DIGITS = 10, ROWS = 12, COLUMNS = 7 };

/* The centres that F6's 84 units are compared with: a small picture of each digit, drawn after figure 3. */
static const char *const digit_rows[DIGITS][ROWS] = {
    {"..###..", ".#...#.", "#.....#", "#.....#", "#.....#", "#.....#", "#.....#", "#.....#", "#.....#", ".#...#.",
     "..###..", "......."},
    {"...##..", "..###..", "....#..", "....#..", "....#..", "....#..", "....#..", "....#..", "....#..", "....#..",
     "..#####", "......."},
    {".#####.", "#.....#", "......#", "......#", ".....#.", "...##..", ".##....", "#......", "#......", "#......",
     "#######", "......."},
    {"#######", "......#", ".....#.", "....#..", "..###..", ".....#.", "......#", "......#", "......#", "#.....#",
     ".#####.", "......."},
    {".....#.", "....##.", "...#.#.", "..#..#.", ".#...#.", "#....#.", "#######", ".....#.", ".....#.", ".....#.",
     ".....#.", "......."},
    {"#######", "#......", "#......", "#......", "######.", "......#", "......#", "......#", "......#", "#.....#",
     ".#####.", "......."},
    {"..####.", ".#.....", "#......", "#......", "######.", "#.....#", "#.....#", "#.....#", "#.....#", "#.....#",
     ".#####.", "......."},
    {"#######", "......#", "......#", ".....#.", ".....#.", "....#..", "....#..", "...#...", "...#...", "..#....",
     "..#....", "......."},
    {".#####.", "#.....#", "#.....#", "#.....#", ".#####.", "#.....#", "#.....#", "#.....#", "#.....#", "#.....#",
     ".#####.", "......."},
    {".#####.", "#.....#", "#.....#", "#.....#", "#.....#", ".######", "......#", "......#", "......#", ".....#.",
     ".####..", "......."},
};

/* Equation 7, y_i = sum_j (x_j - w_ij)^2, with w fixed at +-1. The score is -y_i: the nearest picture wins. */
static fov_value radial_basis(fov_graph *g, fov_value x)
{
    float centre[DIGITS][ROWS * COLUMNS];
    for (int digit = 0; digit < DIGITS; digit++) {
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            centre[digit][i] = digit_rows[digit][i / COLUMNS][i % COLUMNS] == '#' ? 1.0F : -1.0F;
        }
    }
    fov_value w = fov_constant(g, "output.centres", FOV_F32, (fov_shape){2, {DIGITS, ROWS * COLUMNS}}, centre);
    fov_value away = fov_sub(g, fov_reshape(g, x, (fov_shape){3, {FOV_BATCH, 1, ROWS * COLUMNS}}), w);
    away = fov_reduce_sum(g, fov_mul(g, away, away), .axes = {2}, .axis_count = 1); /* [N, 10] */
    return fov_neg(g, away);
}

static fov_value lenet5_1998_build(struct zoo_build *b, fov_value x)
{
    fov_graph *g = b->graph;
    if (b->input.classes != DIGITS) {
        return fov_graph_fail(g, "output", FOV_E_USAGE, "%d classes; it compares with pictures of the 10 digits",
                              b->input.classes);
    }
    x = squash(g, fov_conv2d(g, x, .filters = 6, .kernel = 5, .name = "c1"));   /* [N, 6, 28, 28]; 156 */
    x = subsample(g, x, "s2");                                                  /* [N, 6, 14, 14]; 12 */
    x = squash(g, c3(g, x));                                                    /* [N, 16, 10, 10]; 1,516 */
    x = subsample(g, x, "s4");                                                  /* [N, 16, 5, 5]; 32 */
    x = squash(g, fov_dense(g, fov_flatten(g, x), .units = 120, .name = "c5")); /* 48,120: 5 x 5 covers the map */
    x = squash(g, fov_dense(g, x, .units = ROWS * COLUMNS, .name = "f6"));      /* 10,164 */
    return radial_basis(g, x);
}

/* ---- 1989 -------------------------------------------------------------------------------------------------------- */

/* A bias for each unit, not for each map: as large as the map itself. */
static fov_value unit_biases(fov_graph *g, fov_value x, const char *layer)
{
    fov_shape shape = fov_value_shape(g, x);
    fov_shape unit = {3, {shape.dim[1], shape.dim[2], shape.dim[3]}};
    return fov_add(g, x, zoo_parameter(g, layer, "bias", unit, FOV_INITIAL_ZEROS, 0));
}

/* Windows at the border see background, -1. */
static fov_value frame(fov_graph *g, fov_value x)
{
    return fov_pad(g, x, .before = {0, 0, 2, 2}, .behind = {0, 0, 2, 2}, .value = -1);
}

static fov_value lenet_1989_build(struct zoo_build *b, fov_value x)
{
    enum { GROUPS = 3, READ = 8 };
    /* The paper says that each map of H2 reads 8 of H1's 12, but not which: here by thirds, as Karpathy (2022) has
     * it. */
    static const int64_t table[GROUPS][READ] = {
        {0, 1, 2, 3, 4, 5, 6, 7}, {4, 5, 6, 7, 8, 9, 10, 11}, {0, 1, 2, 3, 8, 9, 10, 11}};
    static const char *const name[GROUPS] = {"h2.0", "h2.1", "h2.2"};
    fov_graph *g = b->graph;
    fov_value group[GROUPS];

    x = fov_conv2d(g, frame(g, x), .filters = 12, .kernel = 5, .stride = 2, .no_bias = true, .name = "h1");
    x = squash(g, unit_biases(g, x, "h1")); /* [N, 12, 8, 8]; 300 + 768 */
    x = frame(g, x);
    for (int i = 0; i < GROUPS; i++) {
        group[i] = fov_conv2d(g, maps_of(g, x, table[i], READ), .filters = 4, .kernel = 5, .stride = 2, .no_bias = true,
                              .name = name[i]);
    }
    x = squash(g, unit_biases(g, fov_concat(g, group, GROUPS, 1), "h2"));      /* [N, 12, 4, 4]; 2,400 + 192 */
    x = squash(g, fov_dense(g, fov_flatten(g, x), .units = 30, .name = "h3")); /* 5,790 */
    return fov_dense(g, x, .units = b->input.classes, .name = "output");       /* 310 */
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

const struct zoo_network zoo_lenet5_1998 = {
    .name = "lenet5@1998",
    .summary = "LeNet-5 as printed: trainable subsampling, sparse C3, tanh, distances to pictures of the digits",
    .family = "LeNet",
    .year = 1998,
    .paper = "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition",
    .accuracy = "MNIST 99.05 %, with distortions 99.2 %",
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 10},
    .mean = {0.1F / 1.275F}, /* background becomes -0.1, ink 1.175 */
    .deviation = {1 / 1.275F},
    .pad = 2,
    .head = lenet5_1998_build,
};
const struct zoo_network zoo_lenet_1989 = {
    .name = "lenet@1989",
    .summary = "The first of them, for zip codes of 16 x 16 pixels: weights shared in a map, biases not",
    .family = "LeNet",
    .year = 1989,
    .paper = "LeCun et al.: Backpropagation applied to handwritten zip code recognition",
    .accuracy = "zip codes 95.0 %",
    .standard = {.channels = 1, .height = 16, .width = 16, .classes = 10},
    .mean = {0.5F}, /* background becomes -1, ink 1 */
    .deviation = {0.5F},
    .head = lenet_1989_build,
};
