/* SPDX-License-Identifier: MIT */
/* Every lesson: the stub gets NOT YET; the solution PASSes with numbers of several seeds; each mistake of the
 * catalogue, put into the solution, is recognised by name; texts fit on their screens in both languages; and the
 * library computes what the solution does. Then numbers that the texts state. */
#include "learn/cases.h"
#include "learn/check.h"
#include "learn/child.h"
#include "learn/expression.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fovea/fovea.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct verdict verdict; /* large */

static void check(const struct lesson *lesson, const char *code, uint64_t seed, enum language language,
                  fov_context *context)
{
    char *text = lesson_source(lesson, code, language);
    assert_non_null(text);
    check_text(lesson, text, seed, language, context, CHECK_SECONDS, &verdict);
    free(text);
}

/* `text` with the one occurrence of `from` replaced; freed by the caller. */
static char *edit(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (at == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + strlen(to) + 1;
    char *out = malloc(size);
    assert_non_null(out);
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static bool compiler_is_there(void)
{
    const char *const words[] = {"cc", "--version", NULL};
    struct child_result result = child_run(&(struct child){
        .words = words, .directory = "/tmp", .printed = "/dev/null", .seconds = 20, .memory = (size_t)4 << 30});
    return result.end == CHILD_EXITED && result.code == 0;
}

static int left_out; /* lessons that a test could not run */

static bool can_run(const struct lesson *lesson)
{
    static int there = -1;
    there = there < 0 ? compiler_is_there() : there;
    left_out += lesson->call != NULL && there == 0;
    return lesson->call == NULL || there == 1;
}

/* Ends a test that ran all lessons: it counts as skipped where lessons in C were left out. */
static void skip_where_left_out(void)
{
    if (left_out > 0) {
        left_out = 0;
        print_message("skipped: lessons in C need a C compiler\n");
        skip();
    }
}

static void test_stubs_are_not_yet(void **state)
{
    (void)state;
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        for (int language = ENGLISH; language <= (lesson->call == NULL ? CHINESE : ENGLISH) && can_run(lesson);
             language++) {
            check(lesson, lesson->stub, 11, (enum language)language, NULL);
            if (verdict.kind != VERDICT_NOT_YET || verdict.mistake == NULL ||
                strcmp(verdict.mistake, "unchanged") != 0) {
                fail_msg("lesson %d: stub: verdict %d, %s", lesson->number, verdict.kind, verdict.cause);
            }
        }
    }
    skip_where_left_out();
}

static void test_solutions_pass(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        for (uint64_t seed = 1; seed <= (lesson->call == NULL ? 200 : 2) && can_run(lesson); seed++) {
            check(lesson, lesson->solution, seed, ENGLISH, context);
            if (verdict.kind != VERDICT_PASS) {
                fail_msg("lesson %d: solution: seed %d: %s: given %s, expected %s = %.17g, got %.17g", lesson->number,
                         (int)seed, verdict.cause, verdict.given, verdict.where, verdict.expected, verdict.got);
            }
            if (lesson->engine != NULL && !(verdict.engine >= 0 && verdict.engine < 2e-5)) {
                fail_msg("lesson %d: the engine differs by %g", lesson->number, verdict.engine);
            }
        }
    }
    fov_context_free(context);
    skip_where_left_out();
}

/* Returns an English word of a text that no formula or command contains, or NULL: a text with one is not fully
 * translated. */
static const char *english_in(const char *text)
{
    static const char *const words[] = {"the",  "of",   "you",  "your",  "is",   "its",  "it",   "that",
                                        "than", "with", "must", "where", "each", "then", "there"};
    for (const char *at = text; *at != '\0';) {
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789'.-");
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (length == strlen(words[i]) && strncmp(at, words[i], length) == 0) {
                return words[i];
            }
        }
        at += length > 0 ? length : 1;
    }
    return NULL;
}

static void test_mistakes_are_named(void **state)
{
    (void)state;
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        int count = 0;
        for (const struct mistake *m = lesson->mistakes; m->name != NULL; m++, count++) {
            char *code = edit(lesson->solution, m->from, m->to);
            if (code == NULL) {
                fail_msg("lesson %d: mistake %s: the solution has no \"%s\"", lesson->number, m->name, m->from);
            }
            for (uint64_t seed = 6; seed <= (lesson->call == NULL ? 100 : 6) && can_run(lesson); seed++) {
                check(lesson, code, seed, seed % 2 == 0 ? CHINESE : ENGLISH, NULL);
                if (verdict.kind != VERDICT_NOT_YET || verdict.mistake == NULL ||
                    strcmp(verdict.mistake, m->name) != 0) {
                    fail_msg("lesson %d: mistake %s: seed %d: verdict %d, %s: %s\n%s", lesson->number, m->name,
                             (int)seed, verdict.kind, verdict.mistake != NULL ? verdict.mistake : "none", verdict.cause,
                             code);
                }
                if (seed % 2 == 0 && english_in(verdict.cause) != NULL) {
                    fail_msg("lesson %d: mistake %s: English: %s", lesson->number, m->name, verdict.cause);
                }
            }
            free(code);
        }
        if (count < 3) {
            fail_msg("lesson %d has %d mistakes, not three", lesson->number, count);
        }
    }
    skip_where_left_out();
}

