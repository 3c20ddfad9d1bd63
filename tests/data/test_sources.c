/* SPDX-License-Identifier: MIT */
/* Masks, pairs, tables, boxes and shards, in layouts that are common and in some that must be refused. Each picture is
 * a uniform grey of its own, which identifies the sample. */
#include "data/archives.h"
#include "data/dataset.h"
#include "device/context.h"
#include "image/image.h"
#include <math.h>
#include <unistd.h>

/* Writes a mask of 4 x 5 pixels, which repeat the values in turn. */
static void put_mask(void **state, const char *name, int depth, bool indexed, const uint16_t *values, int count)
{
    uint16_t pixels[20];
    size_t size;
    for (int i = 0; i < 20; i++) {
        pixels[i] = values[i % count];
    }
    uint8_t *bytes = make_stored_png(4, 5, depth, indexed, pixels, &size);
    put_file(path_in(state, name), bytes, size);
    free(bytes);
}

static fov_dataset *open_data(fov_context *context, const char *path, fov_split split)
{
    fov_dataset *data = fov_dataset_open(context, path, split);
    if (data == NULL) {
        print_message("%s\n", fov_error(context));
    }
    assert_non_null(data);
    return data;
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

/* Writes three pictures of 4 x 5 with masks under `folder`; asserts that mask value values[i] is read as classes[i]. */
static void expect_masks(void **state, const char *folder, int depth, bool indexed, const uint16_t *values, int count,
                         const uint8_t *classes, int class_count)
{
    char name[200];
    for (int i = 8; i < 11; i++) {
        snprintf(name, sizeof name, "%s/images/%d.png", folder, i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "%s/masks/%d.png", folder, i);
        put_mask(state, name, depth, indexed, values, count);
    }
    fov_context *context = make_context(2);
    fov_dataset *data = open_data(context, path_in(state, folder), FOV_TRAIN);
    fov_dataset_info info = fov_dataset_describe(data);
    assert_int_equal(info.target, FOV_TARGET_MASK);
    assert_string_equal(info.name, "masks");
    assert_int_equal(info.classes, class_count);
    assert_int_equal(info.count, 2);
    for (int64_t i = 0; i < info.count; i++) {
        fov_sample sample;
        assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
        assert_int_equal(sample.height, 4);
        for (int k = 0; k < 20; k++) {
            assert_int_equal(sample.mask[k], classes[k % count]);
        }
    }
    fov_dataset_free(data);
    fov_context_free(context);
}

static void test_mask_values(void **state)
{
    expect_masks(state, "two", 8, false, (const uint16_t[]){0, 255, 255}, 3, (const uint8_t[]){0, 1, 1}, 2);
    expect_masks(state, "ids", 8, false, (const uint16_t[]){0, 1, 2, 3, 255}, 5, (const uint8_t[]){0, 1, 2, 3, 255}, 4);
    expect_masks(state, "apart", 8, false, (const uint16_t[]){0, 128, 255}, 3, (const uint8_t[]){0, 1, 2}, 3);
    expect_masks(state, "palette", 8, true, (const uint16_t[]){0, 20, 255}, 3, (const uint8_t[]){0, 20, 255}, 21);
    expect_masks(state, "palette4", 4, true, (const uint16_t[]){0, 9, 3}, 3, (const uint8_t[]){0, 9, 3}, 10);
    expect_masks(state, "palette2", 2, true, (const uint16_t[]){0, 3, 1, 2}, 4, (const uint8_t[]){0, 3, 1, 2}, 4);
    expect_masks(state, "bits", 1, false, (const uint16_t[]){0, 1, 1}, 3, (const uint8_t[]){0, 1, 1}, 2);
    expect_masks(state, "wide", 16, false, (const uint16_t[]){0, 1, 2}, 3, (const uint8_t[]){0, 1, 2}, 3);
    put_text(state, "named/classes.txt", "sky\r\nroad\n\ntree \n");
    expect_masks(state, "named", 8, false, (const uint16_t[]){0, 1, 255}, 3, (const uint8_t[]){0, 1, 255}, 3);
}

/* Masks of a wrong size, damaged, missing or without a picture are findings; one with too high a class is refused. */
static void test_bad_masks(void **state)
{
    char name[80];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "m/images/%d.png", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "m/masks/%d.png", i);
        put_mask(state, name, 8, false, (const uint16_t[]){0, 1, 2}, 3);
    }
    put_picture(state, "m/masks/1.png", 6, 5, 1);         /* another size */
    put_file(path_in(state, "m/masks/2.png"), "PNG?", 4); /* damaged */
    put_picture(state, "m/images/7.png", 4, 5, 7);        /* without a mask */
    put_picture(state, "m/masks/9.png", 4, 5, 1);         /* without a picture */
    fov_context *context = make_context(1);
    fov_check check;
    assert_int_equal(fov_dataset_check(context, path_in(state, "m"), NULL, &check), FOV_OK);
    assert_int_equal(check.errors, 2);
    assert_int_equal(check.warnings, 2);
    assert_non_null(strstr(check.findings[0].what, "the mask has 6 x 5 pixels, its picture 4 x 5"));
    assert_string_equal(check.findings[2].kind, "without partner");
    fov_check_free(&check);
    fov_context_free(context);
    put_text(state, "m/classes.txt", "a\nb\n");
    refuse(path_in(state, "m"), FOV_TRAIN, FOV_E_INPUT, "masks hold class 2, but only 2 are named");
}

