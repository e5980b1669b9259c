import Glibc
import Postgres

/// Where it is kept what operators changed, and when; nothing is ever changed or removed.
enum AuditLog: Sendable {
    /// One JSON object a line.
    case file(String)
    /// `tripline.audit`.
    case database(PostgresAddress)

    /// The database where there is one, else a file beside the checkpoints.
    init(_ settings: Settings) {
        switch (settings.postgres, settings.checkpoint.store) {
        case (let address?, _): self = .database(address)
        case (nil, .directory(let folder)): self = .file("\(folder)/audit.ndjson")
        case (nil, .postgres): preconditionFailure("settings with this store have an address")
        }
    }

    /// Durable when it returns.
    func append(_ entry: AuditEntry) throws(StartFailure) {
        switch self {
        case .file(let path):
            do throws(FileSystem.Problem) {
                try FileSystem.makeFolder(FileSystem.parent(of: path))
                try FileSystem.append(line: Array(entry.json.utf8), to: path)
            } catch {
                throw StartFailure(.refused, "the audit cannot be written: \(error); nothing is changed without it")
            }
        case .database(let address):
            do throws(PostgresError) {
                let connection = try Database.connect(address)
                _ = try connection.query(
                    "insert into tripline.audit (actor, action, detail) values ($1, $2, $3::text::jsonb)",
                    [.text(entry.actor), .text(entry.action), .text(entry.detail)])
            } catch {
                var failure = StartFailure(error)
                failure.message = "the audit cannot be written: \(failure.message); nothing is changed without it"
                throw failure
            }
        }
    }
}

struct AuditEntry: Sendable {
    /// Unix milliseconds; a database takes its own time.
    var at: Int64
    /// user@host
    var actor: String
    var action: String
    /// A JSON object.
    var detail: String

    var json: String { "{\"at\":\(jsonTime(at)),\"actor\":\(jsonQuoted(actor)),\"action\":\(jsonQuoted(action)),\"detail\":\(detail)}" }

    /// The user of this process and the machine.
    static var currentActor: String {
        let user = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(geteuid())"
        return "\(user)@\(Surroundings.current.hostName)"
    }
}
