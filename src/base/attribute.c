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
    int64_t whole = (int64_t)number;
    int choice = (int)number;
    bool flag = number != 0.0;
    switch (attribute->kind) {
    case ATTRIBUTE_INTEGER:
        memcpy(member, &whole, sizeof whole);
        break;
    case ATTRIBUTE_NUMBER:
        memcpy(member, &number, sizeof number);
        break;
    case ATTRIBUTE_FLAG:
        memcpy(member, &flag, sizeof flag);
        break;
    case ATTRIBUTE_CHOICE:
        memcpy(member, &choice, sizeof choice);
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

int attribute_set(const struct attribute *attribute, void *options, const char *text, struct error *error)
{
    double number;
    if (attribute->kind == ATTRIBUTE_CHOICE) {
        return set_choice(attribute, options, text, error);
    }
    if (attribute->kind == ATTRIBUTE_FLAG) {
        return set_flag(attribute, options, text, error);
    }
    bool whole = attribute->kind == ATTRIBUTE_INTEGER;
    if (!text_to_number(text, &number) || !isfinite(number) ||
        (whole && (number != floor(number) || fabs(number) > 0x1p53))) {
        return error_set(error, FOV_E_USAGE, "%s is \"%.60s\"; it is a %snumber", attribute->name, text,
                         whole ? "whole " : "");
    }
    if (attribute->minimum < attribute->maximum && !(number >= attribute->minimum && number <= attribute->maximum)) {
        return error_set(error, FOV_E_USAGE, "%s is %.60s; it lies in %.10g .. %.10g", attribute->name, text,
                         attribute->minimum, attribute->maximum);
    }
    put_number(attribute, options, number);
    return FOV_OK;
}

const char *attribute_text(const struct attribute *attribute, const void *options, char out[ATTRIBUTE_TEXT_SIZE])
{
    const char *member = (const char *)options + attribute->offset;
    int64_t whole;
    double number, read = 0.0;
    bool flag;
    int choice;
    switch (attribute->kind) {
    case ATTRIBUTE_INTEGER:
        memcpy(&whole, member, sizeof whole);
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%" PRId64, whole);
        break;
    case ATTRIBUTE_NUMBER:
        memcpy(&number, member, sizeof number);
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%.15g", number); /* as people type it, where that is the same number */
        if (!text_to_number(out, &read) || read != number) {
            snprintf(out, ATTRIBUTE_TEXT_SIZE, "%.17g", number);
        }
        break;
    case ATTRIBUTE_FLAG:
        memcpy(&flag, member, sizeof flag);
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%s", flag ? "yes" : "no");
        break;
    case ATTRIBUTE_CHOICE:
        memcpy(&choice, member, sizeof choice);
        snprintf(out, ATTRIBUTE_TEXT_SIZE, "%s", attribute->choices[choice]);
        break;
    }
    return out;
}
