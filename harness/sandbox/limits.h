/* The limits of a confined program: --limit NAME=VALUE. */
#ifndef SANDBOX_LIMITS_H
#define SANDBOX_LIMITS_H

/* A whole number that fills the word; what is not one is wrong usage, and ends with 2. */
unsigned long limits_number(const char *word);

/* Note the limit "NAME=VALUE". Wrong usage ends with 2. */
void limits_note(const char *word);

/* What was noted of a limit, or 0 if nothing was. */
unsigned long limits_noted(const char *name);

/* Set those of each process, for this one and its children; exit 77 if that is not permitted. */
void limits_set(void);

#endif
