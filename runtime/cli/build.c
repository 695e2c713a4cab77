/* SPDX-License-Identifier: Apache-2.0 */
/* stile build: the kernels of specs, compiled for chosen architectures, in one file. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "cache.h"
#include "cache_entry.h"
#include "command.h"
#include "fail.h"
#include "gradient.h"
#include "inputs.h"
#include "output.h"
#include "parallel.h"

enum { MAX_ARCHS = 32 };

/* One kernel to compile. */
typedef struct job {
    const stile_config *config;
    const stile_arch *arch;
    stile_kernel_role role;
    stile_cubin cubin;
    stile_bundle_item item; /* of `cubin` */
    int error;
    char *error_text; /* NULL: memory */
} job;

typedef struct build {
    stile_arch archs[MAX_ARCHS];
    int arch_count;
    stile_spec **specs;
    job *jobs;
    size_t job_count, variant_count;
    stile_arena *arena; /* of configurations that only training needs */
    bool training;
    stile_cache *cache;
    pthread_mutex_t mutex; /* of what follows */
    size_t done;
} build;

/* --- what to build --------------------------------------------------------------------------- */

/* Parses "sm_80,sm_90a"; one that is named twice counts once. Prints what is wrong. */
static bool parse_archs(build *b, const char *text)
{
    for (const char *rest = text; rest;) {
        const char *comma = strchr(rest, ',');
        size_t length = comma ? (size_t)(comma - rest) : strlen(rest);
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)length, rest);
        stile_arch arch;
        int error = stile_arch_parse(&arch, name);
        if (error) {
            stile_report_failure(error, "--arch");
            return false;
        }
        bool known = false;
        for (int i = 0; i < b->arch_count; i++)
            known = known || strcmp(b->archs[i].name, arch.name) == 0;
        if (!known && b->arch_count == MAX_ARCHS) {
            stile_print_error("--arch names more than %d architectures", MAX_ARCHS);
            return false;
        }
        if (!known)
            b->archs[b->arch_count++] = arch;
        rest = comma ? comma + 1 : NULL;
    }
    return true;
}

/* Adds the jobs of one variant. */
static int add_jobs(void *user, const stile_config *config)
{
    build *b = user;
    stile_training_kernel *training = NULL;
    int training_count = 0;
    int error = b->training ? stile_training_kernels(&training, &training_count, b->arena, config)
                            : STILE_OK;
    if (error)
        return stile_report_failure(error, NULL);
    size_t more =
        (size_t)b->arch_count * (size_t)(STILE_KERNEL_ROLE_COUNT + training_count);
    job *jobs = realloc(b->jobs, (b->job_count + more) * sizeof *jobs);
    if (!jobs) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    b->jobs = jobs;
    stile_kernel_role roles[STILE_KERNEL_ROLE_COUNT];
    int role_count = stile_forward_roles(roles, &config->schedule);
    for (int i = 0; i < b->arch_count; i++) {
        for (int j = 0; j < role_count; j++)
            b->jobs[b->job_count++] =
                (job){.config = config, .arch = &b->archs[i], .role = roles[j]};
        for (int j = 0; j < training_count; j++)
            b->jobs[b->job_count++] = (job){.config = training[j].config,
                                            .arch = &b->archs[i],
                                            .role = training[j].role};
    }
    b->variant_count++;
    return STILE_EXIT_OK;
}

static int load_specs(build *b, const stile_arguments *arguments)
{
    int worst = stile_input_specs(&b->specs, arguments);
    for (int i = 0; i < arguments->operand_count && !worst; i++)
        worst = stile_each_variant(arguments, arguments->operands[i], b->specs[i], add_jobs, b);
    return worst;
}

/* --- compiling ------------------------------------------------------------------------------- */

static int compile(build *b, job *j)
{
    stile_arena *arena = stile_arena_create();
    if (!arena)
        return stile_fail_memory();
    stile_kernel kernel;
    stile_cache_entry entry;
    int error = stile_kernel_render(&kernel, arena, j->config, j->arch, j->role);
    if (!error)
        error = stile_cache_entry_init(&entry, kernel.name, kernel.source, j->arch);
    if (!error)
        error = stile_cache_get(b->cache, &j->cubin, kernel.name, kernel.source, j->arch);
    if (!error)
        j->item = (stile_bundle_item){
            .key = entry.key,
            .arch = *j->arch,
            .kernel = stile_kernel_role_name(j->role),
            .data = j->cubin.data,
            .size = j->cubin.size,
        };
    stile_arena_destroy(&arena);
    return error;
}

static void run_job(void *user, int64_t index)
{
    build *b = user;
    job *j = &b->jobs[index];
    j->error = compile(b, j);
    if (j->error)
        j->error_text = strdup(stile_last_error());

    pthread_mutex_lock(&b->mutex);
    b->done++;
    stile_print_progress("%zu of %zu kernels: %s, %s for %s", b->done, b->job_count,
                         j->config->name, stile_kernel_role_name(j->role), j->arch->name);
    pthread_mutex_unlock(&b->mutex);
}

/* Prints each failure once, though several kernels of a variant may share it. */
static int report_failures(const build *b)
{
    int worst = STILE_EXIT_OK;
    const job *last = NULL;
    for (size_t i = 0; i < b->job_count; i++) {
        const job *j = &b->jobs[i];
        if (!j->error)
            continue;
        const char *text = j->error_text ? j->error_text : stile_error_string(j->error);
        if (!last || last->config != j->config || !last->error_text ||
            strcmp(last->error_text, text) != 0)
            stile_print_error("%s for %s: %s", j->config->name, j->arch->name, text);
        last = j;
        int result = stile_exit_of(j->error);
        worst = result > worst ? result : worst;
    }
    return worst;
}

