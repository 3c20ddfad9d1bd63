/* SPDX-License-Identifier: MIT */
/* Reads data.yaml (yolo.h) in place, from one key to the next. What it does not read as a key or as an item of "names"
 * or a split, it passes over: such files hold much else. */
#include "base/text.h"
#include "data/yolo.h"
#include <stdio.h>
#include <string.h>

enum { MOST_CLASSES = 10000 };

/* The key whose items follow: a split, 0 to FOLDER_ROLES - 1, or one of these. */
enum { OF_NAMES = FOLDER_ROLES, OF_NOTHING };

struct reading {
    struct list *list;
    struct yolo_description *description;
    int key;
    bool is_first; /* no path has followed the current key yet */
    size_t lines;  /* lines that the current key or item takes up */
};

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* Reads a text at *at: quoted, or plain up to one of `stops` or a comment. It is unquoted and terminated in place;
 * *stop: the character behind it, '\0' at the end; *at: what follows that. NULL: a quote is not closed, or something
 * else than a stop follows it. */
static char *take_text(char **at, const char *stops, char *stop)
{
    char *text = *at + strspn(*at, " \t"), *from = text, *to = text;
    char quote = *text == '"' || *text == '\'' ? *text : '\0';
    if (quote != '\0') {
        for (from++; *from != '\0' && (*from != quote || (quote == '\'' && from[1] == quote)); from++) {
            bool is_escaped = quote == '\'' ? *from == quote : *from == '\\' && (from[1] == '"' || from[1] == '\\');
            from += is_escaped;
            *to++ = *from;
        }
        if (*from == '\0') {
            return NULL;
        }
        from++;
        from += strspn(from, " \t");
        if (*from != '\0' && *from != '#' && strchr(stops, *from) == NULL) {
            return NULL;
        }
    } else {
        while (*from != '\0' && strchr(stops, *from) == NULL && !(*from == '#' && strchr(" \t", from[-1]) != NULL)) {
            from++;
        }
        for (to = from; to > text && strchr(" \t", to[-1]) != NULL;) {
            to--;
        }
    }
    *stop = *from == '#' ? '\0' : *from;
    *at = *stop != '\0' ? from + 1 : from + strlen(from);
    *to = '\0';
    return text;
}

/* Finds the bracket that closes the list or dictionary at `at`; NULL: there is none. Line ends and comments in between
 * become spaces. */
