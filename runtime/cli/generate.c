/* SPDX-License-Identifier: Apache-2.0 */
/* stile generate: the CUDA source of a spec's kernels, without a GPU or compiler. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "fail.h"
#include "gradient.h"
#include "inputs.h"
#include "output.h"

typedef struct request {
    const char *directory;
    stile_arch arch;
    bool json_wanted, training;
    stile_text text;
    stile_json json;
} request;

/* Creates `path` and its missing parents. */
static bool make_directories(char *path)
{
    for (char *slash = path + 1;; slash++) {
        slash = strchr(slash, '/');
        if (slash)
            *slash = '\0';
        bool ok = mkdir(path, 0777) == 0 || errno == EEXIST;
        if (slash)
            *slash = '/';
        if (!ok || !slash)
            return ok;
    }
}

/* A variant's name as the name of a directory: what is not [A-Za-z0-9_.=-] becomes '_'. */
static char *safe_name(stile_arena *arena, const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.=-";
    char *safe = stile_arena_strdup(arena, name);
    for (char *c = safe; c && *c; c++) {
        if (!strchr(allowed, *c))
            *c = '_';
    }
    return safe;
}

static int write_kernel(request *r, stile_arena *arena, const stile_config *config,
                        const char *directory, const stile_kernel *kernel)
{
    const char *path = stile_arena_printf(arena, "%s/%s.cu", directory, kernel->name);
    if (!path) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    int result = stile_write_file(path, kernel->source, strlen(kernel->source));
    if (result)
        return result;
    if (!r->json_wanted) {
        stile_text_appendf(&r->text, "%s\n", path);
        return STILE_EXIT_OK;
    }
    stile_json_begin_object(&r->json, NULL);
    stile_json_string(&r->json, "variant", config->name);
    stile_json_string(&r->json, "kernel", kernel->name);
    stile_json_string(&r->json, "entry", kernel->entry);
    stile_json_string(&r->json, "arch", r->arch.name);
    stile_json_string(&r->json, "path", path);
    stile_json_int(&r->json, "threads", kernel->threads_x * kernel->threads_y);
    stile_json_int(&r->json, "shared_bytes", kernel->shared_bytes);
    stile_json_end_object(&r->json);
    return STILE_EXIT_OK;
}

static int visit(void *user, const stile_config *config)
{
    request *r = user;
    stile_arena *arena = stile_arena_create();
    char *name = arena ? safe_name(arena, config->name) : NULL;
    char *directory = name ? stile_arena_printf(arena, "%s/%s", r->directory, name) : NULL;
    stile_kernel kernels[STILE_KERNEL_ROLE_COUNT];
    stile_kernel_role roles[STILE_KERNEL_ROLE_COUNT];
    int role_count = stile_forward_roles(roles, &config->schedule);
    stile_training_kernel *training = NULL;
    stile_kernel *extra = NULL;
    int training_count = 0;
    int result = STILE_EXIT_OK;
    if (!directory) {
        stile_print_error("out of memory");
        result = STILE_EXIT_FAILURE;
    }
    /* All or nothing: a kernel that is refused leaves no folder with the others. */
    for (int i = 0; i < role_count && !result; i++) {
        int error = stile_kernel_render(&kernels[i], arena, config, &r->arch, roles[i]);
        result = error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
    }
    if (!result && r->training) {
        int error = stile_training_kernels(&training, &training_count, arena, config);
        extra = error ? NULL : stile_arena_array(arena, (size_t)training_count, sizeof *extra);
        if (!extra)
            result = stile_report_failure(error ? error : stile_fail_memory(), NULL);
    }
    for (int i = 0; i < training_count && !result; i++) {
        int error = stile_kernel_render(&extra[i], arena, training[i].config, &r->arch,
                                        training[i].role);
        extra[i].name = training[i].name;
        result = error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
    }
    if (!result && !make_directories(directory)) {
        stile_print_error("%s: cannot be created: %s", directory, strerror(errno));
        result = STILE_EXIT_USAGE;
    }
    for (int i = 0; i < role_count && !result; i++)
        result = write_kernel(r, arena, config, directory, &kernels[i]);
    for (int i = 0; i < training_count && !result; i++)
        result = write_kernel(r, arena, config, directory, &extra[i]);
    stile_arena_destroy(&arena);
    return result;
}

static int run(const stile_arguments *arguments)
{
    if (!stile_argument_required(arguments, "output"))
        return STILE_EXIT_USAGE;
    request r = {
        .directory = stile_argument(arguments, "output"),
        .json_wanted = stile_flag(arguments, "json"),
        .training = stile_flag(arguments, "training"),
    };
    r.json.text = &r.text;
    stile_spec *spec = NULL;
    int result = stile_input_arch(arguments, "sm_90a", &r.arch);
    if (!result)
        result = stile_input_spec(&spec, arguments->operands[0], NULL);
    if (!result) {
        if (r.json_wanted)
            stile_json_begin_array(&r.json, NULL);
        result = stile_each_variant(arguments, arguments->operands[0], spec, visit, &r);
        if (r.json_wanted)
            stile_json_end_array(&r.json);
        int emitted = stile_emit_json(arguments, &r.text);
        result = emitted > result ? emitted : result;
    }
    stile_spec_destroy(&spec);
    return result;
}

static const stile_option options[] = {
    {"arch", 0, "sm_XY", "the GPU architecture, such as sm_80, sm_90a, sm_120; default sm_90a"},
    {"output", 'o', "DIR", "the directory to write into; made where it is missing"},
    STILE_OPTION_TRAINING,
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_generate = {
    .name = "generate",
    .synopsis = "SPEC --arch sm_90a -o DIR",
    .summary = "write the CUDA source of a spec's kernels",
    .text = "Writes DIR/VARIANT/KERNEL.cu for each kernel of each variant and prints the paths.\n"
            "The source is the same to the byte on every machine. Needs no GPU and no compiler.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
