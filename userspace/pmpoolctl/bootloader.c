// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot loader's configuration, as far as it reserves the pool's memory.
 *
 * GRUB reads a file of its own for us. Its dollar passes two languages: the shell
 * that sources /etc/default/grub.d takes two of three backslashes, and GRUB's
 * script takes the last one. Loaders whose entries kernel-install writes take
 * /etc/kernel/cmdline as it is; there our words are among those of others.
 */
#include <errno.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <file.h>
#include <strlist.h>

#include "bootloader.h"
#include "ctl.h"

#define FILE_MAX	(1 << 20)
#define GRUB_DEFAULTS	"/etc/default/grub"
#define GRUB_DIR	"/etc/default/grub.d"
#define GRUB_OURS	GRUB_DIR "/pmpool.cfg"
#define KERNEL_CMDLINE	"/etc/kernel/cmdline"

static bool exists(const char *root, const char *path)
{
	char *full = xprintf("%s%s", root, path);
	bool there = access(full, F_OK) == 0;

	free(full);
	return there;
}

/* The content, or NULL when there is no such file. */
static char *read_file(const char *root, const char *path, char **why)
{
	char *full = xprintf("%s%s", root, path);
	char *text = NULL;
	int ret = file_read(full, FILE_MAX, &text, NULL);

	if (ret && ret != -ENOENT)
		*why = xprintf("cannot read %s: %s", full, strerror(-ret));
	free(full);
	return ret ? NULL : text;
}

static void add_file(struct bootloader *plan, const char *root, const char *path, char *old,
		     char *text)
{
	plan->files[plan->n++] = (struct boot_file){ xprintf("%s%s", root, path), old, text };
	if (!old != !text || (old && strcmp(old, text) != 0))
		plan->changed = true;
}

/* A reservation that somebody has written by hand: two would be one too many. */
static char *find_foreign(const char *path)
{
	unsigned int number = 0;
	char *why = NULL;
	char *line = NULL;
	size_t room = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return NULL;
	while (!why && getline(&line, &room, f) > 0) {
		number++;
		if (line[strspn(line, " \t")] != '#' &&
		    (strstr(line, "pmpool.region=") || strstr(line, "pmpool=")))
			why = xprintf("%s has a reservation in line %u: remove 'memmap=', 'pmpool.region=' and 'pmpool=' there, so that they are in one place only",
				      path, number);
	}
	free(line);
	fclose(f);
	return why;
}

static char *check_grub(const char *root)
{
	char *pattern = xprintf("%s" GRUB_DEFAULTS, root);
	char *why = find_foreign(pattern);
	glob_t found;
	size_t i;

	free(pattern);
	pattern = xprintf("%s" GRUB_DIR "/*.cfg", root);
	if (!glob(pattern, 0, NULL, &found)) {
		for (i = 0; !why && i < found.gl_pathc; i++)
			if (strcmp(found.gl_pathv[i] + strlen(root), GRUB_OURS) != 0)
				why = find_foreign(found.gl_pathv[i]);
		globfree(&found);
	}
	free(pattern);
	return why;
}

static char *grub_text(const struct region *region, bool cma)
{
	char *memmap = cmdline_memmap(region);
	char *dollar = strchr(memmap, '$');
	char *arg = cmdline_region(region);
	char *pool = cma ? cmdline_pool(region) : xstrdup("");
	char *text;

	*dollar = '\0';
	text = xprintf("# Written by pmpoolctl reserve, which replaces it. Of the backslashes the shell\n"
		       "# that reads this takes two, and GRUB the last one.\n"
		       "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX %s\\\\\\$%s %s%s%s\"\n",
		       memmap, dollar + 1, arg, cma ? " " : "", pool);
	free(memmap);
	free(pool);
	free(arg);
	return text;
}

static char *plan_grub(struct bootloader *plan, const char *root, const struct region *region,
		       bool cma)
{
	char *why = check_grub(root);
	char *old;

	if (why)
		return why;
	old = read_file(root, GRUB_OURS, &why);
	if (why)
		return why;
	add_file(plan, root, GRUB_OURS, old, region ? grub_text(region, cma) : NULL);
	if (exists(root, "/usr/sbin/update-grub"))
		strlist_add(&plan->commands, "update-grub");
	else
		strlist_add(&plan->commands, "grub-mkconfig -o /boot/grub/grub.cfg");
	return NULL;
}

/* The line without our words, and with those for region. */
static char *edit_line(const char *line, const struct region *region, bool cma, char **why)
{
	struct strlist notes = { 0 }, problems = { 0 };
	struct region before;
	char *rest, *full, *text = NULL;

	rest = cmdline_without(line, &before);
	if (!rest) {
		*why = xprintf("%s has a quote that is not closed", KERNEL_CMDLINE);
		return NULL;
	}
	full = region ? cmdline_compose(rest, NULL, region, cma ? CMDLINE_TO_CMA : 0, &notes,
					&problems) : xstrdup(rest);
	if (full)
		text = xprintf("%s\n", full);
	else
		*why = strlist_join(&problems, "; ");
	strlist_clear(&notes);
	strlist_clear(&problems);
	free(rest);
	free(full);
	return text;
}

