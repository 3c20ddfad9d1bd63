/* SPDX-License-Identifier: MIT */
/* Three processes. The warden (on Linux, for a program that is to be alone) enters namespaces of its own for users,
 * network and processes. Its child, the guard, is the first process of that namespace: when it ends, the kernel kills
 * all others there. The guard's child is the program. A pipe carries the program's status back. Between fork and exec
 * only async-signal-safe calls are made. */
#include "learn/child.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

enum { LARGEST_FILE = 16 << 20, MOST_DESCRIPTORS = 64 };

/* How the program ended, as sent through the pipe. */
struct report {
    int status; /* of waitpid */
    int error;  /* errno if it could not be started, else 0 */
};

/* Lowers a resource limit. The hard limit of processor time is a second above the soft one: only the soft one sends
 * SIGXCPU, which tells a timeout from a kill. */
static void limit(int what, uint64_t value)
{
    struct rlimit now;
    if (getrlimit(what, &now) == 0) {
        rlim_t hard = (rlim_t)value + (what == RLIMIT_CPU ? 1 : 0);
        now.rlim_max = now.rlim_max == RLIM_INFINITY || now.rlim_max > hard ? hard : now.rlim_max;
        now.rlim_cur = now.rlim_max < (rlim_t)value ? now.rlim_max : (rlim_t)value;
        setrlimit(what, &now);
    }
}

/* Makes this process die with its parent and, if `alone`, gain no privileges and see no network. Where the kernel
 * refuses a namespace, the program runs without it. */
static void isolate(bool alone)
{
#if defined(__linux__)
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (alone) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID) != 0) {
            syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET);
        }
    }
#else
    (void)alone;
#endif
}

/* Forbids new processes from here on. RLIMIT_NPROC does not bind the superuser; a filter of system calls does. */
static void forbid_processes(void)
{
#if defined(__linux__)
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
#ifdef SYS_clone3
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
#endif
#ifdef SYS_fork /* newer machines have clone only */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_vfork, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    static const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#endif
    limit(RLIMIT_NPROC, 0);
}

static bool redirect(const char *path, int flags, int to)
{
    int file = open(path, flags | O_NOFOLLOW, 0600);
    return file >= 0 && (file == to || (dup2(file, to) == to && close(file) == 0));
}

/* Executes the program in this process; returns errno if that fails. */
static int become(const struct child *child)
{
    const int made = O_WRONLY | O_CREAT | O_TRUNC;
    if (chdir(child->directory) != 0 ||
        !redirect(child->input != NULL ? child->input : "/dev/null", O_RDONLY, STDIN_FILENO) ||
        !redirect(child->printed, made, STDOUT_FILENO) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0 ||
        (child->answers != NULL && !redirect(child->answers, made, 3))) {
        return errno;
    }
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, (uint64_t)ceil(child->seconds));
    limit(RLIMIT_AS, child->memory);
    limit(RLIMIT_FSIZE, LARGEST_FILE);
    if (child->alone) {
        limit(RLIMIT_NOFILE, MOST_DESCRIPTORS);
        forbid_processes();
    }
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    execvp(child->words[0], (char *const *)(uintptr_t)child->words);
    return errno;
}

/* The first process of the namespace: starts the program, waits for it, reports. */
static void guard(const struct child *child, int to)
{
    struct report report = {0};
    int failure[2]; /* carries errno where exec fails; closed by exec */
    if (pipe(failure) != 0 || fcntl(failure[1], F_SETFD, FD_CLOEXEC) != 0) {
        report.error = errno;
    } else {
        pid_t program = fork();
        if (program == 0) {
            close(failure[0]);
            close(to);
            /* descriptor 3 may be one of the pipes: move the pipe out of the way */
            int report_to = fcntl(failure[1], F_DUPFD_CLOEXEC, 10);
            int error = become(child);
            ssize_t written = write(report_to, &error, sizeof error);
            _exit(written > 0 ? 126 : 125);
        }
        close(failure[1]);
        if (program < 0) {
            report.error = errno;
        } else {
            int error = 0;
            while (read(failure[0], &error, sizeof error) < 0 && errno == EINTR) {
            }
            report.error = error;
            while (waitpid(program, &report.status, 0) < 0 && errno == EINTR) {
            }
        }
    }
    ssize_t written = write(to, &report, sizeof report);
    _exit(written == (ssize_t)sizeof report ? 0 : 1);
}

static void warden(const struct child *child, int to)
{
    setpgid(0, 0);
    isolate(child->alone);
    pid_t first = fork();
    if (first == 0) {
#if defined(__linux__)
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#endif
        guard(child, to);
    }
    close(to);
    while (first > 0 && waitpid(first, NULL, 0) < 0 && errno == EINTR) {
    }
    _exit(0);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Waits for the report. 1: received; 0: timed out; -1: there will be none. */
static int await(int from, double seconds, struct report *report)
{
    double end = now() + seconds;
    struct pollfd ready = {.fd = from, .events = POLLIN};
    for (;;) {
        double left = end - now();
        int count = left > 0 ? poll(&ready, 1, (int)(left * 1000) + 1) : 0;
        if (count == 0) {
            return 0;
        }
        if (count > 0) {
            return read(from, report, sizeof *report) == (ssize_t)sizeof *report ? 1 : -1;
        }
        if (errno != EINTR) {
            return -1;
        }
    }
}

struct child_result child_run(const struct child *child)
{
    struct report report = {0};
    int ends[2];
    if (pipe(ends) != 0) {
        return (struct child_result){CHILD_FAILED, errno};
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t process = fork();
    if (process == 0) {
        close(ends[0]);
        warden(child, ends[1]);
    }
    int error = errno;
    close(ends[1]);
    if (process < 0) {
        close(ends[0]);
        return (struct child_result){CHILD_FAILED, error};
    }
    setpgid(process, process); /* both sides do, so that it is done before we kill the group */
    int answered = await(ends[0], child->seconds, &report);
    kill(-process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {
    }
    close(ends[0]);
    if (answered == 0) {
        return (struct child_result){CHILD_TIMED_OUT, 0};
    }
    if (answered < 0 || report.error != 0) {
        return (struct child_result){CHILD_FAILED, answered < 0 ? ECHILD : report.error};
    }
    if (WIFSIGNALED(report.status)) {
        int number = WTERMSIG(report.status);
        return number == SIGXCPU ? (struct child_result){CHILD_TIMED_OUT, 0}
                                 : (struct child_result){CHILD_SIGNALLED, number};
    }
    return (struct child_result){CHILD_EXITED, WEXITSTATUS(report.status)};
}
