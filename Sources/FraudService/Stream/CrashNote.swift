import CLinux
import Glibc

/// What a process that dies while it processes records says last: which records these were, and how to get past them.
struct CrashNote {
    /// With the bytes 1 to 4 where partition, first offset, last offset and the offset after that belong.
    let template: String
    /// For records whose offsets are committed: `offsets skip` would replay them too.
    let replayTemplate: String

    init(_ cures: CureContext) {
        template =
            "tripline: this process died while it processed offsets \u{2} to \u{3} of partition \u{1}. If it dies there again, a record of these kills it: "
            + "run a version that survives it; or to pass the payments from the committed offset to the last of these (--dry-run lists them), stop every "
            + "instance of the group (a stopped one is a member until session.timeout.ms, 10 s, is over), run: tripline offsets skip --partition \u{1} "
            + "--to-offset \u{4}\(cures.options) ; then start them\n"
        replayTemplate =
            "tripline: this process died while it replayed offsets \u{2} to \u{3} of partition \u{1}, which were processed before. If it dies there again, "
            + "a record of these kills this version: run the one that processed them, or one that survives them\n"
    }

    /// From now on, for the life of the process; once.
    func install() { tripline_note_crashes(strdup(template), strdup(replayTemplate)) }

    /// The calling thread is to process records: its note is written even when its stack overflows, where there is memory for that.
    static func prepareThread() { _ = tripline_use_alternate_stack() }

    /// The calling thread begins to process these records, or to replay them.
    static func begin(_ partition: Int32, first: Int64, last: Int64, isReplay: Bool = false) { tripline_begin_work(partition, first, last, isReplay ? 1 : 0) }

    static func end() { tripline_end_work() }
}
