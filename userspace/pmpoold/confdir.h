/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration that lies in several directories, as for tmpfiles.d(5). */
#ifndef PMPOOLD_CONFDIR_H
#define PMPOOLD_CONFDIR_H

#include <stddef.h>
#include <systemd/sd-event.h>

#include "strlist.h"

/*
 * Add the paths of the .conf files in dirs, a list that ends with NULL: in the
 * order of their names, and of those of one name the one in the first directory.
 */
void confdir_list(const char *const *dirs, struct strlist *paths, struct strlist *problems);

struct confdir;

/*
 * Call changed, from the loop, after files in dirs have come, gone or changed;
 * dirs need not exist.
 */
struct confdir *confdir_watch(sd_event *event, const char *const *dirs,
			      void (*changed)(void *userdata), void *userdata);
void confdir_free(struct confdir *watch);

#endif
