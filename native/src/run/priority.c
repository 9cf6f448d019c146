#include "priority.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"

/* The kernel lets a user without privileges do this ten times a second, all sessions together. */
enum { TRIES = 20, PAUSE_US = 110000 };

/* Of no effect, and no loss, on a kernel that does not group. */
static void lower_session(int nice)
{
    char text[8];
    int size = snprintf(text, sizeof text, "%d", nice);
    int file = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

    if (file < 0)
        return;
    for (int tries = 1; write(file, text, (size_t)size) != size; tries++) {
        if (errno != EAGAIN || tries == TRIES)
            fail("priority of the session", errno);
        usleep(PAUSE_US);
    }
    close(file);
}

/* As of Linux 3.14; <linux/sched/types.h> has it, and clashes with older <sched.h>. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* More than the slice that any kernel gives by itself (2.8 ms on eight CPUs and more). */
enum { SLICE_NS = 5000000 };

/*
 * Nice says how much CPU, not when: whoever wakes up would wait until the slice of the one who runs is over. Since Linux 6.12 a
 * process of a longer slice is interrupted at once by one of a shorter. Of no effect, and no loss, on an older kernel.
 */
static void give_way(int nice)
{
    struct attributes wanted = {.size = sizeof wanted, .policy = SCHED_OTHER, .nice = nice, .runtime = SLICE_NS};

    if (sched_getscheduler(0) == SCHED_OTHER)
        syscall(SYS_sched_setattr, 0, &wanted, 0);
}

void priority_lower(int nice)
{
    int now;

    errno = 0;
    now = getpriority(PRIO_PROCESS, 0);
    if (errno != 0)
        fail("priority", errno);
    if (now > nice)
        nice = now;
    if (setpriority(PRIO_PROCESS, 0, nice) != 0)
        fail("priority", errno);
    give_way(nice);
    /* Another's session holds its processes too. */
    if (getsid(0) == getpid())
        lower_session(nice);
}
