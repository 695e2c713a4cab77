/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a start as text: words between blanks, numbers as hex floats. What one advance fills
 * and uses up (the optimizer's room, `kept`, springs) is left out, and so is what a phase does not
 * need.
 */
#include <string.h>

#include "basis_search_start.h"
#include "fail.h"
#include "number.h"

/* The numbers of a start, in the order of the text. */
enum { INTEGERS = 8, REALS = 9 };

static int row_count(const stile_search_point *p)
{
    return p->sizes[0] + p->sizes[1] + p->sizes[2];
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void print_real(stile_text *out, double value)
{
    char text[32];
    stile_format_hex(text, value);
    stile_text_appendf(out, " %s", text);
}

static void print_point(stile_text *out, const char *name, const stile_search_point *p)
{
    stile_text_appendf(out, "%s %d", name, p->rank);
    for (int row = 0; row < row_count(p); row++) {
        for (int c = 0; c < p->rank; c++) {
            print_real(out, p->x[0][row * p->stride + c]);
            if (p->held[0][row * p->stride + c])
                stile_text_append(out, " !");
        }
    }
    stile_text_append(out, "\n");
}

void stile_search_save(stile_text *out, const stile_search_start *start)
{
    const stile_search_start *s = start;
    stile_text_appendf(out, "start %lld %llu %d %d %d %d %d %d", (long long)s->index,
                       (unsigned long long)s->random.state, (int)s->phase, s->step, s->attempt,
                       s->level, s->failures,
                       (int)s->rounded | (int)s->goal.gauss << 1 | (int)s->varied << 2);
    const double reals[REALS] = {
        s->weight,     s->last,        s->goal.weight,       s->goal.bound,
        s->goal.error, s->goal.growth, s->optimizer.damping, s->optimizer.raise,
        s->point.leak};
    for (int i = 0; i < REALS; i++)
        print_real(out, reals[i]);
    stile_text_append(out, "\n");
    print_point(out, "point", &s->point);
    if (s->phase != STILE_SEARCH_SPARSE && s->phase != STILE_SEARCH_ROUND)
        return;
    print_point(out, "settled", &s->settled);
    stile_text_append(out, "refused");
    for (int row = 0; row < row_count(&s->point); row++)
        for (int c = 0; c < s->point.rank; c++)
            stile_text_appendf(out, " %d", s->refused[row * s->point.stride + c]);
    stile_text_append(out, "\n");
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Takes the next word; false where there is none, or one too long to be right. */
static bool take_word(const char **text, char word[static 48])
{
    const char *start = *text + strspn(*text, " \n");
    const size_t length = strcspn(start, " \n");
    if (length == 0 || length >= 48)
        return false;
    memcpy(word, start, length);
    word[length] = '\0';
    *text = start + length;
    return true;
}

static bool take_name(const char **text, const char *name)
{
    char word[48];
    return take_word(text, word) && strcmp(word, name) == 0;
}

static bool take_integer(const char **text, int64_t least, int64_t most, int64_t *out)
{
    char word[48];
    return take_word(text, word) && stile_parse_int64(word, out) && *out >= least && *out <= most;
}

static bool take_real(const char **text, double *out)
{
    char word[48];
    return take_word(text, word) && stile_parse_double(word, out);
}

/* 64 bits, which stile_parse_int64 does not hold. */
static bool take_bits(const char **text, uint64_t *out)
{
    char word[48];
    uint64_t value = 0;
    if (!take_word(text, word))
        return false;
    for (const char *c = word; *c; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

static bool take_mark(const char **text)
{
    if (strncmp(*text, " !", 2) != 0)
        return false;
    *text += 2;
    return true;
}

static bool take_point(const char **text, const char *name, stile_search_point *p)
{
    int64_t rank;
    if (!take_name(text, name) || !take_integer(text, 1, p->stride, &rank))
        return false;
    p->rank = (int)rank;
    for (int row = 0; row < row_count(p); row++) {
        for (int c = 0; c < p->rank; c++) {
            const int at = row * p->stride + c;
            if (!take_real(text, &p->x[0][at]))
                return false;
            p->held[0][at] = take_mark(text);
        }
    }
    return true;
}

static bool take_refused(const char **text, stile_search_start *s)
{
    int64_t bits;
    if (!take_name(text, "refused"))
        return false;
    for (int row = 0; row < row_count(&s->point); row++) {
        for (int c = 0; c < s->point.rank; c++) {
            if (!take_integer(text, 0, 255, &bits))
                return false;
            s->refused[row * s->point.stride + c] = (unsigned char)bits;
        }
    }
    return true;
}

static bool take_start(const char **text, stile_search_start *s)
{
    static const int64_t most[INTEGERS - 2] = {STILE_SEARCH_PHASES - 1, 1 << 20, 3, 8, 1 << 20, 7};
    int64_t integers[INTEGERS - 2];
    double reals[REALS];
    if (!take_bits(text, &s->random.state))
        return false;
    for (int i = 0; i < INTEGERS - 2; i++)
        if (!take_integer(text, 0, most[i], &integers[i]))
            return false;
    for (int i = 0; i < REALS; i++)
        if (!take_real(text, &reals[i]))
            return false;
    s->phase = (stile_search_phase)integers[0];
    s->step = (int)integers[1];
    s->attempt = (int)integers[2];
    s->level = (int)integers[3];
    s->failures = (int)integers[4];
    s->rounded = integers[5] & 1;
    s->varied = integers[5] & 4;
    s->goal = (stile_search_goal){.weight = reals[2],
                                  .bound = reals[3],
                                  .gauss = integers[5] & 2,
                                  .error = reals[4],
                                  .growth = reals[5]};
    s->weight = reals[0];
    s->last = reals[1];
    s->optimizer.damping = reals[6];
    s->optimizer.raise = reals[7];
    s->point.leak = reals[8];
    if (!take_point(text, "point", &s->point))
        return false;
    if (s->phase != STILE_SEARCH_REDUCE && s->point.rank != s->problem->rank)
        return false;
    return (s->phase != STILE_SEARCH_SPARSE && s->phase != STILE_SEARCH_ROUND) ||
           (take_point(text, "settled", &s->settled) && take_refused(text, s));
}

int stile_search_restore(stile_search_start **out, const stile_search_problem *problem,
                         const char **text)
{
    const char *here = *text;
    int64_t index;
    stile_search_start *start = NULL;
    if (take_name(&here, "start") && take_integer(&here, 0, STILE_SEARCH_MAX_STARTS - 1, &index)) {
        const int error = stile_search_allocate(&start, problem, index);
        if (error)
            return error;
        if (take_start(&here, start)) {
            *text = here;
            *out = start;
            return STILE_OK;
        }
    }
    stile_search_end(&start);
    return stile_fail(STILE_ERROR_SPEC, "the state of a start is damaged");
}
