"""A TCP proxy that knows Kafka's frames, and a slow one that knows nothing. Each runs in a thread of its own."""
import asyncio
import random
import re
import struct
import threading

PRODUCE, ADD_OFFSETS, END, COMMIT_OFFSETS = 0, 25, 26, 28
APIS = {"Produce": PRODUCE, "AddOffsetsToTxn": ADD_OFFSETS, "EndTxn": END, "TxnOffsetCommit": COMMIT_OFFSETS}


CLIENT_HEADER = 14


class Plan:
    """What becomes of the requests of one API and their answers: at most `most` of them are hit, each with the given chance."""

    def __init__(self, api, action, seed, chance, most, silent=0, long=0):
        """`silent`: how many drops may leave the connection open; `long`: how many delays outlast what the service waits for an answer."""
        self.api, self.action, self.chance, self.left, self.silent, self.long = api, action, chance, most, silent, long
        self.random = random.Random(seed)
        self.hits = {"request": 0, "answer": 0}
        # The long ones among them; and delays that go on.
        self.outlasted = {"request": 0, "answer": 0}
        self.open = 0

    def hit(self, api):
        """`request`, `answer`, or None for an exchange that is left alone; the second hit is of the other kind than the first."""
        if api != self.api or self.left <= 0 or self.random.random() >= self.chance:
            return None
        self.left -= 1
        which = self.random.choice(["request", "answer"])
        if sum(self.hits.values()) == 1:
            which = min(self.hits, key=self.hits.get)
        self.hits[which] += 1
        return which

    def delay(self, which):
        """Seconds."""
        if self.long > 0 and self.outlasted[which] == 0:
            self.long -= 1
            self.outlasted[which] += 1
            return self.random.uniform(6, 8)
        return self.random.uniform(0.2, 2)

    async def hold(self, which):
        self.open += 1
        try:
            await asyncio.sleep(self.delay(which))
        finally:
            self.open -= 1

    def is_cut(self):
        """Whether the connection breaks where something is dropped, as it does when a host dies; else silence, as behind a broken switch."""
        if self.silent > 0 and self.random.random() < 0.5:
            self.silent -= 1
            return False
        return True

    def is_over(self):
        """Requests and answers were hit, and none is on its way any more."""
        return min(self.hits.values()) > 0 and self.open == 0


class Trap:
    """Catches one request of an API, or its answer, as it arrives at the proxy: what it caught is held until `let_go`, then lost or passed on."""

    def __init__(self, api, which, strike, is_lost=True):
        """`strike(client)` is called at that very moment, in the proxy's thread."""
        self.api, self.which, self.strike, self.is_lost = api, which, strike, is_lost
        self.is_set = True
        self.client = self.frame = None
        self.caught, self.released = threading.Event(), threading.Event()

    def wants(self, api, client, frame):
        return api == self.api

    def takes(self, api, client, frame):
        """Whether the exchange of this request is the one."""
        if not self.is_set or not self.wants(api, client, frame):
            return False
        self.is_set, self.client, self.frame = False, client, frame
        return True

    async def hold(self):
        self.strike(self.client)
        self.caught.set()
        while not self.released.is_set():
            await asyncio.sleep(0.02)

    def let_go(self):
        self.is_set = False
        self.released.set()


class SwitchTrap(Trap):
    """Catches only while a producer switches to a rule set that is not among the known ones: in the transaction that commits the switch with the offsets,
    from there on, and in those up to the first that has alerts under it."""

    HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

    def __init__(self, api, which, strike, group, known):
        """`known`: hashes, hexadecimal bytes. Alerts must not be compressed."""
        super().__init__(api, which, strike)
        self.identity, self.known = re.compile(re.escape(group.encode()) + rb"\.\w+\.\d+"), known
        # Transactional ids.
        self.switching, self.alerting, self.switched = set(), set(), set()

    def wants(self, api, client, frame):
        found = self.identity.search(frame, 0, 512) if api in APIS.values() else None
        if found is None:
            return False
        producer = found.group()
        if producer not in self.switched and any(one not in self.known for one in self.HASH.findall(frame)):
            self.switching.add(producer)
            if api == PRODUCE:
                self.alerting.add(producer)
        is_switching = producer in self.switching
        if api == END and is_switching and producer in self.alerting:
            self.switching.discard(producer)
            self.switched.add(producer)
        return is_switching and api == self.api


