/* SPDX-License-Identifier: MIT */
/* What a context says of itself: threads, seed, instruction set, and the machine in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fovea/context.h>
#include <string.h>

static void a_context_has_what_it_was_made_with(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {0, 7, UINT64_MAX};
    for (int i = 0; i < 3; i++) {
        fov_context *context = fov_context_create(&(fov_context_options){.threads = i + 1, .seed = seeds[i]});
        assert_int_equal(fov_context_threads(context), i + 1);
        assert_true(fov_context_seed(context) == seeds[i]);
        fov_context_free(context);
    }
    fov_context *context = fov_context_create(NULL);
    assert_true(fov_context_threads(context) >= 1);
    assert_true(fov_context_seed(context) == 0);
    fov_context_free(context);
}

static void a_machine_is_one_line(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(NULL);
    const char *machine = fov_machine(context), *isa = fov_context_isa(context);
    assert_true(strlen(machine) > 10 && strchr(machine, '\n') == NULL);
    assert_true(*isa != '\0');
    assert_non_null(strstr(machine, isa)); /* the level in use is one of the machine's */
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_context_has_what_it_was_made_with),
        cmocka_unit_test(a_machine_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
