"""scripts/bench behind its build: measures Baton and its peers in one run, and says which goals are met."""
import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile

import contenders
import machine
import plot
import report
import works

TREE = os.path.dirname(contenders.BENCH)
TOUCHED_BYTES = 1 << 30  # more than a server, its files and the load have
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


def read_options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures Baton and other queues doing the same work on this machine, alternating, and prints\n"
                    "medians, spreads, ratios and the goals. docs/performance.md says what is measured and how.",
        epilog="WORKS: a throughput, b latency, c chain and layers, d memory and restart, e cost against the length of the\n"
               "queue and the number of workers, f makespan of real graphs; floors (always measured with b).\n"
               "Run it on a quiet machine: everything shares its cores.")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, 3 rounds: minutes")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, one round: does everything still work? No figures")
    parser.add_argument("--only", metavar="WORKS", default="", help="some of them: a,b")
    parser.add_argument("--peers", metavar="NAMES", default="", help="only these beside Baton: beanstalkd,dask; none: Baton alone")
    parser.add_argument("--rounds", type=int, help="how often each has its turn (5)")
    parser.add_argument("--json", metavar="FILE", help="write all figures of all rounds there (-: the standard output, no tables)")
    parser.add_argument("--compare", metavar="FILE", help="an earlier --json: which figures lie outside of its spread")
    parser.add_argument("--out", metavar="DIR", help="where table and pictures go (build/bench)")
    parser.add_argument("--dir", metavar="DIR", default="/var/tmp", help="where servers keep their data: on the disk to be measured")
    parser.add_argument("--bin", metavar="DIR", default=f"{TREE}/build/release/bin", help="Baton's programs (build/release/bin)")
    options = parser.parse_args()
    options.size = works.SMOKE if options.smoke else works.QUICK if options.quick else works.FULL
    options.rounds = options.rounds or {works.SMOKE: 1, works.QUICK: 3, works.FULL: 5}[options.size]
    options.out = options.out or f"{TREE}/build/bench"
    options.works = [work.strip() for work in options.only.split(",") if work.strip()] or list(works.WORKS)
    for work in options.works:
        if work not in works.WORKS:
            parser.error(f"--only: {work} is none of {', '.join(works.WORKS)}")
    return options


def choose_peers(options, place):
    """Those that are wanted and installed; and what is missing, in words."""
    wanted = [name.strip().lower() for name in options.peers.split(",") if name.strip()]
    chosen, missing = [], []
    for name in wanted:
        if name != "none" and not any(name in peer.label.lower() for peer in contenders.everybody()):
            sys.exit(f"bench: --peers: nobody is called {name}: "
                     f"{', '.join(dict.fromkeys(peer.name for peer in contenders.everybody()))}")
    for peer in contenders.everybody():
        if wanted and peer.name != "Baton" and not any(name in peer.label.lower() for name in wanted):
            continue
        lacks = peer.missing(place)
        if lacks:
            missing.append(f"{peer.label}: {lacks} is not installed (scripts/deps --bench)")
        else:
            chosen.append(peer)
    return chosen, missing


def describe(options, place, bench):
    about = machine.describe(place.directory)
    versions = ", ".join(f"{name} {version}" for name, version in contenders.versions(place).items())
    lines = [f"Baton {machine.commit(TREE)}, {options.size} sizes, {options.rounds} rounds",
             f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['system']}, kernel {about['kernel']}, "
             f"data on {about['filesystem']}, load at the start {about['load_at_start']:.2f}",
             versions]
    if about["load_at_start"] > 0.5:
        lines.append("**Other programs are at work on this machine: the figures are noisy.**")
    if about["filesystem"] == "tmpfs":
        lines.append("**The data is in memory: fsync costs nothing there, and durable figures mean nothing. Use --dir.**")
    lines += [f"Left out: {failure}" for failure in bench.failures]
    return about, "\n\n".join(lines) + "\n"


def run(options):
    directory = tempfile.mkdtemp(prefix="baton-bench.", dir=options.dir)
    os.chmod(directory, 0o755)
    place = contenders.Place(options.bin, directory, f"{CACHE}/baton-bench/node_modules",
                             0 if options.smoke else TOUCHED_BYTES)
    try:
        peers, missing = choose_peers(options, place)
        bench = works.Bench(place, peers, options.size, options.rounds, os.environ.get("BATON_SHARED", f"{TREE}/../shared"))
        bench.failures += missing
        about, text = describe(options, place, bench)
        for work in options.works:
            if work == "floors" and "b" in options.works:
                continue  # they are measured beside the latency
            works.WORKS[work](bench)
        about["load_at_end"] = os.getloadavg()[0]
        return bench, about, contenders.versions(place), text
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench, about, versions, text = run(options)
    results = bench.results
    parts = [text] + [report.work_table(work, found) for work, found in results.items()]
    parts.append(report.Goals(results, options.size != works.SMOKE).table())
    left_out = [failure for failure in bench.failures if failure not in text]
    if left_out:
        parts.append("\n\n".join(f"Left out: {failure}" for failure in left_out) + "\n")
    if options.compare:
        with open(options.compare, encoding="utf-8") as file:
            parts.append(report.compare(json.load(file)["results"], results))
    record = json.dumps({"machine": about, "versions": versions, "size": options.size, "rounds": options.rounds,
                         "results": results, "left_out": bench.failures}, indent=1)
    if options.json and options.json != "-":
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(record + "\n")
    os.makedirs(options.out, exist_ok=True)
    with open(f"{options.out}/table.md", "w", encoding="utf-8") as file:
        file.write("\n".join(parts))
    drawn = plot.pictures(results)
    for name, svg in drawn.items():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{options.out}/{name}")  # of an earlier run
        if svg:
            with open(f"{options.out}/{name}", "w", encoding="utf-8") as file:
                file.write(svg)
    print(record if options.json == "-" else "\n".join(parts))
    print(f"bench: table.md and {sum(map(bool, drawn.values()))} pictures are in {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
