"""What the documents tell people to type does what they say: the commands of the README and of the
manual pages are run, the plans are read, the command lines of workers are started, and the verbs
and options are those of the programs."""

import json
import os
import re
import shutil
import subprocess
import unittest

from harness import BIN, ROOT, SLOWNESS, Process, SystemTest, baton, program, wait_until
from messages import task

MAN = ROOT / "docs" / "man"
HAS_JQ = shutil.which("jq") is not None

# Agents that our documents name and this machine does not have: each leaves a result.
STUB = """#!/bin/sh
cat > /dev/null
echo '{"outcome":"done","summary":"stub"}' > "$BATON_RESULT_FILE"
"""


def fenced(text, language=""):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def indented(text):
    """Blocks of lines that begin with four spaces, outside of fences, without the indentation."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    found = re.findall(r"(?:^    .*\n(?:^\n(?=    ))?)+", text, re.M)
    return [re.sub(r"^    ", "", block, flags=re.M) for block in found]


def section(text, title, level=1):
    """From a title to the next of its level."""
    sign = "#" * level
    match = re.search(rf"^{sign} {re.escape(title)}$(.*?)(?=^{sign} |\Z)", text, re.M | re.S)
    assert match, f"no section {title}"
    return match.group(1)


def blocks_in_order(text):
    """Fenced and indented blocks as (language, text)."""
    pattern = r"^```(\w*)\n(.*?)^```$|((?:^    [^\n]*\n)+)"
    for match in re.finditer(pattern, text, re.M | re.S):
        if match.group(3):
            yield "", re.sub(r"^    ", "", match.group(3), flags=re.M)
        else:
            yield match.group(1), match.group(2)


def man(name):
    return (MAN / name).read_text()


def manual_of_config(name):
    """The part of a page that comes from the program's table of keys."""
    return subprocess.check_output([program(name), "--manual-of-config"], text=True)


def keys_of(name):
    return re.findall(r"^\*([\w-]+)\* =", manual_of_config(name), re.M)


def examples(name):
    """The commands of a manual page's EXAMPLES; scdoc takes a backslash for itself."""
    return [block.replace("\\\\", "\\") for block in fenced(section(man(name), "EXAMPLES"))]


class DocsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.stubs = self.dir / "stubs"
        self.stubs.mkdir()
        self.endpoint = f"ipc://{self.dir}/broker.sock"

    def stub(self, name, text=STUB):
        path = self.stubs / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self):
        return {
            **os.environ,
            "PATH": f"{self.stubs}:{BIN}:{os.environ['PATH']}",
            "HOME": str(self.dir),
            "XDG_STATE_HOME": str(self.dir / "state"),
            "BATON_ENDPOINT": self.endpoint,
        }

    def shell(self, text, timeout=60):
        """Runs it with bash as one types it; its standard output. Fails if a command does."""
        with open(self.dir / "out", "w+") as out, open(self.dir / "err", "w+") as err:
            done = subprocess.run(
                ["/bin/bash", "-c", text],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.dir,
                env=self.environment(),
                timeout=timeout * SLOWNESS,
            )
            out.seek(0)
            err.seek(0)
            output = out.read()
            self.assertEqual(done.returncode, 0, f"{text}\n--- gave\n{output}{err.read()}")
        return output


class TestReadme(DocsTest):
    def test_your_own_plan(self):
        text = section((ROOT / "README.md").read_text(), "Your own plan, in ten minutes", 2)
        script = ["set -e"]
        for language, block in blocks_in_order(text):
            if language == "yaml":
                script.append(f"cat > plan.yaml <<'PLAN'\n{block}PLAN")
            elif "cmake" not in block and "claude" not in block:
                script.append(block)
        script = "\n".join(script).replace("/tmp/baton", str(self.dir))
        # People wait until a broker serves; the first command does so by itself.
        output = self.shell(script + "\nwait\n")
        self.assertRegex(output, r"schema +backend +done")
        self.assertRegex(output, r"page +frontend +done")
        self.assertIn("no worker of role backend", output)
        self.assertIn("Write a page that lists the guests", (self.dir / "prompt-page.txt").read_text())
        self.assertIn("50% half way", output)

    def test_files_it_names_are_there(self):
        text = (ROOT / "README.md").read_text()
        for path in re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r"\b(?:scripts|examples)/[\w./]+\w", text):
            self.assertTrue((ROOT / path).exists(), path)


