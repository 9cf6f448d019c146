/* The inner supervisor: init of a jail's PID namespace, else the adopter of all that CMD leaves behind. */
#ifndef DHARMA_RUN_INNER_H
#define DHARMA_RUN_INNER_H

#include <signal.h>

#include "options.h"

/* The signals both supervisors take: SIGCHLD, and those they pass on to CMD. */
void inner_signals(sigset_t *set);
/* Sets up what is CMD's alone, starts it, reports its wait status on `status_fd`, and ends everything CMD
 * left. `mask` is the signal mask CMD gets. */
_Noreturn void inner_run(const struct options *options, int status_fd, const sigset_t *mask);

#endif
