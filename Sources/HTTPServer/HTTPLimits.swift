/// What one client may cost. Every bound holds per server.
package struct HTTPLimits: Sendable {
    /// Bytes of the request target; beyond: 414.
    package var targetBytes = 4096
    /// Bytes of all header names and values together; beyond: 431. Must fit into `connectionMemoryBytes`.
    package var headerBytes = 16 * 1024
    /// Header fields; beyond: 431.
    package var headerFields = 100
    /// Query parameters; beyond: 400.
    package var queryItems = 64
    /// Bytes of a body; beyond: 413. An announced length is refused before the body is read; a chunked body is counted and
    /// dropped, and after eight times this the connection is cut.
    package var bodyBytes = 64 * 1024
    /// libmicrohttpd's buffer of a connection; a head that does not fit gets the library's own 431 or 414.
    package var connectionMemoryBytes = 32 * 1024
    /// Connections in all; further ones wait in the listen queue.
    package var connections = 1024
    /// Connections of one client address; further ones are closed at once. Zero: no limit (behind a proxy).
    package var connectionsPerAddress = 128
    /// Seconds without a byte in either direction before a connection is closed.
    package var idleTimeoutSeconds = 30
    /// Seconds from accepting, or from the end of the answer before, until a request is read whole: cuts slow drips.
    package var requestTimeoutSeconds = 60
    /// Seconds for a client to take its answer.
    package var responseTimeoutSeconds = 60

    package init() {}
}
