internal import CLibpq
import Glibc

/// Owns libpq's connection and waits for it, never beyond a deadline. `nil` inside once it is closed.
struct ConnectionHandle: ~Copyable {
    private var pointer: OpaquePointer?

    /// Connects, waiting at most so long; only the resolution of names is not bounded by it.
    init(_ address: PostgresAddress, _ parameters: [(keyword: String, value: String)], milliseconds: Int) throws(PostgresError) {
        let pairs = [("dbname", address.url)] + parameters
        var keywords = pairs.map { UnsafePointer(strdup($0.0)) } + [nil]
        var values = pairs.map { UnsafePointer(strdup($0.1)) } + [nil]
        defer { for text in keywords + values { free(UnsafeMutablePointer(mutating: text)) } }
        guard let pointer = PQconnectStartParams(&keywords, &values, 1) else { throw .unreachable("\(address): out of memory") }
        self.pointer = pointer
        tripline_drop_notices(pointer)
        // So that the reason why a server refuses a connection comes with its SQLSTATE.
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        do throws(PostgresError) {
            try Self.connect(pointer, address, Deadline(milliseconds: milliseconds))
        } catch {
            PQfinish(pointer)
            self.pointer = nil
            throw error
        }
        PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
        PQsetnonblocking(pointer, 1)
    }

    deinit { PQfinish(pointer) }

    /// Frees the connection at once.
    mutating func close() {
        PQfinish(pointer)
        pointer = nil
    }

    var isOpen: Bool { pointer != nil }

    private static func connect(_ pointer: OpaquePointer, _ address: PostgresAddress, _ deadline: Deadline) throws(PostgresError) {
        guard PQstatus(pointer) != CONNECTION_BAD else { throw failure(pointer, address) }
        var events = POLLOUT
        while true {
            guard deadline.wait(PQsocket(pointer), events) else {
                throw .timeout("\(address): no connection within \(deadline.milliseconds) ms")
            }
            switch PQconnectPoll(pointer) {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: events = POLLIN
            case PGRES_POLLING_WRITING: events = POLLOUT
            case _: throw failure(pointer, address)
            }
        }
    }

    // MARK: Statements

    /// Sends one statement with parameters; results come in binary.
    func send(_ sql: String, _ parameters: [PostgresValue], _ address: PostgresAddress) throws(PostgresError) {
        let encoded = ParameterBytes(parameters)
        let lengths = encoded.ranges.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: parameters.count)
        let sent = encoded.bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = encoded.ranges.map { range in range.flatMap { range in base.map { $0 + range.lowerBound } } }
            return PQsendQueryParams(pointer, sql, Int32(parameters.count), encoded.types, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw Self.broken(pointer, address) }
    }

    /// Sends statements separated by `;`, which form one transaction unless they say otherwise.
    func send(script: String, _ address: PostgresAddress) throws(PostgresError) {
        guard PQsendQuery(pointer, script) == 1 else { throw Self.broken(pointer, address) }
    }

    /// Waits for what was sent: the last statement's answer, or the first error.
    /// - Parameter readsRows: false passes over the rows, which a script's statements give as text.
    func receive(_ address: PostgresAddress, _ deadline: Deadline, readsRows: Bool) throws(PostgresError) -> PostgresRows {
        var rows = PostgresRows(rows: [], count: 0, command: "")
        var refusal: PostgresError?
        while true {
            try flush(address, deadline)
            while PQisBusy(pointer) == 1 {
                try wait(POLLIN, address, deadline)
                guard PQconsumeInput(pointer) == 1 else { throw Self.broken(refusal, pointer, address) }
            }
            guard let result = ResultHandle(PQgetResult(pointer)) else { break }
            do throws(PostgresError) { rows = try result.rows(address, readsRows: readsRows) } catch {
                // After an answer of an unknown kind no end of the answers can be waited for.
                if case .protocolViolation = error { throw error }
                refusal = refusal ?? error
            }
        }
        guard PQstatus(pointer) == CONNECTION_OK else { throw Self.broken(refusal, pointer, address) }
        if let refusal { throw refusal }
        return rows
    }

    private func flush(_ address: PostgresAddress, _ deadline: Deadline) throws(PostgresError) {
        while true {
            switch PQflush(pointer) {
            case 0: return
            case 1:
                try wait(POLLIN | POLLOUT, address, deadline)
                // A server that is not read from does not read either.
                guard PQconsumeInput(pointer) == 1 else { throw Self.broken(pointer, address) }
            case _: throw Self.broken(pointer, address)
            }
        }
    }

    private func wait(_ events: Int32, _ address: PostgresAddress, _ deadline: Deadline) throws(PostgresError) {
        guard deadline.wait(PQsocket(pointer), events) else { throw .timeout("\(address): no answer within \(deadline.milliseconds) ms") }
    }

    // MARK: Errors

    /// Why a connection broke, in the server's words where it had time for some.
    private static func broken(_ refusal: PostgresError?, _ pointer: OpaquePointer?, _ address: PostgresAddress) -> PostgresError {
        guard case .refused(let refusal) = refusal else { return broken(pointer, address) }
        return .unreachable("\(address): \(refusal.message) (\(refusal.sqlState))")
    }

    private static func broken(_ pointer: OpaquePointer?, _ address: PostgresAddress) -> PostgresError {
        .unreachable("\(address): \(ServerText(PQerrorMessage(pointer)).message)")
    }

    /// Why there is no connection.
    private static func failure(_ pointer: OpaquePointer, _ address: PostgresAddress) -> PostgresError {
        let text = ServerText(PQerrorMessage(pointer))
        if PQconnectionNeedsPassword(pointer) == 1 { return .authentication("\(address): a password is needed and none was given") }
        guard let sqlState = text.sqlState else { return .unreachable("\(address): \(text.message)") }
        switch sqlState.prefix(2) {
        case "28": return .authentication("\(address): \(text.message) (\(sqlState))")
        case "57", "08": return .unreachable("\(address): \(text.message) (\(sqlState))")
        case _: return .refused(PostgresRefusal(address: "\(address)", sqlState: sqlState, message: text.message))
        }
    }
}

