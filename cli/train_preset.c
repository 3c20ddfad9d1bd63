/* SPDX-License-Identifier: MIT */
/* Presets: a file, a config.json and a recipe are all turned into lines of "key = value", which set the options that
 * were not typed. */
#include "train_preset.h"
#include "append.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "table.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 20, PATH = 4096, SENTENCE = 512, MOST_LINES = 256 };

/* Removes blanks, then one pair of quotes, at both ends. */
static char *trim(char *text)
{
    size_t length;
    text += strspn(text, " \t");
    length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        text++;
    }
    return text;
}

/* The options that lines have set, with the numbers of these lines. */
struct named_lines {
    int count;
    struct {
        const char *key;
        int line;
    } at[MOST_LINES];
};

/* Refuses a key that is there twice, and "config", which would name another such file. */
static int check_key(struct cli *cli, const char *source, int line, const char *key, struct named_lines *named)
{
    if (strcmp(key, "config") == 0) {
        return fail(cli, EXIT_USAGE, "%s: line %d: such a file names no other one", source, line);
    }
    for (int i = 0; i < named->count; i++) {
        if (strcmp(named->at[i].key, key) == 0) {
            return fail(cli, EXIT_USAGE, "%s: line %d: %s stands in line %d already", source, line, key,
                        named->at[i].line);
        }
    }
    if (named->count < MOST_LINES) {
        named->at[named->count].key = key;
        named->at[named->count++].line = line;
    }
    return EXIT_OK;
}

/* Sets the options of the lines. `lines` is cut into strings that the options point to. `named` NULL: keys may
 * repeat. */
static int set_lines(struct cli *cli, const char *source, char *lines, struct named_lines *named)
{
    char problem[SENTENCE], clean[SENTENCE];
    int number = 0;
    for (char *line = lines, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        number++;
        line = trim(line);
        if (*line == '\0' || *line == '#' || *line == ';' || *line == '[') {
            continue;
        }
        char *equals = strchr(line, '=');
        if (equals == NULL) {
            return fail(cli, EXIT_USAGE, "%s: line %d is no \"key = value\": \"%.60s\"", source, number,
                        show_clean(clean, sizeof clean, line));
        }
        *equals = '\0';
        char *key = trim(line);
        int code = named != NULL ? check_key(cli, source, number, key, named) : EXIT_OK;
        if (code != EXIT_OK) {
            return code;
        }
        if (options_preset(cli, key, trim(equals + 1), problem, sizeof problem) != EXIT_OK) {
            return fail(cli, EXIT_USAGE, "%s: line %d: %s", source, number, problem);
        }
    }
    return EXIT_OK;
}

/* ---- JSON of a run ----------------------------------------------------------------------------------------------- */

/* Writes the entries of an object that are options as lines; returns the used length of `out`. */
static size_t lines_of(const struct cli *cli, json_t *object, char *out, size_t used)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char by_name[128];
        bool is_asked = strcmp(key, "threads") != 0 && strcmp(key, "config") != 0;
        const struct cli_option *option = options_find(cli->verb, key, NULL);
        if (option == NULL || !is_asked) {
            continue; /* a property of that run, not an option that was asked for */
        }
        snprintf(by_name, sizeof by_name, "%.100s_by_name", key);
        const char *names = json_string_value(json_object_get(object, by_name)), *text = json_string_value(value);
        if (json_is_string(value) && *text != '\0') {
            used = append_text(out, LARGEST, used, "%s = %s", key, text);
        } else if (json_is_integer(value) && json_integer_value(value) == -1 && option->word != NULL) { /* "full", "none" */
            used = append_text(out, LARGEST, used, "%s = %s", key, option->word);
        } else if (json_is_integer(value)) {
            used = append_text(out, LARGEST, used, "%s = %" JSON_INTEGER_FORMAT, key, json_integer_value(value));
        } else if (json_is_real(value)) {
            used = append_text(out, LARGEST, used, "%s = %.17g", key, json_real_value(value));
        } else if (json_is_boolean(value)) {
            used = append_text(out, LARGEST, used, "%s = %s", key, json_is_true(value) ? "yes" : "no");
        }
        if (json_is_number(value) && names != NULL && *names != '\0') {
            used = append_text(out, LARGEST, used, ", %s", names);
        }
        used = append_text(out, LARGEST, used, "\n");
    }
    return used;
}

/* Files that fovea wrote have many keys that are no options; in a file written by hand an unknown key is a mistake. */
static int check_keys(struct cli *cli, const char *path, json_t *config)
{
    const char *key;
    char problem[SENTENCE];
    json_t *value;
    json_object_foreach(config, key, value)
    {
        bool known = json_object_get(config, "fovea") != NULL || options_find(cli->verb, key, NULL) != NULL;
        if (!known && options_preset(cli, key, "", problem, sizeof problem) != EXIT_OK) {
            return fail(cli, EXIT_USAGE, "%s: %s", path, problem);
        }
    }
    return EXIT_OK;
}

/* Sets the options of a config.json, and of the args.json beside it, which has the words for model and data as
 * typed. */
static int set_json(struct cli *cli, const char *path, char *out)
{
    char words[PATH], problem[SENTENCE];
    const char *slash = strrchr(path, '/');
    int code = EXIT_OK, ignored;
    size_t used = 0;
    json_t *config = json_read(path, 0, NULL, &code, problem, sizeof problem);
    if (config == NULL) {
        return fail(cli, code, "%s", problem);
    }
    code = check_keys(cli, path, config);
    if (code != EXIT_OK) {
        json_decref(config);
        return code;
    }
    snprintf(words, sizeof words, "%.*sargs.json", slash != NULL ? (int)(slash - path + 1) : 0, path);
    json_t *typed = json_read(words, 0, NULL, &ignored, problem, sizeof problem);
    if (typed != NULL) {
        used = lines_of(cli, typed, out, 0);
    }
    lines_of(cli, config, out, used);
    json_decref(typed);
    json_decref(config);
    return set_lines(cli, path, out, NULL);
}

