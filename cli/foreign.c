/* SPDX-License-Identifier: MIT */
/* The table of other tools' words, and the pass that replaces them by fovea's before options are parsed. Words that are
 * options of the verb keep fovea's meaning, except where the value is one that only another tool has for them
 * (save_txt=True, resume=True, optimizer=auto). Whole lines in another tool's form: foreign_form.c. */
#include "foreign.h"
#include "append.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the table --------------------------------------------------------------------------------------------------- */

enum meaning {
    OPTION,    /* another name of an option; left out where the verb does not have that option */
    INPUT,     /* the input's size, for networks by name; a model file has its own */
    MODEL,     /* the model: an option of train, the first argument of other verbs */
    PICTURES,  /* becomes an argument */
    NAME,      /* a run's name in runs/, or in PROJECT */
    PROJECT,   /* the folder of runs */
    EXIST_OK,  /* --overwrite, where true */
    DEVICE,    /* only auto and cpu are accepted */
    COSINE,    /* --schedule cosine, where true */
    THREADS,   /* --loader-threads, where 0 becomes none */
    LEAST,     /* the task's least score of a box: --task detect:least=0.25 */
    OVERLAP,   /* the task's overlap above which boxes suppress each other: --task detect:overlap=0.5 */
    TEXTS,     /* --save-txt, which takes a folder here; in other tools it is true or false */
    OPTIMIZER, /* --optimizer, in lower case; other tools also have auto */
    RESUME,    /* --resume, which takes the run's folder here; elsewhere true, beside model=FOLDER/weights/last.pt */
    FORMAT,    /* the output format: here the suffix of the second file */
    MODE,      /* the verb as an option; here the verb is already given */
    NOTHING,   /* has no meaning here and is harmless: left out */
    REFUSED    /* would mean something else here: refused with a sentence, unless it is false */
};

static const struct word {
    const char *theirs, *ours; /* ours: the option, or the sentence of a refusal */
    enum meaning meaning;
} table[] = {
    {"imgsz", "input", INPUT},
    {"img", "input", INPUT},
    {"img-size", "input", INPUT},
    {"image-size", "input", INPUT},
    {"input-size", "input", INPUT},
    {"epochs", "epochs", OPTION},
    {"batch", "batch", OPTION},
    {"patience", "patience", OPTION},
    {"data", "data", OPTION},
    {"lr0", "lr", OPTION},
    {"learning-rate", "lr", OPTION},
    {"base-lr", "lr", OPTION},
    {"batch-size", "batch", OPTION},
    {"bs", "batch", OPTION},
    {"num-epochs", "epochs", OPTION},
    {"max-epochs", "epochs", OPTION},
    {"n-epochs", "epochs", OPTION},
    {"opt", "optimizer", OPTIMIZER},
    {"optim", "optimizer", OPTIMIZER},
    {"solver", "optimizer", OPTIMIZER},
    {"wd", "weight-decay", OPTION},
    {"sched", "schedule", OPTION},
    {"lr-scheduler", "schedule", OPTION},
    {"smoothing", "label-smoothing", OPTION},
    {"clip-grad", "clip-norm", OPTION},
    {"early-stopping", "patience", OPTION},
    {"num-classes", "classes", OPTION},
    {"nc", "classes", OPTION},
    {"workers", "loader-threads", THREADS},
    {"num-workers", "loader-threads", THREADS},
    {"conf", "least", LEAST},
    {"conf-thres", "least", LEAST},
    {"iou", "overlap", OVERLAP},
    {"iou-thres", "overlap", OVERLAP},
    {"save-txt", "save-txt", TEXTS},
    {"optimizer", "optimizer", OPTIMIZER},
    {"resume", "resume", RESUME},
    {"format", "", FORMAT},
    {"mode", "", MODE},
    {"dataset", "data", OPTION},
    {"data-dir", "data", OPTION},
    {"data-path", "data", OPTION},
    {"output", "out", OPTION},
    {"output-dir", "out", OPTION},
    {"out-dir", "out", OPTION},
    {"save-dir", "out", OPTION},
    {"topk", "top", OPTION},
    {"model", "model", MODEL},
    {"weights", "model", MODEL},
    {"checkpoint", "model", MODEL},
    {"arch", "model", MODEL},
    {"source", "", PICTURES},
    {"name", "out", NAME},
    {"project", "out", PROJECT},
    {"exist-ok", "overwrite", EXIST_OK},
    {"device", "", DEVICE},
    {"cos-lr", "schedule", COSINE},
    {"plots", "", NOTHING},
    {"save", "", NOTHING},
    {"val", "", NOTHING},
    {"deterministic", "", NOTHING},
    {"show", "", NOTHING},
    {"pretrained", "", NOTHING},
    {"rect", "", NOTHING},
    {"simplify", "", NOTHING},
    {"dynamic", "", NOTHING},
    {"nosave", "", NOTHING},
    {"lrf", "lrf is a share of the first rate in other tools; --schedule cosine --lr-final X names the last rate here",
     REFUSED},
    {"warmup-epochs", "warmup is counted in steps here: --warmup N", REFUSED},
    {"amp", "training computes in float32 here: there is no amp", REFUSED},
    {"half", "predictions compute in float32 here: there is no half", REFUSED},
};

