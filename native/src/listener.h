/** @file listener.h Listening sockets. */
#pragma once

#include "config.h"
#include "loop.h"

struct worker;

struct listener {
    struct watch watch;
    struct worker *worker;
};

/**
 * Opens one socket per worker for a config listen; port 0 is resolved once and then shared.
 * @param fds gets `workers` descriptors
 * @param port gets the port in use
 * @return false: errno says why (EADDRINUSE also when another proxy of ours has it)
 */
bool listener_open(const struct config_listen *l, unsigned workers, int *fds, uint16_t *port);
/** Whether a descriptor is a listening socket at that place. @param port gets the port in use */
bool listener_is(const struct config_listen *l, int fd, uint16_t *port);
/** Event function: accepts what is there. */
void listener_accept(struct watch *w, uint32_t events);
