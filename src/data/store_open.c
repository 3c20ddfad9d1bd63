/* SPDX-License-Identifier: MIT */
/* Opens the files that a path stands for: a folder, one archive with its siblings for other splits, or shards. */
#include "base/text.h"
#include "data/dataset.h"
#include "data/folder_scan.h"
#include "data/store_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 100000 };

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Whether a name ends in `suffix` (small letters), in any case of ASCII letters, and is longer than it. */
static bool ends_in(const char *name, size_t length, const char *suffix)
{
    size_t tail = strlen(suffix);
    for (size_t i = 0; i < tail && tail < length; i++) {
        char letter = name[length - tail + i];
        if ((letter >= 'A' && letter <= 'Z' ? letter + 32 : letter) != suffix[i]) {
            return false;
        }
    }
    return tail < length;
}

/* The length of the archive suffix that a path ends in; 0: none. */
static size_t archive_suffix(const char *path)
{
    static const char *const known[] = {".zip", ".tar",    ".tar.gz", ".tgz",     ".tar.bz2", ".tbz2",
                                        ".tbz", ".tar.xz", ".txz",    ".tar.zst", ".tzst",    ".tar.lz4"};
    size_t length = strlen(path), found = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t size = strlen(known[i]);
        found = ends_in(path, length, known[i]) && size > found ? size : found;
    }
    return found;
}

/* "shard-{000..003}.tar": the positions of the braces, and the numbers between them. */
struct pattern {
    size_t open, close; /* of the braces */
    long long first, last;
    int digits;
};

static bool read_pattern(const char *path, struct pattern *pattern)
{
    const char *open = strchr(path, '{'), *close = open ? strchr(open, '}') : NULL;
    const char *dots = open ? strstr(open, "..") : NULL;
    char first[20], last[20];
    if (close == NULL || dots == NULL || dots > close || dots - open > 18 || close - dots > 18) {
        return false;
    }
    snprintf(first, sizeof first, "%.*s", (int)(dots - open - 1), open + 1);
    snprintf(last, sizeof last, "%.*s", (int)(close - dots - 2), dots + 2);
    *pattern =
        (struct pattern){.open = (size_t)(open - path), .close = (size_t)(close - path), .digits = (int)strlen(first)};
    return text_to_integer(first, 0, 1000000000, &pattern->first) &&
           text_to_integer(last, pattern->first, 1000000000, &pattern->last);
}

bool store_is_archive(const char *path)
{
    struct pattern pattern;
    return archive_suffix(path) > 0 &&
           (read_pattern(path, &pattern) || (file_exists(path) && !file_is_directory(path)));
}

/* ---- archives ---------------------------------------------------------------------------------------------------- */

static int index_archive(struct store *store, size_t which, struct error *error)
{
    const struct store_archive *archive = &store->archives[which];
    int status = zip_is(archive) ? zip_index(store, which, error)
                 : ends_in(archive->path, strlen(archive->path), ".zip")
                     ? error_set(error, FOV_E_INPUT, "no zip archive: it begins otherwise (truncated, or damaged?)")
                     : tar_index(store, which, error);
    if (status) {
        error_prefix(error, "%s", store->archives[which].path);
    }
    return status;
}

static int add_archive(struct store *store, const char *path, const char *mount, struct error *error)
{
    struct memory *memory = store->memory;
    size_t count = store->archive_count;
    struct store_archive *archives =
        memory_resize(memory, store->archives, count + 1, sizeof *archives, "archives", error);
    if (archives == NULL) {
        return FOV_E_MEMORY;
    }
    store->archives = archives;
    struct store_archive *archive = &archives[count];
    *archive = (struct store_archive){.path = memory_copy_text(memory, path, error)};
    store->archive_count++;
    archive->mount = memory_copy_text(memory, mount, error);
    int status = archive->path && archive->mount ? FOV_OK : FOV_E_MEMORY;
    status = status ? status : file_map_parts(&archive->map, path, memory, error);
    if (status == FOV_OK) {
        archive->size = archive->map.size;
        status = file_source_open(&archive->source, &archive->map, memory, error);
    }
    if (status == FOV_OK && archive->source != NULL) { // a large file: read in place from now on
        file_unmap(&archive->map);
    }
    return status ? status : index_archive(store, count, error);
}

