#include "pace.h"

/**
 * What a reader can save up, in graces. A receiver that had let its buffer fill opens its window again only after reading a
 * sixteenth of it (384 KiB of Linux's default most): with the default limits it may do so at 3.2 KiB a second.
 */
#define READER_GRACES 4u

uint64_t pace_extend(uint64_t deadline, uint64_t now, uint64_t bytes, uint64_t rate, uint64_t most) {
    if (!bytes) return deadline;
    double bought = rate ? (double)bytes / (double)rate * 1e9 : (double)most;
    uint64_t later = bought >= (double)most ? now + most : deadline + (uint64_t)bought;
    return later < now + most ? later : now + most;
}

void pace_watch(struct pace_reader *r, uint64_t now, uint64_t counter, uint64_t grace) { *r = (struct pace_reader){.deadline = now + grace, .mark = counter}; }

bool pace_is_slow(struct pace_reader *r, uint64_t now, uint64_t counter, uint64_t rate, uint64_t grace) {
    if (!r->deadline || r->caught_up) {
        pace_watch(r, now, counter, grace);
        return false;
    }
    r->deadline = pace_extend(r->deadline, now, counter - r->mark, rate, READER_GRACES * grace);
    r->mark = counter;
    return r->deadline <= now;
}
