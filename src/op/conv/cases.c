/* SPDX-License-Identifier: MIT */
/* Test shapes for convolution and its gradients: one list for three tables, since the three operators have the same
 * sizes. Small, so that central differences are quick, and odd, so that every tail and every form (padded rows,
 * collapsed rows, table, phases, pointwise, depthwise, packed and plain weight gradient) is exercised. */
#include "op/conv/conv.h"

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
#define SHAPE(...) FOV_SHAPE(__VA_ARGS__)

static const struct conv_options
    plain_3x3 = {.kernel = LIST(3, 3), .size = LIST(6, 7), .groups = 1},
    first_5x5 = {.kernel = LIST(5, 5), .size = LIST(9, 8), .groups = 1},
    first_padded = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(5, 6), .groups = 1},
    first_strided = {.kernel = LIST(5, 3),
                     .stride = LIST(2, 3),
                     .pad = LIST(2, 1, 1, 2),
                     .size = LIST(9, 10),
                     .groups = 1},
    same_3x3 = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(7, 5), .groups = 1},
    strided = {.kernel = LIST(3, 3), .stride = LIST(2, 2), .pad = LIST(1, 1, 1, 1), .size = LIST(7, 8), .groups = 1},
    asymmetric = {.kernel = LIST(2, 4), .stride = LIST(1, 3), .pad = LIST(0, 2, 1, 1), .size = LIST(6, 8), .groups = 1},
    dilated = {.kernel = LIST(3, 2), .pad = LIST(2, 1, 2, 1), .dilation = LIST(2, 3), .size = LIST(6, 7), .groups = 1},
    dilated_strided = {.kernel = LIST(3, 3),
                       .stride = LIST(2, 2),
                       .pad = LIST(2, 2, 2, 2),
                       .dilation = LIST(2, 2),
                       .size = LIST(7, 7),
                       .groups = 1},
    gaps = {.kernel = LIST(2, 1), .stride = LIST(3, 2), .size = LIST(9, 6), .groups = 1},
    grouped = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(5, 5), .groups = 2},
    grouped_strided = {.kernel = LIST(3, 3),
                       .stride = LIST(2, 1),
                       .pad = LIST(1, 1, 1, 1),
                       .size = LIST(5, 4),
                       .groups = 3},
    depthwise = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(5, 6), .groups = 17},
    depthwise_strided = {.kernel = LIST(3, 5),
                         .stride = LIST(2, 2),
                         .pad = LIST(1, 2, 1, 2),
                         .size = LIST(6, 7),
                         .groups = 5},
    depthwise_dilated = {.kernel = LIST(3, 3),
                         .pad = LIST(2, 2, 2, 2),
                         .dilation = LIST(2, 2),
                         .size = LIST(5, 5),
                         .groups = 3},
    multiplier = {.kernel = LIST(3, 3), .size = LIST(4, 5), .groups = 3},
    fours = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(7, 10), .groups = 8},
    eights = {.kernel = LIST(3, 3), .stride = LIST(2, 2), .pad = LIST(1, 1, 1, 1), .size = LIST(6, 9), .groups = 4},
    sixteens = {.kernel = LIST(2, 3), .pad = LIST(0, 1, 1, 1), .size = LIST(5, 6), .groups = 2},
    fours_volume = {.kernel = LIST(2, 3, 3), .pad = LIST(0, 1, 2, 1, 1, 0), .size = LIST(3, 4, 5), .groups = 4},
    pointwise = {.kernel = LIST(1, 1), .size = LIST(4, 5), .groups = 1},
    pointwise_strided = {.kernel = LIST(1, 1), .stride = LIST(2, 2), .size = LIST(5, 6), .groups = 1},
    pointwise_grouped = {.kernel = LIST(1, 1), .size = LIST(3, 5), .groups = 2},
    line = {.kernel = LIST(4), .stride = LIST(2), .pad = LIST(2, 1), .size = LIST(11), .groups = 1},
    line_depthwise = {.kernel = LIST(3), .pad = LIST(1, 1), .size = LIST(7), .groups = 4},
    volume = {.kernel = LIST(2, 3, 2),
              .stride = LIST(1, 2, 1),
              .pad = LIST(1, 1, 0, 0, 1, 1),
              .size = LIST(3, 4, 4),
              .groups = 1},
    volume_depthwise = {.kernel = LIST(2, 2, 2),
                        .stride = LIST(1, 2, 1),
                        .pad = LIST(1, 0, 1, 0, 1, 0),
                        .size = LIST(3, 4, 3),
                        .groups = 3},
    volume_first = {.kernel = LIST(2, 2, 3), .pad = LIST(0, 1, 1, 1, 0, 1), .size = LIST(3, 3, 4), .groups = 1},
    same_upper = {.kernel = LIST(3, 2),
                  .stride = LIST(2, 1),
                  .size = LIST(6, 5),
                  .groups = 1,
                  .auto_pad = WINDOW_SAME_UPPER},
    same_lower = {.kernel = LIST(2, 4),
                  .stride = LIST(1, 2),
                  .size = LIST(5, 6),
                  .groups = 1,
                  .auto_pad = WINDOW_SAME_LOWER},
    valid = {.kernel = LIST(3, 2), .size = LIST(5, 4), .groups = 1, .auto_pad = WINDOW_VALID},
    wide = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(4, 4), .groups = 1},
    /* For winograd.h: tiles that extend over edges, pads larger than the kernel needs, tails of channels and filters,
       several blocks. */
    no_pad = {.kernel = LIST(3, 3), .size = LIST(9, 11), .groups = 1},
    same_9x6 = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(9, 6), .groups = 1},
    wide_pad = {.kernel = LIST(3, 3), .pad = LIST(2, 2, 2, 2), .size = LIST(4, 5), .groups = 1},
    uneven_pad = {.kernel = LIST(3, 3), .pad = LIST(0, 2, 1, 0), .size = LIST(6, 7), .groups = 1},
    far_pad = {.kernel = LIST(3, 3), .pad = LIST(4, 3, 3, 5), .size = LIST(5, 4), .groups = 1},
    one_to_three = {.kernel = LIST(3, 3), .pad = LIST(2, 2, 2, 2), .size = LIST(1, 1), .groups = 1},
    many_tiles = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(34, 37), .groups = 1},
    same_5x5 = {.kernel = LIST(5, 5), .pad = LIST(2, 2, 2, 2), .size = LIST(7, 6), .groups = 1},
    same_1x7 = {.kernel = LIST(1, 7), .pad = LIST(0, 3, 0, 3), .size = LIST(5, 9), .groups = 1},
    same_7x1 = {.kernel = LIST(7, 1), .pad = LIST(3, 0, 3, 0), .size = LIST(9, 5), .groups = 1},
    same_1x3 = {.kernel = LIST(1, 3), .pad = LIST(0, 1, 0, 1), .size = LIST(5, 9), .groups = 1},
    padded_3x1 = {.kernel = LIST(3, 1), .pad = LIST(1, 1, 1, 0), .size = LIST(9, 5), .groups = 1},
    /* For outer_rows.h: enough channels and filters for tiles, enough pixels for several parts. */
    rows_1x1 = {.kernel = LIST(1, 1), .size = LIST(12, 11), .groups = 1},
    rows_parts = {.kernel = LIST(1, 1), .size = LIST(24, 25), .groups = 1},
    rows_strided = {.kernel = LIST(3, 3),
                    .stride = LIST(2, 2),
                    .pad = LIST(1, 1, 1, 1),
                    .size = LIST(19, 17),
                    .groups = 1},
    tiles_strided = {.kernel = LIST(3, 3),
                     .stride = LIST(2, 2),
                     .pad = LIST(1, 1, 1, 1),
                     .size = LIST(21, 19),
                     .groups = 1},
    rows_grouped = {.kernel = LIST(2, 3), .pad = LIST(0, 2, 1, 0), .size = LIST(10, 9), .groups = 2},
    rows_volume = {.kernel = LIST(2, 1, 2),
                   .pad = LIST(0, 1, 0, 1, 0, 0),
                   .dilation = LIST(2, 1, 1),
                   .size = LIST(4, 7, 6),
                   .groups = 1},
    /* For planes.c: lines of at least as many pixels as the widest register has floats. */
    few_filters = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(5, 18), .groups = 1},
    few_filters_uneven = {.kernel = LIST(3, 5), .pad = LIST(0, 4, 2, 1), .size = LIST(4, 17), .groups = 1},
    few_filters_dilated = {.kernel = LIST(3, 3),
                           .pad = LIST(3, 1, 1, 5),
                           .dilation = LIST(2, 3),
                           .size = LIST(6, 19),
                           .groups = 1},
    few_filters_far = {.kernel = LIST(3, 3), .pad = LIST(4, 3, 3, 5), .size = LIST(5, 16), .groups = 1},
    few_filters_bands = {.kernel = LIST(9, 9), .pad = LIST(4, 4, 4, 4), .size = LIST(40, 33), .groups = 1},
    only_pixel = {.kernel = LIST(1, 1), .size = LIST(1, 1), .groups = 1};

