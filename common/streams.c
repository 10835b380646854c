/* Standard streams that are closed. */
#include "common/streams.h"

#include "common/check.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void
streams_reserve(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            /* The wrong way round on purpose: to use a stream that nobody gave is an error. */
            int got = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
            CHECK(got == fd);
        }
    }
}
