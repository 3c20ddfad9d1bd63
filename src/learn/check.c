/* SPDX-License-Identifier: MIT */
/* The comparison and the likely cause. A mistake of the lesson's list is recognised if it gives the learner's numbers
 * in every case: all of them, or else all those of the first wrong part. Other slips (a sign, a factor, an offset) are
 * found in the numbers themselves. */
#include "learn/check.h"
#include "learn/cases.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_SOURCE = 256 << 10 };

static double tolerance_of(const struct lesson *lesson)
{
    return lesson->tolerance > 0 ? lesson->tolerance : 1e-9;
}

static bool agree(const struct lesson *lesson, double expected, double got)
{
    return expected == got || fabs(expected - got) <= tolerance_of(lesson) * (1 + fabs(expected));
}

/* ---- the first difference ----------------------------------------------------------------------------------------- */

/* The position of a part's numbers in a case's answer. */
struct range {
    int from, count;
};

static struct range part_range(const struct cases *cases, int at, const char *name, int *rows, int *columns)
{
    struct part parts[LESSON_PARTS];
    int count = lesson_parts(cases->lesson, cases->one[at].in, parts), from = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(parts[i].name, name) == 0) {
            *rows = parts[i].rows;
            *columns = parts[i].columns;
            return (struct range){from, parts[i].rows * parts[i].columns};
        }
        from += parts[i].rows * parts[i].columns;
    }
    return (struct range){0, 0};
}

/* Writes the name of number `place` of a part: "gradient[3]". */
static void name_number(const struct part *part, int place, char *out, size_t size)
{
    if (part->rows > 1) {
        snprintf(out, size, "%s[%d][%d]", part->name, place / part->columns, place % part->columns);
    } else if (part->columns > 1) {
        snprintf(out, size, "%s[%d]", part->name, place);
    } else {
        snprintf(out, size, "%s", part->name);
    }
}

static bool find_difference(const struct cases *cases, struct verdict *v, const char **part)
{
    for (v->at = 0; v->at < cases->count; v->at++) {
        const struct one_case *one = &cases->one[v->at];
        struct part parts[LESSON_PARTS];
        int count = lesson_parts(cases->lesson, one->in, parts), place = 0;
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < parts[i].rows * parts[i].columns; j++, place++) {
                if (!agree(cases->lesson, one->right[place], one->got[place])) {
                    v->differs = true;
                    v->expected = one->right[place];
                    v->got = one->got[place];
                    name_number(&parts[i], j, v->where, sizeof v->where);
                    *part = parts[i].name;
                    return true;
                }
            }
        }
    }
    return false;
}

/* Writes the inputs of a case: "x = 1.5, w = 2 -1", rows of matrices separated by ";"; long parts and texts are cut
 * off. */
static void describe(const struct cases *cases, int at, char *out, size_t size)
{
    struct part parts[LESSON_PARTS];
    const double *in = cases->one[at].in;
    int count = lesson_given(cases->lesson, in, parts);
    FILE *text = fmemopen(out, size, "w");
    out[0] = '\0';
    if (text == NULL) {
        return;
    }
    for (int i = 0; i < count; i++) {
        fprintf(text, "%s%s =", i > 0 ? ", " : "", parts[i].name);
        int numbers = parts[i].rows * parts[i].columns, shown = numbers <= 64 ? numbers : 8;
        for (int j = 0; j < shown; j++) {
            fprintf(text, "%s %.6g", j > 0 && parts[i].rows > 1 && j % parts[i].columns == 0 ? ";" : "", in[j]);
        }
        fputs(shown < numbers ? " ..." : "", text);
        in += numbers;
    }
    fclose(text);
    out[size - 1] = '\0';
}

/* ---- the likely cause --------------------------------------------------------------------------------------------- */

/* Does this mistake give the learner's numbers in every case: those of one part, or (part NULL) all of them? */
static bool is_mistake(const struct cases *cases, int mistake, const char *part)
{
    static _Thread_local double wrong[LESSON_NUMBERS];
    for (int i = 0; i < cases->count; i++) {
        const struct one_case *one = &cases->one[i];
        int rows, columns;
        struct range range = {0, one->answered};
        if (part != NULL) {
            range = part_range(cases, i, part, &rows, &columns);
        }
        memset(wrong, 0, sizeof wrong);
        cases->lesson->answer(one->in, mistake, wrong);
        for (int j = range.from; j < range.from + range.count; j++) {
            bool both = isnan(wrong[j]) && isnan(one->got[j]);
            if (!both && !agree(cases->lesson, wrong[j], one->got[j])) {
                return false;
            }
        }
    }
    return true;
}

