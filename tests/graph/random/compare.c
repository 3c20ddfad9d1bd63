/* SPDX-License-Identifier: MIT */
/* What must agree. The same plan run again, on another number of threads, or with less memory: to the last bit. A plan,
 * the plan without fusion, and the definition: to rounding.
 *
 * How far apart may rounding bring two results? Where nothing amplifies it, elements differ by at most a share of the
 * tensor's largest. Where they differ by more, the test measures how sensitive each element is: it runs both plans
 * again with small random changes of inputs and parameters ("shaken"), and if that does not explain the difference,
 * computes the definition again in double with each result of each node changed by one step of float before the next
 * node reads it. A difference is explained only at elements that move about as far themselves, or in a tensor most of
 * which is noise (is_undetermined). That accepts a mask that flips at zero, a gradient that is nothing but the rounding
 * of its sum, tanh near one, and large gradients that cancel; not a wrong value, unless float cannot tell it from the
 * right one. */
#include "random.h"

#include "support/near.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_RUNS = 24,    /* shaken runs of the plans */
    MOST_DEFINED = 8,  /* shaken runs of the definition */
    PLANTED_EVERY = 50 /* graphs: one of so many gets a fault on purpose */
};
static const char WITHOUT_FUSION[] = "the plan without fusion";
static const double SHARE = 1e-4;  /* difference that is always allowed, as a share of a tensor's largest element */
static const double LEAST = 1e-11; /* difference that is always allowed: rounding of elements around one */
static const double OF_PARAMETER =
    1e-6;                       /* share of a parameter's largest element: an update may be less than its last bit */
static const double MOVED = 10; /* an element may differ by this times the distance that it moves when shaken */
static const double MOST_SECONDS = 0.025;    /* estimated time up to which a stage's definition is computed */
static const double MOST_SECONDS_SHAKEN = 3; /* the same, where the definition is to explain a difference */
/* Rounding of Winograd's convolutions in steps of float: they add more and larger terms than the definition does. */
static const double STEPS_OF_WINOGRAD = 32;

