/* SPDX-License-Identifier: MIT */
/* Options as text: parsed by kind; errors name the option and the text. */
#include "op/option_text.h"
#include "base/text.h"
#include "op/onnx.h"
#include <math.h>
#include <string.h>

static const char *operator_name_at(const void *list, size_t index)
{
    (void)list;
    return op_table[index]->name;
}

int op_no_such(const char *name, struct error *error)
{
    char shown[96];
    text_escape(shown, sizeof shown, name);
    for (size_t i = 0; i < op_table_count; i++) {
        if (op_table[i]->onnx != NULL && op_table[i]->onnx->type != NULL &&
            strcmp(op_table[i]->onnx->type, name) == 0) {
            return error_set(error, FOV_E_USAGE, "there is no operator \"%s\"; ONNX's %s is \"%s\" here", shown, shown,
                             op_table[i]->name);
        }
    }
    const char *nearest = text_nearest(name, NULL, op_table_count, operator_name_at);
    return nearest != NULL
               ? error_set(error, FOV_E_USAGE, "there is no operator \"%s\"; did you mean \"%s\"?", shown, nearest)
               : error_set(error, FOV_E_USAGE, "there is no operator \"%s\"; `fovea ops` lists them", shown);
}

/* Whether the typed name is this one; '-' stands for '_', too. */
static bool is_called(const char *name, const char *typed)
{
    for (; *name != '\0' && (*name == *typed || (*name == '_' && *typed == '-')); name++, typed++) {
    }
    return *name == '\0' && *typed == '\0';
}

static const char *option_name_at(const void *list, size_t index)
{
    const struct op_attribute *attributes = list;
    return attributes[index].name;
}

static const struct op_attribute *find_option(const struct op *op, const char *name, struct error *error)
{
    size_t count = 0;
    for (const struct op_attribute *at = op->attributes; at != NULL && at->name != NULL; at++, count++) {
        if (is_called(at->name, name)) {
            return at;
        }
    }
    char shown[96];
    text_escape(shown, sizeof shown, name);
    const char *nearest = count > 0 ? text_nearest(name, op->attributes, count, option_name_at) : NULL;
    if (count == 0) {
        error_set(error, FOV_E_USAGE, "%s has no options, so none called \"%s\"", op->name, shown);
    } else if (nearest != NULL) {
        error_set(error, FOV_E_USAGE, "%s has no option \"%s\"; did you mean \"%s\"?", op->name, shown, nearest);
    } else {
        error_set(error, FOV_E_USAGE, "%s has no option \"%s\"; its first is \"%s\"", op->name, shown,
                  op->attributes[0].name);
    }
    return NULL;
}

static int refuse(const struct op *op, const struct op_attribute *attribute, const char *text, const char *kind,
                  struct error *error)
{
    char shown[96];
    return error_set(error, FOV_E_USAGE, "%s: %s is \"%s\"; it is %s", op->name, attribute->name,
                     text_escape(shown, sizeof shown, text), kind);
}

static bool read_flag(const char *text, bool *flag)
{
    static const char *const words[] = {"no", "yes", "false", "true", "0", "1", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], text) == 0) {
            *flag = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool read_list(const char *text, struct op_list *list)
{
    *list = (struct op_list){.count = 0};
    while (*text != '\0') {
        char word[32];
        long long number;
        size_t length = strcspn(text, ",");
        if (list->count == (int)(sizeof list->at / sizeof list->at[0]) || length >= sizeof word) {
            return false;
        }
        memcpy(word, text, length);
        word[length] = '\0';
        if (!text_to_integer(word, INT64_MIN, INT64_MAX, &number)) {
            return false;
        }
        list->at[list->count++] = number;
        text += length + (text[length] == ',');
    }
    return true;
}

static int read_choice(const struct op *op, const struct op_attribute *attribute, const char *text, char *member,
                       struct error *error)
{
    char all[256] = "one of ";
    size_t used = strlen(all);
    for (int i = 0; attribute->choices[i] != NULL; i++) {
        if (strcmp(attribute->choices[i], text) == 0) {
            memcpy(member, &i, sizeof i);
            return FOV_OK;
        }
        used = text_append(all, sizeof all, used, "%s%s", i > 0 ? ", " : "", attribute->choices[i]);
    }
    return refuse(op, attribute, text, all, error);
}

int op_option_read(const struct op *op, void *options, const char *name, const char *text, struct error *error)
{
    const struct op_attribute *attribute = find_option(op, name, error);
    if (attribute == NULL) {
        return FOV_E_USAGE;
    }
    char *member = (char *)options + attribute->offset;
    switch (attribute->kind) {
    case OP_INTEGER: {
        long long number;
        if (!text_to_integer(text, INT64_MIN, INT64_MAX, &number)) {
            return refuse(op, attribute, text, "a whole number", error);
        }
        memcpy(member, &(int64_t){number}, sizeof(int64_t));
        return FOV_OK;
    }
    case OP_NUMBER: {
        double number = strcmp(text, "inf") == 0 ? (double)INFINITY : strcmp(text, "-inf") == 0 ? -(double)INFINITY : 0;
        if (number == 0 && !text_to_number(text, &number)) {
            return refuse(op, attribute, text, "a number", error);
        }
        memcpy(member, &number, sizeof number);
        return FOV_OK;
    }
    case OP_FLAG: {
        bool flag;
        if (!read_flag(text, &flag)) {
            return refuse(op, attribute, text, "yes or no", error);
        }
        memcpy(member, &flag, sizeof flag);
        return FOV_OK;
    }
    case OP_LIST: {
        struct op_list list;
        if (!read_list(text, &list)) {
            return refuse(op, attribute, text, "up to 16 whole numbers, \"2,2\"", error);
        }
        memcpy(member, &list, sizeof list);
        return FOV_OK;
    }
    case OP_CHOICE:
        return read_choice(op, attribute, text, member, error);
    }
    return FOV_E_INTERNAL;
}
