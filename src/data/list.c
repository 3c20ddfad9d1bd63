/* SPDX-License-Identifier: MIT */
/* The dataset made of a list: the samples of one split, the size and channels of all pictures from their headers, and
 * reading. Pictures are decoded on demand. */
#include "data/list.h"
#include "base/hash.h"
#include <stdio.h>
#include <string.h>

enum { LIST_PROBES = 256 /* headers read in parallel at a time */ };

struct list_state {
    struct list list;
    uint32_t *chosen; /* [count] samples of the split, indices into the list */
    size_t count;
    char why[256]; /* why the first unreadable picture cannot be read */
};

/* ---- growing a list ---------------------------------------------------------------------------------------------- */

int list_add(struct list *list, const char *picture, const char *second, int32_t label, int role, struct error *error)
{
    void *samples = list->samples;
    int status = memory_grow(list->memory, &samples, &list->capacity, list->count, sizeof *list->samples,
                             "a list of samples", error);
    list->samples = samples;
    if (status) {
        return status;
    }
    if (list->count >= UINT32_MAX) {
        return error_set(error, FOV_E_INPUT, "more than %u samples", UINT32_MAX);
    }
    struct listed *sample = &list->samples[list->count];
    *sample = (struct listed){
        .label = label, .role = role, .first = list->target == FOV_TARGET_BOXES ? list->box_count : list->number_count};
    sample->picture = memory_copy_text(list->memory, picture, error);
    sample->second = second ? memory_copy_text(list->memory, second, error) : NULL;
    if (sample->picture == NULL || (second && sample->second == NULL)) {
        memory_free(list->memory, sample->picture);
        memory_free(list->memory, sample->second);
        return FOV_E_MEMORY;
    }
    list->count++;
    return FOV_OK;
}

static int add_name(struct memory *memory, char ***names, size_t *capacity, size_t *count, const char *name,
                    struct error *error)
{
    void *block = *names;
    int status = memory_grow(memory, &block, capacity, *count, sizeof **names, "names", error);
    *names = block;
    char *copy = status ? NULL : memory_copy_text(memory, name, error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    (*names)[(*count)++] = copy;
    return FOV_OK;
}

int list_add_class(struct list *list, const char *name, struct error *error)
{
    return add_name(list->memory, &list->classes, &list->class_capacity, &list->class_count, name, error);
}

int list_add_value_name(struct list *list, const char *name, struct error *error)
{
    return add_name(list->memory, &list->value_names, &list->value_capacity, &list->value_count, name, error);
}

int list_add_box(struct list *list, const fov_box *box, struct error *error)
{
    void *boxes = list->boxes;
    int status =
        memory_grow(list->memory, &boxes, &list->box_capacity, list->box_count, sizeof *list->boxes, "boxes", error);
    list->boxes = boxes;
    if (status == FOV_OK) {
        list->boxes[list->box_count++] = *box;
        list->samples[list->count - 1].count++;
    }
    return status;
}

int list_add_number(struct list *list, float number, struct error *error)
{
    void *numbers = list->numbers;
    int status = memory_grow(list->memory, &numbers, &list->number_capacity, list->number_count, sizeof *list->numbers,
                             "numbers", error);
    list->numbers = numbers;
    if (status == FOV_OK) {
        list->numbers[list->number_count++] = number;
        list->samples[list->count - 1].count++;
    }
    return status;
}

int list_add_input(struct list *list, const char *name, size_t columns, struct error *error)
{
    void *inputs = list->inputs;
    int status = memory_grow(list->memory, &inputs, &list->input_capacity, list->input_count, sizeof *list->inputs,
                             "a table's inputs", error);
    list->inputs = inputs;
    char *copy = status ? NULL : memory_copy_text(list->memory, name, error);
    if (copy == NULL) {
        return FOV_E_MEMORY;
    }
    list->inputs[list->input_count++] = (struct list_input){copy, columns};
    list->extra_columns += columns;
    return FOV_OK;
}

int list_add_extra(struct list *list, double number, struct error *error)
{
    void *extras = list->extras;
    int status = memory_grow(list->memory, &extras, &list->extra_capacity, list->extra_count, sizeof *list->extras,
                             "columns", error);
    list->extras = extras;
    if (status == FOV_OK) {
        list->extras[list->extra_count++] = number;
    }
    return status;
}

static void free_names(struct memory *memory, char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memory_free(memory, names[i]);
    }
    memory_free(memory, names);
}

