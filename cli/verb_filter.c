/* SPDX-License-Identifier: MIT */
/* fovea filter: applies a filter by name, or a given kernel, to a picture; shows the sum behind one of its pixels. */
#include "options.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct filtering {
    struct cli *cli;
    const char *name; /* NULL: a kernel was given with --kernel */
    float *weights;   /* [rows][columns]; NULL: the filter is not a single convolution */
    int rows, columns;
    fov_border border;
    fov_image image;
    float *picture, *result; /* [height][width][channels] */
    size_t count;
};

static const char *const borders[] = {"reflect", "mirror", "edge", "zero", NULL};

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

/* Parses rows of numbers, "1 0 -1; 2 0 -2; 1 0 -1". 0, or an exit code. */
static int read_kernel(struct filtering *f, const char *text)
{
    int column = 0;
    f->rows = 1;
    for (const char *at = text; *at != '\0';) {
        char *end = NULL;
        if (*at == ' ' || *at == ',' || *at == '\t' || *at == '\n') {
            at++;
            continue;
        }
        if (*at == ';') {
            if (column != f->columns && f->rows > 1) {
                return fail(f->cli, EXIT_USAGE, "--kernel: row %d has %d numbers, those before it %d", f->rows, column,
                            f->columns);
            }
            f->columns = column;
            column = 0;
            f->rows++;
            at++;
            continue;
        }
        double value = strtod(at, &end);
        if (end == at || !isfinite(value)) {
            return fail(f->cli, EXIT_USAGE, "--kernel: \"%.20s\" is no number", at);
        }
        if (f->rows > FOV_FILTER_MOST || column >= FOV_FILTER_MOST || (f->rows > 1 && column >= f->columns)) {
            return fail(f->cli, EXIT_USAGE, "--kernel: row %d is too long, or there are more than %d rows", f->rows,
                        FOV_FILTER_MOST);
        }
        f->weights[(f->rows > 1 ? (f->rows - 1) * f->columns : 0) + column++] = (float)value;
        at = end;
    }
    if (column == 0 && f->rows > 1) {
        f->rows--; /* a ; at the end */
        column = f->columns;
    }
    if (f->rows > 1 && column != f->columns) {
        return fail(f->cli, EXIT_USAGE, "--kernel: row %d has %d numbers, those before it %d", f->rows, column,
                    f->columns);
    }
    f->columns = column;
    if (f->rows % 2 == 0 || f->columns % 2 == 0) {
        return fail(f->cli, EXIT_USAGE, "--kernel is %d x %d; it needs a middle: odd rows and columns", f->rows,
                    f->columns);
    }
    return EXIT_OK;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static int list_filters(struct cli *cli)
{
    if (cli->json) {
        json_t *list = json_array(), *object = json_object();
        for (int i = 0; i < fov_filter_count(); i++) {
            json_t *one = json_object();
            json_set_text(one, "name", fov_filter_name(i));
            json_set_text(one, "size", fov_filter_size(i));
            json_set_text(one, "example", fov_filter_example(i));
            json_set_text(one, "summary", fov_filter_summary(i));
            json_add(list, one);
        }
        json_set(object, "filters", list);
        json_print(cli, object);
        return EXIT_OK;
    }
    struct table *table = table_create("llL");
    table_row(table, (const char *[]){"filter", "size", "what it does"});
    table_rule(table);
    for (int i = 0; i < fov_filter_count(); i++) {
        table_row(table, (const char *[]){fov_filter_example(i), fov_filter_size(i), fov_filter_summary(i)});
    }
    table_print(table, cli);
    table_free(table);
    return EXIT_OK;
}

static void print_matrix(const struct filtering *f, const char *title, const float *values)
{
    fprintf(f->cli->out, "  %s\n", title);
    for (int r = 0; r < f->rows; r++) {
        fprintf(f->cli->out, "   ");
        for (int c = 0; c < f->columns; c++) {
            fprintf(f->cli->out, " %9.4g", (double)values[r * f->columns + c]);
        }
        fputc('\n', f->cli->out);
    }
}

/* Prints the products behind one pixel, their sum, and the number that the library computed. */
static void explain(const struct filtering *f, int y, int x)
{
    float patch[FOV_FILTER_MOST * FOV_FILTER_MOST];
    print_matrix(f, "kernel", f->weights);
    for (int c = 0; c < f->image.channels; c++) {
        double sum = 0.0;
        char title[64];
        fov_filter_patch(f->picture, f->image.height, f->image.width, f->image.channels, y, x, c, f->rows, f->columns,
                         f->border, patch);
        snprintf(title, sizeof title, "channel %d, pixels around row %d, column %d", c, y, x);
        print_matrix(f, title, patch);
        fprintf(f->cli->out, "  sum ");
        bool any = false;
        for (int i = 0; i < f->rows * f->columns; i++) {
            double product = (double)f->weights[i] * (double)patch[i];
            sum += product;
            if (f->weights[i] != 0.0F && f->rows * f->columns <= 25) {
                fprintf(f->cli->out, "%s%.4g x %.4g", any ? " + " : "", (double)f->weights[i], (double)patch[i]);
                any = true;
            }
        }
        size_t at = ((size_t)y * (size_t)f->image.width + (size_t)x) * (size_t)f->image.channels + (size_t)c;
        fprintf(f->cli->out, "%s%.6g, and the engine gave %.6g\n", any ? " = " : "", sum, (double)f->result[at]);
    }
}

static void set_explanation(const struct filtering *f, json_t *object, int y, int x)
{
    float patch[FOV_FILTER_MOST * FOV_FILTER_MOST];
    json_t *channels = json_array();
    json_set(object, "kernel", json_from_plane(f->weights, f->rows, f->columns));
    for (int c = 0; c < f->image.channels; c++) {
        json_t *one = json_object();
        size_t at = ((size_t)y * (size_t)f->image.width + (size_t)x) * (size_t)f->image.channels + (size_t)c;
        fov_filter_patch(f->picture, f->image.height, f->image.width, f->image.channels, y, x, c, f->rows, f->columns,
                         f->border, patch);
        json_set(one, "patch", json_from_plane(patch, f->rows, f->columns));
        json_set_number(one, "result", (double)f->result[at]);
        json_add(channels, one);
    }
    json_set(object, "channels", channels);
}

/* ---- one picture ------------------------------------------------------------------------------------------------- */

static int write_results(struct filtering *f, const char *out, const char *raw)
{
    const fov_image *image = &f->image;
    const fov_shape shape = {3, {image->height, image->width, image->channels}};
    if (raw != NULL && fov_array_save_npy(f->cli->context, raw, FOV_F32, &shape, f->result) != FOV_OK) {
        return fail_library(f->cli);
    }
    if (out == NULL) {
        return EXIT_OK;
    }
    uint8_t *pixels = take_memory(f->count, 1);
    const char *like = f->name != NULL ? f->name : "identity";
    int status = fov_filter_pixels(f->cli->context, like, f->result, f->count, pixels);
    if (status == FOV_OK) {
        status = fov_image_save_png(f->cli->context, out, image->height, image->width, image->channels, pixels);
    }
    free(pixels);
    return status == FOV_OK ? EXIT_OK : fail_library(f->cli);
}

static int filter_picture(struct filtering *f, const int64_t *place)
{
    struct cli *cli = f->cli;
    const fov_image *image = &f->image;
    const char *out = option_text(cli, "out"), *raw = option_text(cli, "raw");
    char clean[SHOWN_SIZE];
    f->count = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    f->picture = take_memory(f->count, 2 * sizeof *f->picture);
    f->result = f->picture + f->count;
    for (size_t i = 0; i < f->count; i++) {
        f->picture[i] = image->pixels[i];
    }
    int status = f->name != NULL ? fov_filter(cli->context, f->name, f->picture, image->height, image->width,
                                              image->channels, f->border, f->result)
                                 : fov_filter_convolve(cli->context, f->weights, f->rows, f->columns, f->picture,
                                                       image->height, image->width, image->channels, f->border,
                                                       f->result);
    int code = status == FOV_OK ? write_results(f, out, raw) : fail_library(cli);
    if (code != EXIT_OK) {
        return code;
    }
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "filter", f->name != NULL ? f->name : "kernel");
        json_set_integer(object, "height", image->height);
        json_set_integer(object, "width", image->width);
        json_set_integer(object, "channels", image->channels);
        if (place != NULL) {
            set_explanation(f, object, (int)place[0], (int)place[1]);
        }
        json_print(cli, object);
        return EXIT_OK;
    }
    if (place != NULL) {
        explain(f, (int)place[0], (int)place[1]);
    }
    if (!cli->quiet && out != NULL) {
        fprintf(cli->out, "%s: %d x %d pixels, %s\n", show_clean(clean, sizeof clean, out), image->height, image->width,
                f->name != NULL ? f->name : "the kernel given");
    }
    return EXIT_OK;
}