/* How the learner's numbers of a part relate to the right ones: all are `times` the right ones (factor), all are the
 * right ones plus `plus` (offset), all are 0, all are finite. */
struct relation {
    bool factor, offset, zero, finite;
    double times, plus;
};

static struct relation relate(const struct cases *cases, const char *part)
{
    struct relation r = {.factor = true, .offset = true, .zero = true, .finite = true};
    bool first_factor = true, first_offset = true;
    int rows, columns;
    for (int i = 0; i < cases->count; i++) {
        struct range range = part_range(cases, i, part, &rows, &columns);
        for (int j = range.from; j < range.from + range.count; j++) {
            double right = cases->one[i].right[j], got = cases->one[i].got[j];
            r.finite = r.finite && isfinite(got);
            r.zero = r.zero && got == 0;
            if (fabs(right) > 1e-12) {
                r.times = first_factor ? got / right : r.times;
                first_factor = false;
            }
            r.plus = first_offset ? got - right : r.plus;
            first_offset = false;
            r.factor = r.factor && fabs(got - r.times * right) <= 1e-6 * (fabs(got) + fabs(right));
            r.offset = r.offset && fabs(got - right - r.plus) <= 1e-6 * (1 + fabs(got) + fabs(right));
        }
    }
    return r;
}

static void find_relation(const struct cases *cases, const char *part, enum language language, struct verdict *v)
{
    struct relation r = relate(cases, part);
    bool zh = language == CHINESE;
    char *out = v->cause;
    size_t size = sizeof v->cause;
    if (!r.finite) {
        v->mistake = "not-a-number";
        snprintf(out, size,
                 zh ? "%s 不是有限的数：没有写入，或者发生了 0/0、log(0) 之类的运算"
                    : "%s is not a finite number: it was not written, or something like 0/0 or log(0) was computed",
                 v->where);
    } else if (r.zero) {
        v->mistake = "zero";
        snprintf(out, size, zh ? "%s 总是 0：还没有计算它？" : "%s is always 0: is it computed at all?", part);
    } else if (r.factor && fabs(r.times - 1) < 1e-5) {
        v->mistake = "precision";
        snprintf(out, size,
                 zh ? "%s 只有大约 6 位数字是对的：请用 double 计算，不要用 float"
                    : "%s is right in about 6 digits only: compute in double, not in float",
                 part);
    } else if (r.factor && fabs(r.times + 1) < 1e-6) {
        v->mistake = "sign";
        snprintf(out, size, zh ? "%s 的大小都对，符号相反" : "%s has the right size and the wrong sign", part);
    } else if (r.factor && fabs(r.times) > 1e-9) {
        v->mistake = "factor";
        snprintf(out, size, zh ? "%s 总是正确值的 %.6g 倍" : "%s is always %.6g times the right one", part, r.times);
    } else if (r.offset) {
        v->mistake = "offset";
        snprintf(out, size, zh ? "%s 总是比正确值多 %.6g" : "%s is always the right one plus %.6g", part, r.plus);
    } else {
        snprintf(out, size,
                 zh ? "不是常见的错误；照上面那组数手算一遍 %s，或者看提示"
                    : "none of the usual slips; work %s out by hand for the numbers above, or ask for a hint",
                 part);
    }
}

/* Is the code still the stub's? The comment at the top (in the text form: every comment) and white space do not
 * count. */
static bool same_code(const struct lesson *lesson, const char *text)
{
    const char *a = text, *b = lesson->stub;
    const char *last = lesson->call != NULL ? strstr(text, "*/") : NULL;
    if (last != NULL && (last[2] == '\n' || last[2] == '\r')) {
        a = last + 2;
    }
    for (;;) {
        while (*a == '#' && lesson->call == NULL) {
            a += strcspn(a, "\n");
        }
        while (*b == '#' && lesson->call == NULL) {
            b += strcspn(b, "\n");
        }
        if (isspace((unsigned char)*a)) {
            a++;
        } else if (isspace((unsigned char)*b)) {
            b++;
        } else if (*a == '\0' || *a != *b) {
            return *a == *b;
        } else {
            a++;
            b++;
        }
    }
}

static void find_cause(const struct cases *cases, const char *text, const char *part, enum language language,
                       struct verdict *v)
{
    const struct lesson *lesson = cases->lesson;
    if (same_code(lesson, text)) {
        v->mistake = "unchanged";
        snprintf(v->cause, sizeof v->cause, "%s",
                 language == CHINESE ? "文件还是开始时的样子：先改它，再检查"
                                     : "the file is still as it was started: edit it, then check");
        return;
    }
    for (int whole = 1; whole >= 0; whole--) {
        for (int i = 0; lesson->mistakes[i].name != NULL; i++) {
            if (is_mistake(cases, i + 1, whole == 1 ? NULL : part)) {
                v->mistake = lesson->mistakes[i].name;
                snprintf(v->cause, sizeof v->cause, "%s", words_in(lesson->mistakes[i].cause, language));
                return;
            }
        }
    }
    find_relation(cases, part, language, v);
}

