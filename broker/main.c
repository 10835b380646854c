/* batond: see docs/man/batond.8.scd. */
#include "broker/front/loop.h"
#include "broker/front/options.h"
#include "common/streams.h"

int
main(int argc, char **argv)
{
    streams_reserve();
    struct options options;
    int status = options_parse(argc, argv, &options);
    return status >= 0 ? status : front_run(&options);
}
