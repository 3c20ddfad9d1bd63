/* SPDX-License-Identifier: MIT */
/* Optimisers as operators: finding them, setting their options by name, and adding their nodes. */
#include "train/optimizer.h"
#include "base/text.h"
#include "train/orthogonal.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- which there are --------------------------------------------------------------------------------------------- */

static const struct op *op_at(size_t index)
{
    for (size_t i = 0; i < op_table_count; i++) {
        if (op_table[i]->standard_rate > 0 && index-- == 0) {
            return op_table[i];
        }
    }
    return NULL;
}

size_t optimizer_count(void)
{
    size_t count = 0;
    while (op_at(count) != NULL) {
        count++;
    }
    return count;
}

const char *optimizer_name_at(const void *list, size_t index)
{
    (void)list;
    return op_at(index)->name;
}

/* Names of well-known optimisers that cannot be a training step: their line search evaluates one function many
 * times. */
static bool is_line_search(const char *name)
{
    static const char *const names[] = {"lbfgs", "l-bfgs", "LBFGS", "L-BFGS", "bfgs", "BFGS"};
    size_t i = 0, count = sizeof names / sizeof *names;
    while (i < count && strcmp(names[i], name) != 0) {
        i++;
    }
    return i < count;
}

int optimizer_find(struct optimizer *optimizer, const char *name, struct error *error)
{
    size_t length = strcspn(name, ":");
    for (size_t i = 0; op_at(i) != NULL; i++) {
        if (strlen(op_at(i)->name) == length && strncmp(op_at(i)->name, name, length) == 0) {
            optimizer->op = op_at(i);
            op_options_default(optimizer->op, optimizer->options);
            return FOV_OK;
        }
    }
    char asked[64], shown[128];
    snprintf(asked, sizeof asked, "%.*s", (int)(length < sizeof asked ? length : sizeof asked - 1), name);
    text_escape(shown, sizeof shown, asked);
    if (is_line_search(asked)) {
        return error_set(
            error, FOV_E_USAGE,
            "optimizer \"%s\" tries many points along each direction, a training step here is one; for few "
            "samples take rprop with a full batch, for a picture of one's own fovea style, which has L-BFGS",
            shown);
    }
    const char *nearest = text_nearest(asked, NULL, optimizer_count(), optimizer_name_at);
    return nearest != NULL
               ? error_set(error, FOV_E_USAGE, "there is no optimizer \"%s\"; did you mean \"%s\"?", shown, nearest)
               : error_set(error, FOV_E_USAGE, "there is no optimizer \"%s\"; there are sgd, adam, adamw and others",
                           shown);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

int optimizer_set(struct optimizer *optimizer, const char *option, double value, struct error *error)
{
    for (const struct op_attribute *at = optimizer->op->attributes; at->name != NULL; at++) {
        char *member = (char *)optimizer->options + at->offset;
        if (strcmp(at->name, option) != 0) {
            continue;
        }
        if (at->kind == OP_NUMBER) {
            memcpy(member, &value, sizeof value);
        } else if (at->kind == OP_FLAG && (value == 0.0 || value == 1.0)) {
            memcpy(member, &(bool){value != 0.0}, sizeof(bool));
        } else {
            return error_set(error, FOV_E_USAGE, "optimizer %s: %s is %g; it is 0 or 1", optimizer->op->name, option,
                             value);
        }
        if (op_options_check(optimizer->op, optimizer->options, error) != FOV_OK) {
            error_prefix(error, "optimizer %s", optimizer->op->name);
            return (int)error->status;
        }
        return FOV_OK;
    }
    return error_set(error, FOV_E_USAGE, "optimizer %s has no option \"%.60s\"; its first is %s", optimizer->op->name,
                     option, optimizer->op->attributes->name);
}

int optimizer_set_all(struct optimizer *optimizer, const char *text, struct error *error)
{
    const char *at = strchr(text, ':');
    while (at != NULL) {
        char word[96], *equals;
        size_t length = strcspn(at + 1, ":");
        double value = 0.0;
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), at + 1);
        equals = strchr(word, '=');
        if (equals == NULL || length >= sizeof word || !text_to_number(equals + 1, &value) || !isfinite(value)) {
            return error_set(error, FOV_E_USAGE, "optimizer %s: \"%s\" is not OPTION=NUMBER", optimizer->op->name,
                             word);
        }
        *equals = '\0';
        if (optimizer_set(optimizer, word, value, error) != FOV_OK) {
            return FOV_E_USAGE;
        }
        at = at[1 + length] == ':' ? at + 1 + length : NULL;
    }
    return FOV_OK;
}

