/* SPDX-License-Identifier: MIT */
/* Pascal VOC: Annotations/NAME.xml with the boxes of JPEGImages/NAME.jpg, ImageSets/Main/SPLIT.txt with a name on each
 * line (Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", IJCV 2010). Its pixels are numbered from
 * 1 and xmax, ymax are inclusive: xmin 1, xmax 2 are the columns 0 and 1. XML is parsed by libexpat. */
#include "data/boxes.h"
#include <stdio.h>
#include <string.h>

/* Finds the folder that contains "Annotations": the root, or a folder further in, as in "VOCdevkit/VOC2012". */
static bool find_root(const struct store *store, char root[DATA_PATH_SIZE])
{
    snprintf(root, DATA_PATH_SIZE, "%s", store_path(store));
    for (int depth = 0; depth < 4; depth++) {
        if (boxes_have(store, root, "Annotations", ".xml")) {
            return true;
        }
        if (!list_descend(store, root)) {
            break;
        }
    }
    return false;
}

static bool suits(const struct store *store, const char *index)
{
    char root[DATA_PATH_SIZE];
    return index == NULL && find_root(store, root);
}

#ifdef FOVEA_HAVE_EXPAT

#include "base/text.h"
#include <expat.h>

enum { DEPTH = 16, TEXT = 1024, MOST_OBJECTS = 100000, WORD = 32 };

/* The state of parsing one annotation file. */
struct annotation {
    XML_Parser parser;
    char path[DEPTH][WORD]; /* names of the elements that are open */
    int depth;
    char text[TEXT], filename[TEXT], name[TEXT];
    size_t length;
    double height, width;
    fov_box box;
    unsigned sides; /* which of xmin, ymin, xmax, ymax the object has, one bit each */
    struct list *list;
    const char *file;
    size_t objects;
    int status;
    struct error *error;
    struct voc_object {
        char name[TEXT];
        fov_box box;
        bool is_whole;
    } * object; /* [objects] */
    size_t capacity;
};

static void stop(struct annotation *annotation, int status)
{
    annotation->status = status;
    XML_StopParser(annotation->parser, XML_FALSE);
}

static void begin_element(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct annotation *annotation = user;
    (void)attributes;
    annotation->length = 0;
    if (annotation->depth < DEPTH) {
        snprintf(annotation->path[annotation->depth], WORD, "%.31s", name);
    }
    if (annotation->depth++ == 1 && strcmp(name, "object") == 0) {
        annotation->box = (fov_box){.label = 0};
        annotation->name[0] = '\0';
        annotation->sides = 0;
    }
}

static void take_text(void *user, const XML_Char *text, int length)
{
    struct annotation *annotation = user;
    for (int i = 0; i < length && annotation->length + 1 < TEXT; i++) {
        annotation->text[annotation->length++] = text[i];
    }
}

static bool is_at(const struct annotation *annotation, const char *above, int depth)
{
    return annotation->depth == depth && strcmp(annotation->path[depth - 2], above) == 0;
}

/* The text of an element without space around it. */
static const char *trimmed(struct annotation *annotation)
{
    char *text = annotation->text;
    while (annotation->length > 0 && strchr(" \t\r\n", text[annotation->length - 1])) {
        annotation->length--;
    }
    text[annotation->length] = '\0';
    return text + strspn(text, " \t\r\n");
}

static void end_object(struct annotation *annotation)
{
    void *block = annotation->object;
    if (annotation->objects >= MOST_OBJECTS) {
        stop(annotation,
             error_set(annotation->error, FOV_E_INPUT, "%s: more than %d objects", annotation->file, MOST_OBJECTS));
        return;
    }
    int status = memory_grow(annotation->list->memory, &block, &annotation->capacity, annotation->objects,
                             sizeof *annotation->object, "boxes", annotation->error);
    annotation->object = block;
    if (status) {
        stop(annotation, status);
        return;
    }
    struct voc_object *object = &annotation->object[annotation->objects++];
    object->box = annotation->box;
    object->is_whole = annotation->sides == 15 && annotation->name[0] != '\0';
    snprintf(object->name, sizeof object->name, "%s", annotation->name);
}