class TestTesting(DocsTest):
    def test_tests_it_names_are_there(self):
        sources = [*ROOT.glob("tests/unit/*.c"), *ROOT.glob("tests/system/*.py")]
        have = set(re.findall(r"\btest_(\w+)\(", "".join(p.read_text() for p in sources)))
        text = section((ROOT / "docs" / "testing.md").read_text(), "What must work", 3)
        text += section((ROOT / "docs" / "testing.md").read_text(), "Bad input and faults", 3)
        files = {p.stem for p in sources}
        told = set(re.findall(r"(?<![\w`])[a-z0-9]+(?:_[a-z0-9]+){2,}(?![\w`])", text))
        self.assertGreater(len(told), 20)
        self.assertEqual(told - have - files, set())


class TestPlans(DocsTest):
    def check(self, text, name="plan.yaml"):
        (self.dir / name).write_text(text)
        done = baton(self.endpoint, "check", name, json_out=False, cwd=self.dir)
        self.assertEqual(done.status, 0, f"{text}\n{done.err}")

    def test_of_the_documents_are_plans(self):
        text = (ROOT / "docs" / "plan.md").read_text()
        blocks = fenced(text, "yaml")
        self.assertEqual(len(blocks), 6)
        task = "tasks:\n  - id: test-task\n    role: testing\n"
        for i, block in enumerate(blocks):
            if block.startswith("after:"):
                block = task + re.sub(r"^", "    ", block, flags=re.M)
            while "[ … ]" in block:
                i += 1
                block = block.replace("[ … ]", f"[{{id: some-{i}, role: infra}}]", 1)
            self.check(block)
        for block in fenced(section(man("baton-plan.5.scd"), "DESCRIPTION")):
            self.check(block)

    def test_options_are_those_of_the_program(self):
        text = (ROOT / "docs" / "plan.md").read_text()
        told = set(re.findall(r"^\| `(--[\w-]+)", text, re.M))
        for verb in ("check", "apply"):
            usage = baton(self.endpoint, "help", verb, json_out=False).out
            told_here = {o for o in told if verb == "apply" or o not in
                         ("--dry-run", "--no-update", "--close", "--wait")}  # fmt: skip
            for option in told_here:
                self.assertIn(option, usage + self.usage_of_all())

    def usage_of_all(self):
        return baton(self.endpoint, "help", json_out=False).out


class TestSentences(DocsTest):
    def test_each_command_in_a_sentence_is_one_that_there_is(self):
        usage = {v["verb"]: v["usage"] for v in baton(self.endpoint, "help").lines()}
        common = baton(self.endpoint, "help", json_out=False).out
        words = {  # of verbs that begin with one
            verb: ["WORD", *baton(self.endpoint, "completion", "words", verb, "", json_out=False).out.split()]
            for verb, text in usage.items()
            if re.match(r"[a-z]", text)
        }
        files = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "ctl").rglob("*.c"), *(ROOT / "worker").glob("*.c")]
        n = 0
        for path in files:
            for said in re.findall(r"`baton ([^`%\n]+)`", path.read_text()):
                verb, *rest = [word for word in said.split() if word not in ("--json", "--quiet")] or [""]
                if verb.startswith("-") or verb.isupper():
                    continue
                self.assertIn(verb, usage, f"{path.name}: {said}")
                if verb in words:
                    self.assertIn((rest or [""])[0].split("|")[0], words[verb], f"{path.name}: {said}")
                for option in re.findall(r"(?<!\S)(--[a-z][a-z-]+)", " ".join(rest)):
                    self.assertRegex(usage[verb] + common, rf"{option}\b", f"{path.name}: {said}")
                n += 1
        self.assertGreater(n, 80)


