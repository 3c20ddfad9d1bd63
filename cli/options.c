/* SPDX-License-Identifier: MIT */
/* Parses the words of a command line by the verb's tables of options. Accepted are --name value, --name=value, -x value
 * and, as Ultralytics' users type, name=value; underscores count as hyphens. */
#include "options.h"
#include "append.h"
#include "nearest.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const struct cli_option common_options[] = {
    {.name = "json", .kind = OPTION_FLAG, .doc = "print JSON for machines"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .doc = "print results only: no progress, no advice"},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .doc = "log to standard error"},
    {.name = "threads",
     .kind = OPTION_INTEGER,
     .argument = "N",
     .otherwise = "all this process may use",
     .minimum = 1,
     .maximum = 1024,
     .doc = "threads; the result is the same for any number"},
    {.name = "seed",
     .kind = OPTION_NATURAL,
     .argument = "N",
     .standard = "0",
     .doc = "what all random numbers follow from: 0 to 18446744073709551615"},
    {.name = "max-memory",
     .kind = OPTION_SIZE,
     .argument = "SIZE",
     .otherwise = "80 % of what there is",
     .minimum = 1,
     .maximum = 9e18,
     .doc = "memory limit: 800M, 2G; training recomputes what it must to keep it"},
    {.name = "exact-conv", .kind = OPTION_FLAG, .doc = "direct convolution only, no Winograd"},
    {.name = "allow-external", .kind = OPTION_TEXT, .argument = "FOLDER", .otherwise = "the model's own",
     .doc = "a folder where a model's external weights may lie, too, wherever links lead"},
    {.name = "strict", .kind = OPTION_FLAG, .doc = "refuse weights that are NaN, infinite or many of them denormal"},
    {.name = NULL},
};

const struct cli_option data_options[] = {
    {.name = "val-split", .kind = OPTION_NUMBER, .argument = "SHARE", .otherwise = "0.1 of data without any split",
     .minimum = 1e-6, .maximum = 0.99, .doc = "hold back this share, of each class where there are classes"},
    {.name = "val-last", .kind = OPTION_INTEGER, .argument = "N", .minimum = 1, .maximum = 1e9,
     .doc = "hold back the last N samples by their names, numbers in them compared as numbers"},
    {.name = "val-list", .kind = OPTION_TEXT, .argument = "FILE",
     .doc = "hold back those named in FILE, a line each: paths, or ends of them, with or without a suffix"},
    {.name = NULL},
};

/* ---- finding ------------------------------------------------------------------------------------------------ */

/* Whether the first `length` bytes of `word` are the option's name, underscores counted as hyphens. */
static bool same_name(const char *name, const char *word, size_t length)
{
    size_t i = 0;
    for (; i < length && name[i] != '\0'; i++) {
        if (name[i] != (word[i] == '_' ? '-' : word[i])) {
            return false;
        }
    }
    return i == length && name[i] == '\0';
}

const struct cli_option *options_table(const struct verb *verb, int index)
{
    return index == 0   ? verb->options
           : index == 1 ? (verb->more != NULL ? verb->more() : NULL)
           : index == 2 ? verb->shared
           : index == 3 ? (verb->reads_data ? data_options : NULL)
                        : common_options;
}

const struct cli_option *options_at(const struct verb *verb, int index)
{
    for (int table = 0; table < OPTION_TABLES; table++) {
        for (const struct cli_option *o = options_table(verb, table); o != NULL && o->name != NULL; o++) {
            if (index-- == 0) {
                return o;
            }
        }
    }
    return NULL;
}

/* The option of that letter or, `letter` 0, of that name; *index: its place in cli->value. NULL: none. */
static const struct cli_option *find(const struct verb *verb, const char *word, size_t length, char letter, int *index)
{
    int place = 0;
    for (int table = 0; table < OPTION_TABLES; table++) {
        for (const struct cli_option *o = options_table(verb, table); o != NULL && o->name != NULL; o++, place++) {
            if (letter != '\0' ? o->letter == letter : same_name(o->name, word, length)) {
                if (index != NULL) {
                    *index = place;
                }
                return o;
            }
        }
    }
    return NULL;
}

const struct cli_option *options_find(const struct verb *verb, const char *name, int *index)
{
    return find(verb, name, strlen(name), '\0', index);
}

