/* SPDX-License-Identifier: MIT */
/* Files: reading whole or mapped, and writing so that the old content survives any failure. Every system call goes
 * through a small table, so that a test can make the n-th one fail, write short, or kill the process. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** The system calls used; `file_system_default` is the real one. Signatures and errno are those of POSIX. */
struct file_system {
    int (*open)(void *user, const char *path, int flags, unsigned mode);
    ssize_t (*read)(void *user, int file, void *bytes, size_t count);
    ssize_t (*write)(void *user, int file, const void *bytes, size_t count);
    int (*sync)(void *user, int file);
    int (*close)(void *user, int file);
    int (*rename)(void *user, const char *from, const char *to);
    int (*remove)(void *user, const char *path);
    void *user;
    struct text *buffer; /**< NULL; else nothing goes to files: what would be written is added here (base/text.h), and
                              names only stand in sentences */
};
const struct file_system *file_system_default(void);

/** A file's bytes, read into memory of its own: what another program does to the file afterwards changes nothing, and
 *  while it is read it is an error. (A file that is mapped itself would kill us by SIGBUS when it is cut short.) Never
 *  hangs on a FIFO, never opens a device, but for those that name what is open already: "/dev/stdin" and "/dev/fd/N" are
 *  read to their end, whatever they are. What has been read counts in `memory`, as if it were allocated there. */
struct file_map {
    const uint8_t *bytes; /**< never NULL; a page of zeros for an empty file */
    size_t         size;
    void          *mapping; /**< internal */
    void          *block;   /**< internal: allocated from `memory`, of what came through a pipe; NULL: it did not */
    struct memory *memory;  /**< internal: holds what the mapping takes; NULL: not counted */
    size_t         held;    /**< internal: bytes, of a file that is there as a whole */
    struct file_parts *parts; /**< internal: of a file that is read piece by piece; NULL: all of it is there */
    int                opened; /**< internal: 1 + the descriptor of such a file; 0: none, `bytes` are a copy */
};
int  file_map(struct file_map *map, const char *path, struct memory *memory, struct error *error);
/** The same, but of a large file nothing is read before it is asked for: call file_need before looking at bytes, or
 *  file_copy to have them elsewhere. */
int  file_map_parts(struct file_map *map, const char *path, struct memory *memory, struct error *error);
/** That of a file that is open for reading; closes it, now or with the map. `path` is for sentences. */
int  file_map_opened(struct file_map *map, int file, const char *path, struct memory *memory, struct error *error);
void file_unmap(struct file_map *map);
/** Sees that these bytes of the map are there. E_IO: they cannot be read, or the file has changed since it was opened.
 *  `map` NULL, or bytes that lie elsewhere: they are there. */
int file_need(const struct file_map *map, const void *bytes, size_t count, struct error *error);
/** E_IO when the file is not as it was when it was opened. */
int file_check(const struct file_map *map, struct error *error);
/** Copies bytes of a map, or of anywhere else, without keeping them in the map. */
int file_copy(const struct file_map *map, const void *bytes, size_t count, void *to, struct error *error);

/** A file kept open, to read parts of it when they are wanted: what lies there need not lie in memory, too. Its
 *  readers are told when it was written to since. Reads may come from several threads at once. */
struct file_source;
/** The file behind a map, which may be unmapped afterwards. *source NULL without an error where the map is a copy. */
int file_source_open(struct file_source **source, const struct file_map *map, struct memory *memory,
                     struct error *error);
/** one more owner, each calls _close; accepts NULL */
struct file_source *file_source_share(struct file_source *source);
void file_source_close(struct file_source *source);                /**< accepts NULL */
/** E_IO when the system refuses, or the file has changed since it was opened. */
int  file_source_read(const struct file_source *source, size_t offset, void *bytes, size_t count, struct error *error);

/** Reads a whole file (at most `limit` bytes) into memory: one byte more, a 0, follows the content. Regular files
 *  only; E_INPUT above the limit, E_IO when the system refuses. Caller frees with memory_free. */
int file_read(const char *path, size_t limit, struct memory *memory, uint8_t **bytes, size_t *size,
              struct error *error);

/** Writing: everything goes to NAME.tmp.PID beside the target; file_writer_commit fsyncs it, closes it, renames it
 *  over NAME and fsyncs the directory. Until then, and after any failure, NAME keeps its old content (only where the
 *  very last step fails, the directory's fsync, does NAME have its new content, complete, and an error saying so). A
 *  failed call has already thrown the temporary away. Symbolic links are followed; devices are refused. */
struct file_writer {
    const struct file_system *system;
    char                      path[4096], temporary[4096];
    int                       file;
    uint64_t                  written; /**< bytes */
};
/** `system` NULL: the real one. Removes stale NAME.tmp.* of dead processes. */
int  file_writer_open(struct file_writer *writer, const char *path, const struct file_system *system,
                      struct error *error);
int  file_writer_write(struct file_writer *writer, const void *bytes, size_t count, struct error *error);
int  file_writer_commit(struct file_writer *writer, struct error *error);
void file_writer_abandon(struct file_writer *writer); /**< removes the temporary; harmless after commit */

/** The whole of the above for a text already in memory. */
int file_write(const char *path, const void *bytes, size_t count, const struct file_system *system,
               struct error *error);

bool file_exists(const char *path);
bool file_is_directory(const char *path);
int  file_make_directories(const char *path, struct error *error); /**< mkdir -p */
/** Takes a folder for this process alone until file_unlock, or until the process ends, however it does; leaves no file
 *  behind. E_IO when another holds it. Where a file system knows no locks it is taken as free. */
int  file_lock(const char *directory, int *lock, struct error *error);
void file_unlock(int lock); /**< accepts 0: nothing was locked */
/** "a/b" into out; E_USAGE when it does not fit. */
int file_join(char *out, size_t size, const char *directory, const char *name, struct error *error);
/** Names in a directory, sorted bytewise, hidden ones left out; *names is one block, freed with memory_free. */
int file_list(const char *directory, struct memory *memory, char ***names, size_t *count, struct error *error);
/** The same with the hidden ones. */
int file_list_all(const char *directory, struct memory *memory, char ***names, size_t *count, struct error *error);

#endif
