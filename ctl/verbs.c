/* The table of verbs: help, completion and did-you-mean come from here. */
#include "ctl/verbs.h"

#include "common/nearest.h"
#include "ctl/options.h"

#include <string.h>

#define SELECTION                                                                                  \
    "  --all             every task, or every one that passes the filter\n"                        \
    "  --yes             confirms --all\n"                                                         \
    "  --role R          only this role (again for more)\n"                                        \
    "  --state S[,S…]    only these states\n"                                                    \
    "  --label N=V       only with this label\n"                                                   \
    "  --prefix TEXT     only ids that begin so\n"                                                 \
    "  --open            only what has not ended\n"                                                \
    "  --subtree         and all that depends on them\n"                                           \
    "  --dry-run         only list what would change, with a token that confirms it\n"             \
    "  --confirm TOKEN   refuse (conflict) if it would reach something else by now\n"              \
    "  --reason TEXT     for the journal and for others\n"

#define FILTER                                                                                     \
    "  --role R          only this role (again for more)\n"                                        \
    "  --state S[,S…]    only these states\n"                                                    \
    "  --label N=V       only with this label\n"                                                   \
    "  --prefix TEXT     only ids that begin so\n"                                                 \
    "  --open            only what has not ended\n"

#define MEASURE "  --measure N=V     a number of the attempt so far: tokens=1200, coverage=83.5%\n"

#define DEPENDENCY                                                                                 \
    "  --role R          only this role (again for more)\n"                                        \
    "  --label N=V       only with this label\n"                                                   \
    "  --prefix TEXT     only ids that begin so\n"

#define SPEC                                                                                       \
    "  --role R          infra, backend, frontend, realtime, integration, testing\n"               \
    "  --title TEXT      one line for people\n"                                                    \
    "  --priority X      critical, high, medium (default), low\n"                                  \
    "  --deadline T      2025-08-12, 2025-08-12T18:00Z, +2h\n"                                     \
    "  --on-deadline X   nothing (default), expire, cancel, escalate\n"                            \
    "  --not-before T    earliest start\n"                                                         \
    "  --estimate D      expected run time\n"                                                      \
    "  --after ID[:CONDITION][:POLICY]  success (default), finished, failed, started;\n"           \
    "                    hold (default), abort, ignore; 'A|B' are alternatives; again for more\n"  \
    "                    signal:NAME and decision:NAME wait for a card in force\n"                 \
    "  --resource NAME[=N|:shared]  claims all of it, N units, or a share; again for more.\n"      \
    "                     path:DIR/** or path:FILE reserves that part of the work tree\n"          \
    "  --label N=V       again for more\n"                                                         \
    "  --prompt TEXT     for the agent's standard input; - reads it from ours\n"                   \
    "  --prompt-file F   the same from a file\n"                                                   \
    "  --max-attempts N  attempts that may fail (3)\n"                                             \
    "  --crash-limit N   workers that may be lost with it (3)\n"                                   \
    "  --backoff D       wait for another attempt, twice as long each time (30s)\n"                \
    "  --backoff-cap D   longest of these waits (30m)\n"                                           \
    "  --max-runtime D   longest run (also --timeout-run); else the worker's\n"                    \
    "  --idle D          longest silence of the agent; else the worker's\n"                        \
    "  --lease D         its worker may be silent for so long (5m)\n"                              \
    "  --stall D         so long without progress is told as stalled (20m)\n"                      \
    "  --approval yes|no done only when somebody has approved it; else as the role says\n"         \
    "  --review-within D how long that may take before it is told (24h)\n"                         \
    "  --preemptible yes|no  no: makes way for no incident\n"

