/* baton started, progress, complete, fail, return: what the holder of a lease says of its task. */
#include "common/text.h"
#include "ctl/agent.h"
#include "ctl/file.h"
#include "ctl/handoff_form.h"
#include "ctl/measures.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_TOKEN = 256,
    OPTION_NEXT_UPDATE,
    OPTION_SUMMARY,
    OPTION_RESULT,
    OPTION_FATAL,
    OPTION_RETRY_AFTER,
    OPTION_CANCELLED,
    OPTION_EXTEND,
    OPTION_MEASURE,
    OPTION_FOR,
    OPTION_HANDOFF,
};

/* What the command line said. */
struct form {
    uint64_t token;
    const char *token_text;
    struct baton_result result;
    int64_t next_update_at;
    int64_t extend_ms;
    const char *result_path;
    char *document; /* ours */
    char *words;    /* the arguments joined by blanks; ours */
    struct measures_said measures;
    char *handoff_path;
    struct handoff_form handoff;
};

static bool
take_option(struct form *form, struct ctl *ctl, int option)
{
    switch (option) {
    case OPTION_TOKEN:
        form->token_text = optarg;
        return true;
    case OPTION_NEXT_UPDATE:
        return ctl_take_time(ctl, "--next-update", optarg, &form->next_update_at);
    case OPTION_SUMMARY:
        form->result.summary = optarg;
        return true;
    case OPTION_RESULT:
        form->result_path = optarg;
        return true;
    case OPTION_FATAL:
        form->result.outcome = BATON_OUTCOME_FATAL;
        return true;
    case OPTION_CANCELLED:
        form->result.outcome = BATON_OUTCOME_CANCELLED;
        return true;
    case OPTION_RETRY_AFTER:
        if (form->result.outcome == BATON_OUTCOME_FAILED) {
            form->result.outcome = BATON_OUTCOME_RATE_LIMITED;
        }
        return ctl_take_duration(ctl, "--retry-after", optarg, &form->result.retry_after_ms);
    case OPTION_MEASURE:
        return measures_take_text(&form->measures, ctl, optarg);
    case OPTION_FOR:
        form->result.wait_for = optarg;
        return true;
    case OPTION_HANDOFF:
        form->handoff_path = optarg;
        return true;
    case OPTION_EXTEND:
        return ctl_take_duration(ctl, "--extend", optarg, &form->extend_ms);
    default:
        return false;
    }
}

static char *
join(int n, char **words)
{
    size_t bytes = 1;
    for (int i = 0; i < n; i++) {
        bytes += strlen(words[i]) + 1;
    }
    char *joined = calloc(1, bytes);
    CHECK(joined);
    for (int i = 0; i < n; i++) {
        strcat(strcat(joined, i ? " " : ""), words[i]);
    }
    return joined;
}

/* Reads the options; what is left of the arguments begins at optind. */
static bool
read_options(struct form *form, struct ctl *ctl, int argc, char **argv,
             const struct option *options)
{
    for (int option; (option = ctl_getopt(ctl, argc, argv, "", options)) != -1;) {
        if (option == '?' || !take_option(form, ctl, option)) {
            return false;
        }
    }
    return agent_token(ctl, form->token_text, &form->token);
}

/* One line of text from the arguments, in form->words. */
static bool
take_words(struct form *form, struct ctl *ctl, int n, char **words)
{
    form->words = join(n, words);
    if (!prose_is_valid(form->words, TITLE_BYTES_MAX)) {
        ctl_fail(ctl, CTL_DATA, "invalid", NULL,
                 "the text is not UTF-8 without control characters of at most %d bytes",
                 TITLE_BYTES_MAX);
        return false;
    }
    return true;
}

static void
form_fini(struct form *form)
{
    free(form->document);
    free(form->words);
    handoff_form_fini(&form->handoff);
}

