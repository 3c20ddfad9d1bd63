/* SPDX-License-Identifier: MIT */
/* Writes and reads checkpoints. Tensors are named "model." or "optimizer." and the parameter's name; everything else is
 * text in the metadata, doubles as their 64 bits in hexadecimal. */
#include "train/checkpoint.h"
#include "base/text.h"
#include "io/safetensors.h"
#include <fovea/bench.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, STATE_MAX = 32, TEXT_SIZE = 64, KEY_SIZE = 48, NAME_SIZE = 4096 + 32 };

/* Metadata to be written: storage for keys and values, then the list of pointers for the writer. */
struct metadata {
    char key[SETTINGS_MAX + STATE_MAX][KEY_SIZE], value[SETTINGS_MAX + STATE_MAX][TEXT_SIZE];
    struct setting settings[SETTINGS_MAX];
    struct safetensors_text list[SETTINGS_MAX + STATE_MAX + 4];
    size_t count;
};

static void add_text(struct metadata *metadata, const char *key, const char *value)
{
    size_t i = metadata->count++;
    snprintf(metadata->key[i], KEY_SIZE, "%s", key);
    snprintf(metadata->value[i], TEXT_SIZE, "%s", value);
    metadata->list[i] = (struct safetensors_text){metadata->key[i], metadata->value[i]};
}

static void add_integer(struct metadata *metadata, const char *key, int64_t value)
{
    char text[TEXT_SIZE];
    snprintf(text, sizeof text, "%" PRId64, value);
    add_text(metadata, key, text);
}

static void add_double(struct metadata *metadata, const char *key, double value)
{
    char text[NUMBER_TEXT_SIZE];
    add_text(metadata, key, number_bits(text, value));
}

static void add_bits(struct metadata *metadata, const char *key, uint64_t bits)
{
    char text[TEXT_SIZE];
    snprintf(text, sizeof text, "%016" PRIx64, bits);
    add_text(metadata, key, text);
}

/* The data's class names, one per line: a line break in a name is escaped. */
static void pack_names(struct text *names, const struct train_identity *identity)
{
    for (int i = 0; i < identity->classes; i++) {
        char name[256];
        text_add(names, "%s%s", i > 0 ? "\n" : "", text_clean(name, sizeof name, identity->class_names[i]));
    }
}

static const char *schedule_key(char out[KEY_SIZE], int number)
{
    snprintf(out, KEY_SIZE, "schedule.%d", number);
    return out;
}

static void pack_sums(struct text *packed, const struct train_state *state)
{
    char number[NUMBER_TEXT_SIZE];
    for (int i = 0; i < 2 * TASK_MOST_FIGURES; i++) {
        text_add(packed, "%s", number_bits(number, state->sums[i]));
    }
}

/* What else, besides the settings, decides the last bits of a result: the kernels in use, whether Winograd may be used,
 * and the machine's measured rates, by which plans choose algorithms. */
static void describe_arithmetic(const fov_context *context, char isa[TEXT_SIZE], char exact[TEXT_SIZE],
                                char rates[TEXT_SIZE])
{
    fov_rates r = fov_context_rates(context);
    snprintf(isa, TEXT_SIZE, "%s", fov_context_isa(context));
    snprintf(exact, TEXT_SIZE, "%s", context->exact_conv ? "yes" : "no");
    text_append(rates, TEXT_SIZE, 0, "%.4g %.4g %.4g %.4g", r.products, r.transform, r.memory, r.wake);
}