#define PLAN                                                                                       \
    "  --format X        baton, wfformat, beads, edges, jobs, groups, lines; else by content\n"    \
    "  --role R          of tasks without one: a role, or spread over the six\n"                   \
    "  --role-map FILE   lines PATTERN ROLE, asked first\n"                                        \
    "  --dangling X      tasks that a data format does not have: wait, drop, error; else by "      \
    "format\n"                                                                                     \
    "  --with-closed     tasks that a format calls closed too\n"                                   \
    "  --zone Z          of times without one (IANA name)\n"                                       \
    "  --strict          dependencies that are not known are errors\n"

static const char apply_usage[] = "FILE… [OPTION…]\n"
                                  "  --dry-run         only say what would change\n"
                                  "  --no-update       refuse other content of tasks that exist\n"
                                  "  --close           close the projects of these tasks with it\n"
                                  "  --wait            then wait for these tasks\n" PLAN
                                  "Whole or not at all; applying it again changes what differs.";

static const char check_usage[] = "FILE… [OPTION…]\n" PLAN;

static const char add_usage[] =
    "[NEW-ID] --role R [OPTION…] [-- COMMAND…]\n" SPEC
    "  --check LINE      shell line that proves the task done by ending with 0\n"
    "  --env N=V         for the agent; again for more\n"
    "  --workdir DIR     below the worker's own\n"
    "  --payload-file F  opaque data\n"
    "  --milestone       no work: done when all it depends on is\n"
    "  --held            waits for `baton release`\n"
    "  --unique-key K    one live task of the project has it\n"
    "  --unique-window D or one that was added so recently\n"
    "  --on-conflict X   reject (default), existing, replace, raise, attach\n"
    "  --fairness-key K  shares a role evenly among keys\n"
    "  --strict          refuse dependencies that are not known\n"
    "  --update          change the task if it exists\n"
    "  --dry-run         only say what would happen\n"
    "Prints the id. Inside an agent (BATON_TOKEN) the task becomes its child.";

static const char wait_usage[] =
    "ID… | --all | --project P [OPTION…]\n"
    "  --for X           done (default), terminal, started, state=STATE\n"
    "  --any             one of them is enough\n"
    "  --timeout D       give up with status 75 (never)\n" FILTER
    "Status 0: all as wanted; 1: one failed, was cancelled, …; 75: the time is over.\n"
    "Only --project: until that plan is closed and all of its tasks have ended.\n"
    "With --for terminal it waits for all to end and then says 0 if all are done.";

static const char set_usage[] =
    "ID… OPTION… [-- COMMAND…]\n" SPEC "  --dry-run         only list what would change\n"
    "  --reason TEXT     for the journal\n"
    "\"none\" as value empties a deadline, a start, dependencies, resources, labels.";

#define SCOPE                                                                                      \
    "--broker | --role R | --project P | --resource NAME | --worker W\n"                           \
    "| --submitter NAME [OPTION…]\n"                                                             \
    "  --submitter NAME  what that actor added\n"

static const char pause_usage[] = SCOPE
    "  --until T         ends by itself\n"
    "  --reason TEXT     for the journal and for others\n"
    "  --force           a worker that has never been here, too\n"
    "Running work goes on.";

static const char resume_usage[] = SCOPE "  --reason TEXT     for the journal and for others";

static const char drain_usage[] =
    "--broker | --role R | --worker W [OPTION…]\n"
    "  --until T         ends by itself\n"
    "  --reason TEXT     for the journal and for others\n"
    "  --force           a worker that has never been here, too\n"
    "Running work goes on; a drained broker takes no new tasks either.";

static const char graph_usage[] =
    "[text|mermaid|dot] [OPTION…]\n"
    "  --full            text: a line a task, not a line a level\n"
    "  --from ID         only what comes after this task\n"
    "  --to ID           only what this task needs\n"
    "  --around ID       both\n"
    "  --depth N         that many steps at most (all)\n"
    "  --limit N         draw N tasks at most (mermaid: 500; 0: all)\n"
    "  --format X        the same as the argument: text, mermaid, dot\n"
    "  --archived        and those that left the memory\n" FILTER;

