/* SPDX-License-Identifier: MIT */
/* fovea learn: the course. Lessons and checks are in src/learn/, the printing in learn_show.c. */
#include "learn_show.h"
#include "nearest.h"
#include "options.h"
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const languages[] = {"en", "zh", NULL};

/* Exit code of a check whose file is not right yet, which scripts can tell from a failure of the command. */

/* ---- folders and progress ---------------------------------------------------------------------------------------- */

/* The folder that was typed, else the one kept for this lesson, else that of the last lesson, else "learn". */
static void choose_directory(const struct learner *l, const struct lesson *lesson, const char *typed,
                             char out[PROGRESS_PATH])
{
    const struct progress_file *progress = l->progress;
    const char *own = progress->lesson[lesson->number].directory;
    const char *before = progress->last > 0 ? progress->lesson[progress->last].directory : "";
    snprintf(out, PROGRESS_PATH, "%s", typed != NULL ? typed : *own != '\0' ? own : *before != '\0' ? before : "learn");
}

static void choose_file(const struct lesson *lesson, const char *directory, char *out, size_t size)
{
    char name[64];
    snprintf(out, size, "%s/%s", directory, lesson_file(lesson, name, sizeof name));
}

/* Keeps the lesson's folder by its absolute path, so that the course can be continued from any directory. */
static void remember(struct learner *l, const struct lesson *lesson, const char *directory)
{
    struct lesson_progress *state = &l->progress->lesson[lesson->number];
    char *whole = realpath(directory, NULL);
    snprintf(state->directory, sizeof state->directory, "%s", whole != NULL ? whole : directory);
    free(whole);
    state->started = true;
    l->progress->last = lesson->number;
}

static void keep_progress(const struct learner *l)
{
    if (!progress_write(l->progress)) {
        remark(l->cli, phrase(l, "progress is not kept: %s: %s", "进度没有保存：%s：%s"),
               *l->progress->path != '\0' ? l->progress->path : "HOME", strerror(errno));
    }
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static int make_directory(const struct learner *l, const char *path)
{
    char part[PROGRESS_PATH];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part;; at++) {
        at = *at != '\0' ? strchr(at + 1, '/') : NULL;
        if (at != NULL) {
            *at = '\0';
        }
        if (*part != '\0' && mkdir(part, 0777) != 0 && errno != EEXIST) {
            return fail(l->cli, EXIT_IO, "%s: %s", part, strerror(errno));
        }
        if (at == NULL) {
            return EXIT_OK;
        }
        *at = '/';
    }
}

/* Writes a temporary file and renames it over `path`, so that no half-written file can remain. */
static int write_file(const struct learner *l, const char *path, const char *text)
{
    char temporary[PROGRESS_PATH + 128];
    snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
    FILE *out = fopen(temporary, "w");
    bool written = out != NULL && fputs(text, out) >= 0 && fflush(out) == 0;
    int reason = errno;
    if (out != NULL && fclose(out) != 0) {
        written = false;
    }
    if (!written || rename(temporary, path) != 0) {
        reason = written ? errno : reason;
        unlink(temporary);
        return fail(l->cli, EXIT_IO, "%s: %s", path, strerror(reason));
    }
    return EXIT_OK;
}

/* Renames an existing file to NAME.mine, NAME.mine2 ...; `kept` receives the new name, "" where there was no file. */
static int set_aside(const struct learner *l, const char *path, char kept[PROGRESS_PATH + 128])
{
    *kept = '\0';
    if (access(path, F_OK) != 0) {
        return EXIT_OK;
    }
    for (int i = 1;; i++) {
        char number[16] = "";
        if (i > 1) {
            snprintf(number, sizeof number, "%d", i);
        }
        snprintf(kept, PROGRESS_PATH + 128, "%s.mine%s", path, number);
        if (access(kept, F_OK) != 0) {
            return rename(path, kept) == 0 ? EXIT_OK : fail(l->cli, EXIT_IO, "%s: %s", path, strerror(errno));
        }
    }
}

