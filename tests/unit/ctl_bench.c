#include "ctl_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int
bench_without_broker(void **state)
{
    (void)state;
    unsetenv("BATON_TOKEN");
    setenv("BATON_ENDPOINT", "ipc:///nonexistent/baton-test.sock", 1);
    return 0;
}

void
bench_init(struct bench *bench)
{
    *bench = (struct bench){0};
    bench->ctl = (struct ctl){
        .project = CTL_DEFAULT_PROJECT,
        .out = open_memstream(&bench->out, &bench->out_bytes),
        .err = open_memstream(&bench->err, &bench->err_bytes),
    };
    assert_non_null(bench->ctl.out);
    assert_non_null(bench->ctl.err);
}

const char *
bench_out(struct bench *bench)
{
    fflush(bench->ctl.out);
    return bench->out;
}

const char *
bench_err(struct bench *bench)
{
    fflush(bench->ctl.err);
    return bench->err;
}

json_t *
bench_out_json(struct bench *bench)
{
    json_error_t error;
    json_t *object = json_loads(bench_out(bench), 0, &error);
    if (!json_is_object(object)) {
        fail_msg("not one JSON object: %s", bench_out(bench));
    }
    return object;
}

int
bench_run(struct bench *bench, const char *const *words)
{
    char *argv[64];
    char *copies[64];
    int argc = 0;
    for (; words[argc]; argc++) {
        assert_true(argc < 63);
        argv[argc] = copies[argc] = strdup(words[argc]);
    }
    argv[argc] = NULL;
    const struct verb *verb = verb_find(words[0]);
    assert_non_null(verb);
    bench->ctl.verb = verb;
    optind = 0;
    int status = verb->run(&bench->ctl, argc, argv);
    baton_close(&bench->ctl.baton);
    for (int i = 0; i < argc; i++) {
        free(copies[i]);
    }
    return status;
}

void
bench_fini(struct bench *bench)
{
    baton_close(&bench->ctl.baton);
    fclose(bench->ctl.out);
    fclose(bench->ctl.err);
    free(bench->out);
    free(bench->err);
}

void
task_make(baton_task *task, baton_spec *spec, const char *id, baton_state state)
{
    *spec = (baton_spec){
        .id = id,
        .project = "default",
        .role = "backend",
        .title = "",
        .prompt = "",
        .workdir = "",
        .unique_key = "",
        .fairness_key = "",
        .traceparent = "",
    };
    *task = (baton_task){
        .spec = spec,
        .state = state,
        .worker = "",
        .reason_text = "",
        .progress_text = "",
        .actor = "",
        .aborted_by = {"", ""},
        .parent = {"", ""},
    };
}
