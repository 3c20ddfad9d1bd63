/* SPDX-License-Identifier: MIT */
/* The file writer on a failing system: each of its system calls in turn fails once, fails from then on, is interrupted,
 * writes only a part, or is the last one before the process is killed. Afterwards the file has either its old content
 * or its new one, complete; nothing else lies in the folder (except after a kill, whose leftover the next writer
 * removes); and every opened file is closed. */
#include "base/file.h"
#include "folder.h"
#include "tests.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a system that fails on request ----------------------------------------------------------------------------- */

enum fault { FAULT_NONE, FAULT_ONCE, FAULT_FOR_EVER, FAULT_INTERRUPT, FAULT_SHORT, FAULT_ZERO, FAULT_KILL };

struct faulty {
    enum fault fault;
    int        at;    /* the system call that it strikes, counted from 1 */
    int        error; /* errno of a failure */
    int        calls; /* so far */
    int        open;  /* files open now */
    bool       hit, renamed;
};

/* Counts a system call; returns whether it fails. */
static bool faulty_strikes(struct faulty *faulty)
{
    int call = ++faulty->calls;
    if (call < faulty->at || (call > faulty->at && faulty->fault != FAULT_FOR_EVER)) {
        return false;
    }
    switch (faulty->fault) {
    case FAULT_KILL:
        kill(getpid(), SIGKILL);
        return true;
    case FAULT_ONCE:
    case FAULT_FOR_EVER:
        faulty->hit = true;
        errno = faulty->error;
        return true;
    case FAULT_INTERRUPT:
        faulty->hit = true;
        errno = EINTR;
        return true;
    case FAULT_NONE:
    case FAULT_SHORT:
    case FAULT_ZERO:
        break;
    }
    return false;
}

static int faulty_open(void *user, const char *path, int flags, unsigned mode)
{
    struct faulty *faulty = user;
    if (faulty_strikes(faulty)) {
        return -1;
    }
    int file = open(path, flags, (mode_t)mode);
    faulty->open += file >= 0;
    return file;
}

static ssize_t faulty_write(void *user, int file, const void *bytes, size_t count)
{
    struct faulty *faulty = user;
    if (faulty_strikes(faulty)) {
        return -1;
    }
    if (faulty->calls == faulty->at && faulty->fault == FAULT_SHORT) {
        faulty->hit = true;
        return write(file, bytes, count > 1 ? count / 3 + 1 : count);
    }
    if (faulty->calls == faulty->at && faulty->fault == FAULT_ZERO) {
        faulty->hit = true;
        return 0;
    }
    return write(file, bytes, count);
}

static int faulty_sync(void *user, int file)
{
    return faulty_strikes(user) ? -1 : fsync(file);
}

static int faulty_close(void *user, int file)
{
    struct faulty *faulty = user;
    faulty->open--; /* as on Linux: the descriptor is closed even if close fails */
    bool strikes = faulty_strikes(faulty);
    int  error = errno;
    close(file);
    errno = error;
    return strikes ? -1 : 0;
}

static int faulty_rename(void *user, const char *from, const char *to)
{
    struct faulty *faulty = user;
    if (faulty_strikes(faulty)) {
        return -1;
    }
    faulty->renamed = true;
    return rename(from, to);
}

static int faulty_remove(void *user, const char *path)
{
    return faulty_strikes(user) ? -1 : unlink(path);
}

static struct file_system faulty_system(struct faulty *faulty)
{
    return (struct file_system){.open   = faulty_open,
                                .write  = faulty_write,
                                .sync   = faulty_sync,
                                .close  = faulty_close,
                                .rename = faulty_rename,
                                .remove = faulty_remove,
                                .user   = faulty};
}

/* ---- what is saved ---------------------------------------------------------------------------------------------- */

enum {
    PIECES = 4,
    PIECE = 5000,
    CALLS = 10 /* at least: open, a write per piece, fsync, close, rename, open of the folder, fsync */
};

static void fill(unsigned char *bytes, int version)
{
    for (int i = 0; i < PIECES * PIECE; i++) {
        bytes[i] = (unsigned char)(i * 7 + i / 300 + version * 101);
    }
}

/* Saves `version` in four pieces, as checkpoints are: header, tensors. */
static int save(const char *path, int version, const struct file_system *system, struct error *error)
{
    unsigned char      bytes[PIECES * PIECE];
    struct file_writer writer;
    fill(bytes, version);
    int status = file_writer_open(&writer, path, system, error);
    for (int piece = 0; piece < PIECES && status == FOV_OK; piece++) {
        status = file_writer_write(&writer, bytes + piece * PIECE, PIECE, error);
    }
    if (status == FOV_OK) {
        status = file_writer_commit(&writer, error);
    }
    file_writer_abandon(&writer); /* has no effect after a commit */
    return status;
}

