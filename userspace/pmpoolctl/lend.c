// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl lend: how much of the pool the system may use until extents need it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "options.h"
#include "request.h"

static const char help[] =
	"Usage: pmpoolctl lend [OPTION...] [SIZE]\n"
	"Show how much of the pool is lent to the system, or lend SIZE: memory that is in\n"
	"no extent, which the system uses until an extent needs it. SIZE is like 512M,\n"
	"\"all\" or \"off\"; it is rounded down to whole memory blocks of the machine. Or it\n"
	"is \"auto\": pmpoold lends all but a headroom, as extents come and go. A kernel\n"
	"with the backing cma uses what is free by itself, and has to be lent nothing.\n"
	"It costs 16 MiB of other memory for each GiB lent, and a wait whenever an extent\n"
	"does not fit beside what is lent: pmpoolctl(1) says when that is worth it.\n"
	"\n"
	"  -t, --timeout=SECONDS  how long to wait for memory to be taken back; else 10\n"
	"  -j, --json             for programs\n"
	"  -b, --bytes            sizes in bytes\n"
	"  -h, --help             show this help\n";

/* With the backing "cma" nothing is lent. */
static bool by_itself(struct pmpool *pool)
{
	struct pmpool_pool_info *info;
	bool cma;

	if (pmpool_get_info(pool, &info))
		return false;
	cma = !strcmp(pmpool_info_backing(info), "cma");
	pmpool_info_free(info);
	return cma;
}

#define BY_ITSELF "with the backing cma the kernel uses what is free of the pool by itself"

static int show_by_itself(const struct given *given)
{
	static const char *const zero[] = { "lent", "lendable", "emptying" };
	struct json_object *root;
	size_t i;

	if (!given->json) {
		printf("lent: nothing, and it is not needed: " BY_ITSELF "\n");
		return finish_output(CTL_OK);
	}
	root = json_object_new_object();
	for (i = 0; i < sizeof(zero) / sizeof(*zero); i++)
		json_object_object_add(root, zero[i], json_object_new_int(0));
	json_object_object_add(root, "unit", NULL);
	json_object_object_add(root, "offset", NULL);
	return print_json(root);
}

/* That the policy is for another kernel is no reason to fail, as to lend so much is. */
static int lend_by_itself(const char *text, const struct given *given)
{
	if (!text || !strcmp(text, "auto") || !strcmp(text, "off"))
		return show_by_itself(given);
	say("cannot lend %s: it is not needed: " BY_ITSELF, text);
	return CTL_FAILED;
}

/* Somebody has asked for some: pmpoold knows what is in the way. */
static void show_why(void)
{
	struct daemon_status daemon;
	const char *why;

	daemon_read(&daemon);
	why = daemon.running ? member_text(daemon.json, "nothing_lent", NULL) : NULL;
	if (why)
		printf("pmpoold: %s\n", why);
	daemon_free(&daemon);
}

static int show(struct pmpool *pool, const struct given *given)
{
	struct pmpool_lending *lending;
	struct pmpool_pool_info *info;
	char lent[SIZE_TEXT], max[SIZE_TEXT], unit[SIZE_TEXT], emptying[SIZE_TEXT];
	int status, ret;

	ret = pmpool_get_lending(pool, &lending);
	if (!ret) {
		ret = pmpool_get_info(pool, &info);
		if (ret)
			pmpool_lending_free(lending);
	}
	if (ret) {
		say("cannot tell how much is lent: %s", ret == -EOPNOTSUPP ?
		    "the kernel can not take memory back while it runs (CONFIG_MEMORY_HOTREMOVE)" :
		    error_text(ret));
		return error_status(ret);
	}

	if (given->json) {
		struct json_object *root = json_object_new_object();

		json_object_object_add(root, "lent", json_object_new_uint64(pmpool_lending_size(lending)));
		json_object_object_add(root, "lendable",
				       json_object_new_uint64(pmpool_lending_max(lending)));
		json_object_object_add(root, "emptying",
				       json_object_new_uint64(pmpool_info_emptying(info)));
		json_object_object_add(root, "unit", json_object_new_uint64(pmpool_lending_unit(lending)));
		json_object_object_add(root, "offset",
				       json_object_new_uint64(pmpool_lending_offset(lending)));
		status = print_json(root);
	} else {
		printf("lent: %s of %s that could be, in memory blocks of %s",
		       format_size(lent, pmpool_lending_size(lending), given->exact),
		       format_size(max, pmpool_lending_max(lending), given->exact),
		       format_size(unit, pmpool_lending_unit(lending), given->exact));
		if (pmpool_info_emptying(info))
			printf("; %s of it are being taken back",
			       format_size(emptying, pmpool_info_emptying(info), given->exact));
		putchar('\n');
		if (!pmpool_lending_size(lending))
			show_why();
		status = finish_output(CTL_OK);
	}
	pmpool_info_free(info);
	pmpool_lending_free(lending);
	return status;
}

