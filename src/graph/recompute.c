/* SPDX-License-Identifier: MIT */
/* Rematerialisation: less memory for more arithmetic. A training step keeps results of the forward pass until the
 * backward pass reads them. If they do not fit the memory limit, some of them are dropped after their last reader in
 * the forward pass and computed a second time just before their first reader in the backward pass (Chen, Xu, Zhang &
 * Guestrin, "Training deep nets with sublinear memory cost", 2016). The same step on the same inputs gives the same
 * bits, so nothing else changes.
 *
 * Which results? A draft of the plan without recomputation says what every step reads and writes. Candidate programs
 * (the same steps, some of them twice) are simulated on it, and the bytes alive at each place are added up; at the
 * peak, the step that frees most bytes per time of recomputing is repeated, until all fits. Cheap steps (normalisation,
 * activations, pooling) go first. The arena of the chosen program is then placed exactly; if it is still too large, the
 * search is repeated with a lower aim. */
#include "base/memory.h"
#include "base/text.h"
#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    ATTEMPTS      = 8,
    MORE_ATTEMPTS = 8,
    LARGE_STEPS   = 4096,
    LARGE_ATTEMPTS = 3,
    MOST_TRIES    = 24,  /* of candidates at one place */
    TOGETHER      = 256, /* large plans drop steps / TOGETHER results per trial */
    EFFORT        = 1 << 26 /* steps simulated in all trials of one plan: a few seconds. Beyond that, all candidates are
                               dropped at once, and none is restored */
};

/* One place in the program: a step of the draft, perhaps repeated, and the step `at` that needs it there. */
struct entry {
    int  step, at;
    bool again;
};

struct candidate {
    int    step;
    double price; /* seconds of recomputing per byte freed */
    int    class; /* prices that differ by rounding only are of one class; the lowest price is in class 0 */
    size_t bytes;
};

struct search {
    fov_plan *draft;
    size_t    steps, storages;
    int      *producer; /* per storage: the one step that writes it; -1: none or several */
    int      *writer;   /* per storage outside the arena: the step that renews it; -1: none */
    int      *last_before, *first_after; /* per step: the readers at both ends of the longest gap between its readers */
    size_t   *bytes;   /* per step: bytes freed by dropping its results; 0: they cannot be dropped */
    size_t   *scratch; /* per step */
    double   *price;
    bool     *dropped, *again, *refused;
    struct entry *program; /* at most 2 * steps */
    size_t        count;
    bool          sound;   /* no repeated step reads a parameter that was renewed before it */
    int          *first, *last; /* [2 * storages] lifetimes: of the original results, then of the recomputed ones */
    bool         *second;       /* per storage: the recomputed result is current */
    int64_t      *change;       /* per place: bytes that come alive there, less those whose life has ended */
    struct candidate *candidates;
    size_t        peak;
    size_t        peak_place;
    int          *first_name, *next_name; /* per step: list of the views and identities of its results; -1: end */
    size_t        effort; /* steps simulated so far */
    bool          alone;  /* dropping several at once did not help: drop one at a time */
};

static int storage_of(const struct search *s, int tensor)
{
    return tensor < 0 ? -1 : s->draft->tensors[tensor].storage;
}

/* ---- what the draft says ----------------------------------------------------------------------------------------- */

static void find_producers(struct search *s)
{
    for (size_t i = 0; i < s->storages; i++)
        s->producer[i] = s->writer[i] = -1;
    for (size_t n = 0; n < s->steps; n++) {
        const struct plan_step *step = &s->draft->steps[n];

        for (int o = 0; !step->skip && o < step->out_count; o++) {
            int at = storage_of(s, step->out[o]);

            if (at < 0)
                continue;
            if (s->draft->storages[at].fixed)
                s->writer[at] = (int)n;
            else
                s->producer[at] = s->producer[at] == -1 ? (int)n : -2; /* -2: several, for now */
        }
    }
    for (size_t i = 0; i < s->storages; i++)
        s->producer[i] = s->producer[i] == -2 ? -1 : s->producer[i];
}

