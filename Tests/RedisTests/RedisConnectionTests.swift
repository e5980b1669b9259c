import Foundation
import Redis
import Testing

@Suite(.enabled(if: RedisServer.isInstalled, "redis-server is not installed"))
struct RedisConnectionTests {
    /// Lives as long as the test.
    private let server: RedisServer

    init() throws { server = try RedisServer() }

    @Test func `every kind of reply becomes its value`() throws {
        let redis = try server.connect()
        #expect(try redis.call(RedisCommand("SET", "k", "v")) == .status("OK"))
        #expect(try redis.call(RedisCommand("GET", "k")) == .string(Array("v".utf8)))
        #expect(try redis.call(RedisCommand("GET", "none")) == .null)
        #expect(try redis.call(RedisCommand("INCRBY", "n", "9007199254740993")).integer == 9_007_199_254_740_993)
        #expect(try redis.call(RedisCommand("MGET", "k", "none")) == .array([.string([0x76]), .null]))
        #expect(
            try redis.call(RedisCommand("EVAL", "return {1, {'a', {}}, redis.error_reply('MINE x')}", "0"))
                == .array([.integer(1), .array([.string([0x61]), .array([])]), .error("MINE x")]))
    }

    @Test func `arguments are bytes, whatever they hold`() throws {
        let redis = try server.connect()
        let bytes: [UInt8] = [0, 13, 10, 36, 255, 0]
        var command = RedisCommand("SET")
        command.append(bytes)
        command.append([] as [UInt8])
        _ = try redis.call(command)
        command = RedisCommand("GET")
        command.append(bytes)
        #expect(try redis.call(command) == .string([]))
    }

    @Test func `a pipeline's replies come in the order of its commands`() throws {
        let redis = try server.connect()
        for value in 0..<1_000 { redis.send(RedisCommand("ECHO", "\(value)")) }
        #expect(redis.outstanding == 1_000)
        for value in 0..<1_000 { #expect(try redis.receive().decimal == Int64(value)) }
        #expect(redis.outstanding == 0)
    }

    @Test func `an error reply is about its command only`() throws {
        let redis = try server.connect()
        redis.send(RedisCommand("SET", "k", "v"))
        redis.send(RedisCommand("INCR", "k"))
        redis.send(RedisCommand("GET", "k"))
        #expect(try redis.receive() == .status("OK"))
        guard case .error(let message) = try redis.receive() else { throw RedisError.protocolViolation("not an error") }
        #expect(message.hasPrefix("ERR value is not an integer"))
        #expect(try redis.receive().bytes == [0x76])
        #expect(refusal { _ = try redis.call(RedisCommand("INCR", "k")) } == .server(message))
    }

    @Test func `a server that dies in a pipeline is an error, and a new connection works when it is back`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        _ = try redis.call(RedisCommand("SET", "k", "v"))
        server.kill()
        for _ in 0..<300 { redis.send(RedisCommand("GET", "k")) }
        let error = refusal { while redis.outstanding > 0 { _ = try redis.receive() } }
        #expect(error?.isConnectionDead == true && error?.isRetriable == true)
        #expect(refusal { _ = try server.connect() }?.isRetriable == true)
        try server.start()
        let second = try server.connect()
        #expect(try second.call(RedisCommand("GET", "k")) == .null)
    }

    @Test func `a server that does not answer is a timeout`() throws {
        let silent = try #require(ListeningSocket())
        let error = refusal {
            _ = try RedisConnection(RedisAddress(host: "127.0.0.1", port: silent.port), timeouts: RedisTimeouts(connect: 1_000, command: 20))
        }
        guard case .timeout = error else { throw error ?? .protocolViolation("connected") }
        #expect(error?.isRetriable == true && error?.isConnectionDead == true)
    }

    @Test func `an unknown host and a closed port are unreachable`() throws {
        var port: UInt16 = 0
        do { port = try #require(ListeningSocket()).port }
        for host in ["127.0.0.1", "no-such-host.invalid"] {
            let error = refusal { _ = try RedisConnection(RedisAddress(host: host, port: port), timeouts: RedisTimeouts(connect: 500, command: 500)) }
            guard case .unreachable(let message) = error else { throw error ?? .protocolViolation("connected") }
            #expect(message.contains(host))
        }
    }

    @Test func `wrong, missing and unasked credentials are refused as such`() throws {
        let open = try RedisServer()
        let closed = try RedisServer(options: ["--requirepass", "right", "--user", "reader", "on", ">secret", "+ping", "~*"])
        let cases: [(RedisAddress, isAccepted: Bool)] = [
            (RedisAddress(host: "127.0.0.1", port: closed.port, password: "right"), true),
            (RedisAddress(host: "127.0.0.1", port: closed.port, user: "default", password: "right"), true),
            (RedisAddress(host: "127.0.0.1", port: closed.port, user: "reader", password: "secret"), true),
            (RedisAddress(host: "127.0.0.1", port: closed.port, password: "wrong"), false),
            (RedisAddress(host: "127.0.0.1", port: closed.port, user: "nobody", password: "right"), false),
            (RedisAddress(host: "127.0.0.1", port: closed.port), false),
            (RedisAddress(host: "127.0.0.1", port: closed.port, user: "reader", password: "secret", database: 1), false),
            (RedisAddress(host: "127.0.0.1", port: open.port, password: "any"), false),
        ]
        for (address, isAccepted) in cases {
            let error = refusal { _ = try RedisConnection(address, timeouts: RedisTimeouts(connect: 5_000, command: 5_000)) }
            if case .authentication = error { #expect(!isAccepted) } else { #expect(error == nil && isAccepted) }
        }
    }

    @Test func `a database is its own space, and one that is not there is refused`() throws {
        let server = try RedisServer()
        let second = try RedisConnection(
            RedisAddress(host: "127.0.0.1", port: server.port, database: 2), timeouts: RedisTimeouts(connect: 5_000, command: 5_000))
        _ = try second.call(RedisCommand("SET", "k", "v"))
        let first = try server.connect()
        #expect(try first.call(RedisCommand("GET", "k")) == .null)
        let error = refusal {
            _ = try RedisConnection(
                RedisAddress(host: "127.0.0.1", port: server.port, database: 99), timeouts: RedisTimeouts(connect: 5_000, command: 5_000))
        }
        guard case .server = error else { throw error ?? .protocolViolation("connected") }
    }

    @Test func `scripts that the server lost are loaded again`() throws {
        let server = try RedisServer()
        let redis = try server.connect(scripts: ["return ARGV[1]", "return redis.call('INCR', KEYS[1])"])
        for isFlushed in [false, true, true] {
            if isFlushed { _ = try redis.call(RedisCommand("SCRIPT", "FLUSH")) }
            var replies: [Int: RedisValue] = [:]
            try redis.evaluate(
                count: 100, script: { $0 % 2 },
                arguments: { run, command in
                    command.append(run % 2 == 0 ? "0" : "1")
                    command.append(run % 2 == 0 ? "\(run)" : "counter")
                },
                reply: { run, value in
                    #expect(replies[run] == nil)
                    replies[run] = value
                })
            #expect(replies.count == 100)
            #expect(replies[42]?.decimal == 42)
        }
        #expect(try redis.call(RedisCommand("GET", "counter")).decimal == 150)
    }

    @Test func `an answer that is not RESP2 is a protocol violation`() throws {
        let peer = try #require(ListeningSocket())
        // Not a task: tests that block take the pool's threads.
        Thread.detachNewThread { peer.answer("HTTP/1.1 400 Bad Request\r\n\r\n") }
        let error = refusal {
            _ = try RedisConnection(RedisAddress(host: "127.0.0.1", port: peer.port), timeouts: RedisTimeouts(connect: 5_000, command: 5_000))
        }
        guard case .protocolViolation = error else { throw error ?? .protocolViolation("connected") }
        #expect(error?.isRetriable == false)
    }

    @Test func `a Unix socket is a way to the same server, and one that is not there is named`() throws {
        let path = "/tmp/tripline-redis-socket-\(getpid())"
        let server = try RedisServer(options: ["--unixsocket", path])
        let redis = try RedisConnection(RedisAddress(.socket(path: path), database: 2), timeouts: RedisTimeouts(connect: 5_000, command: 5_000))
        _ = try redis.call(RedisCommand("SET", "k", "v"))
        let other = try server.connect()
        _ = try other.call(RedisCommand("SELECT", "2"))
        #expect(try other.call(RedisCommand("GET", "k")).bytes == [0x76])
        let error = refusal {
            _ = try RedisConnection(RedisAddress(.socket(path: "/absent/socket")), timeouts: RedisTimeouts(connect: 500, command: 500))
        }
        guard case .unreachable(let message) = error else { throw error ?? .protocolViolation("connected") }
        #expect(message.contains("redis+unix:///absent/socket"))
    }

    @Test(arguments: [
        ("WRONGTYPE Operation against a key holding the wrong kind of value script: 1, on @user_script:1.", true),
        ("ERR Error running script (call to f_1): @user_script:1: WRONGTYPE Operation against a key", true),
        ("OOM command not allowed when used memory > 'maxmemory'.", false),
        ("ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed when used memory > 'maxmemory'.", false),
        ("READONLY You can't write against a read only replica.", false), ("MISCONF Redis is configured to save RDB snapshots", false),
        ("NOPERM this user has no permissions to run the 'hset' command", false),
        ("ERR ACL failure in script: this user has no permissions to run the 'hset' command", false),
    ])
    func `an error is about one command unless it passes or concerns the user`(message: String, isAboutOneCommand: Bool) {
        #expect(RedisError.refused(message).isAboutOneCommand == isAboutOneCommand)
    }

    /// What `body` throws, if it is Redis' doing.
    private func refusal(_ body: () throws -> Void) -> RedisError? {
        do {
            try body()
            return nil
        } catch {
            return error as? RedisError
        }
    }
}