static char *close_brackets(char *at, size_t *lines)
{
    char end = *at == '[' ? ']' : '}', before = ',' /* the last character that is no space */, quote = '\0';
    for (at++; *at != '\0'; at++) {
        if (*at == '\n' || (*at == '\r' && at[1] != '\n')) {
            *lines += 1;
        }
        if (*at == '\n' || *at == '\r') {
            *at = ' ';
        } else if (quote != '\0') {
            bool is_escaped = quote == '\'' ? *at == quote && at[1] == quote : *at == '\\' && at[1] != '\0';
            quote = *at == quote && !is_escaped ? '\0' : quote;
            at += is_escaped;
        } else if (*at == end) {
            return at;
        } else if (*at == '#' && at[-1] == ' ') {
            size_t length = strcspn(at, "\r\n");
            memset(at, ' ', length);
            at += length - 1;
        } else if ((*at == '"' || *at == '\'') && strchr("[{,:", before) != NULL) {
            quote = *at;
        }
        before = *at != ' ' && *at != '\t' ? *at : before;
    }
    return NULL;
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static int refuse_text(struct error *error)
{
    return error_set(error, FOV_E_INPUT, "a quote is not closed, or text stands behind it");
}

/* Adds an item of the current key: a class, with its number or NULL, or a path of a split. */
static int take_item(struct reading *reading, const char *number, const char *text, struct error *error)
{
    struct list *list = reading->list;
    long long value;
    if (reading->key < FOLDER_ROLES) {
        if (*text != '\0' && reading->is_first) { /* of several keys for a split the last with paths counts */
            list_paths_free(&reading->description->split[reading->key]);
            reading->is_first = false;
        }
        return *text == '\0' ? FOV_OK : list_paths_add(&reading->description->split[reading->key], text, error);
    }
    if (reading->key == OF_NAMES && number != NULL &&
        (!text_to_integer(number, 0, MOST_CLASSES, &value) || (size_t)value != list->class_count)) {
        return error_set(error, FOV_E_INPUT, "names: \"%.40s\" where number %zu was expected", number,
                         list->class_count);
    }
    return reading->key == OF_NAMES ? list_add_class(list, text, error) : FOV_OK;
}

/* Takes the items of "[a, 'b', c]" or "{0: a, 1: b}"; the text ends where the closing bracket was. */
static int take_brackets(struct reading *reading, char *at, struct error *error)
{
    bool has_numbers = *at == '{';
    int status = FOV_OK;
    for (at += 1 + strspn(at + 1, " \t,"); status == FOV_OK && *at != '\0'; at += strspn(at, " \t,")) {
        char *number = NULL, stop = '\0';
        if (*at == '[' || *at == '{') {
            return error_set(error, FOV_E_INPUT, "a list within a list");
        }
        if (has_numbers) {
            number = take_text(&at, ":", &stop);
            if (number == NULL || stop != ':') {
                return number == NULL ? refuse_text(error)
                                      : error_set(error, FOV_E_INPUT, "\"%.40s\" without \": \" and a value", number);
            }
        }
        const char *text = take_text(&at, ",", &stop);
        status = text != NULL ? take_item(reading, number, text, error) : refuse_text(error);
    }
    return status;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* The key that a line begins with becomes the current one. */
static int begin_key(struct reading *reading, const char *key)
{
    enum folder_role role = folder_role(key);
    reading->key = strcmp(key, "names") == 0 ? OF_NAMES : role != FOLDER_ROLES ? (int)role : OF_NOTHING;
    reading->is_first = true;
    return reading->key;
}

/* Takes a plain value of the current key, or of "path". */
static int take_value(struct reading *reading, const char *key, char *at, struct error *error)
{
    char *root = reading->description->root, stop;
    bool is_path = key != NULL && strcmp(key, "path") == 0;
    if (!is_path && reading->key >= FOLDER_ROLES) {
        return FOV_OK;
    }
    const char *text = take_text(&at, "", &stop);
    if (text == NULL) {
        return refuse_text(error);
    }
    if (is_path && *text != '\0' && *text != '/' && strcmp(text, ".") != 0) {
        text_append(root, DATA_PATH_SIZE, strlen(root), "/%s", text);
    }
    return reading->key < FOLDER_ROLES ? take_item(reading, NULL, text, error) : FOV_OK;
}

/* Takes a line below the current key: "- cat" or "0: cat". Below a split's key only "- PATH" counts: settings of a
 * training may stand below "training:". */
static int take_below(struct reading *reading, char *at, struct error *error)
{
    char *number = NULL, stop = '\0';
    bool is_item = *at == '-';
    if (is_item) {
        at++;
    } else if (reading->key == OF_NAMES) {
        number = take_text(&at, ":", &stop);
        if (number == NULL || stop != ':') {
            return error_set(error, FOV_E_INPUT, "names: \"%.40s\" is neither \"- NAME\" nor \"NUMBER: NAME\"",
                             number != NULL ? number : at);
        }
    }
    if (!is_item && reading->key < FOLDER_ROLES) {
        return FOV_OK;
    }
    const char *text = take_text(&at, "", &stop);
    return text != NULL ? take_item(reading, number, text, error) : refuse_text(error);
}

/* Takes the line at `line`, and those after it over which its brackets run; returns where the next one begins. */
static char *take_line(struct reading *reading, char *line, struct error *error)
{
    char *end = line + strcspn(line, "\r\n"), last = *end, *at = line + strspn(line, " \t"), stop = '\0';
    bool is_below = at > line || *at == '-';
    const char *key = NULL;
    reading->lines = 1;
    *end = '\0';
    if (*at != '\0' && *at != '#' && !is_below) {
        key = take_text(&at, ":", &stop);
        reading->key = key != NULL && stop == ':' ? begin_key(reading, key) : OF_NOTHING;
        at += strspn(at, " \t");
    }
    if (*at == '\0' || *at == '#' || (is_below && reading->key == OF_NOTHING)) {
        // nothing
    } else if ((*at == '[' || *at == '{') && reading->key != OF_NOTHING) {
        *end = last;
        char *close = close_brackets(at, &reading->lines);
        if (close == NULL) {
            error_set(error, FOV_E_INPUT, "a \"%c\" that is not closed", *at);
            return end;
        }
        end = close + 1 + strcspn(close + 1, "\r\n");
        last = *end;
        *close = '\0';
        take_brackets(reading, at, error);
    } else if (is_below) {
        take_below(reading, at, error);
    } else {
        take_value(reading, key, at, error);
    }
    return end + (last == '\r' && end[1] == '\n') + (last != '\0');
}

int yolo_description_read(struct yolo_description *description, struct list *list, const char *file,
                          struct error *error)
{
    struct reading reading = {.list = list, .description = description, .key = OF_NOTHING};
    const char *slash = strrchr(file, '/');
    char *text;
    *description = (struct yolo_description){.root = "."};
    for (int role = 0; role < FOLDER_ROLES; role++) {
        description->split[role].memory = list->memory;
    }
    if (slash != NULL) {
        snprintf(description->root, DATA_PATH_SIZE, "%.*s", (int)(slash - file), file);
    }
    int status = list_read_text(list->store, file, list->memory, &text, error);
    char *line = text;
    for (size_t number = 1; status == FOV_OK && *line != '\0'; number += reading.lines) {
        struct error why = {.status = FOV_OK};
        line = take_line(&reading, line, &why);
        if (why.status == FOV_E_INPUT) {
            status = error_set(error, FOV_E_INPUT, "%s, line %zu: %s", file, number, why.text);
        } else if (why.status != FOV_OK) {
            status = error_set(error, why.status, "%s", why.text);
        }
    }
    memory_free(list->memory, text);
    return status;
}

void yolo_description_free(struct yolo_description *description)
{
    for (int role = 0; role < FOLDER_ROLES; role++) {
        if (description->split[role].memory != NULL) {
            list_paths_free(&description->split[role]);
        }
    }
}
