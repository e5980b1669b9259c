import Testing

@testable import FraudService

struct CommandLineTests {
    private func parse(_ arguments: String) -> CommandLineOutcome {
        CommandLineParser.parse(arguments.split(separator: " ").map(String.init), version: "1.2.3")
    }

    private func command(_ arguments: String) -> Invocation.Command? {
        guard case .run(let invocation) = parse(arguments) else { return nil }
        return invocation.command
    }

    private func refusal(_ arguments: String) -> String {
        guard case .refuse(let text) = parse(arguments) else { return "" }
        return text
    }

    @Test func `each command takes its arguments and options`() {
        #expect(command("serve") == .serve(check: false, drain: false))
        #expect(command("serve --drain") == .serve(check: false, drain: true))
        #expect(command("demo") == .demo(.init()))
        #expect(
            command("demo --payments p.ndjson --rate 10 --for 1m30s --listen [::1]:0")
                == .demo(.init(payments: "p.ndjson", rate: 10, duration: 90_000, listen: HostPort(host: "::1", port: 0))))
        #expect(command("rules check a b") == .rulesCheck(paths: ["a", "b"]))
        #expect(command("rules test a --filter=x") == .rulesTest(paths: ["a"], filter: "x"))
        #expect(command("eval rules -") == .eval(directory: "rules", file: "-"))
        #expect(command("bench") == .bench(Invocation.Bench()))
        #expect(command("doctor --acls") == .doctor(printsACLs: true))
        #expect(command("config print --show-origin") == .configPrint(showsOrigin: true))
        #expect(command("migrate up") == .migrateUp(isDry: false))
        #expect(command("migrate up --dry-run") == .migrateUp(isDry: true))
        #expect(command("migrate status") == .migrateStatus)
    }

    @Test func `the operators' commands take partitions, a place, and how to go about it`() {
        #expect(command("offsets show") == .operation(.offsetsShow(partitions: [])))
        #expect(command("state list --partition 3 --partition 0 --partition 3") == .operation(.stateList(partitions: [0, 3])))
        #expect(command("verify") == .verify(.init()))
        #expect(command("verify --from 1970-01-01T00:00:01Z --to=1970-01-01T00:00:02.5Z") == .verify(.init(from: 1_000, to: 2_500)))
        let passed = [Invocation.PassedRange(3, 120...124), Invocation.PassedRange(0, 7...7)]
        #expect(command("verify --passed 3:120-124 --passed=0:7-7") == .verify(.init(passed: passed)))
        for text in ["3", "3:7", "3:9-7", "-1:7-7", "3:7-", "x:7-7"] { #expect(refusal("verify --passed=\(text)").contains("--passed takes a partition")) }
        #expect(command("state verify") == .operation(.stateVerify(partitions: [])))
        #expect(command("offsets accept-gap --dry-run --reason x") == .operation(.offsetsAcceptGap(.init(isDry: true, reason: "x"))))
        #expect(command("state migrate --yes") == .operation(.stateMigrate(.init(isConfirmed: true))))
        #expect(command("offsets skip --partition 1 --to-offset 7") == .operation(.offsetsSkip(to: 7, .init(partitions: [1]))))
        let targets: [(String, Operation.Target)] = [
            ("--to-earliest", .earliest), ("--to-latest", .latest), ("--to-current", .current), ("--to-offset 0", .offset(0)),
            ("--to-datetime 1970-01-01T00:00:01Z", .time(1_000)),
        ]
        for (words, target) in targets { #expect(command("offsets reset \(words)") == .operation(.offsetsReset(target, .init()))) }
        #expect(refusal("offsets reset").contains("needs to know where to\n  one of --to-earliest"))
        #expect(refusal("offsets reset --to-earliest --to-latest").contains("only one place"))
        #expect(refusal("offsets reset --to-datetime yesterday").contains("--to-datetime takes a time"))
        #expect(refusal("offsets reset --to-offset -1").contains("--to-offset takes an offset"))
        #expect(refusal("offsets skip --to-offset 1").contains("needs one --partition P"))
        #expect(refusal("offsets skip --partition 1 --partition 2 --to-offset 1").contains("needs one --partition P"))
        #expect(refusal("offsets skip --partition 1").contains("needs --to-offset N"))
        #expect(refusal("state list --partition x").contains("--partition takes the number"))
        #expect(refusal("state list --yes").contains("unknown option '--yes' of state list"))
    }

    @Test func `global options stand before and after the command, settings keep their order`() {
        guard case .run(let invocation) = parse("--config a.yaml --set x=1 serve --log-level debug --set y=a=b -o json --config=b.yaml --log-format text")
        else {
            Issue.record("not parsed")
            return
        }
        #expect(invocation.config == "b.yaml")
        #expect(invocation.output == .json)
        #expect(
            invocation.settings == [
                SettingAssignment(flag: "--set", text: "x=1"), SettingAssignment(flag: "--log-level", text: "log.level=debug"),
                SettingAssignment(flag: "--set", text: "y=a=b"), SettingAssignment(flag: "--log-format", text: "log.format=text"),
            ])
    }

    @Test func `a value is never taken for the command`() {
        #expect(command("--config demo serve") == .serve(check: false, drain: false))
        #expect(command("--set bench=1 rules check --filter") == nil)
    }

    @Test func `after two dashes everything is an argument`() {
        #expect(command("rules check -- --help -x") == .rulesCheck(paths: ["--help", "-x"]))
    }

    @Test func `help shows every option of the command with an example`() {
        for description in CommandTable.commands {
            guard case .show(let text) = parse("\(description.name.rawValue) --help") else {
                Issue.record("no help for \(description.name)")
                continue
            }
            for option in description.options + CommandTable.globalOptions { #expect(text.contains(option.name), "\(description.name) \(option.name)") }
            #expect(text.contains("Example:\n  \(description.example)\n"))
            #expect(text.utf8.split(separator: UInt8(ascii: "\n")).allSatisfy { $0.count <= 110 }, "\(description.name)")
            let words = description.example.split(separator: " ").dropFirst().joined(separator: " ")
            #expect(command(words) != nil, "the example of \(description.name) does not parse")
        }
        #expect(parse("help serve") == parse("serve --help"))
        #expect(parse("--help") == parse("help"))
        #expect(parse("rules --help") == parse("-h"))
    }

    @Test func `an option that takes a value shows one`() {
        for option in CommandTable.globalOptions + CommandTable.commands.flatMap(\.options) where option.value != nil {
            #expect(option.help.contains("(default: ") || option.help.contains("for example "), "\(option.name)")
        }
    }

    @Test func `every command has a description`() {
        #expect(CommandTable.commands.map(\.name) == CommandDescription.Name.allCases)
    }

    @Test func `the version is shown with and without a command`() {
        #expect(parse("--version") == .show("tripline 1.2.3\n"))
        #expect(parse("serve --version") == .show("tripline 1.2.3\n"))
    }

    @Test func `slips are answered with what was meant`() {
        #expect(refusal("sreve").contains("unknown command 'sreve'\n  did you mean 'serve'?\n  commands: serve, "))
        #expect(refusal("rules chekc x").contains("did you mean 'check'?"))
        #expect(refusal("serve --drian").contains("unknown option '--drian' of serve\n  did you mean '--drain'?\n  options: --check, --drain, "))
        #expect(refusal("serve --drian").hasSuffix("See: tripline serve --help\n"))
        #expect(refusal("serve --rate 5").contains("it is an option of demo"))
    }

    @Test func `what is missing or too much is named`() {
        #expect(refusal("").contains("which command?"))
        #expect(refusal("rules").contains("needs a second word"))
        #expect(refusal("eval rules").contains("eval needs FILE\n  usage: tripline eval DIR FILE"))
        #expect(refusal("eval a b c").contains("'c' is one argument too many"))
        #expect(refusal("rules check").contains("rules check needs DIR"))
        #expect(refusal("serve --config").contains("--config needs a value: --config FILE"))
        #expect(refusal("serve --check=yes").contains("--check takes no value"))
        #expect(refusal("serve --check --drain").contains("exclude each other"))
        #expect(refusal("serve -o xml").contains("-o takes text or json, not 'xml'"))
        #expect(refusal("demo --rate 0").contains("--rate takes"))
        #expect(refusal("demo --for 30").contains("--for takes"))
        #expect(refusal("demo --listen 80").contains("--listen takes host:port; '80' has no port"))
    }
}
