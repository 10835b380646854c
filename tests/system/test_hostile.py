"""Strings that mean harm (tests/data/hostile.txt), through every text that `baton` takes, past it
straight to the broker, and out again by every verb that prints: whatever was taken comes back as it
was, whatever was not is refused by name, no control byte reaches a terminal or a log, and the broker
does not care."""

import json
import os
import re
import subprocess
import unittest

from harness import BIN, ROOT, SLOWNESS, SystemTest, program, wait_until
from messages import task, wire
from protocol_client import NoAnswer, Refused, Worker

# Statuses that docs/man/baton.1.scd gives for a refusal. No crash, no "70, a bug".
REFUSALS = (1, 64, 65, 66, 75)
# Bytes that move a cursor, ring, or begin an escape, also as UTF-8; and what turns a line around.
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
DECEPTIVE = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def hostile():
    """Pairs of name and bytes."""
    escapes = {"n": b"\n", "t": b"\t", "r": b"\r", "e": b"\x1b", "\\": b"\\"}

    def unescape(match):
        word = match.group(1).decode()
        return bytes([int(word[1:], 16)]) if word[0] == "x" else escapes[word]

    for line in (ROOT / "tests/data/hostile.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, text, *times = line.split("\t")
            data = re.sub(rb"\\(x..|.)", unescape, text.encode())
            yield name, data * int(times[0][1:] if times else 1)


def is_slow_build():
    """A sanitizer's programs take long to begin, and thousands are run here."""
    cache = BIN.parent / "CMakeCache.txt"
    return cache.exists() and re.search("^BATON_SANITIZE:.*=.", cache.read_text(), re.M)


STRINGS = list(hostile())[:: 5 if is_slow_build() else 1]


def is_text(data):
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def is_plain(data):
    """Only means something to others (a shell, SQL, HTML), not to a terminal: tried less often."""
    return data.isascii() and data.decode().isprintable() and len(data) < 200


class Hostile(SystemTest):
    def setUp(self):
        super().setUp()
        self.b = self.broker()
        self.pid = self.b.process.pid
        self.n_refused = 0

    def tearDown(self):
        self.assertTrue(self.b.is_running(), "the broker is gone")
        self.assertEqual(self.b.process.pid, self.pid)
        self.assertClean(self.b.process.log.read_bytes(), "the broker's log")
        super().tearDown()

    # -- running --

    def assertClean(self, data, where):
        """Bytes that may go to a terminal, or be looked at in one."""
        found = CONTROL.search(data)
        if found:
            around = data[max(0, found.start() - 60) : found.end() + 20]
            self.fail(f"{where}: the byte {found.group()!r} in {around!r}")
        found = DECEPTIVE.search(data.decode())  # and all of it is UTF-8
        self.assertIsNone(found, f"{where}: {found!r}")

    def run_baton(self, *args, stdin=b"", env=None):
        """`baton ARGS`, in bytes; what it says is looked at here. Status and output."""
        argv = [os.fsencode(a) for a in (program("baton"), *args)]
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            timeout=30 * SLOWNESS,
            env={**os.environ, "BATON_ENDPOINT": self.b.endpoint, **(env or {})},
        )
        where = f"{argv[1:]}"[:300]
        self.assertClean(done.stdout, f"{where}: stdout")
        self.assertClean(done.stderr, f"{where}: stderr")
        return done.returncode, done.stdout

    def attempt(self, *args, **fields):
        """Done or refused; True when done."""
        status, _ = self.run_baton(*args, **fields)
        self.assertIn(status, (0, *REFUSALS), f"{args}"[:300])
        self.n_refused += status != 0
        return status == 0

    def must(self, *args, **fields):
        status, out = self.run_baton(*args, **fields)
        self.assertEqual(status, 0, f"{args}"[:300])
        return out

    def show(self, id):
        return json.loads(self.must("--json", "show", id))

    def look_at_everything(self, ids):
        """Every verb that prints, for people and as JSON."""
        for n, id in enumerate(ids):
            verb = (["show"], ["why"], ["--json", "show"], ["--json", "why"])[n % 4]
            self.must(*verb, "--", id)
        # Nothing is left to run, so that `watch` comes to an end.
        everything = wire.Change(verb=wire.Change.CANCEL, all=True, filter=wire.List(), reason="end")
        self.client(self.b).change_safely("change", everything)
        verbs = [["list", "--archived"], ["status"], ["workers"], ["resources"], ["export"],
                 ["watch", "--since", "0", "--until-idle"]]  # fmt: skip
        verbs += [["--json", *verb] for verb in verbs]
        verbs += [["graph", form] for form in ("text", "mermaid", "dot")]
        verbs += [["graph", "text", "--full"], ["list", "--ids"]]
        for verb in verbs:
            status, _ = self.run_baton(*verb)
            self.assertIn(status, (0, 1), f"{verb}")  # 1: there are none

    # -- what people type --

    def test_arguments_of_add(self):
        options = ("--title", "--prompt", "--workdir", "--check", "--unique-key", "--fairness-key",
                   "--resource", "--after", "--role", "--priority", "--deadline", "--estimate",
                   "--actor", "--request-id", "--on-deadline", "--project")  # fmt: skip
        added = []
        for name, data in STRINGS:
            if b"\0" in data:
                continue  # no argument can hold it
            for option in options[:: 3 if is_plain(data) else 1]:
                id = f"{name}{option}"
                role = [] if option == "--role" else ["--role", "backend"]
                if self.attempt("add", id, *role, option, data) and option != "--project":
                    added.append((id, option, data))
            for shape in (b"n=%s", b"%s=v"):
                self.attempt("add", name + "-l", "--role", "backend", "--label", shape % data)
                self.attempt("add", name + "-e", "--role", "backend", "--env", shape % data)
            self.attempt("add", name + "-c", "--role", "backend", "--", "echo", data)
            self.attempt("add", "--role", "backend", "--", data)
            self.attempt("add", data, "--role", "backend", "--title", "its id")
        self.assertGreater(len(added), len(STRINGS))
        self.assertGreater(self.n_refused, len(STRINGS))
        spoken = {"--title": "title", "--prompt": "prompt"}
        for id, option, data in added:
            if option in spoken and data not in (b"", b"-"):  # none; standard input
                self.assertEqual(self.show(id)[spoken[option]], data.decode(), id)
        self.look_at_everything(id for id, option, _ in added if option in spoken)

    def test_names_of_tasks(self):
        verbs = (["show"], ["why"], ["list"], ["wait", "--timeout", "0s"], ["hold"], ["retry"],
                 ["cancel", "--reason", "r"], ["list", "--prefix"], ["list", "--project"],
                 ["list", "--label"], ["graph", "--around"], ["take", "--role"], ["status", "--endpoint"],
                 ["resources"], ["apply"], ["check"], ["help"], ["progress", "--token"])  # fmt: skip
        for name, data in STRINGS:
            if b"\0" not in data:
                for n, verb in enumerate(verbs[:: 3 if is_plain(data) else 1]):
                    form = ["--json"] if (n + len(name)) % 2 else []
                    status, _ = self.run_baton(*form, *verb, data)
                    self.assertIn(status, (0, *REFUSALS, 69, 78), f"{verb} {name}")

    def test_words_of_agents_and_operators(self):
        self.must("add", "long", "--role", "backend")
        told = json.loads(self.must("--json", "take", "--role", "backend"))
        token = {"BATON_TOKEN": str(told["token"])}
        result = self.dir / "result.json"
        for name, data in STRINGS:
            self.attempt("progress", "50", "--", data.replace(b"\0", b""), env=token)
            for n, (verb, word) in enumerate((("complete", "--summary"), ("fail", None))):
                id = f"{name}-{n}"
                self.must("add", id, "--role", "backend", "--max-attempts", "1")
                mine = json.loads(self.must("--json", "take", "--task", id, "--role", "backend"))
                env = {"BATON_TOKEN": str(mine["token"])}
                result.write_bytes(b'{"said": "%s"}' % data)
                self.attempt(verb, "--result", result, "--", b"x" if word else b"y", env=env)
                words = [data] if b"\0" not in data else [b""]
                self.attempt(verb, *([word] if word else ["--"]), *words, env=env)
                self.run_baton("complete", env=env)  # if it is not ended by now
            if b"\0" not in data:
                self.must("add", f"{name}-c", "--role", "testing")
                self.attempt("hold", f"{name}-c", "--reason", data)
                self.attempt("cancel", f"{name}-c", "--reason", data)
                self.attempt("pause", "--role", "infra", "--reason", data)
                self.attempt("pause", "--resource", data, "--until", "+1h")
                self.attempt("drain", "--worker", data)
                self.attempt("resources", data + b"=2")
        self.must("complete", env=token)
        shown = [f"{name}{end}" for name, data in STRINGS for end in ("-0", "-1")]
        self.look_at_everything([*shown, "long"])

    # -- files --

    def test_plans(self):
        n_taken = 0
        for n, (name, data) in enumerate(STRINGS):
            quoted = json.dumps(data.decode("utf-8", "surrogateescape"), ensure_ascii=False)
            quoted = quoted.encode("utf-8", "surrogateescape")
            escaped = json.dumps(data.decode("utf-8", "replace")).encode()
            fields = (b"id: f%d-%d, title: %s", b"id: f%d-%d, prompt: %s", b"id: f%d-%d, after: %s",
                      b"id: f%d-%d, resources: [%s]", b"id: f%d-%d, labels: {a: %s}",
                      b"id: f%d-%d, deadline: %s", b"id: f%d-%d, command: [%s]",
                      b"id: f%d-%d, prompt_file: %s", b"x%d%d: 1, id: %s",
                      b"id: f%d-%d, %s: 1", b"id: f%d-%d, role: %s")  # fmt: skip
            texts = [
                b"tasks:\n- {role: backend, %s}\n" % (field % (n, m, form))
                for m, field in enumerate(fields)
                for form in ((quoted, escaped) if m < 3 and quoted != escaped else (quoted,))
            ]
            texts += [data, b"tasks: " + data, b"{" + data + b"}", b"id\tdepends_on\n" + data + b"\ta\n"]
            for m, text in enumerate(texts):
                path = self.dir / f"plan-{m}.{'tsv' if text.startswith(b'id') else 'yaml'}"
                path.write_bytes(text)
                form = ["--json"] if m % 2 else []
                n_taken += self.attempt(*form, "apply", "--role", "spread", path)
        self.assertGreater(n_taken, len(STRINGS))
        self.assertGreater(self.n_refused, len(STRINGS))
        ids = self.must("list", "--ids").decode().split()
        self.look_at_everything([id for id in ids if re.fullmatch(r"f\d+-\d+", id)])

    def test_names_of_files(self):
        for name, data in STRINGS:
            if b"\0" in data or b"/" in data or data in (b"", b"-", b".") or len(data) > 240:
                continue
            path = os.fsencode(self.dir) + b"/" + data + b".yaml"
            with open(path, "wb") as plan:
                plan.write(b"tasks:\n- {id: a, role: nobody}\n- {id: b, wrong: 1, role: infra}\n")
            self.assertFalse(self.attempt("apply", path), name)
            self.assertFalse(self.attempt("--json", "check", path), name)

    # -- past the command line --

    def messages(self, n, text):
        """Requests with the text in each field that is text."""
        for m, field in enumerate(("title", "prompt", "workdir", "unique_key", "fairness_key",
                                   "traceparent", "id", "project", "role")):  # fmt: skip
            fields = {"id": f"w{n}-{m}", "role": "backend", field: text}
            yield "submit", wire.Submit(tasks=[task.Spec(**fields)])
        for m, fields in enumerate((
            {"command": ["x", text]}, {"env": [text]}, {"env": [f"N={text}"]}, {"check": [text]},
            {"labels": {"a": text}}, {"labels": {text: "a"}}, {"payload": text.encode()},
            {"after": [task.Edge(id=text)]}, {"claims": [task.Claim(name=text)]},
        )):  # fmt: skip
            yield "submit", wire.Submit(tasks=[task.Spec(id=f"v{n}-{m}", role="backend", **fields)])
        ref = wire.Ref(id=f"w{n}-0")
        yield "change", wire.Change(verb=wire.Change.HOLD, tasks=[ref], reason=text)
        yield "change", wire.Change(verb=wire.Change.RELEASE, tasks=[wire.Ref(id=text)])
        yield "change", wire.Change(verb=wire.Change.SET, tasks=[ref], fields=[text])
        yield "pause", wire.Pause(scope=wire.Pause.PROJECT, name=text, reason="r")
        yield "pause", wire.Pause(scope=wire.Pause.ROLE, name="infra", reason=text)
        yield "resources", wire.Resources(set=[wire.Resource(name=text, capacity=2)])
        yield "take", wire.Take(roles=["testing"], worker=text)
        yield "take", wire.Take(roles=[text])
        yield "list", wire.List(projects=[text], id_prefix=text, labels={"a": text})
        yield "get", wire.Get(task=wire.Ref(id=text, project=text))
        yield "backup", wire.Backup(path=text)

    def test_straight_to_the_broker(self):
        client = self.client(self.b)
        n_taken = n_refused = 0
        for n, (_, data) in enumerate(STRINGS):
            try:
                text = data.decode()
            except UnicodeDecodeError:
                continue  # test_protocol sends such frames
            for op, message in self.messages(n, text):
                try:
                    client.change_safely(op, message)
                    n_taken += 1
                except Refused as refused:
                    self.assertNotEqual(refused.code, wire.CODE_INTERNAL, str(refused))
                    n_refused += 1
            actor = wire.ToBroker(actor=text)
            actor.submit.tasks.add(id=f"a{n}", role="infra")
            try:
                client.ask(actor, 10)
            except Refused as refused:
                self.assertEqual(refused.code, wire.CODE_INVALID)
        self.assertGreater(n_taken, len(STRINGS))
        self.assertGreater(n_refused, len(STRINGS))
        self.look_at_everything(v.spec.id for v in client.tasks(projects=["default"]))

    def test_reports_and_sessions(self):
        client = self.client(self.b)
        ids = []
        for n, (_, data) in enumerate(STRINGS):
            if not is_text(data):
                continue
            text = data.decode()
            client.submit([task.Spec(id=f"r{n}", role="backend", max_attempts=1)])
            lease = client.take(["backend"])[0]
            said = wire.Progress(percent=5, text=text)
            client.report([wire.Line(token=lease.token, started=True),
                           wire.Line(token=lease.token, progress=said)])  # fmt: skip
            self.must("show", f"r{n}")
            ends = [
                task.Result(outcome=task.OUTCOME_FATAL, summary=text, output_tail=text, document=data),
                task.Result(outcome=task.OUTCOME_FATAL, output_tail=text),
                task.Result(outcome=task.OUTCOME_FATAL, document=data),
                task.Result(outcome=task.OUTCOME_FATAL, summary="plain"),
            ]
            for end in ends:
                if client.report([wire.Line(token=lease.token, result=end)])[0].code == wire.CODE_OK:
                    break
            ids.append(f"r{n}")
            self.greet(n, text)
        self.look_at_everything(ids)

    def greet(self, n, text):
        """Workers by this name and of this software, who say goodbye at the end of the test."""
        for name, software in ((f"worker-{n}", text), (text, "plain")):
            worker = self.own(Worker(self.b.endpoint, name, ["frontend"], 1))
            try:
                worker.greet(software=software)
            except (Refused, NoAnswer):
                pass

    # -- to the agent, and back --

    def test_a_real_worker(self):
        client = self.client(self.b)
        taken = []
        script = 'cat "$BATON_PROMPT_FILE"; printf %s "$SAID"; exec cat "$BATON_PROMPT_FILE" >&2'
        for n, (_, data) in enumerate(STRINGS):
            if not is_text(data):
                continue
            text = data.decode()
            for m, more in enumerate(({"title": text}, {"prompt": text}, {"env": [f"SAID={text}"]},
                                      {"command": [text]}, {"workdir": text})):  # fmt: skip
                spec = task.Spec(id=f"t{n}-{m}", role="backend", max_attempts=1, **more)
                try:
                    client.submit([spec])
                    taken.append(spec.id)
                except Refused:
                    pass
        self.assertGreater(len(taken), len(STRINGS))
        worker = self.baton_worker(self.b, "backend", ["sh", "-c", script], slots=8)
        open_states = [1, 2, 3, 4, 6]
        wait_until("all to end", lambda: not client.tasks(states=open_states), 100)
        self.assertEqual(worker.terminate(), 0, worker.tail())
        self.assertClean(worker.log.read_bytes(), "the worker's log")
        self.look_at_everything(taken)

    def test_all_of_it_is_there_after_a_crash(self):
        client = self.client(self.b)
        for n, (_, data) in enumerate(STRINGS):
            if is_text(data):
                try:
                    client.submit([task.Spec(id=f"c{n}", role="backend", prompt=data.decode())])
                except Refused:
                    pass
        before = client.tasks(specs=True)
        self.assertGreater(len(before), len(STRINGS) / 2)
        self.b.kill()
        self.b.start()
        self.pid = self.b.process.pid
        self.assertEqual(self.client(self.b).tasks(specs=True), before)


if __name__ == "__main__":
    unittest.main()
