// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol: what is answered to what, to the byte, however the input is cut;
 * and that no input whatever makes it do anything bad.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "tap.h"

#define NOW	1800000000
#define SIZE	(1 << 20)

/* A service on a new store, a session, and what it answered. */
struct peer {
	void *memory;
	struct store store;
	struct service service;
	struct session session;
	struct buffer input, output;
	size_t rest_max;		/* the most that was ever left in the input */
};

static void peer_open(struct peer *p, size_t size)
{
	static const uint8_t uuid[16] = "protocol tests";
	struct store_error error;

	memset(p, 0, sizeof(*p));
	p->memory = aligned_alloc(4096, size);
	memset(p->memory, 0, 8192 + size / 32);
	if (store_format(p->memory, size, uuid, false, &error) < 0 ||
	    store_attach(&p->store, p->memory, size, NOW, &error) < 0) {
		printf("Bail out! %s\n", error.text);
		exit(1);
	}
	p->store.max_value = 5000;
	p->service.store = &p->store;
	p->service.started = NOW;
	p->service.max_connections = 10;
}

static void peer_close(struct peer *p)
{
	buffer_free(&p->input);
	buffer_free(&p->output);
	free(p->memory);
}

/* What the server does, but for sending: the input is exactly as long as it says. */
static void peer_send(struct peer *p, const char *data, size_t len)
{
	size_t used;
	char *exact;

	buffer_append(&p->input, data, len);
	exact = malloc(p->input.len + !p->input.len);
	memcpy(exact, p->input.data, p->input.len);
	used = protocol_feed(&p->service, &p->session, exact, p->input.len, &p->output);
	free(exact);
	buffer_consume(&p->input, used);
	if (p->input.len > p->rest_max)
		p->rest_max = p->input.len;
}

static void print_escaped(const char *label, const char *data, size_t len)
{
	printf("# %s: ", label);
	for (size_t i = 0; i < len && i < 300; i++) {
		if (data[i] == '\r')
			fputs("\\r", stdout);
		else if (data[i] == '\n')
			fputs("\\n", stdout);
		else if ((unsigned char)data[i] < ' ' || (unsigned char)data[i] > '~')
			printf("\\x%02x", (unsigned char)data[i]);
		else
			putchar(data[i]);
	}
	putchar('\n');
}

/*
 * One exchange: the request whole, in two pieces cut at every place, and byte by
 * byte, each time on a new store.
 */
static void exchange(const char *what, const char *request, size_t request_len,
		     const char *reply, size_t reply_len)
{
	struct peer p;
	bool good = true;

	/* cut == 0: whole; cut == request_len: byte by byte. */
	for (size_t cut = 0; cut <= request_len && good; cut++) {
		peer_open(&p, 64 * 1024);
		if (cut == request_len) {
			for (size_t i = 0; i < request_len; i++)
				peer_send(&p, request + i, 1);
		} else {
			if (cut)
				peer_send(&p, request, cut);
			peer_send(&p, request + cut, request_len - cut);
		}
		good = p.output.len == reply_len &&
		       (!reply_len || !memcmp(p.output.data, reply, reply_len));
		if (!good) {
			printf("# cut at %zu of %zu\n", cut, request_len);
			print_escaped("expected", reply, reply_len);
			print_escaped("got     ", p.output.data, p.output.len);
		}
		peer_close(&p);
	}
	ok(good, "%s", what);
}

#define EXCHANGE(what, request, reply) \
	exchange(what, request, sizeof(request) - 1, reply, sizeof(reply) - 1)

#define KEY50	"01234567890123456789012345678901234567890123456789"
#define KEY250	KEY50 KEY50 KEY50 KEY50 KEY50
#define BAD	"CLIENT_ERROR bad command line format\r\n"

