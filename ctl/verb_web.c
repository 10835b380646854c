/* baton web: health and metrics of the broker over HTTP, for this machine. */
#include "common/log.h"
#include "ctl/web/web.h"

#include <signal.h>
#include <string.h>

enum { OPTION_LISTEN = 256 };

static const struct option options[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {0},
};

/* Until somebody wants it to end; the server has a thread of its own. */
static int
wait_for_end(const sigset_t *signals)
{
    for (;;) {
        int number;
        CHECK(sigwait(signals, &number) == 0);
        if (!log_take_signal(number) && number != SIGHUP) {
            return number;
        }
    }
}

static void
tell_url(struct ctl *ctl, const struct web *web)
{
    if (ctl->json) {
        ctl_print_json(ctl, json_pack("{s:s}", "url", web->url));
    } else {
        ctl_print(ctl, "%s\n", web->url);
    }
    fflush(ctl->out);
}

static int
serve(struct ctl *ctl, const char *listen)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    char error[512];
    if (!web_address_parse(listen, &address, &bytes, error, sizeof error)) {
        return ctl_fail(ctl, CTL_CONFIG, "bad_argument", NULL, "--listen %s: it %s", listen, error);
    }
    if (ctl->options.timeout_ms == 0) {
        ctl->options.timeout_ms = WEB_ANSWER_MS;
    }
    /* Before there are other threads: these have them blocked too. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    log_add_signals(&signals);
    CHECK(sigprocmask(SIG_BLOCK, &signals, NULL) == 0);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct web web = {.ctl = ctl, .fd = -1};
    if (web_start(&web, &address, bytes, error, sizeof error)) {
        log_event(LOG_LEVEL_NOTICE, "web.serving", "url=%s", web.url);
        tell_url(ctl, &web);
        int number = wait_for_end(&signals);
        log_event(LOG_LEVEL_NOTICE, "web.stopped", "signal=%d", number);
    } else {
        status = ctl_fail(ctl, CTL_LATER, "busy", "--listen names another address",
                          "can't listen on %s: %s", listen, error);
    }
    web_stop(&web);
    return status;
}

int
verb_web(struct ctl *ctl, int argc, char **argv)
{
    const char *listen = "127.0.0.1:9464";
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?') {
            return ctl->status;
        }
        listen = optarg;
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    log_open("baton-web", LOG_LEVEL_INFO);
    return serve(ctl, listen);
}