/* Names and places of folders of masks. */
static void test_mask_places(void **state)
{
    static const struct {
        const char *root, *picture, *mask;
        int train, test;
    } layouts[] = {
        {"a", "a/image/%d.png", "a/label/%d.png", 9, 1},
        {"b", "b/data/imgs/%d.png", "b/data/SegmentationClass/%d.png", 9, 1},
        {"c", "c/train_images/%d.png", "c/train_masks/%d.png", 9, 1},
        {"d", "d/train/%d.png", "d/train_masks/%d_mask.png", 9, 1},
        {"e", "e/%d.png", "e/%d_mask.png", 9, 1},
        {"f", "f/images/one/%d.png", "f/masks/one/%d.png", 9, 1},
    };
    fov_context *context = make_context(1);
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++) {
        char name[100];
        for (int i = 0; i < 10; i++) {
            snprintf(name, sizeof name, layouts[k].picture, i);
            put_picture(state, name, 4, 5, (uint8_t)i);
            snprintf(name, sizeof name, layouts[k].mask, i);
            put_mask(state, name, 8, false, (const uint16_t[]){0, 255}, 2);
        }
        for (int split = 0; split < 2; split++) {
            fov_dataset *data = open_data(context, path_in(state, layouts[k].root), split ? FOV_TEST : FOV_TRAIN);
            assert_int_equal(fov_dataset_describe(data).target, FOV_TARGET_MASK);
            assert_int_equal(fov_dataset_describe(data).count, split ? layouts[k].test : layouts[k].train);
            fov_dataset_free(data);
        }
    }
    for (int i = 0; i < 6; i++) { /* folders of splits, around and inside the folders of pictures and masks */
        char name[100];
        const char *split = i < 3 ? "train" : i < 5 ? "val" : "test";
        for (int outside = 0; outside < 2; outside++) {
            snprintf(name, sizeof name, outside ? "g/%s/images/%d.png" : "h/images/%s/%d.png", split, i);
            put_picture(state, name, 4, 5, (uint8_t)i);
            snprintf(name, sizeof name, outside ? "g/%s/masks/%d.png" : "h/masks/%s/%d.png", split, i);
            put_mask(state, name, 8, false, (const uint16_t[]){0, 1}, 2);
        }
    }
    static const int counts[] = {3, 1, 2};
    for (int split = 0; split < 3; split++) {
        for (int outside = 0; outside < 2; outside++) {
            fov_dataset *data = open_data(context, path_in(state, outside ? "g" : "h"), (fov_split)split);
            assert_int_equal(fov_dataset_describe(data).count, counts[split]);
            fov_dataset_free(data);
        }
    }
    fov_context_free(context);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

static void test_pairs(void **state)
{
    for (int i = 0; i < 4; i++) {
        char name[80];
        snprintf(name, sizeof name, "p/lr/%d.png", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "p/hr/%d.png", i);
        put_picture(state, name, 8, 10, (uint8_t)(100 + i));
        snprintf(name, sizeof name, "letters/a/%d.png", i); /* classes whose names are also used for pairs */
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "letters/b/%d.png", i + 10);
        put_picture(state, name, 4, 5, (uint8_t)i);
    }
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path_in(state, "p"), FOV_TRAIN);
    assert_int_equal(fov_dataset_describe(data).target, FOV_TARGET_PICTURE);
    for (int64_t i = 0; i < fov_dataset_describe(data).count; i++) {
        fov_sample sample;
        assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
        assert_true(sample.other_height == 8 && sample.other_width == 10);
        assert_int_equal(sample.other[0], sample.pixels[0] + 100);
    }
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "letters"), FOV_TRAIN);
    assert_int_equal(fov_dataset_describe(data).target, FOV_TARGET_CLASS);
    fov_dataset_free(data);
    fov_context_free(context);
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static void put_pictures(void **state, const char *folder, int count)
{
    for (int i = 0; i < count; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s/%d.png", folder, i);
        put_picture(state, name, 4, 5, (uint8_t)i);
    }
}

