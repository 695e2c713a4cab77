/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "number.h"

bool stile_read_kind(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                     stile_node_kind wanted)
{
    if (node->kind == wanted)
        return true;
    if (node->kind == STILE_NODE_SCALAR && !*node->text && !node->quoted)
        stile_diagnose(diagnostics, node->mark, STILE_CODE_WRONG_KIND,
                       "%s has no value; it must be %s", what, stile_node_kind_name(wanted));
    else if (node->kind != STILE_NODE_BROKEN)
        stile_diagnose(diagnostics, node->mark, STILE_CODE_WRONG_KIND, "%s must be %s, not %s",
                       what, stile_node_kind_name(wanted), stile_node_kind_name(node->kind));
    return false;
}

/* A scalar that is not empty. */
static bool read_scalar(stile_diagnostics *diagnostics, const stile_node *node, const char *what)
{
    if (node->kind == STILE_NODE_SCALAR && (*node->text || node->quoted))
        return true;
    if (node->kind == STILE_NODE_SCALAR)
        stile_diagnose(diagnostics, node->mark, STILE_CODE_WRONG_KIND,
                       "%s has no value; write one, or leave the key out", what);
    else
        stile_read_kind(diagnostics, node, what, STILE_NODE_SCALAR);
    return false;
}

/* --- Keys --- */

/*
 * The edit distance of two words, at twice its value so that a change of case counts half. Long
 * words are compared by their beginnings.
 */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 48 };
    int previous[LONGEST + 1] = {0}, current[LONGEST + 1] = {0};
    int rows = (int)strnlen(a, LONGEST), columns = (int)strnlen(b, LONGEST);
    for (int j = 0; j <= columns; j++)
        previous[j] = 2 * j;
    for (int i = 1; i <= rows; i++) {
        current[0] = 2 * i;
        for (int j = 1; j <= columns; j++) {
            char x = a[i - 1], y = b[j - 1];
            int best = previous[j - 1] + (x == y ? 0 : (x ^ y) == 0x20 ? 1 : 2);
            if (previous[j] + 2 < best)
                best = previous[j] + 2;
            if (current[j - 1] + 2 < best)
                best = current[j - 1] + 2;
            current[j] = best;
        }
        memcpy(previous, current, sizeof previous);
    }
    return previous[columns];
}

const char *stile_nearest_name(const char *text, const char *const *names)
{
    const char *nearest = NULL;
    for (int least = 0; *names; names++) {
        int d = distance(text, *names);
        if (!nearest || d < least) {
            nearest = *names;
            least = d;
        }
    }
    return nearest;
}

bool stile_read_keys(stile_diagnostics *diagnostics, const stile_node *map,
                     const char *const *known)
{
    bool good = true;
    for (size_t i = 0; i < map->count; i++) {
        const stile_node *key = map->entries[i].key;
        bool found = false;
        for (const char *const *name = known; *name && !found; name++)
            found = !strcmp(key->text, *name);
        if (found)
            continue;
        stile_diagnose(diagnostics, key->mark, STILE_CODE_UNKNOWN_KEY,
                       "unknown key %s; the nearest known one is \"%s\"",
                       stile_quote(key->text).text, stile_nearest_name(key->text, known));
        good = false;
    }
    return good;
}

const stile_node *stile_read_required(stile_diagnostics *diagnostics, const stile_node *map,
                                      const char *key)
{
    const stile_node *value = stile_node_get(map, key);
    if (!value)
        stile_diagnose(diagnostics, map->mark, STILE_CODE_MISSING_KEY,
                       "the key \"%s\" is missing; it is required", key);
    return value;
}

/* --- Numbers --- */

/* Whether `text` is a number in form, whatever its size: sign, digits, point, exponent. */
static bool looks_like_number(const char *text)
{
    text += *text == '-' || *text == '+';
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
    text += hex ? 2 : 0;
    size_t whole = strspn(text, digits), part = 0;
    text += whole;
    if (*text == '.') {
        part = strspn(text + 1, digits);
        text += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (*text && strchr(hex ? "pP" : "eE", *text)) {
        text += 1 + (text[1] == '-' || text[1] == '+');
        size_t exponent = strspn(text, "0123456789");
        if (exponent == 0)
            return false;
        text += exponent;
    }
    return *text == '\0';
}

/* "inf", "-.inf", "NaN" and the like. */
static bool names_nonfinite(const char *text)
{
    text += *text == '-' || *text == '+';
    text += *text == '.';
    return !strcasecmp(text, "inf") || !strcasecmp(text, "infinity") || !strcasecmp(text, "nan");
}

void stile_report_number(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                         const char *expected)
{
    stile_quoted shown = stile_quote(node->text);
    if (names_nonfinite(node->text))
        stile_diagnose(diagnostics, node->mark, STILE_CODE_NOT_FINITE,
                       "%s must be %s, but %s is not finite", what, expected, shown.text);
    else if (looks_like_number(node->text))
        stile_diagnose(diagnostics, node->mark, STILE_CODE_NOT_FINITE,
                       "%s must be %s, but %s overflows or is too long", what, expected,
                       shown.text);
    else
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_NUMBER, "%s must be %s, not %s",
                       what, expected, shown.text);
}