/* Wrong answers that nearly pass: each of them needs a particular test case to be caught. */
static void test_near_misses_do_not_pass(void **state)
{
    (void)state;
    static const struct {
        int lesson;
        const char *from, *to;
    } misses[] = {
        {5, "m00 = 1\nm01 = 1\nm10 = 1\nm11 = 1", "m00 = 0\nm01 = 0.0000000001\nm10 = 0\nm11 = 0"},
        {7, "exp(z[i] - largest)", "exp(z[i] - z[0])"},
        {21, "if (s[k] > s[best])", "if (s[k] >= s[best])"},
        {21, "            sum = 0;\n        }\n    }\n",
         "            sum = 0;\n        }\n    }\n    printed[batches / every] = sum;\n"},
    };
    for (size_t i = 0; i < sizeof misses / sizeof misses[0]; i++) {
        const struct lesson *lesson = lesson_find(misses[i].lesson);
        char *code = edit(lesson->solution, misses[i].from, misses[i].to);
        assert_non_null(code);
        if (can_run(lesson)) {
            check(lesson, code, 3, ENGLISH, NULL);
            if (verdict.kind != VERDICT_NOT_YET) {
                fail_msg("lesson %d: \"%s\": verdict %d", lesson->number, misses[i].to, verdict.kind);
            }
        }
        free(code);
    }
    skip_where_left_out();
}

/* Right answers that are written in another way. */
static void test_other_solutions_pass(void **state)
{
    (void)state;
    const struct lesson *perceptron = lesson_find(4), *sizes = lesson_find(16);
    char *code = edit(perceptron->solution, "w1*x1 + w2*x2 + b > 0", "b + w2*x2 + w1*x1 > 0");
    assert_non_null(code);
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        check(perceptron, code, seed, ENGLISH, NULL);
        if (verdict.kind != VERDICT_PASS) {
            fail_msg("lesson 4: a sum in another order: seed %d: %s, given %s", (int)seed, verdict.cause, verdict.given);
        }
        struct cases *cases = cases_draw(sizes, seed); /* integers of C round negative quotients up */
        assert_non_null(cases);
        for (int i = 0; i < cases->count; i++) {
            assert_true(cases->one[i].right[0] >= 1);
        }
        free(cases);
    }
    free(code);
}

/* For many seeds, each mistake's answers to the drawn numbers differ from the right ones and from those of all mistakes
 * before it in the list. (Needs no compiler.) */
static bool same_answers(const struct cases *cases, int a, int b)
{
    static double left[LESSON_NUMBERS], right[LESSON_NUMBERS];
    for (int i = 0; i < cases->count; i++) {
        cases->lesson->answer(cases->one[i].in, a, left);
        cases->lesson->answer(cases->one[i].in, b, right);
        for (int j = 0; j < cases->one[i].answered; j++) {
            bool both = isnan(left[j]) && isnan(right[j]);
            if (!both && !(fabs(left[j] - right[j]) <= 1e-6 * (1 + fabs(right[j])))) {
                return false;
            }
        }
    }
    return true;
}

static void test_cases_tell_mistakes_apart(void **state)
{
    (void)state;
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        for (uint64_t seed = 0; seed < 100; seed++) {
            struct cases *cases = cases_draw(lesson, seed);
            assert_non_null(cases);
            for (int a = 1; lesson->mistakes[a - 1].name != NULL; a++) {
                for (int b = 0; b < a; b++) {
                    if (same_answers(cases, a, b)) {
                        fail_msg("lesson %d: seed %d: %s is not told from %s", lesson->number, (int)seed,
                                 lesson->mistakes[a - 1].name, b == 0 ? "right" : lesson->mistakes[b - 1].name);
                    }
                }
            }
            free(cases);
        }
    }
}

/* ---- texts -------------------------------------------------------------------------------------------------------- */

