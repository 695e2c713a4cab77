/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "number.h"
#include "output.h"
#include "plan.h"

static void diagnostics_to_json(stile_json *json, int error, const stile_diagnostics *diagnostics)
{
    size_t count = diagnostics ? stile_diagnostics_count(diagnostics) : 0;
    stile_json_bool(json, "ok", !error);
    stile_json_begin_array(json, "errors");
    for (size_t i = 0; i < count; i++) {
        const stile_diagnostic *d = stile_diagnostics_get(diagnostics, i);
        stile_json_begin_object(json, NULL);
        stile_json_string(json, "file", d->file);
        stile_json_int(json, "line", d->line);
        stile_json_int(json, "column", d->column);
        stile_json_int(json, "code", d->code);
        stile_json_string(json, "message", d->message);
        stile_json_end_object(json);
    }
    if (error && count == 0) {
        stile_json_begin_object(json, NULL);
        stile_json_string(json, "message", stile_last_error());
        stile_json_end_object(json);
    }
    stile_json_end_array(json);
}

int stile_input_spec(stile_spec **out, const char *path, stile_json *json)
{
    stile_diagnostics *diagnostics = NULL;
    int error = stile_diagnostics_create(&diagnostics);
    if (!error)
        error = stile_spec_load(out, path, diagnostics);
    if (json)
        diagnostics_to_json(json, error, diagnostics);
    size_t count = diagnostics ? stile_diagnostics_count(diagnostics) : 0;
    int result = stile_exit_of(error);
    if (error && count == 0)
        result = stile_report_failure(error, NULL);
    fflush(stdout);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s\n", stile_diagnostics_get(diagnostics, i)->text);
    stile_diagnostics_destroy(&diagnostics);
    return result;
}

const stile_config *stile_input_variant(const stile_arguments *arguments, const char *path,
                                        const stile_spec *spec)
{
    const stile_config *config = stile_spec_variant(spec, stile_argument(arguments, "variant"));
    if (!config)
        stile_report_failure(STILE_ERROR_ARGUMENT, path);
    return config;
}

int stile_input_specs(stile_spec ***out, const stile_arguments *arguments)
{
    stile_spec **specs = calloc((size_t)arguments->operand_count, sizeof *specs);
    int worst = specs ? STILE_EXIT_OK : STILE_EXIT_FAILURE;
    if (!specs)
        stile_print_error("out of memory");
    for (int i = 0; specs && i < arguments->operand_count; i++) {
        const char *path = arguments->operands[i];
        int result = stile_input_spec(&specs[i], path, NULL);
        if (!result && stile_flag(arguments, "variant") &&
            !stile_input_variant(arguments, path, specs[i])) {
            result = STILE_EXIT_USAGE;
            stile_spec_destroy(&specs[i]);
        }
        worst = result > worst ? result : worst;
    }
    *out = specs;
    return worst;
}

void stile_input_specs_free(stile_spec ***specs, const stile_arguments *arguments)
{
    for (int i = 0; *specs && i < arguments->operand_count; i++)
        stile_spec_destroy(&(*specs)[i]);
    free(*specs);
    *specs = NULL;
}

int stile_each_variant(const stile_arguments *arguments, const char *path, const stile_spec *spec,
                       int (*visit)(void *user, const stile_config *config), void *user)
{
    if (stile_argument(arguments, "variant")) {
        const stile_config *config = stile_input_variant(arguments, path, spec);
        return config ? visit(user, config) : STILE_EXIT_USAGE;
    }
    int worst = STILE_EXIT_OK;
    for (size_t i = 0; i < spec->variant_count; i++) {
        int result = visit(user, &spec->variants[i]);
        worst = result > worst ? result : worst;
    }
    return worst;
}

/* Reads one of M, K, N up to `end`. */
static bool parse_extent(const char **text, char end, int64_t *out)
{
    char digits[16];
    size_t length = strcspn(*text, "xX*,");
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    if (!stile_parse_int64(digits, out) || *out < 1 || *out > STILE_MAX_EXTENT)
        return false;
    *text += length;
    bool ended = end == 'x' ? **text == 'x' || **text == 'X' || **text == '*'
                            : **text == '\0' || **text == ',';
    bool more = **text == ',';
    *text += ended && **text;
    return ended && !(more && !**text); /* no comma at the end of the list */
}

bool stile_input_shapes(const stile_arguments *arguments, const stile_config *config,
                        stile_arena *arena, const stile_shape **out, size_t *count)
{
    const char *text = stile_argument(arguments, "shape");
    if (!text) {
        *out = config ? config->shapes : NULL;
        *count = config ? config->shape_count : 0;
        return true;
    }
    stile_shape *shapes = stile_arena_array(arena, strlen(text) + 1, sizeof *shapes);
    if (!shapes) {
        stile_print_error("out of memory");
        return false;
    }
    size_t found = 0;
    const char *rest = text;
    do {
        stile_shape *shape = &shapes[found++];
        if (!parse_extent(&rest, 'x', &shape->M) || !parse_extent(&rest, 'x', &shape->K) ||
            !parse_extent(&rest, ',', &shape->N)) {
            stile_print_error("--shape is '%s', but must be MxKxN, or several with commas between "
                              "them: 8192x2048x5632,4096x4096x4096 (each side from 1 to %d)",
                              text, STILE_MAX_EXTENT);
            return false;
        }
    } while (*rest);
    *out = shapes;
    *count = found;
    return true;
}