static void test_storage(void)
{
	EXCHANGE("get from an empty store", "get a\r\n", "END\r\n");
	EXCHANGE("set and get", "set a 5 0 3\r\nabc\r\nget a\r\n",
		 "STORED\r\nVALUE a 5 3\r\nabc\r\nEND\r\n");
	EXCHANGE("lines without carriage return", "set a 5 0 3\nabc\r\nget a\n",
		 "STORED\r\nVALUE a 5 3\r\nabc\r\nEND\r\n");
	EXCHANGE("more spaces than needed", "  set  a 5   0 3 \r\nabc\r\n get   a  \r\n",
		 "STORED\r\nVALUE a 5 3\r\nabc\r\nEND\r\n");
	EXCHANGE("gets", "set a 0 0 1\r\n1\r\nset a 0 0 1\r\n2\r\ngets a\r\n",
		 "STORED\r\nSTORED\r\nVALUE a 0 1 2\r\n2\r\nEND\r\n");
	EXCHANGE("many keys, some missing",
		 "set a 0 0 1\r\n1\r\nset c 4294967295 0 0\r\n\r\nget a b c a\r\n",
		 "STORED\r\nSTORED\r\nVALUE a 0 1\r\n1\r\nVALUE c 4294967295 0\r\n\r\n"
		 "VALUE a 0 1\r\n1\r\nEND\r\n");
	EXCHANGE("a value of ends of lines", "set a 0 0 6\r\n\r\n\r\n\r\n\r\nget a\r\n",
		 "STORED\r\nVALUE a 0 6\r\n\r\n\r\n\r\n\r\nEND\r\n");
	EXCHANGE("a binary value", "set a 0 0 4\r\n\0\xff\x80\n\r\nget a\r\n",
		 "STORED\r\nVALUE a 0 4\r\n\0\xff\x80\n\r\nEND\r\n");
	EXCHANGE("add", "add a 0 0 1\r\n1\r\nadd a 0 0 1\r\n2\r\nget a\r\n",
		 "STORED\r\nNOT_STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n");
	EXCHANGE("replace", "replace a 0 0 1\r\n1\r\nset a 0 0 1\r\n2\r\nreplace a 7 0 1\r\n3\r\nget a\r\n",
		 "NOT_STORED\r\nSTORED\r\nSTORED\r\nVALUE a 7 1\r\n3\r\nEND\r\n");
	EXCHANGE("append and prepend",
		 "append a 0 0 1\r\n1\r\nset a 7 0 1\r\n2\r\nappend a 0 0 1\r\n3\r\nprepend a 0 0 1\r\n1\r\nget a\r\n",
		 "NOT_STORED\r\nSTORED\r\nSTORED\r\nSTORED\r\nVALUE a 7 3\r\n123\r\nEND\r\n");
	EXCHANGE("cas", "cas a 0 0 1 1\r\n1\r\nset a 0 0 1\r\n2\r\ncas a 0 0 1 9\r\n3\r\ncas a 0 0 1 1\r\n4\r\ngets a\r\n",
		 "NOT_FOUND\r\nSTORED\r\nEXISTS\r\nSTORED\r\nVALUE a 0 1 2\r\n4\r\nEND\r\n");
	EXCHANGE("delete", "delete a\r\nset a 0 0 1\r\n1\r\ndelete a\r\nget a\r\ndelete a 0\r\n",
		 "NOT_FOUND\r\nSTORED\r\nDELETED\r\nEND\r\nNOT_FOUND\r\n");
	EXCHANGE("noreply on everything",
		 "set a 0 0 1 noreply\r\n1\r\nadd a 0 0 1 noreply\r\n2\r\nreplace a 0 0 1 noreply\r\n3\r\n"
		 "append a 0 0 1 noreply\r\n4\r\nprepend a 0 0 1 noreply\r\n2\r\ncas a 0 0 1 1 noreply\r\n5\r\n"
		 "incr a 1 noreply\r\ndecr a 2 noreply\r\ntouch a 0 noreply\r\ndelete b noreply\r\n"
		 "verbosity 1 noreply\r\nget a\r\nflush_all noreply\r\nflush_all 0 noreply\r\nget a\r\n",
		 "VALUE a 0 3\r\n233\r\nEND\r\nEND\r\n");
	EXCHANGE("the longest key", "set " KEY250 " 0 0 1\r\n1\r\nget " KEY250 "\r\n",
		 "STORED\r\nVALUE " KEY250 " 0 1\r\n1\r\nEND\r\n");
}

