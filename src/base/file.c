/* SPDX-License-Identifier: MIT */
/* Reading files and listing folders. A name comes from a user or from another file, so nothing here assumes that it
 * names a regular file, or that the file does not change while it is read. Writing is in file_writer.c. */
#include "base/file.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the real system -------------------------------------------------------------------------------------------- */

static int system_open(void *user, const char *path, int flags, unsigned mode)
{
    (void)user;
    return open(path, flags, (mode_t)mode);
}

static ssize_t system_write(void *user, int file, const void *bytes, size_t count)
{
    (void)user;
    return write(file, bytes, count);
}

static int system_sync(void *user, int file)
{
    (void)user;
    return fsync(file);
}

static int system_close(void *user, int file)
{
    (void)user;
    return close(file);
}

static int system_rename(void *user, const char *from, const char *to)
{
    (void)user;
    return rename(from, to);
}

static int system_remove(void *user, const char *path)
{
    (void)user;
    return unlink(path);
}

const struct file_system *file_system_default(void)
{
    static const struct file_system system = {
        .open = system_open,
        .write = system_write,
        .sync = system_sync,
        .close = system_close,
        .rename = system_rename,
        .remove = system_remove,
    };
    return &system;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* A name as it may be shown: escaped, at most a few hundred characters. */
struct file_shown {
    char text[512];
};

static const char *file_show(struct file_shown *shown, const char *path)
{
    return text_escape(shown->text, sizeof shown->text, path);
}

/* Opens a regular file. Calls stat first, since opening some devices has effects; opens without blocking, since the
 * file may be replaced by a FIFO in between; then checks the type again through the open file. */
static int file_open_regular(const char *path, int *opened, struct stat *info, struct error *error)
{
    struct file_shown shown;
    int               file = -1, status = FOV_OK;
    bool              answered = stat(path, info) == 0;
    if (answered && S_ISREG(info->st_mode)) {
        do {
            file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        } while (file < 0 && errno == EINTR);
        answered = file >= 0 && fstat(file, info) == 0;
    }
    if (!answered) {
        status = error_set(error, FOV_E_IO, "cannot open \"%s\": %s", file_show(&shown, path), strerror(errno));
    } else if (!S_ISREG(info->st_mode)) {
        status = error_set(error, FOV_E_IO, "cannot open \"%s\": %s", file_show(&shown, path),
                           S_ISDIR(info->st_mode) ? "it is a directory" : "not a regular file");
    } else if (info->st_size < 0 || (uintmax_t)info->st_size >= SIZE_MAX / 2) {
        status =
            error_set(error, FOV_E_INPUT, "cannot read \"%s\": too large for this machine", file_show(&shown, path));
    }
    if (status != FOV_OK && file >= 0) {
        close(file);
    }
    *opened = file;
    return status;
}

/* ---- open descriptors by name ------------------------------------------------------------------------------------ */

/* The descriptor that a name stands for ("/dev/stdin", "/dev/fd/3"), if it is a stream: a pipe, a terminal, a socket.
 * -1: the path is opened like any other. */
static int file_inherited(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    long long                number = strcmp(path, "/dev/stdin") == 0 ? 0 : -1;
    for (size_t i = 0; i < sizeof folders / sizeof *folders && number < 0; i++) {
        size_t length = strlen(folders[i]);
        if (strncmp(path, folders[i], length) == 0 && !text_to_integer(path + length, 0, INT_MAX, &number)) {
            number = -1;
        }
    }
    struct stat info;
    bool        is_stream = number >= 0 && fstat((int)number, &info) == 0 && !S_ISREG(info.st_mode) &&
                     !S_ISDIR(info.st_mode) && !S_ISBLK(info.st_mode);
    return is_stream ? (int)number : -1;
}

/* Reads to the end, at most `limit` bytes, into a block that grows; a 0 byte follows the content. `error` must be
 * clear. */
static int file_read_stream(int file, const char *path, size_t limit, struct memory *memory, uint8_t **bytes,
                            size_t *size, struct error *error)
{
    struct file_shown shown;
    size_t            capacity = 1 << 16;
    uint8_t          *block = memory_allocate_raw(memory, capacity, 1, "what is read", error);
    *size = 0;
    for (ssize_t got = 1; block != NULL && got != 0;) {
        if (*size + 1 == capacity) {
            uint8_t *larger = memory_resize(memory, block, capacity, 2, "what is read", error);
            if (larger == NULL) {
                break;
            }
            block = larger;
            capacity *= 2;
        }
        got = read(file, block + *size, capacity - 1 - *size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            error_set(error, FOV_E_IO, "cannot read \"%s\": %s", file_show(&shown, path), strerror(errno));
            break;
        }
        *size += (size_t)got;
        if (*size > limit) {
            error_set(error, FOV_E_INPUT, "cannot read \"%s\": it has more than the %zu bytes that are expected",
                      file_show(&shown, path), limit);
            break;
        }
        if (got == 0) {
            block[*size] = 0;
            *bytes = block;
            return FOV_OK;
        }
    }
    memory_free(memory, block);
    return (int)error->status;
}

static int file_map_stream(struct file_map *map, int file, const char *path, struct memory *memory,
                           struct error *error)
{
    uint8_t *bytes = NULL;
    size_t   size;
    *map = (struct file_map){0};
    struct error why = {.status = FOV_OK};
    if (file_read_stream(file, path, SIZE_MAX / 4, memory, &bytes, &size, &why) != FOV_OK) {
        return error_set(error, why.status, "%s", why.text);
    }
    *map = (struct file_map){.bytes = bytes, .size = size, .memory = memory, .block = bytes};
    return FOV_OK;
}

static int file_changed(const char *path, size_t size, struct error *error)
{
    struct file_shown shown;
    return error_set(error, FOV_E_IO, "cannot read \"%s\": it changed while it was read (%zu bytes before)",
                     file_show(&shown, path), size);
}

/* Checks that the file has not changed since it was opened: a write in between changes its modification time. */
static int file_check_same(int file, const char *path, const struct stat *before, struct error *error)
{
    struct stat now;
    bool        same = fstat(file, &now) == 0 && now.st_size == before->st_size &&
                now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
    return same ? FOV_OK : file_changed(path, (size_t)before->st_size, error);
}

/* Reads exactly `count` bytes from `offset` on. Some systems read 2 GiB at most at once: in steps of 1 GiB. */
static int file_read_at(int file, const char *path, uint8_t *bytes, size_t count, size_t offset,
                        const struct stat *before, struct error *error)
{
    const size_t most = (size_t)1 << 30;
    for (size_t done = 0; done < count;) {
        size_t  rest = count - done < most ? count - done : most;
        ssize_t got = pread(file, bytes + done, rest, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            struct file_shown shown;
            return error_set(error, FOV_E_IO, "cannot read \"%s\" at byte %zu: %s", file_show(&shown, path),
                             offset + done, strerror(errno));
        }
        if (got == 0) {
            return file_changed(path, (size_t)before->st_size, error);
        }
        done += (size_t)got;
    }
    return file_check_same(file, path, before, error);
}

/* Reads the whole file; an error if its size or modification time has changed. */
static int file_fill(int file, const char *path, uint8_t *bytes, const struct stat *before, struct error *error)
{
    return file_read_at(file, path, bytes, (size_t)before->st_size, 0, before, error);
}

/* Reads an open file whole, and closes it. */
static int file_map_whole(struct file_map *map, int file, const char *path, const struct stat *info,
                          struct memory *memory, struct error *error)
{
    static const uint8_t empty[4096];
    struct file_shown    shown;
    size_t               size = (size_t)info->st_size;
    int                  status = FOV_OK;
    *map = (struct file_map){.bytes = empty};
    if (size > 0) {
        status = memory_hold(memory, size, "a file's content", error);
        if (status != FOV_OK) {
            error_prefix(error, "cannot read \"%s\"", file_show(&shown, path));
        }
    }
    if (size > 0 && status == FOV_OK) {
        void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED) {
            status = error_set(error, FOV_E_MEMORY, "cannot read \"%s\": no memory for its %zu bytes",
                               file_show(&shown, path), size);
        } else {
            status = file_fill(file, path, mapping, info, error);
            if (status != FOV_OK) {
                munmap(mapping, size);
            } else {
                mprotect(mapping, size, PROT_READ);
            }
        }
        if (status == FOV_OK) {
            *map = (struct file_map){
                .bytes = mapping, .size = size, .mapping = mapping, .memory = memory, .held = size};
        } else {
            memory_release(memory, size);
        }
    }
    close(file);
    return status;
}

