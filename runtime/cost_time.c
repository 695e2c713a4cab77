/* SPDX-License-Identifier: Apache-2.0 */
#include "cost_time.h"

#include <math.h>

#include "fail.h"

enum {
    DENSE_BLOCK = 128,
    MULTIPROCESSOR_SHARED = 228 * 1024, /* as much as any has; fewer blocks fit elsewhere */
    BLOCK_SHARED = 1024,                /* that the system keeps of it for each block */
    REGISTERS = 1 << 16,
    THREAD_REGISTERS = 240, /* of a channel GEMM, about */
};

/* What a block that was not measured moves counts as so many rows and columns more of arithmetic.
 */
static const double TRAFFIC = 96;

static double waves(double tiles, double slots)
{
    return ceil(tiles / slots);
}

/* --- scaling to other GPUs ------------------------------------------------------------------- */

static double memory_scale(const stile_gpu *gpu)
{
    return stile_gpu_reference().bandwidth / gpu->bandwidth;
}

/* Of the time that a multiprocessor takes for MMA. */
static double mma_scale(const stile_gpu *gpu, bool mma_sync)
{
    const stile_gpu reference = stile_gpu_reference();
    if (gpu->calibrated)
        return 1;
    stile_mma_rate ours = stile_arch_mma_rate(&gpu->arch);
    stile_mma_rate theirs = stile_arch_mma_rate(&reference.arch);
    double rate = mma_sync ? ours.mma_sync / theirs.mma_sync : ours.fastest / theirs.fastest;
    return reference.clock / (gpu->clock * rate);
}

/* --- kernels --------------------------------------------------------------------------------- */

static double linear_time(const stile_gpu *gpu, const stile_linear_calibration *c, bool sparse,
                          stile_method method, double bytes)
{
    double rate = sparse ? c->code : method == STILE_METHOD_MMA ? c->mma : c->fma;
    return c->launch + bytes / (rate * 1e9) * memory_scale(gpu);
}

/* How many blocks of a schedule share a multiprocessor. */
static int resident_blocks(const stile_gemm_schedule *s)
{
    int by_shared = MULTIPROCESSOR_SHARED / (s->shared_bytes + BLOCK_SHARED);
    int by_registers = REGISTERS / (s->threads * THREAD_REGISTERS);
    int blocks = by_shared < by_registers ? by_shared : by_registers;
    return s->family == STILE_FAMILY_SM_90A || blocks < 1 ? 1 : blocks;
}

/* us of a step and of the rest of a tile, of a block that has a multiprocessor to itself. */
typedef struct block_time {
    double step, tile;
    bool measured;
} block_time;

static double effort(int block_m, int block_n)
{
    return (double)block_m * block_n + TRAFFIC * (block_m + block_n);
}

/*
 * The row of the calibration that is this block, else one of its family, scaled. `resident` blocks
 * share a multiprocessor; a row's times are of as many as it had.
 */
static block_time find_block(const stile_calibration *c, const stile_gemm_schedule *s,
                             int row_bytes, int resident)
{
    const stile_block_calibration *first = NULL;
    for (int i = 0; i < c->block_count; i++) {
        const stile_block_calibration *b = &c->blocks[i];
        if (b->family != s->family)
            continue;
        if (b->block_m == s->block_m && b->block_n == s->block_n && b->row_bytes == row_bytes &&
            b->stages == s->stages)
            return (block_time){b->step, b->tile, true};
        if (!first)
            first = b;
    }
    double scale = effort(s->block_m, s->block_n) / effort(first->block_m, first->block_n) *
                   row_bytes / first->row_bytes * resident;
    if (s->stages < first->stages) /* less in flight: a tie goes to the deeper ring */
        scale *= 1 + 0.01 * (first->stages - s->stages);
    return (block_time){first->step * scale, first->tile * scale, false};
}

static double gemm_time(const stile_gpu *gpu, const stile_config *config,
                        const stile_gemm_schedule *s, const stile_cost *cost, bool *measured)
{
    const stile_calibration *c = gpu->calibration;
    int row_bytes = s->block_k * stile_type_size(config->precision.encoded);
    int resident = resident_blocks(s);
    block_time block = find_block(c, s, row_bytes, resident);
    double rows = ceil((double)cost->tiling.tile_rows / (s->block_m * s->cluster));
    double columns = ceil((double)cost->tiling.tile_columns / s->block_n);
    double steps = ceil((double)cost->tiling.tile_inner / s->block_k);
    double slots = floor((double)gpu->multiprocessors / s->cluster) * resident;
    double turns = waves(config->basis->rank * rows * columns, slots > 1 ? slots : 1);
    bool mma_sync = s->family == STILE_FAMILY_SM_80;
    *measured = block.measured;
    return c->gemm_launch +
           turns * (steps * block.step + block.tile) * 1e-3 * mma_scale(gpu, mma_sync);
}

