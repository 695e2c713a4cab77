/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yaml_tree.h"

/* A parse: tree and diagnostics, or the lack of them. */
typedef struct parsed {
    stile_arena *arena;
    stile_diagnostics *diagnostics;
    const stile_node *root;
    int result;
} parsed;

static parsed parse_bytes(const char *text, size_t size)
{
    parsed p = {.arena = stile_arena_create()};
    assert_int_equal(stile_diagnostics_create(&p.diagnostics), 0);
    p.result = stile_yaml_parse(&p.root, p.arena, "f", text, size, p.diagnostics);
    return p;
}

static parsed parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void release(parsed *p)
{
    stile_arena_destroy(&p->arena);
    stile_diagnostics_destroy(&p->diagnostics);
}

/* Checks that the text has one error, of this code and place, and whether a tree comes of it. */
static void expect_error(const char *text, int code, int line, int column, bool tree)
{
    parsed p = parse(text);
    assert_int_equal(p.result, tree ? 0 : STILE_ERROR_SPEC);
    assert_int_equal(p.root != NULL, tree);
    assert_int_equal(stile_diagnostics_count(p.diagnostics), 1);
    const stile_diagnostic *d = stile_diagnostics_get(p.diagnostics, 0);
    assert_int_equal(d->code, code);
    assert_int_equal(d->line, line);
    assert_int_equal(d->column, column);
    release(&p);
}

static void a_tree_has_kinds_texts_and_order(void **state)
{
    (void)state;
    parsed p = parse("b: [1, '2', \"3\\n\"]\na:\n  x:\n  y: |\n    block\n");
    assert_int_equal(p.result, 0);
    assert_int_equal(p.root->kind, STILE_NODE_MAP);
    assert_int_equal(p.root->count, 2);
    assert_string_equal(p.root->entries[0].key->text, "b");
    const stile_node *list = stile_node_get(p.root, "b");
    assert_int_equal(list->kind, STILE_NODE_LIST);
    assert_int_equal(list->count, 3);
    assert_string_equal(list->items[0]->text, "1");
    assert_false(list->items[0]->quoted);
    assert_true(list->items[1]->quoted);
    assert_string_equal(list->items[2]->text, "3\n");
    const stile_node *map = stile_node_get(p.root, "a");
    assert_string_equal(stile_node_get(map, "x")->text, "");
    assert_string_equal(stile_node_get(map, "y")->text, "block\n");
    assert_true(stile_node_get(map, "y")->quoted);
    assert_null(stile_node_get(map, "z"));
    release(&p);
}

static void marks_count_lines_and_characters_from_one(void **state)
{
    (void)state;
    parsed p = parse("\xef\xbb\xbf"
                     "k: v\n\"\xc3\xa9\xe2\x9f\xa8\": w\nlist:\n  - a\n  - {b: c}\n");
    const stile_node *root = p.root;
    assert_int_equal(root->mark.line, 1);
    assert_int_equal(root->mark.column, 1);
    assert_string_equal(root->mark.file, "f");
    assert_int_equal(root->entries[0].value->mark.column, 4);
    assert_int_equal(root->entries[1].value->mark.line, 2);
    assert_int_equal(root->entries[1].value->mark.column, 7); /* two characters of five bytes */
    const stile_node *list = root->entries[2].value;
    assert_int_equal(list->items[1]->entries[0].value->mark.line, 5);
    assert_int_equal(list->items[1]->entries[0].value->mark.column, 9);
    release(&p);
}

static void what_yaml_allows_and_stile_does_not_is_named(void **state)
{
    (void)state;
    expect_error("a: 1\nb: &x 2\n", STILE_CODE_ANCHOR_OR_ALIAS, 2, 4, true);
    expect_error("a: &x [1]\n", STILE_CODE_ANCHOR_OR_ALIAS, 1, 4, true);
    expect_error("a: *x\n", STILE_CODE_ANCHOR_OR_ALIAS, 1, 4, true);
    expect_error("a: !t 2\n", STILE_CODE_TAG, 1, 4, true);
    expect_error("a: !!seq [2]\n", STILE_CODE_TAG, 1, 4, true);
    expect_error("a: ! 2\n", STILE_CODE_TAG, 1, 4, true);
    expect_error("a: {<<: {b: c}}\n", STILE_CODE_MERGE_KEY, 1, 5, true);
    expect_error("a: 1\nb: 2\na: 3\n", STILE_CODE_DUPLICATE_KEY, 3, 1, true);
    expect_error("a: 1\n'a': 3\n", STILE_CODE_DUPLICATE_KEY, 2, 1, true);
    expect_error("[a]: 1\n", STILE_CODE_WRONG_KIND, 1, 1, true);
    expect_error("a: \"\\0\"\n", STILE_CODE_NOT_UTF8, 1, 4, true);
    expect_error("a: 1\n---\nb: 1\n", STILE_CODE_SEVERAL_DOCUMENTS, 2, 1, false);
    expect_error("", STILE_CODE_SEVERAL_DOCUMENTS, 0, 0, false);
    expect_error("# only a comment\n", STILE_CODE_SEVERAL_DOCUMENTS, 0, 0, false);
    expect_error("a: [1\n", STILE_CODE_YAML_SYNTAX, 2, 1, false);
    expect_error("a: 'x\n", STILE_CODE_YAML_SYNTAX, 2, 1, false);
    expect_error("a: b: c\n", STILE_CODE_YAML_SYNTAX, 1, 5, false);
}

