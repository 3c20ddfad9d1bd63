/* SPDX-License-Identifier: MIT */
/* The page's sections about a detector: average precision of each class, and precision by recall. Pictures with boxes
 * are in samples.c. */
#include "report/chart.h"
#include "review/review.h"
#include <fovea/metrics.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_CLASSES = 100, SHOWN_CONFUSION = 30, SHOWN_CURVES = REVIEW_RANKED_CLASSES, RECALLS = 101 };

/* A figure by its name; .values is NULL if there is none. */
static fov_figure find(const fov_metrics *metrics, const char *name)
{
    for (int i = 0; i < fov_metrics_count(metrics); i++) {
        fov_figure figure = fov_metrics_at(metrics, i);
        if (strcmp(figure.name, name) == 0) {
            return figure;
        }
    }
    return (fov_figure){.name = ""};
}

/* A share in per cent; an undefined one, or COCO's -1, as a dash. */
static void share_cell(struct text *html, double share)
{
    if (share >= 0) {
        text_add(html, "<td>%.1f %%</td>", 100 * share);
    } else {
        text_add(html, "<td>–</td>");
    }
}

static void class_table(struct text *html, const struct review *review, const fov_metrics *metrics)
{
    fov_figure ap = find(metrics, "coco.ap"), by_iou = find(metrics, "coco.ap_per_iou"), ar = find(metrics, "coco.ar");
    fov_figure objects = find(metrics, "voc.positives"), areas = find(metrics, "coco.ap_by_area");
    page_section(
        html, "Classes",
        "Average precision as COCO has it: over IoU 0.5 to 0.95, at 0.5 and at 0.75 alone, and of small, medium and "
        "large objects (below 32 x 32 pixels, below 96 x 96, above). Recall: the mean over the same IoUs with 100 "
        "boxes.");
    text_add(html, "<div class=\"wide\"><table><tr><th scope=\"col\">class</th><th scope=\"col\">AP</th>"
                   "<th scope=\"col\">AP50</th><th scope=\"col\">AP75</th><th scope=\"col\">small</th>"
                   "<th scope=\"col\">medium</th><th scope=\"col\">large</th><th scope=\"col\">recall</th>"
                   "<th scope=\"col\">objects</th></tr>");
    for (int64_t c = 0; c < ap.columns && c < SHOWN_CLASSES; c++) {
        text_add(html, "<tr><td>");
        page_text(html, fov_model_class(review->model, (int)c));
        text_add(html, "</td>");
        share_cell(html, ap.values[c]);
        share_cell(html, by_iou.values[c * by_iou.columns]);
        share_cell(html, by_iou.values[c * by_iou.columns + 5]);
        for (int64_t area = 1; area < areas.columns; area++) {
            share_cell(html, areas.values[c * areas.columns + area]);
        }
        share_cell(html, ar.values[c]);
        text_add(html, "<td>%.0f</td></tr>", objects.values[c]);
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

/* Rows are true classes, columns answers; the last row and column are the background. */
static void confusion_table(struct text *html, const struct review *review, const fov_metrics *metrics)
{
    fov_figure confusion = find(metrics, "confusion");
    int64_t classes = confusion.rows - 1;
    if (confusion.values == NULL || classes > SHOWN_CONFUSION) {
        return;
    }
    page_section(
        html, "Which are taken for which",
        "Boxes with a score of at least 25 % that overlap an object by half or more: a row per class that is there, a "
        "column per class that was answered. The last row are boxes where nothing is, the last column objects that "
        "nothing found.");
    text_add(html, "<div class=\"wide\"><table class=\"cells\"><tr><th></th>");
    for (int64_t c = 0; c <= classes; c++) {
        text_add(html, "<th scope=\"col\">");
        page_text(html, c < classes ? fov_model_class(review->model, (int)c) : "nothing");
        text_add(html, "</th>");
    }
    text_add(html, "</tr>");
    for (int64_t r = 0; r <= classes; r++) {
        const double *row = confusion.values + r * (classes + 1);
        double sum = 0;
        text_add(html, "<tr><th scope=\"row\">");
        page_text(html, r < classes ? fov_model_class(review->model, (int)r) : "nothing");
        text_add(html, "</th>");
        for (int64_t c = 0; c <= classes; c++) {
            sum += row[c];
        }
        for (int64_t c = 0; c <= classes; c++) {
            int share = sum > 0 ? (int)(70 * sqrt(row[c] / sum)) : 0;
            text_add(html, "<td style=\"background:rgba(var(--heat),.%02d)\">", share);
            if (row[c] > 0) {
                text_add(html, "%.0f", row[c]);
            }
            text_add(html, "</td>");
        }
        text_add(html, "</tr>");
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

static void curves(struct text *html, const struct review *review, const fov_metrics *metrics)
{
    fov_figure precision = find(metrics, "coco.precision_at_iou50");
    struct chart_line lines[SHOWN_CURVES];
    double recall[RECALLS];
    int count = 0;
    for (int r = 0; r < RECALLS; r++) {
        recall[r] = r * 0.01;
    }
    for (int64_t c = 0; c < precision.rows && count < SHOWN_CURVES; c++) {
        const double *row = precision.values + c * precision.columns;
        if (precision.columns == RECALLS && row[0] >= 0) {
            lines[count++] = (struct chart_line){fov_model_class(review->model, (int)c), recall, row, RECALLS, false};
        }
    }
    if (count == 0) {
        return;
    }
    const struct chart chart = {.title = precision.rows > count ? "Precision by recall at IoU 0.5, of the first classes"
                                                                : "Precision by recall at IoU 0.5",
                                .x_name = "recall",
                                .lines = lines,
                                .line_count = count,
                                .percent = true,
                                .unit = true};
    page_section(
        html, "Other thresholds",
        "Boxes of a class by falling score: how many of its objects are found, and how many of the boxes are right.");
    text_add(html, "<div class=\"charts\">");
    chart_add(html, &chart);
    text_add(html, "</div>");
    page_section_end(html);
}

void review_boxes(struct text *html, const struct review *review)
{
    const fov_metrics *metrics = review->report.metrics;
    if (find(metrics, "coco.ap").values != NULL) {
        class_table(html, review, metrics);
        confusion_table(html, review, metrics);
        curves(html, review, metrics);
    }
}
