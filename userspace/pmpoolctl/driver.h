/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's format.c, hold.c and space.c, for use beside the library. Both sides have a
 * pmpool_name_valid(): the driver's takes a field of 64 bytes, the library's a
 * string.
 */
#ifndef PMPOOLCTL_DRIVER_H
#define PMPOOLCTL_DRIVER_H

#include <linux/kernel.h>

#define pmpool_name_valid pmpool_format_name_valid
#include "format.h"
#include "hold.h"
#include "space.h"
#undef pmpool_name_valid

#endif /* PMPOOLCTL_DRIVER_H */