/* Lists each step's views and identities; walks from the last step to the first so that each list is in order. */
static void find_names(struct search *s)
{
    for (size_t n = 0; n < s->steps; n++)
        s->first_name[n] = s->next_name[n] = -1;
    for (size_t k = s->steps; k-- > 0;) {
        const struct plan_step *view = &s->draft->steps[k];
        int                     at   = view->in_count > 0 ? storage_of(s, view->in[0]) : -1;

        if (!view->skip || view->node < 0 || at < 0 || s->producer[at] < 0)
            continue;
        s->next_name[k]                = s->first_name[s->producer[at]];
        s->first_name[s->producer[at]] = (int)k;
    }
}

static void find_gaps(struct search *s, int *seen)
{
    for (size_t n = 0; n < s->steps; n++) {
        s->first_after[n] = -1;
        s->last_before[n] = seen[n] = (int)n;
    }
    for (size_t n = 0; n < s->steps; n++) {
        const struct plan_step *step = &s->draft->steps[n];

        for (int i = 0; !step->skip && i < step->in_count; i++) {
            int at = storage_of(s, step->in[i]), producer = at < 0 ? -1 : s->producer[at];

            if (producer < 0)
                continue;
            if (s->first_after[producer] < 0 ||
                (int)n - seen[producer] > s->first_after[producer] - s->last_before[producer]) {
                s->last_before[producer] = seen[producer];
                s->first_after[producer] = (int)n;
            }
            seen[producer] = (int)n;
        }
    }
}

/* Bytes that repeating step n may free; 0: it must not be repeated. */
static size_t droppable(const struct search *s, size_t n)
{
    const struct plan_step *step  = &s->draft->steps[n];
    size_t                  bytes = 0;

    if (step->skip || step->node < 0 || step->op->family == OP_OPTIMISER || s->first_after[n] < 0)
        return 0;
    for (int o = 0; o < step->out_count; o++) {
        const struct op_port      *port = op_port_at(step->op->out, o);
        int                        at   = storage_of(s, step->out[o]);
        const struct plan_storage *storage = at < 0 ? NULL : &s->draft->storages[at];

        if (!storage || (port->updates && port->optional))
            continue; /* statistics are renewed only the first time the step runs */
        if (storage->fixed || storage->keep || storage->output || s->producer[at] != (int)n || port->updates)
            return 0;
        bytes += memory_aligned(storage->bytes);
    }
    return bytes;
}

static void describe_steps(struct search *s)
{
    const fov_rates *rates = &s->draft->graph->context->rates;

    for (size_t n = 0; n < s->steps; n++) {
        const struct plan_step  *step    = &s->draft->steps[n];
        const struct op_compile *compile = &step->compile;
        double                   moved   = 0;

        s->scratch[n] = memory_aligned(compile->scratch) +
                        memory_aligned(compile->scratch_per_worker) * (size_t)compile->workers;
        s->scratch[n] = step->skip ? 0 : s->scratch[n];
        for (int i = 0; i < step->in_count; i++) {
            moved += step->in[i] < 0 ? 0 : (double)s->draft->tensors[step->in[i]].bytes;
            if (!step->skip && compile->packed[i] && !step->constant[i])
                s->scratch[n] += memory_aligned(compile->packed[i]);
        }
        for (int o = 0; o < step->out_count; o++)
            moved += step->out[o] < 0 ? 0 : (double)s->draft->tensors[step->out[o]].bytes;
        s->bytes[n] = droppable(s, n);
        if (s->bytes[n])
            s->price[n] = ((double)step->multiply_adds / rates->products + moved / rates->memory) / (double)s->bytes[n];
    }
}

/* ---- a program --------------------------------------------------------------------------------------------------- */

static void append(struct search *s, int step, int at, bool again)
{
    s->program[s->count++] = (struct entry){step, at, again};
}

