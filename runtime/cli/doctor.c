/* SPDX-License-Identifier: Apache-2.0 */
/* stile doctor: what was found, what is missing, what does not fit, and what to do next. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stile/version.h>

#include "arch.h"
#include "cache_location.h"
#include "command.h"
#include "cublaslt.h"
#include "driver.h"
#include "json.h"
#include "nvml.h"
#include "nvrtc.h"
#include "output.h"
#include "parallel.h"
#include "table.h"

typedef enum finding_state { FINDING_OK, FINDING_MISSING, FINDING_PROBLEM } finding_state;

static const char *const state_names[] = {"ok", "missing", "problem"};

typedef struct report {
    stile_arena *arena;
    stile_table table;
    stile_json json;
    stile_text json_text;
    bool gpu_blocked;           /* something that a run on a GPU needs is missing or does not fit */
    const char *advice;         /* the first thing to mend */
    const stile_driver *driver; /* NULL: none */
    int driver_version;         /* 13000 for CUDA 13.0 */
    stile_arch arch;            /* of the first GPU that can be used; number 0: none */
} report;

/* One line of the report. `advice` (or NULL) counts where the state is not ok. */
static void find(report *r, const char *name, finding_state state, const char *text,
                 const char *advice)
{
    stile_table_row(&r->table);
    stile_table_cell(&r->table, state_names[state]);
    stile_table_cell(&r->table, name);
    stile_table_cell(&r->table, text);
    stile_json_begin_object(&r->json, NULL);
    stile_json_string(&r->json, "name", name);
    stile_json_string(&r->json, "state", state_names[state]);
    stile_json_string(&r->json, "text", text);
    stile_json_end_object(&r->json);
    if (state != FINDING_OK && advice && !r->advice)
        r->advice = advice;
}

/* The same for what a run on a GPU cannot do without. */
static void block(report *r, const char *name, finding_state state, const char *text,
                  const char *advice)
{
    r->gpu_blocked = true;
    find(r, name, state, text, advice);
}

/* --- driver and GPUs ------------------------------------------------------------------------- */

static void check_driver(report *r)
{
    int error = stile_driver_get(&r->driver);
    if (error) {
        r->driver = NULL;
        block(r, "driver", FINDING_MISSING, stile_arena_strdup(r->arena, stile_last_error()),
              "Install an NVIDIA driver (or start the container with its GPUs) to run on a GPU; "
              "until then use --device cpu.");
        return;
    }
    r->driver->cuDriverGetVersion(&r->driver_version);
    find(r, "driver", FINDING_OK,
         stile_arena_printf(r->arena, "supports CUDA %d.%d", r->driver_version / 1000,
                            r->driver_version % 1000 / 10),
         NULL);
}

static void check_gpu(report *r, int ordinal)
{
    const stile_driver *driver = r->driver;
    CUdevice device;
    char name[128] = "unknown";
    size_t memory = 0;
    int major = 0, minor = 0;
    stile_arch arch;
    stile_gpu_state state;
    const char *title = stile_arena_printf(r->arena, "GPU %d", ordinal);
    if (driver->cuDeviceGet(&device, ordinal) != 0) {
        block(r, title, FINDING_PROBLEM, "cannot be opened", "Check the GPU with nvidia-smi.");
        return;
    }
    driver->cuDeviceGetName(name, sizeof name, device);
    driver->cuDeviceTotalMem(&memory, device);
    driver->cuDeviceGetAttribute(&major, STILE_CU_DEVICE_COMPUTE_CAPABILITY_MAJOR, device);
    driver->cuDeviceGetAttribute(&minor, STILE_CU_DEVICE_COMPUTE_CAPABILITY_MINOR, device);
    stile_gpu_state_read(&state, driver, device);
    const char *text =
        stile_arena_printf(r->arena, "%s, compute capability %d.%d, %s%s%s", name, major, minor,
                           stile_human_bytes(r->arena, (double)memory),
                           *state.driver_version ? ", driver " : "", state.driver_version);
    if (stile_arch_of_device(&arch, major, minor) != 0) {
        find(r, title, FINDING_PROBLEM,
             stile_arena_printf(r->arena, "%s: kernels need 8.0 or later", text),
             "Use a GPU of compute capability 8.0 or later (Ampere, Ada, Hopper, Blackwell).");
        return;
    }
    if (!r->arch.number)
        r->arch = arch;
    find(r, title, FINDING_OK, stile_arena_printf(r->arena, "%s (%s)", text, arch.name), NULL);
}

