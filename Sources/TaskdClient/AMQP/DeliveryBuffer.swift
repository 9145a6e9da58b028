// Deliveries between the connection's event loop, which puts them in, and the task that iterates.
// The only state of the AMQP client that two threads touch; guarded by its lock.
// Next: AMQPDeliveries.swift.

import NIOConcurrencyHelpers
import NIOCore

/// A queue with one waiting reader.
final class DeliveryBuffer: Sendable {
    private struct State {
        var items = CircularBuffer<AMQPDelivery>()
        var waiter: CheckedContinuation<AMQPDelivery?, any Error>?
        var end: Result<Void, AMQPClientError>?
        /// Taken and not yet reported to the event loop.
        var unreported = 0
    }

    private let state = NIOLockedValueBox(State())
    /// Reports every so many taken items, so that not each costs a hop to the event loop.
    private static let reportEvery = 64
    private let taken: @Sendable (Int) -> Void

    /// - Parameter taken: called with a number of deliveries that have left the buffer.
    init(taken: @escaping @Sendable (Int) -> Void) { self.taken = taken }

    /// Event loop only. Returns false when nobody will take it any more.
    func push(_ delivery: AMQPDelivery) -> Bool {
        let (accepted, waiter) = state.withLockedValue {
            state -> (Bool, CheckedContinuation<AMQPDelivery?, any Error>?) in
            guard state.end == nil else { return (false, nil) }
            guard let waiter = state.waiter else {
                state.items.append(delivery)
                return (true, nil)
            }
            state.waiter = nil
            return (true, waiter)
        }
        if let waiter {
            waiter.resume(returning: delivery)
            taken(1)
        }
        return accepted
    }

    /// Nothing more will come; what is buffered is still handed out. The first end counts.
    func finish(_ end: Result<Void, AMQPClientError>) {
        let waiter = state.withLockedValue { state -> CheckedContinuation<AMQPDelivery?, any Error>? in
            guard state.end == nil else { return nil }
            state.end = end
            defer { state.waiter = nil }
            return state.waiter
        }
        switch end {
        case .success: waiter?.resume(returning: nil)
        case .failure(let error): waiter?.resume(throwing: error)
        }
    }

    /// Ends it and returns what nobody has taken.
    func drain() -> [AMQPDelivery] {
        finish(.success(()))
        let (items, unreported) = state.withLockedValue { state -> ([AMQPDelivery], Int) in
            defer {
                state.items.removeAll()
                state.unreported = 0
            }
            return (Array(state.items), state.unreported)
        }
        if items.count + unreported > 0 { taken(items.count + unreported) }
        return items
    }

    /// The next delivery; nil at the end or when the task is cancelled.
    func next() async throws -> AMQPDelivery? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Step {
                    case item(AMQPDelivery, report: Int)
                    case end(Result<Void, AMQPClientError>)
                    case wait
                }
                let step = state.withLockedValue { state -> Step in
                    if let item = state.items.popFirst() {
                        state.unreported += 1
                        guard state.unreported >= Self.reportEvery || state.items.isEmpty else {
                            return .item(item, report: 0)
                        }
                        defer { state.unreported = 0 }
                        return .item(item, report: state.unreported)
                    }
                    if let end = state.end { return .end(end) }
                    if Task.isCancelled { return .end(.success(())) }
                    precondition(state.waiter == nil, "two tasks iterate the same deliveries")
                    state.waiter = continuation
                    return .wait
                }
                switch step {
                case .item(let item, let report):
                    if report > 0 { taken(report) }
                    continuation.resume(returning: item)
                case .end(.success): continuation.resume(returning: nil)
                case .end(.failure(let error)): continuation.resume(throwing: error)
                case .wait: break
                }
            }
        } onCancel: {
            finish(.success(()))
        }
    }
}
