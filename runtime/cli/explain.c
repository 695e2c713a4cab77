/* SPDX-License-Identifier: Apache-2.0 */
/* stile explain: what a spec launches, computes, moves and keeps for a shape. */
#include <inttypes.h>

#include "command.h"
#include "context.h"
#include "cost.h"
#include "describe.h"
#include "explain_backward.h"
#include "explain_time.h"
#include "inputs.h"
#include "kernel.h"
#include "numerics.h"
#include "output.h"

typedef struct request {
    const stile_arguments *arguments;
    stile_arch arch;
    stile_gpu gpu;          /* times are predicted for */
    stile_winners *winners; /* one of those below, or NULL */
    stile_winners *own_winners;
    stile_cache_location place; /* of them */
    stile_context *context;     /* of --device, or NULL */
    bool json_wanted, backward;
    stile_text text;
    stile_json json;
} request;

/* A kernel's launch on a shape; `error` where it cannot be rendered for the architecture. */
typedef struct launch {
    int error;
    stile_kernel kernel;
    int64_t blocks;
} launch;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static launch find_launch(stile_arena *arena, const stile_config *config, const stile_arch *arch,
                          const stile_time_report *report, const stile_cost *cost,
                          stile_kernel_role role)
{
    launch l = {0};
    stile_config scheduled = *config;
    if (report->chosen)
        scheduled.schedule = report->choice.schedule;
    l.error = stile_kernel_render(&l.kernel, arena, &scheduled, arch, role);
    if (l.error)
        return l;
    if (role == STILE_KERNEL_FUSED) { /* persistent: as many blocks as run at once */
        l.blocks = report->gpu->multiprocessors;
        return l;
    }
    const stile_tiling *t = &cost->tiling;
    bool weight = role == STILE_KERNEL_ENCODE_W;
    bool encoder = weight || role == STILE_KERNEL_ENCODE_X;
    int64_t rows = weight ? t->tile_columns : t->tile_rows;
    int64_t columns = encoder ? t->tile_inner : t->tile_columns;
    int64_t channels = role == STILE_KERNEL_CHANNEL_GEMM ? config->basis->rank : 1;
    l.blocks =
        ceil_div(rows, l.kernel.block_rows) * ceil_div(columns, l.kernel.block_columns) * channels;
    return l;
}

/* Makes one kernel of those that the schedule fuses. */
static void fuse(stile_cost *cost)
{
    stile_kernel_cost fused = {.role = STILE_KERNEL_FUSED, .per_call = true};
    int kept = 0;
    for (int i = 0; i < cost->kernel_count; i++) {
        const stile_kernel_cost *k = &cost->kernels[i];
        if (k->role == STILE_KERNEL_ENCODE_W) {
            cost->kernels[kept++] = *k;
            continue;
        }
        fused.flops += k->flops;
        fused.bytes_read += k->bytes_read;
        fused.bytes_written += k->bytes_written;
    }
    cost->kernels[kept++] = fused;
    cost->kernel_count = kept;
}

static void fact(stile_table *table, const char *name, const char *value)
{
    stile_table_row(table);
    stile_table_cell(table, name);
    stile_table_cell(table, value);
}

/* The head of the report: what the operator is. */
static void print_operator(stile_text *text, stile_arena *arena, const stile_config *config)
{
    const stile_basis *b = config->basis;
    const stile_basis_metrics *m = &config->metrics;
    const char *exactness =
        m->exact
            ? "exact: matrix multiplication with weights V·W"
            : stile_arena_printf(
                  arena, "error %s as matrix multiplication (0: exact, 1: as far off as zeros)",
                  stile_human_number(arena, m->error, 3));
    stile_table table = {.arena = arena, .alignment = "l", .indent = "  "};
    fact(&table, "base case",
         stile_arena_printf(arena, "%s %s, %s", stile_base_case_text(arena, b), b->name,
                            config->sparse ? "sparse: straight-line code"
                                           : "dense: device operands"));
    fact(&table, "exactness", exactness);
    fact(&table, "growth", stile_human_number(arena, m->growth, 4));
    fact(&table, "row coupling", stile_coupling_text(arena, m));
    fact(&table, "precision", stile_precision_text(arena, &config->precision));
    fact(&table, "weights",
         stile_arena_printf(arena, "%s, encoded %s", stile_weight_layout_name(config->layout),
                            stile_weight_encode_name(config->encode)));
    if (*stile_epilogue_text(arena, &config->epilogue))
        fact(&table, "epilogue", stile_epilogue_text(arena, &config->epilogue));
    stile_text_appendf(text, "%s\n", config->name);
    stile_table_print(text, &table);
}

