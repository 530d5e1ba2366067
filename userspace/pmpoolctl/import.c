// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl import: extents from a file that pmpoolctl export wrote.
 *
 * They are made under names that begin with ".import-", filled, and get their
 * own names when all of the file was read and found right. So whatever goes
 * wrong, nothing is there that was not there before; and what a killed import
 * leaves can be told from everything else, and the next one removes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "ctl.h"
#include "options.h"
#include "progress.h"

#define IMPORT_PREFIX	".import-"
#define REPLACED_PREFIX	".replaced-"

static const char help[] =
	"Usage: pmpoolctl import [OPTION...] FILE [NAME...]\n"
	"Bring back all extents that pmpoolctl export wrote into FILE, or those named;\n"
	"'-' is standard input.\n"
	"\n"
	"  -r, --replace  in place of extents that have their names\n"
	"  -d, --dirty    also those that were not clean when they were exported\n"
	"  -l, --list     only show what FILE says that it holds\n"
	"  -v, --verify   only read all of FILE and see that it is right\n"
	"  -j, --json     for programs\n"
	"  -b, --bytes    sizes in bytes\n"
	"  -h, --help     show this help\n";

struct request {
	const char *path;
	char **names;
	unsigned int n;
	bool replace;
	bool dirty;
	bool list;
	bool verify;
	struct given given;
};

/* An extent of the archive that is wanted. */
struct incoming {
	const struct archive_extent *what;
	char temp[PMPOOL_NAME_MAX + 1];		/* its name until it is whole */
	char aside[PMPOOL_NAME_MAX + 1];	/* that of the one that it replaces */
	bool replaces;
	bool created;
	bool moved;		/* the one that it replaces is aside */
	bool placed;		/* it has its name */
};

struct job {
	const struct request *request;
	struct archive archive;
	struct pmpool *pool;
	struct incoming *incoming;
	unsigned int n;
	struct incoming **of;	/* an archive's extent; NULL: not wanted */
	/* The one that is being filled. */
	struct incoming *filling;
	struct pmpool_extent *extent;
	uint8_t *memory;
	struct progress progress;
};

bool is_import_leftover(const char *name)
{
	return strncmp(name, IMPORT_PREFIX, strlen(IMPORT_PREFIX)) == 0;
}

static int failed(const struct incoming *in, const char *why)
{
	say("cannot import '%s': %s", in->what->name, why);
	return CTL_FAILED;
}

/*
 * The archive itself.
 */

static const char *path_text(const struct job *job)
{
	return strcmp(job->request->path, "-") ? job->request->path : "standard input";
}

static int archive_failed(const struct job *job)
{
	if (!interrupted())
		say("cannot import %s: %s", path_text(job), job->archive.why);
	return CTL_FAILED;
}

static int open_archive(struct job *job)
{
	int fd = STDIN_FILENO;

	if (strcmp(job->request->path, "-")) {
		fd = open(job->request->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0) {
			say("cannot open %s: %s", job->request->path, strerror(errno));
			return CTL_FAILED;
		}
	}
	return archive_open(&job->archive, fd) ? archive_failed(job) : CTL_OK;
}

static void close_archive(struct job *job)
{
	int fd = job->archive.fd;

	archive_free(&job->archive);
	if (fd > STDIN_FILENO)
		close(fd);
}

static const char *state_text(const struct archive_extent *extent)
{
	if (extent->flags & ARCHIVE_LIVE)
		return "live";
	return extent->flags & ARCHIVE_CLEAN ? "clean" : "dirty";
}

