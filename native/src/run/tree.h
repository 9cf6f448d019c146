/* The processes below this one. */
#ifndef DHARMA_RUN_TREE_H
#define DHARMA_RUN_TREE_H

#include <stdbool.h>
#include <sys/types.h>

/* Sends `signal` to this process when its parent dies; kills at once if the parent is not `expected`
 * (0: any) or has changed since `first_seen`. Must be called again after credentials have changed. */
void tree_follow_parent(pid_t expected, pid_t first_seen);
/* Orphans below this process become its children, so that none is lost sight of. Fails closed. */
void tree_adopt_orphans(void);
/* Kills and reaps all descendants; needs tree_adopt_orphans. What it is not allowed to kill it leaves. */
void tree_kill_all(void);

#endif
