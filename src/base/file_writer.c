/* SPDX-License-Identifier: MIT */
/* Writing a file so that its name always has complete content, the old or the new, even if a call fails or the process
 * is killed: everything goes to NAME.tmp.PID in the same folder; then fsync, close, rename over NAME, fsync of the
 * folder.
 *
 * A failed fsync is final. The kernel may have dropped the pages and marked them clean, so that a second fsync would
 * report success for data that are lost; the temporary is removed instead. */
#include "base/file.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char temporary_mark[] = ".tmp.";

static int writer_fail(const struct file_writer *writer, const char *what, int why, struct error *error)
{
    char shown[512];
    return error_set(error, FOV_E_IO, "cannot %s \"%s\": %s", what, text_escape(shown, sizeof shown, writer->path),
                     strerror(why));
}

/* Closes and removes the temporary. Failures here are ignored: the first failure is the one reported. */
static void writer_discard(struct file_writer *writer)
{
    const struct file_system *system = writer->system;
    if (writer->file >= 0) {
        system->close(system->user, writer->file);
        writer->file = -1;
    }
    if (writer->temporary[0] != '\0') {
        int result;
        do {
            result = system->remove(system->user, writer->temporary);
        } while (result != 0 && errno == EINTR);
        writer->temporary[0] = '\0';
    }
}

/* ---- temporaries of dead processes ------------------------------------------------------------------------------ */

/* Whether no process writes the temporary of process `owner` any more. A living writer holds a lock on its temporary;
 * the process number alone does not suffice: each container counts its own, and ours may equal a dead writer's. */
static bool writer_is_stale(const char *path, long owner)
{
    if (owner != (long)getpid() && (kill((pid_t)owner, 0) == 0 || errno != ESRCH)) {
        return false;
    }
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool stale = flock(file, LOCK_EX | LOCK_NB) == 0;
    close(file);
    return stale;
}

/* Removes NAME.tmp.PID of writers that were killed. Failures are ignored: such files only take space. */
static void writer_remove_stale(const struct file_writer *writer, const char *folder, const char *name)
{
    DIR *list = opendir(folder);
    if (list == NULL) {
        return;
    }
    size_t         length = strlen(name), mark = sizeof temporary_mark - 1;
    struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        long long owner;
        char      path[sizeof writer->path];
        if (strncmp(entry->d_name, name, length) == 0 && strncmp(entry->d_name + length, temporary_mark, mark) == 0 &&
            text_to_integer(entry->d_name + length + mark, 1, 0x7fffffff, &owner) &&
            file_join(path, sizeof path, folder, entry->d_name, NULL) == FOV_OK && writer_is_stale(path, (long)owner)) {
            writer->system->remove(writer->system->user, path);
        }
    }
    closedir(list);
}

/* ---- the writer ------------------------------------------------------------------------------------------------- */

/* The folder part of a path, "." where there is none; returns the name part. */
static const char *writer_split(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        snprintf(folder, size, ".");
        return path;
    }
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    snprintf(folder, size, "%.*s", (int)length, path);
    return slash + 1;
}

/* Sets writer->path and ->temporary. Resolves symbolic links, so that the file they lead to is replaced and not the
 * link. *mode: that of an existing file, else 0666. Refuses devices, FIFOs and folders: renaming over /dev/null would
 * be a surprise. */
static int writer_take_path(struct file_writer *writer, const char *path, unsigned *mode, bool *exists,
                            struct error *error)
{
    char        shown[512];
    struct stat info;
    char        resolved[PATH_MAX];
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
        if (realpath(path, resolved) == NULL) {
            int why = errno;
            snprintf(writer->path, sizeof writer->path, "%s", path);
            return writer_fail(writer, "write", why, error);
        }
        path = resolved;
    }
    int length = snprintf(writer->path, sizeof writer->path, "%s", path);
    int longer = snprintf(writer->temporary, sizeof writer->temporary, "%s%s%ld", path, temporary_mark, (long)getpid());
    if (length <= 0 || longer < 0 || (size_t)longer >= sizeof writer->temporary) {
        writer->temporary[0] = '\0';
        return error_set(error, FOV_E_USAGE, "cannot write \"%s\": its name is %s",
                         text_escape(shown, sizeof shown, path), length <= 0 ? "empty" : "too long");
    }
    *exists = stat(writer->path, &info) == 0;
    *mode = 0666;
    if (*exists && !S_ISREG(info.st_mode)) {
        writer->temporary[0] = '\0';
        return error_set(error, FOV_E_IO, "cannot write \"%s\": %s", text_escape(shown, sizeof shown, path),
                         S_ISDIR(info.st_mode) ? "it is a directory" : "not a regular file");
    }
    if (*exists) {
        *mode = (unsigned)info.st_mode & 0777U;
    }
    return FOV_OK;
}

