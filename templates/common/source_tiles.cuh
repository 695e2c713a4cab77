// SPDX-License-Identifier: Apache-2.0
// COUNT tiles of ROWS × COLUMNS that are neighbours along the rows of an encoder's source, as one thread
// reads them: whole chunks of each row.
#include "common/chunk.cuh"
#include "common/lanes.cuh"
#include "common/row_groups.cuh"

template <int ROWS, int COLUMNS, int COUNT>
struct SourceTiles {
    static constexpr int CHUNK_COLUMNS = COUNT * COLUMNS;
    Chunk<Input, CHUNK_COLUMNS> rows[ROWS];

    // chunk: counts CHUNK_COLUMNS from the left. Tiles outside of the matrix are zero.
    __device__ __forceinline__ void load(const stile_encode_params &p, int tile_row, int chunk)
    {
        const TileRow at = locate_tile_row(p.groups, tile_row, ROWS);
        const long long first_column = (long long)chunk * CHUNK_COLUMNS;
        const long long left = p.inner - first_column;
        const int valid = left < 0 ? 0 : left < CHUNK_COLUMNS ? (int)left : CHUNK_COLUMNS;
        const Input *source
            = static_cast<const Input *>(p.source) + at.first_row * p.source_pitch + first_column;
#pragma unroll
        for (int row = 0; row < ROWS; row++) {
            const bool inside = tile_row < p.groups.tile_rows && row < at.valid_rows;
            if (inside && valid == CHUNK_COLUMNS && p.vectorized)
                rows[row].load(source + row * p.source_pitch);
            else
                rows[row].load(source + row * p.source_pitch, inside ? valid : 0);
        }
    }

    // The tiles' entries, in the order of the encoder's columns.
    __device__ __forceinline__ void get_entries(Lanes<COUNT> (&entries)[ROWS * COLUMNS]) const
    {
#pragma unroll
        for (int entry = 0; entry < ROWS * COLUMNS; entry++) {
            const int row = ENTRIES_BY_COLUMN ? entry % ROWS : entry / COLUMNS;
            const int column = ENTRIES_BY_COLUMN ? entry / ROWS : entry % COLUMNS;
#pragma unroll
            for (int tile = 0; tile < COUNT; tile++)
                entries[entry].of[tile] = to_float(rows[row].elements[tile * COLUMNS + column]);
        }
    }
};
