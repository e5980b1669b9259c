/// Why a server did not start. None is worth a retry without a change outside the process, but a port may become free.
package enum HTTPServerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text is not `host:port`.
    case invalidAddress(String, reason: String)
    /// The host's name has no address here.
    case unknownHost(String, reason: String)
    /// Another process listens there.
    case addressInUse(String)
    /// The system refused to listen there, for another reason.
    case cannotListen(String, reason: String)
    /// libmicrohttpd, or the watchdog's thread, did not start.
    case cannotStart(String, reason: String)

    package var description: String {
        switch self {
        case .invalidAddress(let address, let reason): "'\(address)' is not an address to listen on: \(reason)"
        case .unknownHost(let address, let reason): "cannot listen on \(address): \(reason)"
        case .addressInUse(let address): "cannot listen on \(address): another process listens there already"
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        case .cannotStart(let address, let reason): "cannot serve on \(address): \(reason)"
        }
    }
}
