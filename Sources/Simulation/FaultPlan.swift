// When a simulated disk does what: by the number of its changes (creates, writes, syncs, cuts, removes),
// counted from 1. So "crash at every write" is a loop over numbers.

/// One planned fault.
public enum DiskFault: Equatable, Sendable {
    /// Power is cut during this change; nothing works until `SimulatedDisk.crash()`.
    case crash
    /// This change fails; later ones may work again.
    case fail(reason: String)
    /// There is no room: what needs some fails, removing and cutting go well.
    case noSpace
}

/// Faults by number of change.
public struct FaultPlan: Sendable {
    private var faults: [Int: DiskFault] = [:]
    private var shortages: [Range<Int>] = []

    public init() {}

    /// Power is cut at change number `change`.
    public static func crash(at change: Int) -> FaultPlan {
        var plan = FaultPlan()
        plan.faults[change] = .crash
        return plan
    }

    /// Change number `change` fails.
    public static func fail(at change: Int, reason: String) -> FaultPlan {
        var plan = FaultPlan()
        plan.faults[change] = .fail(reason: reason)
        return plan
    }

    /// There is no room during these changes. Who tries again counts on, so the shortage ends.
    public static func noSpace(during changes: Range<Int>) -> FaultPlan {
        var plan = FaultPlan()
        plan.shortages = [changes]
        return plan
    }

    func fault(at change: Int) -> DiskFault? {
        faults[change] ?? (shortages.contains { $0.contains(change) } ? .noSpace : nil)
    }
}
