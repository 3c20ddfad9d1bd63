/* SPDX-License-Identifier: MIT */
/* Which statistics a model's normalisations use: the batch's or the running ones. Operators that have this choice
 * declare an option "statistics" in their descriptors. Read next: op/batch_norm/batch_norm.h. */
#include "model/model.h"
#include <string.h>

bool model_is_parameter(const fov_graph *graph, int id)
{
    return id != 0 && graph_value(graph, id)->kind == VALUE_PARAMETER;
}

/** The option "statistics" of an operator; NULL: it has none. */
static const struct op_attribute *choice_of(const struct node *node)
{
    for (const struct op_attribute *a = node->op->attributes; a != NULL && a->name != NULL; a++) {
        if (strcmp(a->name, "statistics") == 0 && a->kind == OP_CHOICE && node->in_count >= 2) {
            return a;
        }
    }
    return NULL;
}

static bool is_chosen(const struct node *node, const struct op_attribute *choice, const char *word)
{
    int value;
    memcpy(&value, (const char *)node->options + choice->offset, sizeof value);
    return strcmp(choice->choices[value], word) == 0;
}

static void choose(struct node *node, const struct op_attribute *choice, const char *word)
{
    for (int i = 0; choice->choices[i] != NULL; i++) {
        if (strcmp(choice->choices[i], word) == 0) {
            memcpy((char *)node->options + choice->offset, &i, sizeof i);
        }
    }
}

void model_set_statistics(const fov_graph *graph, struct node *node, bool frozen)
{
    const struct op_attribute *choice = choice_of(node);
    bool is_asked = choice != NULL && model_is_parameter(graph, node->in[1]) &&
                    graph_value(graph, node->in[1])->frozen == frozen;
    if (is_asked && !is_chosen(node, choice, "batch")) { /* the file fixed "batch": it stays */
        choose(node, choice, frozen ? "running" : "plan");
    }
}

int fov_model_batch_statistics(const fov_model *model)
{
    if (model == NULL) {
        return 0;
    }
    int count = 0;
    for (size_t n = 0; n < model->graph->node_count; n++) {
        const struct op_attribute *choice = choice_of(&model->graph->nodes[n]);
        count += choice != NULL && is_chosen(&model->graph->nodes[n], choice, "batch");
    }
    return count;
}

int fov_model_use_running_statistics(fov_model *model)
{
    if (model == NULL) {
        return 0;
    }
    int count = 0;
    for (size_t n = 0; n < model->graph->node_count; n++) {
        struct node *node = &model->graph->nodes[n];
        const struct op_attribute *choice = choice_of(node);
        if (choice != NULL && is_chosen(node, choice, "batch")) {
            bool is_frozen = model_is_parameter(model->graph, node->in[1]) &&
                             graph_value(model->graph, node->in[1])->frozen;
            choose(node, choice, is_frozen ? "running" : "plan");
            count++;
        }
    }
    model_forget_plan(model);
    return count;
}
