/* SPDX-License-Identifier: MIT */
/* A table of value names: open addressing with linear probing over ids, grown by doubling, never shrunk. Imported
 * graphs have tens of thousands of names, so a linear search would make loading quadratic. */
#include "graph/names.h"

#include <string.h>

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash(const char *name)
{
    uint64_t value = 14695981039346656037u;

    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * 1099511628211u;
    return value;
}

static void insert(fov_graph *graph, int id)
{
    size_t mask = graph->names.capacity - 1;
    size_t at   = (size_t)hash(graph_value(graph, id)->name) & mask;

    while (graph->names.slot[at])
        at = (at + 1) & mask;
    graph->names.slot[at] = (uint32_t)id;
    graph->names.count++;
}

int names_find_value(const fov_graph *graph, const char *name)
{
    size_t mask = graph->names.capacity - 1;

    if (!graph->names.capacity)
        return 0;
    for (size_t at = (size_t)hash(name) & mask; graph->names.slot[at]; at = (at + 1) & mask)
        if (strcmp(graph_value(graph, (int)graph->names.slot[at])->name, name) == 0)
            return (int)graph->names.slot[at];
    return 0;
}

int names_rebuild(fov_graph *graph)
{
    memset(graph->names.slot, 0, graph->names.capacity * sizeof *graph->names.slot);
    graph->names.count = 0;
    for (size_t id = 1; id < graph->value_count; id++)
        insert(graph, (int)id);
    return FOV_OK;
}

int names_add(fov_graph *graph, int id)
{
    struct memory *memory   = graph->context->memory;
    size_t         capacity = graph->names.capacity ? graph->names.capacity * 2 : 64;

    if (graph->names.count * 2 >= graph->names.capacity) {
        uint32_t *slot = memory_allocate(memory, capacity, sizeof *slot, "names", &graph->context->error);

        if (!slot)
            return FOV_E_MEMORY;
        memory_free(memory, graph->names.slot);
        graph->names.slot     = slot;
        graph->names.capacity = capacity;
        return names_rebuild(graph); /* which takes the new name along */
    }
    insert(graph, id);
    return FOV_OK;
}
