/* SPDX-License-Identifier: MIT */
/* Files with small oddities: a byte-order mark, columns in another order, a count at its limit, a name in another
 * encoding. Each is read as its writer meant it, or refused with a sentence; none is misread silently. */
#include "data/archives.h"
#include "data/list.h"
#include "device/context.h"

#define MARK "\xef\xbb\xbf"

static fov_dataset *open_data(fov_context *context, const char *path, fov_split split,
                              const fov_dataset_options *options)
{
    fov_dataset *data = fov_dataset_open_opt(context, path, split, options);
    assert_string_equal(fov_error(context), "");
    assert_non_null(data);
    return data;
}

/* Opening must fail with a sentence that holds `part`. */
static void refuse_options(const char *path, fov_split split, const fov_dataset_options *options, const char *part)
{
    fov_context *context = make_context(1);
    assert_null(fov_dataset_open_opt(context, path, split, options));
    if (strstr(fov_error(context), part) == NULL) {
        fail_msg("\"%s\" has no \"%s\"", fov_error(context), part);
    }
    fov_context_free(context);
}

/* The class names of a dataset, "a|b|c". */
static void expect_classes(const char *path, const char *expected)
{
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path, FOV_TRAIN, NULL);
    char found[400] = "";
    for (int i = 0; i < fov_dataset_describe(data).classes; i++) {
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", i > 0 ? "|" : "",
                 fov_dataset_class(data, i));
    }
    assert_string_equal(found, expected);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* The number of findings of a kind. */
static int count_findings(const char *path, const char *kind)
{
    fov_context *context = make_context(1);
    fov_check check;
    int count = 0;
    assert_int_equal(fov_dataset_check(context, path, &(fov_check_options){.quick = true}, &check), FOV_OK);
    for (int64_t i = 0; i < check.count; i++) {
        count += strcmp(check.findings[i].kind, kind) == 0;
    }
    fov_check_free(&check);
    fov_context_free(context);
    return count;
}

/* ---- masks and lists of names ------------------------------------------------------------------------------------ */

static void test_class_names(void **state)
{
    char names[256 * 4 + 1] = "";
    for (int i = 0; i < 4; i++) {
        char name[80];
        snprintf(name, sizeof name, "m/images/%d.png", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "m/masks/%d.png", i);
        put_picture(state, name, 4, 5, (uint8_t)(i % 3));
    }
    for (int i = 0; i < 256; i++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "%d\n", i);
    }
    put_text(state, "m/classes.txt", names);
    refuse(path_in(state, "m"), FOV_TRAIN, FOV_E_INPUT, "256 classes are named, but masks hold 255 at most");
    names[strlen(names) - 4] = '\0';
    put_text(state, "m/classes.txt", names); /* 255 */
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path_in(state, "m"), FOV_TRAIN, NULL);
    assert_int_equal(fov_dataset_describe(data).classes, 255);
    fov_dataset_free(data);
    fov_context_free(context);
    put_text(state, "m/classes.txt", MARK "sky\nroad\ntree\n");
    expect_classes(path_in(state, "m"), "sky|road|tree");
    put_text(state, "held.txt", "\n");
    char list[600];
    snprintf(list, sizeof list, "%s", path_in(state, "held.txt"));
    refuse_options(path_in(state, "m"), FOV_TRAIN, &(fov_dataset_options){.val_list = list},
                   "held.txt names 0 of 4 samples: none would be left to validate with");
    put_text(state, "held.txt", "0\n1\n2\n3");
    refuse_options(path_in(state, "m"), FOV_TRAIN, &(fov_dataset_options){.val_list = list},
                   "held.txt names 4 of 4 samples: none would be left to learn from");
    put_text(state, "held.txt", MARK "2.png\n");
    context = make_context(1);
    data = open_data(context, path_in(state, "m"), FOV_VALIDATION, &(fov_dataset_options){.val_list = list});
    assert_int_equal(fov_dataset_describe(data).count, 1);
    fov_dataset_free(data);
    fov_context_free(context);
}

static void test_deep_folders(void **state)
{
    put_picture(state, "d/images/1.png", 4, 5, 1);
    put_picture(state, "d/masks/1.png", 4, 5, 1);
    put_picture(state, "d/images/2/3/4/5/6/7/8/9/2.png", 4, 5, 1);
    put_picture(state, "d/masks/2/3/4/5/6/7/8/9/2.png", 4, 5, 1);
    assert_int_equal(count_findings(path_in(state, "d"), "folders too deep"), 0);
    put_picture(state, "d/images/2/3/4/5/6/7/8/9/10/3.png", 4, 5, 1);
    assert_int_equal(count_findings(path_in(state, "d"), "folders too deep"), 1);
    refuse(path_in(state, "d"), FOV_TRAIN, FOV_E_INPUT, "nested more than 8 deep");
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* Both values of the only sample of a split. */
static void expect_values(const char *path, fov_split split, float first, float second)
{
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path, split, NULL);
    fov_sample sample;
    assert_int_equal(fov_dataset_describe(data).values, 2);
    assert_string_equal(fov_dataset_value_name(data, 0), "x");
    assert_int_equal(fov_dataset_read(data, 0, &sample), FOV_OK);
    assert_true(sample.numbers[0] == first && sample.numbers[1] == second);
    fov_dataset_free(data);
    fov_context_free(context);
}

