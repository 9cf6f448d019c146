#include "supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "descriptors.h"
#include "fail.h"
#include "inner.h"
#include "tree.h"

/* After CMD has ended its sockets are closed; only a slow reader outside can hold its last bytes. */
enum { LAST_BYTES_MS = 1000 };

struct outer {
    pid_t inner;
    int status_fd; /* the inner supervisor reports CMD's wait status here, once */
    int signal_fd;
    struct relay *relay;
    bool has_status;
    int status;
    bool inner_ended;
    int inner_status;
};

void become(char **command)
{
    execvp(command[0], command);
    fprintf(stderr, "dharma-run: %s: %s\n", command[0], strerror(errno));
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC);
}

/* The relay may hold many connections; CMD keeps the limit it was given. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void take_signals(struct outer *outer)
{
    struct signalfd_siginfo info;

    while (read(outer->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            int status;
            pid_t pid;
            while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == outer->inner) {
                    outer->inner_ended = true;
                    outer->inner_status = status;
                }
        } else if (!outer->inner_ended) {
            kill(outer->inner, (int)info.ssi_signo);
        }
    }
}

static void take_status(struct outer *outer)
{
    int status;

    if (!outer->has_status && recv(outer->status_fd, &status, sizeof status, MSG_DONTWAIT) == (ssize_t)sizeof status) {
        outer->has_status = true;
        outer->status = status;
    }
}

static void wait_for_end(struct outer *outer)
{
    while (!outer->inner_ended) {
        struct pollfd polled[] = {
            {.fd = outer->signal_fd, .events = POLLIN},
            {.fd = outer->relay != NULL ? relay_descriptor(outer->relay) : -1, .events = POLLIN},
        };
        int timeout = outer->relay != NULL ? relay_timeout(outer->relay) : -1;
        if (poll(polled, 2, timeout) < 0 && errno != EINTR)
            fail("poll", errno);
        if (outer->relay != NULL)
            relay_run(outer->relay);
        take_signals(outer);
    }
    take_status(outer);
}

static int64_t now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void deliver_last_bytes(struct relay *relay)
{
    int64_t deadline = now_ms() + LAST_BYTES_MS;

    relay_stop_listening(relay);
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd polled = {.fd = relay_descriptor(relay), .events = POLLIN};
        relay_run(relay);
        if (relay_is_idle(relay) || left <= 0)
            return;
        (void)poll(&polled, 1, (int)left);
    }
}

/* Ends this process as a process with this wait status ended. */
static _Noreturn void end_as(int status)
{
    struct rlimit no_core = {1, 1};
    sigset_t one;
    int number;

    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    number = WTERMSIG(status);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    signal(number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    _exit(128 + number);
}

static _Noreturn void finish(struct outer *outer, const struct options *options)
{
    if (outer->relay != NULL)
        deliver_last_bytes(outer->relay);
    /* An inner supervisor that ended in order has left nobody; one that was killed may have. */
    if (!options->jail)
        tree_kill_all();
    if (options->probe && outer->has_status && outer->status == 0)
        _exit(0);
    if (outer->has_status)
        end_as(outer->status);
    if (WIFEXITED(outer->inner_status) && WEXITSTATUS(outer->inner_status) != 0)
        _exit(WEXITSTATUS(outer->inner_status)); /* it has said why */
    fail("the inner supervisor was killed", 0);
}

void supervise(const struct options *options, struct relay *relay, pid_t first_parent)
{
    struct outer outer = {.relay = relay};
    sigset_t ours, before;
    int pair[2];

    inner_signals(&ours);
    if (sigprocmask(SIG_BLOCK, &ours, &before) != 0)
        fail("signals", errno);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        fail("socket pair", errno);
    if (!options->jail)
        tree_adopt_orphans();
    outer.inner = fork();
    if (outer.inner < 0)
        fail("fork", errno);
    if (outer.inner == 0) {
        close(pair[0]);
        inner_run(options, pair[1], &before);
    }
    close(pair[1]);
    outer.status_fd = pair[0];
    outer.signal_fd = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    if (outer.signal_fd < 0)
        fail("signals", errno);
    descriptors_release_standard();
    /* In a jail it was done before, and the relay has opened its own since. */
    if (!options->jail)
        descriptors_close_inherited(outer.status_fd, outer.signal_fd);
    raise_descriptor_limit();
    if (options->die_with_parent)
        tree_follow_parent(options->parent, first_parent);
    wait_for_end(&outer);
    finish(&outer, options);
}
