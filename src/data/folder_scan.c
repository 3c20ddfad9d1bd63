/* SPDX-License-Identifier: MIT */
/* Derives splits and classes from names of files and folders. A folder is judged in this order: is it left behind by an
 * operating system; is it a split, by its name and because it holds folders rather than pictures; else it is a class.
 * What cannot be told for certain is an error with a sentence, never a class. */
#include "data/folder_scan.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/probe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_MAX_DEPTH = 8, SCAN_MAX_DESCENT = 4, SCAN_MAX_CLASSES = 100000 };

/* ---- one folder's content ---------------------------------------------------------------------------------------- */

enum entry_kind { ENTRY_SYSTEM, ENTRY_FOLDER, ENTRY_PICTURE, ENTRY_OTHER };

struct entry {
    const char *name;
    char *path;
    enum entry_kind kind;
};

/* A listing, sorted bytewise by name. */
struct listing {
    struct memory *memory;
    char **names; /* one block */
    struct entry *entries;
    size_t count, of_kind[4];
};

static void listing_free(struct listing *listing)
{
    for (size_t i = 0; listing->entries && i < listing->count; i++) {
        memory_free(listing->memory, listing->entries[i].path);
    }
    if (listing->memory) {
        memory_free(listing->memory, listing->entries);
        memory_free(listing->memory, listing->names);
    }
    *listing = (struct listing){.memory = NULL};
}

static int listing_read(struct listing *listing, const char *directory, const struct folder_scan *scan,
                        struct error *error)
{
    struct memory *memory = scan->memory;
    char path[DATA_PATH_SIZE];
    *listing = (struct listing){.memory = memory};
    int status = store_list(scan->store, directory, memory, &listing->names, &listing->count, error);
    if (status) {
        return status;
    }
    listing->entries = memory_allocate(memory, listing->count + 1, sizeof *listing->entries, "a folder's files", error);
    if (listing->entries == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < listing->count; i++) {
        struct entry *entry = &listing->entries[i];
        entry->name = listing->names[i];
        status = file_join(path, sizeof path, directory, entry->name, error);
        entry->path = status ? NULL : memory_copy_text(memory, path, error);
        if (entry->path == NULL) {
            return status ? status : FOV_E_MEMORY;
        }
        entry->kind = folder_is_system(entry->name)     ? ENTRY_SYSTEM
                      : store_look(scan->store, path) == STORE_FOLDER ? ENTRY_FOLDER
                      : probe_name(entry->name) != NULL ? ENTRY_PICTURE
                                                        : ENTRY_OTHER;
        listing->of_kind[entry->kind]++;
    }
    return FOV_OK;
}

static int compare_twins(const void *a, const void *b)
{
    const struct entry *const *first = a, *const *second = b;
    int order = folder_compare_names((*first)->name, (*second)->name);
    return order ? order : strcmp((*first)->name, (*second)->name);
}

/* Notes names that differ in case only, which case-insensitive file systems cannot keep apart. */
static int note_twins(struct folder_scan *scan, int part, const struct listing *listing, struct error *error)
{
    if (listing->count < 2) {
        return FOV_OK;
    }
    const struct entry **sorted =
        memory_allocate_raw(scan->memory, listing->count, sizeof *sorted, "a folder's files", error);
    if (sorted == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < listing->count; i++) {
        sorted[i] = &listing->entries[i];
    }
    qsort(sorted, listing->count, sizeof *sorted, compare_twins);
    int status = FOV_OK;
    for (size_t i = 1; i < listing->count && status == FOV_OK; i++) {
        if (sorted[i]->kind != ENTRY_SYSTEM && folder_compare_names(sorted[i - 1]->name, sorted[i]->name) == 0) {
            status = findings_add(scan->findings, part, FOV_FINDING_WARNING, "names differ in case", sorted[i]->path,
                                  "both used", error, "differs from \"%.200s\" in case only", sorted[i - 1]->name);
        }
    }
    memory_free(scan->memory, sorted);
    return status;
}