/* name, options, x, weight, y */
#define EACH_CASE(CASE)                                                                                            \
    CASE("3x3", plain_3x3, SHAPE(2, 5, 6, 7), SHAPE(7, 5, 3, 3), SHAPE(2, 7, 4, 5))                                \
    CASE("first layer 5x5", first_5x5, SHAPE(3, 1, 9, 8), SHAPE(10, 1, 5, 5), SHAPE(3, 10, 5, 4))                  \
    CASE("first layer padded", first_padded, SHAPE(2, 3, 5, 6), SHAPE(6, 3, 3, 3), SHAPE(2, 6, 5, 6))              \
    CASE("first layer strided", first_strided, SHAPE(1, 3, 9, 10), SHAPE(4, 3, 5, 3), SHAPE(1, 4, 4, 4))           \
    CASE("3x3 same", same_3x3, SHAPE(3, 5, 7, 5), SHAPE(17, 5, 3, 3), SHAPE(3, 17, 7, 5))                          \
    CASE("3x3 stride 2", strided, SHAPE(2, 6, 7, 8), SHAPE(5, 6, 3, 3), SHAPE(2, 5, 4, 4))                         \
    CASE("asymmetric", asymmetric, SHAPE(2, 5, 6, 8), SHAPE(3, 5, 2, 4), SHAPE(2, 3, 6, 3))                        \
    CASE("dilated", dilated, SHAPE(2, 5, 6, 7), SHAPE(3, 5, 3, 2), SHAPE(2, 3, 6, 6))                              \
    CASE("dilated, stride 2", dilated_strided, SHAPE(1, 5, 7, 7), SHAPE(3, 5, 3, 3), SHAPE(1, 3, 4, 4))            \
    CASE("stride beyond kernel", gaps, SHAPE(2, 5, 9, 6), SHAPE(4, 5, 2, 1), SHAPE(2, 4, 3, 3))                    \
    CASE("2 groups", grouped, SHAPE(2, 6, 5, 5), SHAPE(10, 3, 3, 3), SHAPE(2, 10, 5, 5))                           \
    CASE("3 groups, stride 2 x 1", grouped_strided, SHAPE(1, 6, 5, 4), SHAPE(9, 2, 3, 3), SHAPE(1, 9, 3, 4))       \
    CASE("8 groups of 4", fours, SHAPE(2, 32, 7, 10), SHAPE(32, 4, 3, 3), SHAPE(2, 32, 7, 10))                     \
    CASE("4 groups of 8, stride 2", eights, SHAPE(3, 32, 6, 9), SHAPE(32, 8, 3, 3), SHAPE(3, 32, 3, 5))            \
    CASE("2 groups of 16", sixteens, SHAPE(1, 32, 5, 6), SHAPE(32, 16, 2, 3), SHAPE(1, 32, 5, 6))                  \
    CASE("4 groups of 4, 3-D", fours_volume, SHAPE(1, 16, 3, 4, 5), SHAPE(16, 4, 2, 3, 3), SHAPE(1, 16, 3, 4, 5))  \
    CASE("depthwise", depthwise, SHAPE(2, 17, 5, 6), SHAPE(17, 1, 3, 3), SHAPE(2, 17, 5, 6))                       \
    CASE("depthwise stride 2", depthwise_strided, SHAPE(1, 5, 6, 7), SHAPE(5, 1, 3, 5), SHAPE(1, 5, 3, 4))         \
    CASE("depthwise dilated", depthwise_dilated, SHAPE(3, 3, 5, 5), SHAPE(3, 1, 3, 3), SHAPE(3, 3, 5, 5))          \
    CASE("depthwise multiplier 2", multiplier, SHAPE(2, 3, 4, 5), SHAPE(6, 1, 3, 3), SHAPE(2, 6, 2, 3))            \
    CASE("1x1", pointwise, SHAPE(3, 17, 4, 5), SHAPE(9, 17, 1, 1), SHAPE(3, 9, 4, 5))                              \
    CASE("1x1 stride 2", pointwise_strided, SHAPE(2, 7, 5, 6), SHAPE(5, 7, 1, 1), SHAPE(2, 5, 3, 3))               \
    CASE("1x1, 2 groups", pointwise_grouped, SHAPE(2, 6, 3, 5), SHAPE(4, 3, 1, 1), SHAPE(2, 4, 3, 5))              \
    CASE("1-D", line, SHAPE(3, 5, 11), SHAPE(6, 5, 4), SHAPE(3, 6, 6))                                             \
    CASE("1-D depthwise", line_depthwise, SHAPE(2, 4, 7), SHAPE(4, 1, 3), SHAPE(2, 4, 7))                          \
    CASE("3-D", volume, SHAPE(2, 5, 3, 4, 4), SHAPE(3, 5, 2, 3, 2), SHAPE(2, 3, 3, 2, 4))                          \
    CASE("3-D depthwise", volume_depthwise, SHAPE(1, 3, 3, 4, 3), SHAPE(3, 1, 2, 2, 2), SHAPE(1, 3, 3, 2, 3))      \
    CASE("3-D first layer", volume_first, SHAPE(2, 2, 3, 3, 4), SHAPE(3, 2, 2, 2, 3), SHAPE(2, 3, 3, 3, 4))        \
    CASE("same upper", same_upper, SHAPE(2, 5, 6, 5), SHAPE(3, 5, 3, 2), SHAPE(2, 3, 3, 5))                        \
    CASE("same lower", same_lower, SHAPE(2, 5, 5, 6), SHAPE(3, 5, 2, 4), SHAPE(2, 3, 5, 3))                        \
    CASE("valid", valid, SHAPE(1, 5, 5, 4), SHAPE(3, 5, 3, 2), SHAPE(1, 3, 3, 3))                                  \
    CASE("3x3, one pixel", one_to_three, SHAPE(2, 3, 1, 1), SHAPE(4, 3, 3, 3), SHAPE(2, 4, 3, 3))                  \
    CASE("37 to 33 channels", wide, SHAPE(1, 37, 4, 4), SHAPE(33, 37, 3, 3), SHAPE(1, 33, 4, 4))                   \
    CASE("few filters", few_filters, SHAPE(2, 2, 5, 18), SHAPE(1, 2, 3, 3), SHAPE(2, 1, 5, 18))                    \
    CASE("few filters, uneven pad", few_filters_uneven, SHAPE(3, 1, 4, 17), SHAPE(2, 1, 3, 5), SHAPE(3, 2, 4, 18)) \
    CASE("few filters, dilated", few_filters_dilated, SHAPE(1, 3, 6, 19), SHAPE(1, 3, 3, 3), SHAPE(1, 1, 6, 19))   \
    CASE("few filters, far pad", few_filters_far, SHAPE(1, 2, 5, 16), SHAPE(2, 2, 3, 3), SHAPE(1, 2, 10, 22))      \
    CASE("one pixel", only_pixel, SHAPE(1, 1, 1, 1), SHAPE(1, 1, 1, 1), SHAPE(1, 1, 1, 1))

