// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl export: extents into a file, for what kexec can not bridge.
 *
 * An archive says of each extent whether it is clean, so what is written into
 * it must be what was there when the mark was read. Root can prove that: the
 * extent's record counts its changes, and a mapping to write with is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive.h"
#include "ctl.h"
#include "file.h"
#include "metadata.h"
#include "options.h"
#include "progress.h"

#define LARGEST_PAGE (1ULL << 30)

static const char help[] =
	"Usage: pmpoolctl export [OPTION...] NAME... FILE\n"
	"       pmpoolctl export [OPTION...] --all FILE\n"
	"Write extents with all they hold into FILE, compressed; '-' is standard output.\n"
	"pmpoolctl import brings them back, into this pool or another one.\n"
	"\n"
	"  -a, --all    all extents\n"
	"  -l, --live   also those that a program may be writing\n"
	"  -j, --json   describe what was written, for programs\n"
	"  -h, --help   show this help\n";

struct request {
	char **names;
	unsigned int n;
	bool all;
	bool live;
	const char *path;
	struct given given;
};

/* What has to stay the same of an extent from its description to its last block. */
struct origin {
	uint64_t id;
	uint64_t offset;
	uint64_t changes;	/* only root knows */
	bool mapped;
};

struct job {
	const struct request *request;
	struct pmpool *pool;
	uint64_t base;		/* of the region; 0: not known */
	void *metadata;		/* NULL: only root may */
	size_t metadata_size;
	struct archive archive;
	struct origin *origins;
	struct progress progress;
	uint64_t done;
};

static int failed(const char *name, const char *why)
{
	say("cannot export '%s': %s", name, why);
	return CTL_FAILED;
}

/* What it gains by lying where it lies; a small extent gains nothing by 1 GiB. */
static uint64_t useful_align(uint64_t address, uint64_t size)
{
	uint64_t align = ARCHIVE_BLOCK_SIZE;

	while (align < LARGEST_PAGE && 2 * align <= size && !(address & (2 * align - 1)))
		align *= 2;
	return align;
}

static void describe(const struct job *job, const struct pmpool_entry *entry,
		     struct archive_extent *extent, struct origin *origin)
{
	const struct passwd *user = getpwuid(pmpool_entry_uid(entry));
	const struct group *group = getgrgid(pmpool_entry_gid(entry));

	*extent = (struct archive_extent){
		.size = pmpool_entry_size(entry),
		.generation = pmpool_entry_generation(entry),
		.create_time = pmpool_entry_create_time(entry),
		.uid = pmpool_entry_uid(entry),
		.gid = pmpool_entry_gid(entry),
		.mode = pmpool_entry_mode(entry),
		.flags = pmpool_entry_clean(entry) ? ARCHIVE_CLEAN : 0,
	};
	snprintf(extent->name, sizeof(extent->name), "%s", pmpool_entry_name(entry));
	snprintf(extent->user, sizeof(extent->user), "%s", user ? user->pw_name : "");
	snprintf(extent->group, sizeof(extent->group), "%s", group ? group->gr_name : "");
	memcpy(extent->uuid, pmpool_entry_uuid(entry), sizeof(extent->uuid));
	memcpy(extent->tag, pmpool_entry_tag(entry), sizeof(extent->tag));
	if (job->base)
		extent->align = useful_align(job->base + pmpool_entry_offset(entry), extent->size);

	*origin = (struct origin){
		.id = pmpool_entry_id(entry),
		.offset = pmpool_entry_offset(entry),
		.mapped = pmpool_entry_mapped(entry),
	};
}

/* Returns an exit status. */
static int add_entry(struct job *job, const struct pmpool_entry *entry)
{
	struct archive *archive = &job->archive;
	struct archive_extent *extents;
	struct origin *origins;

	extents = realloc(archive->extents, (archive->n + 1) * sizeof(*extents));
	if (extents)
		archive->extents = extents;
	origins = realloc(job->origins, (archive->n + 1) * sizeof(*origins));
	if (origins)
		job->origins = origins;
	if (!extents || !origins)
		return failed(pmpool_entry_name(entry), error_text(-ENOMEM));

	describe(job, entry, &extents[archive->n], &origins[archive->n]);
	archive->n++;
	return CTL_OK;
}

