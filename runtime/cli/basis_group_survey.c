/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_group_survey.h"

#include "basis_group.h"
#include "describe.h"
#include "output.h"
#include "table.h"

/* The best basis of a rank over all groups. */
typedef struct best {
    double error, growth;
    const char *group; /* NULL: none */
} best;

typedef struct survey {
    int tile[3], volume;
    stile_arena *arena;
    stile_table groups;
    stile_json *json; /* NULL where tables are wanted */
    best *bests;      /* by rank, from 0 to the volume */
} survey;

static const char *property_text(const stile_group_curve *curve)
{
    return curve->has_property ? "yes" : curve->complete ? "no" : "not found";
}

static void add_json(survey *s, const stile_group_curve *curve)
{
    stile_json *json = s->json;
    stile_json_begin_object(json, NULL);
    stile_json_string(json, "name", curve->group->name);
    stile_json_int(json, "order", curve->group->order);
    stile_json_bool(json, "abelian", curve->group->abelian);
    stile_json_bool(json, "rational", curve->group->rational);
    stile_json_int(json, "products", curve->group->rank);
    if (curve->has_property || curve->complete)
        stile_json_bool(json, "triple_product_property", curve->has_property);
    else
        stile_json_null(json, "triple_product_property");
    if (curve->exact_rank)
        stile_json_int(json, "exact_rank", curve->exact_rank);
    else
        stile_json_null(json, "exact_rank");
    stile_json_begin_array(json, "errors"); /* by rank, from 1 on */
    for (int rank = 1; rank <= curve->max_rank && rank <= s->volume; rank++)
        stile_json_real(json, NULL, curve->choices[rank].count ? curve->choices[rank].error : 1);
    stile_json_end_array(json);
    stile_json_end_object(json);
}

static void add_row(survey *s, const stile_group_curve *curve)
{
    stile_table *table = &s->groups;
    stile_table_row(table);
    stile_table_cell(table, curve->group->name);
    stile_table_cellf(table, "%d", curve->group->order);
    stile_table_cellf(table, "%d", curve->group->rank);
    stile_table_cell(table, property_text(curve));
    if (curve->exact_rank)
        stile_table_cellf(table, "%d", curve->exact_rank);
    else
        stile_table_cell(table, "-");
}

/* Takes what this group does better than those before. */
static int take_best(survey *s, stile_arena *scratch, const stile_group_curve *curve,
                     const char *name)
{
    for (int rank = 1; rank <= curve->max_rank && rank <= s->volume; rank++) {
        const stile_group_choice *choice = &curve->choices[rank];
        best *there = &s->bests[rank];
        if (!choice->count || (there->group && choice->error > there->error - 1e-9))
            continue;
        stile_basis *basis = NULL;
        stile_basis_metrics metrics;
        int error = stile_group_curve_basis(&basis, scratch, curve, rank);
        if (!error)
            error = stile_basis_measure(basis, &metrics);
        if (error)
            return error;
        *there = (best){metrics.exact ? 0 : metrics.error, metrics.growth, name};
    }
    return STILE_OK;
}

static int survey_group(survey *s, const char *name, uint64_t seed)
{
    stile_arena *scratch = stile_arena_create();
    stile_group *group = NULL;
    stile_group_curve curve;
    if (!scratch) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    stile_print_progress("%s", name);
    int error = stile_group_create(&group, scratch, name);
    if (!error)
        error = stile_group_curve_find(&curve, scratch, group, s->tile[0], s->tile[1], s->tile[2],
                                       STILE_GROUP_RELAXED | STILE_GROUP_TRUNCATED, seed);
    if (!error)
        error = take_best(s, scratch, &curve, name);
    if (!error && s->json)
        add_json(s, &curve);
    else if (!error)
        add_row(s, &curve);
    stile_arena_destroy(&scratch);
    return error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
}