static void a_repaired_map_keeps_the_first_of_two_entries(void **state)
{
    (void)state;
    parsed p = parse("a: 1\na: 2\n<<: {c: 3}\n'<<': 4\n");
    assert_int_equal(p.result, 0);
    assert_int_equal(p.root->count, 2);
    assert_string_equal(stile_node_get(p.root, "a")->text, "1");
    assert_string_equal(stile_node_get(p.root, "<<")->text, "4");
    assert_int_equal(stile_diagnostics_count(p.diagnostics), 2);
    release(&p);
}

static void text_that_is_not_utf8_is_refused_with_its_place(void **state)
{
    (void)state;
    expect_error("a: \xc3\xa9\nb: \xe9\n", STILE_CODE_NOT_UTF8, 2, 4, false);
    expect_error("\xff\xfe a", STILE_CODE_NOT_UTF8, 1, 1, false);      /* UTF-16 */
    expect_error("a: \xc0\x80", STILE_CODE_NOT_UTF8, 1, 4, false);     /* overlong */
    expect_error("a: \xed\xa0\x80", STILE_CODE_NOT_UTF8, 1, 4, false); /* a surrogate */
    expect_error("a: \xf4\x90\x80\x80", STILE_CODE_NOT_UTF8, 1, 4, false);
    expect_error("a: \x80", STILE_CODE_NOT_UTF8, 1, 4, false);
    expect_error("a: \xe2\x9f", STILE_CODE_NOT_UTF8, 1, 4, false); /* cut off */
    expect_error("a: \x07", STILE_CODE_NOT_UTF8, 1, 4, false);
    expect_error("a: \x7f", STILE_CODE_NOT_UTF8, 1, 4, false);
    parsed p = parse_bytes("a: \0b", 5);
    assert_int_equal(p.result, STILE_ERROR_SPEC);
    release(&p);
}

/* `count` times `piece`. */
static char *repeat(const char *piece, size_t count)
{
    size_t size = strlen(piece);
    char *text = malloc(size * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * size, piece, size);
    text[size * count] = '\0';
    return text;
}

static void expect_code(const char *text, int code)
{
    parsed p = parse(text);
    assert_int_equal(stile_diagnostics_count(p.diagnostics), code ? 1 : 0);
    if (code)
        assert_int_equal(stile_diagnostics_get(p.diagnostics, 0)->code, code);
    assert_int_equal(p.result, code ? STILE_ERROR_SPEC : 0);
    release(&p);
}

static void nesting_ends_at_its_limit(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } styles[] = {{"[", "]"}, {"{a: ", "}"}, {"- ", ""}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t depth = STILE_YAML_MAX_DEPTH; depth <= STILE_YAML_MAX_DEPTH + 1; depth++) {
            char *open = repeat(styles[i].open, depth), *close = repeat(styles[i].close, depth);
            char text[512];
            snprintf(text, sizeof text, "%s1%s", open, close);
            expect_code(text, depth > STILE_YAML_MAX_DEPTH ? STILE_CODE_TOO_DEEP : 0);
            free(open);
            free(close);
        }
    }
    char *bomb = repeat("[", 1000000); /* libyaml alone would take its time, or the stack */
    expect_code(bomb, STILE_CODE_TOO_DEEP);
    free(bomb);
    bomb = repeat("- ", 1000000);
    expect_code(bomb, STILE_CODE_TOO_DEEP);
    free(bomb);
}

