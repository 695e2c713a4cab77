// SPDX-License-Identifier: Apache-2.0
// The order of work of the fused kernel, checked on the host: every task comes once, after what it needs.
// RANK, REGION_PAIRS and DECODE_PIECES are defined on the command line.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define __host__
#define __device__
#define __forceinline__ inline
using std::min;
#include "sm_90a/tasks.cuh"

static void fail(const TaskOrder &order, unsigned ticket, const char *what)
{
    std::fprintf(stderr, "%d pairs, %d columns, %d pieces, lag %d: ticket %u: %s\n", order.row_pairs,
                 order.columns, order.encode_pieces, order.lag, ticket, what);
    std::exit(1);
}

static void check(const TaskOrder &order)
{
    std::vector<int> encoded(order.row_pairs);
    std::vector<int> multiplied(order.row_pairs * order.columns), decoded(multiplied.size());
    std::vector<bool> seen_piece(order.row_pairs * order.encode_pieces);
    std::vector<bool> seen_channel(multiplied.size() * RANK);
    std::vector<bool> seen_decode(multiplied.size() * DECODE_PIECES);
    const unsigned end = order.end();

    for (unsigned ticket = 0; ticket < end; ticket++) {
        const Task task = order.task(ticket);
        if (task.kind == TASK_NONE)
            continue;
        if (task.kind == TASK_END || task.row_pair < 0 || task.row_pair >= order.row_pairs
            || task.column < 0 || task.column >= order.columns)
            fail(order, ticket, "outside of the problem");
        const int block = task.row_pair * order.columns + task.column;
        std::vector<bool> *seen;
        size_t index;
        if (task.kind == TASK_ENCODE) {
            seen = &seen_piece;
            index = (size_t)task.row_pair * order.encode_pieces + task.part;
            encoded[task.row_pair]++;
        } else if (task.kind == TASK_GEMM) {
            if (encoded[task.row_pair] != order.encode_pieces)
                fail(order, ticket, "multiplies before all is encoded");
            seen = &seen_channel;
            index = (size_t)block * RANK + task.part;
            multiplied[block]++;
        } else {
            if (multiplied[block] != RANK)
                fail(order, ticket, "decodes before all is multiplied");
            seen = &seen_decode;
            index = (size_t)block * DECODE_PIECES + task.part;
            decoded[block]++;
        }
        if (index >= seen->size() || (*seen)[index])
            fail(order, ticket, "comes twice");
        (*seen)[index] = true;
    }
    for (int count : decoded)
        if (count != DECODE_PIECES)
            fail(order, end, "a block is not decoded");
    for (unsigned ticket : {end, end + 1, end + 1000})
        if (order.task(ticket).kind != TASK_END)
            fail(order, ticket, "goes on past the end");
}

int main()
{
    for (int row_pairs = 1; row_pairs <= 9; row_pairs++)
        for (int columns = 1; columns <= 7; columns++)
            for (int encode_pieces : {1, 4, 13})
                for (int lag : {1, 2, 5, 100})
                    check({row_pairs, columns, encode_pieces, lag});
    check({200, 3, 64, 5});
    check({2, 300, 64, 5});
    return 0;
}