/// The text of an error of a connection, in one line.
struct ServerText {
    var message: String
    /// Where the text came from a server, in the verbose form `SEVERITY:  SQLSTATE: message`.
    var sqlState: String?

    init(_ text: UnsafePointer<CChar>?) { self.init(text.map { String(cString: $0) } ?? "") }

    init(_ text: String) {
        // Indented lines are advice, `LOCATION:` is a place in the server's source.
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("\t") && !$0.hasPrefix(" ") && !$0.hasPrefix("LOCATION:") }
        message = lines.isEmpty ? "no reason given" : lines.joined(separator: "; ")
        let bytes = Array(message.utf8)
        for start in bytes.indices where start + 9 <= bytes.count {
            guard bytes[start..<(start + 3)].elementsEqual(":  ".utf8), bytes[start + 8] == UInt8(ascii: ":") else { continue }
            let code = bytes[(start + 3)..<(start + 8)]
            guard code.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }) else { continue }
            sqlState = String(decoding: code, as: UTF8.self)
            message = String(decoding: bytes[(start + 9)...].drop { $0 == 0x20 }, as: UTF8.self)
            return
        }
    }
}

/// Owns one result.
private struct ResultHandle: ~Copyable {
    private let pointer: OpaquePointer

    init?(_ pointer: OpaquePointer?) {
        guard let pointer else { return nil }
        self.pointer = pointer
    }

    deinit { PQclear(pointer) }

    func rows(_ address: PostgresAddress, readsRows: Bool) throws(PostgresError) -> PostgresRows {
        switch PQresultStatus(pointer) {
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            return PostgresRows(rows: [], count: Int(String(cString: PQcmdTuples(pointer))) ?? 0, command: String(cString: PQcmdStatus(pointer)))
        case PGRES_TUPLES_OK:
            let count = PQntuples(pointer)
            var rows: [PostgresRow] = []
            rows.reserveCapacity(Int(count))
            for row in 0..<(readsRows ? count : 0) { rows.append(try self.row(row)) }
            return PostgresRows(rows: rows, count: Int(count), command: String(cString: PQcmdStatus(pointer)))
        case PGRES_FATAL_ERROR, PGRES_NONFATAL_ERROR: throw refusal(address)
        case let status: throw .protocolViolation("\(address): a result of status \(String(cString: PQresStatus(status)))")
        }
    }

    private func row(_ row: Int32) throws(PostgresError) -> PostgresRow {
        var fields: [PostgresValue] = []
        for column in 0..<PQnfields(pointer) {
            if PQgetisnull(pointer, row, column) == 1 {
                fields.append(.null)
                continue
            }
            let bytes = UnsafeRawBufferPointer(start: PQgetvalue(pointer, row, column), count: Int(PQgetlength(pointer, row, column)))
            guard PQfformat(pointer, column) == 1, let value = PostgresType.value(bytes, type: PQftype(pointer, column)) else {
                throw .protocolViolation("column \(column + 1) is of a type that is not read (\(PQftype(pointer, column)))")
            }
            fields.append(value)
        }
        return PostgresRow(fields: fields)
    }

    private func refusal(_ address: PostgresAddress) -> PostgresError {
        guard let sqlState = field(tripline_diag_sqlstate) else {
            return .unreachable("\(address): \(ServerText(PQresultErrorMessage(pointer)).message)")
        }
        return .refused(
            PostgresRefusal(
                address: "\(address)", sqlState: sqlState, message: field(tripline_diag_message) ?? "no reason given",
                position: field(tripline_diag_position).flatMap { Int($0) }))
    }

    private func field(_ code: Int32) -> String? { PQresultErrorField(pointer, code).map { String(cString: $0) } }
}

/// A moment on the monotonic clock until which is waited.
struct Deadline {
    let milliseconds: Int
    private let end: Int64

    init(milliseconds: Int) {
        self.milliseconds = milliseconds
        end = Self.now + Int64(milliseconds)
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Waits until the socket is ready; false when the deadline has passed.
    func wait(_ socket: Int32, _ events: Int32) -> Bool {
        while true {
            let rest = end - Self.now
            guard rest > 0 else { return false }
            var descriptor = pollfd(fd: socket, events: Int16(events), revents: 0)
            let count = poll(&descriptor, 1, Int32(clamping: rest))
            if count > 0 || (count < 0 && errno != EINTR) { return true }
        }
    }
}
