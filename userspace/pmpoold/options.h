/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of a method, a{sv} on the bus, as a request. */
#ifndef PMPOOLD_OPTIONS_H
#define PMPOOLD_OPTIONS_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "request.h"

/*
 * Read the options of call into request. may_force: Force is one of them. On
 * failure *error says which option is wrong, and how, and request is empty.
 */
int options_read(sd_bus_message *call, bool may_force, struct kexec_request *request,
		 sd_bus_error *error);

#endif