static int compile_all(build *b)
{
    int error = stile_cache_open(&b->cache, NULL, stile_print_log, stile_log_user());
    if (error)
        return stile_report_failure(error, NULL);
    stile_parallel_for(0, (int64_t)b->job_count, run_job, b);
    stile_print_progress("%s", "");
    return report_failures(b);
}

/* --- results --------------------------------------------------------------------------------- */

/* Packs and writes the file; *kernels, *bytes: what it holds. */
static int write_bundle(const build *b, const char *path, size_t *kernels, size_t *bytes)
{
    stile_bundle_item *items = calloc(b->job_count, sizeof *items);
    stile_text text = {0};
    int result;
    if (!items) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    for (size_t i = 0; i < b->job_count; i++)
        items[i] = b->jobs[i].item;
    *kernels = b->job_count;
    int error = stile_bundle_pack(&text, items, kernels);
    *bytes = text.size;
    result =
        error ? stile_report_failure(error, path) : stile_write_file(path, text.data, text.size);
    stile_text_free(&text);
    free(items);
    return result;
}

static void describe_json(const build *b, const char *path, size_t kernels, size_t bytes,
                          stile_json *json)
{
    stile_json_begin_object(json, NULL);
    stile_json_string(json, "path", path);
    stile_json_int(json, "bytes", (int64_t)bytes);
    stile_json_int(json, "kernels", (int64_t)kernels);
    stile_json_begin_array(json, "built");
    for (size_t i = 0; i < b->job_count; i++) {
        const job *j = &b->jobs[i];
        stile_json_begin_object(json, NULL);
        stile_json_string(json, "variant", j->config->name);
        stile_json_string(json, "arch", j->arch->name);
        stile_json_string(json, "kernel", j->item.kernel);
        stile_json_string(json, "key", j->item.key.hex);
        stile_json_int(json, "bytes", (int64_t)j->item.size);
        stile_json_end_object(json);
    }
    stile_json_end_array(json);
    stile_json_end_object(json);
}

static void describe(const build *b, const char *path, size_t kernels, size_t bytes,
                     stile_text *out)
{
    stile_text_appendf(out, "%s: %zu kernels of %zu variant%s for", path, kernels, b->variant_count,
                       b->variant_count == 1 ? "" : "s");
    for (int i = 0; i < b->arch_count; i++)
        stile_text_appendf(out, "%s %s", i ? "," : "", b->archs[i].name);
    stile_text_appendf(out, ", %zu bytes\n", bytes);
}

static int write_results(const build *b, const stile_arguments *arguments)
{
    const char *path = stile_argument(arguments, "output");
    size_t kernels, bytes;
    int result = write_bundle(b, path, &kernels, &bytes);
    if (result)
        return result;
    stile_text text = {0};
    if (!stile_flag(arguments, "json")) {
        describe(b, path, kernels, bytes, &text);
        return stile_emit(&text);
    }
    stile_json json = {.text = &text};
    describe_json(b, path, kernels, bytes, &json);
    return stile_emit_json(arguments, &text);
}

static void free_build(build *b, const stile_arguments *arguments)
{
    for (size_t i = 0; i < b->job_count; i++) {
        stile_cubin_free(&b->jobs[i].cubin);
        free(b->jobs[i].error_text);
    }
    free(b->jobs);
    stile_input_specs_free(&b->specs, arguments);
    stile_cache_close(&b->cache);
    stile_arena_destroy(&b->arena);
    pthread_mutex_destroy(&b->mutex);
}

static int run(const stile_arguments *arguments)
{
    if (!stile_argument_required(arguments, "arch") ||
        !stile_argument_required(arguments, "output"))
        return STILE_EXIT_USAGE;
    build b = {.mutex = PTHREAD_MUTEX_INITIALIZER,
               .arena = stile_arena_create(),
               .training = stile_flag(arguments, "training")};
    int result = STILE_EXIT_USAGE;
    if (!b.arena) {
        stile_print_error("out of memory");
        result = STILE_EXIT_FAILURE;
    } else if (parse_archs(&b, stile_argument(arguments, "arch")) &&
        stile_can_create(arguments, stile_argument(arguments, "output")))
        result = load_specs(&b, arguments);
    if (!result)
        result = compile_all(&b);
    if (!result)
        result = write_results(&b, arguments);
    free_build(&b, arguments);
    return result;
}

static const stile_option options[] = {
    {"arch", 0, "sm_XY[,sm_XY...]",
     "the GPU architectures: sm_80,sm_90a (stile doctor names those\n"
     "of this machine)"},
    {"output", 'o', "FILE.stile", "the bundle to write"},
    {"variant", 0, "NAME", "this variant of each spec alone; default all"},
    STILE_OPTION_TRAINING,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_build = {
    .name = "build",
    .synopsis = "SPEC... --arch sm_80,sm_90a -o FILE.stile",
    .summary = "compile the kernels of specs into a file, for use without NVRTC",
    .text =
        "Compiles every kernel of every variant for each architecture and writes them into one\n"
        "file, a bundle. A program that loads it (stile_context_load_bundle) needs no NVRTC and,\n"
        "with STILE_JIT=off, compiles nothing. Needs NVRTC, but no GPU. The same specs, NVRTC and\n"
        "version of stile give the same file to the byte. Kernels come from the kernel cache\n"
        "where it has them. Nothing is written unless every kernel compiles.",
    .options = options,
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
