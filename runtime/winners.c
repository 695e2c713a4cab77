/* SPDX-License-Identifier: Apache-2.0 */
#include "winners.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_lock.h"
#include "fail.h"
#include "number.h"
#include "schedule_space.h"
#include "tune_file.h"

#define HEAD "stile winners 1"

enum { COLUMNS = 17, LOCK_TIMEOUT_MS = 5000, MOST = 8192 };

typedef struct list {
    stile_winner *items; /* by compare_keys */
    int count, capacity;
} list;

struct stile_winners {
    const stile_cache_location *location;
    stile_log_callback log;
    void *log_user;
    pthread_mutex_t mutex; /* of what follows */
    bool loaded, warned;
    list all;
};

/* --- what identifies a spec ------------------------------------------------------------------ */

static void hash_text(stile_sha256 *hash, const char *text)
{
    stile_sha256_update(hash, text, strlen(text) + 1);
}

static void hash_matrix(stile_sha256 *hash, stile_basis_matrix matrix, bool sparse)
{
    size_t entries = (size_t)matrix.rows * (size_t)matrix.columns;
    uint8_t full = stile_basis_nonzeros(matrix) == matrix.rows * matrix.columns;
    if (!sparse)
        stile_sha256_update(hash, &full, 1);
    for (size_t i = 0; sparse && i < entries; i++) {
        char number[32];
        stile_format_hex(number, matrix.entries[i]);
        hash_text(hash, number);
    }
}

stile_digest stile_winner_digest(const stile_config *config)
{
    const stile_basis *b = config->basis;
    const stile_precision *p = &config->precision;
    stile_sha256 hash;
    char numbers[160];
    stile_sha256_begin(&hash);
    snprintf(numbers, sizeof numbers, "%d %d %d %d %d, %d %d %d, %d %d %d %d %d", b->m, b->k, b->n,
             b->rank, config->sparse, config->epilogue.bias, config->epilogue.residual,
             (int)config->epilogue.activation, config->schedule.block_m, config->schedule.block_n,
             config->schedule.block_k, config->schedule.stages, config->schedule.region);
    hash_text(&hash, numbers);
    hash_text(&hash, stile_type_name(p->input));
    hash_text(&hash, stile_type_name(p->encoded));
    hash_text(&hash, stile_type_name(p->product));
    hash_text(&hash, stile_type_name(p->output));
    hash_text(&hash, stile_weight_layout_name(config->layout));
    hash_text(&hash, stile_weight_encode_name(config->encode));
    hash_matrix(&hash, stile_basis_u(b), config->sparse);
    hash_matrix(&hash, stile_basis_v(b), config->sparse);
    hash_matrix(&hash, stile_basis_d(b), config->sparse);
    return stile_sha256_end(&hash);
}

/* --- lists ----------------------------------------------------------------------------------- */

