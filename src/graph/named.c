/* SPDX-License-Identifier: MIT */
/* Finds results by the names that users see: the value's own name, or its layer's name as the table of layers shows it.
 * Files of other frameworks may name the two differently. Finding any value by its own name alone is in names.c. */
#include "base/text.h"
#include "graph/names.h"
#include <string.h>

enum { SHOWN_NAME = 160, SHOWN_CANDIDATES = 4 };

struct askable {
    const fov_graph *graph;
    int input; /* an input value that is accepted beside results; 0: none */
};

static bool may_be_asked(const struct askable *askable, int id)
{
    return id != 0 && (id == askable->input || graph_value(askable->graph, id)->kind == VALUE_RESULT);
}

/* For text_nearest: the names of values, then those of layers; NULL for a value that is not accepted. */
static const char *name_at(const void *list, size_t index)
{
    const struct askable *askable = list;
    const fov_graph *graph = askable->graph;
    if (index >= graph->value_count) {
        return graph->nodes[index - graph->value_count].name;
    }
    return may_be_asked(askable, (int)index) ? graph_value(graph, (int)index)->name : NULL;
}

static void refuse(const struct askable *askable, const char *name, struct error *error)
{
    const fov_graph *graph = askable->graph;
    char shown[SHOWN_NAME], shown_nearest[SHOWN_NAME], advice[SHOWN_NAME + 32] = "";
    const char *nearest = text_nearest(name, askable, graph->value_count + graph->node_count, name_at);
    text_escape(shown, sizeof shown, name);
    if (nearest != NULL) {
        text_append(advice, sizeof advice, 0, "; did you mean \"%s\"?",
                    text_escape(shown_nearest, sizeof shown_nearest, nearest));
    }
    if (names_find_value(graph, name) != 0) {
        error_set(error, FOV_E_USAGE, "\"%s\" is not the result of a layer%s", shown, advice);
    } else {
        error_set(error, FOV_E_USAGE, "the model has no layer \"%s\"%s", shown, advice);
    }
}

/* For a name that several layers have: lists their results, whose names are unique. */
static void refuse_several(const fov_graph *graph, const char *name, int count, struct error *error)
{
    char shown[SHOWN_NAME], candidate[SHOWN_NAME], list[SHOWN_CANDIDATES * (SHOWN_NAME + 4)] = "";
    size_t length = 0;
    int listed = 0;
    for (size_t n = 0; n < graph->node_count && listed < SHOWN_CANDIDATES; n++) {
        if (strcmp(graph->nodes[n].name, name) == 0) {
            text_escape(candidate, sizeof candidate, graph_value(graph, graph->nodes[n].out[0])->name);
            length = text_append(list, sizeof list, length, "%s\"%s\"", listed > 0 ? ", " : "", candidate);
            listed++;
        }
    }
    error_set(error, FOV_E_USAGE, "%d layers are named \"%s\"; their results are %s%s", count,
              text_escape(shown, sizeof shown, name), list, count > listed ? ", ..." : "");
}

int names_find_result(const fov_graph *graph, const char *name, int input, struct error *error)
{
    const struct askable askable = {graph, input};
    int id = names_find_value(graph, name), count = 0;
    if (may_be_asked(&askable, id)) {
        return id;
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        if (strcmp(graph->nodes[n].name, name) == 0) {
            id = graph->nodes[n].out[0];
            count++;
        }
    }
    if (count == 1) {
        return id;
    }
    if (count > 1) {
        refuse_several(graph, name, count, error);
    } else {
        refuse(&askable, name, error);
    }
    return 0;
}
