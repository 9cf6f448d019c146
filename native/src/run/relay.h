/*
 * Carries bytes between unix sockets of the host and TCP ports of the jail's loopback. It runs in the launcher,
 * which shares the jail's network but neither its file system nor its processes, so the jailed command
 * sees nothing of it but the ports.
 */
#ifndef DHARMA_RUN_RELAY_H
#define DHARMA_RUN_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

struct relay;

/* Listens on everything asked for; to be called inside the jail's network namespace. Fails closed. */
struct relay *relay_open(const struct options *options);
/* Readable when relay_run has something to do. */
int relay_descriptor(const struct relay *relay);
/* Milliseconds until relay_run should be called anyway; -1: never. */
int relay_timeout(const struct relay *relay);
/* Does what can be done without waiting. */
void relay_run(struct relay *relay);
/* No connection is open. */
bool relay_is_idle(const struct relay *relay);
/* Takes no more connections, and removes the sockets made for --inward. */
void relay_stop_listening(struct relay *relay);

#endif
