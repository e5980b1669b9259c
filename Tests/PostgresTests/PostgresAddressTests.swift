import Testing

@testable import Postgres

@Suite struct PostgresAddressTests {
    @Test(
        arguments: [
            ("postgresql://127.0.0.1", "postgresql://127.0.0.1"), ("postgresql://u:geheim@db:5433/fraud", "postgresql://db:5433/fraud"),
            ("postgres://u:geheim@[::1]:5433/fraud", "postgresql://[::1]:5433/fraud"),
            ("postgresql://u:geheim@a:1,b:2/fraud?target_session_attrs=read-write", "postgresql://a:1,b:2/fraud"),
            ("postgresql://u:geheim@a,b:5433/fraud", "postgresql://a,b:5433/fraud"),
            ("postgresql:///fraud?host=/run/postgresql&user=u&password=geheim", "postgresql:///fraud?host=/run/postgresql"),
            ("postgresql://u@db/fraud?sslmode=require&password=geheim", "postgresql://db/fraud"),
        ])
    func `an address is shown without user and password`(url: String, shown: String) throws {
        let address = try PostgresAddress(url: url)
        #expect("\(address)" == shown)
        var dumped = ""
        dump(address, to: &dumped)
        for text in ["\(address)", String(reflecting: address), dumped] { #expect(!text.contains("geheim")) }
    }

    @Test(arguments: [
        "", "127.0.0.1:5432", "host=127.0.0.1 password=geheim", "mysql://geheim@db", "postgresql://u:geheim%zz@db", "postgresql://[::1",
        "postgresql://db/?geheim=1",
    ])
    func `what is no address is refused without being repeated`(url: String) throws {
        do throws(PostgresAddress.Malformed) {
            _ = try PostgresAddress(url: url)
            Issue.record("accepted")
        } catch {
            #expect(!error.what.contains("geheim"))
        }
    }

    @Test(
        arguments: [
            (
                "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password authentication failed for user \"u\"\nLOCATION:  auth_failed, auth.c:338\n",
                "password authentication failed for user \"u\"", "28P01"
            ),
            (
                "connection to server at \"db\" (10.0.0.1), port 1 failed: Connection refused\n\tIs the server running?\n",
                "connection to server at \"db\" (10.0.0.1), port 1 failed: Connection refused", nil
            ),
            ("FEHLER:  57P03: das Datenbanksystem startet\n", "das Datenbanksystem startet", "57P03"),
            ("", "no reason given", nil),
        ] as [(String, String, String?)])
    func `a server's reason is taken from libpq's text, in any language`(text: String, message: String, sqlState: String?) {
        let read = ServerText(text)
        #expect(read.message == message)
        #expect(read.sqlState == sqlState)
    }
}
