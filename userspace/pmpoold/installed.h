/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels, initrds and modules as they come and go. */
#ifndef PMPOOLD_INSTALLED_H
#define PMPOOLD_INSTALLED_H

#include <systemd/sd-event.h>

struct installed;

/*
 * Call changed, from the loop, some time after the last change of a kernel or
 * initrd in /boot, or of a list of modules in /lib/modules.
 */
struct installed *installed_watch(sd_event *event, void (*changed)(void *userdata),
				  void *userdata);
void installed_free(struct installed *installed);

#endif
