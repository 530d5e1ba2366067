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
	struct lend_state state = {
		.free = free_mib * MIB, .lent = lent * UNIT, .lendable = lendable * UNIT, .unit = UNIT,
	};
	uint64_t got = lend_target(&p, &state);

	ok(got == target * UNIT, "%s: %llu MiB", what, (unsigned long long)(got / MIB));
}

/* Why is nothing lent? because NULL: there is nothing to say. */
static void nothing(const char *what, const char *text, const char *headroom,
		    struct lend_state state, const char *because)
{
	struct lend_policy p = policy(text, headroom);
	char *why = lend_nothing(&p, &state);

	ok(because ? why && !strcmp(why, because) : !why, "%s: %s", what,
	   why ? why : "nothing to say");
	free(why);
}

/* With a pool that has to be lent nothing: of which policies something is to be said? */
static void needless(const char *text, const char *because)
{
	struct lend_state state = { .free = 1000 * MIB, .by_itself = true };
	struct lend_policy p = policy(text, NULL);
	char *why = lend_nothing(&p, &state);

	ok(!lend_target(&p, &state) && (because ? why && strstr(why, because) : !why),
	   "%s, and the kernel uses what is free by itself: %s", text, why ? why : "nothing to say");
	free(why);
}

#define SECOND	(1000000ULL)

/* A pool over time, with what lend_next() is given and remembers. */
struct story {
	struct lend_policy policy;
	struct lend_state state;
	struct lend_past past;
	uint64_t now;
};

static struct story begin(const char *text, unsigned int free_mib, unsigned int lent,
			  unsigned int lendable)
{
	return (struct story){
		.policy = policy(text, NULL),
		.state = {
			.free = free_mib * MIB, .lent = lent * UNIT, .lendable = lendable * UNIT,
			.unit = UNIT,
		},
		.now = 1000 * SECOND,
	};
}

static const char *const actions[] = {
	[LEND_WAIT] = "wait", [LEND_KEEP] = "keep", [LEND_MORE] = "more", [LEND_LESS] = "less",
	[LEND_STUCK] = "stuck",
};

/* What is done at a look, and when the next one is; what was to be lent is, or is demanded. */
static void steps(const char *what, struct story *s, enum lend_action action, uint64_t size,
		  uint64_t look)
{
	struct lend_step step = lend_next(&s->policy, &s->state, &s->past, s->now);

	ok(step.action == action && step.size == size && step.look == look,
	   "%s: %s, %llu MiB, again in %lld ms", what, actions[step.action],
	   (unsigned long long)(step.size / MIB), step.look == LEND_NEVER ? -1 : (long long)step.look / 1000);
	if (step.action == LEND_MORE)
		s->state.lent = step.size;
	if (step.action == LEND_LESS) {
		s->past.asked = s->state.lent;
		s->state.emptying = s->state.lent - step.size;
	}
	if (step.look != LEND_NEVER)
		s->now += step.look;
}

/* The driver has taken back so many units, and goes on with others or gives them up. */
static void emptied(struct story *s, unsigned int units, unsigned int emptying)
{
	s->state.lent -= units * UNIT;
	s->state.emptying = emptying * UNIT;
}

static void grows(void)
{
	struct story s = begin("auto", 1000, 0, 7);

	steps("when it starts, it lends at once", &s, LEND_MORE, 6 * UNIT, 0);
	steps("then it rests", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);
	s = begin("2.5G", 10000, 0, 75);
	steps("much is lent in parts", &s, LEND_MORE, 8 * UNIT, 0);
	steps("one after the other", &s, LEND_MORE, 16 * UNIT, 0);
	steps("until it is that", &s, LEND_MORE, 20 * UNIT, 0);
	steps("and no more", &s, LEND_KEEP, 20 * UNIT, LEND_REST_USEC);
	s = begin("auto", 32 << 10, 0, 240);
	s.state.unit = 2048 * MIB;
	steps("a part is a large memory block, if they are", &s, LEND_MORE, 2048 * MIB, 0);
	s = begin("off", 1000, 0, 7);
	steps("nothing to do is nothing to look at", &s, LEND_KEEP, 0, LEND_NEVER);
	s = begin("off", 1000, 3, 7);
	s.policy.mode = LEND_UNMANAGED;
	steps("nor is what nobody asked for", &s, LEND_KEEP, 3 * UNIT, LEND_NEVER);
	s = begin("auto", 1000, 0, 0);
	s.state = (struct lend_state){ .free = 1000 * MIB, .by_itself = true };
	steps("nor a pool that needs no lending", &s, LEND_KEEP, 0, LEND_NEVER);
}