static void test_table_of_classes(void **state)
{
    put_pictures(state, "img", 6);
    put_text(state, "t.csv",
             "\xef\xbb\xbfpath,label,split\r\nimg/0.png,\"big, \"\"old\"\" dog\",train\r\n\r\n"
             "img/1.png,cat,train\r\n./img/2.png,cat,val\r\nimg/3.png,cat,test\r\n");
    put_text(state, "bare.csv", "img/0.png,10\nimg/1.png,9\nimg/2.png,10\nimg/3.png,9");
    put_text(state, "ids.csv", "id\tclass\n0\tx\n1\ty\n");
    put_text(state, "gap.csv", "path,label\nimg/0.png,cat\nimg/1.png,\nimg/2.png,dog\nimg/3.png,cat\n");
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path_in(state, "t.csv"), FOV_TRAIN);
    fov_dataset_info info = fov_dataset_describe(data);
    assert_true(info.target == FOV_TARGET_CLASS && info.count == 2 && info.classes == 2);
    assert_string_equal(fov_dataset_class(data, 0), "big, \"old\" dog");
    assert_int_equal(fov_dataset_label(data, 0), 0);
    assert_int_equal(fov_dataset_label(data, 1), 1);
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "t.csv"), FOV_VALIDATION);
    fov_sample sample;
    assert_int_equal(fov_dataset_read(data, 0, &sample), FOV_OK);
    assert_int_equal(sample.pixels[0], 2);
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "bare.csv"), FOV_TRAIN);
    assert_int_equal(fov_dataset_describe(data).classes, 2);
    assert_string_equal(fov_dataset_class(data, 0), "9"); /* numbers are sorted as numbers */
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "ids.csv"), FOV_TRAIN); /* names without suffix; folder img */
    assert_int_equal(fov_dataset_describe(data).count, 2);
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "gap.csv"), FOV_TRAIN); /* a cell without a class is no class of its own */
    assert_int_equal(fov_dataset_describe(data).classes, 2);
    assert_string_equal(fov_dataset_class(data, 0), "cat");
    fov_dataset_free(data);
    fov_context_free(context);
}

static void test_table_of_many(void **state)
{
    put_pictures(state, "img", 4);
    put_text(state, "tags.csv", "image;tags\nimg/0.png;sea|sky\nimg/1.png;sky\nimg/2.png;\nimg/3.png;sea\n");
    put_text(state, "values.csv", "file,age,size,note\nimg/0.png,1.5,-2e3,x\nimg/1.png,2,0,y\nimg/2.png,3,1,z\n");
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path_in(state, "tags.csv"), FOV_TRAIN);
    assert_int_equal(fov_dataset_describe(data).target, FOV_TARGET_CLASSES);
    for (int64_t i = 0; i < fov_dataset_describe(data).count; i++) {
        static const float expected[4][2] = {{1, 1}, {0, 1}, {0, 0}, {1, 0}};
        fov_sample sample;
        assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
        assert_memory_equal(sample.numbers, expected[sample.pixels[0]], sizeof expected[0]);
    }
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "values.csv"), FOV_TRAIN);
    fov_dataset_info info = fov_dataset_describe(data);
    assert_true(info.target == FOV_TARGET_VALUES && info.values == 2);
    assert_string_equal(fov_dataset_value_name(data, 1), "size");
    for (int64_t i = 0; i < info.count; i++) {
        fov_sample sample;
        assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
        assert_true(sample.pixels[0] != 0 || (sample.numbers[0] == 1.5F && sample.numbers[1] == -2000));
    }
    fov_dataset_free(data);
    fov_context_free(context);
}

