"""The faults, each with a name, a sentence, and the times within which alerts of every partition come again."""
import collections
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import time
from typing import Callable

from cluster import BROKERS
from harness import wait_until
from oracle import wrong_scores
from proxy import APIS, Plan, SwitchTrap, Trap
from trial import PARTITIONS, SESSION, TRANSACTION, Skipped

FAULTS = {}


@dataclasses.dataclass
class Fault:
    name: str
    description: str
    # Seconds after the fault.
    bound: int
    run: Callable
    # Seconds for which a partition may be without alerts, the fault's own length included; as many as `bound` where it is not said.
    longest: int = 0
    # Of: brokers (ours, to be killed), proxy, redis, postgres, root.
    needs: tuple = ()
    # How many run when it begins.
    instances: int = 3
    # Share of the upstream's transactions that are aborted.
    aborts: float = 0.0
    settings: Callable = lambda trial: {}
    # Looks at what the oracle of the outputs does not: raises AssertionError.
    judge: Callable = lambda trial, verdict: None

    def __post_init__(self):
        self.longest = self.longest or self.bound

    def setting(self):
        """Faults of the same one can happen in one run."""
        return self.settings, self.instances, self.aborts, "proxy" in self.needs

    def obstacle(self, is_ours):
        """Why it cannot run here, on our own cluster or another; None where it can."""
        if {"brokers", "proxy"} & set(self.needs) and not is_ours:
            return "needs brokers that may be killed or put behind a proxy: run it without --bootstrap-servers"
        if "root" in self.needs and os.getuid() != 0:
            return "needs root: it mounts a small file system"
        return None


def fault(name, description, bound, **more):
    def add(run):
        FAULTS[name] = Fault(name, description, bound, run, **more)
        return run
    return add


# Instances.

@fault("kill-instance", "`kill -9` of one instance, which is started again at once", 20)
def kill_instance(trial):
    victim = trial.any()
    trial.kill(victim)
    trial.launch(victim)
    trial.wait_ready(victim)


@fault("kill-instance-away", "`kill -9` of one instance, which stays away for longer than its session", 20, longest=25)
def kill_instance_away(trial):
    victim = trial.any()
    others = others_than(trial, victim)
    trial.kill(victim)
    trial.pause(SESSION + 1, SESSION + 3)
    taken_over(trial, others)
    trial.launch(victim)
    trial.wait_ready(victim)


def others_than(trial, victim):
    return [one for one in trial.running() if one is not victim]


def taken_over(trial, others):
    wait_until(lambda: sum(len(live(one)) for one in others) == PARTITIONS, "others have taken over", 60)
    trial.say("others have taken over")


@fault("kill-all-instances", "`kill -9` of all instances at once", 20)
def kill_all_instances(trial):
    victims = trial.running()
    trial.kill(*victims)
    trial.launch(*victims)
    trial.wait_ready(*victims)


@fault("freeze-instance", "SIGSTOP of one instance for 3 s", 15)
def freeze_instance(trial):
    trial.freeze(trial.any(), lambda: time.sleep(3))


@fault("freeze-past-session", "SIGSTOP of one instance past its session: others take over", 25, longest=30)
def freeze_past_session(trial):
    victim = trial.any()
    others = others_than(trial, victim)

    def past_session():
        time.sleep(SESSION + 2)
        taken_over(trial, others)
    trial.freeze(victim, past_session)


@contextlib.contextmanager
def trapped(trial, trap):
    trial.lab.proxy.trap = trap
    try:
        yield trap
    finally:
        trap.let_go()
        trial.lab.proxy.trap = None


def striking(trial, number):
    """Sends a signal to the instance whose request a trap caught."""
    return lambda client: os.kill(trial.services[client].process.pid, number)


@fault("freeze-past-transaction", "SIGSTOP of one instance in the midst of a transaction, past that transaction's timeout: the coordinator aborts it", 25,
       longest=40, needs=("proxy",))