const char *foreign_verb(const char *word)
{
    static const char *const verbs[][2] = {
        {"val", "eval"},      {"validate", "eval"}, {"evaluate", "eval"}, {"test", "eval"},   {"fit", "train"},
        {"infer", "predict"}, {"inference", "predict"}, {"export", "convert"}, {"benchmark", "bench"},
        {"summary", "inspect"}, {"checks", "doctor"}, {"models", "zoo"},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i][0], word) == 0) {
            return verbs[i][1];
        }
    }
    return NULL;
}

/* ---- one word ---------------------------------------------------------------------------------------------------- */

struct pass {
    const struct verb *verb;
    struct foreign *out;
    int made;
    const char *name, *project, *model; /* collected, and written at the end, as are the next three */
    const char *task, *least, *overlap;
    const char *format;  /* suffix of the file to write; NULL: not given */
    bool texts;          /* --save-txt was given without a folder */
    const char *run;     /* the model beside resume=True, "runs/x/weights/last.pt"; NULL: none */
    bool has_thresholds; /* the line has thresholds of boxes, which become options of the task */
    bool has_weights; /* an argument is a file of weights, so that --model names its network */
    bool is_theirs;   /* "--model x" means the first argument, since the line has no other one for it */
    char *problem;
    size_t size;
};

/* Whether a word is `theirs`, ignoring case and taking '_' as '-'. */
static bool same(const char *theirs, const char *word, size_t length)
{
    size_t i = 0;
    while (i < length && theirs[i] != '\0' &&
           theirs[i] == (word[i] == '_' ? '-' : (char)tolower((unsigned char)word[i]))) {
        i++;
    }
    return i == length && theirs[i] == '\0';
}

static const struct word *find(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (same(table[i].theirs, word, length)) {
            return &table[i];
        }
    }
    return NULL;
}