static char *plan_kernel_cmdline(struct bootloader *plan, const char *root,
				 const struct region *region, bool cma, const char *running)
{
	char *why = NULL;
	char *pattern, *old, *text;
	glob_t found;
	size_t i;

	old = read_file(root, KERNEL_CMDLINE, &why);
	if (why || (!old && !region))
		return why;
	/* What kernel-install takes when there is no file. */
	text = edit_line(old ? old : running, region, cma, &why);
	if (!text) {
		free(old);
		return why;
	}
	add_file(plan, root, KERNEL_CMDLINE, old, text);

	pattern = xprintf("%s/boot/vmlinuz-*", root);
	if (!glob(pattern, 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			strlist_add(&plan->commands, "kernel-install add %s %s",
				    strchr(found.gl_pathv[i] + strlen(root), '-') + 1,
				    found.gl_pathv[i]);
		globfree(&found);
	}
	free(pattern);
	return NULL;
}

char *bootloader_plan(struct bootloader *plan, const char *root, const struct region *region,
		      bool cma, const char *running)
{
	char *why = NULL;

	*plan = (struct bootloader){
		.grub = exists(root, GRUB_DEFAULTS),
		.kernel_cmdline = exists(root, KERNEL_CMDLINE) ||
				  exists(root, "/boot/loader/entries") ||
				  exists(root, "/boot/efi/loader/entries") ||
				  exists(root, "/efi/loader/entries"),
	};
	if (plan->grub)
		why = plan_grub(plan, root, region, cma);
	if (!why && plan->kernel_cmdline)
		why = plan_kernel_cmdline(plan, root, region, cma, running);
	return why;
}

void bootloader_free(struct bootloader *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		free(plan->files[i].path);
		free(plan->files[i].old);
		free(plan->files[i].text);
	}
	strlist_clear(&plan->commands);
	*plan = (struct bootloader){ 0 };
}

int run_command(const char *command)
{
	char *words = xstrdup(command);
	char *argv[8] = { 0 };
	char *save = NULL;
	int ret, status;
	size_t n = 0;
	char *word;
	pid_t pid;

	for (word = strtok_r(words, " ", &save); word && n < 7; word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	fflush(NULL);
	ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (ret) {
		say("cannot run %s: %s", command, strerror(ret));
		free(words);
		return CTL_FAILED;
	}
	free(words);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CTL_FAILED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return CTL_OK;
	if (WIFEXITED(status))
		say("%s has failed with status %d", command, WEXITSTATUS(status));
	else
		say("%s was ended by signal %d", command, WTERMSIG(status));
	return CTL_FAILED;
}

static int put_file(const char *path, const char *text)
{
	char *slash, *dir;

	if (text) {
		/* The last directory may not be there yet. */
		dir = xstrdup(path);
		slash = strrchr(dir, '/');
		*slash = '\0';
		mkdir(dir, 0755);
		free(dir);
		return file_replace(path, text, strlen(text), 0644, true);
	}
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int put_all(const struct bootloader *plan)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		const struct boot_file *file = &plan->files[i];
		int ret = put_file(file->path, file->text);

		if (ret) {
			say("cannot change %s: %s", file->path, strerror(-ret));
			return CTL_FAILED;
		}
	}
	return CTL_OK;
}

/* Whether all files are what they were; else it is said. */
static bool put_back(const struct bootloader *plan)
{
	bool all = true;
	size_t i;

	for (i = 0; i < plan->n; i++) {
		const struct boot_file *file = &plan->files[i];
		int ret = put_file(file->path, file->old);

		if (!ret)
			continue;
		all = false;
		say("cannot put %s back as it was: %s; %s", file->path, strerror(-ret),
		    file->text && strstr(file->text, "memmap=") ?
		    "remove 'memmap=', 'pmpool.region=' and 'pmpool=' there by hand" :
		    "it may have no reservation any more, and pmpoolctl reserve writes one");
	}
	return all;
}

int bootloader_apply(const struct bootloader *plan)
{
	int status = put_all(plan);
	size_t done = 0;
	bool all;
	size_t i;

	for (; !status && done < plan->commands.n; done += !status)
		status = run_command(plan->commands.v[done]);
	if (!status)
		return CTL_OK;
	all = put_back(plan);
	/* They went by what was in the files then. */
	for (i = 0; i < done; i++)
		say("run %s again", plan->commands.v[i]);
	if (all && !done)
		say("the boot loader's configuration is as it was");
	return status;
}