static int write_code(const struct learner *l, const struct lesson *lesson, const char *path, const char *code)
{
    char *text = lesson_source(lesson, code, l->language);
    int result = text != NULL ? write_file(l, path, text) : fail(l->cli, EXIT_MEMORY, "out of memory");
    free(text);
    return result;
}

static int write_picture(const struct learner *l, const struct lesson *lesson, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    struct picture picture = {.out = open_memstream(&text, &size), .language = l->language};
    if (picture.out == NULL) {
        return fail(l->cli, EXIT_MEMORY, "out of memory");
    }
    lesson->picture(&picture);
    fputs("</svg>\n", picture.out);
    int result = fclose(picture.out) == 0 ? write_file(l, path, text) : fail(l->cli, EXIT_MEMORY, "out of memory");
    free(text);
    return result;
}

/* ---- status, list, start ------------------------------------------------------------------------------------------ */

/* The current lesson; where it is passed, the next one that is not; after the last, the first that is not passed. */
static const struct lesson *next_lesson(const struct learner *l)
{
    const struct lesson *lesson;
    if (l->progress->last > 0 && !l->progress->lesson[l->progress->last].passed) {
        lesson = lesson_find(l->progress->last);
        if (lesson != NULL) {
            return lesson;
        }
    }
    const struct lesson *first = NULL;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        if (!l->progress->lesson[lesson->number].passed) {
            if (lesson->number > l->progress->last) {
                return lesson;
            }
            first = first != NULL ? first : lesson;
        }
    }
    return first;
}

static int count_passed(const struct learner *l)
{
    int passed = 0;
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        passed += l->progress->lesson[lesson->number].passed;
    }
    return passed;
}

static void show_next(const struct learner *l)
{
    const struct lesson *next = next_lesson(l);
    FILE *out = l->cli->out;
    if (next == NULL) {
        fprintf(out, "%s\n", phrase(l, "All lessons are passed.", "所有课程都已通过。"));
        return;
    }
    const char *title = words_in(next->title, l->language);
    if (l->progress->lesson[next->number].started) {
        char directory[PROGRESS_PATH], path[PROGRESS_PATH + 128], clean[PROGRESS_PATH];
        choose_directory(l, next, NULL, directory);
        choose_file(next, directory, path, sizeof path);
        fprintf(
            out,
            phrase(
                l,
                "You are at lesson %d, %s.\n  edit   %s\n  then   fovea learn check%s\n  again  fovea learn show%s\n",
                "现在是第 %d 课：%s。\n  编辑  %s\n  然后  fovea learn check%s\n  重读  fovea learn show%s\n"),
            next->number, title, show_clean(clean, sizeof clean, path), l->lang, l->lang);
    } else {
        fprintf(out,
                phrase(l, "Next: lesson %d, %s.\n  fovea learn start %d%s\n",
                       "下一课：第 %d 课，%s。\n  fovea learn start %d%s\n"),
                next->number, title, next->number, l->lang);
    }
}

static int status(struct learner *l)
{
    struct cli *cli = l->cli;
    const struct lesson *next = next_lesson(l);
    if (cli->json) {
        json_t *object = json_object();
        json_set_integer(object, "lessons", (int64_t)lesson_table_count);
        json_set_integer(object, "passed", count_passed(l));
        json_set(object, "next", next != NULL ? json_from_lesson(l, next) : json_null());
        json_print(cli, object);
        return EXIT_OK;
    }
    fprintf(cli->out, phrase(l, "%d of %d lessons passed.  ", "已通过 %d / %d 课。  "), count_passed(l),
            (int)lesson_table_count);
    print_bar(cli, cli->out, (double)count_passed(l) / (double)lesson_table_count, 25);
    fprintf(cli->out, "\n\n");
    show_next(l);
    return EXIT_OK;
}

