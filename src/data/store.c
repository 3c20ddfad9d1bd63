/* SPDX-License-Identifier: MIT */
/* The tree of a store: a folder on disk is looked up on demand; archives are indexed once into a table sorted by name,
 * in which a folder is a contiguous range. store_open.c decides which archives belong together. */
#include "base/text.h"
#include "data/dataset.h"
#include "data/store_inside.h"
#include "image/image.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORE_NAME = 3072 /* bytes of the longest name in an archive */, STORE_ENTRIES = 20000000 };

/* ---- filling ----------------------------------------------------------------------------------------------------- */

int store_archive_read(const struct store_archive *archive, uint64_t offset, void *bytes, size_t count,
                       struct error *error)
{
    if (offset > archive->size || count > archive->size - offset) {
        return error_set(error, FOV_E_INPUT, "the archive ends too early");
    }
    if (archive->source != NULL) {
        return file_source_read(archive->source, (size_t)offset, bytes, count, error);
    }
    memcpy(bytes, archive->map.bytes + offset, count);
    return FOV_OK;
}

int store_skip(struct store *store, size_t archive, const char *name, size_t length, const char *kind, const char *what,
               struct error *error)
{
    char place[700];
    snprintf(place, sizeof place, "%.300s/%.*s", store->archives[archive].path, (int)(length < 350 ? length : 350),
             name);
    return findings_add(&store->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, kind, place, "skipped", error, "%s",
                        what);
}

/* Normalises a name: one '/' between folders, none in front, no "."; false if it is empty or, with *wrong set,
 * unsafe. */
static bool clean_name(char out[STORE_NAME], const char *name, size_t length, const char **wrong)
{
    size_t used = 0;
    bool is_folder = length > 0 && (name[length - 1] == '/' || name[length - 1] == '\\');
    *wrong = length >= STORE_NAME - 1                            ? "its name is too long"
             : memchr(name, 0, length) != NULL                   ? "its name has a zero byte"
             : length > 0 && (name[0] == '/' || name[0] == '\\') ? "an absolute path, which leads out of the archive"
             : length > 1 && name[1] == ':'                      ? "a path with a drive, which leads out of the archive"
                                                                 : NULL;
    for (size_t at = 0; at < length && *wrong == NULL;) {
        size_t end = at;
        while (end < length && name[end] != '/' && name[end] != '\\') {
            end++;
        }
        size_t part = end - at;
        if (part == 2 && memcmp(name + at, "..", 2) == 0) {
            *wrong = "a path with \"..\", which leads out of the archive";
        } else if (part > 0 && !(part == 1 && name[at] == '.')) {
            memcpy(out + used, name + at, part);
            used += part;
            out[used++] = '/';
        }
        at = end + 1;
    }
    used -= used > 0 && !is_folder;
    out[used] = '\0';
    return *wrong == NULL && used > 0;
}

int store_add(struct store *store, size_t which, const char *name, size_t length, const struct store_entry *entry,
              struct error *error)
{
    char clean[STORE_NAME];
    const char *wrong;
    if (!clean_name(clean, name, length, &wrong)) {
        memory_free(store->memory, entry->held);
        return wrong ? store_skip(store, which, name, length, "unsafe name", wrong, error) : FOV_OK;
    }
    if (store->entry_count >= STORE_ENTRIES) {
        memory_free(store->memory, entry->held);
        return error_set(error, FOV_E_INPUT, "more than %d files in an archive", STORE_ENTRIES);
    }
    void *entries = store->entries, *names = store->names;
    size_t more = strlen(clean) + 1;
    int status = memory_grow(store->memory, &entries, &store->entry_capacity, store->entry_count,
                             sizeof *store->entries, "an archive's files", error);
    store->entries = entries;
    while (status == FOV_OK && store->name_capacity - store->name_length < more) {
        status = memory_grow(store->memory, &names, &store->name_capacity, store->name_capacity, 1,
                             "an archive's names", error);
        store->names = names;
    }
    if (status) {
        memory_free(store->memory, entry->held);
        return status;
    }
    struct store_entry *made = &store->entries[store->entry_count];
    *made = *entry;
    made->archive = (uint32_t)which;
    made->order = (uint32_t)store->entry_count++;
    made->name_at = store->name_length;
    memcpy(store->names + store->name_length, clean, more);
    store->name_length += more;
    return FOV_OK;
}

