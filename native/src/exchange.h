/**
 * @file exchange.h
 * One request and its answer: from the parsed head over the choice of a node, both bodies, failures and retries, to the
 * settled account.
 */
#pragma once

#include "balance.h"
#include "chunked.h"
#include "client.h"
#include "framing.h"
#include "tee.h"
#include "upstream.h"

struct cache_visit;
struct lease;
struct waiter;

/** A body on its way: how it is framed where it comes from, how much is still to come. */
struct body {
    enum body_kind kind;
    bool done;
    uint64_t left;           // BODY_LENGTH
    uint64_t length;         // bytes seen so far, framing not counted
    struct chunked chunked;  // BODY_CHUNKED
    uint32_t trailer_seen;   // bytes of an incomplete trailer section
};

/**
 * Invariants: charged means the pair's node carries `charge` for this exchange (taken off exactly once, by
 * exchange_settle); up->x == this and client->x == this while they are set.
 */
struct exchange {
    struct exchange *next_spare;
    struct client *client;
    struct upstream *up;
    struct lease *lease;
    struct account_pair *pair;       // of the present try; the "no node" pair before there is one
    struct meter *meter;             // where it counts as open
    int64_t charge;
    uint64_t charged_at;
    uint64_t started, first_byte;    // ns
    struct cache_visit *visit;       // set while the cache answers it, see cache_visit.h
    char *invalidates;               // the URL whose stored answers go when it succeeds; NULL: none
    struct waiter *waiter;           // set while it waits for a node, see queue.h
    uint64_t queued_at;              // when it first had to; 0: never
    uint64_t id;
    struct balance_request balance;
    unsigned node;                   // index of the node it was sent to
    struct body request, response;
    uint64_t body_deadline;          // ns, of the request's body (pace.h); the clock stands still
    uint64_t paused_at;              // ... since the node took no more; 0: it does not
    int status;                      // as sent to the client; 0: none yet
    uint32_t flags;                  // enum frame_exchange_flag
    bool charged;
    bool limited;                    // refused by a rate: not among the endpoint's requests
    bool tunnel;                     // 101: bytes go both ways unread
    bool from_proxy;                 // a trusted peer told its id: a proxy of ours, which may know other nodes
    bool asset;                      // route class, and there is a cache
    bool realtime;                   // route class: settled at the head of the answer
    bool to_head, idempotent, http_1_0, keep_alive, upgrade;
    bool fresh;                      // do not use a pooled connection (again)
    bool up_keep_alive;
    bool out_chunked;                // the answer is sent in the chunked coding
    struct tape *tape;               // capture; NULL: off
};

/** Begins an exchange for the head in w->head and w->framing, head_bytes of which stand unread in the client's buffer. */
void exchange_begin(struct client *c, size_t head_bytes, uint64_t started);
/** Whether the client takes too long to send its body. */
bool exchange_body_overdue(const struct exchange *x, uint64_t now);
/** Something changed on either side. The exchange may be gone afterwards. */
void exchange_run(struct exchange *x);
void exchange_connect_failed(struct exchange *x, bool timed_out);
void exchange_upstream_timeout(struct exchange *x);
/** The client is gone or has to go: closes both sides. */
void exchange_abort(struct exchange *x, bool by_client);
/** The upstream broke off or broke the rules: another try, an answer of our own, or a cut connection. */
void exchange_upstream_failed(struct exchange *x, int status);
struct reply;
/** Answers in the node's place and ends the exchange. */
void exchange_answer(struct exchange *x, const struct reply *r);
/** Answers with an error of our own and ends the exchange. */
void exchange_refuse(struct exchange *x, int status);
/** How a try on a node ended. */
enum exchange_outcome { OUTCOME_SUCCESS, OUTCOME_FAILURE, OUTCOME_NEUTRAL };
/** Takes the charge off the account and teaches it; once per try, further calls do nothing. */
void exchange_settle(struct exchange *x, enum exchange_outcome outcome);
/** Both sides are complete: counts, records, and lets the client go on. */
void exchange_finish(struct exchange *x);