int file_map(struct file_map *map, const char *path, struct memory *memory, struct error *error)
{
    struct stat info;
    int         file = file_inherited(path), status;
    if (file >= 0) {
        return file_map_stream(map, file, path, memory, error);
    }
    status = file_open_regular(path, &file, &info, error);
    *map = (struct file_map){0};
    return status != FOV_OK ? status : file_map_whole(map, file, path, &info, memory, error);
}

/* ---- reading piece by piece -------------------------------------------------------------------------------------- */

/* Files up to this size are read at once. Larger ones are read in blocks when needed, and weights straight to their
 * destination, so that they are not in memory twice. */
enum { FILE_AT_ONCE_UP_TO = 1 << 20, FILE_BLOCK = 1 << 14 };

struct file_parts {
    struct memory *memory;
    int            file;
    struct stat    info; /**< when it was opened */
    uint8_t       *there; /**< per block: 1 if it has been read */
    size_t         held;  /**< bytes of those blocks, counted in `memory` */
    char          *path;
};

static void file_parts_free(struct file_parts *parts)
{
    if (parts != NULL) {
        close(parts->file);
        memory_release(parts->memory, parts->held);
        memory_free(parts->memory, parts->there);
        memory_free(parts->memory, parts->path);
        memory_free(parts->memory, parts);
    }
}

