/* SPDX-License-Identifier: MIT */
/* Makes a failing case small: outputs and nodes are dropped, settings become simple, sizes small, for as long as the case
 * still fails in the same stage. Each try is a process of its own, so that one that crashes is a failure like another. */
#include "random.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

void random_limit(int seconds)
{
    /* Threads that wait for each other use no processor time: they are ended after 30 times as long by the clock. */
    enum { WAITS = 30 };
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {.tv_sec = seconds}}, NULL);
    alarm((unsigned)(seconds * WAITS));
}

bool random_fails(const struct random_case *drawn, struct random_failure *failure)
{
    int ends[2], status = 0;
    *failure = (struct random_failure){.failed = false};
    fflush(stdout);
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        random_limit(120);
        random_check(drawn, failure, NULL);
        ssize_t written = write(ends[1], failure, sizeof *failure);
        _exit(written == (ssize_t)sizeof *failure ? 0 : 1);
    }
    close(ends[1]);
    bool told = child > 0 && read(ends[0], failure, sizeof *failure) == (ssize_t)sizeof *failure;
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0) {
    }
    if (child > 0 && (!told || !WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        failure->failed = true;
        failure->kind = RANDOM_CRASH;
        snprintf(failure->what, sizeof failure->what, "the process ended with %s %d",
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    return failure->failed;
}

/** Whether the smaller case fails in the same way and stage; if so, *failure becomes the smaller case's. */
static bool fails_alike(const struct random_case *smaller, struct random_failure *failure)
{
    struct random_failure now;
    if (random_fails(smaller, &now) && now.kind == failure->kind && now.stage == failure->stage) {
        *failure = now;
        return true;
    }
    return false;
}

/** Copies the case with one change into a context of its own; false: the changed graph is not valid. */
static bool changed(const struct random_case *drawn, const struct random_change *change, struct random_case *result)
{
    int *id = calloc(drawn->graph->value_count, sizeof *id);
    *result = *drawn;
    result->context = fov_context_create(&(fov_context_options){.threads = 1, .seed = drawn->seed});
    result->graph = fov_graph_create(result->context);
    bool copied = random_copy(drawn, result->graph, change, id);
    for (int i = 0; i < drawn->output_count; i++) {
        result->outputs[i].id = id[drawn->outputs[i].id];
        copied = copied && result->outputs[i].id != 0;
    }
    free(id);
    if (!copied) {
        random_case_close(result);
    }
    return copied;
}

static bool try_change(struct random_case *drawn, const struct random_change *change, struct random_failure *failure)
{
    struct random_case smaller;
    if (!changed(drawn, change, &smaller)) {
        return false;
    }
    bool taken = fails_alike(&smaller, failure);
    random_case_close(taken ? drawn : &smaller);
    if (taken) {
        *drawn = smaller;
    }
    return taken;
}

/* ---- what is tried ------------------------------------------------------------------------------------------------ */

static bool try_outputs(struct random_case *drawn, struct random_failure *failure)
{
    bool any = false;
    for (int i = drawn->output_count - 1; i >= 0 && drawn->output_count > 1; i--) {
        struct random_case fewer = *drawn;
        fewer.outputs[i] = fewer.outputs[--fewer.output_count];
        if (fails_alike(&fewer, failure)) {
            *drawn = fewer;
            any = true;
        }
    }
    return any;
}

/** Replaces an output by a result that its node reads. */
static bool try_earlier_outputs(struct random_case *drawn, struct random_failure *failure)
{
    for (int i = 0; i < drawn->output_count; i++) {
        int made_by = graph_value(drawn->graph, drawn->outputs[i].id)->node;
        const struct node *node = made_by >= 0 ? &drawn->graph->nodes[made_by] : NULL;
        for (int k = 0; node != NULL && k < node->in_count; k++) {
            struct random_case earlier = *drawn;
            const struct value *read = graph_value(drawn->graph, node->in[k]);
            if (read->kind != VALUE_RESULT || read->dtype != FOV_F32) {
                continue;
            }
            earlier.outputs[i] = (fov_value){node->in[k]};
            if (fails_alike(&earlier, failure)) {
                *drawn = earlier;
                return true;
            }
        }
    }
    return false;
}

static bool try_nodes(struct random_case *drawn, struct random_failure *failure)
{
    bool any = false;
    for (int n = (int)drawn->graph->node_count - 1; n >= 0; n--) {
        struct random_change change = random_no_change;
        bool taken = false;
        if (n >= (int)drawn->graph->node_count) {
            continue; /* an earlier change has removed it, too */
        }
        for (int i = 0; !taken && i < drawn->graph->nodes[n].in_count; i++) {
            change.bypassed = n;
            change.input = i;
            taken = drawn->graph->nodes[n].in[i] != 0 && try_change(drawn, &change, failure);
        }
        if (!taken) {
            change = random_no_change;
            change.cut = n;
            taken = try_change(drawn, &change, failure);
        }
        any = any || taken;
    }
    return any;
}

static size_t size_of(enum op_attribute_kind kind)
{
    return kind == OP_INTEGER  ? sizeof(int64_t)
           : kind == OP_NUMBER ? sizeof(double)
           : kind == OP_FLAG   ? sizeof(bool)
           : kind == OP_CHOICE ? sizeof(int)
                               : sizeof(struct op_list);
}

static bool try_options(struct random_case *drawn, struct random_failure *failure)
{
    bool any = false;
    for (int n = 0; n < (int)drawn->graph->node_count; n++) {
        const struct op_attribute *attributes = drawn->graph->nodes[n].op->attributes;
        for (int a = 0; attributes != NULL && attributes[a].name != NULL; a++) {
            union {
                max_align_t align;
                char bytes[OP_MAX_OPTIONS];
            } standard = {.bytes = {0}};
            const struct node *node = &drawn->graph->nodes[n];
            struct random_change change = random_no_change;
            op_options_default(node->op, &standard);
            const char *set = (const char *)node->options + attributes[a].offset;
            if (memcmp(standard.bytes + attributes[a].offset, set, size_of(attributes[a].kind)) == 0) {
                continue;
            }
            change.reset = n;
            change.attribute = a;
            any = try_change(drawn, &change, failure) || any;
        }
    }
    return any;
}

static bool try_setting(struct random_case *drawn, struct random_settings settings, struct random_failure *failure)
{
    struct random_case simpler = *drawn;
    simpler.settings = settings;
    bool taken = memcmp(&settings, &drawn->settings, sizeof settings) != 0 && fails_alike(&simpler, failure);
    drawn->settings = taken ? settings : drawn->settings;
    return taken;
}

static void try_settings(struct random_case *drawn, struct random_failure *failure)
{
    struct random_settings s = drawn->settings;
    s.batch = 1;
    try_setting(drawn, s, failure);
    s = drawn->settings;
    s.threads = s.other_threads = 1;
    try_setting(drawn, s, failure);
    s = drawn->settings;
    s.memory_percent = 0;
    try_setting(drawn, s, failure);
    s = drawn->settings;
    s.winograd = false;
    try_setting(drawn, s, failure);
    s = drawn->settings;
    s.optimiser = RANDOM_SGD;
    try_setting(drawn, s, failure);
}

/** Replaces all dimensions of one size by a smaller size, for each size in the graph. */
static bool try_sizes(struct random_case *drawn, struct random_failure *failure)
{
    int64_t seen[64];
    int count = 0;
    bool any = false;
    for (size_t v = 1; v < drawn->graph->value_count; v++) {
        const struct value *value = graph_value(drawn->graph, (int)v);
        for (int i = 0; value->kind != VALUE_RESULT && i < value->shape.rank; i++) {
            bool is_new = value->shape.dim[i] > 1;
            for (int k = 0; k < count; k++) {
                is_new = is_new && seen[k] != value->shape.dim[i];
            }
            if (is_new && count < 64) {
                seen[count++] = value->shape.dim[i];
            }
        }
    }
    for (int k = 0; k < count; k++) {
        const int64_t smaller[] = {1, 2, 3, 4, 8, 16, seen[k] / 2, seen[k] - 1};
        for (size_t i = 0; i < sizeof smaller / sizeof *smaller; i++) {
            struct random_change change = random_no_change;
            change.number = seen[k];
            change.becomes = smaller[i];
            if (smaller[i] > 0 && smaller[i] < seen[k] && try_change(drawn, &change, failure)) {
                any = true;
                break;
            }
        }
    }
    return any;
}

void random_shrink(struct random_case *drawn, struct random_failure *failure)
{
    bool any = true;
    try_settings(drawn, failure);
    while (any) {
        any = try_outputs(drawn, failure);
        any = try_earlier_outputs(drawn, failure) || any;
        any = try_nodes(drawn, failure) || any;
    }
    for (any = true; any;) {
        any = try_options(drawn, failure);
        any = try_sizes(drawn, failure) || any;
        any = try_nodes(drawn, failure) || any;
    }
    try_settings(drawn, failure);
}