bool stile_read_integer(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                        int64_t min, int64_t max, int64_t *out)
{
    if (!read_scalar(diagnostics, node, what))
        return false;
    const char *digits = node->text + (*node->text == '-' || *node->text == '+');
    bool decimal = digits[strspn(digits, "0123456789")] == '\0';
    int64_t value;
    double real;
    if (node->quoted)
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_NUMBER,
                       "%s must be a whole number, and %s in quotes is text; drop the quotes", what,
                       stile_quote(node->text).text);
    else if (decimal && digits[0] == '0' && digits[1]) /* octal to other YAML readers */
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_NUMBER,
                       "%s must be a whole number without leading zeros, not %s", what,
                       stile_quote(node->text).text);
    else if (!decimal && stile_parse_double(node->text, &real))
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_NUMBER,
                       "%s must be a whole number in decimal, not %s", what,
                       stile_quote(node->text).text);
    else if (!stile_parse_int64(node->text, &value))
        stile_report_number(diagnostics, node, what, "a whole number");
    else if (value < min || value > max)
        stile_diagnose(diagnostics, node->mark, STILE_CODE_OUT_OF_RANGE,
                       "%s must be from %lld to %lld, not %lld", what, (long long)min,
                       (long long)max, (long long)value);
    else {
        *out = value;
        return true;
    }
    return false;
}

bool stile_read_integers(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                         const char *form, int64_t min, int64_t max, size_t count, int64_t *out)
{
    if (!stile_read_kind(diagnostics, node, what, STILE_NODE_LIST))
        return false;
    if (node->count != count) {
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_LENGTH,
                       "%s has %zu elements; it is a list of %zu, %s", what, node->count, count,
                       form);
        return false;
    }
    char element[64];
    snprintf(element, sizeof element, "an element of %s", what);
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good &= stile_read_integer(diagnostics, node->items[i], element, min, max, &out[i]);
    return good;
}

bool stile_read_version(stile_diagnostics *diagnostics, const stile_node *map, const char *key)
{
    const stile_node *node = stile_read_required(diagnostics, map, key);
    int64_t version = 1;
    if (node && stile_read_integer(diagnostics, node, key, 0, INT64_MAX, &version) && version != 1)
        stile_diagnose(diagnostics, node->mark, STILE_CODE_SCHEMA_VERSION,
                       "the file is of schema version %lld; this stile reads version 1",
                       (long long)version);
    return version == 1;
}

/* --- Words --- */

bool stile_read_boolean(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                        bool *out)
{
    if (!read_scalar(diagnostics, node, what))
        return false;
    bool yes = !strcmp(node->text, "true");
    if (node->quoted || (!yes && strcmp(node->text, "false"))) {
        stile_diagnose(diagnostics, node->mark, STILE_CODE_UNKNOWN_VALUE,
                       "%s must be true or false, not %s%s", what, stile_quote(node->text).text,
                       node->quoted ? " in quotes" : "");
        return false;
    }
    *out = yes;
    return true;
}

bool stile_read_choice(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                       const char *const *names, int *out)
{
    if (!read_scalar(diagnostics, node, what))
        return false;
    for (int i = 0; names[i]; i++) {
        if (!strcmp(node->text, names[i])) {
            *out = i;
            return true;
        }
    }
    char list[256] = "";
    size_t size = 0;
    for (int i = 0; names[i] && size < sizeof list; i++)
        size += (size_t)snprintf(list + size, sizeof list - size, "%s%s",
                                 i == 0         ? ""
                                 : names[i + 1] ? ", "
                                                : " or ",
                                 names[i]);
    if (names[1])
        stile_diagnose(diagnostics, node->mark, STILE_CODE_UNKNOWN_VALUE,
                       "%s must be %s, not %s; the nearest is \"%s\"", what, list,
                       stile_quote(node->text).text, stile_nearest_name(node->text, names));
    else
        stile_diagnose(diagnostics, node->mark, STILE_CODE_UNKNOWN_VALUE, "%s must be %s, not %s",
                       what, list, stile_quote(node->text).text);
    return false;
}

bool stile_read_text(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                     size_t longest, const char **out)
{
    if (!read_scalar(diagnostics, node, what))
        return false;
    size_t size = strlen(node->text);
    bool control = false;
    for (const char *c = node->text; *c; c++)
        control |= (unsigned char)*c < 0x20 || *c == 0x7f;
    if (size == 0 || size > longest || control) {
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_TEXT,
                       "%s must be one line of 1 to %zu bytes without control characters, not %s",
                       what, longest, stile_quote(node->text).text);
        return false;
    }
    *out = node->text;
    return true;
}
