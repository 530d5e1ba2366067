/* SPDX-License-Identifier: GPL-2.0-only */
/* The image that the next kexec starts. */
#ifndef PMPOOLD_STAGE_H
#define PMPOOLD_STAGE_H

#include <stdbool.h>

#include "preflight.h"

/*
 * How many loads the kernel still permits: one less with each attempt to load
 * or unload an image, by whomever. -1: it does not count them.
 */
int stage_count(void);

/*
 * Load what was checked. *count is what stage_count() says as long as nobody
 * else loads anything. On failure *reason is a new string.
 */
int stage_load(const struct preflight *pf, int *count, char **reason);

/* Whether any image is loaded, by whomever. */
bool stage_loaded(void);

/* Drop it; *count as above. */
int stage_unload(int *count);

#endif
