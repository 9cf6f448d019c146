/* Runs CMD under two supervisors of one another (see main.c). */
#ifndef DHARMA_RUN_SUPERVISE_H
#define DHARMA_RUN_SUPERVISE_H

#include "options.h"
#include "relay.h"

/* Runs the command to its end and ends this process as the command ended. `relay` may be NULL. */
_Noreturn void supervise(const struct options *options, struct relay *relay, pid_t first_parent);
/* Becomes the command. */
_Noreturn void become(char **command);

#endif
