// How many tasks run at once, and how many may be fetched ahead.
// Next: TaskRun.swift.

import NIOConcurrencyHelpers
import NIOCore
import TaskdClient

/// A counting semaphore in the order of arrival, which can be closed.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var isClosed = false
        var waiters = CircularBuffer<CheckedContinuation<Bool, Never>>()
    }

    private let state: NIOLockedValueBox<State>

    init(_ count: Int) {
        precondition(count > 0, "a worker needs a slot")
        state = NIOLockedValueBox(State(free: count))
    }

    /// Waits for a slot; false when none is given out any more.
    func acquire() async -> Bool {
        await withCheckedContinuation { continuation in
            let answer = state.withLockedValue { state -> Bool? in
                if state.isClosed { return false }
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    func release() {
        let next = state.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
            if let next = state.waiters.popFirst() { return next }
            state.free += 1
            return nil
        }
        next?.resume(returning: true)
    }

    /// Gives out no more slots; all who wait are told.
    func refuse() {
        let waiters = state.withLockedValue { state -> CircularBuffer<CheckedContinuation<Bool, Never>> in
            state.isClosed = true
            defer { state.waiters.removeAll() }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: false) }
    }
}

/// The channel's prefetch count. Tasks with a time to wait for do not count: each raises the limit by one
/// while it waits, or a handful of them would keep everything else from coming.
actor Prefetch {
    private let channel: AMQPChannel
    private let base: Int
    private var waiting = 0

    init(_ channel: AMQPChannel, base: Int) {
        self.channel = channel
        self.base = base
    }

    func start() async throws { try await apply() }

    func raise() async throws {
        waiting += 1
        try await apply()
    }

    func lower() async throws {
        waiting -= 1
        try await apply()
    }

    private func apply() async throws {
        // Above 65,535 the protocol has no number: then no limit holds.
        let count = base + waiting
        try await channel.qos(prefetchCount: count > Int(UInt16.max) ? 0 : UInt16(count), isGlobal: true)
    }
}