/* Tells what the broker said of the task; "stop" is the one word an agent must see. */
static int
answer(struct ctl *ctl, const struct form *form, baton_status status,
       const struct baton_line_reply *reply)
{
    if (status == BATON_NOT_FOUND) {
        return ctl_fail(ctl, CTL_NO, baton_status_name(status),
                        "`baton take` and the worker (BATON_TOKEN) give tokens; of a task that "
                        "ended long ago nothing can be told any more",
                        "%s", baton_error(ctl->baton));
    }
    if (status != BATON_OK) {
        return ctl_fail_status(ctl, status);
    }
    if (ctl->json) {
        json_t *object = json_object();
        json_object_set_new(object, "state", ctl_json_text(baton_state_name(reply->state)));
        json_object_set_new(object, "stop", json_boolean(reply->stop));
        /* It is the name of the environment's own token. */
        const char *id = form->token_text ? NULL : getenv("BATON_TASK_ID");
        json_object_set_new(object, "id", id && id[0] ? ctl_json_text(id) : json_null());
        ctl_print_json(ctl, object);
    } else if (reply->stop) {
        ctl_print(ctl, "stop: the task is to be cancelled; end the work, then say "
                       "`baton fail --cancelled TEXT`\n");
    }
    return CTL_YES;
}

int
verb_started(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {{"token", required_argument, NULL, OPTION_TOKEN}, {0}};
    struct form form = {0};
    if (!read_options(&form, ctl, argc, argv, options)) {
        return ctl->status;
    }
    if (optind < argc) {
        return ctl_usage(ctl, "%s was not expected", argv[optind]);
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    struct baton_line_reply reply = {0};
    baton_status said = baton_started(ctl->baton, form.token, &reply);
    return answer(ctl, &form, said, &reply);
}

int
verb_progress(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"token", required_argument, NULL, OPTION_TOKEN},
        {"next-update", required_argument, NULL, OPTION_NEXT_UPDATE},
        {"extend", required_argument, NULL, OPTION_EXTEND},
        {"measure", required_argument, NULL, OPTION_MEASURE},
        {0},
    };
    struct form form = {0};
    uint64_t percent = 0;
    int status = CTL_YES;
    if (!read_options(&form, ctl, argc, argv, options)) {
        return ctl->status;
    }
    if (optind == argc) {
        return ctl_usage(ctl, "how far? Say a percentage and a few words: baton progress 60 TEXT");
    }
    if (!ctl_take_number(ctl, "percent", argv[optind], 100, &percent) ||
        !take_words(&form, ctl, argc - optind - 1, argv + optind + 1)) {
        status = ctl->status;
    } else if ((status = ctl_connect(ctl)) == CTL_YES) {
        struct baton_line_reply reply = {0};
        baton_status said = baton_progress_measured(ctl->baton, form.token, (uint32_t)percent,
                                                    form.words, form.next_update_at,
                                                    form.measures.list, form.measures.n, &reply);
        if (said == BATON_OK && form.extend_ms) {
            said = baton_beat(ctl->baton, form.token, form.extend_ms, &reply);
        }
        status = answer(ctl, &form, said, &reply);
    }
    form_fini(&form);
    return status;
}

/* The result file must be JSON: what is not would be lost on everybody who reads it. */
static bool
take_document(struct form *form, struct ctl *ctl)
{
    if (!form->result_path) {
        return true;
    }
    size_t bytes;
    form->document = ctl_read_file(ctl, form->result_path, DOCUMENT_BYTES_MAX, &bytes);
    if (!form->document) {
        return false;
    }
    json_error_t error;
    json_t *document = json_loadb(form->document, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!document) {
        ctl_fail(ctl, CTL_DATA, "invalid", "a result file is one JSON object or array", "%s:%d: %s",
                 form->result_path, error.line, error.text);
        return false;
    }
    bool ok = measures_take_json(&form->measures, ctl, document);
    json_decref(document);
    form->result.document = form->document;
    form->result.document_bytes = bytes;
    return ok;
}

