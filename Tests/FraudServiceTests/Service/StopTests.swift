import Foundation
import Glibc
import Kafka
import RuleFiles
import Testing
import Threads

@testable import FraudEngine
@testable import FraudService

/// The whole service on librdkafka's mock cluster; its threads, made by C11's `thrd_create`, are not for the thread sanitizer.
@Suite(.enabled("librdkafka's threads are not for the thread sanitizer") { dlsym(nil, "__tsan_init") == nil }) struct StopTests {
    /// Reads lines until one has the text.
    private func waitForLine(with text: String, in descriptor: Int32) throws {
        var seen = ""
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while !seen.contains(text) {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            try #require(poll(&ready, 1, 60_000) == 1, "\(seen)")
            let count = read(descriptor, &bytes, bytes.count)
            try #require(count > 0, "\(seen)")
            seen += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    private func settings(_ broker: EmbeddedBroker, _ folder: String) throws -> Settings {
        try FileSystem.makeFolder("\(folder)/rules")
        let rules = Array("version: 1\nrules: []\n".utf8)
        try rules.withUnsafeBufferPointer { (bytes) throws(FileSystem.Problem) in
            try FileSystem.write(UnsafeRawBufferPointer(bytes), to: "\(folder)/rules/rules.yaml")
        }
        var settings = try Given().load().get()
        for topic in [settings.input.topic, settings.output.alerts, settings.output.shadow, settings.output.late, settings.output.deadLetters] {
            try broker.createTopic(topic, partitions: 1)
        }
        settings.kafka.bootstrapServers = broker.bootstrapServers
        settings.checkpoint.store = .directory("\(folder)/store")
        settings.rules.directory = "\(folder)/rules"
        settings.workers = 1
        settings.httpListen = HostPort(host: "127.0.0.1", port: 0)
        settings.adminListen = HostPort(host: "127.0.0.1", port: 0)
        settings.shutdownGrace = 5_000
        return settings
    }

    @Test func `a store that hangs does not keep a stop beyond its grace`() throws {
        let folder = try FileSystem.makeTemporaryFolder("tripline-stop")
        let broker = try EmbeddedBroker()
        defer { broker.stop() }
        let settings = try settings(broker, folder)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let service = try Service.start(settings, version: "test", log: Log(level: .warning, format: .text, descriptor: ends[1]), isEmbedded: true)
        // The newer checkpoint is no checkpoint; opening the older one, a pipe without a writer, hangs.
        let checkpoints = CheckpointDirectory(root: "\(folder)/store", group: settings.group, topic: settings.input.topic).folder(of: 7)
        try FileSystem.makeFolder(checkpoints)
        let hanging = "\(checkpoints)/5-0000000000000000001-1.checkpoint"
        try #require(mkfifo(hanging, 0o600) == 0)
        try FileSystem.write(UnsafeRawBufferPointer(start: nil, count: 0), to: "\(checkpoints)/5-0000000000000000002-1.checkpoint")
        let metadata = CommitMetadata(
            epoch: 5, streamTime: StreamTime.none, digest: 0, foldHash: "fold", partitionCount: 1, totals: Totals(), anchor: nil,
            history: [RuleActivation(sequence: 1, ruleSet: service.rules.current.loaded.set.hash, fromOffset: 0, streamTime: StreamTime.none)])
        service.checkpoints.offer(.load(partition: 7, claim: 0, CommittedPosition(offset: 9, metadata: metadata.line), WorkerInbox()))
        try waitForLine(with: "checkpoint not used", in: ends[0])
        let stopped = Semaphore()
        Thread.detachNewThread {
            _ = service.stop()
            stopped.signal()
        }
        try #require(stopped.wait(milliseconds: 60_000))
        try waitForLine(with: "the checkpoint store did not answer within shutdown.grace", in: ends[0])
        let writer = open(hanging, O_WRONLY | O_CLOEXEC)
        #expect(service.checkpoints.waitUntilEnded(milliseconds: 60_000))
        close(writer)
        for end in ends { close(end) }
        try FileSystem.removeFolder(folder)
    }
}
