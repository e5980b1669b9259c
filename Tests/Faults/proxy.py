"""A TCP proxy that knows Kafka's frames, and a slow one that knows nothing. Each runs in a thread of its own."""
import asyncio
import random
import struct
import threading

PRODUCE, ADD_OFFSETS, END, COMMIT_OFFSETS = 0, 25, 26, 28
APIS = {"Produce": PRODUCE, "AddOffsetsToTxn": ADD_OFFSETS, "EndTxn": END, "TxnOffsetCommit": COMMIT_OFFSETS}


class Plan:
    """What becomes of the requests of one API and their answers: at most `most` of them are hit, each with the given chance."""

    def __init__(self, api, action, seed, chance, most, silent=0):
        self.api, self.action, self.chance, self.left, self.silent = api, action, chance, most, silent
        self.random = random.Random(seed)
        self.hits = {"request": 0, "answer": 0}

    def hit(self, api):
        """`request`, `answer`, or None for an exchange that is left alone."""
        if api != self.api or self.left <= 0 or self.random.random() >= self.chance:
            return None
        self.left -= 1
        which = self.random.choice(["request", "answer"])
        self.hits[which] += 1
        return which

    def delay(self):
        return self.random.uniform(0.2, 2)

    def is_cut(self):
        """Whether the connection breaks where something is dropped, as it does when a host dies; else silence, as behind a broken switch."""
        if self.silent > 0 and self.random.random() < 0.5:
            self.silent -= 1
            return False
        return True


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
    """One port a broker; `plan` says what is done to whom, None leaves all alone."""

    def __init__(self, ports):
        super().__init__()
        self.plan = None
        for port, target in ports:
            self.listen(port, target)

    def connection(self):
        return Exchange(self)


class Exchange:
    """One client's connection. Requests carry api key, version and correlation id; answers the correlation id alone, in the requests' order."""

    def __init__(self, proxy):
        self.proxy = proxy
        # By correlation id: (how often it will be answered, what becomes of the answer).
        self.awaited = {}

    async def frame(self, reader):
        size = await reader.readexactly(4)
        return size + await reader.readexactly(struct.unpack(">i", size)[0])

    async def forward(self, reader, writer):
        try:
            while True:
                frame = await self.frame(reader)
                api, _, correlation = struct.unpack(">hhi", frame[4:12])
                plan = self.proxy.plan
                hit = plan.hit(api) if plan else None
                if hit == "answer":
                    self.awaited[correlation] = plan.action
                if hit == "request":
                    if plan.action == "drop":
                        if plan.is_cut():
                            return
                        continue
                    if plan.action == "delay":
                        await asyncio.sleep(plan.delay())
                    else:
                        self.awaited[correlation] = "second"
                        writer.write(frame)
                writer.write(frame)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return

    async def back(self, reader, writer):
        try:
            while True:
                frame = await self.frame(reader)
                action = self.awaited.pop(struct.unpack(">i", frame[4:8])[0], None)
                if action == "drop":
                    if self.proxy.plan is None or self.proxy.plan.is_cut():
                        return
                    continue
                if action == "delay":
                    await asyncio.sleep(self.proxy.plan.delay() if self.proxy.plan else 0)
                if action == "second":
                    # A request sent twice is answered twice; the client gets one of the two, as after a repeat of its own.
                    again = await self.frame(reader)
                    frame = again if self.proxy.plan and self.proxy.plan.random.random() < 0.5 else frame
                if action == "duplicate":
                    writer.write(frame)
                writer.write(frame)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return


class SlowProxy(Server):
    """Holds each piece back for `seconds`; 0 is as without it."""

    def __init__(self, port, target):
        super().__init__()
        self.seconds = 0
        self.listen(port, target)

    def connection(self):
        return self

    async def forward(self, reader, writer):
        try:
            while piece := await reader.read(65536):
                await asyncio.sleep(self.seconds)
                writer.write(piece)
                await writer.drain()
        except OSError:
            return

    back = forward
