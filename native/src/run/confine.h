/* What a jailed process gives up for good, just before it becomes CMD. */
#ifndef DHARMA_RUN_CONFINE_H
#define DHARMA_RUN_CONFINE_H

/* No capability, now or by any exec; no new privileges; no core dumps (the host's core handler would run
 * outside). Fails closed. */
void confine_privileges(void);
/* Installs the system call filter (see confine.c). Fails closed. */
void confine_syscalls(void);

#endif
