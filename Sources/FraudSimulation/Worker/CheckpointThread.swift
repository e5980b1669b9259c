import FraudEngine

/// A process's thread that reads and writes checkpoints, one after the other.
final class CheckpointThread {
    private enum Job {
        case write(PartitionSnapshot, CheckpointHeader)
        case load(Int32, claim: UInt64, CommittedPosition)
    }

    private let world: World
    private unowned let process: WorkerProcess
    private var jobs: [Job] = []
    private var isBusy = false

    init(_ world: World, _ process: WorkerProcess) {
        self.world = world
        self.process = process
    }

    func write(_ snapshot: PartitionSnapshot, _ header: CheckpointHeader) {
        world.checks.snapshot(header)
        jobs.append(.write(snapshot, header))
        go()
    }

    func load(_ partition: Int32, _ claim: UInt64, _ committed: CommittedPosition) {
        jobs.append(.load(partition, claim: claim, committed))
        go()
    }

    private func go() {
        guard !isBusy, !jobs.isEmpty else { return }
        isBusy = true
        let job = jobs.removeFirst()
        world.time.after(world.checkpoints.delay()) { [weak self, process] in
            process.deliver {
                guard let self else { return }
                self.perform(job)
                self.isBusy = false
                self.go()
            }
        }
    }

    private func perform(_ job: Job) {
        switch job {
        case .write(let snapshot, let header):
            let isWritten = world.checkpoints.write(snapshot, header)
            process.inbox.append(.checkpointed(partition: header.partition, epoch: header.epoch, header.kept, succeeded: isWritten))
        case .load(let partition, let claim, let committed):
            // What cannot be read at present comes again behind the other jobs.
            guard let result = world.checkpoints.load(partition, committed, process.settings) else {
                world.count(.checkpointPostponed)
                world.time.after(.milliseconds(200)) { [weak self, process] in
                    process.deliver {
                        self?.jobs.append(job)
                        self?.go()
                    }
                }
                return
            }
            process.inbox.append(.loaded(partition: partition, claim: claim, result))
        }
    }
}