static bool has_option(const struct verb *verb, const char *word, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
    for (char *c = name; *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    return options_find(verb, name, NULL) != NULL;
}

static void put(struct pass *p, const char *word)
{
    p->out->words[p->out->count++] = (char *)(uintptr_t)word;
}

/* Adds a formatted word, which is freed with the line. */
static void put_made(struct pass *p, const char *format, ...) CLI_PRINTF(2, 3);
static void put_made(struct pass *p, const char *format, ...)
{
    char text[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    size_t size = strlen(text) + 1;
    char *made = take_memory(size, 1);
    memcpy(made, text, size);
    p->out->made[p->made++] = made;
    put(p, made);
}

static void put_option(struct pass *p, const char *name, const char *value)
{
    put_made(p, "--%s=%s", name, value);
}

static void note(struct pass *p, const char *theirs, size_t length, const char *ours)
{
    size_t used = strlen(p->out->note);
    append_text(p->out->note, sizeof p->out->note, used, "%s%.*s is %s here", used > 0 ? ", " : "", (int)length, theirs,
                ours);
}

static void note_option(struct pass *p, const char *theirs, size_t length, const char *name)
{
    char ours[64];
    snprintf(ours, sizeof ours, "--%s", name);
    note(p, theirs, length, ours);
}

/* Drops a word that has no equivalent here. A line that is shown lists it with the reason; a line that is run only
 * notes it. */
static void leave_out(struct pass *p, const char *word, size_t length, const char *why)
{
    size_t used = strlen(p->out->left_out);
    if (!p->out->is_shown) {
        note(p, word, length, "without a meaning");
        return;
    }
    append_text(p->out->left_out, sizeof p->out->left_out, used, "%s%.*s%s%s%s", used > 0 ? ", " : "", (int)length,
                word, *why != '\0' ? " (" : "", why, *why != '\0' ? ")" : "");
}

/* Drops a word without which the line would do something else than intended: a line that is run is refused. */
static int refuse(struct pass *p, const char *word, size_t length, const char *why)
{
    if (p->out->is_shown) {
        leave_out(p, word, length, why);
        return EXIT_OK;
    }
    snprintf(p->problem, p->size, "%s", why);
    return EXIT_USAGE;
}

static bool is_true(const char *value)
{
    return value == NULL || strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0;
}

static bool is_false(const char *value)
{
    return value != NULL && (strcasecmp(value, "false") == 0 || strcasecmp(value, "no") == 0 ||
                             strcasecmp(value, "none") == 0 || strcmp(value, "0") == 0);
}

static bool has(const struct pass *p, const char *name)
{
    return options_find(p->verb, name, NULL) != NULL;
}

/* Whether the verb takes the model as its first argument. */
static bool model_is_argument(const struct pass *p)
{
    static const char *const first[] = {"FILE", "NAME|FILE", "MODEL", "[MODEL", "FROM"};
    bool is_first = false;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        is_first |= strncmp(p->verb->arguments, first[i], strlen(first[i])) == 0;
    }
    return is_first;
}

static int use_device(struct pass *p, const char *word, size_t length, const char *value)
{
    char why[128];
    if (value == NULL || strcasecmp(value, "cpu") == 0 || strcasecmp(value, "auto") == 0 || *value == '\0') {
        if (!p->out->is_shown) {
            note(p, word, length, "always the CPU");
        }
        return EXIT_OK;
    }
    snprintf(why, sizeof why, "device is \"%.40s\": fovea computes on the CPU, device=cpu or auto", value);
    return refuse(p, word, length, why);
}

/* "640", "640,480" and "[640, 480]" (height, width) to "640" and "640x480"; with `both`, to "640x640". */
static void size_text(const char *value, bool both, char out[64])
{
    const char *at = value + strspn(value, "[( ");
    char *end;
    long first = strtol(at, &end, 10), second = first;
    int count = end != at;
    if (count == 1 && strspn(end, ",x ") > 0) {
        at = end + strspn(end, ",x ");
        second = strtol(at, &end, 10);
        count += end != at;
    }
    bool is_whole = end[strspn(end, "]) ")] == '\0'; /* else the option itself refuses the value */
    if (is_whole && (count == 2 || (count == 1 && both))) {
        snprintf(out, 64, "%ldx%ld", first, count == 2 ? second : first);
    } else {
        snprintf(out, 64, "%.60s", value);
    }
}

static int use_input(struct pass *p, const char *word, size_t length, const char *value)
{
    char size[64];
    bool is_made = strcmp(p->verb->name, "train") == 0 || p->verb->networks; /* the network is made for that size */
    const char *option = is_made ? "input" : "size";
    if (!has(p, option)) {
        if (p->out->is_shown) {
            leave_out(p, word, length, "pictures come to the model's own size");
        } else {
            note(p, word, length, "the model's own size");
        }
        return EXIT_OK;
    }
    size_text(value != NULL ? value : "", !is_made, size);
    put_option(p, option, size);
    note_option(p, word, length, option);
    return EXIT_OK;
}

/* resume=True beside model=runs/x/weights/last.pt, or resume=CHECKPOINT: becomes --resume with the run's folder. */
static int use_resume(struct pass *p, const char *word, size_t length, const char *value)
{
    const char *path = value != NULL && !is_true(value) ? value : p->run;
    if (!has(p, "resume") || is_false(value)) {
        leave_out(p, word, length, "");
        return EXIT_OK;
    }
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL) {
        return refuse(p, word, length, "resume is the folder of the run here: --resume runs/train");
    }
    size_t folder = (size_t)(slash - path);
    const char *weights = "/weights";
    if (folder > strlen(weights) && strncmp(slash - strlen(weights), weights, strlen(weights)) == 0) {
        folder -= strlen(weights);
    }
    put_made(p, "--resume=%.*s", (int)folder, path);
    note_option(p, word, length, "resume");
    return EXIT_OK;
}

static int use_mode(struct pass *p, const char *word, size_t length, const char *value)
{
    char why[128];
    const char *ours = value != NULL ? foreign_verb(value) : NULL;
    ours = ours != NULL ? ours : value;
    if (ours != NULL && strcmp(ours, p->verb->name) == 0) {
        return EXIT_OK;
    }
    snprintf(why, sizeof why, "the verb comes first here: fovea %.40s", ours != NULL ? ours : "VERB");
    return refuse(p, word, length, why);
}

