// SPDX-License-Identifier: GPL-2.0-only
/*
 * pmkv-load: write keys whose values follow from their names, and verify them.
 *
 * write and verify need nothing but the same arguments: every byte of a value,
 * and its length, is determined by its key. churn changes keys over and over and
 * keeps a journal, so that after the server was killed in the middle of it verify
 * can tell what each key may hold: the version that was acknowledged last, or one
 * that was sent later and never answered; nothing older, and never a mix.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Commands sent before their replies are read. */
#define BATCH		64

/* Every so many versions of a key, churn deletes it; version 0 is no key either. */
#define DELETE_EVERY	16

#define KEY_SIZE	251
#define VALUE_MAX	(64 << 20)

enum status {
	STATUS_GOOD = 0,
	STATUS_BAD = 1,			/* something was lost, wrong or refused */
	STATUS_USAGE = 2,
	STATUS_CONNECTION = 3,		/* the server went away */
};

struct options {
	const char *command;
	const char *connect;
	const char *prefix;
	const char *journal;
	uint64_t keys;
	uint64_t size_min, size_max;
	uint64_t rounds;
	uint64_t wait;
	bool json;
};

static const char help[] =
	"Usage: pmkv-load write|verify|churn [OPTION]...\n"
	"Write keys whose values follow from their names; read them back and compare.\n"
	"\n"
	"  write     store all keys once\n"
	"  verify    read all keys; status 0 only if each is there and right\n"
	"  churn     change and delete all keys over and over, noting in the journal what\n"
	"            was sent and what was acknowledged, until done or the server goes away\n"
	"\n"
	"  -c, --connect=WHERE     HOST:PORT, or the path of a Unix socket (127.0.0.1:11211)\n"
	"  -n, --keys=N            how many keys (1000)\n"
	"  -s, --size=MIN[-MAX]    length of values in bytes (100)\n"
	"  -p, --prefix=TEXT       what keys begin with (key:)\n"
	"  -j, --journal=FILE      the journal of churn; verify then verifies what it tells\n"
	"  -r, --rounds=N          how often churn changes each key (1000)\n"
	"  -w, --wait=SECONDS      how long to try to connect (0: once)\n"
	"      --json              print the result as JSON\n"
	"  -h, --help              print this\n"
	"\n"
	"Status: 0 all good; 1 something lost, wrong or refused; 2 usage; 3 no connection.\n";

__attribute__((format(printf, 2, 3), noreturn))
static void die(enum status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("pmkv-load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

static void *allocate(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p)
		die(STATUS_BAD, "not enough memory for %zu times %zu bytes", count, size);
	return p;
}

/*
 * The connection.
 */

struct connection {
	int fd;
	const char *where;
	char *out;
	size_t out_len, out_capacity;
	char in[64 * 1024];
	size_t in_start, in_end;
};

static int try_connect(const char *where)
{
	const char *colon = strrchr(where, ':');
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr *address = (struct sockaddr *)&un;
	socklen_t len = sizeof(un);
	char host[64];
	int fd, one = 1;

	if (strchr(where, '/') || !colon) {
		if (strlen(where) >= sizeof(un.sun_path))
			die(STATUS_USAGE, "--connect=%s: too long for the path of a socket", where);
		strcpy(un.sun_path, where);
	} else {
		snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
		if (inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1",
			      &in.sin_addr) != 1 || atoi(colon + 1) <= 0)
			die(STATUS_USAGE, "--connect=%s: expected HOST:PORT, HOST as numbers, or a path",
			    where);
		in.sin_port = htons(atoi(colon + 1));
		address = (struct sockaddr *)&in;
		len = sizeof(in);
	}
	fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, address, len)) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void connection_open(struct connection *c, const struct options *o)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	uint64_t tries = o->wait * 20;

	memset(c, 0, sizeof(*c));
	c->where = o->connect;
	while ((c->fd = try_connect(o->connect)) < 0) {
		if (!tries--)
			die(STATUS_CONNECTION, "cannot connect to %s: %s", o->connect, strerror(errno));
		nanosleep(&pause, NULL);
	}
}

static void put(struct connection *c, const void *data, size_t len)
{
	if (c->out_capacity - c->out_len < len) {
		c->out_capacity = 2 * (c->out_len + len);
		c->out = realloc(c->out, c->out_capacity);
		if (!c->out)
			die(STATUS_BAD, "not enough memory for %zu bytes to send", c->out_capacity);
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
}

/* These return false when the server has gone away. */
static bool flush(struct connection *c)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < c->out_len) {
		n = send(c->fd, c->out + sent, c->out_len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		sent += n;
	}
	c->out_len = 0;
	return true;
}

