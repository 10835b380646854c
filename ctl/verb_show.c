/* baton show: everything about one task. */
#include "common/units.h"
#include "ctl/say.h"
#include "ctl/table.h"
#include "ctl/task_json.h"
#include "ctl/verbs.h"

#include <stdlib.h>
#include <string.h>

static const struct option options[] = {{0}};

static void
show_state(struct ctl *ctl, const baton_task *task)
{
    const baton_spec *spec = task->spec;
    const char *state = baton_state_name(task->state);
    char name[CTL_REF_ROOM];
    ctl_print(ctl, "%s", color_bold(ctl));
    ctl_print_text(ctl, ctl_ref_format(spec->project, spec->id, ctl->project, name));
    ctl_print(ctl, "%s  %s%s%s  ", color_end(ctl), color_of_state(ctl, state), state,
              color_end(ctl));
    ctl_print_text(ctl, spec->title);
    ctl_print(ctl, "\n");
    say(ctl, "reason", "%s%s%s", task->reason ? baton_reason_name(task->reason) : "",
        task->reason && task->reason_text[0] ? ": " : "", task->reason_text);
    say(ctl, "waits for", "%s", task->waits_for);
    say(ctl, "note", "%s", task->note);
    if (task->rework) {
        say(ctl, "sent back", "%u times", task->rework);
    }
    say(ctl, "approval", "%s", spec->approval ? "required" : "");
    say(ctl, "preemptible", "%s", spec->no_preempt ? "no" : "");
    say_duration(ctl, "review within", spec->review_ms);
    say_time(ctl, "review due", task->review_due);
    say(ctl, "project", "%s", spec->project);
    say(ctl, "role", "%s", spec->role[0] ? spec->role : spec->milestone ? "none (milestone)" : "");
    say(ctl, "priority", "%s", baton_priority_name(spec->priority ? spec->priority : BATON_MEDIUM));
    if (task->progress || task->progress_text[0]) {
        say(ctl, "progress", "%u%% %s", task->progress, task->progress_text);
    }
    say(ctl, "worker", "%s", task->worker);
    if (task->attempt) {
        say(ctl, "attempt", task->losses ? "%u (worker lost %u times)" : "%u", task->attempt,
            task->losses);
    }
}

static void
show_times(struct ctl *ctl, const baton_task *task)
{
    say_time(ctl, "added", task->created_at);
    say(ctl, "by", "%s", task->actor);
    say_time(ctl, "not before", task->spec->not_before);
    say_time(ctl, "ready", task->ready_at);
    say_time(ctl, "started", task->started_at);
    say_time(ctl, "ended", task->ended_at);
    say_time(ctl, "next", baton_state_is_terminal(task->state) ? 0 : task->next_at);
    say_time(ctl, "deadline", task->spec->deadline);
    if (task->spec->on_deadline) {
        say(ctl, "on deadline", "%s", baton_on_deadline_name(task->spec->on_deadline));
    }
    if (task->alert) {
        say(ctl, "alert", "%s", baton_alert_name(task->alert));
    }
    if (!task->started_at) {
        say_time(ctl, "latest start", task->latest_start);
    }
    say_duration(ctl, "estimate", task->spec->estimate_ms);
}

static void
show_ref(struct ctl *ctl, const char *name, const struct baton_ref *ref)
{
    char text[CTL_REF_ROOM];
    if (ref->id && ref->id[0]) {
        say(ctl, name, "%s", ctl_ref_format(ref->project, ref->id, ctl->project, text));
    }
}

static void
show_graph(struct ctl *ctl, const baton_task *task)
{
    const baton_spec *spec = task->spec;
    for (size_t i = 0; i < spec->n_after; i++) {
        const struct baton_edge *edge = &spec->after[i];
        const char *project = edge->project && edge->project[0] ? edge->project : spec->project;
        char text[CTL_REF_ROOM];
        say(ctl, i ? "" : "after", "%s%s%s%s%s",
            ctl_ref_format(project, edge->id, ctl->project, text), edge->condition ? ":" : "",
            edge->condition ? baton_condition_name(edge->condition) : "", edge->policy ? ":" : "",
            edge->policy ? baton_policy_name(edge->policy) : "");
    }
    for (size_t i = 0; i < task->n_dependents_named; i++) {
        show_ref(ctl, i ? "" : "before", &task->dependents[i]);
    }
    if (task->n_dependents > task->n_dependents_named) {
        say(ctl, "", "and %zu more", task->n_dependents - task->n_dependents_named);
    }
    show_ref(ctl, "aborted by", &task->aborted_by);
    show_ref(ctl, "added by task", &task->parent);
}

