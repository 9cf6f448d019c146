#include "priority.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
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
    /* Another's session holds its processes too. */
    if (getsid(0) == getpid())
        lower_session(nice);
}
