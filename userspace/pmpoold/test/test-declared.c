// SPDX-License-Identifier: GPL-2.0-only
/* Declared extents: what is understood, what is complained about, what differs. */
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "declared.h"
#include "extents.h"
#include "files.h"
#include "tap.h"

static struct declared declared;

/* Read text as the only file. */
static const struct declaration *reads(const char *text)
{
	char *dir = xprintf("%s/d", top);
	const char *dirs[] = { dir, NULL };

	put("d/a.conf", text);
	declared_read(&declared, dirs);
	free(dir);
	return declared.v;
}

/* Problem i is text, behind its file's name. */
static bool problem(size_t i, const char *text)
{
	return i < declared.wrong.n &&
	       !strncmp(declared.wrong.v[i] + strlen(top) + strlen("/d/a.conf"), text, strlen(text));
}

static void test_good(void)
{
	const struct declaration *d;
	const struct passwd *daemon = getpwnam("daemon");

	reads("");
	ok(!declared.n && !declared.wrong.n, "an empty file");
	d = reads("# one\n[Extent]\nName=cache\nSize=64M\n");
	ok(declared.n == 1 && !declared.wrong.n && !d->bad && !strcmp(d->name, "cache") &&
	   d->size == 64 << 20 && d->line == 2 && d->mode == 0600 && !d->uid && !d->gid &&
	   !d->align && !d->has_owner && !d->has_mode && !d->has_tag, "the least");
	d = reads(" [ Extent ] \r\nName = all\nSize=1.5G\nOwner=daemon\nGroup=3\nMode=0640\n"
		  "Align=1G\nTag=pmkv 1\n\n[Extent]\nName=next\nSize=1\nOwner=daemon");
	ok(declared.n == 2 && !declared.wrong.n && d->uid == daemon->pw_uid && d->gid == 3 &&
	   d->mode == 0640 && d->align == 1 << 30 && !memcmp(d->tag, "pmkv 1\0\0\0\0\0\0\0\0\0\0", 16) &&
	   d->size == 3ULL << 29, "everything, and another");
	ok(d[1].line == 10 && d[1].size == 1 && d[1].gid == daemon->pw_gid && !d[1].has_group,
	   "the group of the owner");
	d = reads("[Extent]\nName=a\nName=b\nSize=1M\nMode=0640\nMode=\n");
	ok(!strcmp(d->name, "b") && d->mode == 0600 && !d->has_mode && !declared.wrong.n,
	   "the last one counts, an empty one resets");
}

static void refuses(const char *line, const char *text)
{
	char *all = xprintf("[Extent]\nName=x\nSize=1M\n%s\n[Extent]\nName=good\nSize=1M\n", line);
	const struct declaration *d = reads(all);

	ok(declared.n == 2 && d->bad && !d[1].bad && declared.wrong.n == 1 && problem(0, text),
	   "%s", declared.wrong.n ? declared.wrong.v[0] + strlen(top) + 3 : line);
	free(all);
}

static void test_bad(void)
{
	const struct declaration *d;

	refuses("Name=a/b", ":4: Name=a/b: a name is 1 to 63 characters of [A-Za-z0-9._-]");
	refuses("Size=many", ":4: Size=many: not a size; write it like 4096, 2M");
	refuses("Size=0", ":4: Size=0: an extent has at least 1 byte");
	refuses("Size=99999E", ":4: Size=99999E: too large");
	refuses("Align=3M", ":4: Align=3M: not a power of two from 2M up");
	refuses("Align=4K", ":4: Align=4K: not a power of two from 2M up");
	refuses("Mode=rw", ":4: Mode=rw: not a mode; write permission bits in octal, like 0640");
	refuses("Mode=1777", ":4: Mode=1777: has more than permission bits");
	refuses("Owner=nobody-here", ":4: Owner=nobody-here: there is no such user");
	refuses("Group=nobody-here", ":4: Group=nobody-here: there is no such group");
	refuses("Tag=12345678901234567", ":4: Tag=12345678901234567: longer than 16 bytes");
	refuses("Onwer=root", ":4: there is no setting \"Onwer\": it is one of Name, Size, Owner");
	refuses("hello", ":4: \"hello\" is neither [Extent] nor KEY=VALUE");
	refuses("Name=", ":1: the [Extent] that begins here has no Name=");
	refuses("Size=", ":1: the [Extent] that begins here has no Size=");

	d = reads("Name=x\n[Extnt]\nName=y\n\n[Extent]\nName=good\nSize=1M\n");
	ok(declared.n == 1 && !d->bad && declared.wrong.n == 2 &&
	   problem(0, ":1: Name=x stands in no section") &&
	   problem(1, ":2: there is no section [Extnt]: it is [Extent]"), "lines in no section");
	d = reads("[Extent]\nName=x\nSize=1M\n[Extent]\nName=x\nSize=2M\n");
	ok(declared.n == 2 && !d->bad && d[1].bad && declared.wrong.n == 1 &&
	   problem(0, ":4: extent 'x' is declared at ") &&
	   strstr(declared.wrong.v[0], "a.conf:1 already"), "declared twice: the first one counts");
	d = reads("[Extent]\nName=x\nSize=many\n[Extent]\nName=x\nSize=2M\n");
	ok(declared.n == 2 && d->bad && d[1].bad && declared.wrong.n == 2,
	   "even if there is something wrong with it");
}