/* Too large for central differences; the smaller cases above check those. */
#define EACH_LARGE_CASE(CASE)                                                                                    \
    CASE("few filters, bands", few_filters_bands, SHAPE(1, 64, 40, 33), SHAPE(1, 64, 9, 9), SHAPE(1, 1, 40, 33)) \
    CASE("Winograd, no pad", no_pad, SHAPE(2, 16, 9, 11), SHAPE(20, 16, 3, 3), SHAPE(2, 20, 7, 9))               \
    CASE("Winograd, 70 filters", same_9x6, SHAPE(3, 4, 9, 6), SHAPE(70, 4, 3, 3), SHAPE(3, 70, 9, 6))            \
    CASE("Winograd, 70 channels", wide_pad, SHAPE(1, 70, 4, 5), SHAPE(33, 70, 3, 3), SHAPE(1, 33, 6, 7))         \
    CASE("Winograd, uneven pad", uneven_pad, SHAPE(2, 17, 6, 7), SHAPE(8, 17, 3, 3), SHAPE(2, 8, 5, 7))          \
    CASE("Winograd, far pad", far_pad, SHAPE(1, 9, 5, 4), SHAPE(5, 9, 3, 3), SHAPE(1, 5, 10, 10))                \
    CASE("Winograd, blocks", many_tiles, SHAPE(2, 40, 34, 37), SHAPE(24, 40, 3, 3), SHAPE(2, 24, 34, 37))        \
    CASE("Winograd 5x5", same_5x5, SHAPE(2, 17, 7, 6), SHAPE(18, 17, 5, 5), SHAPE(2, 18, 7, 6))                  \
    CASE("Winograd 1x7", same_1x7, SHAPE(2, 20, 5, 9), SHAPE(17, 20, 1, 7), SHAPE(2, 17, 5, 9))                  \
    CASE("Winograd 7x1", same_7x1, SHAPE(2, 20, 9, 5), SHAPE(17, 20, 7, 1), SHAPE(2, 17, 9, 5))                  \
    CASE("Winograd 1x3", same_1x3, SHAPE(2, 20, 5, 9), SHAPE(17, 20, 1, 3), SHAPE(2, 17, 5, 9))                  \
    CASE("Winograd 3x1", padded_3x1, SHAPE(2, 20, 9, 5), SHAPE(17, 20, 3, 1), SHAPE(2, 17, 9, 6))

