/* SPDX-License-Identifier: MIT */
/* Learners' programs that misbehave: each check ends in time with a verdict and a sentence, and leaves no process and
 * no folder behind. Skipped without a C compiler. */
#include "learn/check.h"
#include "learn/child.h"
#include "support/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct verdict verdict; /* large */
static char folder[TEMPORARY_PATH];

enum { PATIENCE = 100 }; /* seconds for a program that ends by itself, on a busy machine, too */

static bool compiler_is_there(void)
{
    const char *const words[] = {"cc", "--version", NULL};
    struct child_result result = child_run(&(struct child){
        .words = words, .directory = "/tmp", .printed = "/dev/null", .seconds = 20, .memory = (size_t)4 << 30});
    return result.end == CHILD_EXITED && result.code == 0;
}

/* Lesson 10 with `statements` in front of its answer. */
static void check(const char *statements, double seconds)
{
    const struct lesson *lesson = lesson_find(10);
    char text[8192];
    if (!compiler_is_there()) {
        print_message("skipped: there is no C compiler\n");
        skip();
    }
    snprintf(text, sizeof text,
             "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n"
             "#include <sys/socket.h>\n#include <sys/wait.h>\n#include <netinet/in.h>\n"
             "double f(double x, double y, double z) { %s\n return x * x + 3 * x * y + y * y + z * z * z; }\n"
             "void gradient_of_f(double x, double y, double z, double *g)\n"
             "{ g[0] = 2 * x + 3 * y; g[1] = 3 * x + 2 * y; g[2] = 3 * z * z; }\n"
             "void descend(double *p, const double *g, double rate)\n"
             "{ for (int i = 0; i < 3; i++) p[i] -= rate * g[i]; }\n",
             statements);
    check_text(lesson, text, 3, ENGLISH, NULL, seconds, &verdict);
}

static void says(enum verdict_kind kind, const char *part)
{
    if (verdict.kind != kind || strstr(verdict.cause, part) == NULL) {
        fail_msg("verdict %d, not %d with \"%s\": %s", verdict.kind, kind, part, verdict.cause);
    }
}

/* Whether the system allows user and network name spaces; without them the library cannot isolate a program. */
static bool name_spaces_are_there(void)
{
    const char *const words[] = {"unshare", "-Un", "true", NULL};
    struct child_result result = child_run(&(struct child){
        .words = words, .directory = "/tmp", .printed = "/dev/null", .seconds = 20, .memory = (size_t)4 << 30});
    return result.end == CHILD_EXITED && result.code == 0;
}

static void needs_name_spaces(void)
{
    if (!name_spaces_are_there()) {
        print_message("skipped: the system gives no name spaces\n");
        skip();
    }
}

static void test_nothing_wrong(void **state)
{
    (void)state;
    check("", PATIENCE);
    says(VERDICT_PASS, "");
    check("printf(\"x is %g\\n\", x);", PATIENCE);
    says(VERDICT_PASS, "");
    assert_non_null(strstr(verdict.printed, "x is 1"));
}

static void test_crashes(void **state)
{
    (void)state;
    check("*(volatile int *)8 = 1;", PATIENCE);
    says(VERDICT_NOT_YET, "case 1");
    check("abort();", PATIENCE);
    says(VERDICT_NOT_YET, "stopped itself");
    check("exit(3);", PATIENCE);
    says(VERDICT_NOT_YET, "exit 3");
    check("if (x == 1 && y == 2) return 0; return *(volatile int *)8;", PATIENCE);
    says(VERDICT_NOT_YET, "case 2");
}

static void test_time(void **state)
{
    struct timespec begin, end;
    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    check("for (volatile int i = 0;;) i = i;", 1);
    says(VERDICT_NOT_YET, "loop that does not end");
    check("sleep(1000);", 1);
    says(VERDICT_NOT_YET, "1 seconds");
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - begin.tv_sec < 500);
}

static void test_memory(void **state)
{
    (void)state;
    check("for (;;) { volatile char *p = malloc(1 << 24); if (!p) return 7; *p = 1; }", PATIENCE);
    assert_int_equal(verdict.kind, VERDICT_NOT_YET); /* at 1 GiB malloc returns NULL */
    assert_true(verdict.got == 7);
    check("for (;;) { volatile char *p = malloc(1 << 24); *p = 1; }", PATIENCE);
    says(VERDICT_NOT_YET, "1 GiB");
}

static void test_prints_without_end(void **state)
{
    (void)state;
    check("for (;;) printf(\"%01000000d\\n\", 0);", PATIENCE); /* long lines: fast on a busy machine, too */
    says(VERDICT_NOT_YET, "printed too much");
}

