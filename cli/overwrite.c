/* SPDX-License-Identifier: MIT */
/* Two paths are the same file where device and inode are equal. The files in a folder that is read count as read: its
 * pictures or, for a run's folder, its models and records. */
#include "overwrite.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One output, which is compared with all inputs. */
struct written {
    const struct cli *cli;
    const char *what; /* "--out" */
    const char *path;
    enum option_writes kind;
    bool is_there;     /* something exists at `path` already */
    struct stat about; /* of that */
    int code;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void refuse(struct written *w, const char *input, const char *how)
{
    char clean[SHOWN_SIZE], other[SHOWN_SIZE];
    show_clean(clean, sizeof clean, w->path);
    show_clean(other, sizeof other, input);
    bool is_same_word = strcmp(w->path, input) == 0;
    w->code = fail(w->cli, EXIT_USAGE, "%s %.400s would be written over what is read%s%.400s%s%s: name another",
                   w->what, clean, is_same_word ? "" : " (", is_same_word ? "" : other, is_same_word ? "" : how,
                   is_same_word ? "" : ")");
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

/* Whether `path` is below the folder, with all links resolved. */
static bool is_below(const char *folder, const char *path)
{
    char *outer = realpath(folder, NULL), *inner = realpath(path, NULL);
    size_t length = outer != NULL ? strlen(outer) : 0;
    bool below = outer != NULL && inner != NULL && strncmp(inner, outer, length) == 0 && inner[length] == '/';
    free(outer);
    free(inner);
    return below;
}

/* The files of a run that cannot be made again, models first; pages and drawings can. */
static const char *const parts_of_run[] = {"best.onnx",   "last.onnx",   "checkpoint.safetensors",
                                           "history.csv", "config.json", "args.json"};
enum { PARTS = sizeof parts_of_run / sizeof parts_of_run[0], MODELS = 3 };

static bool stat_in(const char *folder, const char *name, struct stat *about)
{
    char path[PATH_MAX];
    int written = snprintf(path, sizeof path, "%s/%s", folder, name);
    return written > 0 && written < PATH_MAX && stat(path, about) == 0;
}

static bool is_run(const char *folder)
{
    struct stat about;
    return stat_in(folder, "config.json", &about);
}

/* Whether the file is one of the first `count` parts_of_run in the folder. */
static bool is_part_of_run(const char *folder, const struct stat *file, int count)
{
    struct stat about;
    bool is_part = false;
    for (int i = 0; i < count; i++) {
        is_part |= stat_in(folder, parts_of_run[i], &about) && is_same(&about, file);
    }
    return is_part;
}

/* Whether the file is of a kind that verbs only write and never read as data. */
static bool is_result_alone(const char *path)
{
    static const char *const suffixes[] = {".html", ".svg", ".npy"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (source_has_suffix(path, suffixes[i])) {
            return true;
        }
    }
    return false;
}

static void compare_with_folder(struct written *w, const char *folder, const struct stat *about)
{
    if (is_same(&w->about, about)) {
        if (w->kind == WRITES_FOLDER) {
            refuse(w, folder, ", the same folder");
        }
        return;
    }
    if (S_ISDIR(w->about.st_mode)) {
        return;
    }
    bool is_data = !is_run(folder) && is_below(folder, w->path) && !is_result_alone(w->path);
    if (is_data || (is_run(folder) && is_part_of_run(folder, &w->about, PARTS))) {
        refuse(w, folder, ", in which it lies");
    }
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static void compare(struct written *w, const char *input)
{
    struct stat about;
    if (w->code != EXIT_OK || *input == '\0' || stat(input, &about) != 0) {
        return;
    }
    if (S_ISDIR(about.st_mode)) {
        compare_with_folder(w, input, &about);
    } else if (is_same(&w->about, &about) && S_ISREG(about.st_mode)) {
        refuse(w, input, ", the same file");
    } else if (w->kind == WRITES_FOLDER && is_run(w->path) && is_part_of_run(w->path, &about, MODELS)) {
        refuse(w, input, ", which lies in it");
    }
}

/* Compares the output with a word that a verb may read as a path, "mnist:DIR", "NAME=FILE,NAME=FILE", "@LIST" or
 * "-". */
static void compare_word(struct written *w, const char *word)
{
    struct stat about;
    if (strcmp(word, "-") == 0) {
        if (fstat(STDIN_FILENO, &about) == 0 && S_ISREG(about.st_mode) && is_same(&w->about, &about)) {
            refuse(w, "standard input", ", the same file");
        }
        return;
    }
    compare(w, word[0] == '@' ? word + 1 : word);
    bool is_path = stat(word, &about) == 0;
    for (const char *at = word; *at != '\0' && !is_path; at++) {
        char path[PATH_MAX];
        if (*at == ':' || *at == '=') {
            snprintf(path, sizeof path, "%.*s", (int)strcspn(at + 1, *at == '=' ? "," : ""), at + 1);
            compare(w, path);
        }
    }
}

/* Compares with options and arguments. `pictures`: also with arguments behind the first that are no "@LIST". */
static void compare_with(struct written *w, bool pictures)
{
    const struct cli *cli = w->cli;
    const struct cli_option *option;
    for (int i = 0; i < cli->argument_count && w->code == EXIT_OK; i++) {
        if (i + 1 != cli->verb->written_argument && (pictures || i == 0 || cli->arguments[i][0] == '@')) {
            compare_word(w, cli->arguments[i]);
        }
    }
    for (int i = 0; (option = options_at(cli->verb, i)) != NULL && w->code == EXIT_OK; i++) {
        bool is_read = option->kind == OPTION_TEXT && option->writes == WRITES_NOTHING;
        if (is_read && cli->value[i].text != NULL) {
            compare_word(w, cli->value[i].text);
        }
    }
}

static struct written begin(const struct cli *cli, const char *what, const char *path, enum option_writes kind)
{
    struct written w = {.cli = cli, .what = what, .path = path, .kind = kind, .code = EXIT_OK};
    w.is_there = stat(path, &w.about) == 0;
    return w;
}

/* Writes the path with its folder's links and dots resolved; the file itself need not exist. False: there is no such
 * folder. */
static bool resolve(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    char folder[PATH_MAX];
    int length = snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
                          slash != NULL ? path : ".");
    char *real = length > 0 && length < PATH_MAX ? realpath(folder, NULL) : NULL;
    length = real != NULL ? snprintf(out, PATH_MAX, "%s/%s", real, name) : -1;
    free(real);
    return length > 0 && length < PATH_MAX;
}

/* Whether two paths to be written are one file, under whatever spelling or link. */
static bool is_one_output(const char *a, const char *b)
{
    struct stat one, other;
    char first[PATH_MAX], second[PATH_MAX];
    bool are_there = stat(a, &one) == 0 && stat(b, &other) == 0;
    return strcmp(a, b) == 0 || (are_there && S_ISREG(one.st_mode) && is_same(&one, &other)) ||
           (resolve(a, first) && resolve(b, second) && strcmp(first, second) == 0);
}

/* Refuses two options that write the same file. `last`: the number of the second option. */
static int compare_outputs(const struct cli *cli, int last)
{
    const struct cli_option *option, *second = options_at(cli->verb, last);
    for (int i = 0; i < last; i++) {
        option = options_at(cli->verb, i);
        const char *text = cli->value[i].text;
        if (option->writes == WRITES_FILE && second->writes == WRITES_FILE && text != NULL &&
            is_one_output(text, cli->value[last].text)) {
            return fail(cli, EXIT_USAGE, "--%s and --%s would write the same file, %.400s", option->name, second->name,
                        text);
        }
    }
    return EXIT_OK;
}

int overwrite_check(const struct cli *cli)
{
    const struct cli_option *option;
    char what[64];
    int code = EXIT_OK;
    for (int i = 0; (option = options_at(cli->verb, i)) != NULL && code == EXIT_OK; i++) {
        if (option->writes == WRITES_NOTHING || cli->value[i].text == NULL) {
            continue;
        }
        snprintf(what, sizeof what, "--%s", option->name);
        struct written w = begin(cli, what, cli->value[i].text, option->writes);
        if (w.is_there) {
            compare_with(&w, true);
        }
        code = w.code == EXIT_OK ? compare_outputs(cli, i) : w.code;
    }
    int last = cli->verb->written_argument;
    if (code == EXIT_OK && last > 0 && cli->argument_count >= last) {
        struct written w = begin(cli, "the result", cli->arguments[last - 1], cli->verb->written_kind);
        if (w.is_there) {
            compare_with(&w, true);
        }
        code = w.code;
    }
    return code;
}

int overwrite_check_file(const struct cli *cli, const char *what, const char *path)
{
    struct written w = begin(cli, what, path, WRITES_FILE);
    if (w.is_there) {
        compare_with(&w, true);
    }
    return w.code;
}

int overwrite_check_beside(const struct cli *cli, const char *what, const char *path)
{
    struct written w = begin(cli, what, path, WRITES_FILE);
    if (w.is_there) {
        compare_with(&w, false);
    }
    return w.code;
}