def freeze_past_transaction(trial):
    # The transaction has begun at the coordinator in each case, and what is held arrives when the instance wakes up.
    api, which = trial.random.choice([("TxnOffsetCommit", "request"), ("TxnOffsetCommit", "answer"), ("EndTxn", "request")])
    with trapped(trial, Trap(APIS[api], which, striking(trial, signal.SIGSTOP), is_lost=False)) as trap:
        trial.wait(trap.caught.is_set, f"the {which} of {api}")
        victim, identity = trial.services[trap.client], trial.transactional_id(trap.frame)
        trial.say(f"SIGSTOP of {victim.instance} at the {which} of {api}, transaction of {identity}")
        try:
            if (state := wait_until(lambda: trial.cluster.transaction(identity), f"a broker coordinates {identity}", 5)) != "Ongoing":
                raise AssertionError(f"the transaction of {identity}, frozen at the {which} of {api}, is {state} at once")
            time.sleep(TRANSACTION - 1)
            state = wait_until(lambda: (found := trial.cluster.transaction(identity)) in ("CompleteAbort", "CompleteCommit") and found,
                               f"the coordinator ends the transaction of {identity}", 30)
        finally:
            victim.process.send_signal(signal.SIGCONT)
        trial.say(f"SIGCONT; {state}")
    trial.noted.update(frozen_at=f"{which} of {api}", transaction=state)
    if state != "CompleteAbort":
        raise AssertionError(f"the transaction of {identity}, frozen at the {which} of {api}, is {state}")


@fault("cut-off", "one instance reaches no broker for 3 s", 25, needs=("proxy",))
def cut_off(trial):
    cut(trial, lambda others: time.sleep(3))


@fault("cut-off-past-session", "one instance reaches no broker until its session is over and others have taken over; it comes back by itself", 40,
       needs=("proxy",))
def cut_off_past_session(trial):
    def past_session(others):
        time.sleep(SESSION)
        taken_over(trial, others)
    cut(trial, past_session)


def cut(trial, wait):
    """Cuts one instance off while `wait` runs with the others, and waits until it has partitions again."""
    victim = trial.any()
    others = others_than(trial, victim)
    is_reset = trial.random.choice([False, True])
    trial.noted["cut_off"] = words = f"{victim.instance}, its connections {'broken' if is_reset else 'silent'}"
    trial.say(f"cut off: {words}")
    trial.lab.proxy.cut_off(victim.instance, is_reset)
    try:
        wait(others)
    finally:
        held = trial.lab.proxy.reconnect(victim.instance)
    trial.say(f"it is connected again; {held} times something of it was held")
    if not held:
        raise AssertionError(f"nothing of {victim.instance} was held while it was cut off")
    trial.wait(lambda: live(victim) and sum(len(live(one)) for one in trial.running()) == PARTITIONS, "it has partitions again")


@fault("rolling-restart", "SIGTERM and start of each instance, one after the other", 20)
def rolling_restart(trial):
    for one in trial.running():
        trial.terminate(one)
        trial.launch(one)
        trial.wait_ready(one)


@fault("scale", "from one instance to three and back to one", 25, instances=1)
def scale(trial):
    first, *others = trial.services.values()
    trial.launch(*others)
    trial.wait(lambda: all(one.status() and live(one) for one in (first, *others)), "all three have partitions")
    trial.pause(1, 2)
    for one in others:
        trial.terminate(one)
        trial.services.pop(one.instance)


def listed(service):
    return (service.status() or {"partitions": []})["partitions"]


def live(service):
    return [one for one in listed(service) if one["state"] == "live"]


@fault("twins", "a second process is started under an id that is taken: exactly one of the two ends, with exit code 5", 40)
def twins(trial):
    first = trial.services.pop("b")
    second = trial.member("b2", instance="b")
    # Not among the instances that must stay alive until it is known which one leaves.
    trial.launch(second)
    trial.cleanups.append(lambda: [one.process.kill() for one in (first, second) if one.process.poll() is None])
    ended = trial.wait(lambda: [one for one in (first, second) if one.process.poll() is not None], "one of the two ends", 60)
    if len(ended) != 1 or ended[0].process.returncode != 5:
        raise AssertionError("ended: " + ", ".join(f"{one.instance} with {one.process.returncode}\n{one.tail(1200)}" for one in ended))
    trial.services["b"] = second if ended[0] is first else first