static double predict(const stile_config *config, const stile_shape *shape, const stile_cost *cost)
{
    stile_problem problem = {config, shape->M, shape->K, shape->N, cost->tiling.rows_per_group};
    return stile_predicted_error(&problem);
}

static void print_shape(stile_text *text, stile_arena *arena, const stile_config *config,
                        const stile_shape *shape, const stile_cost *cost,
                        const stile_time_report *report)
{
    const stile_basis *b = config->basis;
    stile_table table = {.arena = arena, .alignment = "l", .indent = "  "};
    fact(&table, "limit",
         stile_arena_printf(arena, "%s × dense (mkn/r = %d/%d)",
                            stile_human_number(arena, cost->limit, 4), b->m * b->k * b->n,
                            b->rank));
    fact(&table, "tiles",
         stile_arena_printf(
             arena, "%" PRId64 " × %" PRId64 " × %" PRId64 "%s", cost->tiling.tile_rows,
             cost->tiling.tile_inner, cost->tiling.tile_columns,
             cost->tiling.groups > 1
                 ? stile_arena_printf(arena, ", %" PRId64 " groups of %" PRId64 " rows",
                                      cost->tiling.groups, cost->tiling.rows_per_group)
                 : ""));
    fact(&table, "FLOP",
         stile_arena_printf(arena, "%s in MMA, dense %s", stile_human_count(arena, cost->mma_flops),
                            stile_human_count(arena, cost->dense_flops)));
    fact(&table, "encoded weights",
         stile_arena_printf(
             arena, "%s, dense %s (× %s)", stile_human_bytes(arena, cost->weight_bytes),
             stile_human_bytes(arena, cost->dense_weight_bytes),
             stile_human_number(arena, cost->weight_bytes / cost->dense_weight_bytes, 3)));
    fact(&table, "workspace", stile_human_bytes(arena, cost->workspace_bytes));
    fact(&table, "rounding error",
         stile_arena_printf(arena, "%s predicted (relative RMS, N(0,1) inputs)",
                            stile_human_number(arena, predict(config, shape, cost), 3)));
    if (config->sparse)
        fact(&table, "additions",
             stile_arena_printf(arena, "%d per tile of X, %d of W, %d of Y", cost->additions_x,
                                cost->additions_w, cost->additions_y));
    stile_time_report_rows(&table, report);
    stile_text_appendf(text, "\n  Y = X · W, M×K×N = %s\n", stile_shape_text(arena, shape));
    stile_table_print(text, &table);
}

static void print_kernels(request *r, stile_arena *arena, const stile_config *config,
                          const stile_cost *cost, const stile_time_report *report)
{
    stile_table table = {.arena = arena, .alignment = "llrrrrrrr", .indent = "  "};
    const char *const header[] = {"kernel", "when",     "blocks",    "threads", "shared",
                                  "FLOP",   "bytes in", "bytes out", "time"};
    stile_table_row(&table);
    for (int i = 0; i < 9; i++)
        stile_table_cell(&table, header[i]);
    const char *trouble = NULL;
    for (int i = 0; i < cost->kernel_count; i++) {
        const stile_kernel_cost *k = &cost->kernels[i];
        launch l = find_launch(arena, config, &r->arch, report, cost, k->role);
        if (l.error && !trouble)
            trouble = stile_arena_strdup(arena, stile_last_error());
        stile_table_row(&table);
        stile_table_cell(&table, stile_kernel_role_name(k->role));
        stile_table_cell(&table, k->per_call ? "each call" : "once");
        if (l.error) {
            for (int j = 0; j < 3; j++)
                stile_table_cell(&table, "-");
        } else {
            stile_table_cellf(&table, "%" PRId64, l.blocks);
            stile_table_cellf(&table, "%d", l.kernel.threads_x * l.kernel.threads_y);
            stile_table_cell(&table, stile_human_bytes(arena, l.kernel.shared_bytes));
        }
        stile_table_cell(&table, stile_human_count(arena, k->flops));
        stile_table_cell(&table, stile_human_bytes(arena, k->bytes_read));
        stile_table_cell(&table, stile_human_bytes(arena, k->bytes_written));
        stile_table_cell(
            &table, report->trouble ? "-" : stile_human_time(arena, report->time.kernels[k->role]));
    }
    stile_text_appendf(&r->text, "\n  Kernels on %s\n", r->arch.name);
    stile_table_print(&r->text, &table);
    if (trouble)
        stile_text_appendf(&r->text, "  no launch geometry: %s\n", trouble);
}