/* Appends a repetition of step n, needed by step `at`, after repetitions of the dropped results that n reads. */
static void make_again(struct search *s, int n, int at)
{
    const struct plan_step *step = &s->draft->steps[n];

    s->again[n] = true;
    for (int i = 0; i < step->in_count; i++) {
        int from = storage_of(s, step->in[i]), producer = from < 0 ? -1 : s->producer[from];

        if (producer >= 0 && s->dropped[producer] && !s->again[producer] && at > s->last_before[producer])
            make_again(s, producer, at);
        /* A parameter that has been renewed by now would give other results. */
        if (from >= 0 && s->writer[from] >= 0 && s->writer[from] < at &&
            !(s->writer[from] == n && i < 32 && (step->compile.renewed_or_not >> i & 1U)))
            s->sound = false;
    }
    append(s, n, at, true);
    for (int k = s->first_name[n]; k >= 0; k = s->next_name[k])
        append(s, k, at, true);
}

static bool write_program(struct search *s)
{
    s->count = 0;
    s->sound = true;
    s->effort += s->steps;
    memset(s->again, 0, s->steps * sizeof *s->again);
    for (size_t n = 0; n < s->steps; n++) {
        const struct plan_step *step = &s->draft->steps[n];

        for (int i = 0; !step->skip && i < step->in_count; i++) {
            int from = storage_of(s, step->in[i]), producer = from < 0 ? -1 : s->producer[from];

            if (producer >= 0 && s->dropped[producer] && !s->again[producer] && (int)n >= s->first_after[producer])
                make_again(s, producer, (int)n);
        }
        append(s, (int)n, (int)n, false);
    }
    return s->sound;
}

static void touch(struct search *s, int storage, int place)
{
    int at = s->second[storage] ? storage + (int)s->storages : storage;

    if (s->first[at] < 0)
        s->first[at] = place;
    s->last[at] = place;
}