/* Notes entries that are neither folders nor pictures, and names that differ in case only. */
static int note_others(struct folder_scan *scan, int part, const struct listing *listing, struct error *error)
{
    int status = note_twins(scan, part, listing, error);
    for (size_t i = 0; i < listing->count && status == FOV_OK; i++) {
        const struct entry *entry = &listing->entries[i];
        if (entry->kind == ENTRY_SYSTEM) {
            status = findings_add(scan->findings, part, FOV_FINDING_NOTE,
                                  *entry->name == '.' ? "hidden file" : "system file", entry->path, "skipped", error,
                                  *entry->name == '.' ? "hidden" : "left behind by a system or an archive");
        } else if (entry->kind == ENTRY_OTHER && probe_other_name(entry->name) != NULL) {
            status = findings_add(scan->findings, part, FOV_FINDING_WARNING, "format not read", entry->path, "skipped",
                                  error, "a %s, which is not read: PNG, JPEG, WebP, GIF or BMP",
                                  probe_other_name(entry->name));
        } else if (entry->kind == ENTRY_OTHER) {
            status = findings_add(scan->findings, part, FOV_FINDING_NOTE, "other file", entry->path, "skipped", error,
                                  "not a picture by its name");
        }
    }
    return status;
}

/* ---- a class ----------------------------------------------------------------------------------------------------- */

