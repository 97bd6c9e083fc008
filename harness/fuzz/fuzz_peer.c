/* SPDX-License-Identifier: MIT */
/*
 * The command line of the peer, one word per line: the options of all servers and clients, and the
 * peer's actions. A wrong word ends the program with one sentence and status 2 before any action. A
 * text to send is sent exactly as written.
 *
 * Both files are included whole, because the tested functions are static and end with exit(3).
 */
#include <err.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include "common/command.h"
#include "common/events.h"
#include "fuzz/fuzz.h"

static jmp_buf ended;
static char sentence[1024];

static void __attribute__((format(printf, 1, 2))) phrase(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
}

static _Noreturn void leave(int status)
{
	longjmp(ended, status + 1);
}

static int tell(int first, const char *text)
{
	if (first < 0)
		phrase("%s", text);
	return first < 0 ? 2 : EXIT_SUCCESS;
}

#define exit(status) leave(status)
#define command_ended(first, error) tell(first, (error)->text)
#define errx(status, ...) (phrase(__VA_ARGS__), leave(status))
#define printf phrase
#define main peer_main
#include "common/options.c"

#include "../../clients/peer.c"
#undef main

static void check_word(const char *word)
{
	const char *number = strchr(word, ':');

	if (number && strncmp(word, "send:", 5))
		MUST(number[1] && strspn(number + 1, "0123456789") == strlen(number + 1));
}

static void check_options(void)
{
	MUST(o.connections <= 10 * 1000 * 1000);
	MUST(isfinite(o.seconds) && o.seconds >= 0);
}

/* The text of a send arrives, followed by a newline. */
static void check_sent(const char *text)
{
	static char arrived[1 << 16];
	struct connection c = {.fd = -1};
	size_t length = strlen(text);
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	c.fd = pair[0];
	MUST(length >= sizeof(arrived) || do_send(&c, text) == 0);
	if (length < sizeof(arrived)) {
		MUST(recv(pair[1], arrived, sizeof(arrived), 0) == (ssize_t)length + 1);
		MUST(!memcmp(arrived, text, length) && arrived[length] == '\n');
	}
	close(pair[0]);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *volatile text = fuzz_text(bytes, size);
	static char *words[FUZZ_WORDS + 1];
	int count, status;

	words[0] = "peer";
	count = 1 + fuzz_words(text, words + 1);
	o = (struct options){.address = "127.0.0.1", .port = 9000, .connections = 1};
	sentence[0] = '\0';
	status = setjmp(ended) - 1;
	if (status < 0) {
		int first = understand(count, words);

		check_options();
		for (int i = first; i < count; i++) {
			check_word(words[i]);
			if (!strncmp(words[i], "send:", 5))
				check_sent(words[i] + 5);
		}
	} else {
		MUST(status == EXIT_SUCCESS || (status == 2 && sentence[0]));
	}
	free(text);
	return 0;
}