# Brokers.

def kill_broker(trial, node):
    trial.say(f"kill -9 of broker {node}")
    trial.cluster.kill_broker(node)
    trial.pause(0.1, 4)
    trial.cluster.start_broker(node)
    trial.say(f"broker {node} is back")


for number in BROKERS:
    fault(f"kill-broker-{number}", f"`kill -9` of broker {number}, which is started again", 40, longest=60, needs=("brokers",))(
        lambda trial, node=number: kill_broker(trial, node))


@fault("kill-transaction-coordinator", "`kill -9` and start of the coordinator of a worker's transactions", 40, longest=60, needs=("brokers",))
def kill_transaction_coordinator(trial):
    trial.noted["coordinator"] = node = trial.cluster.coordinator_of_transactions(trial.random.choice(trial.transactional_ids()))
    kill_broker(trial, node)


@fault("kill-group-coordinator", "`kill -9` and start of the coordinator of the consumer group", 40, longest=60, needs=("brokers",))
def kill_group_coordinator(trial):
    trial.noted["coordinator"] = node = trial.cluster.coordinator_of_group(trial.group.name)
    kill_broker(trial, node)


@fault("freeze-broker", "SIGSTOP of one broker for 3 to 10 s: the controller takes it for dead after 6", 40, needs=("brokers",))
def freeze_broker(trial):
    node = trial.random.choice(BROKERS)
    trial.say(f"SIGSTOP of broker {node}")
    trial.cluster.signal_broker(node, signal.SIGSTOP)
    try:
        trial.pause(3, 10)
    finally:
        trial.cluster.signal_broker(node, signal.SIGCONT)
    trial.say("SIGCONT")


@fault("kill-all-brokers", "`kill -9` of all brokers at once, away for longer than a session", 60, longest=90, needs=("brokers",))
def kill_all_brokers(trial):
    for node in BROKERS:
        trial.cluster.kill_broker(node)
    trial.say("all brokers are dead")
    trial.pause(1, SESSION + 2)
    for node in BROKERS:
        trial.cluster.launch(node)
    trial.cluster.wait_for(*BROKERS)
    trial.say("all brokers are back")


# Requests and answers.

def disturb_requests(trial, api, action):
    most = {"delay": 20, "drop": 8, "duplicate": 200}[action]
    plan = Plan(APIS[api], action, trial.random.randrange(1 << 32), {"delay": 0.3, "drop": 0.15, "duplicate": 0.5}[action], most, silent=1,
                long=1 if trial.is_brief() else 2)
    trial.lab.proxy.plan = plan
    until = time.monotonic() + (3 if trial.is_brief() else trial.random.uniform(4, 6))
    trial.wait(lambda: time.monotonic() > until and min(plan.hits.values()) > 0, f"the service sends {api}, and is answered")
    trial.lab.proxy.plan = None
    trial.wait(plan.is_over, "what is delayed arrives")
    trial.noted["hits"] = plan.hits
    if action == "delay":
        trial.noted["outlasted"] = plan.outlasted
    trial.say(f"hit: {plan.hits}, of these past the service's patience: {plan.outlasted}")
    if action == "delay" and not sum(plan.outlasted.values()):
        raise AssertionError("no delay was longer than the service waits")


WORDS = {"delay": "delayed by up to 2 s, some by 6 to 8 s, which is longer than the service waits", "drop": "dropped, the connection broken or silent",
         "duplicate": "doubled"}
for one in APIS:
    for what, words in WORDS.items():
        # Silence ends with the client's timeout, which is that of the transaction.
        fault(f"proxy-{what}-{one}", f"{one} requests and answers are {words}", 30 if what == "duplicate" else 60, needs=("proxy",))(
            lambda trial, api=one, action=what: disturb_requests(trial, api, action))


# Redis and PostgreSQL.

def with_redis(trial):
    return {"redis": {"url": trial.lab.store("redis").url}}