class TestManualPages(DocsTest):
    def test_of_the_client(self):
        broker = self.broker()
        self.stub("make")
        self.stub("dot", "#!/bin/sh\ngrep -q API-001 && echo '<svg/>'\n")
        path = {"PATH": self.environment()["PATH"]}
        self.baton_worker(broker, "backend", ["make"], env=path)
        (self.dir / "plan.yaml").write_text("tasks:\n  - {id: DB-001, role: backend}\n")
        blocks = examples("baton.1.scd")
        apply, add, why, agent, graph, watch = blocks[:6]
        self.shell(apply)
        self.shell(add)
        self.shell("baton wait API-001 --timeout 30s")
        self.assertIn("API-001 is done", self.shell(why))
        self.shell(graph)
        self.assertEqual((self.dir / "graph.svg").read_text(), "<svg/>\n")
        if not HAS_JQ:
            self.skipTest("jq is missing: the examples that use it are not run")
        self.shell("baton add T --role testing")
        self.shell(agent)
        shown = self.baton(broker, "show", "T").json()
        self.assertEqual((shown["state"], shown["result"]["summary"]),
                         ("done", "all 12 tests pass"))  # fmt: skip
        self.shell("baton add bad --role testing --max-attempts 1")
        fail = "sleep 0.2; baton fail --fatal --token $(baton take --role testing --json | jq -r .token) no"
        watch = watch.replace("baton watch --json", "timeout 5 baton watch --json --since 0")
        output = self.shell(f"({fail}) & {watch.strip()} --unbuffered | head -1; wait")
        self.assertEqual(output.strip().splitlines()[-1], "bad")

    def test_of_the_client_verb_by_verb(self):
        blocks = examples("baton.1.scd")
        for verb in (v["verb"] for v in baton(self.endpoint, "help").lines()):
            self.assertRegex("".join(blocks), rf"baton (--json )?{verb}\b", "a verb without an example")
        if not HAS_JQ or not shutil.which("curl"):
            self.skipTest("SKIPPED: jq or curl is missing (scripts/deps)")
        self.broker()
        (self.dir / "plan.yaml").write_text("tasks:\n  - {id: DB-001, role: backend}\n")
        *blocks, web = blocks[6:]
        self.assertEqual(len(blocks), 6)
        for block in blocks:
            self.shell("set -e\n" + block)
        # A port of its own choice instead of the usual one.
        web = web.replace("baton web &", "mkfifo url\nbaton web --listen 127.0.0.1:0 >url &\nexec 3<url\nread -r url <&3")
        web = web.replace("http://127.0.0.1:9464/", "${url}")
        self.assertIn("ready\n", self.shell("set -e\n" + web + "complete -p baton"))
        self.assertTrue((self.dir / "team/status/current-status.md").exists())

    def test_of_the_broker(self):
        start, use = examples("batond.8.scd")
        self.endpoint = "ipc:///nonexistent"  # the example names its own
        script = f"{start.strip()} &\nset -e\n{use}\nkill %1\nwait %1"
        self.assertIn("the broker answers", self.shell(script))

    def test_verbs_are_those_of_the_program(self):
        text = man("baton.1.scd")
        verbs = {v["verb"] for v in baton(self.endpoint, "help").lines()}
        for verb in verbs:
            self.assertRegex(text, rf"\*{verb}\*", f"baton(1) does not have {verb}")
        for verb in verbs:
            usage = baton(self.endpoint, "help", verb, json_out=False)
            self.assertEqual(usage.status, 0)
            self.assertIn(f"baton {verb}", usage.out)

    def test_options_of_the_daemons_are_those_of_the_programs(self):
        for page, name in (("batond.8.scd", "batond"), ("baton-worker.1.scd", "baton-worker")):
            usage = subprocess.run([program(name), "--help"], capture_output=True, text=True).stdout
            told = set(re.findall(r"^\*.*?(--[a-z][\w-]+)\*", man(page), re.M)) | {"--version"}
            # Keys of the configuration are told in a page of their own.
            told |= {f"--{prefix}{key}" for key in keys_of(name) for prefix in ("", "no-")}
            have = set(re.findall(r"^ +(?:-\w, )?(--[a-z][\w-]+)", usage, re.M))
            self.assertGreater(len(have), 20)
            self.assertEqual(have - told, set(), f"{page} lacks them")
            owned = {option for option in told if option[2:] not in keys_of(name)}
            owned = {option for option in owned if not option.startswith("--no-")}
            self.assertEqual(owned - have - {"--version"}, set(), f"{name} lacks them")

    def test_pages_are_pages(self):
        if not shutil.which("scdoc"):
            self.skipTest("scdoc is missing")
        for page in sorted(MAN.glob("*.scd")):
            text = page.read_text()
            if ".conf." in page.name:
                self.assertIn("@KEYS@", text)
                text = text.replace("@KEYS@", manual_of_config(page.name.split(".")[0]))
            done = subprocess.run(["scdoc"], input=text, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, f"{page.name}: {done.stderr}")


