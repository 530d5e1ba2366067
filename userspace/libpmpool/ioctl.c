// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The one door to the driver.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "internal.h"

int pmpool_uapi_call(int fd, unsigned long command, void *arg)
{
	/* EINTR means that a fatal signal is on its way: nothing to retry. */
	if (ioctl(fd, command, arg) < 0)
		return -errno;
	return 0;
}

int pmpool_name_to_uapi(char to[PMPOOL_NAME_SIZE], const char *name)
{
	/* A longer name must not be cut into the name of another extent. */
	if (!pmpool_name_valid(name))
		return -EINVAL;

	memset(to, 0, PMPOOL_NAME_SIZE);
	memcpy(to, name, strlen(name));
	return 0;
}
