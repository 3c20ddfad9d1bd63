/* SPDX-License-Identifier: MIT */
/* Line charts as SVG inside an HTML page: colours, font and width follow the page's style sheet, in light and dark
 * mode. For drawings in files of their own see plot.h. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "base/text.h"

/** A line through points, interrupted where y is not finite. */
struct chart_line {
    const char   *name;
    const double *x, *y;
    int           count;
    bool          dashed;
};

struct chart {
    const char *title;
    const char *x_name;
    const struct chart_line *lines; /**< there are 6 colours, which repeat after that */
    int         line_count;
    bool        percent;   /**< y is a share of 1 and labelled in per cent */
    bool        whole_x;   /**< the x axis has marks at whole numbers only */
    bool        unit;      /**< both axes run from 0 to 1 */
    bool        diagonal;  /**< draws the line y = x for comparison */
};

/** Adds the chart to `html` as a <figure>. */
void chart_add(struct text *html, const struct chart *chart);

#endif