static void test_bad_tables(void **state)
{
    put_pictures(state, "img", 3);
    const struct {
        const char *text, *sentence;
    } bad[] = {
        {"path,label\nimg/0.png,a\nimg/1.png\n", "line 3: 1 fields, but the first line has 2"},
        {"path,label\nimg/0.png,\"a\nimg/1.png,b\n", "line 2: a quote is not closed"},
        {"path,label\nimg/0.png,\"a\"b\n", "line 2: text behind a closing quote"},
        {"path,label\nimg/0.png,a\nimg/no.png,b\nimg/none.png,b\n",
         "line 3: there is no file \"img/no.png\" (and 1 more"},
        {"path,label,split\nimg/0.png,a,train\nimg/1.png,b,somewhere\n", "line 3: \"somewhere\" is none of"},
        {"", "the table is empty"},
        {"path,label\n", "no samples"},
        {"path,label\nimg/0.png,\nimg/1.png,\n", "no samples"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(state, "bad.csv", bad[i].text);
        refuse(path_in(state, "bad.csv"), FOV_TRAIN, FOV_E_INPUT, bad[i].sentence);
    }
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

/* The boxes of the sample whose pixels have this value. */
static void expect_boxes(fov_dataset *data, int value, const fov_box *boxes, int64_t count)
{
    for (int64_t i = 0; i < fov_dataset_describe(data).count; i++) {
        fov_sample sample;
        assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
        if (sample.pixels[0] != value) {
            continue;
        }
        assert_int_equal(sample.box_count, count);
        for (int64_t k = 0; k < count; k++) {
            const fov_box *a = &sample.boxes[k], *b = &boxes[k];
            assert_true(a->label == b->label && a->difficult == b->difficult && a->crowd == b->crowd);
            assert_true(fabsf(a->x1 - b->x1) < 1e-4F && fabsf(a->y1 - b->y1) < 1e-4F);
            assert_true(fabsf(a->x2 - b->x2) < 1e-4F && fabsf(a->y2 - b->y2) < 1e-4F);
        }
        return;
    }
    fail_msg("no sample of value %d", value);
}

static void test_yolo(void **state)
{
    for (int i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "y/%s/images/%d.png", i < 2 ? "train" : "valid", i);
        put_picture(state, name, 20, 40, (uint8_t)i);
    }
    put_text(state, "y/train/labels/0.txt", "1 0.5 0.5 0.25 0.5\r\n0 0.1 0.1 0.3 0.1 0.3 0.6\r\n");
    put_text(state, "y/train/labels/1.txt", "2 0.5 0.5 0.1 0.1\n0 .5 .5 0 0\nx y\n0 0 0 0.5 0.5\n0 2 2 .1 .1");
    put_text(state, "y/data.yaml",
             "# boxes\ntrain: ../train/images\nval: ../valid/images\nnc: 2\n"
             "names: ['cat', \"big, dog\"]\n");
    fov_context *context = make_context(1);
    const char *const paths[] = {"y", "y/data.yaml"};
    for (int i = 0; i < 2; i++) {
        fov_dataset *data = open_data(context, path_in(state, paths[i]), FOV_TRAIN);
        assert_int_equal(fov_dataset_describe(data).target, FOV_TARGET_BOXES);
        assert_int_equal(fov_dataset_describe(data).count, 2);
        assert_string_equal(fov_dataset_class(data, 1), "big, dog");
        expect_boxes(data, 0,
                     (const fov_box[]){{.label = 1, .x1 = 15, .y1 = 5, .x2 = 25, .y2 = 15},
                                       {.label = 0, .x1 = 4, .y1 = 2, .x2 = 12, .y2 = 12}},
                     2);
        expect_boxes(data, 1, (const fov_box[]){{.label = 0, .x1 = 0, .y1 = 0, .x2 = 10, .y2 = 5}}, 1);
        fov_dataset_free(data);
        data = open_data(context, path_in(state, paths[i]), FOV_VALIDATION);
        expect_boxes(data, 2, NULL, 0);
        fov_dataset_free(data);
    }
    fov_check check;
    assert_int_equal(fov_dataset_check(context, path_in(state, "y"), NULL, &check), FOV_OK);
    assert_int_equal(check.errors, 0);
    assert_int_equal(check.warnings, 5); /* class, area, no numbers, sticks out, outside */
    assert_int_equal(check.notes, 1);    /* a picture without labels */
    fov_check_free(&check);
    fov_context_free(context);
}

static void test_coco(void **state)
{
    put_picture(state, "c/train2017/0.png", 20, 40, 0);
    put_picture(state, "c/train2017/1.png", 20, 40, 1);
    put_picture(state, "c/val2017/2.png", 20, 40, 2);
    static const char train[] =
        "{\"images\": [{\"id\": 7, \"file_name\": \"1.png\", \"height\": 20, \"width\": 40},"
        "{\"id\": 3, \"file_name\": \"0.png\", \"height\": 20, \"width\": 40}],"
        "\"annotations\": [{\"id\": 1, \"image_id\": 3, \"category_id\": 18, \"bbox\": [1, 2, 10.5, 5]},"
        "{\"id\": 2, \"image_id\": 3, \"category_id\": 4, \"bbox\": [35, 0, 10, 5], \"iscrowd\": 1},"
        "{\"id\": 3, \"image_id\": 7, \"category_id\": 9, \"bbox\": [1, 1, 1, 1]},"
        "{\"id\": 4, \"image_id\": 7, \"category_id\": 4, \"bbox\": [1, 1, 0, 1]},"
        "{\"id\": 5, \"image_id\": 7, \"category_id\": 4, \"bbox\": [1, 1]}],"
        "\"categories\": [{\"id\": 18, \"name\": \"dog\"}, {\"id\": 4, \"name\": \"plane\"}]}";
    put_text(state, "c/annotations/instances_train2017.json", train);
    put_text(state, "c/annotations/instances_val2017.json",
             "{\"images\": [{\"id\": 1, \"file_name\": \"2.png\"}], \"annotations\": [],"
             "\"categories\": [{\"id\": 18, \"name\": \"dog\"}, {\"id\": 4, \"name\": \"plane\"}]}");
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path_in(state, "c"), FOV_TRAIN);
    assert_int_equal(fov_dataset_describe(data).count, 2);
    assert_string_equal(fov_dataset_class(data, 0), "plane");
    expect_boxes(data, 0,
                 (const fov_box[]){{.label = 1, .x1 = 1, .y1 = 2, .x2 = 11.5F, .y2 = 7},
                                   {.label = 0, .x1 = 35, .y1 = 0, .x2 = 40, .y2 = 5, .crowd = true}},
                 2);
    expect_boxes(data, 1, NULL, 0);
    fov_dataset_free(data);
    data = open_data(context, path_in(state, "c"), FOV_TEST);
    assert_int_equal(fov_dataset_describe(data).count, 1);
    fov_dataset_free(data);
    fov_context_free(context);
    put_text(state, "c/x.json", "{\"images\": [");
    refuse(path_in(state, "c/x.json"), FOV_TRAIN, FOV_E_INPUT, "x.json, line 1");
    put_text(state, "c/x.json", "{\"images\": []}");
    refuse(path_in(state, "c/x.json"), FOV_TRAIN, FOV_E_INPUT, "no COCO file");
    put_text(state, "c/x.json",
             "{\"images\": [{\"id\": 1, \"file_name\": \"9.png\"}], \"annotations\": [],"
             "\"categories\": []}");
    refuse(path_in(state, "c/x.json"), FOV_TRAIN, FOV_E_INPUT, "there is no file \"9.png\"");
}

