/**
 * @file websocket.h
 * The two fields of WebSocket's opening handshake that HTTP/2 does not have (RFC 6455 4.1, RFC 8441 5.1): towards a node we are the client.
 */
#pragma once

#include "base.h"

#include "http1.h"

/** Sec-WebSocket-Key: 16 random bytes in base64. */
#define WEBSOCKET_KEY 24u
/** Sec-WebSocket-Accept: a hash of 20 bytes in base64. */
#define WEBSOCKET_ACCEPT 28u

/** Makes a key, and ends it with a zero. */
void websocket_make_key(char key[WEBSOCKET_KEY + 1]);
/** What is answered to a key: it and the name of the protocol, hashed (RFC 6455 4.2.2); ended with a zero. */
void websocket_answer_key(const char *key, char accept[WEBSOCKET_ACCEPT + 1]);
/** Whether an answer shows that its sender read the key as WebSocket's. */
bool websocket_is_accepted(const char key[WEBSOCKET_KEY + 1], const struct http1_head *answer);