static const char take_usage[] = "--role R [OPTION…]\n"
                                 "  --wait D          wait for work (not at all)\n"
                                 "  --task ID         only this one\n"
                                 "  --lease D         for how long (30m)\n"
                                 "  --worker NAME     who takes it\n"
                                 "Status 75: nothing to take. Set BATON_TOKEN to the token.";

static const char handoff_usage[] =
    "give [FILE] [OPTION…] | list [OPTION…] | show N | accept N [TEXT] | reject N REASON\n"
    "give (prints the number): FILE (-: standard input) has one handoff: or handoff_template:\n"
    "  --task ID         whose work it hands on; an agent's own task by itself\n"
    "  --from R  --to R  roles; from that of the task\n"
    "  --completed TEXT  --ready TEXT  --blocker TEXT  --next TEXT\n"
    "                    lines of it; each may be said again\n"
    "  --artifact PATH[=DESCRIPTION]\n"
    "  --notes TEXT\n"
    "list:\n"
    "  --all             answered ones too\n"
    "  --role R  --task ID\n"
    "A task that depends on it and ends done without a word has accepted it.";

static const char signal_usage[] =
    "raise NAME | withdraw NAME [WHY] | list\n"
    "raise:\n"
    "  --text TEXT       more about it\n"
    "  --task ID         the task that has it ready; an agent's own by itself\n"
    "list:\n"
    "  --all             the withdrawn ones too\n"
    "Tasks wait for it with after: signal:NAME. \"Database Ready\" and database-ready are one\n"
    "name. It stays until it is withdrawn; a handoff raises what it says to be ready.";

static const char blocker_usage[] =
    "raise TITLE | list | show N | take N | resolve N [OUTCOME] | withdraw N [OUTCOME]\n"
    "raise (prints the number):\n"
    "  --task ID         what it blocks: a task,\n"
    "  --role R          everything of a role,\n"
    "  --whole-project   or everything of the project; an agent's own task by itself\n"
    "  --text TEXT       more about it\n"
    "  --severity X      P0, P1, P2, P3\n"
    "  --owner NAME      who is to clear it: a role or a person\n"
    "  --due T           by when (in 4h)\n"
    "list:\n"
    "  --all             the ended ones too\n"
    "  --role R  --task ID\n"
    "take:\n"
    "  --owner NAME      who; you, if not said\n"
    "What is blocked is not offered to workers; work that runs goes on.";

static const char decision_usage[] =
    "propose NAME --title TEXT [OPTION…] | review NAME approve|object [TEXT]\n"
    "| decide NAME OUTCOME | withdraw NAME [REASON] | list | show NAME\n"
    "NAME may also be #NUMBER. All that say something:\n"
    "  --role R          for which role you speak; an agent's own by itself\n"
    "propose:\n"
    "  --area A          its rule says who reviews and who decides (`baton rules list area`)\n"
    "  --owner WHO       who decides, without an area: a role or a person\n"
    "  --reviewer WHO    who else is asked; again for more\n"
    "  --text TEXT       the question at length\n"
    "  --option NAME[=TEXT]  what could be decided; again for more\n"
    "  --due T           until when reviews are awaited (24h)\n"
    "  --supersedes N    a decision of another name that this one replaces; again for more\n"
    "  --tech            it belongs to the tech choices\n"
    "decide, withdraw:\n"
    "  --force           against the decision maker: recorded as an override\n"
    "list:\n"
    "  --all             the ended ones too\n"
    "A newer decision supersedes the one in force that has its name.";

