// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmpoolctl reserve: memory for a pool, from the next boot on or at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <file.h>
#include <initrd.h>
#include <stage.h>

#include "backings.h"
#include "bootloader.h"
#include "ctl.h"
#include "options.h"
#include "ram.h"

#define BLOCK		(UINT64_C(2) << 20)
/* Of metadata, and one for data. */
#define LEAST_SIZE	(2 * BLOCK)

static const char help[] =
	"Usage: pmpoolctl reserve [OPTION...] SIZE\n"
	"       pmpoolctl reserve [OPTION...] --remove\n"
	"Reserve SIZE bytes of the machine's memory for the pool, in the boot loader's\n"
	"configuration: GRUB's, and /etc/kernel/cmdline. Kernels with the backing cma are\n"
	"told by pmpool= as well, if one is installed.\n"
	"\n"
	"  -a, --base=ADDRESS  where; else it is chosen, as high as can be\n"
	"  -k, --now           also start the running kernel anew with it, by systemctl\n"
	"                      kexec\n"
	"  -n, --dry-run       say what would be done, and do nothing\n"
	"  -f, --force         even if a pool with extents is lost by that\n"
	"  -r, --remove        take the reservation away\n"
	"  -j, --json          for programs\n"
	"  -b, --bytes         sizes in bytes\n"
	"  -h, --help          show this help\n";

struct request {
	uint64_t size;		/* 0: remove */
	uint64_t base;
	bool has_base;
	bool now;
	bool dry;
	bool force;
	bool remove;
	struct given given;
};

struct job {
	const struct request *request;
	char *running;		/* command line */
	struct region own;	/* of the running kernel; of size 0: none */
	unsigned int extents;	/* that the pool there has */
	bool attached;
	bool cma;		/* some kernel here has that backing, */
	bool running_cma;	/* and the running one, */
	bool kept;		/* and it keeps a pool, through a kexec as well */
	struct region region;	/* of size 0: none */
	struct bootloader plan;
};

static int failed(const char *why)
{
	say("cannot %s", why);
	return CTL_FAILED;
}

/* What there is now. */
static int look(struct job *job)
{
	struct pmpool_pool_info *info;
	struct pmpool *pool = NULL;
	struct utsname uts;
	char *rest;
	int ret;

	ret = file_read("/proc/cmdline", 64 << 10, &job->running, NULL);
	if (ret) {
		say("cannot read /proc/cmdline: %s", strerror(-ret));
		return CTL_FAILED;
	}
	job->running[strcspn(job->running, "\n")] = '\0';
	rest = cmdline_without(job->running, &job->own);
	if (!rest)
		return failed("understand /proc/cmdline: it has a quote that is not closed");
	free(rest);

	uname(&uts);
	job->running_cma = backings_cma("", uts.release);
	if (!pmpool_open(NULL, O_RDONLY, &pool) && !pmpool_get_info(pool, &info)) {
		job->attached = true;
		job->extents = pmpool_info_extents(info);
		job->own = (struct region){ pmpool_info_base(info), pmpool_info_size(info) };
		job->kept = !strcmp(pmpool_info_backing(info), "cma");
		pmpool_info_free(info);
	} else if (job->running_cma) {
		job->kept = ram_pool("/proc/iomem", &job->own);
	}
	pmpool_close(pool);
	job->running_cma |= job->kept;
	job->cma = job->running_cma || backings_cma_anywhere("");
	return CTL_OK;
}

static const char *region_text(char to[2 * SIZE_TEXT], const struct region *region, bool exact)
{
	char size[SIZE_TEXT];

	snprintf(to, 2 * SIZE_TEXT, "%s at %#" PRIx64, format_size(size, region->size, exact),
		 region->base);
	return to;
}

static bool same_region(const struct region *a, const struct region *b)
{
	return a->base == b->base && a->size == b->size;
}

/* A pool of the same place can be kept by the kernel, or, if it could, not be yet. */
static bool in_force(const struct job *job)
{
	return same_region(&job->region, &job->own) &&
	       (!job->region.size || job->kept == job->running_cma);
}

