/* SPDX-License-Identifier: MIT */
/* Files: reading whole or piece by piece, and writing so that the old content survives any failure. Writing goes
 * through a table of system calls, so that a test can make the n-th one fail, write short, or kill the process. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"
#include "base/memory.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** The system calls of a file_writer; `file_system_default` is the real one. Signatures and errno are those of
 *  POSIX. */
struct file_system {
    int (*open)(void *user, const char *path, int flags, unsigned mode);
    ssize_t (*write)(void *user, int file, const void *bytes, size_t count);
    int (*sync)(void *user, int file);
    int (*close)(void *user, int file);
    int (*rename)(void *user, const char *from, const char *to);
    int (*remove)(void *user, const char *path);
    void *user;
    struct text *buffer; /**< NULL; else nothing is written to files: all bytes are added here (base/text.h), and paths
                              only occur in error messages */
};
const struct file_system *file_system_default(void);

/** A file's bytes, read into private memory: a later change of the file has no effect, and a change while it is read is
 *  an error. (Mapping the file itself would kill the process by SIGBUS if it were truncated.) Never blocks on a FIFO
 *  and never opens a device, except for names of open descriptors: "/dev/stdin" and "/dev/fd/N" are read to their end,
 *  whatever they are. Bytes read count in `memory`, as if they were allocated there. */
struct file_map {
    const uint8_t *bytes; /**< NULL only after failure; a page of zeros for an empty file */
    size_t         size;
    void          *mapping; /**< internal */
    void          *block;   /**< internal: the content of a pipe, allocated from `memory`; NULL: not a pipe */
    struct memory *memory;  /**< internal: counts the bytes of the mapping; NULL: not counted */
    size_t         held;    /**< internal: bytes counted for a file that was read whole */
    struct file_parts *parts; /**< internal: of a file that is read piece by piece; NULL: it was read whole */
    int                opened; /**< internal: 1 + the descriptor of such a file; 0: none, `bytes` are a copy */
};
int  file_map(struct file_map *map, const char *path, struct memory *memory, struct error *error);
/** The same, but a large file is not read at once: call file_need before looking at bytes, or file_copy to read them
 *  into other memory. */
int  file_map_parts(struct file_map *map, const char *path, struct memory *memory, struct error *error);
/** file_map_parts for a descriptor that is open for reading, which belongs to the map (also on failure, when it is
 *  closed). `path` is for error messages. */
int  file_map_opened(struct file_map *map, int file, const char *path, struct memory *memory, struct error *error);
void file_unmap(struct file_map *map);
/** Reads these bytes into the map, unless they were read already. E_IO: they cannot be read, or the file has changed
 *  since it was opened. Does nothing if `map` is NULL or the bytes lie outside of it. */
int file_need(const struct file_map *map, const void *bytes, size_t count, struct error *error);
/** E_IO if the file has changed since it was opened. */
int file_check(const struct file_map *map, struct error *error);
/** Copies bytes to `to`: those of a map straight from the file, without keeping them in the map; others from memory. */
int file_copy(const struct file_map *map, const void *bytes, size_t count, void *to, struct error *error);

/** A file kept open, to read parts of it when they are needed instead of keeping them in memory. A read fails if the
 *  file has been written to since it was opened. Several threads may read at once. */
struct file_source;
/** Keeps a map's file open, also after file_unmap. *source is NULL, without an error, if the map is a copy. */
int file_source_open(struct file_source **source, const struct file_map *map, struct memory *memory,
                     struct error *error);
/** adds an owner; each owner calls _close; accepts NULL */
struct file_source *file_source_share(struct file_source *source);
void file_source_close(struct file_source *source);                /**< accepts NULL */
/** E_IO if the system refuses, or the file has changed since it was opened. */
int  file_source_read(const struct file_source *source, size_t offset, void *bytes, size_t count, struct error *error);

/** Reads a whole file (at most `limit` bytes) into memory; a 0 byte follows the content. Regular files, and what
 *  "/dev/stdin" and "/dev/fd/N" name; E_INPUT above the limit, E_IO when the system refuses. The caller frees *bytes
 *  with memory_free. */
int file_read(const char *path, size_t limit, struct memory *memory, uint8_t **bytes, size_t *size,
              struct error *error);

/** Writing: everything goes to NAME.tmp.PID beside the target; file_writer_commit fsyncs it, closes it, renames it
 *  over NAME and fsyncs the directory. Until then, and after any failure, NAME keeps its old content. (Only if the very
 *  last step fails, the directory's fsync, NAME has its new, complete content, and the error says so.) A failed call
 *  has already removed the temporary file. Symbolic links are followed; devices are refused. */
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

/** Opens, writes and commits in one call, for bytes that are in memory. */
int file_write(const char *path, const void *bytes, size_t count, const struct file_system *system,
               struct error *error);

bool file_exists(const char *path);
bool file_is_directory(const char *path);
int  file_make_directories(const char *path, struct error *error); /**< mkdir -p */
/** Locks a folder for this process until file_unlock, or until the process ends in any way; leaves no file behind. E_IO
 *  if it is locked already. On file systems without locks it always succeeds. */
int  file_lock(const char *directory, int *lock, struct error *error);
void file_unlock(int lock); /**< accepts 0: nothing was locked */
/** Writes "a/b" into out; E_USAGE if it does not fit. */
int file_join(char *out, size_t size, const char *directory, const char *name, struct error *error);
/** Names in a directory, sorted bytewise, without hidden ones; *names is one block, freed with memory_free. */
int file_list(const char *directory, struct memory *memory, char ***names, size_t *count, struct error *error);
/** The same, with hidden ones, but for "." and "..". */
int file_list_all(const char *directory, struct memory *memory, char ***names, size_t *count, struct error *error);

#endif
