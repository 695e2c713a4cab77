/* SPDX-License-Identifier: Apache-2.0 */
#include <stile/version.h>

const char *stile_version(void)
{
    return STILE_VERSION;
}