static int choose(struct job *job)
{
	const struct request *request = job->request;
	struct region largest;
	char fits[2 * SIZE_TEXT];
	char size[SIZE_TEXT];
	struct ram ram;
	char *wrong;
	int ret;

	ret = ram_read("/proc/iomem", &job->own, &ram);
	if (ret) {
		say("cannot read /proc/iomem: %s", strerror(-ret));
		return CTL_FAILED;
	}
	job->region = (struct region){ request->base, request->size };
	/* Where it is, it can stay. */
	if (!request->has_base && request->size == job->own.size)
		job->region.base = job->own.base;
	if (job->region.base || request->has_base) {
		wrong = ram_check(&ram, &job->region);
		ram_free(&ram);
		if (!wrong)
			return CTL_OK;
		say("cannot reserve %s: %s", region_text(fits, &job->region, request->given.exact),
		    wrong);
		free(wrong);
		return CTL_FAILED;
	}
	if (!ram_choose(&ram, request->size, &job->region, &largest)) {
		format_size(size, request->size, request->given.exact);
		if (largest.size)
			say("cannot reserve %s: the largest that fits is %s", size,
			    region_text(fits, &largest, request->given.exact));
		else
			say("cannot reserve %s: no range of System RAM has room for a pool; /proc/iomem shows them",
			    size);
		ram_free(&ram);
		return CTL_FAILED;
	}
	ram_free(&ram);
	return CTL_OK;
}

/* What is lost when the reservation becomes another one. */
static int check_loss(const struct job *job)
{
	char where[2 * SIZE_TEXT];

	if (same_region(&job->region, &job->own))
		return CTL_OK;
	/* The driver destroys no pool on its own. */
	if (job->region.base < job->own.base + job->own.size &&
	    job->own.base < job->region.base + job->region.size)
		say("the new region has memory of the pool that there is: load the driver once by 'modprobe pmpool format=1' to give that up");
	if (!job->extents)
		return CTL_OK;
	region_text(where, &job->own, job->request->given.exact);
	if (!job->request->force) {
		say("refused: the pool of %s has %u extent%s, which the next boot would lose; see pmpoolctl export, or give --force",
		    where, job->extents, job->extents == 1 ? "" : "s");
		return CTL_UNSAFE;
	}
	say("the next boot loses the pool of %s with its %u extent%s", where, job->extents,
	    job->extents == 1 ? "" : "s");
	return CTL_OK;
}

/* A kernel that keeps its pool hands it on, whatever the next one is told. */
static int check_now(const struct job *job)
{
	char where[2 * SIZE_TEXT];

	if (!job->request->now || !job->kept || same_region(&job->region, &job->own))
		return CTL_OK;
	say("cannot do that now: the running kernel keeps the pool of %s, and a kexec hands it on; do it without --now, and reboot",
	    region_text(where, &job->own, job->request->given.exact));
	return CTL_FAILED;
}

/*
 * At once.
 */

/* The running kernel's command line, with the reservation. */
static char *next_cmdline(const struct job *job, uint32_t max)
{
	unsigned int how = job->running_cma ? CMDLINE_TO_CMA : 0;
	struct strlist notes = { 0 }, problems = { 0 };
	struct region before;
	char *rest, *line, *why;

	rest = cmdline_without(job->running, &before);
	line = job->region.size ? cmdline_compose(rest, NULL, &job->region, how, &notes, &problems) :
				  xstrdup(rest);
	if (line && job->region.size)
		cmdline_check(line, &job->region, how, max, &notes, &problems);
	if (problems.n) {
		why = strlist_join(&problems, "; ");
		say("cannot start the running kernel with that command line: %s", why);
		free(why);
		free(line);
		line = NULL;
	}
	strlist_clear(&notes);
	strlist_clear(&problems);
	free(rest);
	return line;
}

static int load(const struct job *job)
{
	struct preflight pf = { .kernel.image.fd = -1, .initrd_fd = -1 };
	struct strlist initrds = { 0 };
	int status = CTL_FAILED;
	struct utsname uts;
	char *reason;
	int count;

	uname(&uts);
	pf.kernel.path = xprintf("/boot/vmlinuz-%s", uts.release);
	strlist_add(&initrds, "/boot/initrd.img-%s", uts.release);
	if (image_open(&pf.kernel.image, pf.kernel.path, &reason))
		goto failed;
	if (access(initrds.v[0], F_OK) == 0) {
		pf.initrd_fd = initrd_open(&initrds, &reason);
		if (pf.initrd_fd < 0)
			goto failed;
	}
	pf.cmdline = next_cmdline(job, pf.kernel.image.cmdline_size);
	if (!pf.cmdline)
		goto out;
	/* The daemon would replace what it has not staged. */
	if (job->attached && run_command("systemctl stop pmpoold.service"))
		goto out;
	if (!stage_load(&pf, &count, &reason)) {
		status = CTL_OK;
		goto out;
	}
failed:
	say("cannot load the running kernel: %s", reason);
	free(reason);
out:
	free(pf.kernel.path);
	free(pf.cmdline);
	image_close(&pf.kernel.image);
	if (pf.initrd_fd >= 0)
		close(pf.initrd_fd);
	strlist_clear(&initrds);
	return status;
}

