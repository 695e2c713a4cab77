/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of warpgroups, which run in the background. Every thread notes what it issues; once all
 * 128 have committed a group, it may run at once or, as a coin decides, when it is waited for. From
 * the issue on the accumulators hold NaN and their values are kept here, so that what touches them
 * too early shows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "matrix.h"

enum { THREADS = 128, MAX_N = 256, MAX_SUMS = MAX_N / 2, INNER_BYTES = 32, MAX_INNER = 32 };

/* The sums of one issue, or of several that go on with the same registers. */
typedef struct accumulators {
    float *registers[THREADS];
    float values[THREADS][MAX_SUMS];
    unsigned users; /* products that have not run */
} accumulators;

typedef struct product {
    accumulators *sums;
    unsigned n, issued; /* issued: threads */
    uint64_t a, b;
    unsigned a_registers[THREADS][4];
    bool a_in_registers, accumulate;
    emulator_format a_format, b_format;
} product;

struct wgmma_queue {
    product **products; /* by number, from `done` on */
    unsigned capacity, issued, done;
    unsigned *ends; /* of group i: the number of the first product after it */
    unsigned group_capacity, groups_committed, groups_done;
    unsigned *committers; /* of group i: threads */
};

static void free_product(product *p)
{
    if (p && p->sums && --p->sums->users == 0)
        free(p->sums);
    free(p);
}

void wgmma_free(block *b)
{
    for (unsigned group = 0; group < MAX_WARPS / 4; group++) {
        wgmma_queue *q = b->wgmma[group];
        for (unsigned i = q ? q->done : 0; q && i < q->issued; i++)
            free_product(q->products[i]);
        if (q) {
            free(q->products);
            free(q->ends);
            free(q->committers);
        }
        free(q);
        b->wgmma[group] = NULL;
    }
}

/* Room for `count` entries; those added are zero. */
static void *grow(void *array, unsigned *capacity, unsigned count, size_t element)
{
    if (count <= *capacity)
        return array;
    unsigned wanted = *capacity ? 2 * *capacity : 256;
    unsigned char *larger = realloc(array, wanted * element);
    if (!larger)
        emulator_fail("the emulator is out of memory");
    memset(larger + *capacity * element, 0, (wanted - *capacity) * element);
    *capacity = wanted;
    return larger;
}

static wgmma_queue *queue_of(const lane *l)
{
    block *b = l->block;
    const unsigned group = l->thread.warp / 4;
    if ((group + 1) * 4 > b->warp_count)
        emulator_fail("wgmma by a warp whose warpgroup is not complete");
    if (!b->wgmma[group] && !(b->wgmma[group] = calloc(1, sizeof *b->wgmma[group])))
        emulator_fail("the emulator is out of memory");
    return b->wgmma[group];
}

/* --- operands --- */

/* Where bytes 16·chunk … of a row lie. K-major: rows in groups of eight, swizzled or as 128-byte
 * matrices. */
static unsigned row_address(uint64_t descriptor, unsigned row, unsigned chunk)
{
    const unsigned start = (unsigned)(descriptor & 0x3fff) << 4;
    const unsigned leading = (unsigned)(descriptor >> 16 & 0x3fff) << 4;
    const unsigned stride = (unsigned)(descriptor >> 32 & 0x3fff) << 4;
    const unsigned layout = (unsigned)(descriptor >> 62);
    if (descriptor >> 49 & 7)
        emulator_fail("a wgmma descriptor with a base offset, which is not emulated");
    if (layout == 0)
        return start + row / 8 * stride + row % 8 * 16 + chunk * leading;
    const unsigned shift = 4 - layout; /* 1: 128 bytes, 2: 64, 3: 32 */
    const unsigned pitch = 16u << shift;
    const unsigned address = start + row / 8 * stride + row % 8 * pitch + chunk * 16;
    return address ^ (address >> 7 & ((1u << shift) - 1)) << 4;
}

static void load_row(float *out, uint64_t descriptor, unsigned row, emulator_format format)
{
    unsigned char bytes[INNER_BYTES];
    for (unsigned chunk = 0; chunk < 2; chunk++)
        memcpy(bytes + 16 * chunk, emulator_shared(row_address(descriptor, row, chunk), 16, 16),
               16);
    format_unpack(out, bytes, INNER_BYTES, format);
}

