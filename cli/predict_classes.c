/* SPDX-License-Identifier: MIT */
/* Ranks and prints rows of scores. */
#include "predict_classes.h"
#include "answer_json.h"
#include "json.h"
#include "output.h"
#include "picture.h"
#include "table.h"
#include <string.h>

enum {
    DRAWN_SIDE = 32, /* pixels; larger pictures are drawn smaller */
    LEAST_BAR = 4,   /* columns, as are the numbers below */
    MOST_BAR = 40,
    AROUND = 14,     /* beside a class's name and bar: percentage and gaps */
    BESIDE = 44      /* beside a picture: names of 24 columns and a bar */
};

/* The model's number of a class of the data; without a match (values) or a label (-1: masks, boxes, several classes)
 * the number itself. */
static int model_label(const struct class_view *view, int label)
{
    return view->match.model_class != NULL && label >= 0 ? view->match.model_class[label] : label;
}

static const char *class_name(const struct class_view *view, int place)
{
    return fov_model_class(view->model, view->order[place]);
}

static double probability(const struct class_view *view, const struct class_row *row, int place)
{
    return (double)row->scores[view->order[place]];
}

/* ---- for machines ------------------------------------------------------------------------------------------------ */

static struct answer_form form_of(const struct class_view *view)
{
    return (struct answer_form){view->model, view->values, view->alone, view->single, view->count};
}

static void print_json(const struct class_view *view, const struct class_row *row)
{
    json_t *object = json_object();
    struct answer_form form = form_of(view);
    json_set_text(object, "file", row->file);
    if (view->data != NULL) {
        json_set_integer(object, "index", row->index);
        json_set_integer(object, "label", model_label(view, row->label));
        json_set_text(object, "label_name", fov_dataset_class(view->data, row->label));
    }
    answer_set_note(object, row->note);
    answer_set_scores(object, &form, row->scores, view->order, view->top);
    json_print(view->cli, object);
}

/* Prints the heading: file, label of a dataset's sample, then the most probable classes, or all values. */
static void print_csv_heading(const struct class_view *view)
{
    FILE *out = view->cli->out;
    fprintf(out, "file%s", view->data != NULL ? ",label" : "");
    for (int i = 0; i < view->top; i++) {
        if (view->values) {
            fprintf(out, ",value_%d", i);
        } else if (i == 0) {
            fprintf(out, ",class,probability");
        } else {
            fprintf(out, ",class_%d,probability_%d", i + 1, i + 1);
        }
    }
    fputc('\n', out);
}