/* Terminal columns of a line: characters from U+3000 on take two. */
static int columns_of(const char *line, size_t length)
{
    int columns = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)line[i];
        columns += (c & 0xc0) == 0x80 ? 0 : c >= 0xe3 ? 2 : 1;
    }
    return columns;
}

static void check_screen(const struct lesson *lesson, const char *text)
{
    int lines = 0;
    for (const char *at = text; *at != '\0'; lines++) {
        size_t length = strcspn(at, "\n");
        if (columns_of(at, length) > LESSON_COLUMNS) {
            fail_msg("lesson %d: a line has %d columns: %.*s", lesson->number, columns_of(at, length), (int)length, at);
        }
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    if (lines > LESSON_LINES) {
        fail_msg("lesson %d: %d lines are more than two screens", lesson->number, lines);
    }
}

static void check_words(const struct lesson *lesson, struct words words, const char *what)
{
    bool chinese = false;
    if (words.en == NULL || words.zh == NULL || *words.en == '\0') {
        fail_msg("lesson %d: %s is missing in a language", lesson->number, what);
    }
    for (const char *at = words.zh; *at != '\0'; at++) {
        chinese = chinese || (unsigned char)*at >= 0xe3;
    }
    for (const char *at = words.en; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0xe3) {
            fail_msg("lesson %d: %s: English with Chinese characters", lesson->number, what);
        }
    }
    if (english_in(words.zh) != NULL) {
        fail_msg("lesson %d: %s: \"%s\" in the Chinese: %s", lesson->number, what, english_in(words.zh), words.zh);
    }
    if (!chinese && strncmp(what, "hint", 4) != 0) {
        fail_msg("lesson %d: %s: no Chinese", lesson->number, what);
    }
}

static void test_texts(void **state)
{
    (void)state;
    const struct lesson *lesson;
    int before = 0;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        assert_true(lesson->number > before);
        before = lesson->number;
        assert_ptr_equal(lesson_find(lesson->number), lesson);
        check_words(lesson, lesson->title, "title");
        check_words(lesson, lesson->text, "text");
        check_words(lesson, lesson->brief, "brief");
        check_words(lesson, lesson->after, "after");
        for (int h = 0; h < 3; h++) {
            check_words(lesson, lesson->hints[h], "hint");
        }
        for (const struct mistake *m = lesson->mistakes; m->name != NULL; m++) {
            check_words(lesson, m->cause, m->name);
        }
        if (lesson->picture == NULL) {
            fail_msg("lesson %d has no picture", lesson->number);
        }
        check_screen(lesson, lesson->text.en);
        check_screen(lesson, lesson->text.zh);
    }
}

/* The texts of a drawing, a line each; freed by the caller. */
static char *texts_drawn(const struct lesson *lesson, enum language language)
{
    char *svg = NULL, *out = NULL;
    size_t size = 0, out_size = 0;
    struct picture picture = {.out = open_memstream(&svg, &size), .language = language};
    assert_non_null(picture.out);
    lesson->picture(&picture);
    assert_int_equal(fclose(picture.out), 0);
    FILE *lines = open_memstream(&out, &out_size);
    assert_non_null(lines);
    for (const char *at = svg; (at = strstr(at, "<text")) != NULL;) {
        at = strchr(at, '>') + 1;
        fprintf(lines, "%.*s\n", (int)strcspn(at, "<"), at);
    }
    assert_int_equal(fclose(lines), 0);
    free(svg);
    return out;
}

/* A drawing has the same number of texts in both languages; English words in the Chinese one occur in the lesson's text
 * or code. */
static void test_drawings_are_translated(void **state)
{
    (void)state;
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        char *english = texts_drawn(lesson, ENGLISH), *chinese = texts_drawn(lesson, CHINESE);
        for (const char *en = english, *zh = chinese; *en != '\0' || *zh != '\0';) {
            size_t en_length = strcspn(en, "\n"), zh_length = strcspn(zh, "\n");
            char line[400], name[400];
            snprintf(line, sizeof line, "%.*s", (int)zh_length, zh);
            for (const char *at = line; *at != '\0';) {
                size_t letters = strspn(at, "abcdefghijklmnopqrstuvwxyz");
                snprintf(name, sizeof name, "%.*s", (int)letters, at);
                if (letters > 3 && strstr(lesson->text.zh, name) == NULL && strstr(lesson->solution, name) == NULL) {
                    fail_msg("lesson %d: the drawing has \"%s\" in Chinese, too", lesson->number, line);
                }
                at += letters > 0 ? letters : 1;
            }
            if (en[en_length] != zh[zh_length]) {
                fail_msg("lesson %d: its drawing has not the same texts in both languages", lesson->number);
            }
            en += en_length + (en[en_length] == '\n');
            zh += zh_length + (zh[zh_length] == '\n');
        }
        free(english);
        free(chinese);
    }
}

