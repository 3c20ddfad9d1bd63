/* SPDX-License-Identifier: MIT */
/* Lessons in C: the learner's file and a frame that calls it are compiled in a temporary folder and run on all cases in
 * a child process; then the folder is removed. Inputs and answers are binary files of doubles. The learner's file
 * becomes a library of its own, which shows one function: so its functions may have any name, those of the C library
 * and main included. */
#include "learn/cases.h"
#include "learn/child.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMPILE_SECONDS = 60 };
static const size_t run_memory = (size_t)1 << 30, compile_memory = (size_t)4 << 30;

/* The program around the learner's functions: it knows one function, lesson_call. Per case it reads two counts and the
 * inputs, fills the answer with NaN, calls the learner's code, and writes whether numbers beyond the end of the answer
 * were changed, then the answer. Zeros surround the inputs in every case, so that a function that reads out of bounds
 * gets the same numbers each time and its mistake can be named. */
static const char frame[] =
    "#include <math.h>\n"
    "#include <stdio.h>\n"
    "#include <string.h>\n"
    "#include <unistd.h>\n"
    "enum { LESSON_ROOM = 4096, LESSON_GUARD = 64 };\n"
    "static double lesson_in[LESSON_ROOM + 2 * LESSON_GUARD], lesson_out[LESSON_ROOM + LESSON_GUARD];\n"
    "void lesson_call(const double *in, double *out);\n"
    "static int lesson_read(void *to, size_t bytes)\n"
    "{\n"
    "    return fread(to, 1, bytes, stdin) == bytes;\n"
    "}\n"
    "static int lesson_write(const void *from, size_t bytes)\n"
    "{\n"
    "    return write(3, from, bytes) == (ssize_t)bytes;\n"
    "}\n"
    "int main(void)\n"
    "{\n"
    "    int count[2];\n"
    "    setvbuf(stdout, NULL, _IOLBF, 0);\n"
    "    while (lesson_read(count, sizeof count)) {\n"
    "        int touched = 0;\n"
    "        memset(lesson_in, 0, sizeof lesson_in);\n"
    "        if (!lesson_read(lesson_in + LESSON_GUARD, (size_t)count[0] * sizeof(double))) return 1;\n"
    "        for (int i = 0; i < LESSON_ROOM + LESSON_GUARD; i++) lesson_out[i] = i < count[1] ? NAN : 12345.75;\n"
    "        lesson_call(lesson_in + LESSON_GUARD, lesson_out);\n"
    "        for (int i = count[1]; i < LESSON_ROOM + LESSON_GUARD; i++) touched |= lesson_out[i] != 12345.75;\n"
    "        if (!lesson_write(&touched, sizeof touched)) return 1;\n"
    "        if (!lesson_write(lesson_out, (size_t)count[1] * sizeof(double))) return 1;\n"
    "    }\n"
    "    return 0;\n"
    "}\n";

/* What follows the learner's text: the lesson's declarations, and the function that calls the learner's. It has what
 * the learner's text includes and nothing else, so that it uses no function of a library. */
static const char call[] = "#line 1 \"check.c\"\n"
                           "%s\n"
                           "__attribute__((visibility(\"default\"))) void lesson_call(const double *in, double *out)\n"
                           "{\n"
                           "%s\n"
                           "}\n";

struct folder {
    char path[512];
};

static FILE *open_in(const struct folder *folder, const char *name, const char *how)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    return fopen(path, how);
}

static bool make_folder(struct folder *folder)
{
    const char *where = getenv("TMPDIR");
    snprintf(folder->path, sizeof folder->path, "%.480s/fovea-learn-XXXXXX",
             where != NULL && *where == '/' ? where : "/tmp");
    return mkdtemp(folder->path) != NULL;
}

static void remove_folder(const struct folder *folder)
{
    DIR *entries = opendir(folder->path);
    if (entries != NULL) {
        for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", folder->path, entry->d_name);
            unlink(path);
        }
        closedir(entries);
    }
    rmdir(folder->path);
}

static bool write_sources(const struct cases *cases, const struct folder *folder, const char *text)
{
    char name[64];
    FILE *file = open_in(folder, "lesson.c", "w");
    if (file == NULL) {
        return false;
    }
    fprintf(file, "#line 1 \"%s\"\n%s\n", lesson_file(cases->lesson, name, sizeof name), text);
    fprintf(file, call, cases->lesson->frame != NULL ? cases->lesson->frame : "", cases->lesson->call); // NOLINT: ours
    bool written = ferror(file) == 0;
    written = fclose(file) == 0 && written;
    file = written ? open_in(folder, "frame.c", "w") : NULL;
    if (file == NULL) {
        return false;
    }
    fputs(frame, file);
    written = ferror(file) == 0;
    written = fclose(file) == 0 && written;
    file = written ? open_in(folder, "cases", "wb") : NULL;
    if (file == NULL) {
        return false;
    }
    for (int i = 0; i < cases->count; i++) {
        const struct one_case *one = &cases->one[i];
        const int count[2] = {one->given, one->answered};
        fwrite(count, sizeof count, 1, file);
        fwrite(one->in, sizeof(double), (size_t)one->given, file);
    }
    written = ferror(file) == 0;
    return fclose(file) == 0 && written;
}

