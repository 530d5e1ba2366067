/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting what is staged. */
#ifndef PMPOOLD_KEXEC_H
#define PMPOOLD_KEXEC_H

#include <systemd/sd-bus.h>

struct daemon;

/*
 * Ask for a kexec, and answer call when it has begun, or with what prevents it.
 * Negative: it could not even be asked for, and call is still to be answered.
 */
int kexec_start(sd_bus_message *call, struct daemon *d);

#endif