static void gather_metadata(struct metadata *metadata, const fov_context *context,
                            const struct train_settings *settings, const struct train_identity *identity,
                            const struct train_state *state)
{
    char seed[TEXT_SIZE];
    struct setting *list = metadata->settings; /* long values are not copied but pointed to */
    int count = settings_list(settings, list);
    metadata->count = 0;
    add_integer(metadata, "fovea.checkpoint", FORMAT);
    add_text(metadata, "fovea.version", fov_version());
    snprintf(seed, sizeof seed, "%" PRIu64, identity->seed);
    add_text(metadata, "seed", seed);
    char isa[TEXT_SIZE], exact[TEXT_SIZE], rates[TEXT_SIZE];
    describe_arithmetic(context, isa, exact, rates);
    add_text(metadata, "isa", isa);
    add_text(metadata, "exact_conv", exact);
    add_text(metadata, "rates", rates);
    add_text(metadata, "data", identity->data);
    add_integer(metadata, "samples", identity->count);
    add_bits(metadata, "fingerprint", identity->fingerprint);
    add_bits(metadata, "task_files", identity->task_files);
    add_integer(metadata, "epoch", state->epoch);
    add_integer(metadata, "step", state->step);
    add_integer(metadata, "total_step", state->total);
    add_double(metadata, "epoch.loss", state->loss);
    add_integer(metadata, "epoch.seen", state->seen);
    add_double(metadata, "epoch.seconds", state->seconds);
    add_double(metadata, "spent", state->spent);
    add_integer(metadata, "best.epoch", state->best_epoch);
    add_double(metadata, "best.score", state->best);
    for (int i = 0; settings->schedule.schedule->observe != NULL && i < SCHEDULE_NUMBERS; i++) {
        char key[KEY_SIZE];
        add_double(metadata, schedule_key(key, i), state->schedule.number[i]);
    }
    for (int i = 0; i < count; i++) {
        size_t at = metadata->count++;
        snprintf(metadata->key[at], KEY_SIZE, "option.%s", list[i].key);
        metadata->list[at] = (struct safetensors_text){metadata->key[at], list[i].value};
    }
}

/* "model.NAME" for the network's parameters; the optimiser's names start with "optimizer." already. */
static void tensor_name(char out[NAME_SIZE], const struct training_step *step, const struct value *parameter)
{
    snprintf(out, NAME_SIZE, "%s%s", step->of_model[parameter->number] != 0 ? "model." : "", parameter->name);
}

