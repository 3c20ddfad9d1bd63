/* SPDX-License-Identifier: MIT */
/* The training options of the command, made from the library's table: names with hyphens, limits, help. */
#include "train_options.h"
#include "append.h"
#include "options.h"
#include <string.h>

enum { MOST = 64, NAME = 32 };

/* "label_smoothing" as it is typed. */
static void typed_name(char out[NAME], const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0' && n < NAME - 1; n++) {
        out[n] = name[n] == '_' ? '-' : name[n];
    }
    out[n] = '\0';
}

static enum option_kind kind_of(const fov_train_option_info *info)
{
    switch (info->kind) {
    case FOV_OPTION_INTEGER:
        return OPTION_INTEGER;
    case FOV_OPTION_FLAG:
        return OPTION_FLAG;
    case FOV_OPTION_TEXT:
        return OPTION_TEXT;
    case FOV_OPTION_NUMBER:
        break;
    }
    return info->by_name >= 0 ? OPTION_BY_NAME : OPTION_NUMBER;
}

/* Where the command's default is not the library's (train_options_fill): in words, else NULL. */
static const char *own_default(const char *name)
{
    return strcmp(name, "momentum") == 0 ? "0.9 for sgd" : strcmp(name, "schedule") == 0 ? "cosine" : NULL;
}

const struct cli_option *train_options(void)
{
    static struct cli_option table[MOST + 1]; /* made once: it must outlive all pointers into it */
    static char names[MOST][NAME], standards[MOST][NAME];
    bool made = table[0].name != NULL;
    for (int i = 0, count = 0; !made && i < fov_train_option_count() && count < MOST; i++) {
        fov_train_option_info info = fov_train_option_at(i);
        const char *own = own_default(info.name);
        bool number = info.kind == FOV_OPTION_INTEGER || info.kind == FOV_OPTION_NUMBER;
        if (*info.doc == '\0') {
            continue;
        }
        typed_name(names[count], info.name);
        snprintf(standards[count], NAME, "%.6g", info.standard);
        table[count] = (struct cli_option){.name = names[count],
                                           .kind = kind_of(&info),
                                           .argument = info.argument,
                                           .standard = number && info.otherwise == NULL ? standards[count] : NULL,
                                           .otherwise = own != NULL ? own : info.otherwise,
                                           .minimum = info.minimum,
                                           .maximum = info.maximum,
                                           .word = info.word,
                                           .doc = info.doc};
        count++;
    }
    return table;
}

/* Sets an option to its value in a resumed run's config.json. */
static void put_kept(int index, const fov_train_option_info *info, const json_t *kept, fov_train_options *options)
{
    if (info->kind == FOV_OPTION_TEXT) {
        const char *text = json_string_value(kept);
        if (text != NULL && *text != '\0') {
            fov_train_option_put(options, index, 0, text);
        }
    } else if (json_is_number(kept) || json_is_true(kept)) {
        fov_train_option_put(options, index, json_is_true(kept) ? 1 : json_number_value(kept), NULL);
    }
}

static void put_typed(int index, const fov_train_option_info *info, const struct cli_value *value,
                      fov_train_options *options)
{
    bool flag = info->kind == FOV_OPTION_FLAG;
    if (info->by_name < 0) {
        fov_train_option_put(options, index, flag ? value->flag : value->number, value->text);
        return;
    }
    if (value->number != 0.0) {
        fov_train_option_put(options, index, value->number, NULL);
    }
    if (value->text != NULL) {
        fov_train_option_put(options, info->by_name, 0, value->text);
    }
}

/* In a resumed run the options of optimiser and schedule follow their names in one text. A number that is typed now is
 * appended there, so that the library notices a difference; what is typed by name is an option of its own. */
static bool add_to_kept(const struct cli *cli, const fov_train_option_info *info, const struct cli_value *value,
                        struct train_texts *texts, fov_train_options *options)
{
    bool of_schedule = info->part_of != NULL && strcmp(info->part_of, "schedule") == 0;
    char *text = of_schedule ? texts->schedule : texts->optimizer;
    const char **whole = of_schedule ? &options->schedule : &options->optimizer;
    if (info->part_of == NULL || *whole == NULL || option_given(cli, info->part_of)) {
        return false;
    }
    if (info->by_name >= 0 && value->text != NULL) {
        fov_train_option_put(options, info->by_name, 0, value->text);
    }
    if (info->by_name >= 0 && !value->has_number) {
        return true;
    }
    size_t used = *whole == text ? strlen(text) : append_text(text, PART_TEXT, 0, "%s", *whole);
    append_text(text, PART_TEXT, used, ":%s=%.9g", info->name,
                info->kind == FOV_OPTION_FLAG ? (double)value->flag : value->number);
    *whole = text;
    return true;
}

void train_options_fill(const struct cli *cli, const json_t *config, const fov_task_info *task,
                        struct train_texts *texts, fov_train_options *options)
{
    char name[NAME];
    int count = fov_train_option_count();
    for (int i = 0; i < count; i++) {
        fov_train_option_info info = fov_train_option_at(i);
        if (info.part_of == NULL) {
            fov_train_option_put(options, i, info.standard, NULL);
        }
        put_kept(i, &info, config != NULL ? json_object_get(config, info.name) : NULL, options);
    }
    for (int i = 0; i < count; i++) {
        fov_train_option_info info = fov_train_option_at(i);
        typed_name(name, info.name);
        if (*info.doc == '\0' || !option_given(cli, name)) {
            continue;
        }
        const struct cli_value *value = option(cli, name);
        if (config == NULL || !add_to_kept(cli, &info, value, texts, options)) {
            put_typed(i, &info, value, options);
        }
    }
    if (options->minutes > 0.0f && !option_given(cli, "epochs")) {
        options->epochs = 0; /* the run ends by time */
    }
    if (config != NULL) {
        return;
    }
    if (options->optimizer == NULL && task->optimizer != NULL) {
        options->optimizer = task->optimizer;
        options->lr = options->lr > 0.0f ? options->lr : (float)task->rate;
    } else if (options->optimizer == NULL) {
        options->optimizer = "sgd";
    }
    if (strcmp(options->optimizer, "sgd") == 0 && !option_given(cli, "momentum")) {
        options->momentum = 0.9f;
    }
    if (options->schedule == NULL) { /* cosine starts at --lr */
        options->schedule = "cosine";
    }
}