static int cost_to_json(request *r, stile_arena *arena, const stile_config *config,
                        const stile_shape *shape, const stile_cost *cost,
                        const stile_time_report *report)
{
    stile_json *json = &r->json;
    stile_json_begin_object(json, NULL);
    stile_json_int(json, "M", shape->M);
    stile_json_int(json, "K", shape->K);
    stile_json_int(json, "N", shape->N);
    stile_json_int(json, "rows_per_group", cost->tiling.rows_per_group);
    stile_json_int(json, "groups", cost->tiling.groups);
    stile_json_int(json, "tile_rows", cost->tiling.tile_rows);
    stile_json_int(json, "tile_inner", cost->tiling.tile_inner);
    stile_json_int(json, "tile_columns", cost->tiling.tile_columns);
    stile_json_real(json, "limit", cost->limit);
    stile_json_real(json, "dense_flops", cost->dense_flops);
    stile_json_real(json, "mma_flops", cost->mma_flops);
    stile_json_real(json, "dense_weight_bytes", cost->dense_weight_bytes);
    stile_json_real(json, "weight_bytes", cost->weight_bytes);
    stile_json_real(json, "workspace_bytes", cost->workspace_bytes);
    stile_json_real(json, "predicted_error", predict(config, shape, cost));
    stile_time_report_json(json, report);
    stile_json_begin_array(json, "kernels");
    for (int i = 0; i < cost->kernel_count; i++) {
        const stile_kernel_cost *k = &cost->kernels[i];
        launch l = find_launch(arena, config, &r->arch, report, cost, k->role);
        stile_json_begin_object(json, NULL);
        stile_json_string(json, "name", stile_kernel_role_name(k->role));
        stile_json_bool(json, "per_call", k->per_call);
        stile_json_real(json, "flops", k->flops);
        stile_json_real(json, "bytes_read", k->bytes_read);
        stile_json_real(json, "bytes_written", k->bytes_written);
        if (!report->trouble)
            stile_json_real(json, "time_ms", report->time.kernels[k->role]);
        if (l.error) {
            stile_json_string(json, "error", stile_last_error());
        } else {
            stile_json_int(json, "blocks", l.blocks);
            stile_json_int(json, "threads", l.kernel.threads_x * l.kernel.threads_y);
            stile_json_int(json, "shared_bytes", l.kernel.shared_bytes);
        }
        stile_json_end_object(json);
    }
    stile_json_end_array(json);
    int error = r->backward
                    ? stile_explain_backward_json(json, config, shape, cost->tiling.rows_per_group)
                    : STILE_OK;
    stile_json_end_object(json);
    return error;
}

/* Reports on every shape of one variant. */
static int explain_shapes(request *r, stile_arena *arena, const stile_config *config)
{
    const stile_shape *shapes;
    size_t count;
    int64_t rows_per_group;
    if (!stile_input_shapes(r->arguments, config, arena, &shapes, &count) ||
        !stile_input_rows_per_group(r->arguments, shapes, count, &rows_per_group))
        return STILE_EXIT_USAGE;
    if (r->json_wanted)
        stile_json_begin_array(&r->json, "shapes");
    int error = STILE_OK;
    for (size_t i = 0; i < count && !error; i++) {
        stile_cost cost;
        error = stile_cost_count(&cost, config, &shapes[i], rows_per_group);
        if (error)
            break;
        stile_time_report report;
        stile_time_report_make(&report, arena, &r->gpu, r->winners, config, &shapes[i], &cost);
        if (report.chosen && report.choice.schedule.region)
            fuse(&cost);
        if (r->json_wanted) {
            error = cost_to_json(r, arena, config, &shapes[i], &cost, &report);
        } else {
            print_shape(&r->text, arena, config, &shapes[i], &cost, &report);
            print_kernels(r, arena, config, &cost, &report);
            if (r->backward)
                error = stile_explain_backward(&r->text, arena, config, &shapes[i], rows_per_group);
        }
    }
    if (r->json_wanted)
        stile_json_end_array(&r->json);
    if (count == 0 && !r->json_wanted)
        stile_text_append(&r->text, "\n  (--shape MxKxN tells what a product costs)\n");
    return error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
}

static int visit(void *user, const stile_config *config)
{
    request *r = user;
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    if (r->json_wanted) {
        stile_json_begin_object(&r->json, NULL);
        stile_describe_config_json(&r->json, "spec", config);
        stile_json_string(&r->json, "arch", r->arch.name);
    } else {
        if (r->text.size)
            stile_text_append(&r->text, "\n");
        print_operator(&r->text, arena, config);
    }
    int result = explain_shapes(r, arena, config);
    if (r->json_wanted)
        stile_json_end_object(&r->json);
    stile_arena_destroy(&arena);
    return result;
}