static int show(const struct job *job)
{
	static const char *const headings[] = { "NAME", "SIZE", "OWNER", "MODE", "STATE", "CREATED" };
	struct table *table;
	unsigned int i;

	if (job->request->given.json)
		return print_json(archive_to_json(&job->archive));

	table = table_new(sizeof(headings) / sizeof(*headings), headings);
	for (i = 0; i < job->archive.n; i++) {
		const struct archive_extent *extent = &job->archive.extents[i];
		char owner[2 * ARCHIVE_OWNER_SIZE + 32];
		char numbers[32];
		char size[SIZE_TEXT];
		char time[TIME_TEXT];
		char mode[MODE_TEXT];

		snprintf(numbers, sizeof(numbers), "%u:%u", extent->uid, extent->gid);
		snprintf(owner, sizeof(owner), "%s:%s", extent->user, extent->group);
		table_row(table, (const char *const[]){
			extent->name,
			format_size(size, extent->size, job->request->given.exact),
			extent->user[0] && extent->group[0] ? owner : numbers,
			format_mode(mode, extent->mode),
			state_text(extent),
			format_time(time, extent->create_time),
		});
	}
	table_print(table);
	table_free(table);
	return finish_output(CTL_OK);
}

/*
 * Filling.
 */

static void stop_filling(struct job *job)
{
	pmpool_extent_close(job->extent);
	job->extent = NULL;
	job->filling = NULL;
}

static int fill(struct job *job, struct incoming *in, uint64_t block)
{
	const struct archive_extent *what = in->what;
	void *memory;
	int ret;

	if (in != job->filling) {
		stop_filling(job);
		ret = pmpool_extent_open(in->temp, O_RDWR, &job->extent);
		if (!ret)
			ret = pmpool_extent_map(job->extent, NULL, &memory);
		if (ret)
			return failed(in, ret == -ENOENT ? "somebody has removed what was made for it" :
				      error_text(ret));
		job->memory = memory;
		job->filling = in;
	}
	memcpy(job->memory + block * ARCHIVE_BLOCK_SIZE, job->archive.data,
	       archive_block_len(what, block));
	return CTL_OK;
}

/* Read the archive to its end; what is wanted goes where it belongs. */
static int read_blocks(struct job *job)
{
	unsigned int extent;
	int status = CTL_OK;
	struct stat st;
	uint64_t block;
	int ret = 0;

	if (fstat(job->archive.fd, &st) < 0 || !S_ISREG(st.st_mode))
		st.st_size = 0;
	progress_begin(&job->progress, job->n ? "importing" : "verifying", (uint64_t)st.st_size);
	while (!status && !interrupted() && !(ret = archive_next(&job->archive, &extent, &block))) {
		if (job->of && job->of[extent])
			status = fill(job, job->of[extent], block);
		progress_update(&job->progress, job->archive.offset);
	}
	progress_end(&job->progress);
	stop_filling(job);
	if (interrupted())
		return CTL_FAILED;
	if (!status && ret != -ENODATA)
		return archive_failed(job);
	return status;
}

static int verify(struct job *job)
{
	uint64_t total = 0;
	char size[SIZE_TEXT];
	unsigned int i;
	int status;

	status = read_blocks(job);
	if (status)
		return status;
	if (job->request->given.json)
		return print_json(archive_to_json(&job->archive));
	for (i = 0; i < job->archive.n; i++)
		total += job->archive.extents[i].size;
	printf("%s: %u extent%s, %s: all is as it was exported\n", path_text(job), job->archive.n,
	       job->archive.n == 1 ? "" : "s", format_size(size, total, job->request->given.exact));
	return finish_output(CTL_OK);
}

/*
 * Before and after.
 */

static int choose(struct job *job)
{
	unsigned int i, j;

	job->of = calloc(job->archive.n + 1, sizeof(*job->of));
	job->incoming = calloc(job->archive.n + 1, sizeof(*job->incoming));
	if (!job->of || !job->incoming) {
		say("cannot import %s: out of memory", path_text(job));
		return CTL_FAILED;
	}
	for (j = 0; j < job->request->n; j++) {
		for (i = 0; i < job->archive.n; i++)
			if (strcmp(job->archive.extents[i].name, job->request->names[j]) == 0)
				break;
		if (i == job->archive.n) {
			say("cannot import '%s': %s has no extent of that name; see pmpoolctl import --list",
			    job->request->names[j], path_text(job));
			return CTL_FAILED;
		}
		job->of[i] = job->incoming;	/* is wanted */
	}
	for (i = 0; i < job->archive.n; i++) {
		struct incoming *in = &job->incoming[job->n];

		if (job->request->n && !job->of[i])
			continue;
		job->of[i] = in;
		in->what = &job->archive.extents[i];
		snprintf(in->temp, sizeof(in->temp), IMPORT_PREFIX "%u-%.50s", job->n, in->what->name);
		snprintf(in->aside, sizeof(in->aside), REPLACED_PREFIX "%.52s", in->what->name);
		job->n++;
	}
	return CTL_OK;
}

