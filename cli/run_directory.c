/* SPDX-License-Identifier: MIT */
/* Folders are made with mkdir, which fails for an existing one, so that two runs started at once get two folders. */
#include "run_directory.h"
#include "append.h"
#include "options.h"
#include "output.h"
#include "preprocessing.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *run_directory_file(char out[RUN_PATH], const struct run_directory *folder, const char *name)
{
    int length = snprintf(out, RUN_PATH, "%s/%s", folder->path, name);
    if (length < 0 || length >= RUN_PATH) {
        out[0] = '\0'; /* opens nothing */
    }
    return out;
}

bool run_directory_has(const struct run_directory *folder, const char *name)
{
    char path[RUN_PATH];
    return access(run_directory_file(path, folder, name), F_OK) == 0;
}

/* Makes every folder of the path. */
int run_directory_make(const char *path, bool *made)
{
    char part[RUN_PATH];
    size_t length = strlen(path);
    if (length >= RUN_PATH) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        *made = mkdir(part, 0777) == 0;
        if (!*made && errno != EEXIST) {
            struct stat about; /* a parent on a read-only system may still be there */
            int reason = errno;
            if (stat(part, &about) != 0 || !S_ISDIR(about.st_mode)) {
                errno = reason;
                return -1;
            }
        }
    }
    struct stat about;
    if (stat(path, &about) != 0) {
        return -1;
    }
    errno = ENOTDIR;
    return S_ISDIR(about.st_mode) ? 0 : -1;
}

/* Whether another run is writing to the folder, by the trainer's lock. It is checked before args.json is written, so
 * that the other run's is not overwritten. */
static bool is_in_use(const char *path)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool in_use = file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (file >= 0) {
        close(file);
    }
    return in_use;
}

/* A file that shows that the folder holds a run; NULL: none. The trainer refuses such folders, too, but only after
 * args.json would have been written. */
static const char *file_of_run(const struct run_directory *folder)
{
    static const char *const kept[] = {"checkpoint.safetensors", "best.onnx", "last.onnx", "history.csv"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (run_directory_has(folder, kept[i])) {
            return kept[i];
        }
    }
    return NULL;
}

