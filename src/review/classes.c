/* SPDX-License-Identifier: MIT */
/* The page's sections about classes: precision and recall, which are taken for which, how far probabilities can be
 * believed, and what other thresholds would give. */
#include "report/chart.h"
#include "review/review.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_CLASSES = 30, SHOWN_PAIRS = 15 };

static int64_t cell_of(const fov_report *report, int truth, int answer)
{
    return report->confusion[(size_t)truth * (size_t)report->classes + (size_t)answer];
}

static void class_table(struct text *html, const struct review *review)
{
    const fov_report *report = &review->report;
    page_section(html, "Classes",
                 "Precision: of what got this class, how much has it. Recall: of what has it, how much got it. F1: their "
                 "harmonic mean.");
    text_add(html, "<div class=\"wide\"><table><tr><th scope=\"col\">class</th><th scope=\"col\">precision</th>"
                   "<th scope=\"col\">recall</th><th scope=\"col\">F1</th><th scope=\"col\">%s</th></tr>",
             fov_dataset_describe(review->data).target == FOV_TARGET_MASK ? "pixels" : "samples");
    for (int c = 0; c < report->classes; c++) {
        char count[48];
        if (report->in_data[c]) {
            text_add(html, "<tr><td>");
            page_text(html, fov_model_class(review->model, c));
            text_add(html, "</td><td>%.2f %%</td><td>%.2f %%</td><td>%.2f %%</td><td>%s</td></tr>",
                     100 * report->precision[c], 100 * report->recall[c], 100 * report->f1[c],
                     text_thousands(count, sizeof count, report->support[c]));
        }
    }
    text_add(html, "<tr><th scope=\"row\">mean</th><td>%.2f %%</td><td>%.2f %%</td><td>%.2f %%</td><td></td></tr></table></div>",
             100 * report->macro_precision, 100 * report->macro_recall, 100 * report->macro_f1);
    page_section_end(html);
}

