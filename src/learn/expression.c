/* SPDX-License-Identifier: MIT */
/* A recursive-descent parser that evaluates as it reads. Full-width characters, as Chinese keyboards type them, are
 * read as their ASCII equivalents. */
#include "learn/expression.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 100, LINE = 512 };

struct reader {
    const char *at;
    const struct variables *variables;
    int depth;
    bool failed;
    char problem[256];
    enum language language;
};

/* ---- variables ---------------------------------------------------------------------------------------------------- */

static int variables_find(const struct variables *v, const char *name)
{
    for (int i = 0; i < v->count; i++) {
        if (strcmp(v->name[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

bool variables_set(struct variables *v, const char *name, double value)
{
    int place = variables_find(v, name);
    if (place < 0) {
        if (v->count == VARIABLES || strlen(name) >= VARIABLE_NAME) {
            return false;
        }
        place = v->count++;
        snprintf(v->name[place], VARIABLE_NAME, "%s", name);
    }
    v->value[place] = value;
    return true;
}

const double *variables_get(const struct variables *v, const char *name)
{
    int place = variables_find(v, name);
    return place < 0 ? NULL : &v->value[place];
}

/* ---- functions ---------------------------------------------------------------------------------------------------- */

static double gate_and(double a, double b)
{
    return a > 0.5 && b > 0.5;
}
static double gate_or(double a, double b)
{
    return a > 0.5 || b > 0.5;
}
static double gate_nand(double a, double b)
{
    return !(a > 0.5 && b > 0.5);
}
static double gate_not(double a)
{
    return !(a > 0.5);
}

static const struct {
    const char *name;
    double (*one)(double);
    double (*two)(double, double);
} functions[] = {
    {"exp", exp, NULL},    {"log", log, NULL},        {"sqrt", sqrt, NULL},    {"abs", fabs, NULL},
    {"tanh", tanh, NULL},  {"min", NULL, fmin},       {"max", NULL, fmax},     {"and", NULL, gate_and},
    {"or", NULL, gate_or}, {"nand", NULL, gate_nand}, {"not", gate_not, NULL},
};

/* ---- the parser --------------------------------------------------------------------------------------------------- */

/* Records the first failure and ends the line there, so that nothing more is read. */
static double fail(struct reader *r, const char *en, const char *zh, const char *what)
{
    if (!r->failed) {
        snprintf(r->problem, sizeof r->problem, r->language == CHINESE ? zh : en, what); // NOLINT: our own texts
        r->failed = true;
        r->at = "";
    }
    return 0;
}

static void skip(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t') {
        r->at++;
    }
}

static bool take(struct reader *r, const char *word)
{
    skip(r);
    if (strncmp(r->at, word, strlen(word)) != 0) {
        return false;
    }
    r->at += strlen(word);
    return true;
}

static double comparison(struct reader *r);

static bool name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static void read_name(struct reader *r, char name[VARIABLE_NAME])
{
    size_t length = 0;
    while (name_start(*r->at) || isdigit((unsigned char)*r->at)) {
        if (length + 1 < VARIABLE_NAME) {
            name[length++] = *r->at;
        }
        r->at++;
    }
    name[length] = '\0';
}

static double call(struct reader *r, const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(functions[i].name, name) == 0) {
            double a = comparison(r), b = 0;
            if (functions[i].two != NULL) {
                if (!take(r, ",")) {
                    return fail(r, "%s(a, b) takes two values with a comma between them",
                                "%s(a, b) 要两个值，中间用逗号", name);
                }
                b = comparison(r);
            }
            if (!take(r, ")")) {
                return fail(r, "the ) behind %s( is missing", "%s( 后面缺少 )", name);
            }
            return functions[i].one != NULL ? functions[i].one(a) : functions[i].two(a, b);
        }
    }
    return fail(r, "there is no function %s; there are exp log sqrt abs tanh min max and or not nand",
                "没有函数 %s；可用的有 exp log sqrt abs tanh min max and or not nand", name);
}

static double named(struct reader *r)
{
    char name[VARIABLE_NAME];
    read_name(r, name);
    if (take(r, "(")) {
        return call(r, name);
    }
    const double *value = variables_get(r->variables, name);
    if (value != NULL) {
        return *value;
    }
    char known[160], *end = known;
    *known = '\0';
    for (int i = 0; i < r->variables->count && end < known + sizeof known - VARIABLE_NAME - 4; i++) {
        int written = snprintf(end, VARIABLE_NAME + 2, "%s%s", i > 0 ? ", " : "", r->variables->name[i]);
        end = end + (written > 0 ? written : 0);
    }
    char all[224];
    snprintf(all, sizeof all, "%s (%s)", name, known);
    return fail(r, "nothing is called %s", "没有这个名字：%s", all);
}

static double primary(struct reader *r)
{
    skip(r);
    if (isdigit((unsigned char)*r->at) || *r->at == '.') {
        char *end;
        double value = strtod(r->at, &end);
        if (end == r->at) {
            return fail(r, "\"%s\" is no number", "“%s” 不是数", r->at);
        }
        r->at = end;
        return value;
    }
    if (name_start(*r->at)) {
        return named(r);
    }
    if (take(r, "(")) {
        double value = comparison(r);
        return take(r, ")") ? value : fail(r, "a ) is missing%s", "缺少 )%s", "");
    }
    return *r->at == '\0' ? fail(r, "the line ends where a number or a name should stand%s", "这一行缺少数或名字%s", "")
                          : fail(r, "a number or a name should stand before \"%s\"", "“%s” 之前应有数或名字", r->at);
}

static double unary(struct reader *r)
{
    if (++r->depth > DEEPEST) {
        return fail(r, "too many parentheses or signs%s", "括号或符号太多%s", "");
    }
    double value;
    if (take(r, "-")) {
        value = -unary(r);
    } else if (take(r, "+")) {
        value = unary(r);
    } else {
        value = primary(r);
        if (take(r, "^")) {
            value = pow(value, unary(r));
        }
    }
    r->depth--;
    return value;
}

static double product(struct reader *r)
{
    double value = unary(r);
    for (;;) {
        if (take(r, "*")) {
            value *= unary(r);
        } else if (take(r, "/")) {
            value /= unary(r);
        } else {
            return value;
        }
    }
}

static double sum(struct reader *r)
{
    double value = product(r);
    for (;;) {
        if (take(r, "+")) {
            value += product(r);
        } else if (take(r, "-")) {
            value -= product(r);
        } else {
            return value;
        }
    }
}

static double comparison(struct reader *r)
{
    double a = sum(r);
    if (take(r, ">=")) {
        return a >= sum(r);
    }
    if (take(r, "<=")) {
        return a <= sum(r);
    }
    if (take(r, "==")) {
        return a == sum(r);
    }
    if (take(r, "!=")) {
        return a != sum(r);
    }
    if (take(r, ">")) {
        return a > sum(r);
    }
    return take(r, "<") ? a < sum(r) : a;
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

/* Copies one line without its comment; full-width characters (U+FF01 to U+FF5E, U+3000) become ASCII. False: too
 * long. */
static bool copy_line(char line[LINE], const char **text)
{
    size_t length = 0;
    bool comment = false;
    const char *at = *text;
    while (*at != '\0' && *at != '\n') {
        const unsigned char *u = (const unsigned char *)at;
        char c = *at;
        int width = 1;
        if (u[0] == 0xef && (u[1] == 0xbc || u[1] == 0xbd) && (u[2] & 0xc0) == 0x80) {
            int wide = (u[1] == 0xbd ? 0x40 : 0) + (u[2] & 0x3f);
            if (wide >= 1 && wide <= 0x5e) {
                c = (char)(0x20 + wide);
                width = 3;
            }
        } else if (u[0] == 0xe3 && u[1] == 0x80 && u[2] == 0x80) {
            c = ' ';
            width = 3;
        }
        at += width;
        comment = comment || c == '#';
        if (!comment && c != '\r') {
            if (length + 1 >= LINE) {
                return false;
            }
            line[length++] = c;
        }
    }
    line[length] = '\0';
    *text = *at == '\n' ? at + 1 : at;
    return true;
}

static bool run_line(struct reader *r, struct variables *variables)
{
    char name[VARIABLE_NAME];
    skip(r);
    if (*r->at == '\0') {
        return true;
    }
    if (!name_start(*r->at)) {
        fail(r, "a line is `name = expression`, not \"%s\"", "每一行应为 `名字 = 式子`，而不是 “%s”", r->at);
        return false;
    }
    read_name(r, name);
    skip(r);
    if (*r->at != '=' || r->at[1] == '=') {
        fail(r, "behind %s a = should stand", "%s 后面应为 =", name);
        return false;
    }
    r->at++;
    double value = comparison(r);
    skip(r);
    if (!r->failed && *r->at != '\0') {
        fail(r, "\"%s\" is too much", "多出了 “%s”", r->at);
    }
    if (!r->failed && !variables_set(variables, name, value)) {
        fail(r, "no room for another name: %s", "名字太多：%s", name);
    }
    return !r->failed;
}

bool expressions_run(const char *text, struct variables *variables, enum language language, char *problem, size_t size)
{
    char line[LINE];
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* a byte order mark */
    }
    for (int number = 1; *text != '\0'; number++) {
        struct reader reader = {.variables = variables, .language = language};
        if (!copy_line(line, &text)) {
            snprintf(problem, size, language == CHINESE ? "第 %d 行：太长" : "line %d: too long", number);
            return false;
        }
        reader.at = line;
        if (!run_line(&reader, variables)) {
            snprintf(problem, size, language == CHINESE ? "第 %d 行：%s" : "line %d: %s", number, reader.problem);
            return false;
        }
    }
    return true;
}
