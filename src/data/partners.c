/* SPDX-License-Identifier: MIT */
/* Finds pairs of pictures by the names of folders and files. */
#include "data/partners.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PLACES = 16, MOST_DESCENT = 4, WORD = 64 };

/* Two folders with matching pictures; `second` empty: both kinds lie side by side in `first`. */
struct place {
    char first[DATA_PATH_SIZE], second[DATA_PATH_SIZE];
    int role;
};

struct places {
    struct place place[MOST_PLACES];
    size_t count;
    size_t other_folders; /* number of folders that are neither places nor splits */
};

/* ---- what folders are called ------------------------------------------------------------------------------------- */

enum kind { NEITHER, FIRST, SECOND };

static bool is_one_of(const char *word, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

/* The kind and the split that a folder's name stands for: "train_masks", "masks", "trainB". */
static enum kind read_name(const char *name, const struct partner_words *words, int *role)
{
    static const char *const roles[] = {"training", "train", "validation", "valid", "val", "testing", "test"};
    char word[WORD];
    size_t length = 0;
    for (; *name && length + 1 < sizeof word; name++) {
        if (strchr("_-. ", *name) == NULL) {
            word[length++] = (char)(*name >= 'A' && *name <= 'Z' ? *name + 32 : *name);
        }
    }
    word[length] = '\0';
    *role = LIST_WITHOUT_SPLIT;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        size_t size = strlen(roles[i]);
        bool in_front = strncmp(word, roles[i], size) == 0;
        bool behind = length > size && strcmp(word + length - size, roles[i]) == 0;
        if (*role == LIST_WITHOUT_SPLIT && (in_front || behind)) {
            *role = (int)folder_role(roles[i]);
            memmove(word, word + (in_front ? size : 0), length - size);
            word[length - size] = '\0';
            break;
        }
    }
    return is_one_of(word, words->first) ? FIRST : is_one_of(word, words->second) ? SECOND : NEITHER;
}

/* ---- where they lie ---------------------------------------------------------------------------------------------- */

static void add_place(struct places *places, const char *first, const char *second, int role)
{
    if (places->count < MOST_PLACES) {
        struct place *place = &places->place[places->count++];
        snprintf(place->first, sizeof place->first, "%s", first);
        snprintf(place->second, sizeof place->second, "%s", second);
        place->role = role;
    }
}

/* The length of a stem without the suffix that marks second pictures ("_mask"); 0: it has no such suffix. */
static size_t without_suffix(const char *stem, size_t length, const struct partner_words *words)
{
    for (size_t i = 0; words->suffixes[i] != NULL; i++) {
        size_t size = strlen(words->suffixes[i]);
        if (length > size && strncmp(stem + length - size, words->suffixes[i], size) == 0) {
            return length - size;
        }
    }
    return 0;
}

static size_t stem_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

/* Whether pictures and their second pictures lie side by side: "a.jpg" and "a_mask.png". */
static bool are_side_by_side(char *const *names, size_t count, const struct partner_words *words)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = probe_name(names[i]) ? without_suffix(names[i], stem_of(names[i]), words) : 0;
        for (size_t k = 0; length > 0 && k < count; k++) {
            if (probe_name(names[k]) && stem_of(names[k]) == length && strncmp(names[k], names[i], length) == 0) {
                return true;
            }
        }
    }
    return false;
}

static int find_places(const struct store *store, struct memory *memory, const char *folder, int role,
                       const struct partner_words *words, struct places *places, struct error *error);

/* Judges the subfolders of a folder: two kinds of the same split form a place; a folder named after a split alone is
 * searched in turn. */