static void check_gpus(report *r)
{
    int count = 0;
    if (!r->driver)
        return;
    if (r->driver->cuDeviceGetCount(&count) != 0 || count == 0) {
        block(r, "GPU", FINDING_MISSING, "the driver sees none",
              "Make a GPU visible to the driver (CUDA_VISIBLE_DEVICES, container options); until "
              "then use --device cpu.");
        return;
    }
    for (int i = 0; i < count; i++)
        check_gpu(r, i);
    if (!r->arch.number)
        r->gpu_blocked = true;
}

/* --- libraries ------------------------------------------------------------------------------- */

static bool knows(const stile_nvrtc_info *info, int number)
{
    for (int i = 0; i < info->architecture_count; i++) {
        if (info->architectures[i] == number)
            return true;
    }
    return false;
}

static void check_nvrtc(report *r)
{
    stile_nvrtc_info info;
    if (stile_nvrtc_describe(&info) != 0) {
        block(r, "NVRTC", FINDING_MISSING, stile_arena_strdup(r->arena, stile_last_error()),
              "Install NVRTC (the CUDA toolkit, or: pip install nvidia-cuda-nvrtc) and point "
              "STILE_NVRTC at it.");
        return;
    }
    const char *text =
        stile_arena_printf(r->arena, "%d.%d from %s, for", info.major, info.minor, info.path);
    for (int i = 0; i < info.architecture_count && text; i++)
        text = stile_arena_printf(r->arena, "%s sm_%d", text, info.architectures[i]);
    if (r->arch.number && !knows(&info, r->arch.number)) {
        block(r, "NVRTC", FINDING_PROBLEM,
              stile_arena_printf(r->arena, "%s: not for this GPU's %s", text, r->arch.name),
              "Install an NVRTC that knows this GPU, and point STILE_NVRTC at it.");
        return;
    }
    int version = info.major * 1000 + info.minor * 10;
    if (r->driver && r->driver_version / 1000 < info.major) {
        find(
            r, "NVRTC", FINDING_PROBLEM,
            stile_arena_printf(r->arena, "%s: newer than the driver, which may refuse its kernels",
                               text),
            "Update the driver, or point STILE_NVRTC at an NVRTC no newer than the driver's CUDA.");
        return;
    }
    if (r->driver && r->driver_version < version)
        text = stile_arena_printf(r->arena,
                                  "%s (a little newer than the driver: kernels still load)", text);
    find(r, "NVRTC", FINDING_OK, text, NULL);
}

static void check_cublaslt(report *r)
{
    char path[256];
    int version;
    if (stile_cublaslt_describe(path, &version) != 0)
        find(r, "cuBLASLt", FINDING_MISSING,
             stile_arena_printf(r->arena, "only stile bench uses it, to compare: %s",
                                stile_last_error()),
             NULL);
    else
        find(r, "cuBLASLt", FINDING_OK,
             stile_arena_printf(r->arena, "%d.%d.%d from %s", version / 10000, version / 100 % 100,
                                version % 100, path),
             NULL);
}

/* --- this machine ---------------------------------------------------------------------------- */

/* Adds up the files below an open directory, which it closes. */
static void measure_directory(int fd, int depth, double *bytes, int *files)
{
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(status.st_mode)) {
            *bytes += (double)status.st_size;
            ++*files;
        } else if (S_ISDIR(status.st_mode) && depth > 0) {
            int child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (child >= 0)
                measure_directory(child, depth - 1, bytes, files);
        }
    }
    closedir(directory);
}