/* ---- files and recipes ------------------------------------------------------------------------------------------- */

static int set_file(struct cli *cli, const char *path, char *out)
{
    FILE *file = fopen(path, "rb");
    size_t length = file != NULL ? fread(out, 1, LARGEST - 1, file) : 0;
    int broken = errno;
    bool failed = file == NULL || ferror(file), whole = file != NULL && feof(file);
    if (file != NULL) {
        fclose(file);
    }
    if (failed) {
        return fail(cli, EXIT_IO, "%s: cannot read: %s", path, strerror(broken));
    }
    if (!whole || memchr(out, '\0', length) != NULL) {
        return fail(cli, EXIT_INPUT, "%s: no file of \"key = value\" lines", path);
    }
    out[length] = '\0';
    if (strncmp(out, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark, as some editors put it */
        memmove(out, out + 3, length - 2);
    }
    struct named_lines named = {0};
    return out[strspn(out, " \t\r\n")] == '{' ? set_json(cli, path, out) : set_lines(cli, path, out, &named);
}

static const fov_recipe *find_recipe(const char *name, fov_recipe *found)
{
    for (int i = 0; i < fov_recipe_count(); i++) {
        *found = fov_recipe_at(i);
        if (strcmp(found->name, name) == 0) {
            return found;
        }
    }
    return NULL;
}

/* Replaces the recipe by the one that it names for larger data, where the data are that large, and prints which is
 * used. */
static void choose_by_size(struct cli *cli, fov_recipe *recipe)
{
    fov_context *context = cli_context(cli);
    const char *source = option_text(cli, "data");
    fov_dataset *data = context != NULL && source != NULL ? fov_dataset_open(context, source, FOV_TRAIN) : NULL;
    int64_t count = data != NULL ? fov_dataset_describe(data).count : 0;
    char shown[NUMBER_SIZE];
    fov_dataset_free(data);
    if (data == NULL) { /* the error is reported when the data are opened for training */
        fov_error_clear(context);
        return;
    }
    fov_recipe larger;
    if (count >= recipe->from && find_recipe(recipe->larger, &larger) != NULL) {
        *recipe = larger;
    }
    remark(cli, "recipe %s, for %s pictures", recipe->name, show_count(shown, count));
}

static int set_recipe(struct cli *cli, const char *name, char *out)
{
    if (strcmp(name, "none") == 0) {
        return EXIT_OK;
    }
    char list[SENTENCE] = "", clean[64];
    size_t used = 0;
    for (int i = 0; i < fov_recipe_count(); i++) {
        fov_recipe recipe = fov_recipe_at(i);
        if (strcmp(recipe.name, name) == 0) {
            if (recipe.larger != NULL) {
                choose_by_size(cli, &recipe);
            }
            append_text(out, LARGEST, 0, "%s", recipe.settings);
            return set_lines(cli, recipe.name, out, NULL);
        }
        used = append_text(list, sizeof list, used, "%s%s", i > 0 ? ", " : "", recipe.name);
    }
    return fail(cli, EXIT_USAGE, "there is no recipe \"%s\"; there are %s", show_clean(clean, sizeof clean, name),
                list);
}

/* The default recipe of a task for which the options of classifiers are useless (detect); NULL: none. */
static const char *recipe_of_task(const struct cli *cli)
{
    const char *task = option_text(cli, "task");
    bool is_new = option_text(cli, "config") == NULL && !option_given(cli, "resume");
    return is_new && task != NULL && strncmp(task, "detect", strcspn(task, ":")) == 0 ? "detect" : NULL;
}

int train_preset(struct cli *cli, char **kept)
{
    const char *file = option_text(cli, "config"), *usual = recipe_of_task(cli);
    int code = EXIT_OK;
    if (file == NULL && option_text(cli, "recipe") == NULL && usual == NULL) {
        return EXIT_OK;
    }
    *kept = take_memory(2, LARGEST);
    if (file != NULL) {
        code = set_file(cli, file, *kept);
    }
    const char *recipe = option_text(cli, "recipe"); /* the file may have set it */
    recipe = recipe == NULL ? usual : recipe;
    return code == EXIT_OK && recipe != NULL ? set_recipe(cli, recipe, *kept + LARGEST) : code;
}

void train_recipes_print(struct cli *cli)
{
    json_t *list = cli->json ? json_array() : NULL;
    for (int i = 0; i < fov_recipe_count(); i++) {
        fov_recipe recipe = fov_recipe_at(i);
        if (list != NULL) {
            json_t *object = json_object();
            json_set_text(object, "name", recipe.name);
            json_set_text(object, "summary", recipe.summary);
            json_set_text(object, "settings", recipe.settings);
            json_add(list, object);
            continue;
        }
        fprintf(cli->out, "%s%s%s%s: %s\n", i > 0 ? "\n" : "", style_bold(cli), recipe.name, style_off(cli),
                recipe.summary);
        for (const char *line = recipe.settings; *line != '\0'; line += strcspn(line, "\n") + 1) {
            fprintf(cli->out, "    %.*s\n", (int)strcspn(line, "\n"), line);
        }
    }
    if (list != NULL) {
        json_t *object = json_object();
        json_set(object, "recipes", list);
        json_print(cli, object);
    }
}
