/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule_space.h"

#include <string.h>

#include "fail.h"
#include "number.h"

/* --- the tables: a new kernel or parameter is a row here ------------------------------------- */

/* Blocks of the channel GEMM; block_k in bytes of a row. Those that the types at hand do not have
   are passed over. */
static const struct {
    stile_kernel_family family;
    int block_m, block_n, row_bytes;
    int least_stages, most_stages;
} blocks[] = {
    {STILE_FAMILY_SM_90A, 128, 256, 128, 3, 4}, {STILE_FAMILY_SM_90A, 128, 128, 128, 3, 6},
    {STILE_FAMILY_SM_90A, 256, 128, 128, 2, 4}, /* 8-bit operands */
    {STILE_FAMILY_SM_80, 128, 256, 128, 2, 4},  {STILE_FAMILY_SM_80, 256, 128, 128, 2, 4},
    {STILE_FAMILY_SM_80, 128, 128, 128, 2, 4},  {STILE_FAMILY_SM_80, 128, 64, 128, 2, 4},
    {STILE_FAMILY_SM_80, 64, 128, 128, 2, 4},   {STILE_FAMILY_SM_80, 64, 64, 128, 2, 4},
};

static const int bands[] = {2048, 1024, 4096, 8192};

/* Of the fused kernel, which nothing but a spec asks for until it has run on a GPU. */
static const int regions[] = {0};

static const stile_method methods[] = {STILE_METHOD_MMA, STILE_METHOD_FMA};

enum {
    BLOCKS = sizeof blocks / sizeof *blocks,
    BANDS = sizeof bands / sizeof *bands,
    REGIONS = sizeof regions / sizeof *regions,
    METHODS = sizeof methods / sizeof *methods,
};

/* --- one schedule ---------------------------------------------------------------------------- */

bool stile_schedule_equal(const stile_schedule *a, const stile_schedule *b)
{
    return a->block_m == b->block_m && a->block_n == b->block_n && a->block_k == b->block_k &&
           a->stages == b->stages && a->family == b->family && a->band == b->band &&
           a->encode == b->encode && a->decode == b->decode && a->region == b->region;
}

int stile_schedule_distance(const stile_schedule *a, const stile_schedule *b)
{
    bool block = a->family != b->family || a->block_m != b->block_m || a->block_n != b->block_n ||
                 a->block_k != b->block_k || a->stages != b->stages;
    bool decode = a->decode != b->decode && a->family == b->family;
    return block + decode + (a->region != b->region) + (a->band != b->band) +
           (a->encode != b->encode);
}

bool stile_schedule_same_arithmetic(const stile_schedule *a, const stile_schedule *b)
{
    /* Both families add up K in the order of its elements, whatever the block. */
    return a->family == b->family && a->encode == b->encode && a->decode == b->decode;
}

/* What was asked for is 0 or what came of it. */
static bool agrees(int wanted, int got)
{
    return wanted == 0 || wanted == got;
}

int stile_schedule_complete(stile_schedule *out, const stile_config *config, const stile_arch *arch,
                            const stile_schedule *schedule)
{
    const stile_schedule *pinned = &config->schedule;
    stile_config wanted = *config;
    stile_gemm_schedule gemm;
    wanted.schedule = *schedule;
    int error = stile_gemm_schedule_choose(&gemm, &wanted, arch);
    if (error)
        return error;
    stile_schedule full = {
        .block_m = gemm.block_m,
        .block_n = gemm.block_n,
        .block_k = gemm.block_k,
        .stages = gemm.stages,
        .family = gemm.family,
        .band = gemm.band_rows * gemm.block_m * gemm.cluster,
        .encode = stile_encode_method(&wanted),
        .decode = stile_decode_method(&wanted, gemm.family),
        .region = stile_can_fuse(&wanted, &gemm) ? schedule->region : 0,
    };
    if (!agrees(schedule->band, full.band) || !agrees((int)schedule->encode, (int)full.encode) ||
        !agrees((int)schedule->decode, (int)full.decode) || schedule->region != full.region)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s: this basis, these types or this block have no such schedule",
                          config->name);
    if (!agrees(pinned->block_m, full.block_m) || !agrees(pinned->block_n, full.block_n) ||
        !agrees(pinned->block_k, full.block_k) || !agrees(pinned->stages, full.stages) ||
        !agrees(pinned->region, full.region))
        return stile_fail(STILE_ERROR_ARGUMENT, "%s: the spec pins another schedule", config->name);
    *out = full;
    return 0;
}

int stile_schedule_by_rule(stile_schedule *out, const stile_config *config, const stile_arch *arch)
{
    return stile_schedule_complete(out, config, arch, &config->schedule);
}

/* --- the space ------------------------------------------------------------------------------- */

typedef struct space {
    const stile_config *config;
    const stile_arch *arch;
    stile_schedule *list;
    int count;
} space;

static void add(space *s, const stile_schedule *wanted)
{
    stile_schedule full;
    if (stile_schedule_complete(&full, s->config, s->arch, wanted))
        return; /* it does not work here */
    for (int i = 0; i < s->count; i++)
        if (stile_schedule_equal(&s->list[i], &full))
            return;
    s->list[s->count++] = full;
}