static void check_cache(report *r)
{
    enum { CACHE_DEPTH = 6 };
    stile_cache_location location;
    stile_text warning = {0};
    const char *advice = "Point STILE_CACHE_DIR at a directory that only you can write to.";
    if (stile_cache_location_open(&location, NULL, &warning) != 0) {
        find(r, "cache", FINDING_PROBLEM, stile_arena_strdup(r->arena, stile_last_error()), advice);
        return;
    }
    if (!location.path) {
        find(r, "cache", FINDING_PROBLEM,
             stile_arena_printf(r->arena, "no usable directory, every program compiles anew: %s",
                                warning.data ? warning.data : ""),
             advice);
    } else {
        double bytes = 0;
        int files = 0;
        int fd = open(location.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            measure_directory(fd, CACHE_DEPTH, &bytes, &files);
        find(r, "cache", warning.data ? FINDING_PROBLEM : FINDING_OK,
             stile_arena_printf(r->arena, "%s, %s in %d files%s%s", location.path,
                                stile_human_bytes(r->arena, bytes), files, warning.data ? "; " : "",
                                warning.data ? warning.data : ""),
             advice);
    }
    stile_text_free(&warning);
    stile_cache_location_close(&location);
}

static void check_cpu(report *r)
{
    int cores = stile_core_count();
    find(r, "CPU", FINDING_OK,
         stile_arena_printf(r->arena, "%d core%s for --device cpu (fp64, exact to one rounding)",
                            cores, cores == 1 ? "" : "s"),
         NULL);
}

/* --- the report ------------------------------------------------------------------------------ */

static int run(const stile_arguments *arguments)
{
    report r = {.arena = stile_arena_create()};
    if (!r.arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    r.table = (stile_table){.arena = r.arena, .alignment = "l"};
    r.json.text = &r.json_text;
    stile_json_begin_object(&r.json, NULL);
    stile_json_string(&r.json, "stile", stile_version());
    stile_json_begin_array(&r.json, "findings");
    check_driver(&r);
    check_gpus(&r);
    check_nvrtc(&r);
    check_cublaslt(&r);
    check_cache(&r);
    check_cpu(&r);
    stile_json_end_array(&r.json);
    const char *next =
        r.advice ? r.advice : "Nothing: stile verify SPEC tests the kernels on this GPU.";
    stile_json_bool(&r.json, "gpu_ready", !r.gpu_blocked);
    stile_json_string(&r.json, "next", next);
    stile_json_end_object(&r.json);

    int result;
    if (stile_flag(arguments, "json")) {
        result = stile_emit_json(arguments, &r.json_text);
    } else {
        stile_text text = {0};
        stile_table_print(&text, &r.table);
        stile_text_appendf(&text, "\n%s\nNext: %s\n",
                           r.gpu_blocked
                               ? "Specs can be checked and explained, and computed on the CPU."
                               : "Everything that a run on a GPU needs is here.",
                           next);
        result = stile_emit(&text);
    }
    stile_text_free(&r.json_text);
    stile_arena_destroy(&r.arena);
    int verdict = r.gpu_blocked ? STILE_EXIT_ENVIRONMENT : STILE_EXIT_OK;
    return result > verdict ? result : verdict;
}

static const stile_option options[] = {STILE_OPTION_JSON, {NULL}};

const stile_command stile_command_doctor = {
    .name = "doctor",
    .synopsis = "",
    .summary = "driver, NVRTC, GPUs, cache: what was found, what is missing",
    .text = "Looks for everything that stile uses and says what it means, each line ok, missing\n"
            "or problem, and what to do next. Exit status 0 where a GPU can be used, 3 where\n"
            "something that this needs is missing.",
    .options = options,
    .run = run,
};