static int list(struct learner *l)
{
    show_list(l);
    return EXIT_OK;
}

static int start(struct learner *l, const struct lesson *lesson, const char *typed)
{
    char directory[PROGRESS_PATH], path[PROGRESS_PATH + 128], clean[PROGRESS_PATH + 128],
        drawing[PROGRESS_PATH + 128] = "";
    struct cli *cli = l->cli;
    choose_directory(l, lesson, typed, directory);
    choose_file(lesson, directory, path, sizeof path);
    int code = make_directory(l, directory);
    bool there = code == EXIT_OK && access(path, F_OK) == 0;
    if (code == EXIT_OK && !there) {
        code = write_code(l, lesson, path, lesson->stub);
    }
    if (code == EXIT_OK && lesson->picture != NULL) {
        snprintf(drawing, sizeof drawing, "%s/%02d-%s.svg", directory, lesson->number, lesson->name);
        code = write_picture(l, lesson, drawing);
    }
    if (code != EXIT_OK) {
        return code;
    }
    remember(l, lesson, directory);
    keep_progress(l);
    if (cli->json) {
        json_t *object = json_from_lesson(l, lesson);
        json_set_text(object, "file", path);
        json_set(object, "picture", *drawing != '\0' ? json_from_text(drawing) : json_null());
        json_set_text(object, "text", words_in(lesson->text, l->language));
        json_print(cli, object);
        return EXIT_OK;
    }
    if (!cli->quiet) {
        show_lesson(l, lesson);
        fprintf(cli->out, "\n  %s%s%s%s\n", phrase(l, "edit     ", "编辑  "), style_bold(cli),
                show_clean(clean, sizeof clean, path), style_off(cli));
        if (there) {
            fprintf(cli->out, "           %s\n",
                    phrase(l, "(it was there and is as you left it)", "（文件已在，保持原样）"));
        }
        if (*drawing != '\0') {
            fprintf(cli->out, "  %s%s\n", phrase(l, "picture  ", "图    "), show_clean(clean, sizeof clean, drawing));
        }
        fprintf(cli->out, "  %sfovea learn check%s\n", phrase(l, "then     ", "然后  "), l->lang);
    }
    return EXIT_OK;
}

static int show(struct learner *l, const struct lesson *lesson, const char *typed)
{
    (void)typed;
    if (l->cli->json) {
        json_t *object = json_from_lesson(l, lesson);
        json_set_text(object, "text", words_in(lesson->text, l->language));
        json_print(l->cli, object);
    } else {
        show_lesson(l, lesson);
    }
    return EXIT_OK;
}

/* ---- check -------------------------------------------------------------------------------------------------------- */

/* The seed that was typed, else an unpredictable one. */
static uint64_t choose_seed(const struct learner *l)
{
    struct timespec time = {0};
    if (option_given(l->cli, "seed")) {
        return option_natural(l->cli, "seed");
    }
    clock_gettime(CLOCK_REALTIME, &time);
    struct draw draw = draw_from((uint64_t)time.tv_sec * 1000000007u + (uint64_t)time.tv_nsec + (uint64_t)getpid());
    return draw_bits(&draw) % 1000000;
}

static int verdict_code(enum verdict_kind kind)
{
    return kind == VERDICT_PASS ? EXIT_OK : kind == VERDICT_NOT_YET ? EXIT_NOT_YET : EXIT_INPUT;
}

