/// Builds the tree from libyaml's events and refuses what the reader does not allow.
struct YAMLTreeBuilder {
    private struct Frame {
        let start: Int
        let isMapping: Bool
        var items: [YAMLNode] = []
        var entries: [YAMLEntry] = []
        var key: YAMLNode?
        /// First place of each key, by its bytes.
        var seen: [[UInt8]: YAMLNode] = [:]
    }

    private let source: SourceFile
    private let codePoints: CodePointOffsets
    private var diagnostics = RuleDiagnostics()
    private var frames: [Frame] = []
    private var root: YAMLNode?
    private var documents = 0

    init(source: SourceFile) {
        self.source = source
        codePoints = CodePointOffsets(bytes: source.bytes)
    }

    func result() -> Result<YAMLNode, RuleDiagnostics> {
        if diagnostics.hasErrors { return .failure(diagnostics) }
        let start = codePoints.byte(0)
        return .success(root ?? YAMLNode(source: source, range: start..<start, content: .mapping([])))
    }

    /// Pulls events until the end of the stream or the first error that leaves nothing to go on with.
    mutating func readAll(from reader: borrowing YAMLEventReader) {
        do throws(YAMLEventReader.Failure) {
            while try step(reader) {}
        } catch {
            report(error)
        }
    }

    /// False at the end.
    private mutating func step(_ reader: borrowing YAMLEventReader) throws(YAMLEventReader.Failure) -> Bool {
        let item = try reader.next()
        let range = codePoints.byte(item.start)..<max(codePoints.byte(item.start), codePoints.byte(item.end))
        refuseProperties(item, range)
        switch item.event {
        case .streamStart, .documentEnd: return true
        case .streamEnd: return false
        case .documentStart: return openDocument(range)
        case .scalar(let text, let style):
            add(YAMLNode(source: source, range: range, content: .scalar(YAMLScalar(text: text, style: style))))
        case .alias:
            add(YAMLNode(source: source, range: range, content: .scalar(YAMLScalar(text: "", style: .plain))))
        case .sequenceStart: return open(range, isMapping: false)
        case .mappingStart: return open(range, isMapping: true)
        case .sequenceEnd, .mappingEnd: close()
        }
        return true
    }

    private mutating func openDocument(_ range: Range<Int>) -> Bool {
        documents += 1
        guard documents > 1 else { return true }
        diagnostics.add(
            RuleDiagnostic(
                code: "E007", source: source, at: range.lowerBound, message: "a second document begins here",
                hint: "one file, one document: remove '---' or make it a file of its own"))
        return false
    }

    private mutating func refuseProperties(_ item: YAMLEventReader.Item, _ range: Range<Int>) {
        if let anchor = item.anchor {
            let isAlias = if case .alias = item.event { true } else { false }
            diagnostics.add(
                RuleDiagnostic(
                    code: "E004", source: source, at: range.lowerBound, length: isAlias ? anchor.unicodeScalars.count + 1 : 1,
                    message: isAlias ? "alias '*\(anchor)': aliases are not allowed" : "anchor '&\(anchor)': anchors are not allowed",
                    hint: isAlias
                        ? "write the value out, or put text that starts with '*' in quotes"
                        : "write the value out where it is needed, or put text that starts with '&' in quotes"))
        }
        if let tag = item.tag {
            diagnostics.add(
                RuleDiagnostic(
                    code: "E005", source: source, at: range.lowerBound, message: "YAML reads '\(Self.shown(tag))' as a tag, not as text",
                    hint: "text that starts with '!' needs a block (when: |) or quotes; types need no tag here"))
        }
    }

    /// libyaml resolves `!!str` to a long URI; show what was written.
    private static func shown(_ tag: String) -> String {
        let core = "tag:yaml.org,2002:"
        return tag.hasPrefix(core) ? "!!" + tag.dropFirst(core.count) : tag
    }

    /// False if the nesting is too deep to go on.
    private mutating func open(_ range: Range<Int>, isMapping: Bool) -> Bool {
        guard frames.count < YAML.maxDepth else {
            diagnostics.add(RuleDiagnostic(code: "E008", source: source, at: range.lowerBound, message: "nested deeper than \(YAML.maxDepth) levels"))
            return false
        }
        frames.append(Frame(start: range.lowerBound, isMapping: isMapping))
        return true
    }

    private mutating func close() {
        guard let frame = frames.popLast() else { return }
        let last = frame.isMapping ? frame.entries.last?.value : frame.items.last
        let range = frame.start..<max(frame.start, last?.range.upperBound ?? frame.start + 1)
        let content: YAMLNode.Content = frame.isMapping ? .mapping(frame.entries) : .sequence(frame.items)
        add(YAMLNode(source: source, range: range, content: content))
    }

