#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"

enum { FIRST = 3 };

/* Both ends included; an empty range is fine. */
static void close_range_or_fail(unsigned first, unsigned last)
{
    if (first <= last && syscall(SYS_close_range, first, last, 0U) != 0)
        fail("close inherited descriptors", errno);
}

void descriptors_close_inherited(int keep, int also)
{
    unsigned low = (unsigned)(keep < also ? keep : also), high = (unsigned)(keep < also ? also : keep);

    close_range_or_fail(FIRST, low - 1);
    close_range_or_fail(low + 1, high - 1);
    close_range_or_fail(high + 1, ~0U);
}

void descriptors_close_all(void)
{
    close_range_or_fail(FIRST, ~0U);
}

void descriptors_release_standard(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        fail("/dev/null", errno);
    close(null);
}
