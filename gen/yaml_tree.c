/* SPDX-License-Identifier: Apache-2.0 */
#include "yaml_tree.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "fail.h"
#include "utf8.h"

/* --- Checking the bytes --- */

/* What YAML allows in a text, unescaped. */
static bool is_printable(uint32_t point)
{
    if (point < 0xa0)
        return point == '\t' || point == '\n' || point == '\r' ||
               (point >= 0x20 && point <= 0x7e) || point == 0x85;
    return point != 0xfffe && point != 0xffff;
}

static int check_bytes(const char *file, const char *text, size_t size,
                       stile_diagnostics *diagnostics)
{
    stile_mark mark = {file, 1, 1};
    for (size_t i = 0, length; i < size; i += length) {
        uint32_t point;
        length = stile_utf8_decode(text + i, size - i, &point);
        if (length == 0)
            return stile_diagnose(diagnostics, mark, STILE_CODE_NOT_UTF8,
                                  "the byte 0x%02x is not UTF-8; save the file as UTF-8",
                                  (unsigned char)text[i]);
        if (!is_printable(point))
            return stile_diagnose(diagnostics, mark, STILE_CODE_NOT_UTF8,
                                  "the character U+%04X is not allowed in YAML; remove it",
                                  (unsigned)point);
        mark.column++;
        if (point == '\n') {
            mark.line++;
            mark.column = 1;
        }
    }
    return STILE_OK;
}

/* --- Building the tree --- */

typedef struct builder {
    yaml_parser_t parser;
    stile_arena *arena;
    stile_diagnostics *diagnostics;
    const char *file;
    const stile_node **stack; /* children of the collections that are still open */
    size_t stack_size, stack_capacity;
    size_t node_count;
} builder;

static stile_mark mark_of(const builder *b, yaml_mark_t mark)
{
    return (stile_mark){b->file, (int)mark.line + 1, (int)mark.column + 1};
}

/* Reports what libyaml found wrong. */
static int syntax_error(builder *b)
{
    const yaml_parser_t *parser = &b->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return stile_fail_memory();
    stile_mark mark = {b->file, 0, 0};
    if (parser->error != YAML_READER_ERROR)
        mark = mark_of(b, parser->problem_mark);
    char begun[48] = "";
    if (parser->context && parser->context_mark.line != parser->problem_mark.line)
        snprintf(begun, sizeof begun, " begun in line %zu", parser->context_mark.line + 1);
    const char *problem = parser->problem ? parser->problem : "the text cannot be parsed";
    bool token = strstr(problem, "cannot start any token");
    return stile_diagnose(
        b->diagnostics, mark, STILE_CODE_YAML_SYNTAX, "%s%s%s%s%s",
        parser->context ? parser->context : "", begun, parser->context ? ": " : "", problem,
        token ? "; indent with blanks, not tabs, and quote text that begins with a "
                "special character"
              : "");
}

static int next_event(builder *b, yaml_event_t *event)
{
    return yaml_parser_parse(&b->parser, event) ? STILE_OK : syntax_error(b);
}

static int push(builder *b, const stile_node *node)
{
    if (b->stack_size == b->stack_capacity) {
        size_t capacity = b->stack_capacity ? 2 * b->stack_capacity : 256;
        const stile_node **stack = realloc(b->stack, capacity * sizeof *stack);
        if (!stack)
            return stile_fail_memory();
        b->stack = stack;
        b->stack_capacity = capacity;
    }
    b->stack[b->stack_size++] = node;
    return STILE_OK;
}

/* An anchor and a tag spoil nothing but are not allowed. */
static int check_properties(builder *b, stile_mark mark, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    int result = STILE_OK;
    if (anchor)
        result = stile_diagnose(b->diagnostics, mark, STILE_CODE_ANCHOR_OR_ALIAS,
                                "anchors such as &%.40s are not allowed; remove it",
                                (const char *)anchor);
    if (tag && result != STILE_ERROR_MEMORY)
        result = stile_diagnose(b->diagnostics, mark, STILE_CODE_TAG,
                                "tags such as %s are not allowed; remove it",
                                stile_quote((const char *)tag).text);
    return result == STILE_ERROR_MEMORY ? result : STILE_OK;
}

