// SPDX-License-Identifier: GPL-2.0-only
/* Kernel images: one that is good, and every way to be bad. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bzimage.h"
#include "image.h"
#include "strlist.h"
#include "tap.h"

#define SIZE BZIMAGE_SIZE

static uint8_t head[SIZE];

static void make(const char *version)
{
	bzimage(head, version);
}

static void bad(const char *what, size_t len, const char *because)
{
	struct image image = { .fd = -1 };
	const char *reason = NULL;
	/* A copy of exactly that size: the sanitizer sees a read beyond. */
	uint8_t *copy = xalloc(len);
	int r;

	memcpy(copy, head, len);
	r = image_parse(&image, copy, len, SIZE, &reason);
	ok(r < 0 && reason && strstr(reason, because), "refuses %s (%s)", what, reason ? reason : "accepted");
	free(copy);
}

static void test_parse(void)
{
	const char *version = "6.12.1-test (me@there) #1 SMP";
	struct image image = { .fd = -1 };
	const char *reason;
	size_t n, wrong = 0;
	int r;

	make(version);
	r = image_parse(&image, head, SIZE, SIZE, &reason);
	ok(!r && !strcmp(image.release, "6.12.1-test") && image.init_size == 16 << 20 &&
	   image.cmdline_size == 2048, "a good header: %s", image.release);
	for (n = 0; n < SIZE; n += 7) {
		uint8_t *copy = xalloc(n);

		memcpy(copy, head, n);
		/* Enough for the version: then it is the file that is short. */
		if (!image_parse(&image, copy, n, n, &reason))
			wrong++;
		free(copy);
	}
	ok(!wrong, "every truncation is refused");
	bad("an empty file", 0, "not a bzImage");
	bad("a file of 100 bytes", 100, "not a bzImage");
	make(version);
	head[0x1f4] = 0xff;
	bad("an image that is cut short", SIZE, "cut short");
	make(version);
	head[0x202] = 'X';
	bad("another magic", SIZE, "not a bzImage");
	make(version);
	head[0x1ff] = 0;
	bad("another boot flag", SIZE, "not a bzImage");
	make(version);
	head[0x206] = 0x0b;
	bad("an old protocol", SIZE, "older than 2.12");
	make(version);
	head[0x236] = 2;
	bad("a 32-bit kernel", SIZE, "64-bit");
	make(version);
	head[0x20f] = 0;
	bad("no version", SIZE, "no version");
	make(version);
	head[0x20f] = 0xf0;
	bad("a version outside", SIZE, "no version");
	make("../../etc/x y");
	bad("a version that is a path", SIZE, "no version");
	make("");
	bad("an empty version", SIZE, "no version");
	make("12345678901234567890123456789012345678901234567890123456789012345 x");
	bad("a version that is too long", SIZE, "no version");
	make(version);
	memset(head + 0x600, 'a', SIZE - 0x600);
	bad("a version without an end", SIZE, "no version");
}

static void test_open(void)
{
	char path[] = "/tmp/test-image-XXXXXX";
	int fd = mkstemp(path), r;
	struct image image;
	char *reason;
	glob_t g;

	r = image_open(&image, "/nonexistent/vmlinuz", &reason);
	ok(r < 0 && strstr(reason, "/nonexistent/vmlinuz cannot be opened: No such file or directory"),
	   "a missing file: %s", reason);
	free(reason);
	r = image_open(&image, "/etc", &reason);
	ok(r < 0 && strstr(reason, "not a regular file"),
	   "a directory: %s", reason);
	free(reason);
	r = image_open(&image, path, &reason);
	ok(r < 0 && strstr(reason, "not a bzImage"),
	   "an empty file: %s", reason);
	free(reason);
	make("1.2.3 x");
	ok(write(fd, head, SIZE) == SIZE && !image_open(&image, path, &reason) &&
	   !strcmp(image.release, "1.2.3") && image.fd >= 0, "a good file");
	image_close(&image);
	close(fd);
	unlink(path);

	/* The real ones that this machine has, named for their release. */
	if (glob("/boot/vmlinuz-*", 0, NULL, &g) || !g.gl_pathc ||
	    access(g.gl_pathv[0], R_OK)) {
		ok(true, "a real kernel # SKIP there is no readable /boot/vmlinuz-*");
		return;
	}
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *name = g.gl_pathv[i] + strlen("/boot/vmlinuz-");

		r = image_open(&image, g.gl_pathv[i], &reason);
		ok(!r && !strcmp(image.release, name), "%s is %s", g.gl_pathv[i],
		   r ? reason : image.release);
		if (r)
			free(reason);
		image_close(&image);
	}
	globfree(&g);
}

int main(void)
{
	test_parse();
	test_open();
	return done();
}
