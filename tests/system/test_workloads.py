"""Task graphs that nobody here wrote, through `baton apply` to their end: each task once, none before
what it depends on, as workers and the feed of events saw it. And true cycles, which are refused whole.

The files are read where they are ($BATON_SHARED/workloads, default ../shared); a test whose file is
not there is skipped, and says so. What depends on what is read here a second time, by other code."""

import json
import os
import pathlib
import time
import unittest

from harness import ROOT, SLOWNESS, Process, SystemTest, program, wait_until
from history import History
from load import LoadThread
from messages import task, wire
from protocol_client import NoAnswer, Refused, Worker

SHARED = pathlib.Path(os.environ.get("BATON_SHARED") or ROOT.parent / "shared")
ROLES = ("infra", "backend", "frontend", "realtime", "integration", "testing")
APPLY_S = 60
RUN_S = 150


# -- the files: id -> ids of what it depends on --


def read_wfformat(path):
    tasks = json.loads(path.read_text())["workflow"]["specification"]["tasks"]
    return {t["id"]: t["parents"] for t in tasks}


def read_edges(path):
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return {row[0]: [id for id in row[4].split(",") if id] for row in rows}


def read_beads(path, left_out):
    """Issues without those of a status in `left_out`; on these nobody waits."""
    issues = [json.loads(line) for line in path.read_text().splitlines()]
    issues = [i for i in issues if i["status"] not in left_out]
    wanted = {i["id"] for i in issues}
    return {
        i["id"]: [
            d["depends_on_id"]
            for d in i.get("dependencies", ())
            if d["type"] in ("blocks", "parent-child") and d["depends_on_id"] in wanted
        ]
        for i in issues
    }


class DoNothing(LoadThread):
    """A worker of every role that says done at once, and goes on when the broker comes back."""

    def __init__(self, endpoint, history, slots=5000):
        super().__init__("do-nothing", endpoint, history, 0)
        self.slots = slots
        self.unanswered = {}  # token: id, said to be done

    def work(self):
        with Worker(self.endpoint, self.name, list(ROLES), self.slots) as self.session:
            while not self.stopping.is_set():
                try:
                    self._live()
                except NoAnswer:
                    self.session.connect()
                except Refused as refused:
                    if refused.code != wire.CODE_HELLO_FIRST:
                        raise

    def _live(self):
        self.session.unasked.clear()
        # A lease that the broker calls lost may have ended by our report: it is said again too.
        self.session.greet([(token, True) for token in self.unanswered])
        self._report()
        credit = 0
        while not self.stopping.is_set():
            if credit < self.slots / 2:
                credit = self.slots
                self.session.credit(credit, SLOWNESS)
            credit -= self._take_in()
            self._report()

    def _take_in(self):
        n = 0
        message = self.session.next_unasked(0.1)
        while message is not None:
            if message.error.code == wire.CODE_HELLO_FIRST:
                raise Refused(message.error)
            for assignment in message.assign.tasks:
                self.history.was_assigned(assignment.id, assignment.token)
                self.unanswered[assignment.token] = assignment.id
                n += 1
            message = self.session.next_unasked(0)
        return n

    def _report(self):
        while self.unanswered:
            some = list(self.unanswered.items())[:2000]
            lines = []
            for token, id in some:
                self.history.result_sent(id, token, True)
                lines.append(wire.Line(token=token, started=True))
                lines.append(wire.Line(token=token, result=task.Result(outcome=task.OUTCOME_DONE)))
            for reply in self.session.report(lines, 2 * SLOWNESS)[1::2]:
                if reply.code == wire.CODE_OK:
                    self.history.result_accepted(reply.token)
                else:
                    self.history.result_refused(reply.token)
                del self.unanswered[reply.token]


