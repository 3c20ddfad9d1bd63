/* SPDX-License-Identifier: MIT */
/* The processor: levels and their names, compared with /proc/cpuinfo; arithmetic modes; limits of made-up control
 * groups. */
#include "base/arithmetic.h"
#include "base/cgroup.h"
#include "base/cpu.h"
#include "base/file.h"
#include "folder.h"
#include "tests.h"
#include <fenv.h>

static void test_levels_and_names(void **state)
{
    (void)state;
    for (int i = 0; i < CPU_LEVEL_COUNT; i++) {
        enum cpu_level level = CPU_LEVEL_COUNT;
        assert_true(cpu_level_from_name(cpu_level_name((enum cpu_level)i), &level));
        assert_int_equal(level, i);
    }
    enum cpu_level level = CPU_SSE2;
    assert_false(cpu_level_from_name("avx3", &level));
    assert_int_equal(level, CPU_SSE2);
    assert_true(cpu_has(CPU_REFERENCE));
    assert_true(cpu_has(cpu_best_level()));
    for (int i = (int)cpu_best_level() + 1; i < CPU_LEVEL_COUNT; i++) {
        assert_false(cpu_has((enum cpu_level)i));
    }
    if (cpu_has(CPU_AVX512)) {
        assert_true(cpu_has(CPU_AVX2));
    }
}

/* The kernel lists the features that processor and system both support: a check of our reading of CPUID. */
static void test_levels_agree_with_the_kernel(void **state)
{
    (void)state;
    FILE *file = fopen("/proc/cpuinfo", "r");
    char  line[8192];
    bool  found = false;
    if (file == NULL || getenv("FOVEA_VALGRIND") != NULL) {
        skip(); /* valgrind emulates another processor than the kernel lists */
    }
    while (fgets(line, sizeof line, file) != NULL && !found) {
        if (strncmp(line, "Features", 8) == 0) { /* ARM's word for them; 32-bit systems list NEON, 64-bit ones ASIMD */
            found = true;
            line[strcspn(line, "\n")] = ' ';
            assert_int_equal(cpu_has(CPU_NEON), strstr(line, " asimd ") != NULL || strstr(line, " neon ") != NULL);
        }
        if (strncmp(line, "flags", 5) == 0) {
            found = true;
            line[strcspn(line, "\n")] = ' ';
            bool avx2 = strstr(line, " avx2 ") != NULL && strstr(line, " fma ") != NULL;
            bool avx512 = strstr(line, " avx512f ") != NULL && strstr(line, " avx512vl ") != NULL &&
                          strstr(line, " avx512dq ") != NULL && strstr(line, " avx512bw ") != NULL;
            assert_int_equal(cpu_has(CPU_AVX2), avx2);
            assert_int_equal(cpu_has(CPU_AVX512), avx2 && avx512);
            bool amx = strstr(line, " amx_tile ") != NULL && strstr(line, " amx_bf16 ") != NULL &&
                       strstr(line, " avx512_bf16 ") != NULL;
            assert_true(amx || !cpu_has(CPU_AMX)); /* an older system may list AMX and not allow its use */
        }
    }
    fclose(file);
    if (!found) {
        skip();
    }
}

static void test_the_machine_is_described(void **state)
{
    (void)state;
    char name[64], cut[5];
    assert_true(cpu_thread_count() >= 1);
    assert_true(cpu_memory_size() > 1 << 20);
    cpu_name(name, sizeof name);
    assert_true(strlen(name) > 0);
    assert_true(name[0] != ' ' && name[strlen(name) - 1] != ' ');
    cpu_name(cut, sizeof cut);
    assert_true(strlen(cut) < sizeof cut);
}

static void test_denormals(void **state)
{
    (void)state;
    if (getenv("FOVEA_VALGRIND") != NULL) {
        skip(); /* valgrind does not flush denormals */
    }
    volatile float least = 0x1p-126F, half = least * 0.5F;
    assert_true(half > 0);
    struct arithmetic mode = arithmetic_enter(DENORMALS_FLUSHED);
    volatile float flushed = least * 0.5F;
    arithmetic_leave(mode);
    volatile float restored = least * 0.5F;
    assert_false(flushed > 0);
    assert_true(restored > 0);
}

