/* SPDX-License-Identifier: MIT */
/* A folder per class, as torchvision's ImageFolder and everybody else lays pictures out. Which folder is what is
 * decided in folder_scan.c; here is the dataset made of it: the samples of a split, and what all pictures have in
 * common, from their headers. Pictures are decoded when asked for. */
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/folder.h"
#include "data/folder_scan.h"
#include <stdio.h>
#include <string.h>

enum { FOLDER_PROBES = 256 /* headers read before the next ones are begun */ };

struct folder_state {
    char **paths; /* [dataset->count], each a block of its own */
    size_t count;
    char why[256]; /* of the first unreadable picture */
};

/* ---- what the pictures have in common -----------------------------------------------------------------------------
   */

/* Sums over headers, in the order of the files. */
struct folder_survey {
    uint32_t *heights, *widths; /* [IMAGE_MAX_SIDE + 1] how many pictures have that many pixels */
    uint64_t count;             /* pictures with a size */
    int channels;
};

/* A block of headers, read by all threads. */
struct folder_block {
    struct memory *memory;
    char *const *paths;
    struct probe *probes; /* [FOLDER_PROBES] */
};

static void folder_probe_one(void *context, size_t index, int worker)
{
    struct folder_block *block = context;
    (void)worker;
    probe_file(&block->probes[index], block->paths[index], block->memory);
}

int folder_probe(struct fov_context *context, char *const *paths, size_t count, folder_probed *take, void *user,
                 struct error *error)
{
    struct folder_block block = {.memory = context->memory};
    block.probes = memory_allocate_raw(context->memory, FOLDER_PROBES, sizeof *block.probes, "headers", error);
    int status = block.probes ? FOV_OK : FOV_E_MEMORY;
    for (size_t first = 0; first < count && status == FOV_OK; first += FOLDER_PROBES) {
        size_t here = count - first < FOLDER_PROBES ? count - first : FOLDER_PROBES;
        block.paths = paths + first;
        pool_run(context->pool, folder_probe_one, &block, here);
        for (size_t i = 0; i < here && status == FOV_OK; i++) {
            status = take(user, first + i, &block.probes[i], error);
        }
    }
    memory_free(context->memory, block.probes);
    return status;
}

static int folder_survey_take(void *user, size_t index, const struct probe *probe, struct error *error)
{
    struct folder_survey *survey = user;
    (void)index;
    if (probe->status == FOV_E_MEMORY) {
        return error_set(error, FOV_E_MEMORY, "%s", probe->why);
    }
    if (probe->height > 0) {
        survey->heights[probe->height]++;
        survey->widths[probe->width]++;
        survey->count++;
        survey->channels = probe->channels > survey->channels ? probe->channels : survey->channels;
    }
    return FOV_OK;
}

/* The same for pictures of the split that is being opened, whose files also make up the fingerprint. */
struct folder_own {
    struct folder_survey *survey;
    struct fov_dataset *dataset;
    size_t root; /* length of the part of a path that may change when the dataset moves */
};

static int folder_own_take(void *user, size_t index, const struct probe *probe, struct error *error)
{
    struct folder_own *own = user;
    struct fov_dataset *dataset = own->dataset;
    struct folder_state *state = dataset->state;
    const char *path = state->paths[index], *name = path + own->root;
    uint64_t facts[3] = {(uint64_t)dataset->labels[index], probe->size, probe->begin};
    dataset->fingerprint = hash_fold(hash_fold(dataset->fingerprint, name, strlen(name)), facts, sizeof facts);
    if (probe->status != FOV_OK && probe->status != FOV_E_MEMORY && dataset->unreadable++ == 0) {
        snprintf(state->why, sizeof state->why, "%s", probe->why);
        dataset->first_unreadable = index;
    }
    return folder_survey_take(own->survey, index, probe, error);
}

/* The value that half of the pictures do not exceed, with the smallest and the largest. */
static int folder_median(const uint32_t *histogram, uint64_t count, int *least, int *most)
{
    uint64_t below = 0;
    int median = 0;
    *least = *most = 0;
    for (int side = 1; side <= IMAGE_MAX_SIDE; side++) {
        if (histogram[side] == 0) {
            continue;
        }
        *least = *least == 0 ? side : *least;
        *most = side;
        below += histogram[side];
        median = median == 0 && 2 * below >= count ? side : median;
    }
    return median;
}

