#!/usr/bin/python3
"""Writes the seeds of the fuzz targets into tests/fuzz/corpus: small inputs that get a fuzzer beyond
the first checks. The corpus is committed; run this when the protocol or a format has grown, and
commit what it wrote. Inputs that were found by fuzzing have names that begin with "found-" and are
left alone."""

import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "system"))
from messages import task, wire  # noqa: E402


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def piece(data):
    return struct.pack("<H", len(data)) + data


# -- fuzz_wire: the steps of fuzz_wire.c --


def frame(data):
    return b"\x00" + piece(data)


def body(**op):
    """A request; `client` and `number` make it repeatable."""
    head = {key: op.pop(key) for key in ("client", "number", "acked") if key in op}
    message = wire.ToBroker(id=1, actor="ann@here", **head)
    for name, value in op.items():
        getattr(message, name).CopyFrom(value)
    return b"\x05" + piece(message.SerializeToString(deterministic=True))


def minutes(n):
    return bytes((1, n))


def dispatch(roles=0x3F, many=True):
    return bytes((2, roles | 64 | (128 if many else 0)))


LOST, BYE, SNAPSHOT = b"\x03\x01", b"\x03\x03", b"\x04"
# Numbers of facts in the world of world.c: the tokens of its two leases stand among them.
TOKENS = range(8, 24)


def refs(*ids):
    return [wire.Ref(id=id) for id in ids]


def results(outcome, **fields):
    lines = [
        wire.Line(token=token, result=task.Result(outcome=outcome, **fields)) for token in TOKENS
    ]
    return body(report=wire.Report(lines=lines))


def full_spec():
    return task.Spec(
        id="full", project="p", role="backend", title="Everything", priority=1,
        deadline=10_000_000, on_deadline=2, not_before=100_000, estimate_ms=5000,
        after=[
            task.Edge(id="x", condition=1, policy=1),
            task.Edge(id="ready", project="default", condition=3, policy=2, any=1),
            task.Edge(id="done", project="default", any=1),
        ],
        claims=[task.Claim(name="gpu", amount=2), task.Claim(name="port", shared=True)],
        command=["sh", "-c", "true"], prompt="do\nit", payload=b"\x00\xff", env=["A=b"],
        workdir="sub", check=["true"], labels={"a": "b"}, max_attempts=2, crash_limit=2,
        backoff_ms=1000, backoff_cap_ms=5000, max_runtime_ms=60000, idle_ms=1000, lease_ms=60000,
        stall_ms=1000, unique_key="k", on_conflict=3, unique_window_ms=1000, fairness_key="f",
        fairness_weight=2,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )  # fmt: skip


