// Messages of pub/sub as an asynchronous sequence.
// Next: RedisClient.swift.

import NIOConcurrencyHelpers
import NIOCore

/// One message of pub/sub.
public struct RedisMessage: Equatable, Sendable {
    public let channel: [UInt8]
    public let payload: [UInt8]

    public var channelName: String { String(decoding: channel, as: UTF8.self) }

    public var text: String { String(decoding: payload, as: UTF8.self) }
}

/// A channel's name or a pattern.
enum SubscriptionKey: Hashable, Sendable {
    case channel([UInt8])
    case pattern([UInt8])

    var name: [UInt8] {
        switch self {
        case .channel(let name), .pattern(let name): name
        }
    }

    var subscribeCommand: RedisArgument {
        switch self {
        case .channel: "SUBSCRIBE"
        case .pattern: "PSUBSCRIBE"
        }
    }

    var unsubscribeCommand: RedisArgument {
        switch self {
        case .channel: "UNSUBSCRIBE"
        case .pattern: "PUNSUBSCRIBE"
        }
    }
}

/// Messages between the event loop and the task that iterates.
final class SubscriptionBuffer: Sendable {
    private struct State {
        var items = CircularBuffer<RedisMessage>()
        var waiter: CheckedContinuation<RedisMessage?, any Error>?
        var end: Result<Void, RedisError>?
    }

    private let state = NIOLockedValueBox(State())
    private let messagesMax: Int

    init(messagesMax: Int) { self.messagesMax = messagesMax }

    func push(_ message: RedisMessage) {
        let (waiter, overflows) = state.withLockedValue {
            state -> (CheckedContinuation<RedisMessage?, any Error>?, Bool) in
            guard state.end == nil else { return (nil, false) }
            if let waiter = state.waiter {
                state.waiter = nil
                return (waiter, false)
            }
            state.items.append(message)
            return (nil, state.items.count > messagesMax)
        }
        waiter?.resume(returning: message)
        if overflows { finish(.failure(.subscriptionOverflow)) }
    }

    /// Nothing more will come; the first end counts.
    func finish(_ end: Result<Void, RedisError>) {
        let waiter = state.withLockedValue { state -> CheckedContinuation<RedisMessage?, any Error>? in
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

    func next() async throws -> RedisMessage? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLockedValue { state -> Result<RedisMessage?, any Error>? in
                    if let item = state.items.popFirst() { return .success(item) }
                    if let end = state.end { return end.map { nil }.mapError { $0 as any Error } }
                    if Task.isCancelled { return .success(nil) }
                    precondition(state.waiter == nil, "two tasks iterate the same subscription")
                    state.waiter = continuation
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            finish(.success(()))
        }
    }
}

/// Messages of the channels that were subscribed to. Iterate once.
///
/// Ends with `cancel()`, with the iterator, or with the connection (then it throws).
public struct RedisSubscription: AsyncSequence, Sendable {
    public typealias Element = RedisMessage

    let keys: [SubscriptionKey]
    let buffer: SubscriptionBuffer
    let client: RedisClient

    /// Unsubscribes; the loop that iterates ends.
    public func cancel() {
        buffer.finish(.success(()))
        client.abandon(self)
    }

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// Unsubscribes when it goes away.
    public final class Iterator: AsyncIteratorProtocol {
        private let subscription: RedisSubscription

        init(_ subscription: RedisSubscription) { self.subscription = subscription }

        deinit { subscription.cancel() }

        public func next() async throws -> RedisMessage? { try await subscription.buffer.next() }
    }
}
