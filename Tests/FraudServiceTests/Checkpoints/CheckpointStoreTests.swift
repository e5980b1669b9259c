import FraudEngine
import Postgres
import PostgresServer
import RuleFiles
import Testing

@testable import FraudService

/// A store of either kind for one test.
private final class Store {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case directory, postgres
        var testDescription: String { rawValue }

        /// PostgreSQL's own suite says where it is missing.
        static var available: [Kind] { PostgresServer.isInstalled ? allCases : [.directory] }
    }

    let folder: String?
    let database: TestDatabase?

    init(_ kind: Kind) throws {
        switch kind {
        case .directory: (folder, database) = (try FileSystem.makeTemporaryFolder("tripline-store"), nil)
        case .postgres: (folder, database) = (nil, try TestDatabase())
        }
    }

    deinit {
        guard let folder else { return }
        do throws(FileSystem.Problem) { try FileSystem.removeFolder(folder) } catch { Issue.record("\(error)") }
    }

    func open(group: String = "g", topic: String = "t") throws -> any CheckpointAccess {
        if let folder { return CheckpointStore.directory(CheckpointDirectory(root: folder, group: group, topic: topic)).open() }
        let address = try #require(database).address(.service)
        return CheckpointStore.tables(CheckpointTables(address: address, group: group, topic: topic, instance: "i")).open()
    }
}

private func header(group: String = "g", topic: String = "t", partition: Int32 = 0, epoch: Int64 = 1, offset: Int64, sequence: UInt64 = 1) -> CheckpointHeader {
    CheckpointHeader(
        group: group, topic: topic, partition: partition, epoch: epoch, offset: offset, foldHash: "fold", partitionCount: 4, anchor: nil,
        history: [RuleActivation(sequence: sequence, ruleSet: RuleSetHash(hexadecimal: "ab"), fromOffset: 0, streamTime: 0)], digest: 0xFEDC_BA98_7654_3210)
}

private func bytes(_ count: Int, seed: UInt8 = 7) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(seed)) } }

extension CheckpointAccess {
    fileprivate func write(_ header: CheckpointHeader, _ bytes: [UInt8] = [1, 2, 3]) throws(StoreProblem) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(StoreProblem) in try write(header, UnsafeRawBufferPointer(buffer)) }
    }

    fileprivate func places(_ partition: Int32 = 0) throws(StoreProblem) -> [String] {
        try list(partition).map { "\($0.epoch)-\($0.kept.offset)-\($0.kept.sequence)" }
    }
}

struct CheckpointStoreTests {
    @Test(arguments: Store.Kind.available) fileprivate func `what is written is read back, whatever its size`(kind: Store.Kind) throws {
        let store = try Store(kind)
        let access = try store.open()
        try access.prepare()
        let chunk = CheckpointTablesAccess.chunkSize
        for (offset, count) in [1, chunk - 1, chunk, chunk + 1, 10 * chunk + 17].enumerated() {
            let written = bytes(count, seed: UInt8(offset))
            try access.write(header(offset: Int64(offset)), written)
            let newest = try #require(try store.open().list(0).last)
            #expect(newest.kept.offset == Int64(offset))
            #expect(try access.read(newest) == written)
        }
    }

    @Test(arguments: Store.Kind.available) fileprivate func `the last three of a partition stay, in the order of lineage and offset`(kind: Store.Kind) throws {
        let store = try Store(kind)
        let access = try store.open()
        try access.prepare()
        for offset in [9, 10, 100, 99] as [Int64] { try access.write(header(offset: offset)) }
        #expect(try access.places() == ["1-10-1", "1-99-1", "1-100-1"])
        try access.write(header(offset: 100, sequence: 2))
        #expect(try access.places() == ["1-99-1", "1-100-1", "1-100-2"])
        try access.write(header(epoch: 2, offset: 3))
        #expect(try access.places() == ["1-100-1", "1-100-2", "2-3-1"])
        try access.write(header(partition: 1, offset: 5))
        #expect(try access.places(1) == ["1-5-1"])
        #expect(try access.places().count == 3)
    }

