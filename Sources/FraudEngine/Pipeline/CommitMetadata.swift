/// What is committed with a partition's offset: one ASCII line under 3.5 KiB from which recovery goes on.
package struct CommitMetadata: Equatable, Sendable {
    /// Lineage: Unix milliseconds at birth or reset, always rising.
    package var epoch: Int64
    package var streamTime: Int64
    package var digest: UInt64
    /// Window, grace, mapping, exponents and code version of the fold.
    package var foldHash: String
    package var partitionCount: Int
    package var totals: Totals
    package var anchor: Anchor?
    /// The newest entries of the rule-set history, oldest first; never empty.
    package var history: [RuleActivation]

    package init(
        epoch: Int64, streamTime: Int64, digest: UInt64, foldHash: String, partitionCount: Int, totals: Totals, anchor: Anchor?, history: [RuleActivation]
    ) {
        self.epoch = epoch
        self.streamTime = streamTime
        self.digest = digest
        self.foldHash = foldHash
        self.partitionCount = partitionCount
        self.totals = totals
        self.anchor = anchor
        self.history = history
    }

    /// Entries of the rule-set history that fit.
    package static let historyLimit = 16
    /// Bytes; brokers take 4,096 (`offset.metadata.max.bytes`).
    package static let maxBytes = 3_584

    package enum Problem: Error, Equatable {
        case empty
        /// Written by a version that this one does not know, or not by Tripline.
        case unknownVersion(String)
        case malformed(String)
        case checksum
    }

    /// `T1 e=… st=… d=… f=… n=… t=… a=… h=… c=…`
    package var line: String {
        var fields = ["T1", "e=\(epoch)", "st=\(Self.text(time: streamTime))", "d=\(hexadecimal(digest))", "f=\(foldHash)", "n=\(partitionCount)"]
        fields.append("t=" + zip(totals.records, totals.amounts).map { "\($0):\($1)" }.joined(separator: ","))
        fields.append("a=" + (anchor.map { "\($0.offset):\(hexadecimal($0.hash))" } ?? "-"))
        let entries = history.map { "\($0.sequence):\($0.ruleSet.hexadecimal):\($0.fromOffset):\(Self.text(time: $0.streamTime))" }
        fields.append("h=" + entries.joined(separator: ","))
        let body = fields.joined(separator: " ")
        return body + " c=" + hexadecimal(Self.checksum(body))
    }

    private static func text(time: Int64) -> String { time == StreamTime.none ? "-" : String(time) }

    private static func checksum(_ body: String) -> UInt64 {
        Array(body.utf8).withUnsafeBytes { Hashing.hash(ByteSlice($0)) }
    }

    /// Reads what `line` wrote, byte for byte, and nothing else.
    package init(line: String) throws(Problem) {
        guard !line.isEmpty else { throw .empty }
        let fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard fields.first == "T1" else { throw .unknownVersion(String(fields[0].prefix(16))) }
        guard fields.count == 10, let last = fields.last, last.hasPrefix("c=") else { throw .malformed("ten fields expected") }
        let body = fields.dropLast().joined(separator: " ")
        guard last == "c=" + hexadecimal(Self.checksum(body)) else { throw .checksum }
        guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { throw .malformed("not printable ASCII") }
        func value(_ index: Int, _ name: String) throws(Problem) -> String {
            guard fields[index].hasPrefix(name + "=") else { throw .malformed("field \(index) is not '\(name)'") }
            return String(fields[index].dropFirst(name.count + 1))
        }
        epoch = try Self.integer(try value(1, "e"))
        streamTime = try Self.time(try value(2, "st"))
        digest = try Self.hexadecimalNumber(try value(3, "d"))
        foldHash = try value(4, "f")
        partitionCount = Int(try Self.integer(try value(5, "n")))
        totals = try Self.totals(try value(6, "t"))
        anchor = try Self.anchor(try value(7, "a"))
        history = try Self.history(try value(8, "h"))
        guard self.line.utf8.elementsEqual(line.utf8) else { throw .malformed("not as it is written") }
    }

    private static func integer(_ text: String) throws(Problem) -> Int64 {
        guard let number = Int64(text) else { throw .malformed("'\(text.prefix(32))' is not an integer") }
        return number
    }

    private static func unsigned(_ text: String) throws(Problem) -> UInt64 {
        guard let number = UInt64(text) else { throw .malformed("'\(text.prefix(32))' is not an unsigned integer") }
        return number
    }

    private static func time(_ text: String) throws(Problem) -> Int64 { text == "-" ? StreamTime.none : try integer(text) }

    private static func hexadecimalNumber(_ text: String) throws(Problem) -> UInt64 {
        guard text.utf8.count == 16, let number = UInt64(text, radix: 16) else { throw .malformed("'\(text.prefix(32))' is not a digest") }
        return number
    }

    private static func parts(_ text: String, _ separator: Character) -> [String] {
        text.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }

    private static func totals(_ text: String) throws(Problem) -> Totals {
        let pairs = parts(text, ",")
        guard pairs.count == Outcome.allCases.count else { throw .malformed("totals of \(pairs.count) outcomes") }
        var records: [UInt64] = []
        var amounts: [UInt64] = []
        for pair in pairs {
            let halves = parts(pair, ":")
            guard halves.count == 2 else { throw .malformed("totals") }
            records.append(try unsigned(halves[0]))
            amounts.append(try unsigned(halves[1]))
        }
        return Totals(records: records, amounts: amounts)
    }

    private static func anchor(_ text: String) throws(Problem) -> Anchor? {
        if text == "-" { return nil }
        let halves = parts(text, ":")
        guard halves.count == 2 else { throw .malformed("anchor") }
        return Anchor(offset: try integer(halves[0]), hash: try hexadecimalNumber(halves[1]))
    }

    private static func history(_ text: String) throws(Problem) -> [RuleActivation] {
        var entries: [RuleActivation] = []
        for entry in parts(text, ",") {
            let values = parts(entry, ":")
            guard values.count == 4, values[1].utf8.count == 64 else { throw .malformed("rule-set history") }
            entries.append(
                RuleActivation(
                    sequence: try unsigned(values[0]), ruleSet: RuleSetHash(hexadecimal: values[1]), fromOffset: try integer(values[2]),
                    streamTime: try time(values[3])))
        }
        return entries
    }
}

/// 16 lower-case hexadecimal digits.
package func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