static bool fill(struct connection *c)
{
	ssize_t n;

	if (c->in_start == c->in_end)
		c->in_start = c->in_end = 0;
	if (c->in_end == sizeof(c->in)) {
		memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
		c->in_end -= c->in_start;
		c->in_start = 0;
	}
	do {
		n = recv(c->fd, c->in + c->in_end, sizeof(c->in) - c->in_end, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	c->in_end += n;
	return true;
}

static bool read_line(struct connection *c, char *line, size_t size)
{
	char *end;
	size_t len;

	while (!(end = memchr(c->in + c->in_start, '\n', c->in_end - c->in_start))) {
		if (c->in_end - c->in_start >= size)
			die(STATUS_BAD, "%s does not speak the protocol: no end of line in %zu bytes",
			    c->where, size);
		if (!fill(c))
			return false;
	}
	len = end - (c->in + c->in_start);
	if (!len || end[-1] != '\r' || len > size)
		die(STATUS_BAD, "%s does not speak the protocol: a line of %zu bytes", c->where, len);
	memcpy(line, c->in + c->in_start, len - 1);
	line[len - 1] = '\0';
	c->in_start += len + 1;
	return true;
}

static bool read_bytes(struct connection *c, char *data, size_t len)
{
	size_t n;

	while (len) {
		if (c->in_start == c->in_end && !fill(c))
			return false;
		n = c->in_end - c->in_start;
		if (n > len)
			n = len;
		memcpy(data, c->in + c->in_start, n);
		c->in_start += n;
		data += n;
		len -= n;
	}
	return true;
}

/*
 * Keys and values.
 */

static void key_of(const struct options *o, uint64_t n, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "%s%" PRIu64, o->prefix, n);
}

/* Fill value, which has room for size_max + 8 bytes. Returns its length. */
static size_t value_of(const struct options *o, const char *key, uint64_t version, char *value)
{
	uint64_t state = XXH3_64bits_withSeed(key, strlen(key), version);
	size_t len = o->size_min + state % (o->size_max - o->size_min + 1);
	uint64_t word;

	for (size_t i = 0; i < len; i += 8) {
		/* splitmix64 */
		state += 0x9e3779b97f4a7c15;
		word = state;
		word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
		word = (word ^ word >> 27) * 0x94d049bb133111eb;
		word ^= word >> 31;
		memcpy(value + i, &word, 8);
	}
	return len;
}

static void put_set(struct connection *c, const char *key,
		    const char *mark, const char *value, size_t len)
{
	char line[KEY_SIZE + 64];
	size_t mark_len = strlen(mark);

	put(c, line, snprintf(line, sizeof(line), "set %s 0 0 %zu\r\n", key, mark_len + len));
	put(c, mark, mark_len);
	put(c, value, len);
	put(c, "\r\n", 2);
}

/*
 * Reading many keys.
 */

struct found {
	bool there;
	char *value;
	size_t len;
};

/* Get keys first to first + count - 1. Values go into buffers of room bytes. */
static bool get_keys(struct connection *c, const struct options *o, uint64_t first,
		     uint64_t count, struct found *found, size_t room)
{
	char key[KEY_SIZE], got[KEY_SIZE], line[512];
	uint64_t next = 0;
	unsigned int flags;
	size_t len;

	put(c, "get", 3);
	for (uint64_t i = 0; i < count; i++) {
		key_of(o, first + i, key);
		put(c, " ", 1);
		put(c, key, strlen(key));
		found[i].there = false;
	}
	put(c, "\r\n", 2);
	if (!flush(c))
		return false;

	for (;;) {
		if (!read_line(c, line, sizeof(line)))
			return false;
		if (!strcmp(line, "END"))
			return true;
		if (sscanf(line, "VALUE %250s %u %zu", got, &flags, &len) != 3)
			die(STATUS_BAD, "unexpected reply to get: '%s'", line);
		/* Values come in the order of the keys; those that are missing do not. */
		for (;; next++) {
			if (next == count)
				die(STATUS_BAD, "'%s' was not asked for", got);
			key_of(o, first + next, key);
			if (!strcmp(key, got))
				break;
		}
		if (len > room)
			die(STATUS_BAD, "'%s' has %zu bytes, more than any value written", got, len);
		if (!read_bytes(c, found[next].value, len) || !read_bytes(c, line, 2))
			return false;
		if (memcmp(line, "\r\n", 2))
			die(STATUS_BAD, "no end of line after the value of '%s'", got);
		found[next].there = true;
		found[next].len = len;
	}
}

/*
 * The journal: lines "s KEY VERSION" for what is about to be sent and
 * "a KEY VERSION" for what was acknowledged, KEY being a number.
 */

struct journal {
	uint64_t keys;
	struct key_versions {
		uint64_t sent, acknowledged;
	} *key;
};

static void journal_read(struct journal *j, const char *path)
{
	FILE *file = fopen(path, "r");
	uint64_t key, version;
	char what, end;

	if (!file && errno == ENOENT)
		return;
	if (!file)
		die(STATUS_BAD, "cannot read the journal %s: %s", path, strerror(errno));
	/* A last line that was not written whole ends it: nothing depends on it yet. */
	while (fscanf(file, "%c %" SCNu64 " %" SCNu64 "%c", &what, &key, &version, &end) == 4 &&
	       end == '\n') {
		if (key >= j->keys) {
			uint64_t keys = 2 * key + 16;

			j->key = realloc(j->key, keys * sizeof(*j->key));
			if (!j->key)
				die(STATUS_BAD, "not enough memory for %" PRIu64 " keys", keys);
			memset(j->key + j->keys, 0, (keys - j->keys) * sizeof(*j->key));
			j->keys = keys;
		}
		if (what == 's')
			j->key[key].sent = version;
		else
			j->key[key].acknowledged = version;
	}
	fclose(file);
}

static void journal_append(int fd, const char *path, const char *text, size_t len)
{
	ssize_t n = write(fd, text, len);

	if (n != (ssize_t)len)
		die(STATUS_BAD, "cannot write the journal %s: %s", path,
		    n < 0 ? strerror(errno) : "no space left");
}

/*
 * The commands.
 */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static enum status run_write(const struct options *o, struct connection *c)
{
	char *value = allocate(1, o->size_max + 8);
	char key[KEY_SIZE], line[512], refusal[512] = "";
	uint64_t written = 0, refused = 0, bytes = 0, count;
	double start = seconds();
	size_t lens[BATCH];
	bool gone = false;

	for (uint64_t first = 0; first < o->keys && !gone; first += count) {
		count = o->keys - first < BATCH ? o->keys - first : BATCH;
		for (uint64_t i = 0; i < count; i++) {
			key_of(o, first + i, key);
			lens[i] = value_of(o, key, 0, value);
			put_set(c, key, "", value, lens[i]);
			/* Large values one by one: what is buffered stays small. */
			if (c->out_len > 1 << 20 && !flush(c))
				gone = true;
		}
		gone = gone || !flush(c);
		for (uint64_t i = 0; i < count && !gone; i++) {
			if (!read_line(c, line, sizeof(line))) {
				gone = true;
			} else if (!strcmp(line, "STORED")) {
				written++;
				bytes += lens[i];
			} else if (!refused++) {
				snprintf(refusal, sizeof(refusal), "%s", line);
			}
		}
	}
	start = seconds() - start;
	if (o->json)
		printf("{\"command\":\"write\",\"keys\":%" PRIu64 ",\"written\":%" PRIu64
		       ",\"refused\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.3f}\n",
		       o->keys, written, refused, bytes, start);
	else
		printf("%" PRIu64 " keys written\n", written);
	if (refused)
		fprintf(stderr, "pmkv-load: %" PRIu64 " keys refused, the first with '%s'\n",
			refused, refusal);
	free(value);
	if (gone) {
		fprintf(stderr, "pmkv-load: %s went away\n", c->where);
		return STATUS_CONNECTION;
	}
	return refused ? STATUS_BAD : STATUS_GOOD;
}

enum verdict { FINE, LOST, WRONG };

static enum verdict judge(const struct options *o, const char *key, const struct found *found,
			  char *expected)
{
	size_t len = value_of(o, key, 0, expected);

	if (!found->there)
		return LOST;
	return found->len == len && !memcmp(found->value, expected, len) ? FINE : WRONG;
}

/* The same for a key that churn changed. Its value starts with "VERSION\n". */
static enum verdict judge_version(const struct options *o, const char *key,
				  const struct key_versions *versions,
				  const struct found *found, char *expected)
{
	uint64_t version = 0;
	size_t mark = 0, len;

	if (!found->there) {
		/* Fine if some version that it may have is none. */
		uint64_t last_deleted = versions->sent / DELETE_EVERY * DELETE_EVERY;

		return last_deleted >= versions->acknowledged ? FINE : LOST;
	}
	while (mark < found->len && mark < 20 && found->value[mark] >= '0' &&
	       found->value[mark] <= '9')
		version = 10 * version + found->value[mark++] - '0';
	if (!mark || mark == found->len || found->value[mark++] != '\n')
		return WRONG;
	len = value_of(o, key, version, expected);
	if (found->len != mark + len || memcmp(found->value + mark, expected, len))
		return WRONG;
	if (version > versions->sent || version % DELETE_EVERY == 0)
		return WRONG;
	return version < versions->acknowledged ? LOST : FINE;
}

static enum status run_verify(const struct options *o, struct connection *c)
{
	size_t room = o->size_max + 32;
	char *expected = allocate(1, o->size_max + 8);
	struct found found[BATCH];
	struct journal journal = { 0 };
	uint64_t lost = 0, wrong = 0, there = 0, bytes = 0, keys = o->keys, count, shown = 0;
	double start = seconds();
	char key[KEY_SIZE];

	if (o->journal) {
		journal_read(&journal, o->journal);
		for (keys = 0, count = 0; count < journal.keys; count++)
			if (journal.key[count].sent)
				keys = count + 1;
		if (!keys)
			die(STATUS_BAD, "the journal %s tells of no keys", o->journal);
	}
	for (unsigned int i = 0; i < BATCH; i++)
		found[i].value = allocate(1, room);
	for (uint64_t first = 0; first < keys; first += count) {
		count = keys - first < BATCH ? keys - first : BATCH;
		if (!get_keys(c, o, first, count, found, room))
			die(STATUS_CONNECTION, "%s went away after %" PRIu64 " keys", c->where, first);
		for (uint64_t i = 0; i < count; i++) {
			enum verdict verdict;

			key_of(o, first + i, key);
			if (o->journal)
				verdict = judge_version(o, key, &journal.key[first + i], &found[i],
							expected);
			else
				verdict = judge(o, key, &found[i], expected);
			if (found[i].there) {
				there++;
				bytes += found[i].len;
			}
			lost += verdict == LOST;
			wrong += verdict == WRONG;
			if (verdict != FINE && shown++ < 10)
				fprintf(stderr, "pmkv-load: '%s' is %s\n", key,
					verdict == WRONG ? "wrong" : found[i].there ? "older than acknowledged" : "lost");
		}
	}
	start = seconds() - start;
	if (o->json)
		printf("{\"command\":\"verify\",\"keys\":%" PRIu64 ",\"read\":%" PRIu64
		       ",\"lost\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"bytes\":%" PRIu64
		       ",\"seconds\":%.3f}\n", keys, there, lost, wrong, bytes, start);
	else
		printf("%" PRIu64 " keys read back, %" PRIu64 " lost, %" PRIu64 " wrong\n",
		       there, lost, wrong);
	for (unsigned int i = 0; i < BATCH; i++)
		free(found[i].value);
	free(expected);
	free(journal.key);
	return lost || wrong ? STATUS_BAD : STATUS_GOOD;
}

static enum status run_churn(const struct options *o, struct connection *c)
{
	char *value = allocate(1, o->size_max + 8);
	struct journal journal = { 0 };
	uint64_t changes = 0, refused = 0, count, n;
	char key[KEY_SIZE], line[512], mark[24], text[BATCH * 48];
	double start = seconds();
	bool gone = false;
	int fd, len;

	/* An earlier journal is continued: versions only ever grow. */
	journal_read(&journal, o->journal);
	if (journal.keys < o->keys) {
		journal.key = realloc(journal.key, o->keys * sizeof(*journal.key));
		if (!journal.key)
			die(STATUS_BAD, "not enough memory for %" PRIu64 " keys", o->keys);
		memset(journal.key + journal.keys, 0,
		       (o->keys - journal.keys) * sizeof(*journal.key));
		journal.keys = o->keys;
	}
	fd = open(o->journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		die(STATUS_BAD, "cannot write the journal %s: %s", o->journal, strerror(errno));

	for (uint64_t round = 0; round < o->rounds && !gone; round++) {
		for (uint64_t first = 0; first < o->keys && !gone; first += count) {
			count = o->keys - first < BATCH ? o->keys - first : BATCH;
			len = 0;
			for (n = first; n < first + count; n++) {
				uint64_t version = ++journal.key[n].sent;

				key_of(o, n, key);
				len += snprintf(text + len, sizeof(text) - len, "s %" PRIu64 " %" PRIu64 "\n",
						n, version);
				if (version % DELETE_EVERY == 0) {
					put(c, line, snprintf(line, sizeof(line), "delete %s\r\n", key));
					continue;
				}
				snprintf(mark, sizeof(mark), "%" PRIu64 "\n", version);
				put_set(c, key, mark, value, value_of(o, key, version, value));
			}
			journal_append(fd, o->journal, text, len);
			gone = !flush(c);
			len = 0;
			for (n = first; n < first + count; n++) {
				/* After a failed send, replies may still be waiting. */
				if (!read_line(c, line, sizeof(line))) {
					gone = true;
					break;
				}
				if (strcmp(line, "STORED") && strcmp(line, "DELETED") &&
				    strcmp(line, "NOT_FOUND")) {
					if (!refused++)
						fprintf(stderr, "pmkv-load: '%s'\n", line);
					continue;
				}
				changes++;
				len += snprintf(text + len, sizeof(text) - len, "a %" PRIu64 " %" PRIu64 "\n",
						n, journal.key[n].sent);
			}
			journal_append(fd, o->journal, text, len);
		}
	}
	close(fd);
	start = seconds() - start;
	if (o->json)
		printf("{\"command\":\"churn\",\"keys\":%" PRIu64 ",\"changes\":%" PRIu64
		       ",\"refused\":%" PRIu64 ",\"connected\":%s,\"seconds\":%.3f}\n", o->keys,
		       changes, refused, gone ? "false" : "true", start);
	else
		printf("%" PRIu64 " changes acknowledged%s\n", changes,
		       gone ? ", then the server went away" : "");
	free(value);
	free(journal.key);
	if (gone)
		return STATUS_CONNECTION;
	return refused ? STATUS_BAD : STATUS_GOOD;
}

/*
 * The command line.
 */

static uint64_t number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < min || n > max)
		die(STATUS_USAGE, "--%s=%s: expected %" PRIu64 " to %" PRIu64, option, text, min, max);
	return n;
}