/* The version whose complete content lies at `path`; -1: none. */
static int version_at(const char *path)
{
    struct file_map map;
    unsigned char   bytes[PIECES * PIECE];
    int             found = -1;
    if (file_map(&map, path, NULL, NULL) != FOV_OK) {
        return -1;
    }
    for (int version = 0; version < 3 && map.size == sizeof bytes; version++) {
        fill(bytes, version);
        if (memcmp(bytes, map.bytes, sizeof bytes) == 0) {
            found = version;
        }
    }
    file_unmap(&map);
    return found;
}

static size_t files_in(const char *folder)
{
    struct memory *memory = memory_create(NULL, 0);
    char         **names;
    size_t         count;
    assert_int_equal(file_list(folder, memory, &names, &count, NULL), FOV_OK);
    memory_free(memory, names);
    memory_destroy(memory);
    return count;
}

/* ---- the loops -------------------------------------------------------------------------------------------------- */

/* least: system calls that the fault can strike. */
static void run_every_failure(void **state, enum fault fault, int why, int least)
{
    const char *path = folder_path(state, "checkpoint");
    int         hits = 0;
    for (int at = 1;; at++) {
        assert_int_equal(save(path, 1, NULL, NULL), FOV_OK);
        struct faulty      faulty = {.fault = fault, .at = at, .error = why};
        struct file_system system = faulty_system(&faulty);
        struct error       error = {0};
        int                status = save(path, 2, &system, &error);
        int                version = version_at(path);
        hits += faulty.hit;
        if (!faulty.hit && at > 20) {
            assert_int_equal(status, FOV_OK);
            assert_int_equal(version, 2);
            assert_true(hits >= least);
            break; /* `at` is beyond the last system call */
        }
        assert_int_equal(faulty.open, 0);
        bool survives = !faulty.hit || fault == FAULT_INTERRUPT || fault == FAULT_SHORT;
        if (survives) {
            assert_int_equal(status, FOV_OK);
            assert_int_equal(version, 2);
        } else if (status == FOV_OK) {
            /* One failed call does no harm: closing the folder after all is done. */
            assert_int_equal(version, 2);
            assert_true(faulty.renamed);
        } else {
            assert_int_equal(error.status, FOV_E_IO);
            assert_true(strstr(error.text, "checkpoint\"") != NULL);
            assert_true(strlen(error.text) > 10);
            assert_int_equal(version, faulty.renamed ? 2 : 1);
        }
        /* If removing fails, too, the temporary file stays until the next save. */
        if (fault == FAULT_FOR_EVER && files_in(*state) == 2) {
            assert_int_equal(save(path, 0, NULL, NULL), FOV_OK);
        }
        assert_int_equal(files_in(*state), 1);
        /* Saving again works at once. */
        assert_int_equal(save(path, 0, NULL, NULL), FOV_OK);
        assert_int_equal(version_at(path), 0);
    }
}

static void test_every_call_fails_once(void **state)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT, EINVAL};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        run_every_failure(state, FAULT_ONCE, errors[i], CALLS);
    }
}

static void test_every_call_fails_for_ever(void **state)
{
    run_every_failure(state, FAULT_FOR_EVER, EIO, CALLS);
    run_every_failure(state, FAULT_FOR_EVER, ENOSPC, CALLS);
}

static void test_every_call_is_interrupted(void **state)
{
    run_every_failure(state, FAULT_INTERRUPT, EINTR, CALLS);
}

static void test_every_write_is_short(void **state)
{
    run_every_failure(state, FAULT_SHORT, 0, PIECES);
}

static void test_a_write_of_nothing_is_a_failure(void **state)
{
    run_every_failure(state, FAULT_ZERO, 0, PIECES);
}

/* A child is killed at its n-th system call. The file has complete content; at most one leftover lies beside it, which
 * the next save removes. */
static void test_every_call_is_the_last(void **state)
{
    const char *path = folder_path(state, "checkpoint");
    int         kills = 0;
    for (int at = 1;; at++) {
        assert_int_equal(save(path, 1, NULL, NULL), FOV_OK);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct faulty      faulty = {.fault = FAULT_KILL, .at = at};
            struct file_system system = faulty_system(&faulty);
            _exit(save(path, 2, &system, NULL));
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            assert_int_equal(version_at(path), 2);
            break;
        }
        kills++;
        int version = version_at(path);
        assert_true(version == 1 || version == 2);
        assert_true(files_in(*state) <= 2);
        assert_int_equal(save(path, 0, NULL, NULL), FOV_OK);
        assert_int_equal(version_at(path), 0);
        assert_int_equal(files_in(*state), 1);
    }
    assert_true(kills >= CALLS);
}