const struct cli_value *option(const struct cli *cli, const char *name)
{
    int index;
    if (options_find(cli->verb, name, &index) == NULL) {
        fprintf(stderr, "fovea %s: internal: no option \"%s\" in its table\n", cli->verb->name, name);
        exit(EXIT_INTERNAL);
    }
    return &cli->value[index];
}

bool option_given(const struct cli *cli, const char *name)
{
    return option(cli, name)->given;
}

bool option_flag(const struct cli *cli, const char *name)
{
    return option(cli, name)->flag;
}

int64_t option_integer(const struct cli *cli, const char *name)
{
    return option(cli, name)->integer;
}

uint64_t option_natural(const struct cli *cli, const char *name)
{
    return option(cli, name)->natural;
}

double option_number(const struct cli *cli, const char *name)
{
    return option(cli, name)->number;
}

const char *option_text(const struct cli *cli, const char *name)
{
    return option(cli, name)->text;
}

/* ---- values ------------------------------------------------------------------------------------------------- */

static int complain(char *problem, size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(problem, size, format, list);
    va_end(list);
    return EXIT_USAGE;
}

/* A word of the user for a sentence: shortened, and without control characters. */
static const char *shown(char out[64], const char *word)
{
    size_t n = 0;
    for (; word[n] != '\0' && n < 60; n++) {
        out[n] = (unsigned char)word[n] < 32 || word[n] == 127 ? '?' : word[n];
    }
    memcpy(out + n, word[n] != '\0' ? "..." : "", word[n] != '\0' ? 4 : 1);
    return out;
}

static bool read_integer(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return end != text && *end == '\0' && errno == 0 && text[0] != ' ';
}

bool options_natural(const char *text, uint64_t *value)
{
    uint64_t number = 0;
    for (const char *at = text; *at != '\0'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (*at < '0' || *at > '9' || number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = 10 * number + digit;
    }
    *value = number;
    return text[0] != '\0';
}

static bool read_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value) && text[0] != ' ';
}

/* 2G, 1.5GiB, 800MB, 4096: powers of 1024, as memory is counted. */
static bool read_size(const char *text, double *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    *bytes = strtod(text, &end);
    if (end == text || !isfinite(*bytes)) {
        return false;
    }
    const char *unit = *end != '\0' ? strchr(units, *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end) : NULL;
    if (unit != NULL) {
        *bytes = ldexp(*bytes, 10 * (int)(unit - units + 1));
        end++;
        end += *end == 'i' ? 1 : 0;
    }
    end += *end == 'B' || *end == 'b' ? 1 : 0;
    return *end == '\0';
}

static int check_limits(const struct cli_option *o, double value, const char *text, char *problem, size_t size)
{
    char word[64];
    if (o->minimum == o->maximum || (value >= o->minimum && value <= o->maximum)) {
        return EXIT_OK;
    }
    if (o->kind == OPTION_INTEGER && o->maximum < 1e15) {
        return complain(problem, size, "--%s is %s; it goes from %.0f to %.0f", o->name, shown(word, text), o->minimum,
                        o->maximum);
    }
    return complain(problem, size, "--%s is %s; it goes from %.7g to %.7g", o->name, shown(word, text), o->minimum,
                    o->maximum);
}

static int read_choice(const struct cli_option *o, const char *text, char *problem, size_t size)
{
    char word[64], all[256] = "";
    size_t used = 0;
    struct nearest nearest = {.wanted = text};
    for (int i = 0; o->choices[i] != NULL; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            return EXIT_OK;
        }
        nearest_offer(&nearest, o->choices[i]);
        used = append_text(all, sizeof all, used, "%s%s", i > 0 ? ", " : "", o->choices[i]);
    }
    if (nearest.best != NULL) {
        return complain(problem, size, "--%s has no choice \"%s\": did you mean %s?", o->name, shown(word, text),
                        nearest.best);
    }
    return complain(problem, size, "--%s has no choice \"%s\"; there are %s", o->name, shown(word, text), all);
}

static int read_flag(const struct cli_option *o, const char *text, struct cli_value *value, char *problem, size_t size)
{
    static const char *const yes[] = {"yes", "true", "1", "on"}, *const no[] = {"no", "false", "0", "off"};
    char word[64];
    for (size_t i = 0; text != NULL && i < 4; i++) {
        if (strcasecmp(text, no[i]) == 0) { /* Python's True and False, too */
            value->flag = false;
            return EXIT_OK;
        }
        value->flag = value->flag || strcasecmp(text, yes[i]) == 0;
    }
    if (text == NULL || value->flag) {
        value->flag = true;
        return EXIT_OK;
    }
    return complain(problem, size, "--%s is \"%s\"; it is yes or no", o->name, shown(word, text));
}

