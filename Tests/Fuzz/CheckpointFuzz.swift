import RuleFiles

@testable import FraudEngine

/// A checkpoint is a state whose own checkpoint has the same digest, or it is refused; it never costs much more memory than its size.
///
/// The first byte says what the rest is: `f` a checkpoint without its SHA-256, which is put behind it; `s` the state inside one; `h` a header; else,
/// the input is a checkpoint as it is. Checks of a whole stand before most of the reading: they are made right here, so that it is reached.
enum CheckpointFuzz {
    private static let windows: TumblingWindows = {
        do throws(TumblingWindows.Refusal) { return try TumblingWindows(size: 300_000, grace: 60_000) } catch { fail("\(error)") }
    }()

    static func take(_ input: UnsafeRawBufferPointer) {
        let rest = Array(input.dropFirst())
        switch input.first {
        case UInt8(ascii: "f"): checkFile(rest + rest.withUnsafeBytes { CheckpointFile.sha256($0) })
        case UInt8(ascii: "s"): checkState(rest)
        case UInt8(ascii: "h"): checkHeader(rest)
        case nil, .some: checkFile(Array(input))
        }
    }

    private static func checkFile(_ file: [UInt8]) {
        do throws(CheckpointFile.Problem) {
            let (header, box) = try file.withUnsafeBufferPointer { (bytes) throws(CheckpointFile.Problem) in
                try CheckpointFile.decode(UnsafeRawBufferPointer(bytes), windows: windows, seed: 3)
            }
            demand(box.digest == header.digest, "the header has the state's digest")
            checkHeader(Array(CheckpointFile.text(header).utf8))
            checkAgain(box.take(), header)
        } catch {
            demand(!"\(error)".isEmpty, "an error has a name")
        }
    }

    /// The header that these bytes are, if any, comes back from what is written of it.
    private static func checkHeader(_ text: [UInt8]) {
        var writer = ByteWriter()
        writer.append(Array("TLCP2\n".utf8))
        writer.append(little: UInt32(text.count))
        writer.append(text)
        do throws(CheckpointFile.Problem) {
            let header = try read(writer)
            writer.removeAll()
            let again = Array(CheckpointFile.text(header).utf8)
            writer.append(Array("TLCP2\n".utf8))
            writer.append(little: UInt32(again.count))
            writer.append(again)
            do throws(CheckpointFile.Problem) { demand(try read(writer) == header, "a header comes back as it was") } catch {
                fail("a header that was written is refused: \(error)")
            }
        } catch {
            demand(!"\(error)".isEmpty, "an error has a name")
        }
    }

    private static func read(_ writer: borrowing ByteWriter) throws(CheckpointFile.Problem) -> CheckpointHeader {
        try CheckpointFile.uncheckedHeader(UnsafeRawBufferPointer(start: writer.bytes, count: writer.count))
    }

    /// Where a state keeps its digest: behind magic, version, window size, stream time and totals.
    private static let digestOffset = 4 + 4 + 8 + 8 + Outcome.allCases.count * 16

    private static func checkState(_ state: [UInt8]) {
        do throws(StateCodec.Problem) {
            checkAgain(try decode(state).take(), nil)
        } catch {
            guard case .digest(_, let found) = error, state.count >= digestOffset + 8 else { return }
            var mended = state
            for index in 0..<8 { mended[digestOffset + index] = UInt8(truncatingIfNeeded: found >> UInt64(8 * index)) }
            do throws(StateCodec.Problem) { checkAgain(try decode(mended).take(), nil) } catch { fail("with its own digest it is still refused: \(error)") }
        }
    }

    private static func decode(_ state: [UInt8]) throws(StateCodec.Problem) -> PartitionStateBox {
        try state.withUnsafeBufferPointer { (bytes) throws(StateCodec.Problem) in
            PartitionStateBox(try StateCodec.decode(UnsafeRawBufferPointer(bytes), windows: windows, seed: 3))
        }
    }