def scores_are_there(trial, verdict):
    """Redis has been told of all: each partition's place is its end, and each account whose score lives has it."""
    store, ends, prefix = trial.lab.store("redis"), trial.cluster.ends(trial.topic), f"tripline:{trial.group.name}:"
    places = {number: int(store.hash(f"{prefix}partition:{number}").get("offset", -1)) + 1 for number in range(PARTITIONS)}
    if places != ends:
        raise AssertionError(f"the scores in Redis reach to {places}, the payments to {ends}")
    if wrong := wrong_scores(verdict.scores, lambda account: store.hash(f"{prefix}{{{account}}}:risk"), ends):
        raise AssertionError(f"{len(wrong)} of {len(verdict.scores)} scores are wrong in Redis: {'; '.join(wrong[:5])}")
    trial.say(f"{len(verdict.scores)} scores are right in Redis")


# Alerting never waits for Redis: the silence is shorter than the outage.
@fault("redis-killed", "Redis dies and comes back empty after 6 to 8 s", 15, longest=5, needs=("redis",), settings=with_redis, judge=scores_are_there)
def redis_killed(trial):
    store = trial.lab.store("redis")
    store.kill()
    trial.pause(6, 8)
    store.start()


@fault("redis-frozen", "SIGSTOP of Redis for 6 to 8 s", 15, longest=5, needs=("redis",), settings=with_redis, judge=scores_are_there)
def redis_frozen(trial):
    process = trial.lab.store("redis").process
    process.send_signal(signal.SIGSTOP)
    try:
        trial.pause(6, 8)
    finally:
        process.send_signal(signal.SIGCONT)


def with_slow_redis(trial):
    return {"redis": {"url": f"redis://127.0.0.1:{trial.lab.slow('redis').port}"}}


@fault("redis-slow", "Redis answers 0.3 to 1 s late", 15, needs=("redis",), settings=with_slow_redis, judge=scores_are_there)
def redis_slow(trial):
    slowly(trial, "redis", trial.any())


def slowly(trial, kind, victim):
    proxy = trial.lab.slow(kind)
    proxy.held = 0
    proxy.seconds = trial.random.uniform(0.15, 0.5)
    try:
        trial.pause(2, 3)
        trial.kill(victim)
        trial.launch(victim)
        trial.pause(2, 3)
    finally:
        proxy.seconds = 0
    trial.noted["held"] = proxy.held
    if not proxy.held:
        raise AssertionError(f"nothing passed between {kind} and the service while it was slow")
    trial.wait_ready(victim)


def database(trial):
    name = f"faults_{trial.seed:08x}"
    store = trial.lab.store("postgres")
    if not store.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        store.create(name)
        store.migrate(name)
        trial.cleanups.append(lambda: store.sql(f"DROP DATABASE {name} WITH (FORCE)"))
    return store.url("tripline_service", name)


def with_postgres(trial):
    return {"checkpoint": {"store": "postgres", "max_age": "1s"}, "postgres": {"url": database(trial)}}


def with_slow_postgres(trial):
    url = database(trial).replace(f":{trial.lab.store('postgres').port}/", f":{trial.lab.slow('postgres').port}/")
    return {"checkpoint": {"store": "postgres", "max_age": "1s"}, "postgres": {"url": url}}


@fault("postgres-killed", "PostgreSQL crashes; an instance dies, and others want the state of its partitions before it is back", 25, longest=40,
       needs=("postgres",), settings=with_postgres)
def postgres_killed(trial):
    store = trial.lab.store("postgres")
    taken_over_without(trial, store.kill, store.start)


@fault("postgres-frozen", "PostgreSQL takes connections and answers nothing; an instance dies, and others want the state of its partitions meanwhile", 25,
       longest=40, needs=("postgres",), settings=with_postgres)
def postgres_frozen(trial):
    store = trial.lab.store("postgres")
    taken_over_without(trial, store.freeze, store.thaw)


