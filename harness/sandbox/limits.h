/* The limits of a confined program: --limit NAME=VALUE. */
#ifndef SANDBOX_LIMITS_H
#define SANDBOX_LIMITS_H

/* A whole number that fills the word. Anything else is wrong usage and exits with 2. */
unsigned long limits_number(const char *word);

/* Record the limit "NAME=VALUE". Wrong usage exits with 2. */
void limits_note(const char *word);

/* The recorded value of a limit, or 0 if there is none. */
unsigned long limits_noted(const char *name);

/* Set the limits of each process, for this one and its children; exit 77 if that is not
 * permitted. */
void limits_set(void);

#endif
