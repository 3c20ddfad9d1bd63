/* SPDX-License-Identifier: MIT */
/* Areas under the ROC and the precision-recall curve: one pass over sorted scores, with a step per distinct score. */
#include "metric/ranking.h"

#include <math.h>
#include <stdlib.h>

static int by_falling_score(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;

    return (x < y) - (x > y);
}

void ranking_sort(struct ranked *items, int64_t count)
{
    qsort(items, (size_t)count, sizeof *items, by_falling_score);
}

/* The end of the step that begins at `first`, the index after the last equal score. *positives: those in the step. */
static int64_t end_of_step(const struct ranked *items, int64_t count, int64_t first, int64_t *positives)
{
    int64_t end = first;

    for (*positives = 0; end < count && !(items[end].score < items[first].score); end++) {
        *positives += items[end].positive;
    }
    return end;
}

double ranking_roc_area(const struct ranked *items, int64_t count)
{
    double  ordered = 0.0; /* correctly ordered pairs: multiples of one half, exact in double up to 2^52 */
    int64_t positives = 0, negatives = 0, here;

    for (int64_t first = 0, end; first < count; first = end) {
        int64_t others;

        end       = end_of_step(items, count, first, &here);
        others    = end - first - here;
        ordered  += (double)others * ((double)positives + (double)here / 2.0);
        positives += here;
        negatives += others;
    }
    return positives && negatives ? ordered / ((double)positives * (double)negatives) : (double)NAN;
}

double ranking_average_precision(const struct ranked *items, int64_t count)
{
    double  sum       = 0.0;
    int64_t positives = 0, here;

    for (int64_t first = 0, end; first < count; first = end) {
        end        = end_of_step(items, count, first, &here);
        positives += here;
        sum       += (double)here * ((double)positives / (double)end);
    }
    return positives ? sum / (double)positives : (double)NAN;
}
