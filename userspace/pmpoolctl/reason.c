// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver says, in words: errors, with what to do, and states. pmpoold
 * uses them as well.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

/* Lent, or what a kernel with the backing cma uses by itself. */
#define CAN_NOT_MOVE	"the system uses memory that it needs and can not move that away; free some memory and try again"

const char *error_text(int err)
{
	switch (-err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "no pool: is the pmpool module loaded? see dmesg";
	case EACCES:
	case EPERM:
		return "permission denied; run as root or join group pmpool";
	case EROFS:
		return "the pool is read-only: its format has a feature that this driver can not write; use the driver that made it";
	case EUCLEAN:
		return "the pool is degraded: part of its metadata is damaged, see pmpoolctl check; intact extents can still be used";
	case ENOTTY:
		return "the driver does not know this request; the pmpool module and pmpoolctl should be of one version";
	case E2BIG:
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
		return "the driver speaks another version of the interface; the pmpool module and pmpoolctl should be of one version";
	case EDQUOT:
		return "you would have more than your limit; see pmpoolctl limit";
	case EAGAIN:
		return "the system still uses memory that the extent needs; try again";
	case ENOMEM:
		return "out of memory";
	default:
		return strerror(-err);
	}
}

int error_status(int err)
{
	switch (-err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return CTL_NO_POOL;
	default:
		return CTL_FAILED;
	}
}

const char *pool_state_text(enum pmpool_pool_state state)
{
	switch (state) {
	case PMPOOL_OK:
		return "ok";
	case PMPOOL_READ_ONLY:
		return "read-only";
	default:
		return "degraded";
	}
}

static void no_space(char *to, size_t len, uint64_t size, uint64_t align,
		     const struct pmpool_pool_info *info)
{
	uint64_t largest, block, aligned;
	char wanted[SIZE_TEXT];
	char found[SIZE_TEXT];
	char step[SIZE_TEXT];

	if (!info) {
		snprintf(to, len, "no free run of %s", format_size(wanted, size, false));
		return;
	}

	largest = pmpool_info_largest_free(info);
	if (largest >= size && align <= pmpool_info_block_size(info)) {
		snprintf(to, len, CAN_NOT_MOVE);
		return;
	}
	block = pmpool_info_block_size(info);
	aligned = align > block ? align : 0;

	format_size(wanted, size, false);
	format_size(found, largest, false);
	/* "no 2.0 GiB, the largest is 2.0 GiB" would help nobody. */
	if (strcmp(wanted, found) == 0 && !aligned) {
		snprintf(wanted, sizeof(wanted), "%llu bytes", (unsigned long long)size);
		snprintf(found, sizeof(found), "%llu bytes", (unsigned long long)largest);
	}

	if (aligned)
		snprintf(to, len,
			 "no free run of %s whose place in memory is a multiple of %s; the largest run anywhere is %s",
			 wanted, format_size(step, aligned, false), found);
	else if (largest == 0)
		snprintf(to, len, "no free run of %s; the pool is full", wanted);
	else
		snprintf(to, len, "no free run of %s; the largest is %s", wanted, found);
}

void create_error(char *to, size_t len, int err, uint64_t size, uint64_t align,
		  const struct pmpool_pool_info *info)
{
	switch (-err) {
	case EEXIST:
		snprintf(to, len, "an extent of that name exists; remove it first or choose another name");
		break;
	case ENOSPC:
		no_space(to, len, size, align, info);
		break;
	case EAGAIN:
		if (info && pmpool_info_emptying(info))
			snprintf(to, len, "try again, %llu MiB are being emptied",
				 (unsigned long long)(pmpool_info_emptying(info) >> 20));
		else
			snprintf(to, len, "%s", error_text(err));
		break;
	case ENFILE:
		if (info)
			snprintf(to, len, "all %u records of the pool are in use; remove an extent first",
				 pmpool_info_max_extents(info));
		else
			snprintf(to, len, "all records of the pool are in use; remove an extent first");
		break;
	case ENOENT:
		/* It is described after it was made, by a second request. */
		snprintf(to, len, "it was made, but somebody else removed it at once");
		break;
	case EINVAL:
		snprintf(to, len, "the driver refuses the name, size, alignment or mode; see pmpoolctl(1) for what they may be");
		break;
	default:
		snprintf(to, len, "%s", error_text(err));
	}
}

const char *remove_error(int err)
{
	switch (-err) {
	case ENOENT:
		return "there is no such extent; see pmpoolctl list";
	case EBUSY:
		return "it is mapped; stop the program that uses it first";
	case EPERM:
	case EACCES:
		return "it belongs to somebody else; only its owner or root may remove it";
	default:
		return error_text(err);
	}
}

const char *change_error(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return "it belongs to somebody else; only its owner or root may change it";
	case EDQUOT:
		return "its owner would have more than its limit; see pmpoolctl limit";
	default:
		return remove_error(err);
	}
}

void resize_error(char *to, size_t len, const char *name, int err, uint64_t size, uint64_t largest,
		  bool exact)
{
	char wanted[SIZE_TEXT];
	char found[SIZE_TEXT];

	if (err != -ENOSPC) {
		snprintf(to, len, "cannot resize '%s': %s", name, err == -EBUSY ?
			 "it is mapped, and can only become longer; stop the program that uses it first" :
			 change_error(err));
		return;
	}

	format_size(wanted, size, exact);
	if (largest >= size) {
		snprintf(to, len, "cannot resize '%s' to %s: " CAN_NOT_MOVE, name, wanted);
		return;
	}
	format_size(found, largest, exact);
	/* "no room for 2.0 GiB, the largest is 2.0 GiB" would help nobody. */
	if (strcmp(wanted, found) == 0) {
		format_size(wanted, size, true);
		format_size(found, largest, true);
	}
	snprintf(to, len,
		 "cannot resize '%s' to %s: the blocks behind it are in use; the largest size possible is %s (%llu bytes)",
		 name, wanted, found, (unsigned long long)largest);
}
