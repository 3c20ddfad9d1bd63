/* SPDX-License-Identifier: MIT */
/* How alike two pictures are, number by number: for who measures many of them and has the memory already. */
#ifndef METRIC_PICTURES_H
#define METRIC_PICTURES_H

#include <stdint.h>

struct picture_pair {
    int64_t       height, width, channels;
    const double *a, *b; /**< [height, width, channels] */
    double        range; /**< the distance of black and white */
};

double pictures_square_error(const struct picture_pair *pair); /**< mean over all values */
double pictures_psnr(double square_error, double range);       /**< decibels; infinite where there is no error */

/** Doubles of working memory that pictures_similarity takes. */
int64_t pictures_room(const struct picture_pair *pair);
/** Mean structural similarity: with variances as the paper has them, and with those of a sample. NaN for pictures smaller
 *  than the window. */
void pictures_similarity(const struct picture_pair *pair, double *room, double ssim[2]);

#endif