/* What an import that was killed has left. No other one runs. */
static int remove_leftovers(struct job *job)
{
	struct pmpool_entry *entry;
	uint64_t cursor = 0;
	int ret, err;

	while (!(ret = pmpool_next(job->pool, &cursor, &entry))) {
		const char *name = pmpool_entry_name(entry);

		if (is_import_leftover(name)) {
			err = pmpool_remove(job->pool, name);
			if (err)
				say("cannot remove '%s', which an import that was cut off has left: %s",
				    name, remove_error(err));
			else
				say("removed '%s', which an import that was cut off has left", name);
		}
		pmpool_entry_free(entry);
	}
	if (ret == -ENOENT)
		return CTL_OK;
	say("cannot list the extents: %s", error_text(ret));
	return error_status(ret);
}

/* The extent that has the name already. */
static int check_existing(struct job *job, struct incoming *in)
{
	struct pmpool_entry *entry;
	bool mapped, mine;
	int ret;

	ret = pmpool_lookup(job->pool, in->what->name, &entry);
	if (ret == -ENOENT)
		return CTL_OK;
	if (ret)
		return failed(in, error_text(ret));
	mapped = pmpool_entry_mapped(entry);
	mine = geteuid() == 0 || geteuid() == pmpool_entry_uid(entry);
	pmpool_entry_free(entry);

	if (!job->request->replace)
		return failed(in, "an extent of that name exists; rename or remove it, or give --replace");
	/* What fails after all was read, fails now. */
	if (!mine)
		return failed(in, remove_error(-EPERM));
	if (mapped)
		return failed(in, remove_error(-EBUSY));
	in->replaces = true;

	ret = pmpool_lookup(job->pool, in->aside, &entry);
	if (ret == -ENOENT)
		return CTL_OK;
	if (ret)
		return failed(in, error_text(ret));
	pmpool_entry_free(entry);
	say("cannot import '%s': there is '%s', what it held before an import that was cut off; rename or remove that first",
	    in->what->name, in->aside);
	return CTL_FAILED;
}

static int check(struct job *job)
{
	int status = CTL_OK;
	unsigned int i;

	for (i = 0; i < job->n; i++) {
		struct incoming *in = &job->incoming[i];

		if (check_existing(job, in))
			status = CTL_FAILED;
		if (in->what->flags & ARCHIVE_CLEAN)
			continue;
		if (!job->request->dirty)
			status = failed(in, in->what->flags & ARCHIVE_LIVE ?
					"it was exported while a program may have written it, and would be marked clean now; give --dirty if you know better" :
					"it was dirty when it was exported, and would be marked clean now; give --dirty if you know better");
		else
			say("'%s' was not clean when it was exported; it is marked clean now, but what it holds may be half changed",
			    in->what->name);
	}
	return status;
}

/* How much more would have to be free, in one piece or altogether, for it and those behind it. */
static uint64_t missing(const struct job *job, const struct incoming *in,
			const struct pmpool_pool_info *info)
{
	uint64_t block = pmpool_info_block_size(info);
	uint64_t largest = pmpool_info_largest_free(info) / block;
	uint64_t avail = pmpool_info_free_size(info) / block;
	uint64_t one = (in->what->size - 1) / block + 1;
	uint64_t all = 0;

	for (; in < job->incoming + job->n; in++)
		all += (in->what->size - 1) / block + 1;
	one = one > largest ? one - largest : 0;
	all = all > avail ? all - avail : 0;
	return (all > one ? all : one) * block;
}