/* Large enough for products on bfloat16 tiles, where the instruction set has them: the forward pass, and most phases of
   the input gradient. */
#define EACH_TILED_PRODUCT(CASE)                                                                                       \
    CASE("1x1 on tiles", rows_1x1, SHAPE(1, 530, 12, 11), SHAPE(290, 530, 1, 1), SHAPE(1, 290, 12, 11))                \
    CASE("3x3 on tiles, stride 2", tiles_strided, SHAPE(1, 128, 21, 19), SHAPE(97, 128, 3, 3), SHAPE(1, 97, 11, 10))   \
    CASE("on tiles, 2 groups", rows_grouped, SHAPE(2, 192, 10, 9), SHAPE(192, 96, 2, 3), SHAPE(2, 192, 10, 9))

#define CONV(label, with, x, weight, y) {.name = label, .options = &with, .in = {x, weight}, .in_count = 2},
#define LARGE_CONV(label, with, x, weight, y) \
    {.name = label, .options = &with, .in = {x, weight}, .in_count = 2, .no_gradient = true},
#define INPUT_GRADIENT(label, with, x, weight, y) {.name = label, .options = &with, .in = {y, weight}, .in_count = 2},
#define LARGE_INPUT_GRADIENT(label, with, x, weight, y) \
    {.name = label, .options = &with, .in = {y, weight}, .in_count = 2, .no_gradient = true},