static void test_the_host_gets_its_mode_back(void **state)
{
    (void)state;
    if (getenv("FOVEA_VALGRIND") != NULL) {
        skip(); /* valgrind always rounds to nearest */
    }
    const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(fesetround(modes[i]), 0);
        feclearexcept(FE_ALL_EXCEPT);
        struct arithmetic mode = arithmetic_enter(DENORMALS_KEPT);
        volatile float one = 1.0F, tiny = 0x1p-30F, up = one + tiny, down = one - tiny * tiny;
        int            inside = fegetround();
        arithmetic_leave(mode);
        int after = fegetround(), raised = fetestexcept(FE_ALL_EXCEPT);
        fesetround(FE_TONEAREST);
        assert_int_equal(inside, FE_TONEAREST);
        assert_true(up == one && down == one);
        assert_int_equal(after, modes[i]);
        assert_int_equal(raised, 0); /* inexact results in between do not reach the host's flags */
    }
}

/* ---- control groups --------------------------------------------------------------------------------------------- */

static void put(void **state, const char *name, const char *content)
{
    const char *path = folder_path(state, name);
    char        above[1024];
    snprintf(above, sizeof above, "%s", path);
    *strrchr(above, '/') = '\0';
    assert_int_equal(file_make_directories(above, NULL), FOV_OK);
    assert_int_equal(file_write(path, content, strlen(content), NULL, NULL), FOV_OK);
}

static void check_group(void **state, const char *self, const char *mount, double processors, size_t memory)
{
    double found = cgroup_processors(folder_path(state, self), folder_path(state, mount));
    assert_true(found > processors - 1e-9 && found < processors + 1e-9);
    assert_int_equal(cgroup_memory(folder_path(state, self), folder_path(state, mount)), memory);
}

static void test_control_groups(void **state)
{
    /* Version 2: our own group has no limit, the group above it has. */
    put(state, "self2", "0::/user/job\n");
    put(state, "v2/user/job/cpu.max", "max 100000\n");
    put(state, "v2/user/job/memory.max", "max\n");
    put(state, "v2/user/cpu.max", "150000 100000\n");
    put(state, "v2/user/memory.max", "1073741824\n");
    check_group(state, "self2", "v2", 1.5, 1073741824);
    put(state, "v2/user/job/cpu.max", "50000 100000\n");
    put(state, "v2/user/job/memory.max", "1048576\n");
    check_group(state, "self2", "v2", 0.5, 1048576);

    /* In a container: the path of our group does not exist below the mount point, which is our group itself. */
    put(state, "self2c", "0::/../../kubepods/pod1\n");
    put(state, "v2c/cpu.max", "200000 100000\n");
    put(state, "v2c/memory.max", "2097152\n");
    check_group(state, "self2c", "v2c", 2, 2097152);

    /* Version 1: a tree per controller; -1, or nearly 2^63, means no limit. */
    put(state, "self1", "12:cpuset:/\n4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n1:name=systemd:/\n");
    put(state, "v1/cpu/docker/abc/cpu.cfs_quota_us", "250000\n");
    put(state, "v1/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    put(state, "v1/cpu/cpu.cfs_quota_us", "-1\n");
    put(state, "v1/cpu/cpu.cfs_period_us", "100000\n");
    put(state, "v1/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
    check_group(state, "self1", "v1", 2.5, 0);
    put(state, "v1/memory/memory.limit_in_bytes", "536870912\n");
    check_group(state, "self1", "v1", 2.5, 536870912);

    /* Missing files, and nonsense in them. */
    check_group(state, "nowhere", "v2", 0, 0);
    put(state, "nonsense", "0\n:::\n\n0::\n4:cpu");
    put(state, "odd/cpu.max", "fast\n");
    put(state, "odd/memory.max", "-5\n");
    check_group(state, "nonsense", "odd", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_and_names),
        cmocka_unit_test(test_levels_agree_with_the_kernel),
        cmocka_unit_test(test_the_machine_is_described),
        cmocka_unit_test(test_denormals),
        cmocka_unit_test(test_the_host_gets_its_mode_back),
        cmocka_unit_test_setup_teardown(test_control_groups, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
