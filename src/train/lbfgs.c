/* SPDX-License-Identifier: MIT */
/* The two-loop recursion (Nocedal & Wright, "Numerical optimization", 2006, algorithm 7.4) and a line search for the
 * strong Wolfe conditions (algorithms 3.5 and 3.6) with cubic interpolation. Its bounds and shortcuts are those of
 * Schmidt's minFunc, as in PyTorch's optimiser, so that both take the same steps. Sums run in order of the index. */
#include "train/lbfgs.h"
#include <math.h>
#include <string.h>

enum { STANDARD_HISTORY = 10, MOST_HISTORY = 1000, MOST_TRIALS = 25 /* of a line search */ };
static const double DECREASE = 1e-4, CURVATURE = 0.9; /* c1 and c2 of the Wolfe conditions */
static const double LEAST_CURVATURE = 1e-10;          /* pairs with a smaller y . s are not stored */

/* A point x + at * direction of the line search. */
struct trial {
    double  at, value, slope; /* slope along the line */
    double *gradient;
};

struct lbfgs {
    struct memory       *memory;
    struct lbfgs_options options;
    size_t               count;
    double *block;    /* the memory of all vectors below */
    double *direction, *moved, *gradient, *before, *spare[3]; /* [count] each; before: the gradient of the last x */
    double *steps, *changes;                                /* [history][count]: pairs s and y, in ring buffers */
    double *inverse, *share;                                /* [history]: 1 / (y . s); alpha of the recursion */
    int     first, pairs;                                   /* index of the oldest pair; number of pairs */
    double  value, length, scale; /* value at x; last step length; factor of the initial inverse Hessian */
    int     evaluations, iterations;

    /* while an iteration runs */
    lbfgs_function function;
    void          *user;
    const double  *from; /* x */
};

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

