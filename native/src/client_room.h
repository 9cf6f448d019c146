/**
 * @file client_room.h
 * Room for a new client where there are as many connections as there may be: one that is only kept open gives way, since whoever holds
 * them all without asking anything would keep everybody else out (nginx reuses connections likewise).
 */
#pragma once

#include "base.h"

struct worker;

/**
 * Closes the client of this worker that has been idle for longest, of those it looks at.
 * @return false: none of them is idle
 */
bool client_room_make(struct worker *w);