static void fail(struct random_failure *failure, enum random_stage stage, enum random_kind kind, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/** Notes the failure: the stage, then the sentence. */
static void fail(struct random_failure *failure, enum random_stage stage, enum random_kind kind, const char *format,
                 ...)
{
    va_list arguments;
    *failure = (struct random_failure){.failed = true, .kind = kind, .stage = stage};
    int length = snprintf(failure->what, sizeof failure->what, "%s: ", random_stage_names[stage]);
    va_start(arguments, format);
    vsnprintf(failure->what + length, sizeof failure->what - (size_t)length, format, arguments);
    va_end(arguments);
}

/* ---- to rounding -------------------------------------------------------------------------------------------------- */

/** The results that one stage is compared with, and how far their elements move when shaken. */
struct bounds {
    const struct random_case *drawn;
    enum random_stage stage;
    const struct random_result *plain;
    const struct random_result *fused; /**< result of the plan with fusion; NULL: that plan is not shaken */
    struct random_result defined;
    bool is_defined;
    double **moved; /**< [tensor][element]: largest move so far; NULL: not shaken yet */
    int runs, defined_runs;
};

static double change_of(const struct random_tensor *tensor, size_t k)
{
    return tensor->before != NULL ? tensor->values[k] - tensor->before[k] : tensor->values[k];
}

/** How far apart elements of `right` may be where nothing amplifies rounding. */
static double usual_bound(const struct random_tensor *right)
{
    double largest = 0, of_parameter = 0;
    for (size_t k = 0; k < right->count; k++) {
        if (isfinite(right->values[k])) {
            largest = fmax(largest, fabs(change_of(right, k)));
            of_parameter = right->before != NULL ? fmax(of_parameter, fabs(right->values[k])) : 0;
        }
    }
    return LEAST + SHARE * largest + OF_PARAMETER * of_parameter;
}

/** Whether float does not determine a tensor: more than half of its elements move by over a tenth of themselves when
 *  shaken, as after a training step that has diverged. */
static bool is_undetermined(const struct bounds *bounds, int t)
{
    const struct random_tensor *plain = &bounds->plain->tensors[t];
    size_t moving = 0;
    for (size_t k = 0; bounds->moved != NULL && k < plain->count; k++) {
        moving += bounds->moved[t][k] > 0.1 * fabs(change_of(plain, k));
    }
    return 2 * moving > plain->count;
}

/** The first element that is further apart than it may be; SIZE_MAX: none. */
static size_t find_difference(const struct bounds *bounds, int t, const struct random_tensor *a,
                              const struct random_tensor *b)
{
    double usual = usual_bound(b);
    for (size_t k = 0; k < a->count; k++) {
        double moved = bounds->moved != NULL ? bounds->moved[t][k] : 0;
        if (!isinf(moved) && !is_near(a->values[k], b->values[k], usual + MOVED * moved)) {
            return k;
        }
    }
    return SIZE_MAX;
}

/** Computes the stage by definition, once; its outcome is in bounds->defined. */
static void define(struct bounds *bounds)
{
    if (!bounds->is_defined) {
        random_define(bounds->drawn, bounds->stage, 0, 0, &bounds->defined);
        bounds->is_defined = true;
    }
}

/** Notes how far each element has moved from its unshaken value: infinitely far if exactly one of the two is infinite or
 *  not a number, as happens sooner or later to values that grow without bound. */
static void note_moves(struct bounds *bounds, const struct random_result *still, const struct random_result *shaken)
{
    if (bounds->moved == NULL) {
        bounds->moved = calloc((size_t)still->count + 1, sizeof *bounds->moved);
        for (int t = 0; t < still->count; t++) {
            bounds->moved[t] = calloc(still->tensors[t].count + 1, sizeof(double));
        }
    }
    for (int t = 0; t < shaken->count && t < still->count; t++) {
        for (size_t k = 0; k < still->tensors[t].count; k++) {
            double from = change_of(&still->tensors[t], k), to = change_of(&shaken->tensors[t], k);
            bool still_there = from == to || (isnan(from) && isnan(to));
            double moved = still_there ? 0 : isfinite(to - from) ? fabs(to - from) : INFINITY;
            bounds->moved[t][k] = fmax(bounds->moved[t][k], moved);
        }
    }
}

/** Runs the plan without fusion once more, shaken; then the plan with fusion, which sums in another order and so rounds
 *  differently where terms cancel. */
static void shake_plan(struct bounds *bounds)
{
    static const double usual[] = {1e-6, 3e-6, 1e-5}, winograd[] = {3e-5, 1e-4, 3e-4}, last[] = {1e-4, 3e-4, 3e-4};
    /* The last runs shake by more: a value where its function is flat, as tanh near one, does not move otherwise. */
    const double *noise = bounds->drawn->settings.winograd ? winograd : bounds->runs < MOST_RUNS / 2 ? usual : last;
    struct random_way way = {
        .threads = 1, .no_fusion = true, .noise = noise[bounds->runs % 3], .noise_seed = (uint64_t)bounds->runs + 1};
    struct random_result shaken;
    random_run(bounds->drawn, bounds->stage, &way, &shaken);
    note_moves(bounds, bounds->plain, &shaken);
    random_result_free(&shaken);
    if (bounds->fused != NULL) {
        way.no_fusion = false;
        random_run(bounds->drawn, bounds->stage, &way, &shaken);
        note_moves(bounds, bounds->fused, &shaken);
        random_result_free(&shaken);
    }
    bounds->runs++;
}

/** Computes the definition once more, each node's result shaken by a step of float. */
static void shake_definition(struct bounds *bounds)
{
    double noise = FLT_EPSILON * (bounds->drawn->settings.winograd ? STEPS_OF_WINOGRAD : 1);
    struct random_result shaken;
    define(bounds);
    random_define(bounds->drawn, bounds->stage, noise, (uint64_t)bounds->defined_runs + 1, &shaken);
    note_moves(bounds, &bounds->defined, &shaken);
    random_result_free(&shaken);
    bounds->defined_runs++;
}

/** Shakes once more; false: that was done often enough. */
static bool shake(struct bounds *bounds)
{
    if (bounds->runs < MOST_RUNS) {
        shake_plan(bounds);
        return true;
    }
    if (bounds->defined_runs < MOST_DEFINED && bounds->plain->work < MOST_SECONDS_SHAKEN) {
        shake_definition(bounds);
        return true;
    }
    return false;
}

static void say_difference(struct random_failure *failure, const struct bounds *bounds, const char *what,
                           const char *other, const struct random_tensor *a, const struct random_tensor *b, size_t k)
{
    double largest = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < b->count; i++) {
        largest = fmax(largest, fabs(change_of(b, i)));
        wrong += !(fabs(a->values[i] - b->values[i]) <= usual_bound(b));
    }
    fail(failure, bounds->stage, RANDOM_WRONG,
         "\"%s\" element %zu of %zu is %.9g in %s and %.9g in %s (largest %.3g, %zu elements apart)", a->name, k,
         a->count, a->values[k], what, b->values[k], other, largest, wrong);
}