/* A number may come first; the part with names is left in value->text, for the library to parse. */
static int read_by_name(const struct cli_option *o, const char *text, struct cli_value *value, char *problem,
                        size_t size)
{
    char first[64], word[64];
    size_t length = strcspn(text, ",");
    value->text = text;
    if (memchr(text, '=', length) != NULL) {
        return EXIT_OK;
    }
    snprintf(first, sizeof first, "%.*s", (int)(length < sizeof first ? length : sizeof first - 1), text);
    if (!read_number(first, &value->number)) {
        return complain(problem, size, "--%s is \"%s\"; it is a number, or a number by name: features.*=0.1x", o->name,
                        shown(word, first));
    }
    value->has_number = true;
    value->text = text[length] != '\0' ? text + length + 1 + strspn(text + length + 1, " ") : NULL;
    return check_limits(o, value->number, first, problem, size);
}

static int read_value(const struct cli_option *o, const char *text, struct cli_value *value, char *problem, size_t size)
{
    char word[64];
    value->text = text;
    switch (o->kind) {
    case OPTION_FLAG:
        return read_flag(o, text, value, problem, size);
    case OPTION_INTEGER:
        if (o->word != NULL && strcmp(text, o->word) == 0) {
            value->integer = -1;
            value->number = -1;
            return EXIT_OK;
        }
        if (!read_integer(text, &value->integer)) {
            return complain(problem, size, "--%s is \"%s\"; it is a whole number%s%s", o->name, shown(word, text),
                            o->word != NULL ? " or " : "", o->word != NULL ? o->word : "");
        }
        value->number = (double)value->integer;
        return check_limits(o, value->number, text, problem, size);
    case OPTION_NATURAL:
        if (!options_natural(text, &value->natural)) {
            return complain(problem, size, "--%s is \"%s\"; it is a whole number from 0 to %llu", o->name,
                            shown(word, text), (unsigned long long)UINT64_MAX);
        }
        return EXIT_OK;
    case OPTION_NUMBER:
        if (!read_number(text, &value->number)) {
            return complain(problem, size, "--%s is \"%s\"; it is a number", o->name, shown(word, text));
        }
        return check_limits(o, value->number, text, problem, size);
    case OPTION_SIZE:
        if (!read_size(text, &value->number)) {
            return complain(problem, size, "--%s is \"%s\"; it is a number of bytes such as 800M or 2G", o->name,
                            shown(word, text));
        }
        if (check_limits(o, value->number, text, problem, size) != EXIT_OK) {
            return EXIT_USAGE;
        }
        value->integer = (int64_t)value->number;
        return EXIT_OK;
    case OPTION_BY_NAME:
        return read_by_name(o, text, value, problem, size);
    case OPTION_CHOICE:
        return read_choice(o, text, problem, size);
    case OPTION_TEXT:
        break;
    }
    return *text != '\0' ? EXIT_OK : complain(problem, size, "--%s is empty", o->name);
}

int options_numbers(const char *text, char separator, int64_t minimum, int64_t maximum, int64_t *number, int limit)
{
    int count = 0;
    for (const char *at = text;; at++) {
        char *end;
        errno = 0;
        long long value = strtoll(at, &end, 10);
        if (end == at || errno != 0 || *at == ' ' || *at == '+' || value < minimum || value > maximum ||
            count == limit) {
            return -1;
        }
        number[count++] = value;
        if (*end == '\0') {
            return count;
        }
        if (*end != separator) {
            return -1;
        }
        at = end;
    }
}

/* ---- the walk ----------------------------------------------------------------------------------------------- */

struct walk {
    struct cli *cli;
    const struct verb *verb;
    int count, at;
    char **words;
    char *problem;
    size_t size;
};

static int unknown_option(const struct walk *w, const char *word, size_t length)
{
    char name[64], clean[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), word);
    struct nearest nearest = {.wanted = name};
    for (int table = 0; table < OPTION_TABLES; table++) {
        for (const struct cli_option *o = options_table(w->verb, table); o != NULL && o->name != NULL; o++) {
            nearest_offer(&nearest, o->name);
        }
    }
    nearest_offer(&nearest, "help");
    if (nearest.best != NULL) {
        return complain(w->problem, w->size, "unknown option --%s: did you mean --%s?", shown(clean, name),
                        nearest.best);
    }
    return complain(w->problem, w->size, "unknown option --%s; \"fovea %s --help\" lists them", shown(clean, name),
                    w->verb->name);
}

