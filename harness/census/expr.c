/* SPDX-License-Identifier: MIT */
/*
 * The language of expectations: `server:CLOSE_WAIT == 100 and ghosts == 0`. Pure.
 *
 *	or      := and ("or" and)*
 *	and     := not ("and" not)*
 *	not     := "not" not | compare
 *	compare := sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum]
 *	sum     := atom (("+" | "-") atom)*
 *	atom    := NUMBER | TIME | "-" atom | VARIABLE | "(" or ")"
 *
 * Numbers, times (5min) and truth values are different types, which the parser checks: a bare
 * `CLOSE_WAIT` or `CLOSE_WAIT and ghosts` would be true by accident. The result is code for the
 * stack machine of eval.c. Names are looked up in names.c.
 */
#include "census/internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "common/duration.h"

#define MS 1000000 /* ns */

enum type { NUMBER, TIME, TRUTH, BROKEN = -1 };

#define NESTING 40 /* parentheses and "not"s; protects our stack from hostile input */

struct parser {
	struct census_expr *expr;
	const struct census_names *names;
	const char *text, *at;
	int depth;
	struct error *error;
};

static enum type or_level(struct parser *parser);

#define WRONG(parser, where, ...) (wrong(parser, where, __VA_ARGS__), BROKEN)

static void __attribute__((format(printf, 3, 4)))
wrong(struct parser *parser, const char *where, const char *format, ...)
{
	char what[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	error_set(parser->error, EXIT_USAGE, "expression, column %d: %s",
		  (int)(where - parser->text) + 1, what);
}

static const char *skip_space(struct parser *parser)
{
	while (isspace((unsigned char)*parser->at))
		parser->at++;
	return parser->at;
}

/* Take @token if it comes next; a word only as a whole. */
static bool take(struct parser *parser, const char *token)
{
	size_t length = strlen(token);

	if (strncmp(skip_space(parser), token, length))
		return false;
	if (isalpha((unsigned char)*token) && census_name_byte(parser->at[length]))
		return false;
	parser->at += length;
	return true;
}

static enum type emit(struct parser *parser, enum op op, int64_t number, enum type type)
{
	struct census_expr *expr = parser->expr;

	if (expr->code_count == CENSUS_CODE)
		return WRONG(parser, parser->at, "the expression is too long");
	expr->code[expr->code_count++] = (struct census_instruction){(uint8_t)op, number};
	return type;
}

static enum type need(struct parser *parser, const char *where, enum type is, enum type wanted)
{
	if (is == wanted || is == BROKEN)
		return is;
	return wanted == TRUTH ? WRONG(parser, where,
				       "a number alone is neither true nor false: compare it, "
				       "as in 'CLOSE_WAIT == 0'")
			       : WRONG(parser, where,
				       "a number is expected here, not a comparison: combine "
				       "comparisons with 'and', 'or'");
}

/* A number or a time, whichever @like is; BROKEN accepts both. */
static enum type measure(struct parser *parser, const char *where, enum type is, enum type like)
{
	if (is == TRUTH)
		return need(parser, where, is, NUMBER);
	if (is == BROKEN || like == BROKEN || is == like)
		return is;
	return like == TIME
		   ? WRONG(parser, where, "a time is expected here, with its unit: 300ms, 5s, 5min")
		   : WRONG(parser, where, "a number is expected here, not a time");
}

/* "5min", "300ms". */
static enum type time_literal(struct parser *parser, const char *start)
{
	char text[32];
	size_t length = 0;
	int64_t ns;

	while (census_name_byte(start[length]) || start[length] == '.')
		length++;
	snprintf(text, sizeof(text), "%.*s", (int)length, start);
	ns = length < sizeof(text) ? duration_read(text) : -1;
	if (ns < 0)
		return WRONG(parser, start, "neither a whole number nor a time: 300ms, 1.5s, 5min");
	if (ns % MS)
		return WRONG(parser, start, "a time must be a whole number of milliseconds");
	parser->at = start + length;
	return emit(parser, PUSH, ns / MS, TIME);
}

static enum type number(struct parser *parser)
{
	const char *start = parser->at;
	int64_t value = 0;

	for (; isdigit((unsigned char)*parser->at); parser->at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *parser->at - '0', &value))
			return WRONG(parser, start, "the number is too large");
	if (census_name_byte(*parser->at) || *parser->at == '.')
		return time_literal(parser, start);
	return emit(parser, PUSH, value, NUMBER);
}

static enum type variable(struct parser *parser)
{
	struct census_expr *expr = parser->expr;
	const char *start = parser->at;
	struct census_var var;
	char problem[200];
	const char *where = start;
	size_t n = 0;

	parser->at =
	    census_name_resolve(start, parser->names, &var, &where, problem, sizeof(problem));
	if (!parser->at)
		return WRONG(parser, where, "%s", problem);
	while (n < expr->var_count && strcmp(expr->var[n].text, var.text))
		n++;
	if (n == CENSUS_VARS)
		return WRONG(parser, start, "more than %d different variables", CENSUS_VARS);
	if (n == expr->var_count)
		expr->var[expr->var_count++] = var;
	return emit(parser, LOAD, (int64_t)n, census_var_is_time(&var) ? TIME : NUMBER);
}

