"""Dask distributed on a local cluster of two worker processes with three threads each. Nothing is durable.

    dask_graph.py VERB --n N [--layers L]     VERB: both, latency, chain, layers

The tasks count themselves in a file each worker process appends to, so that each is seen to run once.
"""
import argparse
import collections
import json
import os
import sys
import tempfile
import time

from distributed import Client, LocalCluster, wait


def ran(number, *_):
    with open(f"{os.environ['BENCH_RAN']}/{os.getpid()}", "ab", buffering=0) as file:
        file.write(b"%d\n" % number)
    return 0


def nothing(number, *_):
    return number


def started(began):
    return time.monotonic() - began


def both(client, options, function):
    began = time.monotonic()
    futures = client.map(function, range(options.n), ["x" * 90] * options.n, pure=False)
    wait(futures)
    return {"seconds": time.monotonic() - began, "rate": options.n / (time.monotonic() - began)}


def latency(client, options, _):
    futures = []
    for _ in range(options.n):
        began = time.monotonic()
        futures.append(client.submit(started, began, pure=False))
        time.sleep(max(0, options.gap_us / 1e6 - (time.monotonic() - began)))
    us = sorted(1e6 * s for s in client.gather(futures))
    return {"p50_us": us[len(us) // 2], "p99_us": us[(len(us) - 1) * 99 // 100], "max_us": us[-1], "samples": len(us)}


def compute(client, graph, key):
    began = time.monotonic()
    client.get(graph, key, optimize_graph=False)
    return {"seconds": time.monotonic() - began, "run_s": time.monotonic() - began}


def chain(client, options, function):
    graph = {("c", 0): (function, 0)}
    for i in range(1, options.n):
        graph["c", i] = (function, i, ("c", i - 1))
    return compute(client, graph, ("c", options.n - 1))


def layers(client, options, function):
    n = options.n // options.layers
    graph = {}
    for layer in range(options.layers):
        keys = []
        for i in range(layer * n, layer * n + n):
            keys.append(("l", i))
            graph["l", i] = (function, i, ("b", layer - 1)) if layer else (function, i)
        graph["b", layer] = (nothing, layer, keys)
    return compute(client, graph, ("b", options.layers - 1))


def check(directory, n):
    counts = collections.Counter()
    for name in os.listdir(directory):
        with open(f"{directory}/{name}", encoding="ascii") as file:
            counts.update(int(line) for line in file)
    if sorted(counts) != list(range(n)) or max(counts.values()) != 1:
        sys.exit("bench: dask: not every task ran once")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["both", "latency", "chain", "layers"])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--gap-us", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["BENCH_RAN"] = directory
        cluster = LocalCluster(n_workers=2, threads_per_worker=3, processes=True, host="127.0.0.1",
                               dashboard_address=None, silence_logs=40)
        with cluster, Client(cluster) as client:
            wait(client.map(nothing, range(1000), pure=False))
            verb = globals()[options.verb]
            # Counting costs Dask time: the figure is of a run without it, and the run before it is the check.
            if options.verb != "latency":
                verb(client, options, ran)
                check(directory, options.n)
                if options.verb in ("chain", "layers"):
                    client.restart()
                    wait(client.map(nothing, range(1000), pure=False))
            result = verb(client, options, nothing)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
