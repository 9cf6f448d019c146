/* The namespaces around a jailed command. */
#ifndef DHARMA_RUN_JAIL_H
#define DHARMA_RUN_JAIL_H

/* Moves this process into a user (unless it may do without), network, IPC and UTS namespace of its own, with
 * loopback up and nothing else; its next child starts a PID namespace. Mounts stay the host's. Fails closed. */
void jail_create(void);
/* For that child: a mount namespace of its own, to be filled by view_enter(). Fails closed. */
void jail_unshare_mounts(void);

#endif