class TestWorkers(DocsTest):
    """Every command line of a worker that a document gives, with stubs for its agent."""

    def setUp(self):
        super().setUp()
        self.broker()
        (self.dir / "src" / "shop").mkdir(parents=True)
        (self.dir / "bin").mkdir()
        for name in ("claude", "codex", "openhands", "make"):
            self.stub(name)
        self.stub("npm")
        for name in ("my-agent.sh", "agent.sh", "bin/backend.sh", "bin/fix-tests", "bin/describe.py"):
            path = self.dir / name
            path.write_text(STUB)
            path.chmod(0o755)

    def lines(self):
        """(document, command line), continued lines joined."""
        for path in (ROOT / "README.md", ROOT / "docs" / "agent.md"):
            for block in indented(path.read_text()):
                yield from ((path.name, line) for line in self.commands(block))
        for block in examples("baton-worker.1.scd"):
            yield from (("baton-worker.1.scd", line) for line in self.commands(block))

    @staticmethod
    def commands(block):
        joined = re.sub(r"\\\n\s*", " ", block)
        return [line for line in joined.splitlines() if line.startswith("baton-worker ")]

    def start(self, line, log):
        argv = ["/bin/bash", "-c", f"exec {line}"]
        return self.own(Process(argv, self.dir / log, env=self.environment(), cwd=self.dir))

    def test_command_lines_take_and_finish_a_task(self):
        lines = list(self.lines())
        self.assertGreaterEqual(len(lines), 9)
        for n, (document, line) in enumerate(lines):
            with self.subTest(document=document, line=line):
                role = re.search(r"--role (\w+)", line).group(1)
                baton(self.endpoint, "add", f"t{n}", "--role", role)
                worker = self.start(line, f"worker-{n}.log")

                def ended(n=n, worker=worker):
                    if not worker.is_running():
                        self.fail(worker.tail())
                    return baton(self.endpoint, "show", f"t{n}").json()["state"] == "done"

                try:
                    wait_until(f"t{n} to be done by: {line}", ended, 20)
                finally:
                    status = worker.terminate()
                self.assertEqual(status, 0)

    def test_an_agent_gets_what_the_contract_says(self):
        text = section((ROOT / "docs" / "agent.md").read_text(), "What an agent gets", 2)
        told = set(re.findall(r"`(BATON_[A-Z_]+)`", text)) | {"TRACEPARENT"}
        members = re.search(r"`(id, project, role[^`]*)`", text).group(1)
        agent = self.dir / "agent.sh"
        agent.write_text(
            f'#!/bin/sh\nenv > {self.dir}/variables\ncp "$BATON_TASK_FILE" {self.dir}/task\n'
            f'cp "$BATON_PROMPT_FILE" {self.dir}/prompt\ncat > {self.dir}/stdin\n'
            'echo \'{"outcome":"done"}\' > "$BATON_RESULT_FILE"\n'
        )
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        spec = {"id": "t", "project": "shop", "role": "infra", "title": "sell bread"}
        self.client(self.brokers[0]).submit([task.Spec(**spec, traceparent=trace)])
        worker = self.start("baton-worker --role infra --name w -- ./agent.sh", "worker.log")
        done = baton(self.endpoint, "wait", "shop//t", "--timeout", "20s")
        self.assertEqual(done.status, 0, worker.tail())
        variables = dict(
            line.split("=", 1) for line in (self.dir / "variables").read_text().splitlines()
        )
        self.assertEqual({n for n in variables if n.startswith("BATON_")} | {"TRACEPARENT"}, told)
        wanted = {"TASK_ID": "t", "PROJECT": "shop", "ROLE": "infra", "ATTEMPT": "1", "WORKER": "w"}
        for name, value in {**wanted, "ENDPOINT": self.endpoint, "PROGRESS_FD": "3"}.items():
            self.assertEqual(variables["BATON_" + name], value)
        self.assertEqual(variables["TRACEPARENT"], trace)
        given = json.loads((self.dir / "task").read_text())
        got = (given["id"], given["project"], given["role"], given["attempt"], given["worker"])
        self.assertEqual(got, ("t", "shop", "infra", 1, "w"))
        self.assertEqual(str(given["token"]), variables["BATON_TOKEN"])
        self.assertEqual(given["result_file"], variables["BATON_RESULT_FILE"])
        self.assertLessEqual(set("id project role token attempt worker result_file".split()),
                             set(re.findall(r"\w+", members)))  # fmt: skip
        prompt = (self.dir / "prompt").read_text()
        self.assertIn("sell bread", prompt)
        self.assertEqual((self.dir / "stdin").read_text(), prompt)

    def test_the_task_file_of_the_contract(self):
        """The example has every member that such a task has, of the same type."""
        told = json.loads(fenced((ROOT / "docs" / "agent.md").read_text(), "json task")[0])

        def ok(line, *more):
            done = baton(self.endpoint, "--project", "shop", *line.split(), *more)
            self.assertEqual(done.status, 0, done.err)
            return done

        ok("add DB-001 --role infra")
        token = ok("take --role infra").json()["token"]
        ok("handoff give --task DB-001 --completed x --next y --artifact ops/db.md --to backend")
        (self.dir / "r.json").write_text('{"port":5433}')
        ok(f"complete --token {token} --summary x --result {self.dir}/r.json")
        ok("budget set night tokens=100000 --role backend")
        ok("decision propose cache --owner backend --role backend --title", "Which cache?")
        ok("decision decide cache Redis --role backend")
        ok("add API-001 --role backend --title Orders --after DB-001 --resource schema:shared --resource path:src/api/** --priority high"
           " --deadline 2030-08-12 --estimate 2h --max-runtime 4h --label team=shop --prompt x -- make api")  # fmt: skip
        self.stub("make", f'#!/bin/sh\ncp "$BATON_TASK_FILE" {self.dir}/task.new && mv {self.dir}/task.new {self.dir}/task\n')
        self.start("baton-worker --role backend -- ./agent.sh", "worker.log")
        wait_until("the task file", (self.dir / "task").exists, 20)
        self.same_shape("task", told, json.loads((self.dir / "task").read_text()))

    def same_shape(self, where, told, given):
        self.assertEqual(type(told), type(given), where)
        if isinstance(told, dict):
            self.assertEqual(set(told), set(given), where)
            for name in told:
                self.same_shape(f"{where}.{name}", told[name], given[name])
        elif isinstance(told, list):
            self.assertEqual(len(told), len(given), where)
            for n, (one, other) in enumerate(zip(told, given)):
                self.same_shape(f"{where}[{n}]", one, other)

    def test_the_program_of_the_contract(self):
        script = self.dir / "bin" / "describe.py"
        script.write_text(fenced((ROOT / "docs" / "agent.md").read_text(), "python agent")[0])
        for args in (("add", "before", "--role", "backend"), ("add", "sum", "--role", "integration", "--after", "before"),
                     ("add", "alone", "--role", "integration")):  # fmt: skip
            self.assertEqual(baton(self.endpoint, *args).status, 0)
        self.start("baton-worker --role backend -- ./agent.sh", "backend.log")
        worker = self.start("baton-worker --role integration -- ~/bin/describe.py", "worker.log")
        self.assertEqual(baton(self.endpoint, "wait", "sum", "--timeout", "20s").status, 0, worker.tail())
        shown = baton(self.endpoint, "show", "sum").json()
        self.assertEqual(shown["result"]["summary"], "1 described; told: nothing")
        self.assertEqual(baton(self.endpoint, "handoff", "list").json()["task"], "sum")
        ask = ("wait", "alone", "--for", "state=parked", "--timeout", "20s")
        self.assertEqual(baton(self.endpoint, *ask).status, 0, worker.tail())
        blocker = baton(self.endpoint, "blocker", "list").json()
        self.assertIn("which task should", blocker["title"])
        baton(self.endpoint, "blocker", "resolve", blocker["number"], "none: leave it")
        self.assertEqual(baton(self.endpoint, "wait", "alone", "--timeout", "20s").status, 0, worker.tail())
        self.assertIn("none: leave it", baton(self.endpoint, "show", "alone").json()["result"]["summary"])

    def test_the_script_of_the_contract(self):
        text = (ROOT / "docs" / "agent.md").read_text()
        block = next(b for b in indented(section(text, "A shell script", 3)) if b.startswith("#!"))
        script = self.dir / "bin" / "backend.sh"
        script.write_text(block.split("\n\nbaton-worker")[0] + "\n")
        self.stub("make", "#!/bin/sh\ntest \"$1\" = thing\n")
        baton(self.endpoint, "add", "thing", "--role", "backend")
        baton(self.endpoint, "add", "other", "--role", "backend", "--max-attempts", "1")
        worker = self.start("baton-worker --role backend -- ~/bin/backend.sh", "worker.log")
        baton(self.endpoint, "wait", "--all", "--for", "terminal", "--timeout", "30s")
        thing = baton(self.endpoint, "show", "thing").json()
        self.assertEqual(thing["state"], "done", worker.tail())
        self.assertEqual(thing["result"]["summary"], "built thing")
        self.assertEqual(baton(self.endpoint, "show", "other").json()["state"], "failed")


if __name__ == "__main__":
    unittest.main()