    @Test(arguments: Store.Kind.available) fileprivate func `another group's and another topic's checkpoints are neither seen nor removed`(kind: Store.Kind)
        throws
    {
        let store = try Store(kind)
        let others = [("g", "u"), ("h", "t")]
        for (group, topic) in others {
            let access = try store.open(group: group, topic: topic)
            try access.prepare()
            try access.write(header(group: group, topic: topic, offset: 1))
        }
        let access = try store.open()
        try access.prepare()
        #expect(try access.places() == [])
        for offset in 1...5 as ClosedRange<Int64> { try access.write(header(offset: offset)) }
        for (group, topic) in others { #expect(try store.open(group: group, topic: topic).places() == ["1-1-1"]) }
    }

    @Test(arguments: Store.Kind.available) fileprivate func `one written again at the same place replaces the other as a whole`(kind: Store.Kind) throws {
        let store = try Store(kind)
        let access = try store.open()
        try access.prepare()
        try access.write(header(offset: 1), bytes(3 << 20))
        try access.write(header(offset: 1), bytes(10))
        #expect(try access.places() == ["1-1-1"])
        #expect(try access.read(try #require(try access.list(0).first)) == bytes(10))
    }

    @Test(arguments: Store.Kind.available) fileprivate func `a rule set is kept under its hash, once`(kind: Store.Kind) throws {
        let store = try Store(kind)
        let access = try store.open()
        try access.prepare()
        let content = bytes(300_000)
        let hash = RuleSetHash(
            hexadecimal: content.withUnsafeBytes { CheckpointFile.sha256($0) }.map { byte in
                String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }.joined())
        for _ in 0..<2 { try access.store(ruleSet: hash, bundle: content) }
        #expect(try access.bundle(of: hash) == content)
        #expect(throws: StoreProblem.self) { try access.bundle(of: RuleSetHash(hexadecimal: String(repeating: "0", count: 64))) }
    }

    @Test func `a rule set that was damaged in its folder is written anew when it is stored again`() throws {
        let store = try Store(.directory)
        let access = try store.open()
        try access.prepare()
        let rules = RuleBundle(files: [RuleBundle.File(path: "rules.yaml", bytes: Array("version: 1\nrules: []\n".utf8))])
        let path = "\(try #require(store.folder))/rule-sets/\(rules.hash.hexadecimal).bundle"
        for damaged in [[], Array(rules.encoded.dropLast()), [0] + rules.encoded] {
            try damaged.withUnsafeBufferPointer { (bytes) throws(FileSystem.Problem) in
                try FileSystem.write(UnsafeRawBufferPointer(bytes), to: path)
            }
            try access.store(ruleSet: rules.hash, bundle: rules.encoded)
            #expect(try access.bundle(of: rules.hash) == rules.encoded)
        }
    }
}

@Suite(.enabled(if: PostgresServer.isInstalled, "\(PostgresServer.missing)"))
struct CheckpointTablesTests {
    private func access(_ database: TestDatabase, _ role: TestDatabase.Role = .service) throws -> CheckpointTablesAccess {
        CheckpointTablesAccess(CheckpointTables(address: try database.address(role), group: "g", topic: "t", instance: "i"))
    }

    private func problem(_ body: () throws -> Void) throws -> StoreProblem {
        do { try body() } catch { return try #require(error as? StoreProblem) }
        throw StoreProblem.missing("nothing was refused")
    }

    @Test func `a row says whose it is, and chunks are at most a megabyte`() throws {
        let database = try TestDatabase()
        try access(database).write(header(offset: 5), bytes(2 << 20))
        let row = try #require(
            try database.admin().query("select fold, encode(digest, 'hex'), metadata, bytes, complete, instance from tripline.checkpoint").first)
        #expect(row.fields == ["fold", "fedcba9876543210", .text(CheckpointFile.text(header(offset: 5))), 2_097_152, true, "i"])
        let sizes = try database.admin().query("select octet_length(data) from tripline.checkpoint_chunk order by number").rows
        #expect(try sizes.map { try $0.integer(0) } == [1_048_576, 1_048_576])
    }