#ifdef FOVEA_HAVE_EXPAT
static void test_voc(void **state)
{
    for (int i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "v/VOC2012/JPEGImages/%d.png", i);
        put_picture(state, name, 20, 40, (uint8_t)i);
    }
    put_text(state, "v/VOC2012/ImageSets/Main/train.txt", "0\r\n1  1\n");
    put_text(state, "v/VOC2012/ImageSets/Main/val.txt", "2\n");
    put_text(state, "v/VOC2012/Annotations/0.xml",
             "<?xml version=\"1.0\"?><annotation><size><width>40</width><height>20</height><depth>1</depth></size>"
             "<object><name> cat </name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax>"
             "<ymax>12</ymax></bndbox><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax>"
             "<ymax>3</ymax></bndbox></part></object></annotation>");
    put_text(
        state, "v/VOC2012/Annotations/1.xml",
        "<annotation><size><width>40</width><height>20</height></size><object><name>ant</name><bndbox><xmin>9</xmin>"
        "<ymin>2</ymin><xmax>5</xmax><ymax>12</ymax></bndbox></object><object><name>ant</name></object>"
        "<object><name>ant</name><bndbox><xmin>50</xmin><ymin>2</ymin><xmax>60</xmax><ymax>12</ymax></bndbox>"
        "</object></annotation>");
    put_text(state, "v/VOC2012/Annotations/2.xml", "<annotation></annotation>");
    fov_context *context = make_context(1);
    fov_dataset *data = open_data(context, path_in(state, "v"), FOV_TRAIN);
    assert_int_equal(fov_dataset_describe(data).count, 2);
    assert_int_equal(fov_dataset_describe(data).classes, 2);
    expect_boxes(data, 0, (const fov_box[]){{.label = 1, .x1 = 0, .y1 = 1, .x2 = 10, .y2 = 12, .difficult = true}}, 1);
    expect_boxes(data, 1, NULL, 0);
    fov_dataset_free(data);
    fov_check check;
    assert_int_equal(fov_dataset_check(context, path_in(state, "v"), NULL, &check), FOV_OK);
    assert_int_equal(check.errors, 0);
    assert_int_equal(check.warnings, 3); /* no area, no sides, outside */
    fov_check_free(&check);
    fov_context_free(context);
    put_text(state, "v/VOC2012/Annotations/1.xml", "<annotation><object></annotation>");
    refuse(path_in(state, "v"), FOV_TRAIN, FOV_E_INPUT, "1.xml: line 1: mismatched tag");
    put_text(state, "v/VOC2012/Annotations/1.xml",
             "<!DOCTYPE a [<!ENTITY b \"bbbbbbbbbb\">]><annotation><name>&b;&b;</name></annotation>");
    refuse(path_in(state, "v"), FOV_TRAIN, FOV_E_INPUT, "declares XML entities");
}
#endif

/* ---- shards ------------------------------------------------------------------------------------------------------ */

