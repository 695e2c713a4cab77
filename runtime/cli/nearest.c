/* SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_WORD = 32 };

static int min3(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edit distance with swaps of neighbours (optimal string alignment). Both at most MAX_WORD long. */
static int distance(const char *a, int a_length, const char *b, int b_length)
{
    int rows[3][MAX_WORD + 1];
    for (int j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (int i = 1; i <= a_length; i++) {
        int *above = rows[(i - 1) % 3], *row = rows[i % 3];
        row[0] = i;
        for (int j = 1; j <= b_length; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && rows[(i - 2) % 3][j - 2] + 1 < row[j])
                row[j] = rows[(i - 2) % 3][j - 2] + 1;
        }
    }
    return rows[a_length % 3][b_length];
}

/* The only candidate that begins with `word`, of at least two letters; else NULL. */
static const char *complete(const char *const *candidates, int count, const char *word,
                            size_t length)
{
    const char *found = NULL;
    for (int i = 0; i < count && length >= 2; i++) {
        if (strncmp(candidates[i], word, length) != 0)
            continue;
        if (found)
            return NULL;
        found = candidates[i];
    }
    return found;
}

const char *stile_nearest(const char *const *candidates, int count, const char *word, size_t length)
{
    if (length == 0 || length > MAX_WORD)
        return NULL;
    const char *nearest = complete(candidates, count, word, length);
    if (nearest)
        return nearest;
    int least = 1 + (int)(length + 1) / 3; /* a third of the letters may be wrong */
    for (int i = 0; i < count; i++) {
        size_t candidate_length = strlen(candidates[i]);
        if (candidate_length > MAX_WORD)
            continue;
        int d = distance(word, (int)length, candidates[i], (int)candidate_length);
        if (d < least) {
            least = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