    @Test func `what is not complete is never used`() throws {
        let database = try TestDatabase()
        let access = try access(database)
        try access.write(header(offset: 1))
        try access.write(header(offset: 2), bytes(3 << 20))
        let newest = try #require(try access.list(0).last)
        try database.admin().run(script: "update tripline.checkpoint set complete = false where \"offset\" = 2")
        #expect(try access.places() == ["1-1-1"])
        guard case .missing = try problem({ _ = try access.read(newest) }) else { throw StoreProblem.missing("it was read") }
        for damage in ["number = 1", "number = 2", "number = 0"] {
            let database = try TestDatabase()
            let access = try self.access(database)
            try access.write(header(offset: 2), bytes(3 << 20))
            try database.admin().run(script: "delete from tripline.checkpoint_chunk where \(damage)")
            guard case .incomplete(let text) = try problem({ _ = try access.read(newest) }) else { throw StoreProblem.missing("it was read") }
            #expect(text == "its chunks do not add up to it")
        }
    }

    @Test func `one that was removed since it was listed is said to be gone`() throws {
        let access = try access(try TestDatabase())
        try access.write(header(offset: 1))
        let first = try #require(try access.list(0).first)
        for offset in 2...4 as ClosedRange<Int64> { try access.write(header(offset: offset)) }
        guard case .missing(let text) = try problem({ _ = try access.read(first) }) else { throw StoreProblem.missing("it was read") }
        #expect(text == "it was removed meanwhile")
    }

    @Test func `one that is removed between two parts of its reading is gone, not damaged`() throws {
        let database = try TestDatabase()
        let access = try access(database)
        try access.write(header(offset: 1), bytes(9 << 20))
        let first = try #require(try access.list(0).first)
        // Whoever reads the last chunk of the first part removes the checkpoint by it.
        try database.admin().run(
            script: """
                create function tripline.pruned(number bigint) returns boolean security definer language plpgsql as $$ begin
                    if number = 7 then delete from tripline.checkpoint; end if;
                    return true;
                end $$;
                create policy pruning on tripline.checkpoint_chunk for select using (tripline.pruned(number));
                alter table tripline.checkpoint_chunk enable row level security;
                """)
        guard case .missing(let text) = try problem({ _ = try access.read(first) }) else { throw StoreProblem.incomplete("it is not said to be gone") }
        #expect(text == "it was removed meanwhile")
        #expect(try access.list(0).isEmpty)
    }

    @Test func `a write that fails in the middle leaves everything as it was`() throws {
        let database = try TestDatabase()
        let access = try access(database)
        for offset in 1...3 as ClosedRange<Int64> { try access.write(header(offset: offset), bytes(10, seed: UInt8(offset))) }
        try database.admin().run(
            script: """
                create function tripline.full() returns trigger language plpgsql as $$ begin
                    raise exception using errcode = '53100', message = 'could not extend file: No space left on device';
                end $$;
                create trigger full_at_2 before insert on tripline.checkpoint_chunk for each row when (new.number = 2) execute function tripline.full();
                """)
        for offset in [3, 4] as [Int64] {
            let full = try problem { try access.write(header(offset: offset), bytes(3 << 20)) }
            #expect("\(full)".contains("could not extend file: No space left on device (53100)"))
            #expect(try access.places() == ["1-1-1", "1-2-1", "1-3-1"])
        }
        #expect(try access.read(try #require(try access.list(0).last)) == bytes(10, seed: 3))
        try database.admin().run(script: "drop trigger full_at_2 on tripline.checkpoint_chunk")
        try access.write(header(offset: 4), bytes(3 << 20))
        #expect(try access.places() == ["1-2-1", "1-3-1", "1-4-1"])
    }

