/* SPDX-License-Identifier: Apache-2.0 */
#include "tune_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stile/version.h>

#include "fail.h"
#include "number.h"
#include "schedule_space.h"
#include "text.h"
#include "tune_file.h"

#define HEAD "stile tuning 1"

enum { COLUMNS = 5, NAME_DIGITS = 32 };

int stile_tune_state_open(stile_tune_state *out, int root, const stile_config *config,
                          const stile_tune_params *params, const char *environment,
                          const stile_tune_candidate *candidates, int count)
{
    char warmup[32];
    stile_text text = {0};
    stile_format_double(warmup, params->warmup);
    stile_text_appendf(&text, "stile " STILE_VERSION "\n%s\n%s\n", stile_winner_digest(config).hex,
                       environment);
    stile_text_appendf(&text, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %s %" PRIu64 "\n",
                       params->shape.M, params->shape.K, params->shape.N, params->rows_per_group,
                       params->iterations, warmup, params->seed);
    for (int i = 0; i < count; i++) {
        stile_schedule_print(&text, &candidates[i].schedule);
        stile_text_append(&text, "\n");
    }
    bool failed = text.failed;
    if (!failed) {
        stile_digest digest = stile_sha256_of(text.data, text.size);
        out->root = root;
        snprintf(out->name, sizeof out->name, STILE_TUNE_STATE "%.*s", NAME_DIGITS, digest.hex);
    }
    stile_text_free(&text);
    return failed ? stile_fail_memory() : STILE_OK;
}

/* "index status time ratio reason", with tabs. */
static bool read_line(char *line, stile_tune_candidate *candidates, int count)
{
    char *c[COLUMNS];
    int64_t index, status;
    double time, ratio;
    for (int i = 0; i < COLUMNS; i++) {
        c[i] = line;
        char *tab = i < COLUMNS - 1 ? strchr(line, '\t') : NULL;
        if (i < COLUMNS - 1 && !tab)
            return false;
        if (tab) {
            *tab = '\0';
            line = tab + 1;
        }
    }
    if (!stile_parse_int64(c[0], &index) || index < 0 || index >= count ||
        !stile_parse_int64(c[1], &status) ||
        (status != STILE_TUNE_TIMED && status != STILE_TUNE_REFUSED) ||
        !stile_parse_double(c[2], &time) || !stile_parse_double(c[3], &ratio))
        return false;
    stile_tune_candidate *candidate = &candidates[index];
    candidate->status = (stile_tune_status)status;
    candidate->time = time;
    candidate->ratio = ratio;
    snprintf(candidate->reason, sizeof candidate->reason, "%s", c[4]);
    return true;
}

int stile_tune_state_read(const stile_tune_state *state, stile_tune_candidate *candidates,
                          int count)
{
    char *body;
    int tried = 0;
    if (state->root < 0 || stile_tune_file_read(state->root, state->name, HEAD, &body))
        return 0;
    for (char *line = body, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        tried += read_line(line, candidates, count);
    }
    free(body);
    return tried;
}

int stile_tune_state_write(const stile_tune_state *state, const stile_tune_candidate *candidates,
                           int count)
{
    stile_text text = {0};
    if (state->root < 0)
        return 0;
    for (int i = 0; i < count; i++) {
        const stile_tune_candidate *c = &candidates[i];
        char time[32], ratio[32];
        if (c->status == STILE_TUNE_OPEN)
            continue;
        stile_format_double(time, c->time);
        stile_format_double(ratio, c->ratio);
        stile_text_appendf(&text, "%d\t%d\t%s\t%s\t", i, (int)c->status, time, ratio);
        for (const char *r = c->reason; *r; r++)
            stile_text_append_bytes(&text, *r == '\n' ? " " : r, 1);
        stile_text_append(&text, "\n");
    }
    int error = 0;
    if (text.failed)
        error = ENOMEM;
    else if (text.data)
        error = stile_tune_file_write(state->root, state->name, HEAD, text.data);
    stile_text_free(&text);
    return error;
}

void stile_tune_state_remove(const stile_tune_state *state)
{
    if (state->root >= 0)
        unlinkat(state->root, state->name, 0);
}