static void end_element(void *user, const XML_Char *name)
{
    struct annotation *annotation = user;
    static const char *const corners[] = {"xmin", "ymin", "xmax", "ymax"};
    const char *text = trimmed(annotation);
    double number = 0;
    bool is_number = text_to_number(text, &number);
    fov_box *box = &annotation->box;
    float *const side[] = {&box->x1, &box->y1, &box->x2, &box->y2};
    if (is_at(annotation, "annotation", 2) && strcmp(name, "filename") == 0) {
        snprintf(annotation->filename, TEXT, "%s", text);
    } else if (is_at(annotation, "size", 3) && strcmp(name, "width") == 0 && is_number) {
        annotation->width = number;
    } else if (is_at(annotation, "size", 3) && strcmp(name, "height") == 0 && is_number) {
        annotation->height = number;
    } else if (is_at(annotation, "object", 3) && strcmp(name, "name") == 0) {
        snprintf(annotation->name, TEXT, "%s", text);
    } else if (is_at(annotation, "object", 3) && strcmp(name, "difficult") == 0) {
        box->difficult = is_number && number != 0;
    } else if (is_at(annotation, "bndbox", 4) && strcmp(annotation->path[1], "object") == 0 && is_number) {
        for (int i = 0; i < 4; i++) {
            if (strcmp(name, corners[i]) == 0) {
                *side[i] = (float)(i < 2 ? number - 1 : number);
                annotation->sides |= 1U << i;
            }
        }
    } else if (annotation->depth == 2 && strcmp(name, "object") == 0) {
        end_object(annotation);
    }
    annotation->length = 0;
    annotation->depth--;
}

/* Refuses files that declare entities: annotations need none, and they could expand without bound. */
static void refuse_entities(void *user, const XML_Char *name, int is_parameter, const XML_Char *value, int length,
                            const XML_Char *base, const XML_Char *system, const XML_Char *public, const XML_Char *note)
{
    struct annotation *annotation = user;
    (void)name, (void)is_parameter, (void)value, (void)length, (void)base, (void)system, (void)public, (void)note;
    stop(annotation, error_set(annotation->error, FOV_E_INPUT, "%s: declares XML entities, which no annotation does",
                               annotation->file));
}

static int parse(struct annotation *annotation, const char *text)
{
    annotation->parser = XML_ParserCreate(NULL);
    if (annotation->parser == NULL) {
        return error_set(annotation->error, FOV_E_MEMORY, "no memory left to read XML");
    }
    XML_SetUserData(annotation->parser, annotation);
    XML_SetElementHandler(annotation->parser, begin_element, end_element);
    XML_SetCharacterDataHandler(annotation->parser, take_text);
    XML_SetEntityDeclHandler(annotation->parser, refuse_entities);
    enum XML_Status result = XML_Parse(annotation->parser, text, (int)strlen(text), XML_TRUE);
    int status = annotation->status;
    if (status == FOV_OK && result != XML_STATUS_OK) {
        status = error_set(annotation->error, FOV_E_INPUT, "%s, line %lu: %s", annotation->file,
                           (unsigned long)XML_GetCurrentLineNumber(annotation->parser),
                           XML_ErrorString(XML_GetErrorCode(annotation->parser)));
    }
    XML_ParserFree(annotation->parser);
    return status;
}

/* Finds the picture with the given stem. */
static bool find_picture(const struct store *store, const char *root, const char *stem, char path[DATA_PATH_SIZE])
{
    static const char *const suffixes[] = {".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp"};
    static const char *const folders[] = {"JPEGImages", "images", "Images"};
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
            int fits = snprintf(path, DATA_PATH_SIZE, "%s/%s/%s%s", root, folders[f], stem, suffixes[i]);
            if (fits > 0 && fits < DATA_PATH_SIZE && store_look(store, path) == STORE_FILE) {
                return true;
            }
        }
    }
    return false;
}

/* Adds the sample of one annotation file. */
static int add_annotation(struct list *list, const char *root, const char *stem, int role, struct error *error)
{
    char file[DATA_PATH_SIZE], picture[DATA_PATH_SIZE], *text;
    int fits = snprintf(file, sizeof file, "%s/Annotations/%s.xml", root, stem);
    if (fits < 0 || fits >= DATA_PATH_SIZE || store_look(list->store, file) != STORE_FILE) {
        return findings_add(&list->findings, role, FOV_FINDING_WARNING, "missing file", file, "skipped", error,
                            "named in a list of a split, but not there");
    }
    if (!find_picture(list->store, root, stem, picture)) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "without partner", file, "skipped",
                            error, "boxes without a picture of their name in JPEGImages");
    }
    int status = list_read_text(list->store, file, list->memory, &text, error);
    if (status) {
        return status;
    }
    struct annotation *annotation = memory_allocate(list->memory, 1, sizeof *annotation, "an annotation", error);
    struct error why = {.status = FOV_OK};
    if (annotation == NULL) {
        memory_free(list->memory, text);
        return FOV_E_MEMORY;
    }
    annotation->list = list;
    annotation->file = file;
    annotation->error = &why;
    status = parse(annotation, text);
    if (status == FOV_E_INPUT) {
        size_t length = strlen(file);
        status = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "damaged annotation", file, "error",
                              error, "%s", why.text + (strlen(why.text) > length ? length + 2 : 0));
    } else if (status) {
        status = error_set(error, why.status, "%s", why.text);
    } else {
        status = list_add(list, picture, NULL, 0, role, error);
        for (size_t i = 0; i < annotation->objects && status == FOV_OK; i++) {
            struct voc_object *object = &annotation->object[i];
            if (!object->is_whole) {
                status = findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_WARNING, "degenerate box", file,
                                      "left out", error, "object %zu lacks its name or a side of its box", i + 1);
                continue;
            }
            status = boxes_class(list, object->name, &object->box.label, error);
            status =
                status ? status : boxes_add(list, file, &object->box, annotation->height, annotation->width, error);
        }
    }
    memory_free(list->memory, annotation->object);
    memory_free(list->memory, annotation);
    memory_free(list->memory, text);
    return status;
}

