/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis import: bases of other programs, as basis files. */
#include "basis_import.h"

#include <string.h>

#include "basis_file.h"
#include "basis_input.h"
#include "describe.h"
#include "inputs.h"
#include "output.h"

enum { SMS, JSON, NUMPY, FORMATS };

static const char *const format_names[] = {"sms", "json", "numpy"};

static const int usual_conventions[] = {0, STILE_CONVENTION_Y_TRANSPOSED,
                                        STILE_CONVENTION_Y_TRANSPOSED};

enum { LONGEST_TEXT = 1024 }; /* of --name and --source */

/* What the command line asks for; `format` is one of the enumeration, `convention` -1 if to be
 * found. */
typedef struct import_request {
    const stile_arguments *arguments;
    int format, convention;
    const char *files[3]; /* one, but for sms */
    const char *stem;     /* of their names, without folder and ending */
} import_request;

static bool ends_with(const char *text, const char *ending)
{
    const size_t size = strlen(text), length = strlen(ending);
    return size >= length && strcmp(text + size - length, ending) == 0;
}

static int find_format(const char *path)
{
    static const struct {
        const char *ending;
        int format;
    } endings[] = {{".sms", SMS}, {".json", JSON}, {".npz", NUMPY}, {".npy", NUMPY}};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (ends_with(path, endings[i].ending))
            return endings[i].format;
    }
    return -1;
}

static int read_format(const stile_arguments *arguments)
{
    const char *word = stile_argument(arguments, "format");
    if (!word) {
        const int format = find_format(arguments->operands[0]);
        if (format < 0)
            stile_print_error("%s: no .sms, .json, .npz or .npy: say what it is with --format",
                              arguments->operands[0]);
        return format;
    }
    for (int i = 0; i < FORMATS; i++) {
        if (strcmp(word, format_names[i]) == 0)
            return i;
    }
    stile_print_error("--format must be sms, json or numpy, not '%s'", word);
    return -1;
}

/* -1 into *out where --as is not given. */
static bool read_convention(const stile_arguments *arguments, int *out)
{
    const char *word = stile_argument(arguments, "as");
    *out = -1;
    for (int i = 0; word && i < STILE_CONVENTION_COUNT; i++) {
        if (strcmp(word, stile_convention_names[i]) == 0)
            *out = i;
    }
    if (!word || *out >= 0)
        return true;
    stile_print_error("--as must be X,W,Y with a t behind each letter whose factor is transposed, "
                      "such as X,W,Yt, not '%s'",
                      word);
    return false;
}

static bool check_text(const stile_arguments *arguments, const char *option)
{
    const char *text = stile_argument(arguments, option);
    bool good = !text || strlen(text) <= LONGEST_TEXT;
    for (; good && text && *text; text++)
        good = (unsigned char)*text >= 0x20 && *text != 0x7f;
    if (!good)
        stile_print_error("--%s must be one line of at most %d bytes", option, LONGEST_TEXT);
    return good;
}

/* The last part of a path up to `ending`, with '_' for control characters. */
static const char *stem_of(stile_arena *arena, const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t size = strlen(base);
    if (ends_with(base, ending))
        size -= strlen(ending);
    char *stem = stile_arena_strndup(arena, base, size);
    for (char *c = stem; c && *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '_';
    }
    return stem && !*stem ? "imported" : stem;
}

