// SPDX-License-Identifier: GPL-2.0-only
/* Boot loader entries: what is taken from them, and what is refused. */
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "tap.h"

static bool equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void reads(const char *what, const char *text, const char *linux_path,
		  const char *initrds, const char *options)
{
	struct entry entry;
	char *reason = NULL, *joined;
	int r = entry_parse(&entry, "e.conf", text, strlen(text), &reason);

	joined = strlist_join(&entry.initrds, " ");
	ok(!r && equal(entry.linux_path, linux_path) && !strcmp(joined, initrds) &&
	   equal(entry.options, options) && !entry.other_machine,
	   "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
	free(joined);
	free(reason);
	entry_clear(&entry);
}

static void refuses(const char *what, const char *text, size_t len, const char *because)
{
	struct entry entry;
	char *reason = NULL;
	int r = entry_parse(&entry, "e.conf", text, len, &reason);

	ok(r < 0 && !strcmp(reason, because) && !entry.linux_path && !entry.options &&
	   !entry.initrds.n, "refuses %s: %s", what, reason ? reason : "accepted");
	free(reason);
	entry_clear(&entry);
}

#define REFUSES(what, text, because) refuses(what, text, strlen(text), because)

/* Whatever a file holds, nothing is read beyond it and nothing is left. */
static void survives_anything(void)
{
	static const char *const words[] = {
		"linux", "initrd", "options", " ", "\t", "\n", "\r\n", "#", "/", "..", "$x", "=",
		"architecture", "x64", "\x80\xff", "a", "memmap=4G$0x100000000", "",
	};
	unsigned int seed = 1, refused = 0;

	for (int i = 0; i < 20000; i++) {
		char text[256] = "";
		struct entry entry;
		char *exact, *reason;

		for (int j = 0; j < 9; j++) {
			seed = seed * 1103515245 + 12345;
			strcat(text, words[(seed >> 16) % (sizeof(words) / sizeof(words[0]))]);
		}
		exact = xstrdup(text);
		if (entry_parse(&entry, "e.conf", exact, strlen(exact), &reason)) {
			refused++;
			free(reason);
		}
		entry_clear(&entry);
		free(exact);
	}
	ok(refused > 100 && refused < 19900, "20000 mixtures are read or refused: %u refused",
	   refused);
}

int main(void)
{
	struct entry entry;
	char *reason;

	reads("an empty file", "", NULL, "", NULL);
	reads("one as kernel-install writes it",
	      "# Boot Loader Specification type#1 entry\n"
	      "title      Debian GNU/Linux 12 (bookworm)\n"
	      "version    6.12.117+deb12-amd64\n"
	      "machine-id 0123456789abcdef0123456789abcdef\n"
	      "sort-key   debian\n"
	      "options    root=UUID=1 ro quiet memmap=4G$0x100000000\n"
	      "linux      /0123/6.12.117+deb12-amd64/linux\n"
	      "initrd     /0123/6.12.117+deb12-amd64/initrd.img-6.12.117+deb12-amd64\n",
	      "/0123/6.12.117+deb12-amd64/linux",
	      "/0123/6.12.117+deb12-amd64/initrd.img-6.12.117+deb12-amd64",
	      "root=UUID=1 ro quiet memmap=4G$0x100000000");
	reads("several initrds and options, no newline at the end",
	      "linux /k\ninitrd /ucode\noptions a b\ninitrd /i\noptions c", "/k", "/ucode /i",
	      "a b c");
	reads("tabs, space, lines of DOS", " linux\t/k \t\r\n\r\n\toptions\t a  b\r\n", "/k", "",
	      "a  b");
	reads("keys of others", "efi /EFI/x.efi\nuki /x\ndevicetree /d\nlinuxx /k\n", NULL, "",
	      NULL);
	reads("this architecture", "architecture x64\nlinux /k\n", "/k", "", NULL);
	ok(!entry_parse(&entry, "e.conf", "architecture aa64\nlinux /k\n", 27, &reason) &&
	   entry.other_machine, "another architecture is known as such");
	entry_clear(&entry);

	REFUSES("a kernel without a path", "title x\nlinux\n", "e.conf:2: linux has no value");
	REFUSES("two kernels", "linux /a\nlinux /b\n", "e.conf:2: linux is there twice");
	REFUSES("a way out of the file system", "linux /a/../../etc/shadow\n",
		"e.conf:1: linux has a \"..\"");
	REFUSES("an initrd that only GRUB can find", "linux /a\ninitrd /i $tuned_initrd\n",
		"e.conf:2: initrd has a variable of another boot loader");
	REFUSES("options that only GRUB knows", "linux /a\n\noptions $kernelopts ro\n",
		"e.conf:3: options has a variable of another boot loader");
	refuses("what is no text", "linux /a\0b\n", 11, "e.conf is not a text file");
	survives_anything();

	ok(!entry_is_bad("x.conf") && !entry_is_bad("x+3.conf") && !entry_is_bad("x+2-1.conf") &&
	   !entry_is_bad("6.12.1+deb12.conf") && !entry_is_bad("x+0-.conf") &&
	   !entry_is_bad("x+0.conf.old") && !entry_is_bad("x+.conf"), "an entry that may be tried");
	ok(entry_is_bad("x+0.conf") && entry_is_bad("/e/x+0-3.conf") && entry_is_bad("x+00-03.conf"),
	   "an entry that has failed too often");
	return done();
}