/* Words of a command, those with blanks in quotes: for reading, not for a shell. */
static void
show_words(struct ctl *ctl, const char *name, const char *const *words, size_t n)
{
    if (n == 0) {
        return;
    }
    ctl_print(ctl, "%-15s", name);
    for (size_t i = 0; i < n; i++) {
        bool quote = !words[i][0] || strpbrk(words[i], " \t\n\"'") != NULL;
        ctl_print(ctl, quote ? " '" : " ");
        ctl_print_text(ctl, words[i]);
        ctl_print(ctl, quote ? "'" : "");
    }
    ctl_print(ctl, "\n");
}

static void
show_work(struct ctl *ctl, const baton_spec *spec)
{
    for (size_t i = 0; i < spec->n_claims; i++) {
        const struct baton_claim *claim = &spec->claims[i];
        char amount[24] = "all of it";
        if (claim->amount) {
            snprintf(amount, sizeof amount, "%u", claim->amount);
        }
        say(ctl, i ? "" : "resources", "%s (%s%s)", claim->name, amount,
            claim->shared ? ", shared" : "");
    }
    for (size_t i = 0; i < spec->n_labels; i++) {
        say(ctl, i ? "" : "labels", "%s=%s", spec->labels[i].name, spec->labels[i].value);
    }
    show_words(ctl, "command", spec->command, spec->n_command);
    show_words(ctl, "check", spec->check, spec->n_check);
    for (size_t i = 0; i < spec->n_env; i++) {
        say(ctl, i ? "" : "env", "%s", spec->env[i]);
    }
    say(ctl, "workdir", "%s", spec->workdir);
    say_duration(ctl, "max runtime", spec->max_runtime_ms);
    say_duration(ctl, "idle limit", spec->idle_ms);
    say_block(ctl, "prompt", spec->prompt);
}

static void
show_result(struct ctl *ctl, const baton_task *task)
{
    const struct baton_result *result = &task->result;
    for (size_t i = 0; i < task->n_attempts; i++) {
        const struct baton_attempt *attempt = &task->attempts[i];
        char time[40];
        say(ctl, i ? "" : "attempts", "%u on %s, %s: %s%s%s", attempt->number, attempt->worker,
            attempt->started_at ? time_format(attempt->started_at, time, sizeof time) : "offered",
            attempt->outcome ? baton_outcome_name(attempt->outcome) : "not ended",
            attempt->summary[0] ? ", " : "", attempt->summary);
    }
    if (task->has_result) {
        say(ctl, "result", "%s, exit status %d%s%s", baton_outcome_name(result->outcome),
            result->exit_status, result->summary[0] ? ": " : "", result->summary);
        say_duration(ctl, "run time", result->runtime_ms);
        if (result->document_bytes) {
            char *document = strndup(result->document, result->document_bytes);
            CHECK(document);
            say_block(ctl, "result file", document);
            free(document);
        }
        say_block(ctl, "end of output", result->output_tail);
    }
    for (size_t i = 0; i < task->n_measures; i++) {
        const struct baton_task_measure *m = &task->measures[i];
        double total = m->before + (m->said ? m->value : 0);
        say(ctl, i ? "" : "measures", m->before != 0 ? "%s %g %s (%g in all attempts)" : "%s %g %s",
            m->name, m->said ? m->value : 0, m->unit, total);
    }
    for (size_t i = 0; i < task->n_orphans; i++) {
        say(ctl, "late result", "%s from %s: %s (kept, without effect)",
            baton_outcome_name(task->orphans[i].result.outcome), task->orphans[i].worker,
            task->orphans[i].result.summary);
    }
    if (task->purged) {
        say(ctl, "archived", "its record was purged; its outcome is all that is left");
    } else if (task->archived) {
        say(ctl, "archived", "yes");
    }
}

int
verb_show(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc - optind != 1) {
        return ctl_usage(ctl, "which task? Name one");
    }
    struct ctl_ref ref;
    if (!ctl_take_ref(ctl, argv[optind], &ref)) {
        return ctl->status;
    }
    int status = ctl_connect(ctl);
    if (status != CTL_YES) {
        return status;
    }
    baton_task *task = NULL;
    baton_status answer = baton_get(ctl->baton, (struct baton_ref){ref.project, ref.id}, &task);
    if (answer != BATON_OK) {
        return ctl_fail_status(ctl, answer);
    }
    if (ctl->json) {
        ctl_print_json(ctl, task_json_whole(task));
    } else {
        show_state(ctl, task);
        show_times(ctl, task);
        show_graph(ctl, task);
        show_work(ctl, task->spec);
        show_result(ctl, task);
    }
    baton_task_free(task);
    return CTL_YES;
}
