/* SPDX-License-Identifier: MIT */
/* Curves over epochs: one chart for the losses, one for each figure of validation beside the same of training, one for
 * the learning rate. For several runs, a line per run. */
#include "report/chart.h"
#include "review/review.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LINES = 12 };

/* The lines of one chart, and the buffers of their points. */
struct lines {
    struct chart_line line[MOST_LINES];
    char names[MOST_LINES][160];
    double *numbers[MOST_LINES];
    int count;
};

static bool is_measured(const struct history *history, int column)
{
    for (size_t r = 0; column >= 0 && r < history->count; r++) {
        if (isfinite(history_at(history, r, column))) {
            return true;
        }
    }
    return false;
}

/* Adds a column of a run as a line; none if memory is short or the column holds no number. */
static void add_column(struct lines *lines, const struct review *review, const char *column, const char *name,
                       bool dashed)
{
    const struct history *history = &review->history;
    int values = history_find(history, column), epochs = history_find(history, "epoch");
    if (lines->count == MOST_LINES || !is_measured(history, values)) {
        return;
    }
    double *numbers = memory_allocate(review->memory, history->count, 2 * sizeof *numbers, "a curve", NULL);
    if (numbers == NULL) {
        return;
    }
    for (size_t r = 0; r < history->count; r++) {
        numbers[r] = history_at(history, r, epochs);
        numbers[history->count + r] = history_at(history, r, values);
    }
    int i = lines->count++;
    snprintf(lines->names[i], sizeof lines->names[i], "%s", name);
    lines->numbers[i] = numbers;
    lines->line[i] = (struct chart_line){.name = lines->names[i],
                                         .x = numbers,
                                         .y = numbers + history->count,
                                         .count = (int)history->count,
                                         .dashed = dashed};
}

static void draw(struct text *html, const struct review *first, struct lines *lines, const char *title, bool percent)
{
    const struct chart chart = {.title = title,
                                .x_name = "epoch",
                                .lines = lines->line,
                                .line_count = lines->count,
                                .percent = percent,
                                .whole_x = true};
    if (lines->count > 0) {
        chart_add(html, &chart);
    }
    for (int i = 0; i < lines->count; i++) {
        memory_free(first->memory, lines->numbers[i]);
    }
    lines->count = 0;
}

/* Draws the same column of every run, of a single run beside that of training. A run without numbers in the validation
 * column shows its training column; without that one, too, it has no line. */
static void add_pair(struct text *html, const struct review *const *reviews, int count, const char *validation,
                     const char *training, const char *title, bool percent)
{
    struct lines lines = {.count = 0};
    for (int i = 0; i < count; i++) {
        const char *name = count > 1 ? reviews[i]->directory : "validation";
        bool measured = is_measured(&reviews[i]->history, history_find(&reviews[i]->history, validation));
        const char *column = measured ? validation : training;
        if (column != NULL) {
            add_column(&lines, reviews[i], column, measured || count > 1 ? name : "training", false);
        }
        if (count == 1 && measured && training != NULL) {
            add_column(&lines, reviews[i], training, "training", true);
        }
    }
    draw(html, reviews[0], &lines, title, percent);
}

/* The training column that belongs to a validation figure: of the same name, or "train/accuracy" for
 * "metrics/accuracy_top1". NULL: none. */
static const char *training_column(const struct history *history, const char *figure)
{
    for (int c = 0; c < history->columns; c++) {
        const char *name = history->names[c];
        const char *rest = figure + (strlen(name) > 6 ? strlen(name) - 6 : 0);
        if (strncmp(name, "train/", 6) == 0 && strncmp(name + 6, figure, strlen(name + 6)) == 0 &&
            (*rest == '\0' || strcmp(rest, "_top1") == 0)) {
            return name;
        }
    }
    return NULL;
}

/* A figure whose values all lie within 0 .. 1 is a share. */
static bool is_share(const struct history *history, int column)
{
    for (size_t r = 0; r < history->count; r++) {
        double value = history_at(history, r, column);
        if (value < 0.0 || value > 1.0) {
            return false;
        }
    }
    return true;
}

void review_curves(struct text *html, const struct review *const *reviews, int count)
{
    const struct history *history = &reviews[0]->history;
    text_add(html, "<div class=\"charts\">");
    add_pair(html, reviews, count, "val/loss", "train/loss", "Loss", false);
    for (int c = 0; c < history->columns; c++) {
        char title[HISTORY_NAME_SIZE];
        const char *figure = history->names[c] + strlen("metrics/");
        if (strncmp(history->names[c], "metrics/", strlen("metrics/")) != 0) {
            continue;
        }
        snprintf(title, sizeof title, "%s", figure);
        for (char *at = title; *at != '\0'; at++) {
            *at = *at == '_' ? ' ' : *at;
        }
        add_pair(html, reviews, count, history->names[c], training_column(history, figure), title,
                 is_share(history, c));
    }
    add_pair(html, reviews, count, "lr", NULL, "Learning rate", false);
    text_add(html, "</div>");
}
