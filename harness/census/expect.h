/* SPDX-License-Identifier: MIT */
/* Expectations: their language (expr.c, names.c), and their values in a snapshot (value.c).
 */
#ifndef CENSUS_EXPECT_H
#define CENSUS_EXPECT_H

#include "census/snapshot.h"

enum census_var_kind {
	CENSUS_VAR_STATE,	 /* CLOSE_WAIT */
	CENSUS_VAR_STATE_CLASS,	 /* CLOSE_WAIT.owned */
	CENSUS_VAR_STATE_UNREAD, /* CLOSE_WAIT.unread */
	CENSUS_VAR_STATE_SILENT, /* CLOSE_WAIT.silent: ms, as the next */
	CENSUS_VAR_STATE_IDLE,	 /* CLOSE_WAIT.idle */
	CENSUS_VAR_CLASS,	 /* orphan */
	CENSUS_VAR_DESCRIPTORS,
	CENSUS_VAR_GONE,
	CENSUS_VAR_GHOSTS,
	CENSUS_VAR_UNCONNECTED,
	CENSUS_VAR_ACCEPT_QUEUE,
	CENSUS_VAR_COUNTER, /* PassiveOpens */
};

struct census_var {
	enum census_var_kind kind;
	int host; /* -1: the sum over all hosts */
	uint8_t state;
	uint8_t class;
	uint16_t counter; /* index in struct census_counters */
	char text[96];	  /* as written: "server:CLOSE_WAIT" */
};

/* Is @var a time rather than a number? */
static inline bool census_var_is_time(const struct census_var *var)
{
	return var->kind == CENSUS_VAR_STATE_SILENT || var->kind == CENSUS_VAR_STATE_IDLE;
}

#define CENSUS_VARS 32	/* different variables in one expression */
#define CENSUS_CODE 128 /* operators, numbers and variables in one expression */

struct census_expr {
	struct census_var var[CENSUS_VARS];
	size_t var_count;
	struct census_instruction {
		uint8_t op;
		int64_t number; /* a literal, or an index into var */
	} code[CENSUS_CODE];	/* in postfix order */
	size_t code_count;
};

/* The names an expression may use besides those built in. */
struct census_names {
	const char *const *hosts;
	size_t host_count;
	const struct census_counters *counters; /* may be NULL */
};

/*
 * Parse @text. Pure. Returns 0, or -1 with @error, which names the column (1-based) and, for an
 * unknown name, the nearest known one.
 */
int census_expr_parse(struct census_expr *expr, const char *text, const struct census_names *names,
		      struct error *error);

/* The bounds of a number. */
struct census_bounds {
	int64_t least, most;
};

enum census_truth {
	CENSUS_FALSE,
	CENSUS_TRUE,
	CENSUS_OPEN, /* true or false: depends on what could not be seen */
};

/* Is @expr true when its variables are within @values (in the order of expr->var)? */
enum census_truth census_expr_holds(const struct census_expr *expr,
				    const struct census_bounds *values);

/*
 * Refuses expectations that do not depend on the count: a variable that is always 0, a
 * comparison that is always true or always false. @by_process: counting only what processes hold.
 * Returns 0 when @expr makes sense, or -1 with @error.
 */
int census_expr_sensible(const struct census_expr *expr, bool by_process, struct error *error);

/* What must be counted to know the variables of @expr. */
struct census_needs census_expr_needs(const struct census_expr *expr);

/*
 * The value of @var in @snapshots of @hosts hosts. The bounds differ when something that matters to
 * @var could not be seen.
 */
struct census_bounds census_value(const struct census_var *var,
				  const struct census_snapshot *snapshots, size_t hosts);

/* Explains why the bounds of @var differ and what to do, in at most @size bytes. */
void census_value_reason(const struct census_var *var, const struct census_snapshot *snapshots,
			 size_t hosts, char *text, size_t size);

#endif