static int create_failed(struct job *job, const struct incoming *in, int err)
{
	struct pmpool_pool_info *info;
	char lack[SIZE_TEXT];
	uint64_t more = 0;
	char why[256];
	unsigned int i;

	if (pmpool_get_info(job->pool, &info))
		info = NULL;
	create_error(why, sizeof(why), err, in->what->size, 0, info);
	if (err == -ENOSPC && info)
		more = missing(job, in, info);
	if (!more) {
		failed(in, why);
	} else {
		format_size(lack, more, job->request->given.exact);
		for (i = 0; i < job->n && !job->incoming[i].replaces; i++)
			;
		say("cannot import '%s': %s; %s more would have to be free%s", in->what->name, why,
		    lack, i < job->n ?
		    ", for what is replaced stays until the new extents are whole: remove it first, or import by name one after the other" :
		    "");
	}
	pmpool_info_free(info);
	return CTL_FAILED;
}

static int create(struct job *job, struct incoming *in)
{
	struct pmpool_options *options;
	int ret;

	ret = pmpool_options_new(&options);
	if (ret)
		return create_failed(job, in, ret);
	/* Mode 0600 until it is whole. */
	pmpool_options_set_tag(options, in->what->tag, sizeof(in->what->tag));
	pmpool_options_set_align(options, in->what->align);
	ret = pmpool_create(job->pool, in->temp, in->what->size, options, NULL);
	if ((ret == -ENOSPC || ret == -EINVAL) && in->what->align) {
		pmpool_options_set_align(options, 0);
		ret = pmpool_create(job->pool, in->temp, in->what->size, options, NULL);
		if (!ret)
			say("'%s' is not aligned as it was, so programs may get smaller pages of it",
			    in->what->name);
	}
	pmpool_options_free(options);
	if (ret)
		return create_failed(job, in, ret);
	in->created = true;
	return CTL_OK;
}

/* By name, if somebody has that here, else by number, as tar does it. */
static void owner_of(const struct archive_extent *what, uid_t *uid, gid_t *gid)
{
	const struct passwd *user = what->user[0] ? getpwnam(what->user) : NULL;
	const struct group *group = what->group[0] ? getgrnam(what->group) : NULL;

	*uid = user ? user->pw_uid : what->uid;
	*gid = group ? group->gr_gid : what->gid;
}

/* What it is, but for the name. */
static int finish(struct job *job, struct incoming *in)
{
	struct pmpool_change *change;
	uid_t uid;
	gid_t gid;
	int ret;

	owner_of(in->what, &uid, &gid);
	ret = pmpool_change_new(&change);
	if (ret)
		return failed(in, error_text(ret));
	pmpool_change_set_mode(change, in->what->mode);
	if (geteuid() == 0) {
		pmpool_change_set_uid(change, uid);
		pmpool_change_set_gid(change, gid);
	} else if (uid != geteuid()) {
		say("'%s' belongs to you now: only root can give it to %s", in->what->name,
		    in->what->user[0] ? in->what->user : "its owner");
	}
	ret = pmpool_set(job->pool, in->temp, change);
	pmpool_change_free(change);
	return ret ? failed(in, change_error(ret)) : CTL_OK;
}

/* Let them have their names. */
static int place(struct job *job, struct incoming *in)
{
	int ret = 0;

	if (in->replaces) {
		ret = pmpool_rename(job->pool, in->what->name, in->aside);
		in->moved = !ret;
	}
	/* It may have been removed meanwhile: all the better. */
	if (!ret || ret == -ENOENT)
		ret = pmpool_rename(job->pool, in->temp, in->what->name);
	in->placed = !ret;
	if (ret == -EEXIST)
		return failed(in, "somebody has made an extent of that name meanwhile");
	return ret ? failed(in, change_error(ret)) : CTL_OK;
}

/* As it was before, as far as it can be. */
static void undo(struct job *job)
{
	unsigned int i;
	int ret;

	for (i = 0; i < job->n; i++) {
		struct incoming *in = &job->incoming[i];

		if (in->placed && pmpool_rename(job->pool, in->what->name, in->temp)) {
			say("'%s' is imported all the same: somebody uses it already", in->what->name);
			in->created = false;
		}
		if (in->moved) {
			ret = pmpool_rename(job->pool, in->aside, in->what->name);
			if (ret)
				say("what '%s' held before is in '%s'", in->what->name, in->aside);
		}
		if (in->created)
			pmpool_remove(job->pool, in->temp);
	}
}

