/* SPDX-License-Identifier: MIT */
/* Similarity of two pictures, each measure as a function of its own that allocates no memory: for callers that measure
 * many pictures. */
#ifndef METRIC_PICTURES_H
#define METRIC_PICTURES_H

#include <stdint.h>

struct picture_pair {
    int64_t       height, width, channels;
    const double *a, *b; /**< [height, width, channels] */
    double        range; /**< difference of white and black */
};

double pictures_square_error(const struct picture_pair *pair); /**< mean over all values */
double pictures_psnr(double square_error, double range);       /**< decibels; infinite where the error is 0 */

/** Size in doubles of the workspace of pictures_similarity. */
int64_t pictures_workspace(const struct picture_pair *pair);
/** Mean structural similarity: ssim[0] with variances as in the paper, ssim[1] with sample variances (n - 1). NaN for
 *  pictures smaller than the window of 11 x 11 pixels. */
void pictures_similarity(const struct picture_pair *pair, double *workspace, double ssim[2]);

#endif
