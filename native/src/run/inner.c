#include "inner.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "descriptors.h"
#include "fail.h"
#include "jail.h"
#include "priority.h"
#include "supervise.h"
#include "tree.h"
#include "view.h"

/* Tells this process, outside a jail, that the outer supervisor is gone; any signal makes it look. */
enum { OUTER_GONE = SIGHUP };

void inner_signals(sigset_t *set)
{
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

    sigemptyset(set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(set, signals[i]);
}

/* The outer supervisor holds the other end of the status socket for as long as it lives. */
static bool outer_is_gone(int status_fd)
{
    char byte;

    return recv(status_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void enter_jail(const struct options *options, int status_fd)
{
    descriptors_close_inherited(status_fd, status_fd);
    if (setsid() < 0)
        fail("session", errno);
    if (options->nice != 0)
        priority_lower(options->nice);
    jail_unshare_mounts();
    view_enter(options);
    /* This process as well, for CMD can trace it: it must hold nothing that CMD does not. */
    confine_privileges();
    confine_syscalls();
}

static void follow_outer(bool jail, int status_fd)
{
    if (prctl(PR_SET_PDEATHSIG, jail ? SIGKILL : OUTER_GONE, 0, 0, 0) != 0)
        fail("parent-death signal", errno);
    if (outer_is_gone(status_fd))
        _exit(EXIT_LAUNCHER);
}

static pid_t start_command(const struct options *options, const sigset_t *mask)
{
    pid_t inner = getpid();
    pid_t pid = fork();

    if (pid < 0)
        fail("fork", errno);
    if (pid > 0)
        return pid;
    if (options->probe)
        _exit(0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        fail("parent-death signal", errno);
    if (getppid() != inner)
        _exit(EXIT_LAUNCHER);
    sigprocmask(SIG_SETMASK, mask, NULL);
    become(options->command);
}

/* Reaps all that has ended. True once CMD has, with its wait status. */
static bool reap(pid_t command, int *command_status)
{
    bool ended = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == command) {
            ended = true;
            *command_status = status;
        }
    return ended;
}

void inner_run(const struct options *options, int status_fd, const sigset_t *mask)
{
    int status = 0, number;
    sigset_t ours;
    pid_t command;

    if (options->jail) {
        enter_jail(options, status_fd);
    } else {
        /* Not the caller's process group: killing that ends the outer supervisor, and this one then ends
         * everything, also what has left the group. */
        setpgid(0, 0);
        tree_adopt_orphans();
    }
    follow_outer(options->jail, status_fd);
    command = start_command(options, mask);
    descriptors_close_inherited(status_fd, status_fd);
    descriptors_release_standard();
    inner_signals(&ours);
    for (;;) {
        if (sigwait(&ours, &number) != 0)
            continue;
        if (outer_is_gone(status_fd))
            break;
        if (number != SIGCHLD)
            kill(command, number);
        else if (reap(command, &status))
            break;
    }
    /* In a jail the kernel does this when its init, this process, ends. */
    if (!options->jail)
        tree_kill_all();
    (void)send(status_fd, &status, sizeof status, MSG_NOSIGNAL);
    _exit(0);
}
