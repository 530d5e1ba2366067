// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl limit: how much of the pool a user may have.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "metadata.h"
#include "options.h"

static const char help[] =
	"Usage: pmpoolctl limit [--json] [--bytes]\n"
	"       pmpoolctl limit [OPTION...] USER|--default\n"
	"Show what users have of the pool and may have, or set what one may have.\n"
	"What is not set stays as it is.\n"
	"\n"
	"  -d, --default     the limit of everybody who has none of their own\n"
	"  -s, --size=SIZE   that all extents of the user may take, in whole blocks,\n"
	"                    like 512M; or none\n"
	"  -e, --extents=N   how many extents the user may have; or none\n"
	"  -n, --none        take the user's own limit away\n"
	"  -j, --json        for programs\n"
	"  -b, --bytes       sizes in bytes\n"
	"  -h, --help        show this help\n";

struct request {
	bool everybody;		/* no user was given */
	uid_t uid;
	bool set_size;
	bool set_extents;
	uint64_t size;
	uint64_t extents;
	struct given given;
};

/* What holds for a user. */
struct holding {
	uint64_t max_size;
	uint64_t max_extents;
	uint64_t size;
	uint64_t extents;
	bool own;		/* a limit of the user's own */
};

static int get_one(struct pmpool *pool, uid_t uid, struct holding *holding)
{
	struct pmpool_user_limit *limit;
	int ret;

	ret = pmpool_get_limit(pool, uid, &limit);
	if (ret)
		return ret;
	*holding = (struct holding){
		.max_size = pmpool_limit_max_size(limit),
		.max_extents = pmpool_limit_max_extents(limit),
		.size = pmpool_limit_size(limit),
		.extents = pmpool_limit_extents(limit),
	};
	holding->own = holding->max_size != PMPOOL_NO_LIMIT ||
		       holding->max_extents != PMPOOL_NO_LIMIT;
	pmpool_limit_free(limit);
	return 0;
}

static int get(struct pmpool *pool, uid_t uid, struct holding *holding)
{
	struct holding other;
	int ret;

	ret = get_one(pool, uid, holding);
	if (ret || holding->own || uid == PMPOOL_ANY_USER)
		return ret;

	ret = get_one(pool, PMPOOL_ANY_USER, &other);
	if (ret)
		return ret;
	holding->max_size = other.max_size;
	holding->max_extents = other.max_extents;
	return 0;
}

/*
 * Showing.
 */

static struct table *new_table(void)
{
	static const char *const headings[] = { "USER", "SIZE", "EXTENTS" };

	return table_new(sizeof(headings) / sizeof(*headings), headings);
}

static void add_row(struct table *table, uid_t uid, const struct holding *holding, bool exact)
{
	bool anybody = uid == PMPOOL_ANY_USER;
	char used[SIZE_TEXT] = "-", limit[SIZE_TEXT] = "-";
	char size[2 * SIZE_TEXT + 2], extents[2 * SIZE_TEXT + 2];
	char user[USER_TEXT];

	if (!anybody)
		format_size(used, holding->size, exact);
	if (holding->max_size != PMPOOL_NO_LIMIT)
		format_size(limit, holding->max_size, exact);
	snprintf(size, sizeof(size), "%s/%s", used, limit);

	if (!anybody)
		snprintf(used, sizeof(used), "%" PRIu64, holding->extents);
	strcpy(limit, "-");
	if (holding->max_extents != PMPOOL_NO_LIMIT)
		snprintf(limit, sizeof(limit), "%" PRIu64, holding->max_extents);
	snprintf(extents, sizeof(extents), "%s/%s", used, limit);

	table_row(table, (const char *const[]){
		anybody ? "(default)" : format_user(user, uid), size, extents,
	});
}

static struct json_object *limit_value(uint64_t limit)
{
	return limit == PMPOOL_NO_LIMIT ? NULL : json_object_new_uint64(limit);
}

static struct json_object *to_json(uid_t uid, const struct holding *holding)
{
	struct json_object *to = json_object_new_object();
	bool anybody = uid == PMPOOL_ANY_USER;
	char user[USER_TEXT];

	json_object_object_add(to, "uid", anybody ? NULL : json_object_new_uint64(uid));
	json_object_object_add(to, "user",
			       anybody ? NULL : json_object_new_string(format_user(user, uid)));
	json_object_object_add(to, "size",
			       anybody ? NULL : json_object_new_uint64(holding->size));
	json_object_object_add(to, "max_size", limit_value(holding->max_size));
	json_object_object_add(to, "extents",
			       anybody ? NULL : json_object_new_uint64(holding->extents));
	json_object_object_add(to, "max_extents", limit_value(holding->max_extents));
	json_object_object_add(to, "own", json_object_new_boolean(holding->own));
	return to;
}

/* Users: a sorted set that is small. */
struct users {
	uid_t *uid;
	size_t n;
};