/* Reads the place of --explain; *place NULL: not given. */
static int read_place(const struct filtering *f, int64_t at[2], const int64_t **place)
{
    const char *text = option_text(f->cli, "explain");
    *place = NULL;
    if (text == NULL) {
        return EXIT_OK;
    }
    if (f->weights == NULL) {
        return fail(f->cli, EXIT_USAGE, "--explain: %s is no single convolution, so no sum stands behind its pixels",
                    f->name);
    }
    if (options_numbers(text, ',', 0, INT32_MAX, at, 2) != 2) {
        return fail(f->cli, EXIT_USAGE, "--explain is \"%.40s\"; it is ROW,COLUMN, from 0", text);
    }
    if (at[0] >= f->image.height || at[1] >= f->image.width) {
        return fail(f->cli, EXIT_USAGE, "--explain %.40s is outside the picture of %d x %d pixels", text,
                    f->image.height, f->image.width);
    }
    *place = at;
    return EXIT_OK;
}

static int draw_sheet(struct cli *cli, const char *path, fov_border border)
{
    const char *out = option_text(cli, "out");
    fov_image image = {.pixels = NULL};
    char clean[SHOWN_SIZE];
    if (out == NULL) {
        return fail(cli, EXIT_USAGE, "--sheet needs -o FILE.png");
    }
    int status = fov_image_load(cli->context, path, 0, &image);
    if (status == FOV_OK) {
        status = fov_filter_sheet(cli->context, image.pixels, image.height, image.width, image.channels, border, out);
    }
    fov_image_free(&image);
    if (status != FOV_OK) {
        return fail_library(cli);
    }
    if (!cli->quiet && !cli->json) {
        fprintf(cli->out, "%s: %d filters\n", show_clean(clean, sizeof clean, out), fov_filter_count());
    }
    return EXIT_OK;
}

