// SPDX-License-Identifier: GPL-2.0-only
/* What was staged last: written, read back, and not taken for what it is not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "record.h"
#include "strlist.h"
#include "tap.h"

static char path[] = "/tmp/test-record-XXXXXX";

static bool equal(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void comes_back(const char *what, const struct record *record)
{
	struct record back;
	int r = record_write(path, record);

	if (!r)
		r = record_read(path, &back);
	ok(!r && back.count == record->count && back.loaded == record->loaded &&
	   back.request.force == record->request.force &&
	   equal(back.request.kernel, record->request.kernel) &&
	   equal(back.request.initrd, record->request.initrd) &&
	   equal(back.request.cmdline, record->request.cmdline), "%s", what);
	if (!r)
		request_clear(&back.request);
}

int main(void)
{
	struct record record = { .count = 2147483646, .loaded = true };
	size_t len, wrong = 0;
	char *text;
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	comes_back("nothing but a count", &record);
	record.request = (struct kexec_request){
		.kernel = (char *)"/boot/k \"1\"", .initrd = (char *)"none",
		.cmdline = (char *)"ro memmap=1G$4G x=\"a b\" \\ \303\244", .force = true,
	};
	comes_back("all of it", &record);
	record.count = -1;
	record.loaded = false;
	comes_back("loads are not counted, and there is no image", &record);

	if (file_read(path, 65536, &text, &len))
		abort();
	for (size_t n = 0; n < len; n++) {
		struct record back;

		if (file_replace(path, text, n, 0600, false) ||
		    record_read(path, &back) != -EBADMSG || back.request.kernel)
			wrong++;
	}
	ok(len > 100 && !wrong, "every truncation of its %zu bytes is seen", len);
	free(text);
	ok(!file_replace(path, "{\"count\": \"1\"}", 14, 0600, false) &&
	   record_read(path, &record) == -EBADMSG, "a count that is none");
	unlink(path);
	ok(record_read(path, &record) == -ENOENT && record.count == -1, "there need not be one");
	return done();
}
