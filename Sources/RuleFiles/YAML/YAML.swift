import CYAML

/// The YAML that Tripline reads: one document of mappings, lists and text. Anchors, aliases, tags, duplicate keys and a second document
/// are refused, so that what a person reads in the file is what the program sees.
package enum YAML {
    /// A longer file is refused, bytes.
    package static let maxBytes = 1 << 20
    /// Deeper nesting is refused: libyaml takes quadratic time for nested flow collections.
    package static let maxDepth = 64

    /// Reads a file; an empty document is an empty mapping. Errors carry code E001 to E009; as many as possible are reported at once.
    package static func parse(bytes: [UInt8], file: String) -> Result<YAMLNode, RuleDiagnostics> {
        let source = SourceFile(path: file, bytes: bytes)
        if let refusal = EncodingCheck.refusal(of: source) { return .failure(RuleDiagnostics([refusal])) }
        var builder = YAMLTreeBuilder(source: source)
        bytes.withUnsafeBufferPointer { buffer in
            let reader = YAMLEventReader(bytes: buffer)
            builder.readAll(from: reader)
        }
        return builder.result()
    }
}

/// What is refused before libyaml sees the bytes.
enum EncodingCheck {
    static func refusal(of source: SourceFile) -> RuleDiagnostic? {
        let bytes = source.bytes
        if bytes.count > YAML.maxBytes {
            return RuleDiagnostic(
                code: "E009", source: source, at: 0, message: "the file has \(bytes.count) bytes; \(YAML.maxBytes) are allowed",
                hint: "split it: every .yaml file in the folder is read")
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return RuleDiagnostic(code: "E003", source: source, at: 0, message: "the file is UTF-16", hint: "save it as UTF-8")
        }
        guard let bad = firstBadByte(bytes) else { return nil }
        let message = bytes[bad] == 0 ? "the file has a NUL byte" : "byte 0x\(hexadecimal(bytes[bad])) is not UTF-8"
        return RuleDiagnostic(code: "E003", source: source, at: bad, message: message, hint: "save the file as UTF-8")
    }

    /// The first byte that is NUL or starts no valid UTF-8 sequence.
    private static func firstBadByte(_ bytes: [UInt8]) -> Int? {
        var at = 0
        while at < bytes.count {
            if bytes[at] != 0, bytes[at] < 0x80 {
                at += 1
                continue
            }
            guard bytes[at] != 0, let length = sequenceLength(bytes, at) else { return at }
            at += length
        }
        return nil
    }

    private static func sequenceLength(_ bytes: [UInt8], _ at: Int) -> Int? {
        let length = bytes[at] >= 0xF0 ? 4 : bytes[at] >= 0xE0 ? 3 : 2
        guard bytes[at] >= 0xC2, at + length <= bytes.count else { return nil }
        let piece = bytes[at..<at + length]
        return String(validating: piece, as: UTF8.self) == nil ? nil : length
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count == 1 ? "0" + digits : digits
    }
}

/// Owns a libyaml parser over bytes that its maker keeps alive. One thread.
struct YAMLEventReader: ~Copyable {
    enum Event {
        case scalar(text: String, style: YAMLScalar.Style)
        case alias
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
        case documentStart, documentEnd, streamStart, streamEnd
    }

    struct Item {
        var event: Event
        /// Marks in code points, as libyaml counts.
        var start: Int
        var end: Int
        var anchor: String?
        var tag: String?
    }

    struct Failure: Error {
        var message: String
        var context: String
        /// A byte offset for reader errors, else code points.
        var at: Int
        var isByteOffset: Bool
        /// Where the construct began, code points.
        var contextAt: Int?
    }

    /// On the heap: libyaml keeps a pointer to the parser inside itself.
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    init(bytes: UnsafeBufferPointer<UInt8>) {
        parser = .allocate(capacity: 1)
        precondition(yaml_parser_initialize(parser) == 1, "out of memory")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        var bytes = bytes
        if bytes.starts(with: SourceFile.byteOrderMark) { bytes = UnsafeBufferPointer(rebasing: bytes.dropFirst(3)) }
        yaml_parser_set_input_string(parser, bytes.baseAddress ?? UnsafePointer(Self.noBytes), bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// An address for an empty file; never read.
    private static var noBytes: UnsafeMutablePointer<UInt8> { UnsafeMutablePointer(bitPattern: 8)! }

    func next() throws(Failure) -> Item {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        let anchor = tripline_yaml_anchor(&event).map { String(cString: $0) }
        let tag = tripline_yaml_tag(&event).map { String(cString: $0) }
        return Item(event: read(&event), start: event.start_mark.index, end: event.end_mark.index, anchor: anchor, tag: tag)
    }

    private func read(_ event: inout yaml_event_t) -> Event {
        switch event.type {
        case YAML_STREAM_START_EVENT: .streamStart
        case YAML_DOCUMENT_START_EVENT: .documentStart
        case YAML_DOCUMENT_END_EVENT: .documentEnd
        case YAML_ALIAS_EVENT: .alias
        case YAML_SCALAR_EVENT: scalar(&event)
        case YAML_SEQUENCE_START_EVENT: .sequenceStart
        case YAML_SEQUENCE_END_EVENT: .sequenceEnd
        case YAML_MAPPING_START_EVENT: .mappingStart
        case YAML_MAPPING_END_EVENT: .mappingEnd
        default: .streamEnd
        }
    }

    private func scalar(_ event: inout yaml_event_t) -> Event {
        let bytes = UnsafeBufferPointer(start: tripline_yaml_value(&event), count: tripline_yaml_length(&event))
        let style: YAMLScalar.Style =
            switch UInt32(tripline_yaml_style(&event)) {
            case YAML_SINGLE_QUOTED_SCALAR_STYLE.rawValue: .singleQuoted
            case YAML_DOUBLE_QUOTED_SCALAR_STYLE.rawValue: .doubleQuoted
            case YAML_LITERAL_SCALAR_STYLE.rawValue: .literal
            case YAML_FOLDED_SCALAR_STYLE.rawValue: .folded
            default: .plain
            }
        return .scalar(text: String(decoding: bytes, as: UTF8.self), style: style)
    }

    private func failure() -> Failure {
        let isReader = parser.pointee.error == YAML_READER_ERROR
        let context = parser.pointee.context.map { String(cString: $0) } ?? ""
        return Failure(
            message: parser.pointee.problem.map { String(cString: $0) } ?? "out of memory",
            context: context,
            at: isReader ? parser.pointee.problem_offset : parser.pointee.problem_mark.index,
            isByteOffset: isReader,
            contextAt: context.isEmpty ? nil : parser.pointee.context_mark.index)
    }
}