/** Whether a definition in double has finite numbers beyond float's range: then a plan's other results may come from
 *  infinities, and nothing is compared. */
static bool leaves_float(const struct random_result *result)
{
    for (int t = 0; t < result->count; t++) {
        for (size_t k = 0; k < result->tensors[t].count; k++) {
            double size = fabs(result->tensors[t].values[k]);
            if (size > FLT_MAX && !isinf(size)) {
                return true;
            }
        }
    }
    return false;
}

/** Whether two results agree to rounding; shakes until the difference is explained or the runs are used up. */
static bool agrees(struct bounds *bounds, const struct random_result *a, const char *what,
                   const struct random_result *b, const char *other, struct random_failure *failure,
                   struct random_counts *counts)
{
    if (a->count != b->count) {
        fail(failure, bounds->stage, RANDOM_WRONG, "%d results in %s, %d in %s", a->count, what, b->count, other);
        return false;
    }
    for (int t = leaves_float(b) ? a->count : 0; t < a->count; t++) {
        size_t k = find_difference(bounds, t, &a->tensors[t], &b->tensors[t]);
        int defined_runs = bounds->defined_runs;
        if (k != SIZE_MAX && counts != NULL && bounds->runs == 0) {
            counts->explained++;
        }
        while (k != SIZE_MAX && shake(bounds)) {
            k = find_difference(bounds, t, &a->tensors[t], &b->tensors[t]);
        }
        if (k == SIZE_MAX && counts != NULL && defined_runs == 0) {
            counts->by_definition += bounds->defined_runs > 0;
        }
        if (k != SIZE_MAX && !is_undetermined(bounds, t)) {
            say_difference(failure, bounds, what, other, &a->tensors[t], &b->tensors[t], k);
            return false;
        }
    }
    return true;
}

/** Adds a fault to a finite element of a result that was right, and compares again. A fault that goes unnoticed, as it
 *  may where the element moves as far when shaken, is counted. */
static void plant(struct bounds *bounds, struct random_result *right, struct random_counts *counts)
{
    struct random_key key = {bounds->drawn->seed, RANDOM_TEST, (uint64_t)bounds->stage + 1};
    struct random_tensor *tensor = &right->tensors[random_below(key, 0, (uint64_t)right->count)];
    struct random_failure found = {.failed = false};
    double largest = 0;
    bounds->fused = NULL; /* that result has the fault now: not to be compared with shaken runs */
    if (tensor->count == 0) {
        return;
    }
    double *faulty = &tensor->values[random_below(key, 1, tensor->count)];
    for (size_t k = 0; k < tensor->count; k++) {
        double change = fabs(change_of(tensor, k));
        largest = isfinite(change) ? fmax(largest, change) : largest;
    }
    if (!isfinite(*faulty) || largest == 0) {
        return;
    }
    *faulty += largest / 2;
    counts->planted++;
    counts->unnoticed += agrees(bounds, right, "a planted fault", bounds->plain, WITHOUT_FUSION, &found, NULL);
}

/* ---- to the last bit ---------------------------------------------------------------------------------------------- */

static bool has_same_bits(enum random_stage stage, const struct random_result *a, const char *what,
                          const struct random_result *b, struct random_failure *failure)
{
    for (int t = 0; t < a->count; t++) {
        const struct random_tensor *one = &a->tensors[t], *other = &b->tensors[t];
        if (memcmp(one->data, other->data, one->bytes) != 0) {
            size_t k = 0;
            while (k < one->count && memcmp(&one->values[k], &other->values[k], sizeof(double)) == 0) {
                k++;
            }
            fail(failure, stage, RANDOM_BITS, "\"%s\" has other bits %s: element %zu is %.9g and was %.9g", one->name,
                 what, k, k < one->count ? other->values[k] : 0, k < one->count ? one->values[k] : 0);
            return false;
        }
    }
    return true;
}