int checkpoint_write(const char *path, const struct training_step *step, const struct train_settings *settings,
                     const struct train_identity *identity, const struct train_state *state, struct error *error)
{
    struct memory *memory = step->context->memory;
    size_t total = (size_t)fov_parameter_count(step->graph), count = 0;
    struct text history = {.memory = memory}, names = {.memory = memory}, classes = {.memory = memory},
                sums = {.memory = memory};
    struct metadata *metadata = memory_allocate(memory, 1, sizeof *metadata, "a checkpoint", error);
    struct safetensors_source *sources = memory_allocate(memory, total, sizeof *sources, "a checkpoint", error);
    size_t *name_at = memory_allocate(memory, total, sizeof *name_at, "a checkpoint", error);
    int status = metadata != NULL && sources != NULL && name_at != NULL ? FOV_OK : FOV_E_MEMORY;
    for (size_t v = 1; status == FOV_OK && v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        char name[NAME_SIZE];
        if (value->kind != VALUE_PARAMETER) {
            continue;
        }
        tensor_name(name, step, value);
        name_at[count] = names.length;
        text_add_bytes(&names, name, strlen(name) + 1);
        sources[count] = (struct safetensors_source){NULL, value->dtype, value->shape, graph_data(step->graph, (int)v)};
        status = sources[count++].data != NULL ? FOV_OK : (int)step->graph->context->error.status;
    }
    history_pack(&state->history, &history);
    pack_names(&classes, identity);
    pack_sums(&sums, state);
    if (status == FOV_OK && (names.failed || history.failed || classes.failed || sums.failed)) {
        status = error_set(error, FOV_E_MEMORY, "no memory for a checkpoint");
    }
    if (status == FOV_OK) {
        for (size_t i = 0; i < count; i++) {
            sources[i].name = names.data + name_at[i];
        }
        gather_metadata(metadata, step->context, settings, identity, state);
        metadata->list[metadata->count] = (struct safetensors_text){"history", text_string(&history)};
        metadata->list[metadata->count + 1] = (struct safetensors_text){"classes", text_string(&classes)};
        metadata->list[metadata->count + 2] = (struct safetensors_text){"epoch.sums", text_string(&sums)};
        status =
            safetensors_write(path, sources, count, metadata->list, metadata->count + 3, true, NULL, memory, error);
    }
    text_free(&history);
    text_free(&classes);
    text_free(&sums);
    text_free(&names);
    memory_free(memory, metadata);
    memory_free(memory, sources);
    memory_free(memory, name_at);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int get_integer(const struct safetensors *file, const char *key, int64_t minimum, int64_t *value,
                       struct error *error)
{
    const char *text = safetensors_metadata(file, key);
    long long number;
    if (text == NULL || !text_to_integer(text, minimum, INT64_MAX, &number)) {
        return error_set(error, FOV_E_INPUT, "%s: no checkpoint: its entry \"%s\" is missing or no number", file->file,
                         key);
    }
    *value = number;
    return FOV_OK;
}

static int get_double(const struct safetensors *file, const char *key, double *value, struct error *error)
{
    const char *text = safetensors_metadata(file, key);
    if (text == NULL || !number_from_bits(text, value)) {
        return error_set(error, FOV_E_INPUT, "%s: no checkpoint: its entry \"%s\" is missing or damaged", file->file,
                         key);
    }
    return FOV_OK;
}

/* Older checkpoints have no "spent". */
static int get_spent(const struct safetensors *file, double *spent, struct error *error)
{
    *spent = 0.0;
    return safetensors_metadata(file, "spent") != NULL ? get_double(file, "spent", spent, error) : FOV_OK;
}

/* Whether two texts are the same setting. Numbers in them are compared as float32, however many digits were written:
 * "sgd:momentum=0.9". */
static bool is_same_setting(const char *then, const char *now)
{
    while (*then != '\0' && *now != '\0') {
        char *then_end, *now_end;
        bool is_number = strchr("-.0123456789", *then) != NULL && strchr("-.0123456789", *now) != NULL;
        float a = is_number ? strtof(then, &then_end) : 0.0f, b = is_number ? strtof(now, &now_end) : 0.0f;
        if (is_number && then_end != then && now_end != now) {
            if (a < b || a > b) {
                return false;
            }
            then = then_end;
            now = now_end;
        } else if (*then++ != *now++) {
            return false;
        }
    }
    return *then == *now;
}

/* The value of a setting; a text that is absent is "none" in files of some versions and empty in those of others. */
static const char *said(const char *value)
{
    return *value == '\0' ? "none" : value;
}

/* E_USAGE: the checkpoint's value differs from `now`. `absent`: value of files without this key; NULL: every file must
 * have it. `older`: another spelling of `now` in older files, or NULL. */
static int expect(const struct safetensors *file, const char *key, const char *name, const char *now,
                  const char *absent, const char *older, struct error *error)
{
    const char *then = safetensors_metadata(file, key);
    then = then != NULL ? then : absent;
    now = said(now);
    then = then != NULL ? said(then) : NULL;
    if (then != NULL && (is_same_setting(then, now) || (older != NULL && strcmp(then, older) == 0))) {
        return FOV_OK;
    }
    return error_set(error, FOV_E_USAGE, "%s: cannot go on with another %s: it was %s, now it is %s", file->file, name,
                     then != NULL ? then : "not there", now);
}

/* Counts the lines of one list that are not in the other, and writes the first few, quoted, into out. */
static int other_lines(char out[256], const char *lines, const char *other)
{
    size_t used = 0;
    int count = 0;
    out[0] = '\0';
    for (const char *line = lines, *end; *line != '\0'; line = *end == '\n' ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        size_t length = (size_t)(end - line);
        const char *at = other;
        while (at != NULL && !(strncmp(at, line, length) == 0 && (at[length] == '\n' || at[length] == '\0'))) {
            at = strchr(at, '\n');
            at = at != NULL ? at + 1 : NULL;
        }
        if (at == NULL && count++ < 4) {
            used = text_append(out, 256, used, "%s\"%.*s\"", used > 0 ? ", " : "", (int)(length < 40 ? length : 40),
                               line);
        }
    }
    return count;
}

/* Refuses a different setting of exact_conv, and warns of other kernels, rates or versions: from here on the last bits
 * differ from those of a run that was not moved. Older checkpoints may lack these keys. */
static int check_arithmetic(const struct safetensors *file, fov_context *context, struct error *error)
{
    char isa[TEXT_SIZE], exact[TEXT_SIZE], rates[TEXT_SIZE];
    describe_arithmetic(context, isa, exact, rates);
    const char *kept = safetensors_metadata(file, "exact_conv");
    if (kept != NULL && strcmp(kept, exact) != 0) {
        return error_set(error, FOV_E_USAGE,
                         "%s: cannot go on with another exact_conv: it was %s, now it is %s", file->file, kept, exact);
    }
    const struct {
        const char *key, *name, *now;
    } told[] = {{"isa", "kernels", isa}, {"rates", "rates of this machine", rates},
                {"fovea.version", "version of fovea", fov_version()}};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        kept = safetensors_metadata(file, told[i].key);
        if (kept != NULL && strcmp(kept, told[i].now) != 0) {
            context_log(context, FOV_LOG_WARNING,
                        "the run goes on with other %s (%s, it began with %s): its last bits will be others than those "
                        "of a run in one piece",
                        told[i].name, told[i].now, kept);
        }
    }
    return FOV_OK;
}

