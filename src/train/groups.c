/* SPDX-License-Identifier: MIT */
/* Lists of PATTERN=NUMBER and PATTERN=NUMBERx. They are parsed again for each parameter, since both are few. */
#include "train/groups.h"
#include "base/text.h"
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_EPOCHS = 1000000 };

/* Words that may stand in place of a pattern. */
static const char norms_and_biases[] = "norms-and-biases", head[] = "head";

/* One entry of a list. `number` < 0: it has no number. `times`: the number is a factor ("0.1x"). */
struct entry {
    char pattern[256];
    double number;
    bool times;
    struct group_epochs epochs;
};

/* Reads the epochs after an "@": "1-3", "4-", "2". */
static bool read_epochs(const char *text, struct group_epochs *epochs)
{
    const char *dash = strchr(text, '-');
    char first[16];
    double from = 0.0, to = 0.0;
    snprintf(first, sizeof first, "%.*s", dash != NULL ? (int)(dash - text) : (int)strlen(text), text);
    bool fine = text_to_number(first, &from) && from >= 1.0 && from <= MOST_EPOCHS && from == floor(from);
    if (fine && dash != NULL && dash[1] != '\0') {
        fine = text_to_number(dash + 1, &to) && to >= from && to <= MOST_EPOCHS && to == floor(to);
    }
    *epochs = (struct group_epochs){fine ? (int)from : 0, !fine ? 0 : dash == NULL ? (int)from : (int)to};
    return fine;
}

/* Reads the entry at *at and advances to the next. False: the list has ended, or, with `error` set, is malformed. */
static bool next_entry(const char **at, const char *option, bool numbers, struct entry *entry, struct error *error)
{
    const char *begin = *at + strspn(*at, ", ");
    size_t length = strcspn(begin, ",");
    char word[sizeof entry->pattern], whole[sizeof entry->pattern], *equals, *end;
    *at = begin + length;
    if (length == 0 || error->status != FOV_OK) {
        return false;
    }
    if (length >= sizeof word) {
        error_set(error, FOV_E_USAGE, "training option %s: an entry of %zu characters, at most %zu", option, length,
                  sizeof word - 1);
        return false;
    }
    snprintf(word, sizeof word, "%.*s", (int)length, begin);
    for (end = word + strlen(word); end > word && end[-1] == ' '; end--) {
        end[-1] = '\0';
    }
    snprintf(whole, sizeof whole, "%s", word);
    *entry = (struct entry){.number = -1.0};
    equals = strrchr(word, '=');
    bool fine = true;
    if (numbers && equals != NULL) {
        *equals = '\0';
        char *at_sign = strchr(equals + 1, '@');
        if (at_sign != NULL) {
            *at_sign = '\0';
            fine = read_epochs(at_sign + 1, &entry->epochs);
        }
        end = equals + strlen(equals + 1);
        entry->times = *end == 'x';
        *end = entry->times ? '\0' : *end;
    }
    if (numbers && (equals == NULL || !fine || !text_to_number(equals + 1, &entry->number) ||
                    !isfinite(entry->number) || entry->number < 0.0)) {
        error_set(
            error, FOV_E_USAGE,
            "training option %s: \"%.100s\" is not PATTERN=NUMBER or PATTERN=NUMBERx, with or without @FIRST-LAST",
            option, whole);
        return false;
    }
    snprintf(entry->pattern, sizeof entry->pattern, "%s", word);
    return true;
}

/* Id of the last trained weight of more than one axis; 0: none. */
static int last_weight(const fov_graph *graph)
{
    int last = 0;
    for (int i = 0; i < fov_parameter_count(graph); i++) {
        fov_value parameter = fov_parameter_at(graph, i);
        bool weight = fov_value_shape(graph, parameter).rank > 1 && !fov_parameter_frozen(graph, parameter);
        last = weight ? parameter.id : last;
    }
    return last;
}

/* Whether an entry matches a parameter. Scales and offsets of norms and all biases have one axis at most, weights have
 * more. The head is the last trained weight and the parameters after it. */
static bool fits(const struct entry *entry, const fov_graph *graph, fov_value parameter)
{
    if (strcmp(entry->pattern, norms_and_biases) == 0) {
        return fov_value_shape(graph, parameter).rank <= 1;
    }
    if (strcmp(entry->pattern, head) == 0) {
        return parameter.id >= last_weight(graph);
    }
    return fnmatch(entry->pattern, fov_value_name(graph, parameter), 0) == 0;
}

static int check_list(const char *option, const char *list, bool numbers, const fov_graph *graph,
                      const fov_value *parameters, int count, struct error *error)
{
    struct entry entry;
    for (const char *at = list; list != NULL && next_entry(&at, option, numbers, &entry, error);) {
        bool found = strcmp(entry.pattern, norms_and_biases) == 0;
        for (int i = 0; !found && i < count; i++) {
            found = fits(&entry, graph, parameters[i]);
        }
        if (!found) {
            return error_set(error, FOV_E_USAGE, "training option %s: \"%.100s\" fits no parameter that is trained",
                             option, entry.pattern);
        }
    }
    return (int)error->status;
}

int groups_check(const struct train_settings *settings, const fov_graph *graph, const fov_value *parameters, int count,
                 struct error *error)
{
    const fov_train_options *o = &settings->given;
    int status = check_list("lr_by_name", o->lr_by_name, true, graph, parameters, count, error);
    status = status == FOV_OK
                 ? check_list("weight_decay_by_name", o->weight_decay_by_name, true, graph, parameters, count, error)
                 : status;
    return status == FOV_OK ? check_list("no_decay", o->no_decay, false, graph, parameters, count, error) : status;
}

/* The list's number for a parameter; factors multiply `whole`, the number for all parameters. `none`: returned if no
 * entry matches. `epochs` (or NULL) receives the epochs of the entry. */
static double find(const char *list, bool numbers, double whole, double none, const fov_graph *graph,
                   fov_value parameter, struct group_epochs *epochs)
{
    struct error error = {0};
    struct entry entry;
    double found = none;
    for (const char *at = list; list != NULL && next_entry(&at, "", numbers, &entry, &error);) {
        if (fits(&entry, graph, parameter)) {
            found = !numbers ? 0.0 : entry.times ? entry.number * whole : entry.number;
            if (epochs != NULL) {
                *epochs = entry.epochs;
            }
        }
    }
    return found;
}

struct group groups_of(const struct train_settings *settings, const fov_graph *graph, fov_value parameter)
{
    const fov_train_options *o = &settings->given;
    double lr = (double)o->lr, decay = optimizer_get(&settings->optimizer, "weight_decay", 0.0);
    struct group group = {.weight_decay = find(o->weight_decay_by_name, true, decay, -1.0, graph, parameter, NULL)};
    group.rate = find(o->lr_by_name, true, lr, lr, graph, parameter, &group.epochs) / lr;
    group.weight_decay = find(o->no_decay, false, decay, group.weight_decay, graph, parameter, NULL);
    return group;
}