#ifdef FOVEA_HAVE_ARCHIVE
static void test_shards(void **state)
{
    for (int shard = 0; shard < 2; shard++) {
        struct archived files[10];
        char names[10][40], path[60];
        for (size_t i = 0; i < 5; i++) {
            size_t size;
            snprintf(names[2 * i], sizeof names[0], "%06zu.png", i + 5 * (size_t)shard);
            snprintf(names[2 * i + 1], sizeof names[0], "%06zu.%s", i + 5 * (size_t)shard, i % 2 ? "json" : "cls");
            const uint8_t *png = make_png(4, 5, (uint8_t)(i + 5 * (size_t)shard), &size);
            files[2 * i] = (struct archived){.name = names[2 * i], .bytes = png, .size = size};
            files[2 * i + 1] =
                i % 2 ? (struct archived){.name = names[2 * i + 1],
                                          .bytes = (const uint8_t *)"{\"label\": 2}",
                                          .size = 12}
                      : (struct archived){.name = names[2 * i + 1], .bytes = (const uint8_t *)"1\n", .size = 2};
        }
        snprintf(path, sizeof path, "s/set-%03d.tar", shard + 9);
        put_tar(path_in(state, path), files, 10);
        for (size_t i = 0; i < 5; i++) {
            free((void *)(uintptr_t)files[2 * i].bytes);
        }
    }
    fov_context *context = make_context(2);
    const char *const sources[] = {"s", "s/set-{009..010}.tar"};
    for (int k = 0; k < 2; k++) {
        bool seen[10] = {false};
        for (int split = 0; split < 2; split++) {
            fov_dataset *data = open_data(context, path_in(state, sources[k]), split ? FOV_TEST : FOV_TRAIN);
            fov_dataset_info info = fov_dataset_describe(data);
            assert_true(info.target == FOV_TARGET_CLASS && info.classes == 3);
            for (int64_t i = 0; i < info.count; i++) {
                fov_sample sample;
                assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
                int value = sample.pixels[0];
                assert_int_equal(sample.label, value % 5 % 2 + 1);
                assert_false(seen[value]);
                seen[value] = true;
            }
            fov_dataset_free(data);
        }
        for (int i = 0; i < 10; i++) {
            assert_true(seen[i]);
        }
    }
    fov_context_free(context);
    refuse(path_in(state, "s/set-{009..011}.tar"), FOV_TRAIN, FOV_E_IO, "set-011.tar");
}
#endif

/* ---- held back --------------------------------------------------------------------------------------------------- */

/* has[i]: whether a split holds picture i, 0 to 29. */
static void read_values(const char *path, fov_split split, const fov_dataset_options *options, bool has[30])
{
    fov_context *context = make_context(1);
    fov_dataset *data = fov_dataset_open_opt(context, path, split, options);
    assert_string_equal(fov_error(context), "");
    memset(has, 0, 30);
    for (int64_t i = 0; i < fov_dataset_describe(data).count; i++) {
        fov_sample sample;
        assert_int_equal(fov_dataset_read(data, i, &sample), FOV_OK);
        assert_false(has[sample.pixels[0]]);
        has[sample.pixels[0]] = true;
    }
    fov_dataset_free(data);
    fov_context_free(context);
}

/* A table or folder that states no splits can be one part: every picture, whichever split is asked for, also where a
   class has one picture, of which none could be held back. What states splits stays divided. */