    private mutating func add(_ node: YAMLNode) {
        guard let top = frames.indices.last else {
            root = node.isNull ? nil : node
            return
        }
        guard frames[top].isMapping else {
            frames[top].items.append(node)
            return
        }
        if let key = frames[top].key {
            frames[top].key = nil
            addEntry(YAMLEntry(keyNode: key, value: node), top)
        } else {
            frames[top].key = node
            if node.scalar == nil {
                diagnostics.add(
                    RuleDiagnostic(
                        code: "E001", source: source, at: node.range.lowerBound, message: "a key must be text, this is \(node.kindName)",
                        hint: "put text that starts with '{' or '[' in quotes"))
            }
        }
    }

    private mutating func addEntry(_ entry: YAMLEntry, _ top: Int) {
        let bytes = Array(entry.key.utf8)
        guard let first = frames[top].seen[bytes] else {
            frames[top].seen[bytes] = entry.keyNode
            frames[top].entries.append(entry)
            return
        }
        let place = first.position
        diagnostics.add(
            RuleDiagnostic(
                code: "E006", source: source, at: entry.keyNode.range.lowerBound, length: source.codePoints(in: entry.keyNode.range),
                message: "key '\(entry.key)' is given twice; first at \(source.path):\(place.line):\(place.column)"))
    }

    // MARK: libyaml's errors

    private mutating func report(_ failure: YAMLEventReader.Failure) {
        let base = codePoints.byte(0)
        let at = failure.isByteOffset ? base + failure.at : codePoints.byte(failure.at)
        if let tab = tab(before: at) {
            diagnostics.add(RuleDiagnostic(code: "E002", source: source, at: tab, message: "a tab where YAML wants spaces", hint: "indent with spaces only"))
            return
        }
        if failure.isByteOffset {
            diagnostics.add(
                RuleDiagnostic(code: "E003", source: source, at: at, message: failure.message, hint: "save the file as UTF-8 without control characters"))
            return
        }
        let (place, context) = placeAndContext(failure, at)
        diagnostics.add(RuleDiagnostic(code: "E001", source: source, at: place, message: "not valid YAML: \(failure.message)\(context)", hint: hint(failure)))
    }

    /// An unclosed quote or bracket is shown where it begins, not at the end of the file.
    private func placeAndContext(_ failure: YAMLEventReader.Failure, _ at: Int) -> (Int, String) {
        let context = failure.context.isEmpty ? "" : " (\(failure.context))"
        guard let contextAt = failure.contextAt, failure.message.contains("end of stream") else { return (at, context) }
        return (codePoints.byte(contextAt), context)
    }

    /// A tab at `at` or in the white space that begins its line.
    private func tab(before at: Int) -> Int? {
        let bytes = source.bytes
        if at < bytes.count, bytes[at] == UInt8(ascii: "\t") { return at }
        var start = min(at, bytes.count)
        while start > 0, bytes[start - 1] != UInt8(ascii: "\n"), bytes[start - 1] != UInt8(ascii: "\r") { start -= 1 }
        while start < bytes.count, bytes[start] == UInt8(ascii: " ") { start += 1 }
        return start < bytes.count && bytes[start] == UInt8(ascii: "\t") ? start : nil
    }

    private func hint(_ failure: YAMLEventReader.Failure) -> String? {
        switch failure.message {
        case "mapping values are not allowed in this context": "text with ': ' in it needs quotes or a block (|); else check the indentation"
        case "found character that cannot start any token": "text that starts with '%', '@' or '`' needs quotes"
        case "found unexpected end of stream": "a quote is opened and not closed"
        case "did not find expected key", "did not find expected '-' indicator":
            "check the indentation here and in the line before; text that starts with '{', '[' or a quote needs quotes around all of it"
        case "could not find expected ':'": "a key needs ': ' after it; check the indentation"
        case "did not find expected ',' or ']'", "did not find expected ',' or '}'": "a bracket is not closed, or text with ',' or brackets in it needs quotes"
        case "found undefined tag handle": "text that starts with '!' needs a block (when: |) or quotes"
        default: nil
        }
    }
}

/// Turns libyaml's marks, which count code points after a byte order mark, into byte offsets.
struct CodePointOffsets {
    private let base: Int
    private let count: Int
    /// nil where all is ASCII.
    private let offsets: [Int]?

    init(bytes: [UInt8]) {
        base = bytes.starts(with: SourceFile.byteOrderMark) ? SourceFile.byteOrderMark.count : 0
        count = bytes.count
        if bytes.dropFirst(base).allSatisfy({ $0 < 0x80 }) {
            offsets = nil
        } else {
            offsets = (base..<bytes.count).filter { bytes[$0] & 0xC0 != 0x80 }
        }
    }

    func byte(_ codePoint: Int) -> Int {
        guard let offsets else { return min(base + codePoint, count) }
        return codePoint < offsets.count ? offsets[codePoint] : count
    }
}
