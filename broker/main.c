/* batond: see docs/man/batond.8.scd. */
#include "broker/front/loop.h"
#include "broker/front/options.h"
#include "common/streams.h"

int
main(int argc, char **argv)
{
    streams_reserve();
    struct options options;
    int status = options_read(argc, argv, &options);
    status = status >= 0 ? status : front_run(&options);
    options_fini(&options);
    return status;
}