static int add_named(struct job *job, const char *name)
{
	struct pmpool_entry *entry;
	unsigned int i;
	int status;
	int ret;

	for (i = 0; i < job->archive.n; i++)
		if (strcmp(job->archive.extents[i].name, name) == 0)
			return CTL_OK;
	ret = pmpool_lookup(job->pool, name, &entry);
	if (ret == -ENOENT)
		return failed(name, "there is no such extent; see pmpoolctl list");
	if (ret)
		return failed(name, error_text(ret));
	status = add_entry(job, entry);
	pmpool_entry_free(entry);
	return status;
}

static int add_all(struct job *job)
{
	struct pmpool_entry *entry;
	uint64_t cursor = 0;
	int status = CTL_OK;
	int ret;

	while (!status && !(ret = pmpool_next(job->pool, &cursor, &entry))) {
		if (is_import_leftover(pmpool_entry_name(entry)))
			say("'%s' is left out: an import that was cut off has left it",
			    pmpool_entry_name(entry));
		else
			status = add_entry(job, entry);
		pmpool_entry_free(entry);
	}
	if (!status && ret != -ENOENT) {
		say("cannot list the extents: %s", error_text(ret));
		status = error_status(ret);
	}
	return status;
}

/* What the pool says at the beginning. */
static int look(struct job *job)
{
	struct pmpool_pool_info *info;
	bool read_only;
	int ret;

	ret = pmpool_get_info(job->pool, &info);
	if (ret) {
		say("cannot describe the pool: %s", error_text(ret));
		return error_status(ret);
	}
	memcpy(job->archive.pool_uuid, pmpool_info_uuid(info), sizeof(job->archive.pool_uuid));
	job->base = pmpool_info_base(info);
	read_only = pmpool_info_state(info) == PMPOOL_READ_ONLY;
	pmpool_info_free(info);

	ret = pmpool_read_metadata(job->pool, &job->metadata, &job->metadata_size);
	if (ret) {
		job->metadata = NULL;
		/* To read a block that was never touched is to change it. */
		if (read_only) {
			say("cannot export from a pool that is read-only: only root can see which blocks hold something; run as root");
			return CTL_FAILED;
		}
	}
	return CTL_OK;
}

/* After the metadata was read: whoever writes since then has changed the record. */
static int choose(struct job *job)
{
	int status = CTL_OK;
	unsigned int i;

	if (job->request->all)
		status = add_all(job);
	for (i = 0; !status && i < job->request->n; i++)
		status = add_named(job, job->request->names[i]);

	for (i = 0; !status && i < job->archive.n; i++) {
		struct archive_extent *extent = &job->archive.extents[i];
		struct origin *origin = &job->origins[i];

		if (job->metadata &&
		    metadata_changes(job->metadata, job->metadata_size, origin->id, &origin->changes))
			status = failed(extent->name, "it was made a moment ago; try again");
		if (extent->flags & ARCHIVE_CLEAN)
			continue;
		if (!origin->mapped) {
			say("'%s' is dirty, and is exported as such: a program was cut off in the middle of writing it",
			    extent->name);
			continue;
		}
		if (!job->request->live)
			status = failed(extent->name,
					"a program has it mapped for writing, so a copy would be inconsistent; stop the program, let it seal the extent, or give --live");
		extent->flags |= ARCHIVE_LIVE;
	}
	return status;
}