static void print_csv(const struct class_view *view, const struct class_row *row)
{
    FILE *out = view->cli->out;
    if (view->printed == 0) {
        print_csv_heading(view);
    }
    print_csv_field(out, row->file);
    if (view->data != NULL) {
        fputc(',', out);
        print_csv_field(out, fov_dataset_class(view->data, row->label));
    }
    for (int i = 0; i < view->top; i++) {
        fputc(',', out);
        if (!view->values) {
            print_csv_field(out, class_name(view, i));
            fputc(',', out);
        }
        fprintf(out, "%.9g", probability(view, row, i));
    }
    fputc('\n', out);
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

/* "  7  ████████▌   98.12 %"; of a value "  0  -1.25" */
static void print_class(const struct class_view *view, const struct class_row *row, int place, int head, int columns)
{
    FILE *out = view->cli->out;
    double share = probability(view, row, place);
    if (view->values) {
        fprintf(out, "%*d  %.6g", head, view->order[place], share);
        return;
    }
    fputs(place == 0 ? style_bold(view->cli) : "", out);
    table_print_fitted(view->cli, out, class_name(view, place), head);
    fputs("  ", out);
    print_bar(view->cli, out, share, columns);
    fprintf(out, " %6.2f %%%s", 100 * share, place == 0 ? style_off(view->cli) : "");
}

/* Columns of the widest name that is printed. */
static int name_width(const struct class_view *view)
{
    int width = 1;
    for (int i = 0; i < view->top; i++) {
        char number[NUMBER_SIZE];
        snprintf(number, sizeof number, "%d", view->order[i]);
        int length = table_text_width(view->values ? number : class_name(view, i));
        width = length > width ? length : width;
    }
    return width;
}

/* With --quiet: prints the rest of the line after the file's name. */
static void print_short(const struct class_view *view, const struct class_row *row)
{
    FILE *out = view->cli->out;
    char name[SHOWN_SIZE];
    for (int i = 0; i < view->top && view->values; i++) {
        fprintf(out, "  %.6g", (double)row->scores[i]);
    }
    if (!view->values) {
        fprintf(out, "  %s  %.2f %%", show_clean(name, sizeof name, class_name(view, 0)),
                100 * probability(view, row, 0));
    }
    if (row->note != NULL) { /* --quiet suppresses the remark with it */
        fprintf(out, "  (%s)", row->note);
    }
    fputc('\n', out);
}

/* Prints the picture that the network saw on the left, where there is room, and the bars beside it. */
static void print_picture(const struct class_view *view, const struct class_row *row)
{
    struct cli *cli = view->cli;
    const fov_image *seen = row->seen;
    int height, width;
    canvas_fit(DRAWN_SIDE, seen->height, seen->width, &height, &width);
    bool draw = seen->pixels != NULL && width + BESIDE <= cli->width;
    struct canvas canvas = canvas_create(draw ? height : 1, draw ? width : 1, 0);
    if (draw) {
        canvas_place(&canvas, 0, 0, DRAWN_SIDE, seen->pixels, seen->height, seen->width, seen->channels);
    }
    int lines = draw ? canvas_lines(&canvas) : 0, room = cli->width - (draw ? width + 4 : 2) - AROUND;
    int head = name_width(view);
    head = head > room - LEAST_BAR && room > LEAST_BAR ? room - LEAST_BAR : head;
    int first = lines > view->top ? (lines - view->top) / 2 : 0; /* the bars in the middle of the picture's side */
    int columns = room - head;
    columns = columns > MOST_BAR ? MOST_BAR : columns < LEAST_BAR ? LEAST_BAR : columns;
    for (int line = 0; line < lines || line - first < view->top; line++) {
        fputs("  ", cli->out);
        if (draw && line < lines) {
            canvas_print_line(cli, cli->out, &canvas, line);
            fputs("  ", cli->out);
        } else if (draw) {
            fprintf(cli->out, "%*s", width + 2, "");
        }
        if (line >= first && line - first < view->top) {
            print_class(view, row, line - first, head, columns);
        }
        fputc('\n', cli->out);
    }
    canvas_free(&canvas);
}

static void print_human(const struct class_view *view, const struct class_row *row)
{
    struct cli *cli = view->cli;
    char clean[SHOWN_SIZE], name[SHOWN_SIZE];
    fprintf(cli->out, "%s%s", view->printed > 0 && !cli->quiet ? "\n" : "", show_clean(clean, sizeof clean, row->file));
    if (view->data != NULL && row->label >= 0) { /* else no one class is the right answer */
        bool right = view->values || view->order[0] == model_label(view, row->label);
        fprintf(cli->out, ": it is %s%s%s", right ? style_good(cli) : style_bad(cli),
                show_clean(name, sizeof name, fov_dataset_class(view->data, row->label)), style_off(cli));
        fprintf(cli->out, "%s", right ? "" : ", mistaken");
    }
    if (cli->quiet) {
        print_short(view, row);
        return;
    }
    fputc('\n', cli->out);
    print_picture(view, row);
}

void class_view_print(struct class_view *view, const struct class_row *row)
{
    struct answer_form form = form_of(view);
    answer_rank(&form, row->scores, view->top, view->order);
    if (view->cli->json) {
        print_json(view, row);
    } else if (view->csv) {
        print_csv(view, row);
    } else {
        print_human(view, row);
    }
    view->printed++;
}