/* ---- numbers of the texts ----------------------------------------------------------------------------------------- */

/* The solution of lesson 4 over a truth table, from zero: how many corrections until all rows are right. */
static int learn_gate(const int targets[4], double weights[3])
{
    const struct lesson *lesson = lesson_find(4);
    int corrections = 0;
    weights[0] = weights[1] = weights[2] = 0;
    for (int wrong = 1, epoch = 0; wrong > 0 && epoch < 100; epoch++) {
        wrong = 0;
        for (int row = 0; row < 4; row++) {
            struct variables v = {.count = 0};
            char problem[256];
            const double in[] = {weights[0], weights[1], weights[2], row / 2, row % 2, targets[row], 1};
            for (int i = 0; i < 7; i++) {
                assert_true(variables_set(&v, lesson->inputs[i], in[i]));
            }
            assert_true(expressions_run(lesson->solution, &v, ENGLISH, problem, sizeof problem));
            wrong += *variables_get(&v, "y") != targets[row];
            weights[0] = *variables_get(&v, "w1");
            weights[1] = *variables_get(&v, "w2");
            weights[2] = *variables_get(&v, "b");
        }
        corrections += wrong;
    }
    return corrections;
}

static void test_perceptron_stays_within_novikoffs_bound(void **state)
{
    (void)state;
    double w[3];
    assert_int_equal(learn_gate((const int[]){0, 0, 0, 1}, w), 10); /* of at most 3 * 17 = 51 */
    assert_true(w[0] == 2 && w[1] == 1 && w[2] == -2);
    assert_int_equal(learn_gate((const int[]){0, 1, 1, 1}, w), 4); /* of at most 3 * 9 = 27 */
    assert_true(learn_gate((const int[]){0, 1, 1, 0}, w) >= 100);  /* XOR: never right */
}

/* ---- expressions ------------------------------------------------------------------------------------------------- */

static void test_expressions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } right[] = {
        {"y = 1 + 2 * 3", 7},
        {"y = (1 + 2) * 3", 9},
        {"y = 2 ^ 3 ^ 2", 512},
        {"y = -2 ^ 2", -4},
        {"y = 7 - 2 - 1", 4},
        {"y = 1 + 2 > 2", 1},
        {"y = 3 >= 4", 0},
        {"y = max(1, 2) + abs(-3)", 5},
        {"a = 2\ny = a * a # four", 4},
        {"y = 1e1", 10},
        {"ｙ＝（１＋２）＊３", 9},
        {"\xef\xbb\xbfy = 1\r\n", 1},
        {"y = nand(1, 1)", 0},
        {"y = 1 != 2", 1},
        {"y = --1", 1},
    };
    static const char *const wrong[] = {"y = ",     "y = 1 +",    "y = (1", "y = 1 2", "= 1",   "y == 1", "y = z",
                                        "y = f(1)", "y = max(1)", "y = 1)", "1 = y",   "y = $", "y = ."};
    char problem[512], deep[1000];
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct variables v = {.count = 0};
        if (!expressions_run(right[i].text, &v, ENGLISH, problem, sizeof problem)) {
            fail_msg("%s: %s", right[i].text, problem);
        }
        if (fabs(*variables_get(&v, "y") - right[i].value) > 1e-12) {
            fail_msg("%s is not %g", right[i].text, right[i].value);
        }
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct variables v = {.count = 0};
        if (expressions_run(wrong[i], &v, ENGLISH, problem, sizeof problem) || strncmp(problem, "line 1: ", 8) != 0) {
            fail_msg("\"%s\" was taken", wrong[i]);
        }
    }
    memset(deep, '(', sizeof deep);
    memcpy(deep, "y = ", 4);
    deep[sizeof deep - 1] = '\0';
    for (size_t length = 400; length < sizeof deep; length += 300) { /* nested too deeply; too long for a line */
        struct variables v = {.count = 0};
        assert_false(expressions_run(&deep[sizeof deep - length], &v, ENGLISH, problem, sizeof problem));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_drawings_are_translated),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_cases_tell_mistakes_apart),
        cmocka_unit_test(test_stubs_are_not_yet),
        cmocka_unit_test(test_solutions_pass),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_near_misses_do_not_pass),
        cmocka_unit_test(test_other_solutions_pass),
        cmocka_unit_test(test_perceptron_stays_within_novikoffs_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