static void test_whole(void **state)
{
    static const fov_dataset_options whole = {.whole = true};
    static const fov_split splits[] = {FOV_TRAIN, FOV_TEST, FOV_VALIDATION};
    for (int i = 0; i < 30; i++) {
        char name[80];
        snprintf(name, sizeof name, "f/%s/%d.png", i == 7 ? "seven" : i % 2 ? "odd" : "even", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "s/%s/%s/%d.png", i < 20 ? "train" : "test", i % 2 ? "odd" : "even", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
    }
    fov_context *context = make_context(1);
    for (int k = 0; k < 3; k++) {
        bool has[30];
        int count = 0;
        read_values(path_in(state, "f"), splits[k], &whole, has);
        for (int i = 0; i < 30; i++) {
            assert_true(has[i]);
        }
        read_values(path_in(state, "s"), splits[k], &whole, has);
        for (int i = 0; i < 30; i++) {
            count += has[i];
            assert_true(has[i] == (splits[k] == FOV_TRAIN ? i < 20 : i >= 20));
        }
        assert_int_equal(count, splits[k] == FOV_TRAIN ? 20 : 10);
        fov_dataset *data = fov_dataset_open_opt(context, path_in(state, "f"), splits[k], &whole);
        assert_string_equal(fov_dataset_describe(data).part, "all");
        fov_dataset_free(data);
    }
    assert_null(fov_dataset_open(context, path_in(state, "f"), FOV_TEST));
    assert_non_null(strstr(fov_error(context), "class \"seven\" has one picture"));
    const fov_dataset_options both = {.whole = true, .val_split = 0.5};
    assert_null(fov_dataset_open_opt(context, path_in(state, "f"), FOV_TEST, &both));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_context_free(context);
}

static void test_held_back(void **state)
{
    for (int i = 0; i < 30; i++) {
        char name[80];
        snprintf(name, sizeof name, "m/image/%d.png", i);
        put_picture(state, name, 4, 5, (uint8_t)i);
        snprintf(name, sizeof name, "m/label/%d.png", i);
        put_mask(state, name, 8, false, (const uint16_t[]){0, 255}, 2);
    }
    put_text(state, "list.txt", "image/3.png\r\n7\n\n29.png");
    put_text(state, "wrong.txt", "3\n30.png\n");
    char list[600], path[600];
    snprintf(list, sizeof list, "%s", path_in(state, "list.txt"));
    snprintf(path, sizeof path, "%s", path_in(state, "m"));
    const fov_dataset_options ways[] = {{.val_last = 6}, {.val_list = list}, {.val_split = 0.2}, {.val_split = 0}};
    static const int counts[] = {6, 3, 6, 3};
    for (int k = 0; k < 4; k++) {
        bool train[30], held[30], test[30];
        int count = 0;
        read_values(path, FOV_TRAIN, &ways[k], train);
        read_values(path, FOV_VALIDATION, &ways[k], held);
        read_values(path, FOV_TEST, &ways[k], test);
        for (int i = 0; i < 30; i++) {
            assert_true(train[i] != held[i] && test[i] == held[i]);
            count += held[i];
            assert_true(k != 0 || held[i] == (i >= 24));
            assert_true(k != 1 || held[i] == (i == 3 || i == 7 || i == 29));
        }
        assert_int_equal(count, counts[k]);
    }
    fov_context *context = make_context(1);
    snprintf(list, sizeof list, "%s", path_in(state, "wrong.txt"));
    assert_null(fov_dataset_open_opt(context, path, FOV_TRAIN, &ways[1]));
    assert_non_null(strstr(fov_error(context), "wrong.txt, line 2: no sample is named \"30.png\""));
    fov_error_clear(context);
    assert_null(fov_dataset_open_opt(context, path, FOV_TRAIN, &(fov_dataset_options){.val_last = 30}));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_error_clear(context);
    assert_null(fov_dataset_open_opt(context, path, FOV_TRAIN, &(fov_dataset_options){.val_last = 1, .val_split = .1}));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_error_clear(context);
    assert_null(fov_dataset_open_opt(context, path, FOV_TRAIN, &(fov_dataset_options){.val_split = 1.5}));
    assert_int_equal(fov_error_status(context), FOV_E_USAGE);
    fov_error_clear(context);

    /* digits have a test split, which stays as it is */
    fov_dataset *data[3];
    for (int split = 0; split < 3; split++) {
        data[split] =
            fov_dataset_open_opt(context, "digits:600", (fov_split)split, &(fov_dataset_options){.val_split = 0.25});
        assert_non_null(data[split]);
    }
    fov_dataset *whole = fov_dataset_open(context, "digits:600", FOV_TRAIN);
    assert_int_equal(fov_dataset_describe(data[1]).count, 100);
    assert_int_equal(fov_dataset_describe(data[0]).count + fov_dataset_describe(data[2]).count, 600);
    for (int64_t i = 0, a = 0, b = 0; i < 600; i++) { /* each sample of the whole is the next one of either part */
        fov_sample one, other;
        assert_int_equal(fov_dataset_read(whole, i, &one), FOV_OK);
        bool found = false;
        if (a < fov_dataset_describe(data[0]).count) {
            assert_int_equal(fov_dataset_read(data[0], a, &other), FOV_OK);
            found = memcmp(one.pixels, other.pixels, 784) == 0 && one.label == other.label;
            a += found;
        }
        if (!found) {
            assert_int_equal(fov_dataset_read(data[2], b++, &other), FOV_OK);
            assert_true(memcmp(one.pixels, other.pixels, 784) == 0 && one.label == other.label);
        }
    }
    fov_dataset_free(whole);
    for (int split = 0; split < 3; split++) {
        fov_dataset_free(data[split]);
    }
    fov_context_free(context);
}

/* ---- without memory ---------------------------------------------------------------------------------------------- */

/* Whichever allocation fails, alone or with all after it: an error, and nothing is held afterwards. */
static void expect_no_harm(const char *path, const fov_dataset_options *options, bool with_all_after)
{
    fov_context *context = make_context(1);
    for (uint64_t n = 1;; n++) {
        size_t before = memory_in_use(context->memory);
        memory_fail_at(context->memory, n, with_all_after);
        fov_dataset *data = fov_dataset_open_opt(context, path, FOV_TRAIN, options);
        fov_sample sample;
        int status = data ? fov_dataset_read(data, 0, &sample) : (int)fov_error_status(context);
        memory_fail_at(context->memory, 0, false);
        if (data == NULL || status != FOV_OK) {
            if (fov_error_status(context) != FOV_E_MEMORY) {
                print_message("allocation %d of %s: %s\n", (int)n, path, fov_error(context));
            }
            assert_int_equal(fov_error_status(context), FOV_E_MEMORY);
        }
        fov_dataset_free(data);
        fov_error_clear(context);
        assert_int_equal(memory_in_use(context->memory), before);
        if (status == FOV_OK) {
            assert_true(n > 20);
            break;
        }
    }
    fov_context_free(context);
}

static void test_no_memory(void **state)
{
    for (int i = 0; i < 3; i++) {
        static const char *const folders[] = {"m/images", "p/input", "p/target", "y/images", "v/JPEGImages", "t", "c"};
        char name[80];
        for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
            snprintf(name, sizeof name, "%s/%d.png", folders[k], i);
            put_picture(state, name, 4, 5, (uint8_t)i);
        }
        snprintf(name, sizeof name, "m/masks/%d.png", i);
        put_mask(state, name, 8, true, (const uint16_t[]){0, 1}, 2);
        snprintf(name, sizeof name, "y/labels/%d.txt", i);
        put_text(state, name, "0 0.5 0.5 0.5 0.5\n7 x\n");
        snprintf(name, sizeof name, "v/Annotations/%d.xml", i);
        put_text(state, name, "<annotation><object><name>a</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax>"
                              "<ymax>2</ymax></bndbox></object><object><name>b</name></object></annotation>");
    }
    put_text(state, "t/t.csv", "path,tags\n0.png,a;b\n1.png,\n2.png,c\n");
    put_text(state, "c/c.json", "{\"images\": [{\"id\": 1, \"file_name\": \"0.png\"}, {\"id\": 2, \"file_name\":"
                                "\"1.png\"}], \"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\":"
                                "[0, 0, 2, 2]}], \"categories\": [{\"id\": 1, \"name\": \"a\"}]}");
    static const char *const sources[] = {"masks:m", "pairs:p", "yolo:y", "csv:t/t.csv", "coco:c/c.json", "voc:v"};
#ifdef FOVEA_HAVE_EXPAT
    const size_t count = 6;
#else
    const size_t count = 5;
#endif
    for (size_t i = 0; i < count; i++) {
        char path[700];
        const char *colon = strchr(sources[i], ':');
        snprintf(path, sizeof path, "%.*s:%s", (int)(colon - sources[i]), sources[i], path_in(state, colon + 1));
        expect_no_harm(path, NULL, true);
        expect_no_harm(path, NULL, false);
    }
    put_text(state, "t/i.csv", "path,tag,age,weight\n0.png,a,1,2\n1.png,b,3,4.5\n2.png,b,5,-6\n");
    expect_no_harm(path_in(state, "t/i.csv"), &(fov_dataset_options){.inputs = "k=weight+age,q=1+2"}, true);
    expect_no_harm(path_in(state, "t/i.csv"), &(fov_dataset_options){.inputs = "k=weight,p=age"}, false);
}

