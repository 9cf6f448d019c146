/** @file client_pace.h Waiting for a client: its body on the way here, and what it has to read (pace.h). */
#pragma once

#include "client.h"

/** Output waits for the client to read: it is watched from now on. */
void client_watch_reader(struct client *c);
/** Sets the timer for what the exchange waits for of the client. */
void client_set_deadline(struct client *c);
/** At the timer's end: whether output waits that the client takes too slowly. Sets the timer again otherwise. */
bool client_reads_slowly(struct client *c);
