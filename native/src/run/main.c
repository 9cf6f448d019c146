/*
 * dharma-run: starts one external process so that nothing of it outlives its owner and, in a jail, so that
 * nothing it does reaches the outside.
 *
 * Processes
 *   caller ─▶ outer ─▶ inner ─▶ CMD ─▶ ...
 * Outer stays where the caller started it: it passes signals on, carries the relay's bytes and ends as CMD ended.
 * Inner is CMD's parent; in a jail it is init of the PID namespace. Each ends everything when the other is gone
 * (parent-death signal downwards, SIGCHLD upwards), so that kill -9 of the caller (--die-with-parent), of either
 * supervisor, of outer's process group or of CMD leaves no process, in a process group or session of its
 * own or not. Outside a jail orphans are adopted (PR_SET_CHILD_SUBREAPER); in one the kernel ends the namespace.
 * Signals go to CMD alone, as a container runtime does it.
 *
 * The parent-death signal comes when the *thread* that started this program ends; Node starts processes on the
 * thread that calls spawn, so spawn from the main thread.
 *
 * The jail's threat model
 * Asset: whatever is outside: databases, queues, mail servers, other processes, files. CMD is an application under
 * test with the user's own rights, which by mistake, by design or by malice of a dependency tries to reach them.
 * - Network: a network namespace with loopback alone. Out leads only what --bridge names, in only --inward.
 * - Unix sockets: abstract ones end at the network namespace. Pathname ones would not: CMD can make no unix socket
 *   (a connected pair of streams excepted), and /run, /var/run, /tmp, /var/tmp and /dev are not the host's.
 * - Other families (vsock, ...) and io_uring, which evades such filters, are refused.
 * - Files: read-only but for --writable, no devices, no set-uid. /proc shows the jail alone and is read-only.
 * - Processes: none outside can be seen, traced or signalled; System V and POSIX IPC are separate.
 * - Privileges: no capabilities, none to be had by exec, no user namespaces. No core dump, whose handler runs outside.
 * - Descriptors: 0, 1 and 2 are passed in and are the caller's responsibility; all others are closed.
 * Out of scope: bugs of the kernel; reading what the user may read; load on CPU, memory and disk; the kernel keyring;
 * a named pipe of the host that lies outside the hidden places and that the user may write to.
 * Every step fails closed: if one does not work here, CMD does not run (exit 125, one line on stderr).
 */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "descriptors.h"
#include "fail.h"
#include "jail.h"
#include "options.h"
#include "priority.h"
#include "relay.h"
#include "supervise.h"
#include "tree.h"

int main(int argc, char **argv)
{
    pid_t first_parent = getppid();
    struct relay *relay = NULL;
    struct options options;

    options_parse(&options, argc, argv);
    if (options.probe)
        fail_as_probe();
    if (options.nice != 0)
        priority_lower(options.nice);
    if (options.die_with_parent)
        tree_follow_parent(options.parent, first_parent);
    else if (!options.jail)
        become(options.command);
    if (options.jail) {
        descriptors_close_all();
        jail_create();
        relay = relay_open(&options);
    }
    supervise(&options, relay, first_parent);
}
