// How many daemons with their clients run at once. Swift Testing would start all tests together; on two cores
// that many Python processes only make each other late.

import Foundation

actor Slots {
    /// Most scenarios wait more than they compute, so a few more than there are cores.
    static let shared = Slots(
        count: ProcessInfo.processInfo.environment["TEST_SLOTS"].flatMap(Int.init)
            ?? max(3, ProcessInfo.processInfo.activeProcessorCount * 3 / 2))

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(count: Int) { free = count }

    nonisolated func run<R>(_ body: () async throws -> R) async rethrows -> R {
        await acquire()
        do {
            let result = try await body()
            await release()
            return result
        } catch {
            await release()
            throw error
        }
    }

    private func acquire() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func release() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
