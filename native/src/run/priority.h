/* How much CPU a process gets while others want it too. */
#ifndef DHARMA_RUN_PRIORITY_H
#define DHARMA_RUN_PRIORITY_H

/* Lowers the priority of this process and of all it will start to `nice` (1 to 19), never raises it. To be called again after
 * setsid: where the kernel groups sessions (autogroup) it weighs the session, and nice counts within it alone.
 * Fails closed. */
void priority_lower(int nice);

#endif