def wire_seeds():
    submit = wire.Submit(
        tasks=[
            task.Spec(id="a", role="backend", after=[task.Edge(id="b")]),
            task.Spec(id="b", role="testing", after=[task.Edge(id="done")]),
            task.Spec(id="m", milestone=True, after=[task.Edge(id="a")]),
        ],
        resources=[wire.Resource(name="gpu", capacity=2)],
    )
    cycle = wire.Submit(
        tasks=[
            task.Spec(id="a", role="infra", after=[task.Edge(id="b")]),
            task.Spec(id="b", role="infra", after=[task.Edge(id="a")]),
        ]
    )
    yield "submit", body(submit=submit, client="c", number=1) * 2 + SNAPSHOT + dispatch()
    yield "cycle", body(submit=cycle) + body(submit=wire.Submit(tasks=submit.tasks, dry_run=True))
    yield "full", body(submit=wire.Submit(tasks=[full_spec()], update=True)) * 2 + minutes(3)
    spawn = [task.Spec(id=f"s{n}", role="infra") for n in range(3)]
    for token in TOKENS:
        yield f"spawn-{token}", body(submit=wire.Submit(tasks=spawn, parent_token=token))
    yield "forward", body(submit=wire.Submit(tasks=[task.Spec(id="nobody", role="infra")])) + dispatch()
    ends = (("done", 1), ("failed", 2), ("fatal", 3), ("limited", 4), ("released", 5), ("cancelled", 6))
    for name, outcome in ends:
        yield f"end-{name}", results(outcome, summary="s", document=b"{}") + dispatch() + minutes(9)
    lines = [wire.Line(token=token, started=True) for token in TOKENS]
    beats = [wire.Line(token=token, beat=True, extend_ms=5000) for token in TOKENS]
    told = wire.Progress(percent=50, text="half", next_update_at=9000)
    told = [wire.Line(token=token, progress=told) for token in TOKENS]
    said = body(report=wire.Report(lines=lines + beats + told))
    yield "progress", said + minutes(30) + results(1)
    for verb in range(1, 7):
        everything = wire.Change(
            verb=verb, reason="why", all=True, filter=wire.List(), grace_ms=1000, force=True,
            subtree=True, spec=task.Spec(priority=1, title="t", deadline=9000, role="backend"),
            fields=["priority", "title", "deadline"] if verb == 6 else [],
        )  # fmt: skip
        one = wire.Change(verb=verb, reason="why", tasks=refs("running", "ready", "failed", "done"))
        yield f"change-all-{verb}", body(change=everything) + minutes(2) + SNAPSHOT + minutes(9)
        yield f"change-{verb}", body(change=one) + dispatch() + results(6)
    again = b"".join(
        body(change=wire.Change(verb=verb, reason="r", all=True, filter=wire.List(), subtree=True))
        for verb in (1, 2, 3, 4, 1, 2, 5)
    )
    yield "back-and-forth", again + dispatch() + results(1) + again + SNAPSHOT + again
    after = wire.Change(
        verb=6, tasks=refs("ready"), fields=["after", "claims", "labels", "not_before"],
        spec=task.Spec(after=[task.Edge(id="milestone")], claims=[task.Claim(name="z")],
                       labels={"k": "v"}, not_before=900_000),
    )  # fmt: skip
    yield "change-edges", body(change=after) + SNAPSHOT + minutes(16)
    for scope, name in enumerate(("", "backend", "default", "port", "w")):
        pause = wire.Pause(scope=scope, name=name, reason="r", until=200_000, refuse=scope == 0)
        resume = wire.Pause(scope=scope, name=name, resume=True)
        yield f"pause-{scope}", body(pause=pause) + dispatch() + SNAPSHOT + minutes(5) + body(
            pause=resume
        )
    sets = wire.Resources(set=[wire.Resource(name="port", capacity=3), wire.Resource(name="x")])
    yield "resources", body(resources=sets, client="c", number=3, acked=2) + dispatch()
    listed = wire.List(projects=["default"], roles=["backend"], states=[2, 8], id_prefix="r",
                       specs=True, limit=2, labels={"a": "b"}, archived=True)  # fmt: skip
    asked = [body(why=wire.Why(task=r)) + body(get=wire.Get(task=r))
             for r in refs("ready", "next", "forward", "behind", "gone")]  # fmt: skip
    yield "ask", body(list=listed) + body(list=wire.List(ids=refs("done", "no"))) + b"".join(
        asked
    ) + body(status=wire.StatusRequest())
    take = wire.Take(roles=["backend"], max=2, worker="me", lease_ms=1000, projects=["default"])
    one = wire.Take(task=wire.Ref(id="ready"))
    yield "take", body(take=take) + body(take=one) + minutes(3) + results(1)
    held = [wire.Held(token=token, started=True) for token in TOKENS]
    yield "hello", LOST + body(hello=wire.Hello(worker="w", held=held, slots=3)) + minutes(9)
    yield "bye", BYE + dispatch(1, False) + dispatch(2, False) + LOST + minutes(2)
    yield "life", (results(1) + dispatch() + minutes(1)) * 6 + SNAPSHOT + minutes(240) * 3
    yield "frames", frame(b"BTN\x01\x12\x00") + frame(b"BTN\x02") + frame(b"") + frame(b"BTN\x01")
    deep = b"\x72\x04\x0a\x02z\x00"
    yield "nul", frame(b"BTN\x01" + deep)


