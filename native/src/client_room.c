#include "client_room.h"

#include "client.h"
#include "h2.h"
#include "worker.h"

/**
 * Clients looked at for one that goes: of the idle ones, it is among the longest idle sixteenth with a chance of 87 %, and no order has to be
 * kept while there is room for all (Redis chooses keys so).
 */
#define SAMPLE 32u

/** When it was heard of last, told from its deadline; only of one that is idle. */
static uint64_t idle_since(const struct client *c) {
    const struct config_limits *limits = &worker_config(c->conn.worker)->limits;
    return c->conn.timer.deadline - (c->sniffed ? limits->idle_timeout : limits->header_timeout);
}

/**
 * One that has not said anything yet: in a rush of clients, what the last ones send comes late. Half of the time it has for all of its head is
 * enough to begin it.
 */
static bool may_yet_speak(const struct client *c) {
    return !c->sniffed && c->conn.worker->loop.now < idle_since(c) + worker_config(c->conn.worker)->limits.header_timeout / 2;
}

/** Neither a request nor an answer is under way, as far as we know. */
static bool looks_idle(const struct client *c) {
    return !c->x && !c->closing && !c->lingering && !c->head_since && !(c->h2 && c->h2->open) && !conn_unsent(&c->conn) && !conn_unread(&c->conn) &&
           !may_yet_speak(c);
}

bool client_room_make(struct worker *w) {
    struct client *found = NULL;
    for (unsigned i = 0; i < SAMPLE && !list_empty(&w->clients); i++) {
        // Round and round: who was looked at now is looked at last.
        struct client *c = CONTAINER_OF(list_shift(&w->clients), struct client, link);
        list_push(&w->clients, &c->link);
        // Bytes that have just come are seen by asking the kernel.
        if (looks_idle(c) && (!found || idle_since(c) < idle_since(found)) && !conn_is_stale(&c->conn)) found = c;
    }
    if (!found) return false;
    if (found->h2) h2_dismiss(found);
    else client_close(found);
    return true;
}