static int compare_sizes(const int64_t *a, const int64_t *b, int count)
{
    for (int i = 0; i < count; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}

static int compare_keys(const stile_winner *a, const stile_winner *b)
{
    int order = strcmp(a->spec.hex, b->spec.hex);
    if (!order)
        order = strcmp(a->gpu, b->gpu);
    const int64_t x[] = {a->M, a->K, a->N, a->rows_per_group};
    const int64_t y[] = {b->M, b->K, b->N, b->rows_per_group};
    return order ? order : compare_sizes(x, y, 4);
}

/* Puts a winner in its place. False: memory. */
static bool put(list *all, const stile_winner *winner)
{
    int place = 0;
    while (place < all->count && compare_keys(&all->items[place], winner) < 0)
        place++;
    if (place < all->count && compare_keys(&all->items[place], winner) == 0) {
        all->items[place] = *winner;
        return true;
    }
    if (all->count == all->capacity) {
        int capacity = all->capacity ? 2 * all->capacity : 16;
        stile_winner *items = realloc(all->items, (size_t)capacity * sizeof *items);
        if (!items)
            return false;
        all->items = items;
        all->capacity = capacity;
    }
    memmove(&all->items[place + 1], &all->items[place],
            (size_t)(all->count - place) * sizeof *all->items);
    all->items[place] = *winner;
    all->count++;
    return true;
}

/* --- text ------------------------------------------------------------------------------------ */

/* A column, which must hold no separator. */
static void append_column(stile_text *out, const char *text, char end)
{
    for (const char *c = text; *c; c++)
        stile_text_append_bytes(out, *c == '\t' || *c == '\n' || *c == '\r' ? " " : c, 1);
    stile_text_append_bytes(out, &end, 1);
}

static void append_integer(stile_text *out, int64_t value)
{
    stile_text_appendf(out, "%" PRId64 "\t", value);
}

static void append_real(stile_text *out, double value)
{
    char number[32];
    stile_format_double(number, value);
    append_column(out, number, '\t');
}

static void print_winner(stile_text *out, const stile_winner *w)
{
    append_column(out, w->spec.hex, '\t');
    append_column(out, w->gpu, '\t');
    append_integer(out, w->M);
    append_integer(out, w->K);
    append_integer(out, w->N);
    append_integer(out, w->rows_per_group);
    append_integer(out, w->padded_rows);
    stile_schedule_print(out, &w->schedule);
    stile_text_append(out, "\t");
    append_real(out, w->time);
    append_real(out, w->rule_time);
    append_integer(out, w->timed);
    append_integer(out, w->clock);
    append_integer(out, w->max_clock);
    append_column(out, w->driver, '\t');
    append_column(out, w->nvrtc, '\t');
    append_column(out, w->stile, '\t');
    append_column(out, w->name, '\n');
}

static bool take_text(char *out, size_t size, const char *column)
{
    size_t length = strlen(column);
    if (length >= size)
        return false;
    memcpy(out, column, length + 1);
    return true;
}

static bool take_int(int *out, const char *column)
{
    int64_t value;
    if (!stile_parse_int64(column, &value) || value < 0 || value > INT32_MAX)
        return false;
    *out = (int)value;
    return true;
}

static bool take_extent(int64_t *out, const char *column, int64_t least)
{
    return stile_parse_int64(column, out) && *out >= least && *out <= (int64_t)1 << 40;
}

/* Reads a line, which it cuts up. */
static bool parse_winner(stile_winner *out, char *line)
{
    const char *c[COLUMNS];
    stile_winner w = {0};
    for (int i = 0; i < COLUMNS; i++) {
        c[i] = line;
        char *tab = strchr(line, '\t');
        if ((i < COLUMNS - 1) != (tab != NULL))
            return false;
        if (tab) {
            *tab = '\0';
            line = tab + 1;
        }
    }
    if (strlen(c[0]) != 64 || !take_text(w.spec.hex, sizeof w.spec.hex, c[0]) ||
        !take_text(w.gpu, sizeof w.gpu, c[1]) || !take_extent(&w.M, c[2], 1) ||
        !take_extent(&w.K, c[3], 1) || !take_extent(&w.N, c[4], 1) ||
        !take_extent(&w.rows_per_group, c[5], 0) || !take_extent(&w.padded_rows, c[6], 1) ||
        !stile_schedule_parse(&w.schedule, c[7]) || !stile_parse_double(c[8], &w.time) ||
        !stile_parse_double(c[9], &w.rule_time) || !take_int(&w.timed, c[10]) ||
        !take_int(&w.clock, c[11]) || !take_int(&w.max_clock, c[12]) ||
        !take_text(w.driver, sizeof w.driver, c[13]) ||
        !take_text(w.nvrtc, sizeof w.nvrtc, c[14]) || !take_text(w.stile, sizeof w.stile, c[15]) ||
        !take_text(w.name, sizeof w.name, c[16]))
        return false;
    *out = w;
    return true;
}

/* Adds the winners of a text, which it cuts up. 0, EBADMSG or ENOMEM. */
static int parse_all(list *all, char *text)
{
    for (char *line = text, *end; *line; line = end + 1) {
        stile_winner w;
        end = strchr(line, '\n');
        if (!end)
            return EBADMSG;
        *end = '\0';
        if (!parse_winner(&w, line))
            return EBADMSG;
        if (all->count < MOST && !put(all, &w))
            return ENOMEM;
    }
    return 0;
}

/* --- the file -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void warn(stile_winners *w, const char *format, ...)
{
    char message[512];
    va_list arguments;
    if (w->warned || !w->log)
        return;
    w->warned = true;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    w->log(w->log_user, STILE_LOG_WARNING, message);
}

/* Adds what the file in `root` holds; drops one that is damaged. */
static void read_file(stile_winners *w, list *all, int root, bool writable)
{
    char *text = NULL;
    if (root < 0)
        return;
    int error = stile_tune_file_read(root, STILE_TUNE_WINNERS, HEAD, &text);
    if (!error)
        error = parse_all(all, text);
    free(text);
    if (error == EBADMSG) {
        if (writable)
            unlinkat(root, STILE_TUNE_WINNERS, 0);
        warn(w,
             "the file of tuned schedules (%s/v1/" STILE_TUNE_WINNERS ") is damaged or of another "
             "version of stile and was dropped: tune again",
             writable ? w->location->path : w->location->read_only_path);
    }
}

/* Reads anew what the directory has, over what is in memory. */
static void load(stile_winners *w)
{
    if (w->location) {
        read_file(w, &w->all, w->location->read_only_root, false);
        read_file(w, &w->all, w->location->root, true);
    }
    w->loaded = true;
}

static int write_file(const list *all, int root)
{
    stile_text text = {0};
    for (int i = 0; i < all->count; i++)
        print_winner(&text, &all->items[i]);
    int error =
        text.failed ? ENOMEM : stile_tune_file_write(root, STILE_TUNE_WINNERS, HEAD, text.data);
    stile_text_free(&text);
    return error;
}

/* --- the interface --------------------------------------------------------------------------- */

int stile_winners_create(stile_winners **out, const stile_cache_location *location,
                         stile_log_callback log, void *log_user)
{
    stile_winners *w = calloc(1, sizeof *w);
    if (!w)
        return stile_fail_memory();
    w->location = location;
    w->log = log;
    w->log_user = log_user;
    pthread_mutex_init(&w->mutex, NULL);
    *out = w;
    return STILE_OK;
}

void stile_winners_destroy(stile_winners **winners)
{
    if (!winners || !*winners)
        return;
    pthread_mutex_destroy(&(*winners)->mutex);
    free((*winners)->all.items);
    free(*winners);
    *winners = NULL;
}

static void lock_loaded(stile_winners *w)
{
    pthread_mutex_lock(&w->mutex);
    if (!w->loaded)
        load(w);
}

static double distance_to(const stile_winner *w, const stile_shape *shape, int64_t padded_rows)
{
    return fabs(log2((double)w->padded_rows / (double)padded_rows)) +
           fabs(log2((double)w->K / (double)shape->K)) +
           fabs(log2((double)w->N / (double)shape->N));
}

bool stile_winners_find(stile_winners *winners, const stile_digest *spec, const char *gpu,
                        const stile_shape *shape, int64_t padded_rows, stile_winner *out,
                        double *distance)
{
    bool found = false;
    lock_loaded(winners);
    for (int i = 0; i < winners->all.count; i++) {
        const stile_winner *w = &winners->all.items[i];
        if (strcmp(w->spec.hex, spec->hex) != 0 || strcmp(w->gpu, gpu) != 0)
            continue;
        double away = distance_to(w, shape, padded_rows);
        if (away <= STILE_WINNER_REACH && (!found || away < *distance)) {
            *out = *w;
            *distance = away;
            found = true;
        }
    }
    pthread_mutex_unlock(&winners->mutex);
    return found;
}

int stile_winners_add(stile_winners *winners, const stile_winner *winner)
{
    const stile_cache_location *location = winners->location;
    int root = location ? location->root : -1;
    lock_loaded(winners);
    stile_cache_lock lock;
    stile_cache_lock_result locked =
        root < 0 ? STILE_CACHE_LOCK_UNAVAILABLE
                 : stile_cache_lock_acquire(&lock, root, STILE_TUNE_WINNERS, LOCK_TIMEOUT_MS);
    load(winners); /* other processes may have added to it */
    bool good = put(&winners->all, winner);
    int error = good && root >= 0 ? write_file(&winners->all, root) : 0;
    if (error)
        warn(winners, "cannot keep tuned schedules in %s: %s", location->path, strerror(error));
    if (locked == STILE_CACHE_LOCKED)
        stile_cache_lock_release(&lock);
    pthread_mutex_unlock(&winners->mutex);
    return good ? STILE_OK : stile_fail_memory();
}

int stile_winners_count(stile_winners *winners)
{
    lock_loaded(winners);
    int count = winners->all.count;
    pthread_mutex_unlock(&winners->mutex);
    return count;
}

bool stile_winners_get(stile_winners *winners, int index, stile_winner *out)
{
    lock_loaded(winners);
    bool exists = index >= 0 && index < winners->all.count;
    if (exists)
        *out = winners->all.items[index];
    pthread_mutex_unlock(&winners->mutex);
    return exists;
}