static int use_format(struct pass *p, const char *word, size_t length, const char *value)
{
    bool is_known = value != NULL && (strcasecmp(value, "onnx") == 0 || strcasecmp(value, "safetensors") == 0);
    if (!is_known || strcmp(p->verb->name, "convert") != 0) {
        return refuse(p, word, length, "the suffix of the file says what fovea convert writes: .onnx or .safetensors");
    }
    p->format = strcasecmp(value, "onnx") == 0 ? "onnx" : "safetensors";
    note(p, word, length, "the second file's suffix");
    return EXIT_OK;
}

/* SGD and AdamW are sgd and adamw here; auto is the default. */
static int use_optimizer(struct pass *p, const struct word *w, const char *word, size_t length, const char *value)
{
    char name[256];
    if (!has(p, w->ours) || value == NULL || strcasecmp(value, "auto") == 0) {
        leave_out(p, word, length, "");
        return EXIT_OK;
    }
    size_t end = strcspn(value, ":"); /* options after it are in fovea's own form */
    snprintf(name, sizeof name, "%s", value);
    for (size_t i = 0; i < end && i + 1 < sizeof name; i++) {
        name[i] = (char)tolower((unsigned char)name[i]);
    }
    put_option(p, w->ours, name);
    if (!same(w->ours, word, length)) {
        note_option(p, word, length, w->ours);
    } else if (strcmp(name, value) != 0) {
        char ours[300];
        snprintf(ours, sizeof ours, "--%s %s", w->ours, name);
        note(p, value, strlen(value), ours);
    }
    return EXIT_OK;
}

/* The option for the folder that project and name give; NULL: the verb has none. */
static const char *folder_option(const struct pass *p)
{
    return strcmp(p->verb->name, "train") == 0 ? "out" : strcmp(p->verb->name, "predict") == 0 ? "draw" : NULL;
}