/* All bands and methods of a block; of its regions, what the spec pins or those of the table. */
static void add_block(space *s, stile_schedule wanted)
{
    const int pinned = s->config->schedule.region;
    enum { COUNT = REGIONS * BANDS * METHODS * METHODS };
    for (int i = 0; i < COUNT; i++) {
        wanted.decode = methods[i % METHODS];
        wanted.encode = methods[i / METHODS % METHODS];
        wanted.band = bands[i / METHODS / METHODS % BANDS];
        wanted.region = pinned ? pinned : regions[i / METHODS / METHODS / BANDS];
        add(s, &wanted);
    }
}

int stile_schedule_space(const stile_schedule **out, int *count, stile_arena *arena,
                         const stile_config *config, const stile_arch *arch)
{
    enum { MOST_STAGES = 5 }; /* of a row of the table: least … most */
    const int most = 1 + (BLOCKS * MOST_STAGES + 1) * REGIONS * BANDS * METHODS * METHODS;
    int element_bytes = stile_type_size(config->precision.encoded);
    space s = {.config = config, .arch = arch};
    stile_schedule rule;
    int error = stile_schedule_by_rule(&rule, config, arch);
    if (error)
        return error;
    s.list = stile_arena_array(arena, (size_t)most, sizeof *s.list);
    if (!s.list)
        return stile_fail_memory();
    s.list[s.count++] = rule;
    add_block(&s, rule); /* a pinned block may not be in the table */
    for (int i = 0; i < BLOCKS; i++) {
        for (int stages = blocks[i].least_stages; stages <= blocks[i].most_stages; stages++)
            add_block(&s, (stile_schedule){
                              .block_m = blocks[i].block_m,
                              .block_n = blocks[i].block_n,
                              .block_k = blocks[i].row_bytes / element_bytes,
                              .stages = stages,
                              .family = blocks[i].family,
                          });
    }
    *out = s.list;
    *count = s.count;
    return 0;
}

/* --- text ------------------------------------------------------------------------------------ */

void stile_schedule_print(stile_text *out, const stile_schedule *s)
{
    const char *gap = "";
    if (s->family) {
        stile_text_append(out, stile_kernel_family_name(s->family));
        gap = " ";
    }
    if (s->block_m) {
        stile_text_appendf(out, "%s%dx%dx%d", gap, s->block_m, s->block_n, s->block_k);
        gap = " ";
    }
    const struct {
        const char *key;
        int value;
        const char *name; /* or NULL: the number */
    } rest[] = {
        {"stages", s->stages, NULL},
        {"band", s->band, NULL},
        {"encode", (int)s->encode, stile_method_name(s->encode)},
        {"decode", (int)s->decode, stile_method_name(s->decode)},
        {"region", s->region, NULL},
    };
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        if (!rest[i].value)
            continue;
        if (rest[i].name)
            stile_text_appendf(out, "%s%s %s", gap, rest[i].key, rest[i].name);
        else
            stile_text_appendf(out, "%s%s %d", gap, rest[i].key, rest[i].value);
        gap = " ";
    }
}

/* The next word of *text into `word`; "" at the end. False where it is too long to mean anything.
 */
static bool next_word(const char **text, char word[static 32])
{
    *text += strspn(*text, " ");
    size_t length = strcspn(*text, " ");
    if (length >= 32)
        return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    *text += length;
    return true;
}

static bool parse_number(const char *word, int *out)
{
    int64_t value;
    if (!stile_parse_int64(word, &value) || value < 1 || value > 1 << 20)
        return false;
    *out = (int)value;
    return true;
}

static bool parse_method(const char *word, stile_method *out)
{
    for (int m = STILE_METHOD_FMA; m <= STILE_METHOD_MMA; m++) {
        if (strcmp(word, stile_method_name((stile_method)m)) == 0) {
            *out = (stile_method)m;
            return true;
        }
    }
    return false;
}

/* "128x256x64" */
static bool parse_block(char *word, stile_schedule *out)
{
    int *const sides[3] = {&out->block_m, &out->block_n, &out->block_k};
    char *side = word;
    for (int i = 0; i < 3; i++) {
        char *end = strchr(side, 'x');
        if ((i < 2) != (end != NULL))
            return false;
        if (end)
            *end = '\0';
        if (!parse_number(side, sides[i]))
            return false;
        side = end ? end + 1 : side;
    }
    return true;
}

bool stile_schedule_parse(stile_schedule *out, const char *text)
{
    stile_schedule s = {0};
    char word[32], value[32];
    for (;;) {
        if (!next_word(&text, word))
            return false;
        if (!*word)
            break;
        bool good = true;
        if (strcmp(word, stile_kernel_family_name(STILE_FAMILY_SM_80)) == 0)
            s.family = STILE_FAMILY_SM_80;
        else if (strcmp(word, stile_kernel_family_name(STILE_FAMILY_SM_90A)) == 0)
            s.family = STILE_FAMILY_SM_90A;
        else if (*word >= '0' && *word <= '9')
            good = parse_block(word, &s);
        else if (!next_word(&text, value))
            return false;
        else if (strcmp(word, "stages") == 0)
            good = parse_number(value, &s.stages);
        else if (strcmp(word, "band") == 0)
            good = parse_number(value, &s.band);
        else if (strcmp(word, "region") == 0)
            good = parse_number(value, &s.region);
        else if (strcmp(word, "encode") == 0)
            good = parse_method(value, &s.encode);
        else if (strcmp(word, "decode") == 0)
            good = parse_method(value, &s.decode);
        else
            good = false;
        if (!good)
            return false;
    }
    *out = s;
    return true;
}
