#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"

static void write_map(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);

    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
        failf(errno, "user namespace: %s", path);
    close(file);
}

/* Root has it; root of most containers has not, and is then a user like any other. */
static bool may_create_namespaces(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &header, data) != 0)
        fail("capabilities", errno);
    return (data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN)) != 0;
}

/* The user keeps its ids, and gets the capabilities, inside alone, that the rest needs. */
static void create_user_namespace(void)
{
    unsigned uid = geteuid(), gid = getegid();
    char map[64];

    if (unshare(CLONE_NEWUSER) != 0)
        fail("user namespace", errno);
    write_map("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", uid, uid);
    write_map("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    write_map("/proc/self/gid_map", map);
}

static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        fail("loopback", errno);
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        fail("loopback", errno);
    close(fd);
}

void jail_create(void)
{
    if (!may_create_namespaces())
        create_user_namespace();
    if (unshare(CLONE_NEWNET) != 0)
        fail("network namespace", errno);
    if (unshare(CLONE_NEWIPC) != 0)
        fail("IPC namespace", errno);
    if (unshare(CLONE_NEWUTS) != 0)
        fail("UTS namespace", errno);
    if (unshare(CLONE_NEWPID) != 0)
        fail("PID namespace", errno);
    raise_loopback();
}

void jail_unshare_mounts(void)
{
    if (unshare(CLONE_NEWNS) != 0)
        fail("mount namespace", errno);
}