/* The handoff that is given with the end, or not at all. */
static bool
take_handoff(struct form *form, struct ctl *ctl)
{
    if (!form->handoff_path) {
        return true;
    }
    if (strcmp(form->handoff_path, "-") == 0 && form->result_path &&
        strcmp(form->result_path, "-") == 0) {
        ctl->status = ctl_usage(ctl, "--result and --handoff can't both be standard input");
        return false;
    }
    form->handoff.card.kind = BATON_CARD_HANDOFF;
    ctl->status = handoff_form_load(&form->handoff, ctl, form->handoff_path);
    if (ctl->status == CTL_YES) {
        form->result.handoff = handoff_form_settle(&form->handoff);
    }
    return ctl->status == CTL_YES;
}

/* The end of an attempt, however it ended. */
static int
end(struct ctl *ctl, int argc, char **argv, const struct option *options, baton_outcome outcome)
{
    struct form form = {.result.outcome = outcome};
    int status = CTL_YES;
    if (!read_options(&form, ctl, argc, argv, options) || !take_handoff(&form, ctl) ||
        !take_document(&form, ctl) || !take_words(&form, ctl, argc - optind, argv + optind)) {
        status = ctl->status;
    } else if (outcome == BATON_OUTCOME_PARKED && !form.result.wait_for) {
        status = ctl_usage(ctl, "what does it wait for? --for blocker, blocker:N, signal:NAME, "
                                "decision:NAME, approval or children");
    } else if (outcome == BATON_OUTCOME_FAILED && !form.words[0] && !form.result.summary) {
        status = ctl_usage(ctl, "say in a few words why it failed");
    } else if ((status = ctl_connect(ctl)) == CTL_YES) {
        struct baton_line_reply reply = {0};
        form.result.summary = form.result.summary ? form.result.summary : form.words;
        form.result.output_tail = "";
        form.result.measures = form.measures.list;
        form.result.n_measures = form.measures.n;
        status = answer(ctl, &form, baton_complete(ctl->baton, form.token, &form.result, &reply),
                        &reply);
    }
    form_fini(&form);
    return status;
}

int
verb_complete(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"token", required_argument, NULL, OPTION_TOKEN},
        {"summary", required_argument, NULL, OPTION_SUMMARY},
        {"result", required_argument, NULL, OPTION_RESULT},
        {"handoff", required_argument, NULL, OPTION_HANDOFF},
        {"measure", required_argument, NULL, OPTION_MEASURE},
        {0},
    };
    return end(ctl, argc, argv, options, BATON_OUTCOME_DONE);
}

int
verb_fail(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"token", required_argument, NULL, OPTION_TOKEN},
        {"result", required_argument, NULL, OPTION_RESULT},
        {"measure", required_argument, NULL, OPTION_MEASURE},
        {"fatal", no_argument, NULL, OPTION_FATAL},
        {"cancelled", no_argument, NULL, OPTION_CANCELLED},
        {"retry-after", required_argument, NULL, OPTION_RETRY_AFTER},
        {0},
    };
    return end(ctl, argc, argv, options, BATON_OUTCOME_FAILED);
}

int
verb_park(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"token", required_argument, NULL, OPTION_TOKEN},
        {"for", required_argument, NULL, OPTION_FOR},
        {"result", required_argument, NULL, OPTION_RESULT},
        {0},
    };
    return end(ctl, argc, argv, options, BATON_OUTCOME_PARKED);
}

int
verb_return(struct ctl *ctl, int argc, char **argv)
{
    static const struct option options[] = {
        {"token", required_argument, NULL, OPTION_TOKEN},
        {"retry-after", required_argument, NULL, OPTION_RETRY_AFTER},
        {"measure", required_argument, NULL, OPTION_MEASURE},
        {0},
    };
    return end(ctl, argc, argv, options, BATON_OUTCOME_RELEASED);
}