/* Checks one lesson; the caller frees the verdict. `typed`: the learner named the folder. */
static struct verdict *check_one(struct learner *l, const struct lesson *lesson, const char *directory, bool typed,
                                 uint64_t seed)
{
    char path[PROGRESS_PATH + 128];
    struct verdict *verdict = take_memory(1, sizeof *verdict);
    choose_file(lesson, directory, path, sizeof path);
    if (access(path, F_OK) != 0) {
        *verdict = (struct verdict){.kind = VERDICT_COULD_NOT_RUN, .seed = seed, .engine = -1};
        snprintf(verdict->cause, sizeof verdict->cause,
                 phrase(l, "there is no %.900s; fovea learn start %d%s%s makes it",
                        "没有文件 %.900s；fovea learn start %d%s%s 会创建它"),
                 path, lesson->number, typed ? " DIR" : "", l->lang);
        return verdict;
    }
    check_file(lesson, path, seed, l->language, lesson->engine != NULL ? cli_context(l->cli) : NULL, verdict);
    remember(l, lesson, directory);
    struct lesson_progress *state = &l->progress->lesson[lesson->number];
    state->passed = state->passed || verdict->kind == VERDICT_PASS;
    return verdict;
}

static int check(struct learner *l, const struct lesson *lesson, const char *typed)
{
    char directory[PROGRESS_PATH];
    struct cli *cli = l->cli;
    choose_directory(l, lesson, typed, directory);
    struct verdict *verdict = check_one(l, lesson, directory, typed != NULL, choose_seed(l));
    keep_progress(l);
    if (cli->json) {
        json_print(cli, json_from_verdict(l, lesson, verdict));
    } else {
        char path[PROGRESS_PATH + 128];
        choose_file(lesson, directory, path, sizeof path);
        show_verdict(l, lesson, verdict, path);
        if (verdict->kind == VERDICT_PASS) {
            fputc('\n', cli->out);
            show_next(l);
        }
    }
    int code = verdict_code(verdict->kind);
    free(verdict);
    return output_commit(cli) == EXIT_OK ? code : EXIT_IO;
}

/* Checks all lessons whose file exists, in the folder that was typed or in each lesson's own. Afterwards only the
 * lessons that pass now count as passed. */
static int check_all(struct learner *l, const char *typed)
{
    struct cli *cli = l->cli;
    uint64_t seed = choose_seed(l);
    json_t *all = json_array();
    int checked = 0, passed = 0, last = l->progress->last;
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        char directory[PROGRESS_PATH], path[PROGRESS_PATH + 128];
        choose_directory(l, lesson, typed, directory);
        choose_file(lesson, directory, path, sizeof path);
        l->progress->lesson[lesson->number].passed = false;
        if (access(path, F_OK) != 0) {
            continue;
        }
        struct verdict *verdict = check_one(l, lesson, directory, typed != NULL, seed);
        checked++;
        passed += verdict->kind == VERDICT_PASS;
        if (cli->json) {
            json_add(all, json_from_verdict(l, lesson, verdict));
        } else {
            show_verdict(l, lesson, verdict, path);
            fputc('\n', cli->out);
        }
        free(verdict);
    }
    l->progress->last = last;
    keep_progress(l);
    if (cli->json) {
        json_t *object = json_object();
        json_set(object, "lessons", json_incref(all));
        json_set_integer(object, "checked", checked);
        json_set_integer(object, "passed", passed);
        json_print(cli, object);
    } else {
        fprintf(cli->out, phrase(l, "%d of %d files pass\n", "%d / %d 个文件通过\n"), passed, checked);
    }
    json_decref(all);
    int code = passed == checked ? EXIT_OK : EXIT_NOT_YET;
    return output_commit(cli) == EXIT_OK ? code : EXIT_IO;
}

/* ---- hint, solution, reset ---------------------------------------------------------------------------------------- */

