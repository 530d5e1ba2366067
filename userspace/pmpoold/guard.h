/* SPDX-License-Identifier: GPL-2.0-only */
/* Holding back a kexec that would lose the pool. */
#ifndef PMPOOLD_GUARD_H
#define PMPOOLD_GUARD_H

#include <stdbool.h>

/* Whether kexec.target may be started. Says what it could not do. */
int guard_allow_kexec(bool allow);

#endif
