/* SPDX-License-Identifier: MIT */
/* Lessons and verdicts, printed as text and as JSON. */
#include "learn_show.h"
#include "output.h"
#include <math.h>
#include <string.h>

enum { LABEL = 12 }; /* columns of "  expected  " */

/* Columns for sentences: those of a lesson's text, or of a narrower terminal. */
static int line_width(const struct learner *l)
{
    return l->cli->width < LESSON_COLUMNS ? l->cli->width : LESSON_COLUMNS;
}

const char *phrase(const struct learner *l, const char *en, const char *zh)
{
    return l->language == CHINESE ? zh : en;
}

const char *learn_state(const struct learner *l, int number)
{
    const struct lesson_progress *lesson = &l->progress->lesson[number];
    return lesson->passed ? "passed" : lesson->started ? "started" : "open";
}

void show_lesson(const struct learner *l, const struct lesson *lesson)
{
    FILE *out = l->cli->out;
    fputs(style_bold(l->cli), out);
    fprintf(out, phrase(l, "Lesson %d: %s", "第 %d 课：%s"), lesson->number, words_in(lesson->title, l->language));
    fprintf(out, "%s\n\n%s\n", style_off(l->cli), words_in(lesson->text, l->language));
}

/* ---- the list ----------------------------------------------------------------------------------------------------- */

json_t *json_from_lesson(const struct learner *l, const struct lesson *lesson)
{
    json_t *one = json_object();
    json_set_integer(one, "number", lesson->number);
    json_set_text(one, "title", words_in(lesson->title, l->language));
    json_set_text(one, "state", learn_state(l, lesson->number));
    return one;
}

void show_list(const struct learner *l)
{
    struct cli *cli = l->cli;
    if (cli->json) {
        json_t *object = json_object(), *list = json_array();
        const struct lesson *lesson;
        for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
            json_add(list, json_from_lesson(l, lesson));
        }
        json_set(object, "lessons", list);
        json_print(cli, object);
        return;
    }
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        const struct lesson_progress *state = &l->progress->lesson[lesson->number];
        const char *mark = state->passed    ? (cli->unicode ? "✓" : "x")
                           : state->started ? (cli->unicode ? "…" : ".")
                                            : " ";
        fprintf(cli->out, "  %s%s%s %2d  ", state->passed ? style_good(cli) : "", mark, style_off(cli), lesson->number);
        print_wrapped(cli->out, words_in(lesson->title, l->language), 8, 8, cli->width);
    }
}

/* ---- a verdict ---------------------------------------------------------------------------------------------------- */

static const char *kind_name(enum verdict_kind kind)
{
    static const char *const names[] = {"pass", "not-yet", "could-not-run"};
    return names[kind];
}

json_t *json_from_verdict(const struct learner *l, const struct lesson *lesson, const struct verdict *v)
{
    json_t *object = json_object();
    json_set_integer(object, "number", lesson->number);
    json_set_text(object, "title", words_in(lesson->title, l->language));
    json_set_text(object, "verdict", kind_name(v->kind));
    json_set(object, "expected", v->differs ? json_from_number(v->expected) : json_null());
    json_set(object, "got", v->differs && isfinite(v->got) ? json_from_number(v->got) : json_null());
    json_set(object, "where", v->differs ? json_from_text(v->where) : json_null());
    json_set(object, "given", *v->given != '\0' ? json_from_text(v->given) : json_null());
    json_set(object, "cause", *v->cause != '\0' ? json_from_text(v->cause) : json_null());
    json_set(object, "mistake", v->mistake != NULL ? json_from_text(v->mistake) : json_null());
    json_set(object, "printed", *v->printed != '\0' ? json_from_text(v->printed) : json_null());
    json_set(object, "seed", json_integer((json_int_t)v->seed));
    json_set_integer(object, "cases", v->cases);
    json_set(object, "engine_difference", v->engine >= 0 ? json_from_number(v->engine) : json_null());
    return object;
}

