/* SPDX-License-Identifier: MIT */
/* Tables of an evaluation. Fractions are printed in per cent and stay fractions in JSON. */
#include "report.h"
#include "columns.h"
#include "eval_answers.h"
#include "output.h"
#include "table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void report_figures_to_json(json_t *object, const fov_report *report)
{
    for (int i = 0; i < report->figure_count; i++) {
        json_set_number(object, report->figures[i].name, report->figures[i].value);
    }
}

static void classes_to_json(json_t *object, const fov_report *report, const fov_model *model)
{
    json_set_number(object, "macro_precision", report->macro_precision);
    json_set_number(object, "macro_recall", report->macro_recall);
    json_set_number(object, "macro_f1", report->macro_f1);
    json_t *classes = json_array(), *confusion = json_array();
    for (int i = 0; i < report->classes; i++) {
        json_t *one = json_object(), *row = json_array();
        json_set_integer(one, "class", i);
        json_set_text(one, "name", fov_model_class(model, i));
        json_set_number(one, "precision", report->precision[i]);
        json_set_number(one, "recall", report->recall[i]);
        json_set_number(one, "f1", report->f1[i]);
        json_set_integer(one, "support", report->support[i]);
        if (report->data_classes < report->classes) {
            json_set_flag(one, "in_data", report->in_data[i]);
        }
        json_add(classes, one);
        for (int j = 0; j < report->classes; j++) {
            json_add(row, json_integer(report->confusion[(size_t)i * (size_t)report->classes + (size_t)j]));
        }
        json_add(confusion, row);
    }
    json_set(object, "per_class", classes);
    json_set(object, "confusion", confusion);
}

void report_to_json(json_t *object, const fov_report *report, const fov_model *model)
{
    json_set_integer(object, "count", report->count);
    json_set_text(object, "task", report->task);
    report_figures_to_json(object, report);
    json_set_number(object, "loss", report->loss);
    if (report->classes > 0) {
        classes_to_json(object, report, model);
    }
    if (report->metrics != NULL) {
        json_set(object, "metrics", json_from_metrics(report->metrics));
    }
    json_set_number(object, "seconds", report->seconds);
}

const char *report_figure(char text[32], const fov_task_figure *figure)
{
    if (isnan(figure->value)) {
        snprintf(text, 32, "undefined");
    } else if (figure->is_share) {
        snprintf(text, 32, "%.2f %%", 100 * figure->value);
    } else {
        snprintf(text, 32, "%.4g", figure->value);
    }
    return text;
}

/* "mean_iou 83.10 %, pixel_accuracy 95.02 %, loss 0.1234" */
static void print_figures(struct cli *cli, const fov_report *report)
{
    for (int i = 0; i < report->figure_count; i++) {
        const fov_task_figure *f = &report->figures[i];
        fprintf(cli->out, "%s %s", f->name, i == 0 ? style_bold(cli) : "");
        char text[32];
        fprintf(cli->out, "%s%s, ", report_figure(text, f), i == 0 ? style_off(cli) : "");
    }
    fprintf(cli->out, "loss %.4f\n", report->loss);
}

void report_print_line(struct cli *cli, const fov_report *report)
{
    char right[NUMBER_SIZE], all[NUMBER_SIZE];
    int64_t correct = 0, counted = 0;
    for (int i = 0; i < report->classes; i++) {
        correct += report->confusion[(size_t)i * (size_t)report->classes + (size_t)i];
        counted += report->support[i];
    }
    if (counted != report->count || report->classes == 0) { /* pixels, or no classes at all */
        print_figures(cli, report);
        return;
    }
    fprintf(cli->out, "accuracy %s%.2f %%%s (%s of %s), loss %.4f", style_bold(cli), 100 * report->accuracy,
            style_off(cli), show_count(right, correct), show_count(all, report->count), report->loss);
    if (report->classes > 10) {
        fprintf(cli->out, ", among the first five %.2f %%", 100 * report->top5);
    }
    fputc('\n', cli->out);
}