/* Checks that the data has the same content, not only the same name: different classes are listed in the error,
 * different pictures are not. Older checkpoints may lack these keys. */
static int check_content(const struct safetensors *file, const struct train_identity *identity, struct error *error)
{
    const char *classes = safetensors_metadata(file, "classes"), *print = safetensors_metadata(file, "fingerprint");
    struct text now = {.memory = file->memory};
    char text[TEXT_SIZE], gone[256], new[256];
    int status = FOV_OK;
    pack_names(&now, identity);
    if (now.failed) {
        status = error_set(error, FOV_E_MEMORY, "no memory to compare class names");
    } else if (classes != NULL && strcmp(classes, text_string(&now)) != 0) {
        int gone_count = other_lines(gone, classes, text_string(&now));
        int new_count = other_lines(new, text_string(&now), classes);
        status = gone_count + new_count == 0
                     ? error_set(error, FOV_E_USAGE, "%s: cannot go on with the classes in another order", file->file)
                     : error_set(error, FOV_E_USAGE,
                                 "%s: cannot go on with other classes: %d of those it was trained on %s not in the "
                                 "data now%s%s, %d of the data's %s new%s%s",
                                 file->file, gone_count, gone_count == 1 ? "is" : "are", gone_count ? ": " : "", gone,
                                 new_count, new_count == 1 ? "is" : "are", new_count ? ": " : "", new);
    }
    text_free(&now);
    snprintf(text, sizeof text, "%016" PRIx64, identity->fingerprint);
    if (status == FOV_OK && print != NULL && strcmp(print, text) != 0) {
        status = error_set(error, FOV_E_USAGE,
                           "%s: cannot go on with other data: %s has the name and the size that it had, but other "
                           "pictures or labels",
                           file->file, identity->data);
    }
    const char *files = safetensors_metadata(file, "task_files");
    snprintf(text, sizeof text, "%016" PRIx64, identity->task_files);
    if (status == FOV_OK && files != NULL && strcmp(files, text) != 0) {
        status = error_set(error, FOV_E_USAGE,
                           "%s: cannot go on: the files that the task's options name have other content than they had",
                           file->file);
    }
    return status;
}

static int check_settings(const struct safetensors *file, fov_context *context, const struct train_settings *settings,
                          const struct train_identity *identity, struct error *error)
{
    struct setting list[SETTINGS_MAX];
    char key[KEY_SIZE], text[TEXT_SIZE];
    int count = settings_list(settings, list), status = FOV_OK;
    for (int i = 0; status == FOV_OK && i < count; i++) {
        snprintf(key, sizeof key, "option.%s", list[i].key);
        status = list[i].decides ? expect(file, key, list[i].key, list[i].value, list[i].absent, list[i].older, error)
                                 : FOV_OK;
    }
    snprintf(text, sizeof text, "%" PRIu64, identity->seed);
    status = status == FOV_OK ? expect(file, "seed", "seed", text, NULL, NULL, error) : status;
    snprintf(text, sizeof text, "%s", identity->data);
    status = status == FOV_OK ? expect(file, "data", "dataset", text, NULL, NULL, error) : status;
    snprintf(text, sizeof text, "%" PRId64, identity->count);
    status = status == FOV_OK ? expect(file, "samples", "number of samples", text, NULL, NULL, error) : status;
    status = status == FOV_OK ? check_content(file, identity, error) : status;
    return status == FOV_OK ? check_arithmetic(file, context, error) : status;
}

/* Reads the current epoch's sums; older checkpoints have only a classifier's number of right answers. */
static int get_sums(const struct safetensors *file, struct train_state *state, struct error *error)
{
    const char *text = safetensors_metadata(file, "epoch.sums");
    if (text == NULL) {
        int64_t correct = 0;
        int status = get_integer(file, "epoch.correct", 0, &correct, error);
        state->sums[0] = (double)correct;
        state->sums[1] = (double)state->seen;
        return status;
    }
    for (int i = 0; i < 2 * TASK_MOST_FIGURES; i++) {
        if (strlen(text) != 16 * 2 * TASK_MOST_FIGURES ||
            !number_from_bits(text + (ptrdiff_t)16 * i, &state->sums[i])) {
            return error_set(error, FOV_E_INPUT, "%s: no checkpoint: its entry \"epoch.sums\" is damaged", file->file);
        }
    }
    return FOV_OK;
}

