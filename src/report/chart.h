/* SPDX-License-Identifier: MIT */
/* Line charts as SVG inside a page: colours, letters and width follow the page, in light and dark. Pictures of their own
 * are plot.h's. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "base/text.h"

/** A line through points; gaps where y is NaN. */
struct chart_line {
    const char   *name;
    const double *x, *y;
    int           count;
    bool          dashed;
};

struct chart {
    const char *title;
    const char *x_name;
    const struct chart_line *lines; /**< at most 6 are drawn in colours of their own */
    int         line_count;
    bool        percent;   /**< shares of 1 */
    bool        whole_x;   /**< marks at whole numbers only */
    bool        unit;      /**< both axes from 0 to 1 */
    bool        diagonal;  /**< a line from corner to corner, to be compared with */
};

/** Adds it as a <figure>. */
void chart_add(struct text *html, const struct chart *chart);

#endif