static int hint(struct learner *l, const struct lesson *lesson, const char *typed)
{
    struct lesson_progress *state = &l->progress->lesson[lesson->number];
    struct cli *cli = l->cli;
    (void)typed;
    int level = state->hints < 3 ? state->hints : 2;
    state->hints = level + 1;
    keep_progress(l);
    if (cli->json) {
        json_t *object = json_object();
        json_set_integer(object, "number", lesson->number);
        json_set_integer(object, "level", level + 1);
        json_set_text(object, "hint", words_in(lesson->hints[level], l->language));
        json_print(cli, object);
        return EXIT_OK;
    }
    fprintf(cli->out, phrase(l, "Hint %d of 3, lesson %d\n  ", "提示 %d / 3，第 %d 课\n  "), level + 1, lesson->number);
    show_indented(l, words_in(lesson->hints[level], l->language), 2);
    if (level == 2) {
        fprintf(cli->out,
                phrase(l, "\n  There is no further hint; our solution:  fovea learn solution %d --give-up%s\n",
                       "\n  没有更多提示了；看答案：  fovea learn solution %d --give-up%s\n"),
                lesson->number, l->lang);
    }
    return EXIT_OK;
}

static int solution(struct learner *l, const struct lesson *lesson, const char *typed)
{
    char path[PROGRESS_PATH + 128], kept[PROGRESS_PATH + 128] = "", clean[PROGRESS_PATH + 128];
    struct cli *cli = l->cli;
    if (!l->progress->lesson[lesson->number].passed && !option_flag(cli, "give-up")) {
        return fail(cli, EXIT_USAGE,
                    phrase(l, "lesson %d is not passed yet: hints come first (fovea learn hint %d%s), or --give-up",
                           "第 %d 课还没有通过：先看提示（fovea learn hint %d%s），或者加 --give-up"),
                    lesson->number, lesson->number, l->lang);
    }
    if (typed == NULL) {
        if (cli->json) {
            json_t *object = json_object();
            json_set_integer(object, "number", lesson->number);
            json_set_text(object, "solution", lesson->solution);
            json_print(cli, object);
        } else {
            fputs(lesson->solution, cli->out);
        }
        return EXIT_OK;
    }
    choose_file(lesson, typed, path, sizeof path);
    int code = make_directory(l, typed);
    code = code == EXIT_OK ? set_aside(l, path, kept) : code;
    code = code == EXIT_OK ? write_code(l, lesson, path, lesson->solution) : code;
    if (code != EXIT_OK) {
        return code;
    }
    remember(l, lesson, typed);
    keep_progress(l);
    if (cli->json) {
        json_t *object = json_object();
        json_set_integer(object, "number", lesson->number);
        json_set_text(object, "file", path);
        json_set(object, "kept", *kept != '\0' ? json_from_text(kept) : json_null());
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, phrase(l, "%s is our solution\n", "%s 是我们的答案\n"),
                show_clean(clean, sizeof clean, path));
        if (*kept != '\0') {
            fprintf(cli->out, phrase(l, "yours is kept as %s\n", "你的文件保存为 %s\n"),
                    show_clean(clean, sizeof clean, kept));
        }
    }
    return EXIT_OK;
}

static int reset(struct learner *l, const struct lesson *lesson, const char *typed)
{
    char directory[PROGRESS_PATH], path[PROGRESS_PATH + 128], kept[PROGRESS_PATH + 128], clean[PROGRESS_PATH + 128];
    struct cli *cli = l->cli;
    choose_directory(l, lesson, typed, directory);
    choose_file(lesson, directory, path, sizeof path);
    int code = make_directory(l, directory);
    code = code == EXIT_OK ? set_aside(l, path, kept) : code;
    code = code == EXIT_OK ? write_code(l, lesson, path, lesson->stub) : code;
    if (code != EXIT_OK) {
        return code;
    }
    remember(l, lesson, directory);
    l->progress->lesson[lesson->number].passed = false;
    l->progress->lesson[lesson->number].hints = 0;
    keep_progress(l);
    if (cli->json) {
        json_t *object = json_from_lesson(l, lesson);
        json_set_text(object, "file", path);
        json_set(object, "kept", *kept != '\0' ? json_from_text(kept) : json_null());
        json_print(cli, object);
    } else if (!cli->quiet) {
        fprintf(cli->out, phrase(l, "%s is as at the start\n", "%s 回到了开始的样子\n"),
                show_clean(clean, sizeof clean, path));
        if (*kept != '\0') {
            fprintf(cli->out, phrase(l, "yours is kept as %s\n", "你的文件保存为 %s\n"),
                    show_clean(clean, sizeof clean, kept));
        }
    }
    return EXIT_OK;
}

