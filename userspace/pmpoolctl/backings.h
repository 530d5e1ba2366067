/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which kernels have the backing "cma", as their drivers say.
 */
#ifndef PMPOOLCTL_BACKINGS_H
#define PMPOOLCTL_BACKINGS_H

#include <stdbool.h>

/* The kernel of that release; root is "", but in tests. */
bool backings_cma(const char *root, const char *release);
/* Any that has modules. */
bool backings_cma_anywhere(const char *root);

#endif /* PMPOOLCTL_BACKINGS_H */