static int read_state(const struct safetensors *file, fov_context *context, const struct train_settings *settings,
                      const struct train_identity *identity, struct train_state *state, struct error *error)
{
    int64_t format = 0;
    if (get_integer(file, "fovea.checkpoint", 0, &format, error) != FOV_OK) {
        return (int)error->status;
    }
    if (format != FORMAT) {
        return error_set(error, FOV_E_UNSUPPORTED, "%s: a checkpoint of format %" PRId64 "; this fovea reads format %d",
                         file->file, format, FORMAT);
    }
    if (safetensors_verify(file, error) != FOV_OK ||
        check_settings(file, context, settings, identity, error) != FOV_OK ||
        get_integer(file, "epoch", 0, &state->epoch, error) != FOV_OK ||
        get_integer(file, "step", 0, &state->step, error) != FOV_OK ||
        get_integer(file, "total_step", 0, &state->total, error) != FOV_OK ||
        get_double(file, "epoch.loss", &state->loss, error) != FOV_OK ||
        get_integer(file, "epoch.seen", 0, &state->seen, error) != FOV_OK || get_sums(file, state, error) != FOV_OK ||
        get_double(file, "epoch.seconds", &state->seconds, error) != FOV_OK ||
        get_spent(file, &state->spent, error) != FOV_OK ||
        get_integer(file, "best.epoch", 0, &state->best_epoch, error) != FOV_OK ||
        get_double(file, "best.score", &state->best, error) != FOV_OK) {
        return (int)error->status;
    }
    const char *history = safetensors_metadata(file, "history");
    if (history_unpack(&state->history, history != NULL ? history : "", error) != FOV_OK) {
        error_prefix(error, "%s", file->file);
        return (int)error->status;
    }
    for (int i = 0; settings->schedule.schedule->observe != NULL && i < SCHEDULE_NUMBERS; i++) {
        char key[KEY_SIZE];
        if (get_double(file, schedule_key(key, i), &state->schedule.number[i], error) != FOV_OK) {
            return (int)error->status;
        }
    }
    /* A position that no run can have would index outside the epoch's order of samples. */
    bool is_there = state->step < settings->steps && state->epoch <= INT32_MAX &&
                    (state->epoch == 0 || settings->steps <= (INT64_MAX - state->step) / state->epoch);
    int64_t whole = is_there ? state->epoch * settings->steps + state->step : 0; /* epochs ended by time are shorter */
    bool fits = settings->given.minutes > 0.0f ? state->total <= whole : state->total == whole;
    if (!is_there || !fits ||
        state->history.count != (size_t)state->epoch) {
        return error_set(error, FOV_E_INPUT,
                         "%s: its epoch %" PRId64 ", step %" PRId64 " and total %" PRId64 " do not fit each other",
                         file->file, state->epoch, state->step, state->total);
    }
    return FOV_OK;
}

static int read_tensors(const struct safetensors *file, struct training_step *step, struct error *error)
{
    for (size_t v = 1; v < step->graph->value_count; v++) {
        const struct value *value = graph_value(step->graph, (int)v);
        char name[NAME_SIZE];
        if (value->kind != VALUE_PARAMETER) {
            continue;
        }
        void *data = graph_data(step->graph, (int)v);
        tensor_name(name, step, value);
        if (data == NULL || safetensors_copy(file, name, value->dtype, &value->shape, data, error) != FOV_OK) {
            return (int)error->status;
        }
    }
    if (file->count != (size_t)fov_parameter_count(step->graph)) { /* it has all of ours, and others */
        return error_set(error, FOV_E_INPUT, "%s: holds %zu tensors, this model and optimizer need %d", file->file,
                         file->count, fov_parameter_count(step->graph));
    }
    step->graph->version++; /* plans hold packed weights, to be packed again */
    return FOV_OK;
}

int checkpoint_read(const char *path, struct training_step *step, const struct train_settings *settings,
                    const struct train_identity *identity, struct train_state *state, struct error *error)
{
    struct safetensors file = {0};
    int status = safetensors_open(&file, path, step->context->memory, error);
    if (status == FOV_OK) {
        status = read_state(&file, step->context, settings, identity, state, error);
    }
    if (status == FOV_OK) {
        status = read_tensors(&file, step, error);
    }
    safetensors_close(&file);
    return status;
}