/* ---- the verb ----------------------------------------------------------------------------------------------------- */

static const struct action {
    const char *name;
    int (*all)(struct learner *l); /* for actions that take no lesson */
    int (*one)(struct learner *l, const struct lesson *lesson, const char *directory);
    bool directory;
} actions[] = {
    {"list", list, NULL, false},  {"start", NULL, start, true}, {"show", NULL, show, false},
    {"check", NULL, check, true}, {"hint", NULL, hint, false},  {"solution", NULL, solution, true},
    {"reset", NULL, reset, true},
};

/* The language typed, else that of the environment. */
static enum language choose_language(const struct cli *cli)
{
    const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    if (option_text(cli, "lang") != NULL) {
        return strcmp(option_text(cli, "lang"), "zh") == 0 ? CHINESE : ENGLISH;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0') {
            return strncmp(value, "zh", 2) == 0 ? CHINESE : ENGLISH;
        }
    }
    return ENGLISH;
}

static const struct action *find_action(const struct learner *l, const char *name, int *code)
{
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        nearest_offer(&nearest, actions[i].name);
        if (strcmp(actions[i].name, name) == 0) {
            return &actions[i];
        }
    }
    int64_t number;
    if (options_numbers(name, ',', 0, INT32_MAX, &number, 1) == 1) {
        *code = fail(l->cli, EXIT_USAGE,
                     phrase(l, "there is no \"learn %.40s\": did you mean learn start %.40s?",
                            "没有 \"learn %.40s\"：是不是 learn start %.40s？"),
                     name, name);
        return NULL;
    }
    *code =
        nearest.best != NULL
            ? fail(l->cli, EXIT_USAGE,
                   phrase(l, "there is no \"learn %.40s\": did you mean %s?", "没有 \"learn %.40s\"：是不是 %s？"),
                   name, nearest.best)
            : fail(l->cli, EXIT_USAGE,
                   phrase(l, "there is no \"learn %.40s\"; there are list, start, show, check, hint, solution, reset",
                          "没有 \"learn %.40s\"；有 list、start、show、check、hint、solution、reset"),
                   name);
    return NULL;
}

/* Runs an action with the lesson that the words after it name: a number, then a folder; without a number the current
 * lesson. */