static int judge_folders(const struct store *store, struct memory *memory, const char *folder, int role,
                         char *const *names, size_t count, const struct partner_words *words, struct places *places,
                         struct error *error)
{
    char path[DATA_PATH_SIZE], found[FOLDER_ROLES + 1][2][DATA_PATH_SIZE], split[FOLDER_ROLES + 1][DATA_PATH_SIZE];
    memset(found, 0, sizeof found);
    memset(split, 0, sizeof split);
    for (size_t i = 0; i < count; i++) {
        int own;
        if (folder_is_system(names[i]) || file_join(path, sizeof path, folder, names[i], NULL) != FOV_OK ||
            store_look(store, path) != STORE_FOLDER) {
            continue;
        }
        enum kind kind = read_name(names[i], words, &own);
        int named = (int)folder_role(names[i]);
        if (kind != NEITHER && found[own][kind == SECOND][0] == '\0') {
            snprintf(found[own][kind == SECOND], DATA_PATH_SIZE, "%s", path);
        } else if (named != FOLDER_ROLES && split[named][0] == '\0') {
            snprintf(split[named], DATA_PATH_SIZE, "%s", path);
        } else {
            places->other_folders++;
        }
    }
    int status = FOV_OK;
    for (int r = 0; r <= FOLDER_ROLES && status == FOV_OK; r++) {
        const char *first = found[r][0][0] ? found[r][0] : found[r][1][0] && split[r][0] ? split[r] : NULL;
        if (first != NULL && found[r][1][0] != '\0') { // includes the pair "train" and "train_masks"
            add_place(places, first, found[r][1], r == LIST_WITHOUT_SPLIT ? role : r);
        } else if (split[r][0] != '\0' && role == LIST_WITHOUT_SPLIT) {
            status = find_places(store, memory, split[r], r, words, places, error);
        } else if (found[r][0][0] != '\0' || found[r][1][0] != '\0') {
            places->other_folders++;
        }
    }
    return status;
}

/* A folder that cannot be listed has no places; only memory can make the call fail. */
static int find_places(const struct store *store, struct memory *memory, const char *folder, int role,
                       const struct partner_words *words, struct places *places, struct error *error)
{
    char **names = NULL;
    size_t count;
    struct error why = {.status = FOV_OK};
    int status = store_list(store, folder, memory, &names, &count, &why);
    if (status != FOV_OK) {
        return status == FOV_E_MEMORY ? error_set(error, FOV_E_MEMORY, "%s", why.text) : FOV_OK;
    }
    status = judge_folders(store, memory, folder, role, names, count, words, places, error);
    if (status == FOV_OK && places->count == 0 && words->suffixes[0] != NULL && are_side_by_side(names, count, words)) {
        add_place(places, folder, "", role);
    }
    memory_free(memory, names);
    return status;
}

/* Searches the root; if nothing is there, descends into its only folder, as archives often have it. */
static int find_all(const struct store *store, struct memory *memory, const struct partner_words *words,
                    struct places **places, struct error *error)
{
    char path[DATA_PATH_SIZE];
    *places = memory_allocate(memory, 1, sizeof **places, "folders", error);
    if (*places == NULL) {
        return FOV_E_MEMORY;
    }
    snprintf(path, sizeof path, "%s", store_path(store));
    int status = FOV_OK;
    for (int depth = 0; depth <= MOST_DESCENT && status == FOV_OK; depth++) {
        **places = (struct places){.count = 0};
        status = find_places(store, memory, path, LIST_WITHOUT_SPLIT, words, *places, error);
        if ((*places)->count > 0 || !list_descend(store, path)) {
            break;
        }
    }
    return status;
}

/* ---- which belong together --------------------------------------------------------------------------------------- */

/* A picture and its key: the part of its path that must equal that of its partner. */
struct keyed {
    const char *path, *key;
    size_t length;
    bool is_used;
};

static int compare_key(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int order = strncmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : a_length < b_length ? -1 : a_length > b_length;
}

static int compare_keyed(const void *a, const void *b)
{
    const struct keyed *first = a, *second = b;
    int order = compare_key(first->key, first->length, second->key, second->length);
    return order ? order : strcmp(first->path, second->path);
}

static struct keyed *find_key(struct keyed *keyed, size_t count, const char *key, size_t length)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(keyed[middle].key, keyed[middle].length, key, length) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && compare_key(keyed[low].key, keyed[low].length, key, length) == 0 ? &keyed[low] : NULL;
}

/* The split of a picture: that of its place, else that of the first folder in its key (images/train/7.jpg). */
static int role_of(const char *key, int role)
{
    char word[WORD];
    size_t length = strcspn(key, "/");
    if (role != LIST_WITHOUT_SPLIT || key[length] != '/' || length >= sizeof word) {
        return role;
    }
    snprintf(word, sizeof word, "%.*s", (int)length, key);
    return (int)folder_role(word); // FOLDER_ROLES equals LIST_WITHOUT_SPLIT
}

