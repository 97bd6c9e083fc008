/* SPDX-License-Identifier: MIT */
/*
 * The variables of an expectation: their names, what a count needs to know them, and their values
 * in a snapshot.
 *
 *	[HOST:] STATE | STATE.CLASS | CLOSE_WAIT.unread | STATE.silent | STATE.idle | CLASS |
 * descriptors | gone | ghosts | unconnected | accept_queue | COUNTER
 */
#include "census/internal.h"

#include <ctype.h>
#include <string.h>

#include "common/nearest.h"

static const struct {
	const char *name;
	enum census_var_kind kind;
} specials[] = {
    {"descriptors", CENSUS_VAR_DESCRIPTORS},
    {"gone", CENSUS_VAR_GONE},
    {"ghosts", CENSUS_VAR_GHOSTS},
    {"unconnected", CENSUS_VAR_UNCONNECTED},
    {"accept_queue", CENSUS_VAR_ACCEPT_QUEUE},
};

#define SPECIALS (sizeof(specials) / sizeof(specials[0]))

bool census_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The host at the start of @text, or -1; *@text moves past it. */
static int host_prefix(const char **text, const struct census_names *names)
{
	/* Match the known names, not characters: a host may be called web-1. */
	for (size_t i = 0; i < names->host_count; i++) {
		size_t length = strlen(names->hosts[i]);

		if (!strncmp(*text, names->hosts[i], length) && (*text)[length] == ':') {
			*text += length + 1;
			return (int)i;
		}
	}
	return -1;
}

static bool plain(const char *word, size_t length, const struct census_names *names,
		  struct census_var *var)
{
	int found = state_by_name(word, length);

	if (found) {
		var->kind = CENSUS_VAR_STATE;
		var->state = (uint8_t)found;
		return true;
	}
	found = census_class_by_name(word, length);
	if (found >= 0) {
		var->kind = CENSUS_VAR_CLASS;
		var->class = (uint8_t)found;
		return true;
	}
	for (size_t i = 0; i < SPECIALS; i++) {
		if (strlen(specials[i].name) != length || memcmp(specials[i].name, word, length))
			continue;
		var->kind = specials[i].kind;
		return true;
	}
	found = names->counters ? census_counter_find(names->counters, word, length) : -1;
	var->kind = CENSUS_VAR_COUNTER;
	var->counter = (uint16_t)found;
	return found >= 0;
}

static const char *nearest(const char *word, size_t length, const struct census_names *names)
{
	const char *best = state_nearest(word, length);
	unsigned int distance = 3; /* others must be nearer than this to beat a state */

	for (int class = 0; class < CENSUS_CLASSES; class ++)
		nearest_offer(word, length, census_class_name(class), &best, &distance);
	for (size_t i = 0; i < SPECIALS; i++)
		nearest_offer(word, length, specials[i].name, &best, &distance);
	for (size_t i = 0; names->counters && i < names->counters->count; i++)
		nearest_offer(word, length, names->counters->counter[i].name, &best, &distance);
	return best;
}

/* STATE.CLASS, CLOSE_WAIT.unread, STATE.silent, STATE.idle: @word is the part after the dot.
 */
static bool of_state(const char *word, size_t length, struct census_var *var)
{
	int class = census_class_by_name(word, length);

	static const struct {
		const char *name;
		enum census_var_kind kind;
		uint32_t states;
	} others[] = {
	    {"unread", CENSUS_VAR_STATE_UNREAD, STATE_BIT(STATE_CLOSE_WAIT)},
	    {"silent", CENSUS_VAR_STATE_SILENT, STATES_OF_TWO},
	    {"idle", CENSUS_VAR_STATE_IDLE, STATES_OF_TWO},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strlen(others[i].name) != length || memcmp(word, others[i].name, length) ||
		    !(others[i].states & STATE_BIT(var->state)))
			continue;
		var->kind = others[i].kind;
		return true;
	}
	var->kind = CENSUS_VAR_STATE_CLASS;
	var->class = (uint8_t) class;
	return class >= 0;
}

const char *census_name_resolve(const char *text, const struct census_names *names,
				struct census_var *var, const char **where, char *problem,
				size_t size)
{
	const char *word = text, *end, *hint;

	*var = (struct census_var){.host = -1};
	var->host = host_prefix(&word, names);
	for (end = word; census_name_byte(*end); end++)
		;
	*where = word;
	if (*end == ':') {
		snprintf(problem, size, "no host is called '%.*s'", (int)(end - word), word);
		return NULL;
	}
	if (!plain(word, (size_t)(end - word), names, var)) {
		hint = nearest(word, (size_t)(end - word), names);
		snprintf(problem, size, "'%.*s' is not known%s%s%s", (int)(end - word), word,
			 hint ? ": did you mean " : "", hint ? hint : "", hint ? "?" : "");
		return NULL;
	}
	if (*end == '.') {
		word = end + 1;
		for (end = word; census_name_byte(*end); end++)
			;
		*where = word;
		if (var->kind != CENSUS_VAR_STATE) {
			snprintf(problem, size, "only a state can be followed by '.'");
			return NULL;
		}
		if (!of_state(word, (size_t)(end - word), var)) {
			snprintf(problem, size,
				 "%s has no class '%.*s', only owned, unaccepted, orphan, "
				 "timewait, unknown%s%s",
				 state_name(var->state), (int)(end - word), word,
				 var->state == STATE_CLOSE_WAIT ? ", unread" : "",
				 STATE_BIT(var->state) & STATES_OF_TWO ? ", silent, idle" : "");
			return NULL;
		}
	}
	if ((size_t)(end - text) >= sizeof(var->text)) {
		snprintf(problem, size, "the name is too long");
		return NULL;
	}
	memcpy(var->text, text, (size_t)(end - text));
	return end;
}

struct census_needs census_expr_needs(const struct census_expr *expr)
{
	struct census_needs needs = {0};

	for (size_t i = 0; i < expr->var_count; i++) {
		const struct census_var *var = &expr->var[i];
		bool by_owner = var->class == CENSUS_OWNED || var->class == CENSUS_UNKNOWN;

		switch (var->kind) {
		case CENSUS_VAR_STATE_SILENT:
		case CENSUS_VAR_STATE_IDLE:
			needs.times = true;
			needs.states |= STATE_BIT(var->state);
			break;
		case CENSUS_VAR_STATE_CLASS:
			needs.owners |= by_owner;
			__attribute__((fallthrough));
		case CENSUS_VAR_STATE:
		case CENSUS_VAR_STATE_UNREAD:
			needs.states |= STATE_BIT(var->state);
			break;
		case CENSUS_VAR_CLASS:
			needs.owners |= by_owner;
			needs.states |= census_states_of_class(var->class);
			break;
		case CENSUS_VAR_ACCEPT_QUEUE:
			needs.states |= STATE_BIT(STATE_LISTEN);
			break;
		case CENSUS_VAR_COUNTER:
			needs.counters = true;
			break;
		default:
			needs.descriptors = true;
		}
	}
	return needs;
}
