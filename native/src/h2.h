/**
 * @file h2.h
 * HTTP/2 towards a client (RFC 9113): nghttp2 reads and writes the frames, each stream is a client of its own (h2_stream.h)
 * with one exchange. Nothing behind the exchange knows of it.
 *
 * Back-pressure: frames are made only while the connection's queue has room; a stream's window opens as its exchange
 * takes what came. Bound of what a connection holds: its queue, the receive windows, and a queue for each stream.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "client.h"
#include "h2_budget.h"

/** Runs of stream numbers the client skipped, the latest ones. */
#define H2_GAPS 8u

struct h2 {
    struct client *client;      // the connection
    nghttp2_session *session;
    struct list streams;        // client.link of each
    unsigned open;              // streams in the list
    uint64_t idle_since;        // when a stream began or ended last: other frames keep nothing open
    struct h2_budget budget;
    int32_t last;               // highest stream number seen
    struct {
        int32_t from, to;       // exclusive
    } gaps[H2_GAPS];
    unsigned gap;               // next to be written
    bool condemned;             // out of budget, or broken: it says so and closes
    bool blocked;               // a frame waits for room in the queue
    bool draining;              // told to go away
};

/** Whether bytes are an HTTP/2 client's preface. MAYBE: a beginning of it. */
enum h2_preface { H2_PREFACE_NO, H2_PREFACE_MAYBE, H2_PREFACE_YES };
enum h2_preface h2_preface(struct span bytes);
/** The connection speaks HTTP/2 from its first unread byte on. */
void h2_begin(struct client *c);
/** Bytes arrived, room was made, or a stream has something to send. */
void h2_run(struct client *c);
/** The connection's timer has run out. */
void h2_expire(struct client *c);
/** Tells the client to open no more streams; the connection closes after the last. */
void h2_drain(struct client *c);
/** Closes a connection without streams at once; it is told that what it sends from now on is not served. */
void h2_dismiss(struct client *c);
/** The connection closes now: so do its streams. */
void h2_end(struct client *c);
/** HEADERS name a stream. A number that was skipped must not come any more (RFC 9113 5.1.1): the connection ends. */
void h2_saw_stream(struct h2 *h, int32_t id);
/** Takes credit; without any the connection is condemned. */
void h2_charge(struct h2 *h);
