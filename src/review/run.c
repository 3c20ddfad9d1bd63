/* SPDX-License-Identifier: MIT */
/* A run's page, and the page that compares several. */
#include "base/arithmetic.h"
#include "base/file.h"
#include "device/context.h"
#include "review/review.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_RUNS = 6 };

/* The last cell of a column that holds a number; NaN: none does. */
static double last_of(const struct history *history, const char *column)
{
    int c = history_find(history, column);
    for (size_t r = history->count; c >= 0 && r > 0; r--) {
        if (!isnan(history_at(history, r - 1, c))) {
            return history_at(history, r - 1, c);
        }
    }
    return (double)NAN;
}

static double sum_of(const struct history *history, const char *column)
{
    double sum = 0.0;
    int c = history_find(history, column);
    for (size_t r = 0; c >= 0 && r < history->count; r++) {
        double value = history_at(history, r, c);
        sum += isnan(value) ? 0.0 : value;
    }
    return sum;
}

static const char *duration(char out[64], double seconds)
{
    if (seconds < 60.0) {
        snprintf(out, 64, "%.1f s", seconds);
    } else if (seconds < 3600.0) {
        snprintf(out, 64, "%d min %02d s", (int)(seconds / 60.0), (int)fmod(seconds, 60.0));
    } else {
        snprintf(out, 64, "%d h %02d min", (int)(seconds / 3600.0), (int)(fmod(seconds, 3600.0) / 60.0));
    }
    return out;
}

static void add_figures(struct text *html, const struct review *review)
{
    char text[512], number[64];
    const struct history *history = &review->history;
    page_figures(html);
    for (int i = 0; i < review->report.figure_count; i++) {
        const fov_task_figure *figure = &review->report.figures[i];
        snprintf(text, sizeof text, "%s", figure->name);
        for (char *at = text; *at != '\0'; at++) {
            *at = *at == '_' ? ' ' : *at;
        }
        page_figure(html, text, review_figure(figure, number));
    }
    if (review->report.count > 0) {
        snprintf(number, sizeof number, "%.4f", review->report.loss);
        page_figure(html, "loss", number);
    }
    snprintf(number, sizeof number, "%zu", history->count);
    page_figure(html, "epochs", number);
    page_figure(html, "training time", duration(number, sum_of(history, "time")));
    fov_summary summary;
    if (review->model != NULL && fov_model_summary(review->model, NULL, &summary) == FOV_OK) {
        page_figure(html, "parameters", text_thousands(number, sizeof number, summary.parameters));
    }
    error_clear(&review->context->error);
    page_figures_end(html);
}

