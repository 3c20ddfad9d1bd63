/* SPDX-License-Identifier: MIT */
/* Reads a .cfg as text: sections in brackets, "key = value" lines below them. */
#include "io/darknet.h"
#include "base/text.h"
#include <string.h>

/* Removes blanks at both ends, in place. */
static char *trim(char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
    return text + strspn(text, " \t");
}

static int add_section(struct darknet *net, char *line, int number, struct error *error)
{
    size_t length = strlen(line);
    if (length < 3 || line[length - 1] != ']' || net->section_count > DARKNET_MOST_LAYERS) {
        return error_set(error, FOV_E_INPUT, "%s, line %d: a section's name in brackets was expected, of %d at most",
                         net->path, number, DARKNET_MOST_LAYERS);
    }
    line[length - 1] = '\0';
    net->sections[net->section_count++] =
        (struct darknet_section){.name = line + 1, .line = number, .first = net->option_count};
    return FOV_OK;
}

static int add_option(struct darknet *net, char *line, int number, struct error *error)
{
    char *equals = strchr(line, '=');
    if (equals == NULL || net->section_count == 0 || net->option_count == DARKNET_MOST_OPTIONS) {
        return error_set(error, FOV_E_INPUT, "%s, line %d: \"key = value\" below a section was expected", net->path,
                         number);
    }
    *equals = '\0';
    net->options[net->option_count++] =
        (struct darknet_option){trim(line, (size_t)(equals - line)), equals + 1 + strspn(equals + 1, " \t")};
    net->sections[net->section_count - 1].count++;
    return FOV_OK;
}

static int read_lines(struct darknet *net, size_t length, struct error *error)
{
    char *line = net->text, *end = net->text + length;
    int status = FOV_OK;
    for (int number = 1; line < end && status == FOV_OK; number++) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        size_t size = next != NULL ? (size_t)(next - line) : (size_t)(end - line);
        char *text = trim(line, size);
        if (*text == '[') {
            status = add_section(net, text, number, error);
        } else if (*text != '\0' && *text != '#' && *text != ';') {
            status = add_option(net, text, number, error);
        }
        line = next != NULL ? next + 1 : end;
    }
    return status;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

const char *darknet_text(const struct darknet *net, const struct darknet_section *section, const char *key)
{
    for (int i = section->first; i < section->first + section->count; i++) {
        if (strcmp(net->options[i].key, key) == 0) {
            return net->options[i].value;
        }
    }
    return NULL;
}

int darknet_refuse(const struct darknet *net, const struct darknet_section *section, const char *what,
                   struct error *error)
{
    char name[64];
    return error_set(error, FOV_E_UNSUPPORTED, "%s, line %d: [%s] %s", net->path, section->line,
                     text_escape(name, sizeof name, section->name), what);
}

int darknet_integer(const struct darknet *net, const struct darknet_section *section, const char *key, int standard,
                    int low, int high, int *value, struct error *error)
{
    const char *text = darknet_text(net, section, key);
    long long number = standard;
    char shown[64];
    if (text != NULL && !text_to_integer(text, low, high, &number)) {
        return error_set(error, FOV_E_INPUT, "%s, line %d: %s is \"%s\"; it is a whole number, %d to %d", net->path,
                         section->line, key, text_escape(shown, sizeof shown, text), low, high);
    }
    *value = (int)number;
    return FOV_OK;
}

int darknet_number(const struct darknet *net, const struct darknet_section *section, const char *key, double standard,
                   double *value, struct error *error)
{
    const char *text = darknet_text(net, section, key);
    char shown[64];
    *value = standard;
    if (text != NULL && !text_to_number(text, value)) {
        return error_set(error, FOV_E_INPUT, "%s, line %d: %s is \"%s\", which is no number", net->path, section->line,
                         key, text_escape(shown, sizeof shown, text));
    }
    return FOV_OK;
}

