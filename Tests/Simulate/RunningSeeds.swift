// Which seeds are under way, for the case that one of them ends the process: a precondition of the engine that fails is
// a finding, too, and must name its seed.
// Boundary file for raw pointers. Next: Simulate.swift.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

enum RunningSeeds {
    static let jobsMax = 64
    /// By job; 0: none.
    nonisolated(unsafe) private static let seeds = {
        let seeds = UnsafeMutablePointer<UInt64>.allocate(capacity: jobsMax)
        seeds.initialize(repeating: 0, count: jobsMax)
        return seeds
    }()
    /// What was done about a signal before.
    nonisolated(unsafe) private static let earlier = {
        let actions = UnsafeMutablePointer<sigaction>.allocate(capacity: jobsMax)
        actions.initialize(repeating: sigaction(), count: jobsMax)
        return actions
    }()

    static func note(_ seed: UInt64, job: Int) { seeds[job] = seed }

    /// Has the seeds written when the process is ended by its own fault.
    static func watch() {
        for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { RunningSeeds.tell($0) }
            sigaction(number, &action, earlier + Int(number))
        }
    }

    /// In a signal handler: nothing but writing. What was done before about the signal is done when it comes again,
    /// which is at once.
    private static func tell(_ number: Int32) {
        sigaction(number, earlier + Int(number), nil)
        write("taskd-simulate has crashed; seeds under way, each again with --crash-points 1 --seed S:")
        for job in 0..<jobsMax where seeds[job] != 0 { write(seeds[job]) }
        write("\n")
        if number == SIGABRT { raise(number) }
    }

    private static func write(_ text: StaticString) { _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount) }

    private static func write(_ number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { digits in
            var index = 24
            var rest = number
            repeat {
                index -= 1
                digits[index] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            index -= 1
            digits[index] = 0x20
            _ = Glibc.write(2, digits.baseAddress! + index, 24 - index)
        }
    }
}