def taken_over_without(trial, take, bring):
    """An instance dies while the store of the checkpoints is away: others load what it had when the store is back."""
    victim = trial.any()
    others = others_than(trial, victim)
    lost = trial.wait(lambda: {one["partition"] for one in live(victim)}, "it has partitions")
    take()
    try:
        trial.pause(1, 3)
        trial.kill(victim)
        # Of more than these, where partitions move between the others too.
        wanted = wait_until(lambda: lost <= (found := {one["partition"] for other in others for one in listed(other) if one["state"] == "loading"}) and found,
                            f"others want the state of partitions {sorted(lost)}", 60)
        trial.pause(1, 3)
    finally:
        bring()
    trial.say("the store is back")
    taken_over(trial, others)
    recovered_from(trial, others, "checkpoint", wanted)
    trial.launch(victim)
    trial.wait_ready(victim)


def recovered_from(trial, services, source, partitions):
    """Raises where one of the partitions came from anything else."""
    def sources():
        found = {one["partition"]: one["recovered_from"] for service in services for one in live(service) if one["partition"] in partitions}
        return set(found) == set(partitions) and found
    judge_recovery(trial, wait_until(sources, f"partitions {sorted(partitions)} are live", 60), source, partitions)


def judge_recovery(trial, found, source, partitions):
    """`found`: by partition, from what it has recovered."""
    trial.noted["recovered_from"] = collections.Counter(found.values())
    if set(found) != set(partitions) or set(found.values()) != {source}:
        raise AssertionError(f"not each of the partitions {sorted(partitions)} recovered from its {source}: {found}")


@fault("postgres-slow", "PostgreSQL answers 0.3 to 1 s late, an instance is killed and started meanwhile", 40, needs=("postgres",),
       settings=with_slow_postgres)
def postgres_slow(trial):
    victim = trial.any()
    lost = trial.wait(lambda: {one["partition"] for one in live(victim)}, "it has partitions")
    slowly(trial, "postgres", victim)
    trial.wait(lambda: sum(len(live(one)) for one in trial.running()) == PARTITIONS, "all partitions are live")
    recovered_from(trial, trial.running(), "checkpoint", lost)


# Checkpoints.

def with_small_disk(trial):
    folder = trial.folder / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode != 0:
        raise Skipped(f"a small file system cannot be mounted: {done.stderr.strip()}")
    trial.cleanups.append(lambda: subprocess.run(["umount", "-l", folder], check=True))
    return {"checkpoint": {"store": f"directory:{folder}/state", "max_age": "1s"}}


@fault("checkpoint-disk-full", "the checkpoints' disk is full for 3 to 5 s; then an instance dies", 20, needs=("root",), settings=with_small_disk)
def checkpoint_disk_full(trial):
    ballast = trial.folder / "disk/ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            trial.say("the disk is full")
    def failures():
        return sum(len(one.logged("checkpoint failed")) for one in trial.services.values())
    before = failures()
    trial.pause(3, 5)
    trial.wait(lambda: failures() > before, "a checkpoint fails")
    trial.noted["failed_checkpoints"] = failures() - before
    victim = trial.any()
    trial.kill(victim)
    ballast.unlink()
    trial.launch(victim)
    trial.wait_ready(victim)


def spoilt(trial, spoil, source, is_noticed):
    """All instances die; what `spoil(newest, older ones, another partition's)` leaves of the checkpoints is what they find. Each partition must recover
    from `source`; `is_noticed`: having said that its newest checkpoint is not used."""
    # Two new ones each: what an earlier fault has spoilt may still be among them.
    began = time.time()
    trial.wait(lambda: len(trial.checkpoints()) == PARTITIONS and all(
        sum(written(file) > began for file in files) > 1 for files in trial.checkpoints().values()), "checkpoints are there")
    victims = trial.running()
    trial.kill(*victims)
    found = trial.checkpoints()
    folders = sorted(found)
    foreign = {folder: found[folders[place - 1]][0].read_bytes() for place, folder in enumerate(folders)}
    for folder in folders:
        newest, *older = found[folder]
        spoil(newest, older, foreign[folder], trial.random)
    unused = sum(len(one.logged("checkpoint not used")) for one in victims)
    lived = {one.instance: len(one.logged("partition live")) for one in victims}
    trial.launch(*victims)
    trial.wait_ready(*victims)
    trial.wait(lambda: sum(len(live(one)) for one in victims) == PARTITIONS, "all partitions are live")
    # What a rebalance right after the start has them do again begins with new checkpoints.
    first = {}
    for entry in sorted((entry for one in victims for entry in one.logged("partition live")[lived[one.instance]:]), key=lambda entry: entry["time"]):
        first.setdefault(entry["partition"], entry["source"])
    judge_recovery(trial, first, source, range(PARTITIONS))
    trial.noted["not_used"] = sum(len(one.logged("checkpoint not used")) for one in victims) - unused
    if (trial.noted["not_used"] >= PARTITIONS) != is_noticed:
        raise AssertionError(f"{trial.noted['not_used']} times a log said that a checkpoint is not used")