static stile_method encode_w_method(const stile_config *config)
{
    bool mma = config->layout == STILE_WEIGHT_NK && stile_encode_w_suits_mma(config);
    return mma ? STILE_METHOD_MMA : STILE_METHOD_FMA;
}

int stile_time_predict(stile_time *out, const stile_gpu *gpu, const stile_config *config,
                       const stile_schedule *schedule, const stile_cost *cost)
{
    stile_config scheduled = *config;
    stile_gemm_schedule gemm;
    if (stile_type_size(config->precision.encoded) == 1)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: kernels for precision.encoded %s were never timed", config->name,
                          stile_type_name(config->precision.encoded));
    if (schedule->region)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: the fused kernel (schedule.region) was never timed", config->name);
    scheduled.schedule = *schedule;
    int error = stile_gemm_schedule_choose(&gemm, &scheduled, &gpu->arch);
    if (error)
        return error;

    const stile_calibration *c = gpu->calibration;
    stile_time time = {0};
    int calls = 0;
    for (int i = 0; i < cost->kernel_count; i++) {
        const stile_kernel_cost *k = &cost->kernels[i];
        double bytes = k->bytes_read + k->bytes_written, t = 0;
        if (k->role == STILE_KERNEL_ENCODE_X)
            t = linear_time(gpu, &c->encode, config->sparse, schedule->encode, bytes);
        else if (k->role == STILE_KERNEL_ENCODE_W)
            t = linear_time(gpu, &c->encode, config->sparse, encode_w_method(config), bytes);
        else if (k->role == STILE_KERNEL_CHANNEL_GEMM)
            t = gemm_time(gpu, config, &gemm, cost, &time.block_measured);
        else
            t = linear_time(gpu, &c->decode, config->sparse, schedule->decode, bytes);
        time.kernels[k->role] = t;
        if (k->per_call) {
            time.total += t;
            calls++;
        }
    }
    time.total -= c->overlap * (calls > 1 ? calls - 1 : 0);
    *out = time;
    return 0;
}

/* --- what else could be done ----------------------------------------------------------------- */

double stile_time_predict_dense(const stile_gpu *gpu, const stile_config *config,
                                const stile_shape *shape)
{
    const stile_calibration *c = gpu->calibration;
    int size = stile_type_size(config->precision.input);
    int out_size = stile_type_size(config->precision.output);
    double M = (double)shape->M, K = (double)shape->K, N = (double)shape->N;
    double tiles = ceil(M / DENSE_BLOCK) * ceil(N / DENSE_BLOCK);
    /* The rate is that of all multiprocessors of the reference: a wave's time is one tile's. */
    double tile = 2.0 * DENSE_BLOCK * DENSE_BLOCK * K * stile_gpu_reference().multiprocessors /
                  (c->dense.rate * 1e9);
    double types = size == 4 ? 2 : 1; /* tf32: half the rate (data sheets) */
    double arithmetic = waves(tiles, gpu->multiprocessors) * tile * types * mma_scale(gpu, false);
    double memory =
        (size * (M * K + K * N) + out_size * M * N) / (c->decode.mma * 1e9) * memory_scale(gpu);
    return c->dense.launch + (arithmetic > memory ? arithmetic : memory);
}

double stile_time_predict_sparse(const stile_gpu *gpu, const stile_config *config,
                                 const stile_shape *shape)
{
    static const struct {
        double log_flops, gain;
    } anchors[] = {{40, 1.1}, {43, 1.5}}; /* 2·8192³ and 2·16384³ FLOP, one H200 */
    if (stile_type_size(config->precision.input) == 4)
        return NAN;
    double M = (double)shape->M, K = (double)shape->K, N = (double)shape->N;
    double place = (log2(2 * M * K * N) - anchors[0].log_flops) /
                   (anchors[1].log_flops - anchors[0].log_flops);
    place = place < 0 ? 0 : place > 1 ? 1 : place;
    double gain = anchors[0].gain + place * (anchors[1].gain - anchors[0].gain);
    return stile_time_predict_dense(gpu, config, shape) / gain;
}