int file_writer_open(struct file_writer *writer, const char *path, const struct file_system *system,
                     struct error *error)
{
    char     folder[sizeof writer->path];
    unsigned mode;
    bool     exists;
    writer->system = system != NULL ? system : file_system_default();
    writer->file = -1;
    writer->written = 0;
    writer->path[0] = writer->temporary[0] = '\0';
    if (writer->system->buffer != NULL) {
        return FOV_OK;
    }
    int status = writer_take_path(writer, path, &mode, &exists, error);
    if (status != FOV_OK) {
        return status;
    }
    const char *name = writer_split(writer->path, folder, sizeof folder);
    writer_remove_stale(writer, folder, name);

    const struct file_system *calls = writer->system;
    /* O_EXCL and O_NOFOLLOW: in a folder that others can write to, nobody can lead us elsewhere. */
    do {
        writer->file = calls->open(calls->user, writer->temporary,
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    } while (writer->file < 0 && errno == EINTR);
    if (writer->file < 0) {
        int why = errno;
        writer->temporary[0] = '\0'; /* not ours to remove */
        if (why == EEXIST) {
            char shown[512];
            return error_set(error, FOV_E_IO, "cannot write \"%s\": it is being written already",
                             text_escape(shown, sizeof shown, writer->path));
        }
        return writer_fail(writer, "write", why, error);
    }
    /* Failures of these two are ignored: the lock marks the temporary as alive, and the mode gives the new file the old
     * one's rights where the umask would leave it fewer. */
    (void)flock(writer->file, LOCK_EX | LOCK_NB);
    if (exists) {
        (void)fchmod(writer->file, (mode_t)mode);
    }
    return FOV_OK;
}

int file_writer_write(struct file_writer *writer, const void *bytes, size_t count, struct error *error)
{
    const struct file_system *system = writer->system;
    if (system->buffer != NULL) {
        text_add_bytes(system->buffer, bytes, count);
        writer->written += (uint64_t)count;
        return system->buffer->failed
                   ? error_set(error, FOV_E_MEMORY, "out of memory: a buffer of more than %zu bytes",
                               system->buffer->length)
                   : FOV_OK;
    }
    if (writer->file < 0) {
        return error_set(error, FOV_E_INTERNAL, "a file is written to that is not open");
    }
    const unsigned char *next = bytes;
    while (count > 0) {
        ssize_t done = system->write(system->user, writer->file, next, count);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            /* POSIX allows 0 for "nothing written"; repeating the call might never end. */
            int status = writer_fail(writer, "write", done < 0 ? errno : EIO, error);
            writer_discard(writer);
            return status;
        }
        next += done;
        count -= (size_t)done;
        writer->written += (uint64_t)done;
    }
    return FOV_OK;
}

int file_writer_commit(struct file_writer *writer, struct error *error)
{
    const struct file_system *system = writer->system;
    char                      folder[sizeof writer->path];
    int                       result, directory;
    if (system->buffer != NULL) {
        return FOV_OK;
    }
    if (writer->file < 0) {
        return error_set(error, FOV_E_INTERNAL, "a file is finished that is not open");
    }
    do {
        result = system->sync(system->user, writer->file);
    } while (result != 0 && errno == EINTR); /* an interrupted fsync has not failed: no data are lost */
    if (result != 0) {
        int status = writer_fail(writer, "write", errno, error);
        writer_discard(writer);
        return status;
    }
    result = system->close(system->user, writer->file);
    int why = errno;
    writer->file = -1; /* also if close failed: the descriptor is gone, and another thread may have got its number */
    if (result != 0 && why != EINTR) {
        int status = writer_fail(writer, "write", why, error);
        writer_discard(writer);
        return status;
    }

    /* The folder is opened before the rename, so that as little as possible can fail after it. */
    writer_split(writer->path, folder, sizeof folder);
    do {
        directory = system->open(system->user, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    } while (directory < 0 && errno == EINTR);
    if (directory < 0) {
        int status = writer_fail(writer, "open the folder of", errno, error);
        writer_discard(writer);
        return status;
    }
    do {
        result = system->rename(system->user, writer->temporary, writer->path);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        int status = writer_fail(writer, "replace", errno, error);
        system->close(system->user, directory);
        writer_discard(writer);
        return status;
    }
    writer->temporary[0] = '\0'; /* renamed: it no longer exists */
    do {
        result = system->sync(system->user, directory);
    } while (result != 0 && errno == EINTR);
    why = errno;
    system->close(system->user, directory);
    if (result != 0 && why != EINVAL) { /* EINVAL: this file system has no fsync for folders */
        char shown[512];
        return error_set(error, FOV_E_IO, "\"%s\" is written, but may be lost if the power fails now: %s",
                         text_escape(shown, sizeof shown, writer->path), strerror(why));
    }
    return FOV_OK;
}

void file_writer_abandon(struct file_writer *writer)
{
    writer_discard(writer);
}

int file_write(const char *path, const void *bytes, size_t count, const struct file_system *system, struct error *error)
{
    struct file_writer writer;
    int                status = file_writer_open(&writer, path, system, error);
    if (status == FOV_OK) {
        status = file_writer_write(&writer, bytes, count, error);
    }
    if (status == FOV_OK) {
        status = file_writer_commit(&writer, error);
    }
    return status; /* every failure above has already thrown the temporary away */
}
