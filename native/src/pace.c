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

void pace_watch(struct pace_reader *r, uint64_t now, uint64_t counter, uint64_t grace) {
    uint64_t first = now + grace;
    r->deadline = r->earned > first ? r->earned : first;
    r->mark = counter;
    r->caught_up = false;
}

bool pace_is_slow(struct pace_reader *r, uint64_t now, uint64_t counter, uint64_t rate, uint64_t grace) {
    bool anew = !r->deadline || r->caught_up;
    if (r->deadline) r->earned = r->deadline = pace_extend(r->deadline, now, counter - r->mark, rate, READER_GRACES * grace);
    r->mark = counter;
    if (anew) pace_watch(r, now, counter, grace);
    return r->deadline <= now;
}