static void parse_range(struct options *o, char *text)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash = '\0';
	o->size_min = number("size", text, 0, VALUE_MAX);
	o->size_max = dash ? number("size", dash + 1, o->size_min, VALUE_MAX) : o->size_min;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "connect", required_argument, NULL, 'c' },
		{ "keys", required_argument, NULL, 'n' },
		{ "size", required_argument, NULL, 's' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "journal", required_argument, NULL, 'j' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "wait", required_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct options o = {
		.connect = "127.0.0.1:11211",
		.prefix = "key:",
		.keys = 1000,
		.size_min = 100,
		.size_max = 100,
		.rounds = 1000,
	};
	static struct connection connection;
	enum status status;
	int c;

	while ((c = getopt_long(argc, argv, "c:n:s:p:j:r:w:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.connect = optarg;
			break;
		case 'n':
			o.keys = number("keys", optarg, 1, UINT32_MAX);
			break;
		case 's':
			parse_range(&o, optarg);
			break;
		case 'p':
			if (strlen(optarg) > 200 || strpbrk(optarg, " \t\r\n"))
				die(STATUS_USAGE, "--prefix=%s: expected at most 200 characters without spaces",
				    optarg);
			o.prefix = optarg;
			break;
		case 'j':
			o.journal = optarg;
			break;
		case 'r':
			o.rounds = number("rounds", optarg, 1, UINT32_MAX);
			break;
		case 'w':
			o.wait = number("wait", optarg, 0, 86400);
			break;
		case 'J':
			o.json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs("Try 'pmkv-load --help'.\n", stderr);
			return STATUS_USAGE;
		}
	}
	o.command = optind + 1 == argc ? argv[optind] : "";
	if (strcmp(o.command, "write") && strcmp(o.command, "verify") && strcmp(o.command, "churn"))
		die(STATUS_USAGE, "say one of write, verify and churn: try 'pmkv-load --help'");
	if (!strcmp(o.command, "churn") && !o.journal)
		die(STATUS_USAGE, "churn needs --journal");
	if (!strcmp(o.command, "write") && o.journal)
		die(STATUS_USAGE, "write keeps no journal: --journal is for churn and verify");

	connection_open(&connection, &o);
	if (!strcmp(o.command, "write"))
		status = run_write(&o, &connection);
	else if (!strcmp(o.command, "verify"))
		status = run_verify(&o, &connection);
	else
		status = run_churn(&o, &connection);
	close(connection.fd);
	free(connection.out);
	if (fflush(stdout))
		die(STATUS_BAD, "cannot write to standard output: %s", strerror(errno));
	return status;
}
