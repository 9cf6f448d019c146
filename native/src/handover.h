/**
 * @file handover.h
 * A new process takes the place of a running one without a connection lost: over the control socket it asks for the
 * listening sockets (the same sockets, so that nobody who knocks meanwhile is refused), starts its workers on them, says
 * so, and takes the control socket over when the old one lets go of it. The old one then drains: it answers what it has,
 * tells idle clients with their next answer to go, and stays for as long as its tunnels do. Its peers learn of it by a
 * HandedOver frame; records made before they come are kept for them. A new process that dies before it is ready changes nothing.
 */
#pragma once

#include "config.h"

struct control;
struct peer;

/** Descriptors that one message can carry (Linux: SCM_MAX_FD). */
#define HANDOVER_MOST 253u

/** The new side of it. */
struct handover {
    int socket;               // -1: there is nobody to take over from
    int fds[HANDOVER_MOST];   // what was handed over; the caller's
    unsigned fd_count;
    bool captured;            // a subscriber of exchanges will come
};

/**
 * Asks the proxy that runs at config->control for its listening sockets.
 * @return false: *why says what is wrong; else h->socket is -1 where no proxy runs, and nothing was got
 */
bool handover_ask(struct handover *h, const struct config *config, char *why, size_t size);
/** The workers accept: the old process may go. Returns when the control socket's path is free; false: it said nothing in time. */
bool handover_ready(struct handover *h);
void handover_close(struct handover *h);

/** The old side: answers a HandOver frame. false: the peer has to be cut off. */
bool handover_answer(struct control *c, int socket, bool ready);
