/* SPDX-License-Identifier: MIT */
/* The table of words, and the pass that puts fovea's in their place before options are read. Words that are options of
 * the verb are never touched: what fovea means by them counts. */
#include "foreign.h"
#include "append.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- the table --------------------------------------------------------------------------------------------------- */

enum meaning {
    OPTION,   /* another name of an option; where the verb has none of it, it says nothing */
    INPUT,    /* the input's size: of networks by name; a file has its own */
    MODEL,    /* the model: an option of train, the first argument of other verbs */
    PICTURES, /* an argument */
    NAME,     /* a run's name in runs/, or in PROJECT */
    PROJECT,  /* the folder of runs */
    EXIST_OK, /* --overwrite, where true */
    DEVICE,   /* auto and cpu are what there is */
    COSINE,   /* --schedule cosine, where true */
    NOTHING,  /* has no meaning here, and does no harm */
    REFUSED   /* would be something else than was wanted: a sentence */
};

static const struct word {
    const char *theirs, *ours; /* ours: the option, or the sentence */
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
    {"opt", "optimizer", OPTION},
    {"optim", "optimizer", OPTION},
    {"solver", "optimizer", OPTION},
    {"wd", "weight-decay", OPTION},
    {"sched", "schedule", OPTION},
    {"lr-scheduler", "schedule", OPTION},
    {"smoothing", "label-smoothing", OPTION},
    {"clip-grad", "clip-norm", OPTION},
    {"early-stopping", "patience", OPTION},
    {"num-classes", "classes", OPTION},
    {"nc", "classes", OPTION},
    {"workers", "loader-threads", OPTION},
    {"num-workers", "loader-threads", OPTION},
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

static bool is_one_of(const char *word, const char *const *list)
{
    for (; word != NULL && *list != NULL; list++) {
        if (strcmp(*list, word) == 0) {
            return true;
        }
    }
    return false;
}

const char *foreign_form(const char *first, const char *second)
{
    static const char *const darknet[] = {"detector", "classifier", NULL};
    static const char *const tasks[] = {"detect", "segment", "classify", "pose", "obb", NULL};
    static const char *const verbs[] = {"train", "val", "predict", "eval", "test", "export", NULL};
    if (is_one_of(first, darknet)) {
        return second != NULL && strcmp(second, "train") != 0
                   ? "the form here is: fovea predict MODEL.onnx PICTURE..., or fovea eval MODEL.onnx --data SOURCE"
                   : "the form here is: fovea train --model NETWORK --data SOURCE; networks: fovea zoo, sources: fovea "
                     "data";
    }
    if ((is_one_of(first, tasks) && (second == NULL || is_one_of(second, verbs))) ||
        (is_one_of(first, verbs) && is_one_of(second, tasks) && access(second, F_OK) != 0)) {
        bool is_train = strcmp(first, "train") == 0 || second == NULL || strcmp(second, "train") == 0;
        return is_train ? "the verb comes alone and the task follows from the data, or is said with --task; the form "
                          "here is: fovea train --model NETWORK --data SOURCE --task detect"
                        : "the verb comes alone, and the model's file knows its task; the form here is: fovea predict "
                          "MODEL.onnx PICTURE..., fovea eval MODEL.onnx --data SOURCE";
    }
    return NULL;
}

/* ---- one word ---------------------------------------------------------------------------------------------------- */

struct pass {
    const struct verb *verb;
    struct foreign *out;
    int made;
    const char *name, *project, *model; /* put together at the end */
    bool has_weights; /* an argument is a file of weights, whose network --model names */
    bool is_theirs;   /* "--model x" is the first argument: nothing else can be */
    char *problem;
    size_t size;
};

/* "img_size" and "img-size" are one word. */
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

static void put_option(struct pass *p, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 4;
    char *text = take_memory(size, 1);
    snprintf(text, size, "--%s=%s", name, value);
    p->out->made[p->made++] = text;
    put(p, text);
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

static bool is_true(const char *value)
{
    return value == NULL || strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0;
}

/* The model of verbs that take it as an argument. */
static bool model_is_argument(const struct pass *p)
{
    return strncmp(p->verb->arguments, "FILE", 4) == 0 || strncmp(p->verb->arguments, "NAME|FILE", 9) == 0 ||
           strncmp(p->verb->arguments, "MODEL", 5) == 0;
}

static int use_device(struct pass *p, const char *word, size_t length, const char *value)
{
    if (value == NULL || strcasecmp(value, "cpu") == 0 || strcasecmp(value, "auto") == 0 || *value == '\0') {
        note(p, word, length, "always the CPU");
        return EXIT_OK;
    }
    snprintf(p->problem, p->size, "device is \"%.40s\": fovea computes on the CPU, device=cpu or auto", value);
    return EXIT_USAGE;
}

/* A word that is in the table and no option of the verb. `value`: NULL where there is none. */
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
        if (strcmp(p->verb->name, "train") != 0 && !p->verb->networks) {
            note(p, word, length, "the model's own size");
            return EXIT_OK;
        }
        put_option(p, w->ours, value != NULL ? value : "");
        note_option(p, word, length, w->ours);
        return EXIT_OK;
    case OPTION:
        if (options_find(p->verb, w->ours, NULL) == NULL) {
            note(p, word, length, "without a meaning");
            return EXIT_OK;
        }
        put_option(p, w->ours, value != NULL ? value : "");
        note_option(p, word, length, w->ours);
        return EXIT_OK;
    case PICTURES:
        put(p, value != NULL ? value : "");
        note(p, word, length, "an argument");
        return EXIT_OK;
    case NAME:
        p->name = value;
        note_option(p, word, length, "out");
        return EXIT_OK;
    case PROJECT:
        p->project = value;
        note_option(p, word, length, "out");
        return EXIT_OK;
    case EXIST_OK:
        if (is_true(value) && options_find(p->verb, "overwrite", NULL) != NULL) {
            put_option(p, "overwrite", "yes");
        }
        note_option(p, word, length, "overwrite");
        return EXIT_OK;
    case COSINE:
        if (is_true(value)) {
            put_option(p, "schedule", "cosine");
        }
        note_option(p, word, length, "schedule");
        return EXIT_OK;
    case DEVICE:
        return use_device(p, word, length, value);
    case NOTHING:
        note(p, word, length, "without a meaning");
        return EXIT_OK;
    case REFUSED:
        break;
    }
    snprintf(p->problem, p->size, "%s", w->ours);
    return EXIT_USAGE;
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

/* Folders of runs lie in runs/, where --out names them. */
static void put_folder(struct pass *p)
{
    char folder[1024];
    if (p->name == NULL && p->project == NULL) {
        return;
    }
    if (options_find(p->verb, "out", NULL) != NULL && strcmp(p->verb->name, "train") == 0) {
        snprintf(folder, sizeof folder, "%s/%s", p->project != NULL ? p->project : "runs",
                 p->name != NULL ? p->name : "train");
        put_option(p, "out", folder);
    }
}

/* The model stands before all other arguments. */
static void put_model(struct pass *p)
{
    if (p->model == NULL) {
        return;
    }
    memmove(p->out->words + 1, p->out->words, (size_t)p->out->count * sizeof *p->out->words);
    p->out->words[0] = (char *)(uintptr_t)p->model;
    p->out->count++;
}

static bool takes_value(const struct word *w)
{
    return w->meaning != EXIST_OK && w->meaning != COSINE && w->meaning != NOTHING && w->meaning != REFUSED;
}

int foreign_rewrite(const struct verb *verb, int count, char **words, struct foreign *foreign, char *problem,
                    size_t size)
{
    *foreign = (struct foreign){.words = take_memory((size_t)count + 3, sizeof *foreign->words),
                                .made = take_memory((size_t)count + 3, sizeof *foreign->made)};
    struct pass p = {.verb = verb, .out = foreign, .problem = problem, .size = size};
    int code = EXIT_OK;
    p.is_theirs = verb->maximum_arguments == 1 && count > 0 && words[0][0] == '-';
    for (int i = 0; i < count; i++) {
        const char *plain = words[i] + strspn(words[i], "-");
        p.is_theirs |= strcmp(plain, "source") == 0 || strncmp(plain, "source=", 7) == 0;
        p.has_weights |= words[i][0] != '-' && strchr(words[i], '=') == NULL && source_is_weights(words[i]);
    }
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        bool is_long = words[i][0] == '-' && words[i][1] == '-' && words[i][2] != '\0';
        const char *word = words[i] + (is_long ? 2 : 0), *equals = strchr(word, '=');
        size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
        const struct word *w = is_long || equals != NULL ? find(word, length) : NULL;
        /* "model=x" is the model that another tool means; "--model x" only where no argument can be it */
        bool can_be_file = w != NULL && w->meaning == MODEL && model_is_argument(&p) && !p.has_weights;
        bool is_ours = has_option(verb, word, length) && !(can_be_file && (!is_long || p.is_theirs));
        if (strcmp(words[i], "--") == 0) {
            for (; i < count; i++) {
                put(&p, words[i]);
            }
        } else if (w == NULL || is_ours) {
            put(&p, words[i]);
        } else {
            const char *value = equals != NULL ? equals + 1 : NULL;
            if (value == NULL && takes_value(w) && i + 1 < count && strncmp(words[i + 1], "--", 2) != 0) {
                value = words[++i];
            }
            code = use(&p, w, word, length, value);
        }
    }
    put_folder(&p);
    put_model(&p);
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
