/* SPDX-License-Identifier: MIT */
/* cli/columns.c, compiled in: the number of terminal columns that a text takes, and where its lines may break. Tables
 * and wrapped sentences with Chinese text: tests/learn/test_course.py, tests/cli/test_data.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../cli/columns.c"

static void test_columns(void **state)
{
    static const struct {
        const char *text;
        int columns;
    } cases[] = {{"", 0},
                 {"fovea", 5},
                 {"卷积", 4},
                 {"3 x 3 卷积", 10},
                 {"é", 1},
                 {"e\xcc\x81", 1},
                 {"…━✓", 3},
                 {"한국어", 6},
                 {"ひらがな", 8},
                 {"（１）", 6},
                 {"\xf0\x9f\x8d\x8e", 2},
                 {"\xff", 1},
                 {"\xe5", 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (text_columns(cases[i].text, strlen(cases[i].text)) != cases[i].columns) {
            fail_msg("\"%s\" takes %d columns", cases[i].text, text_columns(cases[i].text, strlen(cases[i].text)));
        }
    }
    assert_int_equal(text_columns("卷积网络", strlen("卷积")), 4);
}

static void test_fit(void **state)
{
    (void)state;
    assert_int_equal(text_fit("abc", 2), 2);
    assert_int_equal(text_fit("abc", 9), 3);
    assert_int_equal(text_fit("卷积", 3), strlen("卷"));
    assert_int_equal(text_fit("卷积", 1), 0);
    assert_int_equal(text_fit("e\xcc\x81x", 1), 3); /* a combining mark stays with its letter */
}

static void breaks(const char *text, const char *const *pieces)
{
    for (; *pieces != NULL; pieces++) {
        size_t length = text_piece(text);
        if (length != strlen(*pieces) || strncmp(text, *pieces, length) != 0) {
            fail_msg("\"%.*s\" is not the piece \"%s\"", (int)length, text, *pieces);
        }
        text += length;
    }
    assert_int_equal(*text, '\0');
}

static void test_pieces(void **state)
{
    (void)state;
    breaks("fovea", (const char *const[]){"fovea", NULL});
    breaks("卷积（核），y=f(x)。", (const char *const[]){"卷", "积", "（核），", "y=f(x)。", NULL});
    breaks("“深”的", (const char *const[]){"“深”", "的", NULL});
    assert_int_equal(text_piece("a b"), 1);
    assert_int_equal(text_piece(" b"), 0);
    assert_int_equal(text_piece("a\nb"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