    @Test func `a full or read-only database stops a start with one message that says what to do`() throws {
        let database = try TestDatabase()
        let store = CheckpointStore.tables(CheckpointTables(address: try database.address(.service), group: "g", topic: "t", instance: "i"))
        try database.admin().run(script: "alter database \(database.name) set default_transaction_read_only = on")
        do throws(StoreProblem) {
            try store.open().prepare()
            Issue.record("accepted")
        } catch {
            let failure = StartFailure(error, store)
            #expect(failure.code == .refused)
            #expect(failure.message.hasPrefix("the checkpoint store cannot be used: PostgreSQL at postgresql://127.0.0.1:"))
            #expect(failure.message.contains("in a read-only transaction (25006); name the primary"))
        }
        let full = StoreProblem.database(.refused(PostgresRefusal(address: "a", sqlState: "53100", message: "No space left on device")))
        #expect(StartFailure(full, store).code == .refused)
        #expect(StartFailure(full, store).message.hasSuffix("make room on the server's disk"))
    }

    @Test func `a role that may only read cannot serve as the service's`() throws {
        let access = try access(try TestDatabase(), .read)
        guard case .database(let error) = try problem({ try access.prepare() }) else { throw StoreProblem.missing("not PostgreSQL's") }
        #expect(error.sqlState == "42501")
        #expect(StartFailure(error).code == .refused)
    }

    @Test func `a probe leaves nothing behind`() throws {
        let database = try TestDatabase()
        try access(database).prepare()
        #expect(try database.admin().query("select count(*) from tripline.checkpoint").first?.integer(0) == 0)
    }

    @Test func `a connection that the server ended is opened anew`() throws {
        let database = try TestDatabase()
        let access = try access(database)
        try access.write(header(offset: 1))
        let ended = try database.admin().query(
            "select count(*) from pg_stat_activity, lateral pg_terminate_backend(pid, 20000) ended where datname = current_database() and usename = 'tripline_service' and ended"
        )
        #expect(try ended.first?.integer(0) == 1)
        try access.write(header(offset: 2))
        #expect(try access.places() == ["1-1-1", "1-2-1"])
    }

    @Test func `a server that dies is a problem that passes, and is found again when it is back`() throws {
        let server = try PostgresServer()
        let access = try access(try TestDatabase(on: server))
        try access.write(header(offset: 1), bytes(3 << 20))
        server.kill()
        for _ in 0..<3 { #expect(try problem { try access.write(header(offset: 2)) }.isPassing) }
        try server.start()
        try #require(eventually { () throws(StoreProblem) in try access.places() == ["1-1-1"] })
        try access.write(header(offset: 2))
        #expect(try access.places() == ["1-1-1", "1-2-1"])
    }

    private func eventually(_ condition: () throws(StoreProblem) -> Bool) -> Bool {
        for _ in 0..<2_000 {
            do throws(StoreProblem) { if try condition() { return true } } catch { #expect(error.isPassing) }
            Clock.pause(milliseconds: 10)
        }
        return false
    }

    @Test func `a program of the version before writes on, after the schema went one step further`() throws {
        let database = try TestDatabase()
        let old = """
            insert into tripline.checkpoint ("group", topic, partition, epoch, "offset", rules_seq, fold, digest, metadata, bytes)
            values ('g', 't', 0, 1, 7, 1, 'fold', '12345678', '', 3);
            insert into tripline.checkpoint_chunk (checkpoint_id, number, data) select id, 0, '\\x010203' from tripline.checkpoint;
            update tripline.checkpoint set complete = true;
            """
        try database.connect(.service).run(script: old)
        let access = try access(database)
        #expect(try access.read(try #require(try access.list(0).first)) == [1, 2, 3])
        try access.write(header(offset: 8))
        #expect(try access.places() == ["1-7-1", "1-8-1"])
    }
}