static int users_add(struct users *users, uid_t uid)
{
	size_t at = 0;
	uid_t *more;

	while (at < users->n && users->uid[at] < uid)
		at++;
	if (at < users->n && users->uid[at] == uid)
		return 0;
	more = reallocarray(users->uid, users->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	memmove(&more[at + 1], &more[at], (users->n - at) * sizeof(*more));
	more[at] = uid;
	users->uid = more;
	users->n++;
	return 0;
}

/*
 * Everybody, for root: who has extents, and who has a limit, which only the
 * metadata tells. Others may ask about themselves.
 */
static int find_users(struct pmpool *pool, struct users *users)
{
	struct pmpool_entry *entry;
	uint64_t cursor = 0;
	void *metadata;
	size_t size, i;
	uid_t *uid;
	size_t n;
	int ret;

	ret = pmpool_read_metadata(pool, &metadata, &size);
	if (ret == -EPERM)
		return users_add(users, geteuid());
	if (ret)
		return ret;
	ret = metadata_limits(metadata, size, &uid, &n);
	free(metadata);
	if (ret)
		return ret;
	for (i = 0; i < n && !ret; i++)
		if (uid[i] != PMPOOL_ANY_USER)
			ret = users_add(users, uid[i]);
	free(uid);

	while (!ret) {
		ret = pmpool_next(pool, &cursor, &entry);
		if (ret)
			break;
		ret = users_add(users, pmpool_entry_uid(entry));
		pmpool_entry_free(entry);
	}
	if (ret != -ENOENT)
		return ret;
	/* Last, as the largest number. */
	return users_add(users, PMPOOL_ANY_USER);
}

static int show(struct pmpool *pool, const struct request *request)
{
	struct json_object *array = request->given.json ? json_object_new_array() : NULL;
	struct table *table = request->given.json ? NULL : new_table();
	struct users users = { 0 };
	struct holding holding;
	int status;
	size_t i;
	int ret;

	ret = request->everybody ? find_users(pool, &users) : users_add(&users, request->uid);
	for (i = 0; i < users.n && !ret; i++) {
		ret = get(pool, users.uid[i], &holding);
		if (ret)
			break;
		if (array)
			json_object_array_add(array, to_json(users.uid[i], &holding));
		else
			add_row(table, users.uid[i], &holding, request->given.exact);
	}

	if (ret == -EPERM) {
		say("cannot show the limit: only root may ask about other users");
		status = CTL_FAILED;
	} else if (ret) {
		say("cannot show the limits: %s", error_text(ret));
		status = error_status(ret);
	} else if (array) {
		status = print_json(array);
		array = NULL;
	} else {
		table_print(table);
		status = finish_output(CTL_OK);
	}

	json_object_put(array);
	if (table)
		table_free(table);
	free(users.uid);
	return status;
}

/*
 * Setting.
 */

static int set(struct pmpool *pool, const struct request *request)
{
	struct holding holding;
	char user[USER_TEXT];
	int ret;

	ret = get(pool, request->uid, &holding);
	if (!ret)
		ret = pmpool_set_limit(pool, request->uid,
				       request->set_size ? request->size : holding.max_size,
				       request->set_extents ? request->extents : holding.max_extents);
	if (!ret)
		return CTL_OK;

	if (request->uid == PMPOOL_ANY_USER)
		strcpy(user, "everybody");
	else
		format_user(user, request->uid);
	if (ret == -EPERM)
		say("cannot limit %s: only root may", user);
	else if (ret == -ENFILE)
		say("cannot limit %s: all records of the pool are in use; remove an extent first",
		    user);
	else
		say("cannot limit %s: %s", user, error_text(ret));
	return error_status(ret);
}

static const char *parse_count(const char *text, uint64_t *count)
{
	char *end;

	if (strcmp(text, "none") == 0) {
		*count = PMPOOL_NO_LIMIT;
		return NULL;
	}
	errno = 0;
	*count = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno || *count == PMPOOL_NO_LIMIT)
		return "not a number of extents; write it like 10, or none";
	return NULL;
}

/* Fill in request. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "default", no_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ "extents", required_argument, NULL, 'e' },
		{ "none", no_argument, NULL, 'n' },
		OPTION_JSON, OPTION_BYTES, END_OPTIONS
	};
	static const struct command command = { "limit", help, options, "one user", 0, 1 };
	bool by_default = false;
	bool none = false;
	const char *wrong;
	int c;

	while ((c = next_option(&command, argc, argv, &request->given)) != -1) {
		switch (c) {
		case 'd':
			by_default = true;
			break;
		case 's':
			wrong = NULL;
			if (strcmp(optarg, "none") == 0)
				request->size = PMPOOL_NO_LIMIT;
			else
				wrong = parse_size(optarg, &request->size);
			if (wrong)
				return wrong_option("size", wrong);
			request->set_size = true;
			break;
		case 'e':
			wrong = parse_count(optarg, &request->extents);
			if (wrong)
				return wrong_option("extents", wrong);
			request->set_extents = true;
			break;
		case 'n':
			none = true;
			break;
		}
	}
	if (request->given.status >= 0)
		return request->given.status;
	if (by_default && optind < argc) {
		say("limit takes one user, or --default, not '%s' as well", argv[optind]);
		return say_usage("limit");
	}
	if (none && (request->set_size || request->set_extents)) {
		say("--none sets no limit: it does not go with --size or --extents");
		return say_usage("limit");
	}
	if (none) {
		request->set_size = true;
		request->set_extents = true;
		request->size = PMPOOL_NO_LIMIT;
		request->extents = PMPOOL_NO_LIMIT;
	}

	if (by_default) {
		request->uid = PMPOOL_ANY_USER;
	} else if (optind < argc) {
		wrong = parse_user(argv[optind], &request->uid);
		if (wrong) {
			say("user '%s': %s", argv[optind], wrong);
			return CTL_USAGE;
		}
	} else {
		request->everybody = true;
	}
	if (request->everybody && (request->set_size || request->set_extents)) {
		say("say whose limit: a user, or --default");
		return say_usage("limit");
	}
	return -1;
}

int verb_limit(int argc, char **argv)
{
	struct request request = { 0 };
	struct pmpool *pool;
	int status;

	status = parse(argc, argv, &request);
	if (status >= 0)
		return status;

	status = open_pool(O_RDONLY, &pool);
	if (status)
		return status;

	if (request.set_size || request.set_extents)
		status = set(pool, &request);
	else
		status = show(pool, &request);
	pmpool_close(pool);
	return status;
}
