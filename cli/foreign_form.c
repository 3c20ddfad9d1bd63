/* SPDX-License-Identifier: MIT */
/* Whole lines in another tool's form, which are not run but answered by the equivalent fovea command: Ultralytics'
 * "detect train data=x.yaml imgsz=320" and "mode=val task=detect", Darknet's "detector test a.data b.cfg b.weights
 * dog.jpg". Single words are translated in foreign.c. */
#include "append.h"
#include "foreign.h"
#include "help.h"
#include "options.h"
#include "output.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LINE = 2048 /* bytes of a line that is shown */ };

static bool is_one_of(const char *word, const char *const *list)
{
    for (; word != NULL && *list != NULL; list++) {
        if (strcmp(*list, word) == 0) {
            return true;
        }
    }
    return false;
}

/* Tasks and modes of Ultralytics, ended by NULL. */
static const char *const their_tasks[] = {"detect", "segment", "classify", "pose", "obb", NULL};
static const char *const their_verbs[] = {"train", "val", "predict", "eval", "test", "export", "track",
                                         "benchmark", NULL};

/* A line of Ultralytics' taken apart. */
struct form {
    const char *task, *mode, *model; /* NULL: not given */
    int count;
    char **rest; /* [count], with room for two more: all words but task and mode */
};

/* ---- showing a line -------------------------------------------------------------------------------------------- */

/* Appends a word, quoted for a shell where it needs it. */
static size_t add_word(char *line, size_t used, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        return append_text(line, LINE, used, " %s", word);
    }
    used = append_text(line, LINE, used, " '");
    for (; *word != '\0'; word++) {
        used = *word == '\'' ? append_text(line, LINE, used, "'\\''") : append_text(line, LINE, used, "%c", *word);
    }
    return append_text(line, LINE, used, "'");
}

/* "--lr=0.1" and "lr=0.1" as --lr 0.1, "overwrite=yes" as --overwrite. */
static size_t add_option(char *line, size_t used, const struct cli_option *option, const char *value)
{
    static const char *const no[] = {"no", "false", "False", "0", "off", NULL};
    if (option->kind == OPTION_FLAG) {
        return append_text(line, LINE, used, " --%s%s", option->name, is_one_of(value, no) ? "=no" : "");
    }
    used = append_text(line, LINE, used, " --%s", option->name);
    return value != NULL ? add_word(line, used, value) : used;
}

/* The option of a word "--name", "--name=value" or "name=value"; *value: after the =, or NULL. NULL: no option. */
static const struct cli_option *option_of(const struct verb *verb, const char *word, const char **value)
{
    char name[64];
    const char *plain = word + (strncmp(word, "--", 2) == 0 ? 2 : 0), *equals = strchr(plain, '=');
    size_t length = equals != NULL ? (size_t)(equals - plain) : strlen(plain);
    *value = equals != NULL ? equals + 1 : NULL;
    if (length >= sizeof name || (plain == word && equals == NULL)) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        name[i] = plain[i] == '_' ? '-' : plain[i];
    }
    name[length] = '\0';
    return options_find(verb, name, NULL);
}

/* Whether a word that is no option of fovea looks like one ("mosaic=1.0") and is no file. */
static bool is_unknown(const char *word)
{
    return strncmp(word, "--", 2) == 0 || (strchr(word, '=') != NULL && access(word, F_OK) != 0);
}

/* Appends the translated words; unknown ones are added to foreign->left_out. */
static size_t add_words(char *line, size_t used, const struct verb *verb, struct foreign *foreign)
{
    for (int i = 0; i < foreign->count; i++) {
        const char *word = foreign->words[i], *value;
        const struct cli_option *option = option_of(verb, word, &value);
        if (option != NULL) {
            bool is_next = value == NULL && option->kind != OPTION_FLAG && i + 1 < foreign->count;
            value = is_next ? foreign->words[++i] : value;
            used = add_option(line, used, option, value);
        } else if (is_unknown(word)) {
            size_t left = strlen(foreign->left_out);
            append_text(foreign->left_out, sizeof foreign->left_out, left, "%s%s", left > 0 ? ", " : "", word);
        } else {
            used = add_word(line, used, word);
        }
    }
    return used;
}