/* Translates a word that is in the table and no option of the verb. `value`: NULL where there is none. */
static int use(struct pass *p, const struct word *w, const char *word, size_t length, const char *value)
{
    switch (w->meaning) {
    case MODEL:
        if (options_find(p->verb, "model", NULL) == NULL || (model_is_argument(p) && !p->has_weights)) {
            p->model = value;
            note(p, word, length, "the first argument");
            return EXIT_OK;
        }
        put_option(p, "model", value != NULL ? value : "");
        if (!same("model", word, length)) {
            note_option(p, word, length, "model");
        }
        return EXIT_OK;
    case INPUT:
        return use_input(p, word, length, value);
    case OPTION:
        if (!has(p, w->ours)) {
            leave_out(p, word, length, "");
            return EXIT_OK;
        }
        put_option(p, w->ours, value != NULL ? value : "");
        if (!same(w->ours, word, length)) {
            note_option(p, word, length, w->ours);
        }
        return EXIT_OK;
    case PICTURES:
        put(p, value != NULL ? value : "");
        note(p, word, length, "an argument");
        return EXIT_OK;
    case NAME:
    case PROJECT:
        if (folder_option(p) == NULL) {
            leave_out(p, word, length, "");
            return EXIT_OK;
        }
        *(w->meaning == NAME ? &p->name : &p->project) = value;
        note_option(p, word, length, folder_option(p));
        return EXIT_OK;
    case EXIST_OK:
        if (!has(p, "overwrite") || !is_true(value)) {
            leave_out(p, word, length, "");
            return EXIT_OK;
        }
        put_option(p, "overwrite", "yes");
        note_option(p, word, length, "overwrite");
        return EXIT_OK;
    case COSINE:
        if (!has(p, "schedule") || !is_true(value)) {
            leave_out(p, word, length, "");
            return EXIT_OK;
        }
        put_option(p, "schedule", "cosine");
        note_option(p, word, length, "schedule");
        return EXIT_OK;
    case THREADS:
        if (!has(p, w->ours)) {
            leave_out(p, word, length, "");
            return EXIT_OK;
        }
        put_option(p, w->ours, value != NULL && strcmp(value, "0") == 0 ? "none" : value != NULL ? value : "");
        note_option(p, word, length, w->ours);
        return EXIT_OK;
    case LEAST:
    case OVERLAP:
        if (strcmp(p->verb->name, "predict") != 0 && strcmp(p->verb->name, "eval") != 0) {
            leave_out(p, word, length, "");
            return EXIT_OK;
        }
        *(w->meaning == LEAST ? &p->least : &p->overlap) = value;
        note(p, word, length, w->meaning == LEAST ? "--task detect:least=X" : "--task detect:overlap=X");
        return EXIT_OK;
    case TEXTS:
        p->texts = has(p, w->ours) && is_true(value);
        if (p->texts) {
            note(p, word, length, "--save-txt DIR");
        } else {
            leave_out(p, word, length, "");
        }
        return EXIT_OK;
    case OPTIMIZER:
        return use_optimizer(p, w, word, length, value);
    case RESUME:
        return use_resume(p, word, length, value);
    case FORMAT:
        return use_format(p, word, length, value);
    case MODE:
        return use_mode(p, word, length, value);
    case DEVICE:
        return use_device(p, word, length, value);
    case NOTHING:
        leave_out(p, word, length, "");
        return EXIT_OK;
    case REFUSED:
        break;
    }
    if (is_false(value)) {
        leave_out(p, word, length, "");
        return EXIT_OK;
    }
    return refuse(p, word, length, w->ours);
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

/* The folder PROJECT/NAME; by default runs/VERB. */
static void folder_text(const struct pass *p, char out[1024])
{
    snprintf(out, 1024, "%s/%s", p->project != NULL ? p->project : "runs", p->name != NULL ? p->name : p->verb->name);
}

static void put_folders(struct pass *p)
{
    char folder[1024];
    folder_text(p, folder);
    if (p->name != NULL || p->project != NULL) {
        put_option(p, folder_option(p), folder);
    }
    if (p->texts) {
        put_made(p, "--save-txt=%s/labels", folder);
    }
}

/* Writes --task with the thresholds of boxes as its options. */
static void put_task(struct pass *p)
{
    char task[512];
    if (p->task == NULL && p->least == NULL && p->overlap == NULL) {
        return;
    }
    size_t used = append_text(task, sizeof task, 0, "%s", p->task != NULL ? p->task : "detect");
    if (p->least != NULL) {
        used = append_text(task, sizeof task, used, ":least=%s", p->least);
    }
    if (p->overlap != NULL) {
        append_text(task, sizeof task, used, ":overlap=%s", p->overlap);
    }
    put_option(p, "task", task);
}

/* Puts the model before all other arguments; with a format, also appends the output file's name, made from the
 * model's. */
static int put_model(struct pass *p)
{
    struct foreign *out = p->out;
    if (p->model != NULL) {
        memmove(out->words + 1, out->words, (size_t)out->count * sizeof *out->words);
        out->words[0] = (char *)(uintptr_t)p->model;
        out->count++;
    }
    int at = 0;
    while (at < out->count && out->words[at][0] == '-') {
        at++;
    }
    if (p->format == NULL || at == out->count) {
        return EXIT_OK;
    }
    const char *from = out->words[at], *slash = strrchr(from, '/'), *dot = strrchr(slash != NULL ? slash : from, '.');
    int stem = dot != NULL ? (int)(dot - from) : (int)strlen(from);
    if (dot != NULL && strcmp(dot + 1, p->format) == 0) {
        snprintf(p->problem, p->size, "%.200s is .%s already: there is nothing to export", from, p->format);
        return EXIT_USAGE;
    }
    bool is_second_given = at + 1 < out->count && out->words[at + 1][0] != '-';
    if (!is_second_given) {
        put_made(p, "%.*s.%s", stem, from, p->format);
    }
    return EXIT_OK;
}

/* Whether a name has a capital letter before its options: "AdamW". */
static bool has_capital(const char *value)
{
    const char *at = value;
    while (*at != '\0' && *at != ':' && !isupper((unsigned char)*at)) {
        at++;
    }
    return isupper((unsigned char)*at) != 0;
}

/* Whether a value for an option that fovea has, too, is one that only other tools know. `value`: NULL where there is
 * none. */
static bool is_only_theirs(const struct word *w, const char *value)
{
    switch (w->meaning) {
    case TEXTS: /* YOLOv5's --save-txt has no value, nor has its --resume */
        return is_true(value) || is_false(value);
    case RESUME:
        return is_true(value) || is_false(value) || source_has_suffix(value, ".pt") || source_has_suffix(value, ".pth");
    case OPTIMIZER:
        return value != NULL && (strcasecmp(value, "auto") == 0 || has_capital(value));
    default:
        return false;
    }
}

static bool takes_value(const struct word *w)
{
    return w->meaning != EXIST_OK && w->meaning != COSINE && w->meaning != NOTHING && w->meaning != REFUSED;
}

/* A word of the line, taken apart without its context. */
struct typed {
    bool is_long;      /* --word */
    const char *word;  /* after the hyphens */
    size_t length;     /* of its name */
    const char *value; /* after =, or the word after --word; NULL: none */
    bool is_next;      /* the value is the next word */
    const struct word *known;
};

static struct typed look_at(int count, char **words, int at)
{
    struct typed t = {.is_long = words[at][0] == '-' && words[at][1] == '-' && words[at][2] != '\0'};
    t.word = words[at] + (t.is_long ? 2 : 0);
    const char *equals = strchr(t.word, '=');
    t.length = equals != NULL ? (size_t)(equals - t.word) : strlen(t.word);
    t.known = t.is_long || equals != NULL ? find(t.word, t.length) : NULL;
    t.is_next = t.is_long && equals == NULL && at + 1 < count && strncmp(words[at + 1], "--", 2) != 0;
    t.value = equals != NULL ? equals + 1 : t.is_next ? words[at + 1] : NULL;
    return t;
}

/* Collects what must be known of the whole line before its first word is translated. */
static void look_ahead(struct pass *p, int count, char **words)
{
    bool goes_on = false;
    const char *model = NULL;
    p->is_theirs = p->verb->maximum_arguments == 1 && count > 0 && words[0][0] == '-';
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        struct typed t = look_at(count, words, i);
        enum meaning meaning = t.known != NULL ? t.known->meaning : NOTHING;
        p->is_theirs |= meaning == PICTURES && same("source", t.word, t.length);
        p->has_weights |= words[i][0] != '-' && strchr(words[i], '=') == NULL && source_is_weights(words[i]);
        p->has_thresholds |= meaning == LEAST || meaning == OVERLAP;
        goes_on |= meaning == RESUME && has(p, "resume") && is_true(t.value);
        model = meaning == MODEL ? t.value : model;
    }
    p->run = goes_on && model != NULL ? model : NULL;
}

