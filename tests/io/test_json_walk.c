/* SPDX-License-Identifier: MIT */
/* The JSON reader io/json_walk.h against jansson: texts changed at random are valid JSON for both or for neither, and
 * both read the same values from them. */
#include "base/random.h"
#include "io/json_walk.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Whether the next value of the walk equals `json`. */
static bool same(struct json_walk *walk, const json_t *json)
{
    enum walk_kind kind = walk_value(walk);
    size_t         count = 0;
    switch (kind) {
    case WALK_WRONG: return false;
    case WALK_TEXT: return json_is_string(json) && strcmp(text_string(&walk->text), json_string_value(json)) == 0;
    case WALK_NUMBER:
        return json_is_number(json) && walk->number == json_number_value(json) && walk->is_whole == json_is_integer(json);
    case WALK_WORD: return json_is_boolean(json) || json_is_null(json);
    case WALK_LIST:
        while (walk_more(walk, ']', &count)) {
            if (!same(walk, json_array_get(json, count - 1))) {
                return false;
            }
        }
        return json_is_array(json) && json_array_size(json) == count;
    case WALK_OBJECT:
        while (walk_more(walk, '}', &count)) {
            walk_key(walk);
            if (!same(walk, json_object_get(json, text_string(&walk->text)))) {
                return false;
            }
        }
        return json_is_object(json) && json_object_size(json) == count;
    }
    return false;
}

static void check(struct memory *memory, const char *text)
{
    json_error_t     why;
    json_t          *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    bool             is_twice = json == NULL && json_error_code(&why) == json_error_duplicate_key;
    bool             is_large = json == NULL && json_error_code(&why) == json_error_numeric_overflow;
    struct json_walk walk = {.at = text, .text = {.memory = memory}}, skipped = walk;
    bool             is_same = same(&walk, json) && walk_ends(&walk);
    walk_skip(&skipped);
    bool is_json = walk_ends(&skipped);
    if (is_same != (json != NULL) || (is_json != (json != NULL) && !is_twice && !is_large)) {
        fail_msg("%s: walked: %d, skipped: %d, jansson: %d (%s)", text, is_same, is_json, json != NULL,
                 json != NULL ? "" : why.text);
    }
    json_decref(json);
    walk_close(&walk);
    walk_close(&skipped);
}

static const char *const texts[] = {
    "{\"scale\":\"0..1\",\"mean\":[0.1307,0.0,-1e-05,12],\"pad\":2,\"more\":{\"a\":[true,false,null,[]],\"b\":{}}}",
    "[\"a\\\"b\", \"\\u00f6\\ud83d\\ude00\", \"tw\xc3\xb6\", \"\\\\\\/\\b\\f\\n\\r\\t\", \"\"]",
    " [ 0 , -0 , 1.5E+3 , 9007199254740993 , 1e400 ] ",
    "{\"0\": [\"n01440764\", \"tench\"], \"1\": \"b\", \"1\": \"c\"}",
    "[01]", "[1.]", "[.5]", "[+1]", "[-]", "[1e]", "[\"\\u0000\"]", "[\"\\ud800\"]", "[\"\\ude00\"]", "[\"\\ud800\\u0041\"]",
    "[\"\x80\"]", "[\"\xc0\xaf\"]", "[\"\t\"]", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{,}", "{1:2}", "[1 2]", "[1]]", "", " ",
    "nul", "nulll", "\"", "\"\\", "\"\\u12", "[[[[[[[[[[1]]]]]]]]]]", "'a'", "[NaN]", "[Infinity]", "[tru]",
};

static void test_like_jansson(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check(memory, texts[i]);
    }
    memory_destroy(memory);
}

static void test_changed_at_random(void **state)
{
    (void)state;
    static const char parts[] = "{}[]\",:\\u0d8e19.-+tfn \xc3\xb6\x01";
    struct memory *memory = memory_create(NULL, 0);
    const struct random_key key = {7, RANDOM_TEST, 0};
    uint64_t at = 0;
    for (int turn = 0; turn < 20000; turn++) {
        char text[256];
        snprintf(text, sizeof text, "%s", texts[turn % 4]);
        size_t length = strlen(text), changes = 1 + random_below(key, at++, 3);
        for (size_t change = 0; change < changes; change++) {
            size_t place = random_below(key, at++, length);
            char   part = parts[random_below(key, at++, sizeof parts - 1)];
            switch (random_below(key, at++, 3)) {
            case 0: text[place] = part; break;
            case 1: memmove(text + place, text + place + 1, length-- - place); break;
            default:
                memmove(text + place + 1, text + place, ++length - place);
                text[place] = part;
                break;
            }
        }
        check(memory, text);
    }
    memory_destroy(memory);
}

/* 100,000 nested lists are refused before the stack overflows. */
static void test_depth(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct text    deep = {.memory = memory};
    for (int i = 0; i < 100000; i++) {
        text_add(&deep, "[");
    }
    struct json_walk walk = {.at = text_string(&deep), .text = {.memory = memory}};
    walk_skip(&walk);
    assert_false(walk_ends(&walk));
    walk_close(&walk);
    text_free(&deep);
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_jansson),
        cmocka_unit_test(test_changed_at_random),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