static void waits(void)
{
	struct story s = begin("auto", 1000, 6, 7);

	steps("all is well", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);
	emptied(&s, 3, 0);
	s.state.free = 550 * MIB;
	steps("an extent took what it needs", &s, LEND_KEEP, 3 * UNIT, LEND_REST_USEC);
	s.now += 60 * SECOND;
	s.state.free = 1000 * MIB;
	steps("when it is gone, the next one may come", &s, LEND_WAIT, 3 * UNIT, 10 * SECOND);
	s.now -= SECOND;
	steps("and has its time", &s, LEND_WAIT, 3 * UNIT, SECOND);
	steps("when none came that is lent", &s, LEND_MORE, 6 * UNIT, 0);
	steps("all of it", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);

	emptied(&s, 0, 4);
	steps("somebody needs a part", &s, LEND_WAIT, 6 * UNIT, LEND_SOON_USEC);
	emptied(&s, 3, 1);
	steps("which becomes free", &s, LEND_WAIT, 3 * UNIT, LEND_SOON_USEC);
	emptied(&s, 1, 0);
	steps("and is not used", &s, LEND_WAIT, 2 * UNIT, 10 * SECOND);
	steps("then it is lent again", &s, LEND_MORE, 6 * UNIT, 0);

	steps("and stays", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);
	emptied(&s, 2, 0);
	steps("also when only that is seen", &s, LEND_WAIT, 4 * UNIT, 10 * SECOND);
	s.past = (struct lend_past){ 0 };
	steps("another policy does not wait", &s, LEND_MORE, 6 * UNIT, 0);

	s = begin("auto", 1000, 2, 7);
	emptied(&s, 0, 1);
	steps("somebody tries to have some", &s, LEND_WAIT, 2 * UNIT, LEND_SOON_USEC);
	emptied(&s, 0, 0);
	steps("in vain, and may try again", &s, LEND_WAIT, 2 * UNIT,
	      10 * SECOND - LEND_SOON_USEC);

	s = begin("auto", 1930, 0, 20);
	steps("a pool with much to lend", &s, LEND_MORE, 8 * UNIT, 0);
	s.state.free += UNIT;
	steps("a small extent that goes holds nothing up", &s, LEND_MORE, 14 * UNIT, 0);
}

static void sways(void)
{
	struct story s = begin("auto", 7 * 128, 6, 7);

	steps("just enough is free", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);
	s.state.free -= 2 * MIB;
	steps("for a small extent nothing is taken back", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);
	s.state.free = (7 * 128 - 63) * MIB;
	steps("nor for several", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);
	s.state.free -= MIB;
	steps("it is for half a memory block", &s, LEND_LESS, 5 * UNIT, LEND_SOON_USEC);
	s = begin("auto", 6 * 128 + 32, 6, 7);
	s.policy = policy("auto", "32M");
	s.state.free -= 15 * MIB;
	steps("of a small headroom a part may be missing", &s, LEND_KEEP, 6 * UNIT, LEND_REST_USEC);
	s.state.free -= MIB;
	steps("but not half", &s, LEND_LESS, 5 * UNIT, LEND_SOON_USEC);
}

