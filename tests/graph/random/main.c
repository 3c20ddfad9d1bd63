/* SPDX-License-Identifier: MIT */
/* random_graphs [COUNT|SECONDSs] [--seed S] [--forms] [--keep-going] [--out FOLDER]: checks COUNT random graphs, or as
 * many as SECONDS allow, from seed S on. A failure is printed, shrunk, printed again and saved; then the exit status is
 * 1. With --forms, every form of random_forms must occur, and nine in ten planted faults must be found. */
#include "random.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct task {
    uint64_t count, first; /**< count 0: as long as there is time */
    double seconds;        /**< 0: as long as there are graphs */
    bool forms, keeps_going, shows, shrinks;
    const char *folder;
};

/** Shared by a child process and its parent, which starts another child if this one dies. */
struct told {
    struct random_counts counts;
    struct random_failure failure;
    uint64_t seed; /**< that is being checked, or has failed */
    bool failed, unbuilt;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool is_over(const struct task *task, uint64_t seed, double since)
{
    return (task->count != 0 && seed - task->first >= task->count) ||
           (task->seconds > 0 && now() - since > task->seconds);
}

/** In the child: checks from told->seed on, to the end or to the first failure. */
static void check_some(const struct task *task, struct told *told, double since)
{
    for (; !is_over(task, told->seed, since); told->seed++) {
        struct random_case drawn;
        random_limit(300);
        if (!random_case_draw(&drawn, told->seed)) {
            told->failed = told->unbuilt = true;
            snprintf(told->failure.what, sizeof told->failure.what, "the graph could not be built: %s",
                     fov_error(drawn.context));
            random_case_close(&drawn);
            return;
        }
        random_check(&drawn, &told->failure, &told->counts);
        told->failed = told->failure.failed;
        random_case_close(&drawn);
        if (told->failed) {
            return;
        }
    }
}

static void report(const struct task *task, const struct told *told)
{
    struct random_case drawn;
    struct random_failure failure = told->failure;
    char folder[400];
    printf("seed %llu: %s\n", (unsigned long long)told->seed, failure.what);
    if (told->unbuilt || !random_case_draw(&drawn, told->seed)) {
        return;
    }
    if (!random_fails(&drawn, &failure)) {
        printf("  and a second time it does not fail\n");
    } else if (task->shrinks) {
        random_shrink(&drawn, &failure);
        printf("  shrunk: %s\n", failure.what);
    }
    random_print(&drawn);
    snprintf(folder, sizeof folder, "%s/seed-%llu", task->folder, (unsigned long long)told->seed);
    random_save(&drawn, folder);
    fflush(stdout);
    random_case_close(&drawn);
}

/** False: --forms was given, and a form never occurred or too many planted faults went unnoticed. */
static bool print_counts(const struct task *task, const struct random_counts *counts)
{
    bool all = true;
    for (int f = 0; random_forms[f].name != NULL; f++) {
        bool missing = counts->forms[f] == 0;
        all = all && !missing;
        if (task->shows || (missing && task->forms)) {
            printf("%9llu  %s%s\n", (unsigned long long)counts->forms[f], random_forms[f].name,
                   missing ? ": never met" : "");
        }
    }
    if (task->shows) {
        printf("%9llu  stages held against their definition\n%9llu  differences that rounding explains, "
               "%llu of them by the definition shaken\n"
               "%9llu  plans with recomputation, %llu refused for want of memory\n"
               "%9llu  faults planted on purpose, %llu not noticed\n",
               (unsigned long long)counts->defined, (unsigned long long)counts->explained,
               (unsigned long long)counts->by_definition, (unsigned long long)counts->recomputed,
               (unsigned long long)counts->refused,
               (unsigned long long)counts->planted, (unsigned long long)counts->unnoticed);
    }
    if (task->forms && (counts->planted == 0 || counts->unnoticed * 10 > counts->planted)) {
        printf("%llu of %llu planted faults were not noticed\n", (unsigned long long)counts->unnoticed,
               (unsigned long long)counts->planted);
        all = false;
    }
    return all || !task->forms;
}

static int run_task(const struct task *task)
{
    struct told *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double since = now();
    uint64_t failures = 0;
    if (told == MAP_FAILED) {
        fputs("no memory to share\n", stderr);
        return 2;
    }
    for (told->seed = task->first; !is_over(task, told->seed, since) && (failures == 0 || task->keeps_going);) {
        int status = 0;
        told->failed = told->unbuilt = false;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            check_some(task, told, since);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0) {
            fputs("no process could be started\n", stderr);
            return 2;
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            told->failed = true;
            snprintf(told->failure.what, sizeof told->failure.what, "the process ended with %s %d",
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        }
        if (told->failed) {
            failures++;
            report(task, told);
            told->seed++;
        }
    }
    bool all = print_counts(task, &told->counts);
    printf("%llu graphs from seed %llu in %.0f s, %llu training steps: %llu failures\n",
           (unsigned long long)(told->seed - task->first), (unsigned long long)task->first, now() - since,
           (unsigned long long)told->counts.steps, (unsigned long long)failures);
    return failures > 0 || !all;
}

static bool read_count(struct task *task, const char *word)
{
    char text[32];
    long long number;
    size_t length = strlen(word);
    bool seconds = length > 1 && word[length - 1] == 's';
    snprintf(text, sizeof text, "%.*s", (int)(seconds ? length - 1 : length), word);
    if (length >= sizeof text || !text_to_integer(text, 1, 1000000000, &number)) {
        return false;
    }
    task->count = seconds ? 0 : (uint64_t)number;
    task->seconds = seconds ? (double)number : 0;
    return true;
}

int main(int count, char **words)
{
    setenv("FOVEA_VERIFY", "1", 0); /* every plan is verified when it is made */
    struct task task = {.count = 1500, .first = 1, .shrinks = true, .folder = "random-failures"};
    for (int i = 1; i < count; i++) {
        long long seed = 0;
        if (strcmp(words[i], "--forms") == 0) {
            task.forms = true;
        } else if (strcmp(words[i], "--counts") == 0) {
            task.shows = true;
        } else if (strcmp(words[i], "--keep-going") == 0) {
            task.keeps_going = true;
        } else if (strcmp(words[i], "--whole") == 0) {
            task.shrinks = false;
        } else if (strcmp(words[i], "--out") == 0 && i + 1 < count) {
            task.folder = words[++i];
        } else if (strcmp(words[i], "--seed") == 0 && i + 1 < count &&
                   text_to_integer(words[i + 1], 0, INT64_MAX, &seed)) {
            task.first = (uint64_t)seed;
            i++;
        } else if (!read_count(&task, words[i])) {
            fprintf(stderr,
                    "usage: %s [COUNT|SECONDSs] [--seed S] [--forms] [--counts] [--keep-going] [--whole] "
                    "[--out FOLDER]\n",
                    words[0]);
            return 2;
        }
    }
    return run_task(&task);
}
