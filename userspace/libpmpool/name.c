// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What an extent may be called, and what the library is called.
 */
#include <assert.h>
#include <string.h>

#include "internal.h"

static_assert(PMPOOL_NAME_MAX + 1 == PMPOOL_NAME_SIZE,
	      "the library and the driver disagree about the length of names");

PMPOOL_API bool pmpool_name_valid(const char *name)
{
	/* Spelled out: isalnum() depends on the locale, the driver does not. */
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t len;

	if (!name)
		return false;

	len = strspn(name, allowed);
	if (len == 0 || len > PMPOOL_NAME_MAX || name[len] != '\0')
		return false;

	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

PMPOOL_API const char *pmpool_version(void)
{
	return PMPOOL_VERSION;
}
