/* SPDX-License-Identifier: MIT */
/* Picture filters by name: averages, edges, sharpening, medians. Convolutions run on the networks' own operator and are
 * defined as there: result[y][x] = sum of kernel[u][v] * picture[y + u - rows / 2][x + v - columns / 2], with the
 * kernel not flipped. Results are neither rounded nor clipped, and no offset is added. */
#ifndef FOVEA_FILTER_H
#define FOVEA_FILTER_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The pixels outside the picture, where a b c d is a row of it. */
typedef enum fov_border {
    FOV_BORDER_REFLECT = 0, /**< d c b a | a b c d | d c b a */
    FOV_BORDER_MIRROR,      /**< d c b | a b c d | c b a: "reflect" of ONNX and PyTorch */
    FOV_BORDER_EDGE,        /**< a a a | a b c d | d d d */
    FOV_BORDER_ZERO         /**< 0 0 0 | a b c d | 0 0 0 */
} fov_border;

/** The list of filters. Names that need a size ("gauss-sigma", "median-") are used with the size appended:
 *  "gauss-sigma1.5", "median-5". */
FOV_API int         fov_filter_count(void);
FOV_API const char *fov_filter_name(int index);    /**< "sobel-x", "gauss-sigma" */
FOV_API const char *fov_filter_size(int index);    /**< the size to append: "S, pixels, 0.4 to 10"; "": none */
FOV_API const char *fov_filter_summary(int index); /**< one line */
FOV_API const char *fov_filter_example(int index); /**< a whole name: "gauss-sigma1" */

enum { FOV_FILTER_MOST = 81 }; /**< rows and columns of a kernel, at most; both are odd */

/** The kernel of a filter that is one convolution: weights [*rows][*columns], for which there must be room for
 *  FOV_FILTER_MOST squared numbers. E_USAGE: no filter of that name (with the nearest), a size out of range;
 *  E_UNSUPPORTED: the filter is not a single convolution. */
FOV_API FOV_MUST_CHECK int fov_filter_kernel(fov_context *context, const char *name, float *weights, int *rows,
                                             int *columns);

/** Filters a picture [height, width, channels], each channel by itself; result has the same shape and must not overlap
 *  picture. E_USAGE as above, a picture without pixels, no such border; E_MEMORY. */
FOV_API FOV_MUST_CHECK int fov_filter(fov_context *context, const char *name, const float *picture, int height,
                                      int width, int channels, fov_border border, float *result);
/** The same with a custom kernel; rows and columns must be odd. */
FOV_API FOV_MUST_CHECK int fov_filter_convolve(fov_context *context, const float *weights, int rows, int columns,
                                               const float *picture, int height, int width, int channels,
                                               fov_border border, float *result);

/** Results as 8-bit pixels: rounded and clipped to 0 .. 255; of filters that map a uniform picture to 0 (Sobel,
 *  Laplacian...) the absolute values. */
FOV_API FOV_MUST_CHECK int fov_filter_pixels(fov_context *context, const char *name, const float *result, size_t count,
                                             uint8_t *pixels);

/** The pixels of one channel that a kernel of rows x columns sees at (y, x): patch [rows][columns]. */
FOV_API void fov_filter_patch(const float *picture, int height, int width, int channels, int y, int x, int channel,
                              int rows, int columns, fov_border border, float *patch);

/** Draws an 8-bit picture under every filter, each with its name, as PNG. E_UNSUPPORTED without cairo. */
FOV_API FOV_MUST_CHECK int fov_filter_sheet(fov_context *context, const uint8_t *pixels, int height, int width,
                                            int channels, fov_border border, const char *png);

#ifdef __cplusplus
}
#endif
#endif