int run_directory_take(struct cli *cli, const char *wanted, bool overwrite, struct run_directory *folder)
{
    *folder = (struct run_directory){.made = false};
    if (wanted != NULL) {
        size_t length = strlen(wanted);
        if (length >= RUN_PATH - 64) {
            return fail(cli, EXIT_USAGE, "the name of the run folder is too long (%zu bytes)", length);
        }
        snprintf(folder->path, sizeof folder->path, "%s", wanted);
        while (length > 1 && folder->path[length - 1] == '/') {
            folder->path[--length] = '\0';
        }
        if (run_directory_make(folder->path, &folder->made) != 0) {
            return fail(cli, EXIT_IO, "%s: cannot make the run folder: %s", wanted, strerror(errno));
        }
        if (!folder->made && is_in_use(folder->path)) {
            return fail(cli, EXIT_IO, "%s: another run is writing to this folder; --out DIR names one of its own",
                        wanted);
        }
        const char *there = overwrite ? NULL : file_of_run(folder);
        if (there != NULL) {
            return fail(cli, EXIT_USAGE,
                        "%s holds a run already (%s), which stays as it is: --resume %s goes on with it, another --out "
                        "begins another one, --overwrite puts the new one in its place",
                        wanted, there, wanted);
        }
        return EXIT_OK;
    }
    bool made;
    if (run_directory_make("runs", &made) != 0) {
        return fail(cli, EXIT_IO, "runs: cannot make the folder for runs: %s; --out DIR puts it elsewhere",
                    strerror(errno));
    }
    for (int i = 1; i < 100000; i++) {
        snprintf(folder->path, sizeof folder->path, i == 1 ? "runs/train" : "runs/train%d", i);
        if (mkdir(folder->path, 0777) == 0) {
            folder->made = true;
            return EXIT_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return fail(cli, EXIT_IO, "%s: cannot make the run folder: %s", folder->path, strerror(errno));
}

void run_directory_abandon(const struct run_directory *folder)
{
    char path[RUN_PATH];
    if (folder->made && !run_directory_has(folder, "checkpoint.safetensors")) {
        remove(run_directory_file(path, folder, "args.json"));
        rmdir(folder->path); /* fails where the folder is not empty */
    }
}

/* Sets a word; paths, also that of "mnist:DIR", become absolute, so that they stay valid in another working
 * directory. */
static void set_word(json_t *object, const char *key, const char *word, bool is_file)
{
    const char *colon = strchr(word, ':');
    size_t head = colon != NULL && access(word, F_OK) != 0 ? (size_t)(colon - word) + 1 : 0;
    char *whole = is_file || head > 0 ? realpath(word + head, NULL) : NULL;
    if (whole != NULL) {
        size_t size = head + strlen(whole) + 1;
        char *text = take_memory(size, 1);
        snprintf(text, size, "%.*s%s", (int)head, word, whole);
        json_set_text(object, key, text);
        free(text);
    } else {
        json_set_text(object, key, word);
    }
    free(whole);
}

/* Sets what goes into inputs, "NAME=FILE.npy,...", with absolute paths. */
static void set_inputs(json_t *object, const char *inputs)
{
    size_t size = strlen(inputs) + 1, used = 0;
    for (const char *at = inputs; *at != '\0'; at++) {
        size += *at == ',' || *at == '=' ? PATH_MAX : 0;
    }
    char *text = take_memory(size, 1), *word = take_memory(strlen(inputs) + 1, 1);
    for (const char *at = inputs; at != NULL;) {
        size_t length = strcspn(at, ",");
        snprintf(word, strlen(inputs) + 1, "%.*s", (int)length, at);
        char *file = strchr(word, '='), *whole = file != NULL ? realpath(file + 1, NULL) : NULL;
        used = append_text(text, size, used, "%s%.*s%s", used > 0 ? "," : "",
                           whole != NULL ? (int)(file + 1 - word) : (int)length, word, whole != NULL ? whole : "");
        free(whole);
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    json_set_text(object, "inputs", text);
    free(word);
    free(text);
}

static void set_given(json_t *object, const char *key, const char *word)
{
    if (word != NULL) {
        json_set_text(object, key, word);
    }
}

/* Sets the options of preprocessing, which are not in the library's table of options but affect the result, too. */
static void set_preprocessing(const struct cli *cli, json_t *object)
{
    for (const struct cli_option *o = preprocessing_options; o->name != NULL; o++) {
        if (!option_given(cli, o->name)) {
            continue;
        }
        if (o->kind == OPTION_FLAG) {
            json_set_flag(object, o->name, option_flag(cli, o->name));
        } else if (o->kind == OPTION_INTEGER) {
            json_set_integer(object, o->name, option_integer(cli, o->name));
        } else {
            set_word(object, o->name, option_text(cli, o->name), strcmp(o->name, "names") == 0);
        }
    }
}

int run_directory_keep_words(struct cli *cli, const struct run_directory *folder, const struct run_words *words)
{
    char path[RUN_PATH];
    json_t *object = json_object();
    set_word(object, "model", words->model, words->model_is_file);
    set_word(object, "data", words->data, words->data_is_file);
    if (words->weights != NULL) {
        set_word(object, "weights", words->weights, true);
    }
    set_given(object, "input", words->input);
    set_given(object, "freeze", words->freeze);
    set_given(object, "output", words->output);
    set_given(object, "scores", words->scores);
    if (words->held.val_split > 0) {
        json_set_number(object, "val_split", words->held.val_split);
    }
    if (words->held.val_last > 0) {
        json_set_integer(object, "val_last", words->held.val_last);
    }
    if (words->held.val_list != NULL) {
        set_word(object, "val_list", words->held.val_list, true);
    }
    if (words->held.inputs != NULL) {
        set_inputs(object, words->held.inputs);
    }
    if (words->classes > 0) {
        json_set_integer(object, "classes", words->classes);
    }
    set_preprocessing(cli, object);
    if (json_save(run_directory_file(path, folder, "args.json"), object) != 0) {
        return fail(cli, EXIT_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    return EXIT_OK;
}

json_t *run_directory_read(struct cli *cli, const struct run_directory *folder, const char *name, char **text,
                           int *code)
{
    char path[RUN_PATH], problem[RUN_PATH + 512];
    run_directory_file(path, folder, name);
    /* Numbers as doubles: jansson's integers end at 2^63, but a seed may be larger. */
    json_t *object = json_read(path, JSON_DECODE_INT_AS_REAL, text, code, problem, sizeof problem);
    if (object == NULL) {
        fail(cli, *code, "%s", problem);
    } else if (!json_is_object(object)) {
        *code = fail(cli, EXIT_INPUT, "%s: no JSON object", path);
        json_decref(object);
        object = NULL;
        if (text != NULL) {
            free(*text);
            *text = NULL;
        }
    }
    return object;
}

fov_dataset_options run_directory_held(const json_t *words)
{
    return (fov_dataset_options){.val_split = json_number_value(json_object_get(words, "val_split")),
                                 .val_last = (int64_t)json_number_value(json_object_get(words, "val_last")),
                                 .val_list = json_string_value(json_object_get(words, "val_list")),
                                 .inputs = json_string_value(json_object_get(words, "inputs"))};
}

bool run_directory_learned_from(const struct run_directory *folder, const char *source, fov_dataset_options *held,
                                json_t **words)
{
    char path[RUN_PATH], problem[RUN_PATH + 512];
    int code;
    *words = run_directory_has(folder, "args.json")
                 ? json_read(run_directory_file(path, folder, "args.json"), JSON_DECODE_INT_AS_REAL, NULL, &code,
                             problem, sizeof problem)
                 : NULL;
    const char *data = json_string_value(json_object_get(*words, "data"));
    json_t *here = json_object();
    set_word(here, "data", source, true);
    bool same = data != NULL && strcmp(data, json_string_value(json_object_get(here, "data"))) == 0;
    *held = same ? run_directory_held(*words) : (fov_dataset_options){.val_split = 0};
    json_decref(here);
    return same;
}

int run_directory_read_config(struct cli *cli, const struct run_directory *folder, json_t **config, uint64_t *seed)
{
    char *text = NULL, digits[32];
    int code;
    if (access(folder->path, F_OK) != 0) {
        return fail_path(cli, folder->path, errno);
    }
    if (!run_directory_has(folder, "config.json")) {
        return errno == ENOTDIR ? fail_path(cli, folder->path, errno)
                                : fail(cli, EXIT_INPUT, "%s/config.json: %s; is this the folder of a run?", folder->path,
                                       strerror(errno));
    }
    *config = run_directory_read(cli, folder, "config.json", &text, &code);
    if (*config == NULL) {
        return code;
    }
    /* This cannot match within a string, where the quotes would be escaped. */
    const char *at = strstr(text, "\"seed\":");
    at = at != NULL ? at + strlen("\"seed\":") : "";
    at += strspn(at, " \t\r\n");
    snprintf(digits, sizeof digits, "%.*s", (int)strspn(at, "0123456789"), at);
    bool whole = options_natural(digits, seed) && strchr(",} \t\r\n", at[strlen(digits)]) != NULL;
    free(text);
    if (!whole && json_object_get(*config, "seed") != NULL) {
        return fail(cli, EXIT_INPUT, "%s/config.json: \"seed\" is no whole number from 0 to %llu", folder->path,
                    (unsigned long long)UINT64_MAX);
    }
    return EXIT_OK;
}