    private static func checkAgain(_ state: consuming PartitionState, _ header: CheckpointHeader?) {
        // What a shorter grace has closed meanwhile is not written again.
        state.closeElapsed()
        let digest = state.digest
        var header = header ?? Self.header(digest: digest)
        header.digest = digest
        var writer = ByteWriter()
        CheckpointFile.encode(header, state.snapshot(), to: &writer)
        state.snapshotEnded()
        do throws(CheckpointFile.Problem) {
            let (read, box) = try CheckpointFile.decode(UnsafeRawBufferPointer(start: writer.bytes, count: writer.count), windows: windows, seed: 8)
            demand(read == header && box.digest == digest, "a checkpoint comes back as it was")
        } catch {
            fail("a checkpoint that was written is refused: \(error)")
        }
    }

    private static func header(digest: UInt64) -> CheckpointHeader {
        CheckpointHeader(
            group: "g", topic: "t", partition: 0, epoch: 1, offset: 9, foldHash: "f", partitionCount: 1, anchor: Anchor(offset: 8, hash: 1),
            history: [RuleActivation(sequence: 1, ruleSet: RuleSetHash(hexadecimal: "ab"), fromOffset: 0, streamTime: StreamTime.none)], digest: digest)
    }

    // MARK: Seeds

    static var seeds: [(name: String, bytes: [UInt8])] {
        [0, 1, 5, 40].flatMap { count in
            let (file, state, header) = checkpoint(payments: count)
            return [
                ("file-\(count)", file), ("sealed-\(count)", Array("f".utf8) + file.dropLast(32)), ("state-\(count)", Array("s".utf8) + state),
                ("header-\(count)", Array("h".utf8) + header),
            ]
        }
    }

    /// Of a partition that folded a few payments, each of which raised an alert.
    private static func checkpoint(payments: Int) -> (file: [UInt8], state: [UInt8], header: [UInt8]) {
        var partition = FuzzPartition(rules: FuzzPartition.alwaysRules, windows)
        for number in 0..<payments {
            partition.fold(
                key: Array("account-\(number % 7)".utf8),
                value: Array(
                    #"{"payment_id":"p\#(number)","account_id":"account-\#(number % 7)","amount":\#(number),"currency":"EUR","occurred_at":\#(number * 20_000)}"#
                        .utf8))
        }
        var plain = ByteWriter()
        var file = ByteWriter()
        let header = header(digest: partition.machine.state.digest)
        let snapshot = partition.machine.snapshot()
        StateCodec.encode(snapshot, to: &plain) { _ in }
        CheckpointFile.encode(header, snapshot, to: &file)
        return (file.array(), plain.array(), Array(CheckpointFile.text(header).utf8))
    }
}

/// One partition of the engine.
struct FuzzPartition: ~Copyable {
    var machine: PartitionMachine
    private var kit: FoldKit
    private var outbox = Outbox()
    private let context = OutputContext(group: "g", inputTopic: "payments", deadLetterMaxBytes: 1_000_000, lateMaxBytes: 1_000_000)

    init(rules: RuleSet, _ windows: TumblingWindows) {
        var mapping = InputMapping()
        mapping.timeStyle = .epochMilliseconds
        kit = FoldKit(ruleSet: rules, mapping: mapping, windows: windows)
        machine = PartitionMachine(partition: 0, state: PartitionState(windows: windows, seed: 7), next: 0, anchor: nil, history: [])
        machine.use(kit)
    }

    mutating func fold(key: [UInt8], value: [UInt8]) {
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                let record = RawRecord(
                    value: value.baseAddress, valueCount: value.count, key: key.baseAddress, keyCount: key.count, offset: machine.next,
                    timestamp: 2_000_000_000_000)
                withUnsafePointer(to: record) { record in
                    machine.fold(
                        UnsafeBufferPointer(start: record, count: 1), kit: &kit, outbox: &outbox, context: context, emits: true, headers: { _, _, _ in })
                }
            }
        }
        outbox.removeAll()
    }

    static var alwaysRules: RuleSet {
        let text = """
            version: 1
            rules:
              - {id: always, title: a, owner: a@example.com, status: active, score: 20, when: payment.amount >= 0, once_per: payment}
              - {id: shadow, title: b, owner: a@example.com, status: shadow, score: 20, when: payment.amount >= 3}
            """
        let bundle = RuleBundle(files: [.init(path: "rules.yaml", bytes: Array(text.utf8))])
        switch RuleFiles.load(bundle: bundle, baseWindowMilliseconds: 300_000) {
        case .success(let loaded): return loaded.set
        case .failure(let diagnostics): fail(diagnostics.text)
        }
    }
}
