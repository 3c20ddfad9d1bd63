/* SPDX-License-Identifier: MIT */
/* Datasets: pictures with labels, from files people already have. Sources are opened by one string:
 *
 *    "mnist"            $FOVEA_DATA, else the XDG data directory (~/.local/share/fovea), else data or ../shared/data
 *    here "mnist:DIR"        the four IDX files in DIR, plain or .gz (DIR, DIR/mnist and DIR/MNIST/raw are tried)
 *    "cifar10[:DIR]"    the binary archive's files
 *    "digits[:COUNT[:SEED]]" drawn by fovea itself: digit strokes under random affine and elastic warps; 60,000 +
 *    10,000, or
 *                       COUNT and a sixth of it. Its seed (0) is not the context's: every run is tested on the same
 *                       pictures
 *    DIR                a folder per class with pictures: DIR/train/CLASS/... and DIR/test/CLASS/... (or
 *    val);
 *                       of DIR/CLASS/... alone a tenth of each class, always the same, is the test split
 *
 * A directory that holds IDX files is recognised as such. Labels are checked against the classes when opened. */
#ifndef FOVEA_DATASET_H
#define FOVEA_DATASET_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_dataset fov_dataset;

typedef enum fov_split { FOV_TRAIN = 0, FOV_TEST } fov_split;

/** Everything about a dataset but its pixels. */
typedef struct fov_dataset_info {
    const char *name;    /**< "mnist" */
    const char *source;  /**< where it was found: a directory, or "drawn by fovea" */
    int64_t     count;   /**< samples */
    int         classes;
    int         channels, height, width; /**< of a sample, pixels; folders: of the first picture */
    bool        same_size;               /**< every sample is known to have that size; folders: false */
} fov_dataset_info;

/** NULL and a sentence on the context: not found (says where it looked and how to get it), damaged (file, offset, what
 *  is wrong), a label beyond the classes, different counts of pictures and labels. Free before the context. */
FOV_API fov_dataset     *fov_dataset_open(fov_context *context, const char *source, fov_split split);
FOV_API void             fov_dataset_free(fov_dataset *dataset); /**< accepts NULL */
FOV_API fov_dataset_info fov_dataset_describe(const fov_dataset *dataset);
FOV_API const char      *fov_dataset_class(const fov_dataset *dataset, int index); /**< name of a class */
FOV_API int              fov_dataset_label(const fov_dataset *dataset, int64_t index);

/** One sample as it is: 8-bit pixels [height, width, channels]. *pixels stays valid until the next call on this
 *  dataset. */
FOV_API FOV_MUST_CHECK int fov_dataset_sample(fov_dataset *dataset, int64_t index, const uint8_t **pixels, int *height,
                                              int *width, int *channels);

/** Fetches a known dataset ("mnist") from public mirrors, in turn, and verifies each file's SHA-256 ($FOVEA_MIRROR, a
 *  URL, is tried first). directory NULL: the data directory. progress may be NULL; returning nonzero from it stops.
 *  Files already there and right are kept. */
FOV_API FOV_MUST_CHECK int fov_dataset_get(fov_context *context, const char *name, const char *directory,
                                           int (*progress)(void *user, const char *file, uint64_t done, uint64_t total),
                                           void *user);

/* Pictures */

/** An 8-bit picture [height, width, channels], channels 1, 3 or 4. */
typedef struct fov_image {
    int      height, width, channels;
    uint8_t *pixels;
    void    *owner; /**< internal */
} fov_image;
/** Decodes PNG, JPEG, WebP, GIF (the first frame) or BMP, told by content, not by name, and turns it upright by its
 *  EXIF orientation. `channels` 0: as in the file; 1: grey, 3: RGB. E_INPUT: no image, damaged, or beyond the limits
 *  (16,384 pixels a side, 64 million in all). E_UNSUPPORTED: a format that this build leaves out. */
FOV_API FOV_MUST_CHECK int fov_image_load(fov_context *context, const char *path, int channels, fov_image *image);
FOV_API FOV_MUST_CHECK int fov_image_save_png(fov_context *context, const char *path, int height, int width,
                                              int channels, const uint8_t *pixels);
FOV_API void fov_image_free(fov_image *image); /**< accepts a zeroed one */

#ifdef __cplusplus
}
#endif
#endif