static void test_order_of_columns(void **state)
{
    const char *const others[] = {"file,y,x\n1.png,20,10\n", "y,x,path\n20,10,1.png\n", "path,Y,X\n1.png,20,10\n",
                                  "path,x,y\n1.png,10,20\n", "1.png,10,20\n"};
    put_picture(state, "t/0.png", 4, 5, 0);
    put_picture(state, "t/1.png", 4, 5, 1);
    put_text(state, "t/train.csv", "path,x,y\n0.png,1,2\n");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        put_text(state, "t/val.csv", others[i]);
        expect_values(path_in(state, "t"), FOV_TRAIN, 1, 2);
        expect_values(path_in(state, "t"), FOV_VALIDATION, 10, 20);
    }
    put_text(state, "t/val.csv", "path,x,z\n1.png,10,20\n");
    refuse(path_in(state, "t"), FOV_TRAIN, FOV_E_INPUT, "val.csv has other columns (\"path\", \"x\", \"z\") than ");
    refuse(path_in(state, "t"), FOV_TRAIN, FOV_E_INPUT, "train.csv (\"path\", \"x\", \"y\")");
    put_text(state, "t/val.csv", "path,x,y,y\n1.png,10,20,20\n");
    refuse(path_in(state, "t"), FOV_TRAIN, FOV_E_INPUT, "other columns");
    put_text(state, "t/val.csv", "path,x,y\n1.png,1e300,2\n");
    refuse(path_in(state, "t"), FOV_TRAIN, FOV_E_INPUT, "val.csv, line 2: \"1e300\" is too large");
    put_text(state, "t/one.csv", "path,age\n0.png,1.5\n1.png,NaN\n");
    refuse(path_in(state, "t/one.csv"), FOV_TRAIN, FOV_E_INPUT, "column \"age\" holds numbers with a fraction");
    put_text(state, "t/one.csv", "path,engine\n0.png,1.5\n1.png,diesel\n0.png,diesel\n1.png,1.5\n");
    expect_classes(path_in(state, "t/one.csv"), "1.5|diesel");
    put_text(state, "t/train.csv", "path,label,split\n0.png,cat,train\n");
    put_text(state, "t/val.csv", "path,split,label\n1.png,val,dog\n");
    expect_classes(path_in(state, "t"), "cat|dog");
}

/* ---- shards ------------------------------------------------------------------------------------------------------ */

/* A key's .json sorts before its .png, and other files of the key may lie in between. */
static void test_keys(void **state)
{
    static const uint8_t label[] = "{\"label\": \"cat\"}";
    size_t size, masked_size;
    uint8_t *png = make_png(4, 5, 7, &size), *mask = make_png(4, 5, 1, &masked_size);
    const struct archived files[] = {
        {.name = "s/1.json", .bytes = label, .size = 16}, {.name = "s/1.depth.png", .bytes = mask, .size = masked_size},
        {.name = "s/1.png", .bytes = png, .size = size},  {.name = "s/2.json", .bytes = label, .size = 16},
        {.name = "s/2.meta", .bytes = label, .size = 2},  {.name = "s/2.png", .bytes = png, .size = size},
        {.name = "s/2.seg.png", .bytes = mask, .size = masked_size},
    };
    put_zip(path_in(state, "s.zip"), files, sizeof files / sizeof *files);
    expect_classes(path_in(state, "s.zip"), "cat");
    assert_int_equal(count_findings(path_in(state, "s.zip"), "several pictures"), 2);
    fov_context *context = make_context(1);
    for (int split = 0; split < 2; split++) {
        fov_sample sample;
        fov_dataset *data = open_data(context, path_in(state, "s.zip"), (fov_split)split, NULL);
        assert_int_equal(fov_dataset_describe(data).count, 1);
        assert_int_equal(fov_dataset_read(data, 0, &sample), FOV_OK);
        assert_int_equal(sample.pixels[0], 7);
        fov_dataset_free(data);
    }
    fov_context_free(context);
    free(png);
    free(mask);
}