static int filter_file(struct filtering *f, const char *path)
{
    const int64_t *place;
    int64_t at[2];
    if (fov_image_load(f->cli->context, path, 0, &f->image) != FOV_OK) {
        return fail_library(f->cli);
    }
    int code = read_place(f, at, &place);
    if (code == EXIT_OK && place == NULL && option_text(f->cli, "out") == NULL && option_text(f->cli, "raw") == NULL) {
        code = fail(f->cli, EXIT_USAGE, "where to? -o FILE.png, --raw FILE.npy or --explain ROW,COLUMN");
    }
    return code == EXIT_OK ? filter_picture(f, place) : code;
}

static int run(struct cli *cli)
{
    struct filtering f = {.cli = cli};
    const char *own = option_text(cli, "kernel"), *border = option_text(cli, "border");
    int wanted = option_flag(cli, "sheet") || own != NULL ? 1 : 2;
    if (option_flag(cli, "list")) {
        return cli->argument_count == 0 ? list_filters(cli) : fail(cli, EXIT_USAGE, "--list takes nothing else");
    }
    if (cli->argument_count != wanted) {
        return fail(cli, EXIT_USAGE, "%s", wanted == 2 ? "usage: fovea filter KIND PICTURE -o OUT.png; kinds: --list"
                                                       : "with --sheet or --kernel there is one word: the picture");
    }
    while (strcmp(borders[f.border], border) != 0) {
        f.border++;
    }
    if (cli_context(cli) == NULL) {
        return fail_library(cli);
    }
    if (option_flag(cli, "sheet")) {
        return draw_sheet(cli, cli->arguments[0], f.border);
    }
    float *weights = take_memory((size_t)FOV_FILTER_MOST * FOV_FILTER_MOST, sizeof *weights);
    int code = EXIT_OK;
    f.weights = weights;
    if (own != NULL) {
        code = read_kernel(&f, own);
    } else {
        f.name = cli->arguments[0];
        int status = fov_filter_kernel(cli->context, f.name, f.weights, &f.rows, &f.columns);
        if (status == FOV_E_UNSUPPORTED) {
            fov_error_clear(cli->context);
            f.weights = NULL;
        } else if (status != FOV_OK) {
            code = fail_library(cli);
        }
    }
    code = code == EXIT_OK ? filter_file(&f, cli->arguments[wanted - 1]) : code;
    fov_image_free(&f.image);
    free(f.picture);
    free(weights);
    return code;
}