static void test_wrong_places(void **state)
{
    (void)state;
    check("syntax error here", PATIENCE);
    says(VERDICT_COULD_NOT_RUN, "10-gradient.c:8");
    check("x = not_there(x);", PATIENCE);
    says(VERDICT_COULD_NOT_RUN, "not_there");
}

/* What compiles alone compiles in the check: helpers may have the names of the C library, and a learner's own main is
 * no concern of the check. */
static void test_names_of_the_library(void **state)
{
    static const char *const names[] = {"remove", "read", "write",  "index", "time",    "link",
                                        "y0",     "pipe", "select", "step",  "setvbuf", "fread"};
    enum { COUNT = sizeof names / sizeof *names };
    const struct lesson *lesson = lesson_find(10);
    char text[8192];
    size_t used = 0;
    (void)state;
    if (!compiler_is_there()) {
        print_message("skipped: there is no C compiler\n");
        skip();
    }
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "double %s(double a, int b) { return a + b - %d; }\n",
                                 names[i], i);
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "double f(double x, double y, double z) {\n");
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "    x = %s(x, %d);\n", names[i], i);
    }
    snprintf(text + used, sizeof text - used,
             "    return x * x + 3 * x * y + y * y + z * z * z; }\n"
             "void gradient_of_f(double x, double y, double z, double *g)\n"
             "{ g[0] = 2 * x + 3 * y; g[1] = 3 * x + 2 * y; g[2] = 3 * z * z; }\n"
             "void descend(double *p, const double *g, double rate)\n"
             "{ for (int i = 0; i < 3; i++) p[i] -= rate * g[i]; }\n"
             "int main(void) { return f(1, 2, 3) > 0; }\n");
    check_text(lesson, text, 3, ENGLISH, NULL, PATIENCE, &verdict);
    says(VERDICT_PASS, "");
}

/* Processes that a program starts end with it: a grandchild that lived for another second would write the file. */
static void test_processes(void **state)
{
    char statements[1024], path[300];
    (void)state;
    needs_name_spaces();
    snprintf(path, sizeof path, "%s/alive", folder);
    snprintf(statements, sizeof statements,
             "if (fork() == 0) { setsid(); if (fork() != 0) _exit(0); sleep(1); FILE *f = fopen(\"%s\", \"w\"); "
             "if (f) fclose(f); _exit(0); }",
             path);
    check(statements, PATIENCE);
    sleep(2);
    if (access(path, F_OK) == 0) {
        fail_msg("a process of the learner's outlived the check");
    }
}

/* The first fork() already fails, for the superuser, too: the program would exit if one succeeded. */
static void test_no_fork_bomb(void **state)
{
    (void)state;
    check("for (int i = 0; i < 50; i++) { int p = fork(); if (p == 0) { sleep(20); _exit(0); } if (p > 0) exit(42); }",
          PATIENCE);
    says(VERDICT_PASS, "");
}

static void test_no_network(void **state)
{
    (void)state;
    needs_name_spaces();
    /* In a new network name space even the loopback interface is down. */
    check("int s = socket(AF_INET, SOCK_DGRAM, 0); struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = 9};\n"
          "a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);\n"
          "if (sendto(s, \"x\", 1, 0, (struct sockaddr *)&a, sizeof a) == 1) exit(42);",
          PATIENCE);
    says(VERDICT_PASS, "");
}

static void test_no_compiler(void **state)
{
    (void)state;
    setenv("FOVEA_CC", "/nowhere/cc", 1);
    check_text(lesson_find(10), lesson_find(10)->solution, 1, ENGLISH, NULL, PATIENCE, &verdict);
    says(VERDICT_COULD_NOT_RUN, "there is no C compiler here (/nowhere/cc");
    unsetenv("FOVEA_CC");
}

static void test_no_folder_is_left(void **state)
{
    (void)state;
    setenv("TMPDIR", folder, 1);
    check("abort();", PATIENCE);
    check("sleep(1000);", 0.3);
    check("FILE *f = fopen(\"more\", \"w\"); if (f) fclose(f);", PATIENCE);
    unsetenv("TMPDIR");
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] != '.') {
            fail_msg("%s was left", entry->d_name);
        }
    }
    closedir(entries);
}

static int make_folder(void **state)
{
    (void)state;
    temporary_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_wrong),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_prints_without_end),
        cmocka_unit_test(test_wrong_places),
        cmocka_unit_test(test_names_of_the_library),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_no_fork_bomb),
        cmocka_unit_test(test_no_network),
        cmocka_unit_test(test_no_compiler),
        cmocka_unit_test(test_no_folder_is_left),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