static void test_compare(void)
{
	const struct declaration *d;
	struct strlist out = { 0 };
	struct catalog *c = make(1);
	struct catalog_extent *e = &c->extents[0];

	d = reads("[Extent]\nName=x\nSize=2097152\n");
	declaration_compare(d, e, c->base, &out);
	ok(out.n == 1 && strstr(out.v[0], "a.conf:1: extent 'x' belongs to user 1000, by default Owner= is 0: pmpoolctl set --owner 0 x, remove it"),
	   "what is not given is not compared, but for the owner");
	strlist_clear(&out);
	d = reads("[Extent]\nName=x\nSize=2M\nOwner=1000\nGroup=4000000000\nMode=0640\nAlign=2M\nTag=pmkv 1\n");
	declaration_compare(d, e, c->base, &out);
	ok(!out.n, "what is the same is no difference");
	d = reads("[Extent]\nName=x\nSize=4M\nOwner=0\nGroup=0\nMode=0600\nAlign=4M\nTag=pmkv 2\n");
	declaration_compare(d, e, c->base, &out);
	ok(out.n == 6, "everything is another");
	ok(strstr(out.v[0], "a.conf:1: extent 'x' has 2097152 bytes, Size= says 4194304: pmpoolctl resize x 4194304"),
	   "size");
	ok(strstr(out.v[1], "belongs to user 1000, Owner= says 0"), "owner");
	ok(strstr(out.v[2], "belongs to group 4000000000, Group= says 0"), "group");
	ok(strstr(out.v[3], "has mode 0640, Mode= says 0600: pmpoolctl set --mode 0600 x"), "mode");
	ok(strstr(out.v[4], "has another tag than Tag=pmkv 2"), "tag");
	ok(strstr(out.v[5], "lies at 0x100200000, which is no multiple of Align=4194304"), "place");
	strlist_clear(&out);
	catalog_free(c);
}

/* What is wrong changes with the pool. */
static void test_problems(void)
{
	struct declaration *d;
	struct catalog *c = make(1);

	reads("[Extent]\nName=extent-0\nSize=2M\nMode=0600\n[Extent]\nName=x\nSize=1M\nhello\n"
	      "[Extent]\nName=late\nSize=1M\n");
	declared.v[0].uid = c->extents[0].uid;
	declared.v[2].uid = c->extents[0].uid;
	declared.v[2].failed = xstrdup("cannot be made");
	declared_compare(&declared, NULL);
	ok(declared.problems.n == 1 && strstr(declared.problems.v[0], ":8: \"hello\""),
	   "without a pool, what is wrong with the files");
	declared_compare(&declared, c);
	ok(declared.problems.n == 3 && strstr(declared.problems.v[1], ":1: extent 'extent-0' has mode") &&
	   strstr(declared.problems.v[2], ":9: extent 'late' cannot be made"),
	   "with one, also what differs and what could not be made");
	c->extents[0].mode = 0600;
	declared_compare(&declared, c);
	ok(declared.problems.n == 2, "what was put right is not told any more");
	strcpy(c->extents[0].name, "late");
	d = &declared.v[2];
	d->size = c->extents[0].size;
	declared_compare(&declared, c);
	ok(declared.problems.n == 1, "nor what is there in the end, nor what was removed");
	catalog_free(c);
}

int main(void)
{
	char *path;

	begin();
	test_good();
	test_bad();
	path = below("d/b.conf/x");
	reads("");
	ok(declared.wrong.n == 1 && strstr(declared.wrong.v[0], "d/b.conf cannot be read: Is a directory"),
	   "a file that cannot be read");
	free(path);
	path = xprintf("%s/d/b.conf", top);
	rmdir(path);
	free(path);
	test_compare();
	test_problems();
	declared_clear(&declared);
	end();
	return done();
}
