/* SPDX-License-Identifier: MIT */
/*
 * A stack machine for expectations. The code comes from census_expr_parse() alone, which checked
 * the types, so the stack neither underflows nor holds more than one element an instruction.
 */
#include "census/internal.h"

static int64_t apply(enum op op, int64_t a, int64_t b)
{
	int64_t result;

	switch (op) {
	case ADD: /* counters never come near 2^63; a literal may: stay at the end of the range */
		return !__builtin_add_overflow(a, b, &result) ? result
		       : a < 0				      ? INT64_MIN
							      : INT64_MAX;
	case SUBTRACT:
		return !__builtin_sub_overflow(a, b, &result) ? result
		       : a < 0				      ? INT64_MIN
							      : INT64_MAX;
	case EQ:
		return a == b;
	case NE:
		return a != b;
	case LT:
		return a < b;
	case LE:
		return a <= b;
	case GT:
		return a > b;
	case GE:
		return a >= b;
	case AND:
		return a && b;
	case OR:
		return a || b;
	default:
		return 0;
	}
}

bool census_expr_holds(const struct census_expr *expr, const int64_t *values)
{
	int64_t stack[CENSUS_CODE];
	size_t top = 0;

	for (size_t i = 0; i < expr->code_count; i++) {
		const struct census_instruction *code = &expr->code[i];

		switch (code->op) {
		case PUSH:
			stack[top++] = code->number;
			break;
		case LOAD:
			stack[top++] = values[code->number];
			break;
		case NEGATE: /* by apply(), because -INT64_MIN is not representable */
			stack[top - 1] = apply(SUBTRACT, 0, stack[top - 1]);
			break;
		case NOT:
			stack[top - 1] = !stack[top - 1];
			break;
		default:
			top--;
			stack[top - 1] = apply(code->op, stack[top - 1], stack[top]);
		}
	}
	return top && stack[0];
}