/* Moves an archive's entries into another folder of the tree; before store_settle. */
static int remount(struct store *store, size_t which, const char *mount, struct error *error)
{
    struct memory *memory = store->memory;
    char *copy = memory_copy_text(memory, mount, error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    memory_free(memory, store->archives[which].mount);
    store->archives[which].mount = copy;
    return FOV_OK;
}

/* The splits that the archive's folders are named after, one bit per role; looks at the first two levels only. */
static unsigned splits_of(const struct store *store, size_t which)
{
    unsigned splits = 0;
    for (size_t i = 0; i < store->entry_count; i++) {
        const char *name = store->names + store->entries[i].name_at;
        char part[64];
        for (int level = 0; level < 2 && store->entries[i].archive == which; level++) {
            size_t length = strcspn(name, "/");
            if (name[length] == '\0' || length >= sizeof part) {
                break;
            }
            snprintf(part, sizeof part, "%.*s", (int)length, name);
            enum folder_role role = folder_role(part);
            splits |= role != FOLDER_ROLES ? 1U << role : 0;
            name += length + 1;
        }
    }
    return splits;
}

/* Finds the last "train" or "training" in the file's name ("NAME-train.zip"), and its length; NULL: none. */
static const char *find_train(const char *path, size_t *length)
{
    const char *slash = strrchr(path, '/'), *found = NULL;
    for (const char *at = slash ? slash + 1 : path; *at; at++) {
        char word[9];
        snprintf(word, sizeof word, "%.8s", at);
        for (char *letter = word; *letter; letter++) {
            *letter = (char)(*letter >= 'A' && *letter <= 'Z' ? *letter + 32 : *letter);
        }
        if (strncmp(word, "train", 5) == 0) {
            found = at;
            *length = strcmp(word, "training") == 0 ? 8 : 5;
        }
    }
    return found;
}

/* Opens the archives beside "NAME-train.zip" that are named after other splits, if it has none of its own. The store's
 * path becomes "NAME-{train,test}.zip". */
static int add_siblings(struct store *store, const char *path, struct error *error)
{
    static const struct {
        const char *word, *mount;
        enum folder_role role;
    } known[] = {{"val", "val/", FOLDER_VALIDATION},
                 {"valid", "val/", FOLDER_VALIDATION},
                 {"validation", "val/", FOLDER_VALIDATION},
                 {"dev", "val/", FOLDER_VALIDATION},
                 {"test", "test/", FOLDER_TEST},
                 {"testing", "test/", FOLDER_TEST},
                 {"eval", "test/", FOLDER_TEST}};
    size_t word = 0;
    const char *train = find_train(path, &word);
    unsigned own = splits_of(store, 0);
    char other[DATA_PATH_SIZE], shown[DATA_PATH_SIZE], list[200];
    int status = FOV_OK;
    if (train == NULL || (own & (1U << FOLDER_TEST | 1U << FOLDER_VALIDATION)) != 0) {
        return FOV_OK;
    }
    size_t before = (size_t)(train - path), used = text_append(list, sizeof list, 0, "%.*s", (int)word, train);
    unsigned found = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known && status == FOV_OK; i++) {
        int fits = snprintf(other, sizeof other, "%.*s%s%s", (int)before, path, known[i].word, train + word);
        if (fits < 0 || (size_t)fits >= sizeof other || (found & 1U << known[i].role) != 0 ||
            !store_is_archive(other)) {
            continue;
        }
        status = add_archive(store, other, "", error);
        if (status == FOV_OK && splits_of(store, store->archive_count - 1) == 0) { // has no folder for its split
            status = remount(store, store->archive_count - 1, known[i].mount, error);
        }
        found |= 1U << known[i].role;
        used = text_append(list, sizeof list, used, ",%s", known[i].word);
    }
    if (status == FOV_OK && found != 0) {
        snprintf(shown, sizeof shown, "%.*s{%.100s}%s", (int)before, path, list, train + word);
        memory_free(store->memory, store->path);
        store->path = memory_copy_text(store->memory, shown, error);
        status = store->path ? FOV_OK : FOV_E_MEMORY;
    }
    if (status == FOV_OK && found != 0 && own == 0) {
        status = remount(store, 0, "train/", error);
    }
    return status;
}

/* ---- shards ------------------------------------------------------------------------------------------------------ */

/* Adds "DIR/train-0003.tar" as the folder "train-0003/": each shard has a folder of its own. */
static int add_shard(struct store *store, const char *path, struct error *error)
{
    char mount[DATA_PATH_SIZE];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    snprintf(mount, sizeof mount, "%.*s/", (int)(strlen(name) - archive_suffix(name)), name);
    return add_archive(store, path, mount, error);
}