/* Takes one option whose value is in the same word (after =) or in the next one. */
static int take(struct walk *w, const struct cli_option *o, int index, const char *inside)
{
    struct cli_value *value = &w->cli->value[index];
    if (value->given) {
        return complain(w->problem, w->size, "--%s is given twice", o->name);
    }
    const char *text = inside;
    if (text == NULL && o->kind != OPTION_FLAG) {
        const char *next = w->at + 1 < w->count ? w->words[w->at + 1] : NULL;
        /* --model --data mnist: the value was forgotten. Negative numbers start with a single hyphen. */
        if (next == NULL || (next[0] == '-' && next[1] == '-')) {
            return complain(w->problem, w->size, "--%s needs a value: --%s %s", o->name, o->name,
                            o->argument != NULL ? o->argument : "VALUE");
        }
        text = next;
        w->at++;
    }
    struct cli_value fresh = {.given = true};
    *value = fresh;
    return read_value(o, text, value, w->problem, w->size);
}

/* An option of networks: appended to network_options as ":NAME=VALUE", the form that the library parses after a
 * network's name. Without a value it is a flag. */
static int take_network_option(struct walk *w, const char *word, size_t length, const char *inside)
{
    char *out = w->cli->network_options;
    size_t used = strlen(out), room = sizeof w->cli->network_options;
    const char *next = w->at + 1 < w->count ? w->words[w->at + 1] : NULL;
    const char *text = inside;
    char path[PATH_MAX];
    if (text == NULL) {
        bool has_value = next != NULL && !(next[0] == '-' && next[1] == '-');
        text = has_value ? next : "yes";
        w->at += has_value ? 1 : 0;
    }
    if (strchr(text, '.') != NULL && realpath(text, path) != NULL) {
        text = path; /* a file: its absolute path, so that the run can be resumed from any folder */
    }
    if (used + length + strlen(text) + 3 > room || strchr(text, ':') != NULL) {
        return complain(w->problem, w->size, "--%.*s: its value is too long or has a colon", (int)length, word);
    }
    append_text(out, room, used, ":%.*s=%s", (int)length, word, text);
    return EXIT_OK;
}

static bool is_network_option(const struct walk *w, const char *word, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
    return w->verb->networks && length < sizeof name && fov_network_has_option(name);
}

/* --name, --name=value */
static int take_long(struct walk *w, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    int index = 0;
    const struct cli_option *o = find(w->verb, word, length, '\0', &index);
    if (o == NULL && is_network_option(w, word, length)) {
        return take_network_option(w, word, length, equals != NULL ? equals + 1 : NULL);
    }
    return o != NULL ? take(w, o, index, equals != NULL ? equals + 1 : NULL) : unknown_option(w, word, length);
}

/* -x, -x value */
static int take_letter(struct walk *w, const char *word)
{
    char clean[64];
    int index = 0;
    const struct cli_option *o = word[1] == '\0' ? find(w->verb, "", 0, word[0], &index) : NULL;
    if (o != NULL) {
        return take(w, o, index, NULL);
    }
    if (options_find(w->verb, word, NULL) != NULL) {
        return complain(w->problem, w->size, "unknown option -%s: did you mean --%s?", shown(clean, word), clean);
    }
    return complain(w->problem, w->size, "unknown option -%s; \"fovea %s --help\" lists them", shown(clean, word),
                    w->verb->name);
}

/* epochs=5: the option of that name; NULL: there is none. */
static const struct cli_option *bare_option(const struct walk *w, const char *word, int *index)
{
    const char *equals = strchr(word, '=');
    return equals != NULL ? find(w->verb, word, (size_t)(equals - word), '\0', index) : NULL;
}

/* epoch=5: looks like an option, is none, and no file has that name: a typing error. */
static bool is_unknown_key(const char *word)
{
    size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return length > 0 && word[length] == '=' && access(word, F_OK) != 0;
}

static int set_defaults(struct walk *w)
{
    int index = 0;
    for (int table = 0; table < OPTION_TABLES; table++) {
        for (const struct cli_option *o = options_table(w->verb, table); o != NULL && o->name != NULL; o++, index++) {
            if (index == CLI_MAX_OPTIONS) {
                return complain(w->problem, w->size, "internal: too many options in the table");
            }
            w->cli->value[index] = (struct cli_value){.given = false};
            if (o->standard != NULL && read_value(o, o->standard, &w->cli->value[index], w->problem, w->size) != 0) {
                return EXIT_USAGE;
            }
        }
    }
    return EXIT_OK;
}