/* ---- real data, if the machine has them -------------------------------------------------------------------------- */

static void test_membrane(void **state)
{
    (void)state;
    fov_context *context = make_context(2);
    fov_dataset *data = fov_dataset_open_opt(context, shared_path("data/membrane/membrane-train.zip"), FOV_VALIDATION,
                                             &(fov_dataset_options){.val_last = 6});
    assert_string_equal(fov_error(context), "");
    fov_dataset_info info = fov_dataset_describe(data);
    assert_true(info.count == 6 && info.target == FOV_TARGET_MASK && info.classes == 2 && info.height == 512);
    fov_sample sample;
    assert_int_equal(fov_dataset_read(data, 5, &sample), FOV_OK);
    int64_t white = 0;
    for (int i = 0; i < 512 * 512; i++) {
        white += sample.mask[i];
    }
    assert_true(white > 150000 && white < 250000);
    fov_dataset_free(data);
    fov_context_free(context);
}

#ifdef FOVEA_HAVE_EXPAT
static void test_bccd(void **state)
{
    (void)state;
    static const int counts[] = {205, 72, 87};
    fov_context *context = make_context(2);
    for (int split = 0; split < 3; split++) {
        fov_dataset *data = open_data(context, shared_path("data/bccd/bccd-voc.zip"), (fov_split)split);
        fov_dataset_info info = fov_dataset_describe(data);
        assert_true(info.count == counts[split] && info.target == FOV_TARGET_BOXES && info.classes == 3);
        assert_string_equal(fov_dataset_class(data, 0), "Platelets");
        fov_dataset_free(data);
    }
    fov_context_free(context);
}
#endif

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* data_source_behind() visits every source once, by turn and then by name; "folder", which accepts any pictures, is
 * last. */
static void test_turns(void **state)
{
    (void)state;
    const struct data_source *last = NULL;
    size_t count = 0;
    for (const struct data_source *at = data_source_behind(NULL); at != NULL; at = data_source_behind(at)) {
        assert_true(last == NULL || last->turn < at->turn ||
                    (last->turn == at->turn && strcmp(last->name, at->name) < 0));
        last = at;
        count++;
    }
    assert_true(count == data_source_table_count && count >= 13);
    assert_string_equal(last->name, "folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mask_values, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_bad_masks, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_mask_places, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_pairs, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_table_of_classes, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_table_of_many, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_bad_tables, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_yolo, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_coco, folder_make, folder_remove),
#ifdef FOVEA_HAVE_EXPAT
        cmocka_unit_test_setup_teardown(test_voc, folder_make, folder_remove),
        cmocka_unit_test(test_bccd),
#endif
#ifdef FOVEA_HAVE_ARCHIVE
        cmocka_unit_test_setup_teardown(test_shards, folder_make, folder_remove),
#endif
        cmocka_unit_test_setup_teardown(test_held_back, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_whole, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(test_no_memory, folder_make, folder_remove),
        cmocka_unit_test(test_membrane),
        cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