/*
 * What is done, for people and programs.
 */

static struct json_object *file_json(const struct boot_file *file)
{
	struct json_object *to = json_object_new_object();

	json_object_object_add(to, "path", json_object_new_string(file->path));
	json_object_object_add(to, "text", file->text ? json_object_new_string(file->text) : NULL);
	return to;
}

static int print_plan_json(const struct job *job)
{
	struct json_object *to = json_object_new_object();
	struct json_object *arguments = json_object_new_array();
	struct json_object *commands = json_object_new_array();
	struct json_object *files = json_object_new_array();
	char *text;
	size_t i;

	if (job->region.size) {
		text = cmdline_memmap(&job->region);
		json_object_array_add(arguments, json_object_new_string(text));
		free(text);
		text = cmdline_region(&job->region);
		json_object_array_add(arguments, json_object_new_string(text));
		free(text);
	}
	if (job->region.size && job->cma) {
		text = cmdline_pool(&job->region);
		json_object_array_add(arguments, json_object_new_string(text));
		free(text);
	}
	for (i = 0; i < job->plan.n; i++)
		json_object_array_add(files, file_json(&job->plan.files[i]));
	for (i = 0; i < job->plan.commands.n; i++)
		json_object_array_add(commands, json_object_new_string(job->plan.commands.v[i]));
	json_object_object_add(to, "base", job->region.size ?
			       json_object_new_uint64(job->region.base) : NULL);
	json_object_object_add(to, "size", json_object_new_uint64(job->region.size));
	json_object_object_add(to, "arguments", arguments);
	json_object_object_add(to, "files", files);
	json_object_object_add(to, "commands", commands);
	json_object_object_add(to, "changed", json_object_new_boolean(job->plan.changed));
	json_object_object_add(to, "in_force", json_object_new_boolean(in_force(job)));
	return print_json(to);
}

/* What some kernel here makes of it. */
static void print_cma(const struct job *job)
{
	char *pool = cmdline_pool(&job->region);

	printf("%s is for kernels with the backing cma, which use what is free of the pool\n",
	       pool);
	if (job->running_cma && !job->kept)
		printf("the running kernel is one, but keeps no pool: it was started without pmpool=, or has refused it, which dmesg tells\n");
	free(pool);
}

static int print_plan(const struct job *job)
{
	char where[2 * SIZE_TEXT];
	size_t i;

	if (job->request->given.json)
		return print_plan_json(job);

	if (job->region.size)
		printf("%s %s\n", job->request->dry ? "would reserve" : "reserved",
		       region_text(where, &job->region, job->request->given.exact));
	else
		printf("%s\n", job->request->dry ? "would take the reservation away" :
		       "took the reservation away");
	for (i = 0; job->request->dry && i < job->plan.n; i++) {
		const struct boot_file *file = &job->plan.files[i];

		printf("would %s %s%s\n%s", file->text ? "write" : "remove", file->path,
		       file->text ? ":" : "", file->text ? file->text : "");
	}
	for (i = 0; job->request->dry && job->plan.changed && i < job->plan.commands.n; i++)
		printf("would run %s\n", job->plan.commands.v[i]);
	if (!job->plan.changed && job->plan.n)
		printf("the boot loader's configuration says so already\n");
	if (job->region.size && job->cma)
		print_cma(job);
	if (in_force(job))
		printf("it is in force\n");
	else if (!job->request->now)
		printf("it comes into force with the next %s\n",
		       job->kept ? "boot, but not by a kexec" : "boot, or by --now");
	return finish_output(CTL_OK);
}