static int folder_survey(struct fov_dataset *dataset, const struct folder_scan *scan, const char *directory,
                         struct error *error)
{
    struct fov_context *context = dataset->context;
    const struct folder_state *state = dataset->state;
    struct folder_survey survey = {.channels = 0};
    struct folder_own own = {&survey, dataset, strlen(directory)};
    survey.heights = memory_allocate(context->memory, 2 * (IMAGE_MAX_SIDE + 1), sizeof *survey.heights, "sizes", error);
    if (survey.heights == NULL) {
        return FOV_E_MEMORY;
    }
    survey.widths = survey.heights + IMAGE_MAX_SIDE + 1;
    int status = folder_probe(context, state->paths, state->count, folder_own_take, &own, error);
    for (int role = 0; role < FOLDER_ROLES && status == FOV_OK; role++) { // what was not taken for this split
        const struct folder_part *part = &scan->part[role];
        status = part->labelled ? folder_probe(context, part->paths, part->count, folder_survey_take, &survey, error)
                                : FOV_OK;
    }
    dataset->channels = survey.channels > 0 ? survey.channels : 3;
    dataset->height = folder_median(survey.heights, survey.count, &dataset->least[0], &dataset->most[0]);
    dataset->width = folder_median(survey.widths, survey.count, &dataset->least[1], &dataset->most[1]);
    dataset->same_size = dataset->least[0] == dataset->most[0] && dataset->least[1] == dataset->most[1];
    memory_free(context->memory, survey.heights);
    if (status == FOV_OK && survey.count == 0) {
        status = error_set(error, FOV_E_INPUT, "%s: %s (and none of its other pictures can be read)", state->paths[0],
                           state->why);
    }
    return status;
}

/* ---- a split ------------------------------------------------------------------------------------------------------
   */

/* Which of a class's pictures are held back for testing: a tenth, at least one. The choice depends on nothing but their
   number, so that both splits agree on it. */
static int folder_mark_held_back(struct memory *memory, bool *held, size_t count, int32_t label, struct error *error)
{
    size_t test = count < 10 ? 1 : count / 10;
    uint32_t *order = memory_allocate_raw(memory, count, sizeof *order, "a split", error);
    if (order == NULL) {
        return FOV_E_MEMORY;
    }
    random_permutation((struct random_key){.use = RANDOM_SPLIT, .position = (uint64_t)label}, order, count);
    memset(held, 0, count * sizeof *held);
    for (size_t i = 0; i < test; i++) {
        held[order[i]] = true;
    }
    memory_free(memory, order);
    return FOV_OK;
}

/* Parts what is held back from the rest: the split's pictures become the dataset's, the others stay in the part. */
static int folder_take_cut(struct fov_dataset *dataset, struct folder_part *part, fov_split split, struct error *error)
{
    struct folder_state *state = dataset->state;
    struct memory *memory = dataset->context->memory;
    bool *held = memory_allocate_raw(memory, part->count + 1, sizeof *held, "a split", error);
    state->paths = memory_allocate(memory, part->count + 1, sizeof *state->paths, "paths", error);
    dataset->labels = memory_allocate(memory, part->count + 1, sizeof *dataset->labels, "labels", error);
    int status = held && state->paths && dataset->labels ? FOV_OK : FOV_E_MEMORY;
    for (size_t begin = 0, end; begin < part->count && status == FOV_OK; begin = end) {
        for (end = begin; end < part->count && part->labels[end] == part->labels[begin]; end++) {
        }
        status = folder_mark_held_back(memory, held + begin, end - begin, part->labels[begin], error);
    }
    size_t kept = 0;
    for (size_t i = 0; i < part->count && status == FOV_OK; i++) {
        if (held[i] == (split != FOV_TRAIN)) {
            dataset->labels[state->count] = part->labels[i];
            state->paths[state->count++] = part->paths[i];
        } else {
            part->labels[kept] = part->labels[i];
            part->paths[kept++] = part->paths[i];
        }
    }
    part->count = status == FOV_OK ? kept : part->count;
    memory_free(memory, held);
    return status;
}

/* A whole part becomes the dataset's. */
static void folder_take_all(struct fov_dataset *dataset, struct folder_part *part)
{
    struct folder_state *state = dataset->state;
    state->paths = part->paths;
    state->count = part->count;
    dataset->labels = part->labels;
    part->paths = NULL;
    part->labels = NULL;
    part->count = 0;
}

/* The part that holds a split; NULL where there is none. */
static struct folder_part *folder_choose(struct folder_scan *scan, fov_split split)
{
    struct folder_part *part = scan->part;
    if (split == FOV_TRAIN || scan->cut) {
        return part[FOLDER_TRAIN].labelled ? &part[FOLDER_TRAIN] : NULL;
    }
    int first = split == FOV_TEST ? FOLDER_TEST : FOLDER_VALIDATION;
    int second = split == FOV_TEST ? FOLDER_VALIDATION : FOLDER_TEST;
    return part[first].labelled ? &part[first] : part[second].labelled ? &part[second] : NULL;
}

/* Findings of one kind in one part. */
struct folder_kind {
    const char *kind;
    int part;
    size_t first, count;
};