/* ---- the engine --------------------------------------------------------------------------------------------------- */

static double ask_engine(const struct cases *cases, fov_context *context)
{
    double largest = -1;
    double *answer = calloc(LESSON_NUMBERS, sizeof *answer);
    for (int i = 0; answer != NULL && i < cases->count; i++) {
        const struct one_case *one = &cases->one[i];
        if (cases->lesson->engine(context, one->in, answer) != FOV_OK) {
            fov_error_clear(context);
            largest = -1;
            break;
        }
        for (int j = 0; j < one->answered; j++) {
            largest = fmax(largest, fabs(answer[j] - one->right[j]) / (1 + fabs(one->right[j])));
        }
    }
    free(answer);
    return largest;
}

/* ---- the check ---------------------------------------------------------------------------------------------------- */

void check_text(const struct lesson *lesson, const char *text, uint64_t seed, enum language language,
                fov_context *context, double seconds, struct verdict *v)
{
    const char *part = NULL;
    struct cases *cases = cases_draw(lesson, seed);
    struct outcome *outcome = calloc(1, sizeof *outcome);
    *v = (struct verdict){.kind = VERDICT_COULD_NOT_RUN, .seed = seed, .cases = LESSON_CASES, .engine = -1};
    if (cases == NULL || outcome == NULL) {
        snprintf(v->cause, sizeof v->cause, "%s", language == CHINESE ? "内存不足" : "out of memory");
        free(cases);
        free(outcome);
        return;
    }
    if (lesson->call != NULL) {
        cases_run_program(cases, text, language, seconds, outcome);
    } else {
        cases_run_expressions(cases, text, language, outcome);
    }
    memcpy(v->printed, outcome->printed, sizeof v->printed);
    if (!outcome->ran) {
        v->kind = outcome->judged ? VERDICT_NOT_YET : VERDICT_COULD_NOT_RUN;
        snprintf(v->cause, sizeof v->cause, "%s", outcome->problem);
        if (outcome->judged && outcome->at < cases->count) {
            v->at = outcome->at;
            describe(cases, v->at, v->given, sizeof v->given);
        }
    } else if (find_difference(cases, v, &part)) {
        v->kind = VERDICT_NOT_YET;
        describe(cases, v->at, v->given, sizeof v->given);
        find_cause(cases, text, part, language, v);
    } else {
        v->kind = VERDICT_PASS;
        v->engine = lesson->engine != NULL && context != NULL ? ask_engine(cases, context) : -1;
    }
    free(outcome);
    free(cases);
}

/* Reads the learner's file. NULL, with a sentence in `problem`: it cannot be read as text. */
static char *read_source(const char *path, enum language language, char *problem, size_t size)
{
    bool zh = language == CHINESE;
    struct stat status;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) {
        snprintf(problem, size, "%s: %s", path, strerror(errno));
        if (file >= 0) {
            close(file);
        }
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > LARGEST_SOURCE) {
        snprintf(problem, size,
                 !S_ISREG(status.st_mode) ? (zh ? "%s：不是普通文件" : "%s: not a regular file")
                                          : (zh ? "%s：超过 256 KiB" : "%s: larger than 256 KiB"),
                 path);
        close(file);
        return NULL;
    }
    char *text = calloc(1, LARGEST_SOURCE + 1);
    ssize_t got = text != NULL ? read(file, text, LARGEST_SOURCE) : -1;
    if (got < 0 || strlen(text) != (size_t)got) {
        snprintf(problem, size, zh ? "%s：无法作为文本读取" : "%s: cannot be read as text", path);
        free(text);
        text = NULL;
    }
    close(file);
    return text;
}

void check_file(const struct lesson *lesson, const char *path, uint64_t seed, enum language language,
                fov_context *context, struct verdict *verdict)
{
    char problem[1024];
    char *text = read_source(path, language, problem, sizeof problem);
    if (text == NULL) {
        *verdict = (struct verdict){.kind = VERDICT_COULD_NOT_RUN, .seed = seed, .cases = LESSON_CASES, .engine = -1};
        snprintf(verdict->cause, sizeof verdict->cause, "%s", problem);
        return;
    }
    check_text(lesson, text, seed, language, context, CHECK_SECONDS, verdict);
    free(text);
}