static int add_text(struct folder_scan *scan, char ***list, size_t *capacity, size_t count, const char *text,
                    struct error *error)
{
    void *block = *list;
    int status = memory_grow(scan->memory, &block, capacity, count, sizeof **list, "paths", error);
    *list = block;
    char *copy = status ? NULL : memory_copy_text(scan->memory, text, error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    (*list)[count] = copy;
    return FOV_OK;
}

static int add_picture(struct folder_scan *scan, struct folder_part *part, const char *path, int32_t label,
                       struct error *error)
{
    void *labels = part->labels;
    int status =
        memory_grow(scan->memory, &labels, &part->label_capacity, part->count, sizeof *part->labels, "labels", error);
    part->labels = labels;
    if (status == FOV_OK) {
        status = add_text(scan, &part->paths, &part->path_capacity, part->count, path, error);
    }
    if (status == FOV_OK) {
        part->labels[part->count++] = label;
    }
    return status;
}

/* The content of a class folder, all levels together. */
struct class_content {
    size_t direct, nested; /* pictures directly in it, and in folders below it */
    size_t others;         /* files that are neither pictures nor left by a system */
    size_t folders;        /* folders directly in it */
    char inner[256];       /* name of the first of these folders */
};

/* Adds the pictures in a folder and below it, in order of their names. */
static int collect(struct folder_scan *scan, int role, const char *directory, int32_t label, int depth,
                   struct class_content *content, struct error *error)
{
    struct folder_part *part = &scan->part[role];
    struct listing listing;
    int status = listing_read(&listing, directory, scan, error);
    status = status ? status : note_others(scan, role, &listing, error);
    content->others += listing.of_kind[ENTRY_OTHER];
    for (size_t i = 0; i < listing.count && status == FOV_OK; i++) {
        const struct entry *entry = &listing.entries[i];
        if (entry->kind == ENTRY_PICTURE) {
            content->direct += depth == 0;
            content->nested += depth > 0;
            status = add_picture(scan, part, entry->path, label, error);
        } else if (entry->kind == ENTRY_FOLDER && depth >= SCAN_MAX_DEPTH) {
            status = findings_add(scan->findings, role, FOV_FINDING_ERROR, "folders too deep", entry->path, "error",
                                  error, "folders are nested more than %d deep (a link that loops?)", SCAN_MAX_DEPTH);
        } else if (entry->kind == ENTRY_FOLDER) {
            if (depth == 0 && content->folders++ == 0) {
                snprintf(content->inner, sizeof content->inner, "%s", entry->name);
            }
            status = collect(scan, role, entry->path, label, depth + 1, content, error);
        }
    }
    listing_free(&listing);
    return status;
}

/* Notes a class folder without pictures: a warning if it holds no file, an error if it holds other files. */
static int note_empty(struct folder_scan *scan, int role, const struct entry *entry,
                      const struct class_content *content, struct error *error)
{
    if (content->others == 0) {
        return findings_add(scan->findings, role, FOV_FINDING_WARNING, "empty folder", entry->path, "skipped", error,
                            "holds no file: not taken as a class");
    }
    return findings_add(scan->findings, role, FOV_FINDING_ERROR, "class without pictures", entry->path, "error", error,
                        "class \"%.100s\" holds no picture (but %zu other file%s)", entry->name, content->others,
                        content->others == 1 ? "" : "s");
}

/* ---- a part ------------------------------------------------------------------------------------------------------ */

/* The layout of a part's classes, to tell class folders from a level of folders above them. */
struct part_shape {
    size_t only_folders; /* classes without pictures directly in them, only in folders below */
    bool same_inner;     /* each of these has a single folder, of the same name: class/images/... */
    char inner[256];
};

static void add_shape(struct part_shape *shape, const struct class_content *content)
{
    if (content->direct > 0) {
        return;
    }
    if (shape->only_folders++ == 0) {
        shape->same_inner = true;
        snprintf(shape->inner, sizeof shape->inner, "%s", content->inner);
    }
    shape->same_inner = shape->same_inner && content->folders == 1 && strcmp(content->inner, shape->inner) == 0;
}

/* If no class has pictures directly in it: accepts class/SAME_NAME/..., else refuses an ambiguous level of folders. */
static int judge_shape(struct folder_scan *scan, int role, const struct part_shape *shape, struct error *error)
{
    const struct folder_part *part = &scan->part[role];
    if (shape->only_folders == 0 || shape->only_folders < part->class_count) {
        return FOV_OK;
    }
    if (shape->same_inner && part->class_count > 1) {
        return findings_add(scan->findings, role, FOV_FINDING_NOTE, "nested folders", part->path, "used", error,
                            "each class keeps its pictures in a folder \"%.100s\"", shape->inner);
    }
    return findings_add(scan->findings, role, FOV_FINDING_ERROR, "folders of folders", part->path, "error", error,
                        "its folders (\"%.60s\"%s) hold no pictures but only folders (\"%.60s\" ...): which are the "
                        "classes? Splits are known as train, val and test; a class is a folder with pictures in it",
                        part->classes[0], part->class_count > 1 ? " ..." : "", shape->inner);
}

static int read_class(struct folder_scan *scan, int role, const struct entry *entry, struct part_shape *shape,
                      struct error *error)
{
    struct folder_part *part = &scan->part[role];
    struct class_content content = {.direct = 0};
    int status = collect(scan, role, entry->path, (int32_t)part->class_count, 0, &content, error);
    if (status) {
        return status;
    }
    if (content.direct + content.nested == 0) {
        return note_empty(scan, role, entry, &content, error);
    }
    add_shape(shape, &content);
    if (content.nested > 0 && content.direct > 0) {
        status =
            findings_add(scan->findings, role, FOV_FINDING_WARNING, "nested folders", entry->path,
                         "used as the class's own", error, "%zu of its pictures lie in folders of it", content.nested);
    }
    status =
        status ? status : add_text(scan, &part->classes, &part->class_capacity, part->class_count, entry->name, error);
    part->class_count += status == FOV_OK;
    return status;
}

/* Reads the classes of a split, or of a folder without splits. */
static int read_part(struct folder_scan *scan, int role, const char *path, const struct listing *listing,
                     struct error *error)
{
    struct folder_part *part = &scan->part[role];
    struct part_shape shape = {.only_folders = 0};
    part->path = memory_copy_text(scan->memory, path, error);
    int status = part->path ? note_others(scan, role, listing, error) : FOV_E_MEMORY;
    for (size_t i = 0; i < listing->count && status == FOV_OK; i++) {
        const struct entry *entry = &listing->entries[i];
        if (entry->kind == ENTRY_FOLDER) {
            status = read_class(scan, role, entry, &shape, error);
        } else if (entry->kind == ENTRY_PICTURE && listing->of_kind[ENTRY_FOLDER] > 0) {
            status = findings_add(scan->findings, role, FOV_FINDING_WARNING, "picture without class", entry->path,
                                  "skipped", error, "lies beside the class folders, not in one");
        }
    }
    part->labelled = part->class_count > 0;
    if (status == FOV_OK && part->class_count > SCAN_MAX_CLASSES) {
        status = findings_add(scan->findings, role, FOV_FINDING_ERROR, "too many classes", path, "error", error,
                              "%zu class folders; at most %d are taken", part->class_count, SCAN_MAX_CLASSES);
    }
    return status ? status : judge_shape(scan, role, &shape, error);
}

/* Notes a split whose pictures are in no class folders, like the test pictures of competitions; or an empty split,
   which is skipped. */
static int note_flat(struct folder_scan *scan, int role, const char *path, size_t pictures, struct error *error)
{
    if (pictures == 0) {
        return findings_add(scan->findings, FOLDER_TEST, FOV_FINDING_WARNING, "empty folder", path, "skipped", error,
                            "holds no picture: not taken as a split");
    }
    scan->part[role].path = memory_copy_text(scan->memory, path, error);
    return scan->part[role].path == NULL
               ? FOV_E_MEMORY
               : findings_add(scan->findings, FOLDER_TEST, FOV_FINDING_WARNING, "pictures without classes", path,
                              "skipped", error, "%zu picture%s in no class folder", pictures, pictures == 1 ? "" : "s");
}

/* ---- which folder is what ---------------------------------------------------------------------------------------- */

/* The folders of a root that may be splits. */
struct candidates {
    struct listing inside[FOLDER_ROLES];      /* content of the folder chosen for each role */
    const struct entry *chosen[FOLDER_ROLES]; /* NULL: none */
    bool labelled[FOLDER_ROLES];              /* the chosen folder holds folders */
    size_t with_role, labelled_count;         /* folders with a split's name; roles whose chosen folder is labelled */
};

static void candidates_free(struct candidates *candidates)
{
    for (int role = 0; role < FOLDER_ROLES; role++) {
        listing_free(&candidates->inside[role]);
    }
}

/* Considers one more folder with a split's name. Of two for one role, the one with class folders wins; if both have
   some, that is an error. */
static int offer_candidate(struct folder_scan *scan, struct candidates *candidates, enum folder_role role,
                           const struct entry *entry, struct error *error)
{
    static const char *const words[FOLDER_ROLES] = {"training", "validation", "test"};
    struct listing inside;
    int status = listing_read(&inside, entry->path, scan, error);
    bool labelled = inside.of_kind[ENTRY_FOLDER] > 0;
    const struct entry *before = candidates->chosen[role];
    candidates->with_role++;
    if (status == FOV_OK && before != NULL && labelled == candidates->labelled[role] && labelled) {
        status =
            findings_add(scan->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "two folders for one split", entry->path,
                         "error", error, "both this and \"%.200s\" look like the %s split", before->name, words[role]);
    }
    bool wins = status == FOV_OK && (before == NULL || (labelled && !candidates->labelled[role]));
    if (wins) {
        listing_free(&candidates->inside[role]);
        candidates->inside[role] = inside;
        candidates->chosen[role] = entry;
        candidates->labelled_count += labelled && !candidates->labelled[role];
        candidates->labelled[role] = labelled;
    } else {
        listing_free(&inside);
    }
    return status;
}

/* Notes a folder with a split's name that is skipped because another folder was chosen for that split. */
static int note_loser(struct folder_scan *scan, const struct entry *entry, const struct entry *chosen,
                      struct error *error)
{
    struct listing inside;
    int status = listing_read(&inside, entry->path, scan, error);
    size_t pictures = inside.of_kind[ENTRY_PICTURE];
    listing_free(&inside);
    return status ? status
                  : findings_add(scan->findings, FINDING_OF_ALL, FOV_FINDING_WARNING,
                                 pictures ? "pictures without classes" : "empty folder", entry->path, "skipped", error,
                                 "%zu picture%s in no class folder; \"%.200s\" is taken", pictures,
                                 pictures == 1 ? "" : "s", chosen->name);
}

/* Unwraps a split that an archive has nested once more, train/train/CLASS: `inside` and `path` become those of the
   inner folder. */
static int unwrap_split(struct folder_scan *scan, int role, struct listing *inside, char path[DATA_PATH_SIZE],
                        struct error *error)
{
    const struct entry *only = NULL;
    for (size_t i = 0; i < inside->count; i++) {
        only = inside->entries[i].kind == ENTRY_FOLDER ? &inside->entries[i] : only;
    }
    if (only == NULL || inside->of_kind[ENTRY_FOLDER] > 1 || inside->of_kind[ENTRY_PICTURE] > 0 ||
        (int)folder_role(only->name) != role) {
        return FOV_OK;
    }
    struct listing inner;
    int status = listing_read(&inner, only->path, scan, error);
    if (status == FOV_OK && inner.of_kind[ENTRY_FOLDER] > 0) {
        status = note_others(scan, role, inside, error);
        snprintf(path, DATA_PATH_SIZE, "%s", only->path);
        listing_free(inside);
        *inside = inner;
    } else {
        listing_free(&inner);
    }
    return status;
}

static int read_splits(struct folder_scan *scan, const struct listing *root, struct candidates *candidates,
                       struct error *error)
{
    scan->splits = true;
    int status = note_others(scan, FINDING_OF_ALL, root, error);
    for (size_t i = 0; i < root->count && status == FOV_OK; i++) {
        const struct entry *entry = &root->entries[i];
        enum folder_role role = entry->kind == ENTRY_FOLDER ? folder_role(entry->name) : FOLDER_ROLES;
        if (role != FOLDER_ROLES && entry != candidates->chosen[role]) {
            status = note_loser(scan, entry, candidates->chosen[role], error);
        } else if (entry->kind == ENTRY_PICTURE || (entry->kind == ENTRY_FOLDER && role == FOLDER_ROLES)) {
            status = findings_add(scan->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "beside the splits",
                                  entry->path, "skipped", error, "a %s beside the splits, in none of them",
                                  entry->kind == ENTRY_FOLDER ? "folder" : "picture");
        }
    }
    for (int role = 0; role < FOLDER_ROLES && status == FOV_OK; role++) {
        struct listing *inside = &candidates->inside[role];
        char path[DATA_PATH_SIZE];
        if (candidates->chosen[role] == NULL) {
            continue;
        }
        snprintf(path, sizeof path, "%s", candidates->chosen[role]->path);
        if (candidates->labelled[role]) {
            status = unwrap_split(scan, role, inside, path, error);
            status = status ? status : read_part(scan, role, path, inside, error);
        } else if (role == FOLDER_TRAIN) {
            status = findings_add(scan->findings, role, FOV_FINDING_ERROR, "pictures without classes", path, "error",
                                  error, "%zu picture%s in no class folder", inside->of_kind[ENTRY_PICTURE],
                                  inside->of_kind[ENTRY_PICTURE] == 1 ? "" : "s");
        } else {
            status = note_flat(scan, role, path, inside->of_kind[ENTRY_PICTURE], error);
        }
    }
    return status;
}

/* Reads the pictures that lie directly in a folder, without classes. */
static int read_unlabelled(struct folder_scan *scan, int role, const char *path, const struct listing *listing,
                           struct error *error)
{
    struct folder_part *part = &scan->part[role];
    part->path = memory_copy_text(scan->memory, path, error);
    int status = part->path ? note_others(scan, role, listing, error) : FOV_E_MEMORY;
    for (size_t i = 0; i < listing->count && status == FOV_OK; i++) {
        if (listing->entries[i].kind == ENTRY_PICTURE) {
            status = add_picture(scan, part, listing->entries[i].path, 0, error);
        }
    }
    return status ? status
                  : findings_add(scan->findings, role, FOV_FINDING_NOTE, "pictures without classes", path, "used",
                                 error, "%zu picture%s in no folder named after its class: for tasks that need none",
                                 part->count, part->count == 1 ? "" : "s");
}

/* Reads a dataset without class folders: pictures in one folder, or in a folder for each split. */
static int read_flat(struct folder_scan *scan, const char *path, const struct listing *root,
                     const struct candidates *candidates, struct error *error)
{
    scan->unlabelled = true;
    if (root->of_kind[ENTRY_FOLDER] == 0) {
        return read_unlabelled(scan, FOLDER_TRAIN, path, root, error);
    }
    scan->splits = true;
    int status = note_others(scan, FINDING_OF_ALL, root, error);
    for (size_t i = 0; i < root->count && status == FOV_OK; i++) {
        if (root->entries[i].kind == ENTRY_PICTURE) {
            status = findings_add(scan->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "beside the splits",
                                  root->entries[i].path, "skipped", error,
                                  "a picture beside the splits, in none of them");
        }
    }
    for (int role = 0; role < FOLDER_ROLES && status == FOV_OK; role++) {
        const struct listing *inside = &candidates->inside[role];
        if (inside->of_kind[ENTRY_PICTURE] > 0) {
            status = read_unlabelled(scan, role, candidates->chosen[role]->path, inside, error);
        } else if (candidates->chosen[role] != NULL) {
            status = note_flat(scan, role, candidates->chosen[role]->path, 0, error);
        }
    }
    return status;
}

/* Reads a root without splits that have class folders: its folders are classes; without any, its pictures are
 * unlabelled. */
static int read_plain(struct folder_scan *scan, const char *path, const struct listing *root,
                      const struct candidates *candidates, struct error *error)
{
    size_t folders = root->of_kind[ENTRY_FOLDER], pictures = root->of_kind[ENTRY_PICTURE];
    if (folders == 0 || candidates->with_role == folders) {
        size_t inside = 0;
        for (int role = 0; role < FOLDER_ROLES; role++) {
            inside += candidates->inside[role].of_kind[ENTRY_PICTURE];
        }
        if (folders == 0 ? pictures > 0 : inside > 0) {
            return read_flat(scan, path, root, candidates, error);
        }
        int status = note_others(scan, FINDING_OF_ALL, root, error);
        return status ? status
                      : findings_add(
                            scan->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "no classes", path, "error", error,
                            "no class folders: %zu picture%s in it%s, none in a folder named after its class",
                            pictures + inside, pictures + inside == 1 ? "" : "s", folders > 0 ? " and its splits" : "");
    }
    int status = FOV_OK;
    for (int role = 0; role < FOLDER_ROLES && status == FOV_OK; role++) {
        if (candidates->chosen[role] != NULL) {
            status = findings_add(scan->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "class named like a split",
                                  candidates->chosen[role]->path, "used as a class", error,
                                  "holds pictures and no class folders, as the folders beside it do");
        }
    }
    return status ? status : read_part(scan, FOLDER_TRAIN, path, root, error);
}

static int read_root(struct folder_scan *scan, const char *path, int depth, struct error *error)
{
    struct listing root;
    struct candidates candidates = {.with_role = 0};
    const struct entry *only = NULL;
    int status = listing_read(&root, path, scan, error);
    for (size_t i = 0; i < root.count && status == FOV_OK; i++) {
        const struct entry *entry = &root.entries[i];
        enum folder_role role = entry->kind == ENTRY_FOLDER ? folder_role(entry->name) : FOLDER_ROLES;
        only = entry->kind == ENTRY_FOLDER ? entry : only;
        if (role != FOLDER_ROLES) {
            status = offer_candidate(scan, &candidates, role, entry, error);
        }
    }
    /* an archive's wrapper folder: the root's only folder, which itself holds folders */
    bool wrapped = false;
    if (status == FOV_OK && depth < SCAN_MAX_DESCENT && candidates.with_role == 0 && root.of_kind[ENTRY_FOLDER] == 1 &&
        root.of_kind[ENTRY_PICTURE] == 0) {
        struct listing inside;
        status = listing_read(&inside, only->path, scan, error);
        wrapped = inside.of_kind[ENTRY_FOLDER] > 0 && inside.of_kind[ENTRY_PICTURE] == 0;
        listing_free(&inside);
    }
    if (status == FOV_OK && wrapped) {
        status = note_others(scan, FINDING_OF_ALL, &root, error);
        status = status ? status
                        : findings_add(scan->findings, FINDING_OF_ALL, FOV_FINDING_NOTE, "folder around the dataset",
                                       only->path, "used", error, "the only folder here: the dataset is in it");
        status = status ? status : read_root(scan, only->path, depth + 1, error);
    } else if (status == FOV_OK) {
        status = candidates.labelled_count > 0 ? read_splits(scan, &root, &candidates, error)
                                               : read_plain(scan, path, &root, &candidates, error);
    }
    candidates_free(&candidates);
    listing_free(&root);
    return status;
}

int folder_scan(struct folder_scan *scan, const struct store *store, struct findings *findings, struct error *error)
{
    const char *root = store_path(store);
    *scan = (struct folder_scan){.memory = findings->memory, .store = store, .findings = findings};
    int status = read_root(scan, root, 0, error);
    status = status ? status : folder_settle(scan, error);
    if (status == FOV_OK && scan->class_count == 0 && !scan->unlabelled && scan->findings->errors == 0) {
        status = findings_add(scan->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "no classes", root, "error", error,
                              "none of its folders holds a picture");
    }
    return status;
}

void folder_scan_free(struct folder_scan *scan)
{
    for (int role = 0; role < FOLDER_ROLES; role++) {
        struct folder_part *part = &scan->part[role];
        for (size_t i = 0; i < part->class_count; i++) {
            memory_free(scan->memory, part->classes[i]);
        }
        for (size_t i = 0; i < part->count; i++) {
            memory_free(scan->memory, part->paths[i]);
        }
        memory_free(scan->memory, part->classes);
        memory_free(scan->memory, part->paths);
        memory_free(scan->memory, part->labels);
        memory_free(scan->memory, part->path);
    }
    *scan = (struct folder_scan){.cut = false};
}