/* Whether what was copied is what the archive says it is. */
static bool unchanged(struct job *job, unsigned int i)
{
	const struct archive_extent *extent = &job->archive.extents[i];
	const struct origin *origin = &job->origins[i];
	struct pmpool_entry *entry;
	uint64_t changes;
	void *metadata;
	size_t size;
	bool same;

	if (extent->flags & ARCHIVE_LIVE)
		return true;
	if (job->metadata) {
		if (pmpool_read_metadata(job->pool, &metadata, &size))
			return false;
		same = !metadata_changes(metadata, size, origin->id, &changes) &&
		       changes == origin->changes;
		free(metadata);
		return same;
	}
	if (pmpool_lookup(job->pool, extent->name, &entry))
		return false;
	same = pmpool_entry_id(entry) == origin->id &&
	       pmpool_entry_clean(entry) == !!(extent->flags & ARCHIVE_CLEAN) &&
	       (origin->mapped || !pmpool_entry_mapped(entry));
	pmpool_entry_free(entry);
	return same;
}

static int write_failed(const struct job *job)
{
	if (!interrupted())
		say("cannot write %s: %s; nothing was exported",
		    strcmp(job->request->path, "-") ? job->request->path : "to standard output",
		    job->archive.why);
	return CTL_FAILED;
}

static int copy_blocks(struct job *job, unsigned int i, const uint8_t *memory)
{
	const struct archive_extent *extent = &job->archive.extents[i];
	uint64_t block;

	for (block = 0; block < archive_blocks(extent); block++) {
		uint64_t offset = block * ARCHIVE_BLOCK_SIZE;
		size_t len = archive_block_len(extent, block);

		if (interrupted())
			return CTL_FAILED;
		job->done += len;
		if (job->metadata && !metadata_touched(job->metadata, job->metadata_size,
						       job->origins[i].offset + offset))
			continue;
		/* A copy, so that its checksum is right whoever writes meanwhile. */
		memcpy(job->archive.data, memory + offset, len);
		if (archive_add(&job->archive, i, block))
			return write_failed(job);
		progress_update(&job->progress, job->done);
	}
	return CTL_OK;
}

static int copy_extent(struct job *job, unsigned int i)
{
	const char *name = job->archive.extents[i].name;
	struct pmpool_extent *extent;
	int status = CTL_FAILED;
	void *memory;
	int ret;

	ret = pmpool_extent_open(name, O_RDONLY, &extent);
	if (ret == -EACCES)
		return failed(name, "permission denied; its mode does not let you read it");
	if (ret)
		return failed(name, ret == -ENOENT ? "it went away" : error_text(ret));

	ret = pmpool_extent_map(extent, NULL, &memory);
	if (ret)
		failed(name, error_text(ret));
	else if (pmpool_entry_id(pmpool_extent_entry(extent)) != job->origins[i].id ||
		 pmpool_entry_size(pmpool_extent_entry(extent)) != job->archive.extents[i].size)
		failed(name, "it is not the one any more that it was at the beginning; try again");
	else
		status = copy_blocks(job, i, memory);
	pmpool_extent_close(extent);

	if (!status && !unchanged(job, i))
		return failed(name, "it was changed while it was read; stop the program that writes it, or give --live");
	return status;
}

static int copy_all(struct job *job, int fd)
{
	uint64_t total = 0;
	int status = CTL_OK;
	unsigned int i;

	for (i = 0; i < job->archive.n; i++)
		total += job->archive.extents[i].size;
	if (archive_begin(&job->archive, fd))
		return write_failed(job);
	progress_begin(&job->progress, "exporting", total);
	for (i = 0; !status && i < job->archive.n; i++)
		status = copy_extent(job, i);
	progress_end(&job->progress);
	if (!status && archive_finish(&job->archive))
		status = write_failed(job);
	return status;
}