/* ---- Ultralytics ------------------------------------------------------------------------------------------------- */

/* Takes a line apart: mode and task ("train", "detect") in either order at its beginning, or as mode= and task=
 * anywhere. False: it is no line of Ultralytics'. */
static bool take_apart(int count, char **words, struct form *form)
{
    int at = count > 0 && strcmp(words[0], "yolo") == 0 ? 1 : 0;
    bool is_theirs = at > 0;
    *form = (struct form){.rest = take_memory((size_t)count + 2, sizeof *form->rest)};
    for (int i = 0; i < 2 && at < count; i++) {
        bool is_task = form->task == NULL && is_one_of(words[at], their_tasks);
        bool is_mode = form->mode == NULL && is_one_of(words[at], their_verbs);
        if (i == 1 && is_task && access(words[at], F_OK) == 0) {
            is_task = false; /* a file or folder of that name */
        }
        form->task = is_task ? words[at] : form->task;
        form->mode = is_mode ? words[at] : form->mode;
        at += is_task || is_mode;
    }
    bool is_named = count > 0 && (strncmp(words[0], "mode=", 5) == 0 || strncmp(words[0], "task=", 5) == 0);
    is_theirs |= form->task != NULL || is_named;
    for (; at < count; at++) {
        if (strncmp(words[at], "mode=", 5) == 0) {
            form->mode = words[at] + 5;
        } else if (strncmp(words[at], "task=", 5) == 0) {
            form->task = words[at] + 5;
        } else {
            form->model = strncmp(words[at], "model=", 6) == 0 ? words[at] + 6 : form->model;
            form->rest[form->count++] = words[at];
        }
    }
    return is_theirs;
}

/* The task of one of Ultralytics' models by its name: "segment" for "yolo11n-seg.pt". */
static const char *task_of_model(const char *model)
{
    static const char *const tasks[][2] = {
        {"-seg", "segment"}, {"-cls", "classify"}, {"-pose", "pose"}, {"-obb", "obb"}};
    for (size_t i = 0; model != NULL && i < sizeof tasks / sizeof tasks[0]; i++) {
        if (strstr(model, tasks[i][0]) != NULL) {
            return tasks[i][1];
        }
    }
    return "detect";
}

/* fovea's network for one of Ultralytics' models, by the letter of its size: "yolo11n.pt", "yolov8s-seg.yaml". */
static const char *model_of_size(const char *value)
{
    static const struct {
        char size;
        const char *model;
    } models[] = {{'n', "yolox-nano"}, {'t', "yolox-tiny"}, {'s', "yolox-s"},
                  {'m', "yolox-m"},    {'l', "yolox-l"},    {'x', "yolox-x"}};
    const char *at = value + strlen("yolo");
    at += *at == 'v';
    at += strspn(at, "0123456789");
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (models[i].size == *at) {
            return models[i].model;
        }
    }
    return "yolox-nano";
}

/* The network to train in place of a model of Ultralytics' that is no file here; NULL: the typed model stays. */
static const char *network_for(const char *task, const char *typed)
{
    bool is_their_model = typed == NULL || (strncmp(typed, "yolo", 4) == 0 && strncmp(typed, "yolox", 5) != 0);
    if (!is_their_model || (typed != NULL && access(typed, F_OK) == 0)) {
        return NULL;
    }
    if (strcmp(task, "segment") == 0) {
        return "unet";
    }
    return strcmp(task, "classify") == 0 ? "mobilenet_v2" : typed != NULL ? model_of_size(typed) : "yolox-nano";
}

