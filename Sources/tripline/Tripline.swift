import FraudService
import Glibc

/// The executable: reads the command line and leaves with the command's exit code.
@main
struct Tripline {
    static func main() {
        switch CommandLineParser.parse(Array(CommandLine.arguments.dropFirst()), version: Version.text) {
        case .show(let text): Terminal.data(text)
        case .refuse(let text):
            Terminal.note(text)
            exit(ExitCode.usage.rawValue)
        case .run(let invocation): exit(Commands.run(invocation, environment: environment).rawValue)
        }
    }

    private static var environment: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") { variables[String(text[..<equals])] = String(text[text.index(after: equals)...]) }
            next += 1
        }
        return variables
    }
}
