// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an input becomes another: instructions come, go, move, and get members and
 * values that are likely to matter. The checksums are made when the input is
 * played, so that no mutation spoils them.
 */
#include <stdint.h>
#include <string.h>

#include <linux/pmpool_format.h>

#include "image.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static uint64_t state;

static uint64_t random_below(uint64_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

static uint64_t interesting(uint64_t old)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 4, 7, 8, 63, 64, 65, 127, 128, 0xff, 512, 0777, 01000, 4095, 4096,
		2047, 2048, 0xffff, 0x10000, 1 << 20, (1 << 20) + 4096, (2 << 20) - 4096,
		(2 << 20) - 1, 2 << 20, (2 << 20) + 1, 4 << 20, 16 << 20, 64 << 20, 260 << 20,
		0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32, 1ULL << 40, 1ULL << 42,
		1ULL << 43, 1ULL << 52, (1ULL << 53) - 1, 1ULL << 63, (1ULL << 63) - 1,
		~0ULL - 1, ~0ULL, PMPOOL_FORMAT_RECORD_MAGIC,
	};
	uint64_t value = values[random_below(sizeof(values) / sizeof(*values))];

	switch (random_below(6)) {
	case 0:
		return old + 1;
	case 1:
		return old - 1;
	case 2:
		return old ^ 1ULL << random_below(64);
	case 3:
		return old + value;
	case 4:
		return random_below(32);
	default:
		return value;
	}
}

static uint16_t some_slot(const struct instruction *list, size_t count)
{
	switch (random_below(4)) {
	case 0:
		return random_below(8);
	case 1:
		return PMPOOL_FORMAT_SLOTS - 1;
	case 2:
		return random_below(1 << 16);
	default:
		return count ? list[random_below(count)].slot : 0;
	}
}

static struct instruction some_instruction(const struct instruction *list, size_t count)
{
	struct instruction in = {
		.op = random_below(ALL_OPS),
		.arg = random_below(3) ? 3 : random_below(256),
		.slot = some_slot(list, count),
	};

	switch (in.op) {
	case IMAGE_SUPER:
		in.value = random_below(4);
		break;
	case IMAGE_SUPER_FIELD:
		in.slot = random_below(32);
		in.value = interesting(0);
		break;
	case IMAGE_EXTENT:
		/* Few blocks, near the beginning, with few names. */
		in.value = random_below(16) | random_below(4) << 24 | random_below(3) << 40 |
			   random_below(4) << 48;
		break;
	case IMAGE_RECORD_FIELD:
		in.arg = 1 + random_below(3) + random_below(20) * 8;
		in.value = interesting(0);
		break;
	case DO_CREATE:
	case DO_RESIZE:
		in.value = (random_below(6) << PMPOOL_FORMAT_BLOCK_SHIFT) + random_below(3);
		break;
	default:
		in.value = interesting(random_below(256));
	}
	return in;
}

static void change(struct instruction *in, const struct instruction *list, size_t count)
{
	switch (random_below(6)) {
	case 0:
		in->op = random_below(ALL_OPS);
		break;
	case 1:
		in->arg ^= 1 << random_below(8);
		break;
	case 2:
		in->arg = random_below(256);
		break;
	case 3:
		in->slot = some_slot(list, count);
		break;
	default:
		in->value = interesting(in->value);
	}
}

static size_t change_list(struct instruction *list, size_t count, size_t room)
{
	size_t at = count ? random_below(count) : 0, to = count ? random_below(count) : 0;
	struct instruction in;

	switch (random_below(6)) {
	case 0:
	case 1:
		if (count == room)
			break;
		at = random_below(count + 1);
		in = some_instruction(list, count);
		memmove(&list[at + 1], &list[at], (count - at) * sizeof(in));
		list[at] = in;
		return count + 1;
	case 2:
		if (!count || count == room)
			break;
		in = list[to];
		memmove(&list[at + 1], &list[at], (count - at) * sizeof(in));
		list[at] = in;
		return count + 1;
	case 3:
		if (count < 2)
			break;
		memmove(&list[at], &list[at + 1], (count - at - 1) * sizeof(in));
		return count - 1;
	case 4:
		if (count < 2)
			break;
		in = list[at];
		list[at] = list[to];
		list[to] = in;
		return count;
	}
	if (count)
		change(&list[at], list, count);
	return count;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct input *input = (void *)data;
	size_t count, room, times;

	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	if (max_size < sizeof(*input) + sizeof(struct instruction) || !random_below(8))
		return LLVMFuzzerMutate(data, size, max_size);

	if (size < sizeof(*input)) {
		memset(data, 0, sizeof(*input));
		size = sizeof(*input);
	}
	count = (size - sizeof(*input)) / sizeof(struct instruction);
	room = (max_size - sizeof(*input)) / sizeof(struct instruction);
	if (room > MAX_INSTRUCTIONS)
		room = MAX_INSTRUCTIONS;
	if (count > room)
		count = room;

	if (!random_below(16))
		input->size = random_below(8);
	/* Formatting takes long, so there is not much of it. */
	input->flags &= ~INPUT_FORMAT;
	if (!random_below(64))
		input->flags |= INPUT_FORMAT;
	for (times = 1 + random_below(4); times; times--)
		count = change_list(input->list, count, room);
	return sizeof(*input) + count * sizeof(struct instruction);
}