/* Reads the beginning of a text file, without trailing white space. */
static void read_text(const struct folder *folder, const char *name, char *out, size_t size)
{
    FILE *file = open_in(folder, name, "r");
    size_t length = file != NULL ? fread(out, 1, size - 1, file) : 0;
    out[length] = '\0';
    while (length > 0 && (out[length - 1] == '\n' || out[length - 1] == ' ')) {
        out[--length] = '\0';
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* ---- compiling ---------------------------------------------------------------------------------------------------- */

/* Keeps the compiler's lines about errors and drops the source lines that it quotes: they are in the learner's file. */
static void keep_errors(char *text)
{
    char kept[1024];
    size_t used = 0;
    kept[0] = '\0';
    for (char *line = text; line != NULL && *line != '\0' && used + 1 < sizeof kept;) {
        char *end = strchr(line, '\n');
        size_t length = end != NULL ? (size_t)(end - line) : strlen(line);
        char keep[512];
        snprintf(keep, sizeof keep, "%.*s", (int)(length < 500 ? length : 500), line);
        if (strstr(keep, "error") != NULL || strstr(keep, "undefined reference") != NULL) {
            int written = snprintf(&kept[used], sizeof kept - used, "%s%s", used > 0 ? "\n" : "", keep);
            used = written > 0 && used + (size_t)written < sizeof kept ? used + (size_t)written : sizeof kept - 1;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    if (used > 0) {
        memcpy(text, kept, used + 1); /* a part of `text`, so it fits */
    }
}

/* Runs the compiler with options that end by NULL; what it says goes to the file `printed`. */
static bool compile(const struct folder *folder, const char *const *options, const char *printed,
                    enum language language, struct outcome *outcome)
{
    const char *words[16] = {NULL};
    for (int i = 0; options[i] != NULL; i++) {
        words[i + 1] = options[i];
    }
    const char *own = getenv("FOVEA_CC");
    const char *const names[] = {own != NULL && *own != '\0' ? own : "cc", "gcc", "clang"};
    int tries = own != NULL && *own != '\0' ? 1 : 3;
    struct child_result result = {CHILD_FAILED, ENOENT};
    for (int i = 0; i < tries && result.end == CHILD_FAILED && result.code == ENOENT; i++) {
        words[0] = names[i];
        result = child_run(&(struct child){.words = words,
                                           .directory = folder->path,
                                           .printed = printed,
                                           .seconds = COMPILE_SECONDS,
                                           .memory = compile_memory});
    }
    if (result.end == CHILD_EXITED && result.code == 0) {
        return true;
    }
    if (result.end == CHILD_FAILED) {
        snprintf(outcome->problem, sizeof outcome->problem,
                 language == CHINESE
                     ? "这里没有 C 编译器（%s：%s）；请安装一个，例如 apt install gcc，或用 FOVEA_CC 指定"
                     : "there is no C compiler here (%s: %s); install one, for example by "
                       "`apt install gcc`, or name it in FOVEA_CC",
                 names[0], strerror(result.code));
        return false;
    }
    char said[2000 - 64];
    read_text(folder, printed, said, sizeof said);
    keep_errors(said);
    if (said[0] == '\0') {
        snprintf(outcome->problem, sizeof outcome->problem,
                 language == CHINESE ? "编译器 %s 没有说明原因就停止了（超过 %d 秒，或被终止）"
                                     : "the compiler, %s, ended without a word (after %d seconds, or it was killed)",
                 names[0], COMPILE_SECONDS);
        return false;
    }
    snprintf(outcome->problem, sizeof outcome->problem, "%s%s",
             language == CHINESE ? "编译不通过：\n" : "it does not compile:\n", said);
    return false;
}

/* Makes the program from the learner's library and the frame. What the compiler says of the learner's file is kept. */
static bool compile_both(const struct folder *folder, enum language language, struct outcome *outcome)
{
    static const char *const learner[] = {
        "-std=gnu11",  "-O1",
        "-Wall",       "-fdiagnostics-color=never",
        "-fPIC",       "-fvisibility=hidden",
        "-shared",     "lesson.c",
        "-o",          "lesson.so",
        "-lm",
#ifndef __APPLE__
        "-Wl,-z,defs", /* a function that is nowhere is an error now, not when it runs */
#endif
        NULL};
    static const char *const whole[] = {"-std=gnu11", "-O1", "frame.c", "./lesson.so", "-o", "program", NULL};
    if (!compile(folder, learner, "compiler", language, outcome) ||
        !compile(folder, whole, "linker", language, outcome)) {
        return false;
    }
    read_text(folder, "compiler", outcome->printed, sizeof outcome->printed);
    return true;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

static const char *signal_words(int number, enum language language)
{
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
        return language == CHINESE ? "访问了不属于它的内存：下标越界、指针为空，或超过 1 GiB"
                                   : "it reached for memory that is not its own: an index outside an array, a null "
                                     "pointer, or more than 1 GiB";
    case SIGFPE:
        return language == CHINESE ? "整数除以零" : "a whole number was divided by zero";
    case SIGABRT:
        return language == CHINESE ? "它自己中止了（abort、assert 或内存损坏）"
                                   : "it stopped itself (abort, assert, or damaged memory)";
    case SIGXFSZ:
        return language == CHINESE ? "输出太多（16 MiB）" : "it printed too much (16 MiB)";
    default:
        return language == CHINESE ? "被信号终止" : "a signal ended it";
    }
}

static void say_end(struct child_result result, enum language language, double seconds, struct outcome *outcome)
{
    bool zh = language == CHINESE;
    char *out = outcome->problem;
    size_t size = sizeof outcome->problem;
    outcome->judged = true;
    if (result.end == CHILD_TIMED_OUT) {
        snprintf(out, size,
                 zh ? "第 %d 组数运行超过 %g 秒，已停止：有没有不会结束的循环？"
                    : "in case %d it was stopped after %g seconds: is there a loop that does not end?",
                 outcome->at + 1, seconds);
    } else if (result.end == CHILD_SIGNALLED) {
        snprintf(out, size, zh ? "第 %d 组数时崩溃（信号 %d）：%s" : "in case %d it crashed (signal %d): %s",
                 outcome->at + 1, result.code, signal_words(result.code, language));
    } else if (result.end == CHILD_EXITED) {
        snprintf(out, size,
                 zh ? "第 %d 组数时它自己退出了（exit %d）：函数应当返回，而不是 exit"
                    : "in case %d it ended by itself (exit %d): a function returns, it does not exit",
                 outcome->at + 1, result.code);
    } else {
        outcome->judged = false;
        snprintf(out, size, zh ? "无法运行：%s" : "it cannot be run: %s", strerror(result.code));
    }
}

/* Reads the answers that the program wrote; .at is the first case without one. False: not all are there, or the program
 * wrote beyond the end of one. */
static bool read_answers(struct cases *cases, const struct folder *folder, enum language language,
                         struct outcome *outcome)
{
    FILE *file = open_in(folder, "answers", "rb");
    bool whole = file != NULL;
    int touched = 0;
    for (outcome->at = 0; whole && outcome->at < cases->count; outcome->at++) {
        struct one_case *one = &cases->one[outcome->at];
        whole = fread(&touched, sizeof touched, 1, file) == 1 &&
                fread(one->got, sizeof(double), (size_t)one->answered, file) == (size_t)one->answered;
        if (!whole) {
            break;
        }
        if (touched != 0) {
            outcome->judged = true;
            snprintf(outcome->problem, sizeof outcome->problem,
                     language == CHINESE ? "第 %d 组数：写到了结果数组末尾之后（它有 %d 个数）"
                                         : "in case %d it wrote behind the end of its result, which has %d numbers",
                     outcome->at + 1, one->answered);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return whole && touched == 0;
}

void cases_run_program(struct cases *cases, const char *text, enum language language, double seconds,
                       struct outcome *outcome)
{
    struct folder folder;
    if (!make_folder(&folder)) {
        snprintf(outcome->problem, sizeof outcome->problem, "%s: %s", folder.path, strerror(errno));
        return;
    }
    if (!write_sources(cases, &folder, text)) {
        snprintf(outcome->problem, sizeof outcome->problem, "%s: %s", folder.path, strerror(errno));
    } else if (compile_both(&folder, language, outcome)) {
        const char *const words[] = {"./program", NULL};
        struct child_result result = child_run(&(struct child){.words = words,
                                                               .directory = folder.path,
                                                               .input = "cases",
                                                               .printed = "printed",
                                                               .answers = "answers",
                                                               .seconds = seconds,
                                                               .memory = run_memory,
                                                               .alone = true});
        outcome->ran = read_answers(cases, &folder, language, outcome);
        if (*outcome->problem == '\0' && (result.end != CHILD_EXITED || !outcome->ran)) {
            outcome->ran = false;
            say_end(result, language, seconds, outcome);
        }
        char printed[sizeof outcome->printed];
        read_text(&folder, "printed", printed, sizeof printed);
        if (*printed != '\0') {
            memcpy(outcome->printed, printed, sizeof printed);
        }
    }
    remove_folder(&folder);
}
