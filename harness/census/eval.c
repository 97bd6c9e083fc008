/* SPDX-License-Identifier: MIT */
/*
 * A stack machine for expectations. Its code comes only from census_expr_parse(), which checked the
 * types. So the stack neither underflows nor holds more than one element an instruction.
 *
 * It calculates with bounds, because not everything can be seen. A number is an interval, and so is
 * a truth value (0 false, 1 true, 0 to 1 open). A true result is true wherever in its bounds each
 * variable lies.
 */
#include "census/internal.h"

/* Counters never come near 2^63; a literal may: stay at the end of the range. */
static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t subtract(int64_t a, int64_t b)
{
	int64_t difference;

	return !__builtin_sub_overflow(a, b, &difference) ? difference
	       : a < 0					  ? INT64_MIN
							  : INT64_MAX;
}

/* True @always, or else @perhaps. */
static struct census_bounds truth(bool always, bool perhaps)
{
	return (struct census_bounds){always, always || perhaps};
}

static struct census_bounds negated(struct census_bounds truth)
{
	return (struct census_bounds){!truth.most, !truth.least};
}

static struct census_bounds equal(struct census_bounds a, struct census_bounds b)
{
	return truth(a.least == a.most && b.least == b.most && a.least == b.least,
		     a.least <= b.most && b.least <= a.most);
}

static struct census_bounds less(struct census_bounds a, struct census_bounds b)
{
	return truth(a.most < b.least, a.least < b.most);
}

static struct census_bounds apply(enum op op, struct census_bounds a, struct census_bounds b)
{
	switch (op) {
	case ADD:
		return (struct census_bounds){add(a.least, b.least), add(a.most, b.most)};
	case SUBTRACT:
		return (struct census_bounds){subtract(a.least, b.most), subtract(a.most, b.least)};
	case EQ:
		return equal(a, b);
	case NE:
		return negated(equal(a, b));
	case LT:
		return less(a, b);
	case GT:
		return less(b, a);
	case LE:
		return negated(less(b, a));
	case GE:
		return negated(less(a, b));
	case AND:
		return truth(a.least && b.least, a.most && b.most);
	case OR:
		return truth(a.least || b.least, a.most || b.most);
	default:
		return (struct census_bounds){0, 0};
	}
}

/*
 * Run @expr. *@settled, unless NULL, becomes the index of the first comparison whose result did not
 * depend on where in its bounds a variable lies, or code_count.
 */
static struct census_bounds run(const struct census_expr *expr, const struct census_bounds *values,
				size_t *settled)
{
	struct census_bounds stack[CENSUS_CODE] = {{0, 0}};
	size_t top = 0, first = expr->code_count;

	for (size_t i = 0; i < expr->code_count; i++) {
		const struct census_instruction *code = &expr->code[i];

		switch (code->op) {
		case PUSH:
			stack[top++] = (struct census_bounds){code->number, code->number};
			break;
		case LOAD:
			stack[top++] = values[code->number];
			break;
		case NEGATE: /* by apply(), because -INT64_MIN is not representable */
			stack[top - 1] =
			    apply(SUBTRACT, (struct census_bounds){0, 0}, stack[top - 1]);
			break;
		case NOT:
			stack[top - 1] = negated(stack[top - 1]);
			break;
		default:
			top--;
			stack[top - 1] = apply(code->op, stack[top - 1], stack[top]);
			if (code->op >= EQ && code->op <= GE && first == expr->code_count &&
			    stack[top - 1].least == stack[top - 1].most)
				first = i;
		}
	}
	if (settled)
		*settled = first;
	return stack[0];
}

enum census_truth census_expr_holds(const struct census_expr *expr,
				    const struct census_bounds *values)
{
	struct census_bounds result = run(expr, values, NULL);

	return result.least == result.most ? (result.most ? CENSUS_TRUE : CENSUS_FALSE)
					   : CENSUS_OPEN;
}

int census_expr_sensible(const struct census_expr *expr, bool by_process, struct error *error)
{
	struct census_bounds values[CENSUS_VARS], result;
	size_t settled;

	for (size_t i = 0; i < expr->var_count; i++) {
		const char *why = census_name_nothing(&expr->var[i], by_process);

		if (why)
			return error_set(error, EXIT_USAGE, "%s is always 0: %s", expr->var[i].text,
					 why);
		/* A kernel counter may be negative (MaxConn). */
		values[i].least = expr->var[i].kind == CENSUS_VAR_COUNTER ? INT64_MIN : 0;
		values[i].most = INT64_MAX;
	}
	result = run(expr, values, &settled);
	if (settled < expr->code_count) /* a comparison knows its column */
		return error_set(error, EXIT_USAGE,
				 "expression, column %d: this comparison has the same result "
				 "for every count",
				 (int)expr->code[settled].number);
	if (result.least == result.most)
		return error_set(error, EXIT_USAGE, "the expression is %s for every count",
				 result.most ? "true" : "false");
	return 0;
}