static int lend(struct pmpool *pool, const char *text, uint64_t size, unsigned int timeout)
{
	int ret = pmpool_lend(pool, size, timeout);
	const char *why;

	/* "all" is all there is, also when that is lent already, or nothing. */
	if (!ret || (ret == -ENOSPC && size == UINT64_MAX))
		return CTL_OK;
	switch (-ret) {
	case EPERM:
		why = "only root may";
		break;
	case EAGAIN:
		why = "memory is being taken back, which takes a while; see pmpoolctl lend, and try again";
		break;
	case EBUSY:
		why = "the system can not move away what it keeps in memory that is lent; free some memory and try again";
		break;
	case ENOSPC:
		why = "there is no more to lend: no whole memory block beside what is lent is free; see pmpoolctl map";
		break;
	case EOPNOTSUPP:
		why = "the kernel can not take memory back while it runs (CONFIG_MEMORY_HOTREMOVE)";
		break;
	default:
		why = error_text(ret);
	}
	say("cannot lend %s: %s", text, why);
	return error_status(ret);
}

/* The daemon follows a policy: it has to hear of another one, or would undo this. */
static int set(struct pmpool *pool, const char *text, uint64_t size, unsigned int timeout)
{
	struct daemon_status daemon;
	char policy[24];
	bool automatic = !strcmp(text, "auto");
	bool running;
	int status;

	daemon_read(&daemon);
	running = daemon.running;
	daemon_free(&daemon);
	if (automatic && geteuid() != 0) {
		say("cannot lend auto: only root may");
		return CTL_FAILED;
	}
	if (automatic && !running) {
		say("cannot lend auto: that is for pmpoold to do, which does not run: systemctl start pmpoold");
		return CTL_FAILED;
	}
	if (running && geteuid() == 0) {
		snprintf(policy, sizeof(policy), "%" PRIu64, size);
		status = tell_daemon("Lend", automatic || !size ? text : policy);
		if (status)
			return status;
	}
	return automatic ? CTL_OK : lend(pool, text, size, timeout);
}

static const char *parse_amount(const char *text, uint64_t *size)
{
	if (!strcmp(text, "off"))
		*size = 0;
	else if (!strcmp(text, "all"))
		*size = UINT64_MAX;
	else
		return parse_size(text, size);
	return NULL;
}

static const char *parse_timeout(const char *text, unsigned int *timeout)
{
	unsigned int seconds;
	char end;

	if (sscanf(text, "%u%c", &seconds, &end) != 1 || *text == '-' || !seconds ||
	    seconds > 86400)
		return "it is a number of seconds from 1 to 86400";
	*timeout = seconds * 1000;
	return NULL;
}

int verb_lend(int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' },
		OPTION_JSON, OPTION_BYTES, END_OPTIONS
	};
	static const struct command command = {
		"lend", help, options, "at most one size", 0, 1
	};
	struct given given = { 0 };
	unsigned int timeout = 0;
	struct pmpool *pool;
	const char *wrong;
	uint64_t size = 0;
	int status;
	int c;

	while ((c = next_option(&command, argc, argv, &given)) != -1) {
		if (c == 't') {
			wrong = parse_timeout(optarg, &timeout);
			if (wrong)
				return wrong_option("timeout", wrong);
		}
	}
	if (given.status >= 0)
		return given.status;

	if (optind < argc && strcmp(argv[optind], "auto")) {
		wrong = parse_amount(argv[optind], &size);
		if (wrong) {
			say("cannot lend '%s': %s; or say \"auto\", \"all\" or \"off\"", argv[optind],
			    wrong);
			return CTL_USAGE;
		}
	}

	status = open_pool(O_RDONLY, &pool);
	if (status)
		return status;
	if (by_itself(pool)) {
		status = lend_by_itself(optind < argc ? argv[optind] : NULL, &given);
	} else {
		if (optind < argc)
			status = set(pool, argv[optind], size, timeout);
		if (!status)
			status = show(pool, &given);
	}
	pmpool_close(pool);
	return status;
}
