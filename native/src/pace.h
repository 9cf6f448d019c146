/**
 * @file pace.h
 * How long a client that is slow is waited for. Bytes buy time at a minimum rate, up to a most: who sends or reads one byte
 * now and then runs out of it, who keeps the rate never does, however long it takes. As in Apache's mod_reqtimeout (MinRate)
 * and Kestrel (MinDataRate), but what was fast at first buys no more than the most.
 */
#pragma once

#include "base.h"

/**
 * The deadline after progress.
 * @param deadline ns, so far
 * @param bytes progress since it was set
 * @param rate bytes a second; 0: any progress buys the most
 * @param most ns: the deadline is at most so far from now
 */
uint64_t pace_extend(uint64_t deadline, uint64_t now, uint64_t bytes, uint64_t rate, uint64_t most);

/**
 * A reader that is waited for; a zeroed one is not. Progress is told by a counter that only grows. What it earned by progress
 * stays its own when it has caught up, for a while or to the end of an answer: a slow node must not cost it its pauses.
 */
struct pace_reader {
    uint64_t deadline;  // ns; 0: not watched
    uint64_t earned;    // ns: the deadline that progress had bought at the last look
    uint64_t mark;      // the counter at the last look
    bool caught_up;     // it had taken everything at some time since
};

/** Begins to watch. @param grace ns until the first byte must have been taken, if no more was earned before */
void pace_watch(struct pace_reader *r, uint64_t now, uint64_t counter, uint64_t grace);
/** Looks whether it is too slow. */
bool pace_is_slow(struct pace_reader *r, uint64_t now, uint64_t counter, uint64_t rate, uint64_t grace);