static int compare_entries(const void *a, const void *b)
{
    const struct store_entry *first = a, *second = b;
    int order = strcmp(first->name, second->name);
    return order ? order : first->order < second->order ? -1 : first->order > second->order;
}

static bool is_folder_name(const char *name)
{
    return name[strlen(name) - 1] == '/';
}

/* Index of the first entry whose name is not less than `key`. */
static size_t lower_bound(const struct store *store, const char *key)
{
    size_t low = 0, high = store->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(store->entries[middle].name, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Whether a folder exists, as an entry or because entries lie below it; `name` has no '/' at its end. */
static bool has_folder(const struct store *store, const char *name)
{
    char key[DATA_PATH_SIZE];
    int length = snprintf(key, sizeof key, "%s/", name);
    size_t at = length > 0 && (size_t)length < sizeof key ? lower_bound(store, key) : store->entry_count;
    return at < store->entry_count && strncmp(store->entries[at].name, key, (size_t)length) == 0;
}

/* Sets the entries' names in the tree: the archive's mount, then the name in the archive. */
static int place_entries(struct store *store, struct error *error)
{
    size_t need = 1, used = 0;
    for (size_t i = 0; i < store->entry_count; i++) {
        const struct store_entry *entry = &store->entries[i];
        need += strlen(store->archives[entry->archive].mount) + strlen(store->names + entry->name_at) + 1;
    }
    char *names = memory_allocate_raw(store->memory, need, 1, "an archive's names", error);
    for (size_t i = 0; names != NULL && i < store->entry_count; i++) {
        struct store_entry *entry = &store->entries[i];
        entry->name = names + used;
        used = 1 + text_append(names, need, used, "%s%s", store->archives[entry->archive].mount,
                               store->names + entry->name_at);
    }
    memory_free(store->memory, store->names);
    store->names = names;
    return names ? FOV_OK : FOV_E_MEMORY;
}

/* Of several files with one name the one added last is kept; a file with the name of a folder is dropped. */
int store_settle(struct store *store, struct error *error)
{
    int status = place_entries(store, error);
    if (status) {
        return status;
    }
    if (store->entry_count > 1) {
        qsort(store->entries, store->entry_count, sizeof *store->entries, compare_entries);
    }
    size_t kept = 0;
    for (size_t i = 0; i < store->entry_count; i++) {
        struct store_entry *entry = &store->entries[i];
        size_t length = strlen(entry->name), mount = strlen(store->archives[entry->archive].mount);
        bool twice = i + 1 < store->entry_count && strcmp(entry->name, store->entries[i + 1].name) == 0;
        bool folder = is_folder_name(entry->name), both = !folder && !twice && has_folder(store, entry->name);
        if ((twice && !folder) || both) {
            int said =
                store_skip(store, entry->archive, entry->name + mount, length - mount, "same name twice",
                           both ? "a folder has the same name" : "a later file has the same name, and is used", error);
            status = status ? status : said;
        }
        if (twice || both) {
            memory_free(store->memory, entry->held);
            entry->held = NULL;
        } else {
            store->entries[kept++] = *entry; // only moves down, so that has_folder still finds all later names
        }
    }
    store->entry_count = kept;
    return status;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

struct store *store_share(struct store *store)
{
    store->owners++;
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL || --store->owners > 0) {
        return;
    }
    struct memory *memory = store->memory;
    for (size_t i = 0; i < store->entry_count; i++) {
        memory_free(memory, store->entries[i].held);
    }
    for (size_t i = 0; i < store->archive_count; i++) {
        file_source_close(store->archives[i].source);
        file_unmap(&store->archives[i].map);
        memory_free(memory, store->archives[i].path);
        memory_free(memory, store->archives[i].mount);
    }
    findings_free(&store->findings);
    memory_free(memory, store->archives);
    memory_free(memory, store->entries);
    memory_free(memory, store->names);
    memory_free(memory, store->path);
    memory_free(memory, store);
}

const char *store_path(const struct store *store)
{
    return store->path;
}

const struct findings *store_findings(const struct store *store)
{
    return &store->findings;
}

bool store_is_folder(const struct store *store)
{
    return store->archives == NULL;
}

/* The part of a path below the store's own path; NULL: the path is not in this store. */
static const char *name_of(const struct store *store, const char *path)
{
    size_t root = strlen(store->path);
    if (strncmp(path, store->path, root) != 0 || (path[root] != '/' && path[root] != '\0')) {
        return NULL;
    }
    return path + root + (path[root] == '/');
}

static const struct store_entry *find_entry(const struct store *store, const char *path)
{
    const char *name = name_of(store, path);
    size_t at = name && *name ? lower_bound(store, name) : store->entry_count;
    return at < store->entry_count && strcmp(store->entries[at].name, name) == 0 ? &store->entries[at] : NULL;
}

enum store_kind store_look(const struct store *store, const char *path)
{
    if (store_is_folder(store)) {
        return file_is_directory(path) ? STORE_FOLDER : file_exists(path) ? STORE_FILE : STORE_NOTHING;
    }
    const char *name = name_of(store, path);
    if (name == NULL) {
        return STORE_NOTHING;
    }
    return *name == '\0' || has_folder(store, name) ? STORE_FOLDER
           : find_entry(store, path)                ? STORE_FILE
                                                    : STORE_NOTHING;
}

static int compare_texts(const void *a, const void *b)
{
    const char *const *first = a, *const *second = b;
    return strcmp(*first, *second);
}

/* Counts the names directly in a folder, prefix "" or "train/", and their bytes. If `names` is given, also writes them:
 * `count` pointers, then the texts. */
static size_t each_name(const struct store *store, const char *prefix, char **names, size_t count, size_t *bytes)
{
    size_t found = 0, length = strlen(prefix);
    char *text = names ? (char *)(names + count) : NULL;
    char next[DATA_PATH_SIZE];
    *bytes = 0;
    for (size_t at = lower_bound(store, prefix);
         at < store->entry_count && strncmp(store->entries[at].name, prefix, length) == 0;) {
        const char *rest = store->entries[at].name + length;
        size_t part = strcspn(rest, "/");
        bool inside = rest[part] == '/';
        if (part > 0) {
            if (names) {
                names[found] = text;
                memcpy(text, rest, part);
                text[part] = '\0';
                text += part + 1;
            }
            found++;
            *bytes += part + 1;
        }
        // skips everything below this folder: '0' follows '/' in ASCII
        snprintf(next, sizeof next, "%s%.*s0", prefix, (int)part, rest);
        at = inside ? lower_bound(store, next) : at + 1;
    }
    return found;
}

int store_list(const struct store *store, const char *folder, struct memory *memory, char ***names, size_t *count,
               struct error *error)
{
    char prefix[DATA_PATH_SIZE];
    size_t bytes;
    if (store_is_folder(store)) {
        return file_list_all(folder, memory, names, count, error);
    }
    const char *name = name_of(store, folder);
    snprintf(prefix, sizeof prefix, "%s%s", name ? name : "/", name && *name ? "/" : "");
    *count = each_name(store, prefix, NULL, 0, &bytes);
    *names = memory_allocate(memory, *count * sizeof **names + bytes + 1, 1, "a folder's names", error);
    if (*names == NULL) {
        return FOV_E_MEMORY;
    }
    each_name(store, prefix, *names, *count, &bytes);
    qsort(*names, *count, sizeof **names, compare_texts);
    return FOV_OK;
}

static int compare_places(const void *a, const void *b)
{
    const struct store_entry *const *first = a, *const *second = b;
    return ((*first)->order > (*second)->order) - ((*first)->order < (*second)->order);
}

int store_each(const struct store *store, int (*take)(void *user, const char *path, struct error *error), void *user,
               struct error *error)
{
    const struct store_entry **places =
        memory_allocate(store->memory, store->entry_count, sizeof(struct store_entry *), "an archive's files", error);
    char path[DATA_PATH_SIZE];
    int status = places != NULL ? FOV_OK : FOV_E_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < store->entry_count && status == FOV_OK; i++) {
        if (!is_folder_name(store->entries[i].name)) {
            places[count++] = &store->entries[i];
        }
    }
    if (count > 1) {
        qsort(places, count, sizeof(struct store_entry *), compare_places);
    }
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        snprintf(path, sizeof path, "%s/%s", store->path, places[i]->name);
        status = take(user, path, error);
    }
    memory_free(store->memory, places);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int read_entry(const struct store *store, const struct store_entry *entry, uint8_t *bytes, size_t count,
                      struct error *error)
{
    switch (entry->packing) {
    case STORE_HELD:
        memcpy(bytes, entry->held, count);
        return FOV_OK;
    case STORE_AS_IT_IS:
        return store_archive_read(&store->archives[entry->archive], entry->offset, bytes, count, error);
    default:
        return zip_read(store, entry, bytes, count, error);
    }
}

int store_read_begin(const struct store *store, const char *path, size_t most, struct memory *memory, uint8_t **bytes,
                     size_t *size, uint64_t *whole, struct error *error)
{
    const struct store_entry *entry = find_entry(store, path);
    *bytes = NULL;
    if (entry == NULL) {
        return error_set(error, FOV_E_IO, "%s: there is no such file", path);
    }
    *whole = entry->size;
    *size = entry->size < most ? (size_t)entry->size : most;
    *bytes = memory_allocate_raw(memory, *size + 1, 1, "a file", error);
    int status = *bytes ? read_entry(store, entry, *bytes, *size, error) : FOV_E_MEMORY;
    if (status) {
        error_prefix(error, "%s", path);
        memory_free(memory, *bytes);
        *bytes = NULL;
    } else {
        (*bytes)[*size] = 0;
    }
    return status;
}

int store_read(const struct store *store, const char *path, size_t limit, struct memory *memory, uint8_t **bytes,
               size_t *size, struct error *error)
{
    uint64_t whole;
    if (store_is_folder(store)) {
        return file_read(path, limit, memory, bytes, size, error);
    }
    const struct store_entry *entry = find_entry(store, path);
    if (entry != NULL && entry->size > limit) {
        *bytes = NULL;
        return error_set(error, FOV_E_INPUT, "%s: %llu bytes are more than the %zu that are read", path,
                         (unsigned long long)entry->size, limit);
    }
    return store_read_begin(store, path, limit, memory, bytes, size, &whole, error);
}

void store_probe(const struct store *store, const char *path, struct probe *probe, struct memory *memory)
{
    enum { BEGIN = 1 << 16 };
    if (store_is_folder(store)) {
        probe_file(probe, path, memory);
        return;
    }
    size_t most = BEGIN, size;
    uint64_t whole;
    do { // most headers are in the first bytes; if not (a large EXIF block precedes), the whole file is read
        uint8_t *bytes;
        struct error error = {.status = FOV_OK};
        if (store_read_begin(store, path, most, memory, &bytes, &size, &whole, &error) != FOV_OK) {
            size_t length = strlen(path);
            bool named = strncmp(error.text, path, length) == 0 && strncmp(error.text + length, ": ", 2) == 0;
            *probe = (struct probe){.status = error.status};
            snprintf(probe->why, sizeof probe->why, "%.*s", (int)sizeof probe->why - 1,
                     error.text + (named ? length + 2 : 0));
            return;
        }
        probe_bytes(probe, bytes, size, memory);
        probe->size = whole;
        memory_free(memory, bytes);
        most = most == BEGIN && whole <= IMAGE_MAX_FILE ? (size_t)whole : 0;
    } while (probe->status != FOV_OK && most > size);
}
