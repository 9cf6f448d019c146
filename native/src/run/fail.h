/* The one way the launcher gives up: fail closed, say which step, run nothing. */
#ifndef DHARMA_RUN_FAIL_H
#define DHARMA_RUN_FAIL_H

#include <stdbool.h>

#define EXIT_LAUNCHER 125 /* a step of the launcher failed; CMD did not run or was killed */
#define EXIT_CANNOT_EXEC 126
#define EXIT_NOT_FOUND 127

/* From now on fail() prints one line of JSON on stdout and exits 1 (--probe-jail). */
void fail_as_probe(void);
/* `step` names what was tried; `error` is an errno value, 0 for none. Never returns. */
_Noreturn void fail(const char *step, int error);
/* As fail(), with printf-like detail. */
_Noreturn void failf(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
