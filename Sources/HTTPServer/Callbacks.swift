internal import CMicroHTTPD
import Glibc

// The functions libmicrohttpd calls, on its pool threads. `context` is the ServerCore, unretained: its HTTPServer keeps it
// until MHD_stop_daemon has returned, after which no callback comes.

private func core(_ context: UnsafeMutableRawPointer?) -> ServerCore? {
    context.map { Unmanaged<ServerCore>.fromOpaque($0).takeUnretainedValue() }
}

/// The request line has come: makes the Exchange, which the library then carries until `onCompleted`.
func onRequestLine(
    _ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    let bytes = target.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
    return Unmanaged.passRetained(Exchange(target: bytes, started: .now)).toOpaque()
}

/// Leaves escapes alone: the target is decoded after it has been split.
func onUnescape(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?
) -> Int {
    text.map { strlen($0) } ?? 0
}

/// First call: the head is whole. Then once per piece of the body. Last call: the body is whole.
func onRequest(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ upload: UnsafePointer<CChar>?,
    _ uploadCount: UnsafeMutablePointer<Int>?, _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let core = core(context), let connection, let method, let version, let uploadCount, let raw = state?.pointee
    else { return .NO }
    let exchange = Unmanaged<Exchange>.fromOpaque(raw).takeUnretainedValue()
    guard exchange.accepted != nil else {
        let head = RequestHead(
            method: String(cString: method), target: exchange.target, version: String(cString: version),
            headers: requestHeaders(connection))
        return core.begin(exchange, head, connection)
    }
    guard uploadCount.pointee > 0 else { return core.finish(exchange, connection) }
    let piece = UnsafeRawBufferPointer(start: upload, count: uploadCount.pointee)
    uploadCount.pointee = 0
    return exchange.append(piece, limit: core.limits.bodyBytes) ? .YES : .NO
}

/// The answer has gone, or the client: ends what `onRequestLine` began.
func onCompleted(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ code: MHD_RequestTerminationCode
) {
    guard let core = core(context), let connection, let raw = state?.pointee else { return }
    state?.pointee = nil
    let exchange = Unmanaged<Exchange>.fromOpaque(raw).takeRetainedValue()
    core.completed(exchange, descriptor: tripline_http_socket(connection))
}

/// A connection opened or is about to be closed; its descriptor is valid in both cases.
func onConnection(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ state: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ code: MHD_ConnectionNotificationCode
) {
    guard let core = core(context), let connection else { return }
    let descriptor = tripline_http_socket(connection)
    switch code {
    case .CONNECTION_NOTIFY_STARTED:
        core.ledger.setDeadline(.now + .seconds(core.limits.requestTimeoutSeconds), of: descriptor)
    case .CONNECTION_NOTIFY_CLOSED:
        core.ledger.clearDeadline(of: descriptor)
    }
}

/// A line of the library's log.
func onLog(_ context: UnsafeMutableRawPointer?, _ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?) {
    guard let core = core(context), let format, let arguments else { return }
    let line = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
        vsnprintf(buffer.baseAddress, buffer.count, format, arguments)
        return String(cString: UnsafePointer(buffer.baseAddress!))
    }
    core.hooks.log(line.last == "\n" ? String(line.dropLast()) : line)
}

private func requestHeaders(_ connection: OpaquePointer) -> [HTTPHeader] {
    var headers: [HTTPHeader] = []
    withUnsafeMutablePointer(to: &headers) { list in
        _ = MHD_get_connection_values_n(connection, .HEADER_KIND, onHeader, list)
    }
    return headers
}

/// `list` points to the `[HTTPHeader]` of `requestHeaders`, which outlives the call.
private func onHeader(
    _ list: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?, _ nameCount: Int,
    _ value: UnsafePointer<CChar>?, _ valueCount: Int
) -> MHD_Result {
    let nameBytes = UnsafeRawBufferPointer(start: name, count: nameCount)
    let header = HTTPHeader(
        name: String(decoding: nameBytes, as: UTF8.self), value: Array(UnsafeRawBufferPointer(start: value, count: valueCount)))
    list?.assumingMemoryBound(to: [HTTPHeader].self).pointee.append(header)
    return .YES
}
