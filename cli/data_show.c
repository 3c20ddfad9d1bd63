/* SPDX-License-Identifier: MIT */
/* Showing samples of a dataset on the terminal or as a contact sheet, and exporting them as files. */
#include "data_show.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "overwrite.h"
#include "picture.h"
#include "progress.h"
#include "source.h"
#include "table.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SHOWN = 12, SIDE = 32, PATH_SIZE = 4096 };

static int64_t chosen_count(const struct cli *cli, int64_t standard, int64_t there)
{
    int64_t count = option_given(cli, "count") ? option_integer(cli, "count") : standard;
    return count < there ? count : there;
}

/* ---- show -------------------------------------------------------------------------------------------------------- */

/* Places `count` samples, beginning with `first`, side by side on a canvas of one row of cells. */
static int place_row(fov_dataset *data, int64_t first, int64_t count, int side, int gap, struct canvas *canvas, int top)
{
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *pixels;
        int height, width, channels;
        if (fov_dataset_sample(data, first + i, &pixels, &height, &width, &channels) != FOV_OK) {
            return FOV_E_INPUT;
        }
        canvas_place(canvas, top, (int)i * (side + gap), side, pixels, height, width, channels);
    }
    return FOV_OK;
}

/* Rows of pictures with their labels underneath. */
static int print_sheet(struct cli *cli, fov_dataset *data, int64_t count, int side)
{
    enum { GAP = 2 };
    int columns = (cli->width - 2 + GAP) / (side + GAP);
    columns = columns < 1 ? 1 : columns;
    for (int64_t first = 0; first < count; first += columns) {
        int64_t here = count - first < columns ? count - first : columns;
        struct canvas canvas = canvas_create(side, (int)here * (side + GAP) - GAP, 0);
        int status = place_row(data, first, here, side, GAP, &canvas, 0);
        for (int line = 0; status == FOV_OK && line < canvas_lines(&canvas); line++) {
            fputs("  ", cli->out);
            canvas_print_line(cli, cli->out, &canvas, line);
            fputc('\n', cli->out);
        }
        canvas_free(&canvas);
        if (status != FOV_OK) {
            return fail_library(cli);
        }
        fputs("  ", cli->out);
        for (int64_t i = 0; i < here; i++) {
            char text[96], clean[SIDE + 1], name[64];
            show_clean(name, sizeof name, fov_dataset_class(data, fov_dataset_label(data, first + i)));
            snprintf(text, sizeof text, "#%lld %s", (long long)(first + i), name);
            show_clean(clean, (size_t)(side < SIDE ? side : SIDE) + 1, text);
            fprintf(cli->out, "%s%*s", clean, side + GAP - table_text_width(clean), "");
        }
        fputs("\n\n", cli->out);
    }
    return EXIT_OK;
}

static int save_sheet(struct cli *cli, fov_dataset *data, int64_t count, const char *path)
{
    const fov_sheet_options options = {.count = count, .spread = true, .augment = option_text(cli, "augment")};
    if (fov_dataset_sheet(data, &options, path) != FOV_OK) {
        return fail_library(cli);
    }
    char clean[SHOWN_SIZE];
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "file", path);
        json_set_integer(object, "count", count);
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, "%s: %lld pictures\n", show_clean(clean, sizeof clean, path), (long long)count);
    }
    return EXIT_OK;
}

/* With --json, in place of the sheet: the samples' labels. */
static void print_labels_json(struct cli *cli, const fov_dataset *data, int64_t count)
{
    json_t *object = json_object(), *samples = json_array();
    for (int64_t i = 0; i < count; i++) {
        json_t *one = json_object();
        json_set_integer(one, "index", i);
        json_set_integer(one, "label", fov_dataset_label(data, i));
        json_set_text(one, "name", fov_dataset_class(data, fov_dataset_label(data, i)));
        json_add(samples, one);
    }
    json_set_text(object, "name", fov_dataset_describe(data).name);
    json_set(object, "samples", samples);
    json_print(cli, object);
}