#ifdef FOVEA_HAVE_ARCHIVE
static void test_beside_shards(void **state)
{
    size_t size;
    uint8_t *png = make_png(4, 5, 7, &size);
    const struct archived files[] = {{.name = "1.cls", .bytes = (const uint8_t *)"0", .size = 1},
                                     {.name = "1.png", .bytes = png, .size = size},
                                     {.name = "2.cls", .bytes = (const uint8_t *)"1", .size = 1},
                                     {.name = "2.png", .bytes = png, .size = size}};
    put_tar(path_in(state, "s/a.tar"), files, 4);
    put_zip(path_in(state, "s/b.zip"), files, 4);
    put_text(state, "s/readme", "?");
    assert_int_equal(count_findings(path_in(state, "s"), "archive not read"), 1);
    assert_int_equal(count_findings(path_in(state, "s"), "other file"), 1);
    free(png);
}

/* Names beyond ASCII, as Python's tarfile writes them: in a record of their own. */
static void test_names_in_utf8(void **state)
{
    size_t size;
    uint8_t *png = make_png(4, 5, 7, &size);
    const struct archived files[] = {
        {.name = "b\xc3\xa4r/1.png", .bytes = png, .size = size, .in_record = true},
        {.name = "b\xc3\xa4r/2.png", .bytes = png, .size = size, .in_record = true},
        {.name = "cat/1.png", .bytes = png, .size = size},
        {.name = "cat/2.png", .bytes = png, .size = size},
    };
    put_tar(path_in(state, "n.tar"), files, 4);
    expect_classes(path_in(state, "n.tar"), "b\xc3\xa4r|cat");
    free(png);
}
#endif

/* A zip counts its entries in 16 bits: 65,535 is the most without zip64 records; some archivers let the count wrap to
 * 0. */
static void test_many_entries(void **state)
{
    enum { MOST = 65539 };
    static const size_t counts[] = {65535, MOST};
    struct archived *files = calloc(MOST, sizeof *files);
    char(*names)[12] = calloc(MOST, sizeof *names);
    assert_true(files != NULL && names != NULL);
    for (size_t i = 0; i < MOST; i++) {
        snprintf(names[i], sizeof names[i], "%zu", i);
        files[i].name = names[i];
    }
    for (int k = 0; k < 2; k++) {
        size_t size;
        struct error error = {.status = FOV_OK};
        struct memory *memory = memory_create(NULL, 0);
        struct store *store;
        uint8_t *bytes = make_zip(files, counts[k], false, &size);
        assert_int_equal(store_open_memory(&store, bytes, size, memory, &error), FOV_OK);
        char last[40];
        snprintf(last, sizeof last, "archive/%zu", counts[k] - 1);
        assert_int_equal(store_look(store, last), STORE_FILE);
        store_close(store);
        memory_destroy(memory);
        free(bytes);
    }
    free(names);
    free(files);
    (void)state;
}

/* ---- YOLO's description ------------------------------------------------------------------------------------------ */

static void test_descriptions(void **state)
{
    static const struct {
        const char *text, *classes, *sentence;
    } known[] = {
        {"names: [a, b,\n  c]\nnc: 3\n", "a|b|c", NULL},
        {MARK "names: [ 'a', # first, ]\n  \"b, ]\"  # second\n  , c ]\r\n", "a|b, ]|c", NULL},
        {"names:\n  [a,\n   b, c]\n", "a|b|c", NULL},
        {"names: {0: a, 1: 'it''s',\n 2: \"c\\\"d\"}\n", "a|it's|c\"d", NULL},
        {"names:\n- a\n- b # two\n- \"c # d\"\nother: 'open\n", "a|b|c # d", NULL},
        {"names:\n  0: a\n\n  # between\n  1: b\n  2: c\n", "a|b|c", NULL},
        {"train: [images/a, images/b] # two\nnames: [a, b, c]\n", "a|b|c", NULL},
        {"train: [images/a, images/b]\ntraining:\n  epochs: 100\n  batch: 16\ntraining:\nnames: [a, b, c]\n", "a|b|c",
         NULL},
        {"nc: 3\ntrain:\n  - images/a\n  - images/b\nval:\n# none\ntest: # none\nnames: [a, b, c]\n", "a|b|c", NULL},
        {"\nnames: [a, b,\n c\n", NULL, "data.yaml, line 2: a \"[\" that is not closed"},
        {"names: [a, b]\n\ntrain: {0: images\n", NULL, "data.yaml, line 3: a \"{\" that is not closed"},
        {"names: ['a, b]\n", NULL, "data.yaml, line 1: a \"[\" that is not closed"},
        {"names:\n- 'a' b\n", NULL, "data.yaml, line 2: a quote is not closed, or text stands behind it"},
        {"names: [a, [b]]\n", NULL, "a list within a list"},
        {"names: {1: a}\n", NULL, "names: \"1\" where number 0 was expected"},
        {"names:\n  0: a\n  2: b\n", NULL, "data.yaml, line 3: names: \"2\" where number 1 was expected"},
        {"names:\n  cat\n", NULL, "is neither \"- NAME\" nor \"NUMBER: NAME\""},
    };
    put_picture(state, "y/images/a/0.png", 20, 40, 0);
    put_picture(state, "y/images/b/1.png", 20, 40, 1);
    put_text(state, "y/labels/a/0.txt", MARK "2 0.5 0.5 0.25 0.5\n");
    put_text(state, "y/labels/b/1.txt", "1 0.5 0.5 0.25 0.5\n");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        put_text(state, "y/data.yaml", known[i].text);
        if (known[i].sentence != NULL) {
            refuse(path_in(state, "y/data.yaml"), FOV_TRAIN, FOV_E_INPUT, known[i].sentence);
            continue;
        }
        expect_classes(path_in(state, "y/data.yaml"), known[i].classes);
        fov_context *context = make_context(1);
        fov_check check;
        assert_int_equal(fov_dataset_check(context, path_in(state, "y/data.yaml"), NULL, &check), FOV_OK);
        assert_int_equal(check.errors + check.warnings, 0);
        assert_int_equal(check.samples, 2);
        fov_check_free(&check);
        fov_context_free(context);
    }
}

