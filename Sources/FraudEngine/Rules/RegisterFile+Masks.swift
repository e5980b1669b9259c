import CEL

extension RegisterFile {
    func run(_ step: MaskStep) {
        switch step {
        case .constant(let value, let target): set(target, truth: value ? ~0 : 0, error: 0)
        case .copy(let a, let target): set(target, truth: truths[a], error: errors[a])
        case .and(let a, let b, let target):
            let isFalse = ~(truths[a] | errors[a]) | ~(truths[b] | errors[b])
            let truth = truths[a] & truths[b]
            set(target, truth: truth, error: ~(truth | isFalse))
        case .or(let a, let b, let target):
            let truth = truths[a] | truths[b]
            set(target, truth: truth, error: (errors[a] | errors[b]) & ~truth)
        case .not(let a, let target): set(target, truth: ~truths[a], error: errors[a])
        case .compare(let comparison, let a, let b, let target):
            set(target, truth: ColumnKernels.compare(comparison, truths[a], truths[b]), error: errors[a] | errors[b])
        case .select(let test, let a, let b, let target):
            let truth = (truths[test] & truths[a]) | (~truths[test] & truths[b])
            set(target, truth: truth, error: ColumnKernels.selectError(truth: truths[test], error: errors[test], errors[a], errors[b]))
        }
    }

    /// Runs the step and says where to go on, if not at the next one.
    @inline(__always)
    func run(_ step: FlowStep) -> Int? {
        switch step {
        case .unlessFalse(let mask, let live, let target, let otherwise):
            lives[target] = lives[live] & (truths[mask] | errors[mask])
            return lives[target] == 0 ? otherwise : nil
        case .unlessTrue(let mask, let live, let target, let otherwise):
            lives[target] = lives[live] & ~truths[mask]
            return lives[target] == 0 ? otherwise : nil
        case .split(let mask, let live, let whenTrue, let whenFalse):
            lives[whenTrue] = lives[live] & truths[mask]
            lives[whenFalse] = lives[live] & ~truths[mask] & ~errors[mask]
            return nil
        }
    }
}
