/* SPDX-License-Identifier: MIT */
/* Filters that are one convolution, given by their kernels. Sobel, Prewitt and Scharr are not normalised: an edge from
 * 0 to 1 gives 4 with Sobel. The x filters are positive where the picture gets brighter to the right, the y filters
 * where it gets brighter downwards. */
#include "filter/filter.h"

#include <math.h>
#include <string.h>

/* Sets a 3 x 3 kernel. */
static void fill_3x3(struct filter_kernel *kernel, const float weights[9])
{
    kernel->rows = kernel->columns = 3;
    memcpy(kernel->weights, weights, 9 * sizeof *weights);
}

/* A derivative along x, smoothed along y with the weights side, centre, side; transposed if `downwards`. */
static void derivative(struct filter_kernel *kernel, float side, float centre, bool downwards)
{
    const float average[3] = {side, centre, side}, step[3] = {-1, 0, 1};

    kernel->rows = kernel->columns = 3;
    for (int i = 0; i < 9; i++) {
        kernel->weights[i] = downwards ? step[i / 3] * average[i % 3] : average[i / 3] * step[i % 3];
    }
}

static void identity(double size, struct filter_kernel *kernel)
{
    (void)size;
    fill_3x3(kernel, (float[9]){0, 0, 0, 0, 1, 0, 0, 0, 0});
}

static void box(double size, struct filter_kernel *kernel)
{
    kernel->rows = kernel->columns = (int)size;
    for (int i = 0; i < kernel->rows * kernel->columns; i++) {
        kernel->weights[i] = (float)(1.0 / (size * size));
    }
}

/* Motion blur: the mean of `size` pixels along a row. */
static void motion(double size, struct filter_kernel *kernel)
{
    kernel->rows    = 1;
    kernel->columns = (int)size;
    for (int i = 0; i < kernel->columns; i++) {
        kernel->weights[i] = (float)(1.0 / size);
    }
}

/* exp(-t^2 / (2 sigma^2)) for |t| <= radius, with sum 1. */
static void bell(double sigma, int radius, double *weights)
{
    double sum = 0.0;

    for (int t = -radius; t <= radius; t++) {
        sum += weights[t + radius] = exp(-t * t / (2.0 * sigma * sigma));
    }
    for (int t = 0; t <= 2 * radius; t++) {
        weights[t] /= sum;
    }
}

/* A Gaussian, truncated at three sigma. */
static void gauss(double sigma, struct filter_kernel *kernel)
{
    int    radius = (int)floor(3.0 * sigma), side = 2 * radius + 1;
    double weights[FOV_FILTER_MOST];

    bell(sigma, radius, weights);
    kernel->rows = kernel->columns = side;
    for (int i = 0; i < side * side; i++) {
        kernel->weights[i] = (float)(weights[i / side] * weights[i % side]);
    }
}

/* The Laplacian of a Gaussian, (x^2 + y^2 - 2 sigma^2) / sigma^4 g(x) g(y), truncated at four sigma (Marr & Hildreth
 * 1980). */
static void laplacian_of_gauss(double sigma, struct filter_kernel *kernel)
{
    int    radius = (int)floor(4.0 * sigma), side = 2 * radius + 1;
    double weights[FOV_FILTER_MOST], square = sigma * sigma;

    bell(sigma, radius, weights);
    kernel->rows = kernel->columns = side;
    for (int i = 0; i < side * side; i++) {
        int y = i / side - radius, x = i % side - radius;

        kernel->weights[i] =
            (float)((x * x + y * y - 2.0 * square) / (square * square) * weights[i / side] * weights[i % side]);
    }
}

static void log_5x5(double size, struct filter_kernel *kernel)
{
    static const float weights[25] = {0, 0, -1, 0,  0,  /**/ 0,  -1, -2, -1, 0, /**/ -1, -2, 16,
                                      -2, -1, /**/ 0, -1, -2, -1, 0, /**/ 0, 0, -1, 0,  0};

    (void)size;
    kernel->rows = kernel->columns = 5;
    memcpy(kernel->weights, weights, sizeof weights);
}