/* ---- held back --------------------------------------------------------------------------------------------------- */

/* Of data that states only a test split, or only a training one, nothing is held back in silence: the error says which
   splits there are. */
static void test_split_missing(void **state)
{
    char name[80];
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "tested/test/%s/%d.png", i % 2 ? "cat" : "dog", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "trained/train/%s/%d.png", i % 2 ? "cat" : "dog", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
    }
    static const fov_dataset_options tenth = {.val_split = 0.1};
    const fov_split splits[] = {FOV_TRAIN, FOV_VALIDATION};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        refuse_options(path_in(state, "tested"), splits[i], &tenth,
                       "has no split \"train\" to learn from or to hold samples back from, only \"test\" (6 samples)");
    }
    refuse_options(path_in(state, "tested"), FOV_TRAIN, NULL, "has no split \"train\"");
    refuse_options(path_in(state, "trained"), FOV_TEST, NULL,
                   "has no split \"test\" or \"val\", only \"train\" (6 samples): --val-split 0.1 holds a tenth");
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path_in(state, "tested"), FOV_TEST, &tenth);
    assert_int_equal(fov_dataset_describe(data).count, 6);
    assert_string_equal(fov_dataset_describe(data).part, "test");
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "trained"), FOV_TEST, &tenth);
    assert_int_equal(fov_dataset_describe(data).count, 2);
    assert_string_equal(fov_dataset_describe(data).part, "held back");
    fov_dataset_free(data);
    fov_context_free(context);
}

/* Neither part of a split is ever empty. */
static void test_few_held_back(void **state)
{
    refuse_options("digits:1", FOV_VALIDATION, &(fov_dataset_options){.val_split = 0.1},
                   "1 sample is too few to hold one back");
    fov_context *context = make_context(1);
    fov_dataset *data =
        open_data(context, "digits:1", FOV_TRAIN, &(fov_dataset_options){.val_split = 0.9999999999});
    assert_int_equal(fov_dataset_describe(data).count, 1);
    fov_dataset_free(data);
    for (int i = 0; i < 10; i++) {
        char name[80];
        snprintf(name, sizeof name, "m/images/%d.png", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "m/masks/%d.png", i);
        put_picture(state, name, 4, 5, (uint8_t)(i % 2));
    }
    for (int split = 0; split < 3; split++) {
        data = open_data(context, path_in(state, "m"), (fov_split)split,
                         &(fov_dataset_options){.val_split = 0.9999999999});
        assert_int_equal(fov_dataset_describe(data).count, split == FOV_TRAIN ? 1 : 9);
        fov_dataset_free(data);
    }
    fov_context_free(context);
}

/* If one of list_add's allocations fails, the paths that it has copied already are freed. */
static void test_half_a_sample(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    for (uint64_t n = 1; n <= 3; n++) {
        struct list list = {.memory = memory, .findings = {.memory = memory}};
        struct error error = {.status = FOV_OK};
        memory_fail_at(memory, n, false);
        assert_int_equal(list_add(&list, "a", "b", 0, LIST_WITHOUT_SPLIT, &error), FOV_E_MEMORY);
        memory_fail_at(memory, 0, false);
        list_free(&list);
        assert_int_equal(memory_in_use(memory), 0);
    }
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_class_names, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_deep_folders, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_order_of_columns, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_keys, folder_make, folder_remove),
#ifdef FOVEA_HAVE_ARCHIVE
        cmocka_unit_test_setup_teardown(test_beside_shards, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_names_in_utf8, folder_make, folder_remove),
#endif
        cmocka_unit_test_setup_teardown(test_many_entries, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_descriptions, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_few_held_back, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_split_missing, folder_make, folder_remove),
        cmocka_unit_test(test_half_a_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