bool stile_input_rows_per_group(const stile_arguments *arguments, const stile_shape *shapes,
                                size_t count, int64_t *out)
{
    int64_t rows_per_group = 0;
    if (!stile_argument_int(arguments, "rows-per-group", 1, INT32_MAX, &rows_per_group))
        return false;
    for (size_t i = 0; rows_per_group && i < count; i++) {
        if (shapes[i].M % rows_per_group) {
            stile_print_error("M = %" PRId64 " is not a multiple of --rows-per-group %" PRId64
                              ": every group must be whole",
                              shapes[i].M, rows_per_group);
            return false;
        }
    }
    *out = rows_per_group;
    return true;
}

bool stile_input_check_shapes(const stile_arguments *arguments)
{
    const stile_shape *shapes;
    size_t count;
    int64_t rows_per_group;
    stile_arena *arena = stile_arena_create();
    if (!arena)
        stile_print_error("out of memory");
    bool ok = arena && stile_input_shapes(arguments, NULL, arena, &shapes, &count) &&
              stile_input_rows_per_group(arguments, shapes, count, &rows_per_group);
    stile_arena_destroy(&arena);
    return ok;
}

int stile_input_arch(const stile_arguments *arguments, const char *fallback, stile_arch *out)
{
    const char *name = stile_argument(arguments, "arch");
    int error = stile_arch_parse(out, name ? name : fallback);
    if (!error)
        return STILE_EXIT_OK;
    stile_report_failure(error, "--arch");
    return STILE_EXIT_USAGE;
}

void stile_print_log(void *user, stile_log_level level, const char *message)
{
    if ((intptr_t)level <= (intptr_t)user)
        stile_print_note("%s", message);
}

void *stile_log_user(void)
{
    static const char *const names[] = {
        [STILE_LOG_ERROR] = "error",
        [STILE_LOG_WARNING] = "warning",
        [STILE_LOG_INFO] = "info",
        [STILE_LOG_DEBUG] = "debug",
    };
    const char *name = getenv("STILE_LOG");
    if (!name || !*name)
        name = names[STILE_LOG_WARNING];
    for (intptr_t level = STILE_LOG_ERROR; level <= STILE_LOG_DEBUG; level++) {
        if (strcmp(name, names[level]) == 0)
            return (void *)level;
    }
    stile_print_note("STILE_LOG is \"%s\", not error, warning, info or debug; taken as warning",
                     name);
    return (void *)(intptr_t)STILE_LOG_WARNING;
}

/* Reads "auto", "cuda", "cuda:1" or "cpu". */
static bool parse_device(const char *text, int *device, bool *automatic)
{
    *automatic = strcmp(text, "auto") == 0;
    *device = strcmp(text, "cpu") == 0 ? STILE_DEVICE_CPU : 0;
    if (*automatic || *device == STILE_DEVICE_CPU || strcmp(text, "cuda") == 0)
        return true;
    int64_t ordinal;
    if (strncmp(text, "cuda:", 5) != 0 || !stile_parse_int64(text + 5, &ordinal) || ordinal < 0 ||
        ordinal > 1023)
        return false;
    *device = (int)ordinal;
    return true;
}

int stile_input_context(const stile_arguments *arguments, const char *fallback, stile_context **out,
                        bool *automatic)
{
    const char *text = stile_argument(arguments, "device");
    stile_context_params params = {.log = stile_print_log, .log_user = stile_log_user()};
    if (!parse_device(text ? text : fallback, &params.device, automatic)) {
        stile_print_error("--device is '%s', but must be auto, cuda, cuda:0, cuda:1 … or cpu",
                          text);
        return STILE_EXIT_USAGE;
    }
    int error = stile_context_create(out, &params);
    if (error == STILE_ERROR_UNSUPPORTED && *automatic) {
        stile_print_note("no GPU can be used (stile doctor tells why): computing on the CPU");
        params.device = STILE_DEVICE_CPU;
        error = stile_context_create(out, &params);
    }
    return error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
}

const char *stile_shape_text(stile_arena *arena, const stile_shape *shape)
{
    return stile_arena_printf(arena, "%" PRId64 "×%" PRId64 "×%" PRId64, shape->M, shape->K,
                              shape->N);
}

const char *stile_context_text(stile_arena *arena, const stile_context *context)
{
    if (context->device == STILE_DEVICE_CPU)
        return stile_arena_printf(arena, "CPU (%d thread%s)", context->threads,
                                  context->threads == 1 ? "" : "s");
    return stile_arena_printf(arena, "GPU %d (%s, %s)", context->device, context->device_name,
                              context->arch.name);
}
