/* SPDX-License-Identifier: MIT */
/* Picture filters by name: averages, edges, sharpening, medians. Each convolution runs on the operator that networks
 * run on, as networks compute it: result[y][x] = sum of kernel[u][v] * picture[y + u - rows / 2][x + v - columns / 2],
 * the kernel not turned round. Results are neither rounded nor clipped, and no offset is added. */
#ifndef FOVEA_FILTER_H
#define FOVEA_FILTER_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What lies outside the picture, a b c d being a row of it. */
typedef enum fov_border {
    FOV_BORDER_REFLECT = 0, /**< d c b a | a b c d | d c b a */
    FOV_BORDER_MIRROR,      /**< d c b | a b c d | c b a: "reflect" of ONNX and PyTorch */
    FOV_BORDER_EDGE,        /**< a a a | a b c d | d d d */
    FOV_BORDER_ZERO         /**< 0 0 0 | a b c d | 0 0 0 */
} fov_border;

/** Filters that are known. Those that end with a size in their name ("gauss-sigma", "median-") are asked for with it:
 *  "gauss-sigma1.5", "median-5". */
FOV_API int         fov_filter_count(void);
FOV_API const char *fov_filter_name(int index);    /**< "sobel-x", "gauss-sigma" */
FOV_API const char *fov_filter_size(int index);    /**< what stands behind the name: "S, pixels, 0.4 to 10"; "" */
FOV_API const char *fov_filter_summary(int index); /**< one line */
FOV_API const char *fov_filter_example(int index); /**< a whole name: "gauss-sigma1" */

enum { FOV_FILTER_MOST = 81 }; /**< rows and columns of a kernel, at most; both are odd */

/** The kernel of a filter that is one convolution: weights [*rows][*columns], of FOV_FILTER_MOST squared at most.
 *  E_USAGE: no filter of that name (with the nearest), a size out of range; E_UNSUPPORTED: no single convolution. */
FOV_API FOV_MUST_CHECK int fov_filter_kernel(fov_context *context, const char *name, float *weights, int *rows,
                                             int *columns);

/** Filters a picture [height, width, channels], each channel by itself; result of the same shape, elsewhere in
 *  memory. E_USAGE as above, a picture without pixels, no such border; E_MEMORY. */
FOV_API FOV_MUST_CHECK int fov_filter(fov_context *context, const char *name, const float *picture, int height,
                                      int width, int channels, fov_border border, float *result);
/** The same with a kernel of one's own; rows and columns are odd. */
FOV_API FOV_MUST_CHECK int fov_filter_convolve(fov_context *context, const float *weights, int rows, int columns,
                                               const float *picture, int height, int width, int channels,
                                               fov_border border, float *result);

/** Results as 8-bit pixels: rounded and held within 0 .. 255; where a flat picture becomes 0 (Sobel, Laplacian...),
 *  their absolute values are. */
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
