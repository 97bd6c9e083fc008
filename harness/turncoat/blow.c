/* SPDX-License-Identifier: MIT */
/* Messages of an unknown protocol, and where among them a relay strikes. */
#include "turncoat/relay.h"

#include <stdlib.h>
#include <string.h>

static const enum strike ways[] = {
    STRIKE_NONE, STRIKE_FIN, STRIKE_RST, STRIKE_HALF, STRIKE_STALL, STRIKE_TRICKLE, STRIKE_GONE,
};

/* Read a number and the character after it, if that is one of @ends, from *@text on. */
static bool read_number(const char **text, const char *ends, uint64_t *number)
{
	size_t digits = strspn(*text, "0123456789");

	if (!digits || digits > 9 ||
	    !strchr(ends, (*text)[digits])) /* strchr(3) also finds the end */
		return false;
	*number = strtoull(*text, NULL, 10);
	*text += digits;
	return true;
}

/* Read [NTH.]MESSAGE[+BYTES]. Returns whether it is well-formed. */
static bool read_place(const char *text, struct blow *blow)
{
	uint64_t number;

	blow->nth = 1;
	if (!read_number(&text, ".+", &number))
		return false;
	if (*text == '.') {
		blow->nth = (unsigned int)number;
		if (text++, !read_number(&text, "+", &number))
			return false;
	}
	blow->message = (unsigned int)number;
	return blow->nth && blow->message &&
	       (!*text || (text++, read_number(&text, "", &blow->bytes)));
}

int blow_read(const char *word, struct blow *blow, struct error *error)
{
	size_t length = strcspn(word, "@"), i = 0;

	*blow = (struct blow){.at_once = !word[length]};
	while (i < sizeof(ways) / sizeof(ways[0]) && (strlen(strike_name(ways[i])) != length ||
						      strncmp(strike_name(ways[i]), word, length)))
		i++;
	if (i == sizeof(ways) / sizeof(ways[0]))
		return error_set(
		    error, EXIT_USAGE,
		    "a strike is pass, fin, rst, half, stall, trickle or gone, not '%.*s'",
		    (int)length, word);
	blow->how = ways[i];
	if (strlen(word) >= sizeof(blow->text) ||
	    (!blow->at_once && (!blow->how || !read_place(word + length + 1, blow))))
		return error_set(
		    error, EXIT_USAGE,
		    "a strike is HOW@[CONNECTION.]MESSAGE[+BYTES], counted from 1, not '%s'", word);
	if (blow->at_once && blow->how == STRIKE_TRICKLE)
		return error_set(error, EXIT_USAGE, "trickle needs a message, such as trickle@1");
	strcpy(blow->text, word);
	return 0;
}

bool turns_take(struct turns *turns, enum speaker by, size_t count, int64_t now,
		struct message *over)
{
	bool begins = by != turns->message.by || now - turns->last >= turns->pause;

	*over = turns->message;
	turns->last = now;
	if (begins)
		turns->message = (struct message){.by = by, .number = ++turns->said[by]};
	turns->message.bytes += count;
	return begins;
}

size_t blow_spares(const struct blow *blow, unsigned int nth, const struct turns *turns,
		   size_t count)
{
	const struct message *message = &turns->message;
	uint64_t before = message->bytes - count;

	if (!blow->how || blow->at_once || blow->nth != nth || message->number < blow->message)
		return SIZE_MAX;
	if (message->number > blow->message || before >= blow->bytes)
		return 0;
	return message->bytes >= blow->bytes ? (size_t)(blow->bytes - before) : SIZE_MAX;
}
