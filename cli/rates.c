/* SPDX-License-Identifier: MIT */
/* rates.json: {"rates": [{"processor": "...", "isa": "avx2", "products": ..., "transform": ..., "memory": ...,
 * "wake": ...}]}. A home directory may be shared by several machines, so entries are found by processor and instruction
 * set. */
#include "rates.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const KEYS[] = {"products", "transform", "memory", "wake"};
enum { KEY_COUNT = 4 };

/* Whether the file was named with --rates. */
static bool is_chosen(const struct cli *cli)
{
    return options_find(cli->verb, "rates", NULL) != NULL && option_text(cli, "rates") != NULL;
}

bool rates_path(const struct cli *cli, char path[RATES_PATH])
{
    const char *chosen = is_chosen(cli) ? option_text(cli, "rates") : NULL;
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int length = -1;
    if (chosen != NULL) {
        length = snprintf(path, RATES_PATH, "%s", chosen);
    } else if (config != NULL && config[0] == '/') { /* a relative path is ignored: XDG base directories, 0.8 */
        length = snprintf(path, RATES_PATH, "%s/fovea/rates.json", config);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(path, RATES_PATH, "%s/.config/fovea/rates.json", home);
    }
    return length > 0 && length < RATES_PATH;
}

void rates_processor(struct cli *cli, char out[128])
{
    const char *machine = fov_machine(cli->context);
    snprintf(out, 128, "%.*s", (int)strcspn(machine, ";"), machine);
}

static int complain(char *problem, size_t size, int code, const char *format, ...) CLI_PRINTF(4, 5);
static int complain(char *problem, size_t size, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(problem, size, format, list);
    va_end(list);
    return code;
}

/* Reads the file; NULL with EXIT_OK in *code where there is none, else with an exit code and a sentence in
 * `problem`. */
static json_t *read_file(const char *path, int *code, char *problem, size_t size)
{
    char reason[1024];
    *code = EXIT_OK;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return NULL;
    }
    json_t *object = json_read(path, 0, NULL, code, reason, sizeof reason);
    if (object == NULL) {
        *code = complain(problem, size, *code, "%s%s", reason,
                         *code == EXIT_INPUT ? "; fovea bench --tune writes it anew once it is removed" : "");
    } else if (!json_is_array(json_object_get(object, "rates"))) {
        *code = complain(problem, size, EXIT_INPUT, "%s: it has no list \"rates\"; fovea bench --tune writes it anew "
                         "once it is removed", path);
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* Index of the entry for this processor and instruction set in the list; the list's length: none. */
static size_t find_entry(struct cli *cli, const json_t *list)
{
    char processor[128];
    rates_processor(cli, processor);
    size_t i = 0;
    for (; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(entry, "processor"));
        const char *isa = json_string_value(json_object_get(entry, "isa"));
        if (name != NULL && isa != NULL && strcmp(name, processor) == 0 &&
            strcmp(isa, fov_context_isa(cli->context)) == 0) {
            break;
        }
    }
    return i;
}

int rates_apply(const struct cli *cli, char from[RATES_PATH], char *problem, size_t size)
{
    struct cli reader = *cli; /* a copy, as rates_processor wants one that is not const */
    char path[RATES_PATH];
    int code;
    if (from != NULL) {
        from[0] = '\0';
    }
    if (!rates_path(cli, path)) {
        return EXIT_OK;
    }
    json_t *object = read_file(path, &code, problem, size);
    if (object == NULL && code == EXIT_IO && !is_chosen(cli)) {
        /* The file was not asked for: an unreadable home folder must not stop the verb. */
        remark(cli, "%s; going on with the rates of the instruction set", problem);
        return EXIT_OK;
    }
    if (object == NULL) {
        return code;
    }
    const json_t *list = json_object_get(object, "rates"), *entry = json_array_get(list, find_entry(&reader, list));
    fov_rates rates;
    double *const figures[KEY_COUNT] = {&rates.products, &rates.transform, &rates.memory, &rates.wake};
    for (int i = 0; i < KEY_COUNT && entry != NULL && code == EXIT_OK; i++) {
        *figures[i] = json_number_value(json_object_get(entry, KEYS[i]));
        if (!(*figures[i] > 0.0)) {
            code = complain(problem, size, EXIT_INPUT, "%s: \"%s\" of %s is no positive number; fovea bench --tune "
                            "writes it anew once the file is removed", path, KEYS[i], fov_context_isa(cli->context));
        }
    }
    if (entry != NULL && code == EXIT_OK) {
        if (fov_context_set_rates(cli->context, &rates) != FOV_OK) {
            code = complain(problem, size, EXIT_INPUT, "%s: %s", path, fov_error(cli->context));
        } else if (from != NULL) {
            snprintf(from, RATES_PATH, "%s", path);
        }
    }
    json_decref(object);
    return code;
}

/* Makes the missing folders of a file's path; a failure shows when the file is written. */
static void make_folders(const char *path)
{
    char part[RATES_PATH];
    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return;
        }
    }
}

int rates_keep(struct cli *cli, const char *path, const fov_rates *rates)
{
    const double figures[KEY_COUNT] = {rates->products, rates->transform, rates->memory, rates->wake};
    char problem[RATES_PATH + 512], processor[128];
    int code;
    json_t *object = read_file(path, &code, problem, sizeof problem);
    if (code != EXIT_OK) {
        return fail(cli, code, "%s", problem);
    }
    if (object == NULL) {
        object = json_object();
        json_set(object, "rates", json_array());
    }
    json_t *list = json_object_get(object, "rates"), *entry = json_object();
    json_array_remove(list, find_entry(cli, list));
    rates_processor(cli, processor);
    json_set_text(entry, "processor", processor);
    json_set_text(entry, "isa", fov_context_isa(cli->context));
    for (int i = 0; i < KEY_COUNT; i++) {
        json_set_number(entry, KEYS[i], figures[i]);
    }
    json_add(list, entry);
    make_folders(path);
    if (json_save(path, object) != 0) {
        return fail(cli, EXIT_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    return EXIT_OK;
}
