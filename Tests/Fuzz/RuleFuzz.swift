import FraudEngine

@testable import RuleFiles

/// Rule files load as a set that folds payments, or give errors with file and line; a stored set is canonical or refused.
///
/// An input that begins with a zero byte is a stored set, any other is text: files one behind the other, each but the first behind a line `>>> path`.
enum RuleFuzz {
    private static let windows: TumblingWindows = {
        do throws(TumblingWindows.Refusal) { return try TumblingWindows(size: 300_000, grace: 60_000) } catch { fail("\(error)") }
    }()

    static func take(_ input: UnsafeRawBufferPointer) {
        let bytes = Array(input)
        guard bytes.first == 0 else { return load(bundle(ofText: bytes)) }
        do throws(RuleBundle.DecodingError) {
            let bundle = try RuleBundle(decoding: bytes)
            demand(bundle.encoded == bytes, "a stored set is its canonical content")
            demand(bundle.hash == RuleBundle.hash(ofEncoded: bytes), "a set's name is the hash of what is stored")
            load(bundle)
        } catch {
            demand(!"\(error)".isEmpty, "an error has a name")
        }
    }

    private static func bundle(ofText bytes: [UInt8]) -> RuleBundle {
        var files: [RuleBundle.File] = [.init(path: "rules.yaml", bytes: [])]
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.starts(with: ">>> ".utf8), let path = String(validating: line.dropFirst(4), as: UTF8.self), !path.isEmpty {
                files.append(.init(path: path, bytes: []))
            } else {
                files[files.count - 1].bytes += line + [UInt8(ascii: "\n")]
            }
        }
        var paths: Set<[UInt8]> = []
        return RuleBundle(files: files.filter { paths.insert(Array($0.path.utf8)).inserted })
    }

    private static func load(_ bundle: RuleBundle) {
        do throws(RuleBundle.DecodingError) {
            demand(try RuleBundle(decoding: bundle.encoded) == bundle, "a set comes back as it was stored")
        } catch {
            fail("a set that was stored is refused: \(error)")
        }
        switch RuleFiles.load(bundle: bundle, folder: "rules", baseWindowMilliseconds: windows.size) {
        case .success(let loaded):
            demand(loaded.set.hash == bundle.hash && !loaded.warnings.hasErrors, "a set that loads has its name and no error")
            for warning in loaded.warnings.all { check(warning, bundle) }
            fold(loaded.set)
        case .failure(let diagnostics):
            demand(diagnostics.hasErrors, "a set is refused for a reason")
            for diagnostic in diagnostics.all { check(diagnostic, bundle) }
            demand(!diagnostics.text.isEmpty, "a refusal is shown")
        }
    }

    private static func check(_ diagnostic: RuleDiagnostic, _ bundle: RuleBundle) {
        demand(!diagnostic.message.isEmpty && !diagnostic.code.isEmpty, "a message says something")
        // Of the folder as a whole (E051), of a list that no file declares (W230): no line is to blame.
        guard let position = diagnostic.position else {
            return demand(["E051", "W230"].contains(diagnostic.code), "\(diagnostic.code) shows its place: \(diagnostic.message)")
        }
        guard let file = bundle.files.first(where: { "rules/" + $0.path == diagnostic.file }) else {
            fail("\(diagnostic.code) is in a file of the set, not in '\(diagnostic.file)'")
        }
        let lines = 1 + file.bytes.count { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        demand((1...lines).contains(position.line) && position.column >= 1, "\(diagnostic.code) is at a place of its file, not at \(position)")
        demand(position.column <= file.bytes.count + 1, "a column is within its line")
    }

    /// Compiles the rules and judges a few payments.
    private static func fold(_ set: RuleSet) {
        var partition = FuzzPartition(rules: set, windows)
        let texts = [
            (#""amount":1250,"currency":"EUR","country":"KP","category":"gambling","merchant_id":"m-1","device_id":"d""#, 1_700_000_000_000),
            (#""amount":9223372036854775807,"currency":"JPY""#, 1_700_000_000_001),
            (#""amount":0,"currency":"BHD","country":"\u0000","n":-9223372036854775808,"x":1e308,"b":true"#, 1_700_000_300_000),
        ]
        for (number, (text, time)) in texts.enumerated() {
            partition.fold(
                key: Array("a".utf8), value: Array("{\"payment_id\":\"p\(number)\",\"account_id\":\"a\",\"occurred_at\":\(time),\(text)}".utf8))
        }
        demand(partition.machine.next == 3 && partition.machine.state.totals.read == 3, "every payment is folded, under any rules")
    }

    static var seeds: [(name: String, bytes: [UInt8])] {
        let rule = "version: 1\nrules:\n  - {id: r, title: t, owner: a@example.com, status: active, score: 20, when: payment.amount > 3}\n"
        let bundles = [
            [RuleBundle.File(path: "a.yaml", bytes: Array(rule.utf8))],
            [.init(path: "a.yaml", bytes: Array(rule.utf8)), .init(path: "lists/l.txt", bytes: Array("KP\n".utf8)), .init(path: "schema.yaml", bytes: [])],
        ]
        return bundles.enumerated().map { ("stored-\($0)", RuleBundle(files: $1).encoded) }
    }
}
