import Glibc

/// What can be fuzzed; the raw value is its name for `scripts/fuzz`.
enum FuzzTarget: String, CaseIterable {
    case payments, metadata, checkpoints, rules, http, wire

    /// Gives the input to what is fuzzed, and aborts where a promise does not hold.
    func take(_ input: UnsafeRawBufferPointer) {
        switch self {
        case .payments: PaymentFuzz.take(input)
        case .metadata: MetadataFuzz.take(input)
        case .checkpoints: CheckpointFuzz.take(input)
        case .rules: RuleFuzz.take(input)
        case .http: HTTPFuzz.take(input)
        case .wire: WireFuzz.take(input)
        }
    }

    /// Inputs to begin with that are not text and so are made when they are needed, by name.
    var seeds: [(name: String, bytes: [UInt8])] {
        switch self {
        case .payments, .http, .wire: []
        case .metadata: MetadataFuzz.seeds
        case .checkpoints: CheckpointFuzz.seeds
        case .rules: RuleFuzz.seeds
        }
    }

    /// `TRIPLINE_FUZZ_TARGET`.
    static let chosen: FuzzTarget = {
        guard let name = getenv("TRIPLINE_FUZZ_TARGET").map({ String(cString: $0) }), let target = FuzzTarget(rawValue: name) else {
            fail("TRIPLINE_FUZZ_TARGET is one of \(allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return target
    }()
}

/// Called once by libFuzzer, before it reads its folders: puts the seeds into `TRIPLINE_FUZZ_SEEDS`.
@_cdecl("LLVMFuzzerInitialize")
func initializeFuzzer(_ argumentCount: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
    signal(SIGPIPE, SIG_IGN)
    guard let folder = getenv("TRIPLINE_FUZZ_SEEDS").map({ String(cString: $0) }) else { return 0 }
    for seed in FuzzTarget.chosen.seeds {
        guard let file = fopen("\(folder)/\(seed.name)", "wb") else { fail("\(folder)/\(seed.name) cannot be written") }
        demand(fwrite(seed.bytes, 1, seed.bytes.count, file) == seed.bytes.count && fclose(file) == 0, "a seed is written whole")
    }
    return 0
}

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzTarget.chosen.take(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The program's entry: the Swift package manager links `main` of a program to a function that is called after its module.
@_cdecl("fuzz_main")
func fuzzMain(_ argumentCount: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    var (argumentCount, arguments) = (argumentCount, arguments)
    return runDriver(&argumentCount, &arguments) { testOneInput($0, $1) }
}

/// A promise about any input.
func demand(_ holds: Bool, _ promise: @autoclosure () -> String) {
    if !holds { fail(promise()) }
}

func fail(_ text: String) -> Never {
    let line = "fuzz: not so: \(text)\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
    abort()
}