static int build_scalar(builder *b, const yaml_event_t *event, stile_node *node)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(value, '\0', length)) {
        node->kind = STILE_NODE_BROKEN;
        int result = stile_diagnose(b->diagnostics, node->mark, STILE_CODE_NOT_UTF8,
                                    "the text has a NUL character in it; remove it");
        return result == STILE_ERROR_MEMORY ? result : STILE_OK;
    }
    node->text = stile_arena_strndup(b->arena, value, length);
    if (!node->text)
        return stile_fail_memory();
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return check_properties(b, node->mark, event->data.scalar.anchor, event->data.scalar.tag);
}

/* Whether the entry belongs into the map of `count` entries so far; reports why not. */
static int check_key(builder *b, const stile_node_entry *entries, size_t count,
                     const stile_node *key, bool *keep)
{
    int result = STILE_OK;
    *keep = false;
    if (key->kind == STILE_NODE_BROKEN)
        return STILE_OK;
    if (key->kind != STILE_NODE_SCALAR) {
        result = stile_diagnose(b->diagnostics, key->mark, STILE_CODE_WRONG_KIND,
                                "%s cannot be a key; keys are single words",
                                stile_node_kind_name(key->kind));
    } else if (!strcmp(key->text, "<<") && !key->quoted) {
        result = stile_diagnose(b->diagnostics, key->mark, STILE_CODE_MERGE_KEY,
                                "merge keys are not allowed; write the entries out");
    } else {
        *keep = true;
        for (size_t i = 0; i < count && *keep; i++)
            *keep = strcmp(entries[i].key->text, key->text) != 0;
        if (!*keep)
            result = stile_diagnose(b->diagnostics, key->mark, STILE_CODE_DUPLICATE_KEY,
                                    "the key %s appears twice in this map; remove one",
                                    stile_quote(key->text).text);
    }
    return result == STILE_ERROR_MEMORY ? result : STILE_OK;
}

/* Turns the children on the stack from `first` on into the items or entries of `node`. */
static int close_collection(builder *b, stile_node *node, size_t first)
{
    size_t count = b->stack_size - first;
    const stile_node **children = b->stack + first;
    b->stack_size = first;
    if (count == 0)
        return STILE_OK;
    if (node->kind == STILE_NODE_LIST) {
        const stile_node **items = stile_arena_array(b->arena, count, sizeof *items);
        if (!items)
            return stile_fail_memory();
        memcpy(items, children, count * sizeof *items);
        node->items = items;
        node->count = count;
        return STILE_OK;
    }
    if (count / 2 > STILE_YAML_MAX_KEYS)
        return stile_diagnose(b->diagnostics, node->mark, STILE_CODE_FILE_TOO_LARGE,
                              "this map has %zu keys; %d is the most", count / 2,
                              STILE_YAML_MAX_KEYS);
    stile_node_entry *entries = stile_arena_array(b->arena, count / 2, sizeof *entries);
    if (!entries)
        return stile_fail_memory();
    for (size_t i = 0; i < count; i += 2) {
        bool keep;
        int result = check_key(b, entries, node->count, children[i], &keep);
        if (result)
            return result;
        if (keep)
            entries[node->count++] = (stile_node_entry){children[i], children[i + 1]};
    }
    node->entries = entries;
    return STILE_OK;
}

static int build_node(builder *b, const yaml_event_t *event, int depth, const stile_node **out);