int file_map_parts(struct file_map *map, const char *path, struct memory *memory, struct error *error)
{
    struct stat info;
    int         file = file_inherited(path), status;
    if (file >= 0) {
        return file_map_stream(map, file, path, memory, error);
    }
    status = file_open_regular(path, &file, &info, error);
    *map = (struct file_map){0};
    return status != FOV_OK ? status : file_map_opened(map, file, path, memory, error);
}

int file_map_opened(struct file_map *map, int file, const char *path, struct memory *memory, struct error *error)
{
    struct file_shown shown;
    struct stat       info;
    *map = (struct file_map){0};
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(file);
        return error_set(error, FOV_E_IO, "cannot read \"%s\": not a regular file", file_show(&shown, path));
    }
    size_t size = (size_t)info.st_size;
    if (size <= FILE_AT_ONCE_UP_TO) {
        return file_map_whole(map, file, path, &info, memory, error);
    }
    struct file_parts *parts = memory_allocate(memory, 1, sizeof *parts, "a file's parts", error);
    if (parts == NULL) {
        close(file);
        return FOV_E_MEMORY;
    }
    *parts = (struct file_parts){.memory = memory, .file = file, .info = info};
    parts->there = memory_allocate(memory, size / FILE_BLOCK + 1, 1, "a file's parts", error);
    parts->path = memory_copy_text(memory, path, error);
    /* Address space for the whole file; only pages that are read take memory. */
    void *mapping = MAP_FAILED;
    if (parts->there != NULL && parts->path != NULL) {
        mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (mapping == MAP_FAILED) {
        file_parts_free(parts);
        return error_set(error, FOV_E_MEMORY, "cannot read \"%s\": no room for its %zu bytes", file_show(&shown, path),
                         size);
    }
    *map = (struct file_map){.bytes = mapping, .size = size, .mapping = mapping, .parts = parts, .opened = file + 1};
    return FOV_OK;
}

