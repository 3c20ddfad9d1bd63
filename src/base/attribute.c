/* SPDX-License-Identifier: MIT */
/* Options by table. Members are reached by memcpy, because a table knows offsets, not types. */
#include "base/attribute.h"
#include "base/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int attribute_count(const struct attribute *table)
{
    int count = 0;
    while (table != NULL && table[count].name != NULL) {
        count++;
    }
    return count;
}

static void put_number(const struct attribute *attribute, void *options, double number)
{
    char *member = (char *)options + attribute->offset;
    int64_t whole;
    int choice;
    bool flag = number != 0.0;
    switch (attribute->kind) {
    case ATTRIBUTE_INTEGER:
        whole = (int64_t)number;
        memcpy(member, &whole, sizeof whole);
        break;
    case ATTRIBUTE_NUMBER:
        memcpy(member, &number, sizeof number);
        break;
    case ATTRIBUTE_FLAG:
        memcpy(member, &flag, sizeof flag);
        break;
    case ATTRIBUTE_CHOICE:
        choice = (int)number;
        memcpy(member, &choice, sizeof choice);
        break;
    case ATTRIBUTE_LIST:
        memset(member, 0, sizeof(struct attribute_list)); /* a number cannot be a list: empty */
        break;
    case ATTRIBUTE_NAME:
        member[0] = '\0';
        break;
    }
}

void attribute_defaults(const struct attribute *table, void *options, size_t size)
{
    memset(options, 0, size);
    for (int i = 0; i < attribute_count(table); i++) {
        put_number(&table[i], options, table[i].standard);
    }
}

void attribute_put(const struct attribute *attribute, void *options, double value)
{
    if (attribute != NULL) {
        put_number(attribute, options, value);
    }
}

double attribute_get(const struct attribute *attribute, const void *options)
{
    const char *member = (const char *)options + attribute->offset;
    int64_t whole;
    double number = 0;
    bool flag;
    int choice;
    switch (attribute->kind) {
    case ATTRIBUTE_INTEGER:
        memcpy(&whole, member, sizeof whole);
        return (double)whole;
    case ATTRIBUTE_NUMBER:
        memcpy(&number, member, sizeof number);
        return number;
    case ATTRIBUTE_FLAG:
        memcpy(&flag, member, sizeof flag);
        return flag ? 1 : 0;
    case ATTRIBUTE_CHOICE:
        memcpy(&choice, member, sizeof choice);
        return choice;
    case ATTRIBUTE_LIST:
    case ATTRIBUTE_NAME:
        break;
    }
    return 0;
}

static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_'))) {
            return false;
        }
    }
    return *a == *b;
}

const struct attribute *attribute_find(const struct attribute *table, const char *name)
{
    for (int i = 0; i < attribute_count(table); i++) {
        if (same_name(table[i].name, name)) {
            return &table[i];
        }
    }
    return NULL;
}

static int set_choice(const struct attribute *attribute, void *options, const char *text, struct error *error)
{
    char list[256] = "";
    size_t length = 0;
    for (int i = 0; attribute->choices[i] != NULL; i++) {
        if (strcmp(attribute->choices[i], text) == 0) {
            put_number(attribute, options, i);
            return FOV_OK;
        }
        length = text_append(list, sizeof list, length, "%s%s", i > 0 ? ", " : "", attribute->choices[i]);
    }
    return error_set(error, FOV_E_USAGE, "%s is \"%.60s\"; it is one of %s", attribute->name, text, list);
}

static int set_flag(const struct attribute *attribute, void *options, const char *text, struct error *error)
{
    static const char *const words[] = {"no", "yes", "false", "true", "0", "1", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], text) == 0) {
            put_number(attribute, options, (double)(i % 2));
            return FOV_OK;
        }
    }
    return error_set(error, FOV_E_USAGE, "%s is \"%.60s\"; it is yes or no", attribute->name, text);
}

/* A number of the attribute's kind and within its limits. */
static int read_number(const struct attribute *attribute, const char *text, double *number, struct error *error)
{
    bool whole = attribute->kind == ATTRIBUTE_INTEGER;
    if (!text_to_number(text, number) || !isfinite(*number) ||
        (whole && (*number != floor(*number) || fabs(*number) > 0x1p53))) {
        return error_set(error, FOV_E_USAGE, "%s is \"%.60s\"; it is a %snumber", attribute->name, text,
                         whole ? "whole " : "");
    }
    if (attribute->minimum < attribute->maximum && !(*number >= attribute->minimum && *number <= attribute->maximum)) {
        return error_set(error, FOV_E_USAGE, "%s is %.60s; it lies in %.10g .. %.10g", attribute->name, text,
                         attribute->minimum, attribute->maximum);
    }
    return FOV_OK;
}

static int set_list(const struct attribute *attribute, void *options, const char *text, struct error *error)
{
    struct attribute_list list = {0};
    while (*text != '\0') {
        char word[256]; /* as long as an option may be */
        size_t length = strcspn(text, ",");
        if (list.count == (int)(sizeof list.at / sizeof list.at[0])) {
            return error_set(error, FOV_E_USAGE, "%s has more than %d numbers", attribute->name, list.count);
        }
        if (length >= sizeof word) {
            return error_set(error, FOV_E_USAGE, "%s: a number of %zu characters; at most %zu", attribute->name, length,
                             sizeof word - 1);
        }
        memcpy(word, text, length);
        word[length] = '\0';
        if (read_number(attribute, word, &list.at[list.count++], error) != FOV_OK) {
            return (int)error->status;
        }
        text += text[length] == ',' ? length + 1 : length;
    }
    memcpy((char *)options + attribute->offset, &list, sizeof list);
    return FOV_OK;
}