static int build_collection(builder *b, yaml_event_type_t end, int depth, stile_node *node)
{
    if (depth > STILE_YAML_MAX_DEPTH)
        return stile_diagnose(b->diagnostics, node->mark, STILE_CODE_TOO_DEEP,
                              "values are nested more than %d deep", STILE_YAML_MAX_DEPTH);
    size_t first = b->stack_size;
    for (;;) {
        yaml_event_t event;
        const stile_node *child;
        int result = next_event(b, &event);
        if (result)
            return result;
        bool at_end = event.type == end;
        if (!at_end)
            result = build_node(b, &event, depth, &child);
        yaml_event_delete(&event);
        if (at_end)
            return close_collection(b, node, first);
        if (!result)
            result = push(b, child);
        if (result)
            return result;
    }
}

/* Builds the node that `event` begins; the collections around it number `depth`. */
static int build_node(builder *b, const yaml_event_t *event, int depth, const stile_node **out)
{
    stile_mark mark = mark_of(b, event->start_mark);
    if (++b->node_count > STILE_YAML_MAX_NODES)
        return stile_diagnose(b->diagnostics, mark, STILE_CODE_FILE_TOO_LARGE,
                              "the text has more than %d values", STILE_YAML_MAX_NODES);
    stile_node *node = stile_arena_alloc(b->arena, sizeof *node);
    if (!node)
        return stile_fail_memory();
    node->mark = mark;

    int result;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node->kind = STILE_NODE_SCALAR;
        result = build_scalar(b, event, node);
        break;
    case YAML_SEQUENCE_START_EVENT:
        node->kind = STILE_NODE_LIST;
        result = check_properties(b, mark, event->data.sequence_start.anchor,
                                  event->data.sequence_start.tag);
        if (!result)
            result = build_collection(b, YAML_SEQUENCE_END_EVENT, depth + 1, node);
        break;
    case YAML_MAPPING_START_EVENT:
        node->kind = STILE_NODE_MAP;
        result = check_properties(b, mark, event->data.mapping_start.anchor,
                                  event->data.mapping_start.tag);
        if (!result)
            result = build_collection(b, YAML_MAPPING_END_EVENT, depth + 1, node);
        break;
    case YAML_ALIAS_EVENT:
        node->kind = STILE_NODE_BROKEN;
        result = stile_diagnose(b->diagnostics, mark, STILE_CODE_ANCHOR_OR_ALIAS,
                                "aliases such as *%.40s are not allowed; write the value out",
                                (const char *)event->data.alias.anchor);
        if (result != STILE_ERROR_MEMORY)
            result = STILE_OK;
        break;
    default:
        result = stile_fail(STILE_ERROR_INTERNAL, "libyaml gave an unexpected event");
    }
    if (!result)
        *out = node;
    return result;
}

/* The one document of the stream. */
static int build_document(builder *b, const stile_node **out)
{
    yaml_event_t event;
    const stile_node *root = NULL;
    for (;;) {
        int result = next_event(b, &event);
        if (result)
            return result;
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && root)
            result = stile_diagnose(b->diagnostics, mark_of(b, event.start_mark),
                                    STILE_CODE_SEVERAL_DOCUMENTS,
                                    "a second document begins here; use one file for each");
        else if (type == YAML_STREAM_END_EVENT && !root)
            result = stile_diagnose(b->diagnostics, (stile_mark){b->file, 0, 0},
                                    STILE_CODE_SEVERAL_DOCUMENTS, "there is nothing in it");
        else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT ||
                 type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT)
            result = build_node(b, &event, 0, &root);
        yaml_event_delete(&event);
        if (result)
            return result;
        if (type == YAML_STREAM_END_EVENT) {
            *out = root;
            return STILE_OK;
        }
    }
}