/* Adds the samples that ImageSets/Main/SPLIT.txt names; sets *there if that file exists. */
static int read_split(struct list *list, const char *root, const char *split, int role, bool *there,
                      struct error *error)
{
    char path[DATA_PATH_SIZE], *text;
    int fits = snprintf(path, sizeof path, "%s/ImageSets/Main/%s.txt", root, split);
    if (fits < 0 || fits >= DATA_PATH_SIZE || store_look(list->store, path) != STORE_FILE) {
        return FOV_OK;
    }
    int status = list_read_text(list->store, path, list->memory, &text, error);
    char *line = text;
    *there = true;
    while (status == FOV_OK && *line) {
        size_t length = strcspn(line, "\r\n"), name = strcspn(line, " \t\r\n");
        char end = line[length];
        line[name < length ? name : length] = '\0';
        status = *line ? add_annotation(list, root, line, role, error) : FOV_OK;
        line += length + (end != '\0');
    }
    memory_free(list->memory, text);
    return status;
}

/* Adds all annotations, without a split, if there are no lists of splits. */
static int read_all(struct list *list, const char *root, struct error *error)
{
    char folder[DATA_PATH_SIZE], **names = NULL;
    size_t count;
    int status = file_join(folder, sizeof folder, root, "Annotations", error);
    status = status ? status : store_list(list->store, folder, list->memory, &names, &count, error);
    for (size_t i = 0; status == FOV_OK && i < count; i++) {
        size_t length = strlen(names[i]);
        if (length > 4 && folder_compare_names(names[i] + length - 4, ".xml") == 0 && !folder_is_system(names[i])) {
            names[i][length - 4] = '\0';
            status = add_annotation(list, root, names[i], LIST_WITHOUT_SPLIT, error);
        }
    }
    memory_free(list->memory, names);
    return status;
}

static int scan(struct list *list, struct error *error)
{
    char root[DATA_PATH_SIZE];
    bool train = false, val = false, test = false;
    list->target = FOV_TARGET_BOXES;
    if (!find_root(list->store, root)) {
        return findings_add(&list->findings, FINDING_OF_ALL, FOV_FINDING_ERROR, "no annotations",
                            store_path(list->store), "error", error, "no folder Annotations with .xml files in it");
    }
    int status = read_split(list, root, "train", FOLDER_TRAIN, &train, error);
    status = status ? status : read_split(list, root, "val", FOLDER_VALIDATION, &val, error);
    status = status ? status : read_split(list, root, "test", FOLDER_TEST, &test, error);
    if (status == FOV_OK && !train && !val) {
        status = read_split(list, root, "trainval", test ? FOLDER_TRAIN : LIST_WITHOUT_SPLIT, &train, error);
    }
    if (status == FOV_OK && list->count == 0 && list->findings.errors == 0) {
        status = read_all(list, root, error);
    }
    list->splits = train || val || test;
    return status ? status : boxes_sort_classes(list, error);
}

#else

static int scan(struct list *list, struct error *error)
{
    (void)list;
    return error_set(error, FOV_E_UNSUPPORTED,
                     "this build reads no Pascal VOC boxes (it was made without libexpat, FOVEA_WITH_EXPAT)");
}

#endif

const struct data_source data_source_voc = {.name = "voc",
                                            .turn = 40,
                                            .suits = suits,
                                            .scan = scan,
                                            .sample = list_sample,
                                            .target = list_target,
                                            .place = list_place,
                                            .close = list_close};
