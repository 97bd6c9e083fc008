/* SPDX-License-Identifier: MIT */
/* wire list: one line per connection, in the order they began. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "common/json.h"
#include "wire/list.h"
#include "wire/outcome.h"

#define DECIMALS 9 /* of seconds */
#define END 64	   /* bytes of "address:port" */

struct listing {
	FILE *out;
	const struct wire_ladders *ladders;
	bool json;
	int64_t first; /* ns since 1970: times for people start at it */
};

static void end_text(const struct wire_connection *c, int end, char text[END])
{
	char address[INET6_ADDRSTRLEN] = "?";

	inet_ntop(c->family, c->end[end].address, address, sizeof(address));
	snprintf(text, END, c->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, c->end[end].port);
}

static void bytes(struct json *json, const char *name, const struct wire_outcome *outcome, int end)
{
	if (outcome->bytes_known[end])
		json_unsigned(json, name, outcome->bytes[end]);
	else
		json_null(json, name);
}

static void write_json(FILE *out, const char *client, const char *server, const uint8_t ends[2],
		       const struct wire_outcome *outcome)
{
	struct json json = {.out = out};

	json_object(&json, NULL);
	json_string(&json, "client", client);
	json_string(&json, "server", server);
	json_seconds(&json, "began", outcome->began, DECIMALS);
	json_seconds(&json, "seconds", outcome->ended - outcome->began, DECIMALS);
	bytes(&json, "client_bytes", outcome, WIRE_CLIENT);
	bytes(&json, "server_bytes", outcome, WIRE_SERVER);
	json_string(&json, "first_closer", wire_closer_name(outcome->closer));
	json_string(&json, "how", wire_how_name(outcome->how));
	json_string(&json, "client_state", wire_state_name(ends[WIRE_CLIENT]));
	json_string(&json, "server_state", wire_state_name(ends[WIRE_SERVER]));
	json_string(&json, "conn_state", outcome->conn_state);
	json_string(&json, "history", outcome->history);
	json_end(&json);
	putc('\n', out);
}

static void bytes_text(const struct wire_outcome *outcome, int end, char text[24])
{
	if (outcome->bytes_known[end])
		snprintf(text, 24, "%" PRIu64, outcome->bytes[end]);
	else
		strcpy(text, "?");
}

static int write_line(void *data, const struct wire_connection *c, const struct wire_step *steps,
		      const uint8_t ends[2], const struct wire_outcome *outcome)
{
	struct listing *listing = data;
	char client[END], server[END], sent[2][24];
	const char *closer = wire_closer_name(outcome->closer);

	if (listing->ladders->groups && !wire_grouped(listing->ladders, c, steps, ends))
		return 0;
	end_text(c, WIRE_CLIENT, client);
	end_text(c, WIRE_SERVER, server);
	if (listing->json) {
		write_json(listing->out, client, server, ends, outcome);
		return 0;
	}
	bytes_text(outcome, WIRE_CLIENT, sent[0]);
	bytes_text(outcome, WIRE_SERVER, sent[1]);
	fprintf(
	    listing->out, "%12.6f %12.6f  %-21s  %-21s  %9s %9s  %-11s %-7s %-12s %-12s %-6s %s\n",
	    (double)(outcome->began - listing->first) / 1e9,
	    (double)(outcome->ended - outcome->began) / 1e9, client, server, sent[0], sent[1],
	    wire_how_name(outcome->how), closer ? closer : "?", wire_state_name(ends[WIRE_CLIENT]),
	    wire_state_name(ends[WIRE_SERVER]), outcome->conn_state, outcome->history);
	return 0;
}

int wire_list(FILE *out, struct wire_ladders *ladders, bool json)
{
	struct listing listing = {out, ladders, json, ladders->store.first};

	if (ladders->most_groups && wire_ladders_make(ladders) < 0)
		return -1;
	if (!json)
		fprintf(out, "%12s %12s  %-21s  %-21s  %9s %9s  %-11s %-7s %-12s %-12s %-6s %s\n",
			"began", "seconds", "client", "server", "sent", "received", "how", "closer",
			"client's", "server's", "Zeek's", "history");
	return wire_each(ladders, write_line, &listing);
}