# -- the others --


def replay_seeds():
    def batch(first, n, said=0, seq=0, cut=0):
        return bytes((first, n, (said * 16) & 255, (seq * 16) & 255, cut * 32))

    yield "batches", b"\x00" + batch(0, 5) + batch(5, 4) + batch(9, 40)
    yield "overlap", b"\x00" + batch(0, 5) + batch(3, 6) + batch(0, 9)
    yield "gap", b"\x00" + batch(0, 5) + batch(6, 2)
    yield "cut", b"\x00" + batch(0, 5, cut=1)
    yield "miscounted", b"\x00" + batch(0, 5, said=1)
    yield "whole", b"\x01"
    yield "edits", b"\x01" + b"\x03" + b"\x02\x00\xff\x50\x00\x00\x90\x01\x7f" + b"\x00"
    yield "chunk", b"\x02" + piece(b"\x0a\x04\x08\x05\x10\x05") + piece(b"\x12\x00")


def plan_seeds():
    formats = {"yaml": 7, "json": 8, "jsonl": 9, "tsv": 10}
    texts = {
        "queue.yaml": (ROOT / "tests/data/plan/task_queue.yaml").read_bytes(),
        "dependencies.yaml": (ROOT / "tests/data/plan/dependencies.yaml").read_bytes(),
        "blocks.yaml": (ROOT / "tests/data/plan/blocks.yaml").read_bytes(),
        "hello.yaml": (ROOT / "examples/hello.yaml").read_bytes(),
        "candlefish.yaml": (ROOT / "examples/candlefish.yaml").read_bytes(),
        "wf.json": b'{"name":"w","schemaVersion":"1.5","workflow":{"specification":{"tasks":['
        b'{"name":"a","id":"a","parents":[],"children":["b"]},{"name":"b","id":"b","parents":["a"],'
        b'"children":[]}]},"execution":{"tasks":[{"id":"a","runtimeInSeconds":1.5}]}}}',
        "jobs.json": b'[{"job":"a","stage":"s","needs":[]},{"job":"b","stage":"t","needs":["a"]}]',
        "cycles.json": b'[{"members":["a","b"],"edges":[["a","b"],["b","a"]]}]',
        "beads.jsonl": b'{"id":"b-1","title":"T","status":"open","priority":1,"issue_type":"task",'
        b'"dependencies":[{"issue_id":"b-1","depends_on_id":"b-2","type":"blocks"}]}\n'
        b'{"id":"b-2","title":"U","status":"closed","priority":0}\n',
        "edges.tsv": b"task\tsection\tdepends_on\na\tlibs\t\nb\tlibs\ta\nc\tgo\ta,b\n",
        "own.yaml": b"tasks:\n- id: A\n  role: backend\n  command: [sh, -c, 'true']\n  deadline: +2h\n"
        b"  after: [B, {id: C, on: finished}]\n  timeout: 5m\n  retries: 3\n  resources: [gpu, {port: 2}]\n"
        b"- {id: B, role: Frontend Agent, prompt: |-\n    x\n  }\n",
        "schedules.yaml": b"tasks: [{id: A, role: backend}]\nschedules:\n"
        b"- {name: nightly, cron: '0 2 * * *', zone: Europe/Berlin, overlap: queue, missed: 'all:3', jitter: 5m,\n"
        b"   start: 2025-08-12, end: +30d, within: 2h, task: {title: T, role: testing}}\n"
        b"- {name: standup, daily: '9:00', report: daily}\n- {name: tick, every: 4h, title: x, text: y}\n",
        "budgets.yaml": b"tasks: [{id: A, role: backend}]\nbudgets:\n  month: {limits: {tokens: 1e6, cost: 25 USD, time: 40h},\n"
        b"    reserve: {tokens: 5}, role: backend, hard: true, daily: true}\n"
        b"handoffs: [{from_agent: backend, task: A, timestamp: 2025-08-12, artifacts: [a, {path: b}], notes: n}]\n"
        b"roles:\n  backend: {handoff: required, approval: required, rework_limit: 2}\n",
        "anchors.yaml": b"a: &a [x, x]\nb: &b [*a, *a]\ntasks: [*b, *b]\n",
    }
    for name, text in texts.items():
        chosen = formats[name.rsplit(".", 1)[1]]
        yield name, bytes((chosen, 1)) + text
        yield f"by-content-{name}", bytes((11, 1 | 8)) + text
    yield "two", bytes((7, 1 | 128)) + piece(texts["hello.yaml"]) + texts["own.yaml"]


