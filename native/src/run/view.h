/* The file system as a jailed process sees it. */
#ifndef DHARMA_RUN_VIEW_H
#define DHARMA_RUN_VIEW_H

#include "options.h"

/*
 * To be called in a mount namespace and as the first process of a PID namespace, both its own. Afterwards:
 * everything is read-only and without set-uid and devices, but for the writable directories and a private
 * /tmp, /var/tmp and /dev/shm; /run and /var/run are empty; /proc shows the jail's processes alone; /dev holds
 * null, zero, full, random and urandom. The working directory is kept. Fails closed.
 */
void view_enter(const struct options *options);

#endif
