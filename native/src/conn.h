/**
 * @file conn.h
 * A stream connection: its descriptor, what was read and not yet used, what waits to be written, its one timer.
 * Protocol code reads and writes through this file only: TLS lies underneath, and a stream of HTTP/2 looks the same.
 */
#pragma once

#include "loop.h"
#include "outq.h"
#include "wheel.h"

struct worker;

struct conn;
struct tls;

/**
 * What lies between a connection and its socket (TLS), or stands in its place (a stream of HTTP/2). A layer keeps
 * `readable` true for as long as read may give more.
 */
struct conn_layer {
    ssize_t (*read)(struct conn *c, void *out, size_t n);  // as recv
    void (*flush)(struct conn *c);                         // as conn_flush
    bool (*holds)(const struct conn *c);                   // whether it holds output that has left the queue
    void (*shutdown)(struct conn *c);                      // the sending side ends once all was sent
    void (*close)(struct conn *c, bool reset);             // the last call
};

enum conn_fill { FILL_DATA, FILL_NONE, FILL_FULL, FILL_END };

/**
 * Invariants: unread bytes are in->data[in_pos, in->fill); in == NULL means none. `readable` and `writable` are true
 * until the kernel said otherwise (edge-triggered). A closed conn stays allocated until the end of the loop's round.
 */
struct conn {
    struct watch watch;
    struct worker *worker;
    struct timer timer;
    struct list dirty;              // in worker->dirty: has output to flush
    struct list again;              // in worker->again: run once more without waiting
    void (*run)(struct conn *c);    // bytes arrived, room was made, the peer went, or it was asked for
    void (*free)(struct conn *c);   // at the end of the round in which it was closed
    struct chunk *in;
    uint32_t in_pos;
    const struct conn_layer *layer; // NULL: the socket itself
    struct tls *tls;                // of the TLS layer
    bool readable, writable;
    bool arrived;                   // as readable, of the socket under a layer
    bool bulk;                      // the last read filled its chunk: more waits
    bool reset;                     // see conn_reset_on_close
    bool connecting;                // writes wait until the connection stands
    bool hup;                       // the peer shut down its side; bytes may still be there to read
    bool eof;                       // ... and all were read
    bool failed;                    // reading ended in an error
    bool cut;                       // writing is not possible any more (what the peer sent may still be read)
    bool wants_room;                // run when out has drained somewhat: a source, or closing, waits for it
    bool closed;
    struct outq out;
};

/** Takes fd over and registers it. false: it could not be registered (fd is closed). */
bool conn_open(struct conn *c, struct worker *w, int fd, void (*run)(struct conn *c), void (*free_fn)(struct conn *c), void (*expire)(struct timer *t, uint64_t now));
/** A connection without a socket of its own: all its bytes come from and go to the layer. */
void conn_open_layer(struct conn *c, struct worker *w, const struct conn_layer *layer, void (*run)(struct conn *c), void (*free_fn)(struct conn *c), void (*expire)(struct timer *t, uint64_t now));
/** Closes now, frees later. */
void conn_close(struct conn *c);

/** Whether output waits, in the queue or below it. */
static inline bool conn_unsent(const struct conn *c) { return c->out.bytes || (c->layer && c->layer->holds(c)); }
static inline size_t conn_unread(const struct conn *c) { return c->in ? c->in->fill - c->in_pos : 0; }
static inline const char *conn_bytes(const struct conn *c) { return (const char *)c->in->data + c->in_pos; }

/** Marks n unread bytes as used; gives the chunk back when none are left. */
void conn_use(struct conn *c, size_t n);
/**
 * Reads once. FILL_NONE: nothing there now; FILL_FULL: no room while unread bytes are not used; FILL_END: eof or failed.
 * @param contiguous unread bytes must stay in one piece (a head): the buffer may grow up to this size; 0: need not
 */
enum conn_fill conn_fill(struct conn *c, size_t contiguous);
/** Output was added: it is flushed before the loop sleeps. */
void conn_mark_dirty(struct conn *c);
/** Run again in the next round, without waiting for an event. */
void conn_run_again(struct conn *c);
/** Writes what can be written. Sets cut on error; what was not written stays queued. */
void conn_flush(struct conn *c);
/** Has the kernel find out whether a silent peer is still there (within two minutes). */
void conn_probe(struct conn *c);
/** Makes the close a reset, which the peer cannot take for an orderly end. */
void conn_reset_on_close(struct conn *c);
/** Shuts down the sending side. */
void conn_shutdown(struct conn *c);
/** Whether the peer has closed or sent bytes meanwhile: one system call, for a pooled connection before a risky reuse. */
bool conn_is_stale(const struct conn *c);
