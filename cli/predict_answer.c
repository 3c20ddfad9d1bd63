/* SPDX-License-Identifier: MIT */
/* Prints and draws the answers of any task, as text, CSV and JSON. */
#include "predict_answer.h"
#include "answer_json.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "overwrite.h"
#include "run_directory.h"
#include "source.h"
#include "table.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATH_SIZE = 4096,
    MOST_FILES = 3,
    LEAST_NAME = 24,  /* columns of a name at least */
    BESIDE_NAME = 54, /* columns beside the name */
    BAR = 30
};

/* The files that an answer was drawn into. */
struct drawings {
    char path[MOST_FILES][PATH_SIZE];
    int  count;
};

/* ---- begin ------------------------------------------------------------------------------------------------------- */

static int make_folder(struct cli *cli, const char *path)
{
    bool made, is_there = path == NULL || run_directory_make(path, &made) == 0;
    return is_there ? EXIT_OK : fail(cli, EXIT_IO, "%s: cannot make the folder: %s", path, strerror(errno));
}

int answering_begin(struct answering *answering, struct cli *cli, fov_model *model)
{
    const char *typed = option_text(cli, "task"), *trained = fov_model_task(model);
    const char *task = typed != NULL ? typed : *trained != '\0' ? trained : NULL;
    fov_meaning meaning = fov_model_meaning(model, fov_model_output(model));
    bool is_map = meaning == FOV_MEANING_MAP || meaning == FOV_MEANING_BOXES;
    *answering = (struct answering){.cli = cli,
                                    .draw = option_text(cli, "draw"),
                                    .out = option_text(cli, "out"),
                                    .texts = option_text(cli, "save-txt"),
                                    .scores_in_texts = option_flag(cli, "save-conf")};
    if (task != NULL ? !source_is_one_class(task) : is_map) {
        answering->session = fov_session_create(model, typed);
        if (answering->session == NULL) {
            return fail_library(cli);
        }
    }
    bool finds_boxes = answering->session != NULL && strcmp(fov_session_task(answering->session), "detect") == 0;
    if (answering->texts != NULL && !finds_boxes) {
        return fail(cli, EXIT_USAGE, "--save-txt is for boxes, and this model finds none");
    }
    if (answering->scores_in_texts && answering->texts == NULL) {
        return fail(cli, EXIT_USAGE, "--save-conf puts scores into the files of --save-txt DIR, which is not given");
    }
    int code = make_folder(cli, answering->draw);
    return code == EXIT_OK ? make_folder(cli, answering->texts) : code;
}

