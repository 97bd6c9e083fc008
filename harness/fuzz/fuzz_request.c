/* SPDX-License-Identifier: MIT */
/*
 * What a client sends to turncoat: an input is the bytes of a connection. Its first request is the
 * same however the bytes are split on their way, and its description is one word.
 */
#include "fuzz/fuzz.h"
#include "turncoat/turncoat.h"

/* Read the first request, in pieces of @pace bytes. Returns how many bytes it took. */
static size_t read_request(struct request *request, const uint8_t *bytes, size_t size, size_t pace)
{
	size_t at = 0;

	request_begin(request);
	while (at < size && request->stage < REQUEST_WHOLE) {
		size_t part = size - at < pace ? size - at : pace;
		char *piece = fuzz_text(bytes + at, part);
		size_t taken = request_feed(request, piece, part);

		free(piece);
		MUST(taken <= part);
		MUST(taken || request->stage == REQUEST_BAD);
		at += taken;
	}
	return at;
}

static void check_word(const char *word, size_t room)
{
	size_t length = strlen(word);

	MUST(length > 0 && length < room);
	for (size_t i = 0; i < length; i++)
		MUST(word[i] > ' ' && word[i] < 0x7f);
}

static void check_same(const struct request *one, const struct request *other)
{
	MUST(one->stage == other->stage && one->headed == other->headed);
	if (!one->headed)
		return;
	MUST(!strcmp(one->method, other->method) && !strcmp(one->target, other->target));
	MUST(one->minor == other->minor && one->keep == other->keep && one->gzip == other->gzip);
	MUST(one->expect == other->expect && one->body == other->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct request whole, slow, odd;
	size_t taken = read_request(&whole, bytes, size, SIZE_MAX);

	MUST(read_request(&slow, bytes, size, 1) == taken || whole.stage == REQUEST_BAD);
	check_same(&whole, &slow);
	read_request(&odd, bytes, size, 1 + size % 61);
	check_same(&whole, &odd);
	if (whole.headed) {
		check_word(whole.method, sizeof(whole.method));
		check_word(whole.target, sizeof(whole.target));
		MUST(!(whole.chunked && whole.counted));
	}
	if (whole.stage == REQUEST_WHOLE)
		MUST(whole.headed && whole.body <= taken &&
		     (whole.chunked || whole.body == whole.length));
	return 0;
}