def result_seeds():
    yield "least", b'\x00\x10{"outcome":"done"}'
    yield "more", b'\x04\x41{"outcome":"rate_limited","retry_after":"10m","summary":"s","files":["a"]}'
    yield "claude", (
        b'\x01\x20{"type":"result","subtype":"success","is_error":false,"num_turns":3,"result":"ok"}'
    )
    yield "claude-denied", (
        b'\x01\x00[{"type":"result","subtype":"success","num_turns":1,"result":"x",'
        b'"permission_denials":[{"tool_name":"Bash"}]}]'
    )
    yield "codex", (
        b'\x02\x80{"type":"item.completed","item":{"type":"agent_message","text":"m"}}\n'
        b'{"type":"turn.completed"}\n'
    )
    yield "codex-failed", b'\x02\x80{"type":"turn.failed","error":{"message":"429"}}\n'
    yield "openhands", b'\x03\x80{"action":"finish","args":{"final_thought":"t"}}\nnoise'
    yield "handoff", (
        b'\x04\x40{"outcome":"done","handoff":{"from_agent":"backend","to_agent":"testing",'
        b'"timestamp":"2025-08-13T14:00:00Z","task_completed":["a"],"next_steps":"b",'
        b'"artifacts":["src/x.c",{"path":"y","description":"d"}],"notes":"n"}}'
    )
    yield "measures", (
        b'\x04\x40{"outcome":"done","measures":{"tokens":1200,"coverage":{"value":83.5,"unit":"%"},'
        b'"latency":"20 ms"}}'
    )
    yield "measures-list", b'\x04\x40{"outcome":"failed","measures":[{"name":"a","value":-1e3}]}'
    yield "parked", b'\x04\x40{"outcome":"parked","wait_for":"signal:x","summary":"s"}'
    yield "blocked", b'\x04\x40{"outcome":"blocked","summary":"s"}'
    yield "usage", (
        b'\x01\x20{"type":"result","subtype":"success","num_turns":3,"result":"ok","duration_ms":9,'
        b'"total_cost_usd":0.25,"usage":{"input_tokens":5,"output_tokens":7}}'
    )
    yield "limit", b"\x01\x07Error: rate limit reached, retry after 30 s\r\n\x1b[0m\xff\xc2\x9b"


def units_seeds():
    for text in ("90s", "2h30m", "1.5h", "4 hours", "1w 2d", "250ms", "315360000"):
        yield f"duration-{text.replace(' ', '-')}", b"\x00\x00\x01" + text.encode()
    times = ("2025-08-12", "2025-08-12T18:00:00Z", "2025-03-30 02:30", "9999-12-31T23:59:59.999-14:00",
             "+2h", "in 3 days", "1970-01-01T00:00:00+01:00")  # fmt: skip
    for n, text in enumerate(times):
        yield f"time-{n}", bytes((n, 0, 64)) + text.encode()
    rules = ("0 9 * * 1-5", "*/15 0,12 1-7/2 jan,jul mon", "every 4 hours", "every\t90s", "weekly Monday at 10:00",
             "monthly 31 9:30pm", "hourly", "9 AM", "0 0 29 2 *", "60 9 * * *")  # fmt: skip
    for n, text in enumerate(rules):
        yield f"rule-{n}", bytes((0, 0, 64)) + text.encode()
    measures = ("coverage=83.5%", "tokens=1200", "x=-1e15 ms", "y=1e16", "=1", "a=0x10", "b=.5")
    for n, text in enumerate(measures):
        yield f"measure-{n}", bytes((0, 0, 64)) + text.encode()
    for n, text in enumerate(("signal:Database Ready.", "deliverable:API", "decision:a/b", "signal:")):
        yield f"gate-{n}", bytes((0, 0, 64)) + text.encode()
    for n, text in enumerate(("64M", "1GiB", "18446744073709551616", "16777216T")):
        yield f"size-{n}", bytes((0, 0, 64)) + text.encode()


