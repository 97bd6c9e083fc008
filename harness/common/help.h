/* SPDX-License-Identifier: MIT */
/* Prints --help and --version; only command.c uses it. */
#ifndef LINGER_HELP_H
#define LINGER_HELP_H

#include <stdio.h>

#include "common/command.h"

/* The table, laid out as help2man(1) expects it. @options: the defaults. */
void help_print(FILE *out, const struct command *command, const void *options);

void help_version(FILE *out, const struct command *command);

#endif
