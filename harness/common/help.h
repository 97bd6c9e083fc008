/* SPDX-License-Identifier: MIT */
/* What --help and --version print; for command.c alone. */
#ifndef LINGER_HELP_H
#define LINGER_HELP_H

#include <stdio.h>

#include "common/command.h"

/* The table as help2man(1) reads it. @options: what holds when nothing is given. */
void help_print(FILE *out, const struct command *command, const void *options);

void help_version(FILE *out, const struct command *command);

#endif