/* Whether the word is fovea's own option. "model=x" is another tool's model argument; "--model x" only where no
 * argument of the line can be the model. */
static bool is_our_option(const struct pass *p, const struct typed *t)
{
    bool can_be_file = t->known != NULL && t->known->meaning == MODEL && model_is_argument(p) && !p->has_weights;
    return has_option(p->verb, t->word, t->length) && !(can_be_file && (!t->is_long || p->is_theirs)) &&
           !(t->known != NULL && is_only_theirs(t->known, t->value));
}

int foreign_rewrite(const struct verb *verb, int count, char **words, struct foreign *foreign, char *problem,
                    size_t size)
{
    enum { MORE = 8 }; /* room for the words written at the end, and for the final NULL */
    foreign->words = take_memory((size_t)count + MORE, sizeof *foreign->words);
    foreign->made = take_memory((size_t)count + MORE, sizeof *foreign->made);
    struct pass p = {.verb = verb, .out = foreign, .problem = problem, .size = size};
    int code = EXIT_OK;
    look_ahead(&p, count, words);
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        struct typed t = look_at(count, words, i);
        bool is_task = p.has_thresholds && p.task == NULL && t.value != NULL && same("task", t.word, t.length);
        if (strcmp(words[i], "--") == 0) {
            for (; i < count; i++) {
                put(&p, words[i]);
            }
        } else if (is_task) {
            p.task = t.value; /* written at the end, with the thresholds */
            i += t.is_next;
        } else if (t.known != NULL && t.known->meaning == MODEL && p.run != NULL) {
            i += t.is_next; /* it only named the run to resume */
        } else if (t.known == NULL || is_our_option(&p, &t)) {
            put(&p, words[i]);
        } else {
            bool takes_next = t.is_next && takes_value(t.known);
            code = use(&p, t.known, t.word, t.length, t.is_next && !takes_next ? NULL : t.value);
            i += takes_next;
        }
    }
    if (code == EXIT_OK) {
        put_folders(&p);
        put_task(&p);
        code = put_model(&p);
    }
    return code;
}

void foreign_free(struct foreign *foreign)
{
    for (int i = 0; foreign->made != NULL && foreign->made[i] != NULL; i++) {
        free(foreign->made[i]);
    }
    free(foreign->made);
    free(foreign->words);
}