/* Ranks at which the error falls, to the first of an exact basis. */
static bool is_step(const survey *s, int rank)
{
    const best *there = &s->bests[rank], *before = &s->bests[rank - 1];
    return there->group && (!before->group || there->error < before->error - 1e-9);
}

static double classical_error(const survey *s, int rank)
{
    return 1 - (double)rank / s->volume;
}

static void print_bests_json(const survey *s)
{
    stile_json *json = s->json;
    stile_json_begin_array(json, "best");
    for (int rank = 1; rank <= s->volume; rank++) {
        if (!is_step(s, rank))
            continue;
        stile_json_begin_object(json, NULL);
        stile_json_int(json, "rank", rank);
        stile_json_real(json, "error", s->bests[rank].error);
        stile_json_real(json, "growth", s->bests[rank].growth);
        stile_json_real(json, "classical_error", classical_error(s, rank));
        stile_json_string(json, "group", s->bests[rank].group);
        stile_json_end_object(json);
    }
    stile_json_end_array(json);
}

static void print_bests(stile_text *text, const survey *s)
{
    stile_table table = {.arena = s->arena, .alignment = "rrrrl"};
    static const char *const header[] = {"rank", "error", "classical", "growth", "group"};
    stile_table_row(&table);
    for (int i = 0; i < 5; i++)
        stile_table_cell(&table, header[i]);
    for (int rank = 1; rank <= s->volume; rank++) {
        if (!is_step(s, rank))
            continue;
        stile_table_row(&table);
        stile_table_cellf(&table, "%d", rank);
        stile_table_cell(&table, s->bests[rank].error > 0
                                     ? stile_human_number(s->arena, s->bests[rank].error, 3)
                                     : "exact");
        stile_table_cell(&table, stile_human_number(s->arena, classical_error(s, rank), 3));
        stile_table_cell(&table, stile_human_number(s->arena, s->bests[rank].growth, 3));
        stile_table_cell(&table, s->bests[rank].group);
    }
    stile_table_print(text, &table);
}

int stile_survey_groups(const stile_arguments *arguments, const int tile[3], uint64_t seed)
{
    static const char *const header[] = {"group", "order", "products", "triple product",
                                         "exact rank"};
    const char *const only[] = {stile_argument(arguments, "group"), NULL};
    stile_arena *arena = stile_arena_create();
    stile_text text = {0};
    stile_json json = {.text = &text};
    survey s = {{tile[0], tile[1], tile[2]}, tile[0] * tile[1] * tile[2], arena};
    s.json = stile_flag(arguments, "json") ? &json : NULL;
    s.groups = (stile_table){.arena = arena, .alignment = "lrrlr"};
    s.bests = arena ? stile_arena_array(arena, (size_t)(s.volume + 1), sizeof *s.bests) : NULL;
    if (!s.bests) {
        stile_print_error("out of memory");
        stile_arena_destroy(&arena);
        return STILE_EXIT_FAILURE;
    }
    if (s.json) {
        stile_json_begin_object(&json, NULL);
        stile_json_begin_array(&json, "tile");
        for (int i = 0; i < 3; i++)
            stile_json_int(&json, NULL, tile[i]);
        stile_json_end_array(&json);
        stile_json_begin_array(&json, "groups");
    } else {
        stile_table_row(&s.groups);
        for (int i = 0; i < 5; i++)
            stile_table_cell(&s.groups, header[i]);
    }
    int result = STILE_EXIT_OK;
    for (const char *const *name = only[0] ? only : stile_group_names(); *name && !result; name++)
        result = survey_group(&s, *name, seed);
    stile_print_progress("%s", "");
    if (s.json) {
        stile_json_end_array(&json);
        print_bests_json(&s);
        stile_json_end_object(&json);
    } else {
        stile_table_print(&text, &s.groups);
        stile_text_append(&text, "\n");
        print_bests(&text, &s);
    }
    if (result)
        stile_text_free(&text);
    else
        result = stile_emit_json(arguments, &text);
    stile_arena_destroy(&arena);
    return result;
}