static int open_pattern(struct store *store, const char *path, const struct pattern *pattern, struct error *error)
{
    char shard[DATA_PATH_SIZE];
    if (pattern->last - pattern->first >= SHARDS) {
        return error_set(error, FOV_E_USAGE, "%s: more than %d shards", path, SHARDS);
    }
    int status = FOV_OK;
    for (long long i = pattern->first; i <= pattern->last && status == FOV_OK; i++) {
        int fits = snprintf(shard, sizeof shard, "%.*s%0*lld%s", (int)pattern->open, path, pattern->digits, i,
                            path + pattern->close + 1);
        status = fits > 0 && (size_t)fits < sizeof shard ? add_shard(store, shard, error)
                                                         : error_set(error, FOV_E_USAGE, "%s: too long", path);
    }
    return status;
}

/* Whether a file is a tar, by its name: one of the shards that a folder may hold. */
static bool is_shard(const char *name)
{
    return archive_suffix(name) > 0 && !ends_in(name, strlen(name), ".zip");
}

/* Notes a file beside shards that is not read: a zip may hold samples, other files do not. */
static int note_beside(struct store *store, const char *path, const char *name, struct error *error)
{
    if (folder_is_system(name)) {
        return FOV_OK;
    }
    bool is_archive = archive_suffix(name) > 0;
    return findings_add(&store->findings, FINDING_OF_ALL, is_archive ? FOV_FINDING_WARNING : FOV_FINDING_NOTE,
                        is_archive ? "archive not read" : "other file", path, "skipped", error,
                        is_archive ? "a zip beside tar archives, which alone are the data" : "not a tar archive");
}

/* If a folder holds tar archives and nothing else that could be data, adds these as shards. */
static int open_shards(struct store *store, const char *path, struct error *error)
{
    char **names, shard[DATA_PATH_SIZE];
    size_t count, shards = 0, others = 0;
    int status = file_list(path, store->memory, &names, &count, error);
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        bool tar = is_shard(names[i]);
        status = file_join(shard, sizeof shard, path, names[i], error);
        shards += tar;
        others += !tar && (file_is_directory(shard) || probe_name(names[i]) != NULL);
    }
    for (size_t i = 0; i < count && status == FOV_OK && others == 0 && shards > 0; i++) {
        status = file_join(shard, sizeof shard, path, names[i], error);
        if (status == FOV_OK) {
            status = is_shard(names[i]) ? add_shard(store, shard, error) : note_beside(store, shard, names[i], error);
        }
    }
    memory_free(store->memory, names);
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int open_path(struct store *store, const char *path, struct error *error)
{
    struct pattern pattern;
    if (file_is_directory(path)) {
        return open_shards(store, path, error);
    }
    if (!file_exists(path) && read_pattern(path, &pattern)) {
        return open_pattern(store, path, &pattern, error);
    }
    int status = add_archive(store, path, "", error);
    return status ? status : add_siblings(store, path, error);
}

static struct store *create(struct memory *memory, struct error *error)
{
    struct store *store = memory_allocate(memory, 1, sizeof *store, "a store of files", error);
    if (store != NULL) {
        store->memory = store->findings.memory = memory;
        store->owners = 1;
    }
    return store;
}

int store_open_memory(struct store **made, const uint8_t *bytes, size_t size, struct memory *memory,
                      struct error *error)
{
    struct store *store = create(memory, error);
    *made = NULL;
    if (store == NULL) {
        return FOV_E_MEMORY;
    }
    store->path = memory_copy_text(memory, "archive", error);
    store->archives = memory_allocate(memory, 1, sizeof *store->archives, "archives", error);
    int status = store->path && store->archives ? FOV_OK : FOV_E_MEMORY;
    if (status == FOV_OK) {
        struct store_archive *archive = &store->archives[0];
        store->archive_count = 1;
        archive->plain = true;
        archive->map.bytes = bytes;
        archive->size = archive->map.size = size;
        archive->path = memory_copy_text(memory, store->path, error);
        archive->mount = memory_copy_text(memory, "", error);
        status = archive->path && archive->mount ? index_archive(store, 0, error) : FOV_E_MEMORY;
    }
    status = status ? status : store_settle(store, error);
    if (status) {
        store_close(store);
        return status;
    }
    *made = store;
    return FOV_OK;
}

int store_open(struct store **made, const char *path, struct memory *memory, struct error *error)
{
    struct store *store = create(memory, error);
    *made = NULL;
    if (store == NULL) {
        return FOV_E_MEMORY;
    }
    char root[DATA_PATH_SIZE];
    size_t length = (size_t)snprintf(root, sizeof root, "%s", path);
    while (length > 1 && length < sizeof root && root[length - 1] == '/') {
        root[--length] = '\0';
    }
    store->path = memory_copy_text(memory, root, error);
    int status = store->path ? open_path(store, root, error) : FOV_E_MEMORY;
    if (status == FOV_OK && store->archives != NULL) {
        status = store_settle(store, error);
    }
    if (status) {
        store_close(store);
        return status;
    }
    *made = store;
    return FOV_OK;
}