/* Rows are true classes; the larger its share of the row, the darker the cell. */
static void confusion_table(struct text *html, const struct review *review)
{
    const fov_report *report = &review->report;
    page_section(html, "Which are taken for which",
                 "A row per true class, a column per answer; the stronger the colour, the larger the share of the row.");
    text_add(html, "<div class=\"wide\"><table class=\"cells\"><tr><th></th>");
    for (int c = 0; c < report->classes; c++) {
        text_add(html, "<th scope=\"col\">");
        page_text(html, fov_model_class(review->model, c));
        text_add(html, "</th>");
    }
    text_add(html, "</tr>");
    for (int r = 0; r < report->classes; r++) {
        if (!report->in_data[r]) {
            continue;
        }
        text_add(html, "<tr><th scope=\"row\">");
        page_text(html, fov_model_class(review->model, r));
        text_add(html, "</th>");
        for (int c = 0; c < report->classes; c++) {
            int64_t count = cell_of(report, r, c);
            int share = report->support[r] > 0 ? (int)(100.0 * sqrt((double)count / (double)report->support[r])) : 0;
            char number[48];
            text_add(html, "<td style=\"background:rgba(var(--heat),.%02d)\">%s</td>", share * 7 / 10,
                     count > 0 ? text_thousands(number, sizeof number, count) : "");
        }
        text_add(html, "</tr>");
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

struct confused {
    int truth, answer;
    int64_t count;
};

/* In place of the table, where there are many classes: the pairs that are confused most. */
static void confused_pairs(struct text *html, const struct review *review)
{
    const fov_report *report = &review->report;
    struct confused most[SHOWN_PAIRS] = {{0, 0, 0}};
    for (int r = 0; r < report->classes; r++) {
        for (int c = 0; c < report->classes; c++) {
            struct confused one = {r, c, r != c ? cell_of(report, r, c) : 0};
            for (int i = 0; i < SHOWN_PAIRS; i++) {
                if (one.count > most[i].count) {
                    struct confused moved = most[i];
                    most[i] = one;
                    one = moved;
                }
            }
        }
    }
    page_section(html, "Which are taken for which", "The pairs that were confused most.");
    text_add(html, "<div class=\"wide\"><table><tr><th scope=\"col\">is</th><th scope=\"col\">was taken for</th>"
                   "<th scope=\"col\">times</th></tr>");
    for (int i = 0; i < SHOWN_PAIRS && most[i].count > 0; i++) {
        char number[48];
        text_add(html, "<tr><td>");
        page_text(html, fov_model_class(review->model, most[i].truth));
        text_add(html, "</td><td>");
        page_text(html, fov_model_class(review->model, most[i].answer));
        text_add(html, "</td><td>%s</td></tr>", text_thousands(number, sizeof number, most[i].count));
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

/* ---- calibration and thresholds ---------------------------------------------------------------------------------- */

static void calibration(struct text *html, const struct review *review)
{
    double x[REVIEW_BINS], y[REVIEW_BINS], count = 0.0, error = 0.0;
    int bins = 0;
    for (int b = 0; b < REVIEW_BINS; b++) {
        if (review->bin_count[b] > 0.0) {
            x[bins] = review->bin_sum[b] / review->bin_count[b];
            y[bins] = review->bin_right[b] / review->bin_count[b];
            error += fabs(review->bin_sum[b] - review->bin_right[b]);
            count += review->bin_count[b];
            bins++;
        }
    }
    if (count > 0.0) {
        char title[96];
        const struct chart_line line = {"", x, y, bins, false};
        snprintf(title, sizeof title, "Right answers by stated probability (error %.2f %%)", 100.0 * error / count);
        const struct chart chart = {.title = title, .x_name = "probability of the answer, mean of each of 15 bins",
                                    .lines = &line, .line_count = 1, .unit = true, .diagonal = true};
        chart_add(html, &chart);
    }
}

/* A sample in the ranking by one class's score. */
struct ranked {
    float score;
    bool  truth;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *first = a, *second = b;
    return (first->score < second->score) - (first->score > second->score);
}

/* Points of the curves of one class, thinned to what a chart can show. */
struct ranking {
    struct ranked *order;
    double *rates; /* [4][points]: false positive rate, true positive rate, recall, precision */
    int points;
};
enum { MOST_POINTS = 200 };

static void rank_class(const struct review *review, int label, struct ranking *ranking)
{
    int64_t count = review->ranked_count, positives = 0, hits = 0;
    for (int64_t i = 0; i < count; i++) {
        bool truth = review->truths[i] == label;
        ranking->order[i] = (struct ranked){review->ranked[i * review->ranked_classes + label], truth};
        positives += truth;
    }
    qsort(ranking->order, (size_t)count, sizeof *ranking->order, by_score);
    ranking->points = 0;
    double *rates = ranking->rates;
    for (int64_t i = 0; positives > 0 && positives < count && i < count; i++) {
        hits += ranking->order[i].truth;
        bool tied = i + 1 < count && ranking->order[i + 1].score == ranking->order[i].score;
        bool wanted = i + 1 == count || i * MOST_POINTS / count != (i + 1) * MOST_POINTS / count || i < 8;
        if (!tied && wanted && ranking->points < MOST_POINTS + 8) {
            int p = ranking->points++;
            rates[p] = (double)(i + 1 - hits) / (double)(count - positives);
            rates[(MOST_POINTS + 8) + p] = rates[2 * (MOST_POINTS + 8) + p] = (double)hits / (double)positives;
            rates[3 * (MOST_POINTS + 8) + p] = (double)hits / (double)(i + 1);
        }
    }
}

static void thresholds(struct text *html, const struct review *review)
{
    enum { ROW = MOST_POINTS + 8 };
    struct chart_line roc[REVIEW_RANKED_CLASSES], recall[REVIEW_RANKED_CLASSES];
    int classes = review->ranked_classes, lines = 0;
    struct ranking ranking = {.points = 0};
    if (review->ranked == NULL || review->ranked_count < 2) {
        return;
    }
    ranking.order =
        memory_allocate(review->memory, (size_t)review->ranked_count, sizeof *ranking.order, "an order", NULL);
    double *rates = memory_allocate(review->memory, (size_t)classes, 4 * ROW * sizeof *rates, "curves", NULL);
    for (int c = 0; ranking.order != NULL && rates != NULL && c < classes; c++) {
        ranking.rates = rates + (ptrdiff_t)c * 4 * ROW;
        rank_class(review, c, &ranking);
        if (ranking.points > 0) {
            const char *name = fov_model_class(review->model, c);
            roc[lines] = (struct chart_line){name, ranking.rates, ranking.rates + ROW, ranking.points, false};
            recall[lines++] =
                (struct chart_line){name, ranking.rates + 2 * ROW, ranking.rates + 3 * ROW, ranking.points, false};
        }
    }
    const bool some = review->report.classes > classes;
    const struct chart of_roc = {.title = some ? "ROC of the first classes" : "ROC of each class",
                                 .x_name = "false positive rate", .lines = roc, .line_count = lines, .unit = true,
                                 .diagonal = true};
    const struct chart of_recall = {.title = some ? "Precision by recall of the first classes" : "Precision by recall",
                                    .x_name = "recall", .lines = recall, .line_count = lines, .unit = true};
    if (lines > 0) {
        chart_add(html, &of_roc);
        chart_add(html, &of_recall);
    }
    memory_free(review->memory, ranking.order);
    memory_free(review->memory, rates);
}

/* Did single samples have an answer with a probability? */
static bool is_judged(const struct review *review)
{
    double count = 0.0;
    for (int b = 0; b < REVIEW_BINS; b++) {
        count += review->bin_count[b];
    }
    return count > 0.0;
}

void review_classes(struct text *html, const struct review *review)
{
    if (review->report.classes < 1) {
        return;
    }
    class_table(html, review);
    if (review->report.classes <= SHOWN_CLASSES) {
        confusion_table(html, review);
    } else {
        confused_pairs(html, review);
    }
    if (is_judged(review)) {
        page_section(html, "How sure it is",
                     "On the diagonal, answers given with 80 % are right in 80 of 100 cases; below it the model is too "
                     "sure of itself. Then, for other thresholds, what is gained and what it costs.");
        text_add(html, "<div class=\"charts\">");
        calibration(html, review);
        thresholds(html, review);
        text_add(html, "</div>");
        page_section_end(html);
    }
}
