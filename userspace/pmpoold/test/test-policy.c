// SPDX-License-Identifier: GPL-2.0-only
/* How much is lent, for a policy and a pool. */
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "tap.h"

#define MIB	(1ULL << 20)
#define UNIT	(128 * MIB)

static struct lend_policy policy(const char *text, const char *headroom)
{
	struct lend_policy p = { .percent = LEND_PERCENT };

	if (lend_parse(text, &p) || (headroom && lend_parse_headroom(headroom, &p)))
		abort();
	return p;
}

static void lends(const char *what, const char *text, const char *headroom,
		  unsigned int free_mib, unsigned int lent, unsigned int lendable, unsigned int target)
{
	struct lend_policy p = policy(text, headroom);
	struct lend_state state = { free_mib * MIB, lent * UNIT, lendable * UNIT, UNIT, false };
	uint64_t got = lend_target(&p, &state);

	ok(got == target * UNIT, "%s: %llu MiB", what, (unsigned long long)(got / MIB));
}

/* With a pool that has to be lent nothing: of which policies something is to be said? */
static void needless(const char *text, const char *because)
{
	struct lend_state state = { .free = 1000 * MIB, .by_itself = true };
	struct lend_state other = { 1000 * MIB, 0, 7 * UNIT, UNIT, false };
	struct lend_policy p = policy(text, NULL);
	const char *why = lend_needless(&p, &state);

	ok(!lend_target(&p, &state) && !lend_needless(&p, &other) &&
	   (because ? why && strstr(why, because) : !why),
	   "%s, and the kernel uses what is free by itself: %s", text, why ? why : "nothing to say");
}

static void refuses(const char *text, bool headroom)
{
	struct lend_policy p;
	const char *wrong = headroom ? lend_parse_headroom(text, &p) : lend_parse(text, &p);

	ok(wrong && strstr(wrong, "512M"), "\"%s\": %s", text, wrong ? wrong : "is taken");
}

/* What a configuration makes of the policy in force: another mode and share? */
static void configures(const char *what, const char *in_force, const char *lend,
		       const char *headroom, bool understood, enum lend_mode mode,
		       unsigned int percent)
{
	struct lend_policy p = { .percent = 25 };

	if (in_force)
		p = policy(in_force, "25%");
	lend_configure(&p, lend, headroom, understood);
	ok(p.mode == mode && p.percent == percent, "%s", what);
}

static void presses(const char *what, unsigned int available, const char *some, bool yes)
{
	char text[256];

	if (some)
		snprintf(text, sizeof(text), "some avg10=%s avg60=50.00 avg300=50.00 total=1\n"
			 "full avg10=90.00 avg60=90.00 avg300=90.00 total=1\n", some);
	ok(lend_is_pressing(128 * MIB, available * MIB, some ? text : NULL) == yes, "%s", what);
}

int main(void)
{
	struct lend_policy none = { 0 };
	struct lend_state state = { 1000 * MIB, 3 * UNIT, 7 * UNIT, UNIT, false };

	ok(lend_target(&none, &state) == 3 * UNIT, "nobody asked: what is lent stays");
	lends("off", "off", NULL, 1000, 3, 7, 0);
	lends("a size", "300M", NULL, 1000, 0, 7, 2);
	lends("more than there is", "10G", NULL, 1000, 0, 7, 7);
	lends("auto keeps a memory block free", "auto", NULL, 1000, 0, 7, 6);
	lends("or a tenth, if that is more", "auto", NULL, 20000, 0, 150, 140);
	lends("a headroom of another size", "auto", "300M", 1000, 0, 7, 5);
	lends("of another share", "auto", "50%", 1000, 0, 7, 3);
	lends("of nothing", "auto", "0%", 1000, 0, 7, 7);
	lends("the same, as a size", "auto", "0", 1000, 0, 7, 7);
	lends("of all", "auto", "100%", 1000, 0, 7, 0);
	lends("of more than is free", "auto", "2G", 1000, 0, 7, 0);
	lends("less when less is free", "auto", NULL, 500, 6, 3, 2);
	lends("nothing when nothing is", "auto", NULL, 0, 0, 0, 0);
	lends("no more than is in one piece", "auto", NULL, 1000, 0, 2, 2);
	needless("off", NULL);
	needless("auto", "Lend=auto is not needed");
	needless("512M", "uses all that is free");
	state.by_itself = true;
	ok(!lend_needless(&none, &state), "nobody asked, nothing is said");
	configures("a configuration that says so turns lending on", "off", "auto", NULL, true,
		   LEND_AUTO, LEND_PERCENT);
	configures("one that does not turns it off", "auto", NULL, NULL, true, LEND_OFF,
		   LEND_PERCENT);
	configures("unless nobody has asked for anything", NULL, NULL, "10%", true, LEND_UNMANAGED,
		   10);
	configures("one that is not understood leaves what is in force", "auto", NULL, NULL, false,
		   LEND_AUTO, 25);
	configures("also when nobody has asked", NULL, NULL, NULL, false, LEND_UNMANAGED, 25);
	configures("what of it is understood counts", "auto", "512M", NULL, false, LEND_SIZE, 25);
	configures("of the headroom too", "auto", NULL, "1%", false, LEND_AUTO, 1);
	presses("to take 128 MiB back, 160 MiB available are enough", 160, NULL, false);
	presses("and 159 MiB are not", 159, NULL, true);
	presses("nor are they when nothing waits", 159, "0.00", true);
	presses("when something waits a tenth of the time, that is no pressure", 1000, "10.00", false);
	presses("more is, whatever there is", 1000, "10.01", true);
	refuses("much", false);
	refuses("", false);
	refuses("10%", false);
	refuses("101%", true);
	refuses("%", true);
	refuses("-1%", true);
	refuses("auto", true);
	return done();
}