void answering_end(struct answering *answering)
{
    fov_session_free(answering->session);
    for (size_t i = 0; i < answering->stem_count; i++) {
        free(answering->stems[i]);
    }
    free(answering->stems);
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

static int save(struct cli *cli, const fov_answer *answer, const fov_image *over, const char *path)
{
    fov_image drawn = {.height = 0};
    int status = fov_answer_draw(cli->context, answer, over, &drawn);
    if (status == FOV_OK) {
        status = fov_image_save_png(cli->context, path, drawn.height, drawn.width, drawn.channels, drawn.pixels);
    }
    fov_image_free(&drawn);
    return status == FOV_OK ? EXIT_OK : fail_library(cli);
}

static bool is_taken(const struct answering *a, const char *stem)
{
    for (size_t i = 0; i < a->stem_count; i++) {
        if (strcmp(a->stems[i], stem) == 0) {
            return true;
        }
    }
    return false;
}

static void add_stem(struct answering *a, const char *stem)
{
    if (a->stem_count == a->stem_capacity) {
        a->stem_capacity = a->stem_capacity > 0 ? 2 * a->stem_capacity : 64;
        char **grown = take_memory(a->stem_capacity, sizeof *grown);
        if (a->stem_count > 0) {
            memcpy(grown, a->stems, a->stem_count * sizeof *grown);
        }
        free(a->stems);
        a->stems = grown;
    }
    size_t size = strlen(stem) + 1;
    a->stems[a->stem_count] = take_memory(size, 1);
    memcpy(a->stems[a->stem_count++], stem, size);
}

/* Chooses the stem of the names of a picture's output files: its name without suffix, with ' ' and '#' replaced by '-'.
 * Of several pictures with one name, from different folders, the later ones are numbered. */
static void name_files(struct answering *a, const char *file)
{
    char plain[256], stem[256 + NUMBER_SIZE];
    const char *base = strrchr(file, '/') != NULL ? strrchr(file, '/') + 1 : file;
    const char *dot = strrchr(base, '.');
    if (a->draw == NULL && a->texts == NULL) {
        return;
    }
    snprintf(plain, sizeof plain, "%.*s", (int)(dot != NULL && dot > base ? dot - base : (long)strlen(base)), base);
    for (char *c = plain; *c != '\0'; c++) {
        *c = *c == ' ' || *c == '#' ? '-' : *c;
    }
    snprintf(stem, sizeof stem, "%s", plain);
    for (int number = 2; is_taken(a, stem); number++) {
        snprintf(stem, sizeof stem, "%s-%d", plain, number);
    }
    add_stem(a, stem);
}

/* Writes the path DIR/STEM followed by `word` (".mask.png"); an exit code, after a sentence, where it is one of the
 * inputs. */
static int path_for(const struct answering *a, const char *option, const char *directory, const char *word,
                    char path[PATH_SIZE])
{
    char clean[SHOWN_SIZE];
    snprintf(path, PATH_SIZE, "%.3800s/%s%s", directory, a->stems[a->stem_count - 1], word);
    return a->inputs != NULL && picture_list_has(a->inputs, path)
               ? fail(a->cli, EXIT_USAGE, "%s: %s would be written over, which is one of the pictures that are read: "
                      "name another folder", option, show_clean(clean, sizeof clean, path))
               : overwrite_check_beside(a->cli, option, path);
}

/* Saves a picture in the folder of --draw and adds its path to `drawings`. */
static int save_drawing(const struct answering *a, struct drawings *drawings, const char *word, const fov_image *image)
{
    char *path = drawings->path[drawings->count++];
    int code = path_for(a, "--draw", a->draw, word, path);
    if (code == EXIT_OK && fov_image_save_png(a->cli->context, path, image->height, image->width, image->channels,
                                              image->pixels) != FOV_OK) {
        code = fail_library(a->cli);
    }
    return code;
}

int answering_save(struct answering *a, const char *file, const fov_image *seen)
{
    struct drawings *drawings = take_memory(1, sizeof *drawings);
    int code = EXIT_OK;
    name_files(a, file);
    if (a->out != NULL && fov_image_save_png(a->cli->context, a->out, seen->height, seen->width, seen->channels,
                                             seen->pixels) != FOV_OK) {
        code = fail_library(a->cli);
    }
    if (a->draw != NULL && code == EXIT_OK) {
        code = save_drawing(a, drawings, ".png", seen);
    }
    free(drawings);
    return code;
}

/* Draws an answer and saves it in the folder of --draw. */
static int draw_into(const struct answering *a, struct drawings *drawings, const char *word, const fov_answer *answer,
                     const fov_image *over)
{
    fov_image drawn = {.height = 0};
    int status = fov_answer_draw(a->cli->context, answer, over, &drawn);
    int code = status == FOV_OK ? save_drawing(a, drawings, word, &drawn) : fail_library(a->cli);
    fov_image_free(&drawn);
    return code;
}

static int draw(struct answering *a, const fov_image *picture, const fov_answer *answer, struct drawings *drawings)
{
    int code = EXIT_OK;
    bool has_boxes = answer->boxes != NULL;
    if (a->out != NULL) {
        code = save(a->cli, answer, has_boxes ? picture : NULL, a->out);
        snprintf(drawings->path[drawings->count++], PATH_SIZE, "%.4000s", a->out);
    }
    if (a->draw == NULL || code != EXIT_OK) {
        return code;
    }
    if (answer->mask.pixels == NULL) {
        return draw_into(a, drawings, has_boxes ? ".boxes.png" : ".png", answer, has_boxes ? picture : NULL);
    }
    code = draw_into(a, drawings, ".mask.png", answer, NULL);
    return code == EXIT_OK ? draw_into(a, drawings, ".overlay.png", answer, picture) : code;
}

/* Writes YOLO's text file: a line per box with class, centre and size as fractions of the picture's sides. A picture
 * without boxes gets an empty file. */
static int save_text(struct answering *a, const fov_image *picture, const fov_answer *answer)
{
    char path[PATH_SIZE];
    int code = path_for(a, "--save-txt", a->texts, ".txt", path);
    FILE *out = code == EXIT_OK ? fopen(path, "w") : NULL;
    double width = picture->width, height = picture->height;
    bool fine = out != NULL;
    if (code != EXIT_OK) {
        return code;
    }
    for (int64_t i = 0; i < answer->box_count && fine; i++) {
        const fov_answer_box *box = &answer->boxes[i];
        fine = fprintf(out, "%d %.6f %.6f %.6f %.6f", box->index, (box->x1 + box->x2) / 2 / width,
                       (box->y1 + box->y2) / 2 / height, (box->x2 - box->x1) / width, (box->y2 - box->y1) / height) > 0;
        fine = fine && (!a->scores_in_texts || fprintf(out, " %.6f", box->score) > 0) && fputc('\n', out) != EOF;
    }
    if (out == NULL || fclose(out) != 0 || !fine) {
        return fail(a->cli, EXIT_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    return EXIT_OK;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void print_json(struct answering *a, const char *file, const fov_answer *answer, const struct drawings *drawings)
{
    json_t *object = json_object();
    json_set_text(object, "file", file);
    answer_set_items(object, answer);
    if (drawings->count > 0) {
        json_t *files = json_array();
        for (int i = 0; i < drawings->count; i++) {
            json_add(files, json_from_text(drawings->path[i]));
        }
        json_set(object, "drawn", files);
    }
    json_print(a->cli, object);
}

/* Prints a row per item of the answer. */
static void print_csv(const struct answering *a, const char *file, const fov_answer *answer)
{
    FILE *out = a->cli->out;
    if (a->printed == 0) {
        fprintf(out, "file,class,%s%s\n", answer->measure, answer->has_yes ? ",yes" : "");
    }
    for (int i = 0; i < answer->count; i++) {
        print_csv_field(out, file);
        fputc(',', out);
        print_csv_field(out, answer->items[i].name);
        fprintf(out, ",%.9g%s\n", answer->items[i].value,
                !answer->has_yes ? "" : answer->items[i].yes ? ",1" : ",0");
    }
}

/* Columns of the widest name, limited by the terminal's width. */
static int name_width(const struct cli *cli, const fov_answer *answer)
{
    int width = 1, most = cli->width - BESIDE_NAME > LEAST_NAME ? cli->width - BESIDE_NAME : LEAST_NAME;
    for (int i = 0; i < answer->count; i++) {
        int length = table_text_width(answer->items[i].name);
        width = length > width ? length : width;
    }
    for (int64_t i = 0; i < answer->box_count; i++) {
        int length = table_text_width(answer->boxes[i].name);
        width = length > width ? length : width;
    }
    return width < most ? width : most;
}

static void print_item(const struct answering *a, const fov_answer *answer, const fov_answer_item *item, int width)
{
    const struct cli *cli = a->cli;
    bool is_share = strcmp(answer->measure, "value") != 0;
    fprintf(cli->out, "  %s", item->yes ? style_bold(cli) : "");
    table_print_fitted(cli, cli->out, item->name, width);
    fputs("  ", cli->out);
    if (is_share) {
        print_bar(a->cli, cli->out, item->value, BAR);
        fprintf(cli->out, " %6.2f %%%s", 100 * item->value, item->yes ? "  yes" : "");
    } else {
        fprintf(cli->out, "%.6g", item->value);
    }
    fprintf(cli->out, "%s\n", item->yes ? style_off(cli) : "");
}

static void print_human(const struct answering *a, const char *file, const fov_answer *answer,
                        const struct drawings *drawings)
{
    const struct cli *cli = a->cli;
    const fov_image *pixels = answer->mask.pixels != NULL ? &answer->mask : &answer->picture;
    char clean[SHOWN_SIZE];
    int width = name_width(cli, answer);
    fprintf(cli->out, "%s%s", a->printed > 0 && !cli->quiet ? "\n" : "", show_clean(clean, sizeof clean, file));
    if (pixels->pixels != NULL) {
        fprintf(cli->out, ": %s of %d x %d pixels", answer->mask.pixels != NULL ? "a mask" : "a picture",
                pixels->height, pixels->width);
    }
    if (answer->boxes != NULL) {
        fprintf(cli->out, ": %lld box%s", (long long)answer->box_count, answer->box_count == 1 ? "" : "es");
    }
    fputc('\n', cli->out);
    for (int64_t i = 0; i < answer->box_count; i++) {
        const fov_answer_box *box = &answer->boxes[i];
        fputs("  ", cli->out);
        table_print_fitted(cli, cli->out, box->name, width);
        fprintf(cli->out, "  %6.2f %%  x %.1f to %.1f, y %.1f to %.1f\n", 100 * box->score, box->x1, box->x2, box->y1,
                box->y2);
    }
    for (int i = 0; i < answer->count && answer->boxes == NULL; i++) {
        print_item(a, answer, &answer->items[i], width);
    }
    for (int i = 0; i < drawings->count; i++) {
        fprintf(cli->out, "  %s\n", show_clean(clean, sizeof clean, drawings->path[i]));
    }
}

void answering_say_note(const struct cli *cli, const char *file, const char *note)
{
    char clean[SHOWN_SIZE];
    if (note != NULL && !cli->json) {
        remark(cli, "%s: %s", show_clean(clean, sizeof clean, file), note);
    }
}

int answering_predict(struct answering *a, const char *file, const fov_image *picture)
{
    struct drawings *drawings = take_memory(1, sizeof *drawings);
    fov_answer answer;
    int status = fov_session_answer(a->session, picture, &answer), code;
    if (status == FOV_E_NUMERIC || (status == FOV_E_SHAPE && picture->values != NULL)) { /* others are the model's */
        char clean[SHOWN_SIZE];
        code = fail(a->cli, exit_code((fov_status)status), "%s: %s", show_clean(clean, sizeof clean, file),
                    fov_session_error(a->session));
    } else if (status != FOV_OK) {
        code = fail(a->cli, exit_code((fov_status)status), "%s", fov_session_error(a->session));
    } else {
        name_files(a, file);
        code = draw(a, picture, &answer, drawings);
        code = code == EXIT_OK && a->texts != NULL ? save_text(a, picture, &answer) : code;
        answering_say_note(a->cli, file, answer.note);
        if (code == EXIT_OK && a->cli->json) {
            print_json(a, file, &answer, drawings);
        } else if (code == EXIT_OK && option_flag(a->cli, "csv")) {
            print_csv(a, file, &answer);
        } else if (code == EXIT_OK) {
            print_human(a, file, &answer, drawings);
        }
        fov_answer_free(&answer);
        a->printed++;
        code = code == EXIT_OK ? output_commit(a->cli) : code;
    }
    free(drawings);
    return code;
}