/* The GPU of --device, with its winners. */
static int take_device(request *r)
{
    bool automatic;
    if (stile_flag(r->arguments, "gpu") || stile_flag(r->arguments, "arch")) {
        stile_print_error("--device says which GPU it is: leave out --gpu and --arch");
        return STILE_EXIT_USAGE;
    }
    int result = stile_input_context(r->arguments, "cuda", &r->context, &automatic);
    if (result)
        return result;
    if (r->context->device == STILE_DEVICE_CPU) {
        stile_print_error("explain tells of GPUs: --device cuda or cuda:i, or none");
        return STILE_EXIT_USAGE;
    }
    stile_gpu_of_context(&r->gpu, r->context);
    r->arch = r->context->arch;
    r->winners = r->context->winners;
    return STILE_EXIT_OK;
}

/* --gpu, or one for --arch; without --arch, the GPU decides that. */
static int take_gpu(request *r)
{
    const char *name = stile_argument(r->arguments, "gpu");
    if (name && !stile_gpu_find(&r->gpu, name)) {
        stile_text known = {0};
        for (int i = 0; stile_gpu_name(i); i++)
            stile_text_appendf(&known, "%s%s", i ? ", " : "", stile_gpu_name(i));
        stile_print_error("--gpu '%s' is not among those known: %s", name,
                          known.data ? known.data : "");
        stile_text_free(&known);
        return STILE_EXIT_USAGE;
    }
    int result = stile_input_arch(r->arguments, name ? r->gpu.arch.name : "sm_90a", &r->arch);
    if (!result && !name)
        stile_gpu_of_arch(&r->gpu, &r->arch);
    r->gpu.arch = r->arch;
    return result;
}

/* Winners where a program started now would look for them. */
static int open_winners(request *r)
{
    stile_text warning = {0}; /* about the cache: for those who compile */
    int error = stile_cache_location_open(&r->place, NULL, &warning);
    if (!error)
        error = stile_winners_create(&r->own_winners, &r->place, stile_print_log, stile_log_user());
    r->winners = r->own_winners;
    stile_text_free(&warning);
    return error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
}

static int run(const stile_arguments *arguments)
{
    request r = {.arguments = arguments,
                 .json_wanted = stile_flag(arguments, "json"),
                 .backward = stile_flag(arguments, "backward")};
    r.json.text = &r.text;
    stile_spec *spec = NULL;
    r.place = (stile_cache_location){.root = -1, .read_only_root = -1};
    bool device = stile_flag(arguments, "device");
    int result = device ? take_device(&r) : take_gpu(&r);
    if (!result && !device)
        result = open_winners(&r);
    if (!result)
        result = stile_input_spec(&spec, arguments->operands[0], NULL);
    if (!result) {
        if (r.json_wanted)
            stile_json_begin_array(&r.json, NULL);
        result = stile_each_variant(arguments, arguments->operands[0], spec, visit, &r);
        if (r.json_wanted)
            stile_json_end_array(&r.json);
    }
    if (result)
        stile_text_free(&r.text);
    else
        result = stile_emit_json(arguments, &r.text);
    stile_spec_destroy(&spec);
    stile_winners_destroy(&r.own_winners);
    stile_cache_location_close(&r.place);
    stile_context_destroy(&r.context);
    return result;
}

static const stile_option options[] = {
    {"shape", 0, "MxKxN[,...]", "the products to explain; default: the spec's shapes"},
    STILE_OPTION_ROWS_PER_GROUP,
    {"arch", 0, "sm_XY", "the GPU architecture of the kernels; default sm_90a"},
    {"gpu", 0, "NAME",
     "predict times for this GPU (a part of its name, such as h200);\n"
     "default: one of that architecture"},
    {"device", 0, "cuda[:i]", "the GPU that is there, instead of --arch and --gpu"},
    {"backward", 0, NULL, "also what the backward pass costs"},
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_explain = {
    .name = "explain",
    .synopsis = "SPEC [--shape MxKxN]",
    .summary = "kernels, FLOP, bytes, time, limit, row coupling, error, growth",
    .text = "Tells what a spec is and costs: its base case, error and row coupling, and for each\n"
            "shape the kernels with their launches, FLOP and bytes, the limit of the speed-up,\n"
            "the size of the encoded weights and the workspace. Needs no GPU. FLOP of sparse\n"
            "bases count the additions that remain after common subexpressions are shared; bytes\n"
            "count each array once, with the padding of rows that encoded arrays have in memory.\n"
            "Times come from a model that was calibrated on an H200 and is scaled to others. The\n"
            "schedule is the one a plan would take; its reason is named beside it. Dense and 2:4\n"
            "times say when those would be the better choice.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