static void size_ends_at_its_limits(void **state)
{
    (void)state;
    char *text = repeat("#", STILE_YAML_MAX_BYTES + 1);
    memcpy(text, "a: 1\n", 5);
    expect_code(text, STILE_CODE_FILE_TOO_LARGE);
    text[STILE_YAML_MAX_BYTES] = '\0';
    expect_code(text, 0);
    free(text);

    text = repeat("- 1\n", STILE_YAML_MAX_NODES);
    expect_code(text, STILE_CODE_FILE_TOO_LARGE);
    text[4 * (STILE_YAML_MAX_NODES - 1)] = '\0'; /* the list itself is one, too */
    expect_code(text, 0);
    free(text);

    stile_text keys = {0};
    for (int i = 0; i < STILE_YAML_MAX_KEYS; i++)
        stile_text_appendf(&keys, "k%d: v\n", i);
    expect_code(keys.data, 0);
    stile_text_append(&keys, "one: more\n");
    expect_code(keys.data, STILE_CODE_FILE_TOO_LARGE);
    stile_text_free(&keys);
}

static void a_printed_string_reads_back_as_itself(void **state)
{
    (void)state;
    static const char *const strings[] = {
        "",
        "plain",
        "bases/x-1_2.yaml",
        "../up",
        "true",
        "No",
        "null",
        "~",
        "1",
        "444_24",
        ".5",
        "a b",
        "a: b",
        "[x]",
        "{x",
        "a,b",
        "#c",
        "x #c",
        "-",
        "- x",
        "\"q\"",
        "it's",
        "back\\slash",
        "end\\",
        "line\nbreak",
        "tab\there",
        "\x01\x1f\x7f",
        " lead",
        "trail ",
        "kron(strassen,strassen)",
        "random(4,4,4;16;1)",
        "⟨1,4,4;8⟩",
        "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9",
        "\xef\xbb\xbf",
        "\xef\xbf\xbe",
        "\xf0\x9f\x98\x80",
        "&a",
        "*a",
        "!t",
        "%d",
        "@",
        "`",
        "?",
        "=",
        "<<",
        "0x1p-3",
        "1e3",
        ".inf",
        "yes",
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        stile_text text = {0};
        stile_text_append(&text, "[{k: ");
        stile_yaml_print_string(&text, strings[i]);
        stile_text_append(&text, "}]\n");
        parsed p = parse(text.data);
        if (p.result)
            fail_msg("%s: %s", text.data, stile_last_error());
        assert_string_equal(stile_node_get(p.root->items[0], "k")->text, strings[i]);
        release(&p);
        stile_text_free(&text);
    }
    stile_text text = {0};
    stile_yaml_print_string(&text, "not \xff utf8");
    assert_string_equal(text.data, "\"not \\uFFFD utf8\"");
    stile_text_free(&text);
}

static void a_file_past_the_limit_or_unreadable_is_diagnosed(void **state)
{
    (void)state;
    stile_arena *arena = stile_arena_create();
    stile_diagnostics *diagnostics;
    const char *text = NULL;
    size_t size = 7;
    stile_mark mark = {"f", 3, 4};
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    assert_int_equal(
        stile_yaml_read_file(&text, &size, arena, "/nowhere/at/all", mark, diagnostics),
        STILE_ERROR_IO);
    assert_int_equal(stile_yaml_read_file(&text, &size, arena, "/", mark, diagnostics),
                     STILE_ERROR_IO);
    assert_int_equal(stile_yaml_read_file(&text, &size, arena, "/dev/zero", mark, diagnostics),
                     STILE_ERROR_SPEC);
    assert_null(text);
    assert_int_equal(size, 7);
    assert_int_equal(stile_diagnostics_count(diagnostics), 3);
    assert_int_equal(stile_diagnostics_get(diagnostics, 0)->line, 3);
    assert_int_equal(stile_diagnostics_get(diagnostics, 2)->code, STILE_CODE_FILE_TOO_LARGE);
    assert_int_equal(stile_yaml_read_file(&text, &size, arena, "/dev/null", mark, diagnostics), 0);
    assert_int_equal(size, 0);
    stile_diagnostics_destroy(&diagnostics);
    stile_arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_has_kinds_texts_and_order),
        cmocka_unit_test(marks_count_lines_and_characters_from_one),
        cmocka_unit_test(what_yaml_allows_and_stile_does_not_is_named),
        cmocka_unit_test(a_repaired_map_keeps_the_first_of_two_entries),
        cmocka_unit_test(text_that_is_not_utf8_is_refused_with_its_place),
        cmocka_unit_test(nesting_ends_at_its_limit),
        cmocka_unit_test(size_ends_at_its_limits),
        cmocka_unit_test(a_printed_string_reads_back_as_itself),
        cmocka_unit_test(a_file_past_the_limit_or_unreadable_is_diagnosed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