int darknet_numbers(const struct darknet *net, const struct darknet_section *section, const char *key, double *numbers,
                    int most, struct error *error)
{
    const char *text = darknet_text(net, section, key);
    int count = 0;
    while (text != NULL && *text != '\0') {
        char word[32];
        size_t length = strcspn(text, ",");
        if (length >= sizeof word || count == most) {
            error_set(error, FOV_E_INPUT, "%s, line %d: %s holds more than %d numbers", net->path, section->line, key,
                      most);
            return -1;
        }
        memcpy(word, text, length);
        if (!text_to_number(trim(word, length), &numbers[count++])) {
            error_set(error, FOV_E_INPUT, "%s, line %d: number %d of %s is none", net->path, section->line, count, key);
            return -1;
        }
        text += length + (text[length] == ',');
    }
    return count;
}

/* ---- the whole file ---------------------------------------------------------------------------------------------- */

static int read_net(struct darknet *net, struct error *error)
{
    const struct darknet_section *first = net->sections;
    if (net->section_count < 2 || (strcmp(first->name, "net") != 0 && strcmp(first->name, "network") != 0)) {
        return error_set(error, FOV_E_INPUT, "%s: no network of Darknet's: its first section is [net], layers follow",
                         net->path);
    }
    int status = darknet_integer(net, first, "channels", 3, 1, 4, &net->channels, error);
    status = status ? status : darknet_integer(net, first, "height", 0, 1, 16384, &net->height, error);
    status = status ? status : darknet_integer(net, first, "width", 0, 1, 16384, &net->width, error);
    if (status == FOV_OK && (net->height < 1 || net->width < 1)) {
        status = error_set(error, FOV_E_INPUT, "%s: [net] states no height and width", net->path);
    }
    return status;
}

static int build(struct darknet *net, struct error *error)
{
    int status = read_net(net, error);
    if (status != FOV_OK) {
        return status;
    }
    fov_value x = net->input =
        fov_input(net->graph, .name = "images", .shape = {4, {FOV_BATCH, net->channels, net->height, net->width}});
    for (int i = 0; i + 1 < net->section_count && status == FOV_OK; i++) {
        status = darknet_layer(net, i, x, error);
        status = status == FOV_OK ? (int)error->status : status; /* failures that graph calls left on the context */
        x = net->layers[i];
        if (status != FOV_OK && error->status != FOV_OK) {
            error_prefix(error, "layer %d, [%s]", i, net->sections[1 + i].name);
        }
    }
    net->output = net->box_count > 1    ? fov_concat(net->graph, net->boxes, net->box_count, 1)
                  : net->box_count == 1 ? net->boxes[0]
                                        : x;
    return status == FOV_OK ? (int)error->status : status;
}

int darknet_open(struct darknet *net, fov_graph *graph, const char *path, const char *text, size_t length,
                 struct error *error)
{
    *net = (struct darknet){.path = path, .graph = graph, .memory = fov_graph_context(graph)->memory};
    net->text = memory_allocate(net->memory, length + 1, 1, "a network's text", error);
    net->sections = memory_allocate(net->memory, DARKNET_MOST_LAYERS + 2, sizeof *net->sections, "sections", error);
    net->options = memory_allocate(net->memory, DARKNET_MOST_OPTIONS, sizeof *net->options, "options", error);
    if (net->text == NULL || net->sections == NULL || net->options == NULL) {
        return FOV_E_MEMORY;
    }
    if (memchr(text, '\0', length) != NULL) {
        return error_set(error, FOV_E_INPUT, "%s: no text", path);
    }
    memcpy(net->text, text, length);
    int status = read_lines(net, length, error);
    return status != FOV_OK ? status : build(net, error);
}

void darknet_close(struct darknet *net)
{
    if (net->memory != NULL) {
        memory_free(net->memory, net->options);
        memory_free(net->memory, net->sections);
        memory_free(net->memory, net->text);
    }
    *net = (struct darknet){.path = NULL};
}