/* Simulates the program: finds the peak of the bytes alive. Returns their excess over `aim`, summed over all places. */
static double play(struct search *s, size_t aim)
{
    double  above = 0;
    int64_t live  = 0;

    s->effort += s->count;
    for (size_t i = 0; i < 2 * s->storages; i++)
        s->first[i] = s->last[i] = -1;
    memset(s->second, 0, s->storages * sizeof *s->second);
    memset(s->change, 0, (s->count + 1) * sizeof *s->change);
    for (size_t p = 0; p < s->count; p++) {
        const struct plan_step *step = &s->draft->steps[s->program[p].step];

        for (int i = 0; !step->skip && i < step->in_count; i++)
            if (step->in[i] >= 0)
                touch(s, storage_of(s, step->in[i]), (int)p);
        for (int o = 0; !step->skip && o < step->out_count; o++)
            if (step->out[o] >= 0) {
                s->second[storage_of(s, step->out[o])] |= s->program[p].again;
                touch(s, storage_of(s, step->out[o]), (int)p);
            }
    }
    for (size_t i = 0; i < 2 * s->storages; i++) {
        const struct plan_storage *storage = &s->draft->storages[i % s->storages];
        bool                       whole   = storage->keep || storage->output;

        if (storage->fixed || s->first[i] < 0)
            continue;
        s->change[whole ? 0 : s->first[i]] += (int64_t)memory_aligned(storage->bytes);
        s->change[whole ? s->count : (size_t)s->last[i] + 1] -= (int64_t)memory_aligned(storage->bytes);
    }
    s->peak = 0;
    for (size_t p = 0; p < s->count; p++) {
        size_t here;

        live += s->change[p];
        here = (size_t)live + s->scratch[s->program[p].step];
        if (here > s->peak) {
            s->peak       = here;
            s->peak_place = p;
        }
        above += here > aim ? (double)(here - aim) : 0;
    }
    return above;
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

static int by_price(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    return x->price != y->price ? (x->price < y->price ? -1 : 1) : x->step - y->step;
}

static int by_class(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->step - y->step;
}

/* Sorts by price, and prices that differ by rounding only by size, the largest first. A tolerance in the comparison
 * would be no order (a = b and b = c, but a < c), so the prices are divided into classes first: each begins at its
 * lowest price and is 0.1 % wide. */
static void sort_candidates(struct candidate *candidates, size_t count)
{
    double lowest = 0;
    int    class  = -1;

    qsort(candidates, count, sizeof *candidates, by_price);
    for (size_t c = 0; c < count; c++) {
        if (class < 0 || candidates[c].price * 0.999 > lowest) {
            lowest = candidates[c].price;
            class++;
        }
        candidates[c].class = class;
    }
    qsort(candidates, count, sizeof *candidates, by_class);
}

/* Steps whose results lie idle at the peak, the lowest price first. */
static size_t find_candidates(struct search *s)
{
    int    at    = s->program[s->peak_place].at;
    size_t count = 0;

    for (size_t n = 0; n < s->steps; n++)
        if (s->bytes[n] && !s->dropped[n] && !s->refused[n] && s->last_before[n] < at && at < s->first_after[n])
            s->candidates[count++] = (struct candidate){.step = (int)n, .price = s->price[n], .bytes = s->bytes[n]};
    sort_candidates(s->candidates, count);
    return s->effort > EFFORT || count < MOST_TRIES ? count : MOST_TRIES;
}

/* How many candidates are dropped in one trial: in plans of thousands of steps more than one, so that the number of
 * trials does not grow with the number of steps. */
static size_t drop_together(const struct search *s, size_t count)
{
    size_t part = s->effort > EFFORT ? count : s->alone ? 1 : s->steps / TOGETHER;

    return part < 1 ? 1 : part < count ? part : count;
}

static void set_dropped(struct search *s, size_t first, size_t count, bool dropped)
{
    for (size_t c = first; c < first + count; c++)
        s->dropped[s->candidates[c].step] = dropped;
}

/* Keeps results after all that need not have been dropped, the most expensive first. */
static void take_back(struct search *s, size_t aim)
{
    size_t count = 0;

    for (size_t n = 0; n < s->steps; n++)
        if (s->dropped[n])
            s->candidates[count++] = (struct candidate){
                .step = (int)n, .price = s->price[n] * (double)s->bytes[n], .bytes = s->bytes[n]};
    sort_candidates(s->candidates, count);
    while (count-- > 0 && s->effort < EFFORT) {
        s->dropped[s->candidates[count].step] = false;
        if (!write_program(s) || play(s, aim) > 0)
            s->dropped[s->candidates[count].step] = true;
    }
}

/* Drops results until no more than `aim` bytes are alive anywhere, or nothing helps any more. Leaves the program. */
static void search(struct search *s, size_t aim)
{
    double above;
    bool   better = true;

    memset(s->dropped, 0, s->steps * sizeof *s->dropped);
    memset(s->refused, 0, s->steps * sizeof *s->refused);
    write_program(s);
    above = play(s, aim);
    while (above > 0 && better) {
        size_t count = find_candidates(s);

        better = false;
        for (size_t c = 0; c < count && !better;) {
            size_t together = c == 0 || s->effort > EFFORT ? drop_together(s, count - c) : 1;
            double now;

            set_dropped(s, c, together, true);
            now    = write_program(s) ? play(s, aim) : above;
            better = now < above;
            if (better) {
                above = now;
                continue;
            }
            set_dropped(s, c, together, false);
            s->alone = together > 1 && s->effort < EFFORT; /* together they do not help: try each by itself */
            for (size_t end = c + together; !s->alone && c < end; c++)
                s->refused[s->candidates[c].step] = true;
        }
        s->alone = false;
        if (!better) { /* no trial helped: simulate the program without the last one again */
            write_program(s);
            play(s, aim);
            better = count == MOST_TRIES && find_candidates(s) > 0;
        }
    }
    if (above <= 0)
        take_back(s, aim);
    write_program(s);
    play(s, aim);
}

static void close_search(struct search *s)
{
    struct memory *memory = s->draft->graph->context->memory;
    void *const    all[] = {s->producer, s->writer,  s->last_before, s->first_after, s->bytes,      s->scratch,
                            s->price,    s->dropped, s->again,       s->refused,     s->program,    s->first,
                            s->last,     s->second,  s->change,      s->candidates,  s->first_name, s->next_name};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        memory_free(memory, all[i]);
}

static int open_search(struct search *s, fov_plan *draft)
{
    struct memory *memory = draft->graph->context->memory;
    struct error  *error  = &draft->graph->context->error;
    size_t         steps = draft->step_count, storages = draft->storage_count;
    int           *seen = memory_allocate(memory, steps, sizeof *seen, "recomputation", error);

    *s = (struct search){.draft = draft, .steps = steps, .storages = storages};
    s->producer    = memory_allocate(memory, storages, sizeof *s->producer, "recomputation", error);
    s->writer      = memory_allocate(memory, storages, sizeof *s->writer, "recomputation", error);
    s->last_before = memory_allocate(memory, steps, sizeof *s->last_before, "recomputation", error);
    s->first_after = memory_allocate(memory, steps, sizeof *s->first_after, "recomputation", error);
    s->bytes       = memory_allocate(memory, steps, sizeof *s->bytes, "recomputation", error);
    s->scratch     = memory_allocate(memory, steps, sizeof *s->scratch, "recomputation", error);
    s->price       = memory_allocate(memory, steps, sizeof *s->price, "recomputation", error);
    s->dropped     = memory_allocate(memory, steps, sizeof *s->dropped, "recomputation", error);
    s->again       = memory_allocate(memory, steps, sizeof *s->again, "recomputation", error);
    s->refused     = memory_allocate(memory, steps, sizeof *s->refused, "recomputation", error);
    s->program     = memory_allocate(memory, 3 * steps, sizeof *s->program, "recomputation", error);
    s->first       = memory_allocate(memory, 2 * storages, sizeof *s->first, "recomputation", error);
    s->last        = memory_allocate(memory, 2 * storages, sizeof *s->last, "recomputation", error);
    s->second      = memory_allocate(memory, storages, sizeof *s->second, "recomputation", error);
    s->change      = memory_allocate(memory, 3 * steps + 1, sizeof *s->change, "recomputation", error);
    s->candidates  = memory_allocate(memory, steps, sizeof *s->candidates, "recomputation", error);
    s->first_name  = memory_allocate(memory, steps, sizeof *s->first_name, "recomputation", error);
    s->next_name   = memory_allocate(memory, steps, sizeof *s->next_name, "recomputation", error);
    if (error->status) {
        memory_free(memory, seen);
        return (int)error->status;
    }
    find_producers(s);
    find_names(s);
    find_gaps(s, seen);
    memory_free(memory, seen);
    describe_steps(s);
    return FOV_OK;
}

/* ---- a plan that fits -------------------------------------------------------------------------------------------- */

/* The program as nodes. Conversions between layouts are left out: lowering inserts them again where needed. */
static int take_nodes(const struct search *s, struct plan_program *program)
{
    struct memory *memory = s->draft->graph->context->memory;
    struct error  *error  = &s->draft->graph->context->error;

    program->node  = memory_allocate(memory, s->count, sizeof *program->node, "recomputation", error);
    program->again = memory_allocate(memory, s->count, sizeof *program->again, "recomputation", error);
    if (!program->node || !program->again)
        return FOV_E_MEMORY;
    for (size_t p = 0; p < s->count; p++) {
        int node = s->draft->steps[s->program[p].step].node;

        if (node < 0)
            continue;
        program->node[program->count]    = node;
        program->again[program->count++] = s->program[p].again;
    }
    return FOV_OK;
}

/* A placed plan with recomputation, chosen so that by the simulation no more than `aim` bytes are alive. */
static fov_plan *draft_with(struct search *s, size_t aim, const fov_value *outputs, int count)
{
    fov_plan           *draft = s->draft, *plan = NULL;
    struct memory      *memory = draft->graph->context->memory;
    struct plan_program program = {0};

    search(s, aim);
    if (!take_nodes(s, &program))
        plan = plan_draft(draft->graph, outputs, count, &draft->options, &program, true);
    memory_free(memory, program.node);
    memory_free(memory, program.again);
    return plan;
}

struct budget {
    size_t all;       /* bytes that the plan may take */
    size_t structure; /* of those, bytes of the arrays that describe it */
    size_t whole_arena, kept; /* arena_bytes and kept_bytes of the plan without recomputation */
};

static size_t need_of(const fov_plan *plan)
{
    return plan->arena_bytes + plan->kept_bytes + PLAN_HEADERS;
}

static fov_plan *find_fitting(struct search *s, const struct budget *budget, const fov_value *outputs, int count)
{
    struct fov_context *context = s->draft->graph->context;
    size_t   space =
        budget->all > budget->structure + budget->kept ? budget->all - budget->structure - budget->kept : 0;
    bool     large = s->steps > LARGE_STEPS; /* each attempt takes a second or more */
    int      few = large ? LARGE_ATTEMPTS : ATTEMPTS, more = large ? LARGE_ATTEMPTS : MORE_ATTEMPTS;
    size_t   smallest = SIZE_MAX; /* of the needs of all attempts */
    double   aim;
    char     need[32], left[32], limit[32];

    search(s, SIZE_MAX); /* drops nothing: gives the simulated peak of the draft, to compare with its real arena */
    aim = (double)space - (double)budget->whole_arena + (double)s->peak;
    for (int attempt = 0; attempt < few + more; attempt++) {
        bool      least = attempt < few && (attempt == few - 1 || aim <= 0);
        size_t    before = memory_in_use(context->memory), structure, over;
        fov_plan *plan = draft_with(s, least ? 0 : (size_t)aim, outputs, count);

        if (!plan)
            return NULL;
        structure = memory_in_use(context->memory) - before;
        if (need_of(plan) + structure <= budget->all) {
            plan->whole_bytes = budget->whole_arena;
            return plan;
        }
        over     = need_of(plan) + structure - budget->all;
        smallest = budget->all + over < smallest ? budget->all + over : smallest;
        if (attempt == few + more - 1) {
            error_set(&context->error, FOV_E_MEMORY,
                      "out of memory: the plan for batch %lld needs %s even if all is recomputed that can be, %s of "
                      "the limit of %s are left",
                      (long long)plan->options.batch, text_bytes(need, sizeof need, smallest),
                      text_bytes(left, sizeof left, budget->all),
                      text_bytes(limit, sizeof limit, memory_limit(context->memory)));
            fov_plan_free(plan);
            return NULL;
        }
        fov_plan_free(plan);
        if (least || attempt >= few) { /* recomputing everything does not always need least: try aims in between */
            attempt = attempt < few ? few - 1 : attempt;
            aim     = (double)space * (few + more - 1 - attempt) / (more + 1);
            continue;
        }
        aim = s->peak <= (size_t)aim ? aim - (double)over * 1.02 : 0; /* aim not reached: go for the minimum */
    }
    return NULL;
}

fov_plan *plan_recompute(fov_plan *whole, const fov_value *outputs, int count)
{
    fov_graph       *graph   = whole->graph;
    struct memory   *memory  = graph->context->memory;
    fov_plan_options options = whole->options;
    const struct plan_program stored = {0}; /* no deferred steps and no producers: every result is stored */
    struct budget    budget  = {.whole_arena = whole->arena_bytes, .kept = whole->kept_bytes};
    size_t           limit   = memory_limit(memory), before;
    fov_plan        *draft, *plan = NULL;
    struct search    s;

    fov_plan_free(whole); /* its arrays count against the limit, too */
    before     = memory_in_use(memory);
    budget.all = limit > before ? limit - before : 0;
    draft      = plan_draft(graph, outputs, count, &options, &stored, false);
    if (!draft)
        return NULL;
    budget.structure = memory_in_use(memory) - before;
    if (!open_search(&s, draft))
        plan = find_fitting(&s, &budget, outputs, count);
    close_search(&s);
    fov_plan_free(draft);
    return plan;
}
