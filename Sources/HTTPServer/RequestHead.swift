/// Method, target and headers of a request, as libmicrohttpd hands them over: not checked yet.
///
/// The library has joined folded lines, accepted bare line feeds, and cut each value and the target at a raw NUL: what was
/// cut is seen by nobody.
struct RequestHead: Sendable {
    var method: String
    var target: [UInt8]
    /// `HTTP/1.1` or `HTTP/1.0`; the library refuses others.
    var version: String
    var headers: [HTTPHeader]

    /// What the checks found out.
    struct Checked: Sendable {
        let target: RequestTarget
        /// A body may follow.
        let hasBody: Bool
    }

    /// Refuses what a proxy in front could read differently (RFC 9112, sections 3.2, 5 and 6; RFC 9110, section 5).
    func check(limits: HTTPLimits) throws(Problem) -> Checked {
        try checkFields(limits: limits)
        try checkSingleFields()
        try checkHost()
        let hasBody = try checkFraming(limits: limits)
        let target = try RequestTarget(target, limits: limits)
        return Checked(target: target, hasBody: hasBody)
    }

    private func values(_ name: String) -> [[UInt8]] {
        headers.filter { $0.isNamed(name) }.map(\.value)
    }

    private func refusal(_ status: HTTPStatus, _ detail: String) -> Problem {
        Problem(status, detail, closesConnection: true)
    }

    private func checkFields(limits: HTTPLimits) throws(Problem) {
        guard headers.count <= limits.headerFields else {
            throw refusal(.headerFieldsTooLarge, "more than \(limits.headerFields) header fields")
        }
        guard headers.reduce(0, { $0 + $1.name.utf8.count + $1.value.count }) <= limits.headerBytes else {
            throw refusal(.headerFieldsTooLarge, "the header fields are larger than \(limits.headerBytes) bytes")
        }
        for header in headers {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy(isTokenByte) else {
                throw refusal(.badRequest, "a header name holds a byte that is not allowed there")
            }
            guard header.value.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
                throw refusal(.badRequest, "a header value holds a control character")
            }
        }
    }

    /// Fields whose repetition would mean that two readers could take two different values.
    private func checkSingleFields() throws(Problem) {
        let single = ["Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Authorization", "Expect", "Last-Event-ID"]
        for name in single where values(name).count > 1 {
            throw refusal(.badRequest, "the header \(name) is there more than once")
        }
    }

    private func checkHost() throws(Problem) {
        guard let host = values("Host").first else {
            if version == "HTTP/1.0" { return }
            throw refusal(.badRequest, "the header Host is missing")
        }
        let isSound = host.allSatisfy { byte in
            isTokenByte(byte) && byte != UInt8(ascii: "#") || [UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")].contains(byte)
        }
        guard isSound else { throw refusal(.badRequest, "the header Host is not a host and a port") }
    }

    /// Whether a body follows. The length and the coding must leave one reading only.
    private func checkFraming(limits: HTTPLimits) throws(Problem) -> Bool {
        if let expectation = values("Expect").first, !equalsIgnoringCase(expectation, "100-continue") {
            throw refusal(.expectationFailed, "the only expectation understood is 100-continue")
        }
        if let coding = values("Transfer-Encoding").first {
            guard values("Content-Length").isEmpty else {
                throw refusal(.badRequest, "Content-Length and Transfer-Encoding exclude each other")
            }
            guard version != "HTTP/1.0" else { throw refusal(.badRequest, "HTTP/1.0 has no Transfer-Encoding") }
            guard equalsIgnoringCase(coding, "chunked") else {
                throw refusal(.notImplemented, "the only transfer coding understood is chunked")
            }
            try checkMayHaveBody()
            return true
        }
        guard let text = values("Content-Length").first else { return false }
        guard !text.isEmpty, text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
            throw refusal(.badRequest, "Content-Length is not a number")
        }
        guard let length = Int(String(decoding: text, as: UTF8.self)), length <= limits.bodyBytes else {
            throw refusal(.contentTooLarge, "the body is larger than \(limits.bodyBytes) bytes")
        }
        if length > 0 { try checkMayHaveBody() }
        return length > 0
    }

    private func checkMayHaveBody() throws(Problem) {
        if ["GET", "HEAD", "OPTIONS", "TRACE"].contains(method) {
            throw refusal(.badRequest, "\(method) takes no body")
        }
    }

    private func equalsIgnoringCase(_ value: [UInt8], _ text: String) -> Bool {
        HTTPHeader(name: text, value: []).isNamed(String(decoding: value, as: UTF8.self))
    }
}

/// RFC 9110, section 5.6.2.
private func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