static void sharpen(double size, struct filter_kernel *kernel)
{
    (void)size;
    fill_3x3(kernel, (float[9]){0, -1, 0, -1, 5, -1, 0, -1, 0});
}

static void emboss(double size, struct filter_kernel *kernel)
{
    (void)size;
    fill_3x3(kernel, (float[9]){-2, -1, 0, -1, 1, 1, 0, 1, 2});
}

static void laplacian_4(double size, struct filter_kernel *kernel)
{
    (void)size;
    fill_3x3(kernel, (float[9]){0, 1, 0, 1, -4, 1, 0, 1, 0});
}

static void laplacian_8(double size, struct filter_kernel *kernel)
{
    (void)size;
    fill_3x3(kernel, (float[9]){1, 1, 1, 1, -8, 1, 1, 1, 1});
}

static void sobel_x(double size, struct filter_kernel *kernel)
{
    (void)size;
    derivative(kernel, 1, 2, false);
}

static void sobel_y(double size, struct filter_kernel *kernel)
{
    (void)size;
    derivative(kernel, 1, 2, true);
}

static void prewitt_x(double size, struct filter_kernel *kernel)
{
    (void)size;
    derivative(kernel, 1, 1, false);
}

static void prewitt_y(double size, struct filter_kernel *kernel)
{
    (void)size;
    derivative(kernel, 1, 1, true);
}

static void scharr_x(double size, struct filter_kernel *kernel)
{
    (void)size;
    derivative(kernel, 3, 10, false);
}

static void scharr_y(double size, struct filter_kernel *kernel)
{
    (void)size;
    derivative(kernel, 3, 10, true);
}

const struct filter filter_kernels[] = {
    {.name = "identity", .summary = "the picture as it is: 1 in the middle, 0 around", .kernel = identity},
    {.name = "box", .summary = "mean of N x N pixels", .size = "N, pixels, odd, 3 to 31", .minimum = 3, .maximum = 31,
     .odd = true, .example = "box3", .kernel = box},
    {.name = "gauss-sigma", .summary = "weighted mean, weights falling as a bell of deviation S",
     .size = "S, pixels, 0.4 to 10", .minimum = 0.4, .maximum = 10, .example = "gauss-sigma1", .kernel = gauss},
    {.name = "motion-", .summary = "mean of N pixels of a row, as if the camera had moved",
     .size = "N, pixels, odd, 3 to 81", .minimum = 3, .maximum = 81, .odd = true, .example = "motion-9",
     .kernel = motion},
    {.name = "sharpen", .summary = "the picture less its four neighbours' mean, four times, added to it",
     .kernel = sharpen},
    {.name = "sobel-x", .summary = "brighter to the right: positive (Sobel & Feldman 1968)", .kernel = sobel_x},
    {.name = "sobel-y", .summary = "brighter downwards: positive", .kernel = sobel_y},
    {.name = "prewitt-x", .summary = "the same with equal weights (Prewitt 1970)", .kernel = prewitt_x},
    {.name = "prewitt-y", .summary = "the same downwards", .kernel = prewitt_y},
    {.name = "scharr-x", .summary = "weights 3 10 3: nearly the same at every angle (Scharr 2000)",
     .kernel = scharr_x},
    {.name = "scharr-y", .summary = "the same downwards", .kernel = scharr_y},
    {.name = "laplacian-4", .summary = "second derivatives: four neighbours less four times the middle",
     .kernel = laplacian_4},
    {.name = "laplacian-8", .summary = "the same with eight neighbours", .kernel = laplacian_8},
    {.name = "log-5x5", .summary = "a Laplacian of a Gaussian in whole numbers, its middle +16", .kernel = log_5x5},
    {.name = "log-sigma", .summary = "Laplacian of a Gaussian of deviation S (Marr & Hildreth 1980)",
     .size = "S, pixels, 0.5 to 10", .minimum = 0.5, .maximum = 10, .example = "log-sigma1",
     .kernel = laplacian_of_gauss},
    {.name = "emboss", .summary = "light from the upper left on the picture as a relief", .kernel = emboss},
    {.name = NULL},
};