/* The output of the learner's own program, made safe for the terminal, each line indented. */
static void show_printed(const struct learner *l, const char *text)
{
    enum { MOST_LINES = 12 };
    FILE *out = l->cli->out;
    fprintf(out, "\n  %s\n", phrase(l, "your program said", "你的程序输出"));
    for (int i = 0; i < MOST_LINES && *text != '\0'; i++) {
        char line[400], clean[400];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(length < 390 ? length : 390), text);
        fprintf(out, "    | %s\n", show_clean(clean, sizeof clean, line));
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

void show_indented(const struct learner *l, const char *text, int indent)
{
    for (bool first = true; *text != '\0'; first = false) {
        char line[1200], clean[1200];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(length < 1190 ? length : 1190), text);
        fprintf(l->cli->out, "%*s", first ? 0 : indent, "");
        print_wrapped(l->cli->out, show_clean(clean, sizeof clean, line), indent, indent, line_width(l));
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static void show_pass(const struct learner *l, const struct lesson *lesson, const struct verdict *v)
{
    FILE *out = l->cli->out;
    fprintf(out, phrase(l, "  %d cases, numbers drawn from seed %llu\n", "  %d 组数，随机种子 %llu\n"), v->cases,
            (unsigned long long)v->seed);
    if (v->engine >= 0) {
        fprintf(out,
                phrase(l, "  the library that trains ResNets gives the same numbers (to %.1g)\n",
                       "  训练 ResNet 的库给出同样的数（相差 %.1g）\n"),
                v->engine > 0 ? v->engine : 1e-7);
    }
    if (lesson->after.en != NULL) {
        fputs("\n  ", out);
        show_indented(l, words_in(lesson->after, l->language), 2);
    }
}

static void show_not_yet(const struct learner *l, const struct lesson *lesson, const struct verdict *v,
                         const char *file)
{
    FILE *out = l->cli->out;
    char clean[1200];
    fprintf(out, "  %s%s\n", phrase(l, "file      ", "文件      "), show_clean(clean, sizeof clean, file));
    if (*v->given != '\0') {
        fprintf(out, "  %s", phrase(l, "given     ", "给定      "));
        show_indented(l, v->given, LABEL);
    }
    if (v->differs) {
        fprintf(out,
                phrase(l, "  expected  %s = %.10g\n  got       %s = %.10g\n",
                       "  应为      %s = %.10g\n  得到      %s = %.10g\n"),
                v->where, v->expected + 0.0, v->where, v->got + 0.0); /* no "-0" */
    }
    fprintf(out, "  %s",
            v->kind == VERDICT_COULD_NOT_RUN ? phrase(l, "because   ", "原因      ")
                                             : phrase(l, "likely    ", "可能原因  "));
    show_indented(l, v->cause, LABEL);
    if (v->kind == VERDICT_NOT_YET) {
        fprintf(out,
                phrase(l,
                       "\n  the same numbers again  fovea learn check %d --seed %llu%s\n"
                       "  a hint                  fovea learn hint %d%s\n",
                       "\n  用同样的数再试  fovea learn check %d --seed %llu%s\n"
                       "  看提示          fovea learn hint %d%s\n"),
                lesson->number, (unsigned long long)v->seed, l->lang, lesson->number, l->lang);
    }
}

void show_verdict(const struct learner *l, const struct lesson *lesson, const struct verdict *v, const char *file)
{
    static const char *const en[] = {"PASS", "NOT YET", "COULD NOT RUN"}, *const zh[] = {"通过 PASS", "还不对 NOT YET",
                                                                                         "无法运行 COULD NOT RUN"};
    struct cli *cli = l->cli;
    fprintf(cli->out, "%s%s%s%s  ", style_bold(cli), v->kind == VERDICT_PASS ? style_good(cli) : style_bad(cli),
            phrase(l, en[v->kind], zh[v->kind]), style_off(cli));
    fprintf(cli->out, phrase(l, "lesson %d: %s\n", "第 %d 课：%s\n"), lesson->number,
            words_in(lesson->title, l->language));
    if (v->kind == VERDICT_PASS) {
        show_pass(l, lesson, v);
    } else {
        show_not_yet(l, lesson, v, file);
    }
    if (*v->printed != '\0') {
        show_printed(l, v->printed);
    }
}
