/* SPDX-License-Identifier: MIT */
/* A folder per class, the common layout (torchvision's ImageFolder), on disk or in an archive; or unlabelled pictures,
 * in one folder or one for each split, for tasks that need no classes. folder_scan.c decides which folder is what; here
 * its parts become a list. Read next: list.c. */
#include "data/list.h"
#include <string.h>

/* Accepts anything with a folder or a picture in it: scanning then gives a better error than "not recognised". */
static bool suits(const struct store *store, const char *index)
{
    struct memory *memory = memory_create(NULL, 0);
    char **names, path[DATA_PATH_SIZE];
    size_t count = 0;
    bool found = false;
    if (memory && index == NULL && store_list(store, store_path(store), memory, &names, &count, NULL) == FOV_OK) {
        for (size_t i = 0; i < count && !found; i++) {
            found = !folder_is_system(names[i]) &&
                    (probe_name(names[i]) != NULL ||
                     (file_join(path, sizeof path, store_path(store), names[i], NULL) == FOV_OK &&
                      store_look(store, path) == STORE_FOLDER));
        }
        memory_free(memory, names);
    }
    memory_destroy(memory);
    return found;
}

/* Adds the pictures of a split to the list. */
static int add_part(struct list *list, const struct folder_scan *scan, int role, struct error *error)
{
    const struct folder_part *part = &scan->part[role];
    bool cut = scan->cut && role == FOLDER_TRAIN;
    int status = FOV_OK;
    if (part->path != NULL) {
        list->where[role] = memory_copy_text(list->memory, part->path, error);
        status = list->where[role] ? FOV_OK : FOV_E_MEMORY;
    }
    bool taken = part->labelled || scan->unlabelled;
    for (size_t i = 0; taken && i < part->count && status == FOV_OK; i++) {
        status = list_add(list, part->paths[i], NULL, part->labels[i], cut ? LIST_WITHOUT_SPLIT : role, error);
    }
    return status;
}

static int scan_classes(struct list *list, struct error *error)
{
    struct folder_scan scan;
    list->needs_test_split = true;
    int status = folder_scan(&scan, list->store, &list->findings, error);
    list->splits = scan.splits;
    list->lone_classes = scan.lone_classes;
    list->target = scan.unlabelled ? FOV_TARGET_NONE : list->target;
    for (int role = 0; role < FOLDER_ROLES && status == FOV_OK; role++) {
        status = add_part(list, &scan, role, error);
    }
    for (size_t i = 0; i < scan.class_count && status == FOV_OK; i++) {
        status = list_add_class(list, scan.classes[i], error);
    }
    folder_scan_free(&scan);
    return status;
}

const struct data_source data_source_folder = {.name = "folder",
                                               .turn = 100,
                                               .suits = suits,
                                               .scan = scan_classes,
                                               .sample = list_sample,
                                               .place = list_place,
                                               .close = list_close};