int stile_yaml_parse(const stile_node **out, stile_arena *arena, const char *file, const char *text,
                     size_t size, stile_diagnostics *diagnostics)
{
    if (size > STILE_YAML_MAX_BYTES)
        return stile_diagnose(diagnostics, (stile_mark){file, 0, 0}, STILE_CODE_FILE_TOO_LARGE,
                              "the text is larger than 4 MiB");
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark */
        text += 3;
        size -= 3;
    }
    int result = check_bytes(file, text, size, diagnostics);
    if (result)
        return result;

    builder b = {.arena = arena, .diagnostics = diagnostics, .file = file};
    if (!yaml_parser_initialize(&b.parser))
        return stile_fail_memory();
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
    result = build_document(&b, out);
    yaml_parser_delete(&b.parser);
    free(b.stack);
    return result;
}

/* --- Files --- */

int stile_yaml_read_file(const char **out, size_t *size, stile_arena *arena, const char *path,
                         stile_mark mark, stile_diagnostics *diagnostics)
{
    char *data = NULL;
    size_t used = 0, capacity = 0;
    int result;
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        goto unreadable;
    do { /* by pieces: the size of a pipe is not known before */
        if (capacity - used < 4096) {
            capacity = capacity ? 2 * capacity : 16384;
            char *grown = realloc(data, capacity);
            if (!grown) {
                result = stile_fail_memory();
                goto done;
            }
            data = grown;
        }
        used += fread(data + used, 1, capacity - used, stream);
        if (ferror(stream))
            goto unreadable;
    } while (!feof(stream) && used <= STILE_YAML_MAX_BYTES);

    if (used > STILE_YAML_MAX_BYTES) {
        result = stile_diagnose(diagnostics, mark, STILE_CODE_FILE_TOO_LARGE,
                                "the file %s is larger than 4 MiB", stile_quote(path).text);
        goto done;
    }
    const char *copy = stile_arena_strndup(arena, data, used);
    if (!copy) {
        result = stile_fail_memory();
        goto done;
    }
    *out = copy;
    *size = used;
    result = STILE_OK;
    goto done;

unreadable:
    result =
        stile_diagnose(diagnostics, mark, STILE_CODE_FILE_UNREADABLE,
                       "the file %s cannot be read: %s", stile_quote(path).text, strerror(errno));
    if (result == STILE_ERROR_SPEC)
        result = STILE_ERROR_IO;
done:
    if (stream)
        fclose(stream);
    free(data);
    return result;
}

/* --- Nodes and strings --- */

const stile_node *stile_node_get(const stile_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (!strcmp(map->entries[i].key->text, key))
            return map->entries[i].value;
    return NULL;
}

const char *stile_node_kind_name(stile_node_kind kind)
{
    static const char *const names[] = {"a single value", "a list", "a map", "an alias"};
    return names[kind];
}

/* Whether any YAML reader takes the bare word for a string. */
static bool is_plain_word(const char *string)
{
    static const char *const reserved[] = {"true", "false", "yes", "no", "on",
                                           "off",  "null",  "y",   "n"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    if (!*string || !strchr(letters, *string))
        return false;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcasecmp(string, reserved[i]))
            return false;
    for (; *string; string++)
        if (!strchr(letters, *string) && !strchr("0123456789./-", *string))
            return false;
    return true;
}

void stile_yaml_print_string(stile_text *out, const char *string)
{
    if (is_plain_word(string)) {
        stile_text_append(out, string);
        return;
    }
    stile_text_append(out, "\"");
    size_t size = strlen(string);
    for (size_t i = 0, length; i < size; i += length) {
        uint32_t point = 0xfffd; /* stands for what is not UTF-8 */
        length = stile_utf8_decode(string + i, size - i, &point);
        bool breaks = point == 0x85 || point == 0x2028 || point == 0x2029;
        if (point == '"' || point == '\\')
            stile_text_appendf(out, "\\%c", (int)point);
        else if (length == 0 || breaks || point == 0xfeff || point < 0x20 || !is_printable(point))
            stile_text_appendf(out, "\\u%04X", (unsigned)point);
        else
            stile_text_append_bytes(out, string + i, length);
        if (length == 0)
            length = 1;
    }
    stile_text_append(out, "\"");
}