/* Into a file that has its name only when it is whole. */
static int to_file(struct job *job)
{
	const char *path = job->request->path;
	char *temp, *target = NULL;
	int status = CTL_FAILED;
	struct stat st;
	int fd;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		say("cannot export to %s: it is not a regular file; give '-' and redirect standard output",
		    path);
		return CTL_FAILED;
	}
	/* What a link leads to is replaced, not the link. */
	target = realpath(path, NULL);
	if (asprintf(&temp, "%s.XXXXXX", target ? target : path) < 0) {
		free(target);
		say("cannot export: %s", error_text(-ENOMEM));
		return CTL_FAILED;
	}

	/* Mode 0600: extents may hold what is not for everybody. */
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		say("cannot create %s: %s", temp, strerror(errno));
		goto out;
	}
	status = copy_all(job, fd);
	if (!status && fsync(fd) < 0) {
		say("cannot write %s: %s; nothing was exported", path, strerror(errno));
		status = CTL_FAILED;
	}
	if (close(fd) < 0 && !status) {
		say("cannot write %s: %s; nothing was exported", path, strerror(errno));
		status = CTL_FAILED;
	}
	if (!status && rename(temp, target ? target : path) < 0) {
		say("cannot rename %s to %s: %s", temp, path, strerror(errno));
		status = CTL_FAILED;
	}
	if (status)
		unlink(temp);
	else if (file_sync_dir(target ? target : path))
		say("%s is there, but may be gone if power fails within seconds: its directory cannot be synced",
		    path);
out:
	free(target);
	free(temp);
	return status;
}

static void print_summary(const struct job *job)
{
	char stored[SIZE_TEXT];
	char size[SIZE_TEXT];

	printf("exported %u extent%s, %s, to %s: %s\n", job->archive.n,
	       job->archive.n == 1 ? "" : "s", format_size(size, job->done, false),
	       job->request->path, format_size(stored, job->archive.offset, false));
}

static int export(struct job *job)
{
	struct timespec now;
	int status;

	clock_gettime(CLOCK_REALTIME, &now);
	job->archive.time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;

	status = look(job);
	if (!status)
		status = choose(job);
	if (status)
		return status;

	if (strcmp(job->request->path, "-") == 0)
		return copy_all(job, STDOUT_FILENO);
	status = to_file(job);
	if (status)
		return status;
	if (job->request->given.json)
		return print_json(archive_to_json(&job->archive));
	print_summary(job);
	return finish_output(CTL_OK);
}

/* Fill in request. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "live", no_argument, NULL, 'l' },
		OPTION_JSON, END_OPTIONS
	};
	static const struct command command = {
		"export", help, options, "names or --all, and a file", 1, ANY_NUMBER
	};
	unsigned int i;
	int c;

	while ((c = next_option(&command, argc, argv, &request->given)) != -1) {
		if (c == 'a')
			request->all = true;
		else
			request->live = true;
	}
	if (request->given.status >= 0)
		return request->given.status;

	request->path = argv[argc - 1];
	request->names = argv + optind;
	request->n = (unsigned int)(argc - 1 - optind);
	if (request->all && request->n) {
		say("export takes names or --all, not both: '%s'", request->names[0]);
		return say_usage("export");
	}
	if (!request->all && !request->n) {
		say("export needs names of extents, or --all, before the file '%s'", request->path);
		return say_usage("export");
	}
	for (i = 0; i < request->n; i++)
		if (!check_name("export", request->names[i]))
			return CTL_USAGE;
	if (strcmp(request->path, "-") == 0 && isatty(STDOUT_FILENO)) {
		say("an archive is not for a terminal; redirect standard output, or name a file");
		return CTL_USAGE;
	}
	if (strcmp(request->path, "-") == 0 && request->given.json) {
		say("--json and the archive can not both be on standard output; name a file");
		return say_usage("export");
	}
	return -1;
}

int verb_export(int argc, char **argv)
{
	struct request request = { 0 };
	struct job job = { .request = &request };
	int status;

	status = parse(argc, argv, &request);
	if (status >= 0)
		return status;

	status = open_pool(O_RDONLY, &job.pool);
	if (status)
		return status;

	interrupt_watch();
	status = export(&job);
	archive_free(&job.archive);
	free(job.origins);
	free(job.metadata);
	pmpool_close(job.pool);
	return interrupt_end(status);
}