/* ---- the real system -------------------------------------------------------------------------------------------- */

static void test_a_file_size_limit(void **state)
{
    const char *path = folder_path(state, "checkpoint");
    assert_int_equal(save(path, 1, NULL, NULL), FOV_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {PIECE * 2 + 100, PIECE * 2 + 100};
        setrlimit(RLIMIT_FSIZE, &limit);
        struct error error = {0};
        int          status = save(path, 2, NULL, &error);
        _exit(status == FOV_E_IO && strstr(error.text, strerror(EFBIG)) != NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(version_at(path), 1);
    assert_int_equal(files_in(*state), 1);
}

static void refuse(const char *path, const char *why)
{
    struct error error = {0};
    assert_true(file_write(path, "x", 1, NULL, &error) != FOV_OK);
    if (strstr(error.text, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, why);
    }
}

static void test_places_that_cannot_be_written(void **state)
{
    refuse(folder_path(state, "none/checkpoint"), "No such file");
    refuse(*state, "it is a directory");
    const char *pipe = folder_path(state, "pipe"); /* a device would do, too, but not if a mistake replaced it */
    assert_int_equal(mkfifo(pipe, 0600), 0);
    refuse(pipe, "not a regular file");
    refuse("", "empty");
    char *longest = malloc(6000);
    memset(longest, 'a', 5999);
    longest[5999] = '\0';
    refuse(longest, "too long");
    free(longest);
    const char *dangling = folder_path(state, "dangling");
    assert_int_equal(symlink("none/there", dangling), 0);
    refuse(dangling, "No such file");
    struct file_writer writer = {.system = file_system_default(), .file = -1};
    assert_int_equal(file_writer_write(&writer, "x", 1, NULL), FOV_E_INTERNAL);
    assert_int_equal(file_writer_commit(&writer, NULL), FOV_E_INTERNAL);
}

static void test_links_and_rights_are_kept(void **state)
{
    const char *real = folder_path(state, "real"), *link = folder_path(state, "link");
    struct stat info;
    mode_t      mask = umask(022);
    assert_int_equal(file_write(real, "old", 3, NULL, NULL), FOV_OK);
    assert_int_equal(stat(real, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_equal(chmod(real, 0660), 0);
    assert_int_equal(symlink("real", link), 0);
    assert_int_equal(file_write(link, "newer", 5, NULL, NULL), FOV_OK);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat(real, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_int_equal(info.st_size, 5);
    assert_int_equal(info.st_mode & 0777, 0660);
    umask(mask);
}

static void test_only_dead_leftovers_are_removed(void **state)
{
    const char *path = folder_path(state, "checkpoint");
    char        name[64];
    /* Temporary files of a process that has ended, of one that lives (process 1), of an earlier process with our
     * number, and a name that only looks like one. */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    snprintf(name, sizeof name, "checkpoint.tmp.%ld", (long)child);
    const char *dead = folder_path(state, name), *alive = folder_path(state, "checkpoint.tmp.1");
    snprintf(name, sizeof name, "checkpoint.tmp.%ld", (long)getpid());
    const char *ours = folder_path(state, name), *alike = folder_path(state, "checkpoint.tmp.12x");
    const char *all[] = {dead, alive, ours, alike};
    for (int i = 0; i < 4; i++) {
        int file = open(all[i], O_CREAT | O_WRONLY, 0600);
        assert_true(file >= 0);
        close(file);
    }
    assert_int_equal(save(path, 1, NULL, NULL), FOV_OK);
    assert_false(file_exists(dead));
    assert_true(file_exists(alive));
    assert_false(file_exists(ours));
    assert_true(file_exists(alike));

    /* A second writer of the same file, while the first is at work, is refused and does no harm. */
    struct file_writer first, second;
    struct error       error = {0};
    assert_int_equal(file_writer_open(&first, path, NULL, NULL), FOV_OK);
    assert_int_equal(file_writer_open(&second, path, NULL, &error), FOV_E_IO);
    assert_non_null(strstr(error.text, "being written already"));
    file_writer_abandon(&second);
    assert_int_equal(file_writer_write(&first, "abc", 3, NULL), FOV_OK);
    assert_int_equal(first.written, 3);
    file_writer_abandon(&first);
    assert_int_equal(version_at(path), 1);
    assert_int_equal(files_in(*state), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_call_fails_once, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_every_call_fails_for_ever, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_every_call_is_interrupted, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_every_write_is_short, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_a_write_of_nothing_is_a_failure, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_every_call_is_the_last, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_a_file_size_limit, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_places_that_cannot_be_written, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_links_and_rights_are_kept, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_only_dead_leftovers_are_removed, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
