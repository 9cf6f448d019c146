#include "confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"

static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
            fail("capability bounding set", errno);
    /* Being uid 0 must not bring capabilities back at exec. */
    if (prctl(PR_SET_SECUREBITS,
              SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                  SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
              0, 0, 0) != 0)
        fail("secure bits", errno);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        fail("ambient capabilities", errno);
    if (syscall(SYS_capset, &header, none) != 0)
        fail("capabilities", errno);
}

void confine_privileges(void)
{
    /* A limit of 1 is what also keeps a core_pattern that is a pipe from running; 0 would not. */
    struct rlimit no_core = {1, 1};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        fail("no new privileges", errno);
    drop_capabilities();
    if (setrlimit(RLIMIT_CORE, &no_core) != 0)
        fail("core limit", errno);
}

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define AUDIT_ARCH_HERE AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AUDIT_ARCH_HERE AUDIT_ARCH_PPC64LE
#endif

#ifndef AUDIT_ARCH_HERE
void confine_syscalls(void)
{
    fail("system call filter: not written for this architecture", 0);
}
#else

/* Arguments are 64 bits wide; all that is looked at stands in the low half. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALF 0
#else
#define LOW_HALF 4
#endif
#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define LOAD_ARGUMENT(n) LOAD(FIELD(args[n]) + LOW_HALF)
#define AND(mask) BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (mask))
/* Skips `count` instructions unless (or if) the accumulator equals the value. */
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (count))
#define SKIP_IF(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), (count), 0)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
/* Refuses a whole system call. The accumulator holds its number, before and after. */
#define REFUSE_CALL(number, error) SKIP_UNLESS(number, 1), REFUSE(error)

#ifdef __s390x__
#define CLONE_FLAGS_ARGUMENT 1
#else
#define CLONE_FLAGS_ARGUMENT 0
#endif

/*
 * What namespaces leave open:
 *  - a pathname unix socket of the host can be connected to wherever its file is visible, read-only mounts
 *    included: no unix socket can be made, but for connected pairs that cannot be pointed elsewhere;
 *  - vsock and other families that no network namespace holds: only IPv4, IPv6 and rtnetlink are left;
 *  - io_uring makes sockets without the calls that are filtered;
 *  - a user namespace of one's own brings capabilities back (within it) and with them much of the kernel.
 */
void confine_syscalls(void)
{
    struct sock_filter program[] = {
        LOAD(FIELD(arch)),
        SKIP_IF(AUDIT_ARCH_HERE, 1),
        KILL,
        LOAD(FIELD(nr)),
#ifdef __x86_64__
        /* x32: the same architecture, other numbers. */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1),
        REFUSE(ENOSYS),
#endif
        REFUSE_CALL(SYS_io_uring_setup, ENOSYS),
        REFUSE_CALL(SYS_io_uring_enter, ENOSYS),
        REFUSE_CALL(SYS_io_uring_register, ENOSYS),
        REFUSE_CALL(SYS_setns, EPERM),
        REFUSE_CALL(SYS_unshare, EPERM),
        /* Its flags are behind a pointer; libraries fall back to clone. */
        REFUSE_CALL(SYS_clone3, ENOSYS),
#ifdef SYS_socketcall
        REFUSE_CALL(SYS_socketcall, ENOSYS),
#endif
        SKIP_UNLESS(SYS_clone, 5),
        LOAD_ARGUMENT(CLONE_FLAGS_ARGUMENT),
        AND(CLONE_NEWUSER),
        SKIP_IF(0, 1),
        REFUSE(EPERM),
        ALLOW,
        /* A datagram pair could still be sent elsewhere by sendto. */
        SKIP_UNLESS(SYS_socketpair, 5),
        LOAD_ARGUMENT(1),
        AND(0xf),
        SKIP_UNLESS(SOCK_DGRAM, 1),
        REFUSE(EACCES),
        ALLOW,
        SKIP_UNLESS(SYS_socket, 10),
        LOAD_ARGUMENT(0),
        SKIP_UNLESS(AF_UNIX, 1),
        REFUSE(EACCES),
        SKIP_IF(AF_INET, 5),
        SKIP_IF(AF_INET6, 4),
        SKIP_UNLESS(AF_NETLINK, 2),
        LOAD_ARGUMENT(2),
        SKIP_IF(NETLINK_ROUTE, 1),
        REFUSE(EAFNOSUPPORT),
        ALLOW,
        ALLOW,
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
        fail("system call filter", errno);
}
#endif
