/* SPDX-License-Identifier: Apache-2.0 */
#include "arch.h"

#include <stdio.h>
#include <string.h>

#include "fail.h"

enum {
    OLDEST = 80, /* mma.sync on bf16, cp.async */
    FIRST_SUFFIX_A = 90,
    FIRST_SUFFIX_F = 100,
    LARGEST = 999,
};

/* Dynamic shared memory that a block may opt in to: what an SM has, less 1 KiB that the system
   keeps (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"). */
static int shared_bytes_per_block(int number)
{
    switch (number) {
    case 80:
    case 87:
        return 163 * 1024;
    case 90:
    case 100:
    case 101:
    case 103:
    case 110:
        return 227 * 1024;
    default: /* 86, 89, 120, 121, and the least that a later one could have */
        return 99 * 1024;
    }
}

static stile_arch make_arch(int number, char suffix)
{
    stile_arch arch = {
        .number = number,
        .suffix = suffix,
        .shared_bytes_per_block = shared_bytes_per_block(number),
    };
    snprintf(arch.name, sizeof arch.name, "sm_%d%.1s", number, &suffix);
    return arch;
}

int stile_arch_parse(stile_arch *out, const char *name)
{
    const char *c = name;
    int number = 0;
    if (strncmp(c, "sm_", 3) == 0)
        for (c += 3; *c >= '0' && *c <= '9' && number <= LARGEST; c++)
            number = number * 10 + *c - '0';
    char suffix = *c;
    if (suffix)
        c++;
    if (*c || number < 10 || number > LARGEST || name[3] == '0' ||
        (suffix && suffix != 'a' && suffix != 'f'))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "'%.40s' is not an architecture: write it as sm_80 or sm_90a", name);
    if (number < OLDEST)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s is too old: the kernels need sm_80 (Ampere) or later", name);
    if (suffix && number < (suffix == 'a' ? FIRST_SUFFIX_A : FIRST_SUFFIX_F))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "'%s' does not exist: the suffix %c starts with sm_%d%c", name, suffix,
                          suffix == 'a' ? FIRST_SUFFIX_A : FIRST_SUFFIX_F, suffix);
    *out = make_arch(number, suffix);
    return 0;
}

int stile_arch_of_device(stile_arch *out, int major, int minor)
{
    if (major < 1 || major > LARGEST / 10 || minor < 0 || minor > 9)
        return stile_fail(STILE_ERROR_ARGUMENT, "compute capability %d.%d does not exist", major,
                          minor);
    int number = major * 10 + minor;
    if (number < OLDEST)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "compute capability %d.%d is too old: the kernels need 8.0 (Ampere) or "
                          "later",
                          major, minor);
    *out = make_arch(number, number == 90 ? 'a' : '\0');
    return 0;
}

stile_mma_rate stile_arch_mma_rate(const stile_arch *arch)
{
    static const struct {
        int number;
        stile_mma_rate rate;
    } known[] = {
        {80, {2048, 2048}}, {86, {1024, 1024}},  {87, {2048, 2048}},  {89, {1024, 1024}},
        {90, {2048, 4096}}, {100, {2048, 8192}}, {120, {1024, 1024}},
    };
    stile_mma_rate rate = known[0].rate;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].number <= arch->number)
            rate = known[i].rate;
    return rate;
}