/* Whether these bytes lie in a map that is read piece by piece; *offset is their place in the file. */
static bool file_is_partial(const struct file_map *map, const void *bytes, size_t count, size_t *offset)
{
    if (map == NULL || map->parts == NULL) {
        return false;
    }
    uintptr_t begin = (uintptr_t)map->bytes, at = (uintptr_t)bytes;
    *offset = at - begin;
    return at >= begin && at - begin <= map->size && count <= map->size - (at - begin);
}

int file_need(const struct file_map *map, const void *bytes, size_t count, struct error *error)
{
    size_t offset;
    if (count == 0 || !file_is_partial(map, bytes, count, &offset)) {
        return FOV_OK;
    }
    struct file_parts *parts = map->parts;
    size_t last = (offset + count - 1) / FILE_BLOCK;
    for (size_t block = offset / FILE_BLOCK; block <= last; block++) {
        size_t end = block;
        while (end <= last && !parts->there[end]) {
            end++;
        }
        if (end > block) { /* adjacent blocks in one read */
            size_t from = block * FILE_BLOCK, to = end * FILE_BLOCK < map->size ? end * FILE_BLOCK : map->size;
            int    status = memory_hold(parts->memory, to - from, "a file's content", error);
            if (status != FOV_OK) {
                return status;
            }
            parts->held += to - from;
            status = file_read_at(parts->file, parts->path, (uint8_t *)map->mapping + from, to - from, from,
                                  &parts->info, error);
            if (status != FOV_OK) {
                return status;
            }
            memset(parts->there + block, 1, end - block);
            block = end;
        }
    }
    return FOV_OK;
}

int file_check(const struct file_map *map, struct error *error)
{
    const struct file_parts *parts = map->parts;
    return parts == NULL ? FOV_OK : file_check_same(parts->file, parts->path, &parts->info, error);
}

int file_copy(const struct file_map *map, const void *bytes, size_t count, void *to, struct error *error)
{
    size_t offset;
    if (!file_is_partial(map, bytes, count, &offset)) {
        if (count > 0) {
            memcpy(to, bytes, count);
        }
        return FOV_OK;
    }
    return file_read_at(map->parts->file, map->parts->path, to, count, offset, &map->parts->info, error);
}

void file_unmap(struct file_map *map)
{
    if (map->mapping != NULL) {
        munmap(map->mapping, map->size);
        memory_release(map->memory, map->held);
    }
    if (map->block != NULL) {
        memory_free(map->memory, map->block);
    }
    file_parts_free(map->parts);
    *map = (struct file_map){0};
}

int file_read(const char *path, size_t limit, struct memory *memory, uint8_t **bytes, size_t *size, struct error *error)
{
    struct file_shown shown;
    struct stat       info;
    *bytes = NULL;
    *size = 0;
    int file = file_inherited(path), status;
    if (file >= 0) {
        struct error why = {.status = FOV_OK};
        status = file_read_stream(file, path, limit, memory, bytes, size, &why);
        return status == FOV_OK ? FOV_OK : error_set(error, why.status, "%s", why.text);
    }
    status = file_open_regular(path, &file, &info, error);
    if (status != FOV_OK) {
        return status;
    }
    size_t   length = (size_t)info.st_size;
    uint8_t *content = NULL;
    if (length > limit) {
        status = error_set(error, FOV_E_INPUT, "cannot read \"%s\": it has %zu bytes, at most %zu are expected",
                           file_show(&shown, path), length, limit);
    } else {
        content = memory_allocate_raw(memory, length + 1, 1, "file content", error);
        status = content == NULL ? FOV_E_MEMORY : file_fill(file, path, content, &info, error);
    }
    close(file);
    if (status != FOV_OK) {
        memory_free(memory, content);
        return status;
    }
    content[length] = 0;
    *bytes = content;
    *size = length;
    return FOV_OK;
}

