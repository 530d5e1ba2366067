/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's object on the bus. */
#ifndef PMPOOLD_MANAGER_H
#define PMPOOLD_MANAGER_H

#include <systemd/sd-bus.h>

struct daemon;

int manager_add(sd_bus *bus, struct daemon *d);

/* Tell everybody who follows it; what is of enum in bus.h. */
void manager_changed(sd_bus *bus, const struct daemon *d, unsigned int what);

#endif