static void add_settings(struct text *html, const struct review *review)
{
    const char *key;
    json_t *value;
    page_section(html, "Settings", "As in config.json: the same settings, data and seed give the same weights.");
    text_add(html, "<div class=\"wide\"><table class=\"words\">");
    json_object_foreach(review->config, key, value)
    {
        char text[512];
        text_add(html, "<tr><th scope=\"row\">");
        page_text(html, key);
        text_add(html, "</th><td>");
        page_text(html, review_setting(review, key, text));
        text_add(html, "</td></tr>");
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

/* Five digits are enough to read; the file has them all. */
static void add_cell(struct text *html, double value)
{
    char number[32] = "";
    if (!isnan(value)) {
        snprintf(number, sizeof number, "%.5g", value);
    }
    text_add(html, "<td>%s</td>", number);
}

static void add_rows(struct text *html, const struct review *review)
{
    const struct history *history = &review->history;
    text_add(html, "<details><summary>Every epoch in numbers</summary><div class=\"wide\"><table><tr>");
    for (int c = 0; c < history->columns; c++) {
        text_add(html, "<th scope=\"col\">");
        page_text(html, history->names[c]);
        text_add(html, "</th>");
    }
    text_add(html, "</tr>");
    for (size_t r = 0; r < history->count; r++) {
        text_add(html, "<tr>");
        for (int c = 0; c < history->columns; c++) {
            add_cell(html, history_at(history, r, c));
        }
        text_add(html, "</tr>");
    }
    text_add(html, "</table></div></details>");
}

static int write_page(struct review *review, struct text *html)
{
    char title[600], model[512], data[512], subtitle[700], machine[512];
    const struct review *const one[] = {review};
    review_setting(review, "model", model);
    review_setting(review, "data", data);
    snprintf(title, sizeof title, "%.250s on %.250s", *model != '\0' ? model : "a model", *data != '\0' ? data : "its data");
    snprintf(subtitle, sizeof subtitle, "%.300s; %.300s", review->directory, review_setting(review, "machine", machine));
    page_begin(html, title, subtitle);
    add_figures(html, review);
    if (review->why[0] != '\0') {
        page_section(html, "Not measured again", review->why);
        page_section_end(html);
    }
    page_section(html, "Course of the training", "");
    review_curves(html, one, 1);
    add_rows(html, review);
    page_section_end(html);
    review_classes(html, review);
    review_boxes(html, review);
    int status = review_samples(html, review);
    add_settings(html, review);
    page_end(html);
    return status;
}

static int finish(fov_context *context, struct text *html, const char *path, int status)
{
    if (status == FOV_OK && html->failed) {
        status = error_set(&context->error, FOV_E_MEMORY, "%s: no memory to write it", path);
    }
    if (status == FOV_OK) {
        status = file_write(path, text_string(html), html->length, NULL, &context->error);
    }
    text_free(html);
    return status;
}

int fov_run_report(fov_context *context, const char *directory, const char *html, const fov_run_report_options *options)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (directory == NULL || html == NULL) {
        return error_set(&context->error, FOV_E_USAGE, "fov_run_report: a folder and a file must be given");
    }
    struct call call = call_begin(context);
    struct review review;
    struct text page = {.memory = context->memory};
    int status = review_open(&review, context, directory);
    status = status == FOV_OK ? review_measure(&review, options) : status;
    status = status == FOV_OK ? write_page(&review, &page) : status;
    status = finish(context, &page, html, status);
    review_close(&review);
    call_end(&call);
    return status;
}

/* ---- several ----------------------------------------------------------------------------------------------------- */

static void name_runs(struct text *html, const struct review *const *reviews, int count)
{
    text_add(html, "<tr><th></th>");
    for (int i = 0; i < count; i++) {
        text_add(html, "<th scope=\"col\">");
        page_text(html, reviews[i]->directory);
        text_add(html, "</th>");
    }
    text_add(html, "</tr>");
}

/* Is run `run` the first one whose history has this column? */
static bool is_new_column(const struct review *const *reviews, int run, const char *column)
{
    bool is_new = true;
    for (int i = 0; i < run; i++) {
        is_new = is_new && history_find(&reviews[i]->history, column) < 0;
    }
    return is_new;
}

static void compare_figures(struct text *html, const struct review *const *reviews, int count)
{
    page_section(html, "At the end", "The last row of each history.");
    text_add(html, "<div class=\"wide\"><table>");
    name_runs(html, reviews, count);
    for (int run = 0; run < count; run++) {
        const struct history *history = &reviews[run]->history;
        for (int c = 0; c < history->columns; c++) {
            if (!is_new_column(reviews, run, history->names[c])) {
                continue;
            }
            text_add(html, "<tr><th scope=\"row\">");
            page_text(html, history->names[c]);
            text_add(html, "</th>");
            for (int i = 0; i < count; i++) {
                add_cell(html, last_of(&reviews[i]->history, history->names[c]));
            }
            text_add(html, "</tr>");
        }
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

/* Adds a row for a setting that is not the same in all runs. */
static int compare_setting(struct text *html, const struct review *const *reviews, int count, const char *key)
{
    char first[512], other[512];
    bool same = true;
    review_setting(reviews[0], key, first);
    for (int i = 1; i < count; i++) {
        same = same && strcmp(first, review_setting(reviews[i], key, other)) == 0;
    }
    if (same) {
        return 0;
    }
    text_add(html, "<tr><th scope=\"row\">");
    page_text(html, key);
    text_add(html, "</th>");
    for (int i = 0; i < count; i++) {
        text_add(html, "<td>");
        page_text(html, review_setting(reviews[i], key, other));
        text_add(html, "</td>");
    }
    text_add(html, "</tr>");
    return 1;
}

/* The settings that differ between the runs; one that a run lacks is empty there. */
static void compare_settings(struct text *html, const struct review *const *reviews, int count)
{
    const char *key;
    json_t *value;
    int different = 0;
    page_section(html, "What was different", "");
    text_add(html, "<div class=\"wide\"><table class=\"words\">");
    name_runs(html, reviews, count);
    for (int run = 0; run < count; run++) {
        json_object_foreach(reviews[run]->config, key, value)
        {
            bool is_new = true;
            for (int i = 0; i < run; i++) {
                is_new = is_new && json_object_get(reviews[i]->config, key) == NULL;
            }
            different += is_new ? compare_setting(html, reviews, count, key) : 0;
        }
    }
    text_add(html, "</table></div>%s", different == 0 ? "<p>No setting.</p>" : "");
    page_section_end(html);
}

int fov_run_comparison(fov_context *context, const char *const *directories, int count, const char *html)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (directories == NULL || html == NULL || count < 2 || count > MOST_RUNS) {
        return error_set(&context->error, FOV_E_USAGE, "2 to %d runs can be compared, not %d", MOST_RUNS, count);
    }
    struct call call = call_begin(context);
    struct review reviews[MOST_RUNS] = {{.context = NULL}};
    const struct review *list[MOST_RUNS];
    struct text page = {.memory = context->memory};
    int status = FOV_OK;
    for (int i = 0; i < count && status == FOV_OK; i++) {
        status = review_open(&reviews[i], context, directories[i]);
        list[i] = &reviews[i];
    }
    if (status == FOV_OK) {
        char title[64];
        snprintf(title, sizeof title, "%d runs side by side", count);
        page_begin(&page, title, "");
        page_section(&page, "Course of the training", "");
        review_curves(&page, list, count);
        page_section_end(&page);
        compare_figures(&page, list, count);
        compare_settings(&page, list, count);
        page_end(&page);
    }
    status = finish(context, &page, html, status);
    for (int i = 0; i < count; i++) {
        review_close(&reviews[i]);
    }
    call_end(&call);
    return status;
}