/* Row 16·w + g of warp w is in lanes 4·g + t, registers 0 and 2; row 16·w + g + 8 in 1 and 3. */
static void load_register_row(float *out, const product *p, unsigned row)
{
    unsigned words[8];
    for (unsigned word = 0; word < 8; word++)
        words[word] =
            p->a_registers[row / 16 * 32 + row % 8 * 4 + word % 4][row % 16 / 8 + word / 4 * 2];
    format_unpack(out, words, INNER_BYTES, p->a_format);
}

/* --- running --- */

/* Eight columns at once, as n is a multiple of that. */
typedef float eight __attribute__((vector_size(32)));

static void multiply_row(eight *sum, const float *a, eight (*b)[MAX_N / 8], unsigned inner,
                         unsigned n)
{
    for (unsigned k = 0; k < inner; k++) {
        for (unsigned i = 0; i < n / 8; i++)
            sum[i] += a[k] * b[k][i];
    }
}

/* Accumulator i of thread t is in this column; its row is 16·(t/32) + t%32/4 + 8·(i/2%2). */
static unsigned column_of(unsigned thread, unsigned i)
{
    return i / 4 * 8 + thread % 4 * 2 + i % 2;
}

static void run_product(const product *p)
{
    static eight b[MAX_INNER][MAX_N / 8]; /* one launch runs at a time */
    accumulators *sums = p->sums;
    const unsigned inner = INNER_BYTES / format_bytes(p->a_format);
    for (unsigned column = 0; column < p->n; column++) {
        float values[MAX_INNER];
        load_row(values, p->b, column, p->b_format);
        for (unsigned k = 0; k < inner; k++)
            b[k][column / 8][column % 8] = values[k];
    }
    for (unsigned row = 0; row < 64; row++) {
        float a[MAX_INNER];
        eight sum[MAX_N / 8] = {{0}};
        const unsigned first_thread = row / 16 * 32 + row % 8 * 4, half = row % 16 / 8;
        if (p->a_in_registers)
            load_register_row(a, p, row);
        else
            load_row(a, p->a, row, p->a_format);
        for (unsigned t = first_thread; p->accumulate && t < first_thread + 4; t++) {
            for (unsigned i = 0; i < p->n / 2; i++) {
                if (i / 2 % 2 == half)
                    sum[column_of(t, i) / 8][column_of(t, i) % 8] = sums->values[t][i];
            }
        }
        multiply_row(sum, a, b, inner, p->n);
        for (unsigned t = first_thread; t < first_thread + 4; t++) {
            for (unsigned i = 0; i < p->n / 2; i++) {
                if (i / 2 % 2 == half)
                    sums->values[t][i] = sum[column_of(t, i) / 8][column_of(t, i) % 8];
            }
        }
    }
}

/* The next group that all threads have committed. */
static void run_group(wgmma_queue *q)
{
    for (; q->done < q->ends[q->groups_done]; q->done++) {
        product *p = q->products[q->done];
        run_product(p);
        if (p->sums->users == 1) {
            for (unsigned t = 0; t < THREADS; t++)
                memcpy(p->sums->registers[t], p->sums->values[t], p->n / 2 * sizeof(float));
        }
        free_product(p);
        q->products[q->done] = NULL;
    }
    q->groups_done++;
    machine_progress();
}

/* --- what threads issue --- */

void emulator_wgmma_fence(void)
{
    machine_lane()->wgmma_fenced = true;
}

/* The accumulators that this thread's registers belong to while products on them are under way. */
static accumulators *find_accumulators(const wgmma_queue *q, const lane *l, float *registers)
{
    const unsigned thread = l->thread.warp % 4 * WARP_SIZE + l->thread.lane;
    for (unsigned i = l->wgmma_issued; i-- > q->done;) {
        if (q->products[i]->sums->registers[thread] == registers)
            return q->products[i]->sums;
    }
    return NULL;
}