static double dot(const struct lbfgs *l, const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < l->count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static void add(const struct lbfgs *l, double *to, double factor, const double *from)
{
    for (size_t i = 0; i < l->count; i++) {
        to[i] += factor * from[i];
    }
}

static double largest(const struct lbfgs *l, const double *a)
{
    double most = 0;
    for (size_t i = 0; i < l->count; i++) {
        most = fmax(most, fabs(a[i]));
    }
    return most;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

struct lbfgs *lbfgs_create(struct memory *memory, size_t count, const struct lbfgs_options *options,
                           struct error *error)
{
    enum { VECTORS = 7 };
    struct lbfgs_options o = options != NULL ? *options : (struct lbfgs_options){0};
    o.history = o.history != 0 ? o.history : STANDARD_HISTORY;
    o.rate = o.rate != 0 ? o.rate : 1;
    o.tolerance_gradient = o.tolerance_gradient != 0 ? o.tolerance_gradient : 1e-7;
    o.tolerance_change = o.tolerance_change != 0 ? o.tolerance_change : 1e-9;
    if (o.history < 1 || o.history > MOST_HISTORY || !(o.rate > 0 && o.rate < 1e9) || count < 1) {
        error_set(error, FOV_E_USAGE, "L-BFGS: %zu numbers, a history of %d, a rate of %g make no sense", count,
                  o.history, o.rate);
        return NULL;
    }
    size_t history = (size_t)o.history, vectors = 2 * history + VECTORS, numbers;
    struct lbfgs *l = memory_allocate(memory, 1, sizeof *l, "L-BFGS", error);
    if (l == NULL || !size_multiply(vectors, count, &numbers) || numbers > SIZE_MAX - 2 * history) {
        memory_free(memory, l);
        error_set(error, FOV_E_MEMORY, "L-BFGS: %zu vectors of %zu numbers do not fit memory", vectors, count);
        return NULL;
    }
    *l = (struct lbfgs){.memory = memory, .options = o, .count = count, .scale = 1};
    l->block = memory_allocate_raw(memory, numbers + 2 * history, sizeof(double), "L-BFGS", error);
    if (l->block == NULL) {
        lbfgs_free(l);
        return NULL;
    }
    double **const parts[VECTORS] = {&l->direction, &l->before,   &l->moved,   &l->gradient,
                                     &l->spare[0],  &l->spare[1], &l->spare[2]};
    for (size_t i = 0; i < VECTORS; i++) {
        *parts[i] = l->block + i * count;
    }
    l->steps = l->block + VECTORS * count;
    l->changes = l->steps + history * count;
    l->inverse = l->changes + history * count;
    l->share = l->inverse + history;
    return l;
}

void lbfgs_free(struct lbfgs *lbfgs)
{
    if (lbfgs != NULL) {
        memory_free(lbfgs->memory, lbfgs->block);
        memory_free(lbfgs->memory, lbfgs);
    }
}

double lbfgs_value(const struct lbfgs *lbfgs)
{
    return lbfgs->value;
}

int lbfgs_evaluations(const struct lbfgs *lbfgs)
{
    return lbfgs->evaluations;
}

/* ---- direction --------------------------------------------------------------------------------------------------- */

static double *ring(const struct lbfgs *l, double *vectors, int pair)
{
    return vectors + (size_t)((l->first + pair) % l->options.history) * l->count;
}

static double *ring_number(const struct lbfgs *l, double *numbers, int pair)
{
    return numbers + (l->first + pair) % l->options.history;
}

/* Stores the last step s and the change y of the gradient, unless their curvature is too small. */
static void remember(struct lbfgs *l)
{
    const double *before = l->before;
    bool full = l->pairs == l->options.history;
    double *s = ring(l, l->steps, l->pairs), *y = ring(l, l->changes, l->pairs); /* if full, replaces the oldest */
    double ys = 0;
    for (size_t i = 0; i < l->count; i++) {
        ys += (l->gradient[i] - before[i]) * (l->length * l->direction[i]);
    }
    if (ys <= LEAST_CURVATURE) {
        return;
    }
    for (size_t i = 0; i < l->count; i++) {
        s[i] = l->length * l->direction[i];
        y[i] = l->gradient[i] - before[i];
    }
    *ring_number(l, l->inverse, l->pairs) = 1 / ys;
    l->scale = ys / dot(l, y, y);
    l->first = full ? (l->first + 1) % l->options.history : l->first;
    l->pairs += !full;
}

/* direction = -H g, where H is the inverse Hessian estimated from the pairs. */
static void find_direction(struct lbfgs *l)
{
    double *q = l->direction;
    for (size_t i = 0; i < l->count; i++) {
        q[i] = -l->gradient[i];
    }
    for (int pair = l->pairs - 1; pair >= 0; pair--) {
        double alpha = dot(l, ring(l, l->steps, pair), q) * *ring_number(l, l->inverse, pair);
        *ring_number(l, l->share, pair) = alpha;
        add(l, q, -alpha, ring(l, l->changes, pair));
    }
    for (size_t i = 0; i < l->count; i++) {
        q[i] *= l->scale;
    }
    for (int pair = 0; pair < l->pairs; pair++) {
        double beta = dot(l, ring(l, l->changes, pair), q) * *ring_number(l, l->inverse, pair);
        add(l, q, *ring_number(l, l->share, pair) - beta, ring(l, l->steps, pair));
    }
}

/* ---- line search ------------------------------------------------------------------------------------------------- */

static int evaluate(struct lbfgs *l, struct trial *trial)
{
    for (size_t i = 0; i < l->count; i++) {
        l->moved[i] = l->from[i] + trial->at * l->direction[i];
    }
    int status = l->function(l->user, l->moved, &trial->value, trial->gradient);
    l->evaluations++;
    trial->slope = dot(l, trial->gradient, l->direction);
    return status;
}

/* Minimum, within bounds, of the cubic through the values and slopes of two points. */
static double cubic(const struct trial *a, const struct trial *b, double low, double high)
{
    const struct trial *left = a->at <= b->at ? a : b, *right = a->at <= b->at ? b : a;
    double d1 = a->slope + b->slope - 3 * (a->value - b->value) / (a->at - b->at),
           square = d1 * d1 - a->slope * b->slope;
    if (!(square >= 0)) {
        return (low + high) / 2;
    }
    double d2 = sqrt(square);
    double lowest = right->at - (right->at - left->at) *
                                    ((right->slope + d2 - d1) / (right->slope - left->slope + 2 * d2));
    return fmin(fmax(lowest, low), high);
}

/* The next trial inside a bracket: the cubic's minimum, kept away from the bracket's ends if it was near an end before
 * (*stuck). */
static double choose_inside(const struct trial bracket[2], bool *stuck)
{
    double low = fmin(bracket[0].at, bracket[1].at), high = fmax(bracket[0].at, bracket[1].at);
    double at = cubic(&bracket[0], &bracket[1], low, high), margin = 0.1 * (high - low);
    bool near = fmin(high - at, at - low) < margin;
    if (near && (*stuck || at >= high || at <= low)) {
        at = fabs(at - high) < fabs(at - low) ? high - margin : low + margin;
        near = false;
    }
    *stuck = near;
    return at;
}

static bool too_high(const struct lbfgs *l, const struct trial *trial, double slope)
{
    return !(trial->value <= l->value + DECREASE * trial->at * slope); /* also true for NaN */
}

/* Index of the end of the bracket with the lower value; the first on a tie; NaN is never the lower one. */
static int lower_of(const struct trial bracket[2])
{
    return bracket[1].value < bracket[0].value || isnan(bracket[0].value);
}

/* Swaps two trials with their buffers. */
static void exchange(struct trial *a, struct trial *b)
{
    struct trial kept = *a;
    *a = *b;
    *b = kept;
}

/* Narrows a bracket; the best point is bracket[*low] afterwards. `next` provides a buffer for a trial. */
static int narrow(struct lbfgs *l, struct trial bracket[2], struct trial *next, double slope, int trials, int *low)
{
    double reach = largest(l, l->direction);
    bool stuck = false, done = false;
    *low = lower_of(bracket);
    while (!done && trials < MOST_TRIALS &&
           fabs(bracket[1].at - bracket[0].at) * reach >= l->options.tolerance_change) {
        next->at = choose_inside(bracket, &stuck);
        int status = evaluate(l, next);
        trials++;
        if (status != FOV_OK) {
            return status;
        }
        struct trial *best = &bracket[*low], *other = &bracket[1 - *low];
        if (too_high(l, next, slope) || !(next->value < best->value)) {
            exchange(next, other);
            *low = lower_of(bracket);
            continue;
        }
        done = fabs(next->slope) <= -CURVATURE * slope;
        if (!done && next->slope * (other->at - best->at) >= 0) {
            exchange(best, other);
        }
        exchange(next, best);
    }
    return FOV_OK;
}

/* Line search from x along the direction, beginning with a step of length `first`; *found: the point to go to. */
static int search(struct lbfgs *l, double first, double slope, struct trial *found)
{
    struct trial bracket[2] = {{0, l->value, slope, l->spare[0]}, {first, 0, 0, l->spare[1]}},
                 next = {.gradient = l->spare[2]};
    int low = 1, trials = 0;
    memcpy(bracket[0].gradient, l->gradient, l->count * sizeof *l->gradient);
    int status = evaluate(l, &bracket[1]);
    for (; status == FOV_OK; trials++) {
        struct trial *before = &bracket[0], *now = &bracket[1];
        if (trials == MOST_TRIALS) { /* take x itself, or the last trial */
            bracket[0].at = 0;
            bracket[0].value = l->value;
            memcpy(bracket[0].gradient, l->gradient, l->count * sizeof *l->gradient);
            low = lower_of(bracket);
            break;
        }
        bool is_behind = too_high(l, now, slope) || (trials > 1 && now->value >= before->value);
        if (!is_behind && fabs(now->slope) <= -CURVATURE * slope) {
            break;
        }
        if (is_behind || now->slope >= 0) {
            status = narrow(l, bracket, &next, slope, trials, &low);
            break;
        }
        next.at = cubic(before, now, now->at + 0.01 * (now->at - before->at), now->at * 10);
        status = evaluate(l, &next);
        exchange(before, now);
        exchange(now, &next);
    }
    *found = bracket[low];
    return status;
}

/* ---- an iteration ------------------------------------------------------------------------------------------------ */

static int begin(struct lbfgs *l, const double *x)
{
    memcpy(l->moved, x, l->count * sizeof *x);
    int status = l->function(l->user, l->moved, &l->value, l->gradient);
    l->evaluations++;
    return status;
}

static double sum_of_sizes(const struct lbfgs *l, const double *a)
{
    double sum = 0;
    for (size_t i = 0; i < l->count; i++) {
        sum += fabs(a[i]);
    }
    return sum;
}

int lbfgs_iterate(struct lbfgs *l, lbfgs_function function, void *user, double *x, enum lbfgs_state *state)
{
    l->function = function;
    l->user = user;
    l->from = x;
    *state = LBFGS_FLAT;
    int status = l->iterations == 0 ? begin(l, x) : FOV_OK;
    if (status != FOV_OK || largest(l, l->gradient) <= l->options.tolerance_gradient) {
        return status;
    }
    if (l->iterations > 0) {
        remember(l);
    }
    find_direction(l);
    memcpy(l->before, l->gradient, l->count * sizeof *l->before);
    double first = l->iterations == 0 ? fmin(1, 1 / sum_of_sizes(l, l->gradient)) * l->options.rate : l->options.rate;
    double slope = dot(l, l->gradient, l->direction), before = l->value;
    *state = LBFGS_STANDS;
    if (slope > -l->options.tolerance_change) {
        return FOV_OK;
    }
    struct trial found = {.at = first, .gradient = l->spare[0]};
    status = l->options.no_line_search ? evaluate(l, &found) : search(l, first, slope, &found);
    if (status != FOV_OK) {
        return status;
    }
    add(l, x, found.at, l->direction);
    memcpy(l->gradient, found.gradient, l->count * sizeof *l->gradient);
    l->value = found.value;
    l->length = found.at;
    l->iterations++;
    bool stands = fabs(found.at) * largest(l, l->direction) <= l->options.tolerance_change ||
                  fabs(l->value - before) < l->options.tolerance_change;
    *state = largest(l, l->gradient) <= l->options.tolerance_gradient ? LBFGS_FLAT
             : stands                                                 ? LBFGS_STANDS
                                                                      : LBFGS_GOES_ON;
    return FOV_OK;
}