static void test_numbers_and_times(void)
{
	EXCHANGE("incr and decr", "set a 3 0 2\r\n99\r\nincr a 1\r\ndecr a 1\r\ndecr a 100\r\nget a\r\nincr b 1\r\n",
		 "STORED\r\n100\r\n99\r\n0\r\nVALUE a 3 1\r\n0\r\nEND\r\nNOT_FOUND\r\n");
	EXCHANGE("incr wraps", "set a 0 0 20\r\n18446744073709551615\r\nincr a 1\r\n", "STORED\r\n0\r\n");
	EXCHANGE("incr of what is no number", "set a 0 0 2\r\n1x\r\nincr a 1\r\n",
		 "STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
	EXCHANGE("incr by what is no number", "incr a x\r\nincr a -1\r\nincr a 18446744073709551616\r\nincr a\r\n",
		 "CLIENT_ERROR invalid numeric delta argument\r\n"
		 "CLIENT_ERROR invalid numeric delta argument\r\n"
		 "CLIENT_ERROR invalid numeric delta argument\r\nERROR\r\n");
	EXCHANGE("a time that is over", "set a 0 -1 1\r\n1\r\nget a\r\nset b 0 1799999999 1\r\n1\r\nget b\r\n",
		 "STORED\r\nEND\r\nSTORED\r\nEND\r\n");
	EXCHANGE("times to come", "set a 0 2592000 1\r\n1\r\nset b 0 1800000001 1\r\n2\r\nget a b\r\n",
		 "STORED\r\nSTORED\r\nVALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nEND\r\n");
	EXCHANGE("more than 30 days counts from 1970", "set a 0 2592001 1\r\n1\r\nget a\r\n", "STORED\r\nEND\r\n");
	EXCHANGE("touch", "touch a 10\r\nset a 0 0 1\r\n1\r\ntouch a 10\r\nget a\r\ntouch a -1\r\nget a\r\ntouch a x\r\n",
		 "NOT_FOUND\r\nSTORED\r\nTOUCHED\r\nVALUE a 0 1\r\n1\r\nEND\r\nTOUCHED\r\nEND\r\n"
		 "CLIENT_ERROR invalid exptime argument\r\n");
	EXCHANGE("gat and gats", "set a 0 0 1\r\n1\r\ngat 10 a b\r\ngats -1 a\r\nget a\r\ngat x a\r\ngat 1\r\n",
		 "STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\nEND\r\nEND\r\n"
		 "CLIENT_ERROR invalid exptime argument\r\nERROR\r\n");
	EXCHANGE("flush_all", "set a 0 0 1\r\n1\r\nflush_all\r\nget a\r\nset a 0 0 1\r\n2\r\nget a\r\nflush_all 100\r\nget a\r\nflush_all -1\r\nget a\r\n",
		 "STORED\r\nOK\r\nEND\r\nSTORED\r\nVALUE a 0 1\r\n2\r\nEND\r\nOK\r\nVALUE a 0 1\r\n2\r\nEND\r\nOK\r\nEND\r\n");
}

static void test_errors(void)
{
	EXCHANGE("no command", "\r\n", "ERROR\r\n");
	EXCHANGE("an unknown command, and the next one", "frobnicate a b c\r\nget a\r\n", "ERROR\r\nEND\r\n");
	EXCHANGE("commands are in lower case", "GET a\r\n", "ERROR\r\n");
	EXCHANGE("too few words", "get\r\nset a 0 0\r\ndelete\r\ntouch a\r\n",
		 "ERROR\r\nERROR\r\nERROR\r\nERROR\r\n");
	EXCHANGE("a key that is too long", "get " KEY250 "x\r\nget a\r\n", BAD "END\r\n");
	EXCHANGE("a key that is too long among others", "set a 0 0 1\r\n1\r\nget a " KEY250 "x\r\n",
		 "STORED\r\n" BAD);
	EXCHANGE("a control character in a key", "get a\x01\r\nget a\0b\r\nget a\tb\r\n", BAD BAD BAD);
	EXCHANGE("data of a bad set are no commands", "set " KEY250 "x 0 0 7\r\nflush_a\r\nget a\r\n",
		 BAD "END\r\n");
	EXCHANGE("bad flags", "set a x 0 1\r\n1\r\nset a -1 0 1\r\n1\r\nset a 4294967296 0 1\r\n1\r\n",
		 BAD BAD BAD);
	EXCHANGE("a bad time", "set a 0 soon 1\r\n1\r\n", BAD);
	EXCHANGE("a bad length", "set a 0 0 -1\r\nset a 0 0 x\r\nset a 0 0 99999999999999999999\r\nget a\r\n",
		 "CLIENT_ERROR bad data chunk\r\nCLIENT_ERROR bad data chunk\r\n"
		 "CLIENT_ERROR bad data chunk\r\nEND\r\n");
	EXCHANGE("a bad last word", "set a 0 0 1 noreplx\r\n1\r\nset a 0 0 1 noreply x\r\n1\r\nget a\r\n",
		 BAD BAD "END\r\n");
	EXCHANGE("more data than said", "set a 0 0 3\r\nabcdef\r\nget a\r\n",
		 "CLIENT_ERROR bad data chunk\r\nEND\r\n");
	EXCHANGE("an old value survives a bad set", "set a 0 0 1\r\n1\r\nset a 0 0 1\r\n22\r\nget a\r\n",
		 "STORED\r\nCLIENT_ERROR bad data chunk\r\nVALUE a 0 1\r\n1\r\nEND\r\n");
	EXCHANGE("a bad delete", "delete a 1\r\n",
		 "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n");
	EXCHANGE("bad flush_all and verbosity", "flush_all x\r\nverbosity\r\nverbosity x\r\nverbosity 1\r\n",
		 BAD "ERROR\r\n" BAD "OK\r\n");
	EXCHANGE("version", "version\r\nversion 2\r\n", "VERSION " PROTOCOL_VERSION "\r\nERROR\r\n");
	EXCHANGE("nothing is done after quit", "quit now\r\nquit\r\nget a\r\n", "ERROR\r\n");
	EXCHANGE("stats of other things", "stats reset\r\nstats slabs\r\nstats frobs\r\n",
		 "RESET\r\nEND\r\nERROR\r\n");
	EXCHANGE("stats settings", "stats settings\r\n",
		 "STAT maxbytes 55232\r\nSTAT maxconns 10\r\nSTAT evictions off\r\n"
		 "STAT item_size_max 5000\r\nSTAT cas_enabled yes\r\nSTAT num_threads 1\r\nEND\r\n");
	EXCHANGE("the binary protocol", "\x80\x0b\0\0\0\0\0\0",
		 "CLIENT_ERROR the binary protocol is not spoken here: use the text protocol\r\n");
}

/* Send a request of repeated parts; compare the reply. */
static bool replies(struct peer *p, const char *reply)
{
	bool good = p->output.len == strlen(reply) &&
		    !memcmp(p->output.data, reply, p->output.len);

	if (!good) {
		print_escaped("expected", reply, strlen(reply));
		print_escaped("got     ", p->output.data, p->output.len);
	}
	p->output.len = 0;
	return good;
}

static void send_text(struct peer *p, const char *text)
{
	peer_send(p, text, strlen(text));
}

static void test_limits(void)
{
	char *much = malloc(2 * PROTOCOL_LINE_MAX);
	unsigned int i, stored;
	struct peer p;
	size_t sent;

	memset(much, 'x', 2 * PROTOCOL_LINE_MAX);

	peer_open(&p, SIZE);
	send_text(&p, "set a 0 0 5000\r\n");
	peer_send(&p, much, 5000);
	send_text(&p, "\r\n");
	ok(replies(&p, "STORED\r\n"), "the largest value");
	send_text(&p, "set a 0 0 5001\r\n");
	for (i = 0; i < 5001; i += 3)
		peer_send(&p, much, 3);
	send_text(&p, "\r\nadd a 0 0 1\r\n1\r\n");
	ok(replies(&p, "SERVER_ERROR object too large for cache\r\nNOT_STORED\r\n"),
	   "one that is larger: refused, skipped, and the old value stays");
	send_text(&p, "append a 0 0 1\r\n1\r\n");
	ok(replies(&p, "SERVER_ERROR object too large for cache\r\n"), "append beyond the limit");
	peer_send(&p, much, PROTOCOL_LINE_MAX - 1);
	ok(replies(&p, ""), "a line that is long");
	peer_send(&p, much, 1);
	ok(replies(&p, "CLIENT_ERROR line too long\r\n"), "and too long");
	peer_send(&p, much, 2 * PROTOCOL_LINE_MAX);
	ok(replies(&p, "") && !p.input.len, "the rest of it is skipped");
	send_text(&p, "\r\nget b\r\n");
	ok(replies(&p, "END\r\n"), "up to its end");
	peer_close(&p);

	/* A get for more than can be sent at once. */
	peer_open(&p, SIZE);
	send_text(&p, "set a 0 0 5000 noreply\r\n");
	peer_send(&p, much, 5000);
	send_text(&p, "\r\n");
	buffer_append(&p.input, "get", 3);
	for (i = 0; i < 1000; i++)
		buffer_append(&p.input, " a", 2);
	send_text(&p, "\r\nversion\r\n");
	ok(p.output.len >= PROTOCOL_OUTPUT_HIGH && p.output.len < PROTOCOL_OUTPUT_HIGH + 6000,
	   "a get of 5 MB stops at %zu bytes", p.output.len);
	for (sent = 0, i = 0; p.output.len && i < 100; i++) {
		sent += p.output.len;
		p.output.len = 0;
		send_text(&p, "");
	}
	ok(sent == 1000 * (strlen("VALUE a 0 5000\r\n") + 5002) + 5 + strlen("VERSION " PROTOCOL_VERSION "\r\n"),
	   "and goes on as it is sent, %zu bytes in all", sent);
	peer_close(&p);

	/* A full store. */
	peer_open(&p, SIZE);
	for (stored = 0; ; stored++) {
		char line[64];

		snprintf(line, sizeof(line), "set key%u 0 %d 1000\r\n", stored, stored % 2 ? 100 : 0);
		send_text(&p, line);
		peer_send(&p, much, 1000);
		send_text(&p, "\r\n");
		if (p.output.len != 8)
			break;
		p.output.len = 0;
	}
	ok(stored > 800 && replies(&p, "SERVER_ERROR out of memory\r\n"), "full after %u keys", stored);
	send_text(&p, "get keyx\r\nset key0 0 0 1\r\n1\r\nincr key0 1\r\ndelete key2\r\n");
	ok(p.output.len > 20 && !memcmp(p.output.data + p.output.len - 9, "DELETED\r\n", 9),
	   "it can be read and deleted from");
	store_tick(&p.store, NOW + 100);
	p.output.len = 0;
	for (i = 0; i < stored / 2; i++) {
		char line[64];

		snprintf(line, sizeof(line), "set new%u 0 0 1000 noreply\r\n", i);
		send_text(&p, line);
		peer_send(&p, much, 1000);
		send_text(&p, "\r\n");
	}
	ok(replies(&p, ""), "half of it expired: there is room for as much again");
	peer_close(&p);
	free(much);
}

static uint64_t random_state = 4711;

static uint64_t random_number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static void ignore(void *arg, const char *what)
{
	printf("# %s\n", what);
	(void)arg;
}

/* Random words, numbers and bytes, cut at random. */
static void test_fuzz(void)
{
	static const char *const words[] = {
		"get", "gets", "gat", "gats", "set", "add", "replace", "append", "prepend",
		"cas", "delete", "incr", "decr", "touch", "flush_all", "stats", "version",
		"verbosity", "noreply", "a", "b", "c", "d", "0", "1", "2", "10", "-1",
		"18446744073709551615", "4294967296", "reset", "settings", KEY250, KEY250 "x",
		"", "\x80", "\0", "9223372036854775807",
	};
	struct store_counts counts;
	size_t rest_max = 0;
	bool good = true;
	struct peer p;

	for (unsigned int i = 0; i < 600; i++) {
		struct buffer text = { };

		while (text.len < 4000) {
			const char *word = words[random_number(sizeof(words) / sizeof(words[0]))];

			if (random_number(3) == 0) {
				char valid[80];

				buffer_append(&text, valid, snprintf(valid, sizeof(valid),
					"set %c %d %d %d%s\r\n", 'a' + (int)random_number(8),
					(int)random_number(3), (int)random_number(5),
					(int)random_number(40), random_number(2) ? " noreply" : ""));
			}
			buffer_append(&text, word, *word ? strlen(word) : 1);
			switch (random_number(6)) {
			case 0:
				buffer_append(&text, "\r\n", 2);
				break;
			case 1:
				buffer_append(&text, &(char){ random_number(256) }, 1);
				break;
			default:
				buffer_append(&text, " ", 1);
			}
		}
		peer_open(&p, 64 * 1024);
		for (size_t at = 0, n; at < text.len; at += n) {
			n = random_number(200) + 1;
			if (n > text.len - at)
				n = text.len - at;
			peer_send(&p, text.data + at, n);
			store_tick(&p.store, p.store.now + random_number(2));
		}
		good = good && !store_check(p.memory, 64 * 1024, ignore, NULL, &counts);
		if (p.rest_max > rest_max)
			rest_max = p.rest_max;
		peer_close(&p);
		buffer_free(&text);
	}
	ok(good, "600 sessions of random words, cut at random: the store is consistent");
	ok(rest_max <= PROTOCOL_LINE_MAX + 5000 + 2, "at most %zu bytes were left waiting", rest_max);
}

int main(void)
{
	test_storage();
	test_numbers_and_times();
	test_errors();
	test_limits();
	test_fuzz();
	return done();
}