class Server:
    """An event loop in a thread, with listeners that serve until `stop`."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.tasks = set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def listen(self, port, target):
        async def serve():
            await asyncio.start_server(lambda reader, writer: self.accept(reader, writer, target), "127.0.0.1", port)
        asyncio.run_coroutine_threadsafe(serve(), self.loop).result(10)

    async def accept(self, reader, writer, target):
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        connection = self.connection()
        pumps = [asyncio.ensure_future(connection.forward(reader, to_writer)), asyncio.ensure_future(connection.back(to_reader, writer))]
        self.tasks.update(pumps)
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.tasks.difference_update(pumps)
            for one in (writer, to_writer):
                one.close()

    def stop(self):
        async def end():
            for task in list(self.tasks):
                task.cancel()
            await asyncio.sleep(0)
            self.loop.stop()
        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(5)


class KafkaProxy(Server):
    """One port a broker; `plan` says what is done to whom, None leaves all alone; so does a `trap`. Clients can be cut off, by their client.id."""

    def __init__(self, ports):
        super().__init__()
        self.plan = self.trap = None
        self.exchanges = set()
        # client.id → whether its connections break; else nothing goes through, and comes late.
        self.cut = {}
        # Frames that came while their client was cut off.
        self.held = 0
        for port, target in ports:
            self.listen(port, target)

    def connection(self):
        return Exchange(self)

    def cut_off(self, client, is_reset):
        """Until `reconnect`."""
        def begin():
            self.held = 0
            self.cut[client] = is_reset
            for one in self.exchanges:
                if is_reset and one.client == client:
                    one.abort()
        self.loop.call_soon_threadsafe(begin)

    def reconnect(self, client):
        """How many frames of it came meanwhile."""
        self.loop.call_soon_threadsafe(self.cut.pop, client, None)
        return self.held

    def calm(self):
        """As without it."""
        self.plan = None
        if self.trap:
            self.trap.let_go()
            self.trap = None
        self.loop.call_soon_threadsafe(self.cut.clear)


class Broken(Exception):
    """The connection is to break here."""


class Exchange:
    """One client's connection. Requests carry api key, version, correlation id and client id; answers the correlation id alone, in the requests' order."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.client = None
        self.writers = []
        # By correlation id: (what becomes of the answer, the plan of it).
        self.awaited = {}

    async def frame(self, reader):
        size = await reader.readexactly(4)
        return size + await reader.readexactly(struct.unpack(">i", size)[0])

    def abort(self):
        for one in self.writers:
            one.transport.abort()

    async def pass_on(self, frame, writer):
        if self.client in self.proxy.cut:
            self.proxy.held += 1
        while self.client in self.proxy.cut:
            if self.proxy.cut[self.client]:
                raise Broken
            await asyncio.sleep(0.05)
        writer.write(frame)
        await writer.drain()

    async def forward(self, reader, writer):
        self.writers.append(writer)
        self.proxy.exchanges.add(self)
        try:
            while True:
                frame = await self.frame(reader)
                api, _, correlation = struct.unpack(">hhi", frame[4:12])
                self.client = client_of(frame)
                if await self.disturb(api, correlation, frame, writer):
                    await self.pass_on(frame, writer)
        except (asyncio.IncompleteReadError, OSError, Broken):
            return
        finally:
            self.proxy.exchanges.discard(self)

    async def disturb(self, api, correlation, frame, writer):
        """Whether the request goes on."""
        trap, plan = self.proxy.trap, self.proxy.plan
        if trap and trap.takes(api, self.client, frame):
            if trap.which == "answer":
                self.awaited[correlation] = "trap", trap
                return True
            await trap.hold()
            if trap.is_lost:
                raise Broken
            return True
        hit = plan.hit(api) if plan else None
        if hit == "answer":
            self.awaited[correlation] = plan.action, plan
        elif hit == "request" and plan.action == "drop":
            if plan.is_cut():
                raise Broken
            return False
        elif hit == "request" and plan.action == "delay":
            await plan.hold(hit)
        elif hit == "request":
            self.awaited[correlation] = "second", plan
            await self.pass_on(frame, writer)
        return True

    async def back(self, reader, writer):
        self.writers.append(writer)
        try:
            while True:
                frame = await self.frame(reader)
                action, plan = self.awaited.pop(struct.unpack(">i", frame[4:8])[0], (None, None))
                if action == "trap":
                    await plan.hold()
                    if plan.is_lost:
                        return
                if action == "drop":
                    if plan.is_cut():
                        return
                    continue
                if action == "delay":
                    await plan.hold("answer")
                if action == "second":
                    # A request sent twice is answered twice; the client gets one of the two, as after a repeat of its own.
                    again = await self.frame(reader)
                    frame = again if plan.random.random() < 0.5 else frame
                if action == "duplicate":
                    await self.pass_on(frame, writer)
                await self.pass_on(frame, writer)
        except (asyncio.IncompleteReadError, OSError, Broken):
            return


def client_of(frame):
    """A request's client.id; None where it has none."""
    if len(frame) < CLIENT_HEADER:
        return None
    length = struct.unpack(">h", frame[12:CLIENT_HEADER])[0]
    return frame[CLIENT_HEADER:CLIENT_HEADER + length].decode(errors="replace") if length >= 0 else None


class SlowProxy(Server):
    """Holds each piece back for `seconds`, 0 is as without it, and counts those in `held`."""

    def __init__(self, port, target):
        super().__init__()
        self.seconds = self.held = 0
        self.listen(port, target)

    def connection(self):
        return self

    async def forward(self, reader, writer):
        try:
            while piece := await reader.read(65536):
                self.held += self.seconds > 0
                await asyncio.sleep(self.seconds)
                writer.write(piece)
                await writer.drain()
        except OSError:
            return

    back = forward