static int add_pairs(struct list *list, const struct place *place, const struct partner_words *words,
                     const struct list_paths *firsts, struct keyed *seconds, size_t second_count, size_t *partners,
                     struct error *error)
{
    int status = FOV_OK;
    for (size_t i = 0; i < firsts->count && status == FOV_OK; i++) {
        const char *path = firsts->path[i], *key = path + strlen(place->first) + 1;
        const char *slash = strrchr(key, '/'), *name = slash ? slash + 1 : key;
        size_t length = (size_t)(name - key) + stem_of(name);
        if (place->second[0] == '\0' && without_suffix(key, length, words) > 0) {
            continue; // a second picture, which lies in the same folder as its first
        }
        struct keyed *partner = find_key(seconds, second_count, key, length);
        int role = role_of(key, place->role);
        if (partner == NULL) {
            status = findings_add(&list->findings, role == LIST_WITHOUT_SPLIT ? FINDING_OF_ALL : role,
                                  FOV_FINDING_WARNING, "without partner", path, "skipped", error,
                                  "a %s without a %s of its name", words->what_first, words->what_second);
            continue;
        }
        partner->is_used = true;
        *partners += 1;
        status = list_add(list, path, partner->path, 0, role, error);
    }
    for (size_t i = 0; i < second_count && status == FOV_OK; i++) {
        if (!seconds[i].is_used) {
            status =
                findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "without partner", seconds[i].path,
                             "skipped", error, "a %s without a %s of its name", words->what_second, words->what_first);
        }
    }
    return status;
}

static int scan_place(struct list *list, const struct place *place, const struct partner_words *words, size_t *partners,
                      struct error *error)
{
    struct memory *memory = list->memory;
    struct list_paths firsts = {.memory = memory}, seconds = {.memory = memory};
    bool together = place->second[0] == '\0';
    const char *second = together ? place->first : place->second;
    int status = list_pictures(list, place->first, &firsts, error);
    status = status ? status : list_pictures(list, second, &seconds, error);
    struct keyed *keyed = memory_allocate(memory, seconds.count + 1, sizeof *keyed, "paths", error);
    status = keyed ? status : FOV_E_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < seconds.count && status == FOV_OK; i++) {
        const char *key = seconds.path[i] + strlen(second) + 1, *slash = strrchr(key, '/');
        const char *name = slash ? slash + 1 : key;
        size_t length = (size_t)(name - key) + stem_of(name), bare = without_suffix(key, length, words);
        if (!together || bare > 0) {
            keyed[count++] = (struct keyed){seconds.path[i], key, bare > 0 ? bare : length, false};
        }
    }
    if (count > 1) {
        qsort(keyed, count, sizeof *keyed, compare_keyed);
    }
    status = status ? status : add_pairs(list, place, words, &firsts, keyed, count, partners, error);
    memory_free(memory, keyed);
    list_paths_free(&firsts);
    list_paths_free(&seconds);
    return status;
}

int partners_scan(struct list *list, const struct partner_words *words, struct error *error)
{
    struct places *places;
    size_t partners = 0;
    int status = find_all(list->store, list->memory, words, &places, error);
    for (size_t i = 0; status == FOV_OK && i < places->count; i++) {
        status = scan_place(list, &places->place[i], words, &partners, error);
    }
    if (status == FOV_OK && partners == 0) {
        status =
            findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "no pairs", store_path(list->store),
                         "error", error, "no folders for %ss and %ss (%s and %s, say) whose files have equal names",
                         words->what_first, words->what_second, words->first[0], words->second[0]);
    }
    for (size_t i = 0; i < list->count; i++) {
        list->splits = list->splits || list->samples[i].role != LIST_WITHOUT_SPLIT;
    }
    memory_free(list->memory, places);
    return status;
}

bool partners_suit(const struct store *store, const struct partner_words *words)
{
    struct memory *memory = memory_create(NULL, 0);
    struct places *places = NULL;
    bool suits = false;
    bool is_found = memory != NULL && find_all(store, memory, words, &places, NULL) == FOV_OK;
    if (is_found && places->count > 0 && !(words->needs_most && places->other_folders > 0)) {
        struct list list = {
            .memory = memory, .store = (struct store *)(uintptr_t)store, .findings = {.memory = memory}};
        size_t partners = 0;
        for (size_t i = 0; i < places->count; i++) {
            (void)scan_place(&list, &places->place[i], words, &partners, NULL);
        }
        suits = partners > 0 && (!words->needs_most || list.findings.warnings < partners);
        list.store = NULL; // not shared
        list_free(&list);
    }
    memory_free(memory, places);
    memory_destroy(memory);
    return suits;
}