int data_show(struct cli *cli, const char *source)
{
    fov_dataset *data = source_samples(cli, source, NULL, NULL);
    if (data == NULL) {
        return fail_library(cli);
    }
    fov_dataset_info info = fov_dataset_describe(data);
    int64_t count = chosen_count(cli, SHOWN, info.count);
    int larger = info.height > info.width ? info.height : info.width, code = EXIT_OK;
    const char *path = option_text(cli, "out");
    if (path == NULL && option_given(cli, "augment")) {
        code = fail(cli, EXIT_USAGE, "--augment is for a sheet: say where to draw it, -o SHEET.png");
    } else if (path != NULL) {
        code = save_sheet(cli, data, count, path);
    } else if (cli->json) {
        print_labels_json(cli, data, count);
    } else {
        code = print_sheet(cli, data, count, info.same_size && larger < SIDE ? larger : SIDE);
    }
    fov_dataset_free(data);
    return code;
}

/* ---- export ------------------------------------------------------------------------------------------------------ */

/* Turns a class's name into a folder's name: without separators, and not "." or ".."; "_" for samples without a
 * class. */
static void folder_name(char out[256], const char *name)
{
    show_clean(out, 256, name);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at == '/' || *at == '\\' ? '_' : *at;
    }
    if (out[0] == '\0') {
        snprintf(out, 256, "_");
    } else if (out[0] == '.') {
        out[0] = '_';
        out[1] = out[1] == '.' ? '_' : out[1];
    }
}

static int make_folder(struct cli *cli, const char *path)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? EXIT_OK
               : fail(cli, EXIT_IO, "%s: cannot make the folder: %s", path, strerror(errno));
}

static int export_sample(struct cli *cli, fov_dataset *data, int64_t index, const char *folder)
{
    char name[256], path[PATH_SIZE];
    const uint8_t *pixels;
    int height, width, channels;
    folder_name(name, fov_dataset_class(data, fov_dataset_label(data, index)));
    size_t length = append_text(path, sizeof path, 0, "%s/%s", folder, name);
    if (length > PATH_SIZE - 40) {
        return fail(cli, EXIT_USAGE, "the folder's name is too long");
    }
    int code = make_folder(cli, path);
    if (code != EXIT_OK) {
        return code;
    }
    append_text(path, sizeof path, length, "/%05lld.png", (long long)index);
    code = overwrite_check_file(cli, "the picture", path);
    if (code != EXIT_OK) {
        return code;
    }
    if (fov_dataset_sample(data, index, &pixels, &height, &width, &channels) != FOV_OK ||
        fov_image_save_png(cli->context, path, height, width, channels, pixels) != FOV_OK) {
        return fail_library(cli);
    }
    return EXIT_OK;
}

int data_export(struct cli *cli, const char *source, const char *folder)
{
    fov_dataset *data = source_samples(cli, source, NULL, NULL);
    if (data == NULL) {
        return fail_library(cli);
    }
    struct progress progress;
    int64_t there = fov_dataset_describe(data).count, count = chosen_count(cli, there, there);
    progress_begin(&progress, cli);
    int code = make_folder(cli, folder);
    for (int64_t i = 0; i < count && code == EXIT_OK; i++) {
        code = export_sample(cli, data, i, folder);
        if (progress_due(&progress)) {
            char detail[NUMBER_SIZE];
            progress_draw(&progress, "writing", (double)i / (double)count, show_count(detail, i));
        }
    }
    progress_clear(&progress);
    char clean[SHOWN_SIZE], number[NUMBER_SIZE];
    if (code == EXIT_OK && cli->json) {
        json_t *object = json_object();
        json_set_text(object, "directory", folder);
        json_set_integer(object, "count", count);
        json_print(cli, object);
    } else if (code == EXIT_OK && !cli->quiet) {
        fprintf(cli->out, "%s: %s pictures, a folder per class\n", show_clean(clean, sizeof clean, folder),
                show_count(number, count));
    }
    fov_dataset_free(data);
    return code;
}