static enum type atom_level(struct parser *parser)
{
	const char *start = skip_space(parser);
	enum type type;

	if (take(parser, "(")) {
		type = or_level(parser);
		if (type != BROKEN && !take(parser, ")"))
			return *parser->at ? WRONG(parser, parser->at, "')' expected")
					   : WRONG(parser, start, "this '(' is never closed");
		return type;
	}
	if (take(parser, "-")) {
		if (++parser->depth > NESTING)
			return WRONG(parser, start, "nested too deeply");
		type = measure(parser, start, atom_level(parser), BROKEN);
		parser->depth--;
		return type == BROKEN ? BROKEN : emit(parser, NEGATE, 0, type);
	}
	if (isdigit((unsigned char)*start))
		return number(parser);
	if (isalpha((unsigned char)*start) || *start == '_')
		return variable(parser);
	if (*start == '!')
		return WRONG(parser, start, "'!' is not an operator here: write 'not'");
	return *start ? WRONG(parser, start, "a number or a name is expected")
		      : WRONG(parser, start, "something is missing at the end");
}

static enum type sum_level(struct parser *parser)
{
	const char *start = skip_space(parser);
	enum type type = atom_level(parser);

	while (type != BROKEN) {
		enum op op = take(parser, "+") ? ADD : take(parser, "-") ? SUBTRACT : PUSH;

		if (op == PUSH)
			break;
		type = measure(parser, start, type, BROKEN);
		start = skip_space(parser);
		if (type != BROKEN)
			type = measure(parser, start, atom_level(parser), type);
		if (type != BROKEN)
			type = emit(parser, op, 0, type);
	}
	return type;
}

static enum type compare_level(struct parser *parser)
{
	static const struct {
		const char *token;
		enum op op;
	} compares[] = {{"==", EQ}, {"!=", NE}, {"<=", LE}, {">=", GE}, {"<", LT}, {">", GT}};
	const char *start = skip_space(parser), *whole = start;
	enum type type = sum_level(parser);

	for (size_t i = 0; type != BROKEN && i < sizeof(compares) / sizeof(compares[0]); i++) {
		if (!take(parser, compares[i].token))
			continue;
		type = measure(parser, start, type, BROKEN);
		start = skip_space(parser);
		if (type != BROKEN)
			type = measure(parser, start, sum_level(parser), type);
		return type == BROKEN
			   ? BROKEN
			   : emit(parser, compares[i].op, whole - parser->text + 1, TRUTH);
	}
	if (type != BROKEN && *skip_space(parser) == '=')
		return WRONG(parser, parser->at, "'=' is not an operator here: write '=='");
	return type;
}

static enum type not_level(struct parser *parser)
{
	const char *start = skip_space(parser);
	enum type type;

	/* Every recursion passes through here. */
	if (++parser->depth > NESTING)
		return WRONG(parser, start, "nested too deeply");
	if (take(parser, "not")) {
		start = skip_space(parser);
		type = need(parser, start, not_level(parser), TRUTH);
		if (type != BROKEN)
			type = emit(parser, NOT, 0, TRUTH);
	} else {
		type = compare_level(parser);
	}
	parser->depth--;
	return type;
}

static enum type chain(struct parser *parser, const char *word, enum op op,
		       enum type (*below)(struct parser *))
{
	const char *start = skip_space(parser);
	enum type type = below(parser);

	while (type != BROKEN && take(parser, word)) {
		type = need(parser, start, type, TRUTH);
		start = skip_space(parser);
		if (type != BROKEN)
			type = need(parser, start, below(parser), TRUTH);
		if (type != BROKEN)
			type = emit(parser, op, 0, TRUTH);
	}
	return type;
}

static enum type and_level(struct parser *parser)
{
	return chain(parser, "and", AND, not_level);
}

static enum type or_level(struct parser *parser)
{
	return chain(parser, "or", OR, and_level);
}

int census_expr_parse(struct census_expr *expr, const char *text, const struct census_names *names,
		      struct error *error)
{
	struct parser parser = {expr, names, text, text, 0, error};
	enum type type;

	expr->var_count = expr->code_count = 0;
	if (!*skip_space(&parser))
		return error_set(error, EXIT_USAGE, "the expression is empty");
	type = or_level(&parser);
	if (type != BROKEN && (*skip_space(&parser) == '&' || *parser.at == '|'))
		type = WRONG(&parser, parser.at, "'%c' is not an operator here: write '%s'",
			     *parser.at, *parser.at == '&' ? "and" : "or");
	if (type != BROKEN && *parser.at)
		type =
		    WRONG(&parser, parser.at, "an operator is expected before '%.20s'", parser.at);
	return need(&parser, text, type, TRUTH) == BROKEN ? -1 : 0;
}