static const char reserve_usage[] =
    "NAME… [OPTION…] | list | show N | release N [WHY] | check PATH…\n"
    "NAME… (prints the number): a resource, NAME=N units of it, path:DIR/** or path:FILE;\n"
    "`make NAME…` where a name is one of these words\n"
    "  --for D           for how long; else until it is released\n"
    "  --until T\n"
    "  --shared          with others that share it\n"
    "  --reason TEXT     one line for those who wait\n"
    "  --text TEXT  --role R  --owner NAME\n"
    "list:\n"
    "  --all             the ended ones too\n"
    "check (for commit and push hooks): is a path another's?\n"
    "  --names           names of resources instead of paths\n"
    "  --token T         which task asks (BATON_TOKEN)\n"
    "Status 0: all are free, or the asker's own; 1: some are not, and whose.\n"
    "Nobody is given what is reserved; what is held can't be reserved: to wait, add a task that\n"
    "claims it. Made by an agent, it ends with the agent's lease.";

static const char schedule_usage[] =
    "set NAME --when RULE | list | show NAME | next NAME | run NAME\n"
    "| pause NAME [REASON] | resume NAME | remove NAME\n"
    "set (changes it if it is there):\n"
    "  --when RULE       \"0 9 * * 1-5\" (cron), \"every 4h\", \"daily 9:00\", \"weekdays 9 AM\",\n"
    "                    \"weekly Monday 10:00\", \"monthly 1 9:00\", \"hourly\"\n"
    "  --zone Z          IANA name of its times; the broker's, if not said\n"
    "  --overlap X       when the one before still runs: skip (default), queue, cancel-old,\n"
    "                    allow\n"
    "  --missed X        while the broker was away: run-once (default), skip, all:N\n"
    "  --jitter D        each comes later by at most so much (0)\n"
    "  --start T  --end T\n"
    "  --within D        deadline of each occurrence, from its time\n"
    "  --report X        what is due then, for whoever watches: daily, weekly, success,\n"
    "                    milestones, final\n"
    "  --dry-run         show when it would come next, and change nothing\n"
    "  --text TEXT  --env N=V  --workdir DIR\n" SPEC
    "  -- COMMAND…       the task; with nothing of a task it is only told\n"
    "next:\n"
    "  --number N  --from T\n"
    "run (now, or what came due in a time):\n"
    "  --from T  --to T\n"
    "pause:\n"
    "  --until T         ends by itself";

static const char incident_usage[] =
    "open P0|P1|P2|P3 --title TEXT [OPTION…] | acknowledge N | amend N OPTION…\n"
    "| resolve N CAUSE | list | show N | postmortem N\n"
    "open (prints the number):\n"
    "  --text TEXT       more about it\n"
    "  --area A          its owner answers, its decision maker is the next rung\n"
    "  --role R          or this role owns it\n"
    "  --task ID         or the role of this task; an agent's own by itself\n"
    "acknowledge:\n"
    "  --role R          only for this role; an agent for its own\n"
    "amend:\n"
    "  --severity X      P0, P1, P2, P3\n"
    "  --title TEXT  --text TEXT\n"
    "resolve:\n"
    "  --follow-up ID    a task that comes of it; again for more\n"
    "list:\n"
    "  --all             the ended ones too\n"
    "Each role that the level names (`baton rules list level`) gets a task at the head of its\n"
    "queue; whoever starts it has answered. What is not answered in time is escalated.";
static const char budget_usage[] =
    "set NAME LIMIT… | list | show NAME | remove NAME\n"
    "LIMIT is OF=AMOUNT: tokens=2000000, cost_usd=50, any measure; time=8h; tasks=100\n"
    "set:\n"
    "  --task ID  --role R   whose; else everything of the project\n"
    "  --everywhere      in every project\n"
    "  --day             begins anew each day (UTC)\n"
    "  --hard            stops what runs when it is used up\n"
    "  --reserve OF=AMOUNT   what a running task is expected to use\n"
    "  --owner NAME      who may raise it\n"
    "  --title TEXT\n"
    "When it is spent nothing more is given out; what runs may end. Status 1 of show: it is spent.";

static const char status_usage[] =
    "[set --role R --text TEXT [OPTION…]]\n"
    "Also what each role does (with --project in that project), how far it is, what is in its "
    "way.\n"
    "set: a role's own word, beside what its tasks report:\n"
    "  --role R          whose; an agent's own by itself (BATON_ROLE)\n"
    "  --text TEXT       what it does\n"
    "  --details TEXT    more about it\n"
    "  --progress N      percent\n"
    "  --next-update T   when it speaks again; a role that does not is stale";

