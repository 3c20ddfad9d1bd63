/* SPDX-License-Identifier: MIT */
/* The query string of a path: one table of keys and their values. Requests are checked against it before any work, and
 * the OpenAPI document is written from it. Values that need a model to be checked (its layers, its classes) are checked
 * where they are read. */
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/serve/routes.h"
#include <string.h>

enum form { NUMBER, WORD, METHODS, NAME };

static const struct key {
    const char *name;
    enum form form;
    int minimum, maximum;  /* for NUMBER */
    const char *words[3];  /* for WORD: the words allowed */
} keys[] = {
    {"model", NAME, 0, 0, {NULL}},
    {"class", NAME, 0, 0, {NULL}},
    {"layer", NAME, 0, 0, {NULL}},
    {"methods", METHODS, 0, 0, {NULL}},
    {"top", NUMBER, 1, 999999, {NULL}},
    {"mask", NUMBER, 0, 1, {NULL}},
    {"steps", NUMBER, 1, 10000, {NULL}},
    {"filter", NUMBER, 0, 999999, {NULL}},
    {"row", NUMBER, 0, 999999, {NULL}},
    {"column", NUMBER, 0, 999999, {NULL}},
    {"epochs", NUMBER, 1, SERVE_EPOCHS, {NULL}},
    {"lang", WORD, 0, 0, {"en", "zh", NULL}},
};

static const struct key *find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i].name) == length && strncmp(keys[i].name, name, length) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/* Whether the route takes the key. route->query lists its keys: "model,top,mask". */
static bool is_known(const struct route *route, const char *name, size_t length)
{
    for (const char *at = route->query; *at != '\0';) {
        size_t here = strcspn(at, ",");
        if (here == length && strncmp(at, name, length) == 0) {
            return true;
        }
        at += here + (at[here] == ',');
    }
    return false;
}

static void refuse_key(const struct route *route, const char *name, size_t length, char *problem, size_t size)
{
    char typed[64], clean[64], known[SERVE_NAME];
    struct nearest nearest = {.wanted = typed};
    snprintf(typed, sizeof typed, "%.*s", (int)(length < 60 ? length : 60), name);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (is_known(route, keys[i].name, strlen(keys[i].name))) {
            nearest_offer(&nearest, keys[i].name);
        }
    }
    show_clean(clean, sizeof clean, typed);
    if (nearest.best != NULL) {
        snprintf(problem, size, "?%s= is unknown here: did you mean %s?", clean, nearest.best);
    } else if (*route->query == '\0') {
        snprintf(problem, size, "?%s= is unknown here: this path takes nothing behind a ?", clean);
    } else {
        snprintf(known, sizeof known, "%s", route->query);
        snprintf(problem, size, "?%s= is unknown here: this path takes %s", clean, known);
    }
}

static bool is_method(const char *name, size_t length)
{
    for (int i = 0; i < fov_explain_method_count(); i++) {
        const char *known = fov_explain_method_at(i).name;
        if (strlen(known) == length && strncmp(known, name, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool are_methods(const char *value)
{
    bool well = *value != '\0';
    while (well && *value != '\0') {
        size_t length = strcspn(value, ",");
        well = is_method(value, length) && (value[length] == '\0' || value[length + 1] != '\0');
        value += length + (value[length] == ',');
    }
    return well;
}

static bool is_word(const struct key *key, const char *value)
{
    bool is_one = false;
    for (int i = 0; key->words[i] != NULL; i++) {
        is_one |= strcmp(key->words[i], value) == 0;
    }
    return is_one;
}

/* False, with a sentence in `problem`, if the key does not allow the value. */
static bool check_value(const struct key *key, const char *value, char *problem, size_t size)
{
    uint64_t number;
    char clean[64];
    show_clean(clean, sizeof clean, value);
    switch (key->form) {
    case NUMBER:
        if (!options_natural(value, &number) || number < (uint64_t)key->minimum || number > (uint64_t)key->maximum) {
            snprintf(problem, size, "?%s= is \"%s\"; it is a whole number from %d to %d", key->name, clean, key->minimum,
                     key->maximum);
            return false;
        }
        return true;
    case WORD:
        if (!is_word(key, value)) {
            snprintf(problem, size, "?%s= is \"%s\"; it is %s or %s", key->name, clean, key->words[0], key->words[1]);
            return false;
        }
        return true;
    case METHODS:
        if (!are_methods(value)) {
            snprintf(problem, size, "?%s= is \"%s\"; it is one or several, with commas, of gradcam, scorecam, occlusion, "
                     "integrated_gradients, smoothgrad", key->name, clean);
            return false;
        }
        return true;
    case NAME:
        break;
    }
    return true;
}

bool query_check(const struct route *route, const char *query, char *problem, size_t size)
{
    for (const char *at = query; *at != '\0';) {
        size_t whole = strcspn(at, "&"), length = strcspn(at, "=&");
        char value[SERVE_QUERY], name[64];
        bool is_token = length == 5 && strncmp(at, "token", length) == 0; /* on every path; for guard_check */
        if (whole > 0 && !is_token) {
            const struct key *key = is_known(route, at, length) ? find(at, length) : NULL;
            if (key == NULL) {
                refuse_key(route, at, length, problem, size);
                return false;
            }
            snprintf(name, sizeof name, "&%s=", key->name);
            if (at[length] != '=' || !guard_query(at, key->name, value, sizeof value)) {
                snprintf(problem, size, "?%s= has no value, or one that is not percent-encoded as it should be",
                         key->name);
                return false;
            }
            if (strstr(at + whole, name) != NULL) {
                snprintf(problem, size, "?%s= is given twice", key->name);
                return false;
            }
            if (!check_value(key, value, problem, size)) {
                return false;
            }
        }
        at += whole + (at[whole] == '&');
    }
    return true;
}

bool query_is_key(const char *name, size_t length)
{
    return find(name, length) != NULL;
}

json_t *query_schema(const char *name, size_t length)
{
    const struct key *key = find(name, length);
    json_t *schema = json_object();
    json_set_text(schema, "type", key != NULL && key->form == NUMBER ? "integer" : "string");
    if (key != NULL && key->form == NUMBER) {
        json_set_integer(schema, "minimum", key->minimum);
        json_set_integer(schema, "maximum", key->maximum);
    }
    if (key != NULL && key->form == WORD) {
        json_t *words = json_array();
        for (int i = 0; key->words[i] != NULL; i++) {
            json_add(words, json_from_text(key->words[i]));
        }
        json_set(schema, "enum", words);
    }
    return schema;
}