/* Says each kind of remark once, with its first file. Those of all splits are said with the training split. */
static void folder_say(const struct fov_dataset *dataset, const struct findings *findings, fov_split split)
{
    enum { MOST = 64 };
    struct folder_kind kinds[MOST];
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++) {
        bool training = findings->part[i] == FOLDER_TRAIN || findings->part[i] == FINDING_OF_ALL;
        size_t k = 0;
        while (k < count && (kinds[k].kind != findings->list[i].kind || kinds[k].part != findings->part[i])) {
            k++;
        }
        if (k == count && training == (split == FOV_TRAIN) && count < MOST) {
            kinds[count++] = (struct folder_kind){findings->list[i].kind, findings->part[i], i, 0};
        }
        if (k < count) {
            kinds[k].count++;
        }
    }
    for (size_t k = 0; k < count; k++) {
        const fov_finding *finding = &findings->list[kinds[k].first];
        char more[64] = "";
        if (kinds[k].count > 1) {
            snprintf(more, sizeof more, " (and %zu more such)", kinds[k].count - 1);
        }
        context_log(dataset->context, finding->severity == FOV_FINDING_NOTE ? FOV_LOG_INFO : FOV_LOG_WARNING,
                    "%s: %s: %s%s", finding->file, finding->what, finding->fate, more);
    }
}

static int folder_open_scanned(struct fov_dataset *dataset, struct folder_scan *scan, const char *root, fov_split split,
                               struct error *error)
{
    if (scan->findings.errors > 0) {
        return findings_fail(&scan->findings, root, error);
    }
    struct folder_part *part = folder_choose(scan, split);
    if (part == NULL) {
        const struct folder_part *other = folder_choose(scan, split == FOV_TRAIN ? FOV_TEST : FOV_TRAIN);
        return error_set(error, FOV_E_INPUT, "%s has no folder %s beside %s", root,
                         split == FOV_TRAIN ? "\"train\"" : "\"test\" or \"val\"", other ? other->path : "others");
    }
    dataset->where = memory_copy_text(dataset->context->memory, part->path, error);
    int status = dataset->where
                     ? dataset_set_classes(dataset, (const char *const *)scan->classes, scan->class_count, error)
                     : FOV_E_MEMORY;
    if (status) {
        return status;
    }
    if (scan->cut) {
        status = folder_take_cut(dataset, part, split, error);
    } else {
        folder_take_all(dataset, part);
    }
    const struct folder_state *state = dataset->state;
    dataset->count = state->count;
    status = status ? status : folder_survey(dataset, scan, dataset->where, error);
    if (status == FOV_OK) {
        folder_say(dataset, &scan->findings, split);
    }
    return status;
}

/* ---- the source ---------------------------------------------------------------------------------------------------
   */

/* Anything with a folder or a picture in it: what is wrong inside gets a better sentence than "not recognised". */
static bool folder_recognises(const char *directory)
{
    struct memory *memory = memory_create(NULL, 0);
    char **names, path[DATA_PATH_SIZE];
    size_t count = 0;
    bool found = false;
    if (memory && file_list(directory, memory, &names, &count, NULL) == FOV_OK) {
        for (size_t i = 0; i < count && !found; i++) {
            found = !folder_is_system(names[i]) &&
                    (probe_name(names[i]) != NULL ||
                     (file_join(path, sizeof path, directory, names[i], NULL) == FOV_OK && file_is_directory(path)));
        }
        memory_free(memory, names);
    }
    memory_destroy(memory);
    return found;
}

static int folder_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    const struct folder_state *state = dataset->state;
    return image_read(picture, state->paths[index], IMAGE_OPAQUE, error);
}

static const char *folder_place(const struct fov_dataset *dataset, size_t index)
{
    const struct folder_state *state = dataset->state;
    return state->paths[index];
}

static int folder_open(struct fov_dataset *dataset, const char *argument, fov_split split, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    struct folder_scan scan;
    if (argument == NULL || !file_is_directory(argument)) {
        return error_set(error, FOV_E_INPUT, "folder: %s is not a directory", argument ? argument : "(none)");
    }
    struct folder_state *state = memory_allocate(memory, 1, sizeof *state, "a folder of pictures", error);
    if (state == NULL) {
        return FOV_E_MEMORY;
    }
    dataset->state = state;
    int status = folder_scan(&scan, argument, memory, error);
    status = status ? status : folder_open_scanned(dataset, &scan, argument, split, error);
    folder_scan_free(&scan);
    return status;
}

static void folder_close(struct fov_dataset *dataset)
{
    struct folder_state *state = dataset->state;
    if (state) {
        for (size_t i = 0; i < state->count; i++) {
            memory_free(dataset->context->memory, state->paths[i]);
        }
        memory_free(dataset->context->memory, state->paths);
        memory_free(dataset->context->memory, state);
    }
}

const struct data_source data_source_folder = {.name = "folder",
                                               .recognises = folder_recognises,
                                               .open = folder_open,
                                               .sample = folder_sample,
                                               .place = folder_place,
                                               .look = folder_look,
                                               .close = folder_close};