/** Whether the run has a result. If it has none, *failure says so. */
static bool ran(const struct random_result *result, enum random_stage stage, const char *what,
                struct random_failure *failure)
{
    if (result->outcome != RANDOM_RAN) {
        enum random_kind kind = strcmp(what, WITHOUT_FUSION) == 0 ? RANDOM_NOTHING : RANDOM_NO_PLAN;
        fail(failure, stage, kind, "%s failed: %s", what, result->error);
    }
    return result->outcome == RANDOM_RAN;
}

/** The same for a run with less memory, which may be refused for lack of it: that is counted and no failure. */
static bool ran_limited(const struct random_result *result, enum random_stage stage, const char *what,
                        struct random_failure *failure, struct random_counts *counts)
{
    if (result->outcome == RANDOM_REFUSED) {
        if (counts != NULL) {
            counts->refused++;
        }
        return false;
    }
    return ran(result, stage, what, failure);
}

static void check_bits(const struct random_case *drawn, enum random_stage stage, const struct random_result *fused,
                       struct random_failure *failure, struct random_counts *counts)
{
    struct random_result again;
    struct random_way threads = {.threads = drawn->settings.other_threads};
    struct random_way limited = {
        .threads = drawn->settings.threads, .memory_percent = drawn->settings.memory_percent, .counts = counts};
    char text[64];
    if (!fused->repeats) {
        fail(failure, stage, RANDOM_BITS, "a second run has other bits");
        return;
    }
    if (threads.threads != drawn->settings.threads) {
        random_run(drawn, stage, &threads, &again);
        snprintf(text, sizeof text, "on %d threads than on %d", threads.threads, drawn->settings.threads);
        bool same = ran(&again, stage, text, failure) && has_same_bits(stage, fused, text, &again, failure);
        random_result_free(&again);
        if (!same) {
            return;
        }
    }
    if (limited.memory_percent != 0 && stage != RANDOM_INFERENCE) {
        random_run(drawn, stage, &limited, &again);
        snprintf(text, sizeof text, "with %d %% of the memory", limited.memory_percent);
        if (ran_limited(&again, stage, text, failure, counts)) {
            (void)has_same_bits(stage, fused, text, &again, failure);
            if (counts != NULL) {
                counts->recomputed += again.recomputed > 0;
            }
        }
        random_result_free(&again);
    }
}

/* ---- a case ------------------------------------------------------------------------------------------------------- */

static void check_stage(const struct random_case *drawn, enum random_stage stage, struct random_failure *failure,
                        struct random_counts *counts)
{
    struct random_result plain, fused;
    struct random_way way = {.threads = drawn->settings.threads, .no_fusion = true};
    struct bounds bounds = {.drawn = drawn, .stage = stage, .plain = &plain, .fused = &fused};
    random_run(drawn, stage, &way, &plain);
    way.no_fusion = false;
    way.counts = counts;
    random_run(drawn, stage, &way, &fused);
    bool good = ran(&plain, stage, WITHOUT_FUSION, failure) && ran(&fused, stage, "the plan", failure) &&
                agrees(&bounds, &fused, "the plan", &plain, WITHOUT_FUSION, failure, counts);
    if (good && plain.work < MOST_SECONDS) {
        define(&bounds);
        good = ran(&bounds.defined, stage, "the definition", failure) &&
               agrees(&bounds, &fused, "the plan", &bounds.defined, "the definition", failure, counts);
        if (counts != NULL) {
            counts->defined++;
        }
    }
    if (good) {
        check_bits(drawn, stage, &fused, failure, counts);
    }
    if (good && counts != NULL && drawn->seed % PLANTED_EVERY == 0) {
        plant(&bounds, &fused, counts);
    }
    for (int t = 0; bounds.moved != NULL && t < plain.count; t++) {
        free(bounds.moved[t]);
    }
    free(bounds.moved);
    random_result_free(&bounds.defined);
    random_result_free(&plain);
    random_result_free(&fused);
}

void random_check(const struct random_case *drawn, struct random_failure *failure, struct random_counts *counts)
{
    *failure = (struct random_failure){.failed = false};
    for (int stage = 0; stage < RANDOM_STAGES && !failure->failed; stage++) {
        check_stage(drawn, (enum random_stage)stage, failure, counts);
    }
    if (counts != NULL) {
        counts->graphs++;
        counts->steps += 2;
    }
}
