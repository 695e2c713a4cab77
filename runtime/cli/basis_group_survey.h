/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis group --survey. */
#ifndef STILE_CLI_BASIS_GROUP_SURVEY_H
#define STILE_CLI_BASIS_GROUP_SURVEY_H

#include "command.h"

/* What each group can do with tiles of m×k×n, and the best of all by rank. Returns an exit code. */
int stile_survey_groups(const stile_arguments *arguments, const int tile[3], uint64_t seed);

#endif
