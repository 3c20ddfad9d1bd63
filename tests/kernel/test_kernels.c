/* SPDX-License-Identifier: MIT */
/* Every kernel of the list on every instruction set of this machine, against the reference version, in guarded buffers.
 * The cases are in cases_*.c; this file only enumerates them. With --hashes LEVEL it runs one instruction set and
 * prints a hash of each kernel's results, for tools/check-bits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

struct run {
    const struct kernel_table *table;
    void (*check)(const struct kernel_table *table);
    int  elementwise; /* 0: check; 1: unary; 2: binary */
    int  function;
};

enum {
    KERNELS = 0
#define KERNEL(result, name, parameters) +1
#include "kernel/list.inc"
    ,
    RUNS = CPU_LEVEL_COUNT * (KERNELS + UNARY_COUNT + BINARY_COUNT)
};

static struct run        runs[RUNS];
static char              names[RUNS][64];
static struct CMUnitTest tests[RUNS];
static size_t            count;
static const char       *hashes; /* the level whose hashes are printed; NULL: all levels run, none are */

/* The same numbers for a kernel on every level and machine: FNV-1a of its name. */
static uint64_t seed_of(const char *name)
{
    uint64_t seed = 14695981039346656037u;
    for (; *name != '\0'; name++) {
        seed = (seed ^ (uint8_t)*name) * 1099511628211u;
    }
    return seed;
}

static void run_case(void **state)
{
    const struct run *run = *state;
    random_seed(seed_of(strchr(names[run - runs], '/')));
    guard_hash();
    if (run->elementwise == 1) {
        case_unary(run->table, (enum unary)run->function);
    } else if (run->elementwise == 2) {
        case_binary(run->table, (enum binary)run->function);
    } else {
        run->check(run->table);
    }
    guard_release_all();
    if (hashes) {
        printf("hash %s %016" PRIx64 "\n", names[run - runs], guard_hash());
    }
}

static void add(struct run run, const char *name)
{
    runs[count] = run;
    snprintf(names[count], sizeof names[count], "%s/%s", run.table->name, name);
    tests[count] = (struct CMUnitTest){
        .name = names[count], .test_func = run_case, .initial_state = &runs[count]};
    count++;
}

int main(int argc, char **argv)
{
    hashes = argc == 3 && strcmp(argv[1], "--hashes") == 0 ? argv[2] : NULL;
    for (int level = 0; level < CPU_LEVEL_COUNT; level++) {
        const struct kernel_table *table = kernel_table_for((enum cpu_level)level);
        if (hashes && strcmp(hashes, cpu_level_name((enum cpu_level)level)) != 0) {
            continue;
        }
        if (!table || !cpu_has((enum cpu_level)level)) {
            printf("level %s: %s\n", cpu_level_name((enum cpu_level)level),
                   table ? "this machine has it not" : "not built");
            continue;
        }
#define KERNEL(result, name, parameters) add((struct run){table, case_##name, 0, 0}, #name);
#define UNARY(name, reads, formula, derivative) add((struct run){table, NULL, 1, UNARY_##name}, "unary " #name);
#define BINARY(name, formula) add((struct run){table, NULL, 2, BINARY_##name}, "binary " #name);
#include "kernel/list.inc"
    }
    return _cmocka_run_group_tests("kernels", tests, count, NULL, NULL);
}
