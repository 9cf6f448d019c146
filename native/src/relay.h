/**
 * @file relay.h
 * Moves bodies from one side to the other, a buffer at a time, with back-pressure: a source is only read while the sink
 * has room.
 */
#pragma once

#include "exchange.h"

enum relay_result {
    RELAY_WAIT,    // for bytes, or for room
    RELAY_DONE,    // this direction is complete
    RELAY_BAD,     // the source broke the framing rules
    RELAY_CUT,     // the source ended too early
    RELAY_LARGE,   // request body over the limit
};

/** Client to upstream. */
enum relay_result relay_request(struct exchange *x);
/** Upstream to client, after the head. */
enum relay_result relay_response(struct exchange *x);
/** Both ways, after 101. false: both sides have ended or one broke. */
bool relay_tunnel(struct exchange *x);