static const struct cli_option options[] = {
    {.name = "list", .kind = OPTION_FLAG, .doc = "list the filters"},
    {.name = "out", .letter = 'o', .kind = OPTION_TEXT, .argument = "FILE.png", .writes = WRITES_FILE,
     .otherwise = "none",
     .doc = "the filtered picture; of edges, their sizes"},
    {.name = "raw", .kind = OPTION_TEXT, .argument = "FILE.npy", .writes = WRITES_FILE,
     .otherwise = "none",
     .doc = "the numbers, neither rounded nor clipped, float32 [height, width, channels]"},
    {.name = "border", .kind = OPTION_CHOICE, .argument = "KIND", .standard = "reflect", .choices = borders,
     .doc = "what lies around abcd: reflect dcba|abcd|dcba, mirror dcb|abcd|cba, edge aaa|abcd|ddd, zero"},
    {.name = "kernel", .kind = OPTION_TEXT, .argument = "ROWS", .otherwise = "that of KIND",
     .doc = "a kernel of one's own, rows between ;: \"1 0 -1; 2 0 -2; 1 0 -1\""},
    {.name = "explain", .kind = OPTION_TEXT, .argument = "ROW,COLUMN", .otherwise = "no pixel",
     .doc = "show the pixels, the kernel and the sum behind one pixel, counted from 0"},
    {.name = "sheet", .kind = OPTION_FLAG, .doc = "one picture under every filter, with their names"},
    {.name = NULL},
};

const struct verb verb_filter = {
    .name = "filter",
    .summary = "picture filters, on the operator that networks run on",
    .run = run,
    .options = options,
    .arguments = "KIND PICTURE",
    .minimum_arguments = 0,
    .maximum_arguments = 2,
    .help =
        "Averages, sharpens, finds edges: convolutions with kernels that people chose, before networks learned theirs. "
        "Each is computed as networks do it: the kernel is not turned round. A size stands behind some names: "
        "gauss-sigma1.5, median-5.",
    .examples = "fovea filter --list\n"
                "fovea filter sobel-x photo.jpg -o edges.png\n"
                "fovea filter gauss-sigma2 photo.jpg -o soft.png --border zero\n"
                "fovea filter --kernel \"0 1 0; 1 -4 1; 0 1 0\" photo.jpg --raw numbers.npy\n"
                "fovea filter sobel-x photo.jpg --explain 20,31\n"
                "fovea filter --sheet photo.jpg -o sheet.png\n",
};
