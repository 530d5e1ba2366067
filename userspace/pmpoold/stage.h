/* SPDX-License-Identifier: GPL-2.0-only */
/* The image that the next kexec starts. */
#ifndef PMPOOLD_STAGE_H
#define PMPOOLD_STAGE_H

#include <stdbool.h>

#include "preflight.h"

/* Load what was checked. On failure *reason is a new string. */
int stage_load(const struct preflight *pf, char **reason);

/* Whether any image is loaded, by whomever. */
bool stage_loaded(void);

/* Drop it. */
int stage_unload(void);

#endif