#define WEIGHT_GRADIENT(label, with, x, weight, y) {.name = label, .options = &with, .in = {x, y}, .in_count = 2},
#define LARGE_WEIGHT_GRADIENT(label, with, x, weight, y) \
    {.name = label, .options = &with, .in = {x, y}, .in_count = 2, .no_gradient = true},

const struct op_case conv_cases[] = {
    EACH_CASE(CONV) EACH_LARGE_CASE(LARGE_CONV)
        EACH_TILED_PRODUCT(LARGE_CONV){.name = "with bias",
                                       .options = &same_3x3,
                                       .in = {SHAPE(1, 3, 7, 5), SHAPE(18, 3, 3, 3), SHAPE(18)},
                                       .in_count = 3},
    {.name = "Winograd, with bias",
     .options = &no_pad,
     .in = {SHAPE(1, 9, 9, 11), SHAPE(18, 9, 3, 3), SHAPE(18)},
     .in_count = 3,
     .no_gradient = true},
    {.name = "few filters with bias",
     .options = &few_filters,
     .in = {SHAPE(1, 3, 5, 18), SHAPE(2, 3, 3, 3), SHAPE(2)},
     .in_count = 3},
    {.name = "groups with bias",
     .options = &grouped,
     .in = {SHAPE(1, 4, 5, 5), SHAPE(6, 2, 3, 3), SHAPE(6)},
     .in_count = 3},
    {.name = "depthwise with bias",
     .options = &depthwise_dilated,
     .in = {SHAPE(1, 3, 5, 5), SHAPE(3, 1, 3, 3), SHAPE(3)},
     .in_count = 3},
    {0},
};
const struct op_case conv_input_gradient_cases[] = {
    EACH_CASE(INPUT_GRADIENT) EACH_LARGE_CASE(LARGE_INPUT_GRADIENT) EACH_TILED_PRODUCT(LARGE_INPUT_GRADIENT)
    /* A batch large enough for patches.c. */
    {.name = "patches",
     .options = &first_5x5,
     .in = {SHAPE(9, 6, 5, 4), SHAPE(6, 3, 5, 5)},
     .in_count = 2,
     .no_gradient = true},
    {.name = "patches, padded",
     .options = &same_lower,
     .in = {SHAPE(8, 17, 5, 3), SHAPE(17, 1, 2, 4)},
     .in_count = 2,
     .no_gradient = true},
    {.name = "patches, dilated",
     .options = &dilated,
     .in = {SHAPE(8, 5, 6, 6), SHAPE(5, 3, 3, 2)},
     .in_count = 2,
     .no_gradient = true},
    {.name = "patches, 3-D",
     .options = &volume_first,
     .in = {SHAPE(8, 5, 3, 3, 4), SHAPE(5, 2, 2, 2, 3)},
     .in_count = 2,
     .no_gradient = true},
    {0},
};
#define EACH_TILED_CASE(CASE)                                                                                          \
    CASE("1x1 on tiles", rows_1x1, SHAPE(3, 70, 12, 11), SHAPE(100, 70, 1, 1), SHAPE(3, 100, 12, 11))                  \
    CASE("1x1 on tiles, pieces", rows_1x1, SHAPE(1, 530, 12, 11), SHAPE(290, 530, 1, 1), SHAPE(1, 290, 12, 11))        \
    CASE("1x1 on tiles, parts", rows_parts, SHAPE(2, 40, 24, 25), SHAPE(104, 40, 1, 1), SHAPE(2, 104, 24, 25))         \
    CASE("3x3 on tiles, stride 2", rows_strided, SHAPE(2, 33, 19, 17), SHAPE(130, 33, 3, 3), SHAPE(2, 130, 10, 9))     \
    CASE("on tiles, 2 groups", rows_grouped, SHAPE(3, 96, 10, 9), SHAPE(200, 48, 2, 3), SHAPE(3, 200, 10, 9))          \
    CASE("on tiles, 3-D", rows_volume, SHAPE(2, 64, 4, 7, 6), SHAPE(65, 64, 2, 1, 2), SHAPE(2, 65, 3, 8, 5))
const struct op_case conv_weight_gradient_cases[] = {
    EACH_CASE(WEIGHT_GRADIENT) EACH_LARGE_CASE(LARGE_WEIGHT_GRADIENT) EACH_TILED_CASE(LARGE_WEIGHT_GRADIENT){0}};
