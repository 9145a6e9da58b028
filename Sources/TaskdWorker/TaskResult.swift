// The sender's side of a task: its state and its result.
// Next: ResultBackend.swift (where they are).

import Foundation
import TaskdClient

/// A task that was sent.
public struct TaskResult: Sendable {
    public let id: String
    let backend: ResultBackend?

    private struct State: Decodable { let status: TaskStatus }

    private struct Success<Value: Decodable>: Decodable { let result: Value }

    private struct Failure: Decodable {
        struct Exception: Decodable {
            let exc_type: String
            let exc_message: JSONValue
        }

        let result: Exception
    }

    /// The state now; `pending` as long as nothing is known.
    public var status: TaskStatus {
        get async throws {
            guard let backend else { throw TaskError.noBackend }
            guard let document = try await backend.redis.get(ResultBackend.key(id)) else { return .pending }
            return try JSONDecoder().decode(State.self, from: Data(document)).status
        }
    }

    /// Waits for the result.
    ///
    /// ```swift
    /// let sum = try await app.send("tasks.add", 2, 3).get(as: Int.self, timeout: .seconds(10))
    /// ```
    /// - Throws: `TaskError.failed` when the task failed, `.timeout` when there is no result in time.
    public func get<Value: Decodable & Sendable>(
        as type: Value.Type = Value.self, timeout: Duration = .seconds(60)
    ) async throws -> Value {
        let document = try await document(timeout)
        let decoder = JSONDecoder()
        let status = try decoder.decode(State.self, from: document).status
        if status == .success { return try decoder.decode(Success<Value>.self, from: document).result }
        let exception = try decoder.decode(Failure.self, from: document).result
        let message =
            switch exception.exc_message {
            case .array(let parts): parts.map { $0.string ?? "\($0)" }.joined(separator: ", ")
            case .string(let text): text
            default: ""
            }
        if status == .revoked { throw TaskError.revoked(message) }
        throw TaskError.failed(type: exception.exc_type, message: message)
    }

    /// Waits until the task has ended, whatever its result.
    public func wait(timeout: Duration = .seconds(60)) async throws -> TaskStatus {
        try JSONDecoder().decode(State.self, from: try await document(timeout)).status
    }

    /// Drops the stored result.
    public func forget() async throws {
        guard let backend else { throw TaskError.noBackend }
        try await backend.redis.delete(ResultBackend.key(id))
    }

    /// The final document. Subscribes before it looks, so that no result slips through in between.
    private func document(_ timeout: Duration) async throws -> Data {
        guard let backend else { throw TaskError.noBackend }
        let key = ResultBackend.key(id)
        if let document = try await Self.final(backend.redis.get(key)) { return document }
        let messages = try await backend.redis.subscribe(key)
        defer { messages.cancel() }
        if let document = try await Self.final(backend.redis.get(key)) { return document }
        return try await withThrowingTaskGroup(of: Data.self) { group in
            group.addTask {
                for try await message in messages {
                    if let document = try Self.final(message.payload) { return document }
                }
                throw TaskError.timeout
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw TaskError.timeout
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw TaskError.timeout }
            return first
        }
    }

    private static func final(_ document: [UInt8]?) throws -> Data? {
        guard let document else { return nil }
        let data = Data(document)
        return try JSONDecoder().decode(State.self, from: data).status.isFinal ? data : nil
    }
}
