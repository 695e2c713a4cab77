// SPDX-License-Identifier: Apache-2.0
// The order of work of the fused kernel: ticket → task.
//
// A row pair is what a cluster's two blocks cover, 2·BLOCK_M rows of tiles. Row pairs form regions: the
// first has one, so that little is encoded before the channel GEMM starts, the others REGION_PAIRS. A
// region is multiplied column by column, a column channel by channel, so that neighbouring tickets share
// Ŵ, and X̂ of the region stays in L2. A step is one column of one region: its GEMM tasks, with them a
// share of encoding the next region, and decoding what was multiplied `lag` steps before.
//
// Every task depends on tasks with lower tickets alone. Some tickets are empty: where a region or a column
// has less to do than the others.

enum TaskKind { TASK_NONE, TASK_ENCODE, TASK_GEMM, TASK_DECODE, TASK_END };

struct alignas(16) Task {
    int kind; // TaskKind
    int row_pair;
    int column; // GEMM, decode: of blocks of BLOCK_N
    int part;   // GEMM: the channel; encode: a piece of the row pair; decode: of the block
};

// Places `marked` tasks evenly among `slots`; position i holds one of them, or one of the others.
struct Spread {
    bool is_marked;
    int index; // among its kind

    __host__ __device__ __forceinline__ Spread(int i, int marked, int slots)
    {
        const int before = (int)(((long long)i * marked + slots - 1) / slots); // marked ones below i
        is_marked = (int)(((long long)(i + 1) * marked + slots - 1) / slots) > before;
        index = is_marked ? before : i - before;
    }
};

struct TaskOrder {
    int row_pairs, columns;
    int encode_pieces; // of a row pair
    int lag;           // steps between a block's GEMM tasks and its decode tasks, at least 1

    // Regions.
    __host__ __device__ __forceinline__ int regions() const
    {
        return 1 + (row_pairs - 1 + REGION_PAIRS - 1) / REGION_PAIRS;
    }

    __host__ __device__ __forceinline__ int first_pair(int region) const
    {
        return region == 0 ? 0 : 1 + (region - 1) * REGION_PAIRS;
    }

    __host__ __device__ __forceinline__ int pairs(int region) const
    {
        const int left = row_pairs - first_pair(region);
        return region == 0 ? 1 : left < REGION_PAIRS ? left : REGION_PAIRS;
    }

    // Slots of one step of a region.
    __host__ __device__ __forceinline__ int encode_slots(int region) const
    {
        return region + 1 < regions() ? (REGION_PAIRS * encode_pieces + columns - 1) / columns : 0;
    }

    __host__ __device__ __forceinline__ static int decode_slots()
    {
        return REGION_PAIRS * DECODE_PIECES;
    }

    __host__ __device__ __forceinline__ int slots(int region) const
    {
        return pairs(region) * RANK + encode_slots(region) + decode_slots();
    }

    // Tickets from here on are TASK_END.
    __host__ __device__ __forceinline__ unsigned end() const
    {
        const int last = regions() - 1;
        unsigned steps = columns * slots(last) + lag * decode_slots();
        if (last > 0)
            steps += columns * slots(0);
        if (last > 1)
            steps += (unsigned)(last - 1) * (columns * slots(1));
        return encode_pieces + steps;
    }

    __host__ __device__ __forceinline__ Task encode_task(int region, int index) const
    {
        const int pair = index / encode_pieces;
        if (region >= regions() || pair >= pairs(region))
            return {TASK_NONE};
        return {TASK_ENCODE, first_pair(region) + pair, 0, index - pair * encode_pieces};
    }

    // step: counted over all regions.
    __host__ __device__ __forceinline__ Task decode_task(int step, int index) const
    {
        const int region = step / columns, pair = index / DECODE_PIECES;
        if (step < 0 || pair >= pairs(region))
            return {TASK_NONE};
        return {TASK_DECODE, first_pair(region) + pair, step - region * columns,
                index - pair * DECODE_PIECES};
    }

    __host__ __device__ __forceinline__ Task task(unsigned ticket) const
    {
        if (ticket >= end())
            return {TASK_END};
        if (ticket < (unsigned)encode_pieces)
            return encode_task(0, ticket);
        ticket -= encode_pieces;

        // Region 0, those like region 1, the last one, what is left to decode.
        const int last = regions() - 1;
        int region = 0;
        const unsigned first_tickets = columns * slots(0);
        if (last > 0 && ticket >= first_tickets) {
            ticket -= first_tickets;
            region = 1;
            if (last > 1) {
                const unsigned region_tickets = columns * slots(1);
                const int skipped = min(ticket / region_tickets, (unsigned)last - 1);
                ticket -= skipped * region_tickets;
                region += skipped;
            }
        }
        const unsigned region_tickets = columns * slots(region);
        if (ticket >= region_tickets) {
            ticket -= region_tickets;
            const int step = ticket / decode_slots();
            return decode_task(regions() * columns - lag + step, ticket - step * decode_slots());
        }

        const int column = ticket / slots(region);
        const int slot = ticket - column * slots(region);
        const Spread encode(slot, encode_slots(region), slots(region));
        if (encode.is_marked)
            return encode_task(region + 1, column * encode_slots(region) + encode.index);
        const Spread decode(encode.index, decode_slots(), slots(region) - encode_slots(region));
        if (decode.is_marked)
            return decode_task(region * columns + column - lag, decode.index);
        const int channel = decode.index / pairs(region);
        return {TASK_GEMM, first_pair(region) + decode.index - channel * pairs(region), column, channel};
    }
};
