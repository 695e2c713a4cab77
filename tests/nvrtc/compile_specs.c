/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles every kernel of every spec and variant in specs/ to cubin for every architecture, and
 * checks that every template is among them and that no kernel spills registers. Equal sources
 * are compiled once for each architecture. Exits 77 without NVRTC.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stile/error.h>

#include "compile.h"
#include "embedded.h"
#include "gradient.h"
#include "kernel.h"
#include "parallel.h"

enum { SKIPPED = 77, MAX_JOBS = 8192, PATH_BYTES = 4096 };

/* ptxas may spill a few registers on purpose, where that lets one more block run on an SM. */
enum { MAX_SPILL_BYTES = 16 };

static const char *const arch_names[] = {"sm_80",  "sm_86",  "sm_89", "sm_90",
                                         "sm_90a", "sm_100", "sm_120"};
enum { ARCH_COUNT = sizeof arch_names / sizeof arch_names[0] };

/* One distinct source for one architecture. */
typedef struct job {
    stile_arch arch;
    const char *variant, *kernel, *source;
    char *problem; /* NULL: none */
} job;

typedef struct jobs {
    stile_arena *arena;
    job *items;
    int count, rendered;
} jobs;

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void add_job(jobs *all, const stile_config *config, const stile_arch *arch,
                    stile_kernel_role role)
{
    stile_kernel kernel;
    if (stile_kernel_render(&kernel, all->arena, config, arch, role))
        stop(config->name, stile_last_error());
    all->rendered++;
    for (int i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].arch.name, arch->name) == 0 &&
            strcmp(all->items[i].source, kernel.source) == 0)
            return;
    }
    if (all->count == MAX_JOBS)
        stop("specs/", "more kernels than this test has room for");
    all->items[all->count++] = (job){
        *arch, stile_arena_strdup(all->arena, config->name), kernel.name, kernel.source, NULL};
}

/* The fused kernel, where there is one. */
static void add_fused(jobs *all, const stile_config *config, const stile_arch *arch)
{
    stile_config fused = *config;
    stile_gemm_schedule gemm;
    if (stile_gemm_schedule_choose(&gemm, config, arch) || !stile_can_fuse(config, &gemm))
        return;
    fused.schedule.region = 2;
    add_job(all, &fused, arch, STILE_KERNEL_FUSED);
}

/* What training needs besides the kernels of forward plans. */
static void add_training(jobs *all, const stile_config *config, const stile_arch *arch)
{
    stile_training_kernel *kernels;
    int count;
    if (stile_training_kernels(&kernels, &count, all->arena, config))
        stop(config->name, stile_last_error());
    for (int i = 0; i < count; i++)
        add_job(all, kernels[i].config, arch, kernels[i].role);
}

static void add_spec(jobs *all, const char *path)
{
    stile_spec *spec = NULL;
    if (stile_spec_load(&spec, path, NULL))
        stop(path, stile_last_error());
    for (size_t variant = 0; variant < spec->variant_count; variant++) {
        const stile_config *config = &spec->variants[variant];
        for (int a = 0; a < ARCH_COUNT; a++) {
            stile_arch arch;
            if (stile_arch_parse(&arch, arch_names[a]))
                stop(arch_names[a], stile_last_error());
            const bool scaled = stile_type_is_scaled(config->precision.encoded);
            if (scaled && strcmp(arch.name, "sm_90a") != 0)
                continue; /* refused there */
            for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++)
                add_job(all, config, &arch, (stile_kernel_role)role);
            if (!scaled)
                add_training(all, config, &arch);
            add_fused(all, config, &arch);
        }
    }
    stile_spec_destroy(&spec);
}

static void add_folder(jobs *all, const char *folder)
{
    DIR *directory = opendir(folder);
    if (!directory)
        stop(folder, "cannot be read");
    for (const struct dirent *entry; (entry = readdir(directory));) {
        const char *dot = strrchr(entry->d_name, '.');
        char path[PATH_BYTES + sizeof entry->d_name];
        if (!dot || strcmp(dot, ".yaml") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        add_spec(all, path);
    }
    closedir(directory);
}

/* Whether the log reports more than MAX_SPILL_BYTES of spill stores or loads. */
static bool spills(const char *log)
{
    for (const char *c = log; (c = strstr(c, " bytes spill")); c++) {
        const char *number = c;
        while (number > log && number[-1] >= '0' && number[-1] <= '9')
            number--;
        if (atoi(number) > MAX_SPILL_BYTES)
            return true;
    }
    return false;
}

static void compile(void *user, int64_t index)
{
    job *j = &((jobs *)user)->items[index];
    stile_cubin cubin = {0};
    int error = stile_compile(&cubin, j->kernel, j->source, &j->arch);
    if (error)
        j->problem = strdup(stile_last_error());
    else if (cubin.log && spills(cubin.log))
        j->problem = strdup(cubin.log);
    else if (!cubin.log || !strstr(cubin.log, "registers"))
        j->problem = strdup("the log does not say how many registers are used");
    stile_cubin_free(&cubin);
}

/* Whether some source has a part made from the kernel template `name`. */
static bool is_rendered(const jobs *all, const char *name)
{
    char marker[256];
    snprintf(marker, sizeof marker, "// --- %s ---\n", name);
    for (int i = 0; i < all->count; i++) {
        if (strstr(all->items[i].source, marker))
            return true;
    }
    return false;
}

static int unused_templates(const jobs *all)
{
    int unused = 0;
    for (size_t i = 0; i < stile_embedded_template_count; i++) {
        const char *name = stile_embedded_templates[i].name;
        if (is_rendered(all, name))
            continue;
        fprintf(stderr, "%s: no spec in specs/ renders this template\n", name);
        unused++;
    }
    return unused;
}

/* Leaves out the architectures that this NVRTC does not know. */
static void keep_known(jobs *all, const stile_nvrtc_info *nvrtc)
{
    int kept = 0;
    for (int i = 0; i < all->count; i++) {
        for (int k = 0; k < nvrtc->architecture_count; k++) {
            if (nvrtc->architectures[k] == all->items[i].arch.number) {
                all->items[kept++] = all->items[i];
                break;
            }
        }
    }
    if (kept < all->count)
        printf("NVRTC %d.%d does not know every architecture: %d of %d sources are left out\n",
               nvrtc->major, nvrtc->minor, all->count - kept, all->count);
    all->count = kept;
}

int main(void)
{
    const char *root = getenv("STILE_TEST_SOURCE");
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s/specs", root ? root : ".");

    stile_nvrtc_info nvrtc;
    jobs all = {.arena = stile_arena_create(), .items = calloc(MAX_JOBS, sizeof *all.items)};
    if (!all.arena || !all.items)
        stop("compile_specs", "out of memory");
    add_folder(&all, folder);
    int problems = unused_templates(&all);
    if (stile_nvrtc_describe(&nvrtc)) {
        fprintf(stderr, "%s\n", stile_last_error());
        return problems ? 1 : SKIPPED;
    }
    keep_known(&all, &nvrtc);
    stile_parallel_for(0, all.count, compile, &all);

    for (int i = 0; i < all.count; i++) {
        const job *j = &all.items[i];
        if (!j->problem)
            continue;
        fprintf(stderr, "%s, %s for %s:\n%s\n", j->variant, j->kernel, j->arch.name, j->problem);
        free(j->problem);
        problems++;
    }
    printf("%d kernels, %d different sources compiled with NVRTC %d.%d, %d problems\n",
           all.rendered, all.count, nvrtc.major, nvrtc.minor, problems);
    stile_arena_destroy(&all.arena);
    free(all.items);
    return problems ? 1 : 0;
}
