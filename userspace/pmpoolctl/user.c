// SPDX-License-Identifier: GPL-2.0-only
/*
 * Users and groups: between names and numbers.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"

/* Whether text is a number; whoever is called by one has lost. */
static bool is_number(const char *text, unsigned int *number)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	/* The last one means "nobody in particular" to every call. */
	if (*end != '\0' || errno || value >= UINT32_MAX)
		return false;
	*number = (unsigned int)value;
	return true;
}

const char *parse_user(const char *text, uid_t *uid)
{
	const struct passwd *user;

	if (is_number(text, uid))
		return NULL;
	user = getpwnam(text);
	if (!user)
		return "there is no such user; give a name, or a number below 4294967295";
	*uid = user->pw_uid;
	return NULL;
}

const char *parse_group(const char *text, gid_t *gid)
{
	const struct group *group;

	if (is_number(text, gid))
		return NULL;
	group = getgrnam(text);
	if (!group)
		return "there is no such group; give a name, or a number below 4294967295";
	*gid = group->gr_gid;
	return NULL;
}

const char *format_user(char to[USER_TEXT], uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(to, USER_TEXT, "%.32s", user->pw_name);
	else
		snprintf(to, USER_TEXT, "%u", uid);
	return to;
}