/* ---- folders ---------------------------------------------------------------------------------------------------- */

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int file_make_directories(const char *path, struct error *error)
{
    struct file_shown shown;
    char              part[4096];
    size_t            length = strlen(path);
    if (length == 0 || length >= sizeof part) {
        return error_set(error, FOV_E_USAGE, "cannot make folder \"%s\": its name is %s", file_show(&shown, path),
                         length == 0 ? "empty" : "too long");
    }
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0777) != 0) {
            int why = errno; /* mostly EEXIST; EROFS or EACCES for an existing folder is no failure either */
            if (!file_is_directory(part)) {
                return error_set(error, FOV_E_IO, "cannot make folder \"%s\": %s", file_show(&shown, part),
                                 why == EEXIST ? "a file has that name" : strerror(why));
            }
        }
        part[i] = kept;
    }
    return FOV_OK;
}

int file_lock(const char *directory, int *lock, struct error *error)
{
    struct file_shown shown;
    int               file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *lock = 0;
    if (file < 0) {
        return error_set(error, FOV_E_IO, "cannot open folder \"%s\": %s", file_show(&shown, directory),
                         strerror(errno));
    }
    if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(file);
        return error_set(error, FOV_E_IO, "folder \"%s\": another run is writing to it", file_show(&shown, directory));
    }
    *lock = 1 + file;
    return FOV_OK;
}

void file_unlock(int lock)
{
    if (lock > 0) {
        close(lock - 1);
    }
}

int file_join(char *out, size_t size, const char *directory, const char *name, struct error *error)
{
    size_t      length = strlen(directory);
    const char *between = length == 0 || directory[length - 1] == '/' ? "" : "/";
    int         written = snprintf(out, size, "%s%s%s", directory, between, name);
    if (written < 0 || (size_t)written >= size) {
        struct file_shown shown;
        if (size > 0) {
            out[0] = '\0';
        }
        return error_set(error, FOV_E_USAGE, "path too long: \"%s\" in a folder of %zu characters",
                         file_show(&shown, name), length);
    }
    return FOV_OK;
}

static int file_compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int file_list_names(const char *directory, bool hidden, struct memory *memory, char ***names, size_t *count,
                           struct error *error)
{
    struct file_shown shown;
    *names = NULL;
    *count = 0;
    DIR *folder = opendir(directory);
    if (folder == NULL) {
        return error_set(error, FOV_E_IO, "cannot list folder \"%s\": %s", file_show(&shown, directory),
                         strerror(errno));
    }
    /* Collects the names with their terminators, then copies them into one block: pointers first, names behind them. */
    struct text collected = {.memory = memory};
    size_t      found = 0;
    int         status = FOV_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0) {
                status = error_set(error, FOV_E_IO, "cannot list folder \"%s\": %s", file_show(&shown, directory),
                                   strerror(errno));
            }
            break;
        }
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!self && (hidden || entry->d_name[0] != '.')) {
            text_add_bytes(&collected, entry->d_name, strlen(entry->d_name) + 1);
            found++;
        }
    }
    closedir(folder);
    char **block = NULL;
    if (status == FOV_OK) {
        size_t bytes;
        if (!collected.failed && size_multiply(found, sizeof *block, &bytes) &&
            size_add(bytes, collected.length, &bytes)) {
            block = memory_allocate_raw(memory, bytes, 1, "names of files", error);
        }
        if (block == NULL) {
            status = error_set(error, FOV_E_MEMORY, "out of memory: names of %zu files", found);
        }
    }
    if (status == FOV_OK) {
        char *name = (char *)(block + found);
        if (collected.length > 0) {
            memcpy(name, collected.data, collected.length);
        }
        for (size_t i = 0; i < found; i++) {
            block[i] = name;
            name += strlen(name) + 1;
        }
        qsort(block, found, sizeof *block, file_compare_names);
        *names = block;
        *count = found;
    }
    text_free(&collected);
    return status;
}

int file_list(const char *directory, struct memory *memory, char ***names, size_t *count, struct error *error)
{
    return file_list_names(directory, false, memory, names, count, error);
}

int file_list_all(const char *directory, struct memory *memory, char ***names, size_t *count, struct error *error)
{
    return file_list_names(directory, true, memory, names, count, error);
}
