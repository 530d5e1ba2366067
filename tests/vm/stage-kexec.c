// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: stage-kexec - stages a kernel with kexec_file_load(2), and starts it when asked
 *
 * For tests that must be able to stage any command line, also one that pmpoold would refuse. Called mini-kexec, as it
 * is in the minimal guest, it takes kernel and initramfs from /kexec, counts pmpool_test.boot= up and starts the next
 * kernel at once, without an orderly shutdown.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CMDLINE_MAX	2048	/* x86: COMMAND_LINE_SIZE */

static void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "stage-kexec: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static void usage(FILE *f)
{
	fprintf(f,
		"Usage: stage-kexec --kernel FILE [--initrd FILE] [--cmdline TEXT | --append TEXT] [--execute]\n"
		"       mini-kexec [the same options]      kernel and initramfs of the minimal guest, --execute implied\n"
		"       stage-kexec --unload\n"
		"       stage-kexec --segment    one page that does nothing, with kexec_load(2)\n"
		"Without --cmdline the running kernel's command line is used, with the text of --append after it.\n");
}

static void running_cmdline(char *buf, size_t len)
{
	FILE *f = fopen("/proc/cmdline", "re");

	if (!f || !fgets(buf, len, f))
		fail("reading /proc/cmdline: %s", strerror(errno));
	fclose(f);
	buf[strcspn(buf, "\n")] = 0;
}

/* Takes out every pmpool_test.boot=N and puts one with the next number at the end. */
static void count_boot(char *line, size_t len)
{
	static const char name[] = "pmpool_test.boot=";
	unsigned long boot = 1;
	char *p;

	while ((p = strstr(line, name))) {
		char *rest;

		boot = strtoul(p + sizeof(name) - 1, &rest, 10);
		while (*rest == ' ')
			rest++;
		memmove(p, rest, strlen(rest) + 1);
	}
	snprintf(line + strlen(line), len - strlen(line), " %s%lu", name, boot + 1);
}

/* Whoever starts this kernel waits for ever. */
static void load_segment(void)
{
	static const unsigned char loop[] = { 0xeb, 0xfe };
	struct kexec_segment segment = {
		.buf = loop, .bufsz = sizeof(loop), .mem = (void *)(16UL << 20), .memsz = 4096,
	};

	if (syscall(SYS_kexec_load, 16UL << 20, 1UL, &segment, (unsigned long)KEXEC_ARCH_X86_64))
		fail("loading a segment: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kernel", required_argument, NULL, 'k' },	{ "initrd", required_argument, NULL, 'i' },
		{ "cmdline", required_argument, NULL, 'c' },	{ "append", required_argument, NULL, 'a' },
		{ "execute", no_argument, NULL, 'e' },		{ "unload", no_argument, NULL, 'u' },
		{ "segment", no_argument, NULL, 's' },		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *kernel = NULL, *initrd = NULL, *cmdline = NULL, *append = NULL, *base = strrchr(argv[0], '/');
	bool mini = !strcmp(base ? base + 1 : argv[0], "mini-kexec");
	bool execute = mini, unload = false;
	char line[CMDLINE_MAX * 2] = "";
	unsigned long flags = 0;
	int kfd = -1, ifd = -1, o;

	while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (o) {
		case 'k':
			kernel = optarg;
			break;
		case 'i':
			initrd = optarg;
			break;
		case 'c':
			cmdline = optarg;
			break;
		case 'a':
			append = optarg;
			break;
		case 'e':
			execute = true;
			break;
		case 'u':
			unload = true;
			break;
		case 's':
			load_segment();
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (unload) {
		if (syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, KEXEC_FILE_UNLOAD))
			fail("unloading the staged kernel: %s", strerror(errno));
		return 0;
	}
	if (mini) {
		kernel = kernel ?: "/kexec/vmlinuz";
		initrd = initrd ?: "/sys/firmware/initrd";
	}
	if (optind != argc || !kernel) {
		usage(stderr);
		return 2;
	}

	if (cmdline)
		snprintf(line, sizeof(line), "%s", cmdline);
	else
		running_cmdline(line, CMDLINE_MAX);
	if (append)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", append);
	if (mini)
		count_boot(line, sizeof(line));
	if (strlen(line) >= CMDLINE_MAX)
		fail("the command line has %zu bytes, the kernel takes %d at most", strlen(line), CMDLINE_MAX - 1);

	kfd = open(kernel, O_RDONLY | O_CLOEXEC);
	if (kfd < 0)
		fail("opening the kernel %s: %s", kernel, strerror(errno));
	if (initrd) {
		ifd = open(initrd, O_RDONLY | O_CLOEXEC);
		if (ifd < 0)
			fail("opening the initrd %s: %s", initrd, strerror(errno));
	} else {
		flags |= KEXEC_FILE_NO_INITRAMFS;
	}
	if (syscall(SYS_kexec_file_load, kfd, ifd, strlen(line) + 1, line, flags))
		fail("kexec_file_load of %s with \"%s\": %s", kernel, line, strerror(errno));
	if (!execute)
		return 0;
	fflush(NULL);
	sync();
	reboot(LINUX_REBOOT_CMD_KEXEC);
	fail("starting the staged kernel: %s", strerror(errno));
}