/* By the first thread that issues it. */
static void append_product(wgmma_queue *q, const lane *l, float *registers, product issued)
{
    q->products = grow(q->products, &q->capacity, q->issued + 1, sizeof(product *));
    product *p = malloc(sizeof *p);
    accumulators *sums = find_accumulators(q, l, registers);
    if (!sums)
        sums = calloc(1, sizeof *sums);
    if (!p || !sums)
        emulator_fail("the emulator is out of memory");
    *p = issued;
    p->sums = sums;
    sums->users++;
    q->products[q->issued++] = p;
}

void emulator_wgmma(float *const *sums, unsigned n, const unsigned *a_registers, uint64_t a,
                    uint64_t b, int accumulate, emulator_format a_format, emulator_format b_format)
{
    lane *l = machine_lane();
    wgmma_queue *q = queue_of(l);
    const unsigned thread = l->thread.warp % 4 * WARP_SIZE + l->thread.lane;
    for (unsigned i = 1; i < n / 2; i++) {
        if (sums[i] != sums[0] + i)
            emulator_fail("wgmma whose accumulators are no array, which is not emulated");
    }
    if (!l->wgmma_fenced)
        emulator_fail("wgmma without a wgmma.fence since its accumulators were last waited for");
    if (l->wgmma_issued == q->issued)
        append_product(q, l, sums[0],
                       (product){.n = n,
                                 .a = a,
                                 .b = b,
                                 .a_in_registers = a_registers != NULL,
                                 .accumulate = accumulate != 0,
                                 .a_format = a_format,
                                 .b_format = b_format});
    product *p = q->products[l->wgmma_issued];
    if (p->n != n || (!a_registers && p->a != a) || p->b != b || p->accumulate != (accumulate != 0))
        emulator_fail("wgmma with other operands than another thread of the warpgroup");
    if (a_registers)
        memcpy(p->a_registers[thread], a_registers, sizeof p->a_registers[thread]);
    if (p->sums->registers[thread] != sums[0]) { /* not yet taken */
        p->sums->registers[thread] = sums[0];
        memcpy(p->sums->values[thread], sums[0], n / 2 * sizeof(float));
        for (unsigned i = 0; i < n / 2; i++)
            *sums[i] = NAN;
    }
    p->issued++;
    l->wgmma_issued++;
    machine_progress();
}

static void wake_waiting(const lane *l)
{
    const unsigned first = l->thread.warp / 4 * THREADS;
    for (unsigned i = 0; i < THREADS; i++) {
        lane *other = &l->block->lanes[first + i];
        if (other->waits == WAITS_FOR_WGMMA)
            machine_wake(other);
    }
}

void emulator_wgmma_commit(void)
{
    lane *l = machine_lane();
    wgmma_queue *q = queue_of(l);
    const unsigned group = l->wgmma_committed++;
    if (group == q->groups_committed) {
        unsigned capacity = q->group_capacity;
        q->ends = grow(q->ends, &capacity, group + 1, sizeof *q->ends);
        capacity = q->group_capacity;
        q->committers = grow(q->committers, &capacity, group + 1, sizeof *q->committers);
        q->group_capacity = capacity;
        q->groups_committed++;
        q->ends[group] = l->wgmma_issued;
    }
    if (q->ends[group] != l->wgmma_issued)
        emulator_fail("wgmma.commit_group after %u products, elsewhere in the warpgroup after %u",
                      l->wgmma_issued, q->ends[group]);
    if (++q->committers[group] == THREADS) {
        if (machine_random(2))
            while (q->groups_done <= group)
                run_group(q);
        wake_waiting(l);
    }
    machine_progress();
}

void emulator_wgmma_wait(unsigned pending)
{
    lane *l = machine_lane();
    wgmma_queue *q = queue_of(l);
    if (pending >= l->wgmma_committed)
        return;
    const unsigned last = l->wgmma_committed - pending - 1; /* the last group to wait for */
    while (q->groups_done <= last) {
        if (q->committers[q->groups_done] == THREADS)
            run_group(q);
        else
            machine_wait(WAITS_FOR_WGMMA);
    }
    if (pending == 0)
        l->wgmma_fenced = false;
}
