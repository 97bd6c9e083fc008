/* SPDX-License-Identifier: MIT */
/*
 * The language of `census --until`. An accepted expression must be a program that neither
 * underflows the stack of eval.c nor mixes numbers with truth values, and it must give the result
 * of a second, slower machine. A refusal must be a sentence about a column that exists.
 */
#include "census/internal.h"
#include "fuzz/fuzz.h"

static const char *const hosts[] = {"server", "client", "web-1"};

static const char snmp[] = "Tcp: ActiveOpens PassiveOpens CurrEstab\nTcp: 17 4 2\n";

struct item {
	enum { NUMBER, TRUTH } type;
	int64_t value;
};

static int64_t within_range(__int128 value)
{
	return value < INT64_MIN ? INT64_MIN : value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static struct item number(__int128 value)
{
	return (struct item){NUMBER, within_range(value)};
}

static struct item truth(bool value)
{
	return (struct item){TRUTH, value};
}

/* The result of operator @op, which takes two of one type, for @a and @b. */
static struct item combine(enum op op, struct item a, struct item b)
{
	MUST(a.type == b.type && a.type == (op == AND || op == OR ? TRUTH : NUMBER));
	switch (op) {
	case ADD:
		return number((__int128)a.value + b.value);
	case SUBTRACT:
		return number((__int128)a.value - b.value);
	case EQ:
		return truth(a.value == b.value);
	case NE:
		return truth(a.value != b.value);
	case LT:
		return truth(a.value < b.value);
	case LE:
		return truth(a.value <= b.value);
	case GT:
		return truth(a.value > b.value);
	case GE:
		return truth(a.value >= b.value);
	case AND:
		return truth(a.value && b.value);
	case OR:
		return truth(a.value || b.value);
	default:
		MUST(!"an operator that does not exist");
		return truth(false);
	}
}

static bool evaluate(const struct census_expr *expr, const int64_t *values)
{
	struct item stack[CENSUS_CODE];
	size_t top = 0;

	for (size_t i = 0; i < expr->code_count; i++) {
		const struct census_instruction *code = &expr->code[i];

		if (code->op == PUSH) {
			MUST(code->number >= 0);
			stack[top++] = number(code->number);
		} else if (code->op == LOAD) {
			MUST(code->number >= 0 && (size_t)code->number < expr->var_count);
			stack[top++] = number(values[code->number]);
		} else if (code->op == NEGATE) {
			MUST(top >= 1 && stack[top - 1].type == NUMBER);
			stack[top - 1] = number(-(__int128)stack[top - 1].value);
		} else if (code->op == NOT) {
			MUST(top >= 1 && stack[top - 1].type == TRUTH);
			stack[top - 1] = truth(!stack[top - 1].value);
		} else {
			MUST(top >= 2);
			top--;
			stack[top - 1] = combine(code->op, stack[top - 1], stack[top]);
		}
	}
	MUST(top == 1 && stack[0].type == TRUTH);
	return stack[0].value;
}

/* A result is certain if every point within the bounds gives it; here, the two ends. */
static void check_bounds(const struct census_expr *expr, const int64_t *values, size_t shift)
{
	struct census_bounds bounds[CENSUS_VARS];
	int64_t ends[2][CENSUS_VARS];
	enum census_truth truth;

	for (size_t i = 0; i < expr->var_count; i++) {
		int64_t other = values[(i + shift) % expr->var_count];

		bounds[i].least = values[i] < other ? values[i] : other;
		bounds[i].most = values[i] < other ? other : values[i];
		ends[0][i] = bounds[i].least;
		ends[1][i] = (i + shift) % 2 ? bounds[i].most : values[i];
	}
	truth = census_expr_holds(expr, bounds);
	for (int end = 0; end < 2 && truth != CENSUS_OPEN; end++)
		MUST((truth == CENSUS_TRUE) == evaluate(expr, ends[end]));
}

static void check_accepted(const struct census_expr *expr)
{
	static const int64_t extremes[] = {0, 1, 100, -1, INT64_MAX, INT64_MIN};
	const struct census_needs needs = census_expr_needs(expr);
	struct census_snapshot snapshots[3] = {{.states = {[STATE_CLOSE_WAIT] = 1}}};
	int64_t values[CENSUS_VARS];
	struct census_bounds exact[CENSUS_VARS];
	struct error error;

	MUST(expr->code_count <= CENSUS_CODE && expr->var_count <= CENSUS_VARS);
	MUST(!(needs.states & ~ALL_STATES));
	for (size_t i = 0; i < expr->var_count; i++) {
		const struct census_var *var = &expr->var[i];

		MUST(var->host >= -1 && var->host < 3 && var->class < CENSUS_CLASSES);
		MUST(memchr(var->text, '\0', sizeof(var->text)));
		for (size_t j = 0; j < i; j++)
			MUST(strcmp(var->text, expr->var[j].text));
		MUST(census_value(var, snapshots, 3).least >= 0);
		MUST(census_value(var, snapshots, 3).least == census_value(var, snapshots, 3).most);
	}
	/* Each variable at a different extreme, then all of them one step further. */
	for (size_t shift = 0; shift < 6; shift++) {
		for (size_t i = 0; i < expr->var_count; i++) {
			values[i] = extremes[(i + shift) % 6];
			exact[i] = (struct census_bounds){values[i], values[i]};
		}
		MUST(census_expr_holds(expr, exact) ==
		     (evaluate(expr, values) ? CENSUS_TRUE : CENSUS_FALSE));
		check_bounds(expr, values, shift);
	}
	if (census_expr_sensible(expr, false, &error) < 0)
		MUST(error.code == EXIT_USAGE && fuzz_is_sentence(error.text));
}

static void check_refused(const char *text, const struct error *error)
{
	int column;

	MUST(error->code == EXIT_USAGE && fuzz_is_sentence(error->text));
	if (sscanf(error->text, "expression, column %d:", &column) == 1)
		MUST(column >= 1 && (size_t)column <= strlen(text) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct census_counters counters = {0};
	const struct census_names names = {hosts, 3, size % 2 ? &counters : NULL};
	struct error error = {0};
	struct census_expr expr;
	char *text = fuzz_text(bytes, size);

	census_counters_parse(&counters, snmp, "Tcp:");
	if (census_expr_parse(&expr, text, &names, &error) == 0)
		check_accepted(&expr);
	else
		check_refused(text, &error);
	free(text);
	return 0;
}
