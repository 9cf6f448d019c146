/** @file acked.h How far a TCP peer has come. On its own, since the kernel's header does not go with libc's. */
#pragma once

#include <stdint.h>

/** Bytes sent on the socket that its peer's kernel has acknowledged; 0 where it cannot be told. */
uint64_t acked_bytes(int fd);