static void add_row(struct table *table, const char *name, double precision, double recall, double f1, int64_t support)
{
    char number[3][NUMBER_SIZE], count[NUMBER_SIZE];
    const double values[] = {precision, recall, f1};
    for (int i = 0; i < 3; i++) {
        snprintf(number[i], NUMBER_SIZE, "%.2f %%", 100 * values[i]);
    }
    table_row(table, (const char *const[]){name, number[0], number[1], number[2], show_count(count, support)});
}

void report_print_classes(struct cli *cli, const fov_report *report, const fov_model *model)
{
    struct table *table = table_create("Lrrrr");
    table_row(table, (const char *const[]){"class", "precision", "recall", "F1", "samples"});
    table_rule(table);
    for (int i = 0; i < report->classes; i++) {
        if (report->in_data[i]) {
            add_row(table, fov_model_class(model, i), report->precision[i], report->recall[i], report->f1[i],
                    report->support[i]);
        }
    }
    table_rule(table);
    add_row(table, "mean", report->macro_precision, report->macro_recall, report->macro_f1, report->count);
    table_print(table, cli);
    table_free(table);
}

/* The classes shown as rows and columns: those that the data has. Returns how many. */
static int shown_classes(const fov_report *report, int *shown)
{
    int count = 0;
    for (int i = 0; i < report->classes; i++) {
        if (report->in_data[i]) {
            shown[count++] = i;
        }
    }
    return count;
}

/* Number of samples of class `i` that were predicted as a class which the data does not have. */
static int64_t taken_for_others(const fov_report *report, int i)
{
    int64_t others = 0;
    for (int j = 0; j < report->classes; j++) {
        others += report->in_data[j] ? 0 : report->confusion[(size_t)i * (size_t)report->classes + (size_t)j];
    }
    return others;
}

static void print_cell(const struct cli *cli, int64_t count, int width, bool diagonal)
{
    char number[NUMBER_SIZE];
    const char *style = diagonal ? style_good(cli) : count == 0 ? style_faint(cli) : "";
    fprintf(cli->out, "  %s%*s%s", style, width, count > 0 || diagonal ? show_count(number, count) : ".",
            *style != '\0' ? style_off(cli) : "");
}

/* A class's name cut to `columns` columns. */
static const char *short_name(char out[64], const char *name, int columns)
{
    show_clean(out, 64, name);
    out[text_fit(out, columns)] = '\0';
    return out;
}

/* Cells as in a table, with different styles for the diagonal and for zeros. A last column counts predictions of
   classes that the data does not have. */
void report_print_confusion(struct cli *cli, const fov_report *report, const fov_model *model)
{
    char number[NUMBER_SIZE], name[64];
    enum { HEAD = 12 }; /* columns at most, of a row's name */
    int width = 4, head = 4;
    int *shown = take_memory((size_t)report->classes, sizeof *shown), count = shown_classes(report, shown);
    bool others = count < report->classes;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < report->classes; j++) {
            int64_t cell = report->confusion[(size_t)shown[i] * (size_t)report->classes + (size_t)j];
            int length = (int)strlen(show_count(number, cell));
            width = length > width ? length : width;
        }
        int length = table_text_width(short_name(name, fov_model_class(model, shown[i]), HEAD));
        head = length > head ? length : head;
    }
    width = others && width < 5 ? 5 : width;
    fprintf(cli->out, "  true \\ predicted\n  %*s", head, "");
    for (int j = 0; j < count + others; j++) {
        /* Long names would make the columns too wide: the first letters must do. */
        short_name(name, j < count ? fov_model_class(model, shown[j]) : "other", width < 7 ? width : 7);
        fprintf(cli->out, "  %*s%s", width - table_text_width(name), "", name);
    }
    fputc('\n', cli->out);
    for (int i = 0; i < count; i++) {
        short_name(name, fov_model_class(model, shown[i]), HEAD);
        fprintf(cli->out, "  %s%*s", name, head - table_text_width(name), "");
        for (int j = 0; j < count; j++) {
            int64_t cell = report->confusion[(size_t)shown[i] * (size_t)report->classes + (size_t)shown[j]];
            print_cell(cli, cell, width, i == j);
        }
        if (others) {
            print_cell(cli, taken_for_others(report, shown[i]), width, false);
        }
        fputc('\n', cli->out);
    }
    free(shown);
}
