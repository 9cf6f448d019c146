#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"

void tree_follow_parent(pid_t expected, pid_t first_seen)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        fail("parent-death signal", errno);
    /* A parent that died before the call above sends no signal. */
    if (getppid() != (expected != 0 ? expected : first_seen))
        fail("the parent is gone", 0);
}

void tree_adopt_orphans(void)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        fail("adopt orphans", errno);
}

/* The parent of process `name` (a number as text), from /proc; 0 when it is gone. */
static pid_t parent_of(const char *name)
{
    char path[64], text[512];
    const char *after_name;
    ssize_t size;
    int file, parent = 0;

    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    /* A process may call itself anything, parentheses and all: the last one ends its name. */
    after_name = strrchr(text, ')');
    if (after_name == NULL || sscanf(after_name, ") %*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* Kills the children there are now. Returns how many could be killed. */
static int kill_children(void)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    int killed = 0;

    if (directory == NULL)
        fail("/proc", errno);
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == getpid() &&
            kill((pid_t)atoi(entry->d_name), SIGKILL) == 0)
            killed++;
    closedir(directory);
    return killed;
}

void tree_kill_all(void)
{
    /* The children of a killed child become ours: look again until there are none. Each turn reaps one at
     * least, since what was killed ends. */
    while (kill_children() > 0) {
        waitpid(-1, NULL, 0);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}