/* The files L, R and P: all as given, or found from one of them by its ending. */
static bool find_triple(import_request *out, stile_arena *arena)
{
    static const char *const endings[3] = {"_L.sms", "_R.sms", "_P.sms"};
    const stile_arguments *arguments = out->arguments;
    const char *first = arguments->operands[0];
    if (arguments->operand_count == 2) {
        stile_print_error("two .sms files are given, but a basis has three: L, R and P");
        return false;
    }
    for (int i = 0; arguments->operand_count == 3 && i < 3; i++) {
        out->files[i] = arguments->operands[i];
        for (int j = 0; j < 3; j++) {
            if (i != j && ends_with(out->files[i], endings[j])) {
                stile_print_error("%s stands in place %d of L, R, P: put the files in this order",
                                  out->files[i], i + 1);
                return false;
            }
        }
    }
    for (int i = 0; i < 3; i++) {
        if (!ends_with(first, endings[i]))
            continue;
        const int length = (int)(strlen(first) - strlen(endings[i]));
        out->stem = stem_of(arena, first, endings[i]);
        bool found = out->stem != NULL;
        for (int j = 0; arguments->operand_count == 1 && j < 3; j++) {
            out->files[j] = stile_arena_printf(arena, "%.*s%s", length, first, endings[j]);
            found &= out->files[j] != NULL;
        }
        if (!found)
            stile_print_error("out of memory");
        return found;
    }
    out->stem = stem_of(arena, first, ".sms");
    if (arguments->operand_count == 1)
        stile_print_error("%s ends neither in _L.sms nor in _R.sms or _P.sms: name the files L, R "
                          "and P",
                          first);
    return arguments->operand_count == 3;
}

static bool read_request(import_request *out, stile_arena *arena, const stile_arguments *arguments)
{
    const char *first = arguments->operands[0];
    *out = (import_request){.arguments = arguments};
    if (!check_text(arguments, "name") || !check_text(arguments, "source") ||
        !read_convention(arguments, &out->convention))
        return false;
    out->format = read_format(arguments);
    if (out->format < 0)
        return false;
    if (out->format != NUMPY && stile_flag(arguments, "entry")) {
        stile_print_error("--entry names an array of an .npz file, but %s is read as %s", first,
                          format_names[out->format]);
        return false;
    }
    if (out->format == SMS)
        return find_triple(out, arena);
    if (arguments->operand_count > 1) {
        stile_print_error("%s: only .sms files come in threes", arguments->operands[1]);
        return false;
    }
    out->files[0] = first;
    out->stem = stem_of(arena, first, strrchr(first, '.') ? strrchr(first, '.') : "");
    return true;
}

/* Reads the coefficients in the order of the files; an exit code. */
static int read_files(const import_request *request, stile_arena *arena, stile_basis **out)
{
    stile_import_source sources[3];
    stile_diagnostics *diagnostics = NULL;
    int error = stile_diagnostics_create(&diagnostics);
    for (int i = 0; i < (request->format == SMS ? 3 : 1) && diagnostics; i++) {
        const int failed =
            stile_import_source_read(&sources[i], arena, request->files[i], diagnostics);
        error = error ? error : failed;
    }
    if (!error) {
        switch (request->format) {
        case SMS:
            error = stile_basis_import_sms(out, arena, sources, diagnostics);
            break;
        case JSON:
            error = stile_basis_import_json(out, arena, sources, diagnostics);
            break;
        default:
            error = stile_basis_import_numpy(
                out, arena, sources, stile_argument(request->arguments, "entry"), diagnostics);
        }
    }
    return stile_report_diagnostics(error, &diagnostics);
}