static void shrinks(void)
{
	struct story s = begin("auto", 500, 6, 7);

	s.policy = policy("auto", "50%");
	steps("too much is lent", &s, LEND_LESS, 5 * UNIT, LEND_SOON_USEC);
	steps("while that is emptied nothing is demanded", &s, LEND_WAIT, 6 * UNIT, LEND_SOON_USEC);
	emptied(&s, 1, 0);
	steps("one memory block after the other", &s, LEND_LESS, 4 * UNIT, LEND_SOON_USEC);
	emptied(&s, 0, 0);
	steps("one that cannot be emptied is tried later", &s, LEND_STUCK, 5 * UNIT,
	      LEND_LATER_USEC);
	steps("which is then", &s, LEND_LESS, 4 * UNIT, LEND_SOON_USEC);
	s.state.emptying = 0;
	s.state.free = 2000 * MIB;
	steps("it is of no importance when it is not needed", &s, LEND_WAIT, 5 * UNIT, 10 * SECOND);

	s = begin("off", 1000, 6, 7);
	steps("all that an administrator wants is demanded at once", &s, LEND_LESS, 0,
	      LEND_SOON_USEC);
	emptied(&s, 2, 0);
	steps("and again as long as some of it comes", &s, LEND_LESS, 0, LEND_SOON_USEC);
	emptied(&s, 4, 0);
	steps("until that is it", &s, LEND_KEEP, 0, LEND_NEVER);
	s = begin("256M", 1000, 6, 7);
	steps("a size too", &s, LEND_LESS, 2 * UNIT, LEND_SOON_USEC);
}

static void moves(void)
{
	struct story s = begin("auto", 2000, 2, 2);

	s.state.largest = 5 * UNIT - MIB;
	steps("a larger place to lend", &s, LEND_KEEP, 2 * UNIT, LEND_REST_USEC);
	s.state.largest = 5 * UNIT;
	steps("when it is twice as large, all is taken back", &s, LEND_LESS, UNIT, LEND_SOON_USEC);
	emptied(&s, 1, 0);
	steps("piece by piece", &s, LEND_LESS, 0, LEND_SOON_USEC);
	emptied(&s, 1, 0);
	s.state.lendable = 4 * UNIT;
	steps("and there", &s, LEND_WAIT, 0, 10 * SECOND);
	steps("it is lent", &s, LEND_MORE, 4 * UNIT, 0);
	steps("and stays", &s, LEND_KEEP, 4 * UNIT, LEND_REST_USEC);
	s = begin("auto", 500, 2, 2);
	s.state.largest = 5 * UNIT;
	steps("not if the headroom is that place", &s, LEND_KEEP, 2 * UNIT, LEND_REST_USEC);
	s = begin("1G", 2000, 2, 2);
	s.state.largest = 5 * UNIT;
	steps("nor a size that was asked for", &s, LEND_KEEP, 2 * UNIT, LEND_REST_USEC);
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
	struct lend_state state = {
		.free = 1000 * MIB, .lent = 3 * UNIT, .lendable = 7 * UNIT, .unit = UNIT,
	};

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
	needless("auto", "Lend= is not needed");
	needless("512M", "uses what is free");
	state.by_itself = true;
	ok(!lend_nothing(&none, &state), "nobody asked, nothing is said");
	/* The metadata has a part of the first memory block. */
	nothing("a headroom that leaves none", "auto", NULL, (struct lend_state){
			.free = 4094 * MIB, .lendable = 2048 * MIB, .unit = 2048 * MIB },
		"nothing is lent: 4094 MiB are free, of which 2048 MiB are to stay free (LendHeadroom=); the rest is less than a memory block of 2048 MiB");
	nothing("no memory block at all", "auto", NULL, (struct lend_state){
			.free = 3000 * MIB, .unit = 2048 * MIB },
		"nothing is lent: 3000 MiB are free, and no whole memory block of 2048 MiB is");
	nothing("a size that is less than one", "1G", NULL, (struct lend_state){
			.free = 8000 * MIB, .lendable = 6144 * MIB, .unit = 2048 * MIB },
		"nothing is lent: 1024 MiB are less than a memory block of 2048 MiB");
	nothing("some will be", "auto", "1G", (struct lend_state){
			.free = 4094 * MIB, .lendable = 2048 * MIB, .unit = 2048 * MIB }, NULL);
	nothing("some is", "auto", NULL, (struct lend_state){
			.free = 6142 * MIB, .lent = 2048 * MIB, .lendable = 2048 * MIB,
			.unit = 2048 * MIB }, NULL);
	nothing("nothing is to be", "off", NULL, (struct lend_state){
			.free = 4094 * MIB, .unit = 2048 * MIB }, NULL);
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
	grows();
	waits();
	sways();
	shrinks();
	moves();
	refuses("much", false);
	refuses("", false);
	refuses("10%", false);
	refuses("101%", true);
	refuses("%", true);
	refuses("-1%", true);
	refuses("auto", true);
	return done();
}