static double value_of(const struct op_attribute *at, const void *options)
{
    const char *member = (const char *)options + at->offset;
    double number = 0.0;
    bool flag = false;
    if (at->kind == OP_NUMBER) {
        memcpy(&number, member, sizeof number);
        return number;
    }
    memcpy(&flag, member, sizeof flag);
    return flag;
}

double optimizer_get(const struct optimizer *optimizer, const char *option, double otherwise)
{
    for (const struct op_attribute *at = optimizer->op->attributes; at->name != NULL; at++) {
        if (strcmp(at->name, option) == 0) {
            return value_of(at, optimizer->options);
        }
    }
    return otherwise;
}

void optimizer_text(const struct optimizer *optimizer, char text[OPTIMIZER_TEXT_SIZE])
{
    size_t used = text_append(text, OPTIMIZER_TEXT_SIZE, 0, "%s", optimizer->op->name);
    for (const struct op_attribute *at = optimizer->op->attributes; at->name != NULL; at++) {
        double value = value_of(at, optimizer->options), read = 0.0;
        char number[32];
        text_append(number, sizeof number, 0, "%.15g", value);
        if (!text_to_number(number, &read) || read != value) {
            text_append(number, sizeof number, 0, "%.17g", value);
        }
        used = text_append(text, OPTIMIZER_TEXT_SIZE, used, ":%s=%s", at->name, number);
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* The value for input `index` of an optimiser's node; adds the state parameter for it, if it is one. 0: an optional
 * input that these options do not need. */
static fov_value input_of(const struct optimizer *optimizer, const struct optimizer_update *u, int index)
{
    const struct op_port *port = &optimizer->op->in[index];
    char name[4096 + 64]; /* a value's name and a few words; the graph refuses names that become too long */
    for (const struct op_attribute *at = optimizer->op->attributes; port->wanted_by && at->name != NULL; at++) {
        if (strcmp(at->name, port->wanted_by) == 0 && value_of(at, optimizer->options) == 0.0) {
            return (fov_value){0};
        }
    }
    if (index < 2) {
        bool made = strcmp(port->name, "orthogonal") == 0; /* computed by further nodes */
        return index == 0 ? u->parameter : made ? orthogonal_add(optimizer, u) : u->gradient;
    }
    if (strcmp(port->name, "learning_rate") == 0) {
        return u->learning_rate;
    }
    if (strcmp(port->name, "step") == 0) {
        return u->step;
    }
    snprintf(name, sizeof name, "optimizer.%s.%s", fov_value_name(u->graph, u->parameter), port->name);
    return fov_parameter(u->graph, .name = name, .shape = fov_value_shape(u->graph, u->parameter), .frozen = true);
}

fov_value optimizer_add(const struct optimizer *optimizer, const struct optimizer_update *u)
{
    const struct op *op = optimizer->op;
    const struct op_emitter *emitter = fov_graph_emitter(u->graph);
    fov_value in[OP_MAX_PORTS];
    int count = op_port_count(op->in);
    for (int i = 0; i < count; i++) {
        in[i] = input_of(optimizer, u, i);
    }
    while (count > 0 && in[count - 1].id == 0) {
        count--; /* absent optional inputs at the end */
    }
    fov_value renewed = op_emit(emitter, op->name, in, count, optimizer->options);
    for (int i = 0; renewed.id != 0 && i < op_port_count(op->out); i++) {
        int source = op->out[i].updates - 1;
        if (source >= 0 && source < count && in[source].id != 0) {
            fov_assign(u->graph, in[source], i == 0 ? renewed : op_emit_output(emitter, renewed, i));
        }
    }
    return renewed;
}
