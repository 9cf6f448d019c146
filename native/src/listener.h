/** @file listener.h Listening sockets. */
#pragma once

#include "config.h"
#include "loop.h"

struct worker;

struct listener {
    struct watch watch;
    struct worker *worker;
    unsigned listen;  // of the config
};

/** A listening socket and for whom it is. */
struct listening {
    int fd;
    unsigned listen, worker;
};

/**
 * All listening sockets of a process.
 * Invariant: each listen has one for each worker at least; a worker has several of one listen where they were taken over
 * from a process with more workers.
 */
struct listening_set {
    struct listening *sockets;
    unsigned count;
    uint16_t *ports;  // of each listen, in use
};

/**
 * Opens the sockets of a config's listens, one for each worker; port 0 is resolved once and then shared.
 * @param taken listening sockets of the process whose place this one takes: those at a place the config names are used, and
 *   kept where there are more of them than workers, since connections may wait in any; the others are closed. All are taken over
 * @return false: nothing was opened; errno says why the listen *failed could not be (EADDRINUSE also when another
 *   proxy of ours is there)
 */
bool listener_open_all(struct listening_set *set, const struct config *config, int *taken, unsigned taken_count, unsigned *failed);
/** Frees the list; the sockets belong to workers. */
void listener_forget(struct listening_set *set);
/** Event function: accepts what is there. */
void listener_accept(struct watch *w, uint32_t events);