/* In a training line, replaces (or adds) the model by network_for's network. */
static void choose_network(struct form *form, char network[96], struct foreign *foreign)
{
    const char *ours = network_for(form->task, form->model);
    int at = 0;
    while (at < form->count && form->rest[at] + 6 != form->model) {
        at++;
    }
    if (ours == NULL) {
        return;
    }
    snprintf(network, 96, "model=%s", ours);
    form->rest[at] = network;
    form->count += form->model == NULL;
    if (form->model != NULL) {
        append_text(foreign->left_out, sizeof foreign->left_out, 0, "%.60s (%s is the network of that size here)",
                    form->model, ours);
    }
}

/* In other lines, adds placeholders for the model and the picture where they are missing. */
static void add_missing(struct form *form, const struct verb *verb)
{
    static const char model[] = "model=MODEL.onnx", picture[] = "PICTURE";
    bool has_model = form->model != NULL, has_picture = false;
    for (int i = 0; i < form->count; i++) {
        bool is_word = strchr(form->rest[i], '=') == NULL && form->rest[i][0] != '-';
        has_picture |= strncmp(form->rest[i], "source=", 7) == 0 || is_word;
    }
    if (!has_model) {
        memmove(form->rest + 1, form->rest, (size_t)form->count++ * sizeof *form->rest);
        form->rest[0] = (char *)(uintptr_t)model;
    }
    if (!has_picture && strcmp(verb->name, "predict") == 0) {
        form->rest[form->count++] = (char *)(uintptr_t)picture;
    }
}

static void say(char *sentence, size_t size, const char *line, const struct foreign *foreign)
{
    bool is_whole = foreign->left_out[0] == '\0';
    append_text(sentence, size, 0, "the form here is: %s%s%s", line, is_whole ? "" : "; left out: ", foreign->left_out);
}

/* Writes the sentence with the equivalent fovea command. */
static void translate(const char *program, struct form *form, const struct verb *verb, char *sentence, size_t size)
{
    struct foreign foreign = {.is_shown = true};
    char line[LINE], network[96], problem[512];
    bool trains = strcmp(verb->name, "train") == 0;
    if (trains) {
        choose_network(form, network, &foreign);
    } else {
        add_missing(form, verb);
    }
    size_t used = append_text(line, sizeof line, 0, "%s %s", program, verb->name);
    if (foreign_rewrite(verb, form->count, form->rest, &foreign, problem, sizeof problem) != EXIT_OK) {
        append_text(sentence, size, 0, "%s", problem);
    } else {
        used = add_words(line, used, verb, &foreign);
        if (trains && strstr(line, " --resume ") == NULL) {
            append_text(line, sizeof line, used, " --task %s", form->task);
        }
        say(sentence, size, line, &foreign);
    }
    foreign_free(&foreign);
}

static void ultralytics(const char *program, struct form *form, char *sentence, size_t size)
{
    static const char *const known[] = {"detect", "segment", "classify", NULL};
    const char *mode = form->mode != NULL ? form->mode : "predict", *suggestion;
    const char *ours = foreign_verb(mode) != NULL ? foreign_verb(mode) : mode;
    const struct verb *verb = help_find(ours, &suggestion);
    form->task = form->task != NULL ? form->task : task_of_model(form->model);
    if (!is_one_of(form->task, known)) {
        append_text(sentence, size, 0,
                    "there is no task \"%.40s\" here; there are classify, detect, segment and others (docs/tasks.md)",
                    form->task);
    } else if (verb == NULL) {
        append_text(sentence, size, 0,
                    "there is no \"%.40s\" here; fovea predict MODEL PICTURE... finds boxes in single pictures", mode);
    } else {
        translate(program, form, verb, sentence, size);
    }
}

/* ---- Darknet ----------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *word, const char *suffix)
{
    size_t length = strlen(word), tail = strlen(suffix);
    return length > tail && strcasecmp(word + length - tail, suffix) == 0;
}

/* Darknet's files and flags, by their suffix and name. */
struct darknet {
    const char *cfg, *weights, *threshold;
    const char *pictures[16];
    int count;
};