static int report(struct job *job)
{
	struct json_object *array = json_object_new_array();
	struct pmpool_entry *entry;
	char offset[SIZE_TEXT];
	char size[SIZE_TEXT];
	unsigned int i;

	for (i = 0; i < job->n; i++) {
		const struct incoming *in = &job->incoming[i];
		int ret;

		if (in->moved) {
			ret = pmpool_remove(job->pool, in->aside);
			if (ret)
				say("what '%s' held before is left in '%s': %s", in->what->name,
				    in->aside, remove_error(ret));
		}
		if (pmpool_lookup(job->pool, in->what->name, &entry))
			continue;
		if (job->request->given.json)
			json_object_array_add(array, entry_to_json(entry));
		else
			printf("imported '%s': %s at offset %s\n", in->what->name,
			       format_size(size, pmpool_entry_size(entry), job->request->given.exact),
			       format_size(offset, pmpool_entry_offset(entry), job->request->given.exact));
		pmpool_entry_free(entry);
	}
	if (job->request->given.json)
		return print_json(array);
	json_object_put(array);
	return finish_output(CTL_OK);
}

static int import(struct job *job)
{
	unsigned int i;
	int status;

	status = choose(job);
	if (status)
		return status;
	/* Else what another one is filling would look like a leftover. */
	if (flock(pmpool_fd(job->pool), LOCK_EX | LOCK_NB) < 0) {
		say("cannot import %s: %s", path_text(job), errno == EWOULDBLOCK ?
		    "another import is running; wait until it has ended" : strerror(errno));
		return CTL_FAILED;
	}
	status = remove_leftovers(job);
	if (!status)
		status = check(job);
	for (i = 0; !status && i < job->n; i++)
		status = create(job, &job->incoming[i]);
	if (!status)
		status = read_blocks(job);
	for (i = 0; !status && i < job->n; i++)
		status = finish(job, &job->incoming[i]);
	for (i = 0; !status && i < job->n; i++)
		status = place(job, &job->incoming[i]);
	if (!status)
		return report(job);
	undo(job);
	return status;
}

/* Fill in request. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "replace", no_argument, NULL, 'r' },
		{ "dirty", no_argument, NULL, 'd' },
		{ "list", no_argument, NULL, 'l' },
		{ "verify", no_argument, NULL, 'v' },
		OPTION_JSON, OPTION_BYTES, END_OPTIONS
	};
	static const struct command command = {
		"import", help, options, "a file that pmpoolctl export wrote", 1, ANY_NUMBER
	};
	unsigned int i;
	int c;

	while ((c = next_option(&command, argc, argv, &request->given)) != -1) {
		switch (c) {
		case 'r':
			request->replace = true;
			break;
		case 'd':
			request->dirty = true;
			break;
		case 'l':
			request->list = true;
			break;
		case 'v':
			request->verify = true;
			break;
		}
	}
	if (request->given.status >= 0)
		return request->given.status;

	request->path = argv[optind];
	request->names = argv + optind + 1;
	request->n = (unsigned int)(argc - optind - 1);
	if ((request->list || request->verify) && request->n) {
		say("--list and --verify are about all of a file, not '%s'", request->names[0]);
		return say_usage("import");
	}
	for (i = 0; i < request->n; i++)
		if (!check_name("import", request->names[i]))
			return CTL_USAGE;
	return -1;
}

int verb_import(int argc, char **argv)
{
	struct request request = { 0 };
	struct job job = { .request = &request, .archive.fd = -1 };
	int status;

	status = parse(argc, argv, &request);
	if (status >= 0)
		return status;

	interrupt_watch();
	status = open_archive(&job);
	if (!status && request.list) {
		status = show(&job);
	} else if (!status && request.verify) {
		status = verify(&job);
	} else if (!status) {
		status = open_pool(O_RDWR, &job.pool);
		if (!status)
			status = import(&job);
		pmpool_close(job.pool);
	}
	close_archive(&job);
	free(job.incoming);
	free(job.of);
	return interrupt_end(status);
}