def text_seeds():
    texts = (b"plain", b"a\nb\tc", b"\x1b[31mred\x07", b"\xc2\x9b31m", "‮evil⁦".encode(), b"\xff\xfe\xc0\x80",
             "żółć/好".encode(), b"../../x", b"a//b", b"-x", "a​b\ufeff".encode(), b"x" * 300)  # fmt: skip
    for n, text in enumerate(texts):
        yield f"text-{n}", bytes((n & 1, 40)) + text


def config_seeds():
    texts = (
        b"# all of them\ntext = /tmp\nduration = 5m\nsize = 64M\nnumber = 7\nswitch = off\nword = debug\n"
        b"list = a\nlist = b\ncommand = sh -c 'a b' \"c\\\"d\" e\\ f\n",
        b"list = a\nlist =\nlist = b\r\n\n  # x\n\tnumber=0\n",
        b"number = 10\nnumber = 3\nnumbr = 3\nno sign\n",
        b"command = 'open\n",
        b"secret = A=b\nsecret = nothing\n",
        b"duration = none\nsize = none\nflag = yes\n\x00",
        b"text = \x1b[31m\n\xff = 1\ntext =\n",
    )
    for n, text in enumerate(texts):
        yield f"config-{n}", text


def web_seeds():
    texts = ("127.0.0.1:9464", "[::1]:80", "localhost:9464", "127.1.2.3", "[::1]", "evil.example:9464", "127.0.0.1.evil",
             "localhost:99999", "[::ffff:127.0.0.1]:1", 'a"b\\c\nd',
             "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.4,*/*;q=0.1")  # fmt: skip
    for n, text in enumerate(texts):
        yield f"web-{n}", text.encode()


# -- fuzz_unpack: a byte for the type, the message --


def unpack_seeds():
    spec = task.Spec(id="a", role="backend", title="größer", payload=b"\x00\x01", command=["x", "y"], priority=2,
                     after=[task.Edge(id="b", any=1)], labels={"k": "v"}, max_attempts=7, deadline=1 << 40)  # fmt: skip
    submit = wire.ToBroker(id=1, client="c", number=9, submit=wire.Submit(tasks=[spec, spec]))
    lines = [wire.Line(token=300, started=True), wire.Line(token=1 << 63, result=task.Result(outcome=1, exit_status=-9))]
    report = wire.ToBroker(id=2, report=wire.Report(lines=lines))
    data = {"submit": (0, submit), "report": (0, report), "spec": (3, spec)}
    for name, (kind, message) in data.items():
        whole = message.SerializeToString(deterministic=True)
        yield name, bytes((kind,)) + whole
        yield f"{name}-cut", bytes((kind,)) + whole[:-3]
        yield f"{name}-twice", bytes((kind,)) + whole + whole
    yield "unknown", b"\x03\x0a\x01a\xfa\x3f\x02hi\x80\x40\x07"
    yield "groups", b"\x03\x0b\x0c"
    yield "long-number", b"\x03\x28" + b"\xff" * 9 + b"\x7f"


def main():
    seeds = {"wire": wire_seeds, "replay": replay_seeds, "plan": plan_seeds,
             "result": result_seeds, "units": units_seeds, "text": text_seeds, "unpack": unpack_seeds,
             "config": config_seeds, "web": web_seeds}  # fmt: skip
    for target, make in seeds.items():
        for name, data in make():
            write(target, name, data)


if __name__ == "__main__":
    main()
