/* SPDX-License-Identifier: Apache-2.0 */
/* Matrices in the registers of a warp: lane 4·g + t of a fragment has row g (and g + 8). */
#include <string.h>

#include "machine.h"
#include "matrix.h"

unsigned format_bytes(emulator_format format)
{
    return format == EMULATOR_TF32 ? 4 : format == EMULATOR_F16 || format == EMULATOR_BF16 ? 2 : 1;
}

void format_unpack(float *out, const void *bytes, unsigned size, emulator_format format)
{
    const unsigned element = format_bytes(format);
    for (unsigned i = 0; i < size / element; i++) {
        uint32_t bits = 0;
        memcpy(&bits, (const char *)bytes + i * element,
               element); /* little-endian, as the GPU is */
        out[i] = emulator_from_bits(format, bits);
    }
}

/* --- ldmatrix, stmatrix: lane l gives the address of row l % 8 of matrix l / 8 --- */

typedef struct matrix_argument {
    unsigned *fragment;
    const unsigned char *row; /* where this lane's address points */
    unsigned count;
    int transpose;
} matrix_argument;

/* The matrices' 16-bit elements as lane `lane` holds them: two of matrix i in fragment[i]. */
static unsigned short *element(const matrix_argument *const *lanes, unsigned matrix, unsigned l,
                               unsigned half)
{
    unsigned row = l / 4, column = l % 4 * 2 + half;
    if (lanes[0]->transpose) {
        unsigned swap = row;
        row = column;
        column = swap;
    }
    return (unsigned short *)lanes[matrix * 8 + row]->row + column;
}

static void load_matrices(void *const *arguments, unsigned mask)
{
    (void)mask;
    const matrix_argument *const *lanes = (const matrix_argument *const *)arguments;
    for (unsigned matrix = 0; matrix < lanes[0]->count; matrix++) {
        for (unsigned l = 0; l < WARP_SIZE; l++)
            lanes[l]->fragment[matrix] = (unsigned)*element(lanes, matrix, l, 0) |
                                         (unsigned)*element(lanes, matrix, l, 1) << 16;
    }
}

static void store_matrices(void *const *arguments, unsigned mask)
{
    (void)mask;
    const matrix_argument *const *lanes = (const matrix_argument *const *)arguments;
    for (unsigned matrix = 0; matrix < lanes[0]->count; matrix++) {
        for (unsigned l = 0; l < WARP_SIZE; l++) {
            *element(lanes, matrix, l, 0) = (unsigned short)lanes[l]->fragment[matrix];
            *element(lanes, matrix, l, 1) = (unsigned short)(lanes[l]->fragment[matrix] >> 16);
        }
    }
}

static void move_matrices(const char *operation, unsigned *fragment, unsigned count, int transpose,
                          unsigned address, collective_action *act)
{
    /* The addresses of lanes past the last matrix are not looked at. */
    matrix_argument mine = {fragment, NULL, count, transpose};
    if (machine_lane()->thread.lane < 8 * count)
        mine.row = emulator_shared(address, 16, 16);
    machine_collect(operation, ~0u, &mine, act);
}

void emulator_ldmatrix(unsigned *fragment, unsigned count, int transpose, unsigned address)
{
    move_matrices("ldmatrix", fragment, count, transpose, address, load_matrices);
}

void emulator_stmatrix(const unsigned *fragment, unsigned count, int transpose, unsigned address)
{
    move_matrices("stmatrix", (unsigned *)fragment, count, transpose, address, store_matrices);
}

/* --- mma.sync --- */

typedef struct mma_argument {
    float *d;
    const unsigned *a, *b;
    emulator_format a_format, b_format;
    unsigned bytes; /* of the inner dimension */
} mma_argument;

/* Four bytes of a row are one register of a lane; the second half of a row is in the next
 * registers. */
static void gather(unsigned a[16][8], unsigned b[8][8], const mma_argument *const *lanes,
                   unsigned halves)
{
    for (unsigned l = 0; l < WARP_SIZE; l++) {
        const unsigned row = l / 4, word = l % 4;
        for (unsigned half = 0; half < halves; half++) {
            a[row][word + 4 * half] = lanes[l]->a[2 * half];
            a[row + 8][word + 4 * half] = lanes[l]->a[2 * half + 1];
            b[row][word + 4 * half] = lanes[l]->b[half];
        }
    }
}

static void multiply(void *const *arguments, unsigned mask)
{
    (void)mask;
    const mma_argument *const *lanes = (const mma_argument *const *)arguments;
    const mma_argument *first = lanes[0];
    const unsigned inner = first->bytes / format_bytes(first->a_format);
    unsigned a_words[16][8], b_words[8][8];
    float a[16][32], b[32][8], sum[16][8];

    gather(a_words, b_words, lanes, first->bytes / 16);
    for (unsigned row = 0; row < 16; row++)
        format_unpack(a[row], a_words[row], first->bytes, first->a_format);
    for (unsigned column = 0; column < 8; column++) {
        float values[32];
        format_unpack(values, b_words[column], first->bytes, first->b_format);
        for (unsigned k = 0; k < inner; k++)
            b[k][column] = values[k];
    }
    for (unsigned l = 0; l < WARP_SIZE; l++) {
        for (unsigned i = 0; i < 4; i++)
            sum[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2] = lanes[l]->d[i];
    }
    for (unsigned row = 0; row < 16; row++) {
        for (unsigned k = 0; k < inner; k++) {
            for (unsigned column = 0; column < 8; column++)
                sum[row][column] += a[row][k] * b[k][column];
        }
    }
    for (unsigned l = 0; l < WARP_SIZE; l++) {
        for (unsigned i = 0; i < 4; i++)
            lanes[l]->d[i] = sum[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
    }
}

void emulator_mma(float *d, const unsigned *a, const unsigned *b, emulator_format a_format,
                  emulator_format b_format, unsigned bytes)
{
    mma_argument mine = {d, a, b, a_format, b_format, bytes};
    machine_collect("mma.sync", ~0u, &mine, multiply);
}