void list_free(struct list *list)
{
    struct memory *memory = list->memory;
    if (memory == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        memory_free(memory, list->samples[i].picture);
        memory_free(memory, list->samples[i].second);
    }
    for (int role = 0; role < FOLDER_ROLES; role++) {
        memory_free(memory, list->where[role]);
    }
    free_names(memory, list->classes, list->class_count);
    free_names(memory, list->value_names, list->value_count);
    memory_free(memory, list->samples);
    memory_free(memory, list->boxes);
    memory_free(memory, list->numbers);
    memory_free(memory, list->extras);
    for (size_t i = 0; i < list->input_count; i++) {
        memory_free(memory, list->inputs[i].name);
    }
    memory_free(memory, list->inputs);
    findings_free(&list->findings);
    store_close(list->store);
    *list = (struct list){.memory = NULL};
}

int list_check(const struct list *list, struct error *error)
{
    if (list->findings.errors > 0) {
        return findings_fail(&list->findings, list->index ? list->index : store_path(list->store), error);
    }
    return list->count > 0 ? FOV_OK
                           : error_set(error, FOV_E_INPUT, "%s: no samples in it",
                                       list->index ? list->index : store_path(list->store));
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

int list_read_picture(const struct store *store, const char *path, struct picture *picture,
                      enum image_channels channels, struct error *error)
{
    uint8_t *bytes;
    size_t size;
    if (store_is_folder(store)) {
        return image_read(picture, path, channels, error);
    }
    int status = store_read(store, path, IMAGE_MAX_FILE, picture->memory, &bytes, &size, error);
    if (status) {
        return status;
    }
    status = image_decode(picture, bytes, size, channels, error);
    memory_free(picture->memory, bytes);
    if (status) {
        error_prefix(error, "%s", path);
    }
    return status;
}

static const struct listed *listed_at(const struct fov_dataset *dataset, size_t index)
{
    const struct list_state *state = dataset->state;
    return &state->list.samples[state->chosen[index]];
}

int list_sample(const struct fov_dataset *dataset, size_t index, struct picture *picture, struct error *error)
{
    const struct list_state *state = dataset->state;
    return list_read_picture(state->list.store, listed_at(dataset, index)->picture, picture, IMAGE_OPAQUE, error);
}

static int take_boxes(const struct list *list, const struct listed *listed, struct sample *sample, struct error *error)
{
    float across = list->boxes_are_shares ? (float)sample->picture.width : 1;
    float down = list->boxes_are_shares ? (float)sample->picture.height : 1;
    int status = sample_reserve_boxes(sample, listed->count, error);
    for (size_t i = 0; status == FOV_OK && i < listed->count; i++) {
        fov_box box = list->boxes[listed->first + i];
        box.x1 *= across;
        box.x2 *= across;
        box.y1 *= down;
        box.y2 *= down;
        sample->boxes[i] = box;
    }
    return status;
}

int list_target(const struct fov_dataset *dataset, size_t index, struct sample *sample, struct error *error)
{
    const struct list *list = &((const struct list_state *)dataset->state)->list;
    const struct listed *listed = listed_at(dataset, index);
    int status = FOV_OK;
    switch (list->target) {
    case FOV_TARGET_CLASSES:
    case FOV_TARGET_VALUES:
        status = sample_reserve_numbers(sample, listed->count, error);
        for (size_t i = 0; status == FOV_OK && i < listed->count; i++) {
            sample->numbers[i] = list->numbers[listed->first + i];
        }
        return status;
    case FOV_TARGET_BOXES:
        return take_boxes(list, listed, sample, error);
    case FOV_TARGET_MASK:
        return list_take_mask(list, listed, sample, error);
    case FOV_TARGET_PICTURE:
        return list_read_picture(list->store, listed->second, &sample->other, IMAGE_OPAQUE, error);
    default:
        return FOV_OK;
    }
}

const char *list_place(const struct fov_dataset *dataset, size_t index)
{
    return listed_at(dataset, index)->picture;
}

/* ---- what the pictures have in common ---------------------------------------------------------------------------- */

/* A block of up to LIST_PROBES headers, read by all threads in parallel. */
struct probe_block {
    const struct store *store;
    struct memory *memory;
    const char *const *paths;
    struct probe *probes; /* [LIST_PROBES] */
};

static void probe_one(void *context, size_t index, int worker)
{
    struct probe_block *block = context;
    (void)worker;
    store_probe(block->store, block->paths[index], &block->probes[index], block->memory);
}

int list_probe(struct fov_context *context, const struct store *store, const char *const *paths, size_t count,
               list_probed *take, void *user, struct error *error)
{
    struct probe_block block = {.store = store, .memory = context->memory};
    block.probes = memory_allocate_raw(context->memory, LIST_PROBES, sizeof *block.probes, "headers", error);
    int status = block.probes ? FOV_OK : FOV_E_MEMORY;
    for (size_t first = 0; first < count && status == FOV_OK; first += LIST_PROBES) {
        size_t here = count - first < LIST_PROBES ? count - first : LIST_PROBES;
        block.paths = paths + first;
        pool_run(context->pool, probe_one, &block, here);
        for (size_t i = 0; i < here && status == FOV_OK; i++) {
            status = take(user, first + i, &block.probes[i], error);
        }
    }
    memory_free(context->memory, block.probes);
    return status;
}

/* Statistics of headers. */
struct survey {
    uint32_t *heights, *widths; /* [IMAGE_MAX_SIDE + 1] histograms: number of pictures of each height and width */
    uint64_t count;             /* pictures whose size is known */
    int channels;               /* the most of any picture */
};

static int take_header(void *user, size_t index, const struct probe *probe, struct error *error)
{
    struct survey *survey = user;
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

/* The user data of take_own_header, for pictures of the split that is being opened: these also make up the
 * fingerprint. */
struct own {
    struct survey *survey;
    struct fov_dataset *dataset;
    size_t root; /* length of the paths' common root, which is not hashed: the dataset may be moved */
};

static int take_own_header(void *user, size_t index, const struct probe *probe, struct error *error)
{
    struct own *own = user;
    struct fov_dataset *dataset = own->dataset;
    struct list_state *state = dataset->state;
    const struct listed *listed = listed_at(dataset, index);
    const char *name = listed->picture + own->root;
    uint64_t facts[3] = {(uint64_t)listed->label, probe->size, probe->begin};
    uint64_t hash = hash_fold(hash_fold(dataset->fingerprint, name, strlen(name)), facts, sizeof facts);
    const struct list *list = &state->list;
    if (listed->second) {
        hash = hash_fold(hash, listed->second + strlen(store_path(list->store)),
                         strlen(listed->second) - strlen(store_path(list->store)));
    }
    for (size_t i = 0; i < listed->count && list->target == FOV_TARGET_BOXES; i++) {
        const fov_box *box = &list->boxes[listed->first + i];
        const float place[5] = {(float)box->label, box->x1, box->y1, box->x2, box->y2};
        hash = hash_fold(hash, place, sizeof place);
    }
    if (list->target == FOV_TARGET_CLASSES || list->target == FOV_TARGET_VALUES) {
        hash = hash_fold(hash, list->numbers + listed->first, listed->count * sizeof(float));
    }
    dataset->fingerprint = hash;
    if (probe->status != FOV_OK && probe->status != FOV_E_MEMORY && dataset->unreadable++ == 0) {
        snprintf(state->why, sizeof state->why, "%s", probe->why);
        dataset->first_unreadable = index;
    }
    return take_header(own->survey, index, probe, error);
}

/* The median of a histogram of sides, with the smallest and the largest side; all 0 if it is empty. */
static int median_of(const uint32_t *histogram, uint64_t count, int *least, int *most)
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

/* Reads the headers of the split's pictures, in their order, then of all others. */
static int take_headers(struct fov_dataset *dataset, struct survey *survey, struct error *error)
{
    struct list_state *state = dataset->state;
    const struct list *list = &state->list;
    struct memory *memory = list->memory;
    const char **paths = memory_allocate(memory, list->count + 1, sizeof *paths, "paths", error);
    bool *own = memory_allocate(memory, list->count + 1, sizeof *own, "paths", error);
    int status = paths && own ? FOV_OK : FOV_E_MEMORY;
    const char *base = dataset->where;
    size_t others = 0, root = strlen(base);
    for (size_t i = 0; i < state->count && status == FOV_OK; i++) {
        own[state->chosen[i]] = true;
        paths[i] = list->samples[state->chosen[i]].picture;
        if (strncmp(paths[i], base, root) != 0) { // not below .where
            base = store_path(list->store);
            root = strncmp(paths[i], base, strlen(base)) == 0 ? strlen(base) : 0;
        }
    }
    struct own user = {survey, dataset, root};
    status =
        status ? status : list_probe(list->context, list->store, paths, state->count, take_own_header, &user, error);
    for (size_t i = 0; i < list->count && status == FOV_OK; i++) {
        if (!own[i]) {
            paths[others++] = list->samples[i].picture;
        }
    }
    status = status ? status : list_probe(list->context, list->store, paths, others, take_header, survey, error);
    memory_free(memory, own);
    memory_free(memory, paths);
    return status;
}

static int take_survey(struct fov_dataset *dataset, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    const struct list_state *state = dataset->state;
    struct survey survey = {.channels = 0};
    survey.heights = memory_allocate(memory, 2 * (IMAGE_MAX_SIDE + 1), sizeof *survey.heights, "sizes", error);
    if (survey.heights == NULL) {
        return FOV_E_MEMORY;
    }
    survey.widths = survey.heights + IMAGE_MAX_SIDE + 1;
    int status = take_headers(dataset, &survey, error);
    dataset->channels = survey.channels > 0 ? survey.channels : 3;
    dataset->height = median_of(survey.heights, survey.count, &dataset->least[0], &dataset->most[0]);
    dataset->width = median_of(survey.widths, survey.count, &dataset->least[1], &dataset->most[1]);
    dataset->same_size = dataset->least[0] == dataset->most[0] && dataset->least[1] == dataset->most[1];
    memory_free(memory, survey.heights);
    if (status == FOV_OK && survey.count == 0) {
        status = error_set(error, FOV_E_INPUT, "%s: %s (and none of its other pictures can be read)",
                           listed_at(dataset, 0)->picture, state->why);
    }
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Findings of one kind in one part. */
struct finding_kind {
    const char *kind;
    int part;
    size_t first, count;
};

/* Logs each kind of finding once, with its first file. Findings about all splits are logged with the training split. */
static void say_findings(const struct fov_context *context, const struct findings *findings, fov_split split)
{
    enum { MOST = 64 };
    struct finding_kind kinds[MOST];
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++) {
        bool training = findings->part[i] == FOLDER_TRAIN || findings->part[i] == FINDING_OF_ALL;
        size_t k = 0;
        while (k < count && (kinds[k].kind != findings->list[i].kind || kinds[k].part != findings->part[i])) {
            k++;
        }
        if (k == count && training == (split == FOV_TRAIN) && count < MOST) {
            kinds[count++] = (struct finding_kind){findings->list[i].kind, findings->part[i], i, 0};
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
        context_log(context, finding->severity == FOV_FINDING_NOTE ? FOV_LOG_INFO : FOV_LOG_WARNING, "%s: %s: %s%s",
                    finding->file, finding->what, finding->fate, more);
    }
}

/* If there are only training samples, treats them as samples without a split, so that some can be held back. */
static void forget_lone_split(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->samples[i].role != FOLDER_TRAIN) {
            return;
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        list->samples[i].role = LIST_WITHOUT_SPLIT;
    }
    list->splits = false;
    list->is_for_training = list->count > 0;
}

/* Where a split lies: its folder; the store (or index file) if there are no splits; else that and the split's name. */
static char *place_of(const struct list *list, int role, struct error *error)
{
    static const char *const names[FOLDER_ROLES] = {"train", "val", "test"};
    char where[DATA_PATH_SIZE + 16];
    const char *named = list->index != NULL ? list->index : store_path(list->store);
    if (list->where[role] != NULL || !list->splits) {
        return memory_copy_text(list->memory, list->where[role] ? list->where[role] : named, error);
    }
    snprintf(where, sizeof where, "%.4000s (%s)", named, names[role]);
    return memory_copy_text(list->memory, where, error);
}

int list_scan(struct list *list, struct fov_context *context, const struct data_source *kind, struct store *store,
              const char *index, const char *inputs, struct error *error)
{
    *list = (struct list){.context = context,
                          .memory = context->memory,
                          .store = store_share(store),
                          .index = index,
                          .asked = inputs,
                          .findings = {.memory = context->memory},
                          .target = FOV_TARGET_CLASS};
    const struct findings *of_store = store_findings(store);
    int status = FOV_OK;
    for (size_t i = 0; i < of_store->count && status == FOV_OK; i++) {
        const fov_finding *finding = &of_store->list[i];
        status = findings_add(&list->findings, FINDING_OF_ALL, finding->severity, finding->kind, finding->file,
                              finding->fate, error, "%s", finding->what);
    }
    status = status ? status : kind->scan(list, error);
    if (!list->needs_test_split) {
        forget_lone_split(list);
    }
    return status;
}

/* Copies labels, names and the kind of target from the list to the dataset. */
static int take_targets(struct fov_dataset *dataset, struct error *error)
{
    const struct list_state *state = dataset->state;
    const struct list *list = &state->list;
    int status = FOV_OK;
    dataset->target = list->target;
    dataset->count = state->count;
    if (list->target == FOV_TARGET_CLASS) {
        dataset->labels = memory_allocate(list->memory, state->count + 1, sizeof *dataset->labels, "labels", error);
        for (size_t i = 0; dataset->labels && i < state->count; i++) {
            dataset->labels[i] = list->samples[state->chosen[i]].label;
        }
        status = dataset->labels ? FOV_OK : FOV_E_MEMORY;
    }
    if (status == FOV_OK && list->class_count > 0) {
        status = dataset_set_classes(dataset, (const char *const *)list->classes, list->class_count, error);
    }
    if (status == FOV_OK && list->value_count > 0) {
        status = dataset_set_values(dataset, (const char *const *)list->value_names, list->value_count, error);
    }
    return status;
}

/* Copies the chosen samples' numbers for each input of a network to the dataset. */
static int take_inputs(struct fov_dataset *dataset, struct error *error)
{
    const struct list_state *state = dataset->state;
    const struct list *list = &state->list;
    int status = FOV_OK;
    size_t first = 0;
    for (size_t i = 0; i < list->input_count && status == FOV_OK; i++) {
        const struct list_input *input = &list->inputs[i];
        double *rows = memory_allocate_raw(list->memory, state->count * input->count, sizeof *rows, "columns", error);
        for (size_t s = 0; rows != NULL && s < state->count; s++) {
            memcpy(rows + s * input->count, list->extras + state->chosen[s] * list->extra_columns + first,
                   input->count * sizeof *rows);
        }
        first += input->count;
        status = rows != NULL
                     ? dataset_add_input(dataset, input->name, FOV_F64, input->count, false, (uint8_t *)rows, error)
                     : FOV_E_MEMORY;
    }
    return status;
}

int list_open(struct fov_dataset *dataset, struct store *store, const char *index, fov_split split,
              const fov_dataset_options *options, struct error *error)
{
    struct memory *memory = dataset->context->memory;
    struct list_state *state = memory_allocate(memory, 1, sizeof *state, "a list of samples", error);
    if (state == NULL) {
        return FOV_E_MEMORY;
    }
    dataset->state = state;
    struct list *list = &state->list;
    struct list_choice choice = {.role = FOLDER_TRAIN};
    const char *inputs = options != NULL ? options->inputs : NULL;
    int status = list_scan(list, dataset->context, dataset->source, store, index, inputs, error);
    bool is_whole = options && options->whole && list_states_no_splits(list); // then nothing is held back
    if (status == FOV_OK && !(is_whole && list->count > 0 && list->findings.errors == list->lone_classes)) {
        status = list_check(list, error);
    }
    if (status == FOV_OK) {
        choice.index = state->chosen = memory_allocate(memory, list->count, sizeof *state->chosen, "a split", error);
        status = state->chosen ? list_choose(list, split, options, &choice, error) : FOV_E_MEMORY;
        state->count = choice.count;
    }
    if (status == FOV_OK) {
        dataset->part = choice.part;
        dataset->where = place_of(list, choice.role, error);
        status = dataset->where ? take_targets(dataset, error) : FOV_E_MEMORY;
        status = status ? status : take_inputs(dataset, error);
    }
    status = status ? status : take_survey(dataset, error);
    if (status == FOV_OK) {
        say_findings(dataset->context, &list->findings, split);
    }
    return status;
}

void list_close(struct fov_dataset *dataset)
{
    struct list_state *state = dataset->state;
    if (state) {
        list_free(&state->list);
        memory_free(dataset->context->memory, state->chosen);
        memory_free(dataset->context->memory, state);
    }
}