static int check_arguments(const struct walk *w)
{
    const struct verb *verb = w->verb;
    int count = w->cli->argument_count;
    char word[64];
    if (count < verb->minimum_arguments) {
        return complain(w->problem, w->size, "something is missing: fovea %s %s", verb->name, verb->arguments);
    }
    if (verb->maximum_arguments >= 0 && count > verb->maximum_arguments) {
        const char *first = w->cli->arguments[verb->maximum_arguments];
        struct nearest nearest = {.wanted = first};
        for (int table = 0; table < 2; table++) {
            for (const struct cli_option *o = options_table(verb, table); o != NULL && o->name != NULL; o++) {
                nearest_offer(&nearest, o->name);
            }
        }
        if (nearest.best != NULL && nearest.distance == 0) {
            return complain(w->problem, w->size, "unexpected \"%s\": did you mean --%s?", shown(word, first),
                            nearest.best);
        }
        return complain(w->problem, w->size, "unexpected \"%s\"; usage: fovea %s%s%s [options]", shown(word, first),
                        verb->name, *verb->arguments != '\0' ? " " : "", verb->arguments);
    }
    return EXIT_OK;
}

int options_parse(struct cli *cli, const struct verb *verb, int count, char **words, const char **arguments,
                  char *problem, size_t size)
{
    struct walk w = {cli, verb, count, 0, words, problem, size};
    cli->verb = verb;
    cli->arguments = arguments;
    cli->argument_count = 0;
    cli->network_options[0] = '\0';
    int status = set_defaults(&w);
    bool ended = false;
    for (; status == EXIT_OK && w.at < count; w.at++) {
        const char *word = words[w.at];
        double number;
        int index = 0;
        const struct cli_option *bare;
        if (!ended && strcmp(word, "--") == 0) {
            ended = true;
        } else if (!ended && word[0] == '-' && word[1] == '-') {
            status = take_long(&w, word + 2);
        } else if (!ended && word[0] == '-' && word[1] != '\0' && !read_number(word, &number)) {
            status = take_letter(&w, word + 1);
        } else if (!ended && (bare = bare_option(&w, word, &index)) != NULL) {
            status = take(&w, bare, index, strchr(word, '=') + 1);
        } else if (!ended && strchr(word, '=') != NULL && is_network_option(&w, word, strcspn(word, "="))) {
            status = take_network_option(&w, word, strcspn(word, "="), strchr(word, '=') + 1);
        } else if (!ended && is_unknown_key(word)) {
            status = unknown_option(&w, word, strcspn(word, "="));
        } else {
            cli->arguments[cli->argument_count++] = word;
        }
    }
    if (status == EXIT_OK) {
        status = check_arguments(&w);
    }
    cli->json = status == EXIT_OK && option_flag(cli, "json");
    cli->quiet = status == EXIT_OK && option_flag(cli, "quiet");
    cli->verbose = status == EXIT_OK && option_flag(cli, "verbose");
    return status;
}

int options_preset(struct cli *cli, const char *name, const char *text, char *problem, size_t size)
{
    char clean[64];
    int index = 0;
    const struct cli_option *o = find(cli->verb, name, strlen(name), '\0', &index);
    if (o == NULL) {
        struct nearest nearest = {.wanted = name};
        for (int table = 0; table < OPTION_TABLES; table++) {
            for (const struct cli_option *at = options_table(cli->verb, table); at != NULL && at->name != NULL; at++) {
                nearest_offer(&nearest, at->name);
            }
        }
        return nearest.best != NULL ? complain(problem, size, "there is no option \"%s\": did you mean %s?",
                                               shown(clean, name), nearest.best)
                                    : complain(problem, size, "there is no option \"%s\"", shown(clean, name));
    }
    if (cli->value[index].given) {
        return EXIT_OK;
    }
    cli->value[index] = (struct cli_value){.given = true};
    return read_value(o, text, &cli->value[index], problem, size);
}

bool options_want_quiet(int count, char **words)
{
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--quiet") == 0 || strcmp(words[i], "-q") == 0 || strcmp(words[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

bool options_want_help(int count, char **words)
{
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}