static int set_name(const struct attribute *attribute, void *options, const char *text, struct error *error)
{
    char *member = (char *)options + attribute->offset;
    if (strlen(text) >= ATTRIBUTE_NAME_SIZE) {
        return error_set(error, FOV_E_USAGE, "%s is \"%.20s...\"; a name has less than %d characters", attribute->name,
                         text, ATTRIBUTE_NAME_SIZE);
    }
    snprintf(member, ATTRIBUTE_NAME_SIZE, "%s", text);
    return FOV_OK;
}

static int set_value(const struct attribute *attribute, void *options, const char *text, struct error *error)
{
    if (attribute->kind == ATTRIBUTE_NAME) {
        return set_name(attribute, options, text, error);
    }
    double number;
    if (attribute->kind == ATTRIBUTE_CHOICE) {
        return set_choice(attribute, options, text, error);
    }
    if (attribute->kind == ATTRIBUTE_FLAG) {
        return set_flag(attribute, options, text, error);
    }
    if (attribute->kind == ATTRIBUTE_LIST) {
        return set_list(attribute, options, text, error);
    }
    int status = read_number(attribute, text, &number, error);
    if (status == FOV_OK) {
        put_number(attribute, options, number);
    }
    return status;
}

int attribute_set(const struct attribute *attribute, void *options, const char *text, struct error *error)
{
    int status = set_value(attribute, options, text, error);
    const char *comma = status == FOV_OK || attribute->kind == ATTRIBUTE_NAME ? NULL : strchr(text, ',');
    if (comma != NULL && strchr(comma, '=') != NULL) { /* "linear,dropout=0" */
        error_clear(error);
        return error_set(error, FOV_E_USAGE, "%s is \"%.60s\"; between options stands ':', not ','", attribute->name,
                         text);
    }
    return status;
}

/* ---- several, behind a name -------------------------------------------------------------------------------------- */

/* One word, "VALUE" or "OPTION=VALUE". */
static int read_word(const struct attribute *table, void *options, const char *owner, char *word, bool first,
                     struct error *error)
{
    const struct attribute *attribute = table;
    char *equals = strchr(word, '=');
    if (equals != NULL) {
        *equals = '\0';
        attribute = attribute_find(table, word);
    }
    if (attribute_count(table) == 0) {
        return error_set(error, FOV_E_USAGE, "%s has no options", owner);
    }
    if (attribute == NULL) {
        return error_set(error, FOV_E_USAGE, "%s has no option \"%s\"; its first is %s", owner, word, table[0].name);
    }
    if (equals == NULL && !first) {
        return error_set(error, FOV_E_USAGE, "%s: \"%s\" needs a name: only the first option goes without", owner,
                         word);
    }
    if (attribute_set(attribute, options, equals != NULL ? equals + 1 : word, error) != FOV_OK) {
        error_prefix(error, "%s", owner);
        return (int)error->status;
    }
    return FOV_OK;
}

int attribute_read(const struct attribute *table, void *options, const char *owner, const char *text,
                   struct error *error)
{
    for (bool first = true, more = true; more; first = false) {
        char word[ATTRIBUTE_TEXT_SIZE + 64]; /* any option that attribute_write writes */
        size_t length = strcspn(text, ":");
        if (length >= sizeof word) {
            return error_set(error, FOV_E_USAGE, "%s: an option of %zu letters; at most %zu", owner, length,
                             sizeof word - 1);
        }
        memcpy(word, text, length);
        word[length] = '\0';
        if (read_word(table, options, owner, word, first, error) != FOV_OK) {
            return (int)error->status;
        }
        more = text[length] == ':';
        text += length + more;
    }
    return FOV_OK;
}

size_t attribute_write(const struct attribute *table, const void *options, char *text, size_t size, size_t used)
{
    char value[ATTRIBUTE_TEXT_SIZE];
    for (int i = 0; i < attribute_count(table); i++) {
        used = text_append(text, size, used, ":%s=%s", table[i].name, attribute_text(&table[i], options, value));
    }
    return used;
}

/* Text that reads back to the same number: 15 digits, as people type it, if they suffice, else 17. */
static void number_as_text(double number, char *out, size_t size)
{
    double read = 0.0;
    text_append(out, size, 0, "%.15g", number);
    if (!text_to_number(out, &read) || read != number) {
        text_append(out, size, 0, "%.17g", number);
    }
}

const char *attribute_text(const struct attribute *attribute, const void *options, char out[ATTRIBUTE_TEXT_SIZE])
{
    const char *member = (const char *)options + attribute->offset;
    struct attribute_list list;
    size_t used = 0;
    int64_t whole;
    double number;
    bool flag;
    int choice;
    out[0] = '\0';
    switch (attribute->kind) {
    case ATTRIBUTE_INTEGER:
        memcpy(&whole, member, sizeof whole);
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%" PRId64, whole);
        break;
    case ATTRIBUTE_NUMBER:
        memcpy(&number, member, sizeof number);
        number_as_text(number, out, ATTRIBUTE_TEXT_SIZE);
        break;
    case ATTRIBUTE_FLAG:
        memcpy(&flag, member, sizeof flag);
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%s", flag ? "yes" : "no");
        break;
    case ATTRIBUTE_CHOICE:
        memcpy(&choice, member, sizeof choice);
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%s", attribute->choices[choice]);
        break;
    case ATTRIBUTE_NAME:
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%.*s", ATTRIBUTE_NAME_SIZE - 1, member);
        break;
    case ATTRIBUTE_LIST:
        memcpy(&list, member, sizeof list);
        for (int i = 0; i < list.count; i++) {
            char one[32];
            number_as_text(list.at[i], one, sizeof one);
            used = text_append(out, ATTRIBUTE_TEXT_SIZE, used, "%s%s", i > 0 ? "," : "", one);
        }
        break;
    }
    return out;
}