/* A boot loader that is not known needs somebody who knows it. */
static int check_loader(const struct job *job)
{
	char *memmap, *region, *pool;

	if (job->plan.grub || job->plan.kernel_cmdline)
		return CTL_OK;
	if (!job->region.size) {
		say("there is neither /etc/default/grub nor /etc/kernel/cmdline: remove 'memmap=', 'pmpool.region=' and 'pmpool=' from the kernel's command line where your boot loader has it");
		return job->request->now || job->request->dry ? CTL_OK : CTL_FAILED;
	}
	memmap = cmdline_memmap(&job->region);
	region = cmdline_region(&job->region);
	pool = job->cma ? cmdline_pool(&job->region) : xstrdup("");
	say("there is neither /etc/default/grub nor /etc/kernel/cmdline: let your boot loader add '%s %s%s%s' to the kernel's command line",
	    memmap, region, job->cma ? " " : "", pool);
	free(memmap);
	free(pool);
	free(region);
	return job->request->now || job->request->dry ? CTL_OK : CTL_FAILED;
}

static int reserve(struct job *job)
{
	int status;
	char *why;

	status = look(job);
	if (!status && !job->request->remove)
		status = choose(job);
	if (!status)
		status = check_now(job);
	if (!status)
		status = check_loss(job);
	if (status)
		return status;

	why = bootloader_plan(&job->plan, "", job->region.size ? &job->region : NULL, job->cma,
			      job->running);
	if (why) {
		say("cannot change the boot loader's configuration: %s", why);
		free(why);
		return CTL_FAILED;
	}
	status = check_loader(job);
	if (!status && !job->request->dry && job->plan.changed)
		status = bootloader_apply(&job->plan);
	if (!status)
		status = print_plan(job);
	if (status || job->request->dry || !job->request->now || in_force(job))
		return status;

	status = load(job);
	if (status)
		return status;
	execlp("systemctl", "systemctl", "kexec", (char *)NULL);
	say("cannot run systemctl: %s", strerror(errno));
	return CTL_FAILED;
}

static int parse_base(struct request *request)
{
	char *end;

	errno = 0;
	request->base = strtoull(optarg, &end, 0);
	if (*optarg < '0' || *optarg > '9' || *end || errno)
		return wrong_option("base", "not an address; write it like 0x100000000");
	if (request->base & (BLOCK - 1))
		return wrong_option("base", "not a multiple of 2 MiB (0x200000); best take one of 1 GiB");
	request->has_base = true;
	return -1;
}

static int parse_what(struct request *request, int n, const char *text)
{
	const char *wrong;

	if (request->remove && (n || request->has_base)) {
		say("--remove takes neither a size nor --base");
		return say_usage("reserve");
	}
	if (!request->remove && !n) {
		say("reserve needs a size, or --remove");
		return say_usage("reserve");
	}
	if (request->remove)
		return -1;
	wrong = parse_size(text, &request->size);
	if (!wrong && request->size < LEAST_SIZE)
		wrong = "too small; a pool has at least 4 MiB";
	if (!wrong && request->size & (BLOCK - 1))
		wrong = "not a multiple of 2 MiB";
	if (wrong) {
		say("cannot reserve '%s': %s", text, wrong);
		return CTL_USAGE;
	}
	return -1;
}

/* Fill in request. Returns an exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "base", required_argument, NULL, 'a' },
		{ "now", no_argument, NULL, 'k' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "force", no_argument, NULL, 'f' },
		{ "remove", no_argument, NULL, 'r' },
		OPTION_JSON, OPTION_BYTES, END_OPTIONS
	};
	static const struct command command = {
		"reserve", help, options, "a size", 0, 1
	};
	int c, status;

	while ((c = next_option(&command, argc, argv, &request->given)) != -1) {
		switch (c) {
		case 'a':
			status = parse_base(request);
			if (status >= 0)
				return status;
			break;
		case 'k':
			request->now = true;
			break;
		case 'n':
			request->dry = true;
			break;
		case 'f':
			request->force = true;
			break;
		case 'r':
			request->remove = true;
			break;
		}
	}
	if (request->given.status >= 0)
		return request->given.status;
	return parse_what(request, argc - optind, argv[optind]);
}

int verb_reserve(int argc, char **argv)
{
	struct request request = { 0 };
	struct job job = { .request = &request };
	int status;

	status = parse(argc, argv, &request);
	if (status >= 0)
		return status;
	if (geteuid() != 0) {
		say("cannot reserve memory: only root sees where it is, and may change the boot loader's configuration");
		return CTL_FAILED;
	}
	status = reserve(&job);
	bootloader_free(&job.plan);
	free(job.running);
	return status;
}
