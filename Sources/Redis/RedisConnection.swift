internal import CHiredis
import Glibc

/// How long to wait, milliseconds above 0.
package struct RedisTimeouts: Sendable, Equatable {
    /// For the connection; name resolution is not bounded by it.
    package var connect: Int32
    /// For each wait on the socket.
    package var command: Int32

    package init(connect: Int32, command: Int32) {
        self.connect = connect
        self.command = command
    }
}

/// A blocking, pipelined connection: commands are queued with `send`, the first `receive` writes them all, replies come in order.
///
/// Confined to one thread at a time. After an error with `isConnectionDead` it only throws: drop it and connect anew.
package final class RedisConnection {
    private let context: RedisContext
    private let address: RedisAddress
    /// Replies that are still to be received.
    package private(set) var outstanding = 0
    private var pointers: [UnsafePointer<CChar>?] = []
    private var lengths: [Int] = []
    /// Lua texts, and each one's SHA-1 as the server calls it.
    private let scripts: [String]
    private var digests: [[UInt8]] = []

    /// Connects, authenticates, selects the database and makes sure that the server answers; then loads the scripts.
    /// - Parameter scripts: Lua texts that `evaluate` may run, by their index.
    package init(_ address: RedisAddress, timeouts: RedisTimeouts, scripts: [String] = []) throws(RedisError) {
        self.address = address
        self.scripts = scripts
        context = try RedisContext(address, timeouts)
        try greet()
        try loadScripts()
    }

    private func greet() throws(RedisError) {
        if let password = address.password {
            var command = RedisCommand("AUTH")
            if let user = address.user { command.append(user) }
            command.append(password)
            do { _ = try call(command) } catch {
                if case .server(let message) = error, !RedisError.isPassing(message) { throw .authentication(message) }
                throw error
            }
        }
        if address.database != 0 { _ = try call(RedisCommand("SELECT", String(address.database))) }
        _ = try call(RedisCommand("PING"))
    }

    // MARK: Commands

    /// Queues a command; its bytes are copied. Nothing is written yet.
    package func send(_ command: borrowing RedisCommand) {
        pointers.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        let ends = command.ends
        precondition(!ends.isEmpty, "a command has a name")
        let status = command.bytes.withUnsafeBytes { bytes in
            var start = 0
            for end in ends {
                pointers.append(bytes.baseAddress.map { ($0 + start).assumingMemoryBound(to: CChar.self) })
                lengths.append(end - start)
                start = end
            }
            return redisAppendCommandArgv(context.pointer, Int32(ends.count), &pointers, lengths)
        }
        precondition(status == REDIS_OK, "hiredis refuses a command only without memory")
        outstanding += 1
    }

    /// The next reply, in the order of `send`; error replies are values.
    package func receive() throws(RedisError) -> RedisValue {
        precondition(outstanding > 0, "a reply answers a command")
        outstanding -= 1
        var reply: UnsafeMutableRawPointer?
        errno = 0
        let status = redisGetReply(context.pointer, &reply)
        let code = errno
        guard status == REDIS_OK, let reply else { throw context.failure(address, errno: code) }
        defer { freeReplyObject(reply) }
        return try Self.value(reply.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Sends one command and waits for its reply; an error reply is thrown. Nothing else may be outstanding.
    package func call(_ command: borrowing RedisCommand) throws(RedisError) -> RedisValue {
        precondition(outstanding == 0, "a call stands alone")
        send(command)
        let value = try receive()
        if case .error(let message) = value { throw RedisError.refused(message) }
        return value
    }

    // MARK: Scripts

    private func loadScripts() throws(RedisError) {
        digests.removeAll()
        for script in scripts {
            guard let digest = try call(RedisCommand("SCRIPT", "LOAD", script)).bytes else { throw .protocolViolation("SCRIPT LOAD gave no digest") }
            digests.append(digest)
        }
    }

    /// Runs scripts in one pipeline. If the server has lost them from its cache, they are loaded again and those runs repeated, after the others.
    /// - Parameters:
    ///   - count: number of runs.
    ///   - script: a run's script, as its index.
    ///   - arguments: appends a run's number of keys, keys and arguments.
    ///   - reply: takes each run's reply once, not always in order; error replies are values.
    package func evaluate(
        count: Int, script: (Int) -> Int, arguments: (Int, inout RedisCommand) -> Void, reply: (Int, RedisValue) -> Void
    ) throws(RedisError) {
        let missing = try evaluate(Array(0..<count), script, arguments, reply, mayMiss: true)
        guard !missing.isEmpty else { return }
        try loadScripts()
        _ = try evaluate(missing, script, arguments, reply, mayMiss: false)
    }

    private func evaluate(
        _ runs: [Int], _ script: (Int) -> Int, _ arguments: (Int, inout RedisCommand) -> Void, _ reply: (Int, RedisValue) -> Void,
        mayMiss: Bool
    ) throws(RedisError) -> [Int] {
        precondition(outstanding == 0, "a pipeline stands alone")
        var command = RedisCommand()
        for run in runs {
            command.removeAll()
            command.append("EVALSHA" as StaticString)
            command.append(digests[script(run)])
            arguments(run, &command)
            send(command)
        }
        var missing: [Int] = []
        for run in runs {
            let value = try receive()
            if mayMiss, value.isMissingScript { missing.append(run) } else { reply(run, value) }
        }
        return missing
    }

    // MARK: Replies

    private static func value(_ reply: redisReply) throws(RedisError) -> RedisValue {
        switch reply.type {
        case REDIS_REPLY_STRING: return .string(bytes(of: reply))
        case REDIS_REPLY_STATUS: return .status(String(decoding: bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: return .error(String(decoding: bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_INTEGER: return .integer(reply.integer)
        case REDIS_REPLY_NIL: return .null
        case REDIS_REPLY_ARRAY:
            var elements: [RedisValue] = []
            elements.reserveCapacity(reply.elements)
            for index in 0..<reply.elements {
                guard let element = reply.element[index] else { throw .protocolViolation("an array without its elements") }
                elements.append(try value(element.pointee))
            }
            return .array(elements)
        case let type: throw .protocolViolation("reply of type \(type)")
        }
    }

    private static func bytes(of reply: redisReply) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len))
    }
}

/// Owns hiredis' context: the socket and its buffers.
private struct RedisContext: ~Copyable {
    let pointer: UnsafeMutablePointer<redisContext>

    /// hiredis writes without MSG_NOSIGNAL: a broken connection must be an error, not the end of the process.
    private static let ignoreBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

    init(_ address: RedisAddress, _ timeouts: RedisTimeouts) throws(RedisError) {
        Self.ignoreBrokenPipes
        let wait = timeval(milliseconds: timeouts.connect)
        let made =
            switch address.place {
            case .network(let host, let port): redisConnectWithTimeout(host, Int32(port), wait)
            case .socket(let path): redisConnectUnixWithTimeout(path, wait)
            }
        guard let pointer = made else { throw .unreachable("\(address): out of memory") }
        let code = errno
        if pointer.pointee.err != REDIS_OK || redisSetTimeout(pointer, timeval(milliseconds: timeouts.command)) != REDIS_OK {
            defer { redisFree(pointer) }
            throw Self.failure(pointer, address, errno: code)
        }
        if case .network = address.place { redisEnableKeepAlive(pointer) }
        self.pointer = pointer
    }

    deinit { redisFree(pointer) }

    /// What went wrong in the last call; `errno` as that call left it.
    func failure(_ address: RedisAddress, errno code: Int32) -> RedisError { Self.failure(pointer, address, errno: code) }

    private static func failure(_ pointer: UnsafeMutablePointer<redisContext>, _ address: RedisAddress, errno code: Int32) -> RedisError {
        let text = withUnsafeBytes(of: pointer.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let message = "\(address): \(text)"
        switch pointer.pointee.err {
        case REDIS_ERR_PROTOCOL: return .protocolViolation(message)
        case REDIS_ERR_IO where code == EAGAIN || code == ETIMEDOUT: return .timeout(message)
        case _: return .unreachable(message)
        }
    }
}

extension timeval {
    fileprivate init(milliseconds: Int32) {
        self.init(tv_sec: Int(milliseconds / 1000), tv_usec: Int(milliseconds % 1000) * 1000)
    }
}