def written(file):
    """When, seconds since the epoch; 0 if it is gone by now."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0


def tear(newest, older, foreign, chance):
    content = bytearray(newest.read_bytes())
    if chance.random() < 0.5:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    else:
        del content[chance.randrange(len(content)):]
    newest.write_bytes(content)


def lose_all(newest, older, foreign, chance):
    for path in (newest, *older):
        path.unlink()


for name, sentence, how, where, noticed in (
    ("checkpoint-torn", "the newest checkpoint of each partition is cut off or has a flipped bit", tear, "checkpoint", True),
    ("checkpoint-foreign", "under the newest checkpoint's name lies another partition's",
     lambda newest, older, foreign, _: newest.write_bytes(foreign), "checkpoint", True),
    ("checkpoint-old", "under the newest checkpoint's name lies the oldest",
     lambda newest, older, foreign, _: shutil.copyfile(older[-1], newest), "checkpoint", True),
    ("checkpoint-newest-lost", "the newest checkpoint of each partition is gone", lambda newest, older, foreign, _: newest.unlink(), "checkpoint", False),
    ("checkpoint-all-lost", "all checkpoints are gone: the log is replayed", lose_all, "log", False),
):
    fault(name, sentence + "; all instances are killed", 25)(
        lambda trial, how=how, where=where, noticed=noticed: spoilt(trial, how, where, noticed))


# Rules, twins of the input.

CRASH_POINTS = [(api, which) for api in APIS for which in ("request", "answer")]


@fault("rule-switch", "a rule switch for each request of a transaction: `kill -9` of the instance that switches as the request leaves it, or the answer "
       "would reach it", 25, needs=("proxy",))
def rule_switch(trial):
    trial.noted["crashed_at"] = crashed = []
    for api, which in trial.random.sample(CRASH_POINTS, len(CRASH_POINTS)):
        # The commit of offsets shows the switch: that transaction, and the one with the first alerts, may be past the point.
        for _ in range(6):
            if crash_in_switch(trial, api, which):
                crashed.append(f"{which} of {api}")
                break
    if len(crashed) < len(CRASH_POINTS):
        raise AssertionError(f"of {len(CRASH_POINTS)} crash points only {crashed} were met")


def crash_in_switch(trial, api, which):
    """Whether an instance came to that point of the transaction in which it switched."""
    known = {one.encode() for one in trial.rule_sets()}
    with trapped(trial, SwitchTrap(APIS[api], which, striking(trial, signal.SIGKILL), trial.group.name, known)) as trap:
        trial.switch_rules()
        # Once each worker has switched it is too late.
        workers = len(trial.running()) * trial.group.settings["workers"]
        deadline = time.monotonic() + 10
        while not trap.caught.is_set() and len(trap.switched) < workers and time.monotonic() < deadline:
            time.sleep(0.01)
        if not trap.caught.is_set():
            trial.say(f"no switch came to the {which} of {api}: {len(trap.switched)} of {workers} workers switched")
            return False
        victim = trial.services[trap.client]
        trial.kill(victim)
        trial.say(f"that was at the {which} of {api}, in the switch to rule set {trial.sets}")
    trial.launch(victim)
    trial.wait_ready(victim)
    return True


@fault("aborting-upstream", "a third of the transactions that bring payments is aborted; an instance dies", 20, aborts=1 / 3)
def aborting_upstream(trial):
    kill_instance(trial)
