import Glibc
import Kafka
import Synchronization
import Testing

/// One broker on a free port of 127.0.0.1 that answers what the mock cluster cannot: administration and committed offsets.
///
/// It speaks the oldest versions of Kafka's protocol that librdkafka takes, and answers each request with the fields given here.
/// One thread serves all connections; it ends when the test does, through `stop`.
///
/// @unchecked Sendable: all is immutable but `thread`, which only the test's own thread touches, and what was asked, in its mutex.
final class ScriptedBroker: @unchecked Sendable {
    /// Kafka's number of a request, the only version that is answered, and the answer's fields.
    struct Answer: Sendable {
        let request: Int16
        let version: Int16
        let fields: [Field]
    }

    let port: UInt16
    private let listener: Int32
    private let answers: [Answer]
    private let stopPipe: (read: Int32, write: Int32)
    private var thread = pthread_t()
    private let asked = Mutex<[(request: Int16, bytes: [UInt8])]>([])

    init(_ answers: [Answer]) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bare in
                bind(listener, bare, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, bare, &length) == 0
            }
        }
        var pipes: [Int32] = [-1, -1]
        try #require(bound && pipe(&pipes) == 0)
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        stopPipe = (pipes[0], pipes[1])
        self.answers = answers + [ScriptedBroker.metadata(port: port), ScriptedBroker.coordinator(port: port)]
        // Retained for the thread, which releases it when it is done.
        let failure = pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<ScriptedBroker>.fromOpaque(raw).takeRetainedValue().serve() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        try #require(failure == 0)
    }

    var bootstrapServers: String { "127.0.0.1:\(port)" }

    func admin() throws -> Admin { try Admin(properties: KafkaProperties([("bootstrap.servers", bootstrapServers)])) }

    /// Ends the thread and closes all connections.
    func stop() {
        close(stopPipe.write)
        pthread_join(thread, nil)
        close(stopPipe.read)
    }

    /// What was asked so far by requests of that kind: head and body.
    func requests(of kind: Int16) -> [[UInt8]] {
        asked.withLock { $0.filter { $0.request == kind }.map(\.bytes) }
    }

    /// This broker, alone, with the topic `t` of two partitions, and without the topic `absent`.
    private static func metadata(port: UInt16) -> Answer {
        let brokers: Field = .list([[.int32(1), .text("127.0.0.1"), .int32(Int32(port)), .null]])
        let replicas: Field = .list([[.int32(1)]])
        let partitions: Field = .list([0, 1].map { [.int16(0), .int32($0), .int32(1), replicas, replicas] })
        let topics: Field = .list([[.int16(3), .text("absent"), .int8(0), .list([])], [.int16(0), .text("t"), .int8(0), partitions]])
        return Answer(request: 3, version: 4, fields: [.int32(0), brokers, .null, .int32(1), topics])
    }

    private static func coordinator(port: UInt16) -> Answer {
        Answer(request: 10, version: 0, fields: [.int16(0), .int32(1), .text("127.0.0.1"), .int32(Int32(port))])
    }

    // MARK: The thread

    private func serve() {
        var connections: [Int32] = []
        defer { for descriptor in connections + [listener] { close(descriptor) } }
        while true {
            var polled = ([stopPipe.read, listener] + connections).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&polled, nfds_t(polled.count), -1)
            if polled[0].revents != 0 { return }
            for entry in polled.dropFirst(2) where entry.revents != 0 && !answerNext(entry.fd) {
                close(entry.fd)
                connections.removeAll { $0 == entry.fd }
            }
            if polled[1].revents != 0 { connections.append(accept(listener, nil, nil)) }
        }
    }

    /// False: the client has gone, or asked what is not in the script.
    private func answerNext(_ descriptor: Int32) -> Bool {
        guard let size = receive(4, descriptor).map({ number($0[...]) }), let request = receive(size, descriptor), request.count >= 8 else {
            return false
        }
        let kind = Int16(number(request[0..<2])), version = Int16(number(request[2..<4]))
        asked.withLock { $0.append((kind, request)) }
        var body: [UInt8] = []
        if kind == 18 {
            body = versions(asked: version)
        } else {
            guard let answer = answers.first(where: { $0.request == kind && $0.version == version }) else { return false }
            for field in answer.fields { field.append(to: &body) }
        }
        var message: [UInt8] = []
        Field.int32(Int32(body.count + 4)).append(to: &message)
        message += request[4..<8] + body
        return send(descriptor, message, message.count, Int32(MSG_NOSIGNAL)) == message.count
    }

    /// Which requests are answered, in the form of version 3, or in the first form with the error "unsupported version".
    private func versions(asked: Int16) -> [UInt8] {
        var body: [UInt8] = []
        let known = answers.map { ($0.request, $0.version) } + [(18, 0)]
        let list = Field.list(known.map { [.int16($0.0), .int16($0.1), .int16($0.1)] })
        for field in [Field.int16(asked == 0 ? 0 : 35), list] { field.append(to: &body) }
        return body
    }

    private func receive(_ count: Int, _ descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let part = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + filled, count - filled, 0) }
            if part <= 0 { return nil }
            filled += part
        }
        return bytes
    }

    private func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
}

/// A field of Kafka's protocol before its flexible versions: big endian, counts before contents.
indirect enum Field: Sendable {
    case int8(Int8)
    case int16(Int16)
    case int32(Int32)
    case int64(Int64)
    case text(String)
    /// A text that is absent.
    case null
    case bytes([UInt8])
    case list([[Field]])

    func append(to block: inout [UInt8]) {
        switch self {
        case .int8(let value): Field.append(value, to: &block)
        case .int16(let value): Field.append(value, to: &block)
        case .int32(let value): Field.append(value, to: &block)
        case .int64(let value): Field.append(value, to: &block)
        case .text(let text):
            Field.append(Int16(text.utf8.count), to: &block)
            block += text.utf8
        case .null: Field.append(Int16(-1), to: &block)
        case .bytes(let bytes):
            Field.append(Int32(bytes.count), to: &block)
            block += bytes
        case .list(let elements):
            Field.append(Int32(elements.count), to: &block)
            for field in elements.joined() { field.append(to: &block) }
        }
    }

    private static func append(_ value: some FixedWidthInteger, to block: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { block += $0 }
    }
}