static void sort_darknet(struct darknet *d, int count, char **words)
{
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        if (ends_in(word, ".cfg")) {
            d->cfg = word;
        } else if (ends_in(word, ".weights")) {
            d->weights = word;
        } else if (strcmp(word, "-thresh") == 0 && i + 1 < count) {
            d->threshold = words[++i];
        } else if (word[0] == '-') { /* -map, -dont_show, -gpus 0,1 */
            bool has_number = i + 1 < count && isdigit((unsigned char)words[i + 1][0]);
            i += has_number;
        } else if (!ends_in(word, ".data") && strstr(word, ".conv.") == NULL && d->count < 16) {
            d->pictures[d->count++] = word;
        }
    }
}

static bool darknet(const char *program, const char *kind, const char *mode, int count, char **words, char *sentence,
                    size_t size)
{
    struct darknet d = {.cfg = NULL};
    bool classifies = strcmp(kind, "classifier") == 0;
    char line[LINE], model[512];
    sort_darknet(&d, count, words);
    if (strcmp(mode, "train") == 0) {
        append_text(sentence, size, 0,
                    "the form here is: %s train --model %s --data %s --task %s; %s, and a .cfg with its .weights is "
                    "converted (fovea convert NET.cfg NET.onnx --weights NET.weights), not trained",
                    program, classifies ? "mobilenet_v2" : "yolox-nano", classifies ? "PICTURES/" : "data.yaml",
                    classifies ? "classify" : "detect",
                    classifies ? "PICTURES is a folder with a folder per class, in place of Darknet's .data"
                               : "data.yaml, with path, train, val and names, takes the place of Darknet's .data");
        return true;
    }
    const char *cfg = d.cfg != NULL ? d.cfg : "NET.cfg";
    snprintf(model, sizeof model, "%.*s.onnx", (int)(strlen(cfg) < 500 ? strlen(cfg) - 4 : 496), cfg);
    size_t used = append_text(line, sizeof line, 0, "%s convert", program);
    used = add_word(line, add_word(line, used, cfg), model);
    used = append_text(line, sizeof line, used, " --weights");
    used = add_word(line, used, d.weights != NULL ? d.weights : "NET.weights");
    bool measures = strcmp(mode, "map") == 0 || strcmp(mode, "valid") == 0 || strcmp(mode, "recall") == 0;
    used = append_text(line, sizeof line, used, " && %s %s", program, measures ? "eval" : "predict");
    used = add_word(line, used, model);
    if (measures) {
        used = append_text(line, sizeof line, used, " --data data.yaml");
    }
    for (int i = 0; !measures && i < d.count; i++) {
        used = add_word(line, used, d.pictures[i]);
    }
    used = append_text(line, sizeof line, used, !measures && d.count == 0 ? " PICTURE" : "");
    if (d.threshold != NULL && !classifies) {
        append_text(line, sizeof line, used, " --task detect:least=%.20s", d.threshold);
    }
    append_text(sentence, size, 0, "the form here is: %s", line);
    return true;
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

bool foreign_form(const char *program, int count, char **words, char *sentence, size_t size)
{
    static const char *const kinds[] = {"detector", "classifier", NULL};
    struct form form;
    *sentence = '\0';
    if (count > 0 && strcmp(words[0], "darknet") == 0) {
        count--;
        words++;
    }
    if (count > 0 && is_one_of(words[0], kinds)) {
        return darknet(program, words[0], count > 1 ? words[1] : "train", count - (count > 1 ? 2 : 1),
                       words + (count > 1 ? 2 : 1), sentence, size);
    }
    if (count > 1 && strcmp(words[0], "detect") == 0 && ends_in(words[1], ".cfg")) {
        return darknet(program, "detector", "test", count - 1, words + 1, sentence, size);
    }
    bool is_theirs = take_apart(count, words, &form);
    if (is_theirs) {
        ultralytics(program, &form, sentence, size);
    }
    free(form.rest);
    return is_theirs;
}
