// SPDX-License-Identifier: Apache-2.0
// Where the rows of a row of tiles lie in the matrix: tiling restarts in each group.

struct TileRow {
    long long first_row; // of the matrix
    int valid_rows;      // from there to the end of the group; may exceed the tile
};

__device__ __forceinline__ TileRow locate_tile_row(const stile_row_groups &groups, int tile_row,
                                                   int rows_per_tile)
{
    const int group = tile_row / groups.tile_rows_per_group;
    const int row_in_group = (tile_row - group * groups.tile_rows_per_group) * rows_per_tile;
    return {(long long)group * groups.rows_per_group + row_in_group,
            groups.rows_per_group - row_in_group};
}
