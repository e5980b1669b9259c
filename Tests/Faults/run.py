"""The fault matrix: each fault many times on real brokers, with a verdict on every alert.

    Tests/Faults/run.py --list
    Tests/Faults/run.py --results FILE                      the whole matrix; goes on where FILE ends
    Tests/Faults/run.py --results FILE --together           the same in half the time: faults that go together share a run
    Tests/Faults/run.py --once                              each fault once, with another seed each day
    Tests/Faults/run.py --fault kill-instance --seed 7      one fault; the seed repeats its choices
    Tests/Faults/run.py --bootstrap-servers HOST:PORT       on a cluster of yours, with what can be done there
    Tests/Faults/run.py --results FILE --table              writes the table of RELIABILITY.md
"""
import argparse
import ctypes
import fnmatch
import hashlib
import pathlib
import random
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "EndToEnd")]

from cluster import Cluster, Remote  # noqa: E402
from faults import FAULTS  # noqa: E402
from harness import BINARY  # noqa: E402
from results import Results, write_table  # noqa: E402
from trial import Lab, Trial  # noqa: E402


def seed_of(base, name, number):
    return int.from_bytes(hashlib.sha256(f"{base} {name} {number}".encode()).digest()[:4], "big")


def library(path):
    """A folder in which `path` is found as librdkafka.so.1, and its version; `wheel` is the one that confluent-kafka brings along."""
    if path is None:
        return None, version_of("librdkafka.so.1")
    if path == "wheel":
        import confluent_kafka
        found = list((pathlib.Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs").glob("librdkafka*.so*"))
        if not found:
            sys.exit("confluent-kafka brings no librdkafka along; name a file")
        path = found[0]
    folder = tempfile.mkdtemp(prefix="tripline-faults-library-")
    (pathlib.Path(folder) / "librdkafka.so.1").symlink_to(pathlib.Path(path).resolve())
    return folder, version_of(str(path))


def version_of(name):
    try:
        opened = ctypes.CDLL(name)
    except OSError:
        return "unknown"
    opened.rd_kafka_version_str.restype = ctypes.c_char_p
    return opened.rd_kafka_version_str().decode()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", nargs="+", default=["*"], metavar="NAME", help="some faults; NAME may be a pattern: 'kill-*'")
    parser.add_argument("--runs", type=int, default=20, help="how many of each fault FILE shall hold in the end")
    parser.add_argument("--once", action="store_true", help="each fault once, those that go together in one run; keeps no results")
    parser.add_argument("--together", action="store_true", help="faults that go together happen one after the other in one run, with a smaller backlog")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier call with the same --runs; printed")
    parser.add_argument("--run-seed", type=lambda text: int(text, 16), metavar="HEX", help="one run of each named fault, with the seed of its line")
    parser.add_argument("--prove", action="store_true", help="plants wrong alerts and ends with 0 if the oracle tells of exactly these")
    parser.add_argument("--results", type=pathlib.Path, help="a line is appended for each run, and what stands there counts")
    parser.add_argument("--no-skips", action="store_true", help="a fault that cannot run here counts as one that went wrong")
    parser.add_argument("--for", type=int, dest="seconds", help="begins no run after so many seconds")
    parser.add_argument("--bootstrap-servers", help="a cluster of yours, without faults of brokers")
    parser.add_argument("--property", action="append", default=[], metavar="KEY=VALUE", help="of all Kafka clients, for that cluster")
    parser.add_argument("--librdkafka", metavar="FILE", help="another librdkafka for the service; `wheel`: confluent-kafka's")
    parser.add_argument("--assignor", help="partition.assignment.strategy of the service, in place of its own")
    parser.add_argument("--evidence", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "tripline-faults",
                        help="where logs of runs that went wrong are kept")
    parser.add_argument("--list", action="store_true", help="the faults, the seconds after them until alerts must come again, and those without alerts")
    parser.add_argument("--table", action="store_true", help="writes RELIABILITY.md from --results")
    return parser.parse_args()


def chosen(options):
    names = [name for name in FAULTS if any(fnmatch.fnmatch(name, pattern) for pattern in options.fault)]
    if not names:
        sys.exit(f"no fault is called {', '.join(options.fault)}; see --list")
    return names


def plan(options, results, base, client):
    """(faults, seed): round by round, so that an early end leaves each fault about equally often. Once: those that go together in one run."""
    names = chosen(options)
    if options.run_seed is not None:
        return [([FAULTS[name]], options.run_seed) for name in names]
    done = {name: 0 if options.once else results.count(name, client) for name in names}
    rounds = []
    for number in range(1 if options.once else options.runs):
        left = [name for name in names if number >= done[name]]
        rounds += grouped(left, base, number, not options.bootstrap_servers) if options.once or options.together else [
            ([FAULTS[name]], seed_of(base, name, number)) for name in left]
    return rounds


def grouped(names, base, number, is_ours):
    """One (faults, seed) for each setting, and for each fault that cannot run here."""
    together = {}
    for name in random.Random(f"{base} {number}").sample(names, len(names)):
        together.setdefault(name if FAULTS[name].obstacle(is_ours) else FAULTS[name].setting(), []).append(FAULTS[name])
    return [(faults, seed_of(base, faults[0].name, number)) for faults in together.values()]


def show(row):
    for name, one in row["faults"].items():
        print(f"{name}: longest pause {one['pause']} s, recovered {one['recovered']} s after it", flush=True)
    words = f"{row['verdict'] if row['verdict'] in ('pass', 'skip') else row['verdict'].upper()}, {row['fault']}, seed {row['seed']:08x}"
    if row["verdict"] != "skip":
        words += f": {row['expected']} rows, {row['lost']} lost, {row['duplicated']} duplicated, {row['different']} different; {row['seconds']} s"
    print(words + (f": {row['detail']}" if "detail" in row else "") + (f"\n  kept: {row['evidence']}" if "evidence" in row else ""), flush=True)


def prove(lab, seed, evidence):
    """Whether the oracle sees what is planted, and nothing else."""
    row = Trial(lab, [FAULTS["kill-instance"]], seed, 3_000, evidence, plants=True).run()
    found = [row[kind] for kind in ("lost", "duplicated", "different")]
    print(f"planted: 1 lost, 1 duplicated, 1 different; told of {found}: {row.get('detail')}", flush=True)
    return row["verdict"] == "fail" and found == [1, 1, 1]


def execute(lab, todo, options, client, results):
    """How many runs went wrong."""
    binary = hashlib.sha256(pathlib.Path(BINARY).read_bytes()).hexdigest()[:12]
    began, bad = time.monotonic(), 0
    for faults, seed in todo:
        if options.seconds and time.monotonic() - began > options.seconds:
            print("the time is over; the same command goes on here", flush=True)
            break
        start = time.monotonic()
        row = Trial(lab, faults, seed, 3_000 if options.once or options.together else 10_000, options.evidence).run()
        row = {"fault": ", ".join(one.name for one in faults), "seed": seed, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "client": client,
               "binary": binary, "seconds": round(time.monotonic() - start, 1), **row}
        results.append(row)
        show(row)
        bad += row["verdict"] not in ("pass",) + (() if options.no_skips else ("skip",))
        # One that went wrong ended its run: those after it still have theirs.
        if row["verdict"] in ("fail", "stalled") and (left := faults[len(row["faults"]) + 1:]):
            todo.append((left, seed))
    return bad


def matrix(options):
    base = options.seed if options.seed is not None else int(time.time() // 86_400)
    print(f"seed {base} (--seed)", flush=True)
    folder, version = library(options.librdkafka)
    client = f"librdkafka {version}" + (f", {options.assignor}" if options.assignor else "")
    results = Results(None if options.once else options.results)
    properties = dict(one.split("=", 1) for one in options.property)
    todo = plan(options, results, base, client)
    print(f"{len(todo)} runs, {client}, {BINARY}", flush=True)
    if not todo:
        return 0
    began, bad = time.monotonic(), 0
    cluster = Remote(options.bootstrap_servers, properties) if options.bootstrap_servers else Cluster()
    lab = Lab(cluster, folder, properties, options.assignor)
    try:
        if options.prove or options.once:
            bad += not prove(lab, base, options.evidence)
        if not options.prove:
            bad += execute(lab, todo, options, client, results)
    finally:
        lab.stop()
    count = {verdict: sum(row["verdict"] == verdict for row in results.new) for verdict in ("pass", "fail", "stalled", "skip")}
    print(", ".join(f"{number} {verdict}" for verdict, number in count.items()) + f" in {time.monotonic() - began:.0f} s", flush=True)
    return 1 if bad else 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments()
    if options.list:
        for one in FAULTS.values():
            print(f"{one.name:30} {one.bound:3} s {one.longest:3} s  {one.description}")
        return 0
    if options.table:
        if options.results is None:
            sys.exit("--table needs --results")
        write_table(Results(options.results).rows, FAULTS)
        return 0
    return matrix(options)


if __name__ == "__main__":
    sys.exit(main())