class Workloads(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.history = History()
        self.graph = {}
        self.watch = None

    def file(self, name):
        path = SHARED / "workloads" / name
        if not path.exists():
            print(f"SKIPPED: {path} is not there (BATON_SHARED names its folder)", flush=True)
            self.skipTest(f"no {path}")
        return path

    # -- steps --

    def apply(self, path, graph, *args):
        """`baton apply` of the file, which holds this graph; follows the events from here on."""
        self.graph = graph
        for id, after in graph.items():
            self.history.submitting(id, after)
        begun = time.monotonic()
        done = self.baton(self.b, "apply", "--role", "spread", *args, path, timeout=APPLY_S)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(done.json()["created"], len(graph))
        self.took = time.monotonic() - begun
        self.history.was_acknowledged(graph)
        argv = [program("baton"), "--json", "watch", "--since", "0", "--until-idle"]
        env = {"BATON_ENDPOINT": self.b.endpoint}
        self.watch = self.own(Process(argv, self.dir / "watch.log", env=env))

    def run_do_nothing(self, in_the_middle=None):
        begun = time.monotonic()
        # Few slots, where something is to happen in between: then it takes a while.
        slots = 4 if in_the_middle else 5000
        worker = DoNothing(self.b.endpoint, self.history, slots)
        worker.start()
        try:
            if in_the_middle:
                wait_until("half of it", lambda: self.history.n_accepted > len(self.graph) / 2, RUN_S)
                in_the_middle()
            wait_until(
                "all to be done",
                lambda: worker.error or self.history.n_accepted >= len(self.graph),
                RUN_S,
            )
        finally:
            worker.finish(20)
        ran = time.monotonic() - begun
        print(f"{len(self.graph)} tasks: applied in {self.took:.2f} s, run in {ran:.2f} s", flush=True)

    # -- the verdict --

    def check(self, once=True):
        """`once`: nobody was killed, so each was leased just once."""
        final = {
            v.spec.id: task.TaskState.Name(v.state)[6:].lower()
            for v in self.client(self.b, timeout=30).tasks(limit=5000, archived=True)
        }
        faults = self.history.faults(final)
        self.assertEqual(faults[:10], [], f"{len(faults)} faults")
        self.assertEqual(len(final), len(self.graph))
        leased, done = self.events()
        if leased is None:
            return
        self.assertEqual(set(done), set(self.graph))
        for id, after in self.graph.items():
            self.assertEqual(len(done[id]), 1, f"{id} was done {len(done[id])} times")
            if once:
                self.assertEqual(len(leased[id]), 1, f"{id} was leased {len(leased[id])} times")
            for other in after:
                self.assertLess(done[other][0], leased[id][0], f"{id} was leased before {other} was done")

    def events(self):
        """From the feed: id -> numbers of the events by which it was leased, and done. None when
        `watch` was so slow (a sanitizer's build) that the broker had dropped events by then."""
        self.assertEqual(self.watch.wait(60 * SLOWNESS), 0, self.watch.tail())
        if "some events are lost" in self.watch.output():
            print("the watch fell too far behind: only the worker's history was checked", flush=True)
            return None, None
        leased, done, newest = {}, {}, 0
        for line in self.watch.output().splitlines():
            event = json.loads(line)
            self.assertEqual(event["event"], newest + 1, "a gap in the events")
            newest = event["event"]
            if event["kind"] == "task" and event["to"] in ("leased", "done"):
                by_id = leased if event["to"] == "leased" else done
                by_id.setdefault(event["id"], []).append(newest)
        return leased, done

    def run_file(self, name, read, *args, in_the_middle=None):
        path = self.file(name)
        self.apply(path, read(path), *args)
        self.run_do_nothing(in_the_middle)
        self.check(once=in_the_middle is None)

    # -- with workers that do nothing --

    def test_cutandrun(self):
        self.run_file("wf-cutandrun-dirt02-001.json", read_wfformat)

    def test_montage(self):
        self.run_file("wf-montage-chameleon-2mass-01d-001.json", read_wfformat)

    def test_1000genome(self):
        self.run_file("wf-1000genome-chameleon-8ch-100k-001.json", read_wfformat)

    def test_epigenomics(self):
        self.run_file("wf-epigenomics-chameleon-hep-3seq-100k-001.json", read_wfformat)

    def test_seismology(self):
        self.run_file("wf-seismology-chameleon-500p-001.json", read_wfformat)

    def test_beads(self):
        left_out = ("closed", "pinned", "tombstone")
        self.run_file("beads-own-issues-2026-02.jsonl", lambda path: read_beads(path, left_out))

    def test_beads_with_closed(self):
        def read(path):
            return read_beads(path, ("pinned", "tombstone"))

        self.run_file("beads-own-issues-2026-02.jsonl", read, "--with-closed")

    def test_gnome_with_a_kill(self):
        def kill():
            self.b.kill()
            self.assertLess(self.history.n_accepted, len(self.graph), "killed too late")
            self.b.start()
            self.history.n_kills += 1

        self.run_file("debian-bookworm-gnome-desktop-depends.tsv", read_edges, in_the_middle=kill)
        self.assertEqual(self.history.n_kills, 1)

    def test_libraries(self):
        self.run_file("debian-bookworm-libs-depends.tsv", read_edges)

    # -- with real workers --

    def run_real(self, name):
        """A baton-worker for each role, whose agent notes when it began and ended."""
        path = self.file(name)
        log = self.dir / "agents.log"
        agent = (
            f'note() {{ echo "$1 $BATON_TASK_ID $BATON_TOKEN $(date +%s%N)" >> {log}; }}\n'
            """note begin; echo '{"outcome":"done"}' > "$BATON_RESULT_FILE"; note end"""
        )
        workers = [self.baton_worker(self.b, r, ["sh", "-c", agent], slots=2) for r in ROLES]
        self.apply(path, read_wfformat(path))
        waited = self.baton(self.b, "wait", "--all", "--timeout", f"{RUN_S}s", timeout=RUN_S + 10)
        self.assertEqual(waited.status, 0, waited.err)
        for worker in workers:
            self.assertEqual(worker.terminate(), 0, worker.tail())
        for line in log.read_text().splitlines():
            what, id, token, at = line.split()
            if what == "begin":
                self.history.ran(id, int(token), int(at))
            else:
                self.history.result_sent(id, int(token), True, int(at))
                self.history.result_accepted(int(token), int(at))
        for id, runs in self.history.runs.items():
            self.assertEqual(len(runs), 1, f"{id} ran {len(runs)} times")
        self.check()

    def test_forkjoin_with_real_workers(self):
        self.run_real("wf-helloworld-forkjoin-10-chameleon.json")

    def test_sarek_with_real_workers(self):
        self.run_real("wf-sarek-dirt02-001.json")


class Cycles(SystemTest):
    """Thirty true cycles, each alone and all in one file: nothing of them gets in."""

    def setUp(self):
        super().setUp()
        self.path = SHARED / "workloads" / "debian-bookworm-cycles.json"
        if not self.path.exists():
            print(f"SKIPPED: {self.path} is not there (BATON_SHARED names its folder)", flush=True)
            self.skipTest(f"no {self.path}")
        self.groups = json.loads(self.path.read_text())
        self.b = self.broker()
        self.assertEqual(self.baton(self.b, "add", "there", "--role", "infra").status, 0)
        self.before = self.state()

    def state(self):
        """All tasks, and the number of the newest fact: whoever writes anything raises it."""
        client = self.client(self.b)
        return [v.SerializeToString() for v in client.tasks()], client.status().journal_seq

    def apply(self, name, text, *args):
        path = self.dir / name
        path.write_text(text)
        return self.baton(self.b, "apply", "--role", "spread", *args, path, json_out=False)

    def assertCycle(self, words, group):
        """`words` name a cycle of the group: a -> b -> a, each step an edge of it."""
        members = words.split(" -> ")
        self.assertEqual(members[0], members[-1])
        self.assertGreater(len(members), 1)
        edges = {tuple(edge) for edge in group["edges"]}
        for step in zip(members, members[1:]):
            self.assertIn(step, edges, f"{words} is not in the file")

    def cycle_in(self, text):
        words = [w for w in text.replace(";", ":").split(":") if " -> " in w]
        self.assertTrue(words, f"no cycle is printed in: {text}")
        return words[0].strip()

    def test_each_as_a_plan(self):
        self.assertEqual(len(self.groups), 30)
        for n, group in enumerate(self.groups):
            done = self.apply(f"cycle-{n}.json", json.dumps([group]))
            self.assertEqual(done.status, 65, done.out + done.err)
            self.assertCycle(self.cycle_in(done.err), group)
        self.assertEqual(self.state(), self.before)

    def test_each_as_edges_with_others(self):
        """A good task in the same plan stays out with the cycle."""
        for n, group in enumerate(self.groups):
            rows = [f"{a}\t{b}" for a, b in group["edges"]] + ["good\tthere"]
            done = self.apply(f"edges-{n}.tsv", "\n".join(rows) + "\n")
            self.assertEqual(done.status, 65, done.out + done.err)
            self.assertCycle(self.cycle_in(done.err), group)
        self.assertEqual(self.state(), self.before)

    def test_all_at_once(self):
        done = self.baton(self.b, "apply", "--role", "spread", self.path, json_out=False)
        self.assertEqual(done.status, 65)
        self.assertIn("30 mistakes", done.err)
        self.assertEqual(self.state(), self.before)

    def test_the_broker_refuses_them_by_itself(self):
        """A client that does not look for cycles meets the broker's own check."""
        client = self.client(self.b)
        for group in self.groups:
            after = {id: [] for id in group["members"]}
            for a, b in group["edges"]:
                after[a].append(task.Edge(id=b))
            specs = [task.Spec(id=id, role="infra", after=edges) for id, edges in after.items()]
            error = self.assertRefused(wire.CODE_CYCLE, client.submit, specs)
            self.assertCycle(" -> ".join(error.path), group)
        tasks, _ = self.state()
        self.assertEqual(tasks, self.before[0])


if __name__ == "__main__":
    unittest.main()