/* Says under which convention the basis is exact, or refuses it; an exit code. */
static int choose_convention(const import_request *request, stile_arena *arena,
                             const stile_basis *read, stile_basis **out)
{
    const char *file = request->files[0], *format = format_names[request->format];
    const int usual = usual_conventions[request->format];
    const int wanted = request->convention;
    int exact, chosen = wanted;
    stile_basis_metrics metrics;
    int error = stile_basis_find_convention(&exact, read, wanted < 0 ? usual : wanted);
    if (!error && wanted < 0)
        chosen = exact < 0 ? usual : exact;
    if (!error)
        error = stile_basis_under_convention(out, arena, read, chosen);
    if (!error)
        error = stile_basis_measure(*out, &metrics);
    if (error)
        return stile_report_failure(error, NULL);

    const char *name = stile_convention_names[chosen];
    const char *loss = stile_human_number(arena, metrics.error, 3);
    const char *base_case = stile_base_case_text(arena, read);
    if (exact < 0 && wanted < 0) {
        stile_print_error(
            "%s: no convention makes this %s exact (as %s, which is usual for %s, its "
            "error is %s): import it as an inexact basis with --as and the convention",
            file, base_case, name, format, loss);
        return STILE_EXIT_CHECK_FAILED;
    }
    const char *growth = stile_human_number(arena, metrics.growth, 4);
    if (exact == chosen)
        stile_print_note("%s: %s, exact as %s%s%s, growth %s", file, base_case, name,
                         chosen == usual ? ", which is usual for " : ", though not usual for ",
                         format, growth);
    else if (exact >= 0)
        stile_print_note("%s: %s, error %s as %s, growth %s; it would be exact as %s", file,
                         base_case, loss, name, growth, stile_convention_names[exact]);
    else
        stile_print_note("%s: %s, error %s as %s, growth %s; no convention makes it exact", file,
                         base_case, loss, name, growth);
    (*out)->source = stile_arena_printf(arena, "imported from %s, read as %s", request->stem, name);
    return STILE_EXIT_OK;
}

/* Gives the basis its name and source: those asked for, else those of the file. */
static bool name_basis(const import_request *request, const stile_basis *read, stile_basis *basis)
{
    const char *name = stile_argument(request->arguments, "name");
    const char *source = stile_argument(request->arguments, "source");
    basis->name = name ? name : *read->name ? read->name : request->stem;
    if (source || *read->source)
        basis->source = source ? source : read->source;
    return basis->name && basis->source;
}

static int run(const stile_arguments *arguments)
{
    const char *path = stile_argument(arguments, "output");
    stile_arena *arena = stile_arena_create();
    import_request request;
    stile_basis *read = NULL, *basis = NULL;
    stile_text text = {0};
    int result = STILE_EXIT_USAGE;
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    if ((path && !stile_can_create(arguments, path)) || !read_request(&request, arena, arguments))
        goto done;
    result = read_files(&request, arena, &read);
    if (!result)
        result = choose_convention(&request, arena, read, &basis);
    if (result)
        goto done;
    if (name_basis(&request, read, basis))
        stile_basis_file_print(&text, basis);
    else
        text.failed = true;
    if (text.failed) {
        stile_print_error("out of memory");
        result = STILE_EXIT_FAILURE;
    } else {
        result = path ? stile_write_file(path, text.data, text.size) : stile_emit(&text);
    }
done:
    stile_text_free(&text);
    stile_arena_destroy(&arena);
    return result;
}

static const stile_option options[] = {
    {"output", 'o', "FILE", "the basis file to write; default: stdout"},
    {"format", 0, "FORMAT", "sms, json or numpy; default: by the file's ending"},
    {"as", 0, "CONVENTION", "X,W,Y with a t behind each letter whose factor is transposed"},
    {"entry", 0, "NAME", "the array of an .npz file that holds the factors"},
    {"name", 0, "NAME", "the name of the basis; default: the file's"},
    {"source", 0, "TEXT", "where the basis comes from; default: what the file says, or its name"},
    {NULL},
};

const stile_command stile_command_basis_import = {
    .name = "basis import",
    .synopsis = "FILE [R.sms P.sms] [-o FILE]",
    .summary = "a basis of another program, as a basis file",
    .text =
        "Reads plinopt's .sms files (L, R and P, or one of NAME_L.sms, NAME_R.sms, NAME_P.sms),\n"
        "JSON with n, m, u, v and w, or NumPy arrays (.npz, .npy). Factors may belong to tiles\n"
        "or to transposed tiles: the convention that makes the basis exact is found and named.\n"
        "Where none does, the basis is refused unless --as says how to read it.",
    .options = options,
    .min_operands = 1,
    .max_operands = 3,
    .run = run,
};