static int run_action(struct learner *l, const struct action *action)
{
    struct cli *cli = l->cli;
    const char *const *words = cli->arguments + 1;
    int count = cli->argument_count - 1;
    int64_t number = 0;
    if (action->all != NULL) {
        return count == 0 ? action->all(l)
                          : fail(cli, EXIT_USAGE, phrase(l, "learn %s takes nothing else", "learn %s 后面不带别的"),
                                 action->name);
    }
    if (option_flag(cli, "all")) {
        return action->one == check && count <= 1 ? check_all(l, count == 1 ? words[0] : NULL)
                                                  : fail(cli, EXIT_USAGE, "%s",
                                                         phrase(l, "--all is for: fovea learn check --all [DIR]",
                                                                "--all 只用于：fovea learn check --all [DIR]"));
    }
    const struct lesson *lesson = next_lesson(l);
    if (count > 0 && options_numbers(words[0], ',', 0, INT32_MAX, &number, 1) == 1) {
        lesson = lesson_find((int)number);
        words++;
        count--;
        if (lesson == NULL) {
            return fail(cli, EXIT_USAGE,
                        phrase(l, "there is no lesson %d; fovea learn list%s shows them",
                               "没有第 %d 课；fovea learn list%s 列出全部"),
                        (int)number, l->lang);
        }
    } else if (count > 0) {
        return fail(cli, EXIT_USAGE,
                    phrase(l, "\"%.60s\" is no lesson's number: fovea learn %s N%s",
                           "\"%.60s\" 不是课程号：fovea learn %s N%s"),
                    words[0], action->name, action->directory ? " [DIR]" : "");
    } else if (action->one == reset || action->one == solution) {
        return fail(cli, EXIT_USAGE, phrase(l, "which lesson? fovea learn %s N", "哪一课？fovea learn %s N"),
                    action->name);
    }
    if (lesson == NULL) {
        return fail(cli, EXIT_USAGE, "%s",
                    phrase(l, "all lessons are passed; name one by its number", "所有课程都已通过；请给出课程号"));
    }
    if (count > (action->directory ? 1 : 0)) {
        return fail(cli, EXIT_USAGE,
                    action->directory ? phrase(l, "learn %s takes a lesson's number and a folder",
                                               "learn %s 后面是课程号和一个文件夹")
                                      : phrase(l, "learn %s takes a lesson's number", "learn %s 后面是课程号"),
                    action->name);
    }
    if (count > 0 && strlen(words[0]) >= PROGRESS_PATH - 128) {
        return fail(cli, EXIT_USAGE,
                    phrase(l, "the folder's name has %zu bytes; at most %d", "文件夹的名字有 %zu 个字节；最多 %d 个"),
                    strlen(words[0]), PROGRESS_PATH - 129);
    }
    return action->one(l, lesson, count > 0 ? words[0] : NULL);
}

static int run(struct cli *cli)
{
    int code = EXIT_OK;
    struct learner learner = {.cli = cli, .language = choose_language(cli), .lang = ""};
    if (option_text(cli, "lang") != NULL) {
        learner.lang = learner.language == CHINESE ? " --lang zh" : " --lang en";
    }
    const struct action *action = cli->argument_count > 0 ? find_action(&learner, cli->arguments[0], &code) : NULL;
    if (code != EXIT_OK) {
        return code;
    }
    learner.progress = progress_read();
    if (learner.progress == NULL) {
        return fail(cli, EXIT_MEMORY, "out of memory");
    }
    code = action != NULL ? run_action(&learner, action) : status(&learner);
    free(learner.progress);
    return code;
}

static const struct cli_option options[] = {
    {.name = "lang",
     .kind = OPTION_CHOICE,
     .argument = "LANGUAGE",
     .otherwise = "that of LANG",
     .choices = languages,
     .doc = "language of lessons, verdicts and hints"},
    {.name = "all", .kind = OPTION_FLAG, .doc = "check: every lesson's file that is there; ticks follow from that"},
    {.name = "give-up", .kind = OPTION_FLAG, .doc = "solution: show it though the lesson is not passed"},
    {.name = NULL},
};

const struct verb verb_learn = {
    .name = "learn",
    .summary = "a course that checks itself, from one neuron to networks",
    .run = run,
    .options = options,
    .arguments = "[list | start N [DIR] | show [N] | check [N] [DIR] | hint [N] | solution N [DIR] | reset N]",
    .minimum_arguments = 0,
    .maximum_arguments = 3,
    .help =
        "Lessons with a text, a file to edit and a check that says PASS, NOT YET or COULD NOT RUN, what was expected, "
        "what came, and why probably. The numbers are drawn anew each time; --seed repeats them. Lessons in C need a C "
        "compiler (cc, or $FOVEA_CC); your program runs for 10 seconds and in 1 GiB at most, without network. Progress "
        "is in $FOVEA_LEARN_PROGRESS, else in the XDG state directory. A check that is not passed yet exits with 8.",
    .examples = "fovea learn\n"
                "fovea learn start 1\n"
                "fovea learn check\n"
                "fovea learn hint\n"
                "fovea learn check --all --json\n"
                "fovea learn list --lang zh\n",
};