const struct verb verbs[] = {
    {"apply", verb_apply, "Tasks", "Add or change the tasks of plan files", apply_usage},
    {"check", verb_check, "Tasks", "Check plan files without a broker", check_usage},
    {"add", verb_add, "Tasks", "Add one task", add_usage},
    {"list", verb_list, "Tasks", "List tasks",
     "[ID…] [OPTION…]\n" FILTER "  --archived        and those that left the memory\n"
     "  --limit N         at most (all)\n"
     "  --ids             only the names"},
    {"context", verb_context, "Tasks", "Print what an agent gets with a task",
     "[ID]\n"
     "The prompt; with --json what BATON_TASK_FILE has. Without ID: the agent's own task\n"
     "(BATON_TASK_ID, BATON_TOKEN)."},
    {"show", verb_show, "Tasks", "Show everything about one task", "ID"},
    {"why", verb_why, "Tasks", "Say why a task is in its state, and who can act", "ID"},
    {"wait", verb_wait, "Tasks", "Wait until tasks have ended", wait_usage},
    {"set", verb_set, "Tasks", "Change priority, deadline, dependencies, …", set_usage},
    {"graph", verb_graph, "Tasks", "Draw what waits for what", graph_usage},
    {"watch", verb_watch, "Tasks", "Print events as they happen",
     "[OPTION…]\n"
     "  --since N         from the event behind number N (from now on)\n"
     "  --task ID         only this task, and what of the board concerns it\n"
     "  --role R          only this role\n"
     "  --until-idle      end when nothing runs and no task will by itself;\n"
     "                    what a schedule adds later does not count"},
    {"export", verb_export, "Tasks", "Write every task as a line that apply reads",
     "[FILE] [OPTION…]\n"
     "  --archived        and those that left the memory\n" FILTER
     "Without FILE: to standard output."},
    {"cancel", verb_cancel, "Operators", "Cancel tasks",
     "ID… --reason TEXT [OPTION…]\n" SELECTION
     "  --grace D         until a running agent is ended (60s)"},
    {"retry", verb_retry, "Operators", "Give ended tasks new attempts",
     "ID… [OPTION…]\n" SELECTION},
    {"hold", verb_hold, "Operators", "Keep tasks from starting", "ID… [OPTION…]\n" SELECTION},
    {"release", verb_release, "Operators", "Let held tasks go on", "ID… [OPTION…]\n" SELECTION},
    {"reopen", verb_reopen, "Operators", "Do a done task again",
     "ID… [OPTION…]\n" SELECTION "  --force           even while a dependent runs"},
    {"approve", verb_approve, "Operators",
     "Say that work in review is done, or a parked task goes on",
     "ID… [OPTION…]\n" SELECTION
     "A parked task goes on whatever it waits for, and is told the reason."},
    {"refuse", verb_refuse, "Operators", "Send work in review back to be done again",
     "ID… --reason TEXT [OPTION…]\n" SELECTION
     "Whoever does it again is told the reason. Sent back too often (2) it has failed."},
    {"project", verb_project, "Operators", "Show a project, close it to new tasks, open it",
     "show|close|open [NAME] [OPTION…]\n"
     "  --reason TEXT     for the journal and for others\n"
     "A closed project is complete when all of its tasks have ended."},
    {"pause", verb_pause, "Operators", "Start nothing new", pause_usage},
    {"resume", verb_resume, "Operators", "End a pause or a drain", resume_usage},
    {"drain", verb_drain, "Operators", "Let running work end, take nothing new", drain_usage},
    {"status", verb_status, "Operators", "The broker on one screen, trouble first", status_usage},
    {"workers", verb_workers, "Operators", "List workers", ""},
    {"resources", verb_resources, "Operators", "List named resources, set capacities",
     "[NAME=CAPACITY…]"},
    {"config", verb_config, "Operators", "Show a daemon's configuration and where it is from",
     "[broker|worker] [OPTION…]\n"
     "  --effective       every key with its value (it does so anyway)\n"
     "  --check           only say whether it is good\n"
     "  --role R          of a worker: its role (again for more)\n"
     "  --config FILE     instead of the usual file"},
    {"ping", verb_ping, "Operators", "Is the broker there?", ""},
    {"web", verb_web, "Operators", "Serve health and metrics over HTTP, to this machine",
     "[OPTION…]\n"
     "  --listen ADDRESS  127.0.0.1:9464, or another port of the loopback; port 0: a free one\n"
     "Prints its address. / lists what there is; /metrics is for Prometheus."},
    {"backup", verb_backup, "Operators", "Copy the store while the broker runs",
     "PATH\nThe broker writes it, on its own machine; nothing may be there yet."},
    {"gc", verb_gc, "Operators", "Delete what the archive kept long enough",
     "[--dry-run]\n  --dry-run         only count it\nWithout being told the broker does so once a "
     "day."},
    {"schema", verb_schema, "Operators", "Print the tables that batond makes in PostgreSQL",
     "\nThe SQL of the numbered versions, as `batond --export on` runs it. Needs no broker."},
    {"ready", verb_ready, "Coordination", "List what may run now", "[ID…] [OPTION…]\n" DEPENDENCY},
    {"blocked", verb_blocked, "Coordination", "List what waits, for what, and who can act",
     "[ID…] [OPTION…]\n" DEPENDENCY "  --limit N         at most (200)\n"},
    {"mirror", verb_mirror, "Coordination", "Keep files of handoffs, status, decisions up to date",
     "DIR [OPTION…]\n"
     "  --once            write what differs and end\n"
     "DIR/handoffs, status, decisions, reports are written; DIR/inbox takes handoffs, "
     "blockers,\n"
     "decisions, incidents and signals. "
     "What a hand changed is kept as a conflict copy."},
    {"rules", verb_rules, "Coordination", "List the rules in force, or remove one",
     "list [KIND] | remove KIND NAME\n"
     "Kinds: area, level, target, role, schedule, budget. They are set by `baton apply`."},
    {"handoff", verb_handoff, "Coordination", "Hand work on, answer what was handed on",
     handoff_usage},
    {"signal", verb_signal, "Coordination", "Say that what others wait for is there", signal_usage},
    {"incident", verb_incident, "Coordination", "Call who must answer, until it is resolved",
     incident_usage},
    {"decision", verb_decision, "Coordination", "Propose, review and make decisions",
     decision_usage},
    {"blocker", verb_blocker, "Coordination", "Say what is in the way, and clear it",
     blocker_usage},
    {"report", verb_report, "Coordination", "Write a report: Markdown, JSON, or a page of HTML",
     "daily|weekly|success|milestones|final [OPTION…]\n"
     "  --since T  --until T   its time; else the last day, the last week, everything\n"
     "  --zone Z          of the times in it (the broker's)\n"
     "  --html FILE       one page without script; the file must not exist"},
    {"budget", verb_budget, "Coordination", "Set how much may be used, and see what is left",
     budget_usage},
    {"metrics", verb_metrics, "Coordination", "Say how well the roles do, against the targets",
     "[OPTION…]\n"
     "  --window D        1d, 7d (default), 30d, up to 31d; all\n"
     "  --role R          only this role (again for more)\n"
     "Status 1: a target is missed."},
    {"milestones", verb_milestones, "Coordination",
     "How far each milestone is, and what holds it up",
     "[OPTION…]\n"
     "  --all             points at which a phase comes together, too\n"
     "Standing: done, ended, blocked, late, at_risk, on_track, open (it has no deadline).\n"
     "Status 1: there is none."},
    {"reserve", verb_reserve, "Coordination", "Take a resource by hand, for a time", reserve_usage},
    {"schedule", verb_schedule, "Coordination", "Work that recurs: cron, every, daily 9:00",
     schedule_usage},
    {"take", verb_take, "Agents", "Take one task", take_usage},
    {"started", verb_started, "Agents", "Say that the work has begun", "[--token T]"},
    {"progress", verb_progress, "Agents", "Say how far it is, and keep the lease",
     "PERCENT TEXT… [OPTION…]\n"
     "  --token T         which task (BATON_TOKEN)\n"
     "  --next-update T   when the next word comes\n"
     "  --extend D        keep the lease this long\n" MEASURE
     "Prints \"stop\" when the task is to be cancelled."},
    {"complete", verb_complete, "Agents", "End the task as done",
     "[TEXT…] [OPTION…]\n"
     "  --token T         which task (BATON_TOKEN)\n"
     "  --summary TEXT    one line for those who come after\n"
     "  --result FILE     JSON for those who come after; - reads it from standard input\n"
     "  --handoff FILE    gives this handoff with the end: both, or neither; as of `baton handoff\n"
     "                    give`\n" MEASURE},
    {"fail", verb_fail, "Agents", "End the attempt as failed",
     "TEXT… [OPTION…]\n"
     "  --token T         which task (BATON_TOKEN)\n"
     "  --fatal           another attempt is useless\n"
     "  --retry-after D   a provider's limit: not before, and it does not count\n"
     "  --cancelled       the task was to be cancelled, and the work has ended\n"
     "  --result FILE     JSON about it\n" MEASURE},
    {"lock", verb_lock, "Agents", "Take a resource while the task runs, or look whose it is",
     "try NAME | wait NAME | release NAME | check NAME [OPTION…]\n"
     "  --shared          with others that share it\n"
     "  --amount N        units of it; else all\n"
     "  --for D           wait: at most so long (5m)\n"
     "  --token T         which task (BATON_TOKEN); check needs none\n"
     "NAME is a resource or path:DIR/FILE. Who waits asks in the order of names.\n"
     "Status 0: yes; 1: no, and who holds it; 75: the wait is over."},
    {"park", verb_park, "Agents", "Give the task back until something is there; no attempt counts",
     "[TEXT…] --for WHAT [OPTION…]\n"
     "  --for WHAT        blocker (raises one, with the text as its title), blocker:N,\n"
     "                    signal:NAME, decision:NAME, approval, or children: the tasks it added\n"
     "  --token T         which task (BATON_TOKEN)\n"
     "  --result FILE     JSON for the next attempt"},
    {"return", verb_return, "Agents", "Give the task back undone; the attempt does not count",
     "[TEXT…] [OPTION…]\n"
     "  --token T         which task (BATON_TOKEN)\n"
     "  --retry-after D   not before\n" MEASURE},
    {"check-token", verb_check_token, "Agents", "Is this token the task's live lease?",
     "[TOKEN]\n"
     "The token of BATON_TOKEN, if none is given; it renews nothing.\n"
     "Status 0: yes; 1: no. For hooks and scripts that must not run for a task that was given "
     "away."},
    {"completion", verb_completion, "Other", "Print completion for a shell",
     "bash|zsh|fish | words [WORD…]\n"
     "words: what may stand in place of the last WORD behind `baton`; the scripts ask it."},
    {"help", verb_help, "Other", "Say how a verb is written", "[VERB]"},
    {"version", verb_version, "Other", "Print the version", ""},
    {0},
};

const struct verb *
verb_find(const char *name)
{
    for (const struct verb *verb = verbs; verb->name; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

const struct verb *
verb_nearest(const char *name)
{
    const char *names[ARRAY_LEN(verbs)];
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        names[i] = verbs[i].name; /* the last is NULL */
    }
    const char *nearest = nearest_word(name, names);
    return nearest ? verb_find(nearest) : NULL;
}
